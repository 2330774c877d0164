# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reading, planning and applying against a store in memory: the order, and what happens when something goes wrong on the way."""

from __future__ import annotations

import gzip
import hashlib
import pathlib
import types
import typing as t

import pytest

from ansible_collections.community.lxd.plugins.module_utils._image.actions import (
    DeleteImage,
    Plan,
    PlanProgress,
    UpdateImage,
)
from ansible_collections.community.lxd.plugins.module_utils._image.apply import settings as apply_settings
from ansible_collections.community.lxd.plugins.module_utils._image.apply.runner import apply_plan
from ansible_collections.community.lxd.plugins.module_utils._image.apply.settings import change_settings
from ansible_collections.community.lxd.plugins.module_utils._image.desired import DesiredAlias
from ansible_collections.community.lxd.plugins.module_utils._image.desired_image import (
    DesiredImage,
    FileSource,
    ImageSource,
    InstanceSource,
    SettingsChange,
)
from ansible_collections.community.lxd.plugins.module_utils._image.loop import ATTEMPTS
from ansible_collections.community.lxd.plugins.module_utils._image.model import Alias, CurrentImage, Image, Instance
from ansible_collections.community.lxd.plugins.module_utils._image.plan.image import plan_image
from ansible_collections.community.lxd.plugins.module_utils._image.reading.image import read_image
from ansible_collections.community.lxd.plugins.module_utils._image.tasks.alias import run_alias
from ansible_collections.community.lxd.plugins.module_utils._image.tasks.image import run_image
from ansible_collections.community.lxd.plugins.module_utils._lxd.errors import (
    LXDAPIError,
    LXDConflict,
    LXDConnectionError,
    LXDError,
    LXDInputError,
    LXDNotFound,
    LXDOperationError,
    LXDOutcomeUnknown,
    LXDPreconditionFailed,
    LXDStateChanged,
    LXDTimeout,
)
from ansible_collections.community.lxd.tests.unit.plugins.module_utils.fakes import A, B, FakeStore, image_data

CONTENT = gzip.compress(b"an image", mtime=0)
F = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def path(tmp_path: pathlib.Path) -> str:
    (tmp_path / "demo.tar.gz").write_bytes(CONTENT)
    return str(tmp_path / "demo.tar.gz")


def wants(state: str = "present", **options: t.Any) -> DesiredImage:
    settings = {key: options.pop(key) for key in list(options) if key in SettingsChange.__annotations__}
    return DesiredImage(state, settings=SettingsChange(**settings), **options)


def run(store: FakeStore, desired: DesiredImage, check_mode: bool = False) -> dict[str, t.Any]:
    return run_image(t.cast(t.Any, store), desired, check_mode)


def raises(error: Exception) -> t.Callable[[FakeStore], None]:
    def fault(store: FakeStore) -> None:
        raise error

    return fault


def lost() -> t.Callable[[FakeStore], None]:
    return raises(LXDOutcomeUnknown("Cannot determine whether the server could do it: Connection reset"))


def with_instance(running: bool, *images: dict[str, t.Any]) -> FakeStore:
    store = FakeStore(*images)
    store.instances["c1"] = {
        "status_code": 103 if running else 102,
        "created_at": "2026",
        "last_used_at": "2026",
        "config": {"image.os": "debian"},
    }
    return store


PUBLISH = InstanceSource("instance", "c1", stop=True)


# what is returned


def test_import(path: str) -> None:
    store = FakeStore()
    result = run(store, wants(name="n", source=FileSource(path), public=True))
    assert store.writes == [f"import {path!r}", f"update {F[:4]}", f"alias n -> {F[:4]}"]
    assert (result["changed"], result["actions"], result["fingerprint"]) == (True, ["import", "alias_create"], F)
    assert result["previous_fingerprint"] is None
    assert (result["image"]["public"], result["image"]["properties"]) == (True, {"os": "from-file"})
    assert result["image"]["aliases"] == [{"name": "n", "description": ""}]
    assert result["diff"] == {"before": {}, "after": {"fingerprint": F, "aliases": {"n": F}, "public": True}}


def test_import_in_check_mode(path: str) -> None:
    store = FakeStore()
    result = run(store, wants(name="n", source=FileSource(path), public=True), check_mode=True)
    assert store.writes == []
    assert (result["changed"], result["actions"], result["fingerprint"]) == (True, ["import", "alias_create"], F)
    assert result["image"] == {"fingerprint": F, "aliases": [{"name": "n", "description": ""}], "public": True}


def test_update_in_check_mode_predicts_the_image() -> None:
    store = FakeStore(image_data(A, ["n", "x"], properties={"k": "v", "l": "w"}))
    desired = wants(
        name="n",
        aliases=("y",),
        purge_aliases=True,
        public=True,
        properties={"k": None, "m": "z"},
        bookkeeping={"protected": "true"},
    )
    predicted = run(store, desired, check_mode=True)["image"]
    assert store.writes == []
    assert predicted["properties"] == {"l": "w", "m": "z"}
    assert (predicted["public"], predicted["protected"]) == (True, True)
    assert predicted == run(store, desired)["image"]


def test_publish(path: str) -> None:
    store = with_instance(False)
    said = run(store, wants(name="n", source=PUBLISH, properties={"k": "v"}), check_mode=True)
    assert (said["fingerprint"], said["image"]["fingerprint"]) == ("unknown", "unknown")
    result = run(store, wants(name="n", source=PUBLISH, properties={"k": "v"}))
    assert result["fingerprint"] == store.aliases["n"].target == result["image"]["fingerprint"]
    assert result["image"]["properties"] == {
        "os": "debian",
        "k": "v",
    }  # the instance's own too, whatever the server merges
    assert result["actions"] == ["publish", "alias_create"]


def test_publish_a_running_instance() -> None:
    store = with_instance(True)
    run(store, wants(name="n", source=PUBLISH))
    assert [write.split(" ->")[0] for write in store.writes if "update" not in write] == [
        "stop c1",
        "publish instance c1",
        "alias n",
        "start c1",
    ]
    assert store.instances["c1"]["status_code"] == 103


def test_absent() -> None:
    store = FakeStore(image_data(A, ["n"]))
    result = run(store, wants("absent", name="n"))
    assert (result["actions"], result["image"], result["fingerprint"]) == (["delete"], None, A)
    assert store.images == {}
    again = run(store, wants("absent", name="n"))
    assert (again["changed"], again["fingerprint"]) == (False, None)


# what is read


def test_nothing_to_do_takes_two_reads() -> None:
    store = FakeStore(image_data(A, ["n", "x"]))
    run(store, wants(name="n", aliases=("x",), public=False))
    assert store.reads == ["alias n", f"image {A[:12]}"]


def test_a_prefix_is_resolved() -> None:
    store = FakeStore(image_data(A))
    assert run(store, wants(fingerprint=A[:12], public=True))["fingerprint"] == A
    assert run(store, wants("absent", fingerprint=B[:12]))["changed"] is False


@pytest.mark.parametrize(
    ("desired", "words"),
    [
        pytest.param(wants(name="n"), "alias 'n' is not found", id="alias"),
        pytest.param(wants(fingerprint=B[:12]), "no image with the fingerprint bbbbbbbbbbbb is found", id="prefix"),
        pytest.param(
            wants(name="n", source=InstanceSource("instance", "c9")),
            "Cannot publish the instance 'c9': not found",
            id="instance",
        ),
        pytest.param(
            wants(name="n", source=InstanceSource("snapshot", "c1/s")),
            "Cannot publish the snapshot 'c1/s'",
            id="snapshot",
        ),
        pytest.param(
            wants(fingerprint=A, profiles=("default", "nope")),
            "profile 'nope' of 'profiles' is not found",
            id="profile",
        ),
    ],
)
def test_what_is_missing_fails_before_anything_is_done(desired: DesiredImage, words: str) -> None:
    store = FakeStore(image_data(A))
    with pytest.raises(LXDInputError, match=words):
        run(store, desired)
    assert store.writes == []


def test_profiles_that_the_image_has_are_not_looked_for() -> None:
    store = FakeStore(image_data(A, profiles=["gone"]))
    assert run(store, wants(fingerprint=A, profiles=("gone",)))["changed"] is False


@pytest.mark.parametrize("state", ["present", "absent"])
def test_a_project_that_does_not_exist(state: str) -> None:
    store = FakeStore(project="nope")
    with pytest.raises(LXDInputError, match="project 'nope' is not found on unix:/fake.socket"):
        run(store, wants(state, name="n"))
    with pytest.raises(LXDInputError, match="project 'nope' is not found"):
        run_alias(t.cast(t.Any, store), DesiredAlias("n", state, target=A), False)


@pytest.mark.parametrize(
    "desired",
    [wants(name="n"), wants("absent", name="n"), wants(fingerprint=A, public=True)],
    ids=["input error", "nothing to do", "something to do"],
)
def test_an_untrusted_client_is_told_the_real_reason(desired: DesiredImage) -> None:
    store = FakeStore(image_data(A), trusted=False)
    with pytest.raises(PermissionError):
        run(store, desired)
    assert store.writes == []


def test_the_content_must_be_what_the_fingerprint_says(path: str) -> None:
    with pytest.raises(LXDInputError, match=f"has the fingerprint {F}, but 'fingerprint' is {A[:12]}"):
        run(FakeStore(), wants(fingerprint=A[:12], source=FileSource(path)))
    assert run(FakeStore(), wants(fingerprint=F[:12], source=FileSource(path)))["fingerprint"] == F


@pytest.mark.parametrize("check_mode", [True, False])
def test_a_bad_file_is_refused_in_check_mode_too(tmp_path: pathlib.Path, check_mode: bool) -> None:
    (tmp_path / "bad.tar.gz").write_bytes(CONTENT[:-1])
    store = FakeStore()
    with pytest.raises(LXDInputError, match="cut short"):
        run(store, wants(name="n", source=FileSource(str(tmp_path / "bad.tar.gz"))), check_mode)
    assert (store.images, store.aliases) == ({}, {})


def test_what_a_killed_run_has_published_is_adopted() -> None:
    store = with_instance(False)
    store.faults = [("create_alias", "before", raises(LXDAPIError("disk full", status=500)))]
    with pytest.raises(LXDAPIError):
        run(store, wants(name="n", source=PUBLISH))
    orphan = next(iter(store.images))
    result = run(store, wants(name="n", source=PUBLISH, properties={"k": "v"}))
    assert (result["actions"], result["fingerprint"]) == (["update", "alias_create"], orphan)
    assert list(store.images) == [orphan]


def test_what_a_killed_run_is_still_publishing_is_waited_for() -> None:
    store = with_instance(False)
    made_from = t.cast(Instance, store.get_instance("c1")).made_from

    def settle(only_new_objects: bool = False) -> None:
        store.images.update({data["fingerprint"]: data for data in [image_data(B, bookkeeping={"source": made_from})]})

    store.client.settle = settle
    result = run(store, wants(name="n", source=PUBLISH))
    assert (result["actions"], result["fingerprint"], list(store.images)) == (["alias_create"], B, [B])


def too_late(method: str) -> t.Callable[[FakeStore], None]:
    return raises(LXDOutcomeUnknown(f"Cannot determine whether the server could {method}: read timed out.", late=True))


def test_a_publish_that_may_still_begin_is_not_repeated() -> None:
    store = with_instance(False)
    store.faults = [("publish_image", "before", too_late("publish"))]
    with pytest.raises(LXDOutcomeUnknown, match="read timed out. It may still do so: run the task again later."):
        run(store, wants(name="n", source=PUBLISH))
    assert (store.published, len(store.writes), store.settled) == (0, 1, 1)


def test_a_publish_that_was_done_late_is_a_success() -> None:
    store = with_instance(False)
    store.faults = [("publish_image", "after", too_late("publish"))]
    result = run(store, wants(name="n", source=PUBLISH))
    assert (result["actions"], store.published) == (["publish", "alias_create"], 1)


def test_an_import_that_may_still_begin_is_repeated(path: str) -> None:
    store = FakeStore()
    store.faults = [("create_image_from_files", "before", too_late("import"))]
    assert run(store, wants(name="n", source=FileSource(path)))["actions"] == ["import", "alias_create"]


def test_an_image_of_another_state_of_the_instance_is_not_adopted() -> None:
    store = with_instance(False)
    run(store, wants(name="old", source=PUBLISH))
    store.delete_alias("old")
    store.instances["c1"]["last_used_at"] = "2027"
    assert run(store, wants(name="n", source=PUBLISH))["actions"] == ["publish", "alias_create"]


# what goes wrong


def test_settings_are_tried_again_where_somebody_else_wrote() -> None:
    store = FakeStore(image_data(A, ["n"]))

    def somebody_else(store: FakeStore) -> None:
        store.images[A]["properties"] = {"theirs": "1"}

    store.faults = [("update_image", "before", somebody_else)]
    result = run(store, wants(name="n", properties={"ours": "1"}))
    assert store.images[A]["properties"] == {"theirs": "1", "ours": "1"}
    assert (result["actions"], len(store.writes)) == (["update"], 2)


def test_settings_are_tried_a_bounded_number_of_times() -> None:
    store = FakeStore(image_data(A))
    store.faults = [("update_image", "before", raises(LXDPreconditionFailed("ETag doesn't match", status=412)))] * 100
    with pytest.raises(LXDPreconditionFailed):
        change_settings(t.cast(t.Any, store), A, SettingsChange(public=True))
    assert len(store.writes) == apply_settings.ATTEMPTS


def test_settings_that_another_write_has_undone_are_written_again() -> None:
    store = FakeStore(image_data(A))
    # it has passed the server's look at If-Match before ours, and writes after it
    store.faults = [("update_image", "after", lambda store: store.images[A].update(properties={"theirs": "1"}))]
    change_settings(t.cast(t.Any, store), A, SettingsChange(properties={"ours": "1"}))
    assert store.images[A]["properties"] == {"theirs": "1", "ours": "1"}


def test_an_alias_is_withdrawn_only_while_the_image_remembers_it() -> None:
    for moment in ("before", "after"):
        store = FakeStore(image_data(A, ["n"]))
        forget: t.Callable[[FakeStore], None] = lambda store: store.images[A].update(properties={})
        store.faults = [("delete_alias", moment, forget)]
        run(store, wants("inactive", name="n"))
        image = store.get_image(A)
        assert image and not image.aliases and image.inactive_state and set(image.inactive_state.aliases) == {"n"}


@pytest.mark.parametrize(
    "desired",
    [wants("inactive", name="n"), wants(name="n", purge_aliases=True, aliases=())],
    ids=["inactive", "purge_aliases"],
)
def test_an_alias_that_another_task_moves_meanwhile_stays(desired: DesiredImage) -> None:
    store = FakeStore(image_data(A, ["n", "x"]), image_data(B))
    if desired.state == "inactive":
        store.faults = [("update_image", "after", lambda store: store._point("x", B, "theirs"))]
    else:
        listed = store.get_image

        def get_image(fingerprint: str, secret: str | None = None) -> Image | None:
            image = listed(fingerprint, secret)
            store._point("x", B, "theirs")
            return image

        store.get_image = get_image  # type: ignore[method-assign]
    run(store, desired)
    assert (store.aliases["x"].target, store.aliases["x"].description) == (B, "theirs")


def look_up(store: FakeStore, desired: DesiredImage, failure: Exception | None) -> CurrentImage:
    """What is read for an image whose source fails, or must not be asked."""

    def fail(reading: object) -> None:
        assert failure, "the source was asked"
        raise failure

    content: t.Any = types.SimpleNamespace(open=lambda: types.SimpleNamespace(look_up=fail))
    return read_image(t.cast(t.Any, store), desired, content)


SOURCE = ImageSource(server="https://h", protocol="lxd", alias="a")


def test_the_source_of_a_cached_image_with_an_alias_is_not_asked() -> None:
    store = FakeStore(image_data(A, ["n"], cached=True))
    assert look_up(store, wants(name="n", source=SOURCE), None).fingerprint is None


@pytest.mark.parametrize("failure", [LXDInputError("not found there"), LXDConnectionError("refused", sent=False)])
def test_an_image_that_exists_does_not_need_its_source(failure: Exception) -> None:
    """Also if nothing says that its copy was completed: then that is told."""
    store = FakeStore(image_data(A))
    desired = wants(fingerprint=A, source=SOURCE)
    for _attempt in range(2):
        current = look_up(store, desired, failure)
        assert plan_image(desired, current).actions == ()
    assert store.notes == [
        f"The image {A} exists, but the source could not be asked whether it was copied completely: {failure}"
    ]
    with pytest.raises(type(failure)):
        look_up(store, wants("latest", fingerprint=A, source=SOURCE), failure)
    with pytest.raises(type(failure)):
        look_up(FakeStore(), desired, failure)


def test_an_alias_that_is_withdrawn_while_it_is_put_back_is_created_again() -> None:
    store = FakeStore(
        image_data(
            A,
            ["n", "x"],
            {"withdrawn": '{"aliases": {"n": "", "x": "about x"}, "auto_update": false, "public": false}'},
        )
    )
    store.faults = [("update_image", "after", lambda store: store.aliases.pop("x"))]
    run(store, wants(name="n"))
    image = store.get_image(A)
    assert image and image.aliases == {"n": "about n", "x": "about x"} and image.inactive_state is None


def test_settings_of_an_image_that_is_gone() -> None:
    with pytest.raises(LXDStateChanged, match="not found any more"):
        change_settings(t.cast(t.Any, FakeStore()), A, SettingsChange(public=True))


def test_settings_of_an_image_that_is_deleted_while_they_are_written() -> None:
    store = FakeStore(image_data(A))

    def fault(store: FakeStore) -> None:
        del store.images[A]
        raise LXDAPIError("FOREIGN KEY constraint failed", status=500)

    store.faults = [("update_image", "before", fault)]
    with pytest.raises(LXDStateChanged, match="not found any more"):
        change_settings(t.cast(t.Any, store), A, SettingsChange(public=True))


def test_an_image_that_is_put_back_needs_its_aliases_too() -> None:
    """Another task deletes the alias, and the server has trouble."""
    store = FakeStore(image_data(A, ["n"]))
    assert run(store, wants("inactive", name="n"))["changed"] and not store.aliases

    def fail(store: FakeStore) -> None:
        del store.aliases["n"]
        store.faults.append(("create_alias", "before", raises(LXDAPIError("Cannot create: disk full", status=500))))
        raise LXDAPIError("Cannot update: time out", status=500)

    store.faults = [("update_image", "after", fail)]
    with pytest.raises(LXDAPIError, match=r"time out\. And its aliases could not be checked: Cannot create: disk full"):
        run(store, wants(name="n", public=True))


def test_another_error_of_the_settings_is_final() -> None:
    store = FakeStore(image_data(A))
    store.faults = [("update_image", "before", raises(LXDAPIError("no space left", status=500)))]
    with pytest.raises(LXDAPIError, match="no space left"):
        change_settings(t.cast(t.Any, store), A, SettingsChange(public=True))


def test_settings_that_are_there_are_not_written() -> None:
    store = FakeStore(image_data(A))
    change_settings(t.cast(t.Any, store), A, SettingsChange(public=False))
    assert store.writes == []


def test_an_alias_that_appears_meanwhile_is_moved(path: str) -> None:
    store = FakeStore(image_data(A))
    store.faults = [("create_alias", "before", lambda store: store._point("n", A, "theirs"))]
    result = run(store, wants(name="n", source=FileSource(path)))
    assert result["actions"] == ["import", "alias_move"]
    assert (store.aliases["n"].target, store.aliases["n"].description) == (F, "theirs")
    assert result["diff"]["before"] == {}  # as it was when the task began
    assert store.settled == 0


def test_a_request_that_arrives_late_is_told_as_done(path: str) -> None:
    """It arrives when the next plan was made, which wants the same again."""
    store = FakeStore()
    given_up = raises(LXDOutcomeUnknown("Cannot determine whether the server could do it: timed out", late=True))
    store.faults = [
        ("create_alias", "before", given_up),
        ("create_alias", "before", lambda store: store._point("n", F, "")),
    ]
    result = run(store, wants(name="n", source=FileSource(path)))
    assert (result["actions"], store.aliases["n"].target) == (["import", "alias_create"], F)


def test_an_alias_that_moves_meanwhile_is_moved_from_there(path: str) -> None:
    store = FakeStore(image_data(A, ["n"]), image_data(B))
    store.faults = [("update_alias", "before", lambda store: store._point("n", B, ""))]
    assert run(store, wants(name="n", source=FileSource(path)))["actions"] == ["import", "alias_move"]
    assert store.aliases["n"].target == F


def test_the_image_of_an_alias_that_moves_while_it_is_read(path: str) -> None:
    class Moving(FakeStore):
        def get_alias(self, name: str) -> Alias | None:
            alias = super().get_alias(name)
            if alias and alias.target == A:
                self._point("n", B, "")
                del self.images[A]
            return alias

    store = Moving(image_data(A, ["n"]), image_data(B))
    result = run(store, wants(name="n", source=FileSource(path), previous="delete"))
    assert (result["previous_fingerprint"], result["actions"]) == (B, ["import", "alias_move", "delete"])
    assert set(store.images) == {F}


def test_a_previous_that_is_named_meanwhile_stays(path: str) -> None:
    store = FakeStore(image_data(A, ["n"]))
    store.faults = [("update_alias", "after", lambda store: store._point("x", A, ""))]
    result = run(store, wants(name="n", source=FileSource(path), previous="delete"))
    assert result["actions"] == ["import", "alias_move"]
    assert set(store.images) == {A, F}


def test_a_previous_that_is_protected_meanwhile_stays(path: str) -> None:
    store = FakeStore(image_data(A, ["n"]))
    store.faults = [
        ("update_alias", "after", lambda store: store.images[A]["properties"].update({"ansible.protected": "true"}))
    ]
    assert run(store, wants(name="n", source=FileSource(path), previous="delete"))["actions"] == [
        "import",
        "alias_move",
    ]
    assert A in store.images


def test_the_same_content_that_appears_meanwhile_is_taken(path: str) -> None:
    store = FakeStore()
    store.faults = [("create_image_from_files", "before", lambda store: store._add(F, {"theirs": "1"}))]
    result = run(store, wants(name="n", source=FileSource(path)))
    assert (result["actions"], result["fingerprint"]) == (["alias_create"], F)
    assert result["image"]["properties"] == {"theirs": "1"}


def test_a_failed_import_is_final(path: str) -> None:
    store = FakeStore(image_data(A, ["n"]))
    store.faults = [("create_image_from_files", "before", raises(LXDOperationError("Cannot import: disk full")))]
    with pytest.raises(LXDOperationError, match="disk full"):
        run(store, wants(name="n", source=FileSource(path), previous="delete"))
    assert (len(store.writes), store.aliases["n"].target) == (1, A)


def test_a_fingerprint_that_is_not_the_files(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    store = FakeStore()
    monkeypatch.setattr(store, "create_image_from_files", lambda files: A)
    with pytest.raises(LXDOperationError, match=f"its fingerprint is {F}, but the server has stored an image {A}"):
        run(store, wants(name="n", source=FileSource(path)))
    assert store.aliases == {}


def test_a_store_that_never_rests_is_given_up() -> None:
    store = FakeStore(image_data(A, ["n"]))
    store.faults = [("update_alias", "before", raises(LXDPreconditionFailed("ETag doesn't match", status=412)))] * 100
    store.images[B] = {key: value for key, value in image_data(B).items() if key != "aliases"}
    with pytest.raises(LXDPreconditionFailed):
        run(store, wants(name="n", fingerprint=B))
    assert len(store.writes) == ATTEMPTS


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("method", ["create_image_from_files", "update_image", "update_alias", "delete_image"])
def test_an_action_whose_answer_is_lost_is_counted_once(path: str, method: str, moment: str) -> None:
    store = FakeStore(image_data(A, ["n"]))
    store.faults = [(method, moment, lost())]
    result = run(store, wants(name="n", source=FileSource(path), previous="delete"))
    assert [token for token in result["actions"] if token != "update"] == ["import", "alias_move", "delete"]
    assert result["actions"].count("update") <= 1
    assert (set(store.images), store.aliases["n"].target) == ({F}, F)
    assert "ansible.replaces" not in store.images[F]["properties"]
    assert store.settled == 1
    imports = [write for write in store.writes if write.startswith("import")]
    assert len(imports) == (2 if (method, moment) == ("create_image_from_files", "before") else 1)


def test_a_lost_delete_that_was_done_is_a_change() -> None:
    store = FakeStore(image_data(A, ["n"]))
    store.faults = [("delete_image", "after", lost())]
    result = run(store, wants("absent", name="n"))
    assert (result["changed"], result["actions"], len(store.writes)) == (True, ["delete"], 1)
    assert result["diff"] == {"before": {"fingerprint": A, "aliases": ["n"]}, "after": {}}


def test_an_outcome_that_stays_unknown_is_given_up() -> None:
    store = FakeStore(image_data(A, ["n"]))
    store.faults = [("delete_image", "before", lost())] * 100
    with pytest.raises(LXDOutcomeUnknown):
        run(store, wants("absent", name="n"))
    assert len(store.writes) == ATTEMPTS


# an instance that was stopped


@pytest.mark.parametrize(
    "error", [LXDOperationError("Cannot publish: disk full"), LXDTimeout("too long"), LXDAPIError("no", status=400)]
)
def test_an_instance_runs_again_when_publishing_fails(error: LXDError) -> None:
    store = with_instance(True)
    store.faults = [("publish_image", "before", raises(error))]
    with pytest.raises(type(error), match=str(error)):
        run(store, wants(name="n", source=PUBLISH))
    assert store.writes == ["stop c1", "publish instance c1", "start c1"]
    assert store.settled == 1


def test_an_instance_that_can_not_be_started_again() -> None:
    store = with_instance(True)
    store.faults = [("publish_image", "before", raises(LXDOperationError("Cannot publish: disk full")))]
    store.faults.append(("publish_image", "before", lambda store: None))
    start = store.set_instance_state

    def refuse(name: str, action: str, seconds: int, force: bool) -> None:
        if action == "start":
            raise LXDOperationError("Cannot start the instance 'c1': no memory")
        start(name, action, seconds, force)

    store.set_instance_state = refuse  # type: ignore[method-assign]
    with pytest.raises(
        LXDOperationError,
        match=r"disk full\. And the instance 'c1' was stopped for that and could not be started again: .*no memory",
    ):
        run(store, wants(name="n", source=PUBLISH))


@pytest.mark.parametrize("place", ["set_instance_state", "publish_image", "create_alias"])
def test_an_instance_runs_again_when_an_answer_was_lost(place: str) -> None:
    store = with_instance(True)
    store.faults = [(place, "after", lost())]
    result = run(store, wants(name="n", source=PUBLISH))
    assert sorted(result["actions"]) == ["alias_create", "instance_start", "instance_stop", "publish"]
    assert store.instances["c1"]["status_code"] == 103
    assert len(store.images) == 1
    assert not run(store, wants("latest", name="n", source=PUBLISH))["changed"]


def test_an_instance_whose_start_was_lost_is_started_once() -> None:
    store = with_instance(True)
    store.faults = [
        ("publish_image", "after", lambda store: store.faults.append(("set_instance_state", "after", lost())))
    ]
    result = run(store, wants(name="n", source=PUBLISH))
    assert sorted(result["actions"]) == ["alias_create", "instance_start", "instance_stop", "publish"]
    assert store.writes.count("start c1") == 1 and store.instances["c1"]["status_code"] == 103


def test_an_instance_runs_again_when_its_image_can_not_be_named() -> None:
    store = with_instance(True)
    store.faults = [("create_alias", "before", raises(LXDAPIError("no", status=500)))]
    with pytest.raises(LXDAPIError):
        run(store, wants(name="n", source=PUBLISH))
    assert store.instances["c1"]["status_code"] == 103
    assert run(store, wants(name="n", source=PUBLISH))["actions"] == ["alias_create"]


@pytest.mark.parametrize("error", [LXDOperationError("Failed shutting down"), LXDTimeout("too long")])
def test_an_instance_that_does_not_listen_is_stopped_by_force(error: LXDError) -> None:
    store = with_instance(True)
    store.faults = [("set_instance_state", "before", raises(error))]
    assert run(store, wants(name="n", source=PUBLISH))["actions"] == [
        "instance_stop",
        "publish",
        "alias_create",
        "instance_start",
    ]
    assert store.writes[:2] == ["stop c1", "stop c1 by force"]


# progress


def test_progress_of_a_plan_that_fails() -> None:
    store = FakeStore(image_data(A), image_data(B))
    plan = Plan((UpdateImage(A, SettingsChange(public=True)), DeleteImage(B), DeleteImage(A)))
    store.faults = [("delete_image", "before", raises(LXDAPIError("no", status=500)))]
    with pytest.raises(LXDAPIError) as caught:
        apply_plan(t.cast(t.Any, store), plan)
    progress: PlanProgress = caught.value.progress  # type: ignore[attr-defined]
    assert progress.done == [plan.actions[0]]
    assert progress.pending == [plan.actions[1]]
    assert store.images[A]["public"] is True


def test_progress_of_a_plan_that_is_done() -> None:
    store = FakeStore(image_data(A))
    progress = apply_plan(t.cast(t.Any, store), Plan((DeleteImage(A),)))
    assert (progress.done, progress.pending, progress.created) == ([DeleteImage(A)], [], None)


# lxd_image_alias


def alias(store: FakeStore, check_mode: bool = False, **options: t.Any) -> dict[str, t.Any]:
    return run_alias(t.cast(t.Any, store), DesiredAlias("n", **options), check_mode)


@pytest.mark.parametrize("target", [A, A[:12], "x"], ids=["fingerprint", "prefix", "alias"])
def test_alias_target(target: str) -> None:
    store = FakeStore(image_data(A, ["x"]))
    result = alias(store, target=target, description="d")
    assert (result["actions"], result["alias"]) == (["alias_create"], {"name": "n", "target": A, "description": "d"})
    assert alias(store, target=target)["changed"] is False


@pytest.mark.parametrize("target", ["nope", B, B[:12]])
def test_alias_target_that_is_missing(target: str) -> None:
    store = FakeStore(image_data(A))
    with pytest.raises(LXDInputError, match=f"target '{target}' is not found .*neither an alias nor the fingerprint"):
        alias(store, target=target)
    assert store.writes == []


def test_alias_that_is_there_takes_one_read() -> None:
    store = FakeStore(image_data(A, ["n"]))
    assert alias(store, target=A)["changed"] is False
    assert store.reads == ["alias n"]


def test_alias_in_check_mode() -> None:
    store = FakeStore(image_data(A, ["n"]), image_data(B))
    said = alias(store, check_mode=True, target=B)
    assert store.writes == []
    assert said == alias(store, target=B)
    assert said["diff"]["before"]["target"] == A and said["diff"]["after"]["target"] == B


def test_alias_absent() -> None:
    store = FakeStore(image_data(A, ["n"]))
    assert (alias(store, state="absent")["alias"], alias(store, state="absent")["changed"]) == (None, False)
    assert A in store.images


def test_a_description_whose_answer_is_lost() -> None:
    store = FakeStore(image_data(A, ["n"]))
    store.faults = [("update_alias", "after", lost())]
    assert alias(store, description="new")["actions"] == ["alias_update"]
    assert store.writes == ["alias n => aaaa"] and store.aliases["n"].description == "new"


def test_rename_whose_answer_is_lost() -> None:
    store = FakeStore(image_data(A, ["old"]))
    store.faults = [("create_alias", "after", lost())]
    result = alias(store, rename_from="old")
    assert result["actions"] == ["alias_create", "alias_delete"]
    assert result["diff"]["before"]["name"] == "old"
    assert list(store.aliases) == ["n"]


@pytest.mark.parametrize("error", [LXDConflict("exists", status=409), LXDNotFound("gone", status=404)])
def test_alias_conflict_is_planned_anew(error: LXDError) -> None:
    store = FakeStore(image_data(A))
    store.faults = [("create_alias", "before", raises(error))]
    assert alias(store, target=A)["actions"] == ["alias_create"]
    assert len(store.writes) == 2


# withdrawn

FROM_N = {"withdrawn": '{"aliases": {"n": ""}, "auto_update": false, "public": false}'}


@pytest.mark.parametrize(
    ("state", "images", "words"),
    [
        ("present", [(A, [], FROM_N), (B, [], FROM_N)], f"The alias 'n' is ambiguous: the inactive images {A}, {B}"),
        ("inactive", [(A, [], FROM_N), (B, [], FROM_N)], "is ambiguous"),
        ("absent", [(A, [], FROM_N), (B, [], FROM_N)], "is ambiguous"),
        ("absent", [(A, ["n"], None), (B, [], FROM_N)], f"Cannot delete .* points at {A}, and {B} had it"),
        ("inactive", [(A, ["n"], None), (B, [], FROM_N)], f"Cannot deactivate .* points at {A}, and {B} had it"),
    ],
)
def test_a_name_that_several_images_have_had(
    state: str, images: list[tuple[str, list[str], dict[str, str] | None]], words: str
) -> None:
    for check_mode in (True, False):
        store = FakeStore(*(image_data(*image) for image in images))
        with pytest.raises(LXDInputError, match=words):
            run(store, wants(state, name="n"), check_mode)
        assert store.writes == []


def test_an_unknown_profile_of_an_image_to_be_withdrawn() -> None:
    for check_mode in (True, False):
        with pytest.raises(LXDInputError, match="profile 'nowhere'"):
            run(FakeStore(image_data(A, ["n"])), wants("inactive", name="n", profiles=("nowhere",)), check_mode)
