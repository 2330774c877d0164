# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pathlib
import typing as t

import pytest

from ansible_collections.community.lxd.plugins.module_utils._lxd.errors import LXDInputError
from ansible_collections.community.lxd.plugins.module_utils._lxd.remotes import SIMPLESTREAMS, Remote, configuration_directories, find_remote, parse_remotes

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


def test_parse_remotes() -> None:
    remotes = parse_remotes(CONFIG)
    assert list(remotes) == ["build", "mirror", "quoted", "ubuntu"]
    assert remotes["build"] == {
        "addr": "https://build.example:8443",
        "auth_type": "tls",
        "project": "images",
        "protocol": "lxd",
        "public": "false",
    }
    assert remotes["quoted"] == {"addr": "https://q:8443"}


@pytest.mark.parametrize("text", ["", "remotes: {}\n", "remotes:\n", "aliases:\n  a: b\n", "\0\n- x\n"])
def test_no_remotes(text: str) -> None:
    assert parse_remotes(text) == {}


def test_any_indentation_of_a_file() -> None:
    assert parse_remotes(CONFIG.replace("  ", "    ")) == parse_remotes(CONFIG)


def test_directories() -> None:
    first = ["/l", "/i"]
    others = ["/home/u/snap/lxd/common/config", "/home/u/.config/lxc", "/home/u/.config/incus"]
    assert configuration_directories({"LXD_CONF": "/l", "INCUS_CONF": "/i"}, "/home/u") == first + others
    assert configuration_directories({"LXD_CONF": ""}, "/home/u") == others


@pytest.fixture
def home(tmp_path: pathlib.Path) -> pathlib.Path:
    for directory, config in ((".config/lxc", CONFIG), (".config/incus", "remotes:\n  build:\n    addr: other\n  own:\n    addr: https://own:8443\n")):
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
        "build", "https://build.example:8443", "lxd", "images", str(at / "servercerts/build.crt"), str(at / "client.crt"), str(at / "client.key")
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
    [("lxd", "https://images.lxd.canonical.com"), ("incus", "https://images.linuxcontainers.org"), (None, "https://images.lxd.canonical.com")],
)
def test_images_depends_on_who_asks(home: pathlib.Path, vendor: t.Any, address: str) -> None:
    assert find("images", home, vendor) == Remote("images", address, SIMPLESTREAMS)


def test_an_unknown_name(home: pathlib.Path) -> None:
    with pytest.raises(LXDInputError, match=r"no remote 'nope' .*build, images, mirror, own, quoted, ubuntu, ubuntu-daily"):
        find("nope", home)
