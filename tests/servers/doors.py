# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Doors: forward the HTTPS of a server as it is, count who came and how many bytes went out, and can be shut as if the server had died.

A fleet is a set of servers of one vendor with a door each.
"""

from __future__ import annotations

import contextlib
import os
import socket
import socketserver
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from recorder import BLOCK, Served
from servers import Server, make_certificate

TASK = "task"
"""The visitor that is no server: a task of Ansible."""


class Door(Served, socketserver.TCPServer):
    """Forwards connections. ``visitors``: how many, by who opened them. ``sent``: bytes to visitors. ``shut_after``: so many, then it is shut."""

    request_queue_size = 128
    allow_reuse_address = True

    def __init__(self, https_url: str, names: Mapping[int, str]) -> None:
        super().__init__(("127.0.0.1", 0), Passage)
        self.url = f"https://127.0.0.1:{self.server_address[1]}"
        name, _colon, port = https_url.rpartition("/")[2].partition(":")
        self.upstream = name, int(port)
        self.names = names
        self.visitors: Counter[str] = Counter()
        self.sent = 0
        self.shut_after: int | None = None
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self.start()

    @property
    def is_shut(self) -> bool:
        return self.shut_after is not None and self.sent >= self.shut_after

    def reset(self, shut_after: int | None = None) -> None:
        """Forgets what was counted, and opens it again, or has it shut after so many bytes."""
        with self._lock:
            self.visitors, self.sent, self.shut_after = Counter(), 0, shut_after

    def enter(self, connection: socket.socket, port: int) -> bool:
        """Whether a visitor may enter."""
        who = visitor(port, self.names)
        with self._lock:
            if self.is_shut:
                return False
            self.visitors[who] += 1
            self._open.add(connection)
        return True

    def leave(self, connection: socket.socket) -> None:
        with self._lock:
            self._open.discard(connection)

    def count(self, size: int) -> None:
        """Counts bytes that are about to go to a visitor. The last ones shut the door, and cut everybody off."""
        with self._lock:
            self.sent += size
            if self.is_shut:
                for connection in self._open:
                    with contextlib.suppress(OSError):
                        connection.shutdown(socket.SHUT_RDWR)


class Passage(socketserver.BaseRequestHandler):
    """One connection."""

    server: Door

    def handle(self) -> None:
        if not self.server.enter(self.request, self.client_address[1]):
            return
        try:
            with socket.create_connection(self.server.upstream, 60) as upstream:
                upstream.settimeout(None)
                back = threading.Thread(target=self.pump, args=(self.request, upstream, False), daemon=True)
                back.start()
                self.pump(upstream, self.request, True)
                back.join(60)
        finally:
            self.server.leave(self.request)

    def pump(self, source: socket.socket, target: socket.socket, is_counted: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(BLOCK):
                if is_counted:
                    self.server.count(len(data))
                target.sendall(data)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


def visitor(port: int, names: Mapping[int, str]) -> str:
    """Says which of the processes has the connection that comes from this port of 127.0.0.1."""
    local = f"0100007F:{port:04X}"
    lines = (line.split() for line in Path("/proc/net/tcp").read_text().splitlines())
    inodes = {f"socket:[{words[9]}]" for words in lines if words[1] == local}
    for pid, name in names.items():
        with contextlib.suppress(OSError):
            for descriptor in os.scandir(f"/proc/{pid}/fd"):
                with contextlib.suppress(OSError):
                    if os.readlink(descriptor.path) in inodes:
                        return name
    return TASK


class Fleet:
    """Servers of one vendor. ``doors``: by the server's name; ``options``: what reaches a server through its door, for its host in an inventory."""

    def __init__(self, vendor: str, folder: Path, names: Sequence[str]) -> None:
        self.vendor = vendor
        self.certificate, self.key = make_certificate(folder / "certificates", "client")
        with contextlib.ExitStack() as stack, ThreadPoolExecutor(4) as pool:
            started = list(pool.map(lambda name: self._start(folder / name, stack), names))
            self.servers = dict(zip(names, started))
            pids = {server.process.pid: name for name, server in self.servers.items() if server.process.pid}
            self.doors = {name: Door(server.https_url or "", pids) for name, server in self.servers.items()}
            for door in self.doors.values():
                stack.callback(door.stop)
            self._stack = stack.pop_all()

    def _start(self, folder: Path, stack: contextlib.ExitStack) -> Server:
        server = Server.start(self.vendor, folder)
        stack.callback(server.stop, remove=True)
        server.listen_https()
        server.trust(self.certificate)
        return server

    def close(self) -> None:
        self._stack.close()

    def options(self, name: str) -> dict[str, Any]:
        return {
            "lxd_url": self.doors[name].url,
            "lxd_server_cert": str(self.servers[name].certificate),
            "lxd_client_cert": str(self.certificate),
            "lxd_client_key": str(self.key),
        }

    def source(self, name: str) -> dict[str, str]:
        """The server as the source of an image."""
        return {
            "server": self.doors[name].url,
            "certificate": str(self.servers[name].certificate),
            "client_cert": str(self.certificate),
            "client_key": str(self.key),
        }

    def upload(self, name: str, path: Path, alias: str) -> None:
        """Puts a file into a server's store, by its socket."""
        server = self.servers[name]
        with path.open("rb") as content:
            stored = server.perform("POST", "/1.0/images", content)
        target = stored["metadata"]["fingerprint"]
        server.perform("POST", "/1.0/images/aliases", {"name": alias, "target": target})

    def images(self, name: str, project: str = "default") -> dict[str, list[str]]:
        """The aliases of the images of a server, by their fingerprint: by its socket, and through code that the collection has no part in."""
        listed = self.servers[name].perform("GET", f"/1.0/images?recursion=1&project={project}") or []
        return {image["fingerprint"]: sorted(alias["name"] for alias in image["aliases"] or []) for image in listed}

    def empty(self) -> None:
        """Removes all images but those of the build server, which is the first one. And the doors count from zero."""
        for name, server in list(self.servers.items())[1:]:
            for project in server.perform("GET", "/1.0/projects?recursion=1"):
                for fingerprint in self.images(name, project["name"]):
                    server.perform("DELETE", f"/1.0/images/{fingerprint}?project={project['name']}")
        for door in self.doors.values():
            door.reset()
