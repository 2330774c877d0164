# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""Whether an image's source has a newer one by now: asked by us, as the servers don't tell."""

from __future__ import annotations

import json
import typing as t

from ..._lxd.errors import LXDError
from ..._lxd.json_shapes import text_values
from ..desired import ImageSource
from ..model import MADE_FROM, Image

if t.TYPE_CHECKING:
    from ..image_reader import ImageReader
    from ..sources.simplestreams import SimplestreamsContent

_REMEMBERED = ("remote", "server", "protocol", "alias", "image_type", "architecture", "project")


class UpdateChecker:
    """Asks each source server for its index only once."""

    def __init__(self, reader: ImageReader) -> None:
        self._reader = reader
        self._simplestreams: dict[tuple[str | None, str | None], SimplestreamsContent] = {}

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
        # imported only here: most tasks ask no other server
        from ..sources.remote import open_remote
        from ..sources.simplestreams import SimplestreamsContent

        content = open_remote(source, self._reader.client)
        if isinstance(content, SimplestreamsContent):
            known = self._simplestreams.setdefault((source.server, source.certificate), content)
            content = known.for_source(source)
        return content.find().fingerprint


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
        kept = json.loads(image.settings.bookkeeping.get(MADE_FROM) or "{}")
    except (ValueError, RecursionError):
        return None
    if not isinstance(kept, dict) or kept.get("type") != "image" or not kept.get("alias"):
        return None
    known = {key: kept[key] for key in _REMEMBERED if kept.get(key) is not None}
    # anybody may set properties
    return ImageSource(**known) if all(isinstance(value, str) for value in known.values()) else None
