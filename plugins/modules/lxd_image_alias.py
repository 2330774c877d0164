#!/usr/bin/python

# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: lxd_image_alias
short_description: Manage aliases of images of an LXD or Incus server
description:
  - Creates or removes an alias of an image, renames it, changes its description, or points it at another image.
    The image itself is never changed.
  - An alias is pointed at another image with one atomic write. The alias exists at every moment.
version_added: 1.0.0
author:
  - community.lxd contributors (@ansible-collections)
extends_documentation_fragment:
  - community.lxd._connection
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
  name:
    description:
      - Name of the alias to manage.
    type: str
    required: true
  state:
    description:
      - V(present) makes sure that the alias exists.
      - V(absent) makes sure that the alias does not exist. The image is kept.
    type: str
    choices: [present, absent]
    default: present
  target:
    description:
      - Image that the alias must point at. Give its fingerprint, a prefix of its fingerprint (12 or more lower-case hex
        digits), or another alias of the image.
      - Required if the alias does not exist, unless O(rename_from) names an alias that exists. If not given, an
        existing alias keeps its target.
      - Also required if O(name) and O(rename_from) both exist and point at different images.
    type: str
  description:
    description:
      - Description of the alias. If not given, the existing description is not changed. An empty text removes the
        description.
    type: str
  rename_from:
    description:
      - Rename the alias with this name to O(name). The alias keeps its target and its description, unless O(target) or
        O(description) is given.
      - The new name is created before the old name is removed.
      - If the old name does not exist but O(name) exists, the alias is treated as already renamed.
    type: str
seealso:
  - module: community.lxd.lxd_image
  - module: community.lxd.lxd_image_info
"""

EXAMPLES = r"""
---
- name: Point the alias of the production image at the one that was tested
  community.lxd.lxd_image_alias:
    name: golden/production
    target: golden/staging
    description: What the fleet launches

- name: Roll back to an image by its fingerprint
  community.lxd.lxd_image_alias:
    name: golden/production
    target: "{{ last_good_fingerprint }}"

- name: Rename an alias
  community.lxd.lxd_image_alias:
    name: golden/live
    rename_from: golden/production

- name: Remove an alias and keep the image
  community.lxd.lxd_image_alias:
    name: golden/staging
    state: absent
"""

RETURN = r"""
alias:
  description: The alias. It is null if the alias is absent.
  returned: success
  type: dict
  contains:
    name:
      description: The name of the alias.
      type: str
      returned: always
    target:
      description: The full fingerprint of the image that the alias points at.
      type: str
      returned: always
    description:
      description: The description of the alias.
      type: str
      returned: always
  sample:
    name: golden/production
    target: "b8bec30e39b31a894e729ab957e9434eb3940c107a60dcbad31f56821b3b0f88"
    description: What the fleet launches
actions:
  description:
    - The actions that were done, in order.
    - The possible actions are V(trust_add), V(alias_create), V(alias_move), V(alias_update) and V(alias_delete).
  returned: success
  type: list
  elements: str
  sample: [alias_move]
diff:
  description: The alias before and after the task.
  returned: success
  type: dict
  sample:
    before:
      name: golden/production
      target: "4ea095ceffc0a3b4b5b3a9d3fc9b3ce43b7aa0a4ea2a2ad5f7b3f1b0b8c4bae3"
      description: What the fleet launches
    after:
      name: golden/production
      target: "b8bec30e39b31a894e729ab957e9434eb3940c107a60dcbad31f56821b3b0f88"
      description: What the fleet launches
failure:
  description: Known details of a failure, such as the error message of the server, the status and the request.
  returned: failure
  type: dict
  sample:
    status: 403
    error: not authorized
    request: PUT /1.0/images/aliases/golden%2Fproduction
"""

from ansible_collections.community.lxd.plugins.module_utils._image.options import desired_alias
from ansible_collections.community.lxd.plugins.module_utils._image.tasks.alias import run_alias
from ansible_collections.community.lxd.plugins.module_utils._module import run_module
from ansible_collections.community.lxd.plugins.module_utils._run import Module

MODULE = Module(
    spec={
        "name": {"type": "str", "required": True},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "target": {"type": "str"},
        "description": {"type": "str"},
        "rename_from": {"type": "str"},
    },
    # an empty description is one: there is no other way to remove it
    keep_empty=("description",),
    parse=desired_alias,
    run=run_alias,
    unseen=lambda desired: {"alias": None},
)


def main() -> None:
    run_module(MODULE)


if __name__ == "__main__":
    main()
