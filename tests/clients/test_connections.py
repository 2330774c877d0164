# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ways to a server: an encrypted key, a proxy, a URL with more in it than a server's address, an environment instead of options."""

from __future__ import annotations

import contextlib
import io
import os
import select
import socket
import socketserver
import subprocess
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hosts import MINE, OWN, Client, Host
from recorder import Served

FRONTS = pytest.mark.parametrize("direct", [False, True], ids=["module", "in-process"])


def info(client: Client, direct: bool, **options: Any) -> Any:
    return client.run("lxd_image_info", {"project": OWN, "name": "mine", **options}, direct=direct)


# an encrypted key


def encrypted_key(host: Host, folder: Path) -> str:
    path = folder / "encrypted.key"
    subprocess.run(
        [
            "openssl",
            "pkey",
            "-aes256",
            "-passout",
            "pass:right",
            "-in",
            host.own.options["client_key"],
            "-out",
            str(path),
        ],
        check=True,
        capture_output=True,
    )
    return str(path)


@FRONTS
@pytest.mark.parametrize("form", ["path", "text"])
def test_an_encrypted_key_never_asks(host: Host, tmp_path: Path, direct: bool, form: str) -> None:
    key = encrypted_key(host, tmp_path)
    client = Client(
        {**host.own.options, "client_key": key if form == "path" else Path(key).read_text()}, host.environment
    )
    without = info(client, direct)
    assert without.failed and "the key is encrypted, so 'client_key_password' is required" in without["msg"]
    wrong = info(client, direct, client_key_password="wrong-password")
    assert wrong.failed and "'client_key_password' is not its password" in wrong["msg"]
    assert "wrong-password" not in wrong.output
    right = info(client, direct, client_key_password="right")
    assert [image["fingerprint"] for image in right["images"]] == [MINE]


# a proxy


class Tunnels(Served, socketserver.TCPServer):
    """A proxy that hands on what it cannot read: CONNECT, and nothing else. ``asked``: the first line of each request."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Tunnel)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.asked: list[str] = []


class Tunnel(socketserver.StreamRequestHandler):
    server: Tunnels
    timeout = 60

    def handle(self) -> None:
        line = self.rfile.readline().decode()
        self.server.asked.append(line.strip())
        while self.rfile.readline().strip():
            pass
        name, _colon, port = line.split()[1].rpartition(":")
        with socket.create_connection((name, int(port)), 60) as upstream:
            self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            ends = {self.connection: upstream, upstream: self.connection}
            while ready := select.select(list(ends), [], [], 60)[0]:
                for end in ready:
                    data = end.recv(65536)
                    if not data:
                        return
                    ends[end].sendall(data)


@pytest.fixture
def proxy() -> Iterator[Tunnels]:
    server = Tunnels()
    server.start()
    yield server
    server.stop()


def through(client: Client, proxy: Tunnels, **more: str) -> Client:
    """The client in an environment that names the proxy."""
    variables = {"https_proxy": proxy.url, "HTTPS_PROXY": proxy.url, "no_proxy": "", "NO_PROXY": "", **more}
    return Client(client.options, {**client.environment, **variables})


@FRONTS
def test_a_server_behind_a_proxy(host: Host, proxy: Tunnels, direct: bool) -> None:
    """TLS is end to end: the pinned certificate is the server's, and the server sees the client's."""
    client = through(host.own, proxy)
    assert info(client, direct)["images"][0]["fingerprint"] == MINE
    address = host.https_url.rpartition("/")[2]
    assert proxy.asked and set(proxy.asked) == {f"CONNECT {address} HTTP/1.{proxy.asked[0][-1]}"}


@FRONTS
@pytest.mark.parametrize(
    ("options", "variables"), [({"use_proxy": False}, {}), ({}, {"no_proxy": "127.0.0.1", "NO_PROXY": "127.0.0.1"})]
)
def test_no_proxy(host: Host, proxy: Tunnels, direct: bool, options: Any, variables: Mapping[str, str]) -> None:
    assert info(through(host.own, proxy, **variables), direct, **options)["images"][0]["fingerprint"] == MINE
    assert proxy.asked == []


@FRONTS
def test_a_socket_is_never_reached_through_a_proxy(host: Host, proxy: Tunnels, direct: bool) -> None:
    assert not info(through(host.admin, proxy, http_proxy=proxy.url), direct).failed
    assert proxy.asked == []


@FRONTS
def test_a_proxy_that_is_not_there_is_named(host: Host, direct: bool) -> None:
    with contextlib.closing(socket.socket()) as nobody:
        nobody.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        variables = {"https_proxy": url, "HTTPS_PROXY": url, "no_proxy": "", "NO_PROXY": ""}
        failed = info(Client(host.own.options, {**host.environment, **variables}), direct)
    assert failed.failed
    assert f"through the proxy {url} of the environment ('use_proxy')" in failed["msg"]


# what a URL says


@FRONTS
@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda url: url + "?project=own", "'project'"),
        (lambda url: url.replace("://", "://user:pw@"), "'client_cert'"),
        (lambda url: url + "#x", "'project'"),
    ],
    ids=["project", "user", "fragment"],
)
def test_what_a_url_says_beyond_the_server_is_refused(host: Host, direct: bool, change: Any, word: str) -> None:
    failed = info(host.own, direct, url=change(host.https_url))
    assert failed.failed and "not supported" in failed["msg"] and word in failed["msg"]
    assert "pw" not in failed["msg"]


@FRONTS
@pytest.mark.parametrize("change", [lambda url: url + "/", lambda url: url + "/1.0", lambda url: f" {url} "], ids=str)
def test_other_spellings_of_a_server(host: Host, direct: bool, change: Any) -> None:
    assert info(host.own, direct, url=change(host.https_url))["images"][0]["fingerprint"] == MINE


@FRONTS
def test_other_spellings_of_a_socket(host: Host, direct: bool) -> None:
    assert info(host.admin, direct, url=f" {host.server.url} ")["images"][0]["fingerprint"] == MINE
    path = host.server.socket
    assert f"did you mean 'unix:{path}'?" in info(host.admin, direct, url=str(path))["msg"]
    assert "'project'" in info(host.admin, direct, url=f"{host.server.url}?project=own")["msg"]


# the environment instead of options


@FRONTS
def test_the_environment_instead_of_options(host: Host, direct: bool, tmp_path: Path) -> None:
    names = {"url": "URL", "client_cert": "CLIENT_CERT", "client_key": "CLIENT_KEY", "server_cert": "SERVER_CERT"}
    variables = {f"LXD_{name}": host.own.options[option] for option, name in names.items()}
    variables["LXD_CLIENT_KEY"] = encrypted_key(host, tmp_path)
    more = {"LXD_CLIENT_KEY_PASSWORD": "right", "LXD_PROJECT": OWN, "LXD_TIMEOUT": "30", "LXD_USE_PROXY": "no"}
    client = Client({}, {**host.environment, **variables, **more})
    assert client.run("lxd_image_info", {"name": "mine"}, direct=direct)["images"][0]["fingerprint"] == MINE
    for variable, value, words in (
        ("LXD_TIMEOUT", "0", "'timeout' is 0"),
        ("LXD_CA_PATH", "/nowhere", "'/nowhere' is not found"),
        ("LXD_VALIDATE_CERTS", "maybe", "validate_certs"),
    ):
        failed = Client({}, {**client.environment, variable: value}).run(
            "lxd_image_info", {"name": "mine"}, direct=direct
        )
        assert failed.failed and words in failed["msg"], variable


# what is not a file


@FRONTS
@pytest.mark.parametrize("option", ["path", "rootfs_path", "client_key", "server_cert"])
def test_a_named_pipe_is_refused_at_once(host: Host, direct: bool, tmp_path: Path, option: str) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    if option in ("client_key", "server_cert"):
        failed = info(host.own, direct, **{option: str(pipe)})
    else:
        content = tmp_path / "image.tar"
        with tarfile.open(content, "w") as archive:
            archive.addfile(tarfile.TarInfo("metadata.yaml"), io.BytesIO())
        source = {"type": "file", "path": str(content), option: str(pipe)}
        failed = host.own.run("lxd_image", {"project": OWN, "name": "n", "source": source}, direct=direct)
    # the path of a key is hidden like the key itself
    shown = "'client_key'" if option == "client_key" else str(pipe)
    assert failed.failed and shown in failed["msg"] and "regular file" in failed["msg"]
