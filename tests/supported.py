#!/usr/bin/env python
# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs sanity, unit and in-process tests with every supported ansible-core, and keeps the table in README.md true.

    supported.py            run all, write tests/supported.json and the table
    supported.py 2.17 2.21  only these; the others stay in the report as they were
    supported.py --check    does the table say what the report says? Runs nothing

Pythons that this machine does not have are told, and make the run fail. The in-process tests (tests/fronts) run ansible-playbook on real
servers, and need root. Takes about twenty minutes.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
REPORT = ROOT / "tests" / "supported.json"
README = ROOT / "README.md"
BEGIN, END = "<!-- supported: begin -->", "<!-- supported: end -->"
COLLECTION = Path("ansible_collections", "community", "lxd")
# ansible-core and a Python that it runs on
SUPPORTED = (("2.17", "3.10"), ("2.18", "3.11"), ("2.19", "3.11"), ("2.20", "3.12"), ("2.21", "3.12"), ("2.21", "3.13"))
PYTHONS = ("3.13", "3.12", "3.11", "3.10", "3.9")
SECONDS = 1800

Row = dict[str, Any]


def find_python(version: str) -> str | None:
    """A Python of that version which really runs: the shims of a version manager may only pretend to."""
    candidates = [os.path.join(folder, f"python{version}") for folder in os.get_exec_path()]
    candidates += [
        str(path)
        for path in (Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions").glob(
            f"*/bin/python{version}"
        )
    ]
    for candidate in candidates:
        if os.access(candidate, os.X_OK):
            done = subprocess.run(
                [candidate, "-c", "import os, sys; print(os.path.realpath(sys.executable))"],
                check=False,
                capture_output=True,
                text=True,
                timeout=60,
            )
            if done.returncode == 0:
                return done.stdout.strip()
    return None


def copy_tree(place: Path) -> None:
    """The files of the checkout, including what is not committed yet, at their place in a tree of collections."""
    place.mkdir(parents=True)
    listed = subprocess.run(
        ["git", "-c", "safe.directory=*", "ls-files", "-z", "-co", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, place / name)


class Environment:
    """A virtual environment with one ansible-core, and a home in which its ansible-test finds what it would fetch."""

    def __init__(self, work: Path, core: str, version: str, python: str) -> None:
        self.directory, self.home = work / f"{core}-{version}", work / "home"
        subprocess.run([python, "-m", "venv", self.directory], check=True, timeout=SECONDS)
        self.pip(
            "install",
            "--quiet",
            f"ansible-core=={core}.*",
            "-r",
            ROOT / "tests" / "unit" / "requirements.txt",
            "pytest",
            "pytest-xdist",
            "mock",
            "hypothesis",
        )
        shown = subprocess.run(
            [self.directory / "bin" / "ansible", "--version"],
            check=True,
            capture_output=True,
            text=True,
            timeout=SECONDS,
        ).stdout
        self.release = re.findall(r"core ([\w.]+)", shown)[0]
        self.configure_pip()
        self.provide_pip()

    def pip(self, *words: str | Path) -> str:
        command: list[str | Path] = [
            self.directory / "bin" / "python",
            "-m",
            "pip",
            "--disable-pip-version-check",
            *words,
        ]
        return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, timeout=SECONDS).stdout

    def configure_pip(self) -> None:
        """ansible-test hides the environment from pip, and has another home: what pip is told here goes into a file."""
        found = [line.split("=", 1) for line in self.pip("config", "list").splitlines() if "=" in line]
        # The same may be said by a file and by the environment, which comes first and counts.
        values = {name.rpartition(".")[2]: ast.literal_eval(value) for name, value in reversed(found)}
        lines = [f"{name} = " + value.replace("\n", "\n    ") for name, value in values.items()]
        folder = self.home / ".config" / "pip"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "pip.conf").write_text("\n".join(["[global]", *lines, ""]))

    def provide_pip(self) -> None:
        """ansible-test fetches a script that installs pip: the same from the wheel of that version, by way of pip itself."""
        wheels, cache = self.home / "wheels", self.home / ".ansible" / "test" / "cache"
        cache.mkdir(parents=True, exist_ok=True)
        (source,) = self.directory.glob("lib/python*/site-packages/ansible_test/_internal/python_requirements.py")
        for version in re.findall(r"^ *pip='([0-9.]*)',", source.read_text(), re.MULTILINE):
            file = cache / f"get_pip_{version.replace('.', '_')}.py"
            if file.exists():
                continue
            self.pip("download", "--quiet", "--no-deps", "-d", wheels, f"pip=={version}")
            file.write_text(
                "import sys\n\n"
                f"sys.path.insert(0, {str(wheels / f'pip-{version}-py3-none-any.whl')!r})\n"
                "from pip._internal.cli.main import main\n\n"
                'words = [word for word in sys.argv[1:] if word not in ("--no-setuptools", "--no-wheel")]\n'
                f'sys.exit(main(["install", "--find-links", {str(wheels)!r}, *words]))\n'
            )

    def ansible_test(self, place: Path, programs: Path, *words: str) -> tuple[int, str]:
        return self._run(place, programs, ["ansible-test", *words, "--color", "no"])

    def fronts(self, place: Path, programs: Path) -> tuple[int, str]:
        """Runs the tests of tasks inside Ansible's own process, on servers that they start."""
        command = ["python", "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/fronts"]
        return self._run(place, programs, command, PYTHONPATH=str(place.parents[2]))

    def _run(self, place: Path, programs: Path, command: list[str], **more: str) -> tuple[int, str]:
        path = f"{self.directory}/bin:{programs}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"
        environment = {**os.environ, "HOME": str(self.home), "PATH": path, "LC_ALL": "C.UTF-8", **more}
        done = subprocess.run(
            command,
            cwd=place,
            env=environment,
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=SECONDS,
        )
        return done.returncode, done.stdout


def complaints(log: str) -> str:
    """What is wrong, of a log that is mostly about packages being installed."""
    return "\n".join([line for line in log.splitlines() if line.startswith(("ERROR", "FATAL", "FAILED", "E  "))][-100:])


def run_one(work: Path, core: str, version: str) -> Row:
    """All these tests with one ansible-core on one Python."""
    python = find_python(version)
    if python is None:
        raise SystemExit(f"supported.py: no Python {version} on this machine")
    environment = Environment(work, core, version, python)
    place = work / f"tree-{core}-{version}" / COLLECTION
    copy_tree(place)
    status, log = environment.ansible_test(place, work / "bin", "sanity", "--local")
    # A test whose program is missing only warns.
    missing = [line for line in log.splitlines() if "Required program" in line]
    sanity = len(set(re.findall(r'^Running sanity test "(\w[\w-]*)', log, re.MULTILINE)))
    good = status == 0 and sanity > 0 and not missing
    if not good:
        print(complaints(log))
    row: Row = {"core": environment.release, "python": version, "sanity": sanity}
    for part, (status, log) in (
        ("units", environment.ansible_test(place, work / "bin", "units", "--local", "--python", version)),
        ("fronts", environment.fronts(place, work / "bin")),
    ):
        row[part] = sum(int(count) for count in re.findall(r"(\d+) passed", log))
        if status != 0 or not row[part]:
            print(complaints(log))
            good = False
    return {**row, "passed": good}


def table(rows: list[Row]) -> list[str]:
    """The lines of the table of the README."""
    lines = ["| ansible-core | Python | sanity tests | unit tests | in-process, on real servers |", "|---" * 5 + "|"]
    for row in rows:
        counts = " | ".join(f"{row[part]} passed" for part in ("sanity", "units", "fronts"))
        lines.append(f"| {row['core']} | {row['python']} | {counts} |")
    return lines


def with_lines(text: str, begin: str, end: str, lines: list[str]) -> str:
    """A text with the lines between its markers."""
    if text.count(begin) != 1 or text.count(end) != 1:
        raise SystemExit(f"{Path(sys.argv[0]).name}: README.md must have one line {begin} and one line {end}")
    before, _begin, rest = text.partition(begin)
    return before + "\n".join([begin, *lines, end]) + rest.partition(end)[2]


class Report:
    """The rows of one script: in a JSON file, and as a table between two markers of README.md."""

    def __init__(self, path: Path, begin: str, end: str, table: Callable[[list[Row]], list[str]]) -> None:
        self.path, self._begin, self._end, self._table = path, begin, end, table

    def read(self) -> list[Row]:
        """The rows of the last run; none if there was no run."""
        return json.loads(self.path.read_text()) if self.path.exists() else []

    def write(self, rows: list[Row]) -> None:
        """Keeps the rows of a run, and makes the table of them."""
        self.path.write_text(json.dumps(rows, indent=2) + "\n")
        README.write_text(self._with_table(rows))

    def tell(self, problems: list[str]) -> int:
        """Prints problems, and whether the table says what the report says. Returns the exit status."""
        if self._with_table(self.read()) != README.read_text():
            problems = [*problems, "the table in README.md is not what the report says"]
        for problem in problems:
            print(f"{Path(sys.argv[0]).name}: {problem}", file=sys.stderr)
        return 1 if problems else 0

    def _with_table(self, rows: list[Row]) -> str:
        return with_lines(README.read_text(), self._begin, self._end, self._table(rows))


def check() -> int:
    rows = report().read()
    have = [(".".join(row["core"].split(".")[:2]), row["python"]) for row in rows if row["passed"]]
    problems = [] if have == list(SUPPORTED) else [f"{REPORT.name} has {have}, supported are {list(SUPPORTED)}"]
    return report().tell(problems)


def report() -> Report:
    return Report(REPORT, BEGIN, END, table)


def main() -> int:
    parser = argparse.ArgumentParser(description="Run the tests with every supported ansible-core.")
    parser.add_argument("cores", nargs="*", metavar="CORE", help="only these, such as 2.17")
    parser.add_argument("--check", action="store_true", help="only compare the table with the report")
    options = parser.parse_args()
    if options.check:
        return check()
    found = {(".".join(row["core"].split(".")[:2]), row["python"]): row for row in report().read()}
    with tempfile.TemporaryDirectory(prefix="lxd-supported.") as directory:
        work = Path(directory)
        (work / "bin").mkdir()
        for version in PYTHONS:
            if python := find_python(version):
                (work / "bin" / f"python{version}").symlink_to(python)
        for pair in SUPPORTED:
            if not options.cores or pair[0] in options.cores:
                found[pair] = run_one(work, *pair)
                print(found[pair], flush=True)
    rows = [found[pair] for pair in SUPPORTED if pair in found]
    if not all(row["passed"] for row in rows):
        return 1
    report().write(rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
