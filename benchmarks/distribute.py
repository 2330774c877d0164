#!/usr/bin/env python
# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Measures the playbook distribute: many hosts that are a handful of servers, a build server and some seeds, all on this machine.

Runs it in check mode, for real, again, and once more with a seed that dies while it serves. Prints the seconds of each stage and the bytes that
servers have sent, and fails if a server does not have the image afterwards, or if anybody but the seeds has asked the build server.
Then measures what one seed sends to several clients at a time. Needs root, the servers, and ansible-core with requests in the Python that runs it.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from datetime import datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "servers"))

import doors
import images
import servers
from measure import collections_tree

BUILD, ALIAS = "build", "golden"
STAGES = {
    "look at the variables": "Refuse misspelt ones",
    "seeds: ask the build server": "Find the image on the build server",
    "seeds: take it": "Take it",
    "others: take it": "Look which seeds have it",
    "all: move the alias": "Point the alias at it, now that the image is complete on every server that answers",
    "summary": "Summary",
    "": "PLAY RECAP",
}
"""What is reported, by the task that it begins with."""


class Benchmark:
    """The servers, the image, and an inventory in which each of the other servers has many names."""

    def __init__(self, options: argparse.Namespace, folder: Path) -> None:
        self.folder, self.forks = folder, options.forks
        self.seeds = [f"seed{number}" for number in range(1, options.seeds + 1)]
        self.others = [f"server{number}" for number in range(1, options.servers + 1)]
        path = images.big(folder / "image.tar", options.mib)
        self.size, self.fingerprint = path.stat().st_size, hashlib.sha256(path.read_bytes()).hexdigest()
        self.fleet = doors.Fleet(options.vendor, folder / options.vendor, [BUILD, *self.seeds, *self.others])
        self.fleet.upload(BUILD, path, ALIAS)
        names = options.hosts - options.seeds
        places = {f"host{number:03}": self.others[number % len(self.others)] for number in range(names)}
        hosts = {
            name: self.fleet.options(place) for name, place in {**dict(zip(self.seeds, self.seeds)), **places}.items()
        }
        everywhere = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
        inventory = {
            "all": {"hosts": hosts, "vars": everywhere},
            "seeds": {"hosts": dict.fromkeys(self.seeds)},
        }
        # JSON is YAML
        (folder / "inventory.yml").write_text(json.dumps(inventory))
        variables = {
            "lxd_hosts": "all",
            "lxd_distribute_seeds": "seeds",
            "lxd_distribute_from": ALIAS,
            "lxd_distribute_to": "golden/production",
            "lxd_distribute_source": self.fleet.source(BUILD),
        }
        (folder / "variables.json").write_text(json.dumps(variables))

    def play(self, title: str, *words: str, expected: int = 0) -> str:
        """Runs the playbook and prints how long its stages took, and what was sent. Returns its output."""
        log = self.folder / "log"
        log.unlink(missing_ok=True)
        environment = {
            **{
                name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "LXD_", "INCUS_"))
            },
            "ANSIBLE_COLLECTIONS_PATH": str(collections_tree(self.folder)),
            "ANSIBLE_LOG_PATH": str(log),
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_HOME": str(self.folder / "ansible"),
        }
        command = [str(Path(sys.executable).with_name("ansible-playbook")), "--inventory", "inventory.yml"]
        command += ["--forks", str(self.forks), "community.lxd.distribute", "--extra-vars", "@variables.json", *words]
        begin = time.monotonic()
        done = subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True, check=False)
        seconds = time.monotonic() - begin
        assert done.returncode == expected, done.stdout[-4000:] + done.stderr[-4000:]
        sent = {name: door.sent for name, door in self.fleet.doors.items()}
        print(f"\n{title}: {seconds:.1f} s")
        for stage, of_it in stages(log.read_text()).items():
            print(f"  {stage:<30}{of_it:>8.1f} s")
        print(f"  sent by the build server      {mib(sent[BUILD])}, in images {sent[BUILD] / self.size:.2f}")
        of_seeds = [sent[seed] for seed in self.seeds]
        print(
            f"  sent by the seeds             {', '.join(map(mib, of_seeds))}, in images {sum(of_seeds) / self.size:.2f}"
        )
        print(f"  asked the build server        {dict(self.fleet.doors[BUILD].visitors)}", flush=True)
        visitors = set(self.fleet.doors[BUILD].visitors)
        assert visitors <= {*self.seeds, doors.TASK}, visitors
        return done.stdout

    def check(self, *dead: str) -> None:
        """Every server must have the image once, and the alias on it, but for those that were dead."""
        for name in [*self.seeds, *self.others]:
            if name not in dead:
                assert self.fleet.images(name) == {self.fingerprint: ["golden/production"]}, name

    def reset(self) -> None:
        for door in self.fleet.doors.values():
            door.reset()

    def run(self) -> None:
        self.play("check mode", "--check")
        assert not any(self.fleet.images(name) for name in [*self.seeds, *self.others])
        self.reset()
        output = self.play("for real")
        self.check()
        print("  hosts by the server that they took it from:", dict(Counter(re.findall("copy from ([^,;]+)", output))))
        self.reset()
        output = self.play("again")
        assert not re.search("changed=[1-9]", output)
        self.fleet.empty()
        self.fleet.doors[self.seeds[0]].reset(shut_after=self.size // 2)
        self.play("a seed dies while it serves", expected=2)
        self.check(self.seeds[0])
        self.reset()
        self.play("and is there again")
        self.check()

    def serve(self, clients: int) -> None:
        """Prints what one seed sends to so many clients at a time, which throw it away."""
        server = self.fleet.servers[self.seeds[1]]
        command = ["curl", "--silent", "--show-error", "--fail", "--insecure", "--output", "/dev/null"]
        command += ["--cert", str(self.fleet.certificate), "--key", str(self.fleet.key)]
        command.append(f"{server.https_url}/1.0/images/{self.fingerprint}/export")
        begin = time.monotonic()
        running = [subprocess.Popen(command) for _client in range(clients)]
        assert not any(process.wait() for process in running)
        seconds = time.monotonic() - begin
        print(
            f"one seed, {clients:>3} clients at a time: {clients * self.size / seconds / 2**20:.0f} MiB/s", flush=True
        )


def mib(size: int) -> str:
    return f"{size / 2**20:.1f} MiB"


def stages(log: str) -> dict[str, float]:
    """Returns the seconds of each stage, from the times in Ansible's log."""
    found = re.findall(r"^(\S+ \S+?),(\d+) .*?(?:TASK \[(.+?)\]|(PLAY RECAP)) ", log, re.MULTILINE)
    begins = {
        task or recap: datetime.fromisoformat(f"{moment}.{part}") for moment, part, task, recap in reversed(found)
    }
    known = [(stage, begins[task]) for stage, task in STAGES.items() if task in begins]
    return {stage: (end - begin).total_seconds() for (stage, begin), (_next, end) in zip(known, known[1:])}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vendor", choices=tuple(servers.SERVERS), default="lxd")
    parser.add_argument("--hosts", type=int, default=200, help="of the inventory (200)")
    parser.add_argument("--seeds", type=int, default=4, help="of them (4)")
    parser.add_argument("--servers", type=int, default=16, help="that the other hosts are (16)")
    parser.add_argument("--mib", type=int, default=64, help="size of the image (64)")
    parser.add_argument("--forks", type=int, default=20, help="of Ansible (20)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="lxd-b-") as folder:
        benchmark = Benchmark(options, Path(folder))
        try:
            benchmark.run()
            print()
            for clients in (1, 4, 16):
                benchmark.serve(clients)
        finally:
            benchmark.fleet.close()


if __name__ == "__main__":
    main()
