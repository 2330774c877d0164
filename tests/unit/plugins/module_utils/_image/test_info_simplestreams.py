# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.community.lxd.plugins.module_utils._image.plan.selection import InfoQuery, Selector
from ansible_collections.community.lxd.plugins.module_utils._image.tasks.info_simplestreams import (
    run_info_simplestreams,
)
from ansible_collections.community.lxd.plugins.module_utils._lxd.errors import LXDAPIError, LXDInputError
from ansible_collections.community.lxd.plugins.module_utils._lxd.remotes import Remote
from ansible_collections.community.lxd.tests.unit.plugins.module_utils.fakes import A, B, C, D
from ansible_collections.community.lxd.tests.unit.plugins.module_utils.website import (
    META,
    ROOT,
    Site,
    item,
    pair,
    publish,
)


def gather(site: Site, **selector: t.Any) -> dict[str, t.Any]:
    wanted = {
        key: selector.pop(key) for key in ("used_by", "all_projects", "secret", "check_updates") if key in selector
    }
    return run_info_simplestreams(
        Remote("r", f"{site.url}/tree", "simplestreams"), InfoQuery(Selector(**selector), **wanted), 10.0
    )


def product(serials: dict[str, str], vendor: str = "lxd", **fields: t.Any) -> dict[str, t.Any]:
    """Containers: serial -> fingerprint."""
    versions = {
        serial: {
            "items": {
                "0": item(f"{vendor}.tar.xz", META, combined_squashfs_sha256=fingerprint),
                "1": item("squashfs", ROOT),
            }
        }
        for serial, fingerprint in serials.items()
    }
    return {"aliases": "debian", "arch": "amd64", "os": "Debian", "release": "12", "versions": versions, **fields}


def aliases(result: dict[str, t.Any]) -> dict[str, list[str]]:
    return {image["fingerprint"]: [alias["name"] for alias in image["aliases"]] for image in result["images"]}


def test_an_image(site: Site) -> None:
    publish(site)
    result = gather(site, type="container")
    (image,) = result["images"]
    expected = {
        "project": "default",
        "fingerprint": pair(META, ROOT),
        "architecture": "x86_64",
        "type": "container",
        "public": True,
        "auto_update": False,
        "cached": False,
        "profiles": [],
        "expires_at": "2028-06-30T00:00:00Z",
        "created_at": "2026-01-01T00:00:00Z",
        "uploaded_at": "2026-01-01T00:00:00Z",
        "last_used_at": "never",
        "size": len(META + ROOT),
        "filename": "lxd.tar.xz",
        "protected": False,
        "ansible": {},
    }
    assert {key: image[key] for key in expected} == expected
    assert image["properties"]["os"] == "Debian"
    assert [alias["name"] for alias in result["aliases"]] == ["debian", "debian/12", "debian/12/amd64", "debian/amd64"]
    assert {(alias["project"], alias["target"]) for alias in result["aliases"]} == {("default", pair(META, ROOT))}
    assert result["server"] == {
        "url": f"{site.url}/tree",
        "project": "default",
        "vendor": "simplestreams",
        "version": None,
        "trusted": False,
    }


def test_an_alias_means_the_newest_of_all_lists(site: Site) -> None:
    publish(
        site,
        lists=[
            product({"20250101": A, "20240101": B}),
            product({"20260101": C}),
            product({"20270101": D}, arch="arm64"),
        ],
    )
    assert aliases(gather(site)) == {A: [], B: [], C: ["debian", "debian/amd64"], D: ["debian", "debian/arm64"]}


def test_what_is_for_both_vendors_is_listed_for_both(site: Site) -> None:
    publish(site, lists=[product({"20260101": A}), product({"20260101": B}, vendor="incus")])
    assert aliases(gather(site)) == {A: ["debian", "debian/amd64"], B: ["debian", "debian/amd64"]}


@pytest.mark.parametrize(
    ("selector", "fingerprints"),
    [
        ({}, [A, B, C]),
        ({"name": "debian"}, [A, B]),
        ({"name": "debian/amd64"}, [A]),
        ({"architecture": "aarch64"}, [B]),
        ({"fingerprint": C}, [C]),
        ({"expired": True}, [C]),
        ({"unaliased": True}, [C]),
        ({"properties": {"os": "~Deb.*"}}, [A, B, C]),
        ({"properties": {"os": "Ubuntu"}}, []),
    ],
    ids=str,
)
def test_what_matches(site: Site, selector: dict[str, t.Any], fingerprints: list[str]) -> None:
    lists = [
        product({"20260101": A}),
        product({"20260101": B}, arch="arm64"),
        product({"20200101": C}, support_eol="2021-01-01"),
    ]
    publish(site, lists=lists)
    assert [image["fingerprint"] for image in gather(site, **selector)["images"]] == fingerprints


@pytest.mark.parametrize("serial", ["20269999", "99999999_x", "00000000"])
def test_a_serial_that_is_no_date(site: Site, serial: str) -> None:
    publish(site, lists=[product({serial: A}, support_eol="TBD")])
    (image,) = gather(site)["images"]
    assert (image["created_at"], image["uploaded_at"], image["expires_at"]) == ("never", "never", "never")


@pytest.mark.parametrize(
    "wanted",
    [{"used_by": True}, {"all_projects": True}, {"secret": "s"}, {"check_updates": True}, {"unused": True}],
    ids=str,
)
def test_what_only_a_server_knows_is_refused(site: Site, wanted: dict[str, t.Any]) -> None:
    with pytest.raises(LXDInputError, match="The remote 'r' is a simplestreams server"):
        gather(site, **wanted)
    assert not site.asked


def test_an_index_that_is_none(site: Site) -> None:
    site.files["/tree/streams/v1/index.json"] = b"[]"
    with pytest.raises(LXDAPIError, match=f"Cannot use {site.url}/tree/streams/v1/index.json: it is a list"):
        gather(site)
    site.files["/tree/streams/v1/index.json"] = b"<html>"
    with pytest.raises(
        LXDAPIError, match=f"Cannot read {site.url}/tree/streams/v1/index.json: the response is not valid JSON"
    ):
        gather(site)
    site.files["/tree/streams/v1/index.json"] = b"[" * 100000
    with pytest.raises(LXDAPIError, match="the response is not valid JSON"):
        gather(site)
