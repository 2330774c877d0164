# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""Lets the tasks of one node take turns at one image of a server, by whatever URL or cluster member they reach it."""

from __future__ import annotations

import contextlib
import typing as t

from ..._lxd.errors import LXDError
from ..._lxd.node_lock import node_lock

if t.TYPE_CHECKING:
    from ..image_writer import ImageWriter


def content_lock(writer: ImageWriter, fingerprint: str) -> t.ContextManager[bool]:
    """Let only one task of this node at a time make, name or delete the image of this content.

    An alias is deleted with its image, so none may be created between the last look at an image and its DELETE. And if
    LXD 5.0 makes an image while it deletes one of the same content, the new image ends without its file.
    """
    return node_lock(f"{_server(writer)} existence {fingerprint}")


def settings_lock(writer: ImageWriter, fingerprint: str) -> t.ContextManager[bool]:
    """Let only one task of this node at a time change the settings of an image."""
    return node_lock(f"{_server(writer)} settings {fingerprint}")


def _server(writer: ImageWriter) -> str:
    """Return what identifies the server: its certificate, which is the same on a socket and on all cluster members.

    Without an answer it is the URL: the write that follows raises the error.
    """
    certificate = None
    with contextlib.suppress(LXDError):
        certificate = writer.client.server().certificate
    return certificate or writer.client.url
