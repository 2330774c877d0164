# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""Reads what lxd_image_info returns, with no more requests than that needs."""

from __future__ import annotations

import typing as t
from datetime import datetime, timezone

from ansible_collections.community.lxd.plugins.module_utils._image.read import images_project, require_project
from ansible_collections.community.lxd.plugins.module_utils._image.read_usage import UsageReader
from ansible_collections.community.lxd.plugins.module_utils._image.updates import UpdateChecker
from ansible_collections.community.lxd.plugins.module_utils._image.usage import Usage

if t.TYPE_CHECKING:
    from ansible_collections.community.lxd.plugins.module_utils._image.api import ImageAPI
    from ansible_collections.community.lxd.plugins.module_utils._image.model import Image
    from ansible_collections.community.lxd.plugins.module_utils._image.select import Selector, Wanted


def gather_images(api: ImageAPI, wanted: Wanted) -> dict[str, t.Any]:
    """The images that match, sorted by project and fingerprint, their aliases, and the server. Raises LXDError."""
    selector = wanted.selector
    needs_usage = wanted.used_by or selector.unused is not None
    reader, unknown = UsageReader(api), dict[str, None]()
    updates = UpdateChecker(api)
    now = datetime.now(timezone.utc)
    images: list[dict[str, t.Any]] = []
    aliases: list[dict[str, t.Any]] = []
    for project_api in list_projects(api, wanted.all_projects):
        project = project_api.client.project if wanted.all_projects else images_project(project_api)
        usage = reader.read(project_api) if needs_usage else Usage()
        unknown.update(dict.fromkeys(usage.unknown))
        if selector.unused is not None:
            usage.require_known()
        for image in _candidates(project_api, wanted):
            if not selector.matches(image, now, usage.users):
                continue
            result = {"project": project, **image.to_result()}
            if wanted.used_by:
                result["used_by"] = usage.of(image.fingerprint)
            if wanted.check_updates:
                result.update(updates.check(image))
            images.append(result)
            aliases += [{"project": result["project"], **alias.to_result()} for alias in image.list_aliases()]
    if not api.client.is_anonymous and not wanted.secret:
        api.client.require_trusted()
    return {
        **({"warnings": list(unknown)} if unknown else {}),
        "images": sorted(images, key=lambda image: (image["project"], image["fingerprint"])),
        "aliases": sorted(aliases, key=lambda alias: (alias["project"], alias["name"])),
        "server": _server(api, selector),
    }


def list_projects(api: ImageAPI, all_projects: bool) -> list[ImageAPI]:
    """One after the other on every server: some ignore ``all-projects`` for images without a word."""
    return [api.in_project(name) for name, has_images in api.list_projects().items() if has_images] if all_projects else [api]


def _candidates(api: ImageAPI, wanted: Wanted) -> list[Image]:
    """By name or fingerprint only that image is read, never the list."""
    selector = wanted.selector
    if selector.fingerprint is not None:
        image = api.get_image(selector.fingerprint, wanted.secret)
    elif selector.name is not None:
        alias = api.get_alias(selector.name)
        image = api.get_image(alias.target) if alias else None
    else:
        return api.list_images()
    if image is None:
        require_project(api)
    return [image] if image else []


def _server(api: ImageAPI, selector: Selector) -> dict[str, t.Any]:
    """Vendor and version cost a request of their own, which a look at one image is spared."""
    known: dict[str, t.Any] = {"url": api.client.url, "project": api.client.project}
    if selector.name is None and selector.fingerprint is None:
        info = api.client.server()
        known.update(vendor=info.vendor, version=info.version, trusted=info.trusted)
    return known
