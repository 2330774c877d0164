# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A web server on 127.0.0.1 that a test fills with files, and the files of a simplestreams server."""

from __future__ import annotations

import hashlib
import http.server
import json
import threading
import typing as t

META, ROOT, DISK = b"metadata", b"root file system", b"a disk"


class Site:
    """A web server on 127.0.0.1. ``files``: path -> content, or (content, headers). ``asked``: method, path and headers of each request."""

    def __init__(self) -> None:
        self.files: dict[str, t.Any] = {}
        self.heads = True
        self.asked: list[tuple[str, str, t.Mapping[str, str]]] = []
        site = self

        class Handler(http.server.BaseHTTPRequestHandler):
            timeout = 10

            def do_GET(self) -> None:
                site.asked.append((self.command, self.path, dict(self.headers)))
                found = site.files.get(self.path)
                if found is None or (self.command == "HEAD" and not site.heads):
                    self.send_error(405 if found else 404)
                    return
                content, headers = found if isinstance(found, tuple) else (found, {})
                self.send_response(200)
                for key, value in {"Content-Length": str(len(content)), **headers}.items():
                    self.send_header(key, value)
                self.end_headers()
                if self.command == "GET":
                    self.wfile.write(content)

            do_HEAD = do_GET

            def log_message(self, *_args: t.Any) -> None:
                """Keep the output of the tests free of it."""

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()
        self.address = f"127.0.0.1:{self._server.server_address[1]}"
        self.url = f"http://{self.address}"

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)

    @property
    def requests(self) -> list[str]:
        return [f"{method} {path}" for method, path, _headers in self.asked]


def pair(*contents: bytes) -> str:
    return hashlib.sha256(b"".join(contents)).hexdigest()


def item(ftype: str, content: bytes, **fields: str) -> dict[str, t.Any]:
    return {
        "ftype": ftype,
        "path": f"files/{ftype}",
        "sha256": hashlib.sha256(content).hexdigest(),
        "size": len(content),
        **fields,
    }


def publish(site: Site, root: str = "/tree", lists: t.Sequence[dict[str, t.Any]] | None = None) -> None:
    """Let the site be a simplestreams server, of these products or of one with a container and a virtual machine."""
    combined = {"combined_squashfs_sha256": pair(META, ROOT), "combined_disk1-img_sha256": pair(META, DISK)}
    items = [item("lxd.tar.xz", META, **combined), item("squashfs", ROOT), item("disk1.img", DISK)]
    versions = {"20260101": {"items": {str(number): each for number, each in enumerate(items)}}}
    default = {
        "aliases": "debian/12,debian",
        "arch": "amd64",
        "os": "Debian",
        "release": "12",
        "support_eol": "2028-06-30",
        "versions": versions,
    }
    lists = [default] if lists is None else lists
    index = {}
    for number, product in enumerate(lists):
        path = f"streams/v1/images{number}.json"
        index[str(number)] = {"datatype": "image-downloads", "path": path, "products": ["p"]}
        site.files[f"{root}/{path}"] = json.dumps({"products": {"p": product}}).encode()
    site.files[f"{root}/streams/v1/index.json"] = json.dumps({"index": index}).encode()
    for name, content in (("lxd.tar.xz", META), ("squashfs", ROOT), ("disk1.img", DISK)):
        site.files[f"{root}/files/{name}"] = content
