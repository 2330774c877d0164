# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""Opens the source of a task: the content that a new image is made of.

One file of this folder for each ``source.type``.
"""

from __future__ import annotations

import typing as t

from ..desired import FileSource, InstanceSource, UrlSource

if t.TYPE_CHECKING:
    from ..._lxd.client import Client
    from ..actions import CreateImage
    from ..desired import SettingsChange, Source
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


def open_content(source: Source, target: Client) -> Content:
    """Open a source. Files are hashed from now on; another server is sent nothing yet.

    ``target``: the client of the server that the image is for. Raises LXDError.
    """
    # imported only here: most tasks have no source, or do not need it
    if isinstance(source, FileSource):
        from .file import open_file

        return open_file(source, target)
    if isinstance(source, InstanceSource):
        from .instance import InstanceContent

        return InstanceContent(source)
    if isinstance(source, UrlSource):
        from .url import UrlContent

        return UrlContent(source, target)
    from .remote import open_remote

    return open_remote(source, target)


class TaskContent:
    """The content of one task, opened when it is first needed: a task with nothing to do spares opening it."""

    def __init__(self, source: Source | None, target: Client) -> None:
        self._source, self._target = source, target
        self._opened: Content | None = None
        if source is not None and source.names_content:
            # hashing takes long: begin at once
            self.open()

    def open(self) -> Content:
        """Return the content. Raises LXDError."""
        if self._opened is None:
            if self._source is None:
                raise AssertionError("the task has no source")
            self._opened = open_content(self._source, self._target)
        return self._opened

    def renew(self) -> None:
        """Drop what was read of the source, if anything was."""
        if self._opened is not None:
            self._opened.renew()
