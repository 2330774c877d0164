# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import typing as t

import pytest

from ansible_collections.community.lxd.plugins.module_utils._image.desired_image import ImageSource
from ansible_collections.community.lxd.plugins.module_utils._image.image_reader import ImageReader
from ansible_collections.community.lxd.plugins.module_utils._image.tasks.update_check import UpdateChecker, source_of
from ansible_collections.community.lxd.tests.unit.plugins.module_utils.fakes import A, B, make_image
from ansible_collections.community.lxd.tests.unit.plugins.module_utils.scripted import Script, sync
from ansible_collections.community.lxd.tests.unit.plugins.module_utils.website import META, ROOT, Site, pair, publish

NEWEST = pair(META, ROOT)


def checker() -> UpdateChecker:
    script = Script(
        ("GET /1.0", sync({"auth": "trusted", "environment": {"server": "lxd", "architectures": ["x86_64"]}}))
    )
    return UpdateChecker(ImageReader(script.client()))


def following(server: str, alias: str = "debian", fingerprint: str = A, **fields: t.Any) -> t.Any:
    return make_image(
        fingerprint,
        update_source={"server": server, "protocol": "simplestreams", "alias": alias, "certificate": ""},
        **fields,
    )


def container(followed: str, architecture: str = "x86_64", **kept: t.Any) -> t.Any:
    return make_image(
        architecture=architecture,
        update_source={"server": "https://u:p@r", "protocol": "oci", "alias": followed, "certificate": "PEM"},
        bookkeeping={"source": json.dumps({"type": "image", "architecture": architecture, **kept})},
    )


def remembering(**source: t.Any) -> t.Any:
    return make_image(bookkeeping={"source": json.dumps({"type": "image", "protocol": "simplestreams", **source})})


@pytest.mark.parametrize(
    ("image", "source"),
    [
        (make_image(), None),
        (
            following("https://s"),
            ImageSource(server="https://s", protocol="simplestreams", alias="debian", image_type="container"),
        ),
        (
            make_image(
                type="virtual-machine",
                update_source={"server": "https://s", "protocol": "lxd", "alias": "a", "certificate": "PEM"},
            ),
            ImageSource(server="https://s", protocol="lxd", alias="a", certificate="PEM", image_type="virtual-machine"),
        ),
        # never anything newer
        (following("https://s", alias=A), None),
        (container("app@sha256:1"), None),
        (
            container("library/app:1", architecture="aarch64"),
            ImageSource(
                server="https://u:p@r",
                protocol="oci",
                alias="library/app:1",
                certificate="PEM",
                image_type="container",
                architecture="aarch64",
            ),
        ),
        # copied by a digest for its architecture: the tag is in the bookkeeping, and the password is not
        (
            container("app@sha256:1", server="https://r", protocol="oci", alias="app:1", architecture="arm64"),
            ImageSource(server="https://u:p@r", protocol="oci", alias="app:1", certificate="PEM", architecture="arm64"),
        ),
        (make_image(update_source=None), None),
        (
            make_image(update_source={"server": ["https://s"], "alias": "a"}),
            ImageSource(alias="a", image_type="container"),
        ),
        (make_image(update_source={"server": "https://s", "alias": 5}), None),
        (make_image(update_source="https://s"), None),
        (
            remembering(
                server="https://s",
                alias="a",
                image_type="container",
                architecture="arm64",
                project="p",
                remote="r",
                other="x",
            ),
            ImageSource(
                server="https://s",
                protocol="simplestreams",
                alias="a",
                image_type="container",
                architecture="arm64",
                project="p",
                remote="r",
            ),
        ),
        (remembering(server="https://s", fingerprint=A), None),
        (remembering(server=["https://s"], alias="a"), None),
        (make_image(bookkeeping={"source": json.dumps({"type": "url", "url": "https://u", "alias": "a"})}), None),
        (make_image(bookkeeping={"source": json.dumps({"type": "instance", "name": "c1"})}), None),
        (make_image(bookkeeping={"source": "no JSON"}), None),
        (make_image(bookkeeping={"source": "[]"}), None),
        (make_image(bookkeeping={"source": "[" * 100000}), None),
    ],
)
def test_what_an_image_follows(image: t.Any, source: ImageSource | None) -> None:
    assert source_of(image) == source


def test_what_the_server_follows_goes_before_what_is_remembered() -> None:
    bookkeeping = {"source": json.dumps({"type": "image", "server": "https://mine", "alias": "a"})}
    source = source_of(following("https://s", bookkeeping=bookkeeping))
    assert source is not None and source.server == "https://s"


def test_nothing_is_followed() -> None:
    assert checker().check(make_image()) == {"upstream_fingerprint": None, "stale": None}


@pytest.mark.parametrize(("fingerprint", "stale"), [(A, True), (NEWEST, False)])
def test_whether_there_is_a_newer_one(site: Site, fingerprint: str, stale: bool) -> None:
    publish(site)
    assert checker().check(following(f"{site.url}/tree", fingerprint=fingerprint)) == {
        "upstream_fingerprint": NEWEST,
        "stale": stale,
    }


def test_an_index_is_read_once_for_all_images(site: Site) -> None:
    publish(site)
    publish(site, "/other")
    asking = checker()
    for image in (
        following(f"{site.url}/tree"),
        following(f"{site.url}/tree", "debian/12", B),
        remembering(server=f"{site.url}/tree", alias="debian/amd64"),
    ):
        assert asking.check(image)["upstream_fingerprint"] == NEWEST
    assert len(site.asked) == 2
    asking.check(following(f"{site.url}/other"))
    assert len(site.asked) == 4


def test_each_image_is_asked_for_by_its_own_alias(site: Site) -> None:
    publish(site)
    asking = checker()
    assert asking.check(following(f"{site.url}/tree", type="virtual-machine"))["upstream_fingerprint"] != NEWEST
    gone = asking.check(following(f"{site.url}/tree", "trusty"))
    assert gone["stale"] is None and "Image with the alias 'trusty'" in gone["upstream_error"]
    assert asking.check(following(f"{site.url}/tree"))["upstream_fingerprint"] == NEWEST


def test_a_source_that_gives_no_answer(site: Site) -> None:
    site.files["/tree/streams/v1/index.json"] = b"[]"
    asking = checker()
    for _image in range(2):
        answer = asking.check(following(f"{site.url}/tree"))
        # never that it offers no such image
        assert answer == {
            "upstream_fingerprint": None,
            "stale": None,
            "upstream_error": f"Cannot use {site.url}/tree/streams/v1/index.json: it is a list, but must be an object.",
        }


def test_a_list_that_breaks_off_between_two_images(site: Site) -> None:
    publish(site)
    broken = site.files.pop("/tree/streams/v1/images0.json")
    asking = checker()
    assert "HTTP 404" in asking.check(following(f"{site.url}/tree"))["upstream_error"]
    assert "HTTP 404" in asking.check(following(f"{site.url}/tree"))["upstream_error"]
    site.files["/tree/streams/v1/images0.json"] = broken
    assert asking.check(following(f"{site.url}/tree"))["upstream_fingerprint"] == NEWEST
