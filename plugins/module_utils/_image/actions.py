# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""What a plan consists of: its actions as plain data, in the order in which they are to be done. Pure.

A target of UNKNOWN is the image that the same plan creates.
"""

from __future__ import annotations

import typing as t

from ansible_collections.community.lxd.plugins.module_utils._image.model import (
    UNKNOWN,
    Alias,
    Instance,
    SettingsChange,
    Source,
    UpstreamImage,
    Withdrawn,
)
from ansible_collections.community.lxd.plugins.module_utils._lxd.record import field, record


@record(frozen=True)
class CreateImage:
    """Make the image and give it its settings. The token is the source's: import, publish, copy."""

    source: Source
    settings: SettingsChange
    fingerprint: str
    instance: Instance | None = None
    upstream: UpstreamImage | None = None

    @property
    def token(self) -> str:
        return self.source.action


@record(frozen=True)
class UpdateImage:
    """Change settings of an image that is there.

    ``forgets``: what it remembers until then. ``put_back``: the aliases (name -> description) of that which it must have afterwards.
    """

    fingerprint: str
    settings: SettingsChange
    forgets: Withdrawn | None = None
    put_back: t.Mapping[str, str] = field(default_factory=dict)
    is_hidden: bool = False
    """Whether it is not worth a word of its own beside other actions: only the collection's own memory changes."""
    token: t.ClassVar[str] = "update"


@record(frozen=True)
class DeleteImage:
    """``unless``: what keeps it if it has come to be so meanwhile ("aliased", "protected"). ``replaced_by``: the image that took its aliases."""

    fingerprint: str
    replaced_by: str | None = None
    unless: tuple[str, ...] = ()
    token: t.ClassVar[str] = "delete"


@record(frozen=True)
class CreateAlias:
    name: str
    target: str
    description: str = ""
    token: t.ClassVar[str] = "alias_create"


@record(frozen=True)
class MoveAlias:
    """One PUT with If-Match: there is no moment without the alias."""

    alias: Alias
    target: str
    description: str
    token: t.ClassVar[str] = "alias_move"


@record(frozen=True)
class UpdateAlias:
    """Another description, same target."""

    alias: Alias
    description: str
    token: t.ClassVar[str] = "alias_update"


@record(frozen=True)
class DeleteAlias:
    """``withdrawn_from``: the image that is to remember the alias, with its description."""

    name: str
    withdrawn_from: str | None = None
    description: str = ""
    token: t.ClassVar[str] = "alias_delete"


@record(frozen=True)
class StopInstance:
    name: str
    token: t.ClassVar[str] = "instance_stop"


@record(frozen=True)
class StartInstance:
    """``published``: the image that was made from it."""

    name: str
    published: str = UNKNOWN
    token: t.ClassVar[str] = "instance_start"


Action = t.Union[CreateImage, UpdateImage, DeleteImage, CreateAlias, MoveAlias, UpdateAlias, DeleteAlias, StopInstance, StartInstance]


@record(frozen=True)
class Plan:
    """What is to be done, and both halves of the diff. ``fingerprint``: of the image afterwards; None where there is none."""

    actions: tuple[Action, ...] = ()
    before: t.Mapping[str, t.Any] = field(default_factory=dict)
    after: t.Mapping[str, t.Any] = field(default_factory=dict)
    fingerprint: str | None = None
    previous_fingerprint: str | None = None

    @property
    def tokens(self) -> list[str]:
        shown = [action.token for action in self.actions if not getattr(action, "is_hidden", False)]
        return shown or [action.token for action in self.actions]


class Progress:
    """How far a plan has come; outlives a failure of it."""

    def __init__(self) -> None:
        self.done: list[Action] = []
        self.pending: Action | None = None
        """The action at work: after a failure its effect is uncertain."""
        self.created: str | None = None
        self.expected = UNKNOWN
        """What the plan calls the created image. A source that has moved on meanwhile gives another fingerprint."""
