# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""Reads which instances use the images of a project."""

from __future__ import annotations

import typing as t

from ..._lxd.record import replace
from ..plan.usage import Usage, collect_usage, project_of
from .visibility import list_visible_projects, may_view_instances

if t.TYPE_CHECKING:
    from ..image_reader import ImageReader, Project


class UsageReader:
    """Reads the usage of images, project by project. Reads each list only once."""

    def __init__(self, reader: ImageReader) -> None:
        self._reader = reader
        self._projects: dict[str, Project] | None = None
        self._sees_all = False
        self._instances: dict[str, list[dict[str, t.Any]]] = {}
        self._everywhere: list[dict[str, t.Any]] | None = None

    def read(self, project_reader: ImageReader) -> Usage:
        """Return the usage of the images of a project, by instances of all projects that share them.

        It is unknown as far as there may be instances that the server hides from this client. Raises LXDError.
        """
        if self._projects is None:
            self._projects, self._sees_all = list_visible_projects(self._reader)
        if not self._sees_all:
            project_reader.require_project()
        name = project_reader.client.project
        project = self._projects.get(name)
        if name != "default" and project is not None and project.has_own_images:
            if not may_view_instances(self._reader, project):
                return Usage(unknown=(_hidden(name),))
            return collect_usage(self._read_instances(name))
        if not self._sees_all:
            return self._read_shared_partly(self._projects)
        if self._everywhere is None:
            self._everywhere = self._reader.list_instances(all_projects=True)
        # a project that is not in the list may use them, too
        return collect_usage(
            instance
            for instance in self._everywhere
            if project_of(instance) == "default" or not _has_own_images(self._projects.get(project_of(instance)))
        )

    def _read_shared_partly(self, projects: t.Mapping[str, Project]) -> Usage:
        """Return the usage of the default project's images by instances that are visible. All other use is unknown."""
        visible = [
            name
            for name, project in projects.items()
            if (name == "default" or not project.has_own_images) and may_view_instances(self._reader, project)
        ]
        usage = collect_usage(instance for name in visible for instance in self._read_instances(name))
        return replace(usage, unknown=(*usage.unknown, _hidden("default")))

    def _read_instances(self, project: str) -> list[dict[str, t.Any]]:
        if project not in self._instances:
            self._instances[project] = self._reader.in_project(project).list_instances()
        return self._instances[project]


def _has_own_images(project: Project | None) -> bool:
    return project is not None and project.has_own_images


def _hidden(project: str) -> str:
    return (
        f"The use of the images in the project {project!r} is unknown, as not all instances that can use them are "
        "visible to this client."
    )
