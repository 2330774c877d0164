#!/usr/bin/env python
# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""All benchmarks, on a real server of each vendor. Called by run.sh, which makes the environment for it."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path

import listing
import report
import servers
import tasks
import transfers
from measure import Row

PARTS: dict[str, Callable[[str, Path, argparse.Namespace], list[Row]]] = {
    "tasks": lambda vendor, directory, options: tasks.run(
        vendor, directory, options.images, options.runs, options.baseline
    ),
    "listing": lambda vendor, directory, options: listing.run(
        vendor, directory, options.listed, options.runs, options.baseline
    ),
    "transfers": lambda vendor, directory, options: transfers.run(vendor, directory, options.mib, options.runs),
}


def run(vendor: str, options: argparse.Namespace) -> list[Row]:
    rows = []
    for part in options.part or PARTS:
        with tempfile.TemporaryDirectory(prefix="lxd-benchmark-") as directory:
            rows += PARTS[part](vendor, Path(directory), options)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--vendor", action="append", choices=tuple(servers.SERVERS), help="repeatable; default: both")
    parser.add_argument("--part", action="append", choices=PARTS, help="repeatable; default: all")
    parser.add_argument(
        "--mib", type=int, default=1024, help="size of the image that is imported, exported and copied (1024)"
    )
    parser.add_argument(
        "--images",
        type=int,
        nargs="+",
        default=[100, 500, 2000],
        help="sizes of the stores that are as desired (100 500 2000)",
    )
    parser.add_argument("--baseline", type=Path, help="a checkout of version 1.0.0, to compare with")
    parser.add_argument(
        "--listed",
        type=int,
        nargs="+",
        default=[100, 2000, 5500],
        help="sizes of the stores that are listed (100 2000 5500)",
    )
    parser.add_argument("--runs", type=int, default=5, help="runs of each contestant (5)")
    parser.add_argument("--write", action="store_true", help="put the results into the documentation")
    options = parser.parse_args()
    rows = [row.as_data() for vendor in options.vendor or ("lxd", "incus") for row in run(vendor, options)]
    if options.write:
        report.write(rows)


if __name__ == "__main__":
    main()
