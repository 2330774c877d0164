# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""Copies from an LXD or Incus server: what it provides to this client, and the content."""

from __future__ import annotations

import contextlib
import os
import typing as t

from ..._lxd.blocks import content_length
from ..._lxd.client import Client
from ..._lxd.errors import LXDInputError
from ..._lxd.record import replace
from ..._lxd.transport import SOURCE_CERTIFICATE, Connection, Transport, find_local_url
from ..._lxd.urls import server_url, shown_url, socket_url
from ..image_reader import ImageReader
from ..model import RESERVED_PREFIX, ImageSettings, OfferedImage
from ..protocols import SERVER_OPTION
from .copied import CopiedContent, Created, Download, settings_after_upload
from .multipart import boundary_of, clean_filename, rename_parts
from .remote import OCI_EXTENSION, describe, needs_no_look, pull_source_body, source_bookkeeping

if t.TYPE_CHECKING:
    from ..desired_image import ImageSource, SettingsChange
    from ..image_writer import ImageWriter
    from ..model import Image


class ServerContent(CopiedContent):
    """An image of an LXD or Incus server, as far as this client may see it."""

    source: ImageSource

    def __init__(self, source: ImageSource, timeout: float, use_proxy: bool = True) -> None:
        url = source.server or ""
        if url.startswith("unix:"):
            url = find_local_url(os.environ) if url == "unix:" else socket_url(url, SERVER_OPTION)
        else:
            url = server_url(url, SERVER_OPTION)
        self.source = replace(source, server=url)
        connection = Connection(
            url=url,
            url_option=SERVER_OPTION,
            client_cert=source.client_cert,
            client_key=source.client_key,
            client_key_password=source.client_key_password,
            use_proxy=use_proxy,
            server_cert=source.certificate,
            server_cert_option=SOURCE_CERTIFICATE,
            timeout=timeout,
        )
        self._is_container = False
        self.reader = ImageReader(Client(Transport(connection), source.project or connection.default_project))

    @property
    def is_local(self) -> bool:
        """Whether the server is reached by a socket of this node, which no other server can use."""
        return self.reader.client.is_local

    @property
    def mode(self) -> str:
        if self.source.mode != "auto":
            return self.source.mode
        if self._is_container:
            return "pull"
        return "relay" if self.is_local else "auto"

    def find(self, known: Image | None = None) -> OfferedImage:
        source = self.source
        kept = source_bookkeeping(source)
        if source.secret:
            # reading the image would consume the secret
            return OfferedImage(fingerprint=source.fingerprint or "", public=False, made_from=kept)
        if needs_no_look(source):
            return OfferedImage(fingerprint=source.fingerprint or "", made_from=kept)
        fingerprint = source.fingerprint
        if not fingerprint:
            alias = self.reader.get_alias(source.alias or "")
            fingerprint = alias.target if alias else None
        image = self.reader.get_image(fingerprint) if fingerprint else None
        if image is None:
            project = source.project or "default"
            hint = f" Is its certificate in the trust store there, and may it use the project {project!r}?"
            if not source.client_cert:
                hint = " A private image requires 'client_cert' and 'client_key', or 'secret'."
            raise LXDInputError(
                f"Image {describe(source)} not found on {shown_url(source.server or '')}, "
                f"or not visible to this client.{hint}"
            )
        self._check_kind(image)
        self._is_container = image.is_application_container
        return OfferedImage(
            fingerprint=image.fingerprint,
            aliases=image.aliases,
            properties={
                key: value for key, value in image.settings.properties.items() if not key.startswith(RESERVED_PREFIX)
            },
            architecture=image.data.get("architecture") or "",
            type=image.data.get("type") or "",
            # a server can update only an image that it can download again over the network
            public=image.settings.public and not self.is_local,
            expires_at=image.settings.expires_at,
            filename=clean_filename(image.data.get("filename") or ""),
            made_from=kept,
        )

    def _check_kind(self, image: Image) -> None:
        """Refuse an image of another type or architecture: a server has only one image for each alias."""
        for key, value in self.source.wanted_kind.items():
            have = image.data.get(key)
            if have != value:
                server = shown_url(self.source.server or "")
                raise LXDInputError(
                    f"The image {describe(self.source)} of {server} has the {key} {have!r}, not {value!r}."
                )

    def check_transfer(self, reader: ImageReader, image: OfferedImage) -> None:
        if self._is_container:
            is_pulled = self.mode == "pull" and not self.is_local
            if not is_pulled or OCI_EXTENSION not in reader.client.server().extensions:
                raise LXDInputError(
                    f"The image {image.fingerprint} is an application container: only Incus 6.3 or later can copy it, "
                    "and only with the 'mode' pull, over the network, as its fingerprint is that of its layers and not "
                    "that of its files. Or copy it from its registry, with 'protocol: oci'."
                )
        if self.mode == "pull" and self.is_local:
            raise LXDInputError(
                "The 'mode' pull requires a source that the target can reach over the network, but "
                f"{self.source.remote or self.source.server!r} is a socket of the managed node. Use relay or auto."
            )
        if self.mode == "push":
            self._check_push(reader, image)

    def _check_push(self, reader: ImageReader, image: OfferedImage) -> None:
        if self.source.secret:
            raise LXDInputError(
                "The 'mode' push requires a client that the source server trusts: "
                "give 'client_cert' and 'client_key' in 'source', not 'secret'."
            )
        source, target = self.reader.client.server(), reader.client.server()
        if not source.trusted:
            raise LXDInputError(
                f"The 'mode' push requires a client that {shown_url(self.source.server or '')} trusts: "
                "give its 'client_cert' and 'client_key' in 'source'."
            )
        if source.vendor != target.vendor:
            raise LXDInputError(
                "The 'mode' push is supported between servers of one vendor only, "
                f"not from {source.vendor} to {target.vendor}. Use pull or relay."
            )
        if not _target_url(reader):
            raise LXDInputError(
                "The 'mode' push requires a target that is reachable over the network (its setting core.https_address)."
            )
        if image.type == "virtual-machine" and self._is_split(image):
            raise LXDInputError(
                f"The 'mode' push is not supported for the image {image.fingerprint}: sent by its server, "
                "a virtual machine in two files arrives as a container. Use pull or relay."
            )

    def _is_split(self, image: OfferedImage) -> bool:
        """Return whether the server sends the image as two files. Reads only the headers."""
        with self.reader.download_image(image.fingerprint, self.source.secret) as (headers, _blocks):
            return (headers.get("Content-Type") or "").startswith("multipart/")

    def pull(self, writer: ImageWriter, image: OfferedImage, settings: SettingsChange) -> str:
        source, secret = self.source, self.source.secret
        if not image.public and not secret:
            # a write on the source server, whose effect ends with the download
            secret = writer.of(self.reader).create_secret(image.fingerprint).secret
        by_alias = bool(source.alias) and not secret
        body = pull_source_body(source, image, writer.client.server().vendor, secret, by_alias, source.server)
        return self.send_pull(writer, image, settings, body, shown_url(source.server or ""))

    def push(self, writer: ImageWriter, image: OfferedImage, settings: SettingsChange) -> Created:
        settings = settings_after_upload(settings, image)
        secret = writer.create_push_secret(image.fingerprint, settings.overlay(ImageSettings()))
        target = {
            "target": _target_url(writer),
            "certificate": writer.client.server().certificate,
            "secret": secret,
            "project": writer.client.project,
        }
        writer.of(self.reader).push_image(image.fingerprint, target)
        return image.fingerprint, settings

    @contextlib.contextmanager
    def download(self, image: OfferedImage) -> t.Iterator[Download]:
        """Give the content while it is downloaded. Raises LXDError."""
        with self.reader.download_image(image.fingerprint, self.source.secret) as (headers, blocks):
            content_type = headers.get("Content-Type") or "application/octet-stream"
            boundary = boundary_of(content_type)
            if boundary:
                # the file names in the body are replaced, so its size is known only at its end
                yield Download(content_type, None, rename_parts(blocks, boundary, self.filename(image)))
            else:
                yield Download(content_type, content_length(headers), blocks)


def _target_url(target: ImageReader) -> str | None:
    """Return the URL by which the source server reaches the target, or None if the target has no address."""
    if target.client.url.startswith("https://"):
        return target.client.url
    addresses = target.client.server().addresses
    return f"https://{addresses[0]}" if addresses else None
