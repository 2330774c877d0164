# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The collection as users get it: built, installed from its tarball into a place of its own, run from there."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers import ROOT, clean_environment, make_venv, run

sys.path.insert(0, str(ROOT / "tests" / "servers"))

import servers  # pylint: disable=wrong-import-position


@pytest.fixture(scope="session")
def work() -> Iterator[Path]:
    """A directory for the session. Short, because the path of a unix socket has to be."""
    with tempfile.TemporaryDirectory(prefix="lxd-runner.", dir="/tmp") as directory:
        Path(directory).chmod(0o711)
        yield Path(directory)


@pytest.fixture(scope="session")
def programs(work: Path) -> Path:
    """Programs of a fresh environment that has only what an execution environment would have."""
    measured = ["coverage"] if "COVERAGE_PROCESS_START" in os.environ else []
    return make_venv(work / "venv", "ansible-core", "ansible-runner", "-r", str(ROOT / "requirements.txt"), *measured)


@pytest.fixture(scope="session")
def tarball(work: Path, programs: Path) -> Path:
    """The collection, built from this checkout."""
    run(
        [programs / "ansible-galaxy", "collection", "build", "--output-path", work / "built"],
        cwd=ROOT,
        env=clean_environment(ANSIBLE_HOME=f"{work}/ansible"),
    )
    (result,) = (work / "built").glob("community-lxd-*.tar.gz")
    return result


@pytest.fixture(scope="session")
def collections(work: Path, programs: Path, tarball: Path) -> Path:
    """A fresh path of collections with nothing but this one, installed from the tarball."""
    path = work / "collections"
    run(
        [programs / "ansible-galaxy", "collection", "install", "--offline", "-p", path, tarball],
        env=clean_environment(ANSIBLE_HOME=f"{work}/ansible"),
    )
    return path


@pytest.fixture(scope="session")
def images(work: Path) -> Path:
    """Small images."""
    run([sys.executable, ROOT / "tests" / "servers" / "images.py", work / "images"])
    return work / "images"


@pytest.fixture(scope="module", params=servers.CHOSEN)
def server(request: pytest.FixtureRequest, work: Path) -> Iterator[servers.Server]:
    """A server that listens on HTTPS."""
    if servers.daemon(request.param) is None:
        pytest.skip(f"no {request.param} on this machine")
    started = servers.Server.start(request.param, work / request.param)
    try:
        started.listen_https()
        yield started
    finally:
        started.stop(remove=True)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    servers.share_out(items)
