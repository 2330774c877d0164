#!/usr/bin/env python
# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs all parts of the tests on every server, and keeps the table of servers in README.md true.

    servers_table.py           run "bash test.sh" on LXD, Incus and Incus 7, write tests/servers.json and the table
    servers_table.py lxd       only this one; the others stay in the report as they were
    servers_table.py --whole   the same without samples, which takes hours
    servers_table.py --logs    run nothing: take what the last run of test.sh has left in .venv/test/logs
    servers_table.py --check   does the table say what the report says?

Needs root, as the servers do. What failed, or did not run, is told, and then nothing is written.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as tree
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "servers")]

from servers import SERVERS, Server
from supported import Report, Row

REPORT = ROOT / "tests" / "servers.json"
LOGS = ROOT / ".venv" / "test" / "logs"
BEGIN, END = "<!-- servers: begin -->", "<!-- servers: end -->"
PARTS = {
    "integration": "all modules, playbooks and guides",
    "properties": "random tasks",
    "concurrency": "tasks at once",
    "faults": "faults",
    "fronts": "in-process",
    "clients": "restricted clients",
    "runner": "as installed",
    "clusters": "cluster of three",
}
"""The parts of test.sh that run on each server, and the column of each."""
TITLES = {"lxd": "LXD", "incus": "Incus"}


def version(kind: str) -> str:
    """Return what a server of this kind calls itself."""
    with tempfile.TemporaryDirectory(prefix="lxd-version.") as directory:
        server = Server.start(kind, Path(directory) / "server")
        try:
            return f"{TITLES[server.vendor]} {server.perform('GET', '/1.0')['environment']['server_version']}"
        finally:
            server.stop(remove=True)


def of_integration(kind: str) -> tuple[int, int]:
    """Return how many targets passed on a server, and how many did not."""
    path = LOGS / f"integration-{kind}.log"
    log = path.read_text(errors="replace") if path.exists() else ""
    total = len(set(re.findall(r"^Running (\S+) integration test ", log, re.MULTILINE)))
    bad = max(map(int, re.findall(r"The (\d+) integration test\(s\) listed below", log)), default=0)
    return total - bad, bad


def of_faults(kind: str) -> tuple[int, int]:
    """Return how many points were survived on a server, and how many were not."""
    path = LOGS / "faults.log"
    log = path.read_text(errors="replace") if path.exists() else ""
    rows = re.findall(rf"^{kind} +\S.* +\d+ +(\d+) +(\d+)$", log, re.MULTILINE)
    broken = len(re.findall(rf"^{kind}, .*: without any fault", log, re.MULTILINE))
    survived = sum(int(row[1]) for row in rows)
    return survived, sum(int(row[0]) for row in rows) - survived + broken


def of_pytest(part: str, kind: str) -> tuple[int, int]:
    """Return how many tests of a part passed on a server, and how many did not: their names say which server it was."""
    passed = bad = 0
    for path in LOGS.glob(f"{part}*.xml"):
        for case in tree.parse(path).getroot().iter("testcase"):
            if kind in re.split(r"[\[\]-]", case.get("name") or ""):
                if case.find("failure") is None and case.find("error") is None and case.find("skipped") is None:
                    passed += 1
                else:
                    bad += 1
    return passed, bad


def counts(part: str, kind: str) -> tuple[int, int]:
    """Return how much of a part passed on a server, and how much did not."""
    if part == "integration":
        return of_integration(kind)
    return of_faults(kind) if part == "faults" else of_pytest(part, kind)


def table(rows: list[Row]) -> list[str]:
    """Return the lines of the table in README.md."""
    lines = [f"| server | {' | '.join(PARTS.values())} |", "|---" * (len(PARTS) + 1) + "|"]
    lines += [f"| {row['server']} | {' | '.join(str(row[part]) for part in PARTS)} |" for row in rows]
    profiles = {row["profile"] for row in rows}
    said = (
        "everything" if profiles == {"whole"} else "a sample of random tasks, faults and killed members, and all else"
    )
    command = f"python3 tests/servers_table.py{' --whole' * (profiles == {'whole'})}"
    return [*lines, "", f"Tests that passed, none failed: {said} (`{command}`)."]


def read_logs(kinds: list[str]) -> tuple[list[Row], list[str]]:
    """Return the rows of the last run of test.sh, and what was wrong with it."""
    rows: list[Row] = []
    problems = []
    profile = (LOGS / "profile").read_text().strip()
    for kind in kinds:
        row: dict[str, Any] = {"server": version(kind), "kind": kind, "profile": profile}
        for part in PARTS:
            row[part], bad = counts(part, kind)
            if bad or not row[part]:
                problems.append(f"{kind}, {part}: {row[part]} passed, {bad} failed")
        rows.append(row)
    return rows, problems


def report() -> Report:
    return Report(REPORT, BEGIN, END, table)


def check() -> int:
    """Compare the report with the servers that there are, and the table with the report."""
    have = [row["kind"] for row in report().read()]
    return report().tell([] if have == list(SERVERS) else [f"{REPORT.name} has {have}, not {list(SERVERS)}"])


def main() -> int:
    parser = argparse.ArgumentParser(description="Run the tests on every server.")
    parser.add_argument("kinds", nargs="*", metavar="SERVER", help=f"only this one: {', '.join(SERVERS)}")
    parser.add_argument("--check", action="store_true", help="only compare the table with the report")
    parser.add_argument("--logs", action="store_true", help="only take what the last run of test.sh has left")
    parser.add_argument("--whole", action="store_true", help="no samples")
    options = parser.parse_args()
    if unknown := sorted(set(options.kinds) - set(SERVERS)):
        parser.error(f"no such server: {', '.join(unknown)}")
    if options.check:
        return check()
    kinds = options.kinds or list(SERVERS)
    if not options.logs:
        vendors = [word for kind in kinds for word in ("--vendor", kind)]
        subprocess.run(["bash", "test.sh", *["--whole"] * options.whole, *vendors], cwd=ROOT, check=False)
    rows, problems = read_logs(kinds)
    for row in rows:
        print(row)
    for problem in problems:
        print(f"servers_table.py: {problem}", file=sys.stderr)
    if problems:
        return 1
    known = {row["kind"]: row for row in [*report().read(), *rows]}
    report().write([known[kind] for kind in SERVERS if kind in known])
    return 0


if __name__ == "__main__":
    sys.exit(main())
