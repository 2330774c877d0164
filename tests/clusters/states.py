# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster with an instance and a snapshot of it on its third member, and the states that this member goes through."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import modules
import pytest
import stores
from clusters import MEMBERS, Cluster
from servers import make_certificate
from stores import IMAGES, SCRATCH, Settings, Store, World

UP, KILLED, OFFLINE, BACK = STATES = ("up", "killed", "offline", "back")
"""In their order. Killed: the others may not have noticed it yet. Offline: they say so themselves."""

INSTANCE, SNAPSHOT, MEMBER = "user", "before", "three"
USED, SPARE, NAMELESS = (image.fingerprint for image in IMAGES[:3])
WORLD = World(
    {
        USED: Settings(properties={"os": "debian", "release": "12"}),
        SPARE: Settings(properties={"os": "debian", "release": "13"}),
        NAMELESS: Settings(),
    },
    {"used": (USED, ""), "spare": (SPARE, "what nobody uses")},
)


def in_state(*names: str) -> pytest.MarkDecorator:
    """Runs a test once for each of the states, on each vendor's cluster."""
    params = [(state, vendor) for state in names for vendor in stores.servers.CHOSEN]
    return pytest.mark.parametrize("members", params, indirect=True, ids=["-".join(param) for param in params])


class Door:
    """One way into a cluster: a member's socket, or its HTTPS."""

    def __init__(self, store: Store, options: Mapping[str, Any]) -> None:
        self.store, self._options = store, options

    def __repr__(self) -> str:
        return str(self._options["url"])

    def start(self, module: str, options: Mapping[str, Any], check: bool = False, direct: bool = False) -> modules.Run:
        """Starts a task that uses this door."""
        return self.store.start(module, {**self._options, **options}, check, direct)

    def run(self, module: str, options: Mapping[str, Any], check: bool = False, direct: bool = False) -> modules.Result:
        """Runs a task that uses this door."""
        return self.start(module, options, check, direct).wait()


class Members:
    """A cluster, and the stores as its members show them: each through its socket, and through HTTPS."""

    def __init__(self, kind: str) -> None:
        self.state = UP
        self.cluster = Cluster(kind, SCRATCH / f"{kind}-cluster")
        try:
            self.one, self.two, self.three = (Store(self.cluster.members[name]) for name in MEMBERS)
            certificate, key = make_certificate(self.cluster.directory / "certificates", "client")
            self.cluster.first.trust(certificate)
            pair = {"client_cert": str(certificate), "client_key": str(key)}
            self.doors = [Door(store, {"url": store.server.url}) for store in (self.one, self.two, self.three)]
            self.doors += [
                Door(door.store, {"url": url, "server_cert": str(self.cluster.certificate), **pair})
                for door, url in zip(self.doors, map(self.cluster.https_url, MEMBERS))
            ]
            self.reset()
            source = {"type": "image", "fingerprint": USED}
            self.cluster.first.perform("POST", f"/1.0/instances?target={MEMBER}", {"name": INSTANCE, "source": source})
            self.cluster.first.perform("POST", f"/1.0/instances/{INSTANCE}/snapshots", {"name": SNAPSHOT})
        except BaseException:
            self.cluster.stop()
            raise

    def reset(self) -> None:
        """Makes the store the known one. While a member is down the servers delete nothing: what a test has added stays, without aliases."""
        left = self.one.read().images if self.state in (KILLED, OFFLINE) else ()
        added = {fingerprint: Settings() for fingerprint in left if fingerprint not in WORLD.images}
        self.one.fill(World({**WORLD.images, **added}, dict(WORLD.aliases)))

    def reach(self, state: str) -> None:
        """Goes on to a state. They are gone through once, and in their order."""
        while self.state != state:
            following = STATES[STATES.index(self.state) + 1]
            if following == KILLED:
                self.cluster.kill(MEMBER)
            elif following == OFFLINE:
                self.cluster.await_status(MEMBER, "Offline")
            else:
                self.cluster.bring_back(MEMBER)
            self.state = following
