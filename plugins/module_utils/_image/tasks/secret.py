# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""Runs lxd_image_secret: makes and revokes secrets of images. To make one is an action, not a state."""

from __future__ import annotations

import typing as t

from ..._lxd.errors import LXDInputError
from ..apply.access import make_secret, revoke_secret
from ..desired import DesiredSecret
from ..reading.names import read_one

if t.TYPE_CHECKING:
    from ..image_reader import ImageReader


def run_secret(reader: ImageReader, desired: DesiredSecret, check_mode: bool) -> dict[str, t.Any]:
    """Make a secret, which is always a change, or revoke one. Returns the result of lxd_image_secret.

    Raises LXDError.
    """
    if desired.state == "absent":
        changed = (
            reader.has_secret(desired.operation or "") if check_mode else revoke_secret(reader, desired.operation or "")
        )
        return {"changed": changed, "fingerprint": None, "secret": None, "operation": desired.operation}
    fingerprint = _secret_target(reader, desired)
    if check_mode:
        return {"changed": True, "fingerprint": fingerprint, "secret": None, "operation": None}
    secret = make_secret(reader, fingerprint)
    return {"changed": True, "fingerprint": fingerprint, "secret": secret.secret, "operation": secret.operation}


def _secret_target(reader: ImageReader, desired: DesiredSecret) -> str:
    try:
        image = read_one(reader, desired.name, desired.fingerprint)
    except LXDInputError:
        reader.client.require_trusted()
        raise
    reader.client.require_trusted()
    return image.fingerprint
