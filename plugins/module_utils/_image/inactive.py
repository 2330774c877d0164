# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""What an inactive image keeps, and the protocol by which images are deactivated and reactivated. Pure.

A deactivated image (O(state=inactive)) has no alias, is neither public nor updated, and keeps what it had in its
property ``ansible.withdrawn``. No server can do this in one step, tasks are killed, and other tasks may do the opposite
at the same time. So both directions write in an order that loses nothing, and look again:

Deactivate
  D1  One conditional write: keep aliases, public and auto_update in the property; switch public and auto_update off.
      What another task has kept meanwhile is joined with it, see :meth:`InactiveState.joined`.
  D2  For each alias: if the image still keeps it, and it still points at the image, delete the alias, then look again.
Reactivate
  R1  Create the aliases that are missing.
  R2  One conditional write: public and auto_update as they were, and remove the property; only if it is still the one
      that was planned from.
  R3  Look whether all aliases are there, and create what is missing.

What may happen between them:

===============================  ====================================================================================
a task is killed after D1        The aliases are there, and kept. The next task that deactivates goes on with D2, one
                                 that wants the image present finds all aliases and does R2.
a task is killed during D2       All aliases are kept, whether deleted or not.
a task is killed after R1        The aliases are back. The next task does R2, or D1 and D2 again.
two tasks deactivate             D1 joins what both have read; deleting an alias that is gone is no error.
two tasks reactivate             R1 takes an alias that exists as it is; R2 of the second finds the property gone.
R2 comes before D2 looks         D2 finds that the image no longer keeps the alias: it deletes nothing, and plans again.
R2 comes between D2's look and   D2 looks again after its DELETE, finds that the image does not keep the alias any more,
its DELETE                       and creates it again. If it is killed before it can, R3 creates it.
D1 comes between R1 and R2       R2 finds another state than it was planned from, and plans again.
an alias is moved before D2      D2 leaves it to the image that it points at now.
===============================  ====================================================================================
"""

from __future__ import annotations

import json
import typing as t

from .._lxd.record import record

INACTIVE = "withdrawn"
"""The bookkeeping property of an inactive image: an InactiveState as JSON."""


@record(frozen=True)
class InactiveState:
    """What an image had before it was deactivated. ``aliases``: name -> description."""

    aliases: t.Mapping[str, str]
    public: bool
    auto_update: bool

    @classmethod
    def from_bookkeeping(cls, text: str | None) -> InactiveState | None:
        """Parse the property. Returns None if it is not set, or is not what to_bookkeeping() writes.

        Anybody may set properties.
        """
        try:
            data = json.loads(text or "null")
        except (ValueError, RecursionError):
            return None
        aliases = data.get("aliases", {}) if isinstance(data, dict) else None
        if not isinstance(aliases, dict) or not all(isinstance(description, str) for description in aliases.values()):
            return None
        return cls(aliases, bool(data.get("public")), bool(data.get("auto_update")))

    def joined(self, other: InactiveState) -> InactiveState:
        """Return what one of both keeps. An alias of both has the description of this one."""
        return InactiveState(
            {**other.aliases, **self.aliases}, self.public or other.public, self.auto_update or other.auto_update
        )

    def to_bookkeeping(self) -> str:
        """Return the value of the property."""
        document = {"aliases": dict(self.aliases), "auto_update": self.auto_update, "public": self.public}
        return json.dumps(document, sort_keys=True)


def join_bookkeeping(planned: str | None, found: str | None, public: bool, auto_update: bool) -> str | None:
    """Return the property to write in step D1. None if the image is not to be deactivated.

    ``planned``: the property as planned. ``found``: as the image has it now. ``public``, ``auto_update``: as the image
    has them now.
    """
    state = InactiveState.from_bookkeeping(planned)
    if state is None:
        return None
    earlier = InactiveState.from_bookkeeping(found)
    if earlier is not None:
        state = state.joined(earlier)
    return state.joined(InactiveState({}, public, auto_update)).to_bookkeeping()
