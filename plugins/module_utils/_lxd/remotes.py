# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""Finds servers by name: remotes of the user's lxc or incus client configuration, and well-known public ones.

The clients keep ``config.yml``, ``client.crt``, ``client.key`` and ``servercerts/<remote>.crt`` in one folder
(doc/remotes.md).
"""

from __future__ import annotations

import os
import traceback
import typing as t
from urllib.parse import urlsplit

from .errors import LXDInputError, LXDMissingLibraryError
from .record import record

YAML_IMPORT_ERROR: str | None
try:
    import yaml
except ImportError:
    YAML_IMPORT_ERROR = traceback.format_exc()
else:
    YAML_IMPORT_ERROR = None

SIMPLESTREAMS = "simplestreams"
OCI = "oci"
"""The protocol of registries of application containers."""
NATIVE = ("lxd", "incus")
"""The protocols of LXD and Incus servers: only these servers get the client's certificate."""

_SCHEMES = {SIMPLESTREAMS: ("https", "http"), OCI: ("https",), "lxd": ("https", "unix"), "incus": ("https", "unix")}

# The remotes that the clients have without configuration. The URL of ``images`` depends on the vendor: IMAGES has that
# of Canonical for LXD and that of the Linux Containers project for Incus.
WELL_KNOWN = {
    "ubuntu": "https://cloud-images.ubuntu.com/releases",
    "ubuntu-daily": "https://cloud-images.ubuntu.com/daily",
    "ubuntu-minimal": "https://cloud-images.ubuntu.com/minimal/releases",
    "ubuntu-minimal-daily": "https://cloud-images.ubuntu.com/minimal/daily",
}
LOCAL = "local"
IMAGES = {"lxd": "https://images.lxd.canonical.com", "incus": "https://images.linuxcontainers.org"}


@record(frozen=True)
class Remote:
    """A server of the client configuration.

    ``address``: a URL, or "unix:" for the local server. ``protocol``: "simplestreams", "oci", "lxd" or "incus".
    ``server_cert``, ``client_cert``, ``client_key``: paths; None if the file does not exist.
    """

    name: str
    address: str
    protocol: str
    project: str | None = None
    server_cert: str | None = None
    client_cert: str | None = None
    client_key: str | None = None

    @property
    def is_simplestreams(self) -> bool:
        """Whether the server is a simplestreams server, which is read-only."""
        return self.protocol == SIMPLESTREAMS

    @property
    def is_registry(self) -> bool:
        """Whether the server is a registry of application containers, which is read-only and cannot be listed."""
        return self.protocol == OCI


def configuration_directories(environ: t.Mapping[str, str], home: str) -> list[str]:
    """Return the folders in which the clients keep their configuration, in the order of the search.

    ``home``: the home directory of the user.
    """
    given = [environ[variable] for variable in ("LXD_CONF", "INCUS_CONF") if environ.get(variable)]
    return [*given, f"{home}/snap/lxd/common/config", f"{home}/.config/lxc", f"{home}/.config/incus"]


def find_remote(name: str, vendor: t.Callable[[], str | None], environ: t.Mapping[str, str], home: str) -> Remote:
    """Return the remote of a name.

    ``vendor``: a function that returns the vendor of the target server; called only for the remote ``images``.

    Raises LXDInputError that lists the known names if there is no such remote, or that names the file if its entry
    cannot be used; LXDMissingLibraryError if PyYAML is missing.
    """
    known: list[str] = []
    for directory in configuration_directories(environ, home):
        path = os.path.join(directory, "config.yml")
        remotes = read_remotes(path)
        if name in remotes:
            return _configured(name, remotes[name], directory, path)
        known += remotes
    if name in WELL_KNOWN:
        return Remote(name, WELL_KNOWN[name], SIMPLESTREAMS)
    if name == "images":
        return Remote(name, IMAGES.get(vendor() or "lxd", IMAGES["lxd"]), SIMPLESTREAMS)
    if name == LOCAL:
        return Remote(name, "unix:", "lxd")
    names = ", ".join(sorted({*known, *WELL_KNOWN, "images", LOCAL}))
    raise LXDInputError(
        f"The remote {name!r} is not found in the client configuration of this user on the managed node. "
        f"Known remotes: {names}."
    )


def _configured(name: str, data: t.Any, directory: str, path: str) -> Remote:
    def existing(*parts: str) -> str | None:
        path = os.path.join(directory, *parts)
        return path if os.path.exists(path) else None

    what = f"The remote {name!r} in {path}"
    if not isinstance(data, dict):
        raise LXDInputError(
            f"{what} can't be used: it must be a mapping with 'addr' and 'protocol', but is {type(data).__name__}."
        )
    protocol = _text(data, "protocol", what) or ("incus" if directory.rstrip("/").endswith("incus") else "lxd")
    if protocol not in _SCHEMES:
        raise LXDInputError(
            f"{what} can't be used: its protocol {protocol!r} is not supported. Supported are "
            f"{', '.join(sorted(_SCHEMES))}."
        )
    cert, key = existing("client.crt"), existing("client.key")
    is_native = protocol in NATIVE and bool(cert and key)
    return Remote(
        name=name,
        address=_address(data, protocol, what),
        protocol=protocol,
        project=_text(data, "project", what),
        server_cert=existing("servercerts", f"{name}.crt"),
        client_cert=cert if is_native else None,
        client_key=key if is_native else None,
    )


def _text(data: t.Mapping[t.Any, t.Any], key: str, what: str) -> str | None:
    value = data.get(key)
    if value is None or isinstance(value, str):
        return value or None
    raise LXDInputError(f"{what} can't be used: its '{key}' is a {type(value).__name__}, but must be text.")


def _address(data: t.Mapping[t.Any, t.Any], protocol: str, what: str) -> str:
    """Return the address of a remote. Raises LXDInputError for an empty one: it must never mean the local server."""
    address = (_text(data, "addr", what) or "").strip()
    schemes = _SCHEMES[protocol]
    scheme, colon, rest = address.partition(":")
    try:
        is_usable = bool(colon) and scheme in schemes and (scheme == "unix" or bool(urlsplit(address).hostname))
    except ValueError:
        is_usable = False
    if not is_usable:
        forms = " or ".join(
            "'unix:/path/unix.socket'" if scheme == "unix" else f"'{scheme}://host'" for scheme in schemes
        )
        raise LXDInputError(f"{what} has no usable address: its 'addr' is {address!r}, but must be {forms}.")
    return "unix:" if scheme == "unix" and not rest.strip("/") else address


def read_remotes(path: str) -> dict[str, t.Any]:
    """Return the key ``remotes`` of a client's config.yml as name -> entry; empty if the file does not exist.

    Raises LXDInputError if the file cannot be read or is not a configuration, LXDMissingLibraryError if PyYAML is
    missing.
    """
    if os.path.exists(path) and not os.path.isfile(path):
        # to open a named pipe would wait for ever
        raise LXDInputError(f"Cannot read the client configuration {path}: it is not a regular file.")
    try:
        with open(path, "rb") as file:
            data = file.read()
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as exc:
        raise LXDInputError(f"Cannot read the client configuration {path}: {exc.strerror}.") from exc
    if YAML_IMPORT_ERROR:
        raise LXDMissingLibraryError("", "PyYAML (package python3-yaml on Debian and Ubuntu)", YAML_IMPORT_ERROR)
    return parse_remotes(data, path)


def parse_remotes(data: bytes, path: str) -> dict[str, t.Any]:
    """Parse the key ``remotes`` of a config.yml, and return it as name -> entry.

    All scalars are text, as in the clients. ``data``: the content of the file. ``path``: its path, for messages. Raises
    LXDInputError.
    """
    try:
        document = yaml.load(data, Loader=_loader())
    except (
        yaml.YAMLError,
        ValueError,
        RecursionError,
        TypeError,
        LookupError,
        AttributeError,
    ) as exc:  # the last four: a tag of YAML does not fit its value
        words = " ".join(str(exc).split())
        raise LXDInputError(f"Cannot read the client configuration {path}: it is not valid YAML: {words}.") from exc
    remotes = {} if document is None else document.get("remotes") if isinstance(document, dict) else document
    if remotes is None:
        return {}
    if not isinstance(remotes, dict):
        raise LXDInputError(
            f"Cannot read the client configuration {path}: 'remotes' must be a mapping of names to servers."
        )
    return {str(name): entry for name, entry in remotes.items()}


def _loader() -> type[yaml.SafeLoader]:
    """Return a YAML loader that reads all scalars as text, such as the names 12 and on, except null and merge keys."""
    kept = ("tag:yaml.org,2002:null", "tag:yaml.org,2002:merge")
    resolvers = yaml.SafeLoader.yaml_implicit_resolvers

    class Loader(yaml.SafeLoader):
        pass

    Loader.yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in entries if tag in kept] for first, entries in resolvers.items()
    }
    return Loader
