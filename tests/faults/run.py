#!/usr/bin/env python
# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Do the modules survive what breaks? Against real daemons, everything and at every request:

    .venv/test/bin/python tests/faults/run.py

(some ten thousand points, more than an hour),
and a sample of it that takes two minutes, another one with another seed:

    .venv/test/bin/python tests/faults/run.py --sample 120 --seed 7

A point is one scenario, one kind of fault, and the number of the request that it happens to. At each: bring the store into the
known state; run the module with the fault; look whether anything is lost; run it again without a fault: now everything must be
as desired, with nothing left over; and a third time: unchanged. A module may fail or succeed when it meets a fault, but it has to
say clearly which, and a success must be one.

Needs root, LXD or Incus or both, busybox, and a Python with ansible-core, requests and requests-unixsocket (``bash test.sh units`` makes one).
"""

from __future__ import annotations

import argparse
import http.client
import itertools
import json
import multiprocessing
import os
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "servers"))

import modules
from bench import Bench, DaemonKiller, settle
from modules import ModuleTraceback
from proxy import (
    DEADLINE_SECONDS,
    KILLS_DAEMON,
    KILLS_MODULE,
    KINDS,
    LATE,
    LATE_REQUEST,
    Exchange,
    Fault,
    fitting_kinds,
)
from scenarios import SCENARIOS, Scenario
from servers import SERVERS, ServerError, daemon, identify

PATIENCE_SECONDS = 60.0
"""The module's option "timeout" where nothing is late."""

NOT_READY = (ServerError, OSError, ValueError, http.client.HTTPException)


@dataclass(frozen=True)
class Clean:
    """What a run without a fault asks for and says."""

    requests: list[Exchange]
    actions: list[str] | None

    def faults(self, scenario: Scenario, kinds: list[str]) -> Iterator[Fault]:
        """Everything that can go wrong with it."""
        for number, exchange in enumerate(self.requests, start=1):
            changes_something = exchange.method != "GET" or exchange.path.startswith("/1.0/operations")
            fitting = fitting_kinds(exchange) + list(KILLS_DAEMON) * (scenario.restarts and changes_something)
            for kind in fitting:
                body = exchange.bytes_received if kind == "cut download" else exchange.bytes_sent
                if not kinds or kind in kinds:
                    yield Fault(kind, number, max(body // 2, 1))


@dataclass(frozen=True)
class Point:
    """One fault, and what was wrong afterwards. Not reached: the run sent fewer requests than the one without a fault."""

    vendor: str
    scenario: str
    kind: str
    number: int
    request: str
    outcome: str
    problems: list[str]
    seconds: float

    @property
    def reached(self) -> bool:
        return bool(self.request)


@dataclass
class Report:
    """All points of one vendor; ``total``: how many there are, of which a sample may be only a share."""

    vendor: str
    total: dict[str, int] = field(default_factory=dict)
    points: list[Point] = field(default_factory=list)
    broken: dict[str, str] = field(default_factory=dict)
    """Scenarios that fail without any fault."""


class Trial:
    """One scenario on one bench."""

    def __init__(self, bench: Bench, scenario: Scenario) -> None:
        self.bench, self.scenario = bench, scenario
        self.before, self.after = scenario.whole_before(), scenario.whole_after()

    def prepare(self) -> dict[str, Any]:
        """The known state, and the module's options."""
        self.bench.reset(self.before)
        self.scenario.prepare(self.bench)
        return {**self.scenario.options(self.bench), "url": self.bench.url}

    def start(self, options: dict[str, Any], fault: Fault | None, timeout: float = PATIENCE_SECONDS) -> modules.Run:
        self.bench.proxy.arm(fault)
        return modules.Run(
            self.scenario.module, {**options, "timeout": timeout}, environment={"TMPDIR": str(self.bench.temporary)}
        )

    def wrong_now(self) -> list[str]:
        return (
            self.bench.broken_promises(self.before, self.after) + self.scenario.promise(self.bench) + self.left_over()
        )

    def left_over(self) -> list[str]:
        """Temporary files that nobody would ever remove."""
        names = os.listdir(self.bench.temporary)
        shutil.rmtree(self.bench.temporary)
        self.bench.temporary.mkdir()
        return [f"{name!r} is left in the directory for temporary files" for name in names]

    def wrong_at_the_end(self, killed: bool = False) -> list[str]:
        settle(self.bench.server)
        wrong = self.bench.differences(self.after) + self.scenario.check(self.bench)
        return wrong if killed else wrong + self.scenario.unless_killed(self.bench)

    def clean(self) -> Clean:
        """Without any fault. Raises ServerError where not even that works."""
        result = self.start(self.prepare(), None).wait()
        self.bench.proxy.quiet()
        if result.failed or not result.changed:
            raise ServerError(f"without any fault: {result.get('msg', 'not changed')}")
        seen = self.bench.proxy.seen
        if wrong := self.wrong_at_the_end():
            raise ServerError(f"without any fault: {'; '.join(wrong)}")
        # From now on it has to be what it was then.
        found, _problems = self.bench.look_by_label()
        self.after = tuple(
            replace(image, properties=found[image.label]["properties"], purged=True) for image in self.after
        )
        return Clean(seen, result.get("actions"))

    def try_point(self, fault: Fault, clean: Clean) -> Point:
        started = time.monotonic()
        problems: list[str] = []
        outcome = ""
        try:
            options = self.prepare()
            outcome = self.run_with(options, fault, clean, problems)
            request = self.hit()
            self.run_again(options, outcome, fault, problems)
        except ModuleTraceback as exc:
            request = self.hit()
            problems.append(f"no answer of a module: {exc}")
        except NOT_READY as exc:
            request = self.hit()
            problems.append(f"{type(exc).__name__}: {exc}")
            if identify(self.bench.server.socket) is None:
                problems.append("the daemon is gone")
                self.bench.server.launch()
        return Point(
            self.bench.kind,
            self.scenario.name,
            fault.kind,
            fault.number,
            request,
            outcome,
            problems,
            time.monotonic() - started,
        )

    def hit(self) -> str:
        """The request that the fault happened to."""
        exchange = self.bench.proxy.hit
        if exchange is None:
            return ""
        elsewhere = "source's " if (exchange.header("Host") or "").startswith("127.0.0.1") else ""
        return f"{elsewhere}{exchange.method} {exchange.path}"

    def run_with(self, options: dict[str, Any], fault: Fault, clean: Clean, problems: list[str]) -> str:
        """The run that meets the fault. Returns "killed", "failed" or "succeeded"."""
        run = self.start(options, fault, DEADLINE_SECONDS if fault.kind in LATE else PATIENCE_SECONDS)
        killer = DaemonKiller(self.bench.server)
        self.bench.proxy.victim.put(killer if fault.kind in KILLS_DAEMON else run.kill)
        result = run.wait()
        if fault.kind in KILLS_DAEMON and self.bench.proxy.hit and not killer.back.wait(100):
            raise ServerError("the daemon did not come back")
        if fault.kind == LATE_REQUEST:
            self.bench.proxy.quiet()
        problems += [f"after the fault: {wrong}" for wrong in self.wrong_now()]
        if result.answer is None:
            if fault.kind not in KILLS_MODULE:
                problems.append("the module has said nothing")
            return "killed"
        if result.failed:
            if not result.get("msg") or "Traceback" in result.output:
                problems.append(f"the module does not say what failed: {result.output}")
            return f"failed: {result.get('msg')}"
        if fault.kind != LATE_REQUEST:
            problems += [f"the run that met the fault claims success, but {wrong}" for wrong in self.wrong_at_the_end()]
        if not result.changed:
            problems.append("the run that met the fault claims that it has changed nothing")
        said = iter(result.get("actions") or [])
        if not all(action in said for action in clean.actions or []):
            problems.append(
                f"the run that met the fault says that it did {result.get('actions')}, but that is not all of {clean.actions}"
            )
        return "succeeded"

    def run_again(self, options: dict[str, Any], outcome: str, fault: Fault, problems: list[str]) -> None:
        """Without a fault: as desired, and then unchanged."""
        again = self.start(options, None).wait()
        if again.failed:
            problems.append(f"run again, it fails: {again.get('msg')}")
            return
        problems += [f"run again, {wrong}" for wrong in self.wrong_at_the_end(outcome == "killed")]
        if self.scenario.is_action:
            return
        if outcome == "succeeded" and again.changed and fault.kind != LATE_REQUEST:
            problems.append(f"changed again after a success: {again.get('actions')}")
        third = self.start(options, None).wait()
        if third.failed or third.changed:
            problems.append(
                f"the third run is not unchanged: {third.get('msg') or third.get('actions') or third.answer}"
            )


def spread(points: list[tuple[Trial, Clean, Fault]], seed: int) -> list[tuple[Trial, Clean, Fault]]:
    """In an order that any beginning of is spread over all scenarios and kinds."""
    chance = random.Random(f"{seed} {points[0][0].bench.kind}" if points else seed)
    groups: dict[tuple[str, str], list[tuple[Trial, Clean, Fault]]] = {}
    for point in points:
        groups.setdefault((point[0].scenario.name, point[2].kind), []).append(point)
    mixed = list(groups.values())
    chance.shuffle(mixed)
    for group in mixed:
        chance.shuffle(group)
    return [point for row in itertools.zip_longest(*mixed) for point in row if point is not None]


def try_vendor(vendor: str, options: argparse.Namespace) -> Report:
    """All points of one vendor, or the sample."""
    # The processes of modules would import this program first, only because it is the main one of their parent.
    del sys.modules["__main__"].__file__
    report = Report(vendor)
    ends = time.monotonic() + options.sample if options.sample else None
    bench = Bench(vendor, options.dir / vendor)
    try:
        points = []
        for scenario in SCENARIOS:
            if not options.scenario or any(part in scenario.name for part in options.scenario):
                points += begin(Trial(bench, scenario), options, report)
        for trial, clean, fault in spread(points, options.seed) if ends else points:
            if ends and time.monotonic() > ends:
                break
            point = trial.try_point(fault, clean)
            report.points.append(point)
            if point.problems or options.verbose:
                print(describe(point), flush=True)
    finally:
        bench.stop()
    return report


def begin(trial: Trial, options: argparse.Namespace, report: Report) -> list[tuple[Trial, Clean, Fault]]:
    """A scenario's points: what its run without a fault asks for says which there are."""
    name = trial.scenario.name
    try:
        clean = trial.clean()
    except (*NOT_READY, ModuleTraceback) as exc:
        report.broken[name] = str(exc)
        print(f"{report.vendor}, {name}: {exc}", flush=True)
        return []
    faults = [
        fault
        for fault in clean.faults(trial.scenario, options.kind)
        if not options.request or fault.number in options.request
    ]
    report.total[name] = len(faults)
    return [(trial, clean, fault) for fault in faults]


def describe(point: Point) -> str:
    head = f"{point.vendor}, {point.scenario}: {point.kind} at request {point.number} ({point.request or 'not reached'}), {point.seconds:.1f} s"
    return "\n".join([f"{head}; {point.outcome}", *(f"    {problem}" for problem in point.problems)])


def table(reports: list[Report]) -> Iterator[str]:
    """A line for each scenario and vendor."""
    yield f"{'vendor':7}{'scenario':42}{'points':>8}{'tried':>8}{'survived':>10}"
    for report in reports:
        for name, total in report.total.items():
            tried = [point for point in report.points if point.scenario == name and point.reached]
            survived = sum(not point.problems for point in tried)
            yield f"{report.vendor:7}{name:42}{total:8}{len(tried):8}{survived:10}"


def by_kind(points: list[Point]) -> Iterator[str]:
    tried, survived = (
        Counter(point.kind for point in points),
        Counter(point.kind for point in points if not point.problems),
    )
    yield f"{'kind':16}{'tried':>8}{'survived':>10}"
    for kind in KINDS:
        if tried[kind]:
            yield f"{kind:16}{tried[kind]:8}{survived[kind]:10}  {KINDS[kind]}"


def make_tree(directory: Path) -> None:
    """Makes this checkout importable, here and in the processes of the modules: a copy, for it may be edited while this runs."""
    tree = directory / "tree" / "ansible_collections" / "community" / "lxd"
    shutil.copytree(ROOT / "plugins", tree / "plugins", ignore=shutil.ignore_patterns("__pycache__"))
    sys.path.insert(0, str(directory / "tree"))
    os.environ["PYTHONPATH"] = os.pathsep.join([str(directory / "tree"), *filter(None, [os.environ.get("PYTHONPATH")])])


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--vendor", action="append", choices=tuple(SERVERS), help="repeatable; default: all that are here"
    )
    parser.add_argument(
        "--scenario", action="append", metavar="TEXT", help="those whose name has this in it; repeatable"
    )
    parser.add_argument("--kind", action="append", choices=list(KINDS), help="repeatable; default: all")
    parser.add_argument(
        "--request", action="append", type=int, metavar="NUMBER", help="only faults at this request; repeatable"
    )
    parser.add_argument(
        "--sample",
        type=float,
        metavar="SECONDS",
        help="stop after this time; the points tried are spread over everything",
    )
    parser.add_argument("--seed", type=int, default=1, help="which sample (1)")
    parser.add_argument("--report", type=Path, metavar="FILE", help="write all results as JSON")
    parser.add_argument("--dir", type=Path, help="where the servers get their directories; default: a temporary one")
    parser.add_argument("--verbose", action="store_true", help="tell also what was survived")
    parser.add_argument("--list", action="store_true", help="only list scenarios and kinds")
    return parser.parse_args()


def run(options: argparse.Namespace) -> int:
    vendors = options.vendor or [kind for kind in SERVERS if daemon(kind)]
    make_tree(options.dir)
    # A process for each vendor: they don't get into each other's way.
    with ProcessPoolExecutor(len(vendors), multiprocessing.get_context("fork")) as pool:
        reports = list(pool.map(try_vendor, vendors, itertools.repeat(options)))
    points = [point for report in reports for point in report.points]
    tried = [point for point in points if point.reached]
    failed = [point for point in points if point.problems]
    print("\n".join(["", *table(reports), "", *by_kind(tried), ""]))
    if failed:
        print("\n".join(["What did not survive:", *map(describe, failed), ""]))
    for report in reports:
        for name, reason in report.broken.items():
            print(f"{report.vendor}, {name}: {reason}")
    total = sum(sum(report.total.values()) for report in reports)
    print(
        f"{len(tried)} of {total} points were tried, {len(points) - len(tried)} more were not reached; seed {options.seed}"
    )
    if options.report:
        options.report.write_text(
            json.dumps(
                {"total": total, "tried": len(tried), "failed": len(failed), "vendors": list(map(asdict, reports))},
                indent=1,
            )
        )
    broken = sum(len(report.broken) for report in reports)
    print(f"{len(tried) - len(failed)} passed, {len(failed) + broken} failed")
    return 1 if failed or broken or not tried else 0


def main() -> int:
    options = parse()
    if options.list:
        print(
            "\n".join(
                [*(scenario.name for scenario in SCENARIOS), "", *(f"{kind:16}{text}" for kind, text in KINDS.items())]
            )
        )
        return 0
    with tempfile.TemporaryDirectory(prefix="community-lxd-faults-", ignore_cleanup_errors=True) as temporary:
        # The root of an unprivileged container has to get through.
        os.chmod(temporary, 0o711)
        options.dir = (options.dir or Path(temporary)).resolve()
        options.dir.mkdir(parents=True, exist_ok=True)
        return run(options)


if __name__ == "__main__":
    sys.exit(main())
