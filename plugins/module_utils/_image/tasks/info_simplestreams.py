# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""Runs lxd_image_info on a simplestreams server: lists its images."""

from __future__ import annotations

import platform
import typing as t
from datetime import datetime, timezone

from ..._lxd.errors import LXDInputError
from ..desired_image import ImageSource
from ..model import Image
from ..sources.simplestreams import SimplestreamsContent
from ..sources.simplestreams_index import SimplestreamsImage
from ..times import NEVER, format_time, normalize_time, time_of_others

if t.TYPE_CHECKING:
    from ..._lxd.remotes import Remote
    from .info import InfoQuery


def run_info_simplestreams(
    remote: Remote, query: InfoQuery, timeout: float, use_proxy: bool = True
) -> dict[str, t.Any]:
    """List the images that match a query. ``timeout``: seconds. ``use_proxy``: that of the environment.

    Raises LXDInputError for options that only an LXD or Incus server supports.
    """
    selector = query.selector
    if query.used_by or query.all_projects or query.secret or query.check_updates or selector.unused is not None:
        raise LXDInputError(
            f"The remote {remote.name!r} is a simplestreams server: 'used_by', 'unused', 'all_projects', 'secret' and "
            "'check_updates' are not supported, as it has no instances, projects or secrets, and no source of its "
            "images. Leave these options out."
        )
    now = datetime.now(timezone.utc)
    source = ImageSource(server=remote.address, certificate=remote.server_cert)
    listed: dict[str, Image] = {}
    for vendor in ("incus", "lxd"):
        # most servers publish each image for both vendors, with one fingerprint each
        content = SimplestreamsContent(source, vendor, platform.machine(), timeout, use_proxy)
        for image in _with_aliases(content.list_images()):
            listed.setdefault(image.fingerprint, image)
    images = [image for fingerprint, image in sorted(listed.items()) if selector.matches(image, now)]
    return {
        "images": [{"project": "default", **image.to_result()} for image in images],
        "aliases": sorted(
            ({"project": "default", **alias.to_result()} for image in images for alias in image.list_aliases()),
            key=lambda alias: (alias["name"], alias["target"]),
        ),
        "server": {
            "url": remote.address,
            "project": "default",
            "vendor": "simplestreams",
            "version": None,
            "trusted": False,
        },
    }


def _with_aliases(images: t.Iterable[SimplestreamsImage]) -> t.Iterator[Image]:
    """Yield the images with the aliases that point at them.

    An alias means the newest image of each type and architecture. ``images``: the newest first.
    """
    taken: set[tuple[str, str, str]] = set()
    for image in images:
        names = [name for name in image.names if (name, image.type, image.architecture) not in taken]
        taken.update((name, image.type, image.architecture) for name in names)
        yield _image(image, names)


def _image(image: SimplestreamsImage, names: list[str]) -> Image:
    built_at = format_time(time_of_others(f"{image.serial[:4]}-{image.serial[4:6]}-{image.serial[6:8]}"))
    never = normalize_time(NEVER)
    return Image.from_api(
        {
            "fingerprint": image.fingerprint,
            "aliases": [{"name": name, "description": ""} for name in names],
            "architecture": image.architecture,
            "type": image.type,
            "properties": dict(image.properties),
            "public": True,
            "auto_update": False,
            "cached": False,
            "profiles": [],
            "expires_at": image.expires_at or never,
            "size": sum(file.size for file in image.files),
            "filename": image.files[0].path.rsplit("/", 1)[-1],
            "created_at": built_at,
            "uploaded_at": built_at,
            "last_used_at": never,
        }
    )
