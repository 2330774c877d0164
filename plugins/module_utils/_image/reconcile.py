# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""Read, plan, and unless it is check mode, apply: the loop that the reconcile modules share. Only they know check mode."""

from __future__ import annotations

import typing as t

from ansible_collections.community.lxd.plugins.module_utils._image.actions import (
    Action,
    CreateAlias,
    CreateImage,
    DeleteImage,
    Plan,
    Progress,
    StartInstance,
    StopInstance,
)
from ansible_collections.community.lxd.plugins.module_utils._image.inputs import Inputs
from ansible_collections.community.lxd.plugins.module_utils._image.model import UNKNOWN, InstanceSource, is_plain_alias
from ansible_collections.community.lxd.plugins.module_utils._lxd.errors import RETRYABLE, LXDError, LXDInputError, LXDOutcomeUnknown
from ansible_collections.community.lxd.plugins.module_utils._lxd.record import record, replace

if t.TYPE_CHECKING:
    from ansible_collections.community.lxd.plugins.module_utils._image.api import ImageAPI

STRICT_ALIASES = "instance_publish_split"
"""An API extension of Incus that came together with its rules for the names of aliases."""

ATTEMPTS = 6
"""How often a plan is made anew because the server has changed meanwhile, or an answer was lost."""


@record(frozen=True)
class Outcome:
    """What has been done, or in check mode would be: the source of all that a module returns about it."""

    plan: Plan
    tokens: list[str]
    before: t.Mapping[str, t.Any]

    @property
    def changed(self) -> bool:
        return bool(self.tokens)

    def to_result(self) -> dict[str, t.Any]:
        return {"changed": self.changed, "actions": self.tokens, "diff": {"before": dict(self.before), "after": dict(self.plan.after)}}


def reconcile(api: ImageAPI, read_and_plan: t.Callable[[], Plan], check_mode: bool, inputs: Inputs | None = None) -> Outcome:
    """Plan and apply until the plan is done or an error is final. Nothing is repeated blindly: each round reads and plans anew."""
    rounds = _Rounds(api, inputs or Inputs())
    try:
        while True:
            plan = rounds.begin(_trusted_plan(api, read_and_plan))
            _check_new_aliases(api, plan)
            if check_mode:
                return Outcome(plan, plan.tokens, plan.before)
            try:
                return rounds.finish(plan, _apply(api, plan, rounds.inputs))
            except (*RETRYABLE, LXDOutcomeUnknown) as exc:
                rounds.fail(plan, exc)
    except LXDError as exc:
        rounds.give_up(exc)
        raise


def _apply(api: ImageAPI, plan: Plan, inputs: Inputs) -> Progress:
    if not plan.actions:
        return Progress()
    # only here: mostly there is nothing to do
    from ansible_collections.community.lxd.plugins.module_utils._image.apply import apply_plan

    return apply_plan(api, plan, inputs)


def _check_new_aliases(api: ImageAPI, plan: Plan) -> None:
    """Refuse, before anything is made, aliases that the server will not take. It is asked only where a name is in doubt."""
    odd = [action.name for action in plan.actions if isinstance(action, CreateAlias) and not is_plain_alias(action.name)]
    if odd and STRICT_ALIASES in api.client.server().extensions:
        raise LXDInputError(
            f"Cannot create the alias {odd[0]!r}: this server takes only aliases of up to 64 characters that begin and end with a letter or a digit, "
            "without blanks and without any of $ ? & + \" ' ` *. Choose another name."
        )


class _Rounds:
    """What has been done so far, in one round or several."""

    def __init__(self, api: ImageAPI, inputs: Inputs) -> None:
        self._api, self.inputs = api, inputs
        self._number = 0
        self._first: Plan | None = None
        self._done: list[str] = []
        self._uncertain: list[str] = []
        self._stopped: dict[str, str | None] = {}
        """Instances that don't run because of us, and what was published from them."""
        self._late_publish: LXDOutcomeUnknown | None = None

    def begin(self, plan: Plan) -> Plan:
        self._number += 1
        if self._late_publish and any(map(_publishes, plan.actions)):
            # the request may still come to the server, and would make a second image of the same
            raise self._late_publish
        if self._uncertain and plan.tokens.count(self._uncertain[0]) < self._uncertain.count(self._uncertain[0]):
            self._done.append(self._uncertain[0])  # its answer was lost, but it was done
        self._first = self._first if self._first and self._done else plan
        return _with_starts(plan, self._stopped)

    def finish(self, plan: Plan, progress: Progress) -> Outcome:
        first = t.cast(Plan, self._first)
        return Outcome(_with_created(plan, progress, self.inputs), self._done + plan.tokens, first.before)

    def fail(self, plan: Plan, error: LXDError) -> None:
        """Raises ``error`` where it was the last round."""
        if self._number == ATTEMPTS:
            raise error
        progress = self._note_stopped(error)
        self._done += [action.token for action in progress.done]
        self._uncertain = []
        if isinstance(error, LXDOutcomeUnknown):
            self._uncertain = plan.tokens[len(progress.done) :]
            if error.late and progress.pending and _publishes(progress.pending):
                error.add("It may still do so: run the task again later.")
                self._late_publish = error
            self._api.client.settle()

    def give_up(self, error: LXDError) -> None:
        self._note_stopped(error)
        for name, published in self._stopped.items():
            # only here: mostly nothing was stopped
            from ansible_collections.community.lxd.plugins.module_utils._image.apply import start_again

            start_again(self._api, name, published, error)

    def _note_stopped(self, error: LXDError) -> Progress:
        progress = t.cast(Progress, getattr(error, "progress", Progress()))
        for action in (*progress.done, progress.pending):
            if isinstance(action, StopInstance):
                self._stopped[action.name] = progress.created
        for action in progress.done:
            if isinstance(action, StartInstance):
                self._stopped.pop(action.name, None)
        return progress


def _publishes(action: Action) -> bool:
    return isinstance(action, CreateImage) and isinstance(action.source, InstanceSource)


def _with_starts(plan: Plan, stopped: t.Mapping[str, str | None]) -> Plan:
    """An earlier round has stopped instances, which looks to this one as if they had never run."""
    known = {action.name for action in plan.actions if isinstance(action, StartInstance)}
    starts = [StartInstance(name, published or plan.fingerprint or UNKNOWN) for name, published in stopped.items() if name not in known]
    if not starts:
        return plan
    place = next((number for number, action in enumerate(plan.actions) if isinstance(action, DeleteImage)), len(plan.actions))
    return replace(plan, actions=(*plan.actions[:place], *starts, *plan.actions[place:]))


def _trusted_plan(api: ImageAPI, read_and_plan: t.Callable[[], Plan]) -> Plan:
    try:
        plan = read_and_plan()
    except LXDInputError:
        # what an untrusted client does not see looks as if it did not exist: say the real reason
        api.client.require_trusted()
        raise
    api.client.require_trusted()
    return plan


def _with_created(plan: Plan, progress: Progress, inputs: Inputs) -> Plan:
    if not progress.created:
        return plan
    plan = replace(plan, fingerprint=progress.created)
    if inputs.files is None:
        return plan
    # it was only not computed yet: show what check mode shows
    aliases = {name: progress.created if target == UNKNOWN else target for name, target in plan.after["aliases"].items()}
    return replace(plan, after={**plan.after, "fingerprint": progress.created, "aliases": aliases})
