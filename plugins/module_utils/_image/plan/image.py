# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""Decides what is done for one image: desired and current state in, a plan out. Pure: no I/O, no clock.

The order of a plan's actions is the promise that nothing is lost: the new image first, then the aliases move, and only
then the old image is deleted.
"""

from __future__ import annotations

import typing as t

from ..._lxd.errors import LXDInputError
from ..._lxd.record import field, record, replace
from ..actions import (
    Action,
    CreateAlias,
    CreateImage,
    DeleteAlias,
    DeleteImage,
    MoveAlias,
    Plan,
    StartInstance,
    StopInstance,
    UpdateImage,
)
from ..desired import SettingsChange, merge_properties
from ..inactive import INACTIVE, InactiveState
from ..model import MADE_FROM, REPLACES, UNKNOWN, ImageSettings, scrub_source
from ..times import NEVER

if t.TYPE_CHECKING:
    from ..desired import DesiredImage
    from ..model import CurrentImage, Image


def plan_image(desired: DesiredImage, current: CurrentImage) -> Plan:
    """Plan one image. Raises LXDInputError if the desired state cannot be reached; nothing is done then."""
    if current.fingerprint:
        desired = replace(desired, fingerprint=current.fingerprint)
    if desired.state == "absent":
        return _plan_absent(desired, current)
    if desired.state == "inactive":
        return _plan_inactive(desired, current)
    return _plan_present(desired, current)


def must_look_up(desired: DesiredImage, image: Image | None) -> bool:
    """Return whether the task has to find out which image the source provides.

    ``image``: the one that the task means, if it exists. That is enough, unless it must be the newest one, is only
    cached, or is perhaps not completely copied.
    """
    source = desired.source
    if source is None or source.names_content:
        return False
    if image is None or desired.state == "latest":
        return True
    return source.is_copied and bool(image.data.get("cached")) or is_unfinished_copy(desired, image)


# absent, inactive


def _plan_absent(desired: DesiredImage, current: CurrentImage) -> Plan:
    image = _image_meant(desired, current, "delete an image")
    if image is None:
        return Plan()
    if image.protected and not desired.force:
        raise LXDInputError(
            f"Cannot delete the image {image.fingerprint}: it is protected. "
            "Set 'force: true' to delete it all the same."
        )
    before = {"fingerprint": image.fingerprint, "aliases": sorted(image.aliases)}
    return Plan(
        actions=(DeleteImage(image.fingerprint),),
        before={**before, **desired.settings.given(image.settings)},
        fingerprint=image.fingerprint,
    )


def _image_meant(desired: DesiredImage, current: CurrentImage, what: str) -> Image | None:
    """Return the image of the fingerprint, or else of the name. Raises LXDInputError if these are different images."""
    named = current.target_of(desired.name) or current.images.get(current.orphan or "")
    if not desired.fingerprint:
        return named
    if named and named.fingerprint != desired.fingerprint:
        raise LXDInputError(
            f"Cannot {what}: the alias {desired.name!r} points at {named.fingerprint}, not at {desired.fingerprint}. "
            "Give only one of 'name' and 'fingerprint'."
        )
    return current.images.get(desired.fingerprint)


def _plan_inactive(desired: DesiredImage, current: CurrentImage) -> Plan:
    """Deactivate an image: steps D1 and D2 of inactive.py."""
    image = _image_meant(desired, current, "deactivate an image")
    if image is None:
        which = f"the alias {desired.name!r} is not found, and no inactive image had it"
        if desired.fingerprint:
            which = f"no image with the fingerprint {desired.fingerprint} is found"
        raise LXDInputError(f"Cannot deactivate the image: {which}.")
    state = InactiveState(image.aliases, image.settings.public, image.settings.auto_update)
    change = replace(desired.settings, public=False, auto_update=False)
    change = change.with_bookkeeping(**{INACTIVE: state.to_bookkeeping()})
    after = change.overlay(image.settings)
    actions: list[Action] = []
    if after != image.settings:
        actions.append(UpdateImage(image.fingerprint, change))
    actions += [DeleteAlias(name, image.fingerprint, text) for name, text in sorted(image.aliases.items())]
    aliases = dict.fromkeys(sorted(image.aliases), image.fingerprint)
    return Plan(
        actions=tuple(actions),
        before={"fingerprint": image.fingerprint, "aliases": aliases, **change.given(image.settings)},
        after={"fingerprint": image.fingerprint, "aliases": {}, **change.given(after)},
        fingerprint=image.fingerprint,
    )


# present, latest


@record(frozen=True)
class _Parts:
    """The actions of a plan by their purpose. Only all() defines the order in which they are done."""

    reactivate: tuple[Action, ...] = ()
    """Aliases of an inactive image: step R1 of inactive.py, before the update that is R2."""
    create: tuple[Action, ...] = ()
    update: tuple[Action, ...] = ()
    point: tuple[Action, ...] = ()
    """Aliases of the image, ``name`` last."""
    purge: tuple[Action, ...] = ()
    finish: tuple[Action, ...] = ()
    """A mark on a copy that is complete: its aliases are there."""
    delete: tuple[Action, ...] = ()
    target: str = UNKNOWN
    """The fingerprint of the image afterwards."""

    def all(self) -> tuple[Action, ...]:
        """Return all actions in their order."""
        actions = (*self.reactivate, *self.create, *self.update, *self.point, *self.purge, *self.finish)
        # An instance starts after its image has its aliases: the start changes the instance's state, and an image
        # without a name would no longer be recognized as made from it.
        stopped = (action.name for action in actions if isinstance(action, StopInstance))
        return (*actions, *(StartInstance(name, self.target) for name in stopped), *self.delete)


@record(frozen=True)
class _Case:
    """One image that is to be present. ``image``: as it is now. ``previous``: another image that has the name now."""

    desired: DesiredImage
    """With all aliases that the image is to have, and the settings that it gets back if it was inactive."""
    current: CurrentImage
    image: Image | None
    previous: Image | None
    reactivated: t.Mapping[str, str] = field(default_factory=dict)
    """Aliases of an inactive image, name -> description."""


def _plan_present(desired: DesiredImage, current: CurrentImage) -> Plan:
    case = _understand(desired, current)
    image = case.image
    if image is None:
        parts = _plan_new(case)
    elif _is_only_cached(desired, current, image):
        parts = _plan_renewed(case, image)
    else:
        parts = _plan_existing(case, image)
    return Plan(
        actions=parts.all(),
        before=_before(case),
        after=_after(case, parts.target),
        fingerprint=parts.target,
        previous_fingerprint=case.previous.fingerprint if case.previous else None,
    )


def _understand(desired: DesiredImage, current: CurrentImage) -> _Case:
    """Find out which image is meant and what it must have. Raises LXDInputError if that is not possible."""
    named = current.target_of(desired.name)
    fingerprint = desired.fingerprint or (named.fingerprint if named else current.orphan)
    image = current.images.get(fingerprint) if fingerprint else None
    previous = named if named and (image is None or named.fingerprint != image.fingerprint) else None
    desired = replace(desired, aliases=desired.aliases + _further_aliases(desired, current, previous))
    _check_kind(desired, named)
    _check_followable(desired, current, image)
    reactivated: t.Mapping[str, str] = {}
    if image is not None and image.inactive_state is not None:
        reactivated = _reactivated_aliases(desired, current, image, image.inactive_state)
        desired = _reactivate(desired, image.inactive_state, reactivated)
    if image is None:
        target = desired.fingerprint or UNKNOWN
        # an alias that was read before another task deleted the image is deleted with it
        aliases = {name: alias for name, alias in current.aliases.items() if alias.target != target}
        current = replace(current, aliases=aliases)
    return _Case(desired, current, image, previous, reactivated)


def _plan_new(case: _Case) -> _Parts:
    desired = case.desired
    target = UNKNOWN if case.current.instance else desired.fingerprint or UNKNOWN
    return _Parts(
        create=_create_image(case, _settings_with_replaces(case)),
        point=_point_aliases(case, target),
        finish=_finish_copy(case, target),
        delete=_delete_previous(case, target),
        target=target,
    )


def _plan_renewed(case: _Case, image: Image) -> _Parts:
    """Make a cached image anew: no request can turn it into one that stays."""
    settings = _settings_with_replaces(case)
    if case.desired.source is not None and not case.desired.source.names_content:
        settings = _keep_settings(settings, image)
    target = image.fingerprint
    return _Parts(
        create=(DeleteImage(target), *_create_image(case, settings)),
        point=_point_aliases(case, target),
        finish=_finish_copy(case, target),
        delete=_delete_previous(case, target),
        target=target,
    )


def _plan_existing(case: _Case, image: Image) -> _Parts:
    desired, current, target = case.desired, case.current, image.fingerprint
    settings = _settings_with_replaces(case)
    is_active = image.inactive_state is None
    if desired.source is not None and is_active and (not image.aliases or is_unfinished_copy(desired, image)):
        settings = _finish_settings(case, settings, image)
    settings = _without_kept_secrets(settings, image)
    update: tuple[Action, ...] = ()
    if settings.overlay(image.settings) != image.settings:
        update = (UpdateImage(target, settings, image.inactive_state, case.reactivated),)
    missing = {name: text for name, text in sorted(case.reactivated.items()) if name not in current.aliases}
    return _Parts(
        reactivate=tuple(CreateAlias(name, target, text) for name, text in missing.items()),
        update=update,
        point=_point_aliases(case, target, done=missing),
        purge=_purge_aliases(desired, image),
        finish=_finish_copy(case, target),
        delete=_delete_previous(case, target),
        target=target,
    )


# what the image must have


def _further_aliases(desired: DesiredImage, current: CurrentImage, previous: Image | None) -> tuple[str, ...]:
    """Return the aliases of the previous image if an update keeps them, and of the source if the task copies them."""
    names: list[str] = []
    if desired.state == "latest" and previous and not desired.purge_aliases:
        names += sorted(previous.aliases)
    if current.offered and desired.source is not None and desired.source.copy_aliases:
        names += sorted(current.offered.aliases)
    return tuple(name for name in names if name not in desired.alias_names)


def _reactivated_aliases(
    desired: DesiredImage, current: CurrentImage, image: Image, state: InactiveState
) -> dict[str, str]:
    """Return the aliases that an inactive image gets back: name -> description.

    Raises LXDInputError if one of them points at another image now, and the task does not name it.
    """
    reactivated = {
        name: text for name, text in state.aliases.items() if name in desired.alias_names or not desired.purge_aliases
    }
    for name in reactivated:
        alias = current.aliases.get(name)
        if alias and alias.target != image.fingerprint and name not in desired.alias_names:
            raise LXDInputError(
                f"Cannot reactivate the image {image.fingerprint}: its alias {name!r} now points at {alias.target}. "
                "Rename or delete that alias first, or delete this image."
            )
    return reactivated


def _reactivate(desired: DesiredImage, state: InactiveState, reactivated: t.Mapping[str, str]) -> DesiredImage:
    """Return the desired image with what it had before it was deactivated, as far as the task gives nothing else."""
    given = desired.settings
    settings = replace(
        given,
        public=state.public if given.public is None else given.public,
        auto_update=state.auto_update if given.auto_update is None else given.auto_update,
    )
    names = (name for name in reactivated if name != desired.name)
    return replace(
        desired,
        settings=settings.with_bookkeeping(**{INACTIVE: None}),
        aliases=tuple(dict.fromkeys((*desired.aliases, *names))),
    )


def _check_kind(desired: DesiredImage, named: Image | None) -> None:
    """Refuse a name of an image that has another type or architecture than the source is to provide."""
    if named is None or desired.source is None:
        return
    for key, value in desired.source.wanted_kind.items():
        have = named.data.get(key)
        if have and have != value:
            option = "image_type" if key == "type" else key
            raise LXDInputError(
                f"The alias {desired.name!r} points at the image {named.fingerprint} whose {key} is {have!r}, "
                f"but '{option}' in 'source' is {value!r}. "
                "Choose another name for this one, or remove that image or its alias first."
            )


def _is_only_cached(desired: DesiredImage, current: CurrentImage, image: Image) -> bool:
    """Return whether the server has downloaded the image for an instance, and will remove it when it is unused.

    Returns False for an image with aliases: they would be missing until the new copy exists, so it is not changed.
    """
    if not image.data.get("cached") or image.aliases or desired.source is None:
        return False
    offered = current.offered
    return desired.source.names_content or bool(offered and offered.fingerprint == image.fingerprint)


def _check_followable(desired: DesiredImage, current: CurrentImage, image: Image | None) -> None:
    """Refuse auto_update if it cannot work: the servers store it for any image, and fail later in their own log."""
    if not desired.settings.auto_update:
        return
    if image is not None and image.followed_alias:
        return
    if image is None and _can_follow(desired, current):
        return
    which, way_out = "", ""
    if image is not None:
        which = f" for the image {image.fingerprint}"
        way_out = " Delete that image and copy it again with 'source.alias' and 'auto_update: true'."
    raise LXDInputError(
        f"Cannot enable 'auto_update'{which}: the server would have nothing to follow. It can only update images that "
        f"it has copied itself (mode auto or pull), by an alias, from a public image of another server.{way_out}"
    )


def _can_follow(desired: DesiredImage, current: CurrentImage) -> bool:
    """Return whether the server would have something to follow for a copy of this source."""
    if desired.source is None or not desired.source.can_be_followed:
        return False
    return current.offered is None or current.offered.public


# settings


def _settings_with_replaces(case: _Case) -> SettingsChange:
    """Return the desired settings, with the bookkeeping of the image to delete.

    By this bookkeeping, the next task can finish a killed one.
    """
    desired, image, previous = case.desired, case.image, case.previous
    if previous and _may_be_deleted(desired, previous):
        return desired.settings.with_bookkeeping(**{REPLACES: previous.fingerprint})
    if previous and image and REPLACES in image.settings.bookkeeping:
        return desired.settings.with_bookkeeping(**{REPLACES: None})
    return desired.settings


def _may_be_deleted(desired: DesiredImage, previous: Image) -> bool:
    """Return whether a replaced image is deleted.

    That is so if the task has ``previous: delete``, the image is not protected, and all its aliases move.
    """
    moves = all(name in desired.alias_names for name in previous.aliases)
    return desired.previous == "delete" and not previous.protected and moves


def _inherit(case: _Case, settings: SettingsChange) -> SettingsChange:
    """Take over from the previous image what belongs to the name rather than to the content.

    For another build of the same image (state latest), also its expiry, auto_update and properties.
    """
    desired, previous = case.desired, case.previous
    if previous is None:
        return settings
    is_same = desired.state == "latest"
    names = ("public", "profiles", "expires_at") if is_same else ("public", "profiles")
    inherited = {name: getattr(previous.settings, name) for name in names if getattr(settings, name) is None}
    if is_same:
        inherited["default_properties"] = previous.settings.user_properties
    if is_same and settings.auto_update is None and _can_follow(desired, case.current):
        inherited["auto_update"] = previous.settings.auto_update
    return replace(settings, **inherited)


def _keep_settings(settings: SettingsChange, image: Image) -> SettingsChange:
    """Take over for a new copy of an image what it has now, as far as the task gives nothing else.

    Not for files: they bring properties of their own, and the task that follows a killed one could not know what the
    deleted image had.
    """
    have = image.settings
    names = ("public", "expires_at", "profiles")
    kept = {name: getattr(have, name) for name in names if getattr(settings, name) is None}
    properties = merge_properties({}, have.user_properties, settings.properties, settings.purge_properties)
    return replace(settings, **kept, properties=properties)


def _finish_settings(case: _Case, settings: SettingsChange, image: Image) -> SettingsChange:
    """Return the settings of an image without a name: a task may have been killed before it could set them."""
    settings = _inherit(case, settings)
    offered = case.current.offered
    if offered is None or MADE_FROM in image.settings.bookkeeping:
        return settings
    if not _marks_end(case.desired):
        settings = settings.with_bookkeeping(**{MADE_FROM: offered.made_from})
    # what a pull takes over from the source, and an upload does not
    if settings.expires_at is None and image.settings.expires_at == NEVER:
        settings = replace(settings, expires_at=offered.expires_at)
    if settings.purge_properties:
        return settings
    content = dict(offered.properties)
    if image.aliases:
        # it has a name, so its users may have set other properties since
        content.update(image.settings.user_properties)
    properties = merge_properties(settings.default_properties, content, settings.properties)
    return replace(settings, properties=properties)


def _without_kept_secrets(settings: SettingsChange, image: Image) -> SettingsChange:
    """Remove passwords and signatures from what the image keeps of its source: version 1.0.0 kept them."""
    kept = image.settings.bookkeeping.get(MADE_FROM, "")
    scrubbed = scrub_source(kept)
    if scrubbed == kept or MADE_FROM in settings.bookkeeping:
        return settings
    return settings.with_bookkeeping(**{MADE_FROM: scrubbed})


# actions


def _create_image(case: _Case, settings: SettingsChange) -> tuple[Action, ...]:
    desired, offered, instance = case.desired, case.current.offered, case.current.instance
    source = desired.source
    if source is None:
        which = f"the alias {desired.name!r} is not found"
        if desired.fingerprint:
            which = f"no image with the fingerprint {desired.fingerprint} is found"
        raise LXDInputError(f"Cannot provide the image: {which}, and no 'source' is given to get it from.")
    settings = _inherit(case, settings)
    if instance is not None:
        settings = settings.with_bookkeeping(**{MADE_FROM: instance.made_from})
    if source.is_copied:
        if offered and not _marks_end(desired):
            settings = settings.with_bookkeeping(**{MADE_FROM: offered.made_from})
        settings = replace(settings, drops_bookkeeping=True)
    create = CreateImage(source.verb, settings, desired.fingerprint or UNKNOWN, instance, offered)
    if instance is None or not instance.running:
        return (create,)
    if not source.stop:
        raise LXDInputError(
            f"Cannot publish the instance {instance.name!r}: it is running. "
            "Set 'stop: true' in 'source', or publish a snapshot of it."
        )
    if instance.ephemeral:
        raise LXDInputError(
            f"Cannot publish the instance {instance.name!r}: it is ephemeral, and stopping it would delete it. "
            "Publish a snapshot of it."
        )
    return (StopInstance(instance.name), create)


def is_unfinished_copy(desired: DesiredImage, image: Image) -> bool:
    """Return whether a task may have been killed while it copied the image, so that it has to be looked up again.

    A name is set last, so it proves that the copy is complete. Without a name, the bookkeeping of the source proves it.
    """
    if desired.name is not None or desired.source is None or not desired.source.is_from_server:
        return False
    return MADE_FROM not in image.settings.bookkeeping and image.inactive_state is None


def _marks_end(desired: DesiredImage) -> bool:
    """Return whether the bookkeeping of the source is written last: if there is no name, but aliases of the source."""
    return desired.name is None and desired.source is not None and desired.source.copy_aliases


def _finish_copy(case: _Case, target: str) -> tuple[Action, ...]:
    offered, image = case.current.offered, case.image
    if not _marks_end(case.desired) or offered is None:
        return ()
    if image is not None and MADE_FROM in image.settings.bookkeeping:
        return ()
    return (UpdateImage(target, SettingsChange(bookkeeping={MADE_FROM: offered.made_from}), is_hidden=True),)


def _point_aliases(case: _Case, target: str, done: t.Container[str] = ()) -> tuple[Action, ...]:
    """Return the actions that point the aliases at the image, the name last. ``done``: names that require no action.

    As long as the name is missing or points elsewhere, the task after a killed one recognizes that work is unfinished.
    """
    desired, current, previous = case.desired, case.current, case.previous
    copied = current.offered.aliases if current.offered and desired.source and desired.source.copy_aliases else {}
    descriptions = {**copied, **case.reactivated}
    actions: list[Action] = []
    for name in sorted(desired.alias_names, key=lambda name: name == desired.name):
        alias = current.aliases.get(name)
        if name in done:
            continue
        if alias is None:
            actions.append(CreateAlias(name, target, descriptions.get(name, "")))
        elif alias.target != target:
            is_update = desired.state == "latest" and previous is not None and alias.target == previous.fingerprint
            if desired.alias_conflict == "fail" and not is_update:
                raise LXDInputError(
                    f"Cannot point the alias {name!r} at the image {target}: it points at {alias.target}, "
                    "and 'alias_conflict' is 'fail'."
                )
            actions.append(MoveAlias(alias, target, alias.description))
    return tuple(actions)


def _purge_aliases(desired: DesiredImage, image: Image) -> tuple[Action, ...]:
    if not desired.purge_aliases:
        return ()
    unwanted = sorted(name for name in image.aliases if name not in desired.alias_names)
    return tuple(DeleteAlias(name, listed_by=image.fingerprint) for name in unwanted)


def _delete_previous(case: _Case, target: str) -> tuple[Action, ...]:
    """Return the actions that delete the image that this one replaces, now or in an earlier task that was killed."""
    desired, image = case.desired, case.image
    if case.previous is not None:
        return _delete_replaced(case.previous, target) if _may_be_deleted(desired, case.previous) else ()
    replaced = image.settings.bookkeeping.get(REPLACES) if image and desired.previous == "delete" else None
    if image is None or replaced is None:
        return ()
    orphan = case.current.images.get(replaced)
    if orphan is None:
        return (UpdateImage(image.fingerprint, SettingsChange(bookkeeping={REPLACES: None})),)
    return _delete_replaced(orphan, target) if _may_be_deleted(desired, orphan) else ()


def _delete_replaced(image: Image, target: str) -> tuple[Action, ...]:
    """Delete a replaced image, then remove the bookkeeping about it from the new one."""
    forget = UpdateImage(target, SettingsChange(bookkeeping={REPLACES: None}), is_hidden=True)
    return (DeleteImage(image.fingerprint, unless=("aliased", "protected")), forget)


# the diff


def _before(case: _Case) -> dict[str, t.Any]:
    desired, image = case.desired, case.image
    aliases = {name: alias.target for name, alias in case.current.aliases.items() if name in desired.alias_names}
    if image is not None and desired.purge_aliases:
        aliases.update(dict.fromkeys(image.aliases, image.fingerprint))
    shown = image or case.previous
    if shown is None:
        return {"aliases": aliases} if aliases else {}
    settings = desired.settings.given(shown.settings)
    return {"fingerprint": shown.fingerprint, "aliases": dict(sorted(aliases.items())), **settings}


def _after(case: _Case, target: str) -> dict[str, t.Any]:
    desired, image = case.desired, case.image
    # only the server knows the properties from a new image's metadata or instance: the diff shows what the task gives
    settings = desired.settings.overlay(image.settings if image is not None else ImageSettings())
    aliases = dict.fromkeys(sorted(desired.alias_names), target)
    return {"fingerprint": target, "aliases": aliases, **desired.settings.given(settings)}
