#!/usr/bin/python

# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: lxd_image_prune
short_description: Remove images of an LXD or Incus server by a policy
description:
  - Removes the images that meet all of the given conditions, except the newest images of each group.
  - An image is never removed if it is protected, if an instance or a snapshot was created from it, or if it has an
    alias, unless the option for this case allows it.
  - Use check mode as a dry run. It returns the images that would be removed, and the images that would be kept with the
    reasons for this.
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
      - Number of most recently uploaded images to keep in each group.
      - All images of the group are counted, not only the images that are old, expired or unused enough to be removed.
    type: int
  group_by:
    description:
      - Names of the properties that define the groups. Images with the same values of all these properties are one
        group.
      - If not given, all selected images are one group.
      - Requires O(keep).
    type: list
    elements: str
  all_projects:
    description:
      - Prune all projects that have images of their own, each project separately, instead of only O(project).
      - A client that is not an administrator prunes only the projects that it may see.
    type: bool
    default: false
  concurrency:
    description:
      - Number of images to remove at the same time.
    type: int
    default: 4
    version_added: 2.0.0
notes:
  - The use of images is unknown if the cluster member of an instance is down, or if there may be instances that this
    client may not see. Then every selected image without a known user is kept, with V(unknown_use) among its
    C(reasons). With O(include_used=true), it is kept for this reason only if O(unused=true) is given.
  - A client that is restricted to projects may not see all instances that can use the images of the project V(default),
    so it removes none of them without O(include_used=true). A fine-grained identity of LXD needs the entitlement
    C(can_view_instances) on the project.
  - At least one condition or O(keep) is required.
  - With O(include_used=false), a used image is never removed. So O(unused=true) then changes only which images
    RV(kept) lists, and O(unused=false) removes nothing.
seealso:
  - module: community.lxd.lxd_image_info
  - module: community.lxd.lxd_image
"""

EXAMPLES = r"""
---
- name: Keep the three newest builds of each release, and remove other builds that are older than 30 days
  community.lxd.lxd_image_prune:
    properties:
      pipeline: golden
    keep: 3
    group_by:
      - os
      - release
    older_than: 30d
  register: pruned

- name: Remove images that have expired, even if they have an alias
  community.lxd.lxd_image_prune:
    expired: true
    include_aliased: true

- name: See which images are unused and have no alias
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
  description:
    - The images that were selected but are kept, sorted by fingerprint.
    - C(reasons) is a list of words.
    - V(newest), the image is one of the newest of its group, see O(keep).
    - V(protected), it is marked, see O(community.lxd.lxd_image#module:protected).
    - V(used), an instance or a snapshot was made from it. V(unknown_use), this could not be read.
    - V(aliased), it has an alias. V(inactive), it is inactive, see
      O(community.lxd.lxd_image#module:state).
    - C(reason) says the first of these reasons in words, such as C(alias golden/production).
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
  description: The total size of the removed images in bytes.
  returned: success
  type: int
  sample: 1031344
actions:
  description: The actions that were done. There is one V(delete) for each removed image.
  returned: success
  type: list
  elements: str
  sample: [delete, delete]
diff:
  description: The removed images with their aliases, as they were before the task.
  returned: success
  type: dict
  sample:
    before:
      default/b8bec30e39b31a894e729ab957e9434eb3940c107a60dcbad31f56821b3b0f88: []
    after: {}
failure:
  description: Known details of a failure, such as the error message of the server, the status and the request.
  returned: failure
  type: dict
  sample:
    status: 404
    error: Image not found
    request: GET /1.0/images/4ea095ceffc0
"""

from ansible_collections.community.lxd.plugins.module_utils._argument_specs import GUARD_SPEC, SELECTOR_SPEC
from ansible_collections.community.lxd.plugins.module_utils._image.options_prune import prune_policy
from ansible_collections.community.lxd.plugins.module_utils._image.tasks.prune import run_prune
from ansible_collections.community.lxd.plugins.module_utils._module import run_module
from ansible_collections.community.lxd.plugins.module_utils._run import Module

MODULE = Module(
    spec={
        **SELECTOR_SPEC,
        **GUARD_SPEC,
        "keep": {"type": "int"},
        "group_by": {"type": "list", "elements": "str"},
        "all_projects": {"type": "bool", "default": False},
        "concurrency": {"type": "int", "default": 4},
    },
    constraints={"required_by": {"group_by": "keep"}},
    parse=prune_policy,
    run=run_prune,
    unseen=lambda policy: {"removed": [], "kept": [], "reclaimed": 0},
)


def main() -> None:
    run_module(MODULE)


if __name__ == "__main__":
    main()
