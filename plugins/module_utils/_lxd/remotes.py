# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""Servers by name: those of the user's lxc or incus client configuration, and the well-known public ones.

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
NATIVE = ("lxd", "incus")
"""Protocols of servers that may get the client's certificate."""

_SCHEMES = {SIMPLESTREAMS: ("https", "http"), "lxd": ("https", "unix"), "incus": ("https", "unix")}

# What the clients know without configuration. Canonical's and the Linux Containers project's ``images`` differ by
# vendor.
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
    """One server by name. ``protocol``: simplestreams, lxd or incus. Certificates are paths, where the files exist."""

    name: str
    address: str
    protocol: str
    project: str | None = None
    server_cert: str | None = None
    client_cert: str | None = None
    client_key: str | None = None

    @property
    def is_simplestreams(self) -> bool:
        return self.protocol == SIMPLESTREAMS


def configuration_directories(environ: t.Mapping[str, str], home: str) -> list[str]:
    """Return where the clients keep their configuration, in the order of the search."""
    given = [environ[variable] for variable in ("LXD_CONF", "INCUS_CONF") if environ.get(variable)]
    return [*given, f"{home}/snap/lxd/common/config", f"{home}/.config/lxc", f"{home}/.config/incus"]


def find_remote(name: str, vendor: t.Callable[[], str | None], environ: t.Mapping[str, str], home: str) -> Remote:
    """Return the remote of that name. ``vendor`` is asked only for ``images``.

    Raises LXDInputError that lists the names there are, or that names the file whose entry can't be used.
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
        f"There is no remote {name!r} in the client configuration of this user on the managed node. Known are: {names}."
    )


def _configured(name: str, data: t.Any, directory: str, path: str) -> Remote:
    def existing(*parts: str) -> str | None:
        path = os.path.join(directory, *parts)
        return path if os.path.exists(path) else None

    what = f"The remote {name!r} in {path}"
    if not isinstance(data, dict):
        raise LXDInputError(f"{what} can't be used: it has no 'addr' and 'protocol', but is {type(data).__name__}.")
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
    """Return the remote's address. An empty one must never stand for "the local server"."""
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
    """Return ``remotes`` of a client's config.yml: name -> entry; empty where there is no such file.

    Raises LXDInputError for a file that can't be read or isn't a configuration, LXDMissingLibraryError where PyYAML is
    missing.
    """
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
    """Parse ``remotes`` of the text of a config.yml. All scalars are text, as for the clients.

    Raises LXDInputError that names ``path``.
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
    ) as exc:  # of values that their tags don't fit
        words = " ".join(str(exc).split())
        raise LXDInputError(f"Cannot read the client configuration {path}: it is not valid YAML: {words}.") from exc
    remotes = {} if document is None else document.get("remotes") if isinstance(document, dict) else document
    if remotes is None:
        return {}
    if not isinstance(remotes, dict):
        raise LXDInputError(
            f"Cannot read the client configuration {path}: 'remotes' is missing or is no mapping of names to servers."
        )
    return {str(name): entry for name, entry in remotes.items()}


def _loader() -> type[yaml.SafeLoader]:
    """Return a YAML loader that reads names such as 12 or on as text; only null and merge keys keep their meaning."""
    kept = ("tag:yaml.org,2002:null", "tag:yaml.org,2002:merge")
    resolvers = yaml.SafeLoader.yaml_implicit_resolvers

    class Loader(yaml.SafeLoader):
        pass

    Loader.yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in entries if tag in kept] for first, entries in resolvers.items()
    }
    return Loader
