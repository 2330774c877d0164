# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""Secrets of images. Making one is an action, not a state."""

from __future__ import annotations

import typing as t

from ansible_collections.community.lxd.plugins.module_utils._image.apply import make_secret, revoke_secret
from ansible_collections.community.lxd.plugins.module_utils._image.model import DesiredSecret
from ansible_collections.community.lxd.plugins.module_utils._image.read import read_one
from ansible_collections.community.lxd.plugins.module_utils._lxd.errors import LXDInputError

if t.TYPE_CHECKING:
    from ansible_collections.community.lxd.plugins.module_utils._image.api import ImageAPI


def reconcile_secret(api: ImageAPI, desired: DesiredSecret, check_mode: bool) -> dict[str, t.Any]:
    """Make a secret, which is always a change, or revoke one. Returns what lxd_image_secret returns. Raises LXDError."""
    if desired.state == "absent":
        changed = api.has_secret(desired.operation or "") if check_mode else revoke_secret(api, desired.operation or "")
        return {"changed": changed, "fingerprint": None, "secret": None, "operation": desired.operation}
    fingerprint = _secret_target(api, desired)
    if check_mode:
        return {"changed": True, "fingerprint": fingerprint, "secret": None, "operation": None}
    secret = make_secret(api, fingerprint)
    return {"changed": True, "fingerprint": fingerprint, "secret": secret.secret, "operation": secret.operation}


def _secret_target(api: ImageAPI, desired: DesiredSecret) -> str:
    try:
        image = read_one(api, desired.name, desired.fingerprint)
    except LXDInputError:
        api.client.require_trusted()
        raise
    api.client.require_trusted()
    return image.fingerprint
