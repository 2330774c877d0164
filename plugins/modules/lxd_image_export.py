#!/usr/bin/python

# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: lxd_image_export
short_description: Export an image of an LXD or Incus server to files
description:
  - Exports an image to files on the managed node, for example as a backup. A unified image is exported to one file, a
    split image to two files.
  - The module compares the content. If the files already exist and have the content of the image, nothing is
    downloaded.
  - The image is downloaded to temporary files and verified against its fingerprint. The temporary files replace the
    existing files only after this check.
version_added: 1.0.0
author:
  - community.lxd contributors (@ansible-collections)
extends_documentation_fragment:
  - ansible.builtin.files
  - community.lxd._connection
  - community.lxd._attributes
  - community.lxd._attributes.actiongroup_lxd
attributes:
  check_mode:
    support: full
    details:
      - What a new file in a directory will be called can't be known before it is downloaded, so RV(path) is V(null)
        then.
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  name:
    description:
      - Alias of the image to export.
      - Exactly one of O(name) and O(fingerprint) is required. They are mutually exclusive.
    type: str
    aliases: [alias]
  fingerprint:
    description:
      - Fingerprint of the image to export. A prefix of the fingerprint is also accepted. The value must have 12 to 64
        lower-case hex digits.
      - Exactly one of O(name) and O(fingerprint) is required. They are mutually exclusive.
    type: str
  dest:
    description:
      - Destination on the managed node. This is an existing directory, or a file name in an existing directory.
      - In a directory, the file of a unified image is named by the fingerprint. For a split image, the root file system
        is named by the fingerprint, and the metadata by the fingerprint with the prefix C(meta-).
        The file name extension shows the kind of file. The file name that the server sends is never used.
      - If O(dest) is a file name, the root file system of a split image gets this file name with C(.root) appended.
    type: path
    required: true
  secret:
    description:
      - Secret that gives access to one private image, the image with O(fingerprint). It is for a client that the server
        does not trust.
      - Requires O(fingerprint), with all of its 64 hex digits.
    type: str
seealso:
  - module: community.lxd.lxd_image
  - module: community.lxd.lxd_image_secret
"""

EXAMPLES = r"""
---
- name: Back up an image
  community.lxd.lxd_image_export:
    name: golden/debian-12
    dest: /srv/backup/images/
    mode: "0640"
  register: backup

- name: Import the backup on another server
  community.lxd.lxd_image:
    url: https://other.example.com:8443
    name: golden/debian-12
    source:
      type: file
      path: "{{ backup.path }}"
      rootfs_path: "{{ backup.rootfs_path or omit }}"

- name: Export to a file with this name
  community.lxd.lxd_image_export:
    fingerprint: "{{ backup.fingerprint }}"
    dest: /srv/backup/golden.tar.gz
"""

RETURN = r"""
path:
  description:
    - The path of the file of a unified image, or of the metadata file of a split image.
    - In check mode, it is V(null) if O(dest) is a directory and the file does not exist yet.
  returned: success
  type: str
  sample: /srv/backup/images/b8bec30e39b31a894e729ab957e9434eb3940c107a60dcbad31f56821b3b0f88.tar.gz
rootfs_path:
  description: The path of the root file system of a split image. It is null for a unified image.
  returned: success
  type: str
fingerprint:
  description: The full fingerprint of the image.
  returned: success
  type: str
  sample: "b8bec30e39b31a894e729ab957e9434eb3940c107a60dcbad31f56821b3b0f88"
size:
  description: The size of the files in bytes. In check mode, it is null if the files do not exist yet.
  returned: success
  type: int
  sample: 1031344
reason:
  description: The reason why the image was downloaded. It is null if the image was not downloaded.
  returned: success
  type: str
  sample: the image is not there
diff:
  description: The content at O(dest) before and after the task.
  returned: success
  type: dict
  sample:
    before: {}
    after:
      fingerprint: "b8bec30e39b31a894e729ab957e9434eb3940c107a60dcbad31f56821b3b0f88"
actions:
  description: V(trust_add), if the client certificate was enrolled, see O(trust_token) and O(trust_password).
  returned: if the client certificate was enrolled
  type: list
  elements: str
  sample: [trust_add]
failure:
  description: Known details of a failure, such as the error message of the server, the status and the request.
  returned: failure
  type: dict
  sample:
    status: 404
    error: Image not found
    request: GET /1.0/images/4ea095ceffc0
"""

from ansible_collections.community.lxd.plugins.module_utils._image.options import desired_export
from ansible_collections.community.lxd.plugins.module_utils._image.tasks.export import run_export
from ansible_collections.community.lxd.plugins.module_utils._module import run_module
from ansible_collections.community.lxd.plugins.module_utils._run import Module

MODULE = Module(
    spec={
        "name": {"type": "str", "aliases": ["alias"]},
        "fingerprint": {"type": "str"},
        "dest": {"type": "path", "required": True},
        "secret": {"type": "str", "no_log": True},
    },
    constraints={"required_one_of": [("name", "fingerprint")], "mutually_exclusive": [("name", "fingerprint")]},
    file_attributes=True,
    parse=desired_export,
    run=run_export,
    unseen=lambda desired: {"fingerprint": None, "path": None, "rootfs_path": None, "size": None, "reason": None},
)


def main() -> None:
    run_module(MODULE)


if __name__ == "__main__":
    main()
