# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.community.lxd.plugins.module_utils._image.image_reader import ImageReader
from ansible_collections.community.lxd.plugins.module_utils._image.plan.selection import InfoQuery, Selector
from ansible_collections.community.lxd.plugins.module_utils._image.tasks.info import run_info
from ansible_collections.community.lxd.plugins.module_utils._lxd.errors import LXDForbidden, LXDInputError
from ansible_collections.community.lxd.plugins.module_utils._lxd.transport import Connection
from ansible_collections.community.lxd.tests.unit.plugins.module_utils.fakes import A, B, C, image_data
from ansible_collections.community.lxd.tests.unit.plugins.module_utils.scripted import Script, error, sync

LIST = "GET /1.0/images?recursion=1"
SERVER = ("GET /1.0", sync({"auth": "trusted", "environment": {"server": "incus", "server_version": "6.0.4"}}))
PROJECTS = (
    "GET /1.0/projects?recursion=1",
    [{"name": "p", "config": {}}, {"name": "own", "config": {"features.images": "true"}}, {"name": "default"}],
)
INSTANCES = "GET /1.0/instances?all-projects=true&recursion=2"


def gather(
    *steps: tuple[str, t.Any], connection: Connection | None = None, project: str | None = None, **wanted: t.Any
) -> dict[str, t.Any]:
    script = Script(*steps, connection=connection)
    selector = Selector(**wanted.pop("selector", {}))
    result = run_info(ImageReader(script.client(project)), InfoQuery(selector, **wanted))
    assert not script.steps
    return result


def projects() -> tuple[str, t.Any]:
    return PROJECTS[0], sync(PROJECTS[1])


def server(**environment: t.Any) -> tuple[str, t.Any]:
    return "GET /1.0", sync(
        {
            "auth": "trusted",
            "auth_user_method": "unix",
            "environment": {"server": "incus", "server_version": "6.0.4", **environment},
        }
    )


def project() -> tuple[str, t.Any]:
    return "GET /1.0/projects/default", sync({"name": "default", "config": {}})


def test_all_images() -> None:
    result = gather(project(), (LIST, sync([image_data(B, ["z"]), image_data(A, ["n", "b"])])), server())
    assert [(image["project"], image["fingerprint"]) for image in result["images"]] == [("default", A), ("default", B)]
    assert [(alias["name"], alias["target"], alias["project"]) for alias in result["aliases"]] == [
        ("b", A, "default"),
        ("n", A, "default"),
        ("z", B, "default"),
    ]
    assert result["server"] == {
        "url": "unix:/run/test.socket",
        "project": "default",
        "vendor": "incus",
        "version": "6.0.4",
        "trusted": True,
        "clustered": False,
        "members_down": [],
        "client": {
            "method": "unix",
            "sees_all": True,
            "restricted": False,
            "fine_grained": False,
            "projects": None,
        },
    }
    assert "used_by" not in result["images"][0]


MEMBERS = [
    {"server_name": "two", "status": "Offline"},
    {"server_name": "one", "status": "Online"},
    {"server_name": "three", "status": "Evacuated"},
]


@pytest.mark.parametrize(
    ("answer", "down"), ((sync(MEMBERS), ["two"]), (sync([]), []), (error(403, "not authorized"), None))
)
def test_members_of_a_cluster(answer: t.Any, down: list[str] | None) -> None:
    members = ("GET /1.0/cluster/members?recursion=1", answer)
    result = gather(project(), (LIST, sync([])), server(server_clustered=True), members)
    assert result["server"]["clustered"] is True and result["server"]["members_down"] == down


def test_only_what_matches() -> None:
    result = gather(
        project(),
        (LIST, sync([image_data(A, ["n"]), image_data(B, ["x"], public=True)])),
        server(),
        selector={"public": True},
    )
    assert [image["fingerprint"] for image in result["images"]] == [B]
    assert [alias["name"] for alias in result["aliases"]] == ["x"]


def test_by_name_the_list_is_not_read() -> None:
    steps = [
        ("GET /1.0/projects/p", sync({"name": "p", "config": {"features.images": "true"}})),
        ("GET /1.0/images/aliases/n?project=p", sync({"name": "n", "target": A})),
        (f"GET /1.0/images/{A}?project=p", sync(image_data(A, ["n"]))),
    ]
    result = gather(*steps, project="p", selector={"name": "n"})
    assert [(image["project"], image["fingerprint"]) for image in result["images"]] == [("p", A)]
    assert result["server"] == {"url": "unix:/run/test.socket", "project": "p"}


def test_the_project_is_that_of_the_image() -> None:
    steps = [
        ("GET /1.0/projects/p", sync({"name": "p", "config": {}})),
        (f"GET /1.0/images/{A}?project=p", sync(image_data(A, ["n"]))),
    ]
    result = gather(*steps, project="p", selector={"fingerprint": A})
    assert [item["project"] for item in (*result["images"], *result["aliases"])] == ["default", "default"]
    assert result["server"]["project"] == "p"


@pytest.mark.parametrize("selector", [{"name": "n"}, {"fingerprint": A}, {}], ids=str)
def test_a_project_that_is_not_there(selector: dict[str, str]) -> None:
    with pytest.raises(LXDInputError, match="The project 'p' is not found"):
        gather(("GET /1.0/projects/p", error(404, "not found")), projects(), project="p", selector=selector)


def test_by_fingerprint_the_list_is_not_read() -> None:
    result = gather((f"GET /1.0/images/{A[:12]}", sync(image_data(A))), selector={"fingerprint": A[:12]})
    assert [image["fingerprint"] for image in result["images"]] == [A]


def test_by_both_they_must_agree() -> None:
    assert (
        gather((f"GET /1.0/images/{A}", sync(image_data(A, ["x"]))), selector={"fingerprint": A, "name": "n"})["images"]
        == []
    )


@pytest.mark.parametrize(
    ("selector", "steps"),
    [
        ({"name": "n"}, [("GET /1.0/images/aliases/n", error(404, "no")), project()]),
        ({"fingerprint": A}, [(f"GET /1.0/images/{A}", error(404, "no")), project()]),
        ({}, [project(), (LIST, sync([])), server()]),
    ],
    ids=["name", "fingerprint", "list"],
)
def test_nothing_found_is_no_failure(selector: dict[str, str], steps: list[tuple[str, t.Any]]) -> None:
    result = gather(*steps, selector=selector)
    assert (result["images"], result["aliases"]) == ([], [])


USERS = [
    {"name": "c9", "project": "own", "config": {"volatile.base_image": B}},
    {"name": "c2", "project": "p", "config": {"volatile.base_image": A}},
    {"name": "c1", "project": "p", "config": {"volatile.base_image": A}},
    {"name": "c0", "config": None, "expanded_config": {"volatile.base_image": A}},
    {"name": "other", "project": "p", "config": {}},
]


def test_used_by() -> None:
    result = gather(
        server(),
        projects(),
        (INSTANCES, sync(USERS)),
        project(),
        (LIST, sync([image_data(A), image_data(B)])),
        used_by=True,
    )
    assert [image["used_by"] for image in result["images"]] == [
        [{"project": "default", "name": "c0"}, {"project": "p", "name": "c1"}, {"project": "p", "name": "c2"}],
        [],
    ]


def test_unused() -> None:
    result = gather(
        server(),
        projects(),
        (INSTANCES, sync(USERS)),
        project(),
        (LIST, sync([image_data(A), image_data(B)])),
        selector={"unused": True},
    )
    assert [image["fingerprint"] for image in result["images"]] == [B]


def test_used_by_instances_of_a_project_with_images_of_its_own() -> None:
    own = "GET /1.0/instances?project=own&recursion=2"
    project = ("GET /1.0/projects/own", sync(PROJECTS[1][1]))
    steps = (
        project,
        ("GET /1.0?project=own", server()[1]),
        projects(),
        (own, sync(USERS[:1])),
        project,
        ("GET /1.0/images?project=own&recursion=1", sync([image_data(A), image_data(B)])),
    )
    result = gather(*steps, project="own", used_by=True)
    assert [image["used_by"] for image in result["images"]] == [[], [{"project": "own", "name": "c9"}]]


DOWN = {
    "name": "c3",
    "project": "p",
    "status": "Error",
    "status_code": 400,
    "config": None,
    "expanded_config": None,
    "location": "m2",
    "snapshots": None,
}
SENTENCE = "The image of the instance 'p/c3' is unknown, as its cluster member 'm2' does not respond."


def test_used_by_says_what_can_not_be_known() -> None:
    result = gather(
        server(),
        projects(),
        (INSTANCES, sync([*USERS, DOWN])),
        project(),
        (LIST, sync([image_data(A), image_data(B)])),
        used_by=True,
    )
    assert [image["used_by"] and len(image["used_by"]) for image in result["images"]] == [3, None]
    assert result["warnings"] == [SENTENCE]


@pytest.mark.parametrize("unused", [True, False])
def test_unused_is_refused_where_it_can_not_be_known(unused: bool) -> None:
    with pytest.raises(LXDInputError) as caught:
        gather(server(), projects(), (INSTANCES, sync([DOWN])), selector={"unused": unused})
    assert str(caught.value) == f"Cannot tell which images are unused. {SENTENCE}"


def test_all_projects() -> None:
    projects = [
        {"name": "p", "config": {"features.images": "true"}},
        {"name": "default"},
        {"name": "shared", "config": {}},
    ]
    result = gather(
        ("GET /1.0/projects?recursion=1", sync(projects)),
        project(),
        (LIST, sync([image_data(B)])),
        ("GET /1.0/projects/p", sync({"name": "p", "config": {"features.images": "true"}})),
        ("GET /1.0/images?project=p&recursion=1", sync([image_data(C), image_data(A, ["n"])])),
        server(),
        all_projects=True,
    )
    assert [(image["project"], image["fingerprint"]) for image in result["images"]] == [
        ("default", B),
        ("p", A),
        ("p", C),
    ]
    assert result["aliases"][0]["project"] == "p"


def test_an_untrusted_certificate_is_an_error_and_an_anonymous_client_is_not() -> None:
    untrusted = ("GET /1.0", sync({"auth": "untrusted"}))
    refused = ("GET /1.0/projects/default", error(403, "not authorized"))
    with pytest.raises(LXDForbidden, match="does not trust this client"):
        gather(refused, untrusted, connection=Connection("https://h", client_cert="c", client_key="k"))
    result = gather(
        ("GET /1.0/images?recursion=1", sync([])),
        ("GET /1.0", sync({"auth": "untrusted"})),
        connection=Connection("https://h"),
    )
    assert result["server"]["trusted"] is False


RESTRICTED = Connection("https://h", client_cert="c", client_key="k")


def test_an_empty_list_of_a_foreign_project_is_an_error() -> None:
    with pytest.raises(
        LXDInputError, match="The project 'default' is not found on .* not visible to this client.*: own"
    ):
        gather(
            ("GET /1.0/projects/default", error(403, "not authorized")),
            server(),
            ("GET /1.0/projects?recursion=1", sync([{"name": "own", "config": {}}])),
            connection=RESTRICTED,
        )


def test_an_empty_list_of_a_project_of_ones_own_is_none() -> None:
    result = gather(
        project(),
        (LIST, sync([])),
        server(),
        connection=RESTRICTED,
    )
    assert result["images"] == []
