# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""Reads which instances use the images of a project."""

from __future__ import annotations

import typing as t

from ..plan.usage import Usage, collect_usage, project_of

if t.TYPE_CHECKING:
    from ..image_reader import ImageReader


class UsageReader:
    """Reads the usage of images, project by project. Reads each list only once."""

    def __init__(self, reader: ImageReader) -> None:
        self._reader = reader
        self._has_images: dict[str, bool] | None = None
        self._everywhere: list[dict[str, t.Any]] | None = None

    def read(self, project_reader: ImageReader) -> Usage:
        """Return the usage of the images of a project, by instances of all projects that share them.

        Raises LXDError.
        """
        if self._has_images is None:
            self._has_images = self._reader.list_projects()
        project = project_reader.client.project
        if project != "default" and self._has_images.get(project):
            return collect_usage(project_reader.list_instances())
        if self._everywhere is None:
            self._everywhere = self._reader.list_instances(all_projects=True)
        # a project that is not in the list may use them, too
        sharing = [
            instance
            for instance in self._everywhere
            if project_of(instance) == "default" or not self._has_images.get(project_of(instance))
        ]
        return collect_usage(sharing)
