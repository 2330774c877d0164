# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t
from datetime import datetime, timedelta, timezone

import pytest

from ansible_collections.community.lxd.plugins.module_utils._image.plan.selection import (
    Selector,
    check_selector,
    matches_filter,
    parse_age,
    parse_filter,
)
from ansible_collections.community.lxd.plugins.module_utils._lxd.errors import LXDInputError
from ansible_collections.community.lxd.tests.unit.plugins.module_utils.fakes import A, B, make_image

NOW = datetime(2026, 11, 21, tzinfo=timezone.utc)
IMAGE = make_image(
    A,
    ["n", "x"],
    properties={"os": "debian", "release": "bookworm", "empty": ""},
    public=True,
    expires_at="2026-11-20T00:00:00Z",
    uploaded_at="2026-11-11T00:00:00Z",
)


@pytest.mark.parametrize(
    ("condition", "matches"),
    [
        ({}, True),
        ({"name": "n"}, True),
        ({"name": "other"}, False),
        ({"fingerprint": A}, True),
        ({"fingerprint": A[:12]}, True),
        ({"fingerprint": B[:12]}, False),
        ({"properties": {}}, True),
        ({"properties": {"os": "debian"}}, True),
        ({"properties": {"os": "deb"}}, False),
        ({"properties": {"os": "~deb.*"}}, True),
        ({"properties": {"os": "~deb"}}, False),
        ({"properties": {"release": "~bookworm|trixie"}}, True),
        ({"properties": {"os": "debian", "release": "trixie"}}, False),
        ({"properties": {"missing": "~.*"}}, False),
        ({"properties": {"empty": ""}}, True),
        ({"properties": {"missing": ""}}, False),
        ({"type": "container"}, True),
        ({"type": "virtual-machine"}, False),
        ({"architecture": "x86_64"}, True),
        ({"architecture": "aarch64"}, False),
        ({"public": True}, True),
        ({"public": False}, False),
        ({"cached": False}, True),
        ({"cached": True}, False),
        ({"auto_update": False}, True),
        ({"auto_update": True}, False),
        ({"unaliased": False}, True),
        ({"unaliased": True}, False),
        ({"unused": True}, True),
        ({"unused": False}, False),
        ({"expired": True}, True),
        ({"expired": False}, False),
        ({"older_than": timedelta(days=9)}, True),
        ({"older_than": timedelta(days=10)}, False),
        ({"name": "n", "public": False}, False),
        ({"filter": parse_filter("type eq container")}, True),
        ({"filter": parse_filter("type eq virtual-machine")}, False),
    ],
    ids=str,
)
def test_selector(condition: dict[str, t.Any], matches: bool) -> None:
    assert Selector(**condition).matches(IMAGE, NOW) is matches


def test_used_is_what_an_instance_was_made_from() -> None:
    assert Selector(unused=False).matches(IMAGE, NOW, {A})
    assert not Selector(unused=True).matches(IMAGE, NOW, {A})
    assert Selector(unused=True).matches(IMAGE, NOW, {B})


@pytest.mark.parametrize(
    ("expires_at", "expired"),
    [
        ("2026-11-21T00:00:00Z", True),
        ("2026-11-21T00:00:01Z", False),
        ("1970-01-01T00:00:00Z", False),
        ("0001-01-01T00:00:00Z", False),
    ],
)
def test_expired(expires_at: str, expired: bool) -> None:
    image = make_image(expires_at=expires_at)
    assert Selector(expired=expired).matches(image, NOW)
    assert not Selector(expired=not expired).matches(image, NOW)


@pytest.mark.parametrize("uploaded_at", [None, "", "0001-01-01T00:00:00Z"])
def test_an_image_of_unknown_age_is_not_old(uploaded_at: str | None) -> None:
    assert not Selector(older_than=timedelta(0)).matches(make_image(uploaded_at=uploaded_at), NOW)


def test_unaliased() -> None:
    assert Selector(unaliased=True).matches(make_image(A), NOW)
    assert not Selector(unaliased=False).matches(make_image(A), NOW)


# ages


@pytest.mark.parametrize(
    ("text", "age"),
    [
        ("30d", timedelta(days=30)),
        ("12h", timedelta(hours=12)),
        ("1w 2d", timedelta(days=9)),
        ("1w2d3h4m5s", timedelta(days=9, hours=3, minutes=4, seconds=5)),
        (" 5 m ", timedelta(minutes=5)),
        ("0s", timedelta(0)),
    ],
)
def test_age(text: str, age: timedelta) -> None:
    assert parse_age(text) == age


@pytest.mark.parametrize("text", ["", "30", "d", "30x", "30d 5", "-5d", "1.5d", "30D", "d30", "thirty days"])
def test_bad_age(text: str) -> None:
    with pytest.raises(LXDInputError, match=r"'older_than' is .*such as 30d"):
        parse_age(text)


def test_an_age_that_no_clock_can_tell() -> None:
    for digits in (20, 5000):
        with pytest.raises(LXDInputError, match=r"'older_than' is .*too large"):
            parse_age("9" * digits + "d")


@pytest.mark.parametrize("pattern", ["[", "a{99999999999}", "(" * 3000], ids=["open", "too often", "too deep"])
def test_what_is_no_regular_expression(pattern: str) -> None:
    with pytest.raises(LXDInputError, match="is invalid"):
        check_selector(Selector(properties={"os": f"~{pattern}"}))


# the filter language

DATA = {
    "fingerprint": A,
    "public": True,
    "cached": False,
    "size": 1024,
    "type": "container",
    "profiles": ["default", "web"],
    "properties": {"os": "debian", "description": "Debian 12", "requirements.secureboot": "false"},
    "update_source": {"server": "https://x"},
    "nothing": None,
}


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ("type eq container", True),
        ("type eq contain", False),
        ("type eq contain.*", True),
        ("type ne container", False),
        ("type ne virtual-machine", True),
        ("not type eq container", False),
        ("not type ne container", True),
        ("properties.os eq debian", True),
        ("properties.os eq debian|ubuntu", True),
        ("properties.description eq 'Debian 12'", True),
        ('properties.description eq "Debian [0-9]+"', True),
        ("properties.requirements.secureboot eq false", True),
        ("update_source.server eq https://x", True),
        ("public eq true", True),
        # case does not matter, and an anchor of one's own takes the place of the two that all values have
        ("type eq CONTAINER", True),
        ("type eq '(?i)CONTAINER'", True),
        (r"type eq '(?:con|x)(?P<rest>\w+)'", True),
        (r"type eq '\\p.*'", False),
        ("type eq ontain", False),
        ("type eq ^cont", True),
        ("type eq ainer$", True),
        ("type eq container|x", True),
        ("type eq vm,container", True),
        ("type eq vm,cont", False),
        ("type ne vm,container", False),
        ("public eq True", True),
        ("cached eq false", True),
        ("size eq 1024", True),
        ("nothing eq ''", True),
        ("profiles eq web", True),
        ("profiles eq we", False),
        ("profiles ne web", False),
        ("missing eq .*", False),
        ("missing ne x", True),
        ("not missing eq x", True),
        ("properties.missing eq .*", True),
        ("properties.missing eq x", False),
        ("properties.missing ne x", True),
        ("properties.os.deeper eq x", False),
        ("type.deeper eq .*", False),
        # from left to right
        ("type eq x or public eq true", True),
        ("public eq true or type eq x", True),
        ("type eq x and public eq true", False),
        ("type eq x and public eq true or size eq 1024", True),
        ("public eq true or public eq true and type eq x", False),
        ("type eq x or not type eq x and not cached eq true", True),
    ],
)
def test_filter(text: str, matches: bool) -> None:
    assert matches_filter(parse_filter(text), DATA) is matches


@pytest.mark.parametrize("clauses", [()])
def test_no_filter_matches(clauses: tuple[t.Any, ...]) -> None:
    assert matches_filter(clauses, DATA)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "at 'the end'"),
        ("  ", "at 'the end'"),
        ("type", "at 'type'"),
        ("type eq", "at 'type eq'"),
        ("type is x", "at 'type is x'"),
        ("type = x", "FIELD eq VALUE or FIELD ne VALUE"),
        ("not", "at 'not'"),
        ("not not type eq x", "at 'not not type eq x'"),
        ("type eq x xor type eq y", "expected 'and' or 'or' instead of 'xor'"),
        ("type eq x type eq y", "instead of 'type'"),
        ("type eq x and type", "at 'type'"),
        ("(type eq x)", "regular expression 'x\\)'"),
        ("type eq 'x", "No closing quotation"),
        ("type eq [", "regular expression '\\['"),
        ("not properties.build eq [[:digit:]]+", r"has '\[:digit:\]', which the servers and this collection"),
        (r"type eq '\pL+'", r"has '\\\\p'"),
        (r"type eq '(a)\1'", r"has '\\\\1'"),
        ("type eq 'a(?!b)'", r"has '\(\?!b'"),
    ],
)
def test_bad_filter(text: str, words: str) -> None:
    with pytest.raises(LXDInputError, match=words):
        if parse_filter(text):
            raise AssertionError("it was taken")


def test_check_selector() -> None:
    fine = Selector(fingerprint=A[:12], properties={"os": "~deb.*", "plain": "("})
    assert check_selector(fine) is fine
    with pytest.raises(LXDInputError, match=r"regular expression '\(' in the property 'os'"):
        check_selector(Selector(properties={"os": "~("}))
    with pytest.raises(LXDInputError, match="'fingerprint' is 'abc'"):
        check_selector(Selector(fingerprint="abc"))
