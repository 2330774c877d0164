# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the documentation promises that a task makes of a store, written down a second time and more simply than in the plugins.

Each function takes a task's options and a world, and returns the world as it must be afterwards, or raises ``Refused``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stores import BY_FINGERPRINT, MEMORY, NEVER, PROFILES, Reading, Settings, World

Options = Mapping[str, Any]

# What may be written, and what the servers make of it.
TIMES = {
    "never": NEVER,
    "2131-02-03": "2131-02-03T00:00:00Z",
    "2130-12-31T23:59:59+02:00": "2130-12-31T21:59:59Z",
    "2140-01-01 12:00:00.5": "2140-01-01T12:00:00.5Z",
    "1999-12-31T23:59:59Z": "1999-12-31T23:59:59Z",
    "1970-01-01": NEVER,
}


class Refused(Exception):
    """The task must fail, with nothing done."""


# lxd_image


@dataclass
class Done:
    """The world after a task. ``wanted``: the image that it wants there; ``deleted``: what it removed."""

    world: World
    wanted: str | None = None
    deleted: set[str] = field(default_factory=set)


def content_of(options: Options) -> str | None:
    """The fingerprint of the files that a task brings."""
    path = (options.get("source") or {}).get("path")
    return next((image.fingerprint for image in BY_FINGERPRINT.values() if path and image.path == Path(path)), None)


def resolve(world: World, prefix: str | None) -> str | None:
    """The one fingerprint that begins like that, or what was given."""
    return next((fingerprint for fingerprint in world.images if prefix and fingerprint.startswith(prefix)), prefix)


def remembering(world: World, name: str | None) -> list[str]:
    """The inactive images that had this alias."""
    return [
        fingerprint
        for fingerprint, settings in world.images.items()
        if settings.inactive_state and name in settings.inactive_state["aliases"]
    ]


def the_only_one(world: World, name: str | None) -> str | None:
    """The image that has or had the alias. With several of them, the next run would take the next one."""
    live = target_of(world, name)
    found = {*remembering(world, name), *([live] if live else [])}
    if len(found) > 1:
        raise Refused(f"several images have or had the alias {name}")
    return next(iter(found), None)


def the_remembered(world: World, name: str | None) -> str | None:
    found = remembering(world, name)
    if len(found) > 1:
        raise Refused(f"several inactive images had the alias {name}")
    return found[0] if found else None


def image_task(options: Options, world: World) -> Done:
    """lxd_image, with a source of type file or none."""
    for name in ("aliases", "properties"):
        if options.get(f"purge_{name}") and options.get(name) is None:
            raise Refused(f"purge_{name} does not say what stays")
    if any(key.startswith(MEMORY) for key in options.get("properties") or {}):
        raise Refused("reserved properties")
    state = options.get("state", "present")
    return {"present": present, "absent": absent, "inactive": inactive}[state](options, world.copy())


def target_of(world: World, name: str | None) -> str | None:
    return world.aliases[name][0] if name in world.aliases else None


def meant(options: Options, world: World) -> str | None:
    """The image that is to go or to be withdrawn, whether it is there or not."""
    name, given = options.get("name"), resolve(world, options.get("fingerprint"))
    if given and target_of(world, name) not in (None, given):
        raise Refused("alias and fingerprint mean different images")
    return given or (the_only_one(world, name) if name else content_of(options))


def absent(options: Options, world: World) -> Done:
    image = meant(options, world)
    if image not in world.images:
        return Done(world)
    if world.images[image].protected and not options.get("force"):
        raise Refused("protected")
    remove(world, image)
    return Done(world, deleted={image})


def remove(world: World, fingerprint: str) -> None:
    del world.images[fingerprint]
    for name in world.aliases_of(fingerprint):
        del world.aliases[name]


def inactive(options: Options, world: World) -> Done:
    image = meant(options, world)
    if image not in world.images:
        raise Refused("there is no such image")
    if options.get("public") or options.get("auto_update"):
        raise Refused("an inactive image is neither public nor updated")
    settings = world.images[image]
    before = settings.inactive_state or {"aliases": {}, "public": False, "auto_update": False}
    bookkeeping = {
        "aliases": {**before["aliases"], **world.aliases_of(image)},
        "public": before["public"] or settings.public,
        "auto_update": before["auto_update"] or settings.auto_update,
    }
    change(settings, options)
    settings.public = settings.auto_update = False
    settings.properties[MEMORY + "withdrawn"] = json.dumps(bookkeeping, sort_keys=True)
    for alias in world.aliases_of(image):
        del world.aliases[alias]
    return Done(world, wanted=image)


def present(options: Options, world: World) -> Done:
    name, given, content = options.get("name"), resolve(world, options.get("fingerprint")), content_of(options)
    if content and given and not content.startswith(given):
        raise Refused("the files are another image")
    live = target_of(world, name)
    image = content or given or live or the_remembered(world, name)
    if image is None or (image not in world.images and not content):
        raise Refused("no image, and nothing to make it from")
    if options.get("auto_update"):
        raise Refused("the server would have nothing to follow")
    previous = live if live != image else None
    names = list(dict.fromkeys([*([name] if name else []), *(options.get("aliases") or [])]))

    is_new = image not in world.images
    settings = world.images.setdefault(image, Settings(properties=own_properties(image)))
    back = dict(settings.inactive_state["aliases"]) if settings.inactive_state else {}
    if options.get("purge_aliases"):
        back = {alias: text for alias, text in back.items() if alias in names}
    for alias in [*names, *back]:
        elsewhere = target_of(world, alias) not in (None, image)
        if elsewhere and (alias not in names or options.get("alias_conflict") == "fail"):
            raise Refused(f"the alias {alias} points at another image")

    # What belongs to the name goes over to a new image, and to one that a broken run has left without an alias.
    if previous and content and (is_new or not (world.aliases_of(image) or settings.inactive_state)):
        inherit(settings, world.images[previous])
    if settings.inactive_state:
        settings.public, settings.auto_update = (
            settings.inactive_state["public"],
            settings.inactive_state["auto_update"],
        )
        del settings.properties[MEMORY + "withdrawn"]
    change(settings, options)

    deleted = replaced(options, world, image, previous, names)
    for alias in [*names, *back]:
        old = world.aliases.get(alias)
        world.aliases[alias] = (image, old[1] if old else back.get(alias, ""))
    if options.get("purge_aliases"):
        for alias in set(world.aliases_of(image)) - set(names):
            del world.aliases[alias]
    for fingerprint in deleted:
        remove(world, fingerprint)
    return Done(world, wanted=image, deleted=deleted)


def own_properties(fingerprint: str) -> dict[str, str]:
    return {key: value for key, value in BY_FINGERPRINT[fingerprint].properties.items() if value}


def inherit(settings: Settings, previous: Settings) -> None:
    settings.public, settings.profiles = previous.public, list(previous.profiles)


def replaced(options: Options, world: World, image: str, previous: str | None, names: Iterable[str]) -> set[str]:
    """What ``previous: delete`` removes: the image that was under the name, or that a broken run has left there."""
    bookkeeping = world.images[image].properties
    noted = bookkeeping.get(MEMORY + "replaces")
    old = previous or (noted if options.get("previous") == "delete" else None)
    goes = False
    if old in world.images:
        goes = (
            options.get("previous") == "delete"
            and not world.images[old].protected
            and set(world.aliases_of(old)) <= set(names)
        )
    if previous or goes or (old and old not in world.images):
        bookkeeping.pop(MEMORY + "replaces", None)
    return {old} if old and goes else set()


def change(settings: Settings, options: Options) -> None:
    """What a task mentions is as it says, all else stays."""
    if options.get("public") is not None:
        settings.public = options["public"]
    if options.get("auto_update") is not None:
        settings.auto_update = options["auto_update"]
    if options.get("expires_at") is not None:
        settings.expires_at = TIMES[options["expires_at"]]
    if options.get("profiles") is not None:
        if not set(options["profiles"]) <= {*PROFILES, *settings.profiles}:
            raise Refused("unknown profile")
        settings.profiles = sorted(set(options["profiles"]))
    given = {key: as_text(value) for key, value in (options.get("properties") or {}).items()}
    kept = {
        key: value
        for key, value in settings.properties.items()
        if key.startswith(MEMORY) or not options.get("purge_properties")
    }
    settings.properties = {key: value for key, value in {**kept, **given}.items() if value}
    if options.get("protected"):
        settings.properties[MEMORY + "protected"] = "true"
    elif options.get("protected") is False:
        settings.properties.pop(MEMORY + "protected", None)


def as_text(value: Any) -> str:
    """Null is no value, numbers and booleans are text."""
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


# lxd_image_alias


def alias_task(options: Options, world: World) -> World:
    world = world.copy()
    name, source = options["name"], options.get("rename_from", "")
    if source == name:
        raise Refused("it is to be renamed to itself")
    if options.get("state") == "absent":
        world.aliases.pop(name, None)
        return world
    if source and options.get("target") == source:
        raise Refused("the next run would not find its target")
    new, old, target = world.aliases.get(name), world.aliases.get(source), options.get("target")
    if target is not None:
        fingerprint = resolve(world, target if re.fullmatch("[0-9a-f]{12,64}", target) else None)
        if fingerprint not in world.images:
            fingerprint = target_of(world, target)
    elif new and old and new[0] != old[0]:
        raise Refused("both are there and point at different images")
    else:
        fingerprint = (new or old or (None,))[0]
    if fingerprint is None:
        raise Refused("there is no such image")
    description = options.get("description")
    if description is None:
        description = (new or old or ("", ""))[1]
    world.aliases.pop(source, None)
    world.aliases[name] = (fingerprint, description)
    return world


# lxd_image_prune


def prune_task(options: Options, reading: Reading, spare: Iterable[str] = ()) -> set[str]:
    """The fingerprints of the images that go."""
    conditions = {
        "name",
        "fingerprint",
        "properties",
        "filter",
        "type",
        "public",
        "auto_update",
        "unaliased",
        "unused",
        "expired",
        "older_than",
        "keep",
    }
    if not any(options.get(name) not in (None, {}) for name in conditions):
        raise Refused("nothing says what may go")
    world = reading.world
    newest: set[str] = set()
    if options.get("keep") is not None:
        groups: dict[tuple[str, ...], list[str]] = {}
        for fingerprint in world.images:
            if matches(options, reading, fingerprint, without=("older_than", "expired", "unused")):
                group = tuple(
                    world.images[fingerprint].properties.get(name, "") for name in options.get("group_by") or ()
                )
                groups.setdefault(group, []).append(fingerprint)
        for members in groups.values():
            newest.update(
                sorted(members, key=lambda fingerprint: uploaded(reading, fingerprint), reverse=True)[: options["keep"]]
            )
    return {
        fingerprint
        for fingerprint in world.images
        if fingerprint not in spare
        and fingerprint not in newest
        and matches(options, reading, fingerprint)
        and may_go(options, world, fingerprint)
    }


def uploaded(reading: Reading, fingerprint: str) -> tuple[str, str]:
    """Comparable as text, although the servers leave zeros out."""
    seconds, _dot, fraction = reading.images[fingerprint]["uploaded_at"].rstrip("Z").partition(".")
    return seconds, fraction.ljust(9, "0")


def may_go(options: Options, world: World, fingerprint: str) -> bool:
    settings = world.images[fingerprint]
    named = bool(world.aliases_of(fingerprint)) or settings.inactive_state is not None
    return (options.get("include_aliased") or not named) and (
        options.get("include_protected") or not settings.protected
    )


def matches(options: Options, reading: Reading, fingerprint: str, without: Iterable[str] = ()) -> bool:
    data, world = reading.images[fingerprint], reading.world
    settings = world.images[fingerprint]
    # None of the images is used, all of them are minutes old.
    facts = {
        "public": settings.public,
        "auto_update": settings.auto_update,
        "type": data["type"],
        "unaliased": not world.aliases_of(fingerprint),
        "unused": True,
        "expired": settings.expires_at < "2026",
    }
    asked = {name: value for name, value in options.items() if name not in without and value is not None}
    return all(
        (
            all(asked[name] == fact for name, fact in facts.items() if name in asked),
            all(
                key in settings.properties and re.fullmatch(pattern_of(value), settings.properties[key])
                for key, value in asked.get("properties", {}).items()
            ),
            fingerprint.startswith(asked.get("fingerprint", "")),
            asked.get("name") is None or asked["name"] in world.aliases_of(fingerprint),
            asked.get("older_than") in (None, "0s"),
            "filter" not in asked or matches_filter(asked["filter"], settings, data),
        )
    )


def pattern_of(value: Any) -> str:
    text = as_text(value)
    return text[1:] if text.startswith("~") else re.escape(text)


FILTERS = {
    "properties.os eq debian": lambda settings, data: settings.properties.get("os") == "debian",
    "properties.os ne debian and public eq false": lambda settings, data: (
        settings.properties.get("os") != "debian" and not settings.public
    ),
    "not type eq container or properties.release eq '1.*'": lambda settings, data: (
        data["type"] != "container" or settings.properties.get("release", "").startswith("1")
    ),
}


def matches_filter(text: str, settings: Settings, data: Mapping[str, Any]) -> bool:
    return FILTERS[text](settings, data)


# lxd_image_store


class Entangled(Exception):
    """What becomes of the entries depends on which of them comes first: the documentation promises nothing."""


def store_task(options: Options, world: World) -> tuple[World, list[bool]]:
    """Also which of the entries fail, each by itself."""
    entries = options["images"]
    names = [name for entry in entries for name in {entry.get("name"), *(entry.get("aliases") or [])} if name]
    if len(set(names)) != len(names):
        raise Refused("two entries want the same alias")
    alone = [try_alone(entry, world) for entry in entries]
    wanted = [done.wanted for done in alone if done and done.wanted]
    failed = []
    for number, done in enumerate(alone):
        seen = {earlier.wanted for earlier in alone[:number] if earlier}
        failed.append(
            done is None or (done.wanted is not None and done.wanted in seen) or bool(done.deleted & set(wanted))
        )
    good = [entry for entry, fails in zip(entries, failed) if not fails]
    after = apply_all(good, world)
    bad = [entry for entry, done in zip(entries, alone) if done is None or done.deleted & set(wanted)]
    later = [done for entry in bad if (done := try_alone(entry, after)) is not None]
    # What fails must not be possible afterwards, because another entry has given an image its alias.
    if apply_all(good[::-1], world) != after or any(not done.deleted & set(wanted) for done in later):
        raise Entangled
    if options.get("purge") and not any(failed):
        for fingerprint in set(after.images) - set(wanted):
            if may_go(options, after, fingerprint):
                remove(after, fingerprint)
    return after, failed


def try_alone(entry: Options, world: World) -> Done | None:
    try:
        return image_task(entry, world)
    except Refused:
        return None


def apply_all(entries: Iterable[Options], world: World) -> World:
    for entry in entries:
        try:
            world = image_task(entry, world).world
        except Refused as exc:
            raise Entangled from exc
    return world
