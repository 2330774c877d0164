# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers of both vendors, each with clients that see less than an administrator, and one unix account for the ordinary user of both."""

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

import accounts
import hosts


@pytest.fixture(scope="session")
def started() -> Iterator[dict[str, Future[hosts.Host]]]:
    """Starts a host of each vendor that this run is about, all at once."""
    vendors = stores.servers.CHOSEN
    with contextlib.ExitStack() as stack:
        account = accounts.Account()
        stack.callback(account.remove)
        pool = stack.enter_context(ThreadPoolExecutor(len(vendors)))
        futures = {vendor: pool.submit(hosts.Host, vendor, account) for vendor in vendors}
        yield futures
        for future in futures.values():
            # what did not start has cleaned up behind itself, and has failed its tests
            with contextlib.suppress(Exception):
                future.result().stop()


@pytest.fixture(params=stores.servers.CHOSEN)
def host(request: pytest.FixtureRequest, started: dict[str, Future[hosts.Host]]) -> hosts.Host:
    """Returns the host of a vendor, with its stores as they are known to be."""
    found = started[request.param].result()
    found.reset()
    return found
