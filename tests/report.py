#!/usr/bin/env python
# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Says which tests took longest, by the files that pytest and Ansible have left about their runs.

report.py count FILE.xml        what one run of pytest counted: passed, and all the rest
report.py points FILE.xml       of tests that try many points: how many there are, were tried, and were survived; nothing if there are none
report.py slowest DIRECTORY     a line for each of the ten slowest, named as test.sh takes it
"""

from __future__ import annotations

import re
import sys
import xml.etree.ElementTree as tree
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

SHOWN = 10
TARGETS = Path(__file__).resolve().parent / "integration" / "targets"


def counts(path: Path) -> tuple[int, int]:
    """Return how many tests passed, and how many did not. A skipped one counts as failed: nothing it may want is missing."""
    try:
        suite = tree.parse(path).getroot().find("testsuite")
    except (OSError, tree.ParseError):
        return 0, 0
    attributes = suite.attrib if suite is not None else {}
    bad = sum(int(attributes.get(key, 0)) for key in ("failures", "errors", "skipped"))
    return int(attributes.get("tests", 0)) - bad, bad


def points(path: Path) -> str:
    """Return what the tests of a run have tried, if they say that of themselves."""
    total: Counter[str] = Counter()
    for found in tree.parse(path).getroot().iter("property"):
        total[found.get("name") or ""] += int(found.get("value") or 0)
    return "{tried} of {points} points were tried, {survived} survived".format_map(total) if total else ""


def cases(path: Path) -> Iterator[tuple[str, float]]:
    """Yield name and seconds of everything in a file."""
    for case in tree.parse(path).getroot().iter("testcase"):
        yield f"{case.get('classname')}::{case.get('name')}", float(case.get("time") or 0)


def of_pytest(path: Path) -> Iterator[tuple[str, float]]:
    """Yield the tests of one part."""
    for name, seconds in cases(path):
        yield f"{path.stem.replace('-', ' --vendor ', 1)} -k '{name.rpartition('::')[2]}'", seconds


def target_of(path: Path) -> str:
    """Return the target whose run ansible-test has named the file after."""
    return re.sub(r"-[^-]+-[\d.]+$", "", path.stem)


def of_target(path: Path, vendor: str) -> Iterator[tuple[str, float]]:
    """Yield the tasks of one target by test: it begins with its first task in tests/, and lasts until the next one."""
    current = ""
    for name, seconds in cases(path):
        if found := re.search(r"/tasks/tests/(\w+)\.yml:", name):
            current = found.group(1)
        yield f"integration --vendor {vendor} {target_of(path)} {current}".rstrip(), seconds


def slowest(directory: Path) -> Iterator[str]:
    """Yield the lines of the table."""
    total: Counter[str] = Counter()
    for path in sorted(directory.glob("*.xml")):
        for name, seconds in of_pytest(path):
            total[name] += seconds
    for vendor in ("lxd", "incus", "incus7"):
        for path in sorted((directory / vendor).glob("*.xml")):
            # Playbooks that a test runs are in the time of that test.
            if (TARGETS / target_of(path)).is_dir():
                for name, seconds in of_target(path, vendor):
                    total[name] += seconds
    for name, seconds in total.most_common(SHOWN):
        yield f"{seconds:7.1f} s  {name}"


def main() -> int:
    what, path = sys.argv[1], Path(sys.argv[2])
    if what == "count":
        print(*counts(path))
    elif what == "points":
        print(points(path))
    else:
        print("\n".join(slowest(path)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
