# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""Writes that give others access: enrols this client, makes and revokes secrets of images."""

from __future__ import annotations

import typing as t

from ..._lxd.errors import LXDForbidden

if t.TYPE_CHECKING:
    from ..image_reader import ImageReader
    from ..image_writer import ImageSecret


def enrol(reader: ImageReader, token: str | None, password: str | None) -> None:
    """Add this client's certificate to the server's trust store. Raises LXDForbidden for a wrong token or password.

    LXD before 5.21.2 accepts a token only in the place of the password.
    """
    extensions = reader.client.server().extensions
    knows_tokens = "explicit_trust_token" in extensions or "devlxd_images" not in extensions
    credentials = {"trust_token": token} if token and knows_tokens else {"password": token or password or ""}
    try:
        reader.writer.create_trust(credentials)
    except LXDForbidden as exc:
        what = "'trust_token' is wrong, expired or used up. Make a new one" if token else "'trust_password' is wrong"
        how = " (lxc config trust add, incus config trust add)" if token else ""
        raise LXDForbidden(
            f"Cannot enrol the client certificate on {reader.client.url}: {what}{how}.", status=exc.status
        ) from exc


def make_secret(reader: ImageReader, fingerprint: str) -> ImageSecret:
    """Make a secret with which an untrusted client can read a private image once."""
    return reader.writer.create_secret(fingerprint)


def revoke_secret(reader: ImageReader, operation: str) -> bool:
    """Revoke a secret. Returns False if it is used up or revoked already."""
    return reader.writer.delete_secret(operation)
