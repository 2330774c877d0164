# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""Whether an image's source has a newer one by now: asked by us, as the servers don't tell."""

from __future__ import annotations

import json
import os
import typing as t

from ansible_collections.community.lxd.plugins.module_utils._image.model import MADE_FROM, Image, ImageSource
from ansible_collections.community.lxd.plugins.module_utils._lxd.documents import text_values
from ansible_collections.community.lxd.plugins.module_utils._lxd.errors import LXDError

if t.TYPE_CHECKING:
    from ansible_collections.community.lxd.plugins.module_utils._image.api import ImageAPI
    from ansible_collections.community.lxd.plugins.module_utils._image.upstream import StreamsUpstream

_REMEMBERED = ("remote", "server", "protocol", "alias", "image_type", "architecture", "project")


class UpdateChecker:
    """Asks each source server for its index only once."""

    def __init__(self, api: ImageAPI) -> None:
        self._api = api
        self._streams: dict[tuple[str | None, str | None], StreamsUpstream] = {}

    def check(self, image: Image) -> dict[str, t.Any]:
        """``upstream_fingerprint`` and ``stale``, both None where nothing can be followed; ``upstream_error`` where the source gives no answer."""
        source = source_of(image)
        result: dict[str, t.Any] = {"upstream_fingerprint": None, "stale": None}
        if source is None:
            return result
        try:
            result["upstream_fingerprint"] = self._ask(source)
        except LXDError as exc:
            return {**result, "upstream_error": str(exc)}
        return {**result, "stale": result["upstream_fingerprint"] != image.fingerprint}

    def _ask(self, source: ImageSource) -> str:
        # only here: most tasks ask no other server
        from ansible_collections.community.lxd.plugins.module_utils._image.upstream import StreamsUpstream, open_upstream

        upstream = open_upstream(source, self._api, os.environ)
        if isinstance(upstream, StreamsUpstream):
            upstream = self._streams.setdefault((source.server, source.certificate), upstream).for_source(source)
        return upstream.find().fingerprint


def source_of(image: Image) -> ImageSource | None:
    """What the server follows, or what the collection remembers of its copy; None unless there is an alias to ask for."""
    followed = text_values(image.data.get("update_source"))
    if image.followed_alias:
        return ImageSource(
            server=followed.get("server"),
            protocol=followed.get("protocol"),
            alias=image.followed_alias,
            certificate=followed.get("certificate") or None,
            image_type=image.data.get("type"),
        )
    try:
        remembered = json.loads(image.settings.memory.get(MADE_FROM) or "{}")
    except (ValueError, RecursionError):
        return None
    if not isinstance(remembered, dict) or remembered.get("type") != "image" or not remembered.get("alias"):
        return None
    known = {key: remembered[key] for key in _REMEMBERED if remembered.get(key) is not None}
    # anybody may set properties
    return ImageSource(**known) if all(isinstance(value, str) for value in known.values()) else None
