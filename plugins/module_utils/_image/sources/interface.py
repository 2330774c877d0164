# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""Defines what all sources have in common. For type checkers and readers only: nothing imports it while a task runs."""

from __future__ import annotations

import typing as t

if t.TYPE_CHECKING:
    from ..actions import CreateImage
    from ..desired_image import SettingsChange
    from ..image_reader import ImageReader
    from ..image_writer import ImageWriter
    from ..reading.image import ImageReading


class Content(t.Protocol):
    """The interface of a source, the same for all types. All methods raise LXDError."""

    def identify(self, reading: ImageReading) -> str | None:
        """Return the fingerprint of the content if it can be known before the image is looked for, else None.

        May return UNKNOWN for files that ``reading`` allows to be hashed only while they are sent.
        """

    def look_up(self, reading: ImageReading) -> None:
        """Find out which image the source provides, and note it in ``reading``."""

    def renew(self) -> None:
        """Drop what was read of the source: it may have changed since."""

    def check(self, reader: ImageReader, action: CreateImage, look_into_files: bool) -> None:
        """Raise the error now that creating the image would raise later, with half of the plan done.

        ``look_into_files``: also read files that create() would read while it sends them.
        """

    def create(self, writer: ImageWriter, action: CreateImage) -> tuple[str, SettingsChange]:
        """Make the image on the server. Returns its fingerprint, and the settings that it must still be given."""
