# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""Decides how an image is made: imported only for an image that does not exist, or is perhaps not completely copied.

Pure: no I/O, no clock.
"""

from __future__ import annotations

import typing as t

from ..._lxd.errors import LXDInputError
from ..._lxd.record import replace
from ..actions import CreateImage, StopInstance
from ..desired_image import merge_properties
from ..model import MADE_FROM, UNKNOWN
from ..times import NEVER

if t.TYPE_CHECKING:
    from ..actions import Action
    from ..desired_image import SettingsChange
    from ..model import Image
    from .image import Case


def create_image(case: Case, settings: SettingsChange) -> tuple[Action, ...]:
    desired, offered, instance = case.desired, case.current.offered, case.current.instance
    source = desired.source
    if source is None:
        which = f"the alias {desired.name!r} is not found"
        if desired.fingerprint:
            which = f"no image with the fingerprint {desired.fingerprint} is found"
        raise LXDInputError(f"Cannot provide the image: {which}, and no 'source' is given to get it from.")
    settings = _inherit(case, settings)
    if instance is not None:
        settings = settings.with_bookkeeping(**{MADE_FROM: instance.made_from})
    if source.is_copied:
        if offered and not desired.is_marked_last:
            settings = settings.with_bookkeeping(**{MADE_FROM: offered.made_from})
        settings = replace(settings, drops_bookkeeping=True)
    create = CreateImage(source.verb, settings, desired.fingerprint or UNKNOWN, instance, offered)
    if instance is None or not instance.running:
        return (create,)
    if not source.stop:
        raise LXDInputError(
            f"Cannot publish the instance {instance.name!r}: it is running. "
            "Set 'stop: true' in 'source', or publish a snapshot of it."
        )
    if instance.ephemeral:
        raise LXDInputError(
            f"Cannot publish the instance {instance.name!r}: it is ephemeral, and stopping it would delete it. "
            "Publish a snapshot of it."
        )
    return (StopInstance(instance.name), create)


def _inherit(case: Case, settings: SettingsChange) -> SettingsChange:
    """Take over from the previous image what belongs to the name rather than to the content.

    For another build of the same image (state latest), also its expiry, auto_update and properties.
    """
    desired, previous = case.desired, case.previous
    if previous is None:
        return settings
    is_same = desired.state == "latest"
    names = ("public", "profiles", "expires_at") if is_same else ("public", "profiles")
    inherited = {name: getattr(previous.settings, name) for name in names if getattr(settings, name) is None}
    if is_same:
        inherited["default_properties"] = previous.settings.user_properties
    if is_same and settings.auto_update is None and desired.can_follow(case.current.offered):
        inherited["auto_update"] = previous.settings.auto_update
    return replace(settings, **inherited)


def keep_settings(settings: SettingsChange, image: Image) -> SettingsChange:
    """Take over for a new copy of an image what it has now, as far as the task gives nothing else.

    Not for files: they bring properties of their own, and the task that follows a killed one could not know what the
    deleted image had.
    """
    have = image.settings
    names = ("public", "expires_at", "profiles")
    kept = {name: getattr(have, name) for name in names if getattr(settings, name) is None}
    properties = merge_properties({}, have.user_properties, settings.properties, settings.purge_properties)
    return replace(settings, **kept, properties=properties)


def finish_settings(case: Case, settings: SettingsChange, image: Image) -> SettingsChange:
    """Return the settings of an image without a name: a task may have been killed before it could set them."""
    settings = _inherit(case, settings)
    offered = case.current.offered
    if offered is None or MADE_FROM in image.settings.bookkeeping:
        return settings
    if not case.desired.is_marked_last:
        settings = settings.with_bookkeeping(**{MADE_FROM: offered.made_from})
    # what a pull takes over from the source, and an upload does not
    if settings.expires_at is None and image.settings.expires_at == NEVER:
        settings = replace(settings, expires_at=offered.expires_at)
    if settings.purge_properties:
        return settings
    content = dict(offered.properties)
    if image.aliases:
        # it has a name, so its users may have set other properties since
        content.update(image.settings.user_properties)
    properties = merge_properties(settings.default_properties, content, settings.properties)
    return replace(settings, properties=properties)
