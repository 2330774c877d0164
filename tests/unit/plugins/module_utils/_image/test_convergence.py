# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whatever is in the store and whatever a task asks for: check mode tells the truth, one run is enough, and a killed one does no harm."""

from __future__ import annotations

import contextlib
import copy
import json
import tempfile
import typing as t
from dataclasses import dataclass
from unittest import mock

from hypothesis import assume, configuration, given, settings
from hypothesis import strategies as st

from ansible_collections.community.lxd.plugins.module_utils._image.desired import DesiredAlias
from ansible_collections.community.lxd.plugins.module_utils._image.desired_image import (
    DesiredImage,
    FileSource,
    InstanceSource,
    SettingsChange,
)
from ansible_collections.community.lxd.plugins.module_utils._image.plan.image import plan_image
from ansible_collections.community.lxd.plugins.module_utils._image.reading.image import read_image
from ansible_collections.community.lxd.plugins.module_utils._image.sources import file as files_module
from ansible_collections.community.lxd.plugins.module_utils._image.sources.content import TaskContent
from ansible_collections.community.lxd.plugins.module_utils._image.tasks.alias import run_alias
from ansible_collections.community.lxd.plugins.module_utils._image.tasks.image import run_image
from ansible_collections.community.lxd.plugins.module_utils._lxd.errors import LXDError, LXDInputError
from ansible_collections.community.lxd.plugins.module_utils._lxd.record import replace
from ansible_collections.community.lxd.tests.unit.plugins.module_utils.fakes import A, B, C, D, FakeStore, image_data

configuration.set_hypothesis_home_dir(tempfile.gettempdir() + "/community.lxd-hypothesis")
thorough = settings(max_examples=150, deadline=None, database=None, derandomize=True)

FINGERPRINTS = (A, B, C)
NAMES = ("n", "x", "y")


@dataclass
class Files:
    """Stands in for ImageFiles: its path is its fingerprint."""

    source: FileSource
    size: int = 1

    @property
    def fingerprint(self) -> str:
        return self.source.path

    fingerprint_is_known = True

    def check_acceptable(self, vendor: t.Any) -> None:
        """Anything is."""

    def check(self) -> None:
        pass

    def __iter__(self) -> t.Iterator[bytes]:
        yield b"content"


class Killed(BaseException):
    pass


@st.composite
def stores(draw: t.Any) -> FakeStore:
    present = [fingerprint for fingerprint in FINGERPRINTS if draw(st.booleans())]
    owner = {name: draw(st.sampled_from([*present, None])) for name in NAMES}
    memories = st.fixed_dictionaries(
        {}, optional={"protected": st.just("true"), "replaces": st.sampled_from(FINGERPRINTS)}
    )
    store = FakeStore(
        *(
            image_data(
                fingerprint,
                [name for name in NAMES if owner[name] == fingerprint],
                {key: value for key, value in draw(memories).items() if value != fingerprint},
                properties=draw(st.dictionaries(st.sampled_from("kl"), st.sampled_from("12"))),
                public=draw(st.booleans()),
                expires_at=draw(
                    st.sampled_from(["0001-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "2030-01-01T00:00:00Z"])
                ),
                profiles=draw(st.sampled_from([[], ["default"], ["q", "p"]])),
            )
            for fingerprint in present
        )
    )
    store.profiles = {"default", "p", "q"}
    store.instances["c1"] = {
        "status_code": draw(st.sampled_from([102, 103])),
        "created_at": "2026",
        "last_used_at": "2026",
    }
    return store


changes = st.builds(
    SettingsChange,
    public=st.sampled_from([None, True, False]),
    expires_at=st.sampled_from([None, "never", "2030-01-01T00:00:00Z"]),
    profiles=st.sampled_from([None, (), ("p", "q")]),
    properties=st.one_of(st.none(), st.dictionaries(st.sampled_from("klm"), st.sampled_from(["1", None]))),
    purge_properties=st.booleans(),
    bookkeeping=st.sampled_from([{}, {"protected": "true"}, {"protected": None}]),
)
sources = st.one_of(
    st.none(),
    st.sampled_from([FileSource(A), FileSource(B), FileSource(D), InstanceSource("instance", "c1", stop=True)]),
)


@st.composite
def desires(draw: t.Any) -> DesiredImage:
    source = draw(sources)
    fingerprint = None if source else draw(st.sampled_from([None, *FINGERPRINTS]))
    name = draw(st.sampled_from([None, "n"])) if fingerprint or isinstance(source, FileSource) else "n"
    return DesiredImage(
        state=draw(
            st.sampled_from(
                ["present", "present", "absent", "latest"]
                if isinstance(source, FileSource)
                else ["present", "present", "absent"]
            )
        ),
        name=name,
        fingerprint=fingerprint,
        source=source,
        aliases=draw(st.sampled_from([(), ("x",), ("x", "y")])),
        purge_aliases=draw(st.booleans()),
        alias_conflict=draw(st.sampled_from(["move", "move", "fail"])),
        settings=draw(changes),
        previous=draw(st.sampled_from(["keep", "delete"])),
        force=draw(st.booleans()),
    )


def run(store: FakeStore, desired: DesiredImage, check_mode: bool = False) -> dict[str, t.Any]:
    with mock.patch.object(files_module, "ImageFiles", Files):
        return run_image(t.cast(t.Any, store), desired, check_mode)


def feasible(store: FakeStore, desired: DesiredImage) -> dict[str, t.Any]:
    """What check mode says; a wish that is refused is no example, but even then nothing may have been written."""
    state = store.snapshot()
    try:
        result = run(store, desired, check_mode=True)
    except LXDInputError:
        result = {}
    assert (store.snapshot(), store.writes) == (state, [])
    assume(result)
    return result


@thorough
@given(stores(), desires())
def test_check_mode_tells_what_the_run_does(store: FakeStore, desired: DesiredImage) -> None:
    said = feasible(store, desired)
    done = run(store, desired)
    assert (done["changed"], done["actions"], done["diff"]) == (said["changed"], said["actions"], said["diff"])
    assert done["previous_fingerprint"] == said["previous_fingerprint"]
    assert said["fingerprint"] in (done["fingerprint"], "unknown")
    assert bool(store.writes) == done["changed"]


@thorough
@given(stores(), desires())
def test_the_second_run_changes_nothing(store: FakeStore, desired: DesiredImage) -> None:
    feasible(store, desired)
    first = run(store, desired)
    state, writes = store.snapshot(), list(store.writes)
    for check_mode in (True, False):
        again = run(store, desired, check_mode)
        assert (again["changed"], again["actions"]) == (False, [])
        assert again["image"] == first["image"]
        assert again["diff"]["before"] == again["diff"]["after"]
    assert (store.snapshot(), store.writes) == (state, writes)


@thorough
@given(stores(), desires())
def test_nothing_is_lost_on_the_way(store: FakeStore, desired: DesiredImage) -> None:
    feasible(store, desired)
    if desired.state == "absent":
        return
    before, names = copy.deepcopy(store), set(store.aliases)
    seen: list[set[str]] = []
    store.after_write = lambda: seen.append(set(store.aliases))
    result = run(store, desired)
    purged = {
        name for name in names if desired.purge_aliases and before.aliases[name].target == result["fingerprint"]
    } - set(desired.alias_names)
    for step in seen:
        assert names - purged <= step  # an alias that stays is there at every moment
    for name in desired.alias_names:
        assert store.aliases[name].target == result["fingerprint"]
    gone = set(before.images) - set(store.images)
    kept = before.images.get(result["fingerprint"], {"properties": {}})["properties"].get("ansible.replaces")
    assert gone <= ({result["previous_fingerprint"], kept} if desired.previous == "delete" else set())
    for fingerprint in gone:
        assert before.images[fingerprint]["properties"].get("ansible.protected") != "true"


@thorough
@given(stores(), desires())
def test_what_is_not_given_is_left_alone(store: FakeStore, desired: DesiredImage) -> None:
    feasible(store, desired)
    before = copy.deepcopy(store.images)
    result = run(store, desired)
    for fingerprint, data in store.images.items():
        if fingerprint not in before:
            continue
        if fingerprint != result["fingerprint"]:
            assert data == before[fingerprint]
            continue
        old, change = before[fingerprint], desired.settings
        assert change.public is not None or data["public"] == old["public"]
        assert change.profiles is not None or sorted(data["profiles"]) == sorted(old["profiles"])
        assert change.expires_at is not None or data["expires_at"][:4].replace("0001", "1970") == old["expires_at"][
            :4
        ].replace("0001", "1970")
        assert "protected" in change.bookkeeping or data["properties"].get("ansible.protected") == old[
            "properties"
        ].get("ansible.protected")
        named = set(change.properties or ())
        if not change.purge_properties:
            assert {"k", "l"} - named & set(data["properties"]) == {"k", "l"} - named & set(old["properties"])


@thorough
@given(stores(), desires(), st.integers(0, 5), st.sampled_from(["before", "after"]))
def test_a_killed_run_is_finished_by_the_next(
    store: FakeStore, desired: DesiredImage, position: int, moment: str
) -> None:
    feasible(store, desired)
    undisturbed, calls = copy.deepcopy(store), 0

    def kill() -> None:
        nonlocal calls
        calls += 1
        if calls == position + 1:
            raise Killed

    run(undisturbed, desired)
    position %= len(undisturbed.writes) or 1
    if moment == "after":
        store.after_write = kill
    else:
        write = store._write
        store._write = lambda *args: (kill(), write(*args))[1]  # type: ignore[method-assign]
    with contextlib.suppress(Killed):
        run(store, desired)
    store.after_write = lambda: None
    store.__dict__.pop("_write", None)
    run(store, desired)
    assert run(store, desired, check_mode=True)["actions"] == []
    # a stopped instance is the one thing that the next run can't know of
    for each in (store, undisturbed):
        each.instances.clear()
        for data in each.images.values():
            data["properties"].pop("ansible.source", None)
    assert store.snapshot() == undisturbed.snapshot()


@thorough
@given(stores(), desires())
def test_what_is_read_is_enough_for_the_plan(store: FakeStore, desired: DesiredImage) -> None:
    assume(not isinstance(desired.source, InstanceSource))
    api = t.cast(t.Any, store)
    try:
        with mock.patch.object(files_module, "ImageFiles", Files):
            content = TaskContent(desired.source, api.client)
        current = read_image(api, desired, content)
        plan = plan_image(desired, current)
    except LXDError:
        assume(False)
        raise
    whole = plan_image(desired, replace(store.current(), fingerprint=current.fingerprint))
    assert (plan.verbs, plan.before, plan.after) == (whole.verbs, whole.before, whole.after)


@thorough
@given(stores(), st.booleans())
def test_a_withdrawn_image_is_put_back_exactly(store: FakeStore, by_name: bool) -> None:
    fingerprint = store.aliases["n"].target if "n" in store.aliases else A
    assume(fingerprint in store.images)
    identity = {"name": "n"} if by_name and "n" in store.aliases else {"fingerprint": fingerprint}
    before = store.snapshot()
    assert run(store, DesiredImage("inactive", **identity), check_mode=True)["changed"]
    assert store.snapshot() == before
    inactive_state = run(store, DesiredImage("inactive", **identity))["image"]
    assert (inactive_state["aliases"], inactive_state["public"], inactive_state["auto_update"]) == ([], False, False)
    assert not run(store, DesiredImage("inactive", **identity))["changed"]
    run(store, DesiredImage("present", **identity))
    assert not run(store, DesiredImage("present", **identity))["changed"]
    assert normal(store.snapshot()) == normal(before)


def normal(snapshot: str) -> t.Any:
    """Aliases come back in any order, never in the one way that can be written, profiles are a set."""
    images, aliases, _instances = json.loads(snapshot.replace("0001-01-01", "1970-01-01"))
    return {key: {**data, "profiles": sorted(data["profiles"])} for key, data in images.items()}, aliases


alias_desires = st.builds(
    DesiredAlias,
    name=st.just("n"),
    state=st.sampled_from(["present", "present", "absent"]),
    target=st.sampled_from([None, A, B[:12], "x"]),
    description=st.sampled_from([None, "", "d"]),
    rename_from=st.sampled_from([None, "y"]),
)


@thorough
@given(stores(), alias_desires)
def test_an_alias_converges(store: FakeStore, desired: DesiredAlias) -> None:
    api = t.cast(t.Any, store)
    images, state = copy.deepcopy(store.images), store.snapshot()
    try:
        said = run_alias(api, desired, True)
    except LXDInputError:
        said = {}
    assert (store.snapshot(), store.writes) == (state, [])
    assume(said)
    done = run_alias(api, desired, False)
    assert done == said
    again = run_alias(api, desired, False)
    assert (again["changed"], again["actions"], again["alias"]) == (False, [], done["alias"])
    assert store.images == images
    assert ("n" in store.aliases) == (desired.state == "present")
    if desired.state == "present":
        assert store.aliases["n"].to_diff() == done["alias"]
        assert desired.rename_from is None or desired.rename_from not in store.aliases
