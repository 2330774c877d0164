# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""Decides what may be taken for absent: what a server does not show may also be hidden from this client.

To a client that is no administrator, servers return 404 or a shorter list, and no error. Everything that reports
"absent", "unused" or "unchanged" asks here first.
"""

from __future__ import annotations

import typing as t

from ..._lxd.errors import LXDForbidden

if t.TYPE_CHECKING:
    from ..image_reader import ImageReader, Project
    from ..model import Image

VIEW_IMAGES, VIEW_ALIASES, VIEW_INSTANCES = "can_view_images", "can_view_image_aliases", "can_view_instances"
"""Entitlements on a project of a fine-grained identity of LXD (doc/reference/permissions.md)."""


def require_not_hidden(reader: ImageReader, alias: str | None = None) -> None:
    """Raise LXDError if something that is not found may only be hidden from this client.

    Call it when an image or an alias is not found. ``alias``: the name of an alias that is not found.
    """
    reader.require_project()
    if not may_hide(reader):
        return
    _require_entitlements(reader, (VIEW_IMAGES, VIEW_ALIASES) if alias else (VIEW_IMAGES,))
    if alias and any(alias in image.aliases for image in reader.list_images()) and reader.get_alias(alias) is None:
        raise reader.hidden_alias(alias)


def require_aliases(reader: ImageReader, image: Image) -> None:
    """Raise LXDForbidden if an alias of an image is hidden from this client, which then can't delete it either."""
    if not image.aliases or not may_hide(reader):
        return
    for name in image.aliases:
        if reader.hides_alias(name, image.fingerprint):
            raise reader.hidden_alias(name)


def may_hide(reader: ImageReader) -> bool:
    """Return whether the server may hide objects in the project of the client. Sends a request, except on a socket.

    On a socket, a client sees all of a project.
    """
    return not reader.client.is_local and not reader.client.is_anonymous and not reader.client.identity().sees_all


def _require_entitlements(reader: ImageReader, entitlements: t.Sequence[str]) -> None:
    """Raise LXDForbidden if a fine-grained identity lacks an entitlement on the project: it may miss objects."""
    if not reader.client.identity().fine_grained:
        return
    from .names import images_project

    name = images_project(reader)
    project = reader.list_projects(entitlements).get(name)
    # an older server does not say what is granted
    granted = entitlements if project is None or project.entitlements is None else project.entitlements
    missing = [entitlement for entitlement in entitlements if entitlement not in granted]
    if missing:
        raise LXDForbidden(
            f"Cannot determine what is absent from the project {name!r} on {reader.client.url}: not all of it is "
            f"visible to this client, which lacks the entitlement {' and '.join(missing)} there.",
            status=403,
        )


def unseen_images(reader: ImageReader) -> list[str]:
    """Return a warning if images of the project may be hidden from this client, else nothing."""
    if not may_hide(reader) or reader.client.identity().is_restricted_to_projects:
        return []
    try:
        _require_entitlements(reader, (VIEW_IMAGES,))
    except LXDForbidden as exc:
        return [str(exc)]
    if reader.client.identity().fine_grained:
        return []
    return [f"Perhaps not all images of the project {reader.client.project!r} are visible to this client."]


def list_visible_projects(reader: ImageReader) -> tuple[dict[str, Project], bool]:
    """Return the projects, and whether these are all of them.

    Each has its entitlements if the server has them for this client.
    """
    identity = reader.client.identity()
    return reader.list_projects((VIEW_INSTANCES,) if identity.fine_grained else ()), identity.sees_all


def may_view_instances(reader: ImageReader, project: Project | None) -> bool:
    """Return whether the server shows this client all instances of a project. ``project``: None if it is not found."""
    identity = reader.client.identity()
    if project is None:
        return False
    if identity.fine_grained and not identity.sees_all:
        return VIEW_INSTANCES in (project.entitlements or ())
    return identity.sees_all or identity.is_restricted_to_projects


def unseen_projects(reader: ImageReader) -> list[str]:
    """Return a warning if the server may have more projects than it shows this client, else nothing."""
    if reader.client.is_anonymous or reader.client.identity().sees_all:
        return []
    return [f"Only projects that are visible to this client on {reader.client.url} were read."]
