# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""Reads the index and the products of a simplestreams server: its images as LXD and Incus see them. Pure.

The rules are those of the daemons (shared/simplestreams), so that the fingerprint found here is the one they will copy.
"""

from __future__ import annotations

import re
import typing as t

from ..._lxd.json_shapes import Object, mapping, mappings, need_mapping, need_object, need_text, text
from ..._lxd.record import field, record
from ..model import architecture_name

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
_VERSION = re.compile("[0-9]{8}")


@record(frozen=True)
class StreamFile:
    """One file of an image. ``part``: its name in the multipart body of an upload, empty for a unified tarball."""

    path: str
    sha256: str
    size: int
    part: str


@record(frozen=True)
class SimplestreamsImage:
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
    """Return the paths of the product lists that have images. Raises LXDAPIError if ``index`` is no index.

    ``where``: its name for messages.
    """
    entries = mappings(need_mapping(need_object(index, where), "index", where))
    return [
        need_text(entry, "path", where)
        for entry in entries
        if entry.get("datatype") == "image-downloads" and entry.get("products")
    ]


def read_products(document: t.Any, where: str) -> list[Object]:
    """Return the products of a product list, without entries that are no product. Raises LXDAPIError if it is no list.

    ``where``: its name for messages.
    """
    return mappings(need_mapping(need_object(document, where), "products", where))


def list_simplestreams_images(products: t.Iterable[Object], vendor: str) -> list[SimplestreamsImage]:
    """Return the images that a server of ``vendor`` ("lxd" or "incus") can use, newest and preferred first.

    ``products``: of all product lists, as an alias in several of them means the newest image of all.
    """
    images: list[SimplestreamsImage] = []
    for product in products:
        requirements = mapping(product.get("lxd_requirements" if vendor == "lxd" else "requirements"))
        for serial, version in mapping(product.get("versions")).items():
            if _VERSION.match(serial):
                images += _images_of({**product, "requirements": requirements}, serial, version, vendor)
    # stable sorts, least important first
    images.sort(key=lambda image: image.preference)
    images.sort(key=lambda image: image.serial, reverse=True)
    return images


def _images_of(
    product: t.Mapping[str, t.Any], serial: str, version: t.Any, vendor: str
) -> t.Iterator[SimplestreamsImage]:
    items = mappings(mapping(version).get("items"))
    for meta in items:
        kind = meta.get("ftype")
        if kind == f"{vendor}_combined.tar.gz" and text(meta.get("sha256")):
            yield _image(product, serial, version, meta, None, meta["sha256"])
        if kind != f"{vendor}.tar.xz":
            continue
        for root in items:
            fingerprint = next(
                (meta[key] for key in _ROOTS.get(text(root.get("ftype")), ()) if text(meta.get(key))), None
            )
            if fingerprint:
                yield _image(product, serial, version, meta, root, fingerprint)


def _image(
    product: t.Mapping[str, t.Any],
    serial: str,
    version: t.Mapping[str, t.Any],
    meta: t.Mapping[str, t.Any],
    root: t.Mapping[str, t.Any] | None,
    fingerprint: str,
) -> SimplestreamsImage:
    kind = root["ftype"] if root else "tar.gz"
    is_disk = kind in _DISKS
    files = [_file(meta, "metadata" if root else "")]
    if root:
        files.append(_file(root, "rootfs.img" if is_disk else "rootfs"))
    names = [name.strip() for name in text(product.get("aliases")).split(",") if name.strip()]
    architecture = text(product.get("arch"))
    return SimplestreamsImage(
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
    """Return a size that is a number or the text of a number, else 0."""
    digits = str(value)
    return (
        int(digits)
        if isinstance(value, (int, str)) and digits.isascii() and digits.isdecimal() and len(digits) < 20
        else 0
    )


def _properties(
    product: t.Mapping[str, t.Any], serial: str, version: t.Mapping[str, t.Any], kind: str
) -> dict[str, str]:
    told = {key: str(value) for key, value in product.items() if isinstance(value, (str, int, float))}
    system, release, architecture, label = (
        told.get("os"),
        told.get("release_title") or told.get("release"),
        told.get("arch"),
        text(version.get("label")),
    )
    properties = {
        "os": system,
        "release": told.get("release"),
        "version": told.get("version"),
        "architecture": architecture,
        "label": label,
        "serial": serial,
        "type": kind,
        "variant": told.get("variant"),
        "description": f"{system} {release} {architecture} ({label}) ({serial})"
        if label
        else f"{system} {release} {architecture} ({serial})",
    }
    properties.update({f"requirements.{key}": str(value) for key, value in product["requirements"].items()})
    return {key: value for key, value in properties.items() if value}


def find_simplestreams_image(
    images: t.Iterable[SimplestreamsImage],
    native: str,
    alias: str | None,
    fingerprint: str | None,
    image_type: str | None,
    architecture: str | None,
) -> SimplestreamsImage | None:
    """Return the image that a server would copy for an alias or a fingerprint, or None if it is not found.

    ``images``: a sorted list. ``native``: the server's own architecture, which an alias without one means. Without
    ``image_type``, a container is preferred to a virtual machine, as the servers do.
    """
    wanted = architecture_name(architecture) if architecture else native
    images = list(images)
    for kind in (image_type,) if image_type else ("container", "virtual-machine"):
        for image in images:
            if image.type == kind and _is_meant(image, wanted, alias, fingerprint):
                return image
    return None


def _is_meant(image: SimplestreamsImage, architecture: str, alias: str | None, fingerprint: str | None) -> bool:
    if fingerprint:
        return image.fingerprint.startswith(fingerprint)
    bare, with_architecture = image.names[::2], image.names[1::2]
    return alias in with_architecture or (alias in bare and image.architecture == architecture)


VENDORS = {"lxd": "LXD", "incus": "Incus"}


def explain_missing(
    products: t.Iterable[Object],
    vendor: str,
    native: str,
    alias: str | None,
    fingerprint: str | None,
    image_type: str | None,
    architecture: str | None,
) -> str:
    """Return a sentence about similar images if find_simplestreams_image() found none, or an empty text."""
    products = list(products)
    images = list_simplestreams_images(products, vendor)
    named = [image for image in images if alias in image.names]
    if named:
        return _other_kinds(named, alias or "", architecture_name(architecture) if architecture else native, image_type)
    for other in (key for key in VENDORS if key != vendor):
        theirs = list_simplestreams_images(products, other)
        if any(image.fingerprint.startswith(fingerprint) if fingerprint else alias in image.names for image in theirs):
            return f" The server has {repr(alias) if alias else 'the image'} only for {VENDORS[other]} servers."
        if theirs and not images:
            return f" The server has images only for {VENDORS[other]} servers."
    head = (alias or "").split("/")[0]
    near = sorted({name for image in images for name in image.names[::2] if head and name.startswith(head)})[:10]
    return f" The server has {', '.join(near)}." if near else ""


def _other_kinds(named: list[SimplestreamsImage], alias: str, wanted: str, image_type: str | None) -> str:
    """Return a sentence about the images of an alias of which none has the type and architecture that are wanted."""
    architectures = sorted({image.architecture for image in named})
    fitting = [image for image in named if alias in image.names[1::2] or image.architecture == wanted]
    if not fitting:
        suitable = sorted({image.architecture for image in named if image_type in (None, image.type)})
        return f" The server has {alias!r} only for {', '.join(suitable or architectures)}."
    where = f" for {fitting[0].architecture}" if len({image.type for image in named}) > 1 else ""
    return f" The server has {alias!r}{where} only as {fitting[0].type}."
