# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""Finds out who the client is on a server, and whether the server shows it all objects.

Servers hide objects without an error: a list lacks them, and their URLs return 404.
"""

from __future__ import annotations

import typing as t

from . import json_shapes, paths
from .errors import LXDNotFound
from .record import record

if t.TYPE_CHECKING:
    from .client import Client

UNIX, TLS, BEARER = "unix", "tls", "bearer"

_FINE_GRAINED = "access_management"
"""The API extension of LXD 5.21 with identities whose rights are given by groups."""

_SEES_ALL = ("admin", "viewer")
"""The entitlements on a whole server with which an identity sees all objects."""


@record(frozen=True)
class Identity:
    """Who the client is on a server.

    ``method``: how the server has authenticated it: "unix", "tls", "oidc" or "bearer"; None if it is not trusted.
    ``fine_grained``: whether its rights are given by groups, object by object (LXD 5.21 and later).
    ``sees_all``: whether the server shows it all objects of all projects.
    """

    method: str | None
    fine_grained: bool = False
    sees_all: bool = False

    @property
    def is_restricted_to_projects(self) -> bool:
        """Whether the server shows the client all objects of some projects, and nothing of the others.

        This is so for a restricted certificate, and for the socket for ordinary users.
        """
        return self.method in (UNIX, TLS) and not self.fine_grained and not self.sees_all


def read_identity(client: Client) -> Identity:
    """Return who the client is. Sends ``GET /1.0`` and, to LXD 5.21 and later, one more request. Raises LXDError."""
    server = client.server()
    if not server.trusted:
        return Identity(None)
    # LXD 5.0 does not say
    method = server.auth_method or (UNIX if client.is_local else BEARER if client.has_bearer_token else TLS)
    if _FINE_GRAINED in server.extensions and method != UNIX:
        own = _read_own(client)
        if own.get("fine_grained"):
            return Identity(method, fine_grained=True, sees_all=_may_view_server(own))
    return Identity(method, sees_all=server.is_administered)


def _read_own(client: Client) -> json_shapes.Object:
    """Return the server's object for the identity of this client, empty if it has none."""
    try:
        own = client.get(paths.OWN_IDENTITY, "read the identity of this client", with_project=False).metadata
    except LXDNotFound:
        return {}
    return json_shapes.mapping(own)


def _may_view_server(own: t.Mapping[str, t.Any]) -> bool:
    return any(
        permission.get("entity_type") == "server" and permission.get("entitlement") in _SEES_ALL
        for permission in json_shapes.mappings(own.get("effective_permissions"))
    )
