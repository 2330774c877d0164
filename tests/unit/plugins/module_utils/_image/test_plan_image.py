# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.community.lxd.plugins.module_utils._image.actions import (
    CreateAlias,
    CreateImage,
    DeleteAlias,
    DeleteImage,
    MoveAlias,
    UpdateAlias,
    UpdateImage,
)
from ansible_collections.community.lxd.plugins.module_utils._image.desired import DesiredAlias
from ansible_collections.community.lxd.plugins.module_utils._image.desired_image import (
    DesiredImage,
    FileSource,
    ImageSource,
    InstanceSource,
    SettingsChange,
)
from ansible_collections.community.lxd.plugins.module_utils._image.model import (
    UNKNOWN,
    Alias,
    CurrentImage,
    OfferedImage,
)
from ansible_collections.community.lxd.plugins.module_utils._image.plan.alias import plan_alias
from ansible_collections.community.lxd.plugins.module_utils._image.plan.image import plan_image
from ansible_collections.community.lxd.plugins.module_utils._lxd.errors import LXDInputError
from ansible_collections.community.lxd.plugins.module_utils._lxd.record import replace
from ansible_collections.community.lxd.tests.unit.plugins.module_utils.fakes import (
    A,
    B,
    C,
    make_current,
    make_image,
    make_instance,
)

FILE = FileSource("/srv/demo.tar.gz")
PUBLISH = InstanceSource("instance", "c1")
NOTHING = make_current()
AT_A = make_current(make_image(A, ["n"]))


def wants(state: str = "present", **options: t.Any) -> DesiredImage:
    settings = {key: options.pop(key) for key in list(options) if key in SettingsChange.__annotations__}
    return DesiredImage(state, settings=SettingsChange(**settings), **options)


def of_file(fingerprint: str = A, name: str | None = "n", **options: t.Any) -> DesiredImage:
    return wants(name=name, fingerprint=fingerprint, source=FILE, **options)


# tokens: one word for an action and what it is about, in the order of the plan


def show(action: t.Any) -> str:
    if isinstance(action, (MoveAlias, UpdateAlias)):
        return f"{action.verb} {action.alias.name}"
    name = getattr(action, "name", None) or action.fingerprint[:1]
    verb = "note" if getattr(action, "is_hidden", False) else action.verb
    return f"{verb} {name}"


@pytest.mark.parametrize(
    ("desired", "current", "actions", "fingerprint", "previous"),
    [
        # present, by name or fingerprint only
        pytest.param(wants(name="n"), AT_A, [], A, None, id="there"),
        pytest.param(wants(fingerprint=A), make_current(make_image(A)), [], A, None, id="there by fingerprint"),
        pytest.param(
            wants(name="n", fingerprint=A), make_current(make_image(A)), ["alias_create n"], A, None, id="name an image"
        ),
        pytest.param(
            wants(name="n", fingerprint=B),
            make_current(make_image(A, ["n"]), make_image(B)),
            ["alias_move n"],
            B,
            A,
            id="name another image, keep the old",
        ),
        # from a file
        pytest.param(of_file(), NOTHING, ["import a", "alias_create n"], A, None, id="import"),
        pytest.param(of_file(name=None), NOTHING, ["import a"], A, None, id="import without a name"),
        pytest.param(of_file(), AT_A, [], A, None, id="imported already"),
        pytest.param(of_file(B), AT_A, ["import b", "alias_move n"], B, A, id="import another content"),
        pytest.param(
            of_file(B),
            make_current(make_image(A, ["n"]), make_image(B)),
            ["alias_move n"],
            B,
            A,
            id="adopt content that is there",
        ),
        pytest.param(
            of_file(UNKNOWN), AT_A, ["import u", "alias_move n"], UNKNOWN, A, id="import what is not hashed yet"
        ),
        # aliases
        pytest.param(
            of_file(aliases=("x", "n", "y")),
            NOTHING,
            ["import a", "alias_create x", "alias_create y", "alias_create n"],
            A,
            None,
            id="more aliases",
        ),
        pytest.param(
            wants(name="n", aliases=("x",)),
            make_current(make_image(A, ["n"]), make_image(B, ["x"])),
            ["alias_move x"],
            A,
            None,
            id="another alias is elsewhere",
        ),
        pytest.param(wants(name="n"), make_current(make_image(A, ["n", "x"])), [], A, None, id="other aliases stay"),
        pytest.param(
            wants(name="n", purge_aliases=True, aliases=("x",)),
            make_current(make_image(A, ["n", "z", "y"])),
            ["alias_create x", "alias_delete y", "alias_delete z"],
            A,
            None,
            id="purge aliases",
        ),
        pytest.param(
            of_file(purge_aliases=True, aliases=("x",)),
            NOTHING,
            ["import a", "alias_create x", "alias_create n"],
            A,
            None,
            id="purge of nothing",
        ),
        # the image that was there before
        pytest.param(
            of_file(B, previous="delete"),
            AT_A,
            ["import b", "alias_move n", "delete a", "note b"],
            B,
            A,
            id="delete the previous",
        ),
        pytest.param(
            of_file(B, previous="delete"),
            make_current(make_image(A, ["n", "x"])),
            ["import b", "alias_move n"],
            B,
            A,
            id="keep a previous that has another alias",
        ),
        pytest.param(
            of_file(B, previous="delete", aliases=("x",)),
            make_current(make_image(A, ["n", "x"])),
            ["import b", "alias_move x", "alias_move n", "delete a", "note b"],
            B,
            A,
            id="delete a previous all of whose aliases move",
        ),
        pytest.param(
            of_file(B, previous="delete"),
            make_current(make_image(A, ["n"], {"protected": "true"})),
            ["import b", "alias_move n"],
            B,
            A,
            id="keep a protected previous",
        ),
        pytest.param(
            of_file(B, previous="delete"),
            make_current(make_image(A, ["n"]), make_image(B)),
            ["update b", "alias_move n", "delete a", "note b"],
            B,
            A,
            id="note the previous on an image that is there",
        ),
        # after a run that was killed: new image made, alias still at the old one
        pytest.param(
            of_file(B, previous="delete"),
            make_current(make_image(A, ["n"]), make_image(B, bookkeeping={"replaces": A})),
            ["alias_move n", "delete a", "note b"],
            B,
            A,
            id="killed before the alias moved",
        ),
        pytest.param(
            of_file(B, previous="delete"),
            make_current(make_image(A), make_image(B, ["n"], {"replaces": A})),
            ["delete a", "note b"],
            B,
            None,
            id="killed before the previous went",
        ),
        pytest.param(
            of_file(B, previous="delete"),
            make_current(make_image(B, ["n"], {"replaces": A})),
            ["update b"],
            B,
            None,
            id="killed after the previous went",
        ),
        pytest.param(
            of_file(B, previous="delete"),
            make_current(make_image(A, ["x"]), make_image(B, ["n"], {"replaces": A})),
            [],
            B,
            None,
            id="killed, and the previous has got an alias",
        ),
        pytest.param(
            of_file(B, previous="delete"),
            make_current(make_image(A, bookkeeping={"protected": "true"}), make_image(B, ["n"], {"replaces": A})),
            [],
            B,
            None,
            id="killed, and the previous was protected",
        ),
        pytest.param(
            of_file(B, previous="keep"),
            make_current(make_image(A), make_image(B, ["n"], {"replaces": A})),
            [],
            B,
            None,
            id="killed, but now the previous is to stay",
        ),
        # settings
        pytest.param(wants(name="n", public=True), AT_A, ["update a"], A, None, id="a setting"),
        pytest.param(
            wants(name="n", public=False, profiles=("default",), expires_at="never"),
            AT_A,
            [],
            A,
            None,
            id="settings as they are",
        ),
        pytest.param(
            wants(name="n", properties={"gone": None}), AT_A, [], A, None, id="remove a property that is not there"
        ),
        pytest.param(
            wants(name="n", public=True, aliases=("x",), purge_aliases=True),
            make_current(make_image(A, ["n", "y"])),
            ["update a", "alias_create x", "alias_delete y"],
            A,
            None,
            id="settings before aliases, purge last",
        ),
        pytest.param(
            wants(name="n", auto_update=True),
            make_current(make_image(A, ["n"], update_source={"alias": "debian/12", "server": "https://x"})),
            ["update a"],
            A,
            None,
            id="auto_update with an alias to follow",
        ),
        pytest.param(
            wants(name="n", public=False),
            make_current(
                make_image(A, ["n"], public=True, update_source={"alias": "app", "server": "https://robot:word@x"})
            ),
            ["update a"],
            A,
            None,
            id="a public one that shows a password becomes private",
        ),
        pytest.param(
            wants(name="n", auto_update=False), AT_A, [], A, None, id="no auto_update needs nothing to follow"
        ),
        # publishing
        pytest.param(
            wants(name="n", source=PUBLISH),
            make_current(instance=make_instance()),
            ["publish u", "alias_create n"],
            UNKNOWN,
            None,
            id="publish a stopped instance",
        ),
        pytest.param(
            wants(name="n", source=replace(PUBLISH, stop=True)),
            make_current(instance=make_instance(running=True)),
            ["instance_stop c1", "publish u", "alias_create n", "instance_start c1"],
            UNKNOWN,
            None,
            id="publish a running instance",
        ),
        pytest.param(
            wants(name="n", source=replace(PUBLISH, stop=True)),
            make_current(instance=make_instance(ephemeral=True)),
            ["publish u", "alias_create n"],
            UNKNOWN,
            None,
            id="publish an ephemeral one that is stopped",
        ),
        pytest.param(wants(name="n", source=PUBLISH), AT_A, [], A, None, id="never publish where the name is there"),
        pytest.param(
            wants(name="n", source=PUBLISH),
            make_current(make_image(B), orphan=B),
            ["alias_create n"],
            B,
            None,
            id="adopt what a killed run has published",
        ),
        # absent
        pytest.param(wants("absent", name="n"), AT_A, ["delete a"], A, None, id="delete by name"),
        pytest.param(wants("absent", fingerprint=A), AT_A, ["delete a"], A, None, id="delete by fingerprint"),
        pytest.param(wants("absent", name="n", fingerprint=A), AT_A, ["delete a"], A, None, id="delete by both"),
        pytest.param(wants("absent", name="n"), NOTHING, [], None, None, id="no such name"),
        pytest.param(wants("absent", fingerprint=B), AT_A, [], None, None, id="no such fingerprint"),
        pytest.param(wants("absent", fingerprint=B, source=FILE), AT_A, [], None, None, id="no image of that content"),
        pytest.param(
            wants("absent", name="n", force=True),
            make_current(make_image(A, ["n"], {"protected": "true"})),
            ["delete a"],
            A,
            None,
            id="delete a protected one",
        ),
        pytest.param(
            wants("absent", name="n", public=True, aliases=("x",)),
            AT_A,
            ["delete a"],
            A,
            None,
            id="settings don't matter for what goes",
        ),
    ],
)
def test_actions(
    desired: DesiredImage, current: CurrentImage, actions: list[str], fingerprint: str | None, previous: str | None
) -> None:
    plan = plan_image(desired, current)
    assert [show(action) for action in plan.actions] == actions
    assert plan.verbs == [action.split()[0] for action in actions if not action.startswith("note ")]
    assert (plan.fingerprint, plan.previous_fingerprint) == (fingerprint, previous)
    if not actions:
        assert plan.before == plan.after


@pytest.mark.parametrize(
    ("desired", "current", "words"),
    [
        pytest.param(
            wants(name="n"), NOTHING, ["the alias 'n' is not found", "no 'source'"], id="no such alias and no source"
        ),
        pytest.param(
            wants(fingerprint=A),
            NOTHING,
            [f"no image with the fingerprint {A} is found", "no 'source'"],
            id="no such fingerprint and no source",
        ),
        pytest.param(
            wants(fingerprint=A, name="n"),
            NOTHING,
            [f"no image with the fingerprint {A} is found"],
            id="no such fingerprint to name",
        ),
        pytest.param(
            of_file(B, alias_conflict="fail"),
            AT_A,
            ["alias 'n'", B, f"points at {A}", "'alias_conflict' is 'fail'"],
            id="conflict at the name",
        ),
        pytest.param(
            wants(name="n", aliases=("x",), alias_conflict="fail"),
            make_current(make_image(A, ["n"]), make_image(B, ["x"])),
            ["alias 'x'", f"points at {B}"],
            id="conflict at another alias",
        ),
        pytest.param(
            wants(name="n", source=PUBLISH),
            make_current(instance=make_instance(running=True)),
            ["'c1'", "running", "stop: true", "snapshot"],
            id="running",
        ),
        pytest.param(
            wants(name="n", source=replace(PUBLISH, stop=True)),
            make_current(instance=make_instance(running=True, ephemeral=True)),
            ["'c1'", "ephemeral", "delete it", "snapshot"],
            id="running and ephemeral",
        ),
        pytest.param(
            wants(name="n", auto_update=True),
            AT_A,
            ["'auto_update'", A, "Delete that image and copy it again"],
            id="auto_update without a source",
        ),
        pytest.param(
            wants(name="n", auto_update=True),
            make_current(make_image(A, ["n"], update_source={"alias": "", "server": "https://x"})),
            ["'auto_update'"],
            id="auto_update without an alias at the source",
        ),
        pytest.param(
            wants(name="n", auto_update=True),
            make_current(make_image(A, ["n"], update_source={"alias": A[:20], "server": "https://x"})),
            ["'auto_update'"],
            id="auto_update where the server has noted a fingerprint",
        ),
        pytest.param(
            wants(name="n", auto_update=True),
            make_current(
                make_image(A, ["n"], update_source={"alias": "app@sha256:1", "protocol": "oci", "server": "https://x"})
            ),
            ["'auto_update'"],
            id="auto_update of an application container that was copied by its digest",
        ),
        pytest.param(of_file(auto_update=True), NOTHING, ["'auto_update'"], id="auto_update of an import"),
        pytest.param(
            wants(name="n", public=True),
            make_current(make_image(A, ["n"], update_source={"alias": "app", "server": "https://robot:word@x"})),
            [f"Cannot make the image {A} public", "'update_source'"],
            id="public, and the server would show a password",
        ),
        pytest.param(
            wants("absent", name="n"),
            make_current(make_image(A, ["n"], {"protected": "true"})),
            [A, "protected", "'force: true'"],
            id="delete a protected one",
        ),
        pytest.param(
            wants("absent", name="n", fingerprint=B),
            make_current(make_image(A, ["n"]), make_image(B)),
            ["'n'", f"points at {A}", f"not at {B}"],
            id="delete by a name and a fingerprint that don't agree",
        ),
    ],
)
def test_refused(desired: DesiredImage, current: CurrentImage, words: list[str]) -> None:
    with pytest.raises(LXDInputError) as error:
        plan_image(desired, current)
    assert [word for word in words if word not in str(error.value)] == []


@pytest.mark.parametrize(
    ("desired", "current", "before", "after"),
    [
        pytest.param(
            of_file(public=True), NOTHING, {}, {"fingerprint": A, "aliases": {"n": A}, "public": True}, id="import"
        ),
        pytest.param(
            of_file(B),
            AT_A,
            {"fingerprint": A, "aliases": {"n": A}},
            {"fingerprint": B, "aliases": {"n": B}},
            id="replace: only what the task manages",
        ),
        pytest.param(
            of_file(B, public=True, properties={"k": "v"}),
            make_current(make_image(A, ["n"], properties={"k": "u", "other": "x"})),
            {"fingerprint": A, "aliases": {"n": A}, "public": False, "properties": {"k": "u", "other": "x"}},
            {"fingerprint": B, "aliases": {"n": B}, "public": True, "properties": {"k": "v"}},
            id="replace, with settings",
        ),
        pytest.param(
            wants(
                name="n",
                properties={"k": "v", "old": None},
                expires_at="2030-01-01T00:00:00Z",
                profiles=("p", "q"),
                bookkeeping={"protected": "true"},
            ),
            make_current(make_image(A, ["n"], {"source": "{}"}, properties={"old": "1", "stays": "2"})),
            {
                "fingerprint": A,
                "aliases": {"n": A},
                "expires_at": "never",
                "profiles": ["default"],
                "properties": {"old": "1", "stays": "2"},
                "protected": False,
            },
            {
                "fingerprint": A,
                "aliases": {"n": A},
                "expires_at": "2030-01-01T00:00:00Z",
                "profiles": ["p", "q"],
                "properties": {"k": "v", "stays": "2"},
                "protected": True,
            },
            id="settings, and never the collection's memory",
        ),
        pytest.param(
            wants(name="n", purge_aliases=True, aliases=("b",)),
            make_current(make_image(A, ["n", "z"])),
            {"fingerprint": A, "aliases": {"n": A, "z": A}},
            {"fingerprint": A, "aliases": {"b": A, "n": A}},
            id="purge shows what goes",
        ),
        pytest.param(
            of_file(B, aliases=("x",), name=None),
            make_current(make_image(A, ["x"])),
            {"aliases": {"x": A}},
            {"fingerprint": B, "aliases": {"x": B}},
            id="alias moves",
        ),
        pytest.param(
            wants(name="n", source=PUBLISH),
            make_current(instance=make_instance()),
            {},
            {"fingerprint": UNKNOWN, "aliases": {"n": UNKNOWN}},
            id="publish",
        ),
        pytest.param(
            wants("absent", name="n", public=True),
            make_current(make_image(A, ["n", "a"])),
            {"fingerprint": A, "aliases": ["a", "n"], "public": False},
            {},
            id="absent",
        ),
        pytest.param(wants("absent", name="n"), NOTHING, {}, {}, id="absent already"),
    ],
)
def test_diff(desired: DesiredImage, current: CurrentImage, before: dict[str, t.Any], after: dict[str, t.Any]) -> None:
    plan = plan_image(desired, current)
    assert plan.before == before
    assert plan.after == after


def only(plan: t.Any, kind: type) -> t.Any:
    (action,) = [action for action in plan.actions if isinstance(action, kind)]
    return action


def test_a_new_image_inherits_what_belongs_to_the_name() -> None:
    current = make_current(
        make_image(A, ["n"], public=True, profiles=["p"], expires_at="2030-01-01T00:00:00Z", properties={"k": "v"})
    )
    settings = only(plan_image(of_file(B), current), CreateImage).settings
    assert (settings.public, settings.profiles) == (True, ("p",))
    assert (settings.expires_at, settings.auto_update, settings.properties) == (None, None, None)


def test_what_is_given_is_not_inherited() -> None:
    current = make_current(make_image(A, ["n"], public=True, profiles=["p"]))
    settings = only(plan_image(of_file(B, public=False, profiles=()), current), CreateImage).settings
    assert (settings.public, settings.profiles) == (False, ())


@pytest.mark.parametrize("fingerprint", [B, UNKNOWN])
def test_a_replacing_image_remembers_what_is_to_go(fingerprint: str) -> None:
    plan = plan_image(of_file(fingerprint, previous="delete", bookkeeping={"protected": "true"}), AT_A)
    assert only(plan, CreateImage).settings.bookkeeping == {"protected": "true", "replaces": A}
    delete = only(plan, DeleteImage)
    assert (delete.fingerprint, delete.unless) == (A, ("aliased", "protected"))
    assert only(plan, MoveAlias).target == fingerprint


def test_nothing_is_remembered_about_an_image_that_stays() -> None:
    assert only(plan_image(of_file(B), AT_A), CreateImage).settings.bookkeeping == {}


def test_a_finished_replacement_is_forgotten() -> None:
    plan = plan_image(of_file(B, previous="delete"), make_current(make_image(B, ["n"], {"replaces": A})))
    assert plan.actions == (UpdateImage(B, SettingsChange(bookkeeping={"replaces": None})),)


def test_a_published_image_remembers_its_source() -> None:
    instance = make_instance()
    create = only(plan_image(wants(name="n", source=PUBLISH), make_current(instance=instance)), CreateImage)
    assert create.settings.bookkeeping == {"source": instance.made_from}
    assert create.instance is instance


def test_a_moved_alias_keeps_its_description_and_etag() -> None:
    alias = Alias("n", A, "what it is for", etag="e1")
    plan = plan_image(of_file(B), CurrentImage({"n": alias}, {A: make_image(A, ["n"])}))
    assert only(plan, MoveAlias) == MoveAlias(alias, B, "what it is for")


# copies, updates, and what a server has fetched by itself

COPY = ImageSource("https://images.example", "simplestreams", alias="debian/12")
FOLLOWED = {"update_source": {"alias": "debian/12", "server": "https://images.example"}}


def offered(fingerprint: str, *images: t.Any, **fields: t.Any) -> CurrentImage:
    return replace(make_current(*images), offered=OfferedImage(fingerprint, **fields))


def of_copy(
    fingerprint: str | None = B, state: str = "present", source: ImageSource = COPY, **options: t.Any
) -> DesiredImage:
    return wants(state, name="n", fingerprint=fingerprint, source=source, **options)


@pytest.mark.parametrize(
    ("desired", "current", "actions"),
    [
        pytest.param(of_copy(), offered(B), ["copy b", "alias_create n"], id="copy"),
        pytest.param(of_copy(None), AT_A, [], id="there: the source is not asked"),
        pytest.param(
            of_copy(source=replace(COPY, copy_aliases=True)),
            offered(B, aliases={"z": "", "n": "", "y": ""}),
            ["copy b", "alias_create n", "alias_create y", "alias_create z"],
            id="with its aliases",
        ),
        pytest.param(
            of_copy(auto_update=True), offered(B), ["copy b", "alias_create n"], id="auto_update of a copy by alias"
        ),
        pytest.param(of_copy(A, "latest"), offered(A, make_image(A, ["n"])), [], id="newest already"),
        pytest.param(of_copy(B, "latest"), offered(B, make_image(A, ["n"])), ["copy b", "alias_move n"], id="update"),
        pytest.param(
            of_copy(B, "latest", alias_conflict="fail"),
            offered(B, make_image(A, ["n"])),
            ["copy b", "alias_move n"],
            id="an update is no alias conflict",
        ),
        pytest.param(
            of_copy(B, "latest", previous="delete"),
            offered(B, make_image(A, ["n", "x", "y"])),
            ["copy b", "alias_move x", "alias_move y", "alias_move n", "delete a", "note b"],
            id="an update takes all aliases along",
        ),
        pytest.param(
            of_copy(B),
            offered(B, make_image(A, ["x"]), make_image(B)),
            ["alias_create n"],
            id="copied under no name already",
        ),
        pytest.param(
            of_copy(A, aliases=("x",)),
            offered(A, make_image(A, ["x"], cached=True)),
            ["alias_create n"],
            id="a cached one with an alias is not renewed",
        ),
        pytest.param(
            of_copy(A, purge_aliases=True),
            offered(A, make_image(A, ["n", "x"], cached=True)),
            ["alias_delete x"],
            id="a cached one with aliases that go is not renewed yet",
        ),
        pytest.param(
            of_copy(A),
            offered(A, make_image(A, cached=True)),
            ["delete a", "copy a", "alias_create n"],
            id="renew a cached one",
        ),
        pytest.param(
            of_copy(A),
            offered(A, make_image(A, bookkeeping={"protected": "true"}, cached=True)),
            ["alias_create n"],
            id="a protected one is not renewed",
        ),
        pytest.param(
            of_copy(A, bookkeeping={"protected": None}),
            offered(A, make_image(A, bookkeeping={"protected": "true"}, cached=True)),
            ["delete a", "copy a", "alias_create n"],
            id="renew one that was protected on the server that it comes from",
        ),
        pytest.param(
            of_copy(A),
            offered(B, make_image(A, ["n"], cached=True)),
            [],
            id="keep a cached one that the source has no more",
        ),
        pytest.param(
            of_file(A),
            make_current(make_image(A, cached=True)),
            ["delete a", "import a", "alias_create n"],
            id="renew from a file",
        ),
        pytest.param(
            wants(name="n", public=True),
            make_current(make_image(A, ["n"], cached=True)),
            ["update a"],
            id="a cached one without a source",
        ),
    ],
)
def test_copies(desired: DesiredImage, current: CurrentImage, actions: list[str]) -> None:
    assert sorted(show(action) for action in plan_image(desired, current).actions) == sorted(actions)
    assert [show(action) for action in plan_image(desired, current).actions if "alias" not in action.verb] == [
        a for a in actions if "alias" not in a
    ]


@pytest.mark.parametrize(
    ("desired", "current"),
    [
        pytest.param(
            of_copy(auto_update=True, source=replace(COPY, alias=None, fingerprint=B)), offered(B), id="by fingerprint"
        ),
        pytest.param(of_copy(auto_update=True, source=replace(COPY, mode="relay")), offered(B), id="relayed"),
        pytest.param(of_copy(auto_update=True, source=replace(COPY, mode="push")), offered(B), id="pushed"),
        pytest.param(of_copy(auto_update=True), offered(B, public=False), id="private"),
        pytest.param(of_copy(auto_update=True), offered(B, make_image(B)), id="there without a source"),
    ],
)
def test_auto_update_needs_what_can_be_followed(desired: DesiredImage, current: CurrentImage) -> None:
    with pytest.raises(LXDInputError, match="'auto_update'"):
        plan_image(desired, current)


def test_an_update_keeps_what_belongs_to_the_image() -> None:
    old = make_image(
        A,
        ["n"],
        {"protected": "true"},
        public=True,
        auto_update=True,
        expires_at="2030-01-01T00:00:00Z",
        profiles=["p"],
        properties={"k": "v"},
    )
    settings = only(
        plan_image(of_copy(B, "latest", expires_at="never"), offered(B, replace(old, data={**old.data, **FOLLOWED}))),
        CreateImage,
    ).settings
    assert (settings.public, settings.auto_update, settings.expires_at, settings.profiles) == (
        True,
        True,
        "never",
        ("p",),
    )
    assert settings.default_properties == {"k": "v"}
    assert "protected" not in settings.bookkeeping
    assert settings.drops_bookkeeping


@pytest.mark.parametrize("bookkeeping", [{}, {"protected": None}, {"protected": "true"}], ids=str)
def test_protection_belongs_to_the_image_and_not_to_the_name(bookkeeping: dict[str, str | None]) -> None:
    current = make_current(make_image(A, ["n"], {"protected": "true"}))
    assert (
        only(plan_image(of_file(B, bookkeeping=bookkeeping), current), CreateImage).settings.bookkeeping == bookkeeping
    )


def test_a_cached_image_that_is_renewed_keeps_what_was_set() -> None:
    cached = make_image(
        A, public=True, expires_at="2030-01-01T00:00:00Z", profiles=["p"], properties={"k": "v"}, cached=True
    )
    settings = only(plan_image(of_copy(A), offered(A, cached)), CreateImage).settings
    assert (settings.public, settings.expires_at, settings.profiles, settings.properties) == (
        True,
        "2030-01-01T00:00:00Z",
        ("p",),
        {"k": "v"},
    )
    given = {"public": False, "expires_at": "never", "profiles": (), "properties": {"k": None}}
    settings = only(plan_image(of_copy(A, **given), offered(A, cached)), CreateImage).settings
    assert (settings.public, settings.expires_at, settings.profiles, settings.properties) == (
        False,
        "never",
        (),
        {"k": None},
    )
    given = {"properties": {"x": "y"}, "purge_properties": True}
    assert only(plan_image(of_copy(A, **given), offered(A, cached)), CreateImage).settings.properties == {"x": "y"}


KINDS = ImageSource("https://h", "lxd", alias="a", image_type="container", architecture="amd64")


@pytest.mark.parametrize("state", ["present", "latest"])
@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"type": "virtual-machine"}, "whose type is 'virtual-machine', but 'image_type'"),
        ({"architecture": "aarch64"}, "whose architecture is 'aarch64'"),
    ],
    ids=str,
)
def test_a_name_that_an_image_of_another_kind_has(state: str, fields: dict[str, str], words: str) -> None:
    named = make_image(A, ["n"], **{"type": "container", "architecture": "x86_64", **fields})
    with pytest.raises(LXDInputError, match=words):
        plan_image(of_copy(None if state == "present" else B, state, KINDS), offered(B, named))


def test_a_name_that_an_image_of_the_same_kind_has() -> None:
    named = make_image(A, ["n"], type="container", architecture="x86_64")
    assert plan_image(of_copy(None, source=KINDS), make_current(named)).actions == ()


NAMELESS = ImageSource("https://h", "lxd", fingerprint=A, copy_aliases=True)


@pytest.mark.parametrize(
    ("image", "aliases", "actions"),
    [
        (None, ["x", "y"], ["copy", "alias_create", "alias_create"]),
        (make_image(A), ["x"], ["alias_create"]),
        (make_image(A, ["x"]), ["x", "y"], ["alias_create"]),
        (make_image(A, ["x", "y"]), ["x", "y"], ["update"]),
        (make_image(A, ["x"], {"source": "{}"}), [], []),
    ],
    ids=["all", "aliases", "one alias", "the end", "nothing"],
)
def test_a_copy_without_a_name_is_finished_by_the_next_run(
    image: t.Any, aliases: list[str], actions: list[str]
) -> None:
    desired = replace(of_copy(A, source=NAMELESS), name=None)
    images = [image] if image else []
    current = (
        offered(A, *images, aliases=dict.fromkeys(aliases, ""), made_from="{}") if aliases else make_current(*images)
    )
    plan = plan_image(desired, current)
    assert plan.verbs == actions
    marks = [
        action
        for action in plan.actions
        if isinstance(action, UpdateImage) and action.settings.bookkeeping.get("source")
    ]
    assert [mark is plan.actions[-1] for mark in marks] == ([True] if actions else [])


def test_properties_of_a_named_image_are_not_reset_by_an_unfinished_copy() -> None:
    desired = replace(of_copy(A, source=NAMELESS), name=None)
    current = offered(
        A, make_image(A, ["x"], properties={"os": "mine"}), properties={"os": "theirs", "label": "l"}, aliases={"x": ""}
    )
    update = next(action for action in plan_image(desired, current).actions if isinstance(action, UpdateImage))
    assert update.settings.properties == {"os": "mine", "label": "l"}


def test_what_version_1_kept_of_a_url_is_removed() -> None:
    kept = '{"type": "url", "url": "https://bot:pw@h/a?sig=x"}'
    (update,) = plan_image(wants(name="n"), make_current(make_image(A, ["n"], {"source": kept}))).actions
    assert t.cast(UpdateImage, update).settings.bookkeeping == {"source": '{"type": "url", "url": "https://h/a"}'}
    assert (
        plan_image(wants(name="n"), make_current(make_image(A, ["n"], {"source": '{"url": "https://h/a"}'}))).actions
        == ()
    )


@pytest.mark.parametrize(
    ("desired", "image", "settings"),
    [
        pytest.param({}, {}, ({"os": "x", "label": "y"}, "2033-03-03T00:00:00Z"), id="what the source says"),
        pytest.param(
            {},
            {"properties": {"os": "z", "mine": "7"}},
            ({"os": "x", "label": "y", "mine": "7"}, "2033-03-03T00:00:00Z"),
            id="and what is there",
        ),
        pytest.param(
            {},
            {"expires_at": "2031-01-01T00:00:00Z"},
            ({"os": "x", "label": "y"}, "2031-01-01T00:00:00Z"),
            id="an expiry that was set stays",
        ),
        pytest.param(
            {"properties": {"os": "w"}, "expires_at": "never"},
            {},
            ({"os": "w", "label": "y"}, "never"),
            id="the task decides",
        ),
        pytest.param(
            {"properties": {"os": "w"}, "purge_properties": True},
            {},
            ({"os": "w"}, "2033-03-03T00:00:00Z"),
            id="exactly",
        ),
    ],
)
def test_a_copy_without_a_name_is_given_what_the_source_says(
    desired: dict[str, t.Any], image: dict[str, t.Any], settings: tuple[dict[str, str], str]
) -> None:
    current = offered(
        B,
        make_image(B, **image),
        properties={"os": "x", "label": "y"},
        expires_at="2033-03-03T00:00:00Z",
        made_from="there",
    )
    change = only(plan_image(of_copy(B, **desired), current), UpdateImage).settings
    after = change.overlay(current.images[B].settings)
    assert (after.user_properties, after.expires_at) == settings
    assert after.bookkeeping["source"] == "there"


def test_a_copy_that_was_finished_is_left_alone() -> None:
    current = offered(B, make_image(B, bookkeeping={"source": "there"}), properties={"os": "x"}, made_from="there")
    assert [show(action) for action in plan_image(of_copy(B), current).actions] == ["alias_create n"]


# withdrawn

INACTIVE = {"withdrawn": '{"aliases": {"n": "about n", "x": ""}, "auto_update": false, "public": true}'}


@pytest.mark.parametrize(
    ("desired", "current", "actions"),
    [
        pytest.param(
            wants("inactive", name="n"),
            make_current(make_image(A, ["x", "n"])),
            ["update a", "alias_delete n", "alias_delete x"],
            id="withdraw",
        ),
        pytest.param(
            wants("inactive", fingerprint=A),
            make_current(make_image(A, public=True)),
            ["update a"],
            id="withdraw by fingerprint",
        ),
        pytest.param(
            wants("inactive", fingerprint=A),
            make_current(make_image(A, bookkeeping=INACTIVE)),
            [],
            id="withdrawn already",
        ),
        pytest.param(
            wants("inactive", name="n"),
            make_current(make_image(A, bookkeeping=INACTIVE), orphan=A),
            [],
            id="withdrawn from that name already",
        ),
        pytest.param(
            wants("inactive", name="n"),
            make_current(make_image(A, ["n", "x"], INACTIVE)),
            ["update a", "alias_delete n", "alias_delete x"],
            id="withdraw halfway, with other words",
        ),
        pytest.param(
            wants(name="n"),
            make_current(make_image(A, bookkeeping=INACTIVE), orphan=A),
            ["alias_create n", "alias_create x", "update a"],
            id="put back by name",
        ),
        pytest.param(
            wants(fingerprint=A),
            make_current(make_image(A, bookkeeping=INACTIVE)),
            ["alias_create n", "alias_create x", "update a"],
            id="put back by fingerprint",
        ),
        pytest.param(
            wants(name="n"),
            make_current(make_image(A, ["n"], INACTIVE)),
            ["alias_create x", "update a"],
            id="put back the rest",
        ),
        pytest.param(
            wants("absent", name="n"),
            make_current(make_image(A, bookkeeping=INACTIVE), orphan=A),
            ["delete a"],
            id="delete by the name it had",
        ),
        pytest.param(
            wants(name="n", purge_aliases=True),
            make_current(make_image(A, bookkeeping=INACTIVE), make_image(B, ["x"]), orphan=A),
            ["alias_create n", "update a"],
            id="put back with the aliases of the task only",
        ),
        pytest.param(
            wants(name="n", source=FileSource("/image"), fingerprint=A),
            make_current(
                make_image(A, bookkeeping={"withdrawn": '{"aliases": {}, "auto_update": false, "public": false}'}),
                make_image(B, ["n"], public=True),
            ),
            ["update a", "alias_move n"],
            id="put back where another was: with its own settings",
        ),
    ],
)
def test_withdrawn(desired: DesiredImage, current: CurrentImage, actions: list[str]) -> None:
    assert [show(action) for action in plan_image(desired, current).actions] == actions


def test_withdrawing_remembers_and_putting_back_forgets() -> None:
    image = make_image(A, ["n"], public=True)
    update = only(plan_image(wants("inactive", name="n"), make_current(image)), UpdateImage)
    settings = update.settings.overlay(image.settings)
    assert (settings.public, settings.auto_update) == (False, False)
    again = replace(image, settings=settings, aliases={})
    plan = plan_image(wants(name="n"), replace(make_current(again), orphan=A))
    assert plan.actions[0] == CreateAlias("n", A, "about n")
    assert only(plan, UpdateImage).settings.overlay(settings) == image.settings


def test_an_alias_of_an_image_that_was_just_deleted_has_gone_with_it() -> None:
    current = CurrentImage(aliases={"n": Alias("n", A)})
    assert [show(action) for action in plan_image(of_file(A), current).actions] == ["import a", "alias_create n"]


def test_putting_back_takes_nothing_over() -> None:
    inactive = make_image(B, bookkeeping={"withdrawn": '{"aliases": {}, "auto_update": false, "public": false}'})
    current = make_current(make_image(A, ["n"], {"protected": "true"}, public=True, profiles=["p"]), inactive)
    after = only(plan_image(of_file(B), current), UpdateImage).settings.overlay(inactive.settings)
    assert (after.public, after.profiles, after.bookkeeping) == (False, inactive.settings.profiles, {})


def test_without_a_source_an_image_takes_nothing_over() -> None:
    current = make_current(make_image(A, ["n"], public=True), make_image(B))
    assert [show(action) for action in plan_image(wants(name="n", fingerprint=B), current).actions] == ["alias_move n"]


def test_putting_back_with_other_settings() -> None:
    current = make_current(make_image(A, bookkeeping=INACTIVE), orphan=A)
    assert only(plan_image(wants(name="n", public=False), current), UpdateImage).settings.public is False


@pytest.mark.parametrize(
    ("desired", "current", "words"),
    [
        (wants("inactive", name="n"), NOTHING, "the alias 'n' is not found, and no inactive image had it"),
        (wants("inactive", fingerprint=A), NOTHING, f"no image with the fingerprint {A} is found"),
        (
            wants(fingerprint=A),
            make_current(make_image(A, bookkeeping=INACTIVE), make_image(B, ["x"])),
            f"its alias 'x' now points at {B}",
        ),
        (wants("inactive", name="n", fingerprint=B), make_current(make_image(A, ["n"])), f"points at {A}, not at {B}"),
        (
            wants("inactive", name="n", fingerprint=B),
            make_current(make_image(A, ["n"]), make_image(B)),
            f"points at {A}, not at {B}",
        ),
    ],
    ids=["name", "fingerprint", "alias taken", "another one is meant", "another one has the alias"],
)
def test_withdrawn_refused(desired: DesiredImage, current: CurrentImage, words: str) -> None:
    with pytest.raises(LXDInputError, match=words):
        plan_image(desired, current)


# lxd_image_alias

OLD = Alias("old", A, "words")
NEW = Alias("new", A, "words")
NEW_B = Alias("new", B, "other")


def alias(name: str = "new", **options: t.Any) -> DesiredAlias:
    return DesiredAlias(name, **options)


def shown(alias: Alias) -> dict[str, str]:
    return {"name": alias.name, "target": alias.target, "description": alias.description}


@pytest.mark.parametrize(
    ("desired", "current", "old", "actions", "before", "after"),
    [
        pytest.param(alias(target=A), None, None, (CreateAlias("new", A),), {}, shown(Alias("new", A)), id="create"),
        pytest.param(
            alias(target=A, description="d"),
            None,
            None,
            (CreateAlias("new", A, "d"),),
            {},
            shown(Alias("new", A, "d")),
            id="create with a description",
        ),
        pytest.param(alias(target=A), NEW, None, (), shown(NEW), shown(NEW), id="there"),
        pytest.param(alias(), NEW, None, (), shown(NEW), shown(NEW), id="there, wherever it points"),
        pytest.param(
            alias(target=B),
            NEW,
            None,
            (MoveAlias(NEW, B, "words"),),
            shown(NEW),
            shown(replace(NEW, target=B)),
            id="move, keeping the description",
        ),
        pytest.param(
            alias(target=B, description="x"),
            NEW,
            None,
            (MoveAlias(NEW, B, "x"),),
            shown(NEW),
            shown(Alias("new", B, "x")),
            id="move and describe at once",
        ),
        pytest.param(
            alias(description="x"),
            NEW,
            None,
            (UpdateAlias(NEW, "x"),),
            shown(NEW),
            shown(Alias("new", A, "x")),
            id="describe",
        ),
        pytest.param(
            alias(description=""),
            NEW,
            None,
            (UpdateAlias(NEW, ""),),
            shown(NEW),
            shown(Alias("new", A, "")),
            id="an empty description is one",
        ),
        pytest.param(alias(description="words"), NEW, None, (), shown(NEW), shown(NEW), id="described so already"),
        pytest.param(
            alias(rename_from="old"),
            None,
            OLD,
            (CreateAlias("new", A, "words"), DeleteAlias("old")),
            shown(OLD),
            {**shown(NEW), "renamed_from": "old"},
            id="rename: new first",
        ),
        pytest.param(
            alias(rename_from="old", target=B, description="x"),
            None,
            OLD,
            (CreateAlias("new", B, "x"), DeleteAlias("old")),
            shown(OLD),
            {**shown(Alias("new", B, "x")), "renamed_from": "old"},
            id="rename, move and describe",
        ),
        pytest.param(alias(rename_from="old"), NEW, None, (), shown(NEW), shown(NEW), id="renamed already"),
        pytest.param(
            alias(rename_from="old"),
            NEW,
            OLD,
            (DeleteAlias("old"),),
            shown(NEW),
            {**shown(NEW), "renamed_from": "old"},
            id="rename that was killed halfway",
        ),
        pytest.param(
            alias(rename_from="old", target=A),
            NEW_B,
            OLD,
            (MoveAlias(NEW_B, A, "other"), DeleteAlias("old")),
            shown(NEW_B),
            {**shown(replace(NEW_B, target=A)), "renamed_from": "old"},
            id="rename onto another, with a target",
        ),
        pytest.param(
            alias(rename_from="old", target=A),
            None,
            None,
            (CreateAlias("new", A),),
            {},
            shown(Alias("new", A)),
            id="nothing to rename, but a target",
        ),
        pytest.param(alias(state="absent"), NEW, None, (DeleteAlias("new"),), shown(NEW), {}, id="absent"),
        pytest.param(alias(state="absent"), None, None, (), {}, {}, id="absent already"),
    ],
)
def test_alias(
    desired: DesiredAlias,
    current: Alias | None,
    old: Alias | None,
    actions: tuple[t.Any, ...],
    before: t.Any,
    after: t.Any,
) -> None:
    plan = plan_alias(desired, current, old)
    assert plan.actions == actions
    assert (plan.before, plan.after) == (before, after)


@pytest.mark.parametrize(
    ("desired", "current", "old", "words"),
    [
        pytest.param(alias(), None, None, ["'new'", "not found", "'target' is required"], id="no target"),
        pytest.param(
            alias(rename_from="old"), None, None, ["'new'", "neither it nor 'old' is found"], id="nothing to rename"
        ),
        pytest.param(
            alias(rename_from="old"),
            NEW_B,
            OLD,
            ["'old'", "'new'", A, B, "'target'"],
            id="rename onto an alias of another image",
        ),
    ],
)
def test_alias_refused(desired: DesiredAlias, current: Alias | None, old: Alias | None, words: list[str]) -> None:
    with pytest.raises(LXDInputError) as error:
        plan_alias(desired, current, old)
    assert [word for word in words if word not in str(error.value)] == []


def test_alias_fingerprint_is_the_target() -> None:
    assert plan_alias(alias(target=C), NEW, None).fingerprint == C
