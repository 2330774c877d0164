# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""Runs lxd_image_info: reads the images that match a query, with as few requests as possible."""

from __future__ import annotations

import typing as t
from datetime import datetime, timezone

from ..._lxd.errors import LXDAPIError
from ..image_reader import OFFLINE
from ..plan.usage import Usage
from ..reading.names import images_project, project_readers, read_selected

if t.TYPE_CHECKING:
    from ..._lxd.remotes import Remote
    from ..image_reader import ImageReader
    from ..plan.selection import InfoQuery, Selector
    from ..reading.usage import UsageReader
    from .update_check import UpdateChecker


def run_info(reader: ImageReader, query: InfoQuery) -> dict[str, t.Any]:
    """Read the images that match a query, their aliases, and what is known of the server.

    Returns the result of lxd_image_info. Raises LXDError.
    """
    selector = query.selector
    needs_usage = query.used_by or selector.unused is not None
    usage_reader = _usage_reader(reader) if needs_usage else None
    unknown = dict[str, None]()
    updates = _update_checker(reader) if query.check_updates else None
    now = datetime.now(timezone.utc)
    images: list[dict[str, t.Any]] = []
    aliases: list[dict[str, t.Any]] = []
    for project_reader in project_readers(reader, query.all_projects):
        project = project_reader.client.project if query.all_projects else images_project(project_reader)
        usage = usage_reader.read(project_reader) if usage_reader else Usage()
        unknown.update(dict.fromkeys(usage.unknown))
        if selector.unused is not None:
            usage.require_known()
        for image in read_selected(project_reader, selector, query.secret):
            if not selector.matches(image, now, usage.users):
                continue
            result = {"project": project, **image.to_result()}
            if query.used_by:
                result["used_by"] = usage.of(image.fingerprint)
            if updates is not None:
                result.update(updates.check(image))
            images.append(result)
            aliases += [{"project": project, **alias.to_result()} for alias in image.list_aliases()]
    if not reader.client.is_anonymous and not query.secret:
        reader.client.require_trusted()
    unknown.update(dict.fromkeys(reader.notes))
    if selector.name is None and selector.fingerprint is None:
        unknown.update(dict.fromkeys(_unseen(reader, query)))
    return {
        **({"warnings": list(unknown)} if unknown else {}),
        "images": sorted(images, key=lambda image: (image["project"], image["fingerprint"])),
        "aliases": sorted(aliases, key=lambda alias: (alias["project"], alias["name"])),
        "server": _server(reader, selector),
    }


def run_info_on_simplestreams(
    remote: Remote, query: InfoQuery, timeout: float, use_proxy: bool = True
) -> dict[str, t.Any]:
    """Read the images that match a query from a remote that is a simplestreams server.

    ``timeout``: seconds. ``use_proxy``: whether to use the proxies of the environment. Returns the result of
    lxd_image_info. Raises LXDError.
    """
    # imported only here: mostly the server is LXD or Incus
    from .info_simplestreams import run_info_simplestreams

    return run_info_simplestreams(remote, query, timeout, use_proxy)


def _unseen(reader: ImageReader, query: InfoQuery) -> list[str]:
    """Return warnings about what a listing may lack because the server hides it from this client."""
    # imported only here: mostly a task names an image
    from ..reading.visibility import unseen_images, unseen_projects

    return [*unseen_images(reader), *(unseen_projects(reader) if query.all_projects else ())]


def _usage_reader(reader: ImageReader) -> UsageReader:
    # imported only here: most tasks do not ask for the use of images
    from ..reading.usage import UsageReader

    return UsageReader(reader)


def _update_checker(reader: ImageReader) -> UpdateChecker:
    # imported only here: most tasks do not check for updates
    from .update_check import UpdateChecker

    return UpdateChecker(reader)


def _server(reader: ImageReader, selector: Selector) -> dict[str, t.Any]:
    """Return what is known of the server.

    Vendor and version require a request, so they are left out for a single image.
    """
    known: dict[str, t.Any] = {"url": reader.client.url, "project": reader.client.project}
    if selector.name is None and selector.fingerprint is None:
        info = reader.client.server()
        known.update(vendor=info.vendor, version=info.version, trusted=info.trusted, client=_client(reader))
        known.update(clustered=info.clustered, members_down=_members_down(reader) if info.clustered else [])
    return known


def _members_down(reader: ImageReader) -> list[str] | None:
    """Return the names of the cluster members that do not respond, sorted; None if this client may not know them."""
    try:
        members = reader.list_cluster_members()
    except LXDAPIError:
        return None
    return sorted(name for name, (status, _url) in members.items() if status == OFFLINE)


def _client(reader: ImageReader) -> dict[str, t.Any]:
    """Return who the client is on the server. ``projects``: those that it may see; None for all of them."""
    identity = reader.client.identity()
    partly = identity.method is not None and not identity.sees_all
    return {
        "method": identity.method,
        "sees_all": identity.sees_all,
        "restricted": partly,
        "fine_grained": identity.fine_grained,
        "projects": list(reader.list_projects()) if partly else None,
    }
