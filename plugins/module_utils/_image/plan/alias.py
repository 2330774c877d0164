# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""Decides what is done for one alias: desired and current state in, a plan out. Pure."""

from __future__ import annotations

import typing as t

from ..._lxd.errors import LXDInputError
from ..actions import Action, CreateAlias, DeleteAlias, MoveAlias, Plan, UpdateAlias
from ..desired import DesiredAlias
from ..model import Alias


def plan_alias(desired: DesiredAlias, current: Alias | None, old: Alias | None) -> Plan:
    """Plan one alias. ``old``: the alias that ``rename_from`` names. Raises LXDInputError."""
    if desired.state == "absent":
        actions: tuple[Action, ...] = (DeleteAlias(current.name),) if current else ()
        return Plan(actions, _alias_diff(current))
    if current and old and current.target != old.target and not desired.target:
        raise LXDInputError(
            f"Cannot rename the alias {old.name!r} to {current.name!r}, which is ambiguous: both exist and point at "
            f"different images ({old.target}, {current.target}). Select the image with 'target'."
        )
    base = current or old
    target = desired.target or (base.target if base else None)
    if target is None:
        missing = f"neither it nor {desired.rename_from!r} is found" if desired.rename_from else "it is not found"
        raise LXDInputError(
            f"Cannot provide the alias {desired.name!r}: {missing}, so 'target' is required: which image it points at."
        )
    description = desired.description if desired.description is not None else (base.description if base else "")
    after = Alias(desired.name, target, description)
    renamed = {"renamed_from": old.name} if old else {}
    return Plan(
        actions=(*_alias_change(current, after), *((DeleteAlias(old.name),) if old else ())),
        before={**(_alias_diff(current) or _alias_diff(old))},
        after={**after.to_diff(), **renamed},
        fingerprint=target,
    )


def _alias_change(current: Alias | None, after: Alias) -> tuple[Action, ...]:
    if current is None:
        return (CreateAlias(after.name, after.target, after.description),)
    if current.target != after.target:
        return (MoveAlias(current, after.target, after.description),)
    if current.description != after.description:
        return (UpdateAlias(current, after.description),)
    return ()


def _alias_diff(alias: Alias | None) -> dict[str, t.Any]:
    return alias.to_diff() if alias else {}
