# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""Creates and deletes images."""

from __future__ import annotations

import typing as t

from ..._lxd.errors import LXDInputError, LXDOperationError, LXDStateChanged
from ..desired_image import SettingsChange
from ..model import UNKNOWN
from .locks import content_lock
from .settings import change_settings

if t.TYPE_CHECKING:
    from ..actions import CreateImage, DeleteImage
    from ..image_writer import ImageWriter
    from ..sources.interface import Content


def create_image(writer: ImageWriter, action: CreateImage, content: Content) -> tuple[str, SettingsChange]:
    """Make an image. Returns its fingerprint, and the settings that it must still be given.

    If the content is known before, no other task of this node makes or deletes it meanwhile. Raises LXDStateChanged if
    another task has made it.
    """
    if action.fingerprint == UNKNOWN:
        return content.create(writer, action)
    with content_lock(writer, action.fingerprint) as waited:
        if waited and writer.get_image(action.fingerprint) is not None:
            raise LXDStateChanged(
                f"Cannot create the image {action.fingerprint}: another task has stored it on the server meanwhile."
            )
        return content.create(writer, action)


def complete_image(writer: ImageWriter, action: CreateImage, created: str, settings: SettingsChange) -> None:
    """Give a new image its settings. Raises LXDOperationError if its type is not the one that its source has for it."""
    _check_type(writer, action, created)
    change_settings(writer, created, settings)
    _check_followed(writer, created, settings)


def check_created(action: CreateImage, created: str) -> None:
    """Raise LXDStateChanged if the server has stored another image than planned: the source has a newer one."""
    if action.offered and action.fingerprint != UNKNOWN and created != action.fingerprint:
        raise LXDStateChanged(
            f"Cannot copy the image {action.fingerprint}: the server has downloaded the image {created} instead, "
            "which stays in its store. The source provides one image to this client and another one to the server."
        )


def _check_type(writer: ImageWriter, action: CreateImage, created: str) -> None:
    """Compare the stored type with the source's. An image of the wrong type is deleted again."""
    expected = action.offered.type if action.offered else ""
    image = writer.get_image(created) if expected else None
    stored = image.data.get("type") if image else None
    if not stored or stored == expected:
        return
    with content_lock(writer, created):
        writer.delete_image(created)
    raise LXDOperationError(
        f"Cannot copy the image {created}: the server has stored it as {stored!r}, but its type on the source is "
        f"{expected!r}. It was deleted again. Use another 'mode' in 'source', such as relay."
    )


def _check_followed(writer: ImageWriter, created: str, settings: SettingsChange) -> None:
    """Switch auto_update off again if the server has nothing to follow.

    That is so if the server had the content in another project already: it has taken the content from there, and stored
    no alias.
    """
    image = writer.get_image(created) if settings.auto_update else None
    if image is None or image.followed_alias:
        return
    change_settings(writer, created, SettingsChange(auto_update=False))
    raise LXDInputError(
        f"Cannot enable 'auto_update' for the image {created}: the server has it in another of its projects already, "
        "took it from there, and noted no alias that it could follow. "
        "Leave out 'auto_update', or keep the image updated in that other project."
    )


def delete_image(writer: ImageWriter, action: DeleteImage) -> None:
    """Delete an image. Raises LXDStateChanged if it has got a reason to keep it meanwhile."""
    fingerprint = action.fingerprint
    with content_lock(writer, fingerprint):
        # DELETE has no If-Match, so look at the last moment
        image = writer.get_image(fingerprint) if action.unless else None
        kept = [word for word in image.guards if word in action.unless] if image else []
        if kept:
            raise LXDStateChanged(f"Cannot delete the image {fingerprint}: it has become {kept[0]} meanwhile.")
        writer.delete_image(fingerprint)
