# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pathlib
import typing as t

import pytest

from ansible_collections.community.lxd.plugins.module_utils._lxd import remotes
from ansible_collections.community.lxd.plugins.module_utils._lxd.errors import LXDInputError, LXDMissingLibraryError
from ansible_collections.community.lxd.plugins.module_utils._lxd.remotes import (
    SIMPLESTREAMS,
    Remote,
    configuration_directories,
    find_remote,
    parse_remotes,
)

CONFIG = """\
default-remote: build
remotes:
  build:
    addr: https://build.example:8443
    auth_type: tls
    project: images
    protocol: lxd
    public: false
  mirror:
    addr: https://mirror.example/images
    protocol: simplestreams
    public: true
  "quoted":
    addr: 'https://q:8443'
  # a comment
  ubuntu:
    addr: https://ubuntu.example
    protocol: simplestreams
aliases:
  ls: list
  build:
    addr: no remote
"""


def parse(text: str) -> dict[str, t.Any]:
    return parse_remotes(text.encode(), "/c/config.yml")


def test_parse_remotes() -> None:
    found = parse(CONFIG)
    assert list(found) == ["build", "mirror", "quoted", "ubuntu"]
    assert found["build"] == {
        "addr": "https://build.example:8443",
        "auth_type": "tls",
        "project": "images",
        "protocol": "lxd",
        "public": "false",
    }
    assert found["quoted"] == {"addr": "https://q:8443"}


@pytest.mark.parametrize("text", ["", "remotes: {}\n", "remotes:\n", "aliases:\n  a: b\n", "---\n...\n"])
def test_no_remotes(text: str) -> None:
    assert parse(text) == {}


@pytest.mark.parametrize(
    "text",
    [
        "\0\n- x\n",
        "- a\n",
        "remotes: [a]\n",
        "remotes: text\n",
        "remotes: {a\n",
        "a: *b\n",
        "\tremotes:\n",
        "{" * 5000,
        "? [a]\n: b\n[x]: {",
    ],
)
def test_no_configuration(text: str) -> None:
    with pytest.raises(LXDInputError, match="Cannot read the client configuration /c/config.yml"):
        parse(text)


SPELLINGS = {
    "flow": 'remotes: {build: {addr: "https://b:8443", project: p}}\n',
    "comment": "remotes:\n  build:   # the farm\n    addr: https://b:8443 # no part of the address\n    project: p\n",
    "anchor": "x: &at\n  addr: https://b:8443\nremotes:\n  other: *at\n  build: {<<: *at, project: p}\n",
    "JSON": '{"remotes": {"build": {"addr": "https://b:8443", "project": "p"}}}',
    "CRLF": "remotes:\r\n  build:\r\n    addr: https://b:8443\r\n    project: p\r\n",
    "folded": "remotes:\n  build:\n    addr: >-\n      https://b:8443\n    project: p\n",
    "BOM": "\ufeffremotes:\n  build: {addr: 'https://b:8443', project: p}\n",
    "quoted keys": "'remotes':\n  \"build\":\n    'addr': \"https://b:8443\"\n    project: 'p'\n",
}


@pytest.mark.parametrize("text", SPELLINGS.values(), ids=SPELLINGS)
def test_all_of_yaml(text: str, tmp_path: pathlib.Path) -> None:
    (tmp_path / ".config/lxc").mkdir(parents=True)
    (tmp_path / ".config/lxc/config.yml").write_text(text, encoding="utf-8", newline="")
    assert find("build", tmp_path) == Remote("build", "https://b:8443", "lxd", "p")


def test_names_are_text() -> None:
    assert list(parse("remotes: {12: {addr: a}, on: {addr: b}, 1.50: {addr: c}}")) == ["12", "on", "1.50"]


BROKEN = {
    "no address": ("{protocol: lxd}", "its 'addr' is ''"),
    "empty address": ('{addr: ""}', "its 'addr' is ''"),
    "null": ("{addr: ~}", "its 'addr' is ''"),
    "blank": ('{addr: "  "}', "its 'addr' is ''"),
    "no scheme": ("{addr: 'b:8443'}", "its 'addr' is 'b:8443', but must be 'https://host' or 'unix:/path/unix.socket'"),
    "http": ("{addr: 'http://b:8443'}", "its 'addr' is 'http://b:8443'"),
    "no host": ("{addr: 'https://'}", "its 'addr' is 'https://'"),
    "bad host": ("{addr: 'https://['}", "no usable address"),
    "a socket with images": ("{addr: 'unix:/s', protocol: simplestreams}", "must be 'https://host' or 'http://host'"),
    "a list": ("{addr: [a]}", "its 'addr' is a list"),
    "no mapping": ("https://b", "it must be a mapping with 'addr' and 'protocol', but is str"),
    "nothing": ("", "it must be a mapping with 'addr' and 'protocol', but is NoneType"),
    "registry without TLS": ("{addr: 'http://docker.example', protocol: oci}", "must be 'https://host'"),
    "unknown protocol": (
        "{addr: 'https://docker.example', protocol: ftp}",
        "its protocol 'ftp' is not supported. Supported are incus, lxd, oci, simplestreams",
    ),
}


@pytest.mark.parametrize(("entry", "words"), BROKEN.values(), ids=BROKEN)
def test_a_remote_that_is_not_understood_is_an_error_that_names_the_file(
    entry: str, words: str, tmp_path: pathlib.Path
) -> None:
    (tmp_path / ".config/lxc").mkdir(parents=True)
    path = tmp_path / ".config/lxc/config.yml"
    path.write_text(f"remotes:\n  build: {entry}\n  good: {{addr: 'https://good:8443'}}\n")
    with pytest.raises(LXDInputError) as caught:
        find("build", tmp_path)
    assert f"The remote 'build' in {path}" in str(caught.value) and words in str(caught.value)
    assert find("good", tmp_path).address == "https://good:8443"


def test_a_file_that_is_no_configuration_is_an_error_whatever_the_name(home: pathlib.Path) -> None:
    (home / ".config/lxc/config.yml").write_text("remotes: [")
    with pytest.raises(LXDInputError, match=r"\.config/lxc/config.yml: it is not valid YAML"):
        find("ubuntu", home)


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("unix://", "unix:"),
        ("unix:", "unix:"),
        ("unix:///", "unix:"),
        ("unix:///s", "unix:///s"),
        ("unix:/s", "unix:/s"),
    ],
)
def test_local_servers(address: str, expected: str, tmp_path: pathlib.Path) -> None:
    (tmp_path / ".config/incus").mkdir(parents=True)
    (tmp_path / ".config/incus/config.yml").write_text(f"remotes:\n  here: {{addr: '{address}'}}\n")
    remote = find("here", tmp_path)
    assert (remote.address, remote.protocol) == (expected, "incus")
    assert find("local", tmp_path) == Remote("local", "unix:", "lxd")


def test_without_pyyaml_only_a_configuration_can_not_be_read(
    home: pathlib.Path, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remotes, "YAML_IMPORT_ERROR", "ImportError")
    with pytest.raises(LXDMissingLibraryError) as caught:
        find("build", home)
    assert "python3-yaml" in caught.value.library
    assert find("ubuntu", tmp_path / "nobody").protocol == SIMPLESTREAMS


def test_any_indentation_of_a_file() -> None:
    assert parse(CONFIG.replace("  ", "    ")) == parse(CONFIG)


def test_directories() -> None:
    first = ["/l", "/i"]
    others = ["/home/u/snap/lxd/common/config", "/home/u/.config/lxc", "/home/u/.config/incus"]
    assert configuration_directories({"LXD_CONF": "/l", "INCUS_CONF": "/i"}, "/home/u") == first + others
    assert configuration_directories({"LXD_CONF": ""}, "/home/u") == others


@pytest.fixture
def home(tmp_path: pathlib.Path) -> pathlib.Path:
    for directory, config in (
        (".config/lxc", CONFIG),
        (".config/incus", "remotes:\n  build:\n    addr: https://other:8443\n  own:\n    addr: https://own:8443\n"),
    ):
        (tmp_path / directory / "servercerts").mkdir(parents=True)
        (tmp_path / directory / "config.yml").write_text(config)
        for name in ("client.crt", "client.key", "servercerts/build.crt", "servercerts/mirror.crt"):
            (tmp_path / directory / name).write_text("PEM")
    return tmp_path


def find(name: str, home: pathlib.Path, vendor: str | None = None) -> Remote:
    def ask() -> str | None:
        assert name == "images", "the vendor costs a request"
        return vendor

    return find_remote(name, ask, {}, str(home))


def test_a_configured_server(home: pathlib.Path) -> None:
    at = home / ".config/lxc"
    assert find("build", home) == Remote(
        "build",
        "https://build.example:8443",
        "lxd",
        "images",
        str(at / "servercerts/build.crt"),
        str(at / "client.crt"),
        str(at / "client.key"),
    )


def test_a_simplestreams_server_is_shown_no_client_certificate(home: pathlib.Path) -> None:
    remote = find("mirror", home)
    assert (remote.protocol, remote.client_cert, remote.client_key) == (SIMPLESTREAMS, None, None)
    assert remote.server_cert == str(home / ".config/lxc/servercerts/mirror.crt")


def test_the_protocol_is_that_of_the_client(home: pathlib.Path) -> None:
    assert (find("quoted", home).protocol, find("own", home).protocol) == ("lxd", "incus")


@pytest.mark.parametrize("name", ["client.crt", "client.key"])
def test_half_a_client_certificate_is_none(home: pathlib.Path, name: str) -> None:
    (home / ".config/lxc" / name).unlink()
    remote = find("build", home)
    assert (remote.client_cert, remote.client_key) == (None, None)


def test_a_configured_name_goes_before_a_well_known_one(home: pathlib.Path, tmp_path: pathlib.Path) -> None:
    assert find("ubuntu", home).address == "https://ubuntu.example"
    assert find("ubuntu", tmp_path / "nobody").address == "https://cloud-images.ubuntu.com/releases"


@pytest.mark.parametrize(
    ("vendor", "address"),
    [
        ("lxd", "https://images.lxd.canonical.com"),
        ("incus", "https://images.linuxcontainers.org"),
        (None, "https://images.lxd.canonical.com"),
    ],
)
def test_images_depends_on_who_asks(home: pathlib.Path, vendor: t.Any, address: str) -> None:
    assert find("images", home, vendor) == Remote("images", address, SIMPLESTREAMS)


def test_an_unknown_name(home: pathlib.Path) -> None:
    with pytest.raises(
        LXDInputError,
        match=r"remote 'nope' is not found .*build, images, local, mirror, own, quoted, ubuntu, ubuntu-daily",
    ):
        find("nope", home)
