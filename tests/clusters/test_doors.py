# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster is one server with several doors: whichever member is asked, over its socket or HTTPS, the results are the same."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from clusters import MEMBERS
from modules import Result
from states import INSTANCE, NAMELESS, SPARE, UP, USED, WORLD, Door, Members, in_state
from stores import Settings, TinyImage

Options = Mapping[str, Any]
numbers = itertools.count(1000)


def fresh() -> TinyImage:
    """An image that no store has had."""
    return TinyImage.make(next(numbers), "container", {"os": "debian"})


def file_of(image: TinyImage) -> dict[str, str]:
    return {"type": "file", "path": str(image.path)}


def act(door: Door, others: Sequence[Door], module: str, options: Options) -> Result:
    """Runs a task through one door; the next two then find nothing to do, one in each front end."""
    done = door.run(module, options)
    assert done.changed and not done.failed, done.output
    for other, direct in zip(others, (False, True)):
        again = other.run(module, options, direct=direct)
        assert not again.failed and not again.changed, f"through {other}: {again.output}"
    return done


def at_once(doors: Sequence[Door], module: str, options: Sequence[Options]) -> list[Result]:
    """Runs tasks at the same time, each through the next door. None may fail."""
    runs = [
        door.start(module, each, direct=direct)
        for door, each, direct in zip(itertools.cycle(doors), options, itertools.cycle((False, True)))
    ]
    results = [run.wait() for run in runs]
    for result in results:
        assert not result.failed, result.output
    return results


@in_state(UP)
def test_another_member_finds_it_done(members: Members) -> None:
    """One task of each kind after the other, each through another member than the one before."""
    image, second = fresh(), fresh()
    doors = members.doors
    tasks: list[tuple[str, Options]] = [
        (
            "lxd_image",
            {"name": "doors", "aliases": ["doors/1"], "source": file_of(image), "properties": {"stage": "x"}},
        ),
        ("lxd_image", {"name": "doors", "public": True, "expires_at": "2031-01-01", "properties": {"stage": "y"}}),
        ("lxd_image_alias", {"name": "doors/2", "target": "doors", "description": "two"}),
        ("lxd_image_alias", {"name": "doors/3", "rename_from": "doors/2"}),
        ("lxd_image_alias", {"name": "doors/3", "target": SPARE}),
        ("lxd_image", {"name": "doors", "source": file_of(second), "previous": "delete"}),
        ("lxd_image", {"name": "doors", "state": "inactive"}),
        ("lxd_image", {"fingerprint": second.fingerprint}),
        ("lxd_image", {"name": "published", "source": {"type": "instance", "name": INSTANCE}}),
        (
            "lxd_image_store",
            {"images": [{"name": "doors/4", "source": file_of(image)}, {"name": "spare", "public": True}]},
        ),
        ("lxd_image_alias", {"name": "doors/4", "state": "absent"}),
        ("lxd_image_prune", {"fingerprint": image.fingerprint, "include_aliased": True}),
        ("lxd_image", {"name": "doors", "state": "absent"}),
        ("lxd_image_store", {"images": [{"name": "spare"}, {"name": "used"}], "purge": True, "include_aliased": True}),
    ]
    for position, (module, options) in enumerate(tasks):
        turned = doors[position % len(doors) :] + doors[: position % len(doors)]
        act(turned[0], turned[1:], module, options)
    world = members.three.read().world
    assert set(world.images) == {USED, SPARE}
    assert world.aliases == {"used": (USED, ""), "spare": (SPARE, "what nobody uses"), "doors/3": (SPARE, "two")}


@in_state(UP)
def test_all_members_show_the_same(members: Members) -> None:
    options = {"used_by": True}
    shown = [
        door.run("lxd_image_info", options, direct=direct)
        for door, direct in zip(members.doors, itertools.cycle((False, True)))
    ]
    for door, info in zip(members.doors, shown):
        assert not info.failed and info["images"] == shown[0]["images"] and info["aliases"] == shown[0]["aliases"], door
    assert {image["fingerprint"] for image in shown[0]["images"]} == set(WORLD.images)


@in_state(UP)
def test_a_secret_of_another_member(members: Members) -> None:
    """It is an operation that lives on the member that made it."""
    made = members.doors[0].run("lxd_image_secret", {"name": "spare"})
    assert made.changed and not made.failed, made.output
    options = {"state": "absent", "operation": made["operation"]}
    act(members.doors[1], members.doors[2:], "lxd_image_secret", options)


@contextlib.contextmanager
def replicas(members: Members, count: int) -> Iterator[None]:
    """While this lasts, the servers keep an image on so many members."""
    settings = members.cluster.first
    settings.perform("PATCH", "/1.0", {"config": {"cluster.images_minimal_replica": str(count)}})
    try:
        yield
    finally:
        settings.perform("PATCH", "/1.0", {"config": {"cluster.images_minimal_replica": ""}})


def places(members: Members, fingerprint: str) -> set[str]:
    """The members that have the image's file."""
    files = {name: server.state / "images" / fingerprint for name, server in members.cluster.members.items()}
    return {name for name, file in files.items() if file.exists()}


@in_state(UP)
def test_an_image_that_only_one_member_has(members: Members, tmp_path: Path) -> None:
    image = fresh()
    with replicas(members, 1):
        act(members.doors[1], members.doors, "lxd_image", {"name": "one", "source": file_of(image)})
        assert places(members, image.fingerprint) == {"two"}
        options = {"name": "one", "public": True, "properties": {"stage": "y"}, "aliases": ["one/more"]}
        act(members.doors[0], members.doors[1:], "lxd_image", options)
        act(members.doors[2], members.doors[:2], "lxd_image_alias", {"name": "one/more", "target": SPARE})
        for number in (0, 5):
            dest = tmp_path / str(number)
            act(members.doors[number], members.doors[1:3], "lxd_image_export", {"name": "one", "dest": str(dest)})
            assert hashlib.sha256(dest.read_bytes()).hexdigest() == image.fingerprint
        act(
            members.doors[5],
            members.doors,
            "lxd_image_prune",
            {"fingerprint": image.fingerprint, "include_aliased": True},
        )
        assert places(members, image.fingerprint) == set()


@in_state(UP)
def test_an_instance_on_another_member_is_published(members: Members, tmp_path: Path) -> None:
    with replicas(members, 1):
        options = {
            "name": "published",
            "source": {"type": "instance", "name": INSTANCE},
            "properties": {"stage": "x"},
        }
        done = act(members.doors[0], members.doors[1:], "lxd_image", options)
        dest = tmp_path / "published"
        act(members.doors[1], members.doors, "lxd_image_export", {"name": "published", "dest": str(dest)})
        assert hashlib.sha256(dest.read_bytes()).hexdigest() == done["fingerprint"]
        act(members.doors[2], members.doors, "lxd_image", {"name": "published", "state": "absent"})


@in_state(UP)
def test_the_same_import_at_once(members: Members) -> None:
    image = fresh()
    options = {
        "name": "at/once",
        "aliases": ["at/once/more"],
        "source": file_of(image),
        "properties": {"stage": "x"},
        "public": True,
    }
    results = at_once(members.doors, "lxd_image", [options] * 8)
    assert any(result.changed for result in results)
    world = members.one.read().world
    assert world.images[image.fingerprint] == Settings(public=True, properties={**image.properties, "stage": "x"})
    assert world.aliases_of(image.fingerprint) == {"at/once": "", "at/once/more": ""}
    assert not any(result.changed for result in at_once(members.doors, "lxd_image", [options] * 3))
    assert places(members, image.fingerprint) == set(MEMBERS)


@in_state(UP)
def test_settings_of_the_same_image_at_once(members: Members) -> None:
    """Each task sets a property of its own: none of them is lost."""
    wanted = {f"from{number}": str(number) for number in range(8)}
    at_once(
        members.doors, "lxd_image", [{"name": "spare", "properties": {key: value}} for key, value in wanted.items()]
    )
    assert members.two.read().world.images[SPARE].properties == {**WORLD.images[SPARE].properties, **wanted}


@in_state(UP)
def test_the_same_alias_at_once(members: Members) -> None:
    """It ends up at one of the targets, whole; a task that says that it has moved it has done so."""
    targets = [USED, SPARE, NAMELESS] * 2
    options = [{"name": "moving", "target": target, "description": "moves"} for target in targets]
    assert any(result.changed for result in at_once(members.doors, "lxd_image_alias", options))
    world = members.one.read().world
    assert world.aliases["moving"] in {(target, "moves") for target in targets}
    assert {**world.aliases, "moving": None} == {**WORLD.aliases, "moving": None}
    assert set(world.images) == set(WORLD.images)


@in_state(UP)
def test_the_same_store_at_once(members: Members) -> None:
    first, second = fresh(), fresh()
    entries = [
        {"name": "stored", "source": file_of(first), "public": True},
        {"name": "stored/2", "source": file_of(second), "properties": {"stage": "x"}},
        {"name": "used"},
    ]
    options = {"images": entries, "purge": True, "include_aliased": True}
    assert any(result.changed for result in at_once(members.doors, "lxd_image_store", [options] * 4))
    world = members.two.read().world
    assert world.aliases == {
        "stored": (first.fingerprint, ""),
        "stored/2": (second.fingerprint, ""),
        "used": (USED, ""),
    }
    assert set(world.images) == {first.fingerprint, second.fingerprint, USED}
    assert not any(result.changed for result in at_once(members.doors, "lxd_image_store", [options] * 2))


@in_state(UP)
def test_old_images_are_removed_at_once(members: Members) -> None:
    results = at_once(members.doors, "lxd_image_prune", [{"fingerprint": NAMELESS}] * 4)
    assert any(result.changed for result in results)
    assert set(members.three.read().images) == {USED, SPARE}
