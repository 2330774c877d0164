# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""The actions that a plan consists of, as plain data. Pure.

A plan lists them in the order in which they are done. A target or fingerprint of UNKNOWN means the image that the same
plan creates. Each action has a ``verb``, its word in RV(actions), and a ``goal``: two plans made one after the other
have an action of the same goal as long as its effect is missing.
"""

from __future__ import annotations

import typing as t

from .._lxd.record import field, record, replace
from .model import UNKNOWN

if t.TYPE_CHECKING:
    from .desired_image import SettingsChange
    from .inactive import InactiveState
    from .model import Alias, Instance, OfferedImage


@record(frozen=True)
class CreateImage:
    """Make an image from the task's source, and give it its settings.

    ``verb``: import, copy or publish. ``fingerprint``: as far as it is known beforehand. ``instance``: to publish;
    ``offered``: to copy.
    """

    verb: str
    settings: SettingsChange
    fingerprint: str
    instance: Instance | None = None
    offered: OfferedImage | None = None

    @property
    def goal(self) -> tuple[str, ...]:
        return ("create",)


@record(frozen=True)
class UpdateImage:
    """Change settings of an image.

    ``inactive_state``: what the image keeps while it is inactive, and loses by this update. ``reactivated``: the
    aliases (name -> description) that it must have afterwards. ``is_hidden``: whether RV(actions) omits the update if
    there are other actions, because only the collection's own bookkeeping changes.
    """

    fingerprint: str
    settings: SettingsChange
    inactive_state: InactiveState | None = None
    reactivated: t.Mapping[str, str] = field(default_factory=dict)
    is_hidden: bool = False
    verb: t.ClassVar[str] = "update"

    @property
    def goal(self) -> tuple[str, ...]:
        return ("update", str(self.is_hidden))


@record(frozen=True)
class DeleteImage:
    """Delete an image.

    ``unless``: the reasons to keep it, checked again right before it is deleted: "aliased", "protected".
    """

    fingerprint: str
    unless: tuple[str, ...] = ()
    verb: t.ClassVar[str] = "delete"

    @property
    def goal(self) -> tuple[str, ...]:
        return ("delete", self.fingerprint)


@record(frozen=True)
class CreateAlias:
    """Create an alias."""

    name: str
    target: str
    description: str = ""
    verb: t.ClassVar[str] = "alias_create"

    @property
    def goal(self) -> tuple[str, ...]:
        return ("alias", self.name)


@record(frozen=True)
class MoveAlias:
    """Point an alias at another image, in one PUT with If-Match: there is no moment without the alias."""

    alias: Alias
    target: str
    description: str
    verb: t.ClassVar[str] = "alias_move"

    @property
    def goal(self) -> tuple[str, ...]:
        return ("alias", self.alias.name)


@record(frozen=True)
class UpdateAlias:
    """Change the description of an alias."""

    alias: Alias
    description: str
    verb: t.ClassVar[str] = "alias_update"

    @property
    def goal(self) -> tuple[str, ...]:
        return ("alias", self.alias.name)


@record(frozen=True)
class DeleteAlias:
    """Delete an alias.

    ``deactivates``: the fingerprint of the image that keeps the alias and its description while it is inactive.
    ``listed_by``: the fingerprint of the image that lists the alias, if the alias itself was not read.
    """

    name: str
    deactivates: str | None = None
    description: str = ""
    listed_by: str | None = None
    verb: t.ClassVar[str] = "alias_delete"

    @property
    def goal(self) -> tuple[str, ...]:
        return ("alias", self.name)


@record(frozen=True)
class StopInstance:
    """Stop an instance, to publish it."""

    name: str
    verb: t.ClassVar[str] = "instance_stop"

    @property
    def goal(self) -> tuple[str, ...]:
        return ("stop", self.name)


@record(frozen=True)
class StartInstance:
    """Start an instance again that was stopped.

    ``published``: the image that was made from it. The start changes the instance's state, so what that image keeps of
    the state is renewed: else it would not be known again as made from this instance.
    """

    name: str
    published: str = UNKNOWN
    verb: t.ClassVar[str] = "instance_start"

    @property
    def goal(self) -> tuple[str, ...]:
        return ("start", self.name)


Action = t.Union[
    CreateImage,
    UpdateImage,
    DeleteImage,
    CreateAlias,
    MoveAlias,
    UpdateAlias,
    DeleteAlias,
    StopInstance,
    StartInstance,
]


def shown_verbs(actions: t.Iterable[Action]) -> list[str]:
    """Return the words of actions for RV(actions): without hidden ones, unless there are no others."""
    actions = list(actions)
    shown = [action.verb for action in actions if not getattr(action, "is_hidden", False)]
    return shown or [action.verb for action in actions]


@record(frozen=True)
class Plan:
    """What is to be done, and both halves of the diff.

    ``fingerprint``: of the image afterwards, None if there is none. ``previous_fingerprint``: of the image that it
    replaces.
    """

    actions: tuple[Action, ...] = ()
    before: t.Mapping[str, t.Any] = field(default_factory=dict)
    after: t.Mapping[str, t.Any] = field(default_factory=dict)
    fingerprint: str | None = None
    previous_fingerprint: str | None = None

    @property
    def verbs(self) -> list[str]:
        """The words of RV(actions)."""
        return shown_verbs(self.actions)

    def creates(self, verb: str) -> bool:
        """Return whether the plan makes an image in this way: import, copy or publish."""
        return any(isinstance(action, CreateImage) and action.verb == verb for action in self.actions)

    def with_starts(self, stopped: t.Mapping[str, str | None]) -> Plan:
        """Return the plan with a start of each instance that is stopped only because of this task.

        They start before anything is deleted. ``stopped``: name -> fingerprint of the image that was made from the
        instance, if any.
        """
        known = {action.name for action in self.actions if isinstance(action, StartInstance)}
        starts = [
            StartInstance(name, published or self.fingerprint or UNKNOWN)
            for name, published in stopped.items()
            if name not in known
        ]
        if not starts:
            return self
        deletes = (number for number, action in enumerate(self.actions) if isinstance(action, DeleteImage))
        place = next(deletes, len(self.actions))
        return replace(self, actions=(*self.actions[:place], *starts, *self.actions[place:]))


class PlanProgress:
    """How much of a plan is done. A failure of the plan carries it as its attribute ``progress``."""

    def __init__(self) -> None:
        self.done: list[Action] = []
        self.added: list[Action] = []
        """Actions that were done, and that the plan could not know of."""
        self.pending: list[Action] = []
        """The actions at work: after a failure, nobody knows whether they were done."""
        self.created: str | None = None
        """The fingerprint of the image that was created."""
        self.planned_fingerprint = UNKNOWN
        """The fingerprint that the plan has for it. A source that has a newer image meanwhile gives another one."""

    def resolve(self, fingerprint: str) -> str:
        """Return the fingerprint of the created image in place of the one that the plan has for it."""
        return self.created if self.created and fingerprint in (UNKNOWN, self.planned_fingerprint) else fingerprint
