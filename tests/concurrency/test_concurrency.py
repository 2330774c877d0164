# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tasks at once over the same and overlapping images and aliases: each succeeds or says clearly why not, and the end is what one of them asked for."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from stores import IMAGES, MEMORY, SCRATCH, Settings, Store, World, modules

Task = tuple[str, dict[str, Any]]

FIRST, SECOND, THIRD, FOREIGN = (image.fingerprint for image in IMAGES[:4])
FOREIGN_WORLD = World(
    {FOREIGN: Settings(properties={"os": "other", MEMORY + "protected": "true"})},
    {"foreign": (FOREIGN, "of somebody else")},
)

# How a task may fail that others were in the way of: it has seen that, and says so.
OVERTAKEN = re.compile(
    r"meanwhile|changed since|does not exist|neither it nor|is gone|not found|already exists|ETag doesn't match",
    re.IGNORECASE,
)

many = pytest.mark.parametrize("count", (8, 20))


def image(**options: Any) -> Task:
    return "lxd_image", options


def alias(**options: Any) -> Task:
    return "lxd_image_alias", options


def prune(**options: Any) -> Task:
    return "lxd_image_prune", options


def content(number: int) -> dict[str, str]:
    return {"type": "file", "path": str(IMAGES[number].path)}


def taking_turns(count: int, *tasks: Task) -> list[Task]:
    return [tasks[number % len(tasks)] for number in range(count)]


def at_once(store: Store, tasks: Sequence[Task]) -> list[modules.Result]:
    """All have begun before the first is waited for. A traceback of one is an exception."""
    runs = [store.start(module, options) for module, options in tasks]
    return [run.wait() for run in runs]


def failures(results: Sequence[modules.Result]) -> list[str]:
    return [result["msg"] for result in results if result.failed]


def assert_clear(results: Sequence[modules.Result], most: int) -> None:
    """So many may fail, and all of them say that somebody else was there first."""
    messages = failures(results)
    assert all(message.startswith("Cannot ") and OVERTAKEN.search(message) for message in messages), messages
    assert len(messages) <= most, messages


def assert_whole(store: Store, orphans: Sequence[str] = ()) -> World:
    """Each alias has its image, each image its content and, unless it may be without, an alias; what is not ours is as it was."""
    store.assert_alive()
    world = store.read().world
    for fingerprint in world.images:
        assert hashlib.sha256(store.export(fingerprint)).hexdigest() == fingerprint
        assert world.aliases_of(fingerprint) or fingerprint in orphans, f"the image {fingerprint} has no alias: {world}"
    assert all(target in world.images for target, _description in world.aliases.values())
    assert world.images.pop(FOREIGN) == FOREIGN_WORLD.images[FOREIGN]
    assert world.aliases.pop("foreign") == FOREIGN_WORLD.aliases["foreign"]
    return world


def assert_calm(store: Store, task: Task) -> World:
    """Once nobody else is there, a task reaches what it asks for, and the next run has nothing to do."""
    module, options = task
    first = store.run(module, options)
    assert not first.failed, first["msg"]
    second = store.run(module, options)
    assert (second.failed, second.changed) == (False, False), second.answer
    return assert_whole(store, orphans=IMAGES_OF_TESTS)


IMAGES_OF_TESTS = (FIRST, SECOND, THIRD)


def fill(store: Store, images: Sequence[str] = (), aliases: dict[str, str] | None = None, **settings: Any) -> None:
    world = FOREIGN_WORLD.copy()
    world.images.update({fingerprint: Settings(**settings) for fingerprint in images})
    world.aliases.update({name: (target, "") for name, target in (aliases or {}).items()})
    store.fill(world)


@many
def test_same_image_same_name(store: Store, count: int) -> None:
    fill(store)
    task = image(name="x", source=content(0), properties={"os": "busybox"})
    results = at_once(store, [task] * count)
    assert_clear(results, most=0)
    assert any(result.changed for result in results)
    world = assert_whole(store)
    assert world.aliases == {"x": (FIRST, "")}
    assert world.images[FIRST].properties == {"os": "busybox", "release": "12"}
    assert assert_calm(store, task) == world


@many
def test_same_image_other_names(store: Store, count: int) -> None:
    fill(store)
    tasks = [image(name=f"x{number}", source=content(0)) for number in range(count)]
    assert_clear(at_once(store, tasks), most=0)
    assert assert_whole(store).aliases == {f"x{number}": (FIRST, "") for number in range(count)}
    assert_calm(store, tasks[0])


@many
def test_aliases_move_both_ways(store: Store, count: int) -> None:
    fill(store, [FIRST, SECOND], {"x": FIRST, "y": SECOND, "first": FIRST, "second": SECOND})
    tasks = taking_turns(
        count,
        alias(name="x", target=FIRST),
        alias(name="y", target=SECOND),
        alias(name="x", target=SECOND),
        alias(name="y", target=FIRST),
        alias(name="x", target="second"),
        alias(name="y", target="x"),
    )
    assert_clear(at_once(store, tasks), most=count // 2)
    world = assert_whole(store)
    assert set(world.aliases) == {"x", "y", "first", "second"}
    calm = assert_calm(store, alias(name="x", target=SECOND))
    assert calm.aliases == {**world.aliases, "x": (SECOND, "")}


@many
def test_other_properties_of_one_image(store: Store, count: int) -> None:
    fill(store, [FIRST], {"x": FIRST}, properties={"os": "debian"})
    tasks = [image(name="x", properties={f"p{number}": number}) for number in range(count)]
    results = at_once(store, tasks)
    assert_clear(results, most=0)
    world = assert_whole(store)
    assert world.images[FIRST].properties == {"os": "debian", **{f"p{number}": str(number) for number in range(count)}}
    assert assert_calm(store, tasks[-1]) == world


@many
def test_same_settings_of_one_image(store: Store, count: int) -> None:
    """Two values each, wanted by half of them."""
    fill(store, [FIRST], {"x": FIRST})
    tasks = taking_turns(
        count,
        image(name="x", public=True, properties={"stage": "1"}),
        image(name="x", public=False, properties={"stage": "2"}),
    )
    assert_clear(at_once(store, tasks), most=count // 2)
    settings = assert_whole(store).images[FIRST]
    assert (settings.public, settings.properties["stage"]) in ((True, "1"), (False, "2"))
    assert assert_calm(store, tasks[0]).images[FIRST].public


@many
def test_two_images_one_name(store: Store, count: int) -> None:
    fill(store)
    tasks = taking_turns(
        count,
        image(name="x", source=content(0), previous="delete"),
        image(name="x", source=content(1), previous="delete"),
    )
    results = at_once(store, tasks)
    assert_clear(results, most=count - 1)
    world = assert_whole(store, orphans=IMAGES_OF_TESTS if failures(results) else ())
    assert world.aliases["x"][0] in (FIRST, SECOND)
    # What a task that gave up has left behind, the next one finishes.
    assert_calm(store, tasks[0])
    assert assert_calm(store, tasks[1]).aliases == {"x": (SECOND, "")}


@many
def test_two_images_one_name_kept(store: Store, count: int) -> None:
    fill(store)
    tasks = taking_turns(
        count, *(image(name="x", aliases=[f"also{number}"], source=content(number)) for number in range(3))
    )
    assert_clear(at_once(store, tasks), most=count // 2)
    world = assert_whole(store)
    assert world.aliases["x"][0] in world.images
    assert {name: target for name, (target, _text) in world.aliases.items() if name != "x"} == {
        "also0": FIRST,
        "also1": SECOND,
        "also2": THIRD,
    }
    assert assert_calm(store, tasks[1]).aliases["x"] == (SECOND, "")


@many
def test_same_prune(store: Store, count: int) -> None:
    fill(store, [FIRST, SECOND, THIRD], {"x": FIRST})
    task = prune(unaliased=True)
    results = at_once(store, [task] * count)
    assert_clear(results, most=0)
    world = assert_whole(store)
    assert set(world.images) == {FIRST}
    assert {item["fingerprint"] for result in results for item in result["removed"]} == {SECOND, THIRD}
    assert assert_calm(store, task) == world


@many
def test_prune_beside_import(store: Store, count: int) -> None:
    """A policy as a user would write it: what has just come in is not old. And one that would remove what is only not named yet."""
    fill(store, [SECOND], {})
    imports = [image(name=f"x{number}", source=content(number)) for number in (0, 1, 2)]
    results = at_once(store, taking_turns(count, *imports, prune(unaliased=True, older_than="1h")))
    assert_clear(results, most=0)
    world = assert_whole(store)
    assert world.aliases == {"x0": (FIRST, ""), "x1": (SECOND, ""), "x2": (THIRD, "")}
    assert assert_calm(store, prune(unaliased=True)) == world


@many
def test_absent_beside_present(store: Store, count: int) -> None:
    fill(store, [FIRST], {"x": FIRST})
    tasks = taking_turns(count, image(name="x", state="absent"), image(name="x", source=content(0)))
    results = at_once(store, tasks)
    assert_clear(results, most=count // 2)
    world = assert_whole(store, orphans=[FIRST] if failures(results) else ())
    assert world.aliases in ({}, {"x": (FIRST, "")})
    assert assert_calm(store, tasks[1]).aliases == {"x": (FIRST, "")}
    assert assert_calm(store, tasks[0]).images == {}


@many
def test_absent_at_once(store: Store, count: int) -> None:
    fill(store, [FIRST, SECOND], {"x": FIRST, "y": FIRST, "z": SECOND})
    tasks = taking_turns(
        count,
        image(name="x", state="absent"),
        image(name="y", state="absent"),
        image(fingerprint=FIRST, state="absent"),
    )
    assert_clear(at_once(store, tasks), most=0)
    assert assert_whole(store).aliases == {"z": (SECOND, "")}
    assert_calm(store, tasks[0])


@many
def test_chain_of_renames(store: Store, count: int) -> None:
    fill(store, [FIRST], {"a": FIRST})
    names = "abcdefgh"
    tasks = taking_turns(count, *(alias(name=new, rename_from=old) for old, new in zip(names, names[1:])))
    results = at_once(store, tasks)
    # Who comes before the name is there finds nothing to rename.
    assert_clear(results, most=count - 1)
    world = assert_whole(store)
    assert world.aliases, "the name has got lost"
    assert set(world.aliases) <= set(names)
    last = max(world.aliases)
    for name in sorted(set(world.aliases) - {last}):
        assert_calm(store, alias(name=last, rename_from=name))
    assert assert_calm(store, alias(name=last, description="text")).aliases == {last: (FIRST, "text")}


@many
def test_inactive_beside_present(store: Store, count: int) -> None:
    fill(store, [FIRST], {"x": FIRST, "y": FIRST}, public=True)
    tasks = taking_turns(count, image(fingerprint=FIRST, state="inactive"), image(fingerprint=FIRST))
    results = at_once(store, tasks)
    assert_clear(results, most=count // 2)
    world = assert_whole(store, orphans=[FIRST])
    inactive_state = world.images[FIRST].inactive_state
    names = set(world.aliases) | set(inactive_state["aliases"] if inactive_state else ())
    assert names == {"x", "y"}, f"an alias is neither there nor remembered: {world}"
    assert world.images[FIRST].public or (inactive_state and inactive_state["public"]), (
        f"nothing remembers that it was public: {world}"
    )
    back = assert_calm(store, tasks[1])
    assert (set(back.aliases), back.images[FIRST].public) == ({"x", "y"}, True)


@many
def test_export_to_one_file(store: Store, count: int) -> None:
    fill(store, [FIRST], {"x": FIRST})
    folder = SCRATCH / "exports"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    task = ("lxd_image_export", {"name": "x", "dest": str(folder / "image")})
    assert_clear(at_once(store, [task] * count), most=0)
    assert [path.name for path in folder.iterdir()] == ["image"]
    assert (folder / "image").read_bytes() == IMAGES[0].path.read_bytes()
    assert_calm(store, task)


@many
def test_overlapping_stores(store: Store, count: int) -> None:
    fill(store)
    entries = [
        {"name": f"x{number}", "source": content(number), "properties": {"stage": str(number)}} for number in range(3)
    ]
    task: Callable[[int], Task] = lambda first: (
        "lxd_image_store",
        {"images": [entries[first], entries[(first + 1) % 3]]},
    )
    assert_clear(at_once(store, taking_turns(count, task(0), task(1), task(2))), most=0)
    world = assert_whole(store)
    assert world.aliases == {"x0": (FIRST, ""), "x1": (SECOND, ""), "x2": (THIRD, "")}
    assert [world.images[fingerprint].properties["stage"] for fingerprint in IMAGES_OF_TESTS] == ["0", "1", "2"]
    assert assert_calm(store, task(1)) == world


@many
def test_promotion_beside_prune(store: Store, count: int) -> None:
    """What a release does: a new build gets the name, the old one goes, others clean up."""
    fill(store, [FIRST], {"x": FIRST})
    release = image(name="x", source=content(1), previous="delete", properties={"stage": "new"})
    results = at_once(
        store, taking_turns(count, release, prune(unaliased=True, older_than="1h"), alias(name="x", description="text"))
    )
    assert_clear(results, most=0)
    world = assert_whole(store)
    assert world.aliases == {"x": (SECOND, "text")}
    assert set(world.images) == {SECOND}
    assert world.images[SECOND].properties["stage"] == "new"
    assert not any(key.startswith(MEMORY) for key in world.images[SECOND].properties), json.dumps(
        world.images[SECOND].properties
    )
    assert assert_calm(store, release) == world
