# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tasks inside Ansible's own process, run by ansible-playbook on a real server."""

from __future__ import annotations

import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "properties"))

import stores

stores.prepare_environment()
# What a shell starts in the background ignores interrupts, and so would each playbook.
signal.signal(signal.SIGINT, signal.default_int_handler)

import playbooks


@pytest.fixture(scope="session", params=stores.servers.CHOSEN)
def store(request: pytest.FixtureRequest) -> Iterator[stores.Store]:
    with stores.running_store(request.param) as running:
        running.server.perform("POST", "/1.0/projects", {"name": "elsewhere", "config": {"features.images": "true"}})
        yield running


@pytest.fixture
def slow(store: stores.Store, tmp_path: Path) -> Iterator[playbooks.SlowSocket]:
    front = playbooks.SlowSocket(stores.SCRATCH / f"slow-{tmp_path.name[-20:]}", store.server.socket)
    yield front
    front.close()


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """A folder with a short name: Ansible makes sockets in it, whose paths the system limits."""
    folder = Path(tempfile.mkdtemp(dir=stores.SCRATCH, prefix="f"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    stores.servers.share_out(items)
