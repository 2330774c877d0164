# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""Runs lxd_image_export: provides an image in files on the node."""

from __future__ import annotations

import typing as t

from ..._lxd.errors import LXDInputError
from ..desired import DesiredExport
from ..reading.names import read_one
from .export_destination import Destination

if t.TYPE_CHECKING:
    from ..image_reader import ImageReader


def run_export(reader: ImageReader, desired: DesiredExport, check_mode: bool) -> dict[str, t.Any]:
    """Provide an image in files. Returns the result of lxd_image_export, without the file attributes.

    Raises LXDError.
    """
    fingerprint = _export_target(reader, desired)
    destination = Destination(desired.dest, fingerprint)
    files, reason = destination.find()
    changed = files is None
    if files is None:
        destination.check_writable()
    if files is None and not check_mode:
        # imported only here: mostly the files are there
        from .export_files import export_image

        files = export_image(reader, fingerprint, desired.secret, destination)
    return {
        "changed": changed,
        "reason": reason or None,
        "fingerprint": fingerprint,
        "path": files.path if files else destination.known_path,
        "rootfs_path": files.rootfs_path if files else None,
        "size": files.size if files else None,
        "diff": {"before": {} if changed else {"fingerprint": fingerprint}, "after": {"fingerprint": fingerprint}},
    }


def _export_target(reader: ImageReader, desired: DesiredExport) -> str:
    if desired.secret:
        # reading the image would consume the secret
        return desired.fingerprint or ""
    try:
        image = read_one(reader, desired.name, desired.fingerprint)
    except LXDInputError:
        if not reader.client.is_anonymous:
            reader.client.require_trusted()
        raise
    if image.is_application_container:
        raise LXDInputError(
            f"Cannot export the image {image.fingerprint}: it is an application container. Its fingerprint is that of "
            "its layers, so files of it could be neither verified nor found again. Copy it from its registry "
            "('protocol: oci'), or from this server to another one with the 'mode' pull."
        )
    return image.fingerprint
