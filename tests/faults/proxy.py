#!/usr/bin/env python
# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A proxy in front of a real daemon that does one thing wrong: to the k-th request of a run, and only to that one."""

from __future__ import annotations

import http.client
import json
import queue
import socket
import socketserver
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streams
from recorder import Cut, Exchange, Handler, Recorder
from servers import ServerError, wait_until

REFUSE = "refuse"
LOSE_ANSWER = "lose answer"
CUT_UPLOAD = "cut upload"
CUT_DOWNLOAD = "cut download"
LATE_ANSWER = "late answer"
LATE_REQUEST = "late request"
ERROR_500 = "error 500"
ERROR_503 = "error 503"
ERROR_AFTER = "error after"
KILL_BEFORE = "kill before"
KILL_IN_UPLOAD = "kill in upload"
KILL_AFTER = "kill after"
DAEMON_BEFORE = "daemon before"
DAEMON_AFTER = "daemon after"
MEMBER_BEFORE = "member before"
MEMBER_IN_UPLOAD = "member in upload"
MEMBER_AFTER = "member after"

KINDS = {
    REFUSE: "the connection is cut before the server sees anything",
    LOSE_ANSWER: "the server acts, its answer is lost",
    CUT_UPLOAD: "half of the request's body reaches the server, then both connections are cut",
    CUT_DOWNLOAD: "half of the answer's body reaches the module",
    LATE_ANSWER: "the server acts at once, its answer comes after the module's deadline",
    LATE_REQUEST: "the server sees the request, and acts, only after the module's deadline",
    ERROR_500: "an error of the server's own form; the server sees nothing",
    ERROR_503: "an error page; the server sees nothing",
    ERROR_AFTER: "the server acts, the module gets an error page (502)",
    KILL_BEFORE: "kill -9 of the module before the server sees anything",
    KILL_IN_UPLOAD: "kill -9 of the module in the middle of an upload",
    KILL_AFTER: "kill -9 of the module when the server has acted",
    DAEMON_BEFORE: "kill -9 of the daemon before it sees the request; it is started again",
    DAEMON_AFTER: "kill -9 of the daemon when it has answered, before its answer is forwarded; it is started again",
}
LATE = (LATE_ANSWER, LATE_REQUEST)
KILLS_MODULE = (KILL_BEFORE, KILL_IN_UPLOAD, KILL_AFTER)
KILLS_DAEMON = (DAEMON_BEFORE, DAEMON_AFTER)
KILLS_MEMBER = (MEMBER_BEFORE, MEMBER_IN_UPLOAD, MEMBER_AFTER)
"""kill -9 of a member of a cluster, perhaps another one than is asked: the request, or what is left of it, goes on its way."""

# The module's option "timeout" for a late answer, and how late it is.
DEADLINE_SECONDS = 1.0
LATE_SECONDS = 1.4

ENVELOPE = {
    "type": "error",
    "status": "",
    "status_code": 0,
    "error_code": 500,
    "error": "an error that the proxy has made up",
    "metadata": None,
}


@dataclass(frozen=True)
class Fault:
    """What goes wrong with the request of this number (from 1). ``middle``: where its body is cut, if its size is not announced."""

    kind: str
    number: int
    middle: int = 1


class FaultHandler(Handler):
    """One connection of the module."""

    server: FaultProxy
    cut_at: int | None = None

    def send_request(self, exchange: Exchange, upstream: socket.socket) -> None:
        kind = self.server.kind_for(exchange)
        if kind == ERROR_500:
            self.send_page(500, "application/json", json.dumps(ENVELOPE).encode())
        elif kind == ERROR_503:
            self.send_page(503, "text/html", b"<html>try again later</html>")
        self.cut_at = (
            self.server.middle(exchange.header("Content-Length"))
            if kind in (CUT_UPLOAD, KILL_IN_UPLOAD, MEMBER_IN_UPLOAD)
            else None
        )
        super().send_request(exchange, upstream)

    def body(self) -> Iterator[bytes]:
        left = self.cut_at
        for block in super().body():
            if left is None:
                yield block
            elif len(block) < left:
                left -= len(block)
                yield block
            else:
                yield block[:left]
                self.server.kill_if(KILL_IN_UPLOAD, MEMBER_IN_UPLOAD)
                if not self.server.fault or self.server.fault.kind != MEMBER_IN_UPLOAD:
                    raise Cut
                yield block[left:]
                left = None

    def send_answer(self, exchange: Exchange, answer: http.client.HTTPResponse) -> None:
        kind = self.server.kind_for(exchange)
        if kind == ERROR_AFTER:
            self.send_page(502, "text/html", b"<html>bad gateway</html>")
        if kind == CUT_DOWNLOAD:
            self.send_half(exchange, answer)
        super().send_answer(exchange, answer)

    def send_half(self, exchange: Exchange, answer: http.client.HTTPResponse) -> None:
        length = answer.getheader("Content-Length")
        self.send_head(exchange, [] if length else ["Transfer-Encoding: chunked"])
        half = answer.read(self.server.middle(length))
        self.wfile.write(half if length else b"%x\r\n%b\r\n" % (len(half), half))
        raise Cut

    def send_page(self, status: int, content_type: str, body: bytes) -> None:
        """An answer that is not the server's, and the end of the connection."""
        head = f"HTTP/1.1 {status} \r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        self.wfile.write(head.encode() + body)
        raise Cut


class FaultProxy(Recorder):
    """Forwards everything until it is armed with a fault. ``seen``: the requests since then."""

    def __init__(self, listen: Path, upstream: Path, log: Path) -> None:
        super().__init__(listen, upstream, log)
        self.RequestHandlerClass = FaultHandler
        self._lock = threading.Lock()
        self._busy = 0
        self.arm(None)

    def arm(self, fault: Fault | None) -> None:
        """Counts from now on. A fault that kills waits for ``victim`` to be told whom."""
        self.fault = fault
        self.seen: list[Exchange] = []
        self.hit: Exchange | None = None
        self.victim: queue.Queue[Callable[[], None]] = queue.Queue()

    def kind_for(self, exchange: Exchange) -> str | None:
        """What goes wrong with this request."""
        return self.fault.kind if self.fault and exchange is self.hit else None

    def middle(self, length: str | None) -> int:
        announced = int(length or 0) // 2
        return announced or max(self.fault.middle if self.fault else 1, 1)

    def kill_if(self, *kinds: str) -> None:
        if self.fault and self.fault.kind in kinds:
            self.victim.get(timeout=20)()

    def before_request(self, exchange: Exchange) -> None:
        with self._lock:
            self._busy += 1
            self.seen.append(exchange)
            if self.fault and len(self.seen) == self.fault.number:
                self.hit = exchange
        kind = self.kind_for(exchange)
        if kind == LATE_REQUEST:
            time.sleep(LATE_SECONDS)
        if kind in (REFUSE, KILL_BEFORE, DAEMON_BEFORE):
            self.kill_if(KILL_BEFORE, DAEMON_BEFORE)
            raise Cut
        if kind == MEMBER_BEFORE:
            self.kill_if(MEMBER_BEFORE)

    def before_answer(self, exchange: Exchange) -> None:
        kind = self.kind_for(exchange)
        if kind == LATE_ANSWER:
            time.sleep(LATE_SECONDS)
        if kind in (LOSE_ANSWER, KILL_AFTER, DAEMON_AFTER):
            self.kill_if(KILL_AFTER, DAEMON_AFTER)
            raise Cut
        if kind == MEMBER_AFTER:
            self.kill_if(MEMBER_AFTER)

    def record(self, exchange: Exchange) -> None:
        """Write nothing down: ``seen`` has it."""

    def after_answer(self, exchange: Exchange) -> None:
        with self._lock:
            self._busy -= 1

    def quiet(self) -> None:
        """Waits until no request is under way: the module may be gone while the server still gets or answers one."""
        if not wait_until(lambda: not self._busy, 60):
            raise ServerError(f"{self._busy} requests are still under way")


class Front(socketserver.ThreadingMixIn, socketserver.TCPServer):
    """In front of a daemon that is copied from: shows its certificate, and what it is asked counts along with what the proxy is asked."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, proxy: FaultProxy, upstream: Path, certificate: Path, key: Path) -> None:
        super().__init__(("127.0.0.1", 0), FaultHandler)
        self._proxy, self.upstream = proxy, str(upstream)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        self.url = f"https://127.0.0.1:{self.server_address[1]}"

    def __getattr__(self, name: str) -> Any:
        return getattr(self._proxy, name)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection that breaks is the client's business."""


class WebHandler(streams.Handler):
    """What a module fetches from the web by itself counts along too; what a daemon fetches doesn't."""

    server: FaultyWeb

    def answer(self, with_body: bool) -> None:
        if "python" not in self.headers.get("User-Agent", ""):
            super().answer(with_body)
            return
        proxy = self.server.proxy
        exchange = Exchange(self.command, self.path, self.headers.items(), bytes_received=2 * with_body)
        try:
            proxy.before_request(exchange)
            proxy.before_answer(exchange)
            kind = proxy.kind_for(exchange)
            if kind in (ERROR_500, ERROR_503, ERROR_AFTER):
                self.send_error(int(kind[-3:]) if kind != ERROR_AFTER else 502)
                return
            if kind == CUT_DOWNLOAD:
                self.path = "/cut" + self.path
            super().answer(with_body)
        except Cut:
            self.close_connection = True
        finally:
            proxy.after_answer(exchange)


class FaultyWeb(streams.WebServer):
    """The web server of the other tests, with faults."""

    def __init__(self, directory: Path, log: Path, proxy: FaultProxy) -> None:
        super().__init__(directory, 0, log, None)
        self.RequestHandlerClass = WebHandler
        self.proxy = proxy


def fitting_kinds(exchange: Exchange) -> list[str]:
    """What can go wrong with a request like this one. A daemon is killed only where a scenario asks for it: that takes seconds."""
    kinds = [REFUSE, LOSE_ANSWER, LATE_ANSWER, LATE_REQUEST, ERROR_500, ERROR_503, ERROR_AFTER, KILL_BEFORE, KILL_AFTER]
    if exchange.bytes_sent > 1:
        kinds += [CUT_UPLOAD, KILL_IN_UPLOAD]
    if exchange.bytes_received > 1:
        kinds.append(CUT_DOWNLOAD)
    return kinds
