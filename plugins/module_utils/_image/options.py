# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""Turns a task's options into the model, checked: what one image, alias, secret or export is to be. Pure. Raises LXDInputError that names the option."""

from __future__ import annotations

import typing as t

from ansible_collections.community.lxd.plugins.module_utils._image.model import (
    PROTECTED,
    RESERVED_PREFIX,
    DesiredAlias,
    DesiredExport,
    DesiredImage,
    DesiredSecret,
    FileSource,
    ImageSource,
    InstanceSource,
    SettingsChange,
    Source,
    UrlSource,
    check_fingerprint,
    is_complete,
    normalize_time,
    property_value,
)
from ansible_collections.community.lxd.plugins.module_utils._lxd.errors import LXDInputError
from ansible_collections.community.lxd.plugins.module_utils._lxd.urls import shown_url

Params = t.Mapping[str, t.Any]

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


def desired_image(params: Params) -> DesiredImage:
    """The options of lxd_image."""
    state, name, fingerprint = params.get("state") or "present", params.get("name"), params.get("fingerprint")
    if fingerprint is not None:
        check_fingerprint(fingerprint)
    for option in ("aliases", "properties"):
        if params.get(f"purge_{option}") and params.get(option) is None:
            raise LXDInputError(f"'purge_{option}' needs '{option}': the ones that are to stay. To remove all of them, give an empty '{option}'.")
    source = desired_source(params["source"], fingerprint) if params.get("source") is not None else None
    if isinstance(source, UrlSource) and params.get("auto_update"):
        raise LXDInputError("'auto_update' can't be set for an image from a URL: the server would have nothing to follow.")
    if state in ("absent", "inactive") and (name or fingerprint):
        source = None  # the image is named already; the file need not exist any more
    if isinstance(source, ImageSource) and source.fingerprint and not fingerprint:
        fingerprint = source.fingerprint
    if not name and not fingerprint and (source is None or isinstance(source, InstanceSource)):
        raise LXDInputError("One of 'name', 'fingerprint', or a 'source' other than an instance or a snapshot is required: which image is meant.")
    if fingerprint and isinstance(source, InstanceSource):
        raise LXDInputError("The fingerprint of a published image can't be chosen: give only 'name' with a 'source' of type 'instance' or 'snapshot'.")
    if params.get("purge_aliases") and isinstance(source, ImageSource) and source.copy_aliases:
        raise LXDInputError("'purge_aliases' and 'copy_aliases' exclude each other: the one removes what the other adds.")
    if state == "inactive" and (params.get("public") or params.get("auto_update")):
        raise LXDInputError("An inactive image is neither public nor updated: leave out 'public' and 'auto_update'.")
    return DesiredImage(
        state=state,
        name=name,
        fingerprint=fingerprint,
        source=source,
        aliases=tuple(params.get("aliases") or ()),
        purge_aliases=bool(params.get("purge_aliases")),
        alias_conflict=params.get("alias_conflict") or "move",
        settings=_settings(params),
        previous=params.get("previous") or "keep",
        force=bool(params.get("force")),
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
        memory={} if protected is None else {PROTECTED: "true" if protected else None},
    )


def _properties(given: Params | None) -> dict[str, str | None] | None:
    if given is None:
        return None
    for key in given:
        if str(key).startswith(RESERVED_PREFIX):
            raise LXDInputError(f"The property {key!r} can't be set: names that begin with {RESERVED_PREFIX!r} are what this collection remembers by.")
    return {str(key): property_value(str(key), value) for key, value in given.items()}


def desired_source(params: Params, fingerprint: str | None = None) -> Source:
    """The suboptions of ``source``. ``fingerprint``: of the image, where the task says which it is to be."""
    kind = params.get("type") or "image"
    given = {key: value for key, value in params.items() if value is not None and key != "type"}
    strange = sorted(set(given) - _SOURCE_OPTIONS[kind])
    if strange:
        raise LXDInputError(f"A 'source' of type '{kind}' has no option {', '.join(strange)}; it takes {', '.join(sorted(_SOURCE_OPTIONS[kind]))}.")
    _check_filename(given.get("filename") or "")
    if kind == "image":
        return _image_source(given, fingerprint)
    if "checksum" in given:
        # only here: most sources have none
        from ansible_collections.community.lxd.plugins.module_utils._image.checksum import parse_checksum

        given["checksum"] = parse_checksum(given["checksum"])
    if kind == "file":
        return FileSource(**given)
    if kind == "url":
        if not given["url"].startswith(("http://", "https://")):
            raise LXDInputError(f"The 'url' in 'source' is {shown_url(given['url'])!r}, but must begin with http:// or https://.")
        return UrlSource(**given)
    has_slash = "/" in given["name"].strip("/")
    if has_slash != (kind == "snapshot"):
        form = "'instance/snapshot'" if kind == "snapshot" else "the name of an instance; for a snapshot, set 'type' to 'snapshot'"
        raise LXDInputError(f"The 'name' in 'source' is {given['name']!r}, but must be {form}.")
    return InstanceSource(kind=kind, **given)


def _check_filename(name: str) -> None:
    """A header has to carry it. Raises LXDInputError."""
    if not name.isprintable() or name != name.strip():
        raise LXDInputError(f"The 'filename' in 'source' is {name!r}, but must have no control characters, and no blanks at its ends.")


def _image_source(given: dict[str, t.Any], fingerprint: str | None) -> ImageSource:
    if "remote" not in given and "server" not in given:
        raise LXDInputError("A 'source' of type 'image' needs either 'remote', a configured or well-known name, or 'server', a URL.")
    if "alias" not in given and "fingerprint" not in given and fingerprint:
        given["fingerprint"] = fingerprint
    if ("alias" in given) == ("fingerprint" in given):
        raise LXDInputError("A 'source' of type 'image' needs either 'alias' or 'fingerprint': which of the server's images is meant.")
    if "fingerprint" in given:
        check_fingerprint(given["fingerprint"], "fingerprint' in 'source")
    if given.get("filename") and given.get("mode") == "push":
        raise LXDInputError("With the 'mode' push, 'filename' can't be chosen: the other server sends the image under its fingerprint. Use pull or relay.")
    if "server" in given:
        given.setdefault("protocol", "lxd")
        schemes = ("http://", "https://") if given["protocol"] == "simplestreams" else ("https://",)
        if not given["server"].startswith(schemes):
            raise LXDInputError(f"The 'server' in 'source' is {shown_url(given['server'])!r}, but must begin with {' or '.join(schemes)}.")
    return ImageSource(**given)


def desired_alias(params: Params) -> DesiredAlias:
    """The options of lxd_image_alias."""
    if not params["name"]:
        raise LXDInputError("'name' is empty, but must be the name of an alias.")
    if params.get("rename_from") == params["name"]:
        raise LXDInputError("'rename_from' and 'name' are the same alias.")
    if params.get("rename_from") and params.get("rename_from") == params.get("target"):
        raise LXDInputError(
            "'target' and 'rename_from' are the same alias, which is not there any more afterwards. Leave 'target' out: the image stays the same."
        )
    return DesiredAlias(params["name"], params["state"], params.get("target"), params.get("description"), params.get("rename_from"))


def desired_secret(params: Params) -> DesiredSecret:
    """The options of lxd_image_secret."""
    if params.get("fingerprint"):
        check_fingerprint(params["fingerprint"])
    return DesiredSecret(params["state"], params.get("name"), params.get("fingerprint"), params.get("operation"))


def desired_export(params: Params) -> DesiredExport:
    """The options of lxd_image_export."""
    fingerprint = params.get("fingerprint")
    if fingerprint:
        check_fingerprint(fingerprint)
    if params.get("secret") and not is_complete(fingerprint or ""):
        raise LXDInputError("'secret' needs the full 'fingerprint' of its image: looking for the image would use the secret up.")
    return DesiredExport(params["dest"], params.get("name"), fingerprint, params.get("secret"))
