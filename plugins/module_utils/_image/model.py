# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""What a server has, as plain data: images, their aliases and settings, instances. Pure.

Names are those of the API (``shared/api/image.go`` of both servers). ``ImageSettings`` is what ``PUT /1.0/images/{fingerprint}``
can write, and all of it: what such a request leaves out, the server resets.
"""

from __future__ import annotations

import hashlib
import json
import re
import typing as t

from .._lxd.errors import LXDInputError
from .._lxd.json_shapes import mapping, mappings, need_mapping, need_object, need_text, text, text_values, texts
from .._lxd.record import field, record
from .._lxd.urls import shown_url
from .inactive import INACTIVE, InactiveState
from .times import NEVER, format_time, time_of_others

UNKNOWN = "unknown"
"""Stands for a fingerprint that only the server will know."""

RESERVED_PREFIX = "ansible."
"""Properties of this name are the collection's memory, never the user's."""

PROTECTED = "protected"
REPLACES = "replaces"
"""On a new image: the fingerprint of the one that is to go when the alias has moved. Survives a run that was killed in between."""
MADE_FROM = "source"
"""On a published or copied image: what it was made from, as JSON."""

_FINGERPRINT = re.compile("[0-9a-f]{12,64}")
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
        raise LXDInputError(
            f"'{option}' is {value!r}, but must be 12 to 64 lower-case hex digits: an image's fingerprint, or how it begins."
        )
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
        return cls(
            need_text(data, "name", where),
            need_text(data, "target", where),
            text(data.get("description")),
            text(data.get("type")),
            etag,
        )

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
    def bookkeeping(self) -> dict[str, str]:
        """What the collection remembers about the image, without the prefix."""
        return {
            key[len(RESERVED_PREFIX) :]: value
            for key, value in self.properties.items()
            if key.startswith(RESERVED_PREFIX)
        }


_KINDS: dict[str, type] = {
    **dict.fromkeys(("aliases", "profiles"), list),
    **dict.fromkeys(("public", "auto_update", "cached"), bool),
    **dict.fromkeys(
        ("architecture", "type", "filename", "created_at", "expires_at", "last_used_at", "uploaded_at"), str
    ),
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
        data = {
            key: value for key, value in data.items() if value is None or isinstance(value, _KINDS.get(key, object))
        }
        if data.get("properties"):
            data["properties"] = text_values(data["properties"])
        aliases = {
            name: text(alias.get("description"))
            for alias in mappings(data.get("aliases"))
            if (name := text(alias.get("name")))
        }
        return cls(fingerprint, ImageSettings.from_api(data), aliases, data, etag)

    @property
    def protected(self) -> bool:
        return self.settings.bookkeeping.get(PROTECTED) == "true"

    @property
    def followed_alias(self) -> str | None:
        """The alias that the server asks for to update the image. It may have noted a fingerprint there, which never changes."""
        alias = text(mapping(self.data.get("update_source")).get("alias"))
        return alias if alias and not is_fingerprint(alias) else None

    @property
    def guards(self) -> tuple[str, ...]:
        """What speaks against deleting the image: "protected", "aliased"."""
        return tuple(word for word, holds in (("protected", self.protected), ("aliased", bool(self.aliases))) if holds)

    @property
    def inactive_state(self) -> InactiveState | None:
        """What the image had before it was deactivated; None if it is not inactive."""
        return InactiveState.from_bookkeeping(self.settings.bookkeeping.get(INACTIVE))

    def to_result(self) -> dict[str, t.Any]:
        """The server's object with sorted lists, one way to say never, and the collection's memory apart from the properties."""
        return {
            **self.data,
            **self._update_source(),
            "fingerprint": self.fingerprint,
            "public": self.settings.public,
            "auto_update": self.settings.auto_update,
            "properties": {
                key: value
                for key, value in sorted((self.data.get("properties") or {}).items())
                if not key.startswith(RESERVED_PREFIX)
            },
            "expires_at": self.settings.expires_at,
            "profiles": list(self.settings.profiles),
            "aliases": [
                {"name": name, "description": description} for name, description in sorted(self.aliases.items())
            ],
            "protected": self.protected,
            "ansible": {
                key: scrub_source(value) if key == MADE_FROM else value
                for key, value in sorted(self.settings.bookkeeping.items())
            },
        }

    def _update_source(self) -> dict[str, t.Any]:
        """What the server follows, without what is secret in its URL."""
        source = self.data.get("update_source")
        if not isinstance(source, dict) or not isinstance(source.get("server"), str):
            return {}
        return {"update_source": {**source, "server": shown_url(source["server"])}}

    def list_aliases(self) -> list[Alias]:
        return [
            Alias(name, self.fingerprint, description, self.data.get("type") or "")
            for name, description in sorted(self.aliases.items())
        ]


def scrub_source(made_from: str) -> str:
    """Return what an image remembers of its source without what is secret in a URL: version 1.0.0 kept that."""
    try:
        source = json.loads(made_from)
    except (ValueError, RecursionError):
        return made_from
    if not isinstance(source, dict):
        return made_from
    shown = {
        key: shown_url(value) if key in ("server", "url") and isinstance(value, str) else value
        for key, value in source.items()
    }
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
            image_properties={
                key[len("image.") :]: value for key, value in config.items() if key.startswith("image.") and value
            },
            identity={
                "type": kind,
                "name": name,
                "created_at": text(data.get("created_at")),
                **(
                    {"last_used_at": text(data.get("last_used_at")), "config": _digest(config)}
                    if kind == "instance"
                    else {}
                ),
            },
        )

    @property
    def made_from(self) -> str:
        return json.dumps(self.identity, sort_keys=True)


@record(frozen=True)
class OfferedImage:
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


@record(frozen=True)
class CurrentImage:
    """What there is of a desired image: the aliases and images that the task touches, and what its source provides.

    ``aliases`` by name, ``images`` by fingerprint.
    """

    aliases: t.Mapping[str, Alias] = field(default_factory=dict)
    images: t.Mapping[str, Image] = field(default_factory=dict)
    fingerprint: str | None = None
    """The full fingerprint of the image that the task means, if that is known. UNKNOWN if the server will choose it."""
    instance: Instance | None = None
    """The instance or snapshot to publish."""
    offered: OfferedImage | None = None
    """The image that the source provides, if the source had to be asked."""
    orphan: str | None = None
    """The fingerprint of an image that belongs to the name but does not have it: an inactive one, or one that a killed
    task has published and not named yet."""

    def target_of(self, name: str | None) -> Image | None:
        """Return the image that an alias points at."""
        alias = self.aliases.get(name) if name else None
        return self.images.get(alias.target) if alias else None
