# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""The decision: desired and current state in, a plan out. Pure: no I/O, no module, no clock.

The order of a plan's actions is the promise that nothing is lost: the new image first, then the aliases move,
and only then may the old image go.
"""

from __future__ import annotations

import typing as t

from ansible_collections.community.lxd.plugins.module_utils._image.actions import (
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
from ansible_collections.community.lxd.plugins.module_utils._image.model import (
    MADE_FROM,
    NEVER,
    REPLACES,
    UNKNOWN,
    WITHDRAWN,
    CurrentImage,
    DesiredImage,
    FileSource,
    Image,
    ImageSettings,
    ImageSource,
    InstanceSource,
    SettingsChange,
    UpstreamImage,
    UrlSource,
    Withdrawn,
    scrub_source,
)
from ansible_collections.community.lxd.plugins.module_utils._lxd.errors import LXDInputError
from ansible_collections.community.lxd.plugins.module_utils._lxd.record import replace


def plan_image(desired: DesiredImage, current: CurrentImage) -> Plan:
    """Plan one image. Raises LXDInputError where the desired state can't be reached, with nothing done yet."""
    if desired.state == "absent":
        return _plan_absent(desired, current)
    if desired.state == "inactive":
        return _plan_inactive(desired, current)
    return _plan_present(desired, current)


def _plan_absent(desired: DesiredImage, current: CurrentImage) -> Plan:
    image = _image_meant(desired, current, "delete an image")
    if image is None:
        return Plan()
    if image.protected and not desired.force:
        raise LXDInputError(f"Cannot delete the image {image.fingerprint}: it is protected. Set 'force: true' to delete it all the same.")
    return Plan(
        actions=(DeleteImage(image.fingerprint),),
        before={"fingerprint": image.fingerprint, "aliases": sorted(image.aliases), **desired.settings.given(image.settings)},
        fingerprint=image.fingerprint,
    )


def _image_meant(desired: DesiredImage, current: CurrentImage, what: str) -> Image | None:
    """Return the image that the fingerprint, or else the name, stands for. Raises LXDInputError where they stand for different ones."""
    named = current.target_of(desired.name) or current.images.get(current.adopted or "")
    if not desired.fingerprint:
        return named
    if named and named.fingerprint != desired.fingerprint:
        raise LXDInputError(
            f"Cannot {what}: the alias {desired.name!r} points at {named.fingerprint}, not at {desired.fingerprint}. "
            "Give only the one of both that says which image is meant."
        )
    return current.images.get(desired.fingerprint)


def _plan_inactive(desired: DesiredImage, current: CurrentImage) -> Plan:
    """Remember first, then take the aliases off: a run that is killed in between has lost nothing."""
    image = _image_meant(desired, current, "withdraw an image")
    if image is None:
        asked = (
            f"no image has the fingerprint {desired.fingerprint}"
            if desired.fingerprint
            else f"the alias {desired.name!r} does not exist, and no image was withdrawn from it"
        )
        raise LXDInputError(f"Cannot withdraw the image: {asked}.")
    withdrawn = Withdrawn(image.aliases, image.settings.public, image.settings.auto_update)
    change = replace(desired.settings, public=False, auto_update=False).remember(**{WITHDRAWN: withdrawn.to_memory()})
    actions: list[Action] = []
    if change.overlay(image.settings) != image.settings:
        actions.append(UpdateImage(image.fingerprint, change))
    actions += [DeleteAlias(name, image.fingerprint, text) for name, text in sorted(image.aliases.items())]
    return Plan(
        actions=tuple(actions),
        before={"fingerprint": image.fingerprint, "aliases": dict.fromkeys(sorted(image.aliases), image.fingerprint), **change.given(image.settings)},
        after={"fingerprint": image.fingerprint, "aliases": {}, **change.given(change.overlay(image.settings))},
        fingerprint=image.fingerprint,
    )


def _put_back(desired: DesiredImage, withdrawn: Withdrawn) -> dict[str, str]:
    """name -> description of the aliases that an inactive image gets again."""
    return {name: text for name, text in withdrawn.aliases.items() if name in desired.alias_names or not desired.purge_aliases}


def _restore(desired: DesiredImage, current: CurrentImage, image: Image, withdrawn: Withdrawn) -> tuple[DesiredImage, list[Action]]:
    """Give an inactive image back what it had: the aliases now, the settings with the update that follows, which also forgets them."""
    put_back = _put_back(desired, withdrawn)
    for name in put_back:
        alias = current.aliases.get(name)
        if alias and alias.target != image.fingerprint and name not in desired.alias_names:
            raise LXDInputError(
                f"Cannot put the image {image.fingerprint} back: its alias {name!r} points at {alias.target} by now. "
                "Remove or rename that alias first, or remove this image."
            )
    create: list[Action] = [CreateAlias(name, image.fingerprint, text) for name, text in sorted(put_back.items()) if name not in current.aliases]
    settings = replace(
        desired.settings,
        public=withdrawn.public if desired.settings.public is None else desired.settings.public,
        auto_update=withdrawn.auto_update if desired.settings.auto_update is None else desired.settings.auto_update,
    )
    names = tuple(name for name in put_back if name != desired.name)
    aliases = tuple(dict.fromkeys((*desired.aliases, *names)))
    return replace(desired, settings=settings.remember(**{WITHDRAWN: None}), aliases=aliases), create


def _plan_present(desired: DesiredImage, current: CurrentImage) -> Plan:
    named = current.target_of(desired.name)
    fingerprint = desired.fingerprint or (named.fingerprint if named else current.adopted)
    image = current.images.get(fingerprint) if fingerprint else None
    previous = named if named and (image is None or named.fingerprint != image.fingerprint) else None
    desired = replace(desired, aliases=desired.aliases + _further_aliases(desired, current, previous))
    _check_kind(desired, named)
    _check_followable(desired, current, image)
    actions: list[Action] = []
    if image is not None and image.withdrawn is not None:
        desired, actions = _restore(desired, current, image, image.withdrawn)
    restored = {action.name for action in actions if isinstance(action, CreateAlias)}
    settings = _settings_with_replaces(desired, image, previous)

    renewed = image is not None and _is_only_cached(desired, current, image)
    if image is None:
        actions += _create_image(desired, current, settings, previous)
        target = UNKNOWN if isinstance(desired.source, InstanceSource) else desired.fingerprint or UNKNOWN
        # one that was read before somebody deleted the image has gone with it
        current = replace(current, aliases={name: alias for name, alias in current.aliases.items() if alias.target != target})
    elif renewed:
        kept = settings if isinstance(desired.source, FileSource) else _keep_settings(settings, image)
        actions += [DeleteImage(image.fingerprint), *_create_image(desired, current, kept, previous)]
        target = image.fingerprint
    else:
        target = image.fingerprint
        if desired.source is not None and image.withdrawn is None and (not image.aliases or is_unfinished_copy(desired, image)):
            settings = _adopt(desired, current, settings, previous, image)
        settings = _without_kept_secrets(settings, image)
        if settings.overlay(image.settings) != image.settings:
            actions.append(UpdateImage(target, settings, image.withdrawn, _put_back(desired, image.withdrawn) if image.withdrawn else {}))
    actions += _point_aliases(desired, current, target, previous, restored)
    if image is not None and not renewed:
        actions += _purge_aliases(desired, image)
    actions += _mark_end(desired, current, image, target)
    # after the aliases: its state changes with the start, and an image without a name would not be known again
    actions += [StartInstance(action.name, target) for action in actions if isinstance(action, StopInstance)]
    actions += _delete_previous(desired, current, image, previous, target)
    return Plan(
        actions=tuple(actions),
        before=_before(desired, current, image, previous),
        after=_after(desired, image, target),
        fingerprint=target,
        previous_fingerprint=previous.fingerprint if previous else None,
    )


def _without_kept_secrets(settings: SettingsChange, image: Image) -> SettingsChange:
    """Take passwords and signatures out of what the image remembers of its source."""
    kept = image.settings.memory.get(MADE_FROM, "")
    scrubbed = scrub_source(kept)
    return settings if scrubbed == kept or MADE_FROM in settings.memory else settings.remember(**{MADE_FROM: scrubbed})


def _further_aliases(desired: DesiredImage, current: CurrentImage, previous: Image | None) -> tuple[str, ...]:
    """An update takes all aliases along; and those of the source, where they are asked for."""
    names: list[str] = []
    if desired.state == "latest" and previous and not desired.purge_aliases:
        names += sorted(previous.aliases)
    if current.upstream and isinstance(desired.source, ImageSource) and desired.source.copy_aliases:
        names += sorted(current.upstream.aliases)
    return tuple(name for name in names if name not in desired.alias_names)


def _check_kind(desired: DesiredImage, named: Image | None) -> None:
    """Refuse a name that an image of another type or architecture has than the source is to provide."""
    source = desired.source
    if named is None or not isinstance(source, ImageSource):
        return
    for key, value in source.wanted_kind.items():
        have = named.data.get(key)
        if have and have != value:
            option = "image_type" if key == "type" else key
            raise LXDInputError(
                f"The alias {desired.name!r} points at the image {named.fingerprint} whose {key} is {have!r}, but '{option}' in 'source' is {value!r}. "
                "Choose another name for this one, or remove that image or its alias first."
            )


def _is_only_cached(desired: DesiredImage, current: CurrentImage, image: Image) -> bool:
    """The server fetched it for an instance and will drop it again. No request can change that mark but a new copy.

    With aliases it is left as it is: they would be gone until the new copy is there. What it remembers was said on another server.
    """
    if not image.data.get("cached") or image.aliases:
        return False
    return isinstance(desired.source, FileSource) or bool(current.upstream and current.upstream.fingerprint == image.fingerprint)


def _check_followable(desired: DesiredImage, current: CurrentImage, image: Image | None) -> None:
    """The servers store auto_update for anything, and then fail to update it in their own log."""
    if not desired.settings.auto_update:
        return
    if image is not None and image.followed_alias:
        return
    if image is None and _can_follow(desired, current):
        return
    which = f" for the image {image.fingerprint}" if image is not None else ""
    way_out = " Delete that image and copy it again with 'source.alias' and 'auto_update: true'." if image is not None else ""
    raise LXDInputError(
        f"Cannot enable 'auto_update'{which}: the server would have nothing to follow. It can only update images that it has copied itself "
        f"(mode auto or pull), by an alias, from a public image of another server.{way_out}"
    )


def _can_follow(desired: DesiredImage, current: CurrentImage) -> bool:
    """Whether the server would have something to follow for a copy of this source."""
    source = desired.source
    if not isinstance(source, ImageSource) or not source.alias or source.mode not in ("auto", "pull"):
        return False
    return current.upstream is None or current.upstream.public


def _settings_with_replaces(desired: DesiredImage, image: Image | None, previous: Image | None) -> SettingsChange:
    """With ``previous: delete``, note on the new image which one is to go, so that a run that follows a killed one can finish."""
    if previous and _may_go(desired, previous):
        return desired.settings.remember(**{REPLACES: previous.fingerprint})
    if previous and image and REPLACES in image.settings.memory:
        return desired.settings.remember(**{REPLACES: None})
    return desired.settings


def _may_go(desired: DesiredImage, previous: Image) -> bool:
    """Whether a replaced image is to be deleted: asked for, not protected, and no alias of it stays."""
    return desired.previous == "delete" and not previous.protected and all(name in desired.alias_names for name in previous.aliases)


def _create_image(desired: DesiredImage, current: CurrentImage, settings: SettingsChange, previous: Image | None) -> list[Action]:
    source, instance = desired.source, current.instance
    if source is None:
        asked = f"no image has the fingerprint {desired.fingerprint}" if desired.fingerprint else f"the alias {desired.name!r} does not exist"
        raise LXDInputError(f"Cannot provide the image: {asked}, and no 'source' says how to get it.")
    settings = _inherit(desired, current, settings, previous)
    if isinstance(source, (ImageSource, UrlSource)):
        if current.upstream and not _marks_end(desired):
            settings = settings.remember(**{MADE_FROM: current.upstream.made_from})
        return [CreateImage(source, replace(settings, forget=True), desired.fingerprint or UNKNOWN, upstream=current.upstream)]
    create = CreateImage(source, settings, desired.fingerprint or UNKNOWN, instance)
    if not isinstance(source, InstanceSource) or instance is None:
        return [create]
    create = replace(create, settings=create.settings.remember(**{MADE_FROM: instance.made_from}))
    if not instance.running:
        return [create]
    if not source.stop:
        raise LXDInputError(f"Cannot publish the instance {instance.name!r}: it is running. Set 'stop: true' in 'source', or publish a snapshot of it.")
    if instance.ephemeral:
        raise LXDInputError(f"Cannot publish the instance {instance.name!r}: it is ephemeral, and stopping it would delete it. Publish a snapshot of it.")
    return [StopInstance(instance.name), create]


def _inherit(desired: DesiredImage, current: CurrentImage, settings: SettingsChange, previous: Image | None) -> SettingsChange:
    """What belongs to the name rather than to the content goes over to the image that takes the name.

    For another build of the same image, its expiry, auto_update and properties too.
    """
    if previous is None:
        return settings
    everything = desired.state == "latest"
    names = ("public", "profiles", "expires_at") if everything else ("public", "profiles")
    inherited = {name: getattr(previous.settings, name) for name in names if getattr(settings, name) is None}
    if everything:
        inherited["default_properties"] = previous.settings.user_properties
    if everything and settings.auto_update is None and _can_follow(desired, current):
        inherited["auto_update"] = previous.settings.auto_update
    return replace(settings, **inherited)


def _keep_settings(settings: SettingsChange, image: Image) -> SettingsChange:
    """Take over for the new copy what the image has, where the task says nothing else.

    Not for files: those bring properties of their own, and what a killed run has deleted could not be taken over by the next.
    """
    have = image.settings
    kept = {name: getattr(have, name) for name in ("public", "expires_at", "profiles") if getattr(settings, name) is None}
    properties = settings.properties if settings.purge_properties else {**have.user_properties, **(settings.properties or {})}
    return replace(settings, **kept, properties=properties)


def _adopt(desired: DesiredImage, current: CurrentImage, settings: SettingsChange, previous: Image | None, image: Image) -> SettingsChange:
    """For an image without a name: perhaps of a run that was killed before it could say what the image is to be."""
    settings = _inherit(desired, current, settings, previous)
    if current.upstream is None or MADE_FROM in image.settings.memory:
        return settings
    if not _marks_end(desired):
        settings = settings.remember(**{MADE_FROM: current.upstream.made_from})
    # what comes beside the content, and a stream through the node has not brought along
    if settings.expires_at is None and image.settings.expires_at == NEVER:
        settings = replace(settings, expires_at=current.upstream.expires_at)
    if settings.purge_properties:
        return settings
    # an image that has a name may have been given properties of its own since
    upstream = current.upstream.properties if not image.aliases else {**current.upstream.properties, **image.settings.user_properties}
    return replace(settings, properties={**settings.default_properties, **upstream, **(settings.properties or {})})


def is_unfinished_copy(desired: DesiredImage, image: Image) -> bool:
    """Return whether a run that copied the image may have been broken off, so that its source has to be asked again.

    Without a name, which would move last, only what the image remembers of its source says that its copy was finished.
    """
    return desired.name is None and isinstance(desired.source, ImageSource) and MADE_FROM not in image.settings.memory and image.withdrawn is None


def _marks_end(desired: DesiredImage) -> bool:
    """Return whether the image is told what it was made from only when all its aliases are there."""
    return desired.name is None and isinstance(desired.source, ImageSource) and desired.source.copy_aliases


def _mark_end(desired: DesiredImage, current: CurrentImage, image: Image | None, target: str) -> list[Action]:
    if not _marks_end(desired) or current.upstream is None or (image is not None and MADE_FROM in image.settings.memory):
        return []
    return [UpdateImage(target, SettingsChange(memory={MADE_FROM: current.upstream.made_from}), is_hidden=True)]


def settings_of_copy(settings: SettingsChange, upstream: UpstreamImage) -> SettingsChange:
    """What the target would have taken over from the source if it had pulled: the content alone does not carry it."""
    if not upstream.properties:
        return settings
    own = settings.properties or {}
    return replace(
        settings,
        properties=own if settings.purge_properties else {**settings.default_properties, **upstream.properties, **own},
        purge_properties=True,
        expires_at=upstream.expires_at if settings.expires_at is None else settings.expires_at,
    )


def _point_aliases(desired: DesiredImage, current: CurrentImage, target: str, previous: Image | None, done: t.Container[str]) -> list[Action]:
    copies = isinstance(desired.source, ImageSource) and desired.source.copy_aliases
    descriptions = current.upstream.aliases if copies and current.upstream else {}
    actions: list[Action] = []
    # the name last: while it is not there or points elsewhere, a run that follows a killed one still knows that it has to do the others
    for name in sorted(desired.alias_names, key=lambda name: name == desired.name):
        if name in done:
            continue
        alias = current.aliases.get(name)
        if alias is None:
            actions.append(CreateAlias(name, target, descriptions.get(name, "")))
        elif alias.target != target:
            is_update = desired.state == "latest" and previous is not None and alias.target == previous.fingerprint
            if desired.alias_conflict == "fail" and not is_update:
                raise LXDInputError(f"Cannot point the alias {name!r} at the image {target}: it points at {alias.target}, and 'alias_conflict' is 'fail'.")
            actions.append(MoveAlias(alias, target, alias.description))
    return actions


def _purge_aliases(desired: DesiredImage, image: Image) -> list[Action]:
    if not desired.purge_aliases:
        return []
    return [DeleteAlias(name) for name in sorted(image.aliases) if name not in desired.alias_names]


def _delete_previous(desired: DesiredImage, current: CurrentImage, image: Image | None, previous: Image | None, target: str) -> list[Action]:
    if previous is not None:
        return [_delete_replaced(previous, target)] if _may_go(desired, previous) else []
    replaced = image.settings.memory.get(REPLACES) if image and desired.previous == "delete" else None
    if image is None or replaced is None:
        return []
    # an earlier run was killed after the alias had moved
    left = current.images.get(replaced)
    if left is None:
        return [UpdateImage(image.fingerprint, SettingsChange(memory={REPLACES: None}))]
    return [_delete_replaced(left, target)] if _may_go(desired, left) else []


def _delete_replaced(image: Image, target: str) -> DeleteImage:
    return DeleteImage(image.fingerprint, replaced_by=target, unless=("aliased", "protected"))


def _before(desired: DesiredImage, current: CurrentImage, image: Image | None, previous: Image | None) -> dict[str, t.Any]:
    aliases = {name: alias.target for name, alias in current.aliases.items() if name in desired.alias_names}
    if image is not None and desired.purge_aliases:
        aliases.update(dict.fromkeys(image.aliases, image.fingerprint))
    shown = image or previous
    if shown is None:
        return {"aliases": aliases} if aliases else {}
    return {"fingerprint": shown.fingerprint, "aliases": dict(sorted(aliases.items())), **desired.settings.given(shown.settings)}


def _after(desired: DesiredImage, image: Image | None, target: str) -> dict[str, t.Any]:
    if image is not None:
        settings = desired.settings.overlay(image.settings)
    else:
        # what a file's own metadata or an instance adds is known to the server only; a diff shows what the task asks for
        settings = desired.settings.overlay(ImageSettings())
    aliases = dict.fromkeys(sorted(desired.alias_names), target)
    return {"fingerprint": target, "aliases": aliases, **desired.settings.given(settings)}
