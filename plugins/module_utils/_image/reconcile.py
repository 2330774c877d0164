# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""Read, plan, and unless it is check mode, apply. The reconcile modules are the only ones that know check mode; this one has the loop that they share."""

from __future__ import annotations

import typing as t

from ansible_collections.community.lxd.plugins.module_utils._image.inputs import Inputs, open_inputs
from ansible_collections.community.lxd.plugins.module_utils._image.model import (
    REPLACES,
    UNKNOWN,
    CurrentImage,
    DesiredImage,
    Image,
    InstanceSource,
    SettingsChange,
)
from ansible_collections.community.lxd.plugins.module_utils._image.plan import (
    Action,
    CreateAlias,
    CreateImage,
    DeleteAlias,
    DeleteImage,
    DesiredAlias,
    MoveAlias,
    Plan,
    Progress,
    StartInstance,
    StopInstance,
    UpdateImage,
    plan_alias,
    plan_image,
)
from ansible_collections.community.lxd.plugins.module_utils._image.read import read_image, read_target, require_project
from ansible_collections.community.lxd.plugins.module_utils._lxd.errors import RETRYABLE, LXDError, LXDInputError, LXDOutcomeUnknown
from ansible_collections.community.lxd.plugins.module_utils._lxd.record import record, replace

if t.TYPE_CHECKING:
    from ansible_collections.community.lxd.plugins.module_utils._image.api import ImageAPI

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


# lxd_image


def reconcile_image(api: ImageAPI, desired: DesiredImage, check_mode: bool) -> dict[str, t.Any]:
    """Bring one image to its desired state. Returns what lxd_image returns. Raises LXDError."""
    return ImageTask(api, desired).run(check_mode)


class ImageTask:
    """One image to be brought to its desired state: in one go, or first glanced at in a listing."""

    def __init__(self, api: ImageAPI, desired: DesiredImage) -> None:
        self._api, self._desired = api, desired
        self._inputs = open_inputs(api, desired)
        self._current = CurrentImage()

    def _plan(self, api: ImageAPI, may_defer: bool = False) -> Plan:
        resolved, self._current = read_image(api, self._desired, self._inputs, may_defer)
        return plan_image(resolved, self._current)

    def glance(self, listing: ImageAPI) -> Plan:
        """The plan by what was read before. Raises LXDError."""
        return self._plan(listing)

    def result_of_nothing(self, plan: Plan) -> dict[str, t.Any]:
        """What a glanced plan without actions returns: nothing more is read."""
        return _image_result(self._api, self._desired, self._current, Outcome(plan, [], plan.before), True)

    def run(self, check_mode: bool) -> dict[str, t.Any]:
        """Read, plan and do. Raises LXDError."""

        def read_and_plan() -> Plan:
            plan = self._plan(self._api, may_defer=not check_mode)
            # a real run looks at files while it sends them
            self._inputs.check(self._api, plan, look_into_files=check_mode)
            return plan

        outcome = reconcile(self._api, read_and_plan, check_mode, self._inputs)
        return _image_result(self._api, self._desired, self._current, outcome, check_mode)


def _image_result(api: ImageAPI, desired: DesiredImage, current: CurrentImage, outcome: Outcome, check_mode: bool) -> dict[str, t.Any]:
    image = _resulting_image(api, desired, current, outcome, check_mode)
    return {
        **outcome.to_result(),
        **_warnings(desired, current, outcome),
        "fingerprint": image["fingerprint"] if image else outcome.plan.fingerprint,
        "previous_fingerprint": outcome.plan.previous_fingerprint,
        "image": image,
    }


def _warnings(desired: DesiredImage, current: CurrentImage, outcome: Outcome) -> dict[str, list[str]]:
    image = current.images.get(outcome.plan.fingerprint or "")
    if desired.source is None or image is None or not image.data.get("cached") or "delete" in outcome.tokens:
        return {}
    text = (
        f"The server has fetched the image {image.fingerprint} by itself, to make an instance, and drops it when it was not used for some days. "
        "Only to delete and to copy it again makes it one that stays. That is not done while it has aliases, as they would be gone meanwhile."
    )
    return {"warnings": [text]}


def reconcile(api: ImageAPI, read_and_plan: t.Callable[[], Plan], check_mode: bool, inputs: Inputs | None = None) -> Outcome:
    """Plan and apply until the plan is done or an error is final. Nothing is repeated blindly: each round reads and plans anew."""
    rounds = _Rounds(api, inputs or Inputs())
    try:
        while True:
            plan = rounds.begin(_trusted_plan(api, read_and_plan))
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


def _resulting_image(api: ImageAPI, desired: DesiredImage, current: CurrentImage, outcome: Outcome, check_mode: bool) -> dict[str, t.Any] | None:
    """The image afterwards; in check mode what is known of it."""
    fingerprint = outcome.plan.fingerprint
    if desired.state == "absent" or fingerprint is None:
        return None
    image = current.images.get(fingerprint)
    if outcome.changed and not check_mode:
        image = api.get_image(fingerprint)
    if image is not None and outcome.changed and check_mode:
        settings = _predicted_change(outcome.plan).overlay(image.settings)
        data = {**image.data, "properties": settings.properties}
        image = replace(image, settings=settings, aliases=_predicted_aliases(outcome.plan, image), data=data)
    if image is not None:
        return image.to_result()
    after = outcome.plan.after
    names = [{"name": name, "description": text} for name, text in sorted(_predicted_aliases(outcome.plan, None).items())]
    return {**after, "fingerprint": fingerprint or UNKNOWN, "aliases": names}


def _predicted_change(plan: Plan) -> SettingsChange:
    """What the plan does to the settings of an image that is there."""
    change = next((action.settings for action in plan.actions if isinstance(action, UpdateImage)), SettingsChange())
    if any(isinstance(action, DeleteImage) and action.replaced_by for action in plan.actions):
        change = change.remember(**{REPLACES: None})
    return change


def _predicted_aliases(plan: Plan, image: Image | None) -> dict[str, str]:
    """name -> description, when the plan is done."""
    aliases = dict(image.aliases) if image else {}
    for action in plan.actions:
        if isinstance(action, CreateAlias):
            aliases[action.name] = action.description
        elif isinstance(action, MoveAlias):
            aliases[action.alias.name] = action.description
        elif isinstance(action, DeleteAlias):
            aliases.pop(action.name, None)
    return aliases


# lxd_image_alias


def reconcile_alias(api: ImageAPI, desired: DesiredAlias, check_mode: bool) -> dict[str, t.Any]:
    """Bring one alias to its desired state. Returns what lxd_image_alias returns. Raises LXDError."""

    def read_and_plan() -> Plan:
        current = api.get_alias(desired.name)
        old = api.get_alias(desired.rename_from) if desired.rename_from and desired.state == "present" else None
        if current is None and old is None:
            require_project(api)
        target = desired.target if desired.state == "absent" or not desired.target else read_target(api, desired.target, current)
        return plan_alias(replace(desired, target=target), current, old)

    outcome = reconcile(api, read_and_plan, check_mode)
    alias: dict[str, t.Any] | None = None
    if desired.state == "present":
        alias = {key: value for key, value in outcome.plan.after.items() if key != "renamed_from"}
    return {**outcome.to_result(), "alias": alias}
