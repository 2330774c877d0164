# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""Read, plan, and unless it is check mode, apply. The only place that knows check mode."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, replace

from ansible_collections.community.lxd.plugins.module_utils._image.apply import RETRYABLE, Progress, apply_plan
from ansible_collections.community.lxd.plugins.module_utils._image.files import ImageFiles
from ansible_collections.community.lxd.plugins.module_utils._image.model import (
    MADE_FROM,
    REPLACES,
    UNKNOWN,
    Alias,
    CurrentImage,
    DesiredImage,
    FileSource,
    Image,
    InstanceSource,
    is_complete,
    is_fingerprint,
)
from ansible_collections.community.lxd.plugins.module_utils._image.plan import CreateImage, DesiredAlias, Plan, plan_alias, plan_image
from ansible_collections.community.lxd.plugins.module_utils._lxd.errors import LXDInputError, LXDOutcomeUnknown

if t.TYPE_CHECKING:
    from ansible_collections.community.lxd.plugins.module_utils._image.api import ImageAPI

ATTEMPTS = 6
"""How often a plan is made anew because the server has changed meanwhile, or an answer was lost."""


@dataclass(frozen=True)
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
    files = ImageFiles(desired.source) if isinstance(desired.source, FileSource) else None
    current = CurrentImage()

    def read_and_plan() -> Plan:
        nonlocal current
        resolved, current = read_current(api, desired, files)
        return plan_image(resolved, current)

    outcome = _reconcile(api, read_and_plan, check_mode, files)
    fingerprint = outcome.plan.fingerprint
    image = _resulting_image(api, desired, current, outcome, check_mode)
    return {
        **outcome.to_result(),
        "fingerprint": image["fingerprint"] if image else fingerprint,
        "previous_fingerprint": outcome.plan.previous_fingerprint,
        "image": image,
    }


def _reconcile(api: ImageAPI, read_and_plan: t.Callable[[], Plan], check_mode: bool, files: ImageFiles | None = None) -> Outcome:
    """Plan and apply until the plan is done or an error is final. Nothing is repeated blindly: each round reads and plans anew."""
    first: Plan | None = None
    done: list[str] = []
    uncertain: list[str] = []
    for attempt in range(1, ATTEMPTS + 1):
        plan = _trusted_plan(api, read_and_plan)
        if uncertain and plan.tokens.count(uncertain[0]) < uncertain.count(uncertain[0]):
            done.append(uncertain[0])  # its answer was lost, but it was done
        first = first if first and done else plan
        if check_mode:
            if files is not None and any(isinstance(action, CreateImage) for action in plan.actions):
                files.check()
            return Outcome(plan, plan.tokens, plan.before)
        try:
            progress = apply_plan(api, plan, files)
        except (*RETRYABLE, LXDOutcomeUnknown) as exc:
            progress = t.cast(Progress, getattr(exc, "progress", Progress([])))
            done += [action.token for action in progress.done]
            if attempt == ATTEMPTS:
                raise
            uncertain = []
            if isinstance(exc, LXDOutcomeUnknown):
                uncertain = plan.tokens[len(progress.done) :]
                api.client.settle()
        else:
            return Outcome(_with_created(plan, progress), done + plan.tokens, first.before)
    raise AssertionError("the last round returns or raises")


def _trusted_plan(api: ImageAPI, read_and_plan: t.Callable[[], Plan]) -> Plan:
    try:
        plan = read_and_plan()
    except LXDInputError:
        # what an untrusted client does not see looks as if it did not exist: say the real reason
        api.client.require_trusted()
        raise
    api.client.require_trusted()
    return plan


def _with_created(plan: Plan, progress: Progress) -> Plan:
    return replace(plan, fingerprint=progress.created) if progress.created else plan


def read_current(api: ImageAPI, desired: DesiredImage, files: ImageFiles | None) -> tuple[DesiredImage, CurrentImage]:
    """Read what the task touches, and no more. Also returns ``desired`` with its fingerprint in full.

    Raises LXDInputError where the project, a profile, an instance or an image that the task names isn't there.
    """
    aliases = {}
    if desired.name and (alias := api.get_alias(desired.name)):
        aliases[desired.name] = alias
    elif api.client.project != "default" and not api.has_project():
        raise LXDInputError(f"The project {api.client.project!r} does not exist on {api.client.url}, or this client may not see it.")

    images: dict[str, Image] = {}
    desired = _resolve_fingerprint(api, desired, files, images)
    wanted = desired.fingerprint or (aliases[desired.name].target if desired.name in aliases else None)
    for fingerprint in {fingerprint for fingerprint in (wanted, *(alias.target for alias in aliases.values())) if fingerprint}:
        _read_image(api, fingerprint, images)
    current = CurrentImage(aliases=aliases, images=images)
    if desired.state == "absent":
        return desired, current

    image = images.get(wanted) if wanted else None
    for name in desired.aliases:
        if image is not None and name in image.aliases:
            aliases[name] = _alias_of(image, name)
        elif name not in aliases and (alias := api.get_alias(name)):
            aliases[name] = alias
    if image is None and isinstance(desired.source, InstanceSource):
        current = _read_instance(api, desired.source, current)
    elif image is not None and desired.previous == "delete" and (replaced := image.settings.memory.get(REPLACES)):
        _read_image(api, replaced, images)
    _check_profiles(api, desired, image)
    return desired, current


def _read_image(api: ImageAPI, fingerprint: str, images: dict[str, Image]) -> None:
    if fingerprint not in images and is_complete(fingerprint) and (image := api.get_image(fingerprint)):
        images[fingerprint] = image


def _alias_of(image: Image, name: str) -> Alias:
    return next(alias for alias in image.list_aliases() if alias.name == name)


def _resolve_fingerprint(api: ImageAPI, desired: DesiredImage, files: ImageFiles | None, images: dict[str, Image]) -> DesiredImage:
    """The full fingerprint that the task means: of the files' content, or of the one image that a prefix stands for."""
    given = desired.fingerprint
    if files is not None:
        if given and not files.fingerprint.startswith(given):
            raise LXDInputError(f"The content of {files} has the fingerprint {files.fingerprint}, but 'fingerprint' says {given}.")
        return replace(desired, fingerprint=files.fingerprint)
    if given is None or is_complete(given):
        return desired
    image = api.get_image(given)
    if image is None:
        return desired
    images[image.fingerprint] = image
    return replace(desired, fingerprint=image.fingerprint)


def _read_instance(api: ImageAPI, source: InstanceSource, current: CurrentImage) -> CurrentImage:
    instance = api.get_snapshot(source.name) if source.kind == "snapshot" else api.get_instance(source.name)
    if instance is None:
        raise LXDInputError(f"Cannot publish the {source.kind} {source.name!r}: it does not exist in the project {api.client.project!r}.")
    for image in api.list_images():
        if not image.aliases and image.settings.memory.get(MADE_FROM) == instance.made_from:
            return replace(current, images={**current.images, image.fingerprint: image}, adopted=image.fingerprint)
    return replace(current, instance=instance)


def _check_profiles(api: ImageAPI, desired: DesiredImage, image: Image | None) -> None:
    """An unknown profile would be refused only after the image was made."""
    wanted = desired.settings.profiles or ()
    known = image.settings.profiles if image else ()
    for profile in wanted:
        if profile not in known and not api.has_profile(profile):
            raise LXDInputError(f"The profile {profile!r} of 'profiles' does not exist in the project {api.client.project!r}.")


def _resulting_image(api: ImageAPI, desired: DesiredImage, current: CurrentImage, outcome: Outcome, check_mode: bool) -> dict[str, t.Any] | None:
    """The image afterwards; in check mode what is known of it."""
    fingerprint = outcome.plan.fingerprint
    if desired.state == "absent" or fingerprint is None:
        return None
    image = current.images.get(fingerprint)
    if outcome.changed and not check_mode:
        image = api.get_image(fingerprint)
    if image is not None and outcome.changed and check_mode:
        image = replace(image, settings=desired.settings.overlay(image.settings), aliases=_predicted_aliases(desired, image))
    if image is not None:
        return image.to_result()
    after = outcome.plan.after
    names = [{"name": name, "description": ""} for name in sorted(after.get("aliases", {}))]
    return {**after, "fingerprint": fingerprint or UNKNOWN, "aliases": names}


def _predicted_aliases(desired: DesiredImage, image: Image) -> dict[str, str]:
    stay = {} if desired.purge_aliases else dict(image.aliases)
    return {**stay, **{name: image.aliases.get(name, "") for name in desired.alias_names}}


# lxd_image_alias


def reconcile_alias(api: ImageAPI, desired: DesiredAlias, check_mode: bool) -> dict[str, t.Any]:
    """Bring one alias to its desired state. Returns what lxd_image_alias returns. Raises LXDError."""

    def read_and_plan() -> Plan:
        current = api.get_alias(desired.name)
        old = api.get_alias(desired.rename_from) if desired.rename_from and desired.state == "present" else None
        if current is None and old is None and api.client.project != "default" and not api.has_project():
            raise LXDInputError(f"The project {api.client.project!r} does not exist on {api.client.url}, or this client may not see it.")
        target = desired.target if desired.state == "absent" or not desired.target else _resolve_target(api, desired.target, current)
        return plan_alias(replace(desired, target=target), current, old)

    outcome = _reconcile(api, read_and_plan, check_mode)
    alias: dict[str, t.Any] | None = None
    if desired.state == "present":
        alias = {key: value for key, value in outcome.plan.after.items() if key != "renamed_from"}
    return {**outcome.to_result(), "alias": alias}


def _resolve_target(api: ImageAPI, target: str, current: Alias | None) -> str:
    """The full fingerprint for a fingerprint, a prefix, or the name of another alias. Raises LXDInputError."""
    if current is not None and current.target == target:
        return target
    if is_fingerprint(target) and (image := api.get_image(target)):
        return image.fingerprint
    if other := api.get_alias(target):
        return other.target
    raise LXDInputError(f"The target {target!r} is neither an alias nor the fingerprint of an image in the project {api.client.project!r}.")
