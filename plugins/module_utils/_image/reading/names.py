# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""Reads single images and aliases that a task names. Raises LXDInputError where one isn't there, or the project."""

from __future__ import annotations

import typing as t

from ..._lxd.errors import LXDInputError
from ..model import Alias, Image, is_complete, is_fingerprint

if t.TYPE_CHECKING:
    from ..image_reader import ImageReader


def read_one(reader: ImageReader, name: str | None, fingerprint: str | None) -> Image:
    """The image of an alias or a fingerprint, which must be there."""
    alias = reader.get_alias(name) if name else None
    asked = fingerprint or (alias.target if alias else None)
    image = reader.get_image(asked) if asked else None
    if image is None:
        require_project(reader)
        what = f"of the alias {name!r}" if name else f"of the fingerprint {fingerprint}"
        raise LXDInputError(f"There is no image {what} in the project {reader.client.project!r}.")
    return image


def require_project(reader: ImageReader) -> None:
    """Nothing found may mean that the project isn't there: the servers say 404 for both."""
    if reader.client.project != "default" and not reader.has_project():
        raise reader.missing_project()


def images_project(reader: ImageReader) -> str:
    """Return the project that the images of the client's project are in: its own, or the default one that it shares."""
    project = reader.client.project
    return project if project == "default" or reader.has_own_images() else "default"


def read_target(reader: ImageReader, target: str, current: Alias | None) -> str:
    """The full fingerprint for a fingerprint, a prefix, or the name of another alias."""
    if current is not None and current.target == target:
        return target
    image = reader.get_image(target) if is_fingerprint(target) else None
    other = None if image and is_complete(target) else reader.get_alias(target)
    if image and other and other.target != image.fingerprint:
        raise LXDInputError(
            f"The target {target!r} is ambiguous: it is how the fingerprint {image.fingerprint} begins, and an alias of the image {other.target}. "
            "Give the full fingerprint of the image that is meant."
        )
    if image:
        return image.fingerprint
    if other:
        return other.target
    raise LXDInputError(
        f"The target {target!r} is neither an alias nor the fingerprint of an image in the project {reader.client.project!r}."
    )


def project_readers(reader: ImageReader, all_projects: bool) -> list[ImageReader]:
    """Return what reads the images of the client's project, or of each project that has images of its own.

    Projects are read one by one: some servers ignore ``all-projects`` for images without an error.
    """
    if not all_projects:
        return [reader]
    return [reader.in_project(name) for name, has_images in reader.list_projects().items() if has_images]
