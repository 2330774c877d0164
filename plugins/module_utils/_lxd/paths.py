# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""Builds the URL paths of the REST API. No other file makes a name part of a path."""

from __future__ import annotations

from urllib.parse import quote

from .errors import LXDInputError

SERVER = "/1.0"
CERTIFICATES = "/1.0/certificates"
CLUSTER_MEMBERS = "/1.0/cluster/members"
IMAGES = "/1.0/images"
ALIASES = "/1.0/images/aliases"
INSTANCES = "/1.0/instances"
OPERATIONS = "/1.0/operations"
IDENTITIES_TLS = "/1.0/auth/identities/tls"
OWN_IDENTITY = "/1.0/auth/identities/current"
PROJECTS = "/1.0/projects"


def quote_name(name: str, what: str) -> str:
    """Quote a name as one segment of a path, its slashes too: current servers return 404 for an unquoted slash.

    ``what``: the kind of object for messages, such as "An image".

    Raises LXDInputError for names that no request can address: an empty one, "." and "..", which libraries and servers
    resolve as folders, so that the request would reach another object; a name with a NUL character, where the servers
    would cut it off; and a name that UTF-8 cannot encode.
    """
    if "\0" in name:
        raise LXDInputError(f"{what} can't be named {name!r}: NUL characters are not supported.")
    if name in ("", ".", ".."):
        raise LXDInputError(f"{what} can't be named {name!r}: no request can address such a name. Choose another one.")
    try:
        return quote(name, safe="")
    except UnicodeEncodeError as exc:
        raise LXDInputError(f"{what} can't be named {name!r}: it is not valid Unicode (a lone surrogate).") from exc


def image(fingerprint: str, *rest: str) -> str:
    """Return the path of an image. ``rest``: more segments, such as "export"."""
    return "/".join((IMAGES, quote_name(fingerprint, "An image"), *rest))


def alias(name: str) -> str:
    """Return the path of an image alias."""
    return f"{ALIASES}/{quote_name(name, 'An alias')}"


def instance(name: str, *rest: str) -> str:
    """Return the path of an instance. ``rest``: more segments, such as "state"."""
    return "/".join((INSTANCES, quote_name(name, "An instance"), *rest))


def snapshot(name: str) -> str:
    """Return the path of a snapshot. ``name``: "instance/snapshot", as LXD and Incus write it everywhere."""
    instance_name, _slash, snapshot_name = name.partition("/")
    return instance(instance_name, "snapshots", quote_name(snapshot_name, "A snapshot"))


def profile(name: str) -> str:
    """Return the path of a profile."""
    return f"/1.0/profiles/{quote_name(name, 'A profile')}"


def project(name: str) -> str:
    """Return the path of a project."""
    return f"{PROJECTS}/{quote_name(name, 'A project')}"


def operation(path: str, *rest: str) -> str:
    """Return the path of an operation.

    ``path``: the field ``operation`` of an answer, or only the identifier; a query is dropped. ``rest``: more segments,
    such as "wait".
    """
    identifier = path.partition("?")[0].rstrip("/").rsplit("/", 1)[-1]
    return "/".join((OPERATIONS, quote_name(identifier, "An operation"), *rest))
