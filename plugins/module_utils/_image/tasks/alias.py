# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""Runs lxd_image_alias: brings one alias to its desired state."""

from __future__ import annotations

import typing as t

from ..._lxd.record import replace
from ..desired import DesiredAlias
from ..loop import reconcile
from ..plan.alias import plan_alias
from ..reading.names import read_target, require_not_hidden

if t.TYPE_CHECKING:
    from ..actions import Plan
    from ..image_reader import ImageReader


def run_alias(reader: ImageReader, desired: DesiredAlias, check_mode: bool) -> dict[str, t.Any]:
    """Bring one alias to its desired state. Returns the result of lxd_image_alias. Raises LXDError."""

    def read_and_plan() -> Plan:
        current = reader.get_alias(desired.name)
        old = reader.get_alias(desired.rename_from) if desired.rename_from and desired.state == "present" else None
        if current is None:
            require_not_hidden(reader, desired.name)
        if desired.rename_from and old is None and desired.state == "present":
            require_not_hidden(reader, desired.rename_from)
        target = (
            desired.target
            if desired.state == "absent" or not desired.target
            else read_target(reader, desired.target, current)
        )
        return plan_alias(replace(desired, target=target), current, old)

    outcome = reconcile(reader, read_and_plan, check_mode)
    alias: dict[str, t.Any] | None = None
    if desired.state == "present":
        alias = {key: value for key, value in outcome.plan.after.items() if key != "renamed_from"}
    return {**outcome.to_result(), "alias": alias}
