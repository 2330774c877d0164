# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""While a member of a cluster is down, the images of its instances can't be known: nothing is called unused, and nothing goes. All else goes on."""

from __future__ import annotations

import itertools
import re
from typing import Any

import pytest
from states import (
    BACK,
    INSTANCE,
    KILLED,
    MEMBER,
    NAMELESS,
    OFFLINE,
    SNAPSHOT,
    SPARE,
    UP,
    USED,
    WORLD,
    Members,
    in_state,
)
from stores import Reading, Settings, Store, TinyImage

USERS = [{"project": "default", "name": name} for name in (INSTANCE, f"{INSTANCE}/{SNAPSHOT}")]

both_ways = pytest.mark.parametrize("direct", (False, True), ids=("module", "in-process"))
ALL_IMAGES = {"keep": 0, "include_aliased": True}
ONLY_UNUSED = {"unused": True, "include_aliased": True}
numbers = itertools.count(100)


def unchanging(reading: Reading) -> Reading:
    """Without what the server itself changes, as time goes by."""
    for image in reading.images.values():
        image.pop("last_used_at", None)
    return reading


def reasons(result: Any) -> dict[str, list[str]]:
    return {image["fingerprint"]: image["reasons"] for image in result["kept"]}


def names_both(text: str) -> bool:
    """Whether somebody who reads this knows which instance on which member it is about."""
    return f"'default/{INSTANCE}'" in text and f"'{MEMBER}'" in text


@in_state(UP, BACK)
@both_ways
def test_all_is_known_while_all_members_are_up(members: Members, direct: bool) -> None:
    info = members.two.run("lxd_image_info", {"used_by": True}, direct=direct)
    assert {image["fingerprint"]: image["used_by"] for image in info["images"]} == {
        USED: USERS,
        SPARE: [],
        NAMELESS: [],
    }
    assert "is unknown" not in info.output
    pruned = members.two.run("lxd_image_prune", ALL_IMAGES, check=True, direct=direct)
    assert reasons(pruned) == {USED: ["used"]}
    assert {image["fingerprint"] for image in pruned["removed"]} == {SPARE, NAMELESS}


@in_state(KILLED, OFFLINE)
@both_ways
def test_use_is_unknown(members: Members, direct: bool) -> None:
    info = members.one.run("lxd_image_info", {"used_by": True}, direct=direct)
    assert {image["fingerprint"]: image["used_by"] for image in info["images"]} == dict.fromkeys(
        members.one.read().images
    )
    assert names_both(info.output), info.output


@in_state(KILLED, OFFLINE)
@pytest.mark.parametrize(("unused", "direct"), ((True, False), (False, True)), ids=("unused-module", "used-in-process"))
def test_nothing_is_called_unused_or_used(members: Members, unused: bool, direct: bool) -> None:
    info = members.one.run("lxd_image_info", {"unused": unused}, direct=direct)
    assert info.failed and names_both(info["msg"]), info.output


@in_state(KILLED, OFFLINE)
@pytest.mark.parametrize(
    ("options", "check", "direct"),
    ((ALL_IMAGES, True, False), (ALL_IMAGES, False, True), (ONLY_UNUSED, True, True), (ONLY_UNUSED, False, False)),
    ids=("all-check-module", "all-real-in-process", "unused-check-in-process", "unused-real-module"),
)
def test_prune_removes_nothing(members: Members, options: dict[str, Any], check: bool, direct: bool) -> None:
    before = unchanging(members.one.read())
    pruned = members.one.run("lxd_image_prune", options, check, direct=direct)
    assert not pruned.failed and not pruned.changed and pruned["removed"] == [], pruned.output
    assert reasons(pruned) == {key: ["unknown_use"] for key in before.images}
    assert names_both(pruned["kept"][0]["reason"])
    assert unchanging(members.one.read()) == before


@in_state(KILLED, OFFLINE)
@pytest.mark.parametrize(
    ("check", "direct"),
    ((True, False), (False, True), (False, False)),
    ids=("check-module", "real-in-process", "real-module"),
)
def test_purge_removes_nothing(members: Members, check: bool, direct: bool) -> None:
    before = unchanging(members.two.read())
    options = {"images": [{"name": "spare"}], "purge": True, "include_aliased": True}
    stored = members.two.run("lxd_image_store", options, check, direct=direct)
    assert not stored.failed and not stored.changed, stored.output
    assert names_both(stored.output), stored.output
    assert unchanging(members.two.read()) == before


@in_state(KILLED, OFFLINE)
@pytest.mark.parametrize(("through", "direct"), (("one", False), ("two", True)), ids=("module-one", "in-process-two"))
def test_all_else_goes_on(members: Members, through: str, direct: bool) -> None:
    store: Store = getattr(members, through)
    # the servers keep it until all members are up again: each test takes its own
    fresh = TinyImage.make(next(numbers), "container", {"os": "debian"})
    for module, options in (
        (
            "lxd_image",
            {
                "name": "fresh",
                "source": {"type": "file", "path": str(fresh.path)},
                "properties": {"stage": "x"},
                "public": True,
            },
        ),
        ("lxd_image", {"name": "spare", "expires_at": "2031-01-01", "public": True, "properties": {"stage": "y"}}),
        ("lxd_image_alias", {"name": "nameless", "target": NAMELESS, "description": "no more"}),
        ("lxd_image_alias", {"name": "used", "state": "absent"}),
    ):
        expected = store.run(module, options, check=True, direct=direct)
        done = store.run(module, options, direct=direct)
        assert done.changed and not done.failed, done.output
        assert expected.changed and expected["actions"] == done["actions"]
        again = store.run(module, options, direct=direct)
        assert not again.changed and not again.failed, again.output
    world = store.read().world
    assert {fingerprint: world.images[fingerprint] for fingerprint in (USED, SPARE, NAMELESS, fresh.fingerprint)} == {
        USED: WORLD.images[USED],
        SPARE: Settings(
            public=True, expires_at="2031-01-01T00:00:00Z", properties={"os": "debian", "release": "13", "stage": "y"}
        ),
        NAMELESS: Settings(),
        fresh.fingerprint: Settings(public=True, properties={**fresh.properties, "stage": "x"}),
    }
    assert world.aliases == {
        "spare": (SPARE, "what nobody uses"),
        "nameless": (NAMELESS, "no more"),
        "fresh": (fresh.fingerprint, ""),
    }
    shown = store.run("lxd_image_info", {"name": "fresh"}, direct=direct)
    assert [image["fingerprint"] for image in shown["images"]] == [fresh.fingerprint] and not shown.failed


@in_state(KILLED, OFFLINE)
@pytest.mark.parametrize(
    ("module", "options", "direct"),
    (
        ("lxd_image_prune", {**ALL_IMAGES, "include_used": True}, False),
        ("lxd_image_store", {"images": [{"name": "spare", "state": "absent"}]}, True),
        ("lxd_image", {"name": "used", "state": "absent"}, False),
    ),
    ids=("prune", "store", "absent"),
)
def test_what_has_to_be_deleted(members: Members, module: str, options: dict[str, Any], direct: bool) -> None:
    """The servers delete an image on all members or not at all: then they say so, and nothing has changed in what they show."""
    before = unchanging(members.one.read())
    expected = members.one.run(module, options, check=True, direct=direct)
    assert expected.changed and not expected.failed, expected.output
    done = members.one.run(module, options, direct=direct)
    assert done.failed, done.output
    assert re.search(r"failed to notify peer \S+|peer node \S+ is down", done["msg"]), done.output
    assert f"and '{MEMBER}' cannot be reached" in done["msg"], done.output
    assert unchanging(members.one.read()) == before


@in_state(KILLED, OFFLINE)
def test_what_lives_on_the_dead_member_is_not_published(members: Members) -> None:
    before = unchanging(members.one.read())
    kind, name, direct = (
        ("instance", INSTANCE, True) if members.state == KILLED else ("snapshot", f"{INSTANCE}/{SNAPSHOT}", False)
    )
    done = members.one.run("lxd_image", {"name": "published", "source": {"type": kind, "name": name}}, direct=direct)
    assert done.failed and not done.changed, done.output
    assert f"on the cluster member '{MEMBER}', which cannot be reached" in done["msg"], done.output
    assert unchanging(members.one.read()) == before
