# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bodies without an end, as no real server sends them: as a server's answer, as an index, and as an image."""

from __future__ import annotations

import contextlib
import gzip
import http.client
import socketserver
import threading
import time
import tracemalloc
import typing as t

import pytest
import requests

from ansible_collections.community.lxd.plugins.module_utils._lxd import bodies, http_files
from ansible_collections.community.lxd.plugins.module_utils._lxd.bodies import BoundError, image_blocks, read_document
from ansible_collections.community.lxd.plugins.module_utils._lxd.errors import LXDConnectionError
from ansible_collections.community.lxd.plugins.module_utils._lxd.http_files import HttpFiles

MIB = 1024 * 1024
BLOCK = b"z" * 65536


def endless(send: t.Callable[[bytes], None]) -> None:
    send(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        send(BLOCK)


def chunked(send: t.Callable[[bytes], None]) -> None:
    send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        send(b"10000\r\n" + BLOCK + b"\r\n")


def dripping(send: t.Callable[[bytes], None]) -> None:
    send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
    while True:
        send(b"z")
        time.sleep(0.05)


def bomb(send: t.Callable[[bytes], None]) -> None:
    packed = gzip.compress(b"\0" * (100 * MIB), 1)
    send(f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(packed)}\r\n\r\n".encode() + packed)


def packed(send: t.Callable[[bytes], None]) -> None:
    body = gzip.compress(b'{"a": 1}')
    send(f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)


def strange(send: t.Callable[[bytes], None]) -> None:
    send(b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 3\r\n\r\nabc")


def damaged(send: t.Callable[[bytes], None]) -> None:
    send(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc")


def short(send: t.Callable[[bytes], None]) -> None:
    send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc")


def whole(send: t.Callable[[bytes], None]) -> None:
    send(b"HTTP/1.1 200 OK\r\nContent-Length: 3000000\r\n\r\n" + b"z" * 3000000)


class Web(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, say: t.Callable[[t.Callable[[bytes], None]], None]) -> None:
        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                while self.rfile.readline().strip():
                    pass
                with contextlib.suppress(OSError):
                    say(self.request.sendall)

        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()


@pytest.fixture
def web() -> t.Iterator[t.Callable[..., Web]]:
    servers: list[Web] = []

    def start(say: t.Any) -> Web:
        servers.append(Web(say))
        return servers[-1]

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def ask(server: Web) -> requests.Response:
    return requests.get(server.url, stream=True, timeout=10)


@pytest.mark.parametrize(
    ("say", "words"),
    [
        (endless, "longer than 8 MiB"),
        (chunked, "longer than 8 MiB"),
        (bomb, "longer than 8 MiB"),
        (dripping, "has not ended after 0.5 seconds"),
        (strange, "the encoding 'br', which was not asked for"),
        (damaged, "cannot be unpacked"),
    ],
)
def test_a_document_is_bounded(web: t.Callable[..., Web], say: t.Any, words: str) -> None:
    begun = time.monotonic()
    tracemalloc.start()
    try:
        with ask(web(say)) as response, pytest.raises(BoundError, match=words):
            read_document(response, 8 * MIB, 0.5 if say is dripping else 60)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # the bomb is made in this process, too
    assert peak < (10 if say is not bomb else 240) * MIB
    assert time.monotonic() - begun < 30


def test_what_is_within_the_bounds(web: t.Callable[..., Web]) -> None:
    with ask(web(packed)) as response:
        assert read_document(response, MIB, 10) == b'{"a": 1}'
    with ask(web(whole)) as response:
        assert read_document(response, 3000000, 10) == b"z" * 3000000


def test_a_document_that_breaks_off(web: t.Callable[..., Web]) -> None:
    with ask(web(short)) as response, pytest.raises(http.client.IncompleteRead):
        read_document(response, MIB, 10)


def test_an_image_has_no_end_but_a_lowest_rate(web: t.Callable[..., Web], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "SLOWEST_SECONDS", 0.5)
    with ask(web(dripping)) as response, pytest.raises(BoundError, match=r"only \d+ bytes have arrived in 0.5 seconds"):
        list(image_blocks(response))
    with ask(web(endless)) as response:
        assert sum(len(block) for block, _number in zip(image_blocks(response), range(100))) > 99 * MIB
    with ask(web(whole)) as response:
        assert sum(map(len, image_blocks(response))) == 3000000


def test_an_image_is_never_unpacked(web: t.Callable[..., Web]) -> None:
    with ask(web(packed)) as response:
        assert gzip.decompress(b"".join(image_blocks(response))) == b'{"a": 1}'


@pytest.mark.parametrize("say", [endless, bomb, dripping])
def test_the_errors_of_files_of_the_web_say_which_bound(
    web: t.Callable[..., Web], monkeypatch: pytest.MonkeyPatch, say: t.Any
) -> None:
    monkeypatch.setattr(http_files, "LONGEST_DOCUMENT", 2 * MIB)
    server = web(say)
    with pytest.raises(LXDConnectionError, match=r"longer than 2 MiB|has not ended after 0.5 seconds") as caught:
        HttpFiles(timeout=0.5 if say is dripping else 30).get_json(server.url)
    assert str(caught.value).startswith(f"Cannot read the answer of {server.url}/ to GET: ")
    with pytest.raises(LXDConnectionError, match="longer than 1 MiB|has not ended"):
        HttpFiles(timeout=0.5 if say is dripping else 30).get_text(server.url)
