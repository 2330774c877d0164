# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""Decides how an image is deleted or deactivated: the states absent and inactive. Pure: no I/O, no clock."""

from __future__ import annotations

import typing as t

from ..._lxd.errors import LXDInputError
from ..._lxd.record import replace
from ..actions import DeleteAlias, DeleteImage, Plan, UpdateImage
from ..inactive import INACTIVE, InactiveState

if t.TYPE_CHECKING:
    from ..actions import Action
    from ..desired_image import DesiredImage
    from ..model import CurrentImage, Image


def plan_absent(desired: DesiredImage, current: CurrentImage) -> Plan:
    image = _image_meant(desired, current, "delete an image")
    if image is None:
        return Plan()
    if image.protected and not desired.force:
        raise LXDInputError(
            f"Cannot delete the image {image.fingerprint}: it is protected. "
            "Set 'force: true' to delete it all the same."
        )
    before = {"fingerprint": image.fingerprint, "aliases": sorted(image.aliases)}
    return Plan(
        actions=(DeleteImage(image.fingerprint),),
        before={**before, **desired.settings.given(image.settings)},
        fingerprint=image.fingerprint,
    )


def plan_inactive(desired: DesiredImage, current: CurrentImage) -> Plan:
    """Deactivate an image: steps D1 and D2 of inactive.py."""
    image = _image_meant(desired, current, "deactivate an image")
    if image is None:
        which = f"the alias {desired.name!r} is not found, and no inactive image had it"
        if desired.fingerprint:
            which = f"no image with the fingerprint {desired.fingerprint} is found"
        raise LXDInputError(f"Cannot deactivate the image: {which}.")
    state = InactiveState(image.aliases, image.settings.public, image.settings.auto_update)
    change = replace(desired.settings, public=False, auto_update=False)
    change = change.with_bookkeeping(**{INACTIVE: state.to_bookkeeping()})
    after = change.overlay(image.settings)
    actions: list[Action] = []
    if after != image.settings:
        actions.append(UpdateImage(image.fingerprint, change))
    actions += [DeleteAlias(name, image.fingerprint, text) for name, text in sorted(image.aliases.items())]
    aliases = dict.fromkeys(sorted(image.aliases), image.fingerprint)
    return Plan(
        actions=tuple(actions),
        before={"fingerprint": image.fingerprint, "aliases": aliases, **change.given(image.settings)},
        after={"fingerprint": image.fingerprint, "aliases": {}, **change.given(after)},
        fingerprint=image.fingerprint,
    )


def _image_meant(desired: DesiredImage, current: CurrentImage, what: str) -> Image | None:
    """Return the image of the fingerprint, or else of the name. Raises LXDInputError if these are different images."""
    named = current.target_of(desired.name) or current.images.get(current.orphan or "")
    if not desired.fingerprint:
        return named
    if named and named.fingerprint != desired.fingerprint:
        raise LXDInputError(
            f"Cannot {what}: the alias {desired.name!r} points at {named.fingerprint}, not at {desired.fingerprint}. "
            "Give only one of 'name' and 'fingerprint'."
        )
    return current.images.get(desired.fingerprint)
