# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""Enrols the client certificate on the server, for all modules."""

from __future__ import annotations

import typing as t

from ..apply.access import enrol

if t.TYPE_CHECKING:
    from ..image_reader import ImageReader


def run_trust(reader: ImageReader, token: str | None, password: str | None, check_mode: bool) -> list[str]:
    """Enrol the client certificate if the server does not trust it yet. Returns the verbs of RV(actions).

    Raises LXDError.
    """
    if not (token or password) or reader.client.is_local or reader.client.server().trusted:
        return []
    if not check_mode:
        enrol(reader, token, password)
        reader.client.require_trusted()
    return ["trust_add"]
