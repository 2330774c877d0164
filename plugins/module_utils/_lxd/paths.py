# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""URL paths of the REST API. The only place where a name becomes part of a path."""

from __future__ import annotations

from urllib.parse import quote

from .errors import LXDInputError

SERVER = "/1.0"
CERTIFICATES = "/1.0/certificates"
IMAGES = "/1.0/images"
ALIASES = "/1.0/images/aliases"
INSTANCES = "/1.0/instances"
OPERATIONS = "/1.0/operations"
PROJECTS = "/1.0/projects"


def quote_name(name: str, what: str) -> str:
    """Quote one name, its slashes too: current servers answer 404 to an unquoted slash.

    A name of dots only can't be said in a URL: on the way it becomes the folder itself or the one above,
    and a request would meet another object than the one that was meant.
    Raises LXDInputError for such a name and for the empty one, and for what the servers would cut off.
    """
    if "\0" in name:
        raise LXDInputError(f"{what} can't be named {name!r}: it has a NUL character.")
    if name in ("", ".", ".."):
        raise LXDInputError(f"{what} can't be named {name!r}: no request can address such a name. Choose another one.")
    try:
        return quote(name, safe="")
    except UnicodeEncodeError as exc:
        raise LXDInputError(f"{what} can't be named {name!r}: it has half a character.") from exc


def image(fingerprint: str, *rest: str) -> str:
    return "/".join((IMAGES, quote_name(fingerprint, "An image"), *rest))


def alias(name: str) -> str:
    return f"{ALIASES}/{quote_name(name, 'An alias')}"


def instance(name: str, *rest: str) -> str:
    return "/".join((INSTANCES, quote_name(name, "An instance"), *rest))


def snapshot(name: str) -> str:
    """Return the path of a snapshot. ``name``: instance/snapshot, as everywhere in LXD and Incus."""
    instance_name, _slash, snapshot_name = name.partition("/")
    return instance(instance_name, "snapshots", quote_name(snapshot_name, "A snapshot"))


def profile(name: str) -> str:
    return f"/1.0/profiles/{quote_name(name, 'A profile')}"


def project(name: str) -> str:
    return f"{PROJECTS}/{quote_name(name, 'A project')}"


def operation(path: str, *rest: str) -> str:
    """Return the path of an operation. ``path``: as in the field ``operation`` of an answer, without its query."""
    identifier = path.partition("?")[0].rstrip("/").rsplit("/", 1)[-1]
    return "/".join((OPERATIONS, quote_name(identifier, "An operation"), *rest))
