#!/usr/bin/python

# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: lxd_image_store
short_description: Manage all images of an LXD or Incus server in one task
description:
  - Brings a list of images to their desired state, each as M(community.lxd.lxd_image) would, and can remove what is not listed.
  - The store is listed once. Only images that need a change cause further requests, side by side. Hundreds of images are checked in one fast task.
  - If an image fails, the others are still done, and the task fails in the end and tells which one.
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
      - The images. Each entry takes the options of M(community.lxd.lxd_image).
      - Two entries can't have the same alias, mean the same image, or remove what the other wants to be there.
    type: list
    elements: dict
    required: true
  purge:
    description:
      - Whether images that are not listed are removed.
      - Images that are protected, used or have an alias stay, unless the option for that says otherwise. To describe a whole store,
        also set O(include_aliased=true).
      - If an entry fails, nothing is purged.
    type: bool
    default: false
  concurrency:
    description:
      - How many images are worked on at the same time.
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

- name: Describe the whole store, so that nothing else is in it but what is used or protected
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
    - For each entry, in order, what M(community.lxd.lxd_image) returns for it, with C(name) and C(failed). A failed entry has C(msg) and C(failure).
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
  description: The images that were selected but stay, each with its C(reason), sorted by fingerprint.
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
reclaimed:
  description: The sizes of the removed images in bytes.
  returned: always
  type: int
  sample: 1031344
actions:
  description: What was done for all entries, in order, then V(delete) for each purged image.
  returned: always
  type: list
  elements: str
  sample: [import, alias_create, delete]
diff:
  description: What changes, by the names of the entries and the fingerprints of the purged images, before and after.
  returned: always
  type: dict
  sample:
    before:
      golden/debian-12: {}
    after:
      golden/debian-12:
        fingerprint: "b8bec30e39b31a894e729ab957e9434eb3940c107a60dcbad31f56821b3b0f88"
failure:
  description: What is known about a failure that concerns all images, such as a server that can't be reached.
  returned: failure
  type: dict
  sample:
    request: GET /1.0/images
"""

from ansible_collections.community.lxd.plugins.module_utils._image.options_retention import desired_store
from ansible_collections.community.lxd.plugins.module_utils._image.reconcile_store import reconcile_store, unseen_store
from ansible_collections.community.lxd.plugins.module_utils._module import run_module
from ansible_collections.community.lxd.plugins.module_utils._run import Module
from ansible_collections.community.lxd.plugins.module_utils._specs import GUARD_SPEC, IMAGE_CONSTRAINTS, IMAGE_SPEC

MODULE = Module(
    spec={
        "images": {"type": "list", "elements": "dict", "required": True, "options": IMAGE_SPEC, **IMAGE_CONSTRAINTS},
        "purge": {"type": "bool", "default": False},
        **GUARD_SPEC,
        "concurrency": {"type": "int", "default": 4},
    },
    parse=desired_store,
    run=reconcile_store,
    unseen=unseen_store,
)


def main() -> None:
    run_module(MODULE)


if __name__ == "__main__":
    main()
