# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""Does the actions of a plan in their order. Nothing outside this folder changes a server."""

from __future__ import annotations

import typing as t

from ..._lxd.errors import RETRYABLE, LXDError, LXDOutcomeUnknown
from ..actions import (
    CreateAlias,
    CreateImage,
    DeleteAlias,
    DeleteImage,
    MoveAlias,
    PlanProgress,
    StopInstance,
    UpdateAlias,
    UpdateImage,
)
from ..model import UNKNOWN
from . import aliases, images, instances
from .settings import change_settings

if t.TYPE_CHECKING:
    from ..actions import Action, Plan
    from ..image_reader import ImageReader
    from ..image_writer import ImageWriter
    from ..sources.content import TaskContent


def apply_plan(reader: ImageReader, plan: Plan, content: TaskContent | None = None) -> PlanProgress:
    """Do all actions in order. ``content``: of the image that the plan creates, if it does.

    A failure carries the progress so far as its attribute ``progress``. Raises LXDStateChanged, LXDConflict or
    LXDPreconditionFailed if the server is not as it was planned for, LXDOutcomeUnknown if an answer was lost; any other
    LXDError is final.
    """
    run = _Run(reader.writer, content)
    try:
        for action in plan.actions:
            run.do(action)
    except LXDError as exc:
        exc.progress = run.progress  # type: ignore[attr-defined]
        raise
    return run.progress


def apply_side_by_side(reader: ImageReader, plan: Plan, number: int) -> PlanProgress:
    """Do all actions, ``number`` of them at the same time. They must not depend on each other.

    After a failure, no further action begins. Raises one error like apply_plan(), whose progress has all actions.
    """
    # imported only here: mostly a plan has only few actions
    from ..side_by_side import map_side_by_side

    progress, errors = PlanProgress(), list[LXDError]()

    def do(own: ImageReader, action: Action) -> None:
        if errors:
            return
        run = _Run(own.writer, None)
        try:
            run.do(action)
        except LXDError as exc:
            errors.append(exc)
            if isinstance(exc, LXDOutcomeUnknown):
                progress.pending += run.progress.pending
        progress.done += run.progress.done

    map_side_by_side(reader, do, plan.actions, number, "apply the plan")
    if errors:
        error = min(errors, key=_weight)
        if progress.done:
            error.add(f"{len(progress.done)} of {len(plan.actions)} actions were done.")
        error.progress = progress  # type: ignore[attr-defined]
        raise error
    return progress


def _weight(error: LXDError) -> int:
    """Return 0 for an error that is final, 1 for a lost answer, 2 if the server has changed: the lowest one counts."""
    return 1 if isinstance(error, LXDOutcomeUnknown) else 2 if isinstance(error, RETRYABLE) else 0


class _Run:
    """One run of a plan."""

    def __init__(self, writer: ImageWriter, content: TaskContent | None) -> None:
        self._writer, self._content = writer, content
        self.progress = PlanProgress()

    def do(self, action: Action) -> None:
        """Do one action, and note it in the progress."""
        progress = self.progress
        progress.pending = [action]
        self._apply(action)
        progress.done.append(action)
        if isinstance(action, CreateImage) and progress.created:
            images.check_created(action, progress.created)
        progress.pending = []

    def _apply(self, action: Action) -> None:
        writer, resolve = self._writer, self.progress.resolve
        if isinstance(action, CreateImage):
            content = t.cast("TaskContent", self._content).open()
            created, settings = images.create_image(writer, action, content)
            self.progress.created, self.progress.planned_fingerprint = created, action.fingerprint
            images.complete_image(writer, action, created, settings)
        elif isinstance(action, UpdateImage):
            self._update(action)
        elif isinstance(action, DeleteImage):
            images.delete_image(writer, action)
        elif isinstance(action, CreateAlias):
            aliases.create_alias(writer, action.name, resolve(action.target), action.description)
        elif isinstance(action, MoveAlias):
            aliases.move_alias(writer, action, resolve(action.target))
        elif isinstance(action, UpdateAlias):
            writer.update_alias(action.alias, action.alias.target, action.description)
        elif isinstance(action, DeleteAlias):
            aliases.delete_alias(writer, action)
        elif isinstance(action, StopInstance):
            instances.stop_instance(writer, action.name)
        else:
            published = resolve(action.published)
            instances.start_instance(writer, action.name, None if published == UNKNOWN else published)

    def _update(self, action: UpdateImage) -> None:
        """Update an image. An inactive one must have its aliases back, even if the update itself fails."""
        try:
            change_settings(
                self._writer, self.progress.resolve(action.fingerprint), action.settings, action.inactive_state
            )
        except LXDError as exc:
            try:
                self.progress.added += aliases.complete_reactivation(self._writer, action)
            except LXDError as second:
                exc.add(f"And its aliases could not be checked: {second}")
            raise
        self.progress.added += aliases.complete_reactivation(self._writer, action)
