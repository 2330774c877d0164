#!/usr/bin/python

# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: lxd_image_export
short_description: Export an image of an LXD or Incus server to files
description:
  - Provides an image in files on the managed node, such as for a backup. One file for a unified image, two for a split one.
  - Content decides. If the files are there already and have the content of the image, nothing is downloaded.
  - The image is downloaded to temporary files, verified against its fingerprint, and only then takes the place of what was there before.
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
      - What a new file in a directory will be called can't be known before it is downloaded, so RV(path) is V(null) then.
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  name:
    description:
      - Alias of the image.
    type: str
    aliases: [alias]
  fingerprint:
    description:
      - Fingerprint of the image, or how it begins. 12 to 64 lower-case hex digits.
    type: str
  dest:
    description:
      - Where to, on the managed node. An existing directory or a file in one.
      - In a directory, a unified image is called by its fingerprint, a split one by its fingerprint with C(meta-) before it and without.
        The ending tells what kind of file it is. What the server calls the file is never used.
      - With a file as O(dest), the root file system of a split image gets its name with C(.root) behind it.
    type: path
    required: true
  secret:
    description:
      - A secret for the one private image of O(fingerprint), for a client that the server does not trust. Needs the full O(fingerprint).
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

- name: Export to a file of that name
  community.lxd.lxd_image_export:
    fingerprint: "{{ backup.fingerprint }}"
    dest: /srv/backup/golden.tar.gz
"""

RETURN = r"""
path:
  description: The file of a unified image, or the metadata of a split one. In check mode V(null) if O(dest) is a directory and the file is not there yet.
  returned: success
  type: str
  sample: /srv/backup/images/b8bec30e39b31a894e729ab957e9434eb3940c107a60dcbad31f56821b3b0f88.tar.gz
rootfs_path:
  description: The root file system of a split image, null for a unified one.
  returned: success
  type: str
fingerprint:
  description: The full fingerprint of the image.
  returned: success
  type: str
  sample: "b8bec30e39b31a894e729ab957e9434eb3940c107a60dcbad31f56821b3b0f88"
size:
  description: The size of the files in bytes, null in check mode if they are not there yet.
  returned: success
  type: int
  sample: 1031344
reason:
  description: Why the image was downloaded, null if it was not.
  returned: success
  type: str
  sample: the image is not there
diff:
  description: The content at O(dest) before and after.
  returned: success
  type: dict
  sample:
    before: {}
    after:
      fingerprint: "b8bec30e39b31a894e729ab957e9434eb3940c107a60dcbad31f56821b3b0f88"
failure:
  description: What is known about a failure, such as the server's own words, its status and the request.
  returned: failure
  type: dict
  sample:
    status: 404
    error: Image not found
    request: GET /1.0/images/4ea095ceffc0
"""

from ansible_collections.community.lxd.plugins.module_utils._image.options import desired_export
from ansible_collections.community.lxd.plugins.module_utils._image.reconcile_export import reconcile_export
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
    run=reconcile_export,
    unseen=lambda desired: {"fingerprint": None, "path": None, "rootfs_path": None, "size": None, "reason": None},
)


def main() -> None:
    run_module(MODULE)


if __name__ == "__main__":
    main()
