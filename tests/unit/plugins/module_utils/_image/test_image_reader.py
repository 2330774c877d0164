# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import re
import typing as t

import pytest

from ansible_collections.community.lxd.plugins.module_utils._image import image_reader as api_module
from ansible_collections.community.lxd.plugins.module_utils._image.image_reader import ImageReader, Project
from ansible_collections.community.lxd.plugins.module_utils._image.image_writer import ImageWriter, settings_request
from ansible_collections.community.lxd.plugins.module_utils._image.members import naming_member
from ansible_collections.community.lxd.plugins.module_utils._image.model import Alias, Image, ImageSettings
from ansible_collections.community.lxd.plugins.module_utils._image.sources.server import Download
from ansible_collections.community.lxd.plugins.module_utils._lxd.errors import (
    LXDAPIError,
    LXDConflict,
    LXDInputError,
    LXDOperationError,
    LXDPreconditionFailed,
)
from ansible_collections.community.lxd.plugins.module_utils._lxd.transport import Connection
from ansible_collections.community.lxd.tests.unit.plugins.module_utils.fakes import A, B, image_data
from ansible_collections.community.lxd.tests.unit.plugins.module_utils.scripted import (
    OPERATION,
    Clock,
    Script,
    broken,
    error,
    started,
    state,
    sync,
)

WAIT = f"GET {OPERATION}/wait?timeout=10"
AT_A = f"/1.0/images/{A}"


def api(
    *steps: tuple[str, t.Any], project: str | None = None, connection: Connection | None = None
) -> tuple[Script, ImageReader]:
    script = Script(*steps, connection=connection)
    return script, ImageReader(script.client(project))


# settings: PATCH where it can say it, else PUT with everything that it would reset

CURRENT = ImageSettings(False, True, {"k": "v", "l": "w", "ansible.protected": "true"}, "2030-01-01T00:00:00Z", ("p",))
WHOLE = {
    "public": False,
    "auto_update": True,
    "properties": CURRENT.properties,
    "expires_at": "2030-01-01T00:00:00Z",
    "profiles": ["p"],
}


@pytest.mark.parametrize(
    ("change", "method", "body"),
    [
        pytest.param({"public": True}, "PATCH", {"public": True}, id="public"),
        pytest.param(
            {"auto_update": False, "public": True}, "PATCH", {"public": True, "auto_update": False}, id="both"
        ),
        pytest.param(
            {"properties": {**CURRENT.properties, "k": "x", "m": "y"}},
            "PATCH",
            {"properties": {"k": "x", "m": "y"}},
            id="properties",
        ),
        pytest.param(
            {"properties": {"k": "v", "ansible.protected": "true"}},
            "PATCH",
            {"properties": {"l": ""}},
            id="remove a property",
        ),
        pytest.param(
            {"properties": {"n": "1"}},
            "PATCH",
            {"properties": {"n": "1", "k": "", "l": "", "ansible.protected": ""}},
            id="other properties",
        ),
        pytest.param({"expires_at": "never"}, "PUT", {**WHOLE, "expires_at": "1970-01-01T00:00:00Z"}, id="expires_at"),
        pytest.param({"profiles": ()}, "PUT", {**WHOLE, "profiles": []}, id="profiles"),
        pytest.param(
            {"profiles": ("q",), "public": True},
            "PUT",
            {**WHOLE, "profiles": ["q"], "public": True},
            id="profiles and public",
        ),
        pytest.param(
            {"expires_at": "never", "properties": {}},
            "PUT",
            {**WHOLE, "expires_at": "1970-01-01T00:00:00Z", "properties": {}},
            id="all properties",
        ),
    ],
)
def test_settings_request(change: dict[str, t.Any], method: str, body: dict[str, t.Any]) -> None:
    assert settings_request(CURRENT, ImageSettings(**{**CURRENT.__dict__, **change})) == (method, body)


def test_update_is_conditional() -> None:
    script, images = api((f"PATCH {AT_A}?project=p", sync({})), project="p")
    images.writer.update_image(Image.from_api(image_data(A), '"e1"'), ImageSettings(public=True))
    assert script.sent[0]["headers"] == {"If-Match": '"e1"'}
    assert script.sent[0]["json"] == {"public": True}


def test_update_that_lost_the_race() -> None:
    _script, images = api((f"PATCH {AT_A}", error(412, "ETag doesn't match")))
    with pytest.raises(LXDPreconditionFailed, match=f"Cannot update the image {A}"):
        images.writer.update_image(Image.from_api(image_data(A), '"e1"'), ImageSettings(public=True))


# reading images


def test_get_image() -> None:
    _script, images = api((f"GET {AT_A}", sync(image_data(A, ["n"]), ETag='"e1"')))
    image = images.get_image(A)
    assert image is not None and (image.fingerprint, image.etag, list(image.aliases)) == (A, '"e1"', ["n"])


def test_get_image_by_its_beginning() -> None:
    _script, images = api((f"GET /1.0/images/{A[:12]}", sync(image_data(A))))
    image = images.get_image(A[:12])
    assert image is not None and image.fingerprint == A


def test_get_image_that_is_missing() -> None:
    _script, images = api((f"GET {AT_A}", error(404, "Image not found")))
    assert images.get_image(A) is None


@pytest.mark.parametrize("fingerprint", ["", "aaaa", "%" * 12, A.upper()])
def test_no_pattern_reaches_the_server(fingerprint: str) -> None:
    _script, images = api()
    with pytest.raises(LXDInputError):
        images.get_image(fingerprint)


LIST = "GET /1.0/images?recursion=1"


def project_with(*fingerprints: str) -> tuple[str, t.Any]:
    """The project's own list of what it has, which is never cut short."""
    used_by = ["/1.0/instances/c1", "/1.0/images/aliases/x", *(f"/1.0/images/{name}" for name in fingerprints)]
    return "GET /1.0/projects/default", sync({"name": "default", "config": {}, "used_by": used_by})


def test_a_beginning_of_two_images_is_refused() -> None:
    other = A[:40] + "b" * 24
    _script, images = api(
        (f"GET /1.0/images/{A[:12]}", error(500, "More than one image matches")), project_with(other, A, B)
    )
    with pytest.raises(LXDInputError, match=f"'{A[:12]}' is ambiguous: {A}, {other} begin with it. Give more digits"):
        images.get_image(A[:12])


def test_another_error_of_a_beginning_is_that_error() -> None:
    _script, images = api((f"GET /1.0/images/{A[:12]}", error(500, "disk full")), project_with(A))
    with pytest.raises(LXDAPIError, match="disk full"):
        images.get_image(A[:12])


def test_an_answer_about_another_image_is_not_believed() -> None:
    _script, images = api((f"GET {AT_A}", sync(image_data(B))))
    with pytest.raises(LXDAPIError, match=f"returned the image {B}"):
        images.get_image(A)


def test_a_private_image_shows_that_the_client_is_trusted() -> None:
    remote = Connection("https://h", client_cert="c", client_key="k")
    _script, images = api((f"GET {AT_A}", sync(image_data(A))), connection=remote)
    images.get_image(A)
    images.client.require_trusted()
    _script, images = api(
        (f"GET {AT_A}", sync(image_data(A, public=True))), ("GET /1.0", sync({"auth": "untrusted"})), connection=remote
    )
    images.get_image(A)
    with pytest.raises(LXDAPIError, match="does not trust"):
        images.client.require_trusted()


def test_list_images_is_sorted() -> None:
    _script, images = api(project_with(A, B), (LIST, sync([image_data(B), image_data(A)])))
    assert [image.fingerprint for image in images.list_images()] == [A, B]
    _script, images = api(project_with(), (LIST, sync(None)))
    assert images.list_images() == []


def test_what_a_listing_lacks_is_read_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """The listing is an LXD's that has given up after ten seconds; an image is deleted meanwhile, another one comes."""
    monkeypatch.setattr(api_module, "CONNECTIONS", 1)
    gone, new = "c" * 64, "d" * 64
    script, images = api(
        project_with(A, B, gone),
        (LIST, sync([image_data(B), image_data(new)])),
        (f"GET {AT_A}", sync(image_data(A))),
        (f"GET /1.0/images/{gone}", error(404, "gone")),
    )
    assert [image.fingerprint for image in images.list_images()] == [A, B, new]
    assert not script.steps
    assert images.notes == []


@pytest.mark.parametrize("seconds", [1, 10])
def test_a_list_that_nobody_can_check(monkeypatch: pytest.MonkeyPatch, seconds: int) -> None:
    """A project without images of its own, whose images are those of a project that the client may not see."""
    clock = Clock()
    monkeypatch.setattr(api_module, "time", clock)
    steps = [
        ("GET /1.0/projects/p", sync({"name": "p", "config": {"features.images": "false"}})),
        ("GET /1.0/projects/default", error(403, "not authorized")),
        ("GET /1.0/projects?recursion=1", sync([{"name": "p", "config": {}}])),
        ("GET /1.0/images?project=p&recursion=1", sync([image_data(B)])),
    ]
    if seconds == 10:
        steps.append(("GET /1.0/images?project=p", sync([f"/1.0/images/{A}?project=p", f"/1.0/images/{B}?project=p"])))
        steps.append((f"GET {AT_A}?project=p", sync(image_data(A))))
    monkeypatch.setattr(api_module, "CONNECTIONS", 1)
    script, images = api(*steps, project="p")
    ask = script.request

    def slow(method: str, path: str, **kwargs: t.Any) -> t.Any:
        clock.now += seconds
        return ask(method, path, **kwargs)

    script.request = slow  # type: ignore[method-assign]
    assert [image.fingerprint for image in images.list_images()] == ([A, B] if seconds == 10 else [B])
    assert not script.steps
    assert bool(images.notes) is (seconds == 10)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (sync([image_data(A, size=5)]), True),
        (sync([image_data(A, size=6)]), False),
        (sync(None), False),
        (broken(), True),
        (error(500, "no"), True),
    ],
    ids=["one", "none", "empty", "no answer in time", "error"],
)
def test_may_have_size(answer: t.Any, expected: bool) -> None:
    _script, images = api((LIST, answer))
    assert images.may_have_size(5) is expected


# making images


class Files:
    content_type = "application/octet-stream"
    fingerprint = A
    fingerprint_is_known = True
    filename = "demo.tar.gz"

    def __str__(self) -> str:
        return "'/srv/demo.tar.gz'"


def test_import() -> None:
    script, images = api(("POST /1.0/images", started()), (WAIT, state(200, metadata={"fingerprint": A, "size": "5"})))
    files = Files()
    assert images.writer.create_image_from_files(t.cast(t.Any, files)) == A
    assert script.sent[0]["body"] is files
    assert script.sent[0]["headers"] == {
        "Content-Type": "application/octet-stream",
        "X-LXD-fingerprint": A,
        "X-LXD-filename": "demo.tar.gz",
        "X-Incus-fingerprint": A,
        "X-Incus-filename": "demo.tar.gz",
    }


@pytest.mark.parametrize(("filename", "sent"), [("", None), ("Größe", "Größe".encode())])
def test_import_says_only_what_it_knows(filename: str, sent: bytes | None) -> None:
    script, images = api(("POST /1.0/images", started()), (WAIT, state(200, metadata={"fingerprint": A})))
    files = Files()
    files.fingerprint_is_known, files.filename = False, filename
    images.writer.create_image_from_files(t.cast(t.Any, files))
    headers = script.sent[0]["headers"]
    # text goes into a header as Latin-1, and what both servers read is UTF-8
    assert {key: value.encode("latin-1") for key, value in headers.items() if "filename" in key} == (
        {"X-LXD-filename": sent, "X-Incus-filename": sent} if sent else {}
    )
    assert not any("fingerprint" in key for key in headers)


def test_import_that_fails() -> None:
    _script, images = api(("POST /1.0/images", started()), (WAIT, state(400, "Unsupported compression")))
    with pytest.raises(LXDOperationError, match="Cannot import '/srv/demo.tar.gz': Unsupported compression"):
        images.writer.create_image_from_files(t.cast(t.Any, Files()))


@pytest.mark.parametrize(
    ("options", "more"),
    [((None, None), {}), (("xz", "f.tar.xz"), {"compression_algorithm": "xz", "filename": "f.tar.xz"})],
)
def test_publish(options: tuple[t.Any, t.Any], more: dict[str, str]) -> None:
    script, images = api(("POST /1.0/images", started()), (WAIT, state(200, metadata={"fingerprint": A})))
    assert images.writer.publish_image("snapshot", "c1/s0", {"k": "v"}, *options) == A
    assert script.sent[0]["json"] == {
        "source": {"type": "snapshot", "name": "c1/s0"},
        "properties": {"k": "v"},
        "public": False,
        **more,
    }


@pytest.mark.parametrize(
    ("err", "metadata"),
    [("Image with same fingerprint already exists", {"fingerprint": A}), (f"The image already exists: {A}", None)],
    ids=["in the metadata", "in the words"],
)
def test_publishing_what_is_there_takes_it(err: str, metadata: t.Any) -> None:
    _script, images = api(
        ("POST /1.0/images", started()), (WAIT, state(400, err, metadata)), (f"GET {AT_A}", sync(image_data(A)))
    )
    assert images.writer.publish_image("instance", "c1", {}, None, None) == A


@pytest.mark.parametrize(
    "steps", [[], [(f"GET {AT_A}", error(404, "Image not found"))]], ids=["no fingerprint", "no image"]
)
def test_publishing_that_fails(steps: list[tuple[str, t.Any]]) -> None:
    err = f"The image already exists: {A}" if steps else "disk full"
    _script, images = api(("POST /1.0/images", started()), (WAIT, state(400, err)), *steps)
    with pytest.raises(LXDOperationError, match="Cannot publish the instance 'c1'"):
        images.writer.publish_image("instance", "c1", {}, None, None)


# clusters

NOT_SYNCED = "Failed syncing image between nodes: Failed remote image download: connection refused"
WRITES: dict[str, t.Callable[[ImageWriter], str]] = {
    "import": lambda writer: writer.create_image_from_files(t.cast(t.Any, Files())),
    "relay": lambda writer: writer.create_image_from_download(
        Download("application/octet-stream", 1, iter([b"x"])), A, ""
    ),
    "pull": lambda writer: writer.copy_image({}, A, "elsewhere"),
}


@pytest.mark.parametrize("way", WRITES)
def test_an_image_that_a_member_does_not_get_is_stored(way: str) -> None:
    _script, images = api(
        ("POST /1.0/images", started()), (WAIT, state(400, NOT_SYNCED)), (f"GET {AT_A}", sync(image_data(A)))
    )
    assert WRITES[way](images.writer) == A


@pytest.mark.parametrize("way", WRITES)
def test_an_image_that_no_member_has_is_not_stored(way: str) -> None:
    _script, images = api(
        ("POST /1.0/images", started()), (WAIT, state(400, NOT_SYNCED)), (f"GET {AT_A}", error(404, "Image not found"))
    )
    with pytest.raises(LXDOperationError, match="syncing image between"):
        WRITES[way](images.writer)


@pytest.mark.parametrize(
    ("status", "err", "named"),
    (
        ("Online", "failed to notify peer 10.0.0.3:8443: connection refused", "and 'three' cannot be reached"),
        ("Offline", "peer node 10.0.0.3:8443 is down", "and 'three' cannot be reached"),
        ("Offline", "the database has no room", None),
    ),
)
def test_a_member_that_does_not_let_an_image_be_deleted(status: str, err: str, named: str | None) -> None:
    members = [
        {"server_name": "one", "status": "Online", "url": "https://10.0.0.1:8443"},
        {"server_name": "three", "status": status, "url": "https://10.0.0.3:8443"},
    ]
    steps = [("GET /1.0/cluster/members?recursion=1", sync(members))] if named else []
    _script, images = api(
        (f"DELETE {AT_A}", started()), (WAIT, state(400, err)), (f"GET {AT_A}", sync(image_data(A))), *steps
    )
    with pytest.raises(LXDOperationError, match=re.escape(err)) as raised:
        images.writer.delete_image(A)
    assert (named or "") in str(raised.value) and ("cluster" in str(raised.value)) == bool(named)


def test_members_that_may_not_be_listed_are_not_named() -> None:
    err = "failed to notify peer 10.0.0.3:8443: connection refused"
    _script, images = api(
        (f"DELETE {AT_A}", started()),
        (WAIT, state(400, err)),
        (f"GET {AT_A}", sync(image_data(A))),
        ("GET /1.0/cluster/members?recursion=1", error(403, "not authorized")),
    )
    with pytest.raises(LXDOperationError, match="connection refused$"):
        images.writer.delete_image(A)


@pytest.mark.parametrize(
    ("listed", "named"),
    (
        ({"name": "c1", "status": "Error", "location": "three"}, "on the cluster member 'three', which cannot be"),
        ({"name": "c1", "status": "Running", "location": "three"}, ""),
        ({"name": "c2", "status": "Error", "location": "three"}, ""),
        # of a server that is no cluster
        ({"name": "c1", "status": "Error", "location": ""}, ""),
        (None, ""),
    ),
)
def test_an_instance_on_a_member_that_cannot_be_reached(listed: dict[str, str] | None, named: str) -> None:
    answer = sync([{"name": "c0"}, listed]) if listed else error(403, "not authorized")
    _script, images = api(
        ("GET /1.0/instances/c1", error(503, "Server isn't ready yet")), ("GET /1.0/instances?recursion=2", answer)
    )
    with pytest.raises(LXDAPIError, match="isn't ready yet") as raised, naming_member(images, "c1"):
        images.get_instance("c1")
    assert named in str(raised.value) and ("cluster" in str(raised.value)) == bool(named)


def test_what_another_client_has_changed_has_nothing_to_do_with_a_member() -> None:
    _script, images = api()
    with pytest.raises(LXDConflict), naming_member(images, "c1"):
        raise LXDConflict("it exists", 409)


# deleting images


@pytest.mark.parametrize(
    "steps",
    [
        pytest.param([(f"DELETE {AT_A}", started()), (WAIT, state(200))], id="there"),
        pytest.param([(f"DELETE {AT_A}", error(404, "Image not found"))], id="gone"),
        pytest.param(
            [(f"DELETE {AT_A}", started()), (WAIT, state(400, "Image not found")), (f"GET {AT_A}", error(404, "gone"))],
            id="gone meanwhile",
        ),
    ],
)
def test_delete(steps: list[tuple[str, t.Any]]) -> None:
    script, images = api(*steps)
    images.writer.delete_image(A)
    assert not script.steps


def test_delete_that_fails() -> None:
    _script, images = api(
        (f"DELETE {AT_A}", started()), (WAIT, state(400, "in use")), (f"GET {AT_A}", sync(image_data(A)))
    )
    with pytest.raises(LXDOperationError, match="in use"):
        images.writer.delete_image(A)


@pytest.mark.parametrize("fingerprint", [A[:12], A[:63], "%"])
def test_only_a_full_fingerprint_is_deleted(fingerprint: str) -> None:
    _script, images = api()
    with pytest.raises(LXDInputError, match="full fingerprint"):
        images.writer.delete_image(fingerprint)


# aliases

N = "/1.0/images/aliases/a%2Fb"


def test_get_alias() -> None:
    _script, images = api(
        (f"GET {N}", sync({"name": "a/b", "target": A, "description": None, "type": "container"}, ETag='"e"')),
        (f"GET {N}", error(404, "no")),
    )
    assert images.get_alias("a/b") == Alias("a/b", A, "", "container", '"e"')
    assert images.get_alias("a/b") is None


def test_create_alias() -> None:
    script, images = api(
        ("POST /1.0/images/aliases", sync(None, 201)), ("POST /1.0/images/aliases", error(409, "exists"))
    )
    images.writer.create_alias("a/b", A, "d")
    assert script.sent[0]["json"] == {"name": "a/b", "target": A, "description": "d"}
    with pytest.raises(LXDConflict, match="Cannot create the alias 'a/b': exists"):
        images.writer.create_alias("a/b", A, "d")


def test_an_alias_that_no_url_can_say_is_not_made() -> None:
    _script, images = api()
    with pytest.raises(LXDInputError):
        images.writer.create_alias("..", A, "")


def test_update_alias_writes_both_fields_at_once() -> None:
    script, images = api((f"PUT {N}", sync({})))
    images.writer.update_alias(Alias("a/b", A, "old", etag='"e"'), B, "d")
    assert script.sent[0]["json"] == {"target": B, "description": "d"}
    assert script.sent[0]["headers"] == {"If-Match": '"e"'}


@pytest.mark.parametrize("answer", [sync({}), error(404, "Image alias not found")], ids=["there", "gone"])
def test_delete_alias(answer: t.Any) -> None:
    script, images = api((f"DELETE {N}", answer))
    images.writer.delete_alias("a/b")
    assert not script.steps


# the rest


def test_instances() -> None:
    _script, images = api(
        ("GET /1.0/instances/c1?project=p", sync({"status_code": 103, "ephemeral": True})),
        ("GET /1.0/instances/c1/snapshots/s0?project=p", sync({})),
        ("GET /1.0/instances/c2?project=p", error(404, "Instance not found")),
        project="p",
    )
    instance, snapshot = images.get_instance("c1"), images.get_snapshot("c1/s0")
    assert instance is not None and (instance.running, instance.ephemeral) == (True, True)
    assert snapshot is not None and not snapshot.running
    assert images.get_instance("c2") is None


def test_instances_of_all_projects_or_of_one() -> None:
    _script, images = api(("GET /1.0/instances?all-projects=true&recursion=2", sync([{"name": "c1"}])), project="p")
    assert images.list_instances(all_projects=True) == [{"name": "c1"}]
    _script, images = api(("GET /1.0/instances?project=p&recursion=2", sync(None)), project="p")
    assert images.list_instances() == []


def test_instance_state() -> None:
    script, images = api(("PUT /1.0/instances/c1/state", started()), (WAIT, state(200)))
    images.writer.set_instance_state("c1", "stop", 30, force=True)
    assert script.sent[0]["json"] == {"action": "stop", "timeout": 30, "force": True}


def test_projects_that_have_images() -> None:
    projects = [
        {"name": "z", "config": {"features.images": "true"}},
        {"name": "shared", "config": {"features.images": "false"}},
        {"name": "old", "config": None},
        {"name": "default", "config": {}},
    ]
    _script, images = api(("GET /1.0/projects?recursion=1", sync(projects)))
    assert list(images.list_projects().items()) == [
        ("default", Project(True)),
        ("old", Project(False)),
        ("shared", Project(False)),
        ("z", Project(True)),
    ]


@pytest.mark.parametrize(("answer", "expected"), [(sync({}), True), (error(404, "no"), False)])
def test_what_exists(answer: t.Any, expected: bool) -> None:
    _script, images = api(("GET /1.0/profiles/a%20b?project=p", answer), project="p")
    assert images.has_profile("a b") is expected


def test_in_project() -> None:
    _script, images = api(("GET /1.0/projects/p2", sync({"config": {"features.images": "true"}})), project="p1")
    assert images.in_project("p2").has_own_images() is True
    assert images.client.project == "p1"
