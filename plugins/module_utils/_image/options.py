# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""Options of a task to the model, checked. Pure. Raises LXDInputError that names the option."""

from __future__ import annotations

import typing as t

from ansible_collections.community.lxd.plugins.module_utils._image.model import (
    PROTECTED,
    RESERVED_PREFIX,
    DesiredImage,
    FileSource,
    InstanceSource,
    SettingsChange,
    Source,
    check_fingerprint,
    normalize_time,
    property_value,
)
from ansible_collections.community.lxd.plugins.module_utils._image.plan import DesiredAlias
from ansible_collections.community.lxd.plugins.module_utils._image.select import Selector, check_selector, parse_age, parse_filter
from ansible_collections.community.lxd.plugins.module_utils._lxd.errors import LXDInputError

Params = t.Mapping[str, t.Any]

_SOURCE_OPTIONS: dict[str, frozenset[str]] = {
    "file": frozenset({"path", "rootfs_path", "checksum", "filename", "metadata"}),
    "instance": frozenset({"name", "compression_algorithm", "filename", "stop"}),
    "snapshot": frozenset({"name", "compression_algorithm", "filename"}),
}
_SOURCE_REQUIRED = {"file": "path", "instance": "name", "snapshot": "name"}


def desired_image(params: Params) -> DesiredImage:
    """The options of lxd_image."""
    state, name, fingerprint = params["state"], params.get("name"), params.get("fingerprint")
    if fingerprint is not None:
        check_fingerprint(fingerprint)
    for option in ("aliases", "properties"):
        if params.get(f"purge_{option}") and params.get(option) is None:
            raise LXDInputError(f"'purge_{option}' needs '{option}': the ones that are to stay. To remove all of them, give an empty '{option}'.")
    source = desired_source(params["source"]) if params.get("source") else None
    if state == "absent" and (name or fingerprint):
        source = None  # the image is named already; the file need not exist any more
    if not name and not fingerprint and not isinstance(source, FileSource):
        raise LXDInputError("Nothing says which image is meant: give 'name', 'fingerprint', or a 'source' of type 'file'.")
    if fingerprint and not name and isinstance(source, InstanceSource):
        raise LXDInputError("The fingerprint of a published image can't be chosen: give 'name' with a 'source' of type 'instance' or 'snapshot'.")
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


def desired_source(params: Params) -> Source:
    """The suboptions of ``source``."""
    kind = params["type"]
    given = {key: value for key, value in params.items() if value is not None and key != "type"}
    strange = sorted(set(given) - _SOURCE_OPTIONS[kind])
    if strange:
        raise LXDInputError(f"A 'source' of type '{kind}' has no option {', '.join(strange)}; it takes {', '.join(sorted(_SOURCE_OPTIONS[kind]))}.")
    if _SOURCE_REQUIRED[kind] not in given:
        raise LXDInputError(f"A 'source' of type '{kind}' needs '{_SOURCE_REQUIRED[kind]}'.")
    if kind == "file":
        return FileSource(**given)
    has_slash = "/" in given["name"].strip("/")
    if has_slash != (kind == "snapshot"):
        form = "'instance/snapshot'" if kind == "snapshot" else "the name of an instance; for a snapshot, set 'type' to 'snapshot'"
        raise LXDInputError(f"The 'name' in 'source' is {given['name']!r}, but must be {form}.")
    return InstanceSource(kind=kind, **given)


def desired_alias(params: Params) -> DesiredAlias:
    """The options of lxd_image_alias."""
    if params.get("rename_from") == params["name"]:
        raise LXDInputError("'rename_from' and 'name' are the same alias.")
    return DesiredAlias(params["name"], params["state"], params.get("target"), params.get("description"), params.get("rename_from"))


def selector(params: Params) -> Selector:
    """The selectors of lxd_image_info."""
    properties = {str(key): property_value(str(key), value) or "" for key, value in (params.get("properties") or {}).items()}
    plain = ("name", "fingerprint", "type", "architecture", "public", "cached", "auto_update", "unaliased", "unused", "expired")
    return check_selector(
        Selector(
            **{key: params.get(key) for key in plain},
            properties=properties,
            filter=parse_filter(params["filter"]) if params.get("filter") else (),
            older_than=parse_age(params["older_than"]) if params.get("older_than") else None,
        )
    )
