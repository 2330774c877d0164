# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""Simplestreams: from the index and the products of a public image server to images as LXD and Incus see them. Pure.

The rules are those of the daemons (shared/simplestreams), so that the fingerprint found here is the one they will copy.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.community.lxd.plugins.module_utils._image.model import architecture_name
from ansible_collections.community.lxd.plugins.module_utils._lxd.record import field, record

INDEX = "streams/v1/index.json"

# root file systems in the order of preference, with the field of the metadata item that has the fingerprint of the pair
_ROOTS = {
    "squashfs": ("combined_squashfs_sha256",),
    "root.tar.xz": ("combined_rootxz_sha256", "combined_sha256"),
    "disk-kvm.img": ("combined_disk-kvm-img_sha256",),
    "uefi1.img": ("combined_uefi1-img_sha256",),
    "disk1.img": ("combined_disk1-img_sha256",),
}
_DISKS = ("disk-kvm.img", "uefi1.img", "disk1.img")
_VERSION = re.compile(r"\d{8}")


@record(frozen=True)
class StreamFile:
    """One file of an image. ``part``: the name under which an upload carries it, empty for a unified tarball."""

    path: str
    sha256: str
    size: int
    part: str


@record(frozen=True)
class StreamImage:
    """One image of a simplestreams server."""

    fingerprint: str
    type: str
    architecture: str
    serial: str
    names: tuple[str, ...]
    """Aliases of the product, without and with the architecture."""
    properties: t.Mapping[str, str]
    expires_at: str | None
    files: tuple[StreamFile, ...] = field(repr=False)
    preference: int = 0


def product_paths(index: t.Mapping[str, t.Any]) -> list[str]:
    """Of an index, the paths of the product lists that have images."""
    entries = (index.get("index") or {}).values()
    return [entry["path"] for entry in entries if entry.get("datatype") == "image-downloads" and entry.get("products")]


def list_stream_images(lists: t.Iterable[t.Mapping[str, t.Any]], vendor: str) -> list[StreamImage]:
    """Return the images of all product lists of a server that a server of ``vendor`` ("lxd" or "incus") can use, newest and preferred first.

    All lists at once: one alias may be in several, and means the newest image of them all.
    """
    images: list[StreamImage] = []
    for product in [product for products in lists for product in (products.get("products") or {}).values()]:
        requirements = product.get("lxd_requirements" if vendor == "lxd" else "requirements") or {}
        for serial, version in (product.get("versions") or {}).items():
            if _VERSION.match(serial):
                images += _images_of({**product, "requirements": requirements}, serial, version, vendor)
    # stable sorts, least important first
    images.sort(key=lambda image: image.preference)
    images.sort(key=lambda image: image.serial, reverse=True)
    return images


def _images_of(product: t.Mapping[str, t.Any], serial: str, version: t.Mapping[str, t.Any], vendor: str) -> t.Iterator[StreamImage]:
    items = list((version.get("items") or {}).values())
    for meta in items:
        if meta.get("ftype") == f"{vendor}_combined.tar.gz" and meta.get("sha256"):
            yield _image(product, serial, version, meta, None, meta["sha256"])
        if meta.get("ftype") != f"{vendor}.tar.xz":
            continue
        for root in items:
            fingerprint = next((meta[key] for key in _ROOTS.get(root.get("ftype"), ()) if meta.get(key)), None)
            if fingerprint:
                yield _image(product, serial, version, meta, root, fingerprint)


def _image(
    product: t.Mapping[str, t.Any],
    serial: str,
    version: t.Mapping[str, t.Any],
    meta: t.Mapping[str, t.Any],
    root: t.Mapping[str, t.Any] | None,
    fingerprint: str,
) -> StreamImage:
    kind = root["ftype"] if root else "tar.gz"
    is_disk = kind in _DISKS
    files = [_file(meta, "metadata" if root else "")]
    if root:
        files.append(_file(root, "rootfs.img" if is_disk else "rootfs"))
    names = [name.strip() for name in (product.get("aliases") or "").split(",") if name.strip()]
    return StreamImage(
        fingerprint=fingerprint,
        type="virtual-machine" if is_disk else "container",
        architecture=architecture_name(product.get("arch") or ""),
        serial=serial,
        names=tuple(name for alias in names for name in (alias, f"{alias}/{product.get('arch')}")),
        properties=_properties(product, serial, version, kind),
        expires_at=product.get("support_eol") or None,
        files=tuple(files),
        preference=list(_ROOTS).index(kind) if root else -1,
    )


def _file(item: t.Mapping[str, t.Any], part: str) -> StreamFile:
    return StreamFile(item.get("path") or "", item.get("sha256") or "", int(item.get("size") or 0), part)


def _properties(product: t.Mapping[str, t.Any], serial: str, version: t.Mapping[str, t.Any], kind: str) -> dict[str, str]:
    release, architecture, label = product.get("release_title") or product.get("release"), product.get("arch"), version.get("label")
    properties = {
        "os": product.get("os"),
        "release": product.get("release"),
        "version": product.get("version"),
        "architecture": architecture,
        "label": label,
        "serial": serial,
        "type": kind,
        "variant": product.get("variant"),
        "description": f"{product.get('os')} {release} {architecture} ({label}) ({serial})"
        if label
        else f"{product.get('os')} {release} {architecture} ({serial})",
    }
    properties.update({f"requirements.{key}": str(value) for key, value in product["requirements"].items()})
    return {key: str(value) for key, value in properties.items() if value}


def find_stream_image(
    images: t.Iterable[StreamImage], native: str, alias: str | None, fingerprint: str | None, image_type: str | None, architecture: str | None
) -> StreamImage | None:
    """The image that a server would copy for this alias or fingerprint, from a sorted list. ``native``: the server's own architecture.

    A bare alias means the server's architecture. Without ``image_type``, a container is
    looked for before a virtual machine, as the servers do.
    """
    wanted = architecture_name(architecture) if architecture else native
    images = list(images)
    for kind in (image_type,) if image_type else ("container", "virtual-machine"):
        for image in images:
            if image.type == kind and _is_meant(image, wanted, alias, fingerprint):
                return image
    return None


def _is_meant(image: StreamImage, architecture: str, alias: str | None, fingerprint: str | None) -> bool:
    if fingerprint:
        return image.fingerprint.startswith(fingerprint)
    bare, with_architecture = image.names[::2], image.names[1::2]
    return alias in with_architecture or (alias in bare and image.architecture == architecture)
