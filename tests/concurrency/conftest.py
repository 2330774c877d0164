# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many tasks at once on a real server. ``--rounds N`` does everything N times."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "properties"))

import stores

stores.prepare_environment()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--rounds", type=int, default=1, help="how often each of the tests of concurrency is done")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    metafunc.fixturenames.append("round_number")
    metafunc.parametrize("round_number", range(metafunc.config.getoption("rounds")))


@pytest.fixture(scope="session", params=stores.servers.CHOSEN)
def store(request: pytest.FixtureRequest) -> Iterator[stores.Store]:
    with stores.running_store(request.param) as running:
        yield running


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    stores.servers.share_out(items)
