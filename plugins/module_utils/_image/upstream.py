# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""Other servers that images come from: which image they offer, and its content as the body of an import. Reads only.

What they offer is found out here and not left to the target server: its index is up to an hour old, and a refresh
whose source is gone ends well there, without a word.
"""

from __future__ import annotations

import contextlib
import copy
import functools
import hashlib
import json
import os
import tempfile
import typing as t
from urllib.parse import urlsplit

from ansible_collections.community.lxd.plugins.module_utils._image.api import ImageAPI
from ansible_collections.community.lxd.plugins.module_utils._image.checksum import SHA256, Checksum, resolve_checksum
from ansible_collections.community.lxd.plugins.module_utils._image.files import ImageFiles, clean_filename, multipart_frame, write_block
from ansible_collections.community.lxd.plugins.module_utils._image.model import (
    MADE_FROM,
    RESERVED_PREFIX,
    FileSource,
    Image,
    ImageSource,
    UpstreamImage,
    UrlSource,
    format_time,
    is_complete,
    time_of_others,
)
from ansible_collections.community.lxd.plugins.module_utils._image.multipart import boundary_of, rename_parts
from ansible_collections.community.lxd.plugins.module_utils._image.simplestreams import (
    INDEX,
    StreamImage,
    explain_missing,
    find_stream_image,
    list_stream_images,
    product_paths,
    read_products,
)
from ansible_collections.community.lxd.plugins.module_utils._lxd.client import Client
from ansible_collections.community.lxd.plugins.module_utils._lxd.documents import Object
from ansible_collections.community.lxd.plugins.module_utils._lxd.errors import LXDAPIError, LXDInputError
from ansible_collections.community.lxd.plugins.module_utils._lxd.record import field, record, replace
from ansible_collections.community.lxd.plugins.module_utils._lxd.remotes import SIMPLESTREAMS, find_remote
from ansible_collections.community.lxd.plugins.module_utils._lxd.transport import SOURCE_CERTIFICATE, Connection, Transport, content_length, find_local_url
from ansible_collections.community.lxd.plugins.module_utils._lxd.urls import has_credentials, server_url, shown_url, split_url
from ansible_collections.community.lxd.plugins.module_utils._lxd.web import Web

SERVER_OPTION = "'server' in 'source'"


@record(frozen=True)
class Download:
    """An image's content on its way: what an upload needs to know. ``size`` is None where the source does not tell."""

    content_type: str
    size: int | None
    blocks: t.Iterator[bytes] = field(repr=False)


class Upstream(t.Protocol):
    """Where one task copies from."""

    @property
    def source(self) -> t.Any:
        """What the task says of it."""

    @property
    def mode(self) -> str:
        """How the image gets here: auto, pull, push or relay."""

    def find(self, known: Image | None = None) -> UpstreamImage:
        """The image that the source means, as it is offered now. Raises LXDInputError where there is none.

        ``known``: the image that the task has now.
        """

    def renew(self) -> None:
        """Forget what was read of a list of images that may have changed."""


class StreamsUpstream:
    """A simplestreams server. ``native`` gives the target server's own architecture."""

    def __init__(self, source: ImageSource, vendor: str, native: str, timeout: float) -> None:
        self.source = source
        self._server = (source.server or "").rstrip("/")
        self._vendor, self._native = vendor, native
        self._web = Web(source.certificate, timeout)
        self._images: list[StreamImage] | None = None
        self._products: list[Object] = []

    @property
    def has_credentials(self) -> bool:
        """Whether the server's URL has a password in it: the target would keep it in the image, where everybody can read it."""
        return has_credentials(self._server)

    @property
    def mode(self) -> str:
        return "relay" if self.has_credentials and self.source.mode == "auto" else self.source.mode

    def for_source(self, source: ImageSource) -> StreamsUpstream:
        """Another image of the same server; its index is read only once."""
        self.list_images()
        other = copy.copy(self)
        other.source = source
        return other

    def renew(self) -> None:
        self._images = None

    def _url(self, path: str) -> str:
        return f"{self._server}/{path}"

    def list_images(self) -> list[StreamImage]:
        """Those that a server of the target's vendor can use, as the index has them now."""
        if self._images is None:
            index = self._url(INDEX)
            products: list[Object] = []
            for path in product_paths(self._web.get_json(index), shown_url(index)):
                url = self._url(path)
                products += read_products(self._web.get_json(url), shown_url(url))
            self._products, self._images = products, list_stream_images(products, self._vendor)
        return self._images

    def digest(self) -> str:
        """Stands for this state of the index: 64 hex digits."""
        if needs_no_look(self.source):
            # the node may not be able to reach it: then any spelling that was not used yet will do
            return hashlib.sha256(os.urandom(32)).hexdigest()
        self.list_images()
        return hashlib.sha256(json.dumps(self._products, sort_keys=True).encode()).hexdigest()

    def find(self, known: Image | None = None) -> UpstreamImage:
        source = self.source
        if needs_no_look(source):
            return UpstreamImage(fingerprint=source.fingerprint or "", public=not self.has_credentials, made_from=_made_from(source))
        alias = source.alias
        if alias and split_url(self._server).hostname == "cloud-images.ubuntu.com":
            alias = alias.removeprefix("ubuntu/")
        wanted = (self._native, alias, source.fingerprint, source.image_type, source.architecture)
        image = find_stream_image(self.list_images(), *wanted)
        if image is None:
            instead = explain_missing(self._products, self._vendor, *wanted)
            raise LXDInputError(f"The server {shown_url(self._server)} offers no image {_asked(source)}.{instead}")
        return UpstreamImage(
            fingerprint=image.fingerprint,
            aliases=dict.fromkeys(image.names[::2], ""),
            properties=image.properties,
            architecture=image.architecture,
            type=image.type,
            public=not self.has_credentials,
            expires_at=format_time(time_of_others(image.expires_at)),
            full_names=image.names[1::2],
            files=image.files,
            # as the servers call what they fetch from there, and as lxd_image_info does
            filename=clean_filename(os.path.basename(image.files[0].path)) if image.files else "",
            made_from=_made_from(source),
        )

    @contextlib.contextmanager
    def download(self, image: UpstreamImage) -> t.Iterator[Download]:
        """The files one after the other, as the parts of an upload. Each is opened only when the one before is through."""
        files = image.files
        frame, content_type = multipart_frame([file.part for file in files], self.source.filename or image.filename)
        size = sum(len(piece) for piece in frame) + sum(file.size for file in files)
        yield Download(content_type, size if all(file.size for file in files) else None, self._blocks(image, frame))

    def _blocks(self, image: UpstreamImage, frame: list[bytes]) -> t.Iterator[bytes]:
        for piece, file in zip(frame, image.files):
            if piece:
                yield piece
            with self._web.stream(self._url(file.path)) as (_size, blocks):
                yield from blocks
        if frame[-1]:
            yield frame[-1]


def needs_no_look(source: ImageSource) -> bool:
    """Return whether all is said that the target needs to fetch the image: then the node need not be able to reach its server."""
    asks_more = source.copy_aliases or source.image_type or source.architecture or source.client_cert
    return source.mode == "pull" and is_complete(source.fingerprint or "") and not asks_more


def _made_from(source: ImageSource) -> str:
    """What a copy remembers, as JSON. Never a secret or a key, nor what is secret in a URL."""
    keys = ("remote", "server", "protocol", "alias", "fingerprint", "image_type", "architecture", "project")
    known = {key: value for key in keys if (value := getattr(source, key))}
    if "server" in known:
        known["server"] = shown_url(known["server"])
    return json.dumps({"type": "image", **known}, sort_keys=True)


class ServerUpstream:
    """An LXD or Incus server, as far as it shows itself to this client."""

    def __init__(self, source: ImageSource, timeout: float) -> None:
        url = source.server or ""
        if url.startswith("unix:"):
            url = find_local_url(os.environ) if url == "unix:" else url
        else:
            url = server_url(url, SERVER_OPTION)
        self.source = replace(source, server=url)
        connection = Connection(
            url=url,
            url_option=SERVER_OPTION,
            client_cert=source.client_cert,
            client_key=source.client_key,
            server_cert=source.certificate,
            server_cert_option=SOURCE_CERTIFICATE,
            timeout=timeout,
        )
        self.api = ImageAPI(Client(Transport(connection), source.project))

    @property
    def is_local(self) -> bool:
        """Whether it is reached by a socket of the node, which no other server can use."""
        return self.api.client.is_local

    @property
    def mode(self) -> str:
        return "relay" if self.is_local and self.source.mode == "auto" else self.source.mode

    def renew(self) -> None:
        """Nothing is kept: each find() asks."""

    def is_split(self, image: UpstreamImage) -> bool:
        """Return whether the server sends the image as two files. Only the headers are read."""
        with self.api.download_image(image.fingerprint, self.source.secret) as (headers, _blocks):
            return (headers.get("Content-Type") or "").startswith("multipart/")

    def find(self, known: Image | None = None) -> UpstreamImage:
        source = self.source
        if source.secret:
            # reading it would use up the secret
            return UpstreamImage(fingerprint=source.fingerprint or "", public=False, made_from=_made_from(source))
        if needs_no_look(source):
            return UpstreamImage(fingerprint=source.fingerprint or "", made_from=_made_from(source))
        fingerprint = source.fingerprint
        if not fingerprint:
            alias = self.api.get_alias(source.alias or "")
            fingerprint = alias.target if alias else None
        image = self.api.get_image(fingerprint) if fingerprint else None
        if image is None:
            hint = f" Is its certificate in the trust store there, and may it use the project {source.project or 'default'!r}?"
            if not source.client_cert:
                hint = " A private image needs 'client_cert' and 'client_key', or 'secret'."
            raise LXDInputError(f"The server {shown_url(source.server or '')} shows this client no image {_asked(source)}.{hint}")
        _check_kind(source, image.data)
        return UpstreamImage(
            fingerprint=image.fingerprint,
            aliases=image.aliases,
            properties={key: value for key, value in image.settings.properties.items() if not key.startswith(RESERVED_PREFIX)},
            architecture=image.data.get("architecture") or "",
            type=image.data.get("type") or "",
            # what nobody can ask again over the network can't be followed
            public=image.settings.public and not self.is_local,
            expires_at=image.settings.expires_at,
            filename=clean_filename(image.data.get("filename") or ""),
            made_from=_made_from(source),
        )

    @contextlib.contextmanager
    def download(self, image: UpstreamImage) -> t.Iterator[Download]:
        with self.api.download_image(image.fingerprint, self.source.secret) as (headers, blocks):
            content_type = headers.get("Content-Type") or "application/octet-stream"
            boundary = boundary_of(content_type)
            if boundary:
                # how long the body is with other names in it is known only at its end
                yield Download(content_type, None, rename_parts(blocks, boundary, self.source.filename or image.filename))
            else:
                yield Download(content_type, content_length(headers), blocks)


class UrlUpstream:
    """A URL: either of a tarball, or of something that tells in headers where a tarball is and what it hashes to (doc/image-handling.md)."""

    def __init__(self, source: UrlSource, api: ImageAPI) -> None:
        self.source = source
        self.url = shown_url(source.url)
        self._api = api
        self._web = Web(source.certificate, api.client.timeout, api.client.progress)
        self._file: t.IO[bytes] | None = None
        self._files: ImageFiles | None = None

    @property
    def mode(self) -> str:
        """How the image gets here: a server can fetch by itself only what headers tell it, and is told no password and no signature."""
        is_verified_there = self._checksum is None or self._sha256 is not None
        return "auto" if self._announced and is_verified_there and not has_credentials(self.source.url) else "relay"

    def renew(self) -> None:
        """A file that was downloaded stays: what it is compared with is the checksum."""

    def find(self, known: Image | None = None) -> UpstreamImage:
        """The image of the URL. Nothing is downloaded where a SHA-256 checksum or the headers say what the fingerprint is.

        ``known``: the image that the task has now. It is taken where the web server says that the file has not changed since.
        """
        if self._sha256:
            return self._image(self._sha256)
        if self._announced and not self._checksum:
            return self._image(self._announced[1])
        if known and self._validators and known.settings.memory.get(MADE_FROM) == self._made_from:
            return self._image(known.fingerprint)
        return self._image(self.files().fingerprint)

    def _image(self, fingerprint: str) -> UpstreamImage:
        return UpstreamImage(fingerprint=fingerprint, public=False, filename=self._name, made_from=self._made_from)

    @property
    def _name(self) -> str:
        """What the image is called: as the file of the web is."""
        url = self.source.url if self._sha256 or not self._announced else self._announced[0]
        return clean_filename(os.path.basename(urlsplit(url).path))

    @property
    def _made_from(self) -> str:
        return json.dumps({"type": "url", "url": self.url, **self._validators}, sort_keys=True)

    @property
    def _validators(self) -> dict[str, str]:
        """What the web server says of the state of the file; empty unless it says enough to know the file again."""
        if self._sha256 or self._announced:
            return {}
        named = {"etag": "etag", "last-modified": "last_modified", "content-length": "size"}
        found = {name: self._headers[header] for header, name in named.items() if self._headers.get(header)}
        return found if found.get("etag") or (found.get("last_modified") and found.get("size")) else {}

    @property
    def _sha256(self) -> str | None:
        """The digest of a SHA-256 checksum: it says what the image is, and the headers are asked only where it is to be copied."""
        return self._checksum.digest if self._checksum and self._checksum.algorithm == SHA256 else None

    def check(self) -> None:
        """Look at what would be copied. Raises LXDError where it isn't what the checksum or the headers say."""
        if self._announced and self._sha256 and self._sha256 != self._announced[1]:
            raise LXDInputError(f"The URL {self.url} announces the image {self._announced[1]}, but 'checksum' says {self._sha256}.")
        if self.mode == "relay":
            self.checked_files()

    @functools.cached_property
    def _checksum(self) -> Checksum | None:
        name = os.path.basename(urlsplit(self.source.url).path)
        return resolve_checksum(self.source.checksum, name, self._web.get_text) if self.source.checksum else None

    @functools.cached_property
    def _headers(self) -> dict[str, str]:
        """The headers of the URL, by names in lower case. Servers need not answer HEAD: then there are none."""
        try:
            return {key.lower(): value for key, value in self._web.head(self.source.url, self._request_headers()).items()}
        except LXDAPIError:
            return {}

    @property
    def _announced(self) -> tuple[str, str] | None:
        """The URL and the fingerprint that the headers tell."""
        for vendor in ("incus", "lxd"):
            fingerprint, url = self._headers.get(f"{vendor}-image-hash"), self._headers.get(f"{vendor}-image-url")
            if fingerprint and url:
                return url, fingerprint.lower()
        return None

    def _request_headers(self) -> dict[str, str]:
        server = self._api.client.server()
        told = {"Server-Architectures": server.architecture or "", "Server-Version": server.version or ""}
        return {f"{vendor}-{key}": value for vendor in ("LXD", "Incus") for key, value in told.items()}

    def checked_files(self) -> ImageFiles:
        """The tarball, looked into. Raises LXDError where the server would not take it."""
        files = self.files()
        files.check_acceptable(lambda: self._api.client.server().vendor)
        files.check()
        return files

    def files(self) -> ImageFiles:
        """The tarball on the node's disk, hashed; gone with this object. Raises LXDError, also for a wrong checksum."""
        if self._files is None:
            url, announced = self._announced or (self.source.url, None)
            shown = shown_url(url)
            self._file, path = _temporary_file()
            with self._web.stream(url) as (size, blocks):
                _write(self._file, blocks, shown)
            if size is not None and self._file.tell() != size:
                raise LXDInputError(f"The download of {shown} was cut short: {self._file.tell()} of {size} bytes.")
            checksum = self._checksum or (Checksum(SHA256, announced) if announced else None)
            origin = "'checksum'" if self._checksum else f"the URL {self.url}"
            source = FileSource(path=path, checksum=checksum, filename=self.source.filename or self._name or "image", checksum_origin=origin)
            files = ImageFiles(source, label=shown)
            if announced and files.fingerprint != announced:
                raise LXDInputError(f"The URL {self.url} announces the image {announced}, but its content has the fingerprint {files.fingerprint}.")
            self._files = files
        return self._files


def _temporary_file() -> tuple[t.IO[bytes], str]:
    """A file, and the path to open it by. Where the system can, the file has no name: a run that is killed leaves nothing behind."""
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
            f"Cannot keep the download of {url} in {tempfile.gettempdir()!r}: {exc.strerror}. The node needs that much space there, or in another TMPDIR."
        ) from exc


def _check_kind(source: ImageSource, data: t.Mapping[str, t.Any]) -> None:
    """A server has one image per alias: it either is what is wanted, or it isn't."""
    for key, value in source.wanted_kind.items():
        if data.get(key) != value:
            raise LXDInputError(f"The image {_asked(source)} of {shown_url(source.server or '')} has the {key} {data.get(key)!r}, not {value!r}.")


def _asked(source: ImageSource) -> str:
    asked = f"of the alias {source.alias!r}" if source.alias else f"of the fingerprint {source.fingerprint}"
    for word, value in (("type", source.image_type), ("architecture", source.architecture)):
        asked += f", {word} {value}" if value else ""
    return asked


def resolve_remote(source: ImageSource, vendor: t.Callable[[], str | None], environ: t.Mapping[str, str]) -> ImageSource:
    """The source with ``server``, ``protocol`` and certificates in place of ``remote``. What the task gives goes before."""
    if not source.remote:
        return source
    try:
        remote = find_remote(source.remote, vendor, environ, os.path.expanduser("~"))
    except LXDInputError:
        if source.server:  # remembered of a copy that was made elsewhere, where there was such a remote
            return source
        raise
    return source.with_remote(remote.address, remote.protocol, remote.project, remote.server_cert, remote.client_cert, remote.client_key)


def open_upstream(source: ImageSource | UrlSource, api: ImageAPI, environ: t.Mapping[str, str]) -> Upstream:
    """Sends nothing to it yet; the target is asked for what it can use."""
    if isinstance(source, UrlSource):
        return UrlUpstream(source, api)
    source = resolve_remote(source, lambda: api.client.server().vendor, environ)
    if source.protocol == SIMPLESTREAMS:
        server = api.client.server()
        return StreamsUpstream(source, server.vendor or "lxd", server.architecture or "x86_64", api.client.timeout)
    if source.secret and not is_complete(source.fingerprint or ""):
        raise LXDInputError("A 'secret' in 'source' needs the full 'fingerprint' of its image: looking for the image would use the secret up.")
    return ServerUpstream(source, api.client.timeout)
