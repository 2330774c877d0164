# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""Understands references and manifests of application containers, and what Incus makes of them. Pure.

The rules are those of Incus (client/oci_images.go, which runs skopeo), so that the fingerprint found here is the one
that it will store.
"""

from __future__ import annotations

import hashlib
import re
import typing as t

from ..._lxd.errors import LXDInputError
from ..._lxd.json_shapes import mapping, mappings, need_objects, need_text, text, text_values
from ..._lxd.record import record

_NAME = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_REFERENCE = re.compile(
    rf"(?P<repository>{_NAME}(?:/{_NAME})*)(?::(?P<tag>[A-Za-z0-9_][A-Za-z0-9_.-]{{0,127}}))?"
    r"(?:@(?P<digest>sha256:[0-9a-f]{64}))?"
)
_LATEST = "latest"

# the kernel's name -> the name in manifests, and the variants that run there, the best one first
_PLATFORMS: dict[str, tuple[str, tuple[str, ...]]] = {
    "x86_64": ("amd64", ("",)),
    "i686": ("386", ("",)),
    "aarch64": ("arm64", ("v8", "")),
    "armv8l": ("arm", ("v8", "v7", "v6", "v5", "")),
    "armv7l": ("arm", ("v7", "v6", "v5", "")),
    "armv6l": ("arm", ("v6", "v5", "")),
    "loongarch64": ("loong64", ("",)),
}
_LABEL = "org.opencontainers.image."


@record(frozen=True)
class Reference:
    """Which image of a registry is meant. With a ``digest``, the ``tag`` does not count."""

    repository: str
    tag: str
    digest: str | None = None

    @property
    def version(self) -> str:
        """The digest, or else the tag."""
        return self.digest or self.tag


def parse_reference(alias: str) -> Reference:
    """Parse the alias of an application container: repository, tag and digest. Raises LXDInputError.

    ``alias``: "library/nginx:1.27", "nginx" (the tag is then "latest"), or "nginx@sha256:..." with 64 hex digits.
    """
    match = _REFERENCE.fullmatch(alias)
    if match is None:
        raise LXDInputError(
            f"The 'alias' in 'source' is {alias!r}, but of a registry must be 'repository:tag' or "
            "'repository@sha256:<64 hex digits>', with the repository in lower case, such as 'library/nginx:1.27'."
        )
    return Reference(match["repository"], match["tag"] or _LATEST, match["digest"])


def fingerprint_of(manifest: t.Mapping[str, t.Any], where: str) -> str:
    """Return the fingerprint that Incus gives to an image: the SHA-256 of the digests of its layers, one after another.

    ``manifest``: of one image. ``where``: its name, for messages. Raises LXDAPIError.
    """
    layers = [need_text(layer, "digest", where) for layer in need_objects(manifest.get("layers"), where, "layers")]
    return hashlib.sha256("".join(layers).encode()).hexdigest()


def manifest_for(index: t.Mapping[str, t.Any], architecture: str, where: str) -> str | None:
    """Return the digest of the manifest for an architecture in a list of manifests; None if it has none for it.

    ``architecture``: the kernel's name. ``where``: the name of the list, for messages.
    """
    name, variants = platform_of(architecture)
    entries = [
        (text(platform.get("variant")), need_text(entry, "digest", where))
        for entry in need_objects(index.get("manifests"), where, "manifests")
        for platform in [mapping(entry.get("platform"))]
        if _is_linux(platform) and platform.get("architecture") == name
    ]
    return next((digest for variant in variants for found, digest in entries if found == variant), None)


def platform_of(architecture: str) -> tuple[str, tuple[str, ...]]:
    """Return the name of an architecture in manifests, and the variants of it that run on it, the best one first."""
    return _PLATFORMS.get(architecture, (architecture, ("",)))


def architectures_in(index: t.Mapping[str, t.Any]) -> list[str]:
    """Return the architectures of a list of manifests, as the kernel calls them, sorted."""
    platforms = [mapping(entry.get("platform")) for entry in mappings(index.get("manifests"))]
    return sorted({kernel_name(text(platform.get("architecture"))) for platform in platforms if _is_linux(platform)})


def _is_linux(platform: t.Mapping[str, t.Any]) -> bool:
    return platform.get("os") == "linux"


def kernel_name(name: str) -> str:
    """Return the kernel's name of an architecture. ``name``: the one in manifests."""
    if name == "arm":
        # as Incus names all variants
        return "armv7l"
    return next((kernel for kernel, (theirs, _variants) in _PLATFORMS.items() if theirs == name), name)


def properties_of(config: t.Mapping[str, t.Any], place: str, alias: str) -> dict[str, str]:
    """Return the properties that Incus gives to an image.

    ``config``: the configuration that its manifest names. ``place``: the registry and the repository. ``alias``: by
    which it is copied.
    """
    labels = text_values(mapping(config.get("config")).get("Labels"))
    return {
        "architecture": kernel_name(text(config.get("architecture"))),
        "type": "oci",
        "description": f"{place} (OCI)",
        "id": alias,
        **{f"oci.{key[len(_LABEL) :]}": value for key, value in labels.items() if key.startswith(_LABEL)},
    }
