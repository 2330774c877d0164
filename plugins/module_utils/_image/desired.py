# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""Holds what a task desires, as plain data: an alias, a secret, an export. Pure. Of images: desired_image.py."""

from __future__ import annotations

from .._lxd.record import field, record


@record(frozen=True)
class DesiredAlias:
    """One alias as the task desires it.

    ``target``: the full fingerprint of an image, or None to keep the present one.
    """

    name: str
    state: str = "present"
    target: str | None = None
    description: str | None = None
    rename_from: str | None = None


@record(frozen=True)
class DesiredSecret:
    """A new secret for the image of ``name`` or ``fingerprint``; with the state absent, the ``operation`` to revoke."""

    state: str
    name: str | None = None
    fingerprint: str | None = None
    operation: str | None = None


@record(frozen=True)
class DesiredExport:
    """The image of ``name`` or ``fingerprint`` to be in files at ``dest``."""

    dest: str
    name: str | None = None
    fingerprint: str | None = None
    secret: str | None = field(default=None, repr=False)
