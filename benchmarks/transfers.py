#!/usr/bin/env python
# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Large images on their way: import (new, known), export and relay, each beside the command line client, pylxd where it can, and curl as the limit."""

from __future__ import annotations

import shutil
from pathlib import Path
from shlex import quote

import images
import servers
from measure import OURS, Row, client, collections_tree, compete, limit, module, pylxd
from tasks import playbook

ALIAS = "benchmark"
PYLXD = """
import sys
from pylxd import Client
client = Client(endpoint=sys.argv[1])
with open(sys.argv[2], "rb") as content:
    client.images.create(content, wait=True).add_alias(sys.argv[3], "")
"""


def clear(server: servers.Server) -> None:
    """Empties the store."""
    for image in server.perform("GET", "/1.0/images?recursion=1"):
        server.perform("DELETE", f"/1.0/images/{image['fingerprint']}")


def curl(server: servers.Server) -> str:
    return f"curl --silent --show-error --fail --unix-socket {quote(str(server.socket))}"


def upload(server: servers.Server, content: str) -> str:
    """A shell command that sends a file (or "-") and waits until it is an image."""
    post = f"{curl(server)} --request POST --upload-file {content} --header 'Content-Type: application/octet-stream' http://lxd/1.0/images"
    return f'operation=$({post} | sed \'s/.*"operation":"\\([^"]*\\)".*/\\1/\'); {curl(server)} http://lxd$operation/wait >/dev/null'


def importing(server: servers.Server, path: Path, directory: Path, runs: int) -> list[Row]:
    ours = module(directory, "lxd_image", url=server.url, name=ALIAS, source={"type": "file", "path": str(path)})
    contestants = [
        ours,
        client(server, "image", "import", str(path), "--alias", ALIAS),
        pylxd(PYLXD, str(server.socket), str(path), ALIAS),
        limit("curl", upload(server, quote(str(path)))),
    ]
    rows = [
        compete("import, new", server.vendor, contestants, runs, lambda: clear(server)),
        progress(server, path, directory, runs),
    ]
    clear(server)
    known = [ours, limit("sha256sum, no server at all", f"sha256sum {quote(str(path))}")]
    compete("a first import", server.vendor, [ours], 1)
    return [*rows, compete("import, known", server.vendor, known, runs)]


def progress(server: servers.Server, path: Path, directory: Path, runs: int) -> Row:
    """What it costs to say how far an import is: with no_log it isn't said."""
    task = {"community.lxd.lxd_image": {"name": ALIAS, "source": {"type": "file", "path": str(path)}}}
    books = [
        playbook(directory, "with progress", server.url, [task], OURS),
        playbook(directory, "without progress", server.url, [{**task, "no_log": True}]),
    ]
    return compete("import, new, in a playbook", server.vendor, books, runs, lambda: clear(server))


def exporting(server: servers.Server, directory: Path, runs: int) -> list[Row]:
    """Of the image that is there."""
    target = directory / "exported"

    def empty() -> None:
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir()

    fingerprint = server.perform("GET", f"/1.0/images/aliases/{ALIAS}")["target"]
    ours = module(directory, "lxd_image_export", url=server.url, name=ALIAS, dest=f"{target}/ours.tar")
    contestants = [
        ours,
        client(server, "image", "export", ALIAS, f"{target}/theirs"),
        limit("curl", f"{curl(server)} --output {target}/limit http://lxd/1.0/images/{fingerprint}/export"),
    ]
    rows = [compete("export", server.vendor, contestants, runs, empty)]
    empty()
    compete("a first export", server.vendor, [ours], 1)
    known = [ours, limit("sha256sum, no server at all", f"sha256sum {target}/ours.tar")]
    return [*rows, compete("export, known", server.vendor, known, runs)]


def relaying(source: servers.Server, server: servers.Server, directory: Path, runs: int) -> list[Row]:
    """From a second server, over https, through this machine."""
    certificate, key = servers.make_certificate(directory, "client")
    source.trust(certificate)
    url = source.listen_https()
    configuration = Path(server.client_environment()[f"{server.vendor.upper()}_CONF"])
    (configuration / "servercerts").mkdir(exist_ok=True)
    shutil.copy(source.certificate, configuration / "servercerts" / "source.crt")
    shutil.copy(certificate, configuration / "client.crt")
    shutil.copy(key, configuration / "client.key")
    (configuration / "config.yml").write_text(
        f"remotes:\n  source:\n    addr: {url}\n    protocol: {server.vendor}\n    auth_type: tls\n"
    )
    fingerprint = source.perform("GET", f"/1.0/images/aliases/{ALIAS}")["target"]
    access = {"certificate": source.certificate.read_text(), "client_cert": str(certificate), "client_key": str(key)}
    options = {"server": url, "protocol": source.vendor, "alias": ALIAS, "mode": "relay", **access}
    tls = f"--cert {certificate} --key {key} --cacert {source.certificate}"
    download = f"curl --silent --show-error --fail {tls} {url}/1.0/images/{fingerprint}/export"
    contestants = [
        module(directory, "lxd_image", url=server.url, name=ALIAS, source=options),
        client(server, "image", "copy", f"source:{ALIAS}", "local:", "--alias", ALIAS, "--mode", "relay"),
        limit("curl | curl", f"{download} | ({upload(server, '-')})"),
    ]
    return [compete("relay", server.vendor, contestants, runs, lambda: clear(server))]


def run(vendor: str, directory: Path, mebibytes: int, runs: int) -> list[Row]:
    collections_tree(directory)
    path = images.big(directory / "big.tar", mebibytes)
    first = servers.Server.start(vendor, directory / vendor)
    second = servers.Server.start(vendor, directory / f"{vendor}-twin")
    try:
        rows = importing(first, path, directory, runs)
        rows += exporting(first, directory, runs)
        rows += relaying(first, second, directory, runs)
        return rows
    finally:
        first.stop()
        second.stop()
