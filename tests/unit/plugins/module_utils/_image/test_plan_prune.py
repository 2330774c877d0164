# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import typing as t
from datetime import datetime, timedelta, timezone

import pytest

from ansible_collections.community.lxd.plugins.module_utils._image.actions import DeleteImage
from ansible_collections.community.lxd.plugins.module_utils._image.plan.prune import (
    Guards,
    PruneDecision,
    PrunePolicy,
    Reason,
    deletions,
    evaluate_images,
)
from ansible_collections.community.lxd.plugins.module_utils._image.plan.selection import Selector
from ansible_collections.community.lxd.plugins.module_utils._image.plan.usage import Usage
from ansible_collections.community.lxd.tests.unit.plugins.module_utils.fakes import A, B, C, D, make_image

NOW = datetime(2026, 11, 21, tzinfo=timezone.utc)
INACTIVE = {"withdrawn": json.dumps({"aliases": {"w": "", "v": "d"}, "public": False, "auto_update": False})}

# A is the oldest
STORE = (
    make_image(A, properties={"os": "debian", "release": "12"}, uploaded_at="2026-08-01T00:00:00Z", size=1),
    make_image(B, properties={"os": "debian", "release": "13"}, uploaded_at="2026-09-01T00:00:00Z", size=20),
    make_image(
        C,
        properties={"os": "debian", "release": "12"},
        uploaded_at="2026-10-01T00:00:00Z",
        size=300,
        expires_at="2026-11-01T00:00:00Z",
    ),
    make_image(D, properties={"os": "alpine"}, uploaded_at="2026-11-01T00:00:00Z", size=4000),
)


def judge(
    images: t.Sequence[t.Any] = STORE,
    users: t.Any = None,
    exclude: t.Container[str] = (),
    unknown: tuple[str, ...] = (),
    **policy: t.Any,
) -> dict[str, str | None]:
    """Initial -> reason, or None where the image goes."""
    conditions = {key: policy.pop(key) for key in list(policy) if key in Selector.__annotations__}
    guards = Guards(**{key: policy.pop(key) for key in list(policy) if key in Guards.__annotations__})
    decisions = evaluate_images(
        PrunePolicy(Selector(**conditions), guards=guards, **policy), images, Usage(users or {}, unknown), NOW, exclude
    )
    assert [decision.image.fingerprint for decision in decisions] == sorted(
        decision.image.fingerprint for decision in decisions
    )
    return {
        decision.image.fingerprint[0]: decision.reasons[0].sentence if decision.reasons else None
        for decision in decisions
    }


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ({}, {"a": None, "b": None, "c": None, "d": None}),
        ({"properties": {"os": "alpine"}}, {"d": None}),
        ({"older_than": timedelta(days=60)}, {"a": None, "b": None}),
        ({"expired": True}, {"c": None}),
        ({"expired": False, "older_than": timedelta(days=90)}, {"a": None}),
        ({"keep": 0}, {"a": None, "b": None, "c": None, "d": None}),
        ({"keep": 1}, {"a": None, "b": None, "c": None, "d": "number 1 of the 1 newest"}),
        ({"keep": 9}, {letter: f"number {place} of the 9 newest" for place, letter in enumerate("dcba", start=1)}),
        (
            {"keep": 1, "group_by": ("os",)},
            {
                "a": None,
                "b": None,
                "c": "number 1 of the 1 newest of os=debian",
                "d": "number 1 of the 1 newest of os=alpine",
            },
        ),
        (
            {"keep": 1, "group_by": ("os", "release")},
            {
                "a": None,
                "b": "number 1 of the 1 newest of os=debian, release=13",
                "c": "number 1 of the 1 newest of os=debian, release=12",
                "d": "number 1 of the 1 newest of os=alpine, release=",
            },
        ),
        (
            {"keep": 1, "group_by": ("missing",)},
            {"a": None, "b": None, "c": None, "d": "number 1 of the 1 newest of missing="},
        ),
        # counted among all of the group that are selected but for their age: what is too young to go takes the place
        ({"keep": 1, "older_than": timedelta(days=60)}, {"a": None, "b": None}),
        ({"keep": 3, "older_than": timedelta(days=60)}, {"a": None, "b": "number 3 of the 3 newest"}),
        ({"keep": 1, "expired": True}, {"c": None}),
        ({"keep": 2, "expired": True}, {"c": "number 2 of the 2 newest"}),
        # another condition does say which images the group is made of
        ({"keep": 1, "properties": {"release": "12"}}, {"a": None, "c": "number 1 of the 1 newest"}),
    ],
    ids=str,
)
def test_policy(policy: dict[str, t.Any], expected: dict[str, str | None]) -> None:
    assert judge(**policy) == expected


USED = {A: [{"project": "default", "name": "c1"}, {"project": "p", "name": "c2/snap0"}]}
GUARDED = [
    make_image(A),
    make_image(B, bookkeeping={"protected": "true"}),
    make_image(C, ["y", "x"]),
    make_image(D, bookkeeping=INACTIVE),
]
REASONS = {
    "a": "used by default/c1, p/c2/snap0",
    "b": "protected",
    "c": "alias x, y",
    "d": "inactive, had the alias v, w",
}


@pytest.mark.parametrize(
    ("lifted", "gone"),
    [
        ((), ""),
        (("used",), "a"),
        (("protected",), "b"),
        (("aliased",), "cd"),
        (("used", "protected"), "ab"),
        (("used", "protected", "aliased"), "abcd"),
    ],
    ids=str,
)
def test_each_guard_is_lifted_by_its_option_only(lifted: tuple[str, ...], gone: str) -> None:
    decisions = judge(GUARDED, USED, **{f"include_{name}": True for name in lifted})
    assert decisions == {letter: None if letter in gone else reason for letter, reason in REASONS.items()}


def test_the_guards_of_one_image_all_count() -> None:
    image = make_image(A, ["n"], {"protected": "true", **INACTIVE})
    assert judge([image], USED) == {"a": "protected"}
    assert judge([image], USED, include_protected=True) == {"a": "used by default/c1, p/c2/snap0"}
    assert judge([image], USED, include_protected=True, include_used=True) == {"a": "alias n"}
    assert judge([image], USED, include_protected=True, include_used=True, include_aliased=True) == {"a": None}


def test_the_words_of_all_guards() -> None:
    image = make_image(A, ["n"], {"protected": "true", **INACTIVE})
    words = {}
    for users in (USED, {}):
        (decision,) = evaluate_images(PrunePolicy(Selector(), keep=1), [image], Usage(users, ("It is down.",)), NOW)
        words[bool(users)] = [reason.word for reason in decision.reasons]
    assert words[True] == ["newest", "protected", "used", "aliased", "inactive"]
    assert words[False] == ["newest", "protected", "unknown_use", "aliased", "inactive"]


@pytest.mark.parametrize("conditions", [{}, {"unused": True}, {"keep": 0, "unused": True}], ids=str)
def test_what_can_not_be_known_keeps_an_image(conditions: dict[str, t.Any]) -> None:
    kept = judge(GUARDED[:1] + GUARDED[2:3], unknown=("It is down.",), **conditions)
    assert kept == dict.fromkeys("ac", "it is unknown whether images are unused. It is down.")
    # what is known to be used is not called unused, and what is to go although it is used goes
    assert judge(GUARDED[:1], USED, unknown=("It is down.",), unused=True) == {}
    assert judge(GUARDED[:1], unknown=("It is down.",), include_used=True) == {"a": None}


def test_an_image_that_was_withdrawn_without_any_alias() -> None:
    bookkeeping = {"withdrawn": json.dumps({"aliases": {}, "public": True, "auto_update": False})}
    assert judge([make_image(A, bookkeeping=bookkeeping)]) == {"a": "inactive"}


@pytest.mark.parametrize("unused", [True, None])
def test_unknown_use_is_not_unused(unused: bool | None) -> None:
    """Also if the guard is lifted: then the condition itself depends on what is unknown."""
    reasons = judge(
        GUARDED[:1],
        unknown=("It is down.",),
        include_used=True,
        include_protected=True,
        include_aliased=True,
        unused=unused,
    )
    assert reasons == {"a": "it is unknown whether images are unused. It is down." if unused else None}


@pytest.mark.parametrize(
    "bookkeeping",
    [{"protected": "false"}, {"protected": ""}, {"withdrawn": "null"}, {"withdrawn": "nonsense"}, {"replaces": B}],
    ids=str,
)
def test_what_guards_nothing(bookkeeping: dict[str, str]) -> None:
    assert judge([make_image(A, bookkeeping=bookkeeping)]) == {"a": None}


def test_the_newest_are_protected_by_place_before_anything_else() -> None:
    assert judge(GUARDED, USED, keep=4)["b"] == "number 3 of the 4 newest"


def test_unused_counts_users() -> None:
    assert judge(GUARDED[:2], USED, unused=True) == {"b": "protected"}
    assert judge(GUARDED[:2], USED, unused=False) == {"a": "used by default/c1, p/c2/snap0"}
    # an image that is used is a member of its group all the same
    assert judge(STORE, {D: [{"project": "p", "name": "c"}]}, unused=True, keep=1) == {"a": None, "b": None, "c": None}


def test_what_is_spared_is_not_mentioned_but_counts_as_a_member() -> None:
    assert judge(exclude=[D, B]) == {"a": None, "c": None}
    assert judge(exclude=[D], keep=1) == {"a": None, "b": None, "c": None}


@pytest.mark.parametrize(
    ("fields", "newest"),
    [
        ([{"uploaded_at": "2026-01-02T00:00:00Z"}, {"uploaded_at": "2026-01-01T00:00:00Z"}], "a"),
        ([{"uploaded_at": "2026-01-01T00:00:00.1Z"}, {"uploaded_at": "2026-01-01T00:00:00.2Z"}], "b"),
        # the offset counts, not the text
        ([{"uploaded_at": "2026-01-01T01:00:00+02:00"}, {"uploaded_at": "2026-01-01T00:00:00Z"}], "b"),
        # when it was built says nothing, unless both came at once
        (
            [
                {"created_at": "2026-01-02T00:00:00Z", "uploaded_at": "2026-01-02T00:00:00Z"},
                {"uploaded_at": "2026-01-03T00:00:00Z"},
            ],
            "b",
        ),
        ([{"created_at": "2026-01-02T00:00:00Z"}, {"created_at": "2026-01-01T00:00:00Z"}], "a"),
        ([{"created_at": None}, {"created_at": "2026-01-01T00:00:00Z"}], "b"),
        # and then any order will do, if it is always the same
        ([{}, {}], "b"),
        # a server that does not say when has just got it
        ([{"uploaded_at": "0001-01-01T00:00:00Z"}, {}], "a"),
        ([{"uploaded_at": None}, {}], "a"),
    ],
    ids=str,
)
@pytest.mark.parametrize("turned", [False, True])
def test_which_is_the_newest(fields: list[dict[str, t.Any]], newest: str, turned: bool) -> None:
    images = [make_image(fingerprint, **values) for fingerprint, values in zip((A, B), fields)]
    decisions = judge(images[::-1] if turned else images, keep=1)
    assert [letter for letter, reason in decisions.items() if reason] == [newest]


@pytest.mark.parametrize(
    ("lifted", "unless"),
    [
        ({}, ("protected", "aliased")),
        ({"include_aliased": True}, ("protected",)),
        ({"include_protected": True}, ("aliased",)),
        ({"include_aliased": True, "include_protected": True, "include_used": True}, ()),
    ],
    ids=str,
)
def test_deletions(lifted: dict[str, bool], unless: tuple[str, ...]) -> None:
    decisions = [
        PruneDecision(STORE[0]),
        PruneDecision(STORE[1], (Reason("protected", "protected"),)),
        PruneDecision(STORE[2]),
    ]
    assert deletions(PrunePolicy(Selector(), guards=Guards(**lifted)), decisions) == (
        DeleteImage(A, unless=unless),
        DeleteImage(C, unless=unless),
    )


def test_what_is_returned_of_an_image() -> None:
    image = make_image(
        A,
        ["y", "x"],
        {"protected": "true"},
        properties={"os": "debian", "b": "1"},
        size=5,
        uploaded_at="2026-08-01T00:00:00Z",
    )
    shown = {
        "project": "p",
        "fingerprint": A,
        "aliases": ["x", "y"],
        "properties": {"b": "1", "os": "debian"},
        "size": 5,
        "uploaded_at": "2026-08-01T00:00:00Z",
    }
    assert PruneDecision(image).to_result("p") == shown
    reasons = (Reason("newest", "number 1 of the 1 newest"), Reason("protected", "protected"))
    assert PruneDecision(image, reasons).to_result("p") == {
        **shown,
        "reason": "number 1 of the 1 newest",
        "reasons": ["newest", "protected"],
    }
    assert PruneDecision(make_image(A)).to_result("p")["size"] == 0
