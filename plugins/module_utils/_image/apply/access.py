# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""Writes that give others access: enrols this client, makes and revokes secrets of images."""

from __future__ import annotations

import base64
import json
import typing as t

from ..._lxd.errors import LXDAPIError, LXDForbidden
from ..._lxd.json_shapes import mapping, text

if t.TYPE_CHECKING:
    from ..image_reader import ImageReader
    from ..image_writer import ImageSecret


def enrol(reader: ImageReader, token: str | None, password: str | None) -> None:
    """Add this client's certificate to the server's trust store. Raises LXDForbidden for a wrong token or password.

    LXD before 5.21.2 accepts a token only in the place of the password. A token of ``lxc auth identity create`` (LXD
    5.21 and later) has an endpoint of its own.
    """
    try:
        if token and _is_identity_token(token):
            reader.writer.create_identity(token)
        else:
            reader.writer.create_trust(_credentials(reader, token, password))
    except LXDForbidden as exc:
        what = "'trust_token' is wrong, expired or used up. Make a new one" if token else "'trust_password' is wrong"
        how = " (lxc config trust add, incus config trust add)" if token else ""
        raise LXDForbidden(
            f"Cannot enrol the client certificate on {reader.client.url}: {what}{how}.", status=exc.status
        ) from exc
    except LXDAPIError as exc:
        if exc.status == 501 and password:
            exc.add("This server accepts tokens only: give 'trust_token' (lxc config trust add).")
        raise


def _credentials(reader: ImageReader, token: str | None, password: str | None) -> dict[str, str]:
    """Return the credentials as this server expects them."""
    extensions = reader.client.server().extensions
    knows_tokens = "explicit_trust_token" in extensions or "devlxd_images" not in extensions
    return {"trust_token": token} if token and knows_tokens else {"password": token or password or ""}


def _is_identity_token(token: str) -> bool:
    """Return whether a token is for an identity of LXD. Its JSON has a ``type``; that of other tokens has none."""
    try:
        content = json.loads(base64.b64decode(token, validate=True))
    except (ValueError, RecursionError):
        return False
    return bool(text(mapping(content).get("type")))


def make_secret(reader: ImageReader, fingerprint: str) -> ImageSecret:
    """Make a secret with which an untrusted client can read a private image once."""
    return reader.writer.create_secret(fingerprint)


def revoke_secret(reader: ImageReader, operation: str) -> bool:
    """Revoke a secret. Returns False if it is used up or revoked already."""
    return reader.writer.delete_secret(operation)
