# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""Imports files of the managed node."""

from __future__ import annotations

import os
import typing as t

from ..._lxd.errors import LXDInputError, LXDOperationError, LXDStateChanged
from ..._lxd.record import replace
from ..model import UNKNOWN
from .image_files import ImageFiles

if t.TYPE_CHECKING:
    from ..._lxd.client import Client
    from ..actions import CreateImage
    from ..desired_image import FileSource, SettingsChange
    from ..image_reader import ImageReader
    from ..image_writer import ImageWriter
    from ..reading.image import ImageReading

DEFER_SIZE = 64 * 1024 * 1024
"""Bytes.

For larger files, to hash them while they are sent saves more time than it costs to list the images by size.
"""


class FileContent:
    """An image in files. They are hashed from now on, in the background."""

    def __init__(self, files: ImageFiles) -> None:
        self._files = files

    def identify(self, reading: ImageReading) -> str:
        """Return the fingerprint of the files; UNKNOWN if they may be hashed while they are sent.

        Raises LXDInputError if the task gives another fingerprint, or the files differ from their checksum.
        """
        given, files = reading.desired.fingerprint, self._files
        if given and not files.fingerprint.startswith(given):
            raise LXDInputError(
                f"The content of {files} has the fingerprint {files.fingerprint}, but 'fingerprint' is {given}."
            )
        is_slow = files.size >= DEFER_SIZE and not files.fingerprint_is_known
        # an image of another size has another content
        if reading.may_defer and not given and is_slow and not reading.reader.may_have_size(files.size):
            return UNKNOWN
        return files.fingerprint

    def look_up(self, reading: ImageReading) -> None:
        """Do nothing: identify() has returned the fingerprint, which is all that is needed."""

    def renew(self) -> None:
        """Do nothing: files that change while they are read are an error."""

    def check(self, reader: ImageReader, action: CreateImage, look_into_files: bool) -> None:
        """Refuse files that are no image, or none for this server. Raises LXDInputError."""
        self._files.check_acceptable(lambda: reader.client.server().vendor)
        if look_into_files:
            self._files.check()

    def create(self, writer: ImageWriter, action: CreateImage) -> tuple[str, SettingsChange]:
        """Import the files. Raises LXDStateChanged if another client has imported the same content meanwhile."""
        files = self._files
        try:
            created = writer.create_image_from_files(files)
        except LXDOperationError as exc:
            if writer.get_image(files.fingerprint) is not None:
                raise LXDStateChanged(
                    f"Cannot import {files}: another client has stored it on the server meanwhile."
                ) from exc
            raise
        if created != files.fingerprint:
            raise LXDOperationError(
                f"Cannot import {files}: its fingerprint is {files.fingerprint}, but the server has stored an image "
                f"{created}."
            )
        return created, action.settings


def open_file(source: FileSource, target: Client) -> FileContent:
    """Open the files of a source. Their checksum may have to be downloaded first. Raises LXDError."""
    checksum = source.checksum
    if checksum is not None and checksum.url is not None:
        # imported only here: mostly the task itself gives the checksum
        from ..._lxd.http_files import HttpFiles
        from .checksum import resolve_checksum

        get_text = HttpFiles(timeout=target.timeout, use_proxy=target.use_proxy).get_text
        source = replace(source, checksum=resolve_checksum(checksum, os.path.basename(source.path), get_text))
    return FileContent(ImageFiles(source))
