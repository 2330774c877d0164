# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.community.lxd.plugins.module_utils._image.sources.simplestreams_index import (
    StreamFile,
    architecture_name,
    explain_missing,
    find_simplestreams_image,
    list_simplestreams_images,
    product_paths,
    read_products,
)


def item(ftype: str, **fields: t.Any) -> dict[str, t.Any]:
    return {"ftype": ftype, "path": f"p/{ftype}", "sha256": f"sha of {ftype}", "size": 5, **fields}


def meta(vendor: str = "lxd", **combined: str) -> dict[str, t.Any]:
    return item(
        f"{vendor}.tar.xz",
        **{f"combined_{key}_sha256" if key else "combined_sha256": value for key, value in combined.items()},
    )


def product(versions: dict[str, t.Any], **fields: t.Any) -> dict[str, t.Any]:
    return {
        "aliases": "a, b",
        "arch": "amd64",
        "os": "Debian",
        "release": "bookworm",
        "versions": {
            serial: {"items": {str(number): each for number, each in enumerate(items)}}
            for serial, items in versions.items()
        },
        **fields,
    }


def found(*products: dict[str, t.Any], vendor: str = "lxd") -> list[t.Any]:
    return list_simplestreams_images(products, vendor)


def test_index() -> None:
    index = {
        "index": {
            "images": {"datatype": "image-downloads", "path": "streams/v1/images.json", "products": ["p"]},
            "empty": {"datatype": "image-downloads", "path": "x", "products": []},
            "other": {"datatype": "image-ids", "path": "y", "products": ["p"]},
        }
    }
    assert product_paths(index, "index.json") == ["streams/v1/images.json"]
    assert product_paths({}, "index.json") == []


@pytest.mark.parametrize(
    ("items", "fingerprint", "kind", "parts"),
    [
        pytest.param([meta(squashfs="F"), item("squashfs")], "F", "container", ["metadata", "rootfs"], id="squashfs"),
        pytest.param(
            [meta(rootxz="F"), item("root.tar.xz")], "F", "container", ["metadata", "rootfs"], id="root.tar.xz"
        ),
        pytest.param(
            [item("lxd.tar.xz", combined_sha256="F"), item("root.tar.xz")],
            "F",
            "container",
            ["metadata", "rootfs"],
            id="root.tar.xz, the old way",
        ),
        pytest.param(
            [item("lxd.tar.xz", **{"combined_disk-kvm-img_sha256": "F"}), item("disk-kvm.img")],
            "F",
            "virtual-machine",
            ["metadata", "rootfs.img"],
            id="disk-kvm",
        ),
        pytest.param(
            [item("lxd.tar.xz", **{"combined_disk1-img_sha256": "F"}), item("disk1.img")],
            "F",
            "virtual-machine",
            ["metadata", "rootfs.img"],
            id="disk1",
        ),
        pytest.param(
            [item("lxd.tar.xz", **{"combined_uefi1-img_sha256": "F"}), item("uefi1.img")],
            "F",
            "virtual-machine",
            ["metadata", "rootfs.img"],
            id="uefi1",
        ),
        pytest.param([item("lxd_combined.tar.gz", sha256="F")], "F", "container", [""], id="unified"),
    ],
)
def test_kinds(items: list[dict[str, t.Any]], fingerprint: str, kind: str, parts: list[str]) -> None:
    (image,) = found(product({"20260101_01:00": items}))
    assert (image.fingerprint, image.type, [file.part for file in image.files]) == (fingerprint, kind, parts)
    assert (image.architecture, image.serial) == ("x86_64", "20260101_01:00")
    assert image.names == ("a", "a/amd64", "b", "b/amd64")
    assert image.files[0].path == f"p/{items[0]['ftype']}"


@pytest.mark.parametrize(
    "items",
    [
        pytest.param([meta("incus", squashfs="F"), item("squashfs")], id="of the other vendor"),
        pytest.param([item("incus_combined.tar.gz")], id="unified of the other vendor"),
        pytest.param([meta(squashfs="F")], id="no root file system"),
        pytest.param([meta(), item("squashfs")], id="no fingerprint"),
        pytest.param([meta(squashfs="F"), item("squashfs.vcdiff")], id="a delta"),
        pytest.param([item("squashfs")], id="no metadata"),
    ],
)
def test_what_is_no_image(items: list[dict[str, t.Any]]) -> None:
    assert found(product({"20260101": items})) == []


def test_each_vendor_has_its_own() -> None:
    both = product({"20260101": [meta(squashfs="L"), meta("incus", squashfs="I"), item("squashfs")]})
    assert [image.fingerprint for image in found(both, vendor="lxd")] == ["L"]
    assert [image.fingerprint for image in found(both, vendor="incus")] == ["I"]


@pytest.mark.parametrize(
    "serial",
    ["latest", "2026", "\u0968\u0966\u0968\u096c\u0966\u0967\u0966\u0967"],
    ids=["latest", "a year", "other digits"],
)
def test_a_version_that_is_no_date_is_left_out(serial: str) -> None:
    assert found(product({serial: [meta(squashfs="F"), item("squashfs")]})) == []


def test_newest_and_preferred_first() -> None:
    roots = [item("disk1.img"), item("root.tar.xz"), item("squashfs")]
    combined = {"combined_disk1-img_sha256": "D", "combined_rootxz_sha256": "X", "combined_squashfs_sha256": "S"}
    old = [item("lxd.tar.xz", **{key: f"{value} old" for key, value in combined.items()}), *roots]
    new = [item("lxd.tar.xz", **combined), *roots]
    images = found(product({"20250101": old, "20260101_01:00": new}))
    assert [image.fingerprint for image in images] == ["S", "X", "D", "S old", "X old", "D old"]


def test_an_alias_in_two_lists_means_the_newest_of_both() -> None:
    lists = [
        {"products": {"p": product({serial: [meta(squashfs=fingerprint), item("squashfs")]})}}
        for serial, fingerprint in (("20250101", "old"), ("20260101", "new"), ("20240101", "oldest"))
    ]
    images = list_simplestreams_images(
        [each for document in lists for each in read_products(document, "p.json")], "lxd"
    )
    assert [image.fingerprint for image in images] == ["new", "old", "oldest"]
    found = find_simplestreams_image(images, "x86_64", "a", None, None, None)
    assert found is not None and found.fingerprint == "new"


def test_properties_and_files() -> None:
    version = {"items": {"m": meta(squashfs="F"), "r": item("squashfs", size="7")}, "label": "release"}
    described = {
        **product({}, release_title="12", version="12", variant="default", support_eol="2028-06-30"),
        "lxd_requirements": {"secureboot": False},
        "requirements": {"cgroup": "v1"},
        "versions": {"20260101": version},
    }
    (image,) = found(described)
    assert image.properties == {
        "os": "Debian",
        "release": "bookworm",
        "version": "12",
        "variant": "default",
        "architecture": "amd64",
        "label": "release",
        "serial": "20260101",
        "type": "squashfs",
        "description": "Debian 12 amd64 (release) (20260101)",
        "requirements.secureboot": "False",
    }
    assert image.expires_at == "2028-06-30"
    assert image.files == (
        StreamFile("p/lxd.tar.xz", "sha of lxd.tar.xz", 5, "metadata"),
        StreamFile("p/squashfs", "sha of squashfs", 7, "rootfs"),
    )


def test_an_empty_server() -> None:
    assert (
        read_products({}, "p.json")
        == read_products({"products": None}, "p.json")
        == list_simplestreams_images([], "lxd")
        == []
    )
    assert found({"versions": None}) == []


def test_architectures() -> None:
    assert [architecture_name(name) for name in ("amd64", "arm64", "armhf", "x86_64", "strange")] == [
        "x86_64",
        "aarch64",
        "armv7l",
        "x86_64",
        "strange",
    ]


SERVER = found(
    product(
        {
            "20260101": [meta(squashfs="C amd64"), item("squashfs")],
            "20250101": [meta(squashfs="C old"), item("squashfs")],
        }
    ),
    product({"20260202": [item("lxd.tar.xz", **{"combined_disk1-img_sha256": "VM amd64"}), item("disk1.img")]}),
    product({"20260303": [meta(squashfs="C arm64"), item("squashfs")]}, arch="arm64"),
    product(
        {"20260303": [item("lxd.tar.xz", **{"combined_disk1-img_sha256": "VM only"}), item("disk1.img")]}, aliases="vm"
    ),
)


@pytest.mark.parametrize(
    ("wanted", "fingerprint"),
    [
        ({"alias": "a"}, "C amd64"),
        ({"alias": "b/amd64"}, "C amd64"),
        ({"alias": "a/arm64"}, "C arm64"),
        ({"alias": "a", "architecture": "arm64"}, "C arm64"),
        ({"alias": "a", "architecture": "aarch64"}, "C arm64"),
        ({"alias": "a", "image_type": "virtual-machine"}, "VM amd64"),
        ({"alias": "a", "image_type": "container"}, "C amd64"),
        ({"alias": "vm"}, "VM only"),
        ({"alias": "vm", "image_type": "container"}, None),
        ({"alias": "a", "architecture": "s390x"}, None),
        ({"alias": "A"}, None),
        ({"alias": "c"}, None),
        ({"fingerprint": "C old"}, "C old"),
        ({"fingerprint": "VM am"}, "VM amd64"),
        ({"fingerprint": "nothing"}, None),
    ],
    ids=str,
)
def test_find(wanted: dict[str, str], fingerprint: str | None) -> None:
    asked = {"alias": None, "fingerprint": None, "image_type": None, "architecture": None, **wanted}
    image = find_simplestreams_image(SERVER, "x86_64", **asked)
    assert (image.fingerprint if image else None) == fingerprint


def disk(fingerprint: str) -> list[dict[str, t.Any]]:
    return [item("lxd.tar.xz", **{"combined_disk1-img_sha256": fingerprint}), item("disk1.img")]


TREE = [
    product({"20260101": [meta(squashfs="1"), item("squashfs")]}, aliases="trusty", arch="i386"),
    product({"20260101": [meta(squashfs="2"), item("squashfs")]}, aliases="both", arch="i386"),
    product({"20260101": [meta(squashfs="3"), item("squashfs")]}, aliases="both", arch="arm64"),
    product({"20260101": disk("4")}, aliases="machine"),
    product({"20260101": disk("5")}, aliases="mixed"),
    product({"20260101": [meta(squashfs="6"), item("squashfs")]}, aliases="mixed", arch="arm64"),
    product({"20260101": [meta("incus", squashfs="7"), item("squashfs")]}, aliases="theirs"),
    product({"20260101": [meta(squashfs="8"), item("squashfs")]}, aliases="debian/12"),
]


@pytest.mark.parametrize(
    ("wanted", "sentence"),
    [
        ({"alias": "trusty"}, " The server has 'trusty' only for i686."),
        ({"alias": "both"}, " The server has 'both' only for aarch64, i686."),
        ({"alias": "both", "architecture": "s390x"}, " The server has 'both' only for aarch64, i686."),
        ({"alias": "trusty", "image_type": "virtual-machine"}, " The server has 'trusty' only for i686."),
        ({"alias": "trusty/i386", "image_type": "virtual-machine"}, " The server has 'trusty/i386' only as container."),
        ({"alias": "machine", "image_type": "container"}, " The server has 'machine' only as virtual-machine."),
        ({"alias": "mixed", "image_type": "container"}, " The server has 'mixed' for x86_64 only as virtual-machine."),
        (
            {"alias": "mixed", "image_type": "virtual-machine", "architecture": "arm64"},
            " The server has 'mixed' for aarch64 only as container.",
        ),
        (
            {"alias": "mixed", "image_type": "virtual-machine", "architecture": "s390x"},
            " The server has 'mixed' only for x86_64.",
        ),
        ({"alias": "theirs"}, " The server has 'theirs' only for Incus servers."),
        ({"fingerprint": "7"}, " The server has the image only for Incus servers."),
        ({"alias": "debian/11"}, " The server has debian/12."),
        ({"alias": "nothing"}, ""),
        ({"alias": "/debian"}, ""),
        ({"fingerprint": "9"}, ""),
    ],
    ids=str,
)
def test_what_there_is_in_place_of_an_image(wanted: dict[str, str], sentence: str) -> None:
    asked = {"alias": None, "fingerprint": None, "image_type": None, "architecture": None, **wanted}
    assert find_simplestreams_image(list_simplestreams_images(TREE, "lxd"), "x86_64", **asked) is None
    assert explain_missing(TREE, "lxd", "x86_64", **asked) == sentence


def test_a_tree_for_one_vendor_only() -> None:
    tree = [each for each in TREE if each["aliases"] != "theirs"]
    sentence = explain_missing(tree, "incus", "x86_64", "trusty", None, None, None)
    assert sentence == " The server has 'trusty' only for LXD servers."
    sentence = explain_missing(tree, "incus", "x86_64", "other", None, None, None)
    assert sentence == " The server has images only for LXD servers."
    assert explain_missing([], "incus", "x86_64", "other", None, None, None) == ""
