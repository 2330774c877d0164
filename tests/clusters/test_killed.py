# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A member of a cluster is killed at a request of a run: nothing is lost, and the next run through another member finishes.

Without the option --kills one point of one scenario is tried. ``--kills 5``: five points of each scenario, spread over victims and
requests; ``--kills moments``: every moment of every request, with one victim each; ``--kills all``: with every victim.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
import stores
from killing import CHOSEN, SAMPLE, ClusterBench, Killing, Scenario, choose


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    few = metafunc.config.getoption("kills") is None
    scenarios = [scenario for scenario in CHOSEN if not few or scenario.name in SAMPLE]
    metafunc.parametrize("scenario", scenarios, ids=[scenario.name for scenario in scenarios])
    metafunc.parametrize("killed", stores.servers.CHOSEN, indirect=True, scope="session")


def test_a_member_is_killed(
    killed: ClusterBench,
    scenario: Scenario,
    request: pytest.FixtureRequest,
    record_property: Callable[[str, object], None],
) -> None:
    killing = Killing(killed, scenario)
    clean = killing.clean_through("one")
    points = list(killing.points(clean))
    kills = request.config.getoption("kills")
    chosen = choose(points, kills or "1", f"{killed.kind} {scenario.name}")
    tried = [killing.run_point(point, clean) for point in chosen]
    bad = [point for point in tried if point.problems]
    # A run that finds its work done sends fewer requests than the one that was counted.
    reached = [point for point in tried if point.request]
    survived = sum(not point.problems for point in reached)
    for name, count in (("points", len(points)), ("tried", len(reached)), ("survived", survived)):
        record_property(name, count)
    assert not bad, "\n".join(map(str, bad))
