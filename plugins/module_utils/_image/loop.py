# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""Reads, plans and applies, and does so again if the server has changed meanwhile: the loop that most tasks share."""

from __future__ import annotations

import typing as t

from .._lxd.errors import RETRYABLE, LXDError, LXDInputError, LXDOutcomeUnknown
from .._lxd.record import record, replace
from .actions import CreateAlias, Plan, PlanProgress, StartInstance, StopInstance, shown_verbs
from .model import UNKNOWN, is_plain_alias

if t.TYPE_CHECKING:
    from .actions import Action
    from .image_reader import ImageReader
    from .sources.content import TaskContent

STRICT_ALIASES = "instance_publish_split"
"""An API extension of Incus that came together with its rules for the names of aliases."""

ATTEMPTS = 6
"""How often a plan is made anew because the server has changed meanwhile, or an answer was lost."""


@record(frozen=True)
class Outcome:
    """What was done, or would be done in check mode. All that a module returns about it comes from here.

    ``actions``: those of all attempts, in order. ``before``: the state before the first of them.
    """

    plan: Plan
    actions: t.Sequence[Action]
    before: t.Mapping[str, t.Any]

    @property
    def verbs(self) -> list[str]:
        """The words of RV(actions)."""
        return shown_verbs(self.actions)

    @property
    def changed(self) -> bool:
        """Whether anything was done."""
        return bool(self.actions)

    def to_result(self) -> dict[str, t.Any]:
        """Return the keys that the modules share."""
        diff = {"before": dict(self.before), "after": dict(self.plan.after)}
        return {"changed": self.changed, "actions": self.verbs, "diff": diff}


def reconcile(
    reader: ImageReader,
    read_and_plan: t.Callable[[], Plan],
    check_mode: bool,
    content: TaskContent | None = None,
    concurrency: int = 1,
) -> Outcome:
    """Plan and apply until the plan is done or an error is final.

    Each attempt reads and plans anew, instead of repeating the same actions.

    ``content``: of the image that a plan may create. ``concurrency``: how many actions of a plan are done at the same
    time, if they do not depend on each other. Raises LXDError.
    """
    attempts, stopped = _Attempts(), _StoppedInstances()
    try:
        while True:
            plan = attempts.next_plan(stopped.with_starts(_plan_as_trusted(reader, read_and_plan)))
            _check_new_aliases(reader, plan)
            if check_mode:
                return Outcome(plan, plan.actions, plan.before)
            try:
                return attempts.outcome(plan, _apply(reader, plan, content, concurrency))
            except (*RETRYABLE, LXDOutcomeUnknown) as exc:
                stopped.note(exc)
                attempts.note_or_raise(exc)
                if isinstance(exc, LXDOutcomeUnknown):
                    # the lost write may still be at work
                    reader.client.settle()
    except LXDError as exc:
        stopped.note(exc)
        stopped.start_after_failure(reader, exc)
        raise


def _plan_as_trusted(reader: ImageReader, read_and_plan: t.Callable[[], Plan]) -> Plan:
    """Plan, but only as a client that the server trusts: others do not see all images, which then look missing."""
    try:
        plan = read_and_plan()
    except LXDInputError:
        # the missing trust may be the real reason
        reader.client.require_trusted()
        raise
    reader.client.require_trusted()
    return plan


def _check_new_aliases(reader: ImageReader, plan: Plan) -> None:
    """Refuse aliases that this server does not accept, before anything is made.

    Reads ``GET /1.0`` only for unusual names.
    """
    odd = [
        action.name for action in plan.actions if isinstance(action, CreateAlias) and not is_plain_alias(action.name)
    ]
    if odd and STRICT_ALIASES in reader.client.server().extensions:
        raise LXDInputError(
            f"Cannot create the alias {odd[0]!r}: this server accepts only aliases of up to 64 characters that begin "
            "and end with an ASCII letter or a digit, without blanks and without any of $ ? & + \" ' ` *. Choose "
            "another name."
        )


def _apply(reader: ImageReader, plan: Plan, content: TaskContent | None, concurrency: int) -> PlanProgress:
    if not plan.actions:
        return PlanProgress()
    # imported only here: mostly there is nothing to do
    from .apply.runner import apply_plan, apply_side_by_side

    if concurrency > 1 and len(plan.actions) > 1:
        return apply_side_by_side(reader, plan, concurrency)
    return apply_plan(reader, plan, content)


def _progress_of(error: LXDError) -> PlanProgress:
    """Return how far the plan was that has failed; nothing was done if the error came before."""
    return t.cast(PlanProgress, getattr(error, "progress", None) or PlanProgress())


class _Attempts:
    """Counts the attempts of a task, and collects what they have done."""

    def __init__(self) -> None:
        self._number = 0
        self._before: t.Mapping[str, t.Any] | None = None
        self._done: list[Action] = []
        self._uncertain: list[Action] = []
        """The actions whose answer was lost: the next plan shows whether they were done."""
        self._late: set[tuple[str, ...]] = set()
        """The goals of actions whose request may still arrive at the server."""
        self._late_publish: LXDOutcomeUnknown | None = None

    def next_plan(self, plan: Plan) -> Plan:
        """Note a new plan, and whether the action before was done. Return the plan.

        Raises LXDOutcomeUnknown if the plan must not be done.
        """
        self._number += 1
        if self._late_publish and plan.creates("publish"):
            # the request may still arrive at the server, and would make a second image of the same instance
            raise self._late_publish
        lost, self._uncertain = self._uncertain, []
        missing = {action.goal for action in plan.actions} if lost else set()
        self._done += [action for action in lost if action.goal not in missing]
        if self._before is None or not self._done:
            self._before = plan.before
        return plan

    def note_or_raise(self, error: LXDError) -> None:
        """Note what was done before an error. Raises the error if it was the last attempt."""
        if self._number == ATTEMPTS:
            raise error
        progress = _progress_of(error)
        self._done += [*progress.done, *progress.added]
        if not isinstance(error, LXDOutcomeUnknown):
            # the request of an earlier attempt may have arrived meanwhile, and be in the way of this one
            self._uncertain = [action for action in progress.pending if action.goal in self._late]
            return
        self._uncertain = progress.pending
        if error.late:
            self._late.update(action.goal for action in progress.pending)
        if error.late and any(action.verb == "publish" for action in progress.pending):
            error.add("It may still do so: run the task again later.")
            self._late_publish = error

    def outcome(self, plan: Plan, progress: PlanProgress) -> Outcome:
        """Return what was done in all attempts."""
        actions = [*self._done, *plan.actions, *progress.added]
        return Outcome(_with_created(plan, progress), actions, self._before or {})


def _with_created(plan: Plan, progress: PlanProgress) -> Plan:
    """Return the plan with the fingerprint of the image that was created."""
    created = progress.created
    if not created:
        return plan
    plan = replace(plan, fingerprint=created)
    if not plan.creates("import"):
        return plan
    # a file's fingerprint was only not computed yet: show what check mode shows
    aliases = {name: created if target == UNKNOWN else target for name, target in plan.after["aliases"].items()}
    return replace(plan, after={**plan.after, "fingerprint": created, "aliases": aliases})


class _StoppedInstances:
    """Collects the instances that are stopped only because of this task: they must run again in the end.

    A plan that is made after the stop does not know that they ran before.
    """

    def __init__(self) -> None:
        self._published: dict[str, str | None] = {}
        """Name -> fingerprint of the image that was made from it, if any."""

    def note(self, error: LXDError) -> None:
        """Note what a failed plan has stopped and started."""
        progress = _progress_of(error)
        for action in (*progress.done, *progress.pending):
            if isinstance(action, StopInstance):
                self._published[action.name] = progress.created
        for action in progress.done:
            if isinstance(action, StartInstance):
                self._published.pop(action.name, None)

    def with_starts(self, plan: Plan) -> Plan:
        """Return the plan with the starts that it lacks."""
        return plan.with_starts(self._published)

    def start_after_failure(self, reader: ImageReader, error: LXDError) -> None:
        """Start the instances after the task has failed.

        The message of each one that could not be started is added to ``error``.
        """
        if not self._published:
            return
        # imported only here: mostly nothing was stopped
        from .apply.instances import start_after_failure

        for name, published in self._published.items():
            start_after_failure(reader.writer, name, published, error)
