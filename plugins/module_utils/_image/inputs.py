# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""Where a new image's content comes from: files on the node, or another server."""

from __future__ import annotations

import os
import typing as t

from ansible_collections.community.lxd.plugins.module_utils._image.actions import CreateImage, DeleteImage, Plan
from ansible_collections.community.lxd.plugins.module_utils._image.model import DesiredImage, FileSource, ImageSource, UpstreamImage, UrlSource
from ansible_collections.community.lxd.plugins.module_utils._lxd.record import record, replace

if t.TYPE_CHECKING:
    from ansible_collections.community.lxd.plugins.module_utils._image.api import ImageAPI
    from ansible_collections.community.lxd.plugins.module_utils._image.files import ImageFiles
    from ansible_collections.community.lxd.plugins.module_utils._image.model import Image
    from ansible_collections.community.lxd.plugins.module_utils._image.upstream import Upstream
    from ansible_collections.community.lxd.plugins.module_utils._lxd.client import Client


class SourceServer:
    """The server that a task copies from, opened when it is first needed: mostly it is not."""

    def __init__(self, source: ImageSource | UrlSource, api: ImageAPI) -> None:
        self._source, self._api = source, api
        self._upstream: Upstream | None = None

    @property
    def upstream(self) -> Upstream:
        if self._upstream is None:
            # only here: a task that copies nothing is spared the import
            from ansible_collections.community.lxd.plugins.module_utils._image.upstream import open_upstream

            self._upstream = open_upstream(self._source, self._api, os.environ)
        return self._upstream

    def find(self, known: Image | None = None) -> UpstreamImage:
        """What it offers now. ``known``: the image that the task has now. Raises LXDError."""
        return self.upstream.find(known)

    def renew(self) -> None:
        """Forget what it offered before: something has changed since."""
        if self._upstream is not None:
            self._upstream.renew()


@record(frozen=True)
class Inputs:
    files: ImageFiles | None = None
    server: SourceServer | None = None

    def check(self, api: ImageAPI, plan: Plan, look_into_files: bool) -> None:
        """What would fail in the middle of the plan fails before it. Raises LXDInputError.

        ``look_into_files``: also where they would be looked into while they are sent. That is too late where a cached image goes first.
        """
        for position, action in enumerate(plan.actions):
            if not isinstance(action, CreateImage):
                continue
            deletes_first = any(isinstance(earlier, DeleteImage) for earlier in plan.actions[:position])
            if self.files is not None:
                self.files.check_acceptable(lambda: api.client.server().vendor)
            if self.files is not None and (look_into_files or deletes_first):
                self.files.check()
            if self.server is not None and action.upstream is not None:
                from ansible_collections.community.lxd.plugins.module_utils._image.copy import check_copy

                check_copy(api, self.server.upstream, action.upstream)


def open_inputs(api: ImageAPI, desired: DesiredImage) -> Inputs:
    """A file is hashed from now on; another server is asked nothing yet."""
    if isinstance(desired.source, FileSource):
        # only here: most tasks have no files
        from ansible_collections.community.lxd.plugins.module_utils._image.files import ImageFiles

        return Inputs(files=ImageFiles(_with_checksum(desired.source, api.client)))
    if isinstance(desired.source, (ImageSource, UrlSource)):
        return Inputs(server=SourceServer(desired.source, api))
    return Inputs()


def _with_checksum(source: FileSource, client: Client) -> FileSource:
    """Return the source with its checksum, which may have to be looked up in a file of checksums on the web."""
    if source.checksum is None or source.checksum.url is None:
        return source
    # only here: mostly the task itself says what the checksum is
    from ansible_collections.community.lxd.plugins.module_utils._image.checksum import resolve_checksum
    from ansible_collections.community.lxd.plugins.module_utils._lxd.web import Web

    return replace(source, checksum=resolve_checksum(source.checksum, os.path.basename(source.path), Web(timeout=client.timeout).get_text))
