#!/usr/bin/python

# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: lxd_image_store
short_description: Manage all images of an LXD or Incus server in one task
description:
  - Brings a list of images to their desired state, each image in the same way as M(community.lxd.lxd_image).
    The module can also remove images that are not listed.
  - The module lists the store once. Only images that need a change cause further requests, which run in parallel.
    One fast task can check hundreds of images.
  - If the store has more than four times as many images as O(images) has entries, the module reads only the images that
    the entries name. With O(purge=true), it always lists the store.
  - If an image fails, the other images are still processed. The task fails at the end, and the message names the image
    that failed.
version_added: 1.0.0
author:
  - community.lxd contributors (@ansible-collections)
extends_documentation_fragment:
  - community.lxd._connection
  - community.lxd._image.entries
  - community.lxd._selectors.guards
  - community.lxd._attributes
  - community.lxd._attributes.actiongroup_lxd
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  images:
    description:
      - List of the images to manage. Each entry takes the options of M(community.lxd.lxd_image).
      - Two entries must not have the same alias or identify the same image. An entry must not remove an image that
        another entry requires.
    type: list
    elements: dict
    required: true
  purge:
    description:
      - Whether to remove images that are not listed.
      - Images that are protected, that are used or that have an alias are kept, unless the option for this case allows
        their removal. To describe a whole store, also set O(include_aliased=true).
      - An image whose use is unknown is kept, with V(unknown_use) among its C(reasons) in RV(kept). This is so if a
        cluster member is down, or if this client may not see all instances that can use the image.
      - If an entry fails, nothing is purged.
    type: bool
    default: false
  concurrency:
    description:
      - Number of images to process at the same time.
    type: int
    default: 4
seealso:
  - module: community.lxd.lxd_image
  - module: community.lxd.lxd_image_prune
"""

EXAMPLES = r"""
---
- name: Describe the images of a server
  community.lxd.lxd_image_store:
    images:
      - name: ubuntu/24.04
        source:
          remote: images
          alias: ubuntu/24.04
        auto_update: true
      - name: golden/debian-12
        source:
          type: file
          path: /srv/images/debian-12.tar.gz
        properties:
          os: debian
      - name: golden/old
        state: absent

- name: Describe the whole store, so that it contains no other images except used or protected ones
  community.lxd.lxd_image_store:
    images: "{{ images }}"
    purge: true
    include_aliased: true
    concurrency: 8
  register: store
"""

RETURN = r"""
results:
  description:
    - The results of all entries, in order. Each result has what M(community.lxd.lxd_image) returns for the entry, and
      also C(name) and C(failed). The result of a failed entry has C(msg) and C(failure).
  returned: always
  type: list
  elements: dict
  sample:
    - name: golden/debian-12
      failed: false
      changed: true
      actions: [import, alias_create]
      fingerprint: "b8bec30e39b31a894e729ab957e9434eb3940c107a60dcbad31f56821b3b0f88"
removed:
  description: The images that were removed, sorted by fingerprint.
  returned: always
  type: list
  elements: dict
  sample:
    - project: default
      fingerprint: "b8bec30e39b31a894e729ab957e9434eb3940c107a60dcbad31f56821b3b0f88"
      aliases: []
      properties:
        os: debian
      size: 1031344
      uploaded_at: "2026-11-21T02:27:18.98996808Z"
kept:
  description:
    - The images that are not listed but are kept, sorted by fingerprint. It is empty without O(purge=true).
    - C(reasons) is a list of words. The possible words are V(protected), V(used), V(unknown_use), V(aliased),
      V(inactive).
    - C(reason) says the first of these reasons in words, such as C(alias golden/production).
  returned: always
  type: list
  elements: dict
  sample:
    - project: default
      fingerprint: "b8bec30e39b31a894e729ab957e9434eb3940c107a60dcbad31f56821b3b0f88"
      aliases: []
      properties:
        os: debian
      size: 1031344
      uploaded_at: "2026-11-21T02:27:18.98996808Z"
      reason: protected
      reasons: [protected]
reclaimed:
  description: The total size of the removed images in bytes.
  returned: always
  type: int
  sample: 1031344
actions:
  description: The actions that were done for all entries, in order, then one V(delete) for each purged image.
  returned: always
  type: list
  elements: str
  sample: [import, alias_create, delete]
diff:
  description:
    - The changes before and after the task, by the names of the entries and the fingerprints of the purged images.
  returned: always
  type: dict
  sample:
    before:
      golden/debian-12: {}
    after:
      golden/debian-12:
        fingerprint: "b8bec30e39b31a894e729ab957e9434eb3940c107a60dcbad31f56821b3b0f88"
failure:
  description:
    - Known details of a failure that concerns all images, such as a server that cannot be reached.
  returned: failure
  type: dict
  sample:
    request: GET /1.0/images
"""

from ansible_collections.community.lxd.plugins.module_utils._argument_specs import (
    GUARD_SPEC,
    IMAGE_CONSTRAINTS,
    IMAGE_SPEC,
)
from ansible_collections.community.lxd.plugins.module_utils._image.options_prune import desired_store
from ansible_collections.community.lxd.plugins.module_utils._image.tasks.store import run_store, unseen_store
from ansible_collections.community.lxd.plugins.module_utils._module import run_module
from ansible_collections.community.lxd.plugins.module_utils._run import Module

MODULE = Module(
    spec={
        "images": {"type": "list", "elements": "dict", "required": True, "options": IMAGE_SPEC, **IMAGE_CONSTRAINTS},
        "purge": {"type": "bool", "default": False},
        **GUARD_SPEC,
        "concurrency": {"type": "int", "default": 4},
    },
    parse=desired_store,
    run=run_store,
    unseen=unseen_store,
)


def main() -> None:
    run_module(MODULE)


if __name__ == "__main__":
    main()
