# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files of the web, from a real little server."""

from __future__ import annotations

import gzip
import http.server
import threading
import typing as t
import zlib

import pytest

from ansible_collections.community.lxd.plugins.module_utils._lxd.errors import LXDAPIError, LXDConnectionError
from ansible_collections.community.lxd.plugins.module_utils._lxd.http_files import HttpFiles

Reply = tuple[int, dict[str, str], bytes]


class LittleServer(http.server.ThreadingHTTPServer):
    """Answers each request with the next of some replies: status, headers, body."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.replies: list[Reply] = []
        self.received: list[tuple[str, dict[str, str]]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/f"


class Handler(http.server.BaseHTTPRequestHandler):
    server: LittleServer

    def do_GET(self) -> None:
        self.server.received.append((self.command, dict(self.headers)))
        status, headers, body = self.server.replies.pop(0)
        self.send_response(status)
        for key, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        self.close_connection = True

    do_HEAD = do_GET

    def log_message(self, format: str, *args: t.Any) -> None:
        """Say nothing."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> t.Iterator[LittleServer]:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with LittleServer() as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    taken: list[float] = []
    monkeypatch.setattr("urllib3.util.retry.time.sleep", taken.append)
    return taken


def stream(web: HttpFiles, url: str) -> tuple[int | None, bytes]:
    with web.stream(url) as (size, blocks):
        return size, b"".join(blocks)


READS: dict[str, t.Callable[[HttpFiles, str], t.Any]] = {
    "document": lambda web, url: web.get_json(url),
    "text": lambda web, url: web.get_text(url),
    "headers": lambda web, url: web.head(url, {}),
    "image": stream,
}


@pytest.mark.parametrize("read", READS)
def test_a_busy_server_is_asked_again(server: LittleServer, pauses: list[float], read: str) -> None:
    server.replies = [
        (503, {"Retry-After": "1"}, b"later"),
        (429, {"Retry-After": "99"}, b""),
        (502, {}, b""),
        (200, {}, b"{}"),
    ]
    READS[read](HttpFiles(timeout=5.0), server.url)
    assert len(server.received) == 4
    assert pauses == [1, 30.0, 2.0]


@pytest.mark.parametrize("read", READS)
def test_patience_has_an_end(server: LittleServer, pauses: list[float], read: str) -> None:
    server.replies = [(503, {}, b"later")] * 4
    with pytest.raises(LXDAPIError, match="^Cannot read http://127.0.0.1:[0-9]+/f: HTTP 503 ") as caught:
        READS[read](HttpFiles(timeout=5.0), server.url)
    assert caught.value.status == 503
    assert server.replies == []


def test_a_redirect_is_followed_to_a_server_that_is_busy(server: LittleServer, pauses: list[float]) -> None:
    server.replies = [(302, {"Location": "/elsewhere"}, b""), (503, {}, b""), (200, {}, b"[1]")]
    assert HttpFiles(timeout=5.0).get_json(server.url) == [1]


@pytest.mark.parametrize("encoding", ["gzip", "x-gzip", "deflate", "zstd", "br", "nonsense"])
@pytest.mark.parametrize("stored", [gzip.compress(b"a tar" * 999), b"no gzip at all"], ids=["gzip", "other"])
def test_an_image_is_taken_as_it_is_stored(server: LittleServer, encoding: str, stored: bytes) -> None:
    server.replies = [(200, {"Content-Encoding": encoding}, stored)]
    assert stream(HttpFiles(timeout=5.0), server.url) == (len(stored), stored)
    assert server.received[0][1]["Accept-Encoding"] == "identity"


@pytest.mark.parametrize(
    ("encoding", "pack"), [("gzip", gzip.compress), ("x-gzip", gzip.compress), ("deflate", zlib.compress)]
)
def test_a_document_is_decoded(server: LittleServer, encoding: str, pack: t.Callable[[bytes], bytes]) -> None:
    server.replies = [(200, {"Content-Encoding": encoding}, pack(b'{"a": 1}'))] * 2
    assert HttpFiles(timeout=5.0).get_json(server.url) == {"a": 1}
    assert HttpFiles(timeout=5.0).get_text(server.url) == '{"a": 1}'


def test_an_image_that_breaks_off(server: LittleServer) -> None:
    server.replies = [(200, {"Content-Length": "99"}, b"abc")]
    with pytest.raises(LXDConnectionError, match="No answer from http://127.0.0.1:[0-9]+/f to GET: "):
        stream(HttpFiles(timeout=5.0), server.url)
