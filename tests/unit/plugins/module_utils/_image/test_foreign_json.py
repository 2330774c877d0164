# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whatever JSON or YAML others send: it is used, or refused by an LXDError. LXD_TEST_WHOLE in the environment: ten times as many examples."""

from __future__ import annotations

import copy
import json
import os
import pathlib
import typing as t
from datetime import datetime, timezone
from unittest import mock

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ansible_collections.community.lxd.plugins.module_utils._image.desired_image import ImageSource
from ansible_collections.community.lxd.plugins.module_utils._image.image_reader import ImageReader
from ansible_collections.community.lxd.plugins.module_utils._image.plan.selection import (
    InfoQuery,
    Selector,
    parse_filter,
)
from ansible_collections.community.lxd.plugins.module_utils._image.reading.usage import UsageReader
from ansible_collections.community.lxd.plugins.module_utils._image.sources.simplestreams import SimplestreamsContent
from ansible_collections.community.lxd.plugins.module_utils._image.tasks.info_simplestreams import (
    run_info_simplestreams,
)
from ansible_collections.community.lxd.plugins.module_utils._image.tasks.update_check import source_of
from ansible_collections.community.lxd.plugins.module_utils._lxd.errors import LXDAPIError, LXDError, LXDInputError
from ansible_collections.community.lxd.plugins.module_utils._lxd.http_files import HttpFiles
from ansible_collections.community.lxd.plugins.module_utils._lxd.remotes import Remote, find_remote, parse_remotes
from ansible_collections.community.lxd.plugins.module_utils._lxd.transport import Connection
from ansible_collections.community.lxd.tests.unit.plugins.module_utils.fakes import A, image_data
from ansible_collections.community.lxd.tests.unit.plugins.module_utils.scripted import OPERATION, answer

EXAMPLES = 2000 if os.environ.get("LXD_TEST_WHOLE") else 200
random_json = settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    derandomize=EXAMPLES == 200,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
NOW = datetime(2026, 11, 26, tzinfo=timezone.utc)
SERVER = "https://user:secret@images.example.com/tree"
SHOWN = "https://images.example.com/tree"

KEYS = st.sampled_from(
    [
        "index",
        "products",
        "versions",
        "items",
        "path",
        "datatype",
        "ftype",
        "aliases",
        "arch",
        "support_eol",
        "metadata",
        "fingerprint",
        "name",
        "config",
    ]
)
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(
        [
            "TBD",
            "image-downloads",
            "lxd.tar.xz",
            "squashfs",
            "20260101",
            "20269999",
            "2026-13-45",
            "../x",
            "\ud800",
            "\0",
            A,
        ]
    ),
)
json_shapes = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.one_of(KEYS, st.text(max_size=5)), inner, max_size=4)
    ),
    max_leaves=12,
)


def places(document: t.Any, path: tuple[t.Any, ...] = ()) -> t.Iterator[tuple[t.Any, ...]]:
    """Where something is in a document: the keys on the way to it."""
    yield path
    items: t.Iterable[tuple[t.Any, t.Any]] = (
        document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    )
    for key, value in items:
        yield from places(value, (*path, key))


def mutated(document: t.Any, path: tuple[t.Any, ...], value: t.Any, remove: bool = False) -> t.Any:
    """The document with something else, or nothing, in one place."""
    if not path:
        return value
    document = copy.deepcopy(document)
    parent = document
    for key in path[:-1]:
        parent = parent[key]
    if remove:
        del parent[path[-1]]
    else:
        parent[path[-1]] = value
    return document


def variants(document: t.Any) -> st.SearchStrategy[t.Any]:
    """Anything; or the document with one place changed."""
    changed = st.builds(mutated, st.just(document), st.sampled_from(list(places(document))), json_shapes, st.booleans())
    return st.one_of(json_shapes, changed, changed, changed)


INDEX = {
    "format": "index:1.0",
    "index": {"images": {"datatype": "image-downloads", "path": "streams/v1/images.json", "products": ["p"]}},
}
PRODUCTS = {
    "products": {
        "debian:12:amd64": {
            "aliases": "debian/12, debian",
            "arch": "amd64",
            "os": "Debian",
            "release": "bookworm",
            "release_title": "12",
            "variant": "default",
            "support_eol": "2028-06-30",
            "lxd_requirements": {"secureboot": "false"},
            "requirements": {},
            "versions": {
                "20260101_01:00": {
                    "label": "release",
                    "items": {
                        "lxd.tar.xz": {
                            "ftype": "lxd.tar.xz",
                            "path": "a/lxd.tar.xz",
                            "sha256": "1" * 64,
                            "size": 7,
                            "combined_squashfs_sha256": A,
                        },
                        "root.squashfs": {"ftype": "squashfs", "path": "a/root", "sha256": "2" * 64, "size": "9"},
                        "incus": {"ftype": "incus_combined.tar.gz", "path": "a/incus", "sha256": "3" * 64, "size": 7},
                    },
                }
            },
        }
    }
}
IMAGE = {
    **image_data(
        A,
        ["demo"],
        {"source": json.dumps({"type": "image", "server": SHOWN, "alias": "debian"})},
        properties={"os": "Debian"},
    ),
    "update_source": {"server": SHOWN, "protocol": "simplestreams", "alias": "debian", "certificate": ""},
    "size": 5,
    "created_at": "2026-01-01T00:00:00Z",
    "last_used_at": "0001-01-01T00:00:00Z",
    "filename": "x",
}
INSTANCE = {
    "name": "c1",
    "project": "default",
    "status_code": 102,
    "location": "none",
    "ephemeral": False,
    "created_at": "2026-01-01T00:00:00Z",
    "config": {"volatile.base_image": A, "image.os": "Debian"},
    "expanded_config": {},
    "snapshots": [{"name": "c1/snap0", "config": {"volatile.base_image": A}}],
}
SERVER_INFO = {
    "auth": "trusted",
    "api_extensions": ["projects"],
    "environment": {
        "server": "lxd",
        "server_version": "5.0.2",
        "architectures": ["x86_64"],
        "certificate": "PEM",
        "addresses": ["10.0.0.1:8443"],
    },
}
RUNNING = {"running": [{"id": "6f1d", "class": "task", "status_code": 103, "resources": {"images": ["/1.0/images/x"]}}]}
SECRET = {
    "id": "6f1d",
    "metadata": {"secret": "s3cret"},
    "status_code": 103,
    "status": "Running",
    "class": "token",
    "err": "",
}
DONE = {
    "id": "6f1d",
    "metadata": {"fingerprint": A, "download_progress": "5%"},
    "status_code": 200,
    "status": "Success",
    "err": "",
    "may_cancel": True,
}
FAILED = {**DONE, "status_code": 400, "status": "Failure", "err": "no space"}


# simplestreams servers


def streams(index: t.Any, products: t.Any, source: ImageSource | None = None) -> SimplestreamsContent:
    """An upstream whose server answers with these two."""
    upstream = SimplestreamsContent(
        source or ImageSource(server=SERVER, protocol="simplestreams", alias="debian"), "lxd", "x86_64", 60
    )
    upstream._files = t.cast(
        HttpFiles, mock.Mock(get_json=lambda url: index if url.endswith("index.json") else products)
    )
    return upstream


def use_streams(index: t.Any, products: t.Any) -> None:
    """All that the collection does with what a simplestreams server says."""

    def get_json(web: HttpFiles, url: str) -> t.Any:
        return index if url.endswith("index.json") else products

    for kind in (None, "virtual-machine"):
        upstream = streams(index, products, ImageSource(server=SERVER, alias="debian", image_type=kind))
        try:
            image = upstream.find()
            json.dumps([image.properties, image.aliases])
            with upstream.download(image) as download:
                assert download.size is None or download.size >= 0
        except LXDError as exc:
            assert "secret" not in str(exc)
    with mock.patch.object(HttpFiles, "get_json", get_json):
        try:
            run_info_simplestreams(
                Remote("r", SERVER, "simplestreams"), InfoQuery(Selector(expired=False, properties={"os": "~D.*"})), 60
            )
        except LXDError as exc:
            assert "secret" not in str(exc)


def test_what_is_varied_is_of_use_as_it_is() -> None:
    image = streams(INDEX, PRODUCTS).find()
    assert (image.fingerprint, image.expires_at, list(image.aliases)) == (
        A,
        "2028-06-30T00:00:00Z",
        ["debian/12", "debian"],
    )
    assert [file.size for file in image.files] == [7, 9]


@random_json
@given(variants(INDEX))
def test_any_index(index: t.Any) -> None:
    use_streams(index, PRODUCTS)


@random_json
@given(variants(PRODUCTS))
def test_any_products(products: t.Any) -> None:
    use_streams(INDEX, products)


@pytest.mark.parametrize(
    ("index", "products", "message"),
    [
        ([], PRODUCTS, f"Cannot use {SHOWN}/streams/v1/index.json: it is a list, but must be an object."),
        (None, PRODUCTS, f"Cannot use {SHOWN}/streams/v1/index.json: it is null, but must be an object."),
        (
            {"index": "x"},
            PRODUCTS,
            f"Cannot use {SHOWN}/streams/v1/index.json: its 'index' is text, but must be an object.",
        ),
        (
            mutated(INDEX, ("index", "images", "path"), None, remove=True),
            PRODUCTS,
            f"Cannot use {SHOWN}/streams/v1/index.json: its 'path' is missing, but must be text.",
        ),
        (
            mutated(INDEX, ("index", "images", "path"), 5),
            PRODUCTS,
            f"Cannot use {SHOWN}/streams/v1/index.json: its 'path' is a number, but must be text.",
        ),
        (INDEX, [], f"Cannot use {SHOWN}/streams/v1/images.json: it is a list, but must be an object."),
        (
            INDEX,
            {"products": True},
            f"Cannot use {SHOWN}/streams/v1/images.json: its 'products' is a boolean, but must be an object.",
        ),
    ],
    ids=str,
)
def test_what_is_needed_and_broken_is_named(index: t.Any, products: t.Any, message: str) -> None:
    with pytest.raises(LXDAPIError) as caught:
        streams(index, products).find()
    assert str(caught.value) == message


PRODUCT = ("products", "debian:12:amd64")
VERSIONS = (*PRODUCT, "versions")
ITEMS = (*VERSIONS, "20260101_01:00", "items")


@pytest.mark.parametrize(
    ("place", "value", "expected"),
    [
        ((*PRODUCT, "support_eol"), "TBD", {"expires_at": "never"}),
        ((*PRODUCT, "support_eol"), 2028, {"expires_at": "never"}),
        ((*PRODUCT, "lxd_requirements"), ["secureboot"], {"fingerprint": A}),
        ((*PRODUCT, "os"), {"name": "Debian"}, {"fingerprint": A}),
        ((*ITEMS, "root.squashfs", "size"), "many", {"fingerprint": A}),
        ((*ITEMS, "other"), [], {"fingerprint": A}),
        ((*ITEMS, "other"), {"ftype": ["squashfs"]}, {"fingerprint": A}),
        ((*VERSIONS, "20270101"), None, {"fingerprint": A}),
        (("products", "broken"), 7, {"fingerprint": A}),
    ],
    ids=str,
)
def test_what_is_not_needed_is_ignored(place: tuple[str, ...], value: t.Any, expected: dict[str, str]) -> None:
    image = streams(INDEX, mutated(PRODUCTS, place, value)).find()
    assert {key: getattr(image, key) for key in expected} == expected


def test_a_list_that_could_not_be_read_is_not_taken_for_an_empty_one() -> None:
    upstream = streams(INDEX, [])
    for _time in range(2):
        with pytest.raises(LXDAPIError, match="must be an object"):
            upstream.find()


# LXD and Incus servers


class Saying:
    """A transport to a server that gives the same answer to everything, or that of the first key with which the path ends."""

    def __init__(self, envelope: t.Any, others: t.Mapping[str, t.Any] | None = None) -> None:
        self.connection = Connection("unix:/run/test.socket", timeout=0.01)
        self.envelope, self.others = envelope, others or {}

    def request(self, method: str, path: str, **_kwargs: t.Any) -> t.Any:
        return answer(next((body for end, body in self.others.items() if path.endswith(end)), self.envelope))

    def api(self) -> ImageReader:
        from ansible_collections.community.lxd.plugins.module_utils._lxd.client import Client

        return ImageReader(Client(t.cast(t.Any, self)))


def sync(metadata: t.Any) -> dict[str, t.Any]:
    return {"type": "sync", "status_code": 200, "operation": "", "error_code": 0, "error": "", "metadata": metadata}


def use_image(api: ImageReader) -> None:
    for image in (api.get_image(A), *api.list_images()):
        if image is None:
            continue
        json.dumps(image.to_result(), sort_keys=True)
        selector = Selector(
            properties={"os": "~D.*"},
            expired=False,
            older_than=NOW - NOW,
            type="container",
            filter=parse_filter("properties.os eq Debian"),
        )
        selector.matches(image, NOW)
        source_of(image)
        assert image.inactive_state is None or image.inactive_state.aliases is not None
        assert not image.protected
        assert all(alias.name for alias in image.list_aliases())


def use_alias(api: ImageReader) -> None:
    alias = api.get_alias("demo")
    if alias:
        json.dumps(alias.to_result())


def use_instances(api: ImageReader) -> None:
    for instance in (api.get_instance("c1"), api.get_snapshot("c1/snap0")):
        assert instance is None or instance.made_from
    api.list_instances()


def use_usage(api: ImageReader) -> None:
    UsageReader(api).read(api).of(A)


def use_projects(api: ImageReader) -> None:
    api.list_projects()
    api.has_own_images()


def use_server(api: ImageReader) -> None:
    server = api.client.server()
    hash(server)
    assert server.vendor is None or isinstance(server.vendor, str)
    find_remote("images", lambda: server.vendor, {}, "/nowhere")


def use_secret(api: ImageReader) -> None:
    api.has_secret(OPERATION)
    api.writer.create_secret(A)
    api.writer.create_push_secret(A, api.get_image(A).settings)  # type: ignore[union-attr]


def write(api: ImageReader) -> None:
    api.writer.publish_image("instance", "c1", {}, None, None)
    api.writer.copy_image({}, A, None)
    api.writer.delete_image(A)


USES: dict[str, tuple[t.Any, t.Callable[[ImageReader], object]]] = {
    "an image": (sync(IMAGE), use_image),
    "images": (sync([IMAGE]), use_image),
    "fingerprints": (sync([f"/1.0/images/{A}"]), lambda api: api.list_fingerprints()),
    "sizes": (sync([IMAGE]), lambda api: api.may_have_size(5)),
    "an alias": (sync({"name": "demo", "target": A, "description": "", "type": "container"}), use_alias),
    "an instance": (sync(INSTANCE), use_instances),
    "instances": (sync([INSTANCE]), lambda api: api.list_instances()),
    "projects": (
        sync([{"name": "default", "config": {}}, {"name": "p", "config": {"features.images": "true"}}]),
        use_projects,
    ),
    "a project": (
        sync({"name": "p", "config": {"features.images": "true"}}),
        lambda api: api.in_project("p").has_own_images(),
    ),
    "the server": (sync(SERVER_INFO), use_server),
    "running operations": (sync(RUNNING), lambda api: api.client.settle()),
    "a secret": ({"type": "async", "operation": OPERATION, "metadata": SECRET}, use_secret),
    "a write": ({"type": "async", "operation": OPERATION, "metadata": {}}, write),
    "an error": ({"type": "error", "error": "no", "error_code": 400, "metadata": None}, use_alias),
}


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _seconds: None)


@pytest.mark.parametrize("about", USES)
def test_any_answer(about: str) -> None:
    envelope, use = USES[about]

    @random_json
    @given(
        st.one_of(
            variants(envelope),
            st.builds(lambda metadata: {**envelope, "metadata": metadata}, variants(envelope["metadata"])),
        )
    )
    def check(said: t.Any) -> None:
        try:
            use(Saying(said, {"/wait": sync(DONE)}).api())
        except LXDError as exc:
            assert str(exc)

    check()


@random_json
@given(
    st.one_of(variants(sync(INSTANCE)), variants(sync([INSTANCE]))),
    variants(sync([{"name": "p", "config": {"features.images": "true"}}])),
)
def test_any_usage(instances: t.Any, projects: t.Any) -> None:
    try:
        use_usage(Saying(instances, {"/projects": projects}).api())
    except LXDError as exc:
        assert str(exc)


@random_json
@given(st.one_of(variants(sync(DONE)), variants(sync(FAILED))))
def test_any_operation(said: t.Any) -> None:
    try:
        write(Saying({"type": "async", "operation": OPERATION, "metadata": {}}, {OPERATION: said, "/wait": said}).api())
    except LXDError as exc:
        assert str(exc)


@pytest.mark.parametrize(
    ("about", "metadata", "message"),
    [
        (
            "an image",
            None,
            f"Cannot use the server's answer to GET /1.0/images/{A}: it is null, but must be an object.",
        ),
        (
            "an image",
            [],
            f"Cannot use the server's answer to GET /1.0/images/{A}: it is a list, but must be an object.",
        ),
        (
            "an alias",
            {"name": "demo"},
            "Cannot use the server's answer to GET /1.0/images/aliases/demo: its 'target' is missing, but must be text.",
        ),
        (
            "an alias",
            {"name": "demo", "target": ""},
            "Cannot use the server's answer to GET /1.0/images/aliases/demo: its 'target' is missing, but must be text.",
        ),
        (
            "fingerprints",
            [1],
            "Cannot use the server's answer to GET /1.0/images: an entry of it is a number, but must be text.",
        ),
        (
            "instances",
            {"a": 1},
            "Cannot use the server's answer to GET /1.0/instances: it is an object, but must be a list.",
        ),
        (
            "instances",
            [{"name": "c1", "snapshots": [7]}],
            "Cannot use the server's answer to GET /1.0/instances: an entry of its 'snapshots' is a number, but must be an object.",
        ),
        (
            "projects",
            [None],
            "Cannot use the server's answer to GET /1.0/projects: an entry of it is null, but must be an object.",
        ),
        ("the server", None, "Cannot use the server's answer to GET /1.0: it is null, but must be an object."),
        (
            "a project",
            {"config": "x"},
            "Cannot use the server's answer to GET /1.0/projects/p: its 'config' is text, but must be an object.",
        ),
    ],
    ids=str,
)
def test_what_is_needed_of_an_answer_is_named(about: str, metadata: t.Any, message: str) -> None:
    with pytest.raises(LXDAPIError) as caught:
        USES[about][1](Saying(sync(metadata)).api())
    assert str(caught.value) == message


def test_half_a_character_in_a_name_that_is_to_be_asked_for() -> None:
    api = Saying(sync({"running": [{"id": "\ud800", "class": "task", "status_code": 103}]})).api()
    with mock.patch.object(api.client, "timeout", 0.001):
        api.client.settle()
    with pytest.raises(LXDInputError, match="not valid Unicode"):
        api.writer.client.wait("\ud800", "copy the image")


def test_lists_that_are_null_are_empty() -> None:
    api = Saying(sync(None)).api()
    assert (api.list_fingerprints(), api.list_instances(), api.list_projects()) == ([], [], {})


def test_an_image_keeps_what_can_be_read() -> None:
    odd = {
        **IMAGE,
        "expires_at": "someday",
        "aliases": [{"name": "a"}, {}, None],
        "profiles": None,
        "properties": {"os": "x", "n": 5},
        "size": "big",
        "new": [1],
    }
    image = Saying(sync(odd)).api().get_image(A)
    assert image is not None
    result = image.to_result()
    assert (result["expires_at"], result["aliases"], result["profiles"]) == (
        "never",
        [{"name": "a", "description": ""}],
        [],
    )
    assert (result["properties"], result["new"], "size" in result) == ({"os": "x"}, [1], False)


# the clients' configuration

CONFIG = {
    "default-remote": "local",
    "remotes": {
        "a": {"addr": "https://a.example.com:8443", "protocol": "lxd", "project": "p", "public": False},
        "b": {"addr": "https://b.example.com", "protocol": "simplestreams"},
    },
}


@random_json
@given(
    st.one_of(
        st.builds(lambda value: json.dumps(value).encode(), variants(CONFIG)),
        st.binary(max_size=40),
        st.text(st.sampled_from("remotes:a !&*<>[]{}|-'\"\\#%@`\n,?intboolnulltimestamp~0"), max_size=60).map(
            lambda text: f"remotes:\n  a: {text}".encode()
        ),
        st.sampled_from(
            ["int", "bool", "float", "timestamp", "binary", "omap", "pairs", "set", "null", "seq", "map", "str"]
        ).flatmap(
            lambda tag: st.builds(lambda value: f"remotes: {{a: !!{tag} {json.dumps(value)}}}".encode(), json_shapes)
        ),
    )
)
def test_any_configuration(data: bytes) -> None:
    home = "/nowhere"
    try:
        parse_remotes(data, f"{home}/.config/lxc/config.yml")
    except LXDInputError as exc:
        assert f"{home}/.config/lxc/config.yml" in str(exc)
    read = mock.mock_open(read_data=data)
    for name in ("a", "b", "images", "local"):
        with mock.patch("builtins.open", read):
            try:
                find_remote(name, lambda: "lxd", {"LXD_CONF": home}, home)
            except LXDInputError as exc:
                assert home in str(exc) or "is not found in the client configuration" in str(exc)


def test_a_configuration_on_disk(tmp_path: pathlib.Path) -> None:
    (tmp_path / "config.yml").write_text(json.dumps(CONFIG), encoding="utf-8")
    assert (
        find_remote("a", lambda: None, {"LXD_CONF": str(tmp_path)}, "/nowhere").address == "https://a.example.com:8443"
    )
