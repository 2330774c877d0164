#!/usr/bin/env python
# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the same few tasks with several sets of Python libraries on the node, and keeps the table in README.md true.

    libraries.py            run all, write tests/libraries.json and the table; as root, about six minutes
    libraries.py --check    does the table say what the report says? Runs nothing

Each set has a virtual environment of its own, which is the node's Python. The server is a real one. The tasks must work
over the local socket and over HTTPS, or fail with a message that says what to install instead. The system's own Python
is one more set, if it has the libraries; it is printed, but not written to the report.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from supported import COLLECTION, ROOT, SECONDS, Report, Row, copy_tree, find_python

REPORT = ROOT / "tests" / "libraries.json"
SERVERS = ROOT / "tests" / "servers"
BEGIN, END = "<!-- libraries: begin -->", "<!-- libraries: end -->"
SYSTEM = "/usr/bin/python3"
LIBRARIES = ("requests", "urllib3", "requests-unixsocket")
# A Python, and the versions of LIBRARIES; none means the newest.
SETS: tuple[tuple[str, tuple[str, str, str] | None], ...] = (
    ("3.9", ("2.25.0", "1.25.10", "0.2.0")),
    ("3.9", ("2.25.1", "1.26.5", "0.2.0")),
    ("3.9", ("2.32.5", "2.6.3", "0.2.0")),
    ("3.10", ("2.25.1", "1.26.5", "0.2.0")),
    ("3.11", ("2.28.1", "1.26.12", "0.3.0")),
    ("3.11", ("2.31.0", "1.26.18", "0.4.1")),
    ("3.12", ("2.31.0", "2.0.7", "0.3.0")),
    ("3.12", ("2.31.0", "2.0.7", "0.4.1")),
    ("3.12", ("2.32.1", "2.2.3", "0.4.1")),
    ("3.12", ("2.32.3", "2.2.3", "0.3.0")),
    ("3.13", None),
)
WORKS = "works"
# Which versions an interpreter has, as JSON; fails if one is missing.
ASK = "import json, importlib.metadata as m; print(json.dumps([m.version(name) for name in %r]))"


def run(*command: str | Path, **options: Any) -> str:
    """Run a program, and return its standard output. Raises CalledProcessError if it fails."""
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, timeout=SECONDS, **options)
    return str(done.stdout)


def make_environment(directory: Path, version: str, *packages: str) -> Path:
    """Make a virtual environment with packages, and return its Python."""
    found = find_python(version)
    if found is None:
        raise SystemExit(f"libraries.py: no Python {version} on this machine")
    run(found, "-m", "venv", directory)
    python = directory / "bin" / "python"
    run(python, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", *packages)
    return python


def versions(python: str | Path) -> list[str] | None:
    """Return the versions of LIBRARIES that a Python has, or None if one is missing."""
    done = subprocess.run([python, "-c", ASK % (LIBRARIES,)], check=False, capture_output=True, text=True, timeout=60)
    return json.loads(done.stdout) if done.returncode == 0 else None


def find_playbook_command(work: Path) -> Path:
    """Return ansible-playbook of the running Python or of the PATH; installs one if there is none."""
    here = Path(sys.executable).with_name("ansible-playbook")
    if here.exists():
        return here
    if found := shutil.which("ansible-playbook"):
        return Path(found)
    return make_environment(work / "controller", "3.13", "ansible-core").with_name("ansible-playbook")


def playbook(image: Path, connection: dict[str, str], failure: Path) -> list[dict[str, Any]]:
    """Return a playbook: the import of an image, no change, information, its export, and its removal.

    ``connection``: options of all tasks. ``failure``: the file to which the result of a failed task is written.
    """
    wanted = {"name": "libraries", "source": {"type": "file", "path": str(image)}}
    copy = image.with_name("exported.tar.gz")
    copy.unlink(missing_ok=True)
    tasks: list[dict[str, Any]] = []
    for module, options, expected in (
        ("lxd_image", wanted, "result is changed"),
        ("lxd_image", wanted, "result is not changed"),
        ("lxd_image_info", {"name": "libraries"}, "result.images | length == 1"),
        ("lxd_image_export", {"name": "libraries", "dest": str(copy)}, "result is changed"),
        ("lxd_image", {"name": "libraries", "state": "absent"}, "result is changed"),
    ):
        tasks += [
            {f"community.lxd.{module}": {**connection, **options}, "register": "result"},
            {"ansible.builtin.assert": {"that": expected}},
        ]
    rescue = {"ansible.builtin.copy": {"content": "{{ ansible_failed_result | to_json }}", "dest": str(failure)}}
    return [{"hosts": "all", "gather_facts": False, "tasks": [{"block": tasks, "rescue": [rescue]}]}]


class Trial:
    """Runs the tasks with one Python after the other on one server."""

    def __init__(self, work: Path, servers: dict[str, Any], vendor: str) -> None:
        self.work, self.command = work, find_playbook_command(work)
        server = servers["servers"][vendor]
        self.connections = {
            "socket": {"url": server["url"]},
            "https": {
                "url": server["https_url"],
                "server_cert": server["server_cert"],
                "client_cert": servers["client_cert"],
                "client_key": servers["client_key"],
            },
        }

    def outcomes(self, python: str | Path) -> Row:
        """Return what the tasks came to with each connection."""
        return {name: self._outcome(python, connection) for name, connection in self.connections.items()}

    def _outcome(self, python: str | Path, connection: dict[str, str]) -> str:
        """Return WORKS, or the message of the task that failed."""
        failure, book = self.work / "failure.json", self.work / "playbook.json"
        failure.unlink(missing_ok=True)
        book.write_text(json.dumps(playbook(self.work / "images" / "tiny.tar.gz", connection, failure)))
        environment = {
            **os.environ,
            "ANSIBLE_COLLECTIONS_PATH": str(self.work / "tree"),
            "ANSIBLE_HOME": str(self.work / "ansible"),
            "ANSIBLE_LOCALHOST_WARNING": "false",
            "COMMUNITY_LXD_IN_PROCESS": "false",
            "LC_ALL": "C.UTF-8",
        }
        node = ("-i", "node,", "-c", "local", "-e", f"ansible_python_interpreter={python}")
        done = subprocess.run(
            [self.command, *node, book],
            env=environment,
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=SECONDS,
        )
        if failure.exists():
            return str(json.loads(failure.read_text())["msg"]).replace(str(python), "python")
        if done.returncode != 0:
            print(done.stdout)
            return "ansible-playbook failed"
        return WORKS


def is_good(outcome: str) -> bool:
    """Return whether the tasks worked, or failed with a message that says what to install."""
    return outcome == WORKS or (outcome.startswith("Cannot use the ") and "Install another one: run " in outcome)


def table(rows: list[Row]) -> list[str]:
    """Return the lines of the table in README.md."""
    lines = [f"| Python | {' | '.join(LIBRARIES)} | local socket | HTTPS |", "|---|---|---|---|---|---|"]
    for row in rows:
        words = [WORKS if row[name] == WORKS else "refused, says what to install" for name in ("socket", "https")]
        lines.append("| " + " | ".join([row["python"], *(row[name] for name in LIBRARIES), *words]) + " |")
    return lines


def check() -> int:
    """Compare the report with SETS, and the table with the report."""
    rows = report().read()
    problems = []
    have = [(row["python"], tuple(row[name] for name in LIBRARIES)) for row in rows]
    if len(have) != len(SETS) or any(
        python != wanted or (libraries is not None and libraries != found)
        for (wanted, libraries), (python, found) in zip(SETS, have)
    ):
        problems.append(f"{REPORT.name} has {have}, the sets are {list(SETS)}")
    problems += [f"{row} is no good" for row in rows if not (is_good(row["socket"]) and is_good(row["https"]))]
    return report().tell(problems)


def report() -> Report:
    return Report(REPORT, BEGIN, END, table)


def run_all(work: Path, vendor: str) -> list[Row]:
    """Run all sets on a server that is started for them, and return the rows of the report."""
    copy_tree(work / "tree" / COLLECTION)
    run(sys.executable, SERVERS / "images.py", work / "images")
    place = work / "servers"
    rows: list[Row] = []
    try:
        described = run(sys.executable, SERVERS / "servers.py", "start", "--dir", place, "--vendor", vendor, "--https")
        trial = Trial(work, json.loads(described), vendor)
        for number, (version, wanted) in enumerate(SETS):
            packages = [f"{name}=={release}" for name, release in zip(LIBRARIES, wanted)] if wanted else LIBRARIES
            python = make_environment(work / f"set-{number}", version, *packages)
            found = versions(python) or []
            rows.append({"python": version, **dict(zip(LIBRARIES, found)), **trial.outcomes(python)})
            print(rows[-1], flush=True)
        if found := versions(SYSTEM) or []:
            row = {"python": SYSTEM, **dict(zip(LIBRARIES, found)), **trial.outcomes(SYSTEM)}
            print(row, flush=True)
            if not (is_good(row["socket"]) and is_good(row["https"])):
                raise SystemExit(f"libraries.py: the tasks fail with {SYSTEM}")
    finally:
        run(sys.executable, SERVERS / "servers.py", "stop", "--dir", place)
    return rows


def main() -> int:
    parser = argparse.ArgumentParser(description="Run a few tasks with several sets of Python libraries.")
    parser.add_argument("--check", action="store_true", help="only compare the table with the report")
    parser.add_argument("--vendor", choices=("lxd", "incus"), default="incus", help="the server to use")
    options = parser.parse_args()
    if options.check:
        return check()
    with tempfile.TemporaryDirectory(prefix="lxd-libraries.") as directory:
        rows = run_all(Path(directory), options.vendor)
    if not all(is_good(row["socket"]) and is_good(row["https"]) for row in rows):
        return 1
    report().write(rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
