# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A registry, the ways to authenticate to it, and an Incus 7 that trusts its certificate."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "properties"))

import stores

stores.prepare_environment()

import registries
import servers
from stores import SCRATCH, Store, World


@dataclass
class Place:
    """All that the tests are about. ``strange``: a registry whose certificate Incus does not trust."""

    store: Store
    registry: registries.Registry
    strange: registries.Registry
    basic: registries.Gate
    token: registries.Gate
    open_token: registries.Gate


@pytest.fixture(scope="session")
def started() -> Iterator[Place]:
    certificate, key = servers.make_certificate(SCRATCH / "registries", "known", "127.0.0.1")
    unknown = servers.make_certificate(SCRATCH / "registries", "unknown", "127.0.0.1")
    registry = registries.Registry(SCRATCH / "registries" / "one", certificate, key)
    strange = registries.Registry(SCRATCH / "registries" / "two", *unknown)
    gates = [
        registries.Gate(registry, scheme, certificate, key, is_open)
        for scheme, is_open in (("Basic", False), ("Bearer", False), ("Bearer", True))
    ]
    # skopeo, which Incus runs, takes the authorities from there
    os.environ["SSL_CERT_FILE"] = str(certificate)
    try:
        server = servers.Server.start("incus7", SCRATCH / "incus7")
    finally:
        del os.environ["SSL_CERT_FILE"]
    try:
        yield Place(Store(server), registry, strange, *gates)
    finally:
        server.stop(remove=True)
        for gate in gates:
            gate.close()
        registry.stop()
        strange.stop()


@pytest.fixture
def place(started: Place) -> Place:
    """An empty store, and gates that were not asked anything."""
    started.store.fill(World())
    for gate in (started.basic, started.token, started.open_token):
        gate.asked.clear()
    return started
