# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""Creates, moves and deletes aliases; those of inactive images by the protocol of inactive.py."""

from __future__ import annotations

import contextlib
import typing as t

from ..._lxd.errors import LXDConflict, LXDStateChanged
from ..actions import CreateAlias
from .locks import content_lock

if t.TYPE_CHECKING:
    from ..actions import DeleteAlias, MoveAlias, UpdateImage
    from ..image_writer import ImageWriter


def create_alias(writer: ImageWriter, name: str, target: str, description: str) -> None:
    """Create an alias. Raises LXDConflict if it exists."""
    with content_lock(writer, target):
        writer.create_alias(name, target, description)


def move_alias(writer: ImageWriter, action: MoveAlias, target: str) -> None:
    """Point an alias at another image. Raises LXDPreconditionFailed if it is not as it was planned for."""
    with content_lock(writer, target):
        writer.update_alias(action.alias, target, action.description)


def delete_alias(writer: ImageWriter, action: DeleteAlias) -> None:
    """Delete an alias.

    If its image is being deactivated, delete it only while the image keeps it: step D2 of inactive.py. Raises
    LXDStateChanged if another task has reactivated the image.
    """
    image, name = action.deactivates, action.name
    if image is None:
        if action.listed_by is None:
            # the plan has read the alias itself
            writer.delete_alias(name)
        else:
            _delete_visible(writer, name, action.listed_by)
        return
    if _keeps(writer, image, name):
        _delete_visible(writer, name, image)
        if _keeps(writer, image, name) or writer.get_alias(name) is not None:
            return
        create_alias(writer, name, image, action.description)
    raise LXDStateChanged(f"Cannot deactivate the alias {name!r}: another task has reactivated the image {image}.")


def _delete_visible(writer: ImageWriter, name: str, listed_by: str) -> None:
    """Delete an alias. Raises LXDForbidden if the server denies it, but the image still lists it.

    ``listed_by``: the image that the alias must belong to; if another task has moved it meanwhile, it stays.
    """
    alias = writer.get_alias(name)
    if alias is None:
        if writer.hides_alias(name, listed_by):
            raise writer.hidden_alias(name)
    elif alias.target == listed_by:
        writer.delete_alias(name)


def _keeps(writer: ImageWriter, fingerprint: str, name: str) -> bool:
    """Return whether an image keeps an alias as an inactive one."""
    image = writer.get_image(fingerprint)
    return bool(image and image.inactive_state and name in image.inactive_state.aliases)


def complete_reactivation(writer: ImageWriter, action: UpdateImage) -> list[CreateAlias]:
    """Create aliases that another task has deleted meanwhile: step R3 of inactive.py. Returns what was done.

    It can't be planned again: once the image is active, its aliases are no longer recorded anywhere.
    """
    image = writer.get_image(action.fingerprint) if action.reactivated else None
    created = []
    for name, description in action.reactivated.items():
        if image and name not in image.aliases:
            with contextlib.suppress(LXDConflict):
                create_alias(writer, name, image.fingerprint, description)
                created.append(CreateAlias(name, image.fingerprint, description))
    return created
