# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""Holds what a task desires of an image, as plain data: its settings, its aliases, the source of its content. Pure."""

from __future__ import annotations

import typing as t

from .._lxd.record import field, record, replace
from .inactive import INACTIVE, join_bookkeeping
from .model import PROTECTED, RESERVED_PREFIX, ImageSettings, architecture_name

if t.TYPE_CHECKING:
    from .model import OfferedImage
    from .sources.checksum import Checksum


@record(frozen=True)
class SettingsChange:
    """Desired settings. None means "not given": the setting is not changed.

    ``properties``: a property of value None is removed. ``purge_properties``: whether the image then has no other ones.
    ``bookkeeping``: the collection's own properties, without their prefix; None removes one.
    """

    public: bool | None = None
    auto_update: bool | None = None
    expires_at: str | None = None
    profiles: tuple[str, ...] | None = None
    properties: t.Mapping[str, str | None] | None = None
    purge_properties: bool = False
    bookkeeping: t.Mapping[str, str | None] = field(default_factory=dict)
    default_properties: t.Mapping[str, str] = field(default_factory=dict)
    """For a new image: properties of the image that it replaces; they count only if the new one lacks them."""
    drops_bookkeeping: bool = False
    """For a new image: whether bookkeeping that it brings along from another server or project is dropped."""

    def overlay(self, current: ImageSettings) -> ImageSettings:
        """Return the settings as they are when this change is made."""
        names = ("public", "auto_update", "expires_at", "profiles")
        given = {name: value for name in names if (value := getattr(self, name)) is not None}
        content = current.user_properties
        properties = merge_properties(self.default_properties, content, self.properties, self.purge_properties)
        bookkeeping = {RESERVED_PREFIX + key: value for key, value in self._overlay_bookkeeping(current).items()}
        every = {**properties, **bookkeeping}
        return replace(current, **given, properties={key: value for key, value in every.items() if value})

    def _overlay_bookkeeping(self, current: ImageSettings) -> dict[str, str | None]:
        kept = {} if self.drops_bookkeeping else current.bookkeeping
        bookkeeping = {**kept, **self.bookkeeping}
        # other tasks may deactivate or reactivate the image too
        joined = join_bookkeeping(
            self.bookkeeping.get(INACTIVE), kept.get(INACTIVE), current.public, current.auto_update
        )
        return bookkeeping if joined is None else {**bookkeeping, INACTIVE: joined}

    def with_bookkeeping(self, **bookkeeping: str | None) -> SettingsChange:
        """Return the change with these bookkeeping properties, too."""
        return replace(self, bookkeeping={**self.bookkeeping, **bookkeeping})

    def given(self, settings: ImageSettings) -> dict[str, t.Any]:
        """Return only those of ``settings`` that this change names, as one half of a diff."""
        shown: dict[str, t.Any] = {
            key: list(value) if isinstance(value, tuple) else value
            for key in ("public", "auto_update", "expires_at", "profiles")
            if getattr(self, key) is not None and (value := getattr(settings, key)) is not None
        }
        if self.properties is not None:
            shown["properties"] = dict(sorted(settings.user_properties.items()))
        if PROTECTED in self.bookkeeping:
            shown[PROTECTED] = settings.bookkeeping.get(PROTECTED) == "true"
        return shown


def merge_properties(
    inherited: t.Mapping[str, str],
    content: t.Mapping[str, str],
    given: t.Mapping[str, str | None] | None,
    purge: bool = False,
) -> dict[str, str | None]:
    """Return the properties of an image; the only place that says which value wins. None removes a property.

    From the weakest to the strongest: ``inherited`` from the image that it replaces; of its ``content``, its source or
    itself; ``given`` by the task. ``purge``: only the given ones stay.
    """
    if purge:
        return dict(given or {})
    return {**inherited, **content, **(given or {})}


class _SourceTraits:
    """What a plan has to know of a source of any type. Each type overrides what differs."""

    verb = ""
    """The action that makes an image from it, as RV(actions) calls it."""
    names_content = False
    """Whether the source itself is the content, whose fingerprint is the image's."""
    is_copied = False
    """Whether the image comes from another server, from which its fingerprint has to be read."""
    is_from_server = False
    """Whether that is an image server, which may have a newer image under the same alias tomorrow."""
    is_published = False
    """Whether the image is made from an instance or a snapshot: only the server knows its fingerprint."""
    copy_aliases = False
    """Whether the image gets the aliases that it has on its source, too."""
    stop = False
    """Whether a running instance may be stopped."""
    fingerprint = t.cast("str | None", None)
    """The fingerprint by which the image is looked up on its source, if the task gives one."""

    @property
    def wanted_kind(self) -> dict[str, str]:
        """The ``type`` and ``architecture`` that the image must have, in the words of the servers.

        Has only what the task gives.
        """
        return {}

    @property
    def can_be_followed(self) -> bool:
        """Whether a server that copies from this source can update the image later by itself."""
        return False


@record(frozen=True)
class FileSource(_SourceTraits):
    """Files on the managed node."""

    path: str
    rootfs_path: str | None = None
    checksum: Checksum | None = None
    filename: str | None = None
    metadata: t.Mapping[str, t.Any] | None = None
    checksum_origin: str = "'checksum'"
    """Names the option or the URL that the checksum comes from: for messages."""

    verb = "import"
    names_content = True


@record(frozen=True)
class InstanceSource(_SourceTraits):
    """An instance (``c1``) or a snapshot (``c1/snap0``) of the same server and project.

    ``kind``: "instance" or "snapshot".
    """

    kind: str
    name: str
    compression_algorithm: str | None = None
    filename: str | None = None
    stop: bool = False

    verb = "publish"
    is_published = True


@record(frozen=True)
class ImageSource(_SourceTraits):
    """An image of another server: its ``alias``, or its ``fingerprint`` (complete if there is a ``secret``).

    ``protocol``: simplestreams, oci, lxd or incus. Certificates and keys: a path on the node or PEM text.
    """

    server: str | None = None
    protocol: str | None = None
    remote: str | None = None
    alias: str | None = None
    fingerprint: str | None = None
    image_type: str | None = None
    architecture: str | None = None
    certificate: str | None = None
    secret: str | None = field(default=None, repr=False)
    project: str | None = None
    client_cert: str | None = None
    client_key: str | None = field(default=None, repr=False)
    client_key_password: str | None = field(default=None, repr=False)
    copy_aliases: bool = False
    mode: str = "auto"
    filename: str | None = None

    verb = "copy"
    is_copied = True
    is_from_server = True

    @property
    def wanted_kind(self) -> dict[str, str]:
        architecture = self.architecture and architecture_name(self.architecture)
        return {key: value for key, value in (("type", self.image_type), ("architecture", architecture)) if value}

    @property
    def can_be_followed(self) -> bool:
        return bool(self.alias) and self.mode in ("auto", "pull")

    def with_remote(
        self,
        server: str,
        protocol: str,
        project: str | None,
        certificate: str | None,
        client_cert: str | None,
        client_key: str | None,
    ) -> ImageSource:
        """Return the source with a configured remote's values for what the task itself does not give."""
        own_certificate = bool(self.client_cert)
        return replace(
            self,
            server=server,
            protocol=self.protocol or protocol,
            project=self.project or project,
            certificate=self.certificate or certificate,
            client_cert=self.client_cert if own_certificate else client_cert,
            client_key=self.client_key if own_certificate else client_key,
        )


@record(frozen=True)
class UrlSource(_SourceTraits):
    """A tarball on the web, or a URL whose answer has the headers LXD-Image-URL and LXD-Image-Hash (or Incus-...)."""

    url: str
    checksum: Checksum | None = None
    filename: str | None = None
    certificate: str | None = None

    verb = "copy"
    is_copied = True


Source = t.Union[FileSource, InstanceSource, ImageSource, UrlSource]


@record(frozen=True)
class DesiredImage:
    """One image as the task desires it.

    ``fingerprint``: 64 digits once it is resolved; None if only the alias identifies the image.
    """

    state: str
    name: str | None = None
    fingerprint: str | None = None
    source: Source | None = None
    aliases: tuple[str, ...] = ()
    purge_aliases: bool = False
    alias_conflict: str = "move"
    settings: SettingsChange = field(default_factory=SettingsChange)
    previous: str = "keep"
    force: bool = False

    @property
    def alias_names(self) -> tuple[str, ...]:
        """All aliases that are to point at the image, ``name`` first, each once."""
        names = ((self.name,) if self.name else ()) + self.aliases
        return tuple(dict.fromkeys(names))

    @property
    def is_marked_last(self) -> bool:
        """Whether the bookkeeping of the source is written last: if there is no name, but aliases of the source."""
        return self.name is None and self.source is not None and self.source.copy_aliases

    def can_follow(self, offered: OfferedImage | None) -> bool:
        """Return whether the server would have something to follow for a copy of the source, with auto_update.

        ``offered``: what the source provides, if that is known.
        """
        if self.source is None or not self.source.can_be_followed:
            return False
        return offered is None or offered.public
