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
from ansible_collections.community.lxd.plugins.module_utils._lxd.documents import Object, mapping, mappings, need_mapping, need_object, need_text, text
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


def product_paths(index: t.Any, where: str) -> list[str]:
    """Return of an index, called ``where``, the paths of the product lists that have images. Raises LXDAPIError if it is none."""
    entries = mappings(need_mapping(need_object(index, where), "index", where))
    return [need_text(entry, "path", where) for entry in entries if entry.get("datatype") == "image-downloads" and entry.get("products")]


def read_products(document: t.Any, where: str) -> list[Object]:
    """Return the products of a product list, called ``where``. Raises LXDAPIError if it is none. A product that isn't one is left out."""
    return mappings(need_mapping(need_object(document, where), "products", where))


def list_stream_images(products: t.Iterable[Object], vendor: str) -> list[StreamImage]:
    """Return the images of these products that a server of ``vendor`` ("lxd" or "incus") can use, newest and preferred first.

    Give those of all product lists at once: one alias may be in several, and means the newest image of them all.
    """
    images: list[StreamImage] = []
    for product in products:
        requirements = mapping(product.get("lxd_requirements" if vendor == "lxd" else "requirements"))
        for serial, version in mapping(product.get("versions")).items():
            if _VERSION.match(serial):
                images += _images_of({**product, "requirements": requirements}, serial, version, vendor)
    # stable sorts, least important first
    images.sort(key=lambda image: image.preference)
    images.sort(key=lambda image: image.serial, reverse=True)
    return images


def _images_of(product: t.Mapping[str, t.Any], serial: str, version: t.Any, vendor: str) -> t.Iterator[StreamImage]:
    items = mappings(mapping(version).get("items"))
    for meta in items:
        kind = meta.get("ftype")
        if kind == f"{vendor}_combined.tar.gz" and text(meta.get("sha256")):
            yield _image(product, serial, version, meta, None, meta["sha256"])
        if kind != f"{vendor}.tar.xz":
            continue
        for root in items:
            fingerprint = next((meta[key] for key in _ROOTS.get(text(root.get("ftype")), ()) if text(meta.get(key))), None)
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
    names = [name.strip() for name in text(product.get("aliases")).split(",") if name.strip()]
    architecture = text(product.get("arch"))
    return StreamImage(
        fingerprint=fingerprint,
        type="virtual-machine" if is_disk else "container",
        architecture=architecture_name(architecture),
        serial=serial,
        names=tuple(name for alias in names for name in (alias, f"{alias}/{architecture}")),
        properties=_properties(product, serial, version, kind),
        expires_at=text(product.get("support_eol")) or None,
        files=tuple(files),
        preference=list(_ROOTS).index(kind) if root else -1,
    )


def _file(item: t.Mapping[str, t.Any], part: str) -> StreamFile:
    return StreamFile(text(item.get("path")), text(item.get("sha256")), _size(item.get("size")), part)


def _size(value: t.Any) -> int:
    """Return a size that is a number or the text of one, or 0 for "not told"."""
    digits = str(value)
    return int(digits) if isinstance(value, (int, str)) and digits.isascii() and digits.isdecimal() and len(digits) < 20 else 0


def _properties(product: t.Mapping[str, t.Any], serial: str, version: t.Mapping[str, t.Any], kind: str) -> dict[str, str]:
    told = {key: str(value) for key, value in product.items() if isinstance(value, (str, int, float))}
    system, release, architecture, label = told.get("os"), told.get("release_title") or told.get("release"), told.get("arch"), text(version.get("label"))
    properties = {
        "os": system,
        "release": told.get("release"),
        "version": told.get("version"),
        "architecture": architecture,
        "label": label,
        "serial": serial,
        "type": kind,
        "variant": told.get("variant"),
        "description": f"{system} {release} {architecture} ({label}) ({serial})" if label else f"{system} {release} {architecture} ({serial})",
    }
    properties.update({f"requirements.{key}": str(value) for key, value in product["requirements"].items()})
    return {key: value for key, value in properties.items() if value}


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
