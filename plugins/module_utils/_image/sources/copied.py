# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""Copies an image from elsewhere into a server: what all sources share that are another server or a URL.

There are three ways, chosen with ``source.mode``:

- pull: the target downloads the image, and keeps the requested alias as ``update_source``.
- push: the source server sends the image to the target. Only between servers of one vendor, as neither understands the
  other's headers.
- relay: the image is streamed through this node, for servers that cannot reach each other.

With the mode auto, an image is pulled, and relayed if the target cannot reach the source.
"""

from __future__ import annotations

import re
import typing as t

from ..._lxd.errors import LXDAPIError, LXDConnectionError, LXDError, LXDInputError, LXDOperationError, LXDStateChanged
from ..._lxd.record import field, record, replace
from ..desired_image import merge_properties

if t.TYPE_CHECKING:
    from ..actions import CreateImage
    from ..desired_image import ImageSource, SettingsChange, UrlSource
    from ..image_reader import ImageReader
    from ..image_writer import ImageWriter
    from ..model import Image, OfferedImage
    from ..reading.image import ImageReading


Created = tuple[str, "SettingsChange"]
"""The fingerprint of a new image, and the settings that it must still be given."""


@record(frozen=True)
class Download:
    """An image's content while it is downloaded. ``size``: bytes, None if the source does not give it."""

    content_type: str
    size: int | None
    blocks: t.Iterator[bytes] = field(repr=False)


class CopiedContent:
    """Content of another server or a URL. Subclasses implement how it is found and transferred."""

    source: ImageSource | UrlSource
    """The source with the server, protocol and certificates of its remote filled in: the only one that is used from
    here on."""

    way_out = (
        "With the 'mode' pull, a full 'fingerprint' and no client certificate, only the target server has to reach it."
    )
    """What helps if this node cannot reach the source."""

    _identified: OfferedImage | None = None
    """The image that identify() has found, so that look_up() need not ask again."""

    @property
    def mode(self) -> str:
        """The way to copy: auto, pull, push or relay."""
        raise NotImplementedError

    def find(self, known: Image | None = None) -> OfferedImage:
        """Return the image that the source provides now. Raises LXDInputError if it is not found.

        ``known``: the image that the task has now, if any.
        """
        raise NotImplementedError

    def renew(self) -> None:
        """Drop what was read of the source: it may have changed since."""
        self._identified = None

    def pull(self, writer: ImageWriter, image: OfferedImage, settings: SettingsChange) -> str:
        """Let the target download the image. Returns the fingerprint of what it has stored."""
        raise NotImplementedError

    def push(self, writer: ImageWriter, image: OfferedImage, settings: SettingsChange) -> Created:
        """Let the source server send the image to the target."""
        raise NotImplementedError

    def relay(self, writer: ImageWriter, image: OfferedImage, settings: SettingsChange) -> Created:
        """Stream the image through this node."""
        with self.download(image) as content:
            fingerprint = writer.create_image_from_download(content, image.fingerprint, self.filename(image))
        return fingerprint, settings_after_upload(settings, image)

    def download(self, image: OfferedImage) -> t.ContextManager[Download]:
        """Give the content while it is downloaded. Raises LXDError."""
        raise NotImplementedError

    def check_transfer(self, reader: ImageReader, image: OfferedImage) -> None:
        """Refuse a ``mode`` that cannot work for this source and target. Raises LXDInputError."""

    # the interface of content.py

    def identify(self, reading: ImageReading) -> str | None:
        """Return the fingerprint only if the task names no other image: it has no name and no fingerprint."""
        if reading.desired.name is not None or reading.desired.fingerprint is not None:
            return None
        self._identified = self._ask()
        return self._identified.fingerprint

    def look_up(self, reading: ImageReading) -> None:
        """Find the image that the source provides. Raises LXDInputError if the task has another fingerprint."""
        offered = self._identified or self._ask(reading.image)
        if reading.fingerprint and not offered.fingerprint.startswith(reading.fingerprint):
            raise LXDInputError(
                f"The source provides the image {offered.fingerprint}, but 'fingerprint' is {reading.fingerprint}."
            )
        reading.note_offered(offered)

    def check(self, reader: ImageReader, action: CreateImage, look_into_files: bool) -> None:
        """Refuse a transfer that cannot work. Files are checked in any case: they are on this node already."""
        if action.offered is not None:
            self.check_transfer(reader, action.offered)

    def create(self, writer: ImageWriter, action: CreateImage) -> Created:
        """Copy the image. Raises LXDStateChanged if another client has stored it meanwhile."""
        image, settings = t.cast("OfferedImage", action.offered), action.settings
        try:
            if self.mode == "push":
                return self.push(writer, image, settings)
            if self.mode == "relay":
                return self.relay(writer, image, settings)
            return self.pull(writer, image, settings), settings
        except (LXDAPIError, LXDOperationError) as exc:
            if writer.get_image(image.fingerprint) is not None:
                raise LXDStateChanged(
                    f"Cannot copy the image {image.fingerprint}: another client has stored it on the server meanwhile."
                ) from exc
            if not may_be_unreachable(exc):
                raise
            if self.mode != "auto" or settings.auto_update:
                if self.mode in ("auto", "pull"):
                    exc.add(
                        f"It is the server {writer.client.url} that could not reach the source, not this node. "
                        "It uses only a proxy of its own: that of its setting core.proxy_https (core.proxy_http for "
                        "http://), or of its daemon's environment."
                    )
                raise
            return self._relay_instead(writer, image, settings, exc)

    def _ask(self, known: Image | None = None) -> OfferedImage:
        try:
            return self.find(known)
        except LXDConnectionError as exc:
            if self.source.is_from_server:
                exc.add(
                    f"This node could not reach the source; it uses only the proxies of its environment. {self.way_out}"
                )
            raise

    def _relay_instead(
        self, writer: ImageWriter, image: OfferedImage, settings: SettingsChange, error: LXDError
    ) -> Created:
        try:
            return self.relay(writer, image, settings)
        except LXDError as exc:
            exc.add(f"It was streamed through this node because the server could not download it itself: {error}")
            raise

    def send_pull(
        self,
        writer: ImageWriter,
        image: OfferedImage,
        settings: SettingsChange,
        source: t.Mapping[str, t.Any],
        origin: str,
    ) -> str:
        """Send the request that lets the target download the image. Returns the fingerprint of what it has stored.

        ``source``: the part of the request that describes the source. ``origin``: the source's URL, for messages.
        """
        filename = self.filename(image)
        named = {"filename": filename} if filename else {}
        return writer.copy_image({"source": source, **named, **pull_settings_body(settings)}, image.fingerprint, origin)

    def filename(self, image: OfferedImage) -> str:
        """Return the file name of the copy: the task's, or else the source's."""
        return self.source.filename or image.filename


_UNREACHABLE = re.compile(
    r"failed to connect|unable to connect|dial (tcp|unix)|no such host|connection (refused|reset)|unreachable"
    r"|no route to host|time(d )?out|deadline exceeded|x509|tls:|proxyconnect|\bEOF\b|failed parsing stream"
    r"|client-specified URL is not supported|missing (lxd|incus)-image",
    re.IGNORECASE,
)
"""Errors of a server that could not reach the source.

For a refusal, a full disk or a missing image, another way does not help.
"""


def may_be_unreachable(error: LXDError) -> bool:
    """Return whether an error may mean that the target could not reach the source.

    Only the server's own text is searched: messages of this collection contain names, which may be any text.
    """
    return _UNREACHABLE.search(error.failure.get("error") or str(error)) is not None


def pull_settings_body(settings: SettingsChange) -> dict[str, t.Any]:
    """Return the settings in the body of a pull, ``POST /1.0/images``.

    If the image already exists, the request resets every setting that it omits (except properties). It may also arrive
    late, after a retry has succeeded already. So it has only values that are harmless then.
    """
    body: dict[str, t.Any] = {"public": bool(settings.public), "auto_update": bool(settings.auto_update)}
    return body if settings.profiles is None else {**body, "profiles": list(settings.profiles)}


def settings_after_upload(settings: SettingsChange, image: OfferedImage) -> SettingsChange:
    """Return the settings that an uploaded copy must be given, so that it is like one that was pulled.

    A pull takes over the properties and the expiry from the source server; the content that is uploaded does not have
    them.
    """
    if not image.properties:
        return settings
    purge = settings.purge_properties
    return replace(
        settings,
        properties=merge_properties(settings.default_properties, image.properties, settings.properties, purge),
        # exactly these: properties of the content's own metadata are removed, too
        purge_properties=True,
        expires_at=image.expires_at if settings.expires_at is None else settings.expires_at,
    )
