# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""By whatever URL a task reaches a server, the turn that it waits for is the same."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.community.lxd.plugins.module_utils._image.apply import locks
from ansible_collections.community.lxd.plugins.module_utils._lxd.client import ServerInfo
from ansible_collections.community.lxd.plugins.module_utils._lxd.errors import LXDConnectionError
from ansible_collections.community.lxd.tests.unit.plugins.module_utils.fakes import A, B, FakeStore


def door(url: str, certificate: str | None) -> FakeStore:
    store = FakeStore()
    store.client.url = url
    store.client.server = lambda: ServerInfo("lxd", "5.0.2", True, frozenset(), certificate=certificate)
    return store


def unreachable(url: str) -> FakeStore:
    store = door(url, None)

    def fail() -> ServerInfo:
        raise LXDConnectionError("no answer", sent=False)

    store.client.server = fail
    return store


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the locks that are asked for, in this order."""
    asked: list[str] = []
    monkeypatch.setattr(locks, "node_lock", asked.append)
    return asked


@pytest.mark.parametrize("lock", (locks.content_lock, locks.settings_lock))
def test_names(names: list[str], lock: t.Callable[[t.Any, str], object]) -> None:
    lock(door("unix:/a", "cluster"), A)
    for other in (door("https://two", "cluster"), door("https://two", "other"), unreachable("unix:/a")):
        lock(other, A)
    lock(door("unix:/a", "cluster"), B)
    assert names[1] == names[0]
    assert len(set(names)) == 4
    lock(unreachable("unix:/a"), A)
    assert names[-1] == names[3]


def test_the_two_kinds_of_turns_are_no_obstacle_to_each_other(names: list[str]) -> None:
    locks.content_lock(door("unix:/a", "x"), A)
    locks.settings_lock(door("unix:/a", "x"), A)
    assert len(set(names)) == 2
