#!/usr/bin/env python
# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Derives a source of backports, or of another release, from the package sources that this machine already has.

Writes a directory for apt's option Dir::Etc::SourceParts: copies of the machine's own parts, and one more with the same
archive, components and keys, only the suite changed. Prints the name of that suite. The machine's own files stay as
they are. With --release NAME there is only a source of that release and of its backports.
"""

from __future__ import annotations

import argparse
import re
import shutil
import sys
from pathlib import Path

NAME = "community-lxd-backports"
ONE_LINE = re.compile(r"^deb\s+(?P<options>\[[^]]*\]\s+)?(?P<uri>\S+)\s+(?P<suite>\S+)\s+(?P<components>.*)$")
# A line that starts with a blank continues the field before it; comments may stand in between.
FIELD = re.compile(r"^(?P<name>[A-Za-z-]+):(?P<value>.*(?:\n[ \t].*)*)", re.MULTILINE)


def from_one_line(text: str, suites: set[str], release: str | None) -> tuple[str, str] | None:
    """The same line for backports, and their suite; from the format of sources.list."""
    for line in text.splitlines():
        found = ONE_LINE.match(line.strip())
        if found and found["suite"] in suites and "main" in found["components"].split("#")[0].split():
            suite = f"{release or found['suite']}-backports"
            lines = [
                f"deb {found['options'] or ''}{found['uri']} {name} {found['components']}\n"
                for name in filter(None, (release, suite))
            ]
            return "".join(lines), suite
    return None


def from_stanzas(text: str, suites: set[str], release: str | None) -> tuple[str, str] | None:
    """The same stanza for backports, and their suite; from the deb822 format of *.sources."""
    without_comments = "".join(line for line in text.splitlines(keepends=True) if not line.startswith("#"))
    for stanza in re.split(r"\n\s*\n", without_comments):
        fields = {found["name"].lower(): found["value"] for found in FIELD.finditer(stanza)}
        enabled = fields.get("enabled", "yes").strip().lower() not in ("no", "false", "0", "off", "without", "disable")
        suite = next((name for name in fields.get("suites", "").split() if name in suites), None)
        binary = "deb" in fields.get("types", "").split() and "main" in fields.get("components", "").split()
        if enabled and binary and suite:
            backports = f"{release or suite}-backports"
            fields.update(types=" deb", suites=" " + " ".join(filter(None, (release, backports))))
            return "".join(f"{name}:{value}\n" for name, value in fields.items()), backports
    return None


def derive(etc: Path, suites: set[str], release: str | None) -> tuple[str, str, str] | None:
    """Suffix, text and suite of the new source; None where the machine has no source of the distribution itself."""
    parts = sorted((etc / "sources.list.d").glob("*"))
    for path in [etc / "sources.list", *parts]:
        if path.suffix not in (".list", ".sources") or not path.is_file():
            continue
        derived = (from_stanzas if path.suffix == ".sources" else from_one_line)(path.read_text(), suites, release)
        if derived:
            return path.suffix, *derived
    return None


def main() -> int:
    parser = argparse.ArgumentParser(description="Derives a source of backports from the machine's own.")
    parser.add_argument("directory", type=Path, help="directory to fill")
    parser.add_argument("suites", nargs="+", help="names that the release may have in the sources (bookworm)")
    parser.add_argument("--release", metavar="NAME", help="another release, with its backports (trixie)")
    parser.add_argument("--etc", type=Path, default=Path("/etc/apt"))
    options = parser.parse_args()
    derived = derive(options.etc, set(options.suites), options.release)
    if derived is None:
        print(f"backports.py: no source of {options.suites[0]} below {options.etc}", file=sys.stderr)
        return 1
    suffix, text, suite = derived
    if options.release:
        options.directory.mkdir(parents=True)
    else:
        parts = options.etc / "sources.list.d"
        shutil.copytree(parts, options.directory, ignore_dangling_symlinks=True, dirs_exist_ok=True)
    (options.directory / f"{NAME}{suffix}").write_text(text)
    print(suite)
    return 0


if __name__ == "__main__":
    sys.exit(main())
