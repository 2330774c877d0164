#!/usr/bin/python

# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: lxd_image_prune
short_description: Remove images of an LXD or Incus server by a policy
description:
  - Removes the images that all of the given conditions are true for, except the newest of each group.
  - An image that is protected, that an instance or a snapshot was made from, or that has an alias is never removed unless the option for that says so.
  - Check mode is the dry run. It tells what would be removed, and of what stays, why.
version_added: 1.0.0
author:
  - community.lxd contributors (@ansible-collections)
extends_documentation_fragment:
  - community.lxd._connection
  - community.lxd._selectors
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
  keep:
    description:
      - How many of the newest images of each group stay. The newest came into the store last.
      - They are counted among all images of the group, not only among those that are old, expired or unused enough to go.
    type: int
  group_by:
    description:
      - Names of properties. Images with the same values of all of them are a group. Without it, all selected images are one group.
    type: list
    elements: str
  all_projects:
    description:
      - Prune all projects that have images of their own, each by itself, instead of only O(project).
    type: bool
    default: false
notes:
  - Where it can't be known which image an instance uses, as its cluster member is down, no image is taken for unused. All stay, with V(unknown_use)
    among their C(reasons), unless O(include_used=true).
  - At least one condition or O(keep) must be given.
seealso:
  - module: community.lxd.lxd_image_info
  - module: community.lxd.lxd_image
"""

EXAMPLES = r"""
---
- name: Keep the three newest builds of each release, and of the others remove those that are older than 30 days
  community.lxd.lxd_image_prune:
    properties:
      pipeline: golden
    keep: 3
    group_by:
      - os
      - release
    older_than: 30d
  register: pruned

- name: Remove what has expired, also if it has an alias
  community.lxd.lxd_image_prune:
    expired: true
    include_aliased: true

- name: See what nobody needs
  community.lxd.lxd_image_prune:
    unused: true
    unaliased: true
  check_mode: true
  register: preview
"""

RETURN = r"""
removed:
  description: The images that were removed, sorted by fingerprint.
  returned: success
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
  description: >-
    The images that were selected but stay, sorted by fingerprint. C(reasons) are words: V(newest), V(protected), V(used), V(unknown_use),
    V(aliased), V(inactive). C(reason) is the first of them as a sentence.
  returned: success
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
  description: The sizes of the removed images in bytes.
  returned: success
  type: int
  sample: 1031344
actions:
  description: What was done. V(delete) for each image.
  returned: success
  type: list
  elements: str
  sample: [delete, delete]
diff:
  description: The removed images with their aliases, before.
  returned: success
  type: dict
  sample:
    before:
      default/b8bec30e39b31a894e729ab957e9434eb3940c107a60dcbad31f56821b3b0f88: []
    after: {}
failure:
  description: What is known about a failure, such as the server's own words, its status and the request.
  returned: failure
  type: dict
  sample:
    status: 404
    error: Image not found
    request: GET /1.0/images/4ea095ceffc0
"""

from ansible_collections.community.lxd.plugins.module_utils._image.options_retention import prune_policy
from ansible_collections.community.lxd.plugins.module_utils._image.reconcile_prune import reconcile_prune
from ansible_collections.community.lxd.plugins.module_utils._module import run_module
from ansible_collections.community.lxd.plugins.module_utils._run import Module
from ansible_collections.community.lxd.plugins.module_utils._specs import GUARD_SPEC, SELECTOR_SPEC

MODULE = Module(
    spec={
        **SELECTOR_SPEC,
        **GUARD_SPEC,
        "keep": {"type": "int"},
        "group_by": {"type": "list", "elements": "str"},
        "all_projects": {"type": "bool", "default": False},
    },
    constraints={"required_by": {"group_by": "keep"}},
    parse=prune_policy,
    run=reconcile_prune,
    unseen=lambda policy: {"removed": [], "kept": [], "reclaimed": 0},
)


def main() -> None:
    run_module(MODULE)


if __name__ == "__main__":
    main()
