# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""Copies from a URL: that of a tarball, or one whose response headers give the URL of a tarball."""

from __future__ import annotations

import functools
import json
import os
import tempfile
import typing as t
from urllib.parse import urlsplit

from ..._lxd.blocks import write_block
from ..._lxd.errors import LXDAPIError, LXDInputError
from ..._lxd.http_files import HttpFiles
from ..._lxd.urls import has_credentials, shown_url
from ..desired_image import FileSource
from ..model import MADE_FROM, OfferedImage
from .checksum import SHA256, Checksum, resolve_checksum
from .copied import CopiedContent, Created
from .image_files import ImageFiles
from .multipart import clean_filename

if t.TYPE_CHECKING:
    from ..._lxd.client import Client
    from ..desired_image import SettingsChange, UrlSource
    from ..image_reader import ImageReader
    from ..image_writer import ImageWriter
    from ..model import Image


class UrlContent(CopiedContent):
    """An image at a URL.

    The URL is that of a tarball; or its answer has headers with the URL and the fingerprint of a tarball, which the
    servers can download by themselves (doc/image-handling.md of both). ``target``: the client of the server that the
    image is for.
    """

    source: UrlSource

    def __init__(self, source: UrlSource, target: Client) -> None:
        self.source = source
        self.url = shown_url(source.url)
        self._target = target
        self._http = HttpFiles(source.certificate, target.timeout, target.progress, target.use_proxy)
        self._file: t.IO[bytes] | None = None
        self._files: ImageFiles | None = None

    @property
    def mode(self) -> str:
        """The way to copy: auto if the target can download the image by itself, else relay.

        A server supports only URLs whose headers give a tarball, and checks nothing but the fingerprint. A URL with a
        password or a signature is never sent to a server.
        """
        is_verified_there = self._checksum is None or self._sha256 is not None
        return "auto" if self._announced and is_verified_there and not has_credentials(self.source.url) else "relay"

    def find(self, known: Image | None = None) -> OfferedImage:
        """Return the image of the URL. Raises LXDError.

        The image is downloaded only if neither a SHA-256 checksum nor the headers give its fingerprint.

        ``known``: the image that the task has now. It is returned if the headers show that the file has not changed
        since.
        """
        if self._sha256:
            return self._image(self._sha256)
        if self._announced and not self._checksum:
            return self._image(self._announced[1])
        if known and self._validators and known.settings.bookkeeping.get(MADE_FROM) == self._made_from:
            return self._image(known.fingerprint)
        return self._image(self.files().fingerprint)

    def _image(self, fingerprint: str) -> OfferedImage:
        return OfferedImage(fingerprint=fingerprint, public=False, filename=self._name, made_from=self._made_from)

    @property
    def _name(self) -> str:
        """The file name of the image: that of the file on the web."""
        url = self.source.url if self._sha256 or not self._announced else self._announced[0]
        return clean_filename(os.path.basename(urlsplit(url).path))

    @property
    def _made_from(self) -> str:
        return json.dumps({"type": "url", "url": self.url, **self._validators}, sort_keys=True)

    @property
    def _validators(self) -> dict[str, str]:
        """The headers that identify the state of the file; empty if they are not sufficient for that."""
        if self._sha256 or self._announced:
            return {}
        named = {"etag": "etag", "last-modified": "last_modified", "content-length": "size"}
        found = {name: self._headers[header] for header, name in named.items() if self._headers.get(header)}
        return found if found.get("etag") or (found.get("last_modified") and found.get("size")) else {}

    @property
    def _sha256(self) -> str | None:
        """The digest of a SHA-256 checksum, which is the fingerprint. With it, headers are read only for a copy."""
        return self._checksum.digest if self._checksum and self._checksum.algorithm == SHA256 else None

    def check_transfer(self, reader: ImageReader, image: OfferedImage) -> None:
        """Download the tarball if the target cannot, and compare it with the checksum and the headers.

        Raises LXDError.
        """
        if self._announced and self._sha256 and self._sha256 != self._announced[1]:
            raise LXDInputError(
                f"The URL {self.url} announces the image {self._announced[1]}, but 'checksum' says {self._sha256}."
            )
        if self.mode == "relay":
            self.checked_files()

    @functools.cached_property
    def _checksum(self) -> Checksum | None:
        name = os.path.basename(urlsplit(self.source.url).path)
        return resolve_checksum(self.source.checksum, name, self._http.get_text) if self.source.checksum else None

    @functools.cached_property
    def _headers(self) -> dict[str, str]:
        """The headers of the URL, by names in lower case. Empty if the server does not support HEAD."""
        try:
            return {
                key.lower(): value for key, value in self._http.head(self.source.url, self._request_headers()).items()
            }
        except LXDAPIError:
            return {}

    @property
    def _announced(self) -> tuple[str, str] | None:
        """The URL and the fingerprint of a tarball, if the headers give them."""
        for vendor in ("incus", "lxd"):
            fingerprint, url = self._headers.get(f"{vendor}-image-hash"), self._headers.get(f"{vendor}-image-url")
            if fingerprint and url:
                return url, fingerprint.lower()
        return None

    def _request_headers(self) -> dict[str, str]:
        server = self._target.server()
        told = {"Server-Architectures": server.architecture or "", "Server-Version": server.version or ""}
        return {f"{vendor}-{key}": value for vendor in ("LXD", "Incus") for key, value in told.items()}

    def pull(self, writer: ImageWriter, image: OfferedImage, settings: SettingsChange) -> str:
        body = {"type": "url", "mode": "pull", "url": self.source.url}
        return self.send_pull(writer, image, settings, body, self.url)

    def relay(self, writer: ImageWriter, image: OfferedImage, settings: SettingsChange) -> Created:
        return writer.create_image_from_files(self.checked_files()), settings

    def checked_files(self) -> ImageFiles:
        """Return the tarball, checked. Raises LXDError if the target would refuse it."""
        files = self.files()
        files.check_acceptable(lambda: self._target.server().vendor)
        files.check()
        return files

    def files(self) -> ImageFiles:
        """Return the tarball, downloaded to this node's disk. It is deleted with this object.

        Raises LXDError, also for a wrong checksum.
        """
        if self._files is None:
            url, announced = self._announced or (self.source.url, None)
            shown = shown_url(url)
            self._file, path = _temporary_file()
            with self._http.stream(url) as (size, blocks):
                _write(self._file, blocks, shown)
            if size is not None and self._file.tell() != size:
                raise LXDInputError(f"The download of {shown} was cut short: {self._file.tell()} of {size} bytes.")
            checksum = self._checksum or (Checksum(SHA256, announced) if announced else None)
            origin = "'checksum'" if self._checksum else f"the URL {self.url}"
            source = FileSource(
                path=path,
                checksum=checksum,
                filename=self.source.filename or self._name or "image",
                checksum_origin=origin,
            )
            files = ImageFiles(source, label=shown)
            if announced and files.fingerprint != announced:
                raise LXDInputError(
                    f"The URL {self.url} announces the image {announced}, "
                    f"but its content has the fingerprint {files.fingerprint}."
                )
            self._files = files
        return self._files


def _temporary_file() -> tuple[t.IO[bytes], str]:
    """Return a temporary file, and the path to open it by.

    If the system supports it, the file has no name, so a task that is killed leaves nothing behind.
    """
    file = tempfile.TemporaryFile()  # noqa: SIM115 - it is closed with its owner
    path = f"/proc/self/fd/{file.fileno()}"
    if os.path.exists(path):
        return file, path
    file.close()
    named = tempfile.NamedTemporaryFile()  # noqa: SIM115
    return t.cast(t.IO[bytes], named), named.name


def _write(file: t.IO[bytes], blocks: t.Iterator[bytes], url: str) -> None:
    try:
        for block in blocks:
            write_block(file, block)
        file.flush()
    except OSError as exc:
        raise LXDInputError(
            f"Cannot keep the download of {url} in {tempfile.gettempdir()!r}: {exc.strerror}. "
            "Free space for the whole file is required there, or in another directory that TMPDIR names."
        ) from exc
