# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clusters of three members, of which the third goes down: those of both vendors side by side, as most of the time is waiting."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "properties"))

import stores

stores.prepare_environment()

import states


@pytest.fixture(scope="session")
def clusters() -> Iterator[dict[str, Future[states.Members]]]:
    """A cluster of each vendor that this run is about, all of them started at once."""
    vendors = stores.servers.CHOSEN
    with ThreadPoolExecutor(len(vendors)) as pool:
        started = {vendor: pool.submit(states.Members, vendor) for vendor in vendors}
        yield started
        for future in started.values():
            # what did not start has cleaned up behind itself, and has failed its tests
            with contextlib.suppress(Exception):
                future.result().cluster.stop()


@pytest.fixture
def members(request: pytest.FixtureRequest, clusters: dict[str, Future[states.Members]]) -> states.Members:
    """A cluster in the state, and with the store, that the test is about."""
    state, vendor = request.param
    found = clusters[vendor].result()
    found.reach(state)
    found.reset()
    return found


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """By state: what one cluster has to wait for passes while the other one is tested."""
    items.sort(key=lambda item: states.STATES.index(item.callspec.params["members"][0]))  # type: ignore[attr-defined]
