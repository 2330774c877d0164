# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""Images, their aliases, their settings and their sources as plain data. No I/O.

Names are those of the API (``shared/api/image.go`` of both servers). ``ImageSettings`` is what ``PUT /1.0/images/{fingerprint}``
can write, and all of it: what such a request leaves out, the server resets.
"""

from __future__ import annotations

import hashlib
import json
import re
import typing as t
from datetime import datetime, timedelta, timezone

from ansible_collections.community.lxd.plugins.module_utils._lxd.documents import (
    mapping,
    mappings,
    need_mapping,
    need_object,
    need_text,
    text,
    text_values,
    texts,
)
from ansible_collections.community.lxd.plugins.module_utils._lxd.errors import LXDInputError
from ansible_collections.community.lxd.plugins.module_utils._lxd.record import field, record, replace
from ansible_collections.community.lxd.plugins.module_utils._lxd.urls import shown_url

if t.TYPE_CHECKING:
    from ansible_collections.community.lxd.plugins.module_utils._image.checksum import Checksum

UNKNOWN = "unknown"
"""Stands for a fingerprint that only the server will know."""

NEVER = "never"

RESERVED_PREFIX = "ansible."
"""Properties of this name are the collection's memory, never the user's."""

PROTECTED = "protected"
REPLACES = "replaces"
"""On a new image: the fingerprint of the one that is to go when the alias has moved. Survives a run that was killed in between."""
MADE_FROM = "source"
"""On a published or copied image: what it was made from, as JSON."""
WITHDRAWN = "withdrawn"
"""On an inactive image: what it had before, as JSON: aliases with descriptions, public, auto_update."""

_FINGERPRINT = re.compile("[0-9a-f]{12,64}")
_TIME = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d):(\d\d)(?:\.(\d+))?\s*(Z|[+-]\d\d:?\d\d)?)?",
    re.IGNORECASE,
)
# "Never" is 1970 where LXD stored an upload, 0001 on Incus and on what was published; only 1970 can be written.
_NEVER_ON_SERVER = "1970-01-01T00:00:00Z"


# Debian's names, which the products use, to the kernel's, which the servers use
ARCHITECTURES = {
    "amd64": "x86_64",
    "i386": "i686",
    "arm64": "aarch64",
    "armhf": "armv7l",
    "armel": "armv6l",
    "ppc64el": "ppc64le",
    "powerpc": "ppc",
    "s390x": "s390x",
    "riscv64": "riscv64",
    "loong64": "loongarch64",
}


def architecture_name(name: str) -> str:
    """Return the kernel's name of an architecture, whose Debian name may be given."""
    return ARCHITECTURES.get(name, name)


def check_fingerprint(value: str, option: str = "fingerprint") -> str:
    """A fingerprint or a prefix of one that is safe to send: old servers take anything shorter, or with ``%``, as a pattern."""
    if not is_fingerprint(value):
        raise LXDInputError(f"'{option}' is {value!r}, but must be 12 to 64 lower-case hex digits: an image's fingerprint, or how it begins.")
    return value


def is_fingerprint(value: str) -> bool:
    return _FINGERPRINT.fullmatch(value) is not None


def is_complete(fingerprint: str) -> bool:
    return len(fingerprint) == 64


_PLAIN_ALIAS = re.compile(r"""[^\W_](?:[^\s$?&+"'`*]{0,62}[^\W_])?""")


def is_plain_alias(name: str) -> bool:
    """Return whether servers that are strict about aliases take the name: 64 characters, letters or digits first and last."""
    return _PLAIN_ALIAS.fullmatch(name) is not None


def property_value(key: str, value: t.Any) -> str | None:
    """What a property is sent as: numbers and booleans as YAML would write them, None for an empty value.

    Raises LXDInputError for a list or a dictionary, and for what the servers would cut off.
    """
    if "\0" in key or (isinstance(value, str) and "\0" in value):
        raise LXDInputError(f"The property {key!r} has a NUL character, which the servers don't store.")
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str(value)
    if value is None or value == "":
        return None
    if isinstance(value, str):
        return value
    raise LXDInputError(f"The property {key!r} is a {type(value).__name__}, but must be text, a number or a boolean.")


# times


def parse_time(value: str) -> datetime | None:
    """A moment in UTC from RFC 3339 or a date (its first moment), or None for never. Raises ValueError."""
    if value.strip().lower() == NEVER:
        return None
    match = _TIME.fullmatch(value.strip())
    if not match:
        raise ValueError(f"{value!r} is neither 'never' nor a date nor a time such as 2030-12-31T23:59:59Z")
    year, month, day, hour, minute, second, fraction, offset = match.groups()
    # Go writes nanoseconds; Python knows microseconds
    moment = datetime(
        int(year), int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0), int((fraction or "0")[:6].ljust(6, "0")), tzinfo=timezone.utc
    )
    if offset and offset.upper() != "Z":
        minutes = int(offset[1:3]) * 60 + int(offset[-2:])
        try:
            moment -= timedelta(minutes=minutes if offset[0] == "+" else -minutes)
        except OverflowError as exc:
            raise ValueError(f"{value!r} is no time of the years 1 to 9999 in UTC") from exc
    return None if moment.year <= 1 or moment == datetime(1970, 1, 1, tzinfo=timezone.utc) else moment


def format_time(moment: datetime | None) -> str:
    """RFC 3339 in UTC as the servers write it, or "never"."""
    if moment is None:
        return NEVER
    text = moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S").rjust(19, "0")
    return f"{text}.{moment.microsecond:06d}".rstrip("0") + "Z" if moment.microsecond else text + "Z"


def normalize_time(value: str | None) -> str:
    return format_time(parse_time(value or NEVER))


def time_of_others(value: t.Any) -> datetime | None:
    """Return a moment that somebody else has written, or None where there is none: they may write anything."""
    try:
        return parse_time(text(value) or NEVER)
    except ValueError:
        return None


# what the server has


@record(frozen=True)
class Alias:
    """``GET /1.0/images/aliases/{name}``. ``etag`` only where it was read from there."""

    name: str
    target: str
    description: str = ""
    type: str = ""
    etag: str | None = None

    @classmethod
    def from_api(cls, data: t.Any, etag: str | None = None, where: str = "the alias") -> Alias:
        """Of any answer. Raises LXDAPIError, which calls it ``where``, if it is no alias."""
        data = need_object(data, where)
        return cls(need_text(data, "name", where), need_text(data, "target", where), text(data.get("description")), text(data.get("type")), etag)

    def to_result(self) -> dict[str, t.Any]:
        return {"name": self.name, "target": self.target, "description": self.description, "type": self.type}

    def to_diff(self) -> dict[str, t.Any]:
        return {"name": self.name, "target": self.target, "description": self.description}


@record(frozen=True)
class ImageSettings:
    """What can be written of an image. ``expires_at``: RFC 3339 in UTC or "never"; ``profiles``: sorted, a set to the server."""

    public: bool = False
    auto_update: bool = False
    properties: t.Mapping[str, str] = field(default_factory=dict)
    expires_at: str = NEVER
    profiles: tuple[str, ...] = ("default",)

    @classmethod
    def from_api(cls, data: t.Mapping[str, t.Any]) -> ImageSettings:
        return cls(
            public=bool(data.get("public")),
            auto_update=bool(data.get("auto_update")),
            # an upload can store an empty value; to the server it is none: the next write drops it
            properties={key: value for key, value in text_values(data.get("properties")).items() if value},
            expires_at=format_time(time_of_others(data.get("expires_at"))),
            profiles=tuple(sorted(texts(data.get("profiles")))),
        )

    def to_api(self) -> dict[str, t.Any]:
        """The whole body of a PUT."""
        return {
            "public": self.public,
            "auto_update": self.auto_update,
            "properties": dict(self.properties),
            "expires_at": _NEVER_ON_SERVER if self.expires_at == NEVER else self.expires_at,
            "profiles": list(self.profiles),
        }

    @property
    def user_properties(self) -> dict[str, str]:
        return {key: value for key, value in self.properties.items() if not key.startswith(RESERVED_PREFIX)}

    @property
    def memory(self) -> dict[str, str]:
        """What the collection remembers about the image, without the prefix."""
        return {key[len(RESERVED_PREFIX) :]: value for key, value in self.properties.items() if key.startswith(RESERVED_PREFIX)}


@record(frozen=True)
class Withdrawn:
    """What an inactive image is given back. ``aliases``: name -> description."""

    aliases: t.Mapping[str, str]
    public: bool
    auto_update: bool

    @classmethod
    def from_memory(cls, text: str | None) -> Withdrawn | None:
        """None also for what was not written by to_memory(): anybody may set properties."""
        try:
            data = json.loads(text or "null")
        except (ValueError, RecursionError):
            return None
        aliases = data.get("aliases", {}) if isinstance(data, dict) else None
        if not isinstance(aliases, dict) or not all(isinstance(description, str) for description in aliases.values()):
            return None
        return cls(aliases, bool(data.get("public")), bool(data.get("auto_update")))

    def joined(self, other: Withdrawn) -> Withdrawn:
        """What both remember."""
        return Withdrawn({**other.aliases, **self.aliases}, self.public or other.public, self.auto_update or other.auto_update)

    def to_memory(self) -> str:
        return json.dumps({"aliases": dict(self.aliases), "auto_update": self.auto_update, "public": self.public}, sort_keys=True)


_KINDS: dict[str, type] = {
    **dict.fromkeys(("aliases", "profiles"), list),
    **dict.fromkeys(("public", "auto_update", "cached"), bool),
    **dict.fromkeys(("architecture", "type", "filename", "created_at", "expires_at", "last_used_at", "uploaded_at"), str),
    **dict.fromkeys(("properties", "update_source"), dict),
    "size": int,
}


@record(frozen=True)
class Image:
    """``GET /1.0/images/{fingerprint}``. ``data`` is the server's object, whole."""

    fingerprint: str
    settings: ImageSettings
    aliases: t.Mapping[str, str]
    """name -> description"""
    data: t.Mapping[str, t.Any] = field(default_factory=dict, repr=False)
    etag: str | None = None

    @classmethod
    def from_api(cls, data: t.Any, etag: str | None = None, where: str = "the image") -> Image:
        """Of any answer. Raises LXDAPIError, which calls it ``where``, if it is no image."""
        data = need_object(data, where)
        fingerprint = need_text(data, "fingerprint", where)
        # others read these as what they are; of another kind they are none
        data = {key: value for key, value in data.items() if value is None or isinstance(value, _KINDS.get(key, object))}
        if data.get("properties"):
            data["properties"] = text_values(data["properties"])
        aliases = {name: text(alias.get("description")) for alias in mappings(data.get("aliases")) if (name := text(alias.get("name")))}
        return cls(fingerprint, ImageSettings.from_api(data), aliases, data, etag)

    @property
    def protected(self) -> bool:
        return self.settings.memory.get(PROTECTED) == "true"

    @property
    def followed_alias(self) -> str | None:
        """The alias that the server asks for to update the image. It may have noted a fingerprint there, which never changes."""
        alias = text(mapping(self.data.get("update_source")).get("alias"))
        return alias if alias and not is_fingerprint(alias) else None

    @property
    def withdrawn(self) -> Withdrawn | None:
        """What it had before it was taken out of use; None unless it was."""
        return Withdrawn.from_memory(self.settings.memory.get(WITHDRAWN))

    def to_result(self) -> dict[str, t.Any]:
        """The server's object with sorted lists, one way to say never, and the collection's memory apart from the properties."""
        return {
            **self.data,
            **self._update_source(),
            "fingerprint": self.fingerprint,
            "public": self.settings.public,
            "auto_update": self.settings.auto_update,
            "properties": {key: value for key, value in sorted((self.data.get("properties") or {}).items()) if not key.startswith(RESERVED_PREFIX)},
            "expires_at": self.settings.expires_at,
            "profiles": list(self.settings.profiles),
            "aliases": [{"name": name, "description": description} for name, description in sorted(self.aliases.items())],
            "protected": self.protected,
            "ansible": {key: scrub_source(value) if key == MADE_FROM else value for key, value in sorted(self.settings.memory.items())},
        }

    def _update_source(self) -> dict[str, t.Any]:
        """What the server follows, without what is secret in its URL."""
        source = self.data.get("update_source")
        if not isinstance(source, dict) or not isinstance(source.get("server"), str):
            return {}
        return {"update_source": {**source, "server": shown_url(source["server"])}}

    def list_aliases(self) -> list[Alias]:
        return [Alias(name, self.fingerprint, description, self.data.get("type") or "") for name, description in sorted(self.aliases.items())]


def scrub_source(made_from: str) -> str:
    """Return what an image remembers of its source without what is secret in a URL: version 1.0.0 kept that."""
    try:
        source = json.loads(made_from)
    except (ValueError, RecursionError):
        return made_from
    if not isinstance(source, dict):
        return made_from
    shown = {key: shown_url(value) if key in ("server", "url") and isinstance(value, str) else value for key, value in source.items()}
    return made_from if shown == source else json.dumps(shown, sort_keys=True)


def _digest(config: t.Mapping[str, str]) -> str:
    """Of an instance's own configuration; what the server notes there by itself (volatile) is no change of it."""
    own = {key: value for key, value in config.items() if not key.startswith("volatile.")}
    return hashlib.sha256(json.dumps(own, sort_keys=True).encode()).hexdigest()[:16]


@record(frozen=True)
class Instance:
    """``GET /1.0/instances/{name}`` or a snapshot of one: what publishing needs to know. ``identity``: what it would be made from."""

    name: str
    running: bool
    ephemeral: bool
    image_properties: t.Mapping[str, str]
    identity: t.Mapping[str, str]

    STOPPED: t.ClassVar[int] = 102

    @classmethod
    def from_api(cls, name: str, kind: str, data: t.Any) -> Instance:
        """Of any answer. Raises LXDAPIError if it is no instance."""
        where = f"the server's answer about the {kind} {name!r}"
        data = need_object(data, where)
        config = text_values(need_mapping(data, "config", where))
        return cls(
            name=name,
            running=kind == "instance" and data.get("status_code") != cls.STOPPED,
            ephemeral=bool(data.get("ephemeral")),
            image_properties={key[len("image.") :]: value for key, value in config.items() if key.startswith("image.") and value},
            identity={
                "type": kind,
                "name": name,
                "created_at": text(data.get("created_at")),
                **({"last_used_at": text(data.get("last_used_at")), "config": _digest(config)} if kind == "instance" else {}),
            },
        )

    @property
    def made_from(self) -> str:
        return json.dumps(self.identity, sort_keys=True)


# what the task asks for


@record(frozen=True)
class SettingsChange:
    """Desired settings; None is "not given, leave alone". A property of value None is to be removed."""

    public: bool | None = None
    auto_update: bool | None = None
    expires_at: str | None = None
    profiles: tuple[str, ...] | None = None
    properties: t.Mapping[str, str | None] | None = None
    purge_properties: bool = False
    memory: t.Mapping[str, str | None] = field(default_factory=dict)
    default_properties: t.Mapping[str, str] = field(default_factory=dict)
    """For a new image: kept from the one that it replaces, unless it has its own."""
    forget: bool = False
    """For a new image: what another server or project remembered about it does not hold here."""

    def overlay(self, current: ImageSettings) -> ImageSettings:
        """The settings as they are to be."""
        given = {key: value for key in ("public", "auto_update", "expires_at", "profiles") if (value := getattr(self, key)) is not None}
        return replace(current, **given, properties=self._overlay_properties(current))

    def _overlay_properties(self, current: ImageSettings) -> dict[str, str]:
        user = {} if self.purge_properties else {**self.default_properties, **current.user_properties}
        remembered = {} if self.forget else current.memory
        own = dict(self.memory)
        withdrawn = Withdrawn.from_memory(own.get(WITHDRAWN))
        if withdrawn:
            # others may be withdrawing it too, or have put it back, since the aliases were read
            was = Withdrawn.from_memory(remembered.get(WITHDRAWN)) or Withdrawn({}, False, False)
            own[WITHDRAWN] = withdrawn.joined(was).joined(Withdrawn({}, current.public, current.auto_update)).to_memory()
        memory = {RESERVED_PREFIX + key: value for key, value in {**remembered, **own}.items()}
        return {key: value for key, value in {**user, **(self.properties or {}), **memory}.items() if value}

    def remember(self, **memory: str | None) -> SettingsChange:
        return replace(self, memory={**self.memory, **memory})

    def given(self, settings: ImageSettings) -> dict[str, t.Any]:
        """Of ``settings``, what this change says anything about: one half of a diff."""
        shown: dict[str, t.Any] = {
            key: list(value) if isinstance(value, tuple) else value
            for key in ("public", "auto_update", "expires_at", "profiles")
            if getattr(self, key) is not None and (value := getattr(settings, key)) is not None
        }
        if self.properties is not None:
            shown["properties"] = dict(sorted(settings.user_properties.items()))
        if PROTECTED in self.memory:
            shown[PROTECTED] = settings.memory.get(PROTECTED) == "true"
        return shown


@record(frozen=True)
class FileSource:
    """Files on the managed node."""

    path: str
    rootfs_path: str | None = None
    checksum: Checksum | None = None
    filename: str | None = None
    metadata: t.Mapping[str, t.Any] | None = None
    checksum_origin: str = "'checksum'"
    """Who says what the checksum is: for messages."""

    action: t.ClassVar[str] = "import"


@record(frozen=True)
class InstanceSource:
    """An instance (``c1``) or a snapshot (``c1/snap0``) of the same server and project. ``kind``: "instance" or "snapshot"."""

    kind: str
    name: str
    compression_algorithm: str | None = None
    filename: str | None = None
    stop: bool = False

    action: t.ClassVar[str] = "publish"


@record(frozen=True)
class ImageSource:
    """An image of another server: its ``alias``, or its ``fingerprint`` (complete where there is a ``secret``).

    ``protocol``: simplestreams, lxd or incus. Certificates and keys: a path on the node or PEM text.
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
    copy_aliases: bool = False
    mode: str = "auto"
    filename: str | None = None

    action: t.ClassVar[str] = "copy"

    @property
    def wanted_kind(self) -> dict[str, str]:
        """What the image must be, as the servers call it: its ``type`` and ``architecture``, as far as the task says."""
        architecture = self.architecture and architecture_name(self.architecture)
        return {key: value for key, value in (("type", self.image_type), ("architecture", architecture)) if value}

    def with_remote(
        self, server: str, protocol: str, project: str | None, certificate: str | None, client_cert: str | None, client_key: str | None
    ) -> ImageSource:
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
class UrlSource:
    """A tarball on the web, or a URL that answers with the headers LXD-Image-URL and LXD-Image-Hash (or Incus-...)."""

    url: str
    checksum: Checksum | None = None
    filename: str | None = None
    certificate: str | None = None

    action: t.ClassVar[str] = "copy"


@record(frozen=True)
class UpstreamImage:
    """What another server offers. ``files``: where it serves plain files, each with ``path``, ``size`` and ``part``."""

    fingerprint: str
    aliases: t.Mapping[str, str] = field(default_factory=dict)
    properties: t.Mapping[str, str] = field(default_factory=dict)
    architecture: str = ""
    type: str = ""
    public: bool = True
    expires_at: str = NEVER
    full_names: tuple[str, ...] = ()
    """Of a simplestreams server: aliases that name the architecture too."""
    filename: str = ""
    """What the copy is called, unless the task says otherwise."""
    files: tuple[t.Any, ...] = field(default=(), repr=False)
    made_from: str = ""
    """What the copy remembers, as JSON: enough to ask again whether there is a newer one."""


Source = t.Union[FileSource, InstanceSource, ImageSource, UrlSource]


@record(frozen=True)
class DesiredImage:
    """One image as the task asks for it. ``fingerprint``: 64 digits once it is resolved, None where only the alias says which image."""

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


@record(frozen=True)
class DesiredAlias:
    """``target``: the full fingerprint of an image, or None to leave it alone."""

    name: str
    state: str = "present"
    target: str | None = None
    description: str | None = None
    rename_from: str | None = None


@record(frozen=True)
class DesiredSecret:
    """A secret for the image of ``name`` or ``fingerprint``; or, absent, the one of ``operation`` revoked."""

    state: str
    name: str | None = None
    fingerprint: str | None = None
    operation: str | None = None


@record(frozen=True)
class DesiredExport:
    """The image of ``name`` or ``fingerprint`` in files at ``dest``."""

    dest: str
    name: str | None = None
    fingerprint: str | None = None
    secret: str | None = field(default=None, repr=False)


@record(frozen=True)
class CurrentImage:
    """What the server has of that: the aliases and images that the task touches, by name and by fingerprint."""

    aliases: t.Mapping[str, Alias] = field(default_factory=dict)
    images: t.Mapping[str, Image] = field(default_factory=dict)
    instance: Instance | None = None
    upstream: UpstreamImage | None = None
    """What the source offers, where that had to be asked."""
    adopted: str | None = None
    """Fingerprint of an image that a broken run has published from the very same source and not named yet, or that was withdrawn from the name."""

    def target_of(self, name: str | None) -> Image | None:
        alias = self.aliases.get(name) if name else None
        return self.images.get(alias.target) if alias else None
