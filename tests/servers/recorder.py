#!/usr/bin/env python
# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A proxy in front of a real server's unix socket that writes down what was asked.

One JSON line per request, once its answer has been forwarded:
{"method", "path", "if_match"?, "status", "bytes_sent"?}; a request that got no answer has the status null.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import io
import json
import os
import signal
import socket
import socketserver
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

BLOCK = 65536
# Each side of the proxy has its own connection, and its own framing of a body.
HOP_HEADERS = ("connection", "keep-alive", "transfer-encoding", "expect")


class Cut(Exception):
    """Raised by a hook: the client's connection is closed without another byte."""


@dataclass
class Exchange:
    """One request and its answer."""

    method: str
    path: str
    headers: list[tuple[str, str]]
    status: int | None = None
    answer_headers: list[tuple[str, str]] = field(default_factory=list)
    bytes_sent: int = 0
    bytes_received: int = 0
    is_recorded: bool = False

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


def read_exactly(stream: io.BufferedIOBase, size: int) -> Iterator[bytes]:
    """So many bytes of a stream, in blocks."""
    while size:
        block = stream.read(min(size, BLOCK))
        if not block:
            raise ConnectionError("the body ended early")
        size -= len(block)
        yield block


def read_chunked(stream: io.BufferedIOBase) -> Iterator[bytes]:
    """The content of a chunked body, in blocks."""
    while True:
        size = int(stream.readline(1024).split(b";")[0], 16)
        if size == 0:
            break
        yield from read_exactly(stream, size)
        stream.readline(8)
    while stream.readline(BLOCK) not in (b"\r\n", b"\n", b""):
        pass


def chunk(block: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(block), block)


class Handler(BaseHTTPRequestHandler):
    """One connection of a client; each of its requests gets a connection to the real server."""

    protocol_version = "HTTP/1.1"
    server: Recorder  # type: ignore[assignment]

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except ConnectionError:
            self.close_connection = True

    def __getattr__(self, name: str) -> Any:
        # The base class looks for do_GET, do_PUT and so on.
        if name.startswith("do_"):
            return self.forward
        raise AttributeError(name)

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def forward(self) -> None:
        recorder = self.server
        exchange = Exchange(self.command, self.path, self.headers.items())
        try:
            recorder.before_request(exchange)
            with self.connect() as upstream:
                self.send_request(exchange, upstream)
                with http.client.HTTPResponse(upstream, method=self.command) as answer:
                    answer.begin()
                    exchange.status = answer.status
                    exchange.answer_headers = answer.getheaders()
                    recorder.before_answer(exchange)
                    if answer.status == 101:
                        self.tunnel(answer, upstream, exchange)
                    else:
                        self.send_answer(exchange, answer)
        except (Cut, OSError, ValueError, http.client.HTTPException):
            # An answer that broke off must look like that to the client too.
            self.close_connection = True
        recorder.after_answer(exchange)

    def connect(self) -> socket.socket:
        """Opens a connection to the real server."""
        upstream = socket.socket(socket.AF_UNIX)
        try:
            upstream.connect(self.server.upstream)
        except OSError:
            upstream.close()
            raise
        return upstream

    def body(self) -> Iterator[bytes]:
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            return read_chunked(self.rfile)
        return read_exactly(self.rfile, int(self.headers.get("Content-Length", 0)))

    def send_request(self, exchange: Exchange, upstream: socket.socket) -> None:
        upgrade = exchange.header("Upgrade")
        chunked = exchange.header("Transfer-Encoding") is not None
        lines = [f"{exchange.method} {exchange.path} HTTP/1.1"]
        lines += [f"{key}: {value}" for key, value in exchange.headers if key.lower() not in HOP_HEADERS]
        lines += ["Connection: Upgrade" if upgrade else "Connection: close"]
        lines += ["Transfer-Encoding: chunked"] * chunked
        upstream.sendall("\r\n".join([*lines, "", ""]).encode("latin-1"))
        try:
            for block in self.body():
                exchange.bytes_sent += len(block)
                upstream.sendall(chunk(block) if chunked else block)
            if chunked:
                upstream.sendall(b"0\r\n\r\n")
        except (BrokenPipeError, ConnectionResetError):
            # The server refused the body; its answer says why. The rest of the body is not read.
            self.close_connection = True

    def send_answer(self, exchange: Exchange, answer: http.client.HTTPResponse) -> None:
        # Written down before it is sent: who has the whole answer may look into the log at once.
        self.server.record(exchange)
        length = answer.getheader("Content-Length")
        empty = exchange.method == "HEAD" or answer.status in (204, 304)
        chunked = length is None and not empty
        self.send_head(exchange, ["Transfer-Encoding: chunked"] * chunked)
        # The size is counted here: read1 itself doesn't notice a body that ends early.
        left = 0 if empty else int(length or BLOCK)
        while left:
            block = answer.read1(BLOCK if chunked else min(left, BLOCK))
            if not block:
                break
            left -= 0 if chunked else len(block)
            exchange.bytes_received += len(block)
            block = self.server.answer_block(exchange, block)
            self.wfile.write(chunk(block) if chunked else block)
        if chunked:
            self.wfile.write(b"0\r\n\r\n")
        elif left:
            raise ConnectionError("the answer ended early")

    def send_head(self, exchange: Exchange, extra: list[str]) -> None:
        lines = [f"HTTP/1.1 {exchange.status} {http.client.responses.get(exchange.status or 0, '')}"]
        lines += [f"{key}: {value}" for key, value in exchange.answer_headers if key.lower() not in HOP_HEADERS]
        lines += [*extra, *["Connection: close"] * self.close_connection, "", ""]
        self.wfile.write("\r\n".join(lines).encode("latin-1"))

    def tunnel(self, answer: http.client.HTTPResponse, upstream: socket.socket, exchange: Exchange) -> None:
        """A websocket (events, consoles): bytes in both directions until one side closes."""
        self.send_head(exchange, ["Connection: Upgrade"])
        self.close_connection = True

        def pump(source: Any, target: socket.socket) -> None:
            try:
                while block := source.read1(BLOCK):
                    target.sendall(block)
            except (OSError, ValueError):
                pass
            for side in (upstream, self.connection):
                with contextlib.suppress(OSError):
                    side.shutdown(socket.SHUT_RDWR)

        back = threading.Thread(target=pump, args=(self.rfile, upstream), daemon=True)
        back.start()
        pump(answer.fp, self.connection)
        back.join()


class Served(socketserver.ThreadingMixIn):
    """What all proxies of the tests share: a thread for each connection, and one that serves until stop()."""

    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection that breaks is the client's business, not worth a traceback."""

    def start(self) -> None:
        """Serves from a thread; stop() ends it."""
        threading.Thread(target=self.serve_forever, args=(0.1,), daemon=True).start()  # type: ignore[attr-defined]

    def stop(self) -> None:
        self.shutdown()  # type: ignore[attr-defined]
        self.server_close()


class Recorder(Served, socketserver.UnixStreamServer):
    """The proxy. Subclasses override the hooks, which may also sleep or raise Cut."""

    request_queue_size = 128

    def __init__(self, listen: Path | str, upstream: Path | str, log: Path | str) -> None:
        Path(listen).unlink(missing_ok=True)
        super().__init__(str(listen), Handler)
        self.listen = Path(listen)
        self.upstream = str(upstream)
        self.log = Path(log)
        self.log.touch()

    def before_request(self, exchange: Exchange) -> None:
        """The request is known; the server has seen nothing of it."""

    def before_answer(self, exchange: Exchange) -> None:
        """The server has answered (status and headers); the client has seen nothing of it."""

    def answer_block(self, exchange: Exchange, block: bytes) -> bytes:
        """A block of the answer's body on its way to the client; the same number of bytes must go on."""
        return block

    def after_answer(self, exchange: Exchange) -> None:
        """The answer was forwarded, or will never come."""
        self.record(exchange)

    def record(self, exchange: Exchange) -> None:
        """Write a request down, once."""
        if exchange.is_recorded:
            return
        exchange.is_recorded = True
        line: dict[str, Any] = {"method": exchange.method, "path": exchange.path}
        if exchange.header("If-Match") is not None:
            line["if_match"] = exchange.header("If-Match")
        line["status"] = exchange.status
        if exchange.bytes_sent:
            line["bytes_sent"] = exchange.bytes_sent
        # Appending in one write keeps lines whole, and lets a test empty the file between two steps.
        with self.log.open("ab", buffering=0) as log:
            log.write(json.dumps(line).encode() + b"\n")

    def stop(self) -> None:
        super().stop()
        self.listen.unlink(missing_ok=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="Forwards a unix socket and writes down every request.")
    parser.add_argument("--listen", required=True, type=Path, help="socket to make")
    parser.add_argument("--upstream", required=True, type=Path, help="socket of the real server")
    parser.add_argument("--log", required=True, type=Path, help="file to append JSON lines to")
    options = parser.parse_args()
    recorder = Recorder(options.listen, options.upstream, options.log)
    os.chmod(options.listen, 0o660)
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_unused: ended.set())
    recorder.start()
    ended.wait()
    recorder.stop()


if __name__ == "__main__":
    main()
