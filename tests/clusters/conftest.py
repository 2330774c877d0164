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

for folder in ("faults", "properties"):
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / folder))

import stores

stores.prepare_environment()

import killing
import states


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--kills", help="at how many points of each scenario a member is killed: a number, 'moments' or 'all'"
    )


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


@pytest.fixture(scope="session")
def killed(
    request: pytest.FixtureRequest, clusters: dict[str, Future[states.Members]]
) -> Iterator[killing.ClusterBench]:
    """The same cluster, when its third member is back, behind a proxy."""
    found = clusters[request.param].result()
    found.reach(states.BACK)
    bench = killing.ClusterBench(found.cluster, stores.SCRATCH / f"{request.param}-killed")
    yield bench
    bench.stop()


def place(item: pytest.Item) -> int:
    """Where a test comes in the order of the states. At the end the members are killed at any moment."""
    params = item.callspec.params  # type: ignore[attr-defined]
    return states.STATES.index(params["members"][0]) if "members" in params else len(states.STATES)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """By state: what one cluster has to wait for passes while the other one is tested."""
    items.sort(key=place)
