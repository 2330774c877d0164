# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""Brings one alias to its desired state."""

from __future__ import annotations

import typing as t

from ansible_collections.community.lxd.plugins.module_utils._image.model import DesiredAlias
from ansible_collections.community.lxd.plugins.module_utils._image.plan_alias import plan_alias
from ansible_collections.community.lxd.plugins.module_utils._image.read import read_target, require_project
from ansible_collections.community.lxd.plugins.module_utils._image.reconcile import reconcile
from ansible_collections.community.lxd.plugins.module_utils._lxd.record import replace

if t.TYPE_CHECKING:
    from ansible_collections.community.lxd.plugins.module_utils._image.actions import Plan
    from ansible_collections.community.lxd.plugins.module_utils._image.api import ImageAPI


def reconcile_alias(api: ImageAPI, desired: DesiredAlias, check_mode: bool) -> dict[str, t.Any]:
    """Bring one alias to its desired state. Returns what lxd_image_alias returns. Raises LXDError."""

    def read_and_plan() -> Plan:
        current = api.get_alias(desired.name)
        old = api.get_alias(desired.rename_from) if desired.rename_from and desired.state == "present" else None
        if current is None and old is None:
            require_project(api)
        target = desired.target if desired.state == "absent" or not desired.target else read_target(api, desired.target, current)
        return plan_alias(replace(desired, target=target), current, old)

    outcome = reconcile(api, read_and_plan, check_mode)
    alias: dict[str, t.Any] | None = None
    if desired.state == "present":
        alias = {key: value for key, value in outcome.plan.after.items() if key != "renamed_from"}
    return {**outcome.to_result(), "alias": alias}
