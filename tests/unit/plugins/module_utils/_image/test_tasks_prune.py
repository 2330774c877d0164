# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Removal by a policy, against a store in memory that changes while it is looked at."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.community.lxd.plugins.module_utils._image.image_reader import Project
from ansible_collections.community.lxd.plugins.module_utils._image.plan.prune import Guards, PrunePolicy
from ansible_collections.community.lxd.plugins.module_utils._image.plan.selection import Selector
from ansible_collections.community.lxd.plugins.module_utils._image.tasks.prune import prune_project, run_prune
from ansible_collections.community.lxd.plugins.module_utils._lxd.errors import (
    LXDError,
    LXDInputError,
    LXDOperationError,
    LXDOutcomeUnknown,
    LXDStateChanged,
)
from ansible_collections.community.lxd.plugins.module_utils._lxd.record import replace
from ansible_collections.community.lxd.tests.unit.plugins.module_utils.fakes import (
    A,
    B,
    C,
    FakeStore,
    image_data,
    make_image,
)

ALL = PrunePolicy(Selector())


class Store(FakeStore):
    """With instances that were made from images; ``meanwhile`` happens between the listing and what follows."""

    def __init__(self, *images: dict[str, t.Any], used: t.Mapping[str, str] | None = None, **options: t.Any) -> None:
        super().__init__(*images, **options)
        self.used = dict(used or {})
        self.meanwhile: t.Callable[[Store], None] = lambda store: None
        self.others: dict[str, Store] = {}

    def list_instances(self, all_projects: bool = False) -> list[dict[str, t.Any]]:
        self.reads.append("list instances")
        meanwhile, self.meanwhile = self.meanwhile, lambda store: None
        meanwhile(self)
        return [
            {"name": name, "project": "p", "config": {"volatile.base_image": fingerprint}}
            for name, fingerprint in self.used.items()
        ]

    def list_projects(self, entitlements: t.Sequence[str] = ()) -> dict[str, Project]:
        return dict.fromkeys(sorted(["default", *self.others]), Project(True))

    def in_project(self, name: str) -> Store:
        return self if name == "default" else self.others[name]


def prune(
    store: Store, policy: PrunePolicy = ALL, check_mode: bool = False, all_projects: bool = False
) -> dict[str, t.Any]:
    return run_prune(t.cast(t.Any, store), replace(policy, all_projects=all_projects), check_mode)


def shown(items: list[dict[str, t.Any]]) -> list[str]:
    return [item["fingerprint"][0] for item in items]


def store_of_three() -> Store:
    return Store(
        image_data(A, size=1), image_data(B, ["n"], size=20), image_data(C, size=300, properties={"os": "debian"})
    )


def test_check_mode_is_the_dry_run() -> None:
    store = store_of_three()
    said = prune(store, check_mode=True)
    assert store.writes == []
    done = prune(store)
    assert said == done
    assert sorted(store.writes) == ["delete aaaa", "delete cccc"]
    assert (done["changed"], done["actions"], done["reclaimed"]) == (True, ["delete", "delete"], 301)
    assert (shown(done["removed"]), shown(done["kept"])) == (["a", "c"], ["b"])
    assert done["kept"][0]["reason"] == "alias n"
    assert done["diff"] == {"before": {f"default/{A}": [], f"default/{C}": []}, "after": {}}


def test_the_second_run_changes_nothing() -> None:
    store = store_of_three()
    kept = prune(store)["kept"]
    again = prune(store)
    assert (again["changed"], again["actions"], again["removed"], again["reclaimed"]) == (False, [], [], 0)
    assert again["kept"] == kept
    assert again["diff"] == {"before": {}, "after": {}}


@pytest.mark.parametrize(
    ("meanwhile", "left"),
    [(lambda store: store._point("n", C, ""), {C}), (lambda store: store.images.pop(C), set())],
    ids=["named", "deleted"],
)
def test_only_what_was_removed_is_told(meanwhile: t.Callable[[FakeStore], object], left: set[str]) -> None:
    """Another client is faster with one of two, and the next plan does not select that one any more."""
    store = Store(image_data(A, size=1), image_data(C, size=300))

    def change(store: FakeStore) -> None:
        meanwhile(store)
        raise LXDStateChanged("Cannot delete the image: it has become aliased meanwhile.")

    store.faults = [("delete_image", "after", lambda store: store.faults.append(("delete_image", "before", change)))]
    done = prune(store, PrunePolicy(Selector(unaliased=True), concurrency=1))
    assert (shown(done["removed"]), done["actions"], done["reclaimed"]) == (["a"], ["delete"], 1)
    assert set(store.images) == left


def test_an_empty_store_has_no_instances_to_ask_for() -> None:
    store = Store()
    assert not prune(store)["changed"]
    assert "list instances" not in store.reads


def test_no_such_project() -> None:
    with pytest.raises(LXDInputError, match="'p' is not found"):
        prune(Store(project="p"))


def test_an_untrusted_client() -> None:
    with pytest.raises(PermissionError, match="untrusted"):
        prune(Store(trusted=False))


def give_alias(store: Store) -> None:
    store._point("late", A, "")


def protect(store: Store) -> None:
    store.images[A]["properties"] = {"ansible.protected": "true"}


@pytest.mark.parametrize(("meanwhile", "reason"), [(give_alias, "alias late"), (protect, "protected")])
def test_what_is_given_an_alias_or_protected_meanwhile_stays(meanwhile: t.Callable[[Store], None], reason: str) -> None:
    store = store_of_three()
    store.meanwhile = meanwhile
    result = prune(store)
    assert set(store.images) == {A, B}
    assert (shown(result["removed"]), shown(result["kept"])) == (["c"], ["a", "b"])
    assert result["kept"][0]["reason"] == reason
    assert (result["reclaimed"], result["actions"]) == (300, ["delete"])


def test_what_was_removed_before_something_changed_is_still_told() -> None:
    store = store_of_three()
    store.images[C]["properties"] = {}
    store.faults.append(("delete_image", "after", lambda fake: fake._point("late", C, "")))
    result = prune(store, replace(ALL, concurrency=1))
    assert (shown(result["removed"]), shown(result["kept"])) == (["a"], ["b", "c"])
    assert result["actions"] == ["delete"]


def test_what_somebody_else_removed_meanwhile_is_no_error() -> None:
    store = store_of_three()
    store.meanwhile = lambda fake: fake.images.pop(A)
    result = prune(store)
    assert set(store.images) == {B}
    assert result["changed"]


def lost(store: FakeStore) -> None:
    raise LXDOutcomeUnknown("No answer.")


@pytest.mark.parametrize("moment", ["before", "after"])
def test_an_answer_that_is_lost(moment: str) -> None:
    store = store_of_three()
    store.faults.append(("delete_image", moment, lost))
    result = prune(store)
    assert set(store.images) == {B}
    assert (shown(result["removed"]), result["reclaimed"]) == (["a", "c"], 301)


def refuse(store: FakeStore) -> None:
    raise LXDOperationError("Cannot delete the image: it is busy.")


def test_a_server_that_refuses() -> None:
    store = store_of_three()
    store.faults.append(("delete_image", "before", refuse))
    with pytest.raises(LXDError, match="busy"):
        prune(store, replace(ALL, concurrency=1))
    assert set(store.images) == {A, B, C}


def test_of_several_at_a_time_one_is_refused() -> None:
    store = store_of_three()
    store.faults.append(("delete_image", "before", refuse))
    with pytest.raises(LXDError, match="busy") as caught:
        prune(store)
    removed = 3 - len(store.images)
    assert str(caught.value).endswith(f"{removed} of 2 actions were done." if removed else "busy.")
    assert prune(store)["changed"]
    assert len(store.images) == 1


@pytest.mark.parametrize(
    ("lifted", "left"),
    [
        ({}, {A, B}),
        ({"include_used": True}, {B}),
        ({"include_aliased": True}, {A}),
        ({"include_used": True, "include_aliased": True}, set()),
    ],
    ids=["no option", "used", "aliased", "both"],
)
def test_instances_of_any_project_count(lifted: dict[str, bool], left: set[str]) -> None:
    store = Store(image_data(A), image_data(B, ["n"]), used={"c1": A, "c2": C})
    result = prune(store, PrunePolicy(Selector(), guards=Guards(**lifted)))
    assert set(store.images) == left
    assert [item["reason"] for item in result["kept"] if item["fingerprint"] == A] == (
        ["used by p/c1"] if A in left else []
    )


def test_each_project_is_judged_by_itself() -> None:
    store = Store(image_data(A, uploaded_at="2026-11-02T00:00:00Z"), image_data(B))
    store.others = {"q": Store(image_data(A), image_data(C, uploaded_at="2026-11-02T00:00:00Z"), project="q")}
    store.others["q"].projects.add("q")
    policy = PrunePolicy(Selector(), keep=1)
    said = prune(store, policy, check_mode=True, all_projects=True)
    done = prune(store, policy, all_projects=True)
    assert said == done
    assert [(item["project"], item["fingerprint"]) for item in done["removed"]] == [("default", B), ("q", A)]
    assert [(item["project"], item["fingerprint"]) for item in done["kept"]] == [("default", A), ("q", C)]
    assert list(done["diff"]["before"]) == [f"default/{B}", f"q/{A}"]


def test_only_the_project_of_the_task() -> None:
    store = Store(image_data(B))
    store.others = {"q": Store(image_data(A), project="q")}
    prune(store)
    assert set(store.others["q"].images) == {A}


def test_a_listing_that_is_given_is_not_read_again() -> None:
    store = store_of_three()
    removed, kept, _warnings = prune_project(
        t.cast(t.Any, store), ALL, True, exclude={A}, listed=[make_image(A), make_image(C)]
    )
    assert (shown(removed), kept) == (["c"], [])
    assert "list images" not in store.reads


@pytest.mark.parametrize("check_mode", [True, False])
def test_with_a_member_down_nothing_goes_and_that_is_said(check_mode: bool) -> None:
    store = Store(image_data(A), image_data(B))
    down = {"name": "c3", "project": "default", "status": "Error", "config": None, "location": "m2"}
    store.list_instances = lambda all_projects=False: [down]  # type: ignore[method-assign, misc]
    result = prune(store, check_mode=check_mode)
    assert (result["changed"], result["removed"], [item["reasons"] for item in result["kept"]]) == (
        False,
        [],
        [["unknown_use"], ["unknown_use"]],
    )
    assert len(result["warnings"]) == 1 and "'default/c3'" in result["warnings"][0] and "'m2'" in result["warnings"][0]
    assert store.writes == []
    result = prune(store, replace(ALL, guards=Guards(include_used=True)), check_mode)
    assert (len(result["removed"]), "warnings" in result) == (2, False)


@pytest.mark.parametrize(
    ("policy", "lists"),
    [
        (PrunePolicy(Selector(fingerprint=A)), False),
        (PrunePolicy(Selector(name="n"), guards=Guards(include_aliased=True)), False),
        (PrunePolicy(Selector(fingerprint=A), keep=0), True),
    ],
)
def test_an_image_that_is_named_is_not_looked_for_in_a_list(policy: PrunePolicy, lists: bool) -> None:
    store = store_of_three()
    assert prune(store, policy)["changed"]
    assert ("list images" in store.reads) is lists
    assert len(store.images) == 2
    assert prune(store, policy)["changed"] is False
