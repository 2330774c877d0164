#!/usr/bin/env python
# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What images are copied from, other than LXD and Incus servers: a simplestreams tree, and files on the web.

    streams.py image FILE --label TEXT              a unified image that is like no other
    streams.py add TREE --product NAME --serial SERIAL --rootfs FILE [--disk FILE] [...]
    streams.py remove TREE --product NAME [--serial SERIAL]
    streams.py serve DIR --record FILE [--port PORT] [--tls CERT KEY] [--seconds SECONDS]
    streams.py stop --record FILE

"add" makes one version of a product, with a metadata tarball for each vendor, and prints the fingerprints:
{"lxd": {"container": ..., "virtual-machine": ...}, "incus": {...}}.

"serve" prints the URL of a web server on 127.0.0.1, which ends by itself. Besides the files of the directory it has
    /image/PATH   nothing but headers that announce /PATH as an image; with ?hash=HASH, as another one
    /cut/PATH     the first half of the file, although its full size is announced
    /node/PATH    the file or the announcement, but neither for LXD nor for Incus, as behind a firewall
and writes one JSON line per request to RECORD.jsonl: {"method", "path", "status", "agent"}.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import http.server
import io
import json
import platform
import shutil
import signal
import ssl
import sys
import tarfile
import threading
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from images import entry, metadata, write
from servers import Process, ServerError, wait_until

INDEX = "streams/v1/index.json"
PRODUCTS = "streams/v1/images.json"
VENDORS = ("lxd", "incus")
DISKS = ("disk1.img", "disk-kvm.img", "uefi1.img")
LIFE_SECONDS = 1800
# The name of this machine's architecture in a tree.
NATIVE = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())


def sha256(*files: Path) -> str:
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()


def make_image(path: Path, label: str) -> str:
    """A unified image with hardly anything in it: an instance can be made of it, but not started. Its fingerprint."""
    write(path, [entry("metadata.yaml", metadata("1", label)), entry("rootfs"), entry("rootfs/label", label.encode())])
    return sha256(path)


# the tree


def load(tree: Path) -> dict[str, Any]:
    path = tree / PRODUCTS
    if path.exists():
        document: dict[str, Any] = json.loads(path.read_text())
        return document
    return {"content_id": "images", "datatype": "image-downloads", "format": "products:1.0", "products": {}}


def save(tree: Path, document: dict[str, Any]) -> None:
    images = {
        "datatype": document["datatype"],
        "path": PRODUCTS,
        "format": document["format"],
        "products": list(document["products"]),
    }
    for name, content in ((PRODUCTS, document), (INDEX, {"format": "index:1.0", "index": {"images": images}})):
        path = tree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        # The tree may be served at this moment.
        temporary = path.with_suffix(".new")
        temporary.write_text(json.dumps(content, indent=1))
        temporary.replace(path)


def metadata_tarball(path: Path, content: bytes) -> Path:
    with tarfile.open(path, "w:xz") as tar:
        info, _content = entry("metadata.yaml", content, mode=0o644)
        tar.addfile(info, io.BytesIO(content))
    return path


def add_version(options: argparse.Namespace) -> dict[str, dict[str, str]]:
    """Puts a version of a product into the tree; the product as the first version describes it. The fingerprints by vendor and type."""
    folder = f"images/{options.product.replace('/', '-')}/{options.arch}/{options.serial}"
    place = options.tree / folder
    place.mkdir(parents=True, exist_ok=True)
    items: dict[str, dict[str, Any]] = {}

    def add_item(ftype: str, path: Path, combined: dict[str, str]) -> None:
        size = path.stat().st_size
        items[path.name] = {
            "ftype": ftype,
            "path": f"{folder}/{path.name}",
            "sha256": sha256(path),
            "size": size,
            **combined,
        }

    roots = {"squashfs": Path(shutil.copy(options.rootfs, place / "rootfs.squashfs"))}
    if options.disk:
        roots[options.disk_type] = Path(shutil.copy(options.disk, place / options.disk_type))
    for ftype, path in roots.items():
        add_item(ftype, path, {})
    fingerprints: dict[str, dict[str, str]] = {}
    for vendor in VENDORS:
        content = metadata(options.serial, f"{options.product} {options.arch} for {vendor}")
        meta = metadata_tarball(place / f"{vendor}.tar.xz", content)
        combined = {f"combined_{ftype.replace('.', '-')}_sha256": sha256(meta, root) for ftype, root in roots.items()}
        add_item(meta.name, meta, combined)
        fingerprints[vendor] = dict(zip(("container", "virtual-machine"), combined.values()))

    document = load(options.tree)
    system, _slash, release = options.product.partition("/")
    new = {
        "aliases": ",".join([options.product, *options.alias]),
        "arch": options.arch,
        "os": system,
        "release": release,
        "release_title": release,
        "variant": "default",
        "requirements": dict(pair.split("=") for pair in options.requirement),
        "lxd_requirements": dict(pair.split("=") for pair in options.lxd_requirement),
        **({"support_eol": options.support_eol} if options.support_eol else {}),
        "versions": {},
    }
    product = document["products"].setdefault(f"{options.product}:{options.arch}", new)
    product["versions"][options.serial] = {"items": items}
    save(options.tree, document)
    return fingerprints


def remove(options: argparse.Namespace) -> None:
    """Takes one version, or a product of all architectures with its aliases, out of the tree."""
    document = load(options.tree)
    for name in [name for name in document["products"] if name.rpartition(":")[0] == options.product]:
        if options.serial is None:
            del document["products"][name]
        else:
            document["products"][name]["versions"].pop(options.serial, None)
    save(options.tree, document)


# the web server


class Handler(http.server.BaseHTTPRequestHandler):
    server: WebServer

    def do_HEAD(self) -> None:
        self.answer(with_body=False)

    def do_GET(self) -> None:
        self.answer(with_body=True)

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def answer(self, with_body: bool) -> None:
        url = urlsplit(self.path)
        path = unquote(url.path).lstrip("/")
        agent = self.headers.get("User-Agent", "")
        status, headers, body = 200, {}, b""
        head, _slash, rest = path.partition("/")
        if head == "node":
            path, (head, _slash, rest) = rest, rest.partition("/")
            # Go's own name of a client, or the vendor's.
            if "python" not in agent:
                status = 403
        file = self.server.directory / (rest if head in ("image", "cut") else path)
        if status == 200 and (".." in path.split("/") or not file.is_file()):
            status = 404
        if status == 200 and head == "image":
            announced = parse_qs(url.query).get("hash", [sha256(file)])[0]
            for vendor in ("LXD", "Incus"):
                headers[f"{vendor}-Image-URL"] = f"{self.server.url}/{rest}"
                headers[f"{vendor}-Image-Hash"] = announced
        elif status == 200:
            body = file.read_bytes()
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body)), "Connection": "close"}.items():
            self.send_header(name, value)
        self.end_headers()
        self.close_connection = True
        if with_body:
            with contextlib.suppress(ConnectionError):
                self.wfile.write(body[: len(body) // 2] if head == "cut" else body)
        line = {"method": self.command, "path": self.path, "status": status, "agent": agent}
        with self.server.log.open("ab", buffering=0) as log:
            log.write(json.dumps(line).encode() + b"\n")


class WebServer(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, directory: Path, port: int, log: Path, tls: list[str] | None) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.directory, self.log = directory, log
        self.log.write_bytes(b"")
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*tls)
            # With a handshake of each connection in its own thread, none can block the others.
            self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up, or does not speak TLS, is not worth a traceback."""


def run(options: argparse.Namespace) -> None:
    """The web server's own process."""
    server = WebServer(options.directory, options.port, options.record.with_suffix(".jsonl"), options.tls)
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_unused: ended.set())
    threading.Thread(target=server.serve_forever, args=(0.1,), daemon=True).start()
    options.record.with_suffix(".url").write_text(server.url)
    ended.wait(options.seconds)


def serve(options: argparse.Namespace) -> str:
    """Starts the web server and returns its URL."""
    record: Path = options.record
    url, log = record.with_suffix(".url"), record.with_suffix(".log")
    url.unlink(missing_ok=True)
    options.directory.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, __file__, "run", *sys.argv[2:]]
    process = Process.launch(record, command, log)
    if not wait_until(lambda: url.exists() or process.pid is None, 20) or process.pid is None:
        raise ServerError(f"the web server did not start:\n{log.read_text()}")
    return url.read_text()


def main() -> int:
    parser = argparse.ArgumentParser(description="Simplestreams trees and a web server for tests.")
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("image")
    command.add_argument("file", type=Path)
    command.add_argument("--label", required=True)
    for name in ("add", "remove"):
        command = commands.add_parser(name)
        command.add_argument("tree", type=Path)
        command.add_argument("--product", required=True, help="OS/RELEASE, also its first alias")
        command.add_argument("--serial", required=name == "add", help="begins with YYYYMMDD")
    command = commands.choices["add"]
    command.add_argument("--rootfs", type=Path, required=True)
    command.add_argument("--disk", type=Path, help="for virtual machines too")
    command.add_argument("--disk-type", choices=DISKS, default=DISKS[0])
    command.add_argument("--arch", default=NATIVE)
    command.add_argument("--alias", action="append", default=[])
    command.add_argument("--requirement", action="append", default=[], metavar="KEY=VALUE")
    command.add_argument("--lxd-requirement", action="append", default=[], metavar="KEY=VALUE")
    command.add_argument("--support-eol", metavar="DATE")
    for name in ("serve", "run", "stop"):
        command = commands.add_parser(name)
        if name != "stop":
            command.add_argument("directory", type=Path)
            command.add_argument("--port", type=int, default=0)
            command.add_argument("--tls", nargs=2, metavar=("CERT", "KEY"))
            command.add_argument("--seconds", type=float, default=LIFE_SECONDS)
        command.add_argument("--record", type=Path, required=True)
    options = parser.parse_args()
    try:
        if options.command == "image":
            print(make_image(options.file, options.label))
        elif options.command == "add":
            print(json.dumps(add_version(options)))
        elif options.command == "remove":
            remove(options)
        elif options.command == "serve":
            print(serve(options))
        elif options.command == "run":
            run(options)
        else:
            Process(options.record).stop(5)
        return 0
    except (ServerError, OSError) as problem:
        print(f"streams.py: {problem}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
