# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster with an instance on its third member, and the states that this member goes through."""

from __future__ import annotations

import pytest
import stores
from clusters import Cluster
from stores import IMAGES, SCRATCH, Settings, Store, World

UP, KILLED, OFFLINE, BACK = STATES = ("up", "killed", "offline", "back")
"""In their order. Killed: the others may not have noticed it yet. Offline: they say so themselves."""

INSTANCE, MEMBER = "user", "three"
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


class Members:
    """A cluster, and the stores as its first two members show them."""

    def __init__(self, vendor: str) -> None:
        self.state = UP
        self.cluster = Cluster(vendor, SCRATCH / f"{vendor}-cluster")
        try:
            self.one, self.two = (Store(self.cluster.members[name]) for name in ("one", "two"))
            self.reset()
            source = {"type": "image", "fingerprint": USED}
            self.cluster.first.perform("POST", f"/1.0/instances?target={MEMBER}", {"name": INSTANCE, "source": source})
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
