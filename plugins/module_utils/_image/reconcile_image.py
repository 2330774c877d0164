# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""Brings one image to its desired state."""

from __future__ import annotations

import typing as t

from ansible_collections.community.lxd.plugins.module_utils._image.actions import (
    CreateAlias,
    CreateImage,
    DeleteAlias,
    DeleteImage,
    MoveAlias,
    Plan,
    UpdateImage,
)
from ansible_collections.community.lxd.plugins.module_utils._image.inputs import open_inputs
from ansible_collections.community.lxd.plugins.module_utils._image.model import (
    REPLACES,
    UNKNOWN,
    CurrentImage,
    DesiredImage,
    FileSource,
    Image,
    ImageSettings,
    SettingsChange,
)
from ansible_collections.community.lxd.plugins.module_utils._image.plan import plan_image
from ansible_collections.community.lxd.plugins.module_utils._image.read_image import read_image
from ansible_collections.community.lxd.plugins.module_utils._image.reconcile import Outcome, reconcile
from ansible_collections.community.lxd.plugins.module_utils._lxd.record import replace

if t.TYPE_CHECKING:
    from ansible_collections.community.lxd.plugins.module_utils._image.api import ImageAPI


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
            if self._current.upstream is not None and self._inputs.server is not None:
                self._inputs.server.renew()
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


def _resulting_image(api: ImageAPI, desired: DesiredImage, current: CurrentImage, outcome: Outcome, check_mode: bool) -> dict[str, t.Any] | None:
    """The image afterwards; in check mode what is known of it."""
    fingerprint = outcome.plan.fingerprint
    if desired.state == "absent" or fingerprint is None:
        return None
    image = None if _is_imported_anew(outcome.plan) and check_mode else current.images.get(fingerprint)
    if outcome.changed and not check_mode:
        image = api.get_image(fingerprint)
    if image is not None and outcome.changed and check_mode:
        settings = _predicted_settings(outcome.plan, image)
        renewed = any(isinstance(action, CreateImage) for action in outcome.plan.actions)
        data = {**image.data, "properties": settings.properties, **({"cached": False} if renewed else {})}
        image = replace(image, settings=settings, aliases=_predicted_aliases(outcome.plan, image), data=data)
    if image is not None:
        return image.to_result()
    after = outcome.plan.after
    names = [{"name": name, "description": text} for name, text in sorted(_predicted_aliases(outcome.plan, None).items())]
    return {**after, "fingerprint": fingerprint or UNKNOWN, "aliases": names}


def _is_imported_anew(plan: Plan) -> bool:
    """Return whether the plan makes an image from files: what their metadata says is known to the server only."""
    return any(isinstance(action, CreateImage) and isinstance(action.source, FileSource) for action in plan.actions)


def _predicted_settings(plan: Plan, image: Image) -> ImageSettings:
    """What the plan makes of the settings of an image that is there."""
    settings = image.settings
    for action in plan.actions:
        if isinstance(action, UpdateImage):
            settings = action.settings.overlay(settings)
        elif isinstance(action, CreateImage):
            # a cached image is made anew: whether it is updated has to be said again
            settings = action.settings.overlay(replace(settings, auto_update=False))
    if any(isinstance(action, DeleteImage) and action.replaced_by for action in plan.actions):
        settings = SettingsChange(memory={REPLACES: None}).overlay(settings)
    return settings


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
