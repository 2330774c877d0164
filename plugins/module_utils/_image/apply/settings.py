# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""Changes the settings of an image, although other tasks and clients may change them at the same time."""

from __future__ import annotations

import contextlib
import time
import typing as t

from ..._lxd.errors import LXDAPIError, LXDPreconditionFailed, LXDStateChanged
from .locks import settings_lock

if t.TYPE_CHECKING:
    from ..desired_image import SettingsChange
    from ..image_writer import ImageWriter
    from ..inactive import InactiveState
    from ..model import Image, ImageSettings

ATTEMPTS = 10
LONGEST_PAUSE = 1.0


def change_settings(
    writer: ImageWriter, fingerprint: str, change: SettingsChange, inactive_state: InactiveState | None = None
) -> None:
    """Read, overlay, write once with If-Match, and read again, until the image has the settings.

    The servers compare If-Match first and write later: of two writes that both pass, the second one undoes the first.
    So only one task of this node does this at a time. For tasks of other nodes, the image is read again after about as
    much time as the own write took.

    ``inactive_state``: what the image may keep as an inactive one; a task that finds another state plans again.
    Raises LXDStateChanged, or LXDPreconditionFailed after ATTEMPTS.
    """
    with settings_lock(writer, fingerprint):
        for _attempt in range(ATTEMPTS):
            image = writer.get_image(fingerprint)
            if image is None:
                raise LXDStateChanged(f"Cannot update the image {fingerprint}: it is not found any more.")
            if inactive_state and image.inactive_state not in (None, inactive_state):
                raise LXDStateChanged(
                    f"Cannot reactivate the image {fingerprint}: another task has deactivated it again meanwhile."
                )
            settings = change.overlay(image.settings)
            if settings == image.settings:
                return
            begin = time.monotonic()
            with contextlib.suppress(LXDPreconditionFailed):
                _update_image(writer, image, settings)
            time.sleep(min(time.monotonic() - begin, LONGEST_PAUSE))
    raise LXDPreconditionFailed(
        f"Cannot update the image {fingerprint}: other clients keep changing it; gave up after {ATTEMPTS} attempts.",
        status=412,
    )


def _update_image(writer: ImageWriter, image: Image, settings: ImageSettings) -> None:
    try:
        writer.update_image(image, settings)
    except LXDAPIError as exc:
        # for an image that is deleted at this moment, the servers return an error of their database
        if exc.status == 500 and writer.get_image(image.fingerprint) is None:
            raise LXDStateChanged(f"Cannot update the image {image.fingerprint}: it is not found any more.") from exc
        raise
