# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""References and manifests of application containers."""

from __future__ import annotations

import hashlib
import typing as t

import pytest

from ansible_collections.community.lxd.plugins.module_utils._image.sources import oci_manifest
from ansible_collections.community.lxd.plugins.module_utils._lxd.errors import LXDAPIError, LXDInputError

DIGEST = f"sha256:{'0123456789abcdef' * 4}"


@pytest.mark.parametrize(
    ("alias", "repository", "tag", "digest"),
    (
        ("nginx", "nginx", "latest", None),
        ("library/nginx:1.27", "library/nginx", "1.27", None),
        ("a/b/c__d-e.f:V_1.0-x", "a/b/c__d-e.f", "V_1.0-x", None),
        (f"nginx@{DIGEST}", "nginx", "latest", DIGEST),
        (f"nginx:1@{DIGEST}", "nginx", "1", DIGEST),
    ),
)
def test_reference(alias: str, repository: str, tag: str, digest: str | None) -> None:
    reference = oci_manifest.parse_reference(alias)
    assert reference == oci_manifest.Reference(repository, tag, digest)
    assert reference.version == (digest or tag)


@pytest.mark.parametrize(
    "alias",
    (
        "",
        "Nginx",
        "nginx:",
        "nginx: 1",
        "nginx:a/b",
        "/nginx",
        "nginx/",
        "a//b",
        "../a",
        "nginx?x=1",
        "nginx@sha256:12",
        "nginx@md5:" + "0" * 64,
        f"nginx:{'x' * 129}",
        "nginx:1\n",
    ),
)
def test_no_reference(alias: str) -> None:
    with pytest.raises(LXDInputError, match="must be 'repository:tag'"):
        oci_manifest.parse_reference(alias)


def test_fingerprint() -> None:
    """The digests of the layers as texts, in their order, one after the other."""
    layers = [f"sha256:{'a' * 64}", f"sha256:{'b' * 64}"]
    manifest = {"layers": [{"digest": digest} for digest in layers]}
    assert oci_manifest.fingerprint_of(manifest, "x") == hashlib.sha256("".join(layers).encode()).hexdigest()
    assert oci_manifest.fingerprint_of({"layers": []}, "x") == hashlib.sha256(b"").hexdigest()


@pytest.mark.parametrize("layers", ("x", [1], [{}], [{"digest": 1}], {"digest": "x"}))
def test_no_layers(layers: t.Any) -> None:
    with pytest.raises(LXDAPIError):
        oci_manifest.fingerprint_of({"layers": layers}, "the manifest")


def entry(digest: str, architecture: str, variant: str | None = None, system: str = "linux") -> dict[str, t.Any]:
    platform = {"os": system, "architecture": architecture, **({"variant": variant} if variant else {})}
    return {"digest": digest, "platform": platform}


INDEX = {
    "manifests": [
        entry("attestation", "unknown", system="unknown"),
        entry("windows", "amd64", system="windows"),
        entry("amd64-v3", "amd64", "v3"),
        entry("amd64", "amd64"),
        entry("arm-v5", "arm", "v5"),
        entry("arm-v6", "arm", "v6"),
        entry("arm-v7", "arm", "v7"),
        entry("arm64", "arm64"),
        entry("arm64-v8", "arm64", "v8"),
        entry("386", "386"),
        entry("ppc64le", "ppc64le"),
        {"digest": "no platform"},
    ]
}


@pytest.mark.parametrize(
    ("architecture", "digest"),
    (
        ("x86_64", "amd64"),
        ("i686", "386"),
        ("aarch64", "arm64-v8"),
        ("armv8l", "arm-v7"),
        ("armv7l", "arm-v7"),
        ("armv6l", "arm-v6"),
        ("ppc64le", "ppc64le"),
        ("riscv64", None),
        ("unknown", None),
    ),
)
def test_manifest_for(architecture: str, digest: str | None) -> None:
    assert oci_manifest.manifest_for(INDEX, architecture, "x") == digest


@pytest.mark.parametrize(
    "index",
    ({"manifests": "x"}, {"manifests": [1]}, {"manifests": [{"platform": {"os": "linux", "architecture": "amd64"}}]}),
)
def test_an_index_of_another_shape(index: t.Any) -> None:
    with pytest.raises(LXDAPIError):
        oci_manifest.manifest_for(index, "x86_64", "the index")


def test_architectures() -> None:
    assert oci_manifest.architectures_in(INDEX) == ["aarch64", "armv7l", "i686", "ppc64le", "x86_64"]


def test_properties() -> None:
    labels = {
        "org.opencontainers.image.version": "1.2",
        "org.opencontainers.image.title": "App",
        "maintainer": "x",
        "n": 1,
    }
    config = {"architecture": "arm64", "config": {"Labels": labels}}
    assert oci_manifest.properties_of(config, "registry.example.com/library/app", "library/app:1") == {
        "architecture": "aarch64",
        "type": "oci",
        "description": "registry.example.com/library/app (OCI)",
        "id": "library/app:1",
        "oci.version": "1.2",
        "oci.title": "App",
    }
    assert oci_manifest.properties_of({"config": None}, "r", "a")["architecture"] == ""
