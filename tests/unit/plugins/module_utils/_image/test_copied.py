# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import hashlib
import itertools
import typing as t
from unittest import mock
from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.community.lxd.plugins.module_utils._image.actions import CreateImage
from ansible_collections.community.lxd.plugins.module_utils._image.desired_image import (
    ImageSource,
    SettingsChange,
    UrlSource,
)
from ansible_collections.community.lxd.plugins.module_utils._image.image_reader import ImageReader
from ansible_collections.community.lxd.plugins.module_utils._image.model import OfferedImage
from ansible_collections.community.lxd.plugins.module_utils._image.sources.copied import (
    CopiedContent,
    Download,
    may_be_unreachable,
    pull_settings_body,
)
from ansible_collections.community.lxd.plugins.module_utils._image.sources.remote import pull_source_body
from ansible_collections.community.lxd.plugins.module_utils._image.sources.server import ServerContent
from ansible_collections.community.lxd.plugins.module_utils._image.sources.simplestreams import (
    SimplestreamsContent,
    cache_busting_url,
)
from ansible_collections.community.lxd.plugins.module_utils._image.sources.simplestreams_index import StreamFile
from ansible_collections.community.lxd.plugins.module_utils._image.sources.url import UrlContent
from ansible_collections.community.lxd.plugins.module_utils._lxd.errors import (
    LXDAPIError,
    LXDError,
    LXDInputError,
    LXDOperationError,
    LXDStateChanged,
)
from ansible_collections.community.lxd.plugins.module_utils._lxd.transport import Connection
from ansible_collections.community.lxd.tests.unit.plugins.module_utils.fakes import A, image_data
from ansible_collections.community.lxd.tests.unit.plugins.module_utils.scripted import (
    OPERATION,
    Script,
    answer,
    error,
    started,
    state,
    sync,
)

PEM = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
TREE = "https://images.example.com/tree"
SOURCE = "https://source:8443"
TARGET = "https://target:8443"

POST = "POST /1.0/images"
WAIT = f"GET {OPERATION}/wait?timeout=10"
GET = f"GET /1.0/images/{A}"
UNREACHABLE = 'Get "https://127.0.0.1:1/1.0": Unable to connect to: 127.0.0.1:1 ([dial tcp 127.0.0.1:1: connect: connection refused])'


def failed(words: str) -> tuple[str, t.Any]:
    return WAIT, state(400, words)


def done() -> tuple[str, t.Any]:
    return WAIT, state(200, metadata={"fingerprint": A})


def absent() -> tuple[str, t.Any]:
    return GET, error(404, "not found")


def info(
    vendor: str = "lxd", trusted: bool = True, addresses: t.Sequence[str] = ("10.0.0.1:8443",)
) -> tuple[str, t.Any]:
    environment = {
        "server": vendor,
        "server_version": "5.0.2",
        "architectures": ["x86_64"],
        "certificate": PEM,
        "addresses": list(addresses),
    }
    return "GET /1.0", sync(
        {"auth": "trusted" if trusted else "untrusted", "environment": environment, "api_extensions": []}
    )


class Reading(Script):
    """Takes what is sent, as a server does."""

    def request(self, method: str, path: str, **kwargs: t.Any) -> t.Any:
        if kwargs.get("body") is not None:
            kwargs = {**kwargs, "body": b"".join(kwargs["body"])}
        return super().request(method, path, **kwargs)


def target(*steps: tuple[str, t.Any], url: str = "unix:/run/test.socket") -> tuple[Script, ImageReader]:
    script = Reading(*steps, connection=Connection(url, timeout=60.0))
    return script, ImageReader(script.client())


def server(*steps: tuple[str, t.Any], url: str = SOURCE, **source: t.Any) -> ServerContent:
    """Another server that answers this."""
    upstream = ServerContent(ImageSource(**{"server": url, "protocol": "lxd", "alias": "demo", **source}), 60.0)
    upstream.reader = ImageReader(Script(*steps, connection=Connection(url, timeout=60.0)).client())
    return upstream


def streams(server: str = TREE, **source: t.Any) -> SimplestreamsContent:
    """A simplestreams server whose files all have the content ``bytes``."""
    upstream = SimplestreamsContent(
        ImageSource(**{"server": server, "protocol": "simplestreams", "alias": "demo", **source}), "lxd", "x86_64", 60.0
    )
    stream = mock.MagicMock()
    stream.return_value.__enter__.return_value = (5, [b"by", b"tes"])
    upstream._files = mock.Mock(get_json=lambda _url: {}, stream=stream)
    return upstream


def url(api: ImageReader, address: str = "https://example.com/image", **headers: str) -> UrlContent:
    upstream = UrlContent(UrlSource(address), api.client)
    upstream._http = mock.Mock(head=lambda _url, _headers: headers)
    return upstream


def image(**fields: t.Any) -> OfferedImage:
    return OfferedImage(**{"fingerprint": A, "type": "container", "architecture": "x86_64", **fields})


def copy_image(
    api: ImageReader, content: CopiedContent, offered: OfferedImage, settings: SettingsChange
) -> tuple[str, SettingsChange]:
    return content.create(api.writer, CreateImage("copy", settings, offered.fingerprint, offered=offered))


# what is refused before anything is created


def split_image() -> tuple[str, t.Any]:
    return f"GET /1.0/images/{A}/export", answer(b"", headers={"Content-Type": "multipart/form-data; boundary=x"})


@pytest.mark.parametrize(
    ("upstream", "words"),
    [
        (
            lambda: server(url="unix:/run/other.socket", mode="pull"),
            "requires a source that the target can reach over the network",
        ),
        (
            lambda: server(url="unix:/run/other.socket", mode="pull", remote="local"),
            "but 'local' is a socket of the managed node",
        ),
        (
            lambda: streams("https://user:hunter2@images.example.com", mode="pull"),
            "https://images.example.com can only be copied from with the 'mode' relay",
        ),
        (
            lambda: streams("https://images.example.com?key=signature", mode="pull"),
            "can only be copied from with the 'mode' relay",
        ),
        (lambda: server(mode="push", secret="s", fingerprint=A), "requires a client that the source server trusts"),
        (lambda: server(info(trusted=False), mode="push"), "requires a client that https://source:8443 trusts"),
        (lambda: server(info("incus"), mode="push"), "not from incus to lxd"),
        (lambda: server(info(), split_image(), mode="push"), "a virtual machine in two files arrives as a container"),
    ],
)
def test_a_mode_that_can_not_work_is_refused(upstream: t.Callable[[], CopiedContent], words: str) -> None:
    _script, api = target(info())
    with pytest.raises(LXDInputError) as caught:
        upstream().check_transfer(api, image(type="virtual-machine"))
    assert words in str(caught.value)
    assert "hunter2" not in str(caught.value) and "signature" not in str(caught.value)


def test_a_push_needs_a_target_on_the_network() -> None:
    _script, api = target(info(addresses=()))
    with pytest.raises(LXDInputError, match="core.https_address"):
        server(info(), mode="push").check_transfer(api, image())


@pytest.mark.parametrize(
    "upstream",
    [
        lambda: server(mode="auto"),
        lambda: server(mode="pull"),
        lambda: server(mode="relay"),
        lambda: server(info(), mode="push"),
        lambda: server(url="unix:/run/other.socket", mode="auto"),
        lambda: server(url="unix:/run/other.socket", mode="relay"),
        lambda: streams(mode="pull"),
        lambda: streams("https://user:hunter2@images.example.com", mode="auto"),
        lambda: streams("https://user:hunter2@images.example.com", mode="relay"),
    ],
)
def test_a_mode_that_can_work_is_not(upstream: t.Callable[[], CopiedContent]) -> None:
    _script, api = target(info())
    upstream().check_transfer(api, image())


def test_a_unified_virtual_machine_can_be_pushed() -> None:
    _script, api = target(info())
    export = f"GET /1.0/images/{A}/export", answer(b"", headers={"Content-Type": "application/octet-stream"})
    server(info(), export, mode="push").check_transfer(api, image(type="virtual-machine"))


# what a pull says


@pytest.mark.parametrize(
    ("public", "auto_update", "profiles"),
    list(itertools.product((None, False, True), (None, False, True), (None, (), ("default", "p")))),
)
def test_what_a_pull_says_beside_its_source(
    public: bool | None, auto_update: bool | None, profiles: tuple[str, ...] | None
) -> None:
    # properties a server adds to what is there
    settings = SettingsChange(
        public=public,
        auto_update=auto_update,
        profiles=profiles,
        properties={"os": "debian"},
        default_properties={"a": "b"},
    )
    said = pull_settings_body(settings)
    assert (said.pop("public"), said.pop("auto_update")) == (public is True, auto_update is True)
    assert said == ({} if profiles is None else {"profiles": list(profiles)})


@pytest.mark.parametrize(
    ("protocol", "by_alias", "secret", "certificate", "project", "kind"),
    list(
        itertools.product(
            ("simplestreams", "lxd", "incus"),
            (True, False),
            (None, "s3cret"),
            (None, PEM),
            (None, "p"),
            ("", "container"),
        )
    ),
)
def test_a_pull_request(
    protocol: str, by_alias: bool, secret: str | None, certificate: str | None, project: str | None, kind: str
) -> None:
    source = ImageSource(server=SOURCE, protocol=protocol, alias="demo", certificate=certificate, project=project)
    request = pull_source_body(source, image(type=kind), "incus", secret, by_alias, "https://SOURCE:8443")
    expected = {
        "type": "image",
        "mode": "pull",
        "server": "https://SOURCE:8443",
        # a daemon's protocol is called as the target calls it
        "protocol": "simplestreams" if protocol == "simplestreams" else "incus",
        "alias": "demo" if by_alias else None,
        "fingerprint": None if by_alias else A,
        "image_type": kind or None,
        "certificate": certificate,
        "secret": secret,
        "project": project,
    }
    assert request == {key: value for key, value in expected.items() if value is not None}


@pytest.mark.parametrize(
    ("source", "names", "alias"),
    [
        ({"alias": "debian/12", "architecture": "arm64"}, ("debian/12/arm64", "debian/arm64"), "debian/12/arm64"),
        ({"alias": "debian", "architecture": "arm64"}, ("debian/12/arm64", "debian/arm64"), "debian/arm64"),
        ({"alias": "debian/arm64", "architecture": "arm64"}, ("debian/12/arm64", "debian/arm64"), "debian/arm64"),
        ({"alias": "debian", "architecture": "aarch64"}, ("debian/arm64",), "debian/arm64"),
        ({"alias": "debian"}, ("debian/arm64",), "debian"),
        ({"alias": "debian", "architecture": "arm64"}, (), "debian"),
        ({"alias": "debian", "architecture": "arm64", "protocol": "lxd"}, ("debian/arm64",), "debian"),
    ],
    ids=str,
)
def test_the_alias_names_the_architecture_where_the_task_does(
    source: dict[str, str], names: tuple[str, ...], alias: str
) -> None:
    given_source = ImageSource(**{"server": TREE, "protocol": "simplestreams", **source})  # type: ignore[arg-type]
    assert pull_source_body(given_source, image(full_names=names), "lxd", None, True, TREE)["alias"] == alias


# pulling


def sources(script: Script) -> list[dict[str, t.Any]]:
    return [sent["json"]["source"] for sent in script.sent if "source" in (sent.get("json") or {})]


def test_a_pull_from_streams_asks_by_fingerprint() -> None:
    script, api = target(info(), (POST, started()), done())
    assert copy_image(api, streams(), image(), SettingsChange(public=True)) == (A, SettingsChange(public=True))
    assert sources(script) == [
        {
            "type": "image",
            "mode": "pull",
            "server": TREE,
            "protocol": "simplestreams",
            "fingerprint": A,
            "image_type": "container",
        }
    ]
    assert script.sent[1]["json"]["public"] is True


def test_where_the_index_is_old_it_asks_again_by_another_spelling() -> None:
    script, api = target(info(), (POST, started()), failed("Requested image not found"), (POST, started()), done())
    assert copy_image(api, streams(), image(), SettingsChange())[0] == A
    first, second = sources(script)
    assert first["server"] == TREE and second["server"] != TREE and second["server"].lower() == TREE
    assert {**first, "server": ""} == {**second, "server": ""}


def test_what_is_followed_is_asked_for_by_alias_and_afresh() -> None:
    script, api = target(info(), (POST, started()), done())
    copy_image(api, streams(), image(), SettingsChange(auto_update=True))
    (said,) = sources(script)
    assert said["alias"] == "demo" and "fingerprint" not in said
    assert said["server"] != TREE and said["server"].lower() == TREE


@pytest.mark.parametrize(
    ("source", "public", "steps", "said"),
    [
        ({}, True, [], {"alias": "demo"}),
        ({"alias": None, "fingerprint": A}, True, [], {"fingerprint": A}),
        ({"project": "p"}, True, [], {"alias": "demo", "project": "p"}),
        ({"alias": None, "fingerprint": A, "secret": "given"}, False, [], {"fingerprint": A, "secret": "given"}),
        (
            {},
            False,
            [
                (
                    f"POST /1.0/images/{A}/secret",
                    answer({"type": "async", "operation": OPERATION, "metadata": {"metadata": {"secret": "made"}}}),
                )
            ],
            {"fingerprint": A, "secret": "made"},
        ),
    ],
)
def test_a_pull_from_a_server(
    source: dict[str, t.Any], public: bool, steps: list[tuple[str, t.Any]], said: dict[str, str]
) -> None:
    script, api = target(info("incus"), (POST, started()), done())
    assert copy_image(api, server(*steps, **source), image(public=public), SettingsChange())[0] == A
    assert sources(script) == [
        {"type": "image", "mode": "pull", "server": SOURCE, "protocol": "incus", "image_type": "container", **said}
    ]


def test_a_pull_from_a_url() -> None:
    script, api = target(info(), (POST, started()), done())
    upstream = url(api, **{"LXD-Image-Hash": A, "LXD-Image-URL": "https://example.com/tarball"})
    assert upstream.mode == "auto"
    assert copy_image(api, upstream, image(), SettingsChange())[0] == A
    assert sources(script) == [{"type": "url", "mode": "pull", "url": "https://example.com/image"}]


# going on through the node


@pytest.mark.parametrize(
    "words",
    [
        UNREACHABLE,
        'Get "https://source/": x509: certificate signed by unknown authority',
        'Get "https://source/": tls: failed to verify certificate: x509: certificate is valid for a, not b',
        "lookup nowhere.invalid: no such host",
        "Failed to connect to source: dial tcp 10.0.0.1:8443: connect: no route to host",
        "dial tcp 10.0.0.1:8443: connect: network is unreachable",
        "dial tcp 10.0.0.1:443: i/o timeout",
        "dial unix /run/x.socket: connect: permission denied",
        'Get "https://source/": context deadline exceeded (Client.Timeout exceeded while awaiting headers)',
        'Get "https://source/": proxyconnect tcp: dial tcp 10.0.0.2:3128: connect: connection refused',
        "read tcp 10.0.0.1:4->10.0.0.2:443: read: connection reset by peer",
        "unexpected EOF",
        "Post https://source: EOF",
        "Operation timed out",
    ],
)
@pytest.mark.parametrize("kind", [LXDOperationError, LXDAPIError])
def test_these_words_say_that_the_server_can_not_reach_the_source(words: str, kind: type[LXDError]) -> None:
    more = {"status": 500} if kind is LXDAPIError else {}
    assert may_be_unreachable(kind(f"Cannot copy the image: {words}", error=words, **more))
    assert may_be_unreachable(kind(f"Cannot copy the image: {words}", **more))


@pytest.mark.parametrize(
    "words",
    [
        "Image not found",
        "not authorized",
        "write /var/lib/lxd/images/x: no space left on device",
        "Image with same fingerprint already exists",
        'Requested image\'s type "container" doesn\'t match instance type "virtual-machine"',
        "Failed to run: unsquashfs: exit status 1",
        "Reached maximum of project quota",
        "GEOFENCED",
        "",
    ],
)
def test_these_do_not(words: str) -> None:
    # names are ours to say, and may be anything
    message = f"Cannot copy the image {A} from https://timeout.example.com/x509: {words}"
    assert not may_be_unreachable(LXDOperationError(message, error=words or "Failure"))


def streamed(fingerprint: str = A) -> OfferedImage:
    files = (StreamFile("a/meta", "0", 5, "metadata"), StreamFile("a/root", "0", 5, "rootfs"))
    return image(fingerprint=fingerprint, files=files, properties={"os": "debian"}, expires_at="2030-01-01T00:00:00Z")


def test_an_unreachable_source_is_relayed() -> None:
    fails = [(POST, started()), failed(UNREACHABLE)]
    script, api = target(info(), *fails, fails[0], failed(UNREACHABLE), absent(), (POST, started()), done())
    fingerprint, rest = copy_image(api, streams(), streamed(), SettingsChange(properties={"a": "b"}))
    assert fingerprint == A
    body = script.sent[6]["body"]
    assert body.count(b"bytes") == 2 and b'name="metadata"' in body and b'name="rootfs"' in body
    assert script.sent[6]["headers"]["X-LXD-fingerprint"] == script.sent[6]["headers"]["X-Incus-fingerprint"] == A
    # what a pull would have brought along
    assert (rest.properties, rest.expires_at) == ({"os": "debian", "a": "b"}, "2030-01-01T00:00:00Z")


def test_what_fails_then_says_both() -> None:
    script, api = target(
        info(), (POST, started()), failed(UNREACHABLE), absent(), (POST, started()), failed("no space left on device")
    )
    export = (
        f"GET /1.0/images/{A}/export",
        answer(b"content", headers={"Content-Type": "application/octet-stream", "Content-Length": "7"}),
    )
    with pytest.raises(
        LXDOperationError,
        match=r"no space left on device\. It was streamed through this node because .*connection refused",
    ):
        copy_image(api, server(export), image(), SettingsChange())
    assert not script.steps


@pytest.mark.parametrize(
    ("source", "change", "words"),
    [
        ({"mode": "pull"}, SettingsChange(), UNREACHABLE),
        ({}, SettingsChange(auto_update=True), UNREACHABLE),
        ({}, SettingsChange(), "not authorized"),
        ({}, SettingsChange(), "no space left on device"),
    ],
)
def test_what_is_not_relayed(source: dict[str, t.Any], change: SettingsChange, words: str) -> None:
    script, api = target(info(), (POST, started()), failed(words), absent())
    with pytest.raises(LXDOperationError, match=words.rpartition("(")[0].rstrip("( ") or words):
        copy_image(api, server(**source), image(), change)
    assert not script.steps


def test_an_image_that_has_appeared_meanwhile_is_looked_at_again() -> None:
    _script, api = target(
        info(), (POST, started()), failed("Image with same fingerprint already exists"), (GET, sync(image_data(A)))
    )
    with pytest.raises(LXDStateChanged, match="another client has stored it"):
        copy_image(api, server(), image(), SettingsChange())


def test_a_relay_from_a_server() -> None:
    script, api = target((POST, started()), done())
    export = (
        f"GET /1.0/images/{A}/export",
        answer(b"content", headers={"Content-Type": "application/octet-stream", "Content-Length": "7"}),
    )
    upstream = server(export, url="unix:/run/other.socket")
    assert upstream.mode == "relay"
    assert copy_image(api, upstream, image(), SettingsChange())[0] == A
    assert script.sent[0]["body"] == b"content"
    assert script.sent[0]["headers"]["Content-Type"] == "application/octet-stream"


@pytest.mark.parametrize("length", [None, "soon", "-1"])
def test_a_source_that_does_not_tell_the_size(length: str | None) -> None:
    headers = {"Content-Type": "application/octet-stream", **({"Content-Length": length} if length else {})}
    upstream = server((f"GET /1.0/images/{A}/export", answer(b"content", headers=headers)))
    with upstream.download(image()) as download:
        assert isinstance(download, Download) and download.size is None
        assert b"".join(download.blocks) == b"content"


# pushing


@pytest.mark.parametrize(("url", "address"), [("unix:/run/test.socket", "https://10.0.0.1:8443"), (TARGET, TARGET)])
def test_a_push(url: str, address: str) -> None:
    token = answer({"type": "async", "operation": OPERATION, "metadata": {"metadata": {"secret": "t0ken"}}})
    script, api = target((POST, token), info(), url=url)
    upstream = server((f"POST /1.0/images/{A}/export", started()), (WAIT, state(200)), mode="push")
    properties = {"os": "debian"}
    offered = image(properties=properties, expires_at="2030-01-01T00:00:00Z")
    fingerprint, rest = copy_image(api, upstream, offered, SettingsChange(public=True))
    assert (fingerprint, rest.properties, rest.public) == (A, properties, True)
    assert script.sent[0]["json"] == {
        "source": {"type": "image", "mode": "push", "fingerprint": A},
        "public": False,
        "properties": properties,
        "expires_at": "2030-01-01T00:00:00Z",
    }
    theirs = t.cast(t.Any, upstream.reader.client).transport
    assert theirs.sent[0]["json"] == {"target": address, "certificate": PEM, "secret": "t0ken", "project": "default"}


def test_a_push_that_fails_is_not_relayed() -> None:
    token = answer({"type": "async", "operation": OPERATION, "metadata": {"metadata": {"secret": "t0ken"}}})
    script, api = target((POST, token), info(), absent())
    upstream = server((f"POST /1.0/images/{A}/export", started()), failed(UNREACHABLE), mode="push")
    with pytest.raises(LXDOperationError, match="connection refused"):
        copy_image(api, upstream, image(), SettingsChange())
    assert not script.steps


# another spelling of a server's URL

hosts = st.one_of(
    st.from_regex(r"[a-z][a-z0-9-]{0,12}(\.[a-z]{2,5}){0,2}", fullmatch=True),
    st.from_regex(r"[A-Z][a-zA-Z]{0,8}\.com", fullmatch=True),
    st.sampled_from(["10.0.0.1", "127.0.0.1", "[::1]", "[fe80::ab:1]", "straße.de", "例え.jp"]),
)
urls = st.builds(
    lambda scheme, host, port, path: f"{scheme}://{host}{port}{path}",
    st.sampled_from(["https", "http"]),
    hosts,
    st.integers(1, 65535).map(lambda port: f":{port}") | st.just(""),
    st.sampled_from(["", "/", "/tree", "/Tree/a%20b"]),
)
digests = st.integers().map(lambda number: hashlib.sha256(str(number).encode()).hexdigest())


@settings(max_examples=300, deadline=None, database=None, derandomize=True)
@given(urls, digests)
def test_another_spelling_means_the_same_server(address: str, digest: str) -> None:
    spelled = cache_busting_url(address, digest)
    before, after = urlsplit(address), urlsplit(spelled)
    default = {"https": 443, "http": 80}[before.scheme]
    assert after.hostname == before.hostname
    assert (after.port or default) == (before.port or default)
    assert (after.scheme, after.path, after.query) == (before.scheme, before.path, before.query)
    assert spelled != address
    assert spelled == cache_busting_url(address, digest)


@settings(max_examples=100, deadline=None, database=None, derandomize=True)
@given(urls, st.lists(digests, min_size=32, max_size=32, unique=True))
def test_most_states_of_an_index_have_a_spelling_of_their_own(address: str, states: list[str]) -> None:
    spellings = {cache_busting_url(address, digest) for digest in states}
    letters = sum(character.isascii() and character.isalpha() for character in urlsplit(address).hostname or "")
    assert len(spellings) >= (20 if letters >= 8 and "[" not in address else 2)


def test_a_spelling_of_one_letter() -> None:
    assert cache_busting_url("https://a/x", "0" * 64) == "https://a:0443/x"
    assert cache_busting_url("https://a/x", "f" * 64) == "https://A/x"
    assert cache_busting_url("https://A:8443/x", "f" * 64) == f"https://A:{'0' * 32}8443/x"
