# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What importing the collection's own files costs a task that finds nothing to do, as a module: without bytecode, as Ansible runs it.

Ansible's own files, requests and requests-unixsocket are loaded before and are not in it. The best of some fresh processes
counts. Needs ansible-core, requests and requests-unixsocket in the Python that runs it; no server.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests/unit/plugins/module_utils"))

import noop


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "modules", nargs="*", default=list(noop.TASKS), help="all that have a case with nothing to do, by default"
    )
    parser.add_argument("--runs", type=int, default=7, help="fresh processes per module")
    parser.add_argument("--collection", type=Path, default=ROOT, help="another checkout, to compare with")
    options = parser.parse_args()
    print(f"{'module':<20}{'files':>6}{'ms of CPU':>11}{'of it compiling':>17}")
    with tempfile.TemporaryDirectory() as directory:
        path = noop.copy_collection(options.collection, Path(directory))
        for module in options.modules:
            best = min((noop.run(module, path) for _run in range(options.runs)), key=lambda report: report["seconds"])
            print(
                f"{module:<20}{len(best['files']):>6}{best['seconds'] * 1000:>11.1f}{best['compiling'] / best['seconds']:>17.0%}",
                flush=True,
            )


if __name__ == "__main__":
    main()
