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
    DeleteAlias,
    DeleteImage,
    MoveAlias,
    Plan,
    StartInstance,
    StopInstance,
    UpdateImage,
)
from ..desired_image import SettingsChange
from ..inactive import INACTIVE, InactiveState
from ..model import MADE_FROM, PROTECTED, REPLACES, UNKNOWN, ImageSettings, scrub_source

if t.TYPE_CHECKING:
    from ..desired_image import DesiredImage
    from ..model import CurrentImage, Image


def plan_image(desired: DesiredImage, current: CurrentImage) -> Plan:
    """Plan one image. Raises LXDInputError if the desired state cannot be reached; nothing is done then."""
    if current.fingerprint:
        desired = replace(desired, fingerprint=current.fingerprint)
    # imported only here, as new_image.py below: most tasks find the image as it is to be
    if desired.state == "absent":
        from .image_away import plan_absent

        return plan_absent(desired, current)
    if desired.state == "inactive":
        from .image_away import plan_inactive

        return plan_inactive(desired, current)
    return _plan_present(desired, current)


def must_look_up(desired: DesiredImage, image: Image | None) -> bool:
    """Return whether the task has to find out which image the source provides.

    ``image``: the one that the task means, if it exists. That is enough, unless it must be the newest one, is perhaps
    not completely copied, or is cached and can be made anew.
    """
    source = desired.source
    if source is None or source.names_content:
        return False
    if image is None or desired.state == "latest":
        return True
    return source.is_copied and _can_be_renewed(desired, image) or is_unfinished_copy(desired, image)


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
class Case:
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


def _understand(desired: DesiredImage, current: CurrentImage) -> Case:
    """Find out which image is meant and what it must have. Raises LXDInputError if that is not possible."""
    named = current.target_of(desired.name)
    fingerprint = desired.fingerprint or (named.fingerprint if named else current.orphan)
    image = current.images.get(fingerprint) if fingerprint else None
    previous = named if named and (image is None or named.fingerprint != image.fingerprint) else None
    desired = replace(desired, aliases=desired.aliases + _further_aliases(desired, current, previous))
    _check_kind(desired, named)
    _check_followable(desired, current, image)
    _check_keeps_nothing_secret(desired, image)
    reactivated: t.Mapping[str, str] = {}
    if image is not None and image.inactive_state is not None:
        reactivated = _reactivated_aliases(desired, current, image, image.inactive_state)
        desired = _reactivate(desired, image.inactive_state, reactivated)
    if image is None:
        target = desired.fingerprint or UNKNOWN
        # an alias that was read before another task deleted the image is deleted with it
        aliases = {name: alias for name, alias in current.aliases.items() if alias.target != target}
        current = replace(current, aliases=aliases)
    return Case(desired, current, image, previous, reactivated)


def _plan_new(case: Case) -> _Parts:
    from .new_image import create_image

    desired = case.desired
    target = UNKNOWN if case.current.instance else desired.fingerprint or UNKNOWN
    return _Parts(
        create=create_image(case, _settings_with_replaces(case)),
        point=_point_aliases(case, target),
        finish=_finish_copy(case, target),
        delete=_delete_previous(case, target),
        target=target,
    )


def _plan_renewed(case: Case, image: Image) -> _Parts:
    """Make a cached image anew: no request can turn it into one that stays."""
    from .new_image import create_image, keep_settings

    settings = _settings_with_replaces(case)
    if case.desired.source is not None and not case.desired.source.names_content:
        settings = keep_settings(settings, image)
    target = image.fingerprint
    return _Parts(
        create=(DeleteImage(target, unless=_renewal_guards(case.desired)), *create_image(case, settings)),
        point=_point_aliases(case, target),
        finish=_finish_copy(case, target),
        delete=_delete_previous(case, target),
        target=target,
    )


def _plan_existing(case: Case, image: Image) -> _Parts:
    desired, current, target = case.desired, case.current, image.fingerprint
    settings = _settings_with_replaces(case)
    is_active = image.inactive_state is None
    if desired.source is not None and is_active and (not image.aliases or is_unfinished_copy(desired, image)):
        from .new_image import finish_settings

        settings = finish_settings(case, settings, image)
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
    """Return whether the image is cached, and the source has the content to make it anew."""
    if desired.source is None or not _can_be_renewed(desired, image):
        return False
    offered = current.offered
    return desired.source.names_content or bool(offered and offered.fingerprint == image.fingerprint)


def _can_be_renewed(desired: DesiredImage, image: Image) -> bool:
    """Return whether the image is cached, and may be deleted to make it anew.

    The server has downloaded a cached image for an instance, and removes it when it is unused.
    """
    return bool(image.data.get("cached")) and not any(guard in image.guards for guard in _renewal_guards(desired))


def _renewal_guards(desired: DesiredImage) -> tuple[str, ...]:
    """Return the reasons against deleting a cached image to make it anew.

    Its aliases would be missing until the new copy exists. It may be protected only because it is so on the server that
    it comes from, so a task that gives ``protected`` itself decides.
    """
    return ("aliased",) if PROTECTED in desired.settings.bookkeeping else ("aliased", "protected")


def _check_followable(desired: DesiredImage, current: CurrentImage, image: Image | None) -> None:
    """Refuse auto_update if it cannot work: the servers store it for any image, and fail later in their own log."""
    if not desired.settings.auto_update:
        return
    if image is not None and image.followed_alias:
        return
    if image is None and desired.can_follow(current.offered):
        return
    which, way_out = "", ""
    if image is not None:
        which = f" for the image {image.fingerprint}"
        way_out = " Delete that image and copy it again with 'source.alias' and 'auto_update: true'."
    raise LXDInputError(
        f"Cannot enable 'auto_update'{which}: the server would have nothing to follow. It can only update images that "
        f"it has copied itself (mode auto or pull), by an alias, from a public image of another server.{way_out}"
    )


def _check_keeps_nothing_secret(desired: DesiredImage, image: Image | None) -> None:
    """Refuse to make an image public whose ``update_source`` has a password in it."""
    if desired.settings.public and image is not None and not image.settings.public and image.keeps_credentials:
        raise LXDInputError(
            f"Cannot make the image {image.fingerprint} public: the server keeps a user, a password or a query of the "
            "source's URL in it, in 'update_source', and would show them to everybody. Delete that image, and copy it "
            "again from a URL without them."
        )


# settings


def _settings_with_replaces(case: Case) -> SettingsChange:
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


def _without_kept_secrets(settings: SettingsChange, image: Image) -> SettingsChange:
    """Remove passwords and signatures from what the image keeps of its source: version 1.0.0 kept them."""
    kept = image.settings.bookkeeping.get(MADE_FROM, "")
    scrubbed = scrub_source(kept)
    if scrubbed == kept or MADE_FROM in settings.bookkeeping:
        return settings
    return settings.with_bookkeeping(**{MADE_FROM: scrubbed})


# actions


def is_unfinished_copy(desired: DesiredImage, image: Image) -> bool:
    """Return whether a task may have been killed while it copied the image, so that it has to be looked up again.

    A name is set last, so it proves that the copy is complete. Without a name, the bookkeeping of the source proves it.
    """
    if desired.name is not None or desired.source is None or not desired.source.is_from_server:
        return False
    return MADE_FROM not in image.settings.bookkeeping and image.inactive_state is None


def _finish_copy(case: Case, target: str) -> tuple[Action, ...]:
    offered, image = case.current.offered, case.image
    if not case.desired.is_marked_last or offered is None:
        return ()
    if image is not None and MADE_FROM in image.settings.bookkeeping:
        return ()
    return (UpdateImage(target, SettingsChange(bookkeeping={MADE_FROM: offered.made_from}), is_hidden=True),)


def _point_aliases(case: Case, target: str, done: t.Container[str] = ()) -> tuple[Action, ...]:
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


def _delete_previous(case: Case, target: str) -> tuple[Action, ...]:
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


def _before(case: Case) -> dict[str, t.Any]:
    desired, image = case.desired, case.image
    aliases = {name: alias.target for name, alias in case.current.aliases.items() if name in desired.alias_names}
    if image is not None and desired.purge_aliases:
        aliases.update(dict.fromkeys(image.aliases, image.fingerprint))
    shown = image or case.previous
    if shown is None:
        return {"aliases": aliases} if aliases else {}
    settings = desired.settings.given(shown.settings)
    return {"fingerprint": shown.fingerprint, "aliases": dict(sorted(aliases.items())), **settings}


def _after(case: Case, target: str) -> dict[str, t.Any]:
    desired, image = case.desired, case.image
    # only the server knows the properties from a new image's metadata or instance: the diff shows what the task gives
    settings = desired.settings.overlay(image.settings if image is not None else ImageSettings())
    aliases = dict.fromkeys(sorted(desired.alias_names), target)
    return {"fingerprint": target, "aliases": aliases, **desired.settings.given(settings)}
