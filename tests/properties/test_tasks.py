# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever is in the store and whatever a task asks for: check mode predicts, the run does just that, the next one changes nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import contract
import tasks
from hypothesis import assume, given, note, settings
from hypothesis import strategies as st
from stores import BY_FINGERPRINT, IMAGES, SCRATCH, Reading, Store

REPORTED = (
    "changed",
    "failed",
    "msg",
    "actions",
    "diff",
    "fingerprint",
    "previous_fingerprint",
    "alias",
    "removed",
    "kept",
    "reclaimed",
)


def weighed(times: int) -> settings:
    """So many times as many examples as the profile says."""
    return settings(max_examples=times * settings().max_examples)


def run_all(store: Store, module: str, options: Mapping[str, Any]) -> tuple[Reading, Reading, Mapping[str, Any]]:
    """Check mode, for real, and again. Returns the store before and after, and the answer."""
    before = store.read()
    note(f"{store.server.kind}, before: {before.world}")
    predicted = store.run(module, options, check=True)
    note(f"check mode: {shown(predicted.answer)}")
    assert store.read() == before, "check mode has changed something"
    answer = store.run(module, options).answer
    note(f"for real: {shown(answer)}")
    assert answer is not None
    after = store.read()
    note(f"after: {after.world}")
    assert report(answer) == report(predicted.answer), "check mode has not told what would be done"
    if module != "lxd_image_store" and answer.get("failed"):
        assert after == before, "a task that is refused has changed something"
    for fingerprint in set(before.images) & set(after.images):
        assert after.fixed(fingerprint) == before.fixed(fingerprint), "an image was made anew"
    assert answer.get("changed", False) == (after.world != before.world), "'changed' is not what has happened"
    again = store.run(module, options)
    note(f"again: {shown(again.answer)}")
    assert not again.changed, "the second run has changed something"
    assert again.failed == bool(answer.get("failed"))
    assert store.read() == after, "the second run has changed something and does not say so"
    return before, after, answer


def shown(answer: Mapping[str, Any] | None) -> str:
    return json.dumps(
        {key: value for key, value in (answer or {}).items() if key not in ("invocation", "image")}, ensure_ascii=False
    )


def report(answer: Mapping[str, Any] | None) -> dict[str, Any]:
    """What check mode and the real run say alike."""
    assert answer is not None
    reported = {key: answer[key] for key in REPORTED if key in answer}
    if "results" in answer:
        reported["results"] = [report(result) for result in answer["results"]]
    return reported


@given(st.data())
@weighed(4)
def test_image(store: Store, data: st.DataObject) -> None:
    world = data.draw(tasks.worlds(store.names), "store")
    options = data.draw(tasks.image_tasks(store.names, tasks.known_names(world)), "task")
    store.fill(world)
    before, after, answer = run_all(store, "lxd_image", options)
    try:
        done = contract.image_task(options, before.world)
    except contract.Refused as refused:
        assert answer.get("failed"), f"it must fail: {refused}"
        return
    assert not answer.get("failed"), answer
    assert after.world == done.world
    assert answer["fingerprint"] == (done.wanted or next(iter(done.deleted), None))
    if done.wanted:
        assert_image_is(answer["image"], after, done.wanted)


def assert_image_is(image: Mapping[str, Any], reading: Reading, fingerprint: str) -> None:
    """What the task returns about the image is what the server says."""
    settings = reading.world.images[fingerprint]
    assert {
        **image["properties"],
        **{contract.MEMORY + key: value for key, value in image["ansible"].items()},
    } == reading.images[fingerprint]["properties"]
    assert {alias["name"]: alias["description"] for alias in image["aliases"]} == reading.world.aliases_of(fingerprint)
    assert (image["public"], image["auto_update"], image["expires_at"], image["profiles"]) == (
        settings.public,
        settings.auto_update,
        settings.expires_at,
        settings.profiles,
    )


@given(st.data())
@weighed(1)
def test_inactive_and_back(store: Store, data: st.DataObject) -> None:
    world = data.draw(tasks.worlds(store.names), "store")
    candidates = [fingerprint for fingerprint, settings in world.images.items() if not settings.inactive_state]
    assume(candidates)
    before = store.fill(world)
    fingerprint = data.draw(st.sampled_from(candidates), "image")
    names = list(world.aliases_of(fingerprint))
    # By a name, or by the fingerprint.
    identity = data.draw(
        st.sampled_from([{"fingerprint": fingerprint}, *({"name": name} for name in names)]), "identity"
    )
    assume("name" not in identity or not contract.remembering(world, identity["name"]))
    run_all(store, "lxd_image", {**identity, "state": "inactive"})
    assert not store.read().world.aliases_of(fingerprint)
    run_all(store, "lxd_image", {**identity, "state": "present"})
    assert store.read() == before


@given(st.data())
@weighed(2)
def test_alias(store: Store, data: st.DataObject) -> None:
    world = data.draw(tasks.worlds(store.names), "store")
    options = data.draw(tasks.alias_tasks(store.names, tasks.known_names(world)), "task")
    store.fill(world)
    before, after, answer = run_all(store, "lxd_image_alias", options)
    try:
        expected = contract.alias_task(options, before.world)
    except contract.Refused as refused:
        assert answer.get("failed"), f"it must fail: {refused}"
        return
    assert not answer.get("failed"), answer
    assert after.world == expected
    if options["state"] == "present":
        target, description = expected.aliases[options["name"]]
        assert answer["alias"] == {"name": options["name"], "target": target, "description": description}


@given(st.data())
@weighed(2)
def test_prune(store: Store, data: st.DataObject) -> None:
    store.fill(data.draw(tasks.worlds(store.names), "store"))
    options = data.draw(tasks.prune_tasks(store.names), "task")
    before, after, answer = run_all(store, "lxd_image_prune", options)
    try:
        removed = contract.prune_task(options, before)
    except contract.Refused as refused:
        assert answer.get("failed"), f"it must fail: {refused}"
        return
    assert not answer.get("failed"), answer
    world = before.world
    for fingerprint in removed:
        contract.remove(world, fingerprint)
    assert after.world == world
    assert {item["fingerprint"] for item in answer["removed"]} == removed
    assert answer["reclaimed"] == sum(before.images[fingerprint]["size"] for fingerprint in removed)
    assert all(item["fingerprint"] in after.images and item["reason"] for item in answer["kept"])


@given(st.data())
@weighed(2)
def test_store(store: Store, data: st.DataObject) -> None:
    world = data.draw(tasks.worlds(store.names), "store")
    options = data.draw(tasks.store_tasks(store.names, tasks.known_names(world)), "task")
    try:
        expected, failed = contract.store_task(options, world)
    except contract.Refused:
        expected, failed = world, []
    except contract.Entangled:
        assume(False)
    store.fill(world)
    _before, after, answer = run_all(store, "lxd_image_store", options)
    assert after.world == expected
    assert [result["failed"] for result in answer.get("results", [])] == failed
    assert bool(answer.get("failed")) == (any(failed) or not failed)


@given(st.data())
@weighed(1)
def test_export(store: Store, data: st.DataObject) -> None:
    """Into a file that is not there, is another one, or is the image already."""
    world = data.draw(tasks.worlds(store.names).filter(lambda world: world.aliases), "store")
    store.fill(world)
    name = data.draw(st.sampled_from(sorted(world.aliases)), "name")
    content = BY_FINGERPRINT[world.aliases[name][0]].path.read_bytes()
    found = data.draw(st.sampled_from((None, b"", content, content[:-1], IMAGES[0].path.read_bytes())), "file")
    dest = SCRATCH / "exported"
    dest.unlink(missing_ok=True)
    if found is not None:
        dest.write_bytes(found)
    options = {"name": name, "dest": str(dest)}
    before = store.read()
    assert store.run("lxd_image_export", options, check=True).changed == (found != content)
    assert (dest.read_bytes() if dest.exists() else None) == found
    answer = store.run("lxd_image_export", options)
    assert (answer.failed, answer.changed) == (False, found != content)
    assert dest.read_bytes() == content
    assert not store.run("lxd_image_export", options).changed
    assert store.read().world == before.world
