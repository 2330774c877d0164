# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kills a member of a cluster at a request of a module's run, and lets the next run through another member finish.

The scenarios, and what has to hold at every moment and at the end, are those of ``tests/faults``. A point is one scenario, one
victim, and one moment: before a request, in the middle of its body, or when it was answered. At each:

1. The store is in the known state, all members are up. The module runs through one member, and meets the kill.
2. Nothing may be lost. The module says that it has failed, or has done all.
3. It runs again through a member that lives, while the victim is still dead. It has to finish. Only what all members have to
   agree on (to delete an image), and what is on the dead member, may fail: in the server's words, and with nothing lost.
4. The victim comes back. A run through it must finish what is left, and one through another member find nothing to do.
"""

from __future__ import annotations

import http.client
import random
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from bench import Bench, Store, settle
from clusters import MEMBERS, Cluster
from modules import ModuleTraceback, Result
from proxy import MEMBER_AFTER, MEMBER_BEFORE, MEMBER_IN_UPLOAD, Fault
from run import Clean, Trial
from scenarios import SCENARIOS, Scenario
from servers import Server, ServerError, wait_until

VICTIMS = ("the member that acts", "the leader, which acts", "the leader", "another member")
NAMES = (
    "import",
    "import, split",
    "import over another, delete it",
    "import over another, keep it",
    "settings, one PUT",
    "aliases, exactly these",
    "absent",
    "withdraw",
    "put back",
    "copy, pull",
    "copy, relay",
    "update to the latest",
    "update to the latest, keep the old one",
    "publish an instance",
    "publish a snapshot",
    "alias, create",
    "alias, point elsewhere",
    "alias, rename",
    "alias, absent",
    "prune",
    "store",
    "store, side by side",
    "secret",
    "export into a directory",
)
SAMPLE = ("import over another, delete it",)
"""What a member is killed in if only a little is asked for."""
CHOSEN = tuple(scenario for scenario in SCENARIOS if scenario.name in NAMES)
NOT_READY = (ServerError, OSError, ValueError, http.client.HTTPException)
NEEDS_ALL = re.compile(r"failed to notify peer \S+|peer node \S+ is down")
"""How servers say that all members have to be there for this: to delete an image."""
NEEDS_ONE = re.compile(
    r"Missing event connection with target cluster member|Target cluster member is unavailable|Server isn't ready yet|is (offline|down)|Unable to connect to"
)
"""How servers say that the member has to be there on which something lives: an instance."""
GONE = "should not be there (any more)"
READY_SECONDS = 60


class ClusterBench(Bench):
    """A cluster behind the proxy, which stands in front of one of its members at a time. ``server``: the member that tests look through."""

    def __init__(self, cluster: Cluster, directory: Path) -> None:
        self.cluster = cluster
        self.trouble: Exception | None = None
        self.doomed: set[str] = set()
        super().__init__(cluster.kind, directory)

    def first_server(self) -> Server:
        """The member that made the cluster, as soon as it shows all: another one may have come back a moment ago."""
        self.look_through(MEMBERS[0])
        return self.server

    def act_through(self, name: str) -> None:
        """Lets the proxy stand in front of a member."""
        self.proxy.upstream = str(self.cluster.members[name].socket)

    def look_through(self, name: str) -> None:
        """Looks at the store through a member, as soon as that one can show it.

        Without a leader none answers for a while, and members that have come back find each other only after some seconds.
        """
        self.server = self.cluster.members[name]
        if not wait_until(lambda: self._tried(self._shows_all), READY_SECONDS):
            raise ServerError(f"{self.kind}: {name} does not get ready: {self.trouble}")

    def reset(self, store: Store) -> None:
        """As of one server. A member that has just come back does not give images to others yet, and an upload fails with that."""
        if not wait_until(lambda: self._tried(lambda: super(ClusterBench, self).reset(store)), READY_SECONDS):
            raise ServerError(f"{self.kind}: the store can't be brought into the known state: {self.trouble}")

    def _tried(self, work: Callable[[], object]) -> bool:
        """Whether some work could be done, and did not return False."""
        try:
            return work() is not False
        except NOT_READY as exc:
            self.trouble = exc
            return False

    def is_whole(self, fingerprint: str) -> bool:
        """As of one server. What only the dead member has can't be known until that one is back.

        An image that is being deleted may be gone from some of the members: a server that is asked for it again goes on with that.
        """
        try:
            return super().is_whole(fingerprint)
        except ServerError:
            if self.all_live() and self.name_of(fingerprint) not in self.doomed:
                raise
            return True

    def all_live(self) -> bool:
        """Whether no member is dead."""
        return all(server.process.pid is not None for server in self.cluster.members.values())

    def _shows_all(self) -> bool:
        settle(self.server)
        found = self.look()
        if not self.all_live():
            return True
        # Instances on a member that is just back are listed before they can be read.
        for url in self.server.perform("GET", "/1.0/instances") or []:
            self.server.perform("GET", url)
        return all(self.is_whole(fingerprint) for fingerprint in found)


@dataclass
class Point:
    """What was tried, and what was wrong then."""

    scenario: str
    victim: str
    fault: Fault
    request: str = ""
    first: str = ""
    while_down: str = ""
    problems: list[str] = field(default_factory=list)
    seconds: float = 0

    def __str__(self) -> str:
        head = f"{self.scenario}: {self.victim} is killed, {self.fault.kind} at request {self.fault.number} ({self.request or 'not reached'})"
        lines = [f"{head}, {self.seconds:.1f} s", f"    then: {self.first}", f"    while it is down: {self.while_down}"]
        return "\n".join([*lines, *(f"    WRONG: {problem}" for problem in self.problems)])


class Killing(Trial):
    """One scenario on one cluster."""

    bench: ClusterBench

    def __init__(self, bench: ClusterBench, scenario: Scenario) -> None:
        super().__init__(bench, scenario)
        self.cluster = bench.cluster

    def points(self, clean: Clean) -> Iterator[Point]:
        """All that can be tried, in order of the requests."""
        for number, exchange in enumerate(clean.requests, start=1):
            changes_something = exchange.method != "GET" or exchange.path.startswith("/1.0/operations")
            kinds = [MEMBER_BEFORE] + [MEMBER_AFTER] * changes_something
            if exchange.bytes_sent > 1 and exchange.path == "/1.0/images" and exchange.method == "POST":
                kinds.append(MEMBER_IN_UPLOAD)
            for kind in kinds:
                # A member that a read does not ask can as well be killed before the next write.
                for victim in VICTIMS if changes_something else VICTIMS[:1]:
                    yield Point(self.scenario.name, victim, Fault(kind, number, max(exchange.bytes_sent // 2, 1)))

    def clean_through(self, name: str) -> Clean:
        """A run without any fault, through a member."""
        self.bench.act_through(name)
        self.bench.server = self.cluster.members[name]
        return self.clean()

    def wrong_at_the_end(self, killed: bool = False) -> list[str]:
        """As of one server. An instance may live on the dead member, and can't be looked at until that one is back."""
        if self.bench.all_live():
            return super().wrong_at_the_end(killed)
        settle(self.bench.server)
        return self.bench.differences(self.after)

    def roles(self, victim: str) -> tuple[str, str]:
        """The member that acts, and the one that is killed."""
        leader = self.cluster.leader()
        other = next(name for name in MEMBERS if name != leader)
        return {
            VICTIMS[0]: (other, other),
            VICTIMS[1]: (leader, leader),
            VICTIMS[2]: (other, leader),
            VICTIMS[3]: (leader, other),
        }[victim]

    def run_point(self, point: Point, clean: Clean) -> Point:
        """Tries a point; what was wrong is in it afterwards."""
        begin = time.monotonic()
        acting, victim = self.roles(point.victim)
        alive = [name for name in MEMBERS if name != victim]
        door = next(name for name in alive if name != acting)
        try:
            self.bench.act_through(acting)
            options = self.prepare()
            self.bench.doomed = {image.label for image in self.before} - {image.label for image in self.after}
            self._meet_kill(point, options, clean, victim, door)
            if point.request:
                self._run_while_down(point, options, victim, door)
                self.cluster.bring_back(victim, seen_by=door)
            self._run_when_back(point, options, victim, door)
        except ModuleTraceback as exc:
            point.problems.append(f"no answer of a module: {exc}")
        except NOT_READY as exc:
            point.problems.append(f"{type(exc).__name__}: {exc}")
            self.cluster.restart()
        point.seconds = time.monotonic() - begin
        return point

    def _meet_kill(self, point: Point, options: dict[str, object], clean: Clean, victim: str, door: str) -> None:
        run = self.start(options, point.fault)
        self.bench.proxy.victim.put(self.cluster.members[victim].kill)
        result = run.wait()
        self.bench.proxy.quiet()
        point.request = self.hit()
        self.bench.look_through(door)
        point.problems += [f"after the kill: {wrong}" for wrong in self.wrong_now()]
        if result.failed:
            point.first = f"failed: {result.get('msg')}"
            if not result.get("msg"):
                point.problems.append(f"the module does not say what failed: {result.output}")
            return
        point.first = f"succeeded: {result.get('actions')}"
        point.problems += [f"it claims success, but {wrong}" for wrong in self._not_as_desired(result, victim)]
        if not result.changed:
            point.problems.append("it claims that it has changed nothing")

    def _not_as_desired(self, result: Result, victim: str) -> list[str]:
        """What is wrong after a success. Images that an instance on a dead member may use are kept, and the task says so."""
        is_kept = self.scenario.module in ("lxd_image_prune", "lxd_image_store") and f"'{victim}'" in result.output
        return [wrong for wrong in self.wrong_at_the_end() if not (is_kept and GONE in wrong)]

    def _may_fail(self, message: str, victim: str) -> bool:
        """Whether a server has to refuse something while a member is down, and this is how, and who reads it knows which member."""
        if NEEDS_ALL.search(message):
            return f"'{victim}'" in message
        return self.scenario.name.startswith("publish") and bool(NEEDS_ONE.search(message)) and f"'{victim}'" in message

    def _run_while_down(self, point: Point, options: dict[str, object], victim: str, door: str) -> None:
        self.bench.act_through(door)
        result = self.start(options, None).wait()
        if result.failed:
            point.while_down = f"failed: {result.get('msg')}"
            if not self._may_fail(str(result.get("msg")), victim):
                point.problems.append("while the member is down, another one does not finish")
        else:
            point.while_down = f"succeeded: {result.get('actions')}"
            wrong_then = self._not_as_desired(result, victim)
            point.problems += [f"while the member is down, {wrong}" for wrong in wrong_then]
        point.problems += [f"while the member is down: {wrong}" for wrong in self.wrong_now()]

    def _run_when_back(self, point: Point, options: dict[str, object], victim: str, door: str) -> None:
        for name in (victim, door):
            self.bench.act_through(name)
            self.bench.look_through(name)
            result = self.start(options, None).wait()
            if result.failed:
                point.problems.append(f"when the member is back, the run through {name} fails: {result.get('msg')}")
            wrong_now = self.wrong_at_the_end() + self.wrong_now()
            point.problems += [f"when the member is back, {name}: {wrong}" for wrong in wrong_now]
            if name == door and result.changed and not self.scenario.is_action:
                point.problems.append(f"the last run has changed something: {result.get('actions')}")


def choose(points: list[Point], kills: str, seed: str) -> list[Point]:
    """Those to try: all, one of each moment of each request, or so many. In an order of which any beginning is spread over all."""
    chance = random.Random(seed)
    if kills == "moments":
        moments: dict[tuple[int, str], list[Point]] = {}
        for point in points:
            moments.setdefault((point.fault.number, point.fault.kind), []).append(point)
        points = [chance.choice(victims) for victims in moments.values()]
    mixed = chance.sample(points, len(points))
    return mixed[: int(kills)] if kills.isdecimal() else mixed
