# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A task gives the same result in a module's process and inside Ansible's: key by key, masked the same, and the same on the server."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

import pytest
import tasks
import test_nonsense
from hypothesis import given, note, settings
from hypothesis import strategies as st
from stores import SCRATCH, Reading, Store, World, modules

TIMES = ("uploaded_at", "last_used_at", "created_at")


def run_both(
    store: Store, module: str, options: Mapping[str, Any], check: bool, world: World
) -> tuple[dict[str, Any], dict[str, Any]]:
    """What both front ends answer, each on the same store; and the store is the same afterwards."""
    answers, readings = [], []
    for direct in (False, True):
        store.fill(World())
        store.fill(world)
        test_nonsense.prepare_folder()
        (SCRATCH / "exported").unlink(missing_ok=True)
        result = store.run(module, options, check, direct=direct)
        note(f"{'direct' if direct else 'module'}: {result.output}")
        assert not any(secret in result.output for secret in test_nonsense.SECRETS), "a secret is shown"
        answers.append(comparable(result.answer or {}))
        readings.append(without_times(store.read()))
    assert readings[0] == readings[1]
    store.assert_alive()
    return answers[0], answers[1]


def comparable(value: Any) -> Any:
    """Without what differs from one run to the next; a failure that changes nothing may say so or not."""
    if isinstance(value, dict):
        kept = {
            key: comparable(item)
            for key, item in value.items()
            if key not in (*TIMES, "etag", "warnings", "secret", "operation")
        }
        if kept.get("failed"):
            kept.setdefault("changed", False)
        return kept
    return [comparable(item) for item in value] if isinstance(value, list) else value


def without_times(reading: Reading) -> tuple[Any, Any]:
    images = {
        fingerprint: {key: value for key, value in data.items() if key not in TIMES}
        for fingerprint, data in reading.images.items()
    }
    return images, reading.aliases


def draw_task(data: st.DataObject, store: Store, world: World) -> tuple[str, dict[str, Any]]:
    """A task that makes sense."""
    kind = data.draw(
        st.sampled_from(("image", "image", "alias", "prune", "store", "info", "export", "secret")), "module"
    )
    known = tasks.known_names(world)
    if kind == "image":
        return "lxd_image", data.draw(tasks.image_tasks(store.names, known), "task")
    if kind == "alias":
        return "lxd_image_alias", data.draw(tasks.alias_tasks(store.names, known), "task")
    if kind == "prune":
        return "lxd_image_prune", data.draw(tasks.prune_tasks(store.names), "task")
    if kind == "store":
        return "lxd_image_store", data.draw(tasks.store_tasks(store.names, known), "task")
    if kind == "info":
        return "lxd_image_info", {"used_by": data.draw(st.booleans(), "used_by")}
    name = data.draw(st.sampled_from((*store.names, "missing")), "name")
    return (
        ("lxd_image_export", {"name": name, "dest": str(SCRATCH / "exported")})
        if kind == "export"
        else ("lxd_image_secret", {"name": name})
    )


@given(st.data())
@settings(max_examples=3 * settings().max_examples)
def test_tasks(store: Store, data: st.DataObject) -> None:
    world = data.draw(tasks.worlds(store.names), "store")
    module, options = draw_task(data, store, world)
    as_module, direct = run_both(store, module, options, data.draw(st.booleans(), "check mode"), world)
    assert direct == as_module


@pytest.mark.parametrize("module", modules.MODULES)
@given(st.data())
@settings(max_examples=max(4, settings().max_examples // 3))
def test_nonsense_tasks(store: Store, module: str, data: st.DataObject) -> None:
    described = importlib.import_module(f"{modules.PACKAGE}.{module}").MODULE
    options = {
        **data.draw(test_nonsense.connection(), "connection"),
        **data.draw(test_nonsense.options_of(described.spec), "options"),
    }
    # the action plugin does that before a module is started too
    runner = importlib.import_module("ansible_collections.community.lxd.plugins.module_utils._run")
    options = runner.without_empty_text(options, described.full_spec, described.keep_empty)
    as_module, direct = run_both(store, module, options, data.draw(st.booleans(), "check mode"), test_nonsense.WORLD)
    assert direct == as_module
