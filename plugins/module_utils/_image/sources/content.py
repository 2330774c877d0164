# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""Opens the source of a task: the content that a new image is made of.

One file of this folder for each ``source.type``.
"""

from __future__ import annotations

import typing as t

from ..desired_image import FileSource, InstanceSource, UrlSource

if t.TYPE_CHECKING:
    from ..._lxd.client import Client
    from ..desired_image import Source
    from .interface import Content


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
