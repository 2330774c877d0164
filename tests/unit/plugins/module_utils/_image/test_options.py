# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t
from datetime import timedelta

import pytest

from ansible_collections.community.lxd.plugins.module_utils._image import options, options_image, options_selection
from ansible_collections.community.lxd.plugins.module_utils._image import options_prune as options_retention
from ansible_collections.community.lxd.plugins.module_utils._image.desired import DesiredAlias
from ansible_collections.community.lxd.plugins.module_utils._image.desired_image import (
    DesiredImage,
    FileSource,
    ImageSource,
    InstanceSource,
    SettingsChange,
    UrlSource,
)
from ansible_collections.community.lxd.plugins.module_utils._image.sources.checksum import Checksum
from ansible_collections.community.lxd.plugins.module_utils._lxd.errors import LXDInputError
from ansible_collections.community.lxd.tests.unit.plugins.module_utils.fakes import A

FILE = {"type": "file", "path": "/a"}


def image(state: str = "present", **params: t.Any) -> DesiredImage:
    return options_image.desired_image(
        {"state": state, "purge_aliases": False, "purge_properties": False, "force": False, **params}
    )


def settings(**params: t.Any) -> SettingsChange:
    return image(name="n", **params).settings


def test_nothing_given_is_nothing_desired() -> None:
    assert image(name="n") == DesiredImage("present", name="n")
    assert settings() == SettingsChange()


def test_everything_given() -> None:
    assert image(
        name="n",
        fingerprint=A,
        source=FILE,
        aliases=["x", "y"],
        purge_aliases=True,
        alias_conflict="fail",
        properties={"k": 1},
        purge_properties=True,
        public=False,
        auto_update=False,
        expires_at="2030-12-31",
        profiles=["q", "p", "q"],
        protected=True,
        previous="delete",
        force=True,
    ) == DesiredImage(
        "present",
        "n",
        A,
        FileSource("/a"),
        ("x", "y"),
        True,
        "fail",
        SettingsChange(False, False, "2030-12-31T00:00:00Z", ("p", "q"), {"k": "1"}, True, {"protected": "true"}),
        "delete",
        True,
    )


@pytest.mark.parametrize(
    ("params", "field", "value"),
    [
        ({"profiles": []}, "profiles", ()),
        ({"properties": {}}, "properties", {}),
        (
            {"properties": {"a": None, "b": "", "c": True, 5: 1.5}},
            "properties",
            {"a": None, "b": None, "c": "true", "5": "1.5"},
        ),
        ({"expires_at": "never"}, "expires_at", "never"),
        ({"expires_at": "2030-12-31T01:00:00+01:00"}, "expires_at", "2030-12-31T00:00:00Z"),
        ({"protected": False}, "bookkeeping", {"protected": None}),
        ({"protected": True}, "bookkeeping", {"protected": "true"}),
    ],
    ids=str,
)
def test_settings(params: dict[str, t.Any], field: str, value: t.Any) -> None:
    assert getattr(settings(**params), field) == value


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({}, "One of 'name', 'fingerprint', .* is required"),
        ({"name": ""}, "is required: which image is meant"),
        ({"source": {"type": "instance", "name": "c1"}}, "is required: which image is meant"),
        ({"state": "absent"}, "is required: which image is meant"),
        ({"fingerprint": "abc"}, "'fingerprint' is 'abc'"),
        ({"name": "n", "fingerprint": A.upper()}, "'fingerprint' is"),
        (
            {"fingerprint": A, "source": {"type": "instance", "name": "c1"}},
            "fingerprint of a published image can't be chosen",
        ),
        ({"name": "n", "purge_aliases": True}, "'purge_aliases' requires 'aliases'"),
        ({"name": "n", "purge_properties": True}, "'purge_properties' requires 'properties'"),
        ({"name": "n", "expires_at": "soon"}, "'expires_at': 'soon' is neither"),
        ({"name": "n", "properties": {"ansible.protected": "true"}}, "'ansible.protected' can't be set"),
        ({"name": "n", "properties": {"k": [1]}}, "property 'k' is a list"),
    ],
    ids=str,
)
def test_image_refused(params: dict[str, t.Any], words: str) -> None:
    with pytest.raises(LXDInputError, match=words):
        image(**params)


@pytest.mark.parametrize("option", ["aliases", "properties"])
def test_purge_of_everything(option: str) -> None:
    assert image(name="n", **{option: {} if option == "properties" else [], f"purge_{option}": True})


def test_the_content_alone_says_which_image() -> None:
    assert image(source=FILE) == DesiredImage("present", source=FileSource("/a"))
    assert image("absent", source=FILE).source == FileSource("/a")


@pytest.mark.parametrize("identity", [{"name": "n"}, {"fingerprint": A}], ids=["name", "fingerprint"])
def test_what_is_to_go_needs_no_source(identity: dict[str, str]) -> None:
    assert image("absent", source=FILE, **identity).source is None


# source


@pytest.mark.parametrize(
    ("params", "source"),
    [
        (FILE, FileSource("/a")),
        (
            {
                "type": "file",
                "path": "/a",
                "rootfs_path": "/b",
                "checksum": "md5:" + "C" * 32,
                "filename": "f",
                "metadata": {},
                "name": None,
            },
            FileSource("/a", "/b", Checksum("md5", "c" * 32), "f", {}),
        ),
        ({"type": "instance", "name": "c1"}, InstanceSource("instance", "c1")),
        (
            {"type": "instance", "name": "c1", "compression_algorithm": "xz", "filename": "f", "stop": True},
            InstanceSource("instance", "c1", "xz", "f", True),
        ),
        ({"type": "snapshot", "name": "c1/s0", "stop": None}, InstanceSource("snapshot", "c1/s0")),
        ({"type": "url", "url": "https://h/a", "filename": "Größe 1"}, UrlSource("https://h/a", filename="Größe 1")),
        (
            {"server": "https://h", "alias": "a", "filename": "f", "mode": "relay"},
            ImageSource("https://h", "lxd", alias="a", filename="f", mode="relay"),
        ),
    ],
    ids=["file", "file with all", "instance", "instance with all", "snapshot", "url", "image"],
)
def test_source(params: dict[str, t.Any], source: t.Any) -> None:
    assert options_image.desired_source(params) == source


@pytest.mark.parametrize(
    ("params", "words"),
    [
        (
            {"type": "file", "path": "/a", "name": "c1", "stop": False},
            "'file' does not support name, stop; it supports .*path",
        ),
        ({"type": "instance", "name": "c1", "path": "/a"}, "'instance' does not support path"),
        ({"type": "snapshot", "name": "c1/s", "stop": True}, "'snapshot' does not support stop"),
        ({"type": "instance", "name": "c1/s0"}, "'c1/s0', but must be the name of an instance; for a snapshot"),
        ({"type": "snapshot", "name": "c1"}, "'c1', but must be 'instance/snapshot'"),
        ({"type": "snapshot", "name": "c1/"}, "must be 'instance/snapshot'"),
        (
            {"server": "https://h", "alias": "a", "filename": "f", "mode": "push"},
            "'filename' and 'mode: push' in 'source' are mutually exclusive: .* Use pull or relay",
        ),
        ({"server": "https://h", "fingerprint": A[:12], "secret": "s"}, "requires the full 'fingerprint'"),
        ({"remote": "r", "alias": "a", "secret": "s"}, "requires the full 'fingerprint'"),
        ({"remote": "r", "alias": "a", "client_cert": "c"}, "'client_cert' and 'client_key' in 'source' are required"),
        ({"remote": "r", "alias": "a", "client_key": "k"}, "'client_cert' and 'client_key' in 'source' are required"),
        ({"server": "https://h?project=x", "alias": "a"}, "'server' in 'source' has a query"),
        ({"server": "https://h:x", "alias": "a"}, "not a valid URL"),
        (
            {"server": "https://h", "alias": "a", "protocol": "simplestreams", "mode": "push"},
            "a simplestreams server cannot send images",
        ),
        ({"server": "https://h", "alias": "a", "protocol": "oci", "mode": "relay"}, "'mode: relay' in 'source' is not"),
        ({"server": "https://h", "alias": "a b", "protocol": "oci"}, "a b"),
        *[
            ({**source, "filename": name}, "'filename' in 'source' is .*, but must have no control characters")
            for source in (
                {"type": "file", "path": "/a"},
                {"type": "instance", "name": "c1"},
                {"server": "https://h", "alias": "a"},
                {"type": "url", "url": "https://h"},
            )
            for name in ("a\r\nb", " x", "x ", "\0", "\udcff")
        ],
    ],
    ids=str,
)
def test_source_refused(params: dict[str, t.Any], words: str) -> None:
    with pytest.raises(LXDInputError, match=words):
        options_image.desired_source(params)


SERVER = {"type": "image", "server": "https://h", "alias": "a"}


@pytest.mark.parametrize(
    ("params", "source"),
    [
        (SERVER, ImageSource("https://h", "lxd", alias="a")),
        (
            {**SERVER, "protocol": "incus", "mode": "pull", "copy_aliases": True},
            ImageSource("https://h", "incus", alias="a", mode="pull", copy_aliases=True),
        ),
        (
            {**SERVER, "server": "http://h", "protocol": "simplestreams"},
            ImageSource("http://h", "simplestreams", alias="a"),
        ),
        ({"type": "image", "remote": "ubuntu", "alias": "a"}, ImageSource(remote="ubuntu", alias="a")),
        ({"type": "image", "remote": "r", "fingerprint": A}, ImageSource(remote="r", fingerprint=A)),
    ],
    ids=["server", "options", "http", "remote", "fingerprint"],
)
def test_image_source(params: dict[str, t.Any], source: ImageSource) -> None:
    assert options_image.desired_source(params) == source


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"type": "image", "alias": "a"}, "either 'remote', .* or 'server'"),
        ({"type": "image", "server": "https://h"}, "either 'alias' or 'fingerprint'"),
        ({**SERVER, "fingerprint": A}, "either 'alias' or 'fingerprint'"),
        ({"type": "image", "server": "https://h", "fingerprint": "xyz"}, "'fingerprint' in 'source' is 'xyz'"),
        ({**SERVER, "server": "http://h"}, "must begin with https://"),
        ({**SERVER, "server": "h", "protocol": "simplestreams"}, "must begin with http:// or https://"),
        ({**SERVER, "path": "/a"}, "'image' does not support path"),
    ],
    ids=str,
)
def test_image_source_refused(params: dict[str, t.Any], words: str) -> None:
    with pytest.raises(LXDInputError, match=words):
        options_image.desired_source(params)


def test_the_fingerprint_of_the_image_and_of_its_source() -> None:
    by_source = {"type": "image", "server": "https://h", "fingerprint": A}
    assert image(source=by_source).fingerprint == A
    assert image(fingerprint=A, source={"type": "image", "server": "https://h"}).source == ImageSource(
        "https://h", "lxd", fingerprint=A
    )


# aliases


def test_alias() -> None:
    params = {"name": "n", "state": "present", "target": A, "description": "", "rename_from": "o"}
    assert options.desired_alias(params) == DesiredAlias("n", "present", A, "", "o")
    assert options.desired_alias({"name": "n", "state": "absent"}) == DesiredAlias("n", "absent")


def test_alias_renamed_from_itself() -> None:
    with pytest.raises(LXDInputError, match="'rename_from' and 'name' are the same"):
        options.desired_alias({"name": "n", "state": "present", "rename_from": "n"})
    with pytest.raises(LXDInputError, match="'target' must not be the alias"):
        options.desired_alias({"name": "n", "state": "present", "rename_from": "o", "target": "o"})
    options.desired_alias({"name": "n", "state": "absent", "rename_from": "o", "target": "o"})


# selectors


def test_selector() -> None:
    found = options_selection.selector(
        {
            "name": "n",
            "fingerprint": A,
            "public": False,
            "properties": {"build": 5, "lts": True},
            "filter": "type eq container",
            "older_than": "30d",
        }
    )
    assert (found.name, found.fingerprint, found.public, found.cached) == ("n", A, False, None)
    assert found.properties == {"build": "5", "lts": "true"}
    assert found.older_than == timedelta(days=30)
    assert [(clause.field, clause.operator, clause.pattern.pattern) for clause in found.filter] == [
        ("type", "eq", "^container\\Z")
    ]


def test_selector_of_everything() -> None:
    found = options_selection.selector({})
    assert (found.filter, found.older_than) == ((), None)
    assert not found.properties


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"fingerprint": "x"}, "'fingerprint'"),
        ({"filter": "x"}, "'filter' is 'x'"),
        ({"older_than": "x"}, "'older_than' is 'x'"),
        ({"properties": {"k": "~["}}, "in the property 'k'"),
        ({"properties": {"k": {}}}, "property 'k' is a dict"),
    ],
    ids=str,
)
def test_selector_refused(params: dict[str, t.Any], words: str) -> None:
    with pytest.raises(LXDInputError, match=words):
        options_selection.selector(params)


# lxd_image_store


def store(*entries: dict[str, t.Any], **params: t.Any) -> t.Any:
    return options_retention.desired_store({"images": entries, "purge": False, "concurrency": 4, **params})


@pytest.mark.parametrize(
    ("entry", "name", "aliases"),
    [
        ({"name": "n", "fingerprint": A, "aliases": ["x", "n"]}, "n", ("n", "x")),
        ({"fingerprint": A, "source": {"type": "file", "path": "/x/y.tar"}}, A, ()),
        ({"source": {"type": "file", "path": "/x/y.tar"}}, "y.tar", ()),
        ({"source": {"type": "file", "path": "/x/y/"}}, "y", ()),
    ],
    ids=str,
)
def test_what_an_entry_is_called(entry: dict[str, t.Any], name: str, aliases: tuple[str, ...]) -> None:
    (found,) = store(entry).images
    assert (found.name, found.aliases, found.error) == (name, aliases, None)
    assert found.desired == options_image.desired_image(entry)


def test_a_bad_entry_is_the_failure_of_that_entry_alone() -> None:
    bad, good = store(
        {"name": "bad", "source": {"type": "file", "path": "/a", "alias": "x"}}, {"name": "good", "source": FILE}
    ).images
    assert (bad.name, bad.desired) == ("bad", None) and "does not support alias" in str(bad.error)
    assert good.error is None
    assert store({}).images[0].name == "an entry without a name"


def test_entries_without_a_name_can_be_told_from_each_other() -> None:
    entries = (
        {"source": {"type": "file", "path": "/srv/noble/rootfs.tar.xz"}},
        {"source": {"type": "file", "path": "/srv/jammy/rootfs.tar.xz"}},
        {"source": {"remote": "images", "alias": "debian/12"}},
        {"source": {"remote": "images", "fingerprint": A}},
        {"source": {"type": "url", "url": "https://bot:hunter2@h/a.tar.xz"}},
        {"name": "n", "source": FILE},
    )
    assert [entry.name for entry in store(*entries).images] == [
        "rootfs.tar.xz (entry 1)",
        "rootfs.tar.xz (entry 2)",
        "debian/12",
        A,
        "https://h/a.tar.xz",
        "n",
    ]


def test_two_entries_that_want_one_alias() -> None:
    with pytest.raises(LXDInputError, match="The alias 'x' is ambiguous: the entries 1 and 2 of 'images' both have it"):
        store({"name": "n", "aliases": ["x"], "source": FILE}, {"name": "x", "source": FILE})
