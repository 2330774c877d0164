# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""Finds what a plan sends about public images: LXD 6.8 and later accepts them only in the default project. Pure."""

from __future__ import annotations

import typing as t

from ..actions import CreateImage, UpdateImage

if t.TYPE_CHECKING:
    from ..actions import Plan
    from ..model import Image

EXTENSIONS = frozenset(("bulk_operations", "image_extended_metadata"))
"""API extensions of LXD that came with this rule."""


def sends_public(plan: Plan, images: t.Mapping[str, Image]) -> str | None:
    """Return what the plan would send that a server with this rule refuses, as a sentence; None if there is nothing.

    ``images``: as they are now, by fingerprint. An image that is public since before an upgrade of the server can still
    be changed by a PATCH, which leaves ``public`` out; a PUT always has it.
    """
    for action in plan.actions:
        if isinstance(action, CreateImage) and action.settings.public:
            return f"Cannot make the image {action.fingerprint} public."
        image = images.get(action.fingerprint) if isinstance(action, UpdateImage) else None
        if image is None or not isinstance(action, UpdateImage):
            continue
        after = action.settings.overlay(image.settings)
        if after.public and not image.settings.public:
            return f"Cannot make the image {image.fingerprint} public."
        if after.public and after.needs_put(image.settings):
            return (
                f"Cannot change 'expires_at' or 'profiles' of the image {image.fingerprint} while it is public: set "
                "'public: false' first."
            )
    return None
