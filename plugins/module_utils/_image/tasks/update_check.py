# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""Checks whether the source of an image has a newer one. The servers do not provide that: the source is read here."""

from __future__ import annotations

import json
import typing as t

from ..._lxd.errors import LXDError
from ..._lxd.json_shapes import text_values
from ..._lxd.remotes import OCI
from ..desired_image import ImageSource
from ..model import MADE_FROM, Image

if t.TYPE_CHECKING:
    from ..image_reader import ImageReader
    from ..sources.simplestreams import SimplestreamsContent

_KEPT = ("remote", "server", "protocol", "alias", "image_type", "architecture", "project")


class UpdateChecker:
    """Checks images one after the other. Reads the index of each source server only once."""

    def __init__(self, reader: ImageReader) -> None:
        self._reader = reader
        self._simplestreams: dict[tuple[str | None, str | None], SimplestreamsContent] = {}

    def check(self, image: Image) -> dict[str, t.Any]:
        """Return ``upstream_fingerprint`` and ``stale`` for an image, both None if it has no source to follow.

        If the source cannot be read, ``upstream_error`` says why.
        """
        source = source_of(image)
        result: dict[str, t.Any] = {"upstream_fingerprint": None, "stale": None}
        if source is None:
            return result
        try:
            result["upstream_fingerprint"] = self._find_newest(source)
        except LXDError as exc:
            return {**result, "upstream_error": str(exc)}
        return {**result, "stale": result["upstream_fingerprint"] != image.fingerprint}

    def _find_newest(self, source: ImageSource) -> str:
        # imported only here: most tasks use no other server
        from ..sources.remote import open_remote
        from ..sources.simplestreams import SimplestreamsContent

        content = open_remote(source, self._reader.client)
        if isinstance(content, SimplestreamsContent):
            known = self._simplestreams.setdefault((source.server, source.certificate), content)
            content = known.for_source(source)
        return content.find().fingerprint


def source_of(image: Image) -> ImageSource | None:
    """Return the source that the server follows, or else the one in the bookkeeping.

    Returns None if there is no source with an alias: a fingerprint never means a newer image.
    """
    followed = text_values(image.data.get("update_source"))
    is_container = followed.get("protocol") == OCI
    if image.followed_alias:
        return ImageSource(
            server=followed.get("server"),
            protocol=followed.get("protocol"),
            alias=image.followed_alias,
            certificate=followed.get("certificate") or None,
            image_type=image.data.get("type"),
            # a registry has one tag for all architectures
            architecture=image.data.get("architecture") if is_container else None,
        )
    try:
        kept = json.loads(image.settings.bookkeeping.get(MADE_FROM) or "{}")
    except (ValueError, RecursionError):
        return None
    if not isinstance(kept, dict) or kept.get("type") != "image" or not kept.get("alias"):
        return None
    known = {key: kept[key] for key in _KEPT if kept.get(key) is not None}
    if is_container:
        # the server was given a digest, as the tag is that of another architecture: the bookkeeping has the tag
        known.update({key: followed[key] for key in ("server", "protocol", "certificate") if followed.get(key)})
    # anybody may set properties, so values may have any type
    return ImageSource(**known) if all(isinstance(value, str) for value in known.values()) else None
