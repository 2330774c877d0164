# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t
from datetime import datetime, timedelta, timezone

import pytest

from ansible_collections.community.lxd.plugins.module_utils._image import model
from ansible_collections.community.lxd.plugins.module_utils._image.desired_image import DesiredImage, SettingsChange
from ansible_collections.community.lxd.plugins.module_utils._image.model import (
    CurrentImage,
    Image,
    ImageSettings,
    InactiveState,
    Instance,
    check_fingerprint,
    is_complete,
    property_value,
)
from ansible_collections.community.lxd.plugins.module_utils._image.tasks.update_check import source_of
from ansible_collections.community.lxd.plugins.module_utils._image.times import format_time, normalize_time, parse_time
from ansible_collections.community.lxd.plugins.module_utils._lxd.errors import LXDInputError
from ansible_collections.community.lxd.tests.unit.plugins.module_utils.fakes import (
    A,
    B,
    image_data,
    make_current,
    make_image,
)

# fingerprints


@pytest.mark.parametrize("value", ["0123456789ab", "a" * 64, "b" * 63])
def test_fingerprint(value: str) -> None:
    assert check_fingerprint(value) == value
    assert is_complete(value) is (len(value) == 64)


@pytest.mark.parametrize(
    "value", ["", "a" * 11, "a" * 65, "A" * 12, "g" * 12, "%" * 12, "a" * 11 + "_", "a" * 12 + "\n", " " + "a" * 12]
)
def test_bad_fingerprint(value: str) -> None:
    with pytest.raises(LXDInputError, match="'option' is .*12 to 64 lower-case hex digits"):
        check_fingerprint(value, "option")


# properties


@pytest.mark.parametrize(
    ("value", "sent"),
    [
        ("text", "text"),
        (" ", " "),
        ("", None),
        (None, None),
        (True, "true"),
        (False, "false"),
        (0, "0"),
        (20261121, "20261121"),
        (-1, "-1"),
        (1.5, "1.5"),
        (0.0, "0.0"),
        ("yes", "yes"),
        ("Größe", "Größe"),
    ],
)
def test_property_value(value: t.Any, sent: str | None) -> None:
    assert property_value("k", value) == sent


@pytest.mark.parametrize(("key", "value"), [("a\0b", "x"), ("k", "c\0d"), ("a\0b", None)])
def test_what_the_servers_would_cut_off(key: str, value: str | None) -> None:
    with pytest.raises(LXDInputError, match="has a NUL character"):
        property_value(key, value)


@pytest.mark.parametrize(("value", "kind"), [([], "list"), ({}, "dict"), (b"x", "bytes")])
def test_bad_property_value(value: t.Any, kind: str) -> None:
    with pytest.raises(LXDInputError, match=f"property 'k' is a {kind}"):
        property_value("k", value)


# times

UTC = timezone.utc


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2030-12-31", datetime(2030, 12, 31, tzinfo=UTC)),
        ("2030-12-31T23:59:59Z", datetime(2030, 12, 31, 23, 59, 59, tzinfo=UTC)),
        ("2030-12-31t23:59:59z", datetime(2030, 12, 31, 23, 59, 59, tzinfo=UTC)),
        ("2030-12-31 23:59:59", datetime(2030, 12, 31, 23, 59, 59, tzinfo=UTC)),
        (" 2030-12-31 ", datetime(2030, 12, 31, tzinfo=UTC)),
        ("2030-12-31T23:59:59+01:00", datetime(2030, 12, 31, 22, 59, 59, tzinfo=UTC)),
        ("2030-12-31T23:59:59-0130", datetime(2031, 1, 1, 1, 29, 59, tzinfo=UTC)),
        ("2030-12-31 23:59:59 +00:00", datetime(2030, 12, 31, 23, 59, 59, tzinfo=UTC)),
        ("2030-12-31T23:59:59.5Z", datetime(2030, 12, 31, 23, 59, 59, 500000, tzinfo=UTC)),
        ("2030-12-31T23:59:59.123456789Z", datetime(2030, 12, 31, 23, 59, 59, 123456, tzinfo=UTC)),
        ("1970-01-01T00:00:01Z", datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)),
        ("2024-02-29", datetime(2024, 2, 29, tzinfo=UTC)),
        ("never", None),
        (" Never ", None),
        ("1970-01-01T00:00:00Z", None),
        ("1970-01-01T01:00:00+01:00", None),
        ("0001-01-01T00:00:00Z", None),
        ("0001-01-01", None),
    ],
)
def test_parse_time(text: str, moment: datetime | None) -> None:
    assert parse_time(text) == moment


@pytest.mark.parametrize(
    "text",
    [
        "",
        "tomorrow",
        "2030",
        "2030-13-01",
        "2030-02-30",
        "2030-01-01T24:00:00Z",
        "2030-01-01T00:00",
        "30d",
        "2030-01-01Z",
        "1893456000",
        "2030-1-1",
        "2030-01-01x",
        # in UTC, this is in the year 10000
        "9999-12-31T23:59:59-01:00",
        "0001-01-01T00:00:00+01:00",
    ],
)
def test_bad_time(text: str) -> None:
    with pytest.raises(ValueError):
        parse_time(text)


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("2030-12-31", "2030-12-31T00:00:00Z"),
        ("2030-12-31T23:59:59.120+00:00", "2030-12-31T23:59:59.12Z"),
        ("2030-12-31T23:59:50Z", "2030-12-31T23:59:50Z"),
        ("0900-01-01", "0900-01-01T00:00:00Z"),
        ("1970-01-01T00:00:00Z", "never"),
        ("never", "never"),
        ("", "never"),
        (None, "never"),
    ],
)
def test_normalize_time(text: str | None, normal: str) -> None:
    assert normalize_time(text) == normal
    assert normalize_time(normal) == normal


def test_format_time_is_in_utc() -> None:
    assert format_time(datetime(2030, 1, 1, 1, tzinfo=timezone(timedelta(hours=1)))) == "2030-01-01T00:00:00Z"


# settings


def test_settings_from_and_to_the_server() -> None:
    data = image_data(
        public=True,
        auto_update=True,
        properties={"k": "v", "empty": ""},
        bookkeeping={"protected": "true"},
        expires_at="2030-01-01T01:00:00+01:00",
        profiles=["q", "p"],
    )
    settings = ImageSettings.from_api(data)
    assert settings == ImageSettings(
        True, True, {"k": "v", "ansible.protected": "true"}, "2030-01-01T00:00:00Z", ("p", "q")
    )
    assert settings.user_properties == {"k": "v"}
    assert settings.bookkeeping == {"protected": "true"}
    assert settings.to_api() == {
        "public": True,
        "auto_update": True,
        "properties": {"k": "v", "ansible.protected": "true"},
        "expires_at": "2030-01-01T00:00:00Z",
        "profiles": ["p", "q"],
    }


@pytest.mark.parametrize("never", ["1970-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "", None])
def test_never_is_written_in_the_one_way_that_servers_take(never: str | None) -> None:
    assert ImageSettings.from_api(image_data(expires_at=never)).to_api()["expires_at"] == "1970-01-01T00:00:00Z"


def test_settings_of_an_image_without_any() -> None:
    assert ImageSettings.from_api({"properties": None, "profiles": None}) == ImageSettings(profiles=())


CURRENT = ImageSettings(
    True,
    False,
    {"k": "v", "l": "w", "ansible.protected": "true", "ansible.source": "{}"},
    "2030-01-01T00:00:00Z",
    ("p",),
)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        pytest.param({}, {}, id="nothing given"),
        pytest.param({"public": False}, {"public": False}, id="public"),
        pytest.param({"auto_update": True}, {"auto_update": True}, id="auto_update"),
        pytest.param({"expires_at": "never"}, {"expires_at": "never"}, id="expires_at"),
        pytest.param({"profiles": ()}, {"profiles": ()}, id="no profiles"),
        pytest.param({"properties": {}}, {}, id="no properties to merge"),
        pytest.param(
            {"properties": {"k": "x", "m": "y"}}, {"properties": {**CURRENT.properties, "k": "x", "m": "y"}}, id="merge"
        ),
        pytest.param(
            {"properties": {"k": None, "no": None}},
            {"properties": {"l": "w", "ansible.protected": "true", "ansible.source": "{}"}},
            id="remove",
        ),
        pytest.param(
            {"properties": {"k": "v"}, "purge_properties": True},
            {"properties": {"k": "v", "ansible.protected": "true", "ansible.source": "{}"}},
            id="purge, but not the memory",
        ),
        pytest.param(
            {"properties": {}, "purge_properties": True},
            {"properties": {"ansible.protected": "true", "ansible.source": "{}"}},
            id="purge everything",
        ),
        pytest.param(
            {"bookkeeping": {"protected": None, "replaces": A}},
            {"properties": {"k": "v", "l": "w", "ansible.source": "{}", "ansible.replaces": A}},
            id="bookkeeping",
        ),
    ],
)
def test_overlay(change: dict[str, t.Any], expected: dict[str, t.Any]) -> None:
    assert SettingsChange(**change).overlay(CURRENT) == ImageSettings(**{**CURRENT.__dict__, **expected})


@pytest.mark.parametrize(
    ("change", "shown"),
    [
        ({}, {}),
        ({"public": False, "profiles": ()}, {"public": True, "profiles": ["p"]}),
        ({"auto_update": True, "expires_at": "never"}, {"auto_update": False, "expires_at": "2030-01-01T00:00:00Z"}),
        ({"properties": {}}, {"properties": {"k": "v", "l": "w"}}),
        ({"bookkeeping": {"protected": None}}, {"protected": True}),
        ({"bookkeeping": {"replaces": A}}, {}),
    ],
    ids=["nothing", "booleans and lists", "more", "properties without memory", "protected", "other memory"],
)
def test_given_is_what_a_diff_shows(change: dict[str, t.Any], shown: dict[str, t.Any]) -> None:
    assert SettingsChange(**change).given(CURRENT) == shown


def test_remember_adds() -> None:
    change = SettingsChange(public=True, bookkeeping={"protected": "true"}).with_bookkeeping(replaces=A)
    assert (change.public, change.bookkeeping) == (True, {"protected": "true", "replaces": A})


# images


def test_result() -> None:
    data = image_data(
        A,
        ["z", "b"],
        {"protected": "true", "replaces": B},
        properties={"l": "1", "k": ""},
        expires_at="0001-01-01T00:00:00Z",
        profiles=["q", "p"],
        size=5,
    )
    result = Image.from_api(data).to_result()
    assert result["aliases"] == [{"name": "b", "description": "about b"}, {"name": "z", "description": "about z"}]
    assert list(result["properties"].items()) == [("k", ""), ("l", "1")]
    assert result["ansible"] == {"protected": "true", "replaces": B}
    assert (result["protected"], result["expires_at"], result["profiles"]) == (True, "never", ["p", "q"])
    assert (result["size"], result["type"], result["architecture"]) == (5, "container", "x86_64")
    assert set(result) == set(data) | {"protected", "ansible"}


@pytest.mark.parametrize(
    ("bookkeeping", "protected"), [({}, False), ({"protected": "true"}, True), ({"protected": "yes"}, False)]
)
def test_protected(bookkeeping: dict[str, str], protected: bool) -> None:
    assert make_image(bookkeeping=bookkeeping).protected is protected


def test_an_image_lists_its_aliases() -> None:
    assert [alias.to_result() for alias in make_image(A, ["z", "b"]).list_aliases()] == [
        {"name": name, "target": A, "description": f"about {name}", "type": "container"} for name in ("b", "z")
    ]


def test_an_image_without_aliases_and_properties() -> None:
    image = Image.from_api({"fingerprint": A, "aliases": None, "properties": None})
    assert (image.aliases, image.settings.properties, image.to_result()["aliases"]) == ({}, {}, [])


# instances


@pytest.mark.parametrize(
    ("kind", "status", "running"),
    [
        ("instance", 102, False),
        ("instance", 103, True),
        ("instance", 110, True),
        ("instance", None, True),
        ("snapshot", 103, False),
    ],
)
def test_instance_runs_unless_it_says_that_it_is_stopped(kind: str, status: int | None, running: bool) -> None:
    assert Instance.from_api("c1", kind, {"status_code": status}).running is running


def test_instance() -> None:
    data = {
        "config": {"image.os": "debian", "image.empty": "", "limits.cpu": "1"},
        "ephemeral": True,
        "created_at": "c",
        "last_used_at": "l",
    }
    instance = Instance.from_api("c1", "instance", data)
    assert (instance.ephemeral, instance.image_properties) == (True, {"os": "debian"})
    snapshot = Instance.from_api("c1/s", "snapshot", data)
    assert {key: value for key, value in instance.identity.items() if key != "config"} == {
        "type": "instance",
        "name": "c1",
        "created_at": "c",
        "last_used_at": "l",
    }
    assert "last_used_at" not in snapshot.identity
    assert instance.made_from == Instance.from_api("c1", "instance", dict(reversed(data.items()))).made_from
    assert instance.made_from != Instance.from_api("c1", "instance", {**data, "last_used_at": "later"}).made_from


# memory, which anybody may write


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "no JSON",
        "[]",
        "3",
        '{"aliases": 3}',
        '{"aliases": ["ab"]}',
        '{"aliases": {"a": 1}}',
        '{"aliases": null}',
    ],
)
def test_what_is_no_memory_of_a_withdrawn_image(text: str | None) -> None:
    assert InactiveState.from_bookkeeping(text) is None


def test_withdrawing_forgets_nothing_that_is_remembered_already() -> None:
    change = SettingsChange(
        public=False, bookkeeping={"withdrawn": InactiveState({"a": "new"}, False, False).to_bookkeeping()}
    )
    current = make_image(
        A, bookkeeping={"withdrawn": InactiveState({"a": "old", "b": ""}, False, True).to_bookkeeping()}, public=True
    ).settings
    after = change.overlay(current)
    assert InactiveState.from_bookkeeping(after.bookkeeping["withdrawn"]) == InactiveState(
        {"a": "new", "b": ""}, True, True
    )
    assert change.overlay(after) == after


def test_memory_of_a_withdrawn_image() -> None:
    inactive_state = InactiveState({"a": "b"}, True, False)
    assert InactiveState.from_bookkeeping(inactive_state.to_bookkeeping()) == inactive_state
    assert InactiveState.from_bookkeeping("{}") == InactiveState({}, False, False)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no JSON",
        "3",
        "{}",
        '{"type": "image", "alias": 3}',
        '{"type": "image", "alias": "a", "server": ["x"]}',
        '{"type": "file", "alias": "a"}',
    ],
)
def test_what_is_no_memory_of_a_source(text: str) -> None:
    assert source_of(make_image(A, bookkeeping={"source": text})) is None


# both sides


def test_alias_names() -> None:
    assert DesiredImage("present", name="n", aliases=("x", "n", "x")).alias_names == ("n", "x")
    assert DesiredImage("present", aliases=("x",)).alias_names == ("x",)


def test_target_of() -> None:
    current = make_current(make_image(A, ["n"]))
    assert current.target_of("n") is current.images[A]
    assert (current.target_of("x"), current.target_of(None), CurrentImage(current.aliases).target_of("n")) == (
        None,
        None,
        None,
    )


@pytest.mark.parametrize("name", ["a", "debian/12", "a.b-c_d:e@f", "x" * 64, "aünïb", "1"])
def test_plain_aliases(name: str) -> None:
    assert model.is_plain_alias(name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "x" * 65,
        "two words",
        "a?b",
        "a&b",
        "a+b",
        "a*b",
        'a"b',
        "a'b",
        "a`b",
        "a$b",
        "-a",
        "a-",
        "/a",
        "a/",
        "_a",
        "a\n",
        "a\tb",
        "ünï",
        "a日本",
    ],
)
def test_aliases_that_strict_servers_refuse(name: str) -> None:
    assert not model.is_plain_alias(name)


@pytest.mark.parametrize("bookkeeping", ["withdrawn", "source"])
def test_a_memory_that_is_nested_too_deeply_is_none(bookkeeping: str) -> None:
    text = "[" * 100_000
    image = make_image(A, bookkeeping={bookkeeping: text})
    assert image.inactive_state is None and source_of(image) is None
    assert image.to_result()["ansible"] == {bookkeeping: text}
