# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""Copies from a simplestreams server: its index, the image that a source names, and the content.

The index is read by this node and not left to the target: the target's own copy of it is up to an hour old, and a
refresh succeeds there even if the source is gone.
"""

from __future__ import annotations

import contextlib
import copy
import hashlib
import json
import os
import typing as t
from urllib.parse import urlsplit, urlunsplit

from ..._lxd.errors import LXDInputError, LXDOperationError
from ..._lxd.http_files import HttpFiles
from ..._lxd.urls import has_credentials, shown_url, split_url
from ..model import OfferedImage
from ..times import format_time, time_of_others
from .copied import CopiedContent, Download
from .multipart import clean_filename, multipart_frame
from .remote import describe, needs_no_look, pull_source_body, source_bookkeeping
from .simplestreams_index import (
    INDEX,
    SimplestreamsImage,
    explain_missing,
    find_simplestreams_image,
    list_simplestreams_images,
    product_paths,
    read_products,
)

if t.TYPE_CHECKING:
    from ..._lxd.json_shapes import Object
    from ..desired_image import ImageSource, SettingsChange
    from ..image_reader import ImageReader
    from ..image_writer import ImageWriter
    from ..model import Image


class SimplestreamsContent(CopiedContent):
    """An image of a simplestreams server.

    ``vendor`` and ``native`` architecture: those of the target. ``timeout``: seconds. ``use_proxy``: whether to use the
    proxies of the environment.
    """

    source: ImageSource

    def __init__(self, source: ImageSource, vendor: str, native: str, timeout: float, use_proxy: bool = True) -> None:
        self.source = source
        self._server = (source.server or "").rstrip("/")
        self._vendor, self._native = vendor, native
        self._files = HttpFiles(source.certificate, timeout, use_proxy=use_proxy)
        self._images: list[SimplestreamsImage] | None = None
        self._products: list[Object] = []

    @property
    def has_credentials(self) -> bool:
        """Whether the server's URL has a password in it: the target would keep it in the image, where all can read
        it."""
        return has_credentials(self._server)

    @property
    def mode(self) -> str:
        return "relay" if self.has_credentials and self.source.mode == "auto" else self.source.mode

    def for_source(self, source: ImageSource) -> SimplestreamsContent:
        """Return another image of the same server, whose index is then read only once."""
        self.list_images()
        other = copy.copy(self)
        other.source = source
        return other

    def renew(self) -> None:
        super().renew()
        self._images = None

    def _url(self, path: str) -> str:
        return f"{self._server}/{path}"

    def list_images(self) -> list[SimplestreamsImage]:
        """Read the index. Returns the images that a server of the target's vendor can use. Raises LXDError."""
        if self._images is None:
            index = self._url(INDEX)
            products: list[Object] = []
            for path in product_paths(self._files.get_json(index), shown_url(index)):
                url = self._url(path)
                products += read_products(self._files.get_json(url), shown_url(url))
            self._products, self._images = products, list_simplestreams_images(products, self._vendor)
        return self._images

    def find(self, known: Image | None = None) -> OfferedImage:
        source = self.source
        kept = source_bookkeeping(source)
        if needs_no_look(source):
            return OfferedImage(fingerprint=source.fingerprint or "", public=not self.has_credentials, made_from=kept)
        alias = source.alias
        if alias and split_url(self._server).hostname == "cloud-images.ubuntu.com":
            alias = alias.removeprefix("ubuntu/")
        wanted = (self._native, alias, source.fingerprint, source.image_type, source.architecture)
        image = find_simplestreams_image(self.list_images(), *wanted)
        if image is None:
            instead = explain_missing(self._products, self._vendor, *wanted)
            raise LXDInputError(f"Image {describe(source)} not found on {shown_url(self._server)}.{instead}")
        return OfferedImage(
            fingerprint=image.fingerprint,
            aliases=dict.fromkeys(image.names[::2], ""),
            properties=image.properties,
            architecture=image.architecture,
            type=image.type,
            public=not self.has_credentials,
            expires_at=format_time(time_of_others(image.expires_at)),
            full_names=image.names[1::2],
            files=image.files,
            # as the servers name what they download from there, and as lxd_image_info does
            filename=clean_filename(os.path.basename(image.files[0].path)) if image.files else "",
            made_from=kept,
        )

    def check_transfer(self, reader: ImageReader, image: OfferedImage) -> None:
        if self.has_credentials and self.mode != "relay":
            raise LXDInputError(
                "The 'server' in 'source' has a user, a password or a query in it, which the target would keep "
                f"where everybody can read it: {shown_url(self.source.server or '')} can only be copied from "
                "with the 'mode' relay."
            )

    def pull(self, writer: ImageWriter, image: OfferedImage, settings: SettingsChange) -> str:
        """Let the target download the image, although it caches the server's index for an hour.

        By alias, the target would copy the image that was the newest in its old index, or reset the settings of that
        image if it has it already. So the request names the fingerprint, which an old index does not have. Only an
        image with auto_update has to be copied by alias. That request, and the second one after an old index, uses a
        spelling of the URL for which the target has no cached index.
        """
        source = self.source
        server = source.server or ""

        def ask(by_alias: bool, spelling: str) -> str:
            body = pull_source_body(source, image, writer.client.server().vendor, None, by_alias, spelling)
            return self.send_pull(writer, image, settings, body, shown_url(server))

        if settings.auto_update:
            return ask(True, cache_busting_url(server, self.digest()))
        try:
            return ask(False, server)
        except LXDOperationError:
            return ask(False, cache_busting_url(server, self.digest()))

    def digest(self) -> str:
        """Return 64 hex digits that stand for this state of the index."""
        if needs_no_look(self.source):
            # this node may not be able to reach the server: then any spelling that was not used yet is enough
            return hashlib.sha256(os.urandom(32)).hexdigest()
        self.list_images()
        return hashlib.sha256(json.dumps(self._products, sort_keys=True).encode()).hexdigest()

    @contextlib.contextmanager
    def download(self, image: OfferedImage) -> t.Iterator[Download]:
        """Give the files one after the other, as the parts of an upload. Each is opened when the one before is sent."""
        files = image.files
        frame, content_type = multipart_frame([file.part for file in files], self.filename(image))
        size = sum(len(piece) for piece in frame) + sum(file.size for file in files)
        yield Download(content_type, size if all(file.size for file in files) else None, self._blocks(image, frame))

    def _blocks(self, image: OfferedImage, frame: list[bytes]) -> t.Iterator[bytes]:
        for piece, file in zip(frame, image.files):
            if piece:
                yield piece
            with self._files.stream(self._url(file.path)) as (_size, blocks):
                yield from blocks
        if frame[-1]:
            yield frame[-1]


def cache_busting_url(url: str, digest: str) -> str:
    """Return the URL of the same server in a spelling for which the target has no cached index.

    The daemons cache the index of a simplestreams server for an hour, by the text of its URL
    (``client/simplestreams.go`` and ``shared/simplestreams`` of both servers), and no request drops it. Host names are
    equal in upper and lower case, so the ``digest`` of the index chooses the case of each letter. If the host has no
    letters, or would be spelled as before, it chooses a number of leading zeros of the port instead.
    """
    parts = urlsplit(url)
    bits = int(digest, 16)
    host = parts.hostname or ""
    if ":" not in host:
        # for letters that are not ASCII, the other case may be another host
        host = "".join(
            character.upper() if bits >> position & 1 and character.isascii() else character
            for position, character in enumerate(host)
        )
        spelled = urlunsplit(parts._replace(netloc=f"{host}:{parts.port}" if parts.port else host))
        if spelled != url:
            return spelled
    port = parts.port or (443 if parts.scheme == "https" else 80)
    zeros = "0" * (1 + bits % 32)
    host = f"[{host}]" if ":" in host else host
    return urlunsplit(parts._replace(netloc=f"{host}:{zeros}{port}"))
