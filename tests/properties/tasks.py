# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Random stores, and random tasks that make sense: values a user would write, for images and aliases that may or may not be there."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from contract import FILTERS, TIMES
from hypothesis import strategies as st
from stores import BY_FINGERPRINT, IMAGES, MEMORY, PROFILES, Settings, World

Options = dict[str, Any]

FINGERPRINTS = tuple(BY_FINGERPRINT)
MISSING = "0123456789abcdef" * 4
KEYS = ("os", "release", "stage", "ünï key", "a.b", "Ansible.x")
VALUES = ("debian", "12", "13", "two words", " ", "ünï", "a=b&c", '"quoted"', "line\nbreak", "~tilde", "true")
DESCRIPTIONS = ("", "what the fleet launches", 'ünï "quoted"', " ")

settings = st.builds(
    Settings,
    public=st.booleans(),
    auto_update=st.sampled_from((False, False, False, True)),
    properties=st.dictionaries(st.sampled_from(KEYS), st.sampled_from(VALUES), max_size=4),
    expires_at=st.sampled_from(sorted(set(TIMES.values()))),
    profiles=st.lists(st.sampled_from(PROFILES), unique=True).map(sorted),
)


@st.composite
def worlds(draw: st.DrawFn, names: Sequence[str]) -> World:
    """A store with some of the images: in use, protected, inactive, and as a killed run leaves them."""
    fingerprints = draw(
        st.lists(st.sampled_from(FINGERPRINTS), unique=True, min_size=draw(st.sampled_from((0, 2, 3))), max_size=5)
    )
    world = World({fingerprint: draw(settings) for fingerprint in fingerprints})
    if fingerprints:
        aliases = st.tuples(st.sampled_from(fingerprints), st.sampled_from(DESCRIPTIONS))
        world.aliases = draw(st.dictionaries(st.sampled_from(names), aliases, max_size=4))
    for fingerprint in fingerprints:
        kind = draw(st.sampled_from(("", "", "protected", "inactive", "inactive", "replaces")))
        if kind == "inactive" and not world.aliases_of(fingerprint):
            withdraw(draw, world.images[fingerprint], names)
        elif kind == "replaces":
            old = draw(st.sampled_from((*fingerprints, MISSING)))
            if old != fingerprint and not (old in world.images and world.images[old].inactive_state):
                world.images[fingerprint].properties[MEMORY + "replaces"] = old
        elif kind == "protected":
            world.images[fingerprint].properties[MEMORY + "protected"] = "true"
    return world


def withdraw(draw: st.DrawFn, settings: Settings, names: Sequence[str]) -> None:
    aliases = draw(st.dictionaries(st.sampled_from(names), st.sampled_from(DESCRIPTIONS), min_size=1, max_size=2))
    memory = {"aliases": aliases, "public": settings.public, "auto_update": settings.auto_update}
    settings.properties[MEMORY + "withdrawn"] = json.dumps(memory, sort_keys=True)
    settings.public = settings.auto_update = False


def some(**strategies: st.SearchStrategy[Any]) -> st.SearchStrategy[Options]:
    """Any of these options, or none."""
    return st.fixed_dictionaries({}, optional=strategies)


fingerprints = st.sampled_from((*FINGERPRINTS, *(fingerprint[:12] for fingerprint in FINGERPRINTS), MISSING))
files = st.sampled_from(IMAGES).map(lambda image: {"type": "file", "path": str(image.path)})
properties = st.dictionaries(
    st.sampled_from(KEYS),
    st.one_of(st.sampled_from(VALUES), st.sampled_from((None, "", True, False, 12, 1.5))),
    max_size=3,
)
OPTIONS: dict[str, st.SearchStrategy[Options]] = {
    "properties": properties.map(lambda value: {"properties": value}),
    "purge_properties": properties.map(lambda value: {"properties": value, "purge_properties": True}),
    "public": st.booleans().map(lambda value: {"public": value}),
    "auto_update": st.sampled_from((False, False, False, True)).map(lambda value: {"auto_update": value}),
    "expires_at": st.sampled_from(sorted(TIMES)).map(lambda value: {"expires_at": value}),
    "profiles": st.lists(st.sampled_from((*PROFILES * 3, "nowhere")), max_size=2).map(
        lambda value: {"profiles": value}
    ),
    "protected": st.booleans().map(lambda value: {"protected": value}),
    "previous": st.sampled_from(({"previous": "delete"}, {"previous": "keep"})),
    "force": st.just({"force": True}),
    "alias_conflict": st.just({"alias_conflict": "fail"}),
    "purge": st.just({"purge_aliases": True}),
}


@st.composite
def image_tasks(draw: st.DrawFn, names: Sequence[str], known: Sequence[str] = ()) -> Options:
    """lxd_image. ``known``: names that the store has or remembers."""
    name = st.sampled_from([*names, *known, *known])
    aliases = st.lists(name, max_size=2).map(lambda value: {"aliases": value})
    identity = draw(
        st.one_of(
            st.fixed_dictionaries({"name": name}),
            st.fixed_dictionaries({"name": name, "source": files}),
            st.fixed_dictionaries({"source": files}),
            st.fixed_dictionaries({"fingerprint": fingerprints}),
            st.fixed_dictionaries({"name": name, "fingerprint": fingerprints}, optional={"source": files}),
        )
    )
    task = {**identity, "state": draw(st.sampled_from(("present", "present", "present", "absent", "inactive")))}
    choices = {
        **OPTIONS,
        "aliases": aliases,
        "purge_aliases": aliases.map(lambda value: {**value, "purge_aliases": True}),
    }
    # Of all options at once, one would always be refused.
    for option in draw(st.lists(st.sampled_from(sorted(choices)), max_size=4, unique=True)):
        task.update(draw(choices[option]))
    return task


def known_names(world: World) -> list[str]:
    """Those of aliases that are there, and of those that inactive images remember."""
    remembered = [
        name for settings in world.images.values() for name in (settings.inactive_state or {"aliases": ()})["aliases"]
    ]
    return [*world.aliases, *remembered]


@st.composite
def alias_tasks(draw: st.DrawFn, names: Sequence[str], known: Sequence[str] = ()) -> Options:
    """lxd_image_alias."""
    name = st.sampled_from([*names, *known, *known])
    given = some(target=st.one_of(fingerprints, name), description=st.sampled_from(DESCRIPTIONS), rename_from=name)
    return {"name": draw(name), "state": draw(st.sampled_from(("present", "present", "absent"))), **draw(given)}


@st.composite
def prune_tasks(draw: st.DrawFn, names: Sequence[str]) -> Options:
    """lxd_image_prune."""
    yes_or_no = st.booleans()
    conditions = some(
        name=st.sampled_from(names),
        fingerprint=st.sampled_from([fingerprint[:12] for fingerprint in FINGERPRINTS]),
        properties=st.dictionaries(
            st.sampled_from(KEYS), st.sampled_from((*VALUES, "~1.", "~.*", "~debian|alpine")), max_size=2
        ),
        filter=st.sampled_from(sorted(FILTERS)),
        type=st.sampled_from(("container", "virtual-machine")),
        public=yes_or_no,
        auto_update=yes_or_no,
        unaliased=yes_or_no,
        unused=yes_or_no,
        expired=yes_or_no,
        older_than=st.sampled_from(("0s", "1d", "2w 3h")),
    )
    # All conditions at once would select nothing.
    chosen = draw(conditions)
    few = {name: chosen[name] for name in draw(st.permutations(sorted(chosen)))[:2]}
    group_by = draw(st.lists(st.sampled_from(KEYS[:3]), max_size=2))
    newest: list[Options] = [{}, {"keep": 0}, {"keep": 1}, {"keep": 2}, {"keep": 1, "group_by": group_by}]
    keep = draw(st.sampled_from(newest))
    return {**few, **keep, **draw(some(**guards))}


guards = {"include_protected": st.booleans(), "include_used": st.booleans(), "include_aliased": st.booleans()}


@st.composite
def store_tasks(draw: st.DrawFn, names: Sequence[str], known: Sequence[str] = ()) -> Options:
    """lxd_image_store."""
    entries = draw(st.lists(image_tasks(names, known), min_size=1, max_size=4))
    return {"images": entries, **draw(some(purge=st.booleans(), concurrency=st.sampled_from((1, 2, 4)), **guards))}
