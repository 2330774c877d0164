# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Many images in one task, against a store in memory: one listing, each entry for itself, and check mode tells the truth."""

from __future__ import annotations

import contextlib
import copy
import tempfile
import threading
import typing as t
from dataclasses import dataclass
from unittest import mock

import pytest
from hypothesis import assume, configuration, given, settings
from hypothesis import strategies as st

from ansible_collections.community.lxd.plugins.module_utils._image.desired_image import FileSource
from ansible_collections.community.lxd.plugins.module_utils._image.image_reader import ImageReader, Project
from ansible_collections.community.lxd.plugins.module_utils._image.options_prune import desired_store
from ansible_collections.community.lxd.plugins.module_utils._image.plan.prune import Guards, PrunePolicy
from ansible_collections.community.lxd.plugins.module_utils._image.plan.selection import Selector
from ansible_collections.community.lxd.plugins.module_utils._image.sources import file as files_module
from ansible_collections.community.lxd.plugins.module_utils._image.tasks.store import (
    ListedReader,
    run_store,
    unseen_store,
)
from ansible_collections.community.lxd.plugins.module_utils._lxd.client import Client
from ansible_collections.community.lxd.plugins.module_utils._lxd.errors import LXDInputError, LXDOperationError
from ansible_collections.community.lxd.plugins.module_utils._lxd.record import replace
from ansible_collections.community.lxd.plugins.module_utils._lxd.transport import Connection
from ansible_collections.community.lxd.tests.unit.plugins.module_utils.fakes import (
    A,
    B,
    C,
    D,
    FakeStore,
    image_data,
    make_image,
)
from ansible_collections.community.lxd.tests.unit.plugins.module_utils.scripted import Script, error, sync

configuration.set_hypothesis_home_dir(tempfile.gettempdir() + "/community.lxd-hypothesis")
thorough = settings(max_examples=100, deadline=None, database=None, derandomize=True)

Result = dict[str, t.Any]
PURGE = PrunePolicy(Selector())


@dataclass
class Files:
    """Stands in for ImageFiles: its path is its fingerprint."""

    source: FileSource
    size: int = 1
    fingerprint_is_known: bool = True

    @property
    def fingerprint(self) -> str:
        if self.source.path == "missing":
            raise LXDInputError("Cannot read 'missing': No such file or directory.")
        return self.source.path

    def check_acceptable(self, vendor: t.Any) -> None:
        """Anything is."""

    def check(self) -> None:
        pass

    def __iter__(self) -> t.Iterator[bytes]:
        yield b"content"


class Killed(BaseException):
    pass


class Store(FakeStore):
    """One that may be used by several threads, as a server may."""

    def __init__(self, *images: dict[str, t.Any], used: t.Mapping[str, str] | None = None, **options: t.Any) -> None:
        super().__init__(*images, **options)
        self.used = dict(used or {})
        self.connections = 0
        self.lock = threading.RLock()

    def __deepcopy__(self, memo: dict[int, t.Any]) -> Store:
        other = Store(used=self.used)
        other.images, other.aliases, other.instances = (
            copy.deepcopy(self.images),
            dict(self.aliases),
            copy.deepcopy(self.instances),
        )
        return other

    def _write(self, method: str, call: str, effect: t.Callable[[], t.Any]) -> t.Any:
        with self.lock:
            return super()._write(method, call, effect)

    def reconnected(self) -> Store:
        self.connections += 1
        return self

    def list_projects(self, entitlements: t.Sequence[str] = ()) -> dict[str, Project]:
        return {"default": Project(True)}

    def list_instances(self, all_projects: bool = False) -> list[Result]:
        return [
            {"name": name, "project": "p", "config": {"volatile.base_image": fingerprint}}
            for name, fingerprint in self.used.items()
        ]


def entry(name: str | None = None, path: str | None = None, state: str = "present", **options: t.Any) -> Result:
    return {"name": name, "state": state, "source": {"type": "file", "path": path} if path else None, **options}


def run(
    store: Store, *entries: Result, check_mode: bool = False, purge: PrunePolicy | None = None, concurrency: int = 1
) -> Result:
    with mock.patch.object(files_module, "ImageFiles", Files):
        return run_store(
            t.cast(t.Any, store),
            replace(desired_store({"images": entries, "concurrency": concurrency}), purge=purge),
            check_mode,
        )


def shown(items: list[Result]) -> list[str]:
    return [item["fingerprint"][0] for item in items]


# what is listed answers


def test_a_store_as_desired_is_read_once() -> None:
    store = Store(
        image_data(A, ["n", "x"], properties={"os": "debian"}),
        image_data(B, ["y"]),
        image_data(C, bookkeeping={"protected": "true"}),
    )
    listing = ["list images", *(f"image {fingerprint[:12]}" for fingerprint in (A, B, C))]
    entries = [
        entry("n", A, aliases=["x"], properties={"os": "debian"}),
        entry("y", public=False),
        entry(fingerprint=C[:12], protected=True),
        entry("gone", state="absent"),
    ]
    for concurrency in (1, 4):
        store.reads.clear()
        result = run(store, *entries, concurrency=concurrency)
        assert store.reads == listing
        assert store.writes == []
        assert (result["changed"], result["actions"], result["diff"]) == (False, [], {"before": {}, "after": {}})
        assert [item["fingerprint"] for item in result["results"]] == [A, B, C, None]
        assert [item["image"] and item["image"]["fingerprint"] for item in result["results"]] == [A, B, C, None]


def test_few_entries_on_a_large_store_are_read_by_name() -> None:
    images = {f"{number:064x}": image_data(f"{number:064x}") for number in range(20)}
    images[A] = image_data(A, ["n"], properties={"os": "debian"})
    answers = {
        "/1.0/projects/default": {"name": "default", "used_by": [f"/1.0/images/{name}" for name in images]},
        "/1.0/images/aliases/n": {"name": "n", "target": A},
        f"/1.0/images/{A}": images[A],
        "/1.0/images": list(images.values()),
    }
    made = []

    class Server(Script):
        def __init__(self, connection: Connection) -> None:
            super().__init__(connection=connection)

        def request(self, method: str, path: str, **kwargs: t.Any) -> t.Any:
            made.append(f"{method} {path}")
            return sync(answers[path]) if path in answers else error(404, "not found")

    def store(*entries: Result) -> list[str]:
        made.clear()
        reader = ImageReader(Client(t.cast(t.Any, Server(Connection("unix:/run/test.socket")))))
        options = {"images": entries, "concurrency": 2}
        assert run_store(reader, desired_store(options), False)["changed"] is False
        return [path.rpartition("/")[2] for path in made]

    wanted = entry("n", properties={"os": "debian"})
    assert store(wanted) == ["default", "n", A]
    # who asks for inactive images needs the list, once
    assert store(wanted, entry("x", state="absent"), entry("y", state="absent")).count("images") == 1


def test_only_what_differs_is_read_again() -> None:
    store = Store(image_data(A, ["n"]), image_data(B, ["y"]))
    run(store, entry("n", public=True), entry("y"))
    assert "alias n" in store.reads
    assert "alias y" not in store.reads
    assert store.writes == ["update aaaa"]
    # each entry has a connection of its own
    assert store.connections == 2


def test_the_results_come_in_the_order_of_the_entries() -> None:
    store = Store(image_data(A, ["n"]))
    entries = [entry(f"e{number}", fingerprint * 64) for number, fingerprint in enumerate("bcdef0123456789")]
    result = run(store, *entries, entry("n"), concurrency=8)
    assert [item["name"] for item in result["results"]] == [*(f"e{number}" for number in range(15)), "n"]
    assert [item["fingerprint"] for item in result["results"]] == [*(item["source"]["path"] for item in entries), A]
    assert result["actions"] == ["import", "alias_create"] * 15
    assert list(result["diff"]["after"]) == [f"e{number}" for number in range(15)]


def listed(*steps: tuple[str, t.Any]) -> tuple[ListedReader, Script]:
    script = Script(*steps)
    twin = "a" * 20 + "b" * 44
    return ListedReader(ImageReader(script.client()), [make_image(A, ["n"]), make_image(twin), make_image(B)]), script


def test_what_the_listing_tells() -> None:
    api, _script = listed()
    assert [image.fingerprint[0] for image in api.list_images()] == ["a", "a", "b"]
    for asked, found in ((A, A), (A[:21], A), (B[:12], B), (C, None), (C[:12], None)):
        image = api.get_image(asked)
        assert (image.fingerprint if image else None) == found
    alias = api.get_alias("n")
    assert (alias.target if alias else None) == A
    assert api.get_alias("missing") is None
    with pytest.raises(LXDInputError, match="hex digits"):
        api.get_image("%")


def test_a_prefix_of_two_is_left_to_the_server() -> None:
    api, script = listed(
        (f"GET /1.0/images/{A[:12]}", error(500, "More than one image")),
        ("GET /1.0/projects/default", sync({"name": "default", "used_by": [f"/1.0/images/{A}", f"/1.0/images/{B}"]})),
    )
    with pytest.raises(Exception, match="More than one"):
        api.get_image(A[:12])
    assert not script.steps


# failures


def test_one_failure_is_only_its_own() -> None:
    store = Store(image_data(A, ["n"], bookkeeping={"protected": "true"}))
    entries = [entry("x", B), entry("y", "missing"), entry("n", state="absent"), entry("z", C), entry("q")]
    result = run(store, *entries, purge=PURGE)
    assert (result["failed"], result["changed"]) == (True, True)
    assert [item["failed"] for item in result["results"]] == [False, True, True, False, True]
    assert result["msg"].startswith(
        "3 of 5 images failed, the others are as desired. Nothing was purged. y: Cannot read 'missing'"
    )
    assert "n: Cannot delete the image" in result["msg"]
    assert result["results"][1] == {
        "name": "y",
        "failed": True,
        "changed": False,
        "actions": [],
        "fingerprint": None,
        "msg": "Cannot read 'missing': No such file or directory.",
        "failure": {},
    }
    assert set(store.images) == {A, B, C}
    assert result["actions"] == ["import", "alias_create"] * 2
    assert list(result["diff"]["after"]) == ["x", "z"]


def test_without_purge_nothing_is_said_about_it() -> None:
    assert "purged" not in run(Store(), entry("y", "missing"))["msg"]


def refuse(store: FakeStore) -> None:
    raise LXDOperationError("Cannot import: disk full.", request="POST /1.0/images")


def test_what_the_server_refuses() -> None:
    store = Store()
    store.faults.append(("create_image_from_files", "before", refuse))
    result = run(store, entry("x", B), entry("y", C))
    assert [item["failed"] for item in result["results"]] == [True, False]
    assert result["results"][0]["failure"] == {"request": "POST /1.0/images"}
    assert set(store.images) == {C}
    assert not run(store, entry("x", B), entry("y", C)).get("failed")


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (entry("x", fingerprint="%"), "hex digits"),
        (entry(), "which image is meant"),
        (entry("x", purge_aliases=True), "'purge_aliases' requires 'aliases'"),
        (entry("x", properties={"ansible.protected": "1"}), "reserved for this collection"),
    ],
    ids=["fingerprint", "nothing", "purge", "reserved"],
)
def test_a_bad_entry_is_its_own_failure(bad: Result, words: str) -> None:
    store = Store()
    result = run(store, entry("n", A), bad)
    assert words in result["results"][1]["msg"]
    assert set(store.images) == {A}


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ([entry("n"), entry("n", state="absent")], "alias 'n' .*entries 1 and 2"),
        ([entry("n"), entry("x"), entry("y", aliases=["z", "n"])], "alias 'n' .*entries 1 and 3"),
        ([entry("x", aliases=["n"]), entry(fingerprint=A, aliases=["n"])], "alias 'n' .*entries 1 and 2"),
    ],
    ids=str,
)
def test_two_that_want_one_alias(entries: list[Result], words: str) -> None:
    store = Store()
    with pytest.raises(LXDInputError, match=words):
        run(store, *entries)
    assert (store.reads, store.writes) == ([], [])


SAME = "x: The entry 'n' means the same image ({}). Combine both into one entry, with 'aliases'."
DELETES = "Cannot delete the image {}: the entry '{}' requires it."


@pytest.mark.parametrize(
    ("entries", "messages", "left"),
    [
        ([entry("n", D), entry("x", D)], [SAME.format(D)], {A, B, C, D}),
        ([entry("n"), entry("x", fingerprint=A[:12], public=True)], [SAME.format(A)], {A, B, C}),
        ([entry("n", state="inactive"), entry("x", A)], [SAME.format(A)], {A, B, C}),
        ([entry("x", fingerprint=A), entry("n", state="absent")], ["n: " + DELETES.format(A, "x")], {A, B, C}),
        ([entry("n", B, previous="delete"), entry("x", fingerprint=A)], ["n: " + DELETES.format(A, "x")], {A, B, C}),
        ([entry("y", D, previous="delete"), entry("n", fingerprint=B)], ["y: " + DELETES.format(B, "n")], {A, B, C}),
        (
            [entry("n", B, previous="delete"), entry("y", A, previous="delete")],
            ["n: " + DELETES.format(A, "y"), "y: " + DELETES.format(B, "n")],
            {A, B, C},
        ),
        # no clash: names that change places, and what is replaced but wanted by nobody
        ([entry("n", B), entry("y", A)], [], {A, B, C}),
        ([entry("n", state="absent"), entry("y", C)], [], {B, C}),
        ([entry("n", state="absent"), entry("n2", state="absent")], [], {B, C}),
    ],
    ids=[
        "file",
        "fingerprint",
        "inactive",
        "absent",
        "replaced",
        "promoted",
        "each other's",
        "swap",
        "absent alone",
        "absent and missing",
    ],
)
def test_entries_of_the_same_image(entries: list[Result], messages: list[str], left: set[str]) -> None:
    store = Store(image_data(A, ["n"]), image_data(B, ["y"]), image_data(C))
    said = run(store, *entries, check_mode=True)
    done = run(store, *entries)
    assert [f"{item['name']}: {item['msg']}" for item in done["results"] if item["failed"]] == messages
    assert (said["actions"], said["diff"], said.get("msg")) == (done["actions"], done["diff"], done.get("msg"))
    assert set(store.images) == left


def test_one_may_name_its_alias_twice() -> None:
    store = Store()
    assert run(store, entry("n", A, aliases=["n", "n"]))["actions"] == ["import", "alias_create"]


def test_an_untrusted_client() -> None:
    with pytest.raises(PermissionError, match="untrusted"):
        run(Store(trusted=False), entry("n"))


def test_what_is_known_before_the_client_is_enrolled() -> None:
    result = unseen_store(
        desired_store({"images": [entry("n", state="inactive", public=True), entry("m")], "concurrency": 1})
    )
    assert [(item["name"], item["failed"]) for item in result["results"]] == [("n", True)]
    assert (
        result["failed"]
        and "1 of 2 images failed" in result["msg"]
        and (result["removed"], result["kept"], result["reclaimed"]) == ([], [], 0)
    )
    result = unseen_store(desired_store({"images": [entry("m")], "concurrency": 1}))
    assert result == {"results": [], "removed": [], "kept": [], "reclaimed": 0}


# purge


def test_what_is_not_listed_goes_but_for_the_guards() -> None:
    store = Store(
        image_data(A, ["n"]),
        image_data(B, size=20),
        image_data(C, ["x"]),
        image_data(D, bookkeeping={"protected": "true"}),
        image_data("e" * 64),
        used={"c1": "e" * 64},
    )
    said = run(store, entry("n"), purge=PURGE, check_mode=True)
    done = run(store, entry("n"), purge=PURGE)
    assert said == done
    assert (shown(done["removed"]), done["reclaimed"], done["actions"], done["changed"]) == (
        ["b"],
        20,
        ["delete"],
        True,
    )
    assert [item["reason"] for item in done["kept"]] == ["alias x", "protected", "used by p/c1"]
    assert done["diff"] == {"before": {B: {"aliases": []}}, "after": {}}
    everything = PrunePolicy(Selector(), guards=Guards(True, True, True))
    assert shown(run(store, entry("n"), purge=everything)["removed"]) == ["c", "d", "e"]
    assert set(store.images) == {A}


def test_what_an_entry_leaves_without_a_name_goes_in_the_same_run() -> None:
    store = Store(image_data(A, ["n"]), image_data(B))
    entries = [entry("n", C), entry("x", fingerprint=B)]
    said = run(store, *entries, purge=PURGE, check_mode=True)
    done = run(store, *entries, purge=PURGE)
    assert (said["actions"], said["removed"], said["kept"], said["diff"]) == (
        done["actions"],
        done["removed"],
        done["kept"],
        done["diff"],
    )
    assert shown(done["removed"]) == ["a"]
    assert set(store.images) == {B, C}
    assert not run(store, *entries, purge=PURGE)["changed"]


def test_what_an_entry_deletes_is_not_deleted_twice() -> None:
    store = Store(image_data(A, ["n"]), image_data(B, ["x"]))
    entries = [entry("n", C, previous="delete"), entry("x", state="absent")]
    said = run(store, *entries, purge=PURGE, check_mode=True)
    done = run(store, *entries, purge=PURGE)
    assert said["actions"] == done["actions"] == ["import", "alias_move", "delete", "delete"]
    assert said["removed"] == done["removed"] == []


def test_an_image_that_two_entries_delete_is_deleted_by_the_first() -> None:
    entries = [entry("n", state="absent"), entry("x", state="absent"), entry("y", state="absent")]
    for check_mode in (True, False):
        result = run(
            Store(image_data(A, ["n", "x"]), image_data(B, ["y"])), *entries, check_mode=check_mode, concurrency=3
        )
        assert [item["actions"] for item in result["results"]] == [["delete"], [], ["delete"]]


def test_an_inactive_image_that_is_listed_stays() -> None:
    store = Store(image_data(A, ["n"]), image_data(B, ["x"]))
    entries = [entry("n", state="inactive")]
    lifted = PrunePolicy(Selector(), guards=Guards(include_aliased=True))
    said = run(store, *entries, purge=lifted, check_mode=True)
    done = run(store, *entries, purge=lifted)
    assert (said["actions"], said["removed"]) == (done["actions"], done["removed"])
    assert set(store.images) == {A}


# whatever is there and whatever is wanted

FINGERPRINTS = (A, B, C, D)
NAMES = ("n", "x", "y", "z")


@st.composite
def stores(draw: t.Any) -> Store:
    present = [fingerprint for fingerprint in FINGERPRINTS if draw(st.booleans())]
    owner = {name: draw(st.sampled_from([*present, None])) for name in NAMES}
    bookkeeping = st.sampled_from([{}, {}, {}, {"protected": "true"}])
    images = (
        image_data(fingerprint, [name for name in NAMES if owner[name] == fingerprint], draw(bookkeeping))
        for fingerprint in present
    )
    return Store(*images, used=draw(st.sampled_from([{}, {"c1": A}, {"c1": B, "c2": C}])))


@st.composite
def tasks(draw: t.Any) -> tuple[list[Result], PrunePolicy | None]:
    """Each alias and each image is in one entry at most."""
    names = draw(st.lists(st.sampled_from(NAMES), unique=True, max_size=3))
    files = draw(st.permutations(FINGERPRINTS))
    entries = [
        entry(
            name,
            draw(st.sampled_from([None, fingerprint, fingerprint])),
            draw(st.sampled_from(["present", "present", "absent", "inactive"])),
            public=draw(st.sampled_from([None, True, False])),
            previous=draw(st.sampled_from(["keep", "delete"])),
        )
        for name, fingerprint in zip(names, files)
    ]
    guards = ("include_protected", "include_used", "include_aliased")
    policy = PrunePolicy(Selector(), guards=Guards(**{guard: draw(st.booleans()) for guard in guards}))
    return entries, draw(st.sampled_from([None, policy, policy]))


def feasible(store: Store, entries: list[Result], purge: PrunePolicy | None) -> Result:
    """What check mode says, which writes nothing; a task of which an entry is refused is no example."""
    state = store.snapshot()
    said = run(store, *entries, purge=purge, check_mode=True)
    assert (store.snapshot(), store.writes) == (state, [])
    assume(not said.get("failed"))
    # an image that one entry leaves and another deletes is shown by the second as the first has left it, whenever that is
    touched = [
        fingerprint
        for item in said["results"]
        for fingerprint in [item["fingerprint"], item["previous_fingerprint"]]
        if fingerprint
    ]
    assume(len(touched) == len(set(touched)))
    return said


@thorough
@given(stores(), tasks())
def test_check_mode_tells_what_the_run_does(store: Store, task: tuple[list[Result], PrunePolicy | None]) -> None:
    entries, purge = task
    said = feasible(store, entries, purge)
    done = run(store, *entries, purge=purge)
    for key in ("changed", "actions", "diff", "removed", "kept", "reclaimed"):
        assert done[key] == said[key]
    assert bool(store.writes) == done["changed"]


@thorough
@given(stores(), tasks())
def test_the_second_run_changes_nothing(store: Store, task: tuple[list[Result], PrunePolicy | None]) -> None:
    entries, purge = task
    feasible(store, entries, purge)
    first = run(store, *entries, purge=purge)
    state, writes = store.snapshot(), list(store.writes)
    again = run(store, *entries, purge=purge)
    assert not again.get("failed")
    assert (again["changed"], again["actions"], again["removed"], again["kept"]) == (False, [], [], first["kept"])
    assert (store.snapshot(), store.writes) == (state, writes)


@thorough
@given(stores(), tasks(), st.integers(0, 9), st.integers(1, 4))
def test_a_killed_run_is_finished_by_the_next(
    store: Store, task: tuple[list[Result], PrunePolicy | None], position: int, concurrency: int
) -> None:
    entries, purge = task
    feasible(store, entries, purge)
    undisturbed, calls = copy.deepcopy(store), 0
    run(undisturbed, *entries, purge=purge)
    assume(len(undisturbed.writes) > 0)

    def kill() -> None:
        nonlocal calls
        calls += 1
        if calls > position % len(undisturbed.writes):
            raise Killed

    store.after_write = kill
    with contextlib.suppress(Killed):
        run(store, *entries, purge=purge, concurrency=concurrency)
    store.after_write = lambda: None
    result = run(store, *entries, purge=purge)
    assert not result.get("failed")
    # what is inherited from the image that had the name before is lost where the first write was the last
    assert set(store.images) == set(undisturbed.images)
    assert {name: alias.target for name, alias in store.aliases.items()} == {
        name: alias.target for name, alias in undisturbed.aliases.items()
    }
    assert not run(store, *entries, purge=purge)["changed"]


@thorough
@given(stores(), tasks(), st.integers(2, 6))
def test_side_by_side_is_one_after_the_other(
    store: Store, task: tuple[list[Result], PrunePolicy | None], concurrency: int
) -> None:
    entries, purge = task
    feasible(store, entries, purge)
    other = copy.deepcopy(store)
    one_by_one = run(store, *entries, purge=purge)
    side_by_side = run(other, *entries, purge=purge, concurrency=concurrency)
    assert side_by_side == one_by_one
    assert other.snapshot() == store.snapshot()
