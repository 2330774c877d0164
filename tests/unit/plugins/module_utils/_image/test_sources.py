# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import base64
import email.parser
import email.policy
import errno
import gc
import hashlib
import io
import json
import os
import pathlib
import tarfile
import tempfile
import typing as t

import pytest

from ansible_collections.community.lxd.plugins.module_utils._image.desired_image import ImageSource, UrlSource
from ansible_collections.community.lxd.plugins.module_utils._image.image_reader import ImageReader
from ansible_collections.community.lxd.plugins.module_utils._image.model import OfferedImage
from ansible_collections.community.lxd.plugins.module_utils._image.sources import url as url_module
from ansible_collections.community.lxd.plugins.module_utils._image.sources.checksum import parse_checksum
from ansible_collections.community.lxd.plugins.module_utils._image.sources.content import open_content
from ansible_collections.community.lxd.plugins.module_utils._image.sources.remote import resolve_remote
from ansible_collections.community.lxd.plugins.module_utils._image.sources.server import ServerContent
from ansible_collections.community.lxd.plugins.module_utils._image.sources.simplestreams import SimplestreamsContent
from ansible_collections.community.lxd.plugins.module_utils._image.sources.url import UrlContent
from ansible_collections.community.lxd.plugins.module_utils._lxd.errors import (
    LXDConnectionError,
    LXDError,
    LXDInputError,
    LXDNotFound,
)
from ansible_collections.community.lxd.plugins.module_utils._lxd.transport import Connection
from ansible_collections.community.lxd.tests.unit.plugins.module_utils.fakes import A, B, image_data
from ansible_collections.community.lxd.tests.unit.plugins.module_utils.scripted import Script, answer, error, sync
from ansible_collections.community.lxd.tests.unit.plugins.module_utils.website import (
    DISK,
    META,
    ROOT,
    Site,
    item,
    pair,
    publish,
)


def info(vendor: str = "lxd", **environment: t.Any) -> tuple[str, t.Any]:
    return "GET /1.0", sync(
        {
            "auth": "trusted",
            "environment": {"server": vendor, "server_version": "5.0.2", "architectures": ["x86_64"], **environment},
        }
    )


NOBODY = t.cast(ImageReader, None)
ANY = OfferedImage(A)
"""A URL looks at neither."""


def target(*steps: tuple[str, t.Any]) -> ImageReader:
    return ImageReader(Script(*steps).client())


# LXD and Incus servers


def server(*steps: tuple[str, t.Any], url: str = "https://source", **source: t.Any) -> ServerContent:
    upstream = ServerContent(ImageSource(server=url, protocol="lxd", **source), 60.0)
    upstream.reader = ImageReader(
        Script(*steps, connection=Connection(upstream.source.server or "", timeout=60.0)).client()
    )
    return upstream


def public_image(**fields: t.Any) -> dict[str, t.Any]:
    return image_data(
        A,
        ["demo"],
        {"protected": "true"},
        **{"public": True, "properties": {"os": "Debian"}, "expires_at": "2030-01-01T00:00:00Z", **fields},
    )


ALIAS = ("GET /1.0/images/aliases/demo", {"name": "demo", "target": A})


def alias() -> tuple[str, t.Any]:
    return ALIAS[0], sync(ALIAS[1])


def test_an_image_of_a_server_by_alias() -> None:
    upstream = server(alias(), (f"GET /1.0/images/{A}", sync(public_image())), alias="demo")
    image = upstream.find()
    assert (image.fingerprint, image.type, image.architecture, image.public) == (A, "container", "x86_64", True)
    assert (image.aliases, image.properties, image.expires_at) == (
        {"demo": "about demo"},
        {"os": "Debian"},
        "2030-01-01T00:00:00Z",
    )
    # with a port, as a client would ask
    assert json.loads(image.made_from) == {
        "type": "image",
        "server": "https://source:8443",
        "protocol": "lxd",
        "alias": "demo",
    }


def test_an_image_of_a_server_by_the_beginning_of_its_fingerprint() -> None:
    assert server((f"GET /1.0/images/{A[:12]}", sync(public_image())), fingerprint=A[:12]).find().fingerprint == A


def test_a_secret_is_not_used_up() -> None:
    image = server(fingerprint=A, secret="s3cret").find()
    assert (image.fingerprint, image.public, image.type) == (A, False, "")
    assert "s3cret" not in image.made_from


@pytest.mark.parametrize(
    ("source", "steps", "words"),
    [
        ({"alias": "demo"}, [(ALIAS[0], error(404, "no"))], "or not visible to this client. A private image requires"),
        (
            {"fingerprint": A},
            [(f"GET /1.0/images/{A}", error(404, "no"))],
            f"with the fingerprint {A} not found on https://source:8443, or not visible to this client. A private image requires",
        ),
        (
            {"alias": "demo", "client_cert": "c", "client_key": "k"},
            [(ALIAS[0], error(404, "no"))],
            "Image with the alias 'demo' not found",
        ),
        (
            {"alias": "demo", "image_type": "virtual-machine"},
            [alias(), (f"GET /1.0/images/{A}", sync(public_image()))],
            "The image with the alias 'demo', type virtual-machine of https://source:8443 has the type 'container', not 'virtual-machine'.",
        ),
        (
            {"alias": "demo", "architecture": "arm64"},
            [alias(), (f"GET /1.0/images/{A}", sync(public_image()))],
            "has the architecture 'x86_64', not 'aarch64'.",
        ),
    ],
)
def test_a_server_without_the_image(source: dict[str, t.Any], steps: list[tuple[str, t.Any]], words: str) -> None:
    with pytest.raises(LXDInputError) as caught:
        # the certificate is only looked at by a connection
        given = {key: value for key, value in source.items() if not key.startswith("client_")}
        upstream = server(*steps, **given)
        upstream.source = ImageSource(server=upstream.source.server, protocol="lxd", **source)
        upstream.find()
    assert words in str(caught.value)
    assert ("A private image" in str(caught.value)) == ("A private image" in words)


@pytest.mark.parametrize("architecture", ["amd64", "x86_64"])
def test_the_kind_that_is_wanted(architecture: str) -> None:
    upstream = server(
        alias(),
        (f"GET /1.0/images/{A}", sync(public_image())),
        alias="demo",
        image_type="container",
        architecture=architecture,
    )
    assert upstream.find().fingerprint == A


def test_a_local_server_can_not_be_followed(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    socket = tmp_path / "unix.socket"
    socket.touch()
    monkeypatch.setenv("LXD_SOCKET", str(socket))
    for url in ("unix:", f"unix:{socket}"):
        upstream = server(alias(), (f"GET /1.0/images/{A}", sync(public_image())), url=url, alias="demo")
        assert (upstream.source.server, upstream.is_local, upstream.mode) == (f"unix:{socket}", True, "relay")
        assert not upstream.find().public


@pytest.mark.parametrize(
    ("content_type", "split"),
    [("multipart/form-data; boundary=x", True), ("application/octet-stream", False), ("", False)],
    ids=["split", "unified", "none"],
)
def test_whether_an_image_comes_in_two_files(content_type: str, split: bool) -> None:
    upstream = server(
        alias(),
        (f"GET /1.0/images/{A}", sync(public_image())),
        (f"GET /1.0/images/{A}/export", answer(b"", headers={"Content-Type": content_type})),
        alias="demo",
    )
    assert upstream._is_split(upstream.find()) is split


# simplestreams servers


def streams(server: str, **source: t.Any) -> SimplestreamsContent:
    return SimplestreamsContent(
        ImageSource(**{"server": server, "protocol": "simplestreams", "alias": "debian", **source}),
        "lxd",
        "x86_64",
        10.0,
    )


def test_an_image_of_a_simplestreams_server(site: Site) -> None:
    publish(site)
    image = streams(f"{site.url}/tree/").find()
    assert (image.fingerprint, image.type, image.architecture, image.public) == (
        pair(META, ROOT),
        "container",
        "x86_64",
        True,
    )
    assert (image.expires_at, image.full_names) == ("2028-06-30T00:00:00Z", ("debian/12/amd64", "debian/amd64"))
    assert image.aliases == {"debian/12": "", "debian": ""}
    assert json.loads(image.made_from) == {
        "type": "image",
        "protocol": "simplestreams",
        "server": f"{site.url}/tree/",
        "alias": "debian",
    }


def test_the_index_is_read_once_until_it_is_renewed(site: Site) -> None:
    publish(site)
    upstream = streams(f"{site.url}/tree")
    first, digest = upstream.find(), upstream.digest()
    assert upstream.for_source(ImageSource(alias="debian/12")).find().fingerprint == first.fingerprint
    assert site.requests == ["GET /tree/streams/v1/index.json", "GET /tree/streams/v1/images0.json"]
    upstream.renew()
    assert (upstream.digest(), len(site.asked)) == (digest, 4)
    publish(site, lists=[])
    upstream.renew()
    assert upstream.digest() != digest


def test_an_alias_in_two_lists_is_the_newest_image(site: Site) -> None:
    def product(serial: str, fingerprint: str) -> dict[str, t.Any]:
        items = {"0": item("lxd.tar.xz", META, combined_squashfs_sha256=fingerprint), "1": item("squashfs", ROOT)}
        return {"aliases": "debian", "arch": "amd64", "versions": {serial: {"items": items}}}

    publish(site, lists=[product("20250101", A), product("20260101", B)])
    assert streams(f"{site.url}/tree").find().fingerprint == B
    publish(site, lists=[product("20260101", A), product("20250101", B)])
    assert streams(f"{site.url}/tree").find().fingerprint == A


@pytest.mark.parametrize(
    ("kind", "parts"),
    [
        ("container", [("metadata", META), ("rootfs", ROOT)]),
        ("virtual-machine", [("metadata", META), ("rootfs.img", DISK)]),
    ],
)
def test_a_download_is_the_parts_of_an_upload(site: Site, kind: str, parts: list[tuple[str, bytes]]) -> None:
    publish(site)
    upstream = streams(f"{site.url}/tree", image_type=kind)
    with upstream.download(upstream.find()) as download:
        body = b"".join(download.blocks)
    assert download.size == len(body)
    message: t.Any = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(
        b"Content-Type: " + download.content_type.encode() + b"\r\n\r\n" + body
    )
    assert [
        (part.get_param("name", header="Content-Disposition"), part.get_payload(decode=True))
        for part in message.iter_parts()
    ] == parts


def test_a_file_that_is_gone(site: Site) -> None:
    publish(site)
    del site.files["/tree/files/squashfs"]
    upstream = streams(f"{site.url}/tree")
    with (
        pytest.raises(LXDNotFound, match=rf"Cannot read {site.url}/tree/files/squashfs: HTTP 404"),
        upstream.download(upstream.find()) as download,
    ):
        list(download.blocks)


def test_credentials_in_the_url_of_a_server(site: Site) -> None:
    publish(site)
    upstream = streams(f"http://user:hunter2@{site.address}/tree")
    image = upstream.find()
    assert (upstream.mode, upstream.has_credentials, image.public) == ("relay", True, False)
    assert "hunter2" not in image.made_from and "user" not in image.made_from
    with upstream.download(image) as download:
        list(download.blocks)
    expected = "Basic " + base64.b64encode(b"user:hunter2").decode()
    assert {headers.get("Authorization") for _method, _path, headers in site.asked} == {expected}
    with pytest.raises(LXDInputError) as caught:
        streams(f"http://user:hunter2@{site.address}/tree", alias="nothing").find()
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("mode", ["pull", "push", "relay"])
def test_a_mode_that_is_given_stays(mode: str) -> None:
    assert streams("https://user:hunter2@example.com", mode=mode).mode == mode


def test_ubuntu_calls_its_images_by_the_release() -> None:
    upstream = streams("https://cloud-images.ubuntu.com/releases", alias="ubuntu/noble")
    upstream._images = []
    upstream._products = [
        {
            "aliases": "noble",
            "arch": "arm64",
            "versions": {"20260101": {"items": {"0": {"ftype": "lxd_combined.tar.gz", "sha256": A, "path": "x"}}}},
        }
    ]
    with pytest.raises(
        LXDInputError,
        match="Image with the alias 'ubuntu/noble' not found on https://cloud-images.ubuntu.com/releases. "
        "The server has 'noble' only for aarch64.",
    ):
        upstream.find()


# URLs


def tarball() -> bytes:
    """A small image in one file."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as tar:
        for name, data in (
            ("metadata.yaml", b"architecture: x86_64\ncreation_date: 1\n"),
            ("rootfs/etc/hostname", b"demo\n"),
        ):
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return content.getvalue()


TARBALL = tarball()
FINGERPRINT = hashlib.sha256(TARBALL).hexdigest()


def url(
    site: Site, path: str = "/image.tar", checksum: str | None = None, query: str = "", userinfo: str = ""
) -> UrlContent:
    source = UrlSource(f"http://{userinfo}{site.address}{path}{query}", parse_checksum(checksum) if checksum else None)
    return UrlContent(source, target(info()).client)


def test_the_image_of_a_url_is_hashed(site: Site) -> None:
    site.files["/image.tar"] = TARBALL
    upstream = url(site)
    image = upstream.find()
    assert (image.fingerprint, image.public, upstream.mode) == (FINGERPRINT, False, "relay")
    kept = json.loads(image.made_from)
    assert (kept["type"], kept["url"]) == ("url", f"{site.url}/image.tar")
    upstream.renew()
    upstream.check_transfer(NOBODY, ANY)
    assert upstream.find().fingerprint == FINGERPRINT
    assert site.requests.count("GET /image.tar") == 1


@pytest.mark.parametrize("algorithm", ["md5", "sha1", "sha224", "sha256", "sha384", "sha512"])
def test_a_checksum_of_each_kind(site: Site, algorithm: str) -> None:
    site.files["/image.tar"] = TARBALL
    digest = hashlib.new(algorithm, TARBALL).hexdigest()
    upstream = url(site, checksum=f"{algorithm}:{digest}")
    assert upstream.find().fingerprint == FINGERPRINT
    assert ("GET /image.tar" in site.requests) is (algorithm != "sha256")
    upstream.check_transfer(NOBODY, ANY)
    wrong = url(site, checksum=f"{algorithm}:{'0' * len(digest)}")
    with pytest.raises(LXDInputError, match=f"The {algorithm} checksum of .*, but 'checksum' says 0"):
        wrong.find()
        wrong.check_transfer(NOBODY, ANY)


def test_a_checksum_in_a_file_of_the_web(site: Site) -> None:
    site.files["/image.tar"] = TARBALL
    site.files["/SHA256SUMS"] = f"{'0' * 64}  other.tar\n{FINGERPRINT} *image.tar\n".encode()
    assert url(site, checksum=f"sha256:{site.url}/SHA256SUMS").find().fingerprint == FINGERPRINT
    assert site.requests == ["GET /SHA256SUMS"]
    with pytest.raises(LXDNotFound):
        url(site, checksum=f"sha256:{site.url}/gone").find()


def announce(site: Site, vendor: str = "LXD", fingerprint: str = FINGERPRINT, to: str = "/real.tar") -> None:
    site.files["/image"] = (b"", {f"{vendor}-Image-URL": f"{site.url}{to}", f"{vendor}-Image-Hash": fingerprint})
    site.files["/real.tar"] = TARBALL


@pytest.mark.parametrize("vendor", ["LXD", "Incus"])
def test_headers_announce_an_image(site: Site, vendor: str) -> None:
    announce(site, vendor, FINGERPRINT.upper())
    upstream = url(site, "/image")
    assert (upstream.find().fingerprint, upstream.mode) == (FINGERPRINT, "auto")
    assert site.requests == ["HEAD /image"]
    sent = {key.lower(): value for key, value in site.asked[0][2].items()}
    assert (sent["lxd-server-architectures"], sent["incus-server-version"]) == ("x86_64", "5.0.2")
    assert upstream.files().fingerprint == FINGERPRINT


def test_an_announced_image_that_is_another(site: Site) -> None:
    announce(site, fingerprint=B)
    with pytest.raises(LXDInputError, match=f"says {B}"):
        url(site, "/image").files()


def test_what_is_announced_and_the_checksum_must_agree(site: Site) -> None:
    announce(site)
    upstream = url(site, "/image", checksum=f"sha256:{B}")
    with pytest.raises(LXDInputError, match=f"announces the image {FINGERPRINT}, but 'checksum' says {B}"):
        upstream.check_transfer(NOBODY, ANY)
    md5 = url(site, "/image", checksum=f"md5:{hashlib.md5(TARBALL).hexdigest()}")
    # a server verifies none but SHA-256
    assert (md5.mode, md5.find().fingerprint) == ("relay", FINGERPRINT)


def test_what_is_announced_is_compared_beside_a_checksum(site: Site) -> None:
    announce(site, fingerprint=B)
    upstream = url(site, "/image", checksum=f"md5:{hashlib.md5(TARBALL).hexdigest()}")
    with pytest.raises(LXDInputError, match=f"announces the image {B}, but its content has the .* {FINGERPRINT}"):
        upstream.files()


@pytest.mark.parametrize(
    ("headers", "mode"),
    [
        ({"LXD-Image-URL": "http://x/y"}, "relay"),
        ({"LXD-Image-Hash": FINGERPRINT}, "relay"),
        ({"LXD-Image-URL": "http://x/y", "LXD-Image-Hash": FINGERPRINT}, "auto"),
    ],
)
def test_both_headers_are_needed(site: Site, headers: dict[str, str], mode: str) -> None:
    site.files["/image"] = (TARBALL, headers)
    assert url(site, "/image").mode == mode


@pytest.mark.parametrize(("userinfo", "query"), [("user:hunter2@", ""), ("", "?signature=hunter2")])
def test_no_server_is_told_a_password(site: Site, userinfo: str, query: str) -> None:
    announce(site)
    site.files[f"/image{query}"] = site.files["/image"]
    upstream = url(site, "/image", userinfo=userinfo, query=query)
    assert upstream.mode == "relay"
    assert "hunter2" not in upstream.find().made_from


def test_a_server_that_refuses_head(site: Site) -> None:
    site.files["/image.tar"] = TARBALL
    site.heads = False
    upstream = url(site)
    assert (upstream.mode, upstream.find().fingerprint) == ("relay", FINGERPRINT)


def test_a_server_that_is_not_there(site: Site) -> None:
    site.stop()
    with pytest.raises(LXDConnectionError):
        url(site).find()
    with pytest.raises(LXDConnectionError):
        streams(f"{site.url}/tree").find()


def test_a_file_that_is_cut_short(site: Site) -> None:
    site.files["/image.tar"] = (TARBALL[:100], {"Content-Length": str(len(TARBALL))})
    with pytest.raises(LXDError):
        url(site).find()


def test_a_download_that_has_no_room(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(file: t.Any, block: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    site.files["/image.tar"] = TARBALL
    monkeypatch.setattr(url_module, "write_block", full)
    with pytest.raises(LXDInputError, match=r"No space left on device. Free space .* another directory that TMPDIR"):
        url(site).find()


def test_a_download_on_a_system_without_proc(
    site: Site, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.files["/image.tar"] = TARBALL
    exists = os.path.exists
    monkeypatch.setattr(os.path, "exists", lambda path: not str(path).startswith("/proc/") and exists(path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    upstream = url(site)
    assert upstream.find().fingerprint == FINGERPRINT
    assert [path.stat().st_size for path in tmp_path.iterdir()] == [len(TARBALL)]
    del upstream
    gc.collect()
    assert list(tmp_path.iterdir()) == []


# which server a source means


def configure(path: pathlib.Path, **remotes: dict[str, str]) -> dict[str, str]:
    (path / "servercerts").mkdir()
    (path / "config.yml").write_text(json.dumps({"remotes": remotes}), encoding="utf-8")
    for name in ("client.crt", "client.key", "servercerts/r.crt"):
        (path / name).touch()
    return {"LXD_CONF": str(path)}


def test_what_a_remote_says(tmp_path: pathlib.Path) -> None:
    environ = configure(tmp_path, r={"addr": "https://r:8443", "protocol": "lxd", "project": "p"})
    source = resolve_remote(ImageSource(remote="r", alias="demo"), lambda: "lxd", environ)
    assert (source.server, source.protocol, source.project) == ("https://r:8443", "lxd", "p")
    assert [source.certificate, source.client_cert, source.client_key] == [
        str(tmp_path / name) for name in ("servercerts/r.crt", "client.crt", "client.key")
    ]


def test_what_the_task_says_goes_before(tmp_path: pathlib.Path) -> None:
    environ = configure(tmp_path, r={"addr": "https://r:8443", "protocol": "lxd", "project": "p"})
    given = {"project": "own", "certificate": "C", "client_cert": "c", "client_key": "k", "protocol": "incus"}
    source = resolve_remote(ImageSource(remote="r", alias="demo", **given), lambda: "lxd", environ)
    assert {key: getattr(source, key) for key in given} == given
    assert source.server == "https://r:8443"


def test_without_a_remote_nothing_is_read(tmp_path: pathlib.Path) -> None:
    (tmp_path / "config.yml").write_text("broken: [", encoding="utf-8")
    source = ImageSource(server="https://s", alias="demo")
    assert resolve_remote(source, lambda: "lxd", {"LXD_CONF": str(tmp_path)}) is source


def test_a_remote_that_is_only_remembered() -> None:
    kept = ImageSource(remote="elsewhere", server="https://s", alias="demo")
    assert resolve_remote(kept, lambda: "lxd", {"LXD_CONF": "/nowhere"}) is kept
    with pytest.raises(LXDInputError, match="The remote 'elsewhere' is not found"):
        resolve_remote(ImageSource(remote="elsewhere", alias="demo"), lambda: "lxd", {"LXD_CONF": "/nowhere"})


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        (ImageSource(server="https://s", protocol="simplestreams", alias="demo"), SimplestreamsContent),
        (ImageSource(server="https://s", protocol="lxd", alias="demo"), ServerContent),
        (ImageSource(server="https://s", protocol="lxd", fingerprint=A, secret="s3cret"), ServerContent),
        (ImageSource(remote="images", alias="debian/12"), SimplestreamsContent),
        (UrlSource("https://example.com/image"), UrlContent),
    ],
    ids=str,
)
def test_which_upstream_a_source_opens(source: t.Any, kind: type) -> None:
    assert isinstance(open_content(source, target(info()).client), kind)
