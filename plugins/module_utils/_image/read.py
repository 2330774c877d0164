# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""Reads single images and aliases that a task names. Raises LXDInputError where one isn't there, or the project."""

from __future__ import annotations

import typing as t

from ansible_collections.community.lxd.plugins.module_utils._image.model import Alias, Image, is_complete, is_fingerprint
from ansible_collections.community.lxd.plugins.module_utils._lxd.errors import LXDInputError

if t.TYPE_CHECKING:
    from ansible_collections.community.lxd.plugins.module_utils._image.api import ImageAPI


def read_one(api: ImageAPI, name: str | None, fingerprint: str | None) -> Image:
    """The image of an alias or a fingerprint, which must be there."""
    alias = api.get_alias(name) if name else None
    asked = fingerprint or (alias.target if alias else None)
    image = api.get_image(asked) if asked else None
    if image is None:
        require_project(api)
        what = f"of the alias {name!r}" if name else f"of the fingerprint {fingerprint}"
        raise LXDInputError(f"There is no image {what} in the project {api.client.project!r}.")
    return image


def require_project(api: ImageAPI) -> None:
    """Nothing found may mean that the project isn't there: the servers say 404 for both."""
    if api.client.project != "default" and not api.has_project():
        raise api.missing_project()


def images_project(api: ImageAPI) -> str:
    """Return the project that the images of the client's project are in: its own, or the default one that it shares."""
    project = api.client.project
    return project if project == "default" or api.has_own_images() else "default"


def read_target(api: ImageAPI, target: str, current: Alias | None) -> str:
    """The full fingerprint for a fingerprint, a prefix, or the name of another alias."""
    if current is not None and current.target == target:
        return target
    image = api.get_image(target) if is_fingerprint(target) else None
    other = None if image and is_complete(target) else api.get_alias(target)
    if image and other and other.target != image.fingerprint:
        raise LXDInputError(
            f"The target {target!r} is ambiguous: it is how the fingerprint {image.fingerprint} begins, and an alias of the image {other.target}. "
            "Give the full fingerprint of the image that is meant."
        )
    if image:
        return image.fingerprint
    if other:
        return other.target
    raise LXDInputError(f"The target {target!r} is neither an alias nor the fingerprint of an image in the project {api.client.project!r}.")
