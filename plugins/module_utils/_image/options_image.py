# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""Parses the options of a task: what one image is to be. Pure.

An LXDInputError names the option that is wrong. What an argument spec can express is in ``_argument_specs.py``.
"""

from __future__ import annotations

import typing as t

from .._lxd.errors import LXDInputError
from .._lxd.urls import shown_url
from .desired_image import (
    DesiredImage,
    FileSource,
    ImageSource,
    InstanceSource,
    SettingsChange,
    Source,
    UrlSource,
)
from .model import PROTECTED, RESERVED_PREFIX, check_fingerprint, is_complete, property_value
from .times import normalize_time

if t.TYPE_CHECKING:
    from .options import Params

_SOURCE_OPTIONS: dict[str, frozenset[str]] = {
    "image": frozenset(
        {
            "remote",
            "server",
            "protocol",
            "alias",
            "fingerprint",
            "image_type",
            "architecture",
            "certificate",
            "secret",
            "project",
            "client_cert",
            "client_key",
            "client_key_password",
            "copy_aliases",
            "mode",
            "filename",
        }
    ),
    "url": frozenset({"url", "checksum", "filename", "certificate"}),
    "file": frozenset({"path", "rootfs_path", "checksum", "filename", "metadata"}),
    "instance": frozenset({"name", "compression_algorithm", "filename", "stop"}),
    "snapshot": frozenset({"name", "compression_algorithm", "filename"}),
}
_REQUIRED = {"url": "url", "file": "path", "instance": "name", "snapshot": "name"}
"""An argument spec only asks whether these are given, not whether they are empty."""


def desired_image(params: Params) -> DesiredImage:
    """Parse the options of lxd_image. Raises LXDInputError."""
    state = params.get("state") or "present"
    name, fingerprint = params.get("name"), params.get("fingerprint")
    if fingerprint is not None:
        check_fingerprint(fingerprint)
    source = desired_source(params["source"], fingerprint) if params.get("source") is not None else None
    if state in ("absent", "inactive") and (name or fingerprint):
        # the image is known without it; a file need not exist any more
        source = None
    _refuse_all(_identity_rules(params, source))
    _refuse_all(_state_rules(params, source))
    return DesiredImage(
        state=state,
        name=name,
        fingerprint=fingerprint or (source.fingerprint if source else None),
        source=source,
        aliases=tuple(params.get("aliases") or ()),
        purge_aliases=bool(params.get("purge_aliases")),
        alias_conflict=params.get("alias_conflict") or "move",
        settings=_settings(params),
        previous=params.get("previous") or "keep",
        force=bool(params.get("force")),
    )


Rule = tuple[object, str]
"""A condition that must not hold, and the message for it."""


def _refuse_all(rules: t.Iterable[Rule]) -> None:
    """Raise LXDInputError for the first rule that is broken."""
    for is_broken, message in rules:
        if is_broken:
            raise LXDInputError(message)


def _identity_rules(params: Params, source: Source | None) -> t.Iterator[Rule]:
    """Yield what must hold so that it is clear which image is meant. An argument spec cannot express these."""
    name, fingerprint = params.get("name"), params.get("fingerprint")
    published = source is not None and source.is_published
    yield (
        not name and not fingerprint and (source is None or published),
        (
            "One of 'name', 'fingerprint', or a 'source' other than an instance or a snapshot is required: "
            "which image is meant."
        ),
    )
    yield (
        fingerprint and published,
        (
            "The fingerprint of a published image can't be chosen: "
            "give only 'name' with a 'source' of type 'instance' or 'snapshot'."
        ),
    )


def _state_rules(params: Params, source: Source | None) -> t.Iterator[Rule]:
    """Yield which options do not go together."""
    yield (
        params.get("state") == "latest" and source is None,
        "'state: latest' requires a 'source' that may have a newer image.",
    )
    for option in ("aliases", "properties"):
        yield (
            params.get(f"purge_{option}") and params.get(option) is None,
            (
                f"'purge_{option}' requires '{option}': the ones that are to stay. "
                f"To remove all of them, give an empty '{option}'."
            ),
        )
    yield (
        params.get("auto_update") and source is not None and source.is_copied and not source.is_from_server,
        "'auto_update' is not supported for an image from a URL: the server would have nothing to follow.",
    )
    yield (
        params.get("purge_aliases") and source is not None and source.copy_aliases,
        "'purge_aliases' and 'source.copy_aliases' are mutually exclusive.",
    )
    yield (
        params.get("state") == "inactive" and (params.get("public") or params.get("auto_update")),
        "An inactive image is neither public nor updated: leave out 'public' and 'auto_update'.",
    )


def _settings(params: Params) -> SettingsChange:
    protected = params.get("protected")
    expires_at = params.get("expires_at")
    profiles = params.get("profiles")
    try:
        expires_at = normalize_time(expires_at) if expires_at is not None else None
    except ValueError as exc:
        raise LXDInputError(f"'expires_at': {exc}.") from exc
    return SettingsChange(
        public=params.get("public"),
        auto_update=params.get("auto_update"),
        expires_at=expires_at,
        profiles=None if profiles is None else tuple(sorted(set(profiles))),
        properties=_properties(params.get("properties")),
        purge_properties=bool(params.get("purge_properties")),
        bookkeeping={} if protected is None else {PROTECTED: "true" if protected else None},
    )


def _properties(given: Params | None) -> dict[str, str | None] | None:
    if given is None:
        return None
    for key in given:
        if str(key).startswith(RESERVED_PREFIX):
            raise LXDInputError(
                f"The property {key!r} can't be set: "
                f"property names beginning with {RESERVED_PREFIX!r} are reserved for this collection."
            )
    return {str(key): property_value(str(key), value) for key, value in given.items()}


def desired_source(params: Params, fingerprint: str | None = None) -> Source:
    """Parse the suboptions of ``source``. Raises LXDInputError.

    ``fingerprint``: the one that the task gives for its image; it also selects the image on another server.
    """
    kind = params.get("type") or "image"
    given = {key: value for key, value in params.items() if value is not None and key != "type"}
    strange = sorted(set(given) - _SOURCE_OPTIONS[kind])
    if strange:
        raise LXDInputError(
            f"A 'source' of type '{kind}' does not support {', '.join(strange)}; "
            f"it supports {', '.join(sorted(_SOURCE_OPTIONS[kind]))}."
        )
    required = _REQUIRED.get(kind)
    if required and required not in given:
        raise LXDInputError(f"A 'source' of type '{kind}' requires '{required}', which is empty.")
    _check_filename(given.get("filename") or "")
    if kind == "image":
        return _image_source(given, fingerprint)
    if "checksum" in given:
        # imported only here: most sources have none
        from .sources.checksum import parse_checksum

        given["checksum"] = parse_checksum(given["checksum"])
    if kind == "file":
        return FileSource(**given)
    if kind == "url":
        if not given["url"].startswith(("http://", "https://")):
            raise LXDInputError(
                f"The 'url' in 'source' is {shown_url(given['url'])!r}, but must begin with http:// or https://."
            )
        return UrlSource(**given)
    has_slash = "/" in given["name"].strip("/")
    if has_slash != (kind == "snapshot"):
        form = (
            "the name of an instance; for a snapshot, set 'type' to 'snapshot'" if has_slash else "'instance/snapshot'"
        )
        raise LXDInputError(f"The 'name' in 'source' is {given['name']!r}, but must be {form}.")
    return InstanceSource(kind=kind, **given)


def _check_filename(name: str) -> None:
    """Refuse a file name that the header of a request cannot carry. Raises LXDInputError."""
    if not name.isprintable() or name != name.strip():
        raise LXDInputError(
            f"The 'filename' in 'source' is {name!r}, but must have no control characters, and no blanks at its ends."
        )


def _image_source(given: dict[str, t.Any], fingerprint: str | None) -> ImageSource:
    if "remote" not in given and "server" not in given:
        raise LXDInputError(
            "A 'source' of type 'image' requires either 'remote', a configured or well-known name, or 'server', a URL."
        )
    if "alias" not in given and "fingerprint" not in given and fingerprint:
        given["fingerprint"] = fingerprint
    if ("alias" in given) == ("fingerprint" in given):
        raise LXDInputError(
            "A 'source' of type 'image' requires either 'alias' or 'fingerprint': "
            "which of the server's images is meant."
        )
    if "fingerprint" in given:
        check_fingerprint(given["fingerprint"], "fingerprint' in 'source")
    if given.get("filename") and given.get("mode") == "push":
        raise LXDInputError(
            "The options 'filename' and 'mode: push' in 'source' are mutually exclusive: "
            "the other server names the file after the fingerprint. Use pull or relay."
        )
    if ("client_cert" in given) != ("client_key" in given):
        raise LXDInputError("'client_cert' and 'client_key' in 'source' are required together: give both or none.")
    if given.get("secret") and not is_complete(given.get("fingerprint") or ""):
        raise LXDInputError(
            "A 'secret' in 'source' requires the full 'fingerprint' of its image: "
            "a secret can be used only once, and resolving an alias or a prefix would consume it."
        )
    if "server" in given:
        given.setdefault("protocol", "lxd")
        schemes = ("http://", "https://") if given["protocol"] == "simplestreams" else ("https://",)
        if not given["server"].startswith(schemes):
            raise LXDInputError(
                f"The 'server' in 'source' is {shown_url(given['server'])!r}, "
                f"but must begin with {' or '.join(schemes)}."
            )
    source = ImageSource(**given)
    if source.server:
        # imported only here: most sources name a remote, whose protocol is not known yet
        from .protocols import check_protocol

        check_protocol(source)
    return source
