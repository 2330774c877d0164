# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""Holds what a server has, as plain data: images, their aliases and settings, instances. Pure.

The names are those of the API (``shared/api/image.go`` of both servers). ``ImageSettings`` holds everything that
``PUT /1.0/images/{fingerprint}`` can write: the server resets each setting that such a request omits.
"""

from __future__ import annotations

import hashlib
import json
import re
import typing as t

from .._lxd.errors import LXDInputError
from .._lxd.json_shapes import mapping, mappings, need_mapping, need_object, need_text, text, text_values, texts
from .._lxd.record import field, record
from .._lxd.urls import has_credentials, shown_url
from .inactive import INACTIVE, InactiveState
from .times import NEVER, format_time, time_of_others

UNKNOWN = "unknown"
"""Stands for a fingerprint that is unknown until the server has made the image."""

RESERVED_PREFIX = "ansible."
"""Prefix of the properties that are reserved for the collection's bookkeeping. Users can't set them."""

PROTECTED = "protected"
REPLACES = "replaces"
"""Bookkeeping of a new image: the fingerprint of the image to delete when the alias has moved.

It survives if the task is killed in between.
"""
MADE_FROM = "source"
"""Bookkeeping of a published or copied image: the source that it was made from, as JSON."""

_FINGERPRINT = re.compile("[0-9a-f]{12,64}")
# Servers return "never" as 1970 (uploads on LXD) or as 0001 (Incus, published images); only 1970 can be written.
_NEVER_ON_SERVER = "1970-01-01T00:00:00Z"


# simplestreams products use Debian's names, the servers use the kernel's names
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
    """Return the kernel's name of an architecture. ``name``: the kernel's or Debian's name."""
    return ARCHITECTURES.get(name, name)


def check_fingerprint(value: str, option: str = "fingerprint") -> str:
    """Check a fingerprint or a prefix of one, and return it. Raises LXDInputError that names ``option``.

    Other text is not safe to send: old servers use a shorter text, or one with ``%``, as a pattern.
    """
    if not is_fingerprint(value):
        raise LXDInputError(
            f"'{option}' is {value!r}, but must be 12 to 64 lower-case hex digits: "
            "the fingerprint of an image, or a prefix of it."
        )
    return value


def is_fingerprint(value: str) -> bool:
    """Return whether a text is a fingerprint, or a prefix of one with at least 12 digits."""
    return _FINGERPRINT.fullmatch(value) is not None


def is_complete(fingerprint: str) -> bool:
    """Return whether a fingerprint has all its 64 digits."""
    return len(fingerprint) == 64


_PLAIN_ALIAS = re.compile(r"""[A-Za-z0-9](?:[^\s$?&+"'`*]{0,62}[A-Za-z0-9])?""")


def is_plain_alias(name: str) -> bool:
    """Return whether also a strict server accepts the name of an alias.

    Such a name has up to 64 characters, and begins and ends with an ASCII letter or a digit.
    """
    return _PLAIN_ALIAS.fullmatch(name) is not None


def property_value(key: str, value: t.Any) -> str | None:
    """Return the text to send for a property: numbers and booleans as YAML writes them, None for an empty value.

    Raises LXDInputError for a list or a dictionary, and for a NUL character, at which the servers cut the text off.
    """
    if "\0" in key or (isinstance(value, str) and "\0" in value):
        raise LXDInputError(f"The property {key!r} has a NUL character, which the servers do not store. Remove it.")
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
    """An alias, as from ``GET /1.0/images/aliases/{name}``.

    ``target``: full fingerprint. ``type``: of the image. ``etag``: only if the alias was read with that request.
    """

    name: str
    target: str
    description: str = ""
    type: str = ""
    etag: str | None = None

    @classmethod
    def from_api(cls, data: t.Any, etag: str | None = None, where: str = "the alias") -> Alias:
        """Parse an alias from the JSON of a response. Raises LXDAPIError that names ``where`` if it is not an alias."""
        data = need_object(data, where)
        return cls(
            need_text(data, "name", where),
            need_text(data, "target", where),
            text(data.get("description")),
            text(data.get("type")),
            etag,
        )

    def to_result(self) -> dict[str, t.Any]:
        """Return the alias as lxd_image_info returns it."""
        return {"name": self.name, "target": self.target, "description": self.description, "type": self.type}

    def to_diff(self) -> dict[str, t.Any]:
        """Return the alias as one half of a diff."""
        return {"name": self.name, "target": self.target, "description": self.description}


@record(frozen=True)
class ImageSettings:
    """The settings of an image that can be written.

    ``expires_at``: RFC 3339 in UTC or "never". ``profiles``: sorted, because the order has no meaning to the server.
    """

    public: bool = False
    auto_update: bool = False
    properties: t.Mapping[str, str] = field(default_factory=dict)
    expires_at: str = NEVER
    profiles: tuple[str, ...] = ("default",)

    @classmethod
    def from_api(cls, data: t.Mapping[str, t.Any]) -> ImageSettings:
        """Parse the settings from the server's object of an image. A value of a wrong type counts as not set."""
        return cls(
            public=bool(data.get("public")),
            auto_update=bool(data.get("auto_update")),
            # an upload can store an empty value, which the server drops with the next write
            properties={key: value for key, value in text_values(data.get("properties")).items() if value},
            expires_at=format_time(time_of_others(data.get("expires_at"))),
            profiles=tuple(sorted(map(_profile_name, texts(data.get("profiles"))))),
        )

    def to_api(self) -> dict[str, t.Any]:
        """Return the whole body of ``PUT /1.0/images/{fingerprint}``."""
        return {
            "public": self.public,
            "auto_update": self.auto_update,
            "properties": dict(self.properties),
            "expires_at": _NEVER_ON_SERVER if self.expires_at == NEVER else self.expires_at,
            "profiles": list(self.profiles),
        }

    def needs_put(self, current: ImageSettings) -> bool:
        """Return whether only a PUT can make these settings of the current ones: PATCH ignores some of them."""
        return self.expires_at != current.expires_at or self.profiles != current.profiles

    @property
    def user_properties(self) -> dict[str, str]:
        """The properties without the collection's bookkeeping."""
        return {key: value for key, value in self.properties.items() if not key.startswith(RESERVED_PREFIX)}

    @property
    def bookkeeping(self) -> dict[str, str]:
        """The collection's own properties of the image, without their prefix."""
        return {
            key[len(RESERVED_PREFIX) :]: value
            for key, value in self.properties.items()
            if key.startswith(RESERVED_PREFIX)
        }


def _profile_name(profile: str) -> str:
    """Return the name of a profile, which servers give as a name or as ``/1.0/profiles/NAME?project=PROJECT``."""
    prefix = "/1.0/profiles/"
    return profile.partition("?")[0][len(prefix) :] if profile.startswith(prefix) else profile


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
    """An image, as from ``GET /1.0/images/{fingerprint}``. ``data``: the server's whole object."""

    fingerprint: str
    settings: ImageSettings
    aliases: t.Mapping[str, str]
    """name -> description"""
    data: t.Mapping[str, t.Any] = field(default_factory=dict, repr=False)
    etag: str | None = None

    @classmethod
    def from_api(cls, data: t.Any, etag: str | None = None, where: str = "the image") -> Image:
        """Parse an image from the JSON of a response. Raises LXDAPIError that names ``where`` if it is not an image."""
        data = need_object(data, where)
        fingerprint = need_text(data, "fingerprint", where)
        # other code relies on the types of these values: a value of another type is dropped
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
        """Whether this collection refuses to delete the image."""
        return self.settings.bookkeeping.get(PROTECTED) == "true"

    @property
    def is_application_container(self) -> bool:
        """Whether Incus has made the image from the layers of a registry (OCI).

        Its fingerprint is then that of the layers, and not that of its files.
        """
        return self.settings.properties.get("type") == "oci"

    @property
    def followed_alias(self) -> str | None:
        """The alias on the source server by which the server updates the image; None if it can't update the image.

        The server may have stored a fingerprint as the alias, or of an application container a digest. That never means
        another image, so it does not count.
        """
        source = mapping(self.data.get("update_source"))
        alias = text(source.get("alias"))
        is_pinned = is_fingerprint(alias) or source.get("protocol") == "oci" and "@" in alias
        return alias if alias and not is_pinned else None

    @property
    def keeps_credentials(self) -> bool:
        """Whether ``update_source`` has a user, a password or a query: who can read the image can read them."""
        return has_credentials(text(mapping(self.data.get("update_source")).get("server")))

    @property
    def guards(self) -> tuple[str, ...]:
        """The reasons against deleting the image: "protected", "aliased"."""
        return tuple(word for word, holds in (("protected", self.protected), ("aliased", bool(self.aliases))) if holds)

    @property
    def inactive_state(self) -> InactiveState | None:
        """What the image had before it was deactivated; None if it is not inactive."""
        return InactiveState.from_bookkeeping(self.settings.bookkeeping.get(INACTIVE))

    def to_result(self) -> dict[str, t.Any]:
        """Return the image as the modules return it.

        This is the server's object with sorted lists, "never" for each form of it, and the bookkeeping under
        ``ansible`` instead of among the properties.
        """
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
        """Return ``update_source`` without the secrets in its URL, or nothing if the image has none."""
        source = self.data.get("update_source")
        if not isinstance(source, dict) or not isinstance(source.get("server"), str):
            return {}
        return {"update_source": {**source, "server": shown_url(source["server"])}}

    def list_aliases(self) -> list[Alias]:
        """Return the aliases of the image, sorted by name."""
        return [
            Alias(name, self.fingerprint, description, self.data.get("type") or "")
            for name, description in sorted(self.aliases.items())
        ]


def scrub_source(made_from: str) -> str:
    """Return the bookkeeping of a source without the secrets in a URL: version 1.0.0 stored them.

    ``made_from``: the property MADE_FROM, or any other text.
    """
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
    """Return a digest of an instance's configuration, without what the server stores there by itself (volatile)."""
    own = {key: value for key, value in config.items() if not key.startswith("volatile.")}
    return hashlib.sha256(json.dumps(own, sort_keys=True).encode()).hexdigest()[:16]


@record(frozen=True)
class Instance:
    """What publishing has to know of an instance or a snapshot, as from ``GET /1.0/instances/{name}``.

    ``image_properties``: properties of the image that the instance was created from. ``identity``: values that change
    if the instance changes, so that an image of an earlier state is recognized.
    """

    name: str
    running: bool
    ephemeral: bool
    image_properties: t.Mapping[str, str]
    identity: t.Mapping[str, str]

    STOPPED: t.ClassVar[int] = 102

    @classmethod
    def from_api(cls, name: str, kind: str, data: t.Any) -> Instance:
        """Parse an instance or a snapshot from the JSON of a response. Raises LXDAPIError if it is neither.

        ``kind``: "instance" or "snapshot".
        """
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
        """The value of the bookkeeping property MADE_FROM for an image of this instance."""
        return json.dumps(self.identity, sort_keys=True)


@record(frozen=True)
class OfferedImage:
    """An image that another server provides.

    ``files``: of a server that provides plain files; each with ``path``, ``size`` and ``part``.
    """

    fingerprint: str
    aliases: t.Mapping[str, str] = field(default_factory=dict)
    properties: t.Mapping[str, str] = field(default_factory=dict)
    architecture: str = ""
    type: str = ""
    public: bool = True
    expires_at: str = NEVER
    full_names: tuple[str, ...] = ()
    """Only from a simplestreams server: aliases that include the architecture."""
    filename: str = ""
    """The file name of the copy, unless the task gives another one."""
    files: tuple[t.Any, ...] = field(default=(), repr=False)
    made_from: str = ""
    """The bookkeeping of the copy, as JSON: enough to check the source for a newer image later."""


@record(frozen=True)
class CurrentImage:
    """The current state for a desired image.

    It has the aliases and images that the task touches, and what its source provides. ``aliases``: by name.
    ``images``: by fingerprint.
    """

    aliases: t.Mapping[str, Alias] = field(default_factory=dict)
    images: t.Mapping[str, Image] = field(default_factory=dict)
    fingerprint: str | None = None
    """The full fingerprint of the image that the task means, if that is known. UNKNOWN if the server will choose it."""
    instance: Instance | None = None
    """The instance or snapshot to publish."""
    offered: OfferedImage | None = None
    """The image that the source provides, if it had to be looked up."""
    orphan: str | None = None
    """The fingerprint of an image that belongs to the name but does not have it: an inactive one, or one that a killed
    task has published and not named yet."""

    def target_of(self, name: str | None) -> Image | None:
        """Return the image that an alias points at."""
        alias = self.aliases.get(name) if name else None
        return self.images.get(alias.target) if alias else None
