# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
import gzip
import hashlib
import os
import pathlib
import re
import socket
import socketserver
import ssl
import threading
import time
import typing as t

import pytest
import requests

from ansible_collections.community.lxd.plugins.module_utils._lxd import bodies, libraries, tls
from ansible_collections.community.lxd.plugins.module_utils._lxd.connection_errors import transport_error
from ansible_collections.community.lxd.plugins.module_utils._lxd.errors import (
    LXDConnectionError,
    LXDInputError,
    LXDMissingLibraryError,
)
from ansible_collections.community.lxd.plugins.module_utils._lxd.tls import (
    certificate_fingerprint,
    pinned_fingerprint,
    read_pem,
)
from ansible_collections.community.lxd.plugins.module_utils._lxd.transport import (
    Connection,
    Transport,
    find_local_url,
    socket_candidates,
)

# any bytes will do for a fingerprint
PEM = ssl.DER_cert_to_PEM_cert(b"a certificate")
PIN = hashlib.sha256(b"a certificate").hexdigest()
OTHER = ssl.DER_cert_to_PEM_cert(b"another one")

DEFAULTS = [
    "/var/snap/lxd/common/lxd/unix.socket",
    "/var/lib/lxd/unix.socket",
    "/run/incus/unix.socket",
    "/var/lib/incus/unix.socket",
]


# where a local server is


@pytest.mark.parametrize(
    ("environ", "first"),
    [
        ({}, []),
        ({"LXD_DIR": "", "INCUS_SOCKET": ""}, []),
        ({"LXD_DIR": "/l"}, ["/l/unix.socket"]),
        ({"INCUS_DIR": "/i"}, ["/i/unix.socket"]),
        (
            {"INCUS_DIR": "/i", "INCUS_SOCKET": "/is", "LXD_DIR": "/l", "LXD_SOCKET": "/ls"},
            ["/ls", "/l/unix.socket", "/is", "/i/unix.socket"],
        ),
    ],
)
def test_socket_candidates(environ: dict[str, str], first: list[str]) -> None:
    assert socket_candidates(environ) == first + DEFAULTS


@pytest.mark.parametrize("existing", range(4))
def test_the_first_that_exists(monkeypatch: pytest.MonkeyPatch, existing: int) -> None:
    monkeypatch.setattr(os.path, "exists", lambda path: path in DEFAULTS[existing:])
    monkeypatch.setattr(os, "access", lambda path, mode: True)
    assert find_local_url({"LXD_DIR": "/gone"}) == f"unix:{DEFAULTS[existing]}"


@pytest.mark.parametrize(
    ("main", "user"),
    [
        ("/var/lib/incus/unix.socket", "/var/lib/incus/unix.socket.user"),
        ("/var/lib/lxd/unix.socket", "/var/lib/lxd/unix.socket.user"),
        ("/var/snap/lxd/common/lxd/unix.socket", "/var/snap/lxd/common/lxd-user/unix.socket"),
    ],
)
def test_the_socket_for_ordinary_users(monkeypatch: pytest.MonkeyPatch, main: str, user: str) -> None:
    """It is beside one that exists and may not be opened; its user has a project of its own."""
    monkeypatch.setattr(os.path, "exists", lambda path: path in (main, user))
    openable = {user}
    monkeypatch.setattr(os, "access", lambda path, mode: path in openable)
    assert find_local_url({}) == f"unix:{user}"
    assert Connection(f"unix:{user}").default_project == f"user-{os.geteuid()}"
    openable.add(main)
    assert find_local_url({}) == f"unix:{main}"
    assert Connection(f"unix:{main}").default_project == "default"
    openable.clear()
    assert find_local_url({}) == f"unix:{main}"


def test_none_exists(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os.path, "exists", lambda path: False)
    with pytest.raises(LXDInputError) as caught:
        find_local_url({"INCUS_DIR": "/gone"})
    for words in ("/gone/unix.socket", *DEFAULTS, "'url'"):
        assert words in str(caught.value)


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("unix:/run/s", "/run/s"),
        ("unix:///run/s", "/run/s"),
        ("unix://run/s", "/run/s"),
        ("unix:relative/s", "relative/s"),
    ],
)
def test_forms_of_a_socket_url(url: str, path: str) -> None:
    connection = Connection(url)
    assert (connection.is_local, connection.socket_path) == (True, path)


@pytest.mark.parametrize(
    "url", ["http://host:8443", "host:8443", "https://", "https:///1.0", "ftp://host", "", "/run/s"]
)
def test_bad_url(url: str) -> None:
    with pytest.raises(LXDInputError, match=r"'url' is .*unix:/path/unix.socket.*https://host:8443"):
        Transport(Connection(url))


@pytest.mark.parametrize(
    "url", ["https://[", "https://h:port", "https://h:99999", "https://h:0", f"https://{'a' * 64}.example"]
)
def test_what_is_no_url(url: str) -> None:
    with pytest.raises(LXDInputError, match="is not a valid URL: "):
        Transport(Connection(url))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"ca_path": "/missing"}, "'/missing' is not found .*'ca_path'"),
        ({"bearer_token": "\u65e5"}, "^'bearer_token' has characters"),
        ({"bearer_token": "a\nb"}, "^'bearer_token' has characters"),
        ({"client_cert": PEM, "client_key": "\0"}, "Cannot read 'client_key' .*null"),
    ],
    ids=["no authorities", "no ASCII", "two lines", "no path"],
)
def test_what_no_connection_can_be_made_of(options: dict[str, str], words: str) -> None:
    with pytest.raises(LXDInputError, match=words):
        Transport(Connection("https://h", **options))


def test_a_socket_path_that_is_too_long(tmp_path: pathlib.Path) -> None:
    with pytest.raises(LXDInputError, match=r"longer than the 107 bytes"):
        Transport(Connection("unix:/" + "x" * 107))
    Transport(Connection("unix:/" + "x" * 106))


def test_secrets_are_not_shown() -> None:
    text = repr(Connection("https://h", client_cert="c", client_key="KEY", bearer_token="TOKEN"))
    assert "KEY" not in text and "TOKEN" not in text


# pins


@pytest.mark.parametrize(
    ("options", "pin"),
    [
        pytest.param({}, None, id="none"),
        pytest.param({"server_fingerprint": PIN}, PIN, id="fingerprint"),
        pytest.param({"server_fingerprint": PIN.upper()}, PIN, id="upper case"),
        pytest.param({"server_fingerprint": ":".join(PIN[i : i + 2] for i in range(0, 64, 2))}, PIN, id="colons"),
        pytest.param({"server_fingerprint": f" {PIN}\n"}, PIN, id="blanks"),
        pytest.param({"server_cert": PEM}, PIN, id="certificate"),
        pytest.param({"server_cert": f"some text\n{PEM}\n{OTHER}"}, PIN, id="first certificate of several"),
        pytest.param({"server_cert": PEM, "server_fingerprint": PIN.upper()}, PIN, id="both"),
    ],
)
def test_pin(options: dict[str, str], pin: str | None) -> None:
    assert pinned_fingerprint(Connection("https://h", **options)) == pin


def test_pin_from_a_file(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "server.crt").write_text(PEM)
    monkeypatch.setenv("HOME", str(tmp_path))
    for path in (str(tmp_path / "server.crt"), "~/server.crt"):
        assert pinned_fingerprint(Connection("https://h", server_cert=path)) == PIN


@pytest.mark.parametrize(
    ("options", "words"),
    [
        pytest.param({"server_fingerprint": PIN[:-1]}, "64 hex digits", id="short"),
        pytest.param({"server_fingerprint": "sha256:" + PIN}, "64 hex digits", id="with its algorithm"),
        pytest.param(
            {"server_cert": OTHER, "server_fingerprint": PIN},
            f"'server_cert' has the fingerprint .*is {PIN}",
            id="mismatch",
        ),
        pytest.param(
            {"server_cert": "/missing.crt"},
            r"Cannot read 'server_cert' '/missing.crt': No such file",
            id="missing file",
        ),
        pytest.param(
            {"server_cert": "-----BEGIN PRIVATE KEY-----\nx"}, "'server_cert' has no PEM certificate", id="a key"
        ),
        pytest.param(
            {"server_cert": "-----BEGIN CERTIFICATE-----\nabcde\n-----END CERTIFICATE-----"},
            "'server_cert' is not a valid PEM certificate",
            id="no base64",
        ),
    ],
)
def test_bad_pin(options: dict[str, str], words: str) -> None:
    with pytest.raises(LXDInputError, match=words):
        Transport(Connection("https://h", **options))


def test_pem_text_is_taken_as_it_is() -> None:
    assert read_pem(PEM, "o") == PEM
    assert certificate_fingerprint(PEM, "o") == PIN


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"client_cert": PEM}, "are required together"),
        ({"client_key": "/k"}, "are required together"),
        ({"client_cert": "/missing.crt", "client_key": "/missing.key"}, "Cannot read 'client_cert' '/missing.crt'"),
        (
            {"client_cert": PEM, "client_key": "-----BEGIN PRIVATE KEY-----\nx\n-----END PRIVATE KEY-----\n"},
            "Cannot load the client certificate",
        ),
    ],
    ids=["certificate only", "key only", "missing", "bad"],
)
def test_bad_client_certificate(
    options: dict[str, str], words: str, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tls.tempfile, "tempdir", str(tmp_path))
    with pytest.raises(LXDInputError, match=words):
        Transport(Connection("https://h", **options))
    assert os.listdir(tmp_path) == []  # PEM text is a file for a moment only


@pytest.mark.parametrize(
    ("options", "verify"),
    [
        ({}, True),
        ({"ca_path": "/etc"}, "/etc"),
        ({"validate_certs": False}, False),
        ({"server_cert": PEM}, False),
        ({"server_fingerprint": PIN, "ca_path": "/etc"}, False),
    ],
    ids=["default", "ca_path", "off", "pinned", "pinned before ca_path"],
)
def test_what_is_verified(options: dict[str, t.Any], verify: t.Any) -> None:
    session = Transport(Connection("https://host:8443", **options))._session
    pool = session.get_adapter("https://host:8443").poolmanager.connection_pool_kw  # type: ignore[union-attr]
    assert (session.verify, session.trust_env) == (verify, False)
    assert pool.get("assert_fingerprint") == (PIN if set(options) & {"server_cert", "server_fingerprint"} else None)


# libraries


def test_missing_libraries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(libraries, "UNIXSOCKET_IMPORT_ERROR", "trace")
    Transport(Connection("https://h"))
    with pytest.raises(LXDMissingLibraryError) as caught:
        Transport(Connection("unix:/s"))
    assert "python3-requests-unixsocket" in caught.value.library and caught.value.trace == "trace"
    monkeypatch.setattr(libraries, "REQUESTS_IMPORT_ERROR", "other")
    with pytest.raises(LXDMissingLibraryError) as caught:
        Transport(Connection("https://h"))
    assert "python3-requests " in caught.value.library + " " and caught.value.trace == "other"


# a real socket


class Server:
    """Answers each connection with the next of some bytes, and then closes it."""

    def __init__(self, path: str, *answers: bytes) -> None:
        self.received: list[bytes] = []
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(path)
        self._listener.listen()
        self._answers = answers
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        for answer in self._answers:
            connection, _address = self._listener.accept()
            with connection:
                connection.settimeout(5)
                request = b""
                while b"\r\n\r\n" not in request:
                    request += connection.recv(65536)
                head, _blank, body = request.partition(b"\r\n\r\n")
                length = next(
                    (
                        int(line.split(b":")[1])
                        for line in head.split(b"\r\n")
                        if line.lower().startswith(b"content-length")
                    ),
                    0,
                )
                while len(body) < length:
                    body += connection.recv(65536)
                self.received.append(head + b"\r\n\r\n" + body)
                with contextlib.suppress(OSError):  # a client may have had enough of it
                    connection.sendall(answer)

    def close(self) -> None:
        self._thread.join(5)
        self._listener.close()


@pytest.fixture
def serve(tmp_path: pathlib.Path) -> t.Iterator[t.Callable[..., tuple[Server, Transport]]]:
    servers: list[Server] = []

    def start(*answers: bytes) -> tuple[Server, Transport]:
        os.chdir(tmp_path)  # a short path
        servers.append(Server("s", *answers))
        return servers[-1], Transport(Connection("unix:s", timeout=5.0))

    before = os.getcwd()
    yield start
    os.chdir(before)
    for server in servers:
        server.close()


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"


def test_a_request(serve: t.Any) -> None:
    server, client = serve(OK)
    response = client.request(
        "PUT", "/1.0/images/aliases/a%2Fb", query={"project": "p 1"}, headers={"If-Match": "e"}, json={"k": "ä"}
    )
    assert (response.status_code, response.content) == (200, b"{}")
    (request,) = server.received
    assert request.startswith(b"PUT /1.0/images/aliases/a%2Fb?project=p+1 HTTP/1.1\r\n")
    assert b"\r\nIf-Match: e\r\n" in request
    assert request.endswith(b'{"k": "\\u00e4"}')


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_answer_has_bounds(serve: t.Any, method: str) -> None:
    """It was sent, so a write may have been done; and it is not asked for again."""
    long = b"HTTP/1.1 200 OK\r\nContent-Length: 3000000\r\nConnection: close\r\n\r\n" + b"z" * 3000000
    server, client = serve(long, long)
    with pytest.raises(
        LXDConnectionError, match="Cannot read the answer of unix:s to .*: .* longer than 2 MiB"
    ) as caught:
        client.request(method, "/1.0/images", longest=2 * bodies.MIB)
    assert (caught.value.sent, len(server.received)) == (True, 1)


def test_a_socket_answers_byte_by_byte(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    ended = threading.Event()

    class Drip(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.request.recv(65536)
            with contextlib.suppress(OSError):
                self.request.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
                while not ended.wait(0.05):
                    self.request.sendall(b"z")

    with socketserver.ThreadingUnixStreamServer("s", Drip) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        begun = time.monotonic()
        with pytest.raises(LXDConnectionError, match="has not ended after 0.5 seconds"):
            Transport(Connection("unix:s", timeout=0.5)).request("GET", "/1.0")
        assert time.monotonic() - begun < 5
        ended.set()
        server.shutdown()


def test_a_body_is_sent_as_it_comes(serve: t.Any) -> None:
    class Body:
        def __iter__(self) -> t.Iterator[bytes]:
            yield b"abc"
            yield b"def"

        def __len__(self) -> int:
            return 6

    server, client = serve(OK)
    client.request("POST", "/1.0/images", body=Body(), headers={"Content-Type": "application/octet-stream"})
    assert b"\r\nContent-Length: 6\r\n" in server.received[0]
    assert server.received[0].endswith(b"\r\n\r\nabcdef")


def test_any_status_is_an_answer_and_no_redirect_is_followed(serve: t.Any) -> None:
    _server, client = serve(
        b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
    )
    assert client.request("GET", "/1.0").status_code == 302
    assert client.request("GET", "/1.0").status_code == 500


def test_the_environment_adds_nothing(serve: t.Any, monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    (tmp_path / "netrc").write_text("default login me password secret\n")
    (tmp_path / "netrc").chmod(0o600)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    server, client = serve(OK)
    client.request("GET", "/1.0")
    assert b"authorization" not in server.received[0].lower()


def test_a_bearer_token_is_sent(serve: t.Any) -> None:
    server, client = serve(OK)
    Transport(Connection("unix:s", bearer_token="tok")).request("GET", "/1.0")
    assert b"\r\nAuthorization: Bearer tok\r\n" in server.received[0]
    assert client


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n{}",
    ],
    ids=["closed at once", "cut in the headers", "cut in the body", "cut in a chunk"],
)
def test_an_answer_that_breaks_off(serve: t.Any, answer: bytes) -> None:
    _server, client = serve(answer)
    if answer.endswith(b"Content-Le"):
        # headers that end early are headers all the same; the body is not JSON then, which the client sees
        assert client.request("POST", "/1.0/images").content == b""
        return
    with pytest.raises(LXDConnectionError, match=r"No answer from unix:s to POST /1.0/images: ") as caught:
        client.request("POST", "/1.0/images")
    assert caught.value.sent is True
    assert caught.value.failure == {"url": "unix:s", "request": "POST /1.0/images"}


def test_a_stream_that_breaks_off(serve: t.Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "BLOCK_SIZE", 4)
    _server, client = serve(b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nabcdef")
    response = client.request("GET", "/1.0/images/x/export", stream=True)
    taken: list[bytes] = []
    with pytest.raises(LXDConnectionError, match="to GET /1.0/images/x/export"):
        taken.extend(client.blocks(response))
    assert taken[0] == b"abcdef"


def test_a_server_that_does_not_answer_in_time(serve: t.Any) -> None:
    _server, _client = serve()
    with pytest.raises(LXDConnectionError, match="timed out") as caught:
        Transport(Connection("unix:s", timeout=0.1)).request("POST", "/1.0/images")
    assert caught.value.sent is True


# reads are tried again, writes never


BUSY = b"HTTP/1.1 503 Later\r\nContent-Length: 5\r\nConnection: close\r\n\r\nbusy!"
CUT = b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{}"


def after(text: str, status: int = 503) -> bytes:
    return f"HTTP/1.1 {status} Later\r\nRetry-After: {text}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode()


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    taken: list[float] = []
    monkeypatch.setattr("urllib3.util.retry.time.sleep", taken.append)
    return taken


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        pytest.param([b"", OK], [], id="closed"),
        pytest.param([b"", b"", OK], [1.0], id="closed twice"),
        pytest.param([BUSY, OK], [], id="503"),
        pytest.param([BUSY.replace(b"503", b"502"), OK], [], id="502"),
        pytest.param([BUSY.replace(b"503", b"504"), BUSY, BUSY, OK], [1.0, 2.0], id="three times"),
        pytest.param([after("7", 429), after("3600"), OK], [7, 30.0], id="as the server says, within reason"),
        pytest.param(
            [after("Fri, 01 Jan 1999 00:00:00 GMT"), after("soon"), after("9" * 5000), OK],
            [1.0, 2.0],
            id="nothing that can be waited for",
        ),
        pytest.param([CUT, OK], [], id="cut in the body"),
        pytest.param([CUT, BUSY, OK], [], id="cut, then busy"),
    ],
)
def test_a_read_is_tried_again(serve: t.Any, pauses: list[float], answers: list[bytes], expected: list[float]) -> None:
    server, client = serve(*answers)
    assert client.request("GET", "/1.0").content == b"{}"
    assert len(server.received) == len(answers)
    assert pauses == expected


@pytest.mark.parametrize(
    ("answer", "tries", "outcome"),
    [(b"", 3, None), (BUSY, 4, 503), (CUT, 2, None), (BUSY.replace(b"503", b"500"), 1, 500), (after("1", 413), 1, 413)],
    ids=["closed", "503", "cut", "500", "413"],
)
def test_a_read_is_tried_a_bounded_number_of_times(
    serve: t.Any, pauses: list[float], answer: bytes, tries: int, outcome: int | None
) -> None:
    server, client = serve(*[answer] * tries)
    if outcome:
        response = client.request("GET", "/1.0")
        # the last answer as it came: its words say more than a count does
        assert (response.status_code, response.content) == (outcome, answer.partition(b"\r\n\r\n")[2])
    else:
        with pytest.raises(LXDConnectionError, match="No answer from unix:s to GET /1.0: ") as caught:
            client.request("GET", "/1.0")
        assert caught.value.sent is True
    assert len(server.received) == tries


@pytest.mark.parametrize(
    ("method", "once"), [("POST", False), ("PUT", False), ("PATCH", False), ("DELETE", False), ("GET", True)]
)
@pytest.mark.parametrize("answer", [b"", BUSY, after("1"), CUT], ids=["closed", "503", "Retry-After", "cut"])
def test_what_is_sent_once_only(serve: t.Any, pauses: list[float], method: str, once: bool, answer: bytes) -> None:
    server, client = serve(answer)
    if answer.startswith(b"HTTP/1.1 503"):
        assert client.request(method, "/1.0", once=once).status_code == 503
    else:
        with pytest.raises(LXDConnectionError) as caught:
            client.request(method, "/1.0", once=once)
        assert caught.value.sent is True
    assert (len(server.received), pauses) == (1, [])


def test_a_single_try_does_not_change_the_next_request(serve: t.Any, pauses: list[float]) -> None:
    server, client = serve(BUSY, BUSY, OK)
    assert client.request("GET", "/1.0", once=True).status_code == 503
    assert client.request("GET", "/1.0").status_code == 200
    assert len(server.received) == 3


@pytest.mark.parametrize(("method", "tries"), [("GET", 3), ("POST", 1)])
def test_a_server_that_is_late(
    serve: t.Any, pauses: list[float], tmp_path: pathlib.Path, method: str, tries: int
) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "late"))
        listener.listen()
        client = Transport(Connection(f"unix:{tmp_path}/late", timeout=0.1))
        with pytest.raises(LXDConnectionError, match="timed out") as caught:
            client.request(method, "/1.0")
        assert (caught.value.sent, caught.value.late) == (True, True)
        listener.settimeout(0.1)
        accepted = 0
        with pytest.raises(socket.timeout):
            while True:
                listener.accept()[0].close()
                accepted += 1
        assert accepted == tries


# encodings


@pytest.mark.parametrize("encoding", ["gzip", "x-gzip", "deflate", "zstd", "nonsense"])
@pytest.mark.parametrize("chunked", [False, True])
def test_what_is_streamed_is_not_decoded(serve: t.Any, encoding: str, chunked: bool) -> None:
    stored = gzip.compress(b"an image" * 1000)
    body = f"{len(stored):x}\r\n".encode() + stored + b"\r\n0\r\n\r\n" if chunked else stored
    length = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {len(stored)}"
    server, client = serve(
        f"HTTP/1.1 200 OK\r\nContent-Encoding: {encoding}\r\n{length}\r\nConnection: close\r\n\r\n".encode() + body
    )
    response = client.request("GET", "/1.0/images/x/export", stream=True)
    assert b"".join(client.blocks(response)) == stored
    # nobody is asked to pack an image once more
    assert b"\r\nAccept-Encoding: identity\r\n" in server.received[0]


@pytest.mark.parametrize("encoding", ["gzip", "x-gzip"])
def test_a_document_is_decoded(serve: t.Any, encoding: str) -> None:
    packed = gzip.compress(b"{}")
    _server, client = serve(
        f"HTTP/1.1 200 OK\r\nContent-Encoding: {encoding}\r\nContent-Length: {len(packed)}\r\n\r\n".encode() + packed
    )
    assert client.request("GET", "/1.0").content == b"{}"


@pytest.mark.parametrize(
    ("prepare", "reason"),
    [(False, "No such file or directory"), (True, "Connection refused")],
    ids=["missing", "nobody listens"],
)
def test_a_server_that_is_not_there(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, prepare: bool, reason: str
) -> None:
    monkeypatch.chdir(tmp_path)
    if prepare:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind("s")
    with pytest.raises(
        LXDConnectionError, match=f"Cannot connect to unix:s: {reason}. Is the server running"
    ) as caught:
        Transport(Connection("unix:s")).request("GET", "/1.0")
    assert caught.value.sent is False


@pytest.mark.parametrize(
    ("beside", "words"),
    [
        ("", "and no socket for ordinary users .* is beside it that it may use. Use 'become', or add the user"),
        ("/run/incus/unix.socket.user", "socket. Use 'become', or .*: set 'url' to 'unix:/run/incus/unix.socket.user'"),
    ],
    ids=["no other", "one for ordinary users"],
)
def test_a_socket_that_is_not_permitted(monkeypatch: pytest.MonkeyPatch, beside: str, words: str) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: path == beside)
    refused = requests.exceptions.ConnectionError("Connection aborted.", PermissionError(13, "Permission denied"))
    error = transport_error(refused, Connection("unix:/run/incus/unix.socket"), "GET /1.0", {})
    assert re.search(f"Permission denied. The user of this task is not permitted to use the .*{words}", f"{error}")


def test_nobody_listens_on_the_network() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"https://127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(
        LXDConnectionError,
        match=r"Connection refused. Does the server listen on this address \(its setting core.https_address\)",
    ) as caught:
        Transport(Connection(url, server_fingerprint=PIN)).request("POST", "/1.0/images")
    assert caught.value.sent is False
