# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the benchmarks share: contestants that do the same thing, in turn, each a process of its own whose time and memory are measured."""

from __future__ import annotations

import json
import os
import random
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
import servers

CLIENTS = {"lxd": "lxc", "incus": "incus"}

OURS = "community.lxd"
CLIENT = "command line client"
PYLXD = "pylxd"
ANSIBLE = "other Ansible modules"
LIMIT = "limit"
KINDS = (CLIENT, PYLXD, ANSIBLE, LIMIT)


@dataclass
class Contestant:
    """One way to do it: a command line, and what has to be set for it. ``kind``: the column of the table."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    kind: str = OURS


@dataclass
class Outcome:
    """Of one contestant: seconds of each run, and the largest memory of any of its processes in MiB."""

    name: str
    kind: str = OURS
    seconds: list[float] = field(default_factory=list)
    memory: float = 0

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)


@dataclass
class Row:
    """One thing that was done, by all contestants. The first of them is ours."""

    task: str
    vendor: str
    outcomes: list[Outcome]

    def ratio(self, outcome: Outcome) -> float:
        """How much longer ours takes than that one: below 1 is faster."""
        return self.outcomes[0].median / outcome.median

    def print(self) -> None:
        print(
            f"\n{self.task}, {self.vendor}: minimum, median, maximum of {len(self.outcomes[0].seconds)} runs, peak memory, ours to theirs"
        )
        for outcome in self.outcomes:
            low, high = min(outcome.seconds), max(outcome.seconds)
            print(
                f"  {outcome.name:<34} {low:7.2f} {outcome.median:7.2f} {high:7.2f} s {outcome.memory:7.1f} MiB   {self.ratio(outcome):5.2f}",
                flush=True,
            )

    def as_data(self) -> dict[str, Any]:
        return {
            "task": self.task,
            "vendor": self.vendor,
            "outcomes": [
                {
                    "name": outcome.name,
                    "kind": outcome.kind,
                    "seconds": round(outcome.median, 3),
                    "memory": round(outcome.memory),
                    "ratio": round(self.ratio(outcome), 2),
                }
                for outcome in self.outcomes
            ],
        }


def timed(contestant: Contestant) -> tuple[float, float]:
    """Seconds and peak MiB of one process and those that it waits for."""
    started = time.monotonic()
    done = subprocess.run(
        contestant.command, env={**os.environ, **contestant.environment}, check=False, capture_output=True, text=True
    )
    seconds = time.monotonic() - started
    if done.returncode:
        raise SystemExit(
            f"failed: {contestant.name}: {contestant.command}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
        )
    return seconds, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024


def measured(contestant: Contestant) -> tuple[float, float]:
    """The same in a fork, because the peak is that of all children so far."""
    reader, writer = os.pipe()
    if os.fork() == 0:
        os.close(reader)
        status = 1
        try:
            os.write(writer, json.dumps(timed(contestant)).encode())
            status = 0
        except SystemExit as end:
            print(end, file=sys.stderr)
        finally:
            os._exit(status)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        text = pipe.read()
    os.wait()
    if not text:
        raise SystemExit(f"failed: {contestant.name}")
    seconds, memory = json.loads(text)
    return seconds, memory


def compete(
    task: str, vendor: str, contestants: Sequence[Contestant], runs: int, before: Callable[[], None] = lambda: None
) -> Row:
    """All contestants in turn, as often as said; ``before`` makes what they start from.

    Each round in another order, the same in each run: what one leaves behind can make the next one slower.
    """
    chance = random.Random(task)
    outcomes = [Outcome(contestant.name, contestant.kind) for contestant in contestants]
    pairs = list(zip(contestants, outcomes))
    for _round in range(runs):
        for contestant, outcome in chance.sample(pairs, len(pairs)):
            before()
            # Or else one pays for what the one before it has left to be written.
            os.sync()
            seconds, memory = measured(contestant)
            outcome.seconds.append(seconds)
            outcome.memory = max(outcome.memory, memory)
    row = Row(task, vendor, outcomes)
    row.print()
    return row


def collections_tree(directory: Path, collection: Path | None = None) -> Path:
    """A folder for PYTHONPATH and ANSIBLE_COLLECTIONS_PATH in which this checkout, or another one, is a collection."""
    tree = directory / ("tree" if collection is None else "baseline")
    link = tree / "ansible_collections" / "community" / "lxd"
    link.parent.mkdir(parents=True, exist_ok=True)
    if not link.exists():
        link.symlink_to(collection or ROOT)
    return tree


def module(directory: Path, module_name: str, collection: Path | None = None, /, **options: Any) -> Contestant:
    """A module as a process, without what ansible itself takes for a task. ``collection``: a checkout of version 1.0.0."""
    number = len(list(directory.glob("arguments-*")))
    arguments = directory / f"arguments-{number}.json"
    arguments.write_text(json.dumps({"ANSIBLE_MODULE_ARGS": options}))
    tree = collections_tree(directory, collection)
    path = (collection or ROOT) / "plugins" / "modules" / f"{module_name}.py"
    name = module_name if collection is None else "version 1.0.0"
    return Contestant(name, [sys.executable, str(path), str(arguments)], {"PYTHONPATH": str(tree)})


def client(server: servers.Server, *arguments: str) -> Contestant:
    """The server's own command line client."""
    command = [CLIENTS[server.vendor], *arguments]
    return Contestant(f"{command[0]} {' '.join(arguments[:2])}", command, server.client_environment(), CLIENT)


def pylxd(script: str, *arguments: str) -> Contestant:
    return Contestant("pylxd", [sys.executable, "-c", script, *arguments], kind=PYLXD)


def limit(name: str, script: str) -> Contestant:
    """What can't be done with less: a shell script."""
    return Contestant(name, ["sh", "-ec", script], kind=LIMIT)
