# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Clients that see less than an administrator, on servers that can't be run here: LXD 5.21 and 6, by scripted answers.

What the servers that run here can show is in ``tests/clients``.
"""

from __future__ import annotations

import base64
import json
import typing as t

import pytest

from ansible_collections.community.lxd.plugins.module_utils._image.apply.access import enrol
from ansible_collections.community.lxd.plugins.module_utils._image.desired import DesiredAlias
from ansible_collections.community.lxd.plugins.module_utils._image.image_reader import ImageReader
from ansible_collections.community.lxd.plugins.module_utils._image.options_image import desired_image
from ansible_collections.community.lxd.plugins.module_utils._image.plan.prune import Guards, PrunePolicy
from ansible_collections.community.lxd.plugins.module_utils._image.plan.selection import InfoQuery, Selector
from ansible_collections.community.lxd.plugins.module_utils._image.tasks.alias import run_alias
from ansible_collections.community.lxd.plugins.module_utils._image.tasks.image import run_image
from ansible_collections.community.lxd.plugins.module_utils._image.tasks.info import run_info
from ansible_collections.community.lxd.plugins.module_utils._image.tasks.prune import run_prune
from ansible_collections.community.lxd.plugins.module_utils._lxd.client import Client
from ansible_collections.community.lxd.plugins.module_utils._lxd.errors import (
    LXDAPIError,
    LXDForbidden,
    LXDInputError,
    LXDNotFound,
)
from ansible_collections.community.lxd.plugins.module_utils._lxd.identity import Identity
from ansible_collections.community.lxd.plugins.module_utils._lxd.transport import Connection
from ansible_collections.community.lxd.tests.unit.plugins.module_utils.fakes import A, B, image_data
from ansible_collections.community.lxd.tests.unit.plugins.module_utils.scripted import error, sync

HTTPS = Connection("https://h:8443", client_cert="c", client_key="k", timeout=60.0)
LXD_6 = ["access_management", "entities_with_entitlements", "explicit_trust_token", "bulk_operations", "auth_user"]


class Server:
    """Answers by path, whatever the query is, if it has no answer for the path with the query. Notes the requests."""

    def __init__(self, answers: t.Mapping[str, t.Any], connection: Connection = HTTPS) -> None:
        self.connection, self.answers = connection, dict(answers)
        self.made: list[str] = []
        self.sent: list[t.Any] = []

    def request(self, method: str, path: str, **kwargs: t.Any) -> t.Any:
        query = "&".join(f"{key}={value}" for key, value in sorted((kwargs.get("query") or {}).items()))
        asked = f"{method} {path}?{query}".rstrip("?")
        self.made.append(asked)
        self.sent.append(kwargs.get("json"))
        for name in (asked, f"{method} {path}", asked[4:], path):
            if name in self.answers and (method == "GET" or name.startswith(method)):
                found = self.answers[name]
                return found() if callable(found) else sync(found)
        return error(404, "Not Found")

    def reader(self, project: str = "own") -> ImageReader:
        return ImageReader(Client(t.cast(t.Any, self), project))

    @property
    def writes(self) -> list[str]:
        return [request for request in self.made if not request.startswith("GET")]


def project(name: str, has_images: bool = True, entitlements: t.Sequence[str] | None = None, **more: t.Any) -> t.Any:
    data = {"name": name, "config": {"features.images": str(has_images).lower()}, **more}
    return data if entitlements is None else {**data, "access_entitlements": list(entitlements)}


def lxd_6(
    *images: t.Any,
    entitlements: t.Sequence[str] = ("can_view_images", "can_view_image_aliases"),
    own: t.Mapping[str, t.Any] | None = None,
    server: t.Mapping[str, t.Any] | None = None,
    **answers: t.Any,
) -> Server:
    """An LXD 6 as an identity sees it that has rights on images of the project "own", and none on its instances."""
    identity = {"fine_grained": True, "effective_permissions": [], **(own or {})}
    return Server(
        {
            "/1.0": {
                "auth": "trusted",
                "auth_user_method": "tls",
                "api_extensions": LXD_6,
                "config": None,
                **(server or {}),
            },
            "/1.0/auth/identities/current": identity,
            "/1.0/projects": [project("own", entitlements=entitlements)],
            "/1.0/projects/own": project(
                "own", used_by=[f"/1.0/images/{data['fingerprint']}?project=own" for data in images]
            ),
            "/1.0/images": list(images),
            # the server answers 200 with an empty list
            "/1.0/instances": [],
            **{f"/1.0/images/{data['fingerprint']}": data for data in images},
            **answers,
        }
    )


# who is asking


@pytest.mark.parametrize(
    ("answers", "connection", "expected"),
    [
        ({"auth": "untrusted"}, HTTPS, Identity(None)),
        ({"auth": "trusted", "config": {}}, Connection("unix:/s"), Identity("unix", sees_all=True)),
        # the socket of lxd-user 5.0
        ({"auth": "trusted", "config": None}, Connection("unix:/s"), Identity("unix")),
        ({"auth": "trusted", "config": {"core.https_address": "x"}}, HTTPS, Identity("tls", sees_all=True)),
        ({"auth": "trusted", "config": None}, HTTPS, Identity("tls")),
        # the socket of incus-user
        ({"auth": "trusted", "auth_user_method": "tls", "config": {}}, Connection("unix:/s"), Identity("tls")),
        (
            {"auth": "trusted", "auth_user_method": "unix", "config": {}},
            Connection("unix:/s"),
            Identity("unix", sees_all=True),
        ),
        ({"auth": "trusted", "auth_user_method": "oidc", "config": {}}, HTTPS, Identity("oidc")),
        ({"auth": "trusted"}, Connection("https://h", bearer_token="t"), Identity("bearer")),
    ],
)
def test_who_is_asking(answers: t.Any, connection: Connection, expected: Identity) -> None:
    server = Server({"/1.0": answers}, connection)
    assert server.reader().client.identity() == expected
    assert server.made == ["GET /1.0?project=own"]


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        ({"fine_grained": True, "effective_permissions": None}, Identity("tls", fine_grained=True)),
        (
            {"fine_grained": True, "effective_permissions": [{"entity_type": "server", "entitlement": "admin"}]},
            Identity("tls", fine_grained=True, sees_all=True),
        ),
        (
            {"fine_grained": True, "effective_permissions": [{"entity_type": "project", "entitlement": "viewer"}]},
            Identity("tls", fine_grained=True),
        ),
        ({"fine_grained": False}, Identity("tls", sees_all=True)),
    ],
)
def test_a_fine_grained_identity(own: t.Any, expected: Identity) -> None:
    # it may be allowed to edit the server's configuration, and still not see instances
    server = lxd_6(own=own, server={"config": {"core.https_address": "x"}})
    assert server.reader().client.identity() == expected


def test_the_report_says_who_is_asking() -> None:
    server = lxd_6(image_data(A))
    result = run_info(server.reader(), InfoQuery(Selector()))
    assert result["server"]["client"] == {
        "method": "tls",
        "sees_all": False,
        "restricted": True,
        "fine_grained": True,
        "projects": ["own"],
    }


# A, G: the use of images


def test_a_prune_by_a_client_that_may_not_see_instances_deletes_nothing() -> None:
    server = lxd_6(image_data(A))
    for unused in (None, True):
        for check_mode in (True, False):
            result = run_prune(server.reader(), PrunePolicy(Selector(unused=unused), keep=0), check_mode)
            assert (result["changed"], result["removed"]) == (False, [])
            assert result["kept"][0]["reasons"] == ["unknown_use"]
            assert "not all instances that can use them are visible to this client" in result["warnings"][0]
    assert server.writes == []
    assert not [request for request in server.made if "all-projects" in request]


def test_used_by_is_unknown_there() -> None:
    result = run_info(lxd_6(image_data(A)).reader(), InfoQuery(Selector(), used_by=True))
    assert result["images"][0]["used_by"] is None
    assert result["warnings"]
    with pytest.raises(LXDInputError, match="Cannot tell which images are unused"):
        run_info(lxd_6(image_data(A)).reader(), InfoQuery(Selector(unused=True)))


def test_with_the_right_to_see_instances_it_is_known() -> None:
    instances = [{"name": "c1", "project": "own", "config": {"volatile.base_image": A}}]
    rights = ("can_view_images", "can_view_instances")
    server = lxd_6(image_data(A), image_data(B), entitlements=rights, **{"/1.0/instances": instances})
    result = run_info(server.reader(), InfoQuery(Selector(unused=True)))
    assert [image["fingerprint"] for image in result["images"]] == [B]
    assert "GET /1.0/projects?recursion=1&with-access-entitlements=can_view_instances" in server.made


def test_images_of_the_default_project_may_be_used_by_projects_that_are_hidden() -> None:
    rights = ("can_view_images", "can_view_instances")
    users = [{"name": "c1", "project": "default", "config": {"volatile.base_image": A}}]
    server = lxd_6(
        image_data(A),
        image_data(B),
        **{
            "/1.0/projects": [project("default", entitlements=rights), project("shared", False, rights)],
            "/1.0/projects/default": project("default"),
            "/1.0/instances?recursion=2": users,
            "/1.0/instances?project=shared&recursion=2": [],
        },
    )
    result = run_info(server.reader("default"), InfoQuery(Selector(), used_by=True))
    assert [image["used_by"] for image in result["images"]] == [[{"project": "default", "name": "c1"}], None]
    pruned = run_prune(server.reader("default"), PrunePolicy(Selector(), keep=0), True)
    assert [item["reasons"] for item in pruned["kept"]] == [["used"], ["unknown_use"]]


def test_who_lifts_the_guard_is_not_asked_for_instances() -> None:
    server = lxd_6(image_data(A))
    policy = PrunePolicy(Selector(), keep=0, guards=Guards(include_used=True))
    assert run_prune(server.reader(), policy, True)["removed"]
    assert not [request for request in server.made if "instances" in request]


@pytest.mark.parametrize(
    ("server", "words"),
    [
        (lxd_6(image_data(A)), None),
        (lxd_6(image_data(A), entitlements=()), "lacks the entitlement can_view_images"),
        (
            lxd_6(
                image_data(A), own={"fine_grained": False}, server={"auth_user_method": "oidc", "api_extensions": []}
            ),
            "Perhaps not all images of the project 'own' are visible",
        ),
        (lxd_6(image_data(A), server={"api_extensions": []}), None),
    ],
    ids=["granted", "not granted", "OIDC of Incus", "restricted certificate"],
)
def test_a_list_that_may_lack_images_says_so(server: Server, words: str | None) -> None:
    result = run_info(server.reader(), InfoQuery(Selector()))
    assert words in result["warnings"][0] if words else "warnings" not in result


# D: aliases that only their image shows


def hidden_alias(*more: t.Any) -> Server:
    return lxd_6(image_data(A, ["n"], **dict(more)), entitlements=("can_view_images",))


def granted_but_hidden() -> Server:
    """The server does not say what is granted, as before 5.21.4."""
    server = lxd_6(image_data(A, ["n"]))
    server.answers["/1.0"] = {**server.answers["/1.0"], "api_extensions": ["access_management"]}
    server.answers["/1.0/projects"] = [project("own")]
    return server


@pytest.mark.parametrize("check_mode", [True, False])
@pytest.mark.parametrize("server", [hidden_alias, granted_but_hidden])
@pytest.mark.parametrize(
    "options",
    [{"name": "n", "state": "absent"}, {"fingerprint": A, "state": "inactive"}, {"name": "n", "public": True}],
    ids=str,
)
def test_an_image_whose_alias_is_hidden(check_mode: bool, server: t.Callable[[], Server], options: t.Any) -> None:
    hiding = server()
    with pytest.raises(LXDForbidden, match="not visible to this client|visible to this client, which lacks"):
        run_image(hiding.reader(), desired_image({"previous": "keep", "alias_conflict": "move", **options}), check_mode)
    assert hiding.writes == []


@pytest.mark.parametrize("server", [hidden_alias, granted_but_hidden])
def test_a_hidden_alias_is_not_absent(server: t.Callable[[], Server]) -> None:
    for desired in (DesiredAlias("n", state="absent"), DesiredAlias("n", target=A), DesiredAlias("m", target="n")):
        with pytest.raises(LXDForbidden, match="visible to this client"):
            run_alias(server().reader(), desired, False)
    with pytest.raises(LXDForbidden, match="visible to this client"):
        run_info(server().reader(), InfoQuery(Selector(name="n")))


def test_an_alias_that_no_image_has_is_absent() -> None:
    assert run_alias(lxd_6(image_data(A)).reader(), DesiredAlias("n", state="absent"), False)["changed"] is False


def test_an_alias_to_purge_that_is_hidden() -> None:
    """Its image lists it, but it is not found: it is not reported as done."""
    server = lxd_6(image_data(A, ["n", "x"]), **{"/1.0/images/aliases/n": {"name": "n", "target": A}})
    options = {"name": "n", "aliases": [], "purge_aliases": True, "previous": "keep", "alias_conflict": "move"}
    with pytest.raises(LXDForbidden, match="'x' is not visible to this client"):
        run_image(server.reader(), desired_image(options), False)
    assert server.writes == []


# I: a project that the client may not see


@pytest.mark.parametrize("task", ["absent", "info", "name", "alias", "prune"])
def test_a_client_of_another_project_looks_at_the_default_one(task: str) -> None:
    server = lxd_6(**{"/1.0/projects/default": lambda: error(403, "not authorized"), "/1.0/images": []})
    reader = server.reader("default")
    run: dict[str, t.Callable[[], t.Any]] = {
        "absent": lambda: run_image(
            reader, desired_image({"name": "n", "state": "absent", "previous": "keep", "alias_conflict": "move"}), False
        ),
        "info": lambda: run_info(reader, InfoQuery(Selector())),
        "name": lambda: run_info(reader, InfoQuery(Selector(name="n"))),
        "alias": lambda: run_alias(reader, DesiredAlias("n", state="absent"), False),
        "prune": lambda: run_prune(reader, PrunePolicy(Selector(), keep=0), False),
    }
    with pytest.raises(LXDInputError) as caught:
        run[task]()
    assert str(caught.value) == (
        "The project 'default' is not found on https://h:8443, or not visible to this client: set 'project' to one "
        "that it may use. Projects that are visible to it: own."
    )


# J: profiles


def test_a_profile_that_may_be_hidden_is_left_to_the_server() -> None:
    server = lxd_6(
        image_data(A), **{f"PUT /1.0/images/{A}": lambda: error(400, 'Requested profile "p" doesn\'t exist')}
    )
    options = {"fingerprint": A, "profiles": ["p"], "previous": "keep", "alias_conflict": "move"}
    assert run_image(server.reader(), desired_image(options), True)["changed"]
    with pytest.raises(LXDAPIError, match="Requested profile"):
        run_image(server.reader(), desired_image(options), False)
    administrator = lxd_6(image_data(A), own={"fine_grained": False}, server={"config": {"a": "b"}})
    with pytest.raises(LXDInputError, match="The profile 'p' of 'profiles' is not found"):
        run_image(administrator.reader(), desired_image(options), True)


# B: secrets


def test_a_secret_that_can_still_be_used_is_not_revoked() -> None:
    running = {"id": "6f1d", "status_code": 103}
    server = lxd_6(**{"/1.0/operations/6f1d": running})
    with pytest.raises(LXDNotFound, match="still runs, so the secret can still be used"):
        server.reader().writer.delete_secret("6f1d")
    assert server.made == [
        "GET /1.0/operations/6f1d?project=own",
        "DELETE /1.0/operations/6f1d?project=own",
        "GET /1.0/operations/6f1d?project=own",
    ]


# E: tokens


def token(**more: t.Any) -> str:
    content = {"client_name": "c", "fingerprint": "f", "addresses": [], "secret": "s", **more}
    return base64.b64encode(json.dumps(content).encode()).decode()


@pytest.mark.parametrize(
    ("kind", "path", "body"),
    [
        ({}, "/1.0/certificates", {"type": "client", "trust_token": token()}),
        ({"type": ""}, "/1.0/certificates", {"type": "client", "trust_token": token(type="")}),
        (
            {"type": "Client certificate"},
            "/1.0/auth/identities/tls",
            {"trust_token": token(type="Client certificate")},
        ),
    ],
    ids=str,
)
def test_each_kind_of_token_has_its_endpoint(kind: dict[str, str], path: str, body: t.Any) -> None:
    server = lxd_6(**{f"POST {path}": {}})
    enrol(server.reader("default"), token(**kind), None)
    assert server.writes == [f"POST {path}"]
    assert server.sent[-1] == body


@pytest.mark.parametrize("given", ("no base64!", "bm8gSlNPTg==", "WzFd"))
def test_what_is_no_token_of_a_server_is_left_to_the_server(given: str) -> None:
    server = lxd_6(**{"POST /1.0/certificates": lambda: error(403, "not authorized")})
    with pytest.raises(LXDForbidden, match="'trust_token' is wrong, expired or used up") as caught:
        enrol(server.reader("default"), given, None)
    assert server.writes == ["POST /1.0/certificates"] and given not in str(caught.value)


def test_a_server_that_takes_tokens_only() -> None:
    server = lxd_6(**{"POST /1.0/certificates": lambda: error(501, "Trust passwords are not supported")})
    with pytest.raises(LXDAPIError, match=r"not supported.*This server accepts tokens only: give 'trust_token'"):
        enrol(server.reader(), None, "password")


# H: public images


@pytest.mark.parametrize("check_mode", [True, False])
@pytest.mark.parametrize(
    ("now", "options", "words"),
    [
        ({}, {"public": True}, f"Cannot make the image {A} public"),
        (
            {"public": True},
            {"expires_at": "2030-01-01T00:00:00Z"},
            "Cannot change 'expires_at' or 'profiles' .*'public: false' first",
        ),
        ({"public": True}, {"expires_at": "2030-01-01T00:00:00Z", "public": False}, None),
        ({"public": True}, {"public": True, "properties": {"os": "x"}}, None),
    ],
)
@pytest.mark.parametrize("extensions", [LXD_6, ["access_management"]])
def test_public_images_are_only_in_the_default_project(
    check_mode: bool, now: t.Any, options: t.Any, words: str | None, extensions: list[str]
) -> None:
    image = image_data(A, **now)
    done: list[t.Any] = []

    def write() -> t.Any:
        sent = server.sent[-1]
        done.append(sent)
        image.update({key: value for key, value in sent.items() if key != "properties"})
        image["properties"] = {**image["properties"], **sent.get("properties", {})}
        return sync({})

    server = lxd_6(
        image,
        own={"fine_grained": False},
        server={"config": {"a": "b"}, "api_extensions": extensions},
        **{f"PUT /1.0/images/{A}": write, f"PATCH /1.0/images/{A}": write},
    )
    task = desired_image({"fingerprint": A, "previous": "keep", "alias_conflict": "move", **options})
    if words and extensions is LXD_6:
        with pytest.raises(LXDInputError, match=words + ".*only in the project 'default', and this one is in 'own'"):
            run_image(server.reader(), task, check_mode)
        assert server.writes == []
        return
    assert run_image(server.reader(), task, check_mode)["changed"]
    # an unchanged "public" is not sent where a PATCH can do without it
    assert not [sent for sent in done if "public" in sent and options.get("public") and now.get("public")]
