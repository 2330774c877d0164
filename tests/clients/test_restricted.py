# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A client with a certificate for one project sees nothing else: what it can't see is an error, and never called absent or unused."""

from __future__ import annotations

import hashlib
import itertools
from pathlib import Path
from typing import Any

import pytest
from hosts import COMMON, DEFAULT, GOLDEN, INSTANCE, MACHINE, MINE, OWN, SHARED, USED, USED_BY_SHARED, WORLDS, Host
from modules import Result
from stores import Settings, TinyImage

HINT = "not visible to this client"
ALL_IMAGES = {"keep": 0, "include_aliased": True}
ABSENT = {"name": "golden", "state": "absent"}

both_ways = pytest.mark.parametrize("direct", (False, True), ids=("module", "in-process"))
checked_or_real = pytest.mark.parametrize("check", (True, False), ids=("check", "real"))
numbers = itertools.count(100)


def words(result: Result) -> str:
    """Returns all messages of a task, those of the entries of a whole store too."""
    return "\n".join(str(each.get("msg", "")) for each in [result, *(result.get("results") or ())])


def fingerprints(images: list[dict[str, Any]]) -> set[str]:
    return {image["fingerprint"] for image in images}


def reasons(result: Result) -> dict[str, list[str]]:
    return {image["fingerprint"]: image["reasons"] for image in result["kept"]}


def assert_hint(result: Result, project: str) -> None:
    """Asserts that a task failed because of a project that the client can't see, and says so."""
    assert result.failed and not result.changed, result.output
    text = words(result)
    assert "project" in text and repr(project) in text and HINT in text, result.output


# what is in another project


@pytest.mark.parametrize(
    ("module", "options"),
    (
        ("lxd_image_info", {}),
        ("lxd_image_info", {"name": "golden"}),
        ("lxd_image_info", {"unused": True}),
        ("lxd_image", ABSENT),
        ("lxd_image_alias", ABSENT),
        ("lxd_image_prune", ALL_IMAGES),
        ("lxd_image_store", {"images": [ABSENT]}),
        ("lxd_image_store", {"images": [], "purge": True, "include_aliased": True}),
    ),
    ids=("info", "info-name", "info-unused", "absent", "alias", "prune", "store", "purge"),
)
@pytest.mark.parametrize(
    ("check", "direct"),
    ((False, False), (True, True)),
    ids=("real-module", "check-in-process"),
)
def test_another_project_is_an_error(
    host: Host, module: str, options: dict[str, Any], check: bool, direct: bool
) -> None:
    with host.unchanged():
        assert_hint(host.own.run(module, options, check, direct), DEFAULT)


@pytest.mark.parametrize("client", (OWN, SHARED))
def test_a_project_that_is_named_and_not_visible(host: Host, client: str) -> None:
    other = DEFAULT if client == SHARED else SHARED
    for project in (other, "no-such-project"):
        assert_hint(getattr(host, client).run("lxd_image_info", {"project": project}), project)


def test_deletion_by_fingerprint_in_another_project(host: Host) -> None:
    """Incus shows an image of any project to whoever knows its fingerprint, but doesn't delete it."""
    with host.unchanged():
        done = host.own.run("lxd_image", {"fingerprint": GOLDEN, "state": "absent"})
        assert done.failed and not done.changed, done.output


def test_writes_to_another_project(host: Host) -> None:
    fresh = TinyImage.make(next(numbers), "container", {})
    with host.unchanged():
        for module, options in (
            ("lxd_image", {"name": "fresh", "source": {"type": "file", "path": str(fresh.path)}}),
            ("lxd_image_alias", {"name": "fresh", "target": GOLDEN}),
            ("lxd_image_alias", {"name": "golden", "target": COMMON}),
        ):
            done = host.own.run(module, options)
            assert done.failed and not done.changed, done.output


# what is in its own project


@both_ways
def test_all_tasks_in_its_own_project(host: Host, direct: bool, tmp_path: Path) -> None:
    fresh = TinyImage.make(next(numbers), "container", {"os": "debian"})
    before = host.stores[OWN].read().world
    with host.unchanged(OWN):
        for module, options in (
            (
                "lxd_image",
                {
                    "name": "fresh",
                    "source": {"type": "file", "path": str(fresh.path)},
                    "properties": {"stage": "x"},
                },
            ),
            ("lxd_image_alias", {"name": "second", "target": "fresh", "description": "the same"}),
            ("lxd_image_alias", {"name": "machine", "state": "absent"}),
            ("lxd_image", {"fingerprint": MACHINE, "state": "absent"}),
        ):
            given = {**options, "project": OWN}
            expected = host.own.run(module, given, check=True, direct=direct)
            done = host.own.run(module, given, direct=direct)
            assert done.changed and not done.failed, done.output
            assert expected.changed and expected["actions"] == done["actions"]
            again = host.own.run(module, given, direct=direct)
            assert not again.changed and not again.failed, again.output
    expected_world = before.copy()
    del expected_world.images[MACHINE], expected_world.aliases["machine"]
    expected_world.images[fresh.fingerprint] = Settings(properties={**fresh.properties, "stage": "x"})
    expected_world.aliases.update(fresh=(fresh.fingerprint, ""), second=(fresh.fingerprint, "the same"))
    assert host.stores[OWN].read().world == expected_world
    exported = host.own.run(
        "lxd_image_export", {"name": "second", "dest": str(tmp_path), "project": OWN}, direct=direct
    )
    assert exported.changed and not exported.failed, exported.output
    assert hashlib.sha256(Path(exported["path"]).read_bytes()).hexdigest() == fresh.fingerprint


@both_ways
def test_use_in_its_own_project_is_known(host: Host, direct: bool) -> None:
    info = host.own.run("lxd_image_info", {"project": OWN, "used_by": True}, direct=direct)
    assert {image["fingerprint"]: image["used_by"] for image in info["images"]} == {
        MINE: [{"project": OWN, "name": INSTANCE}],
        COMMON: [],
        MACHINE: [],
    }, info.output
    for unused, expected in ((True, {COMMON, MACHINE}), (False, {MINE})):
        found = host.own.run("lxd_image_info", {"project": OWN, "unused": unused}, direct=direct)
        assert fingerprints(found["images"]) == expected, found.output


@both_ways
def test_all_projects_are_those_that_are_visible(host: Host, direct: bool) -> None:
    info = host.own.run("lxd_image_info", {"all_projects": True, "used_by": True}, direct=direct)
    assert not info.failed, info.output
    assert {(image["project"], image["fingerprint"]) for image in info["images"]} == {
        (OWN, fingerprint) for fingerprint in WORLDS[OWN].images
    }


@both_ways
@checked_or_real
@pytest.mark.parametrize("selection", ({"unused": True, "include_aliased": True}, ALL_IMAGES), ids=("unused", "keep"))
def test_prune_removes_what_is_unused(host: Host, selection: dict[str, Any], check: bool, direct: bool) -> None:
    with host.unchanged(*([] if check else [OWN])):
        pruned = host.own.run("lxd_image_prune", {**selection, "project": OWN}, check, direct)
    assert pruned.changed and not pruned.failed, pruned.output
    assert fingerprints(pruned["removed"]) == {COMMON, MACHINE}
    assert set(host.stores[OWN].read().images) == ({COMMON, MACHINE, MINE} if check else {MINE})


@both_ways
def test_purge_keeps_what_is_used(host: Host, direct: bool) -> None:
    options = {"images": [{"name": "machine"}], "purge": True, "include_aliased": True, "project": OWN}
    with host.unchanged(OWN):
        stored = host.own.run("lxd_image_store", options, direct=direct)
    assert stored.changed and not stored.failed, stored.output
    assert fingerprints(stored["removed"]) == {COMMON}
    assert set(host.stores[OWN].read().images) == {MACHINE, MINE}


# what several projects share


@both_ways
def test_use_that_may_be_elsewhere_is_unknown(host: Host, direct: bool) -> None:
    info = host.shared.run("lxd_image_info", {"project": SHARED, "used_by": True}, direct=direct)
    assert not info.failed, info.output
    assert {image["fingerprint"]: image["used_by"] for image in info["images"]} == {
        USED_BY_SHARED: [{"project": SHARED, "name": INSTANCE}],
        **dict.fromkeys((USED, GOLDEN, COMMON)),
    }
    # where it is depends on the version of Ansible
    assert "'default'" in info.output and "visible to this client" in info.output, info.output


@both_ways
@pytest.mark.parametrize("unused", (True, False))
def test_nothing_that_is_shared_is_called_unused(host: Host, unused: bool, direct: bool) -> None:
    info = host.shared.run("lxd_image_info", {"project": SHARED, "unused": unused}, direct=direct)
    assert info.failed and "visible to this client" in info["msg"], info.output


@both_ways
@checked_or_real
@pytest.mark.parametrize("unused", (None, True), ids=("keep", "unused"))
def test_prune_keeps_what_is_shared(host: Host, unused: bool | None, check: bool, direct: bool) -> None:
    selection = {"unused": True, "include_aliased": True} if unused else ALL_IMAGES
    with host.unchanged():
        pruned = host.shared.run("lxd_image_prune", {**selection, "project": SHARED}, check, direct)
        assert not pruned.changed, pruned.output
        if pruned.failed:
            assert unused and "visible to this client" in pruned["msg"], pruned.output
            return
    assert pruned["removed"] == []
    kept = reasons(pruned)
    for fingerprint in (USED, GOLDEN, COMMON):
        assert "unknown_use" in kept[fingerprint], pruned.output
    assert "used" in kept.get(USED_BY_SHARED, ["used"]), pruned.output


@checked_or_real
def test_purge_keeps_what_is_shared(host: Host, check: bool) -> None:
    options = {"images": [{"name": "golden"}], "purge": True, "include_aliased": True, "project": SHARED}
    with host.unchanged():
        stored = host.shared.run("lxd_image_store", options, check)
        assert not stored.changed and not stored.failed, stored.output
        assert stored["removed"] == []


# what it is told of itself


@both_ways
def test_the_client_of_the_server(host: Host, direct: bool) -> None:
    for client, options, expected in (
        (host.admin, {}, {"method": "unix", "restricted": False, "fine_grained": False}),
        *(
            (
                getattr(host, name),
                {"project": name},
                {"method": "tls", "restricted": True, "fine_grained": False, "projects": [name]},
            )
            for name in (OWN, SHARED)
        ),
    ):
        info = client.run("lxd_image_info", options, direct=direct)
        shown = info["server"].get("client") or {}
        assert {key: shown.get(key) for key in expected} == expected, info.output


# images without their aliases


@pytest.mark.parametrize(
    ("module", "options"),
    (
        ("lxd_image_info", {"name": "machine"}),
        ("lxd_image_alias", {"name": "machine", "state": "absent"}),
        ("lxd_image", {"name": "machine", "state": "absent"}),
        ("lxd_image_store", {"images": [{"name": "machine", "state": "absent"}]}),
    ),
    ids=("info", "alias", "absent", "store"),
)
@checked_or_real
def test_an_alias_that_is_hidden(host: Host, module: str, options: dict[str, Any], check: bool) -> None:
    """A server may show images, and the aliases they have, to a client that may not see aliases."""
    with host.unchanged(), host.hiding_aliases() as client:
        done = client.run(module, {**options, "project": OWN}, check)
        assert done.failed and not done.changed, done.output
        assert repr("machine") in words(done) and HINT in words(done), done.output


def test_an_alias_that_nobody_has_is_absent_though_aliases_are_hidden(host: Host) -> None:
    with host.unchanged(), host.hiding_aliases() as client:
        done = client.run("lxd_image_alias", {"name": "nobody-has-it", "state": "absent", "project": OWN})
        assert not done.failed and not done.changed, done.output


# lists that are cut short


@both_ways
def test_a_list_that_is_cut_short_is_completed(host: Host, direct: bool) -> None:
    """A server may leave images out of a list, with status 200: the project says what it has."""
    with host.unchanged(), host.cutting_lists() as client:
        done = client.run("lxd_image_info", {"project": OWN}, direct=direct)
        assert fingerprints(done["images"]) == set(WORLDS[OWN].images), done.output
        assert "warnings" not in (done.answer or {}), done.output
        kept = client.run("lxd_image_prune", {"project": OWN, **ALL_IMAGES}, check=True, direct=direct)
        assert len(kept["removed"]) + len(kept["kept"]) == len(WORLDS[OWN].images), kept.output
