# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""Servers by name: those of the user's lxc or incus client configuration, and the well-known public ones.

The clients keep ``config.yml``, ``client.crt``, ``client.key`` and ``servercerts/<remote>.crt`` in one folder (doc/remotes.md).
"""

from __future__ import annotations

import os
import re
import typing as t

from ansible_collections.community.lxd.plugins.module_utils._lxd.errors import LXDInputError
from ansible_collections.community.lxd.plugins.module_utils._lxd.record import record

SIMPLESTREAMS = "simplestreams"

# What the clients know without configuration. Canonical's and the Linux Containers project's ``images`` differ by vendor.
WELL_KNOWN = {
    "ubuntu": "https://cloud-images.ubuntu.com/releases",
    "ubuntu-daily": "https://cloud-images.ubuntu.com/daily",
    "ubuntu-minimal": "https://cloud-images.ubuntu.com/minimal/releases",
    "ubuntu-minimal-daily": "https://cloud-images.ubuntu.com/minimal/daily",
}
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
    """Where the clients keep their configuration, in the order of the search."""
    given = [environ[variable] for variable in ("LXD_CONF", "INCUS_CONF") if environ.get(variable)]
    return [*given, f"{home}/snap/lxd/common/config", f"{home}/.config/lxc", f"{home}/.config/incus"]


def find_remote(name: str, vendor: t.Callable[[], str | None], environ: t.Mapping[str, str], home: str) -> Remote:
    """The remote of that name. ``vendor`` is asked only for ``images``. Raises LXDInputError that lists the names there are."""
    known: list[str] = []
    for directory in configuration_directories(environ, home):
        remotes = _read_remotes(os.path.join(directory, "config.yml"))
        if name in remotes:
            return _configured(name, remotes[name], directory)
        known += remotes
    if name in WELL_KNOWN:
        return Remote(name, WELL_KNOWN[name], SIMPLESTREAMS)
    if name == "images":
        return Remote(name, IMAGES[vendor() or "lxd"], SIMPLESTREAMS)
    names = ", ".join(sorted({*known, *WELL_KNOWN, "images"}))
    raise LXDInputError(f"There is no remote {name!r} in the client configuration of this user on the managed node. Known are: {names}.")


def _configured(name: str, data: t.Mapping[str, str], directory: str) -> Remote:
    def existing(*parts: str) -> str | None:
        path = os.path.join(directory, *parts)
        return path if os.path.exists(path) else None

    protocol = data.get("protocol") or ("incus" if directory.rstrip("/").endswith("incus") else "lxd")
    cert, key = existing("client.crt"), existing("client.key")
    is_native = protocol != SIMPLESTREAMS and bool(cert and key)
    return Remote(
        name=name,
        address=data.get("addr") or "",
        protocol=protocol,
        project=data.get("project") or None,
        server_cert=existing("servercerts", f"{name}.crt"),
        client_cert=cert if is_native else None,
        client_key=key if is_native else None,
    )


def _read_remotes(path: str) -> dict[str, dict[str, str]]:
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
    except OSError:
        return {}
    return parse_remotes(text)


_LINE = re.compile(r"""(?P<indent> *)(?P<key>"[^"]*"|'[^']*'|[^\s"'#][^:]*?):(?:\s+(?P<value>.*?))?\s*""")


def parse_remotes(text: str) -> dict[str, dict[str, str]]:
    """``remotes`` of a client's config.yml: name -> key -> value.

    The clients write this file themselves, always in the same two levels of block style; a YAML library is more than
    a managed node has to have.
    """
    remotes: dict[str, dict[str, str]] = {}
    inside = False
    levels: list[int] = []
    for line in text.splitlines():
        match = _LINE.fullmatch(line)
        if not match or not line.strip() or line.lstrip().startswith("#"):
            continue
        indent, key, value = len(match["indent"]), match["key"].strip("\"'"), (match["value"] or "").strip("\"'")
        if indent == 0:
            inside, levels = key == "remotes", []
        elif inside:
            levels = [level for level in levels if level < indent] + [indent]
            if len(levels) == 1:
                name = key
                remotes[name] = {}
            elif len(levels) == 2:
                remotes[name][key] = value
    return remotes
