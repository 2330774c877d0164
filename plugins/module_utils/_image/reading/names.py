# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""Reads single images, aliases and projects that a task names. Raises LXDInputError if one is not found."""

from __future__ import annotations

import typing as t

from ..._lxd.errors import LXDInputError
from ..image_reader import read_named
from ..model import Alias, Image, is_complete, is_fingerprint

if t.TYPE_CHECKING:
    from ..image_reader import ImageReader
    from ..plan.selection import Selector


def read_one(reader: ImageReader, name: str | None, fingerprint: str | None) -> Image:
    """Return the image of an alias or a fingerprint. Raises LXDInputError if it is not found."""
    image = reader.get_image(fingerprint) if fingerprint else read_named(reader, name)[1]
    if image is None:
        require_not_hidden(reader, name)
        which = f"the alias {name!r}" if name else f"the fingerprint {fingerprint}"
        raise LXDInputError(
            f"The image with {which} is not found in the project {reader.client.project!r} on {reader.client.url}, "
            "or not visible to this client."
        )
    return image


def read_selected(reader: ImageReader, selector: Selector, secret: str | None = None) -> list[Image]:
    """Return the images that may match a selector. With a name or a fingerprint, only that image is read, not the list.

    ``secret``: for a private image; reading the image consumes it. Raises LXDError.
    """
    if selector.fingerprint is not None:
        image = reader.get_image(selector.fingerprint, secret)
    elif selector.name is not None:
        image = read_named(reader, selector.name)[1]
    else:
        return reader.list_images()
    if image is None and not secret:
        require_not_hidden(reader, selector.name)
    return [image] if image else []


def require_not_hidden(reader: ImageReader, alias: str | None = None) -> None:
    """Raise LXDError if something that is not found may only be hidden from this client, see visibility.py."""
    # imported only here: mostly all that a task names is found
    from .visibility import require_not_hidden as require

    require(reader, alias)


def images_project(reader: ImageReader) -> str:
    """Return the name of the project that has the images of the client's project: its own, or the default one."""
    project = reader.client.project
    return project if project == "default" or reader.has_own_images() else "default"


def read_target(reader: ImageReader, target: str, current: Alias | None) -> str:
    """Return the full fingerprint of the image that an alias is to point at.

    ``target``: a fingerprint, a prefix of one, or the name of another alias. ``current``: the alias as it is now.
    Raises LXDInputError if the target is not found or ambiguous.
    """
    if current is not None and current.target == target:
        return target
    image = reader.get_image(target) if is_fingerprint(target) else None
    other = None if image and is_complete(target) else reader.get_alias(target)
    if image and other and other.target != image.fingerprint:
        raise LXDInputError(
            f"The target {target!r} is ambiguous: it is a prefix of the fingerprint {image.fingerprint}, "
            f"and an alias of the image {other.target}. Give the full fingerprint of the image that is meant."
        )
    if image:
        return image.fingerprint
    if other:
        return other.target
    require_not_hidden(reader, target)
    raise LXDInputError(
        f"The target {target!r} is not found in the project {reader.client.project!r} on {reader.client.url}: "
        "it is neither an alias nor the fingerprint of an image."
    )


def project_readers(reader: ImageReader, all_projects: bool) -> list[ImageReader]:
    """Return a reader of the client's project, or one for each project that has images of its own.

    Projects are read one by one: some servers ignore ``all-projects`` for images without an error.
    """
    if not all_projects:
        return [reader]
    return [reader.in_project(name) for name, project in reader.list_projects().items() if project.has_own_images]
