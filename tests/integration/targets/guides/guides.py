# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The YAML blocks of the guides, so that the guides themselves are what is run.

    guides.py GUIDES FOLDER [OLD=NEW ...]

GUIDES has guide_NAME.rst files. Each "code-block:: yaml" of them becomes a file below FOLDER, with each OLD replaced by NEW.
Prints, by the NAME of each guide that has such blocks: [{"section": title above the block, "line": where it is, "kind": tasks, playbook or inventory,
"name": of its first task or play, "path": the file}].
"""

from __future__ import annotations

import json
import re
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

# Also in a cell of a list-table, where "* - " or "- " stands before it.
DIRECTIVE = re.compile(r"(?P<before>[ *-]*)\.\. code-block:: (?P<language>\S+)")
UNDERLINE = re.compile(r"([=~^-])\1{2,}")
IMPORT = "ansible.builtin.import_playbook"
TASK = re.compile(r"^[ -]*community\.lxd\.\w+:", re.MULTILINE)


class GuideError(Exception):
    """A guide has a block that nothing could run."""


def code_blocks(lines: list[str]) -> Iterator[tuple[int, str, str, str]]:
    """Line number, section, language and content of each code block."""
    section = ""
    for number, line in enumerate(lines):
        if UNDERLINE.fullmatch(line) and number and lines[number - 1].strip():
            section = lines[number - 1]
        directive = DIRECTIVE.fullmatch(line.rstrip())
        if directive:
            content = block_below(lines[number + 1 :], len(directive["before"]))
            yield number + 1, section, directive["language"], content


def block_below(lines: list[str], indent: int) -> str:
    """The lines that are indented deeper than the directive, without its options."""
    block: list[str] = []
    for line in lines:
        if line.strip() and len(line) - len(line.lstrip()) <= indent:
            break
        block.append(line)
    while block and re.match(r"\s+:\w", block[0]):
        del block[0]
    return textwrap.dedent("\n".join(block)).strip("\n") + "\n"


def kind_of(content: Any) -> str | None:
    """What can be done with a block."""
    if isinstance(content, list) and all(isinstance(item, dict) for item in content):
        return "playbook" if all({"hosts", IMPORT} & set(item) for item in content) else "tasks"
    if isinstance(content, dict) and all(
        isinstance(group, dict) and {"hosts", "children"} & set(group) for group in content.values()
    ):
        return "inventory"
    return None


def extract(guide: Path, folder: Path, replacements: dict[str, str]) -> list[dict[str, Any]]:
    """Writes the blocks of one guide to files and lists them."""
    found = []
    for line, section, language, text in code_blocks(guide.read_text(encoding="utf-8").splitlines()):
        if language != "yaml":
            # What is not run is no place for a task.
            if TASK.search(text):
                raise GuideError(f"{guide.name}, line {line}: a task in a block that is not YAML")
            continue
        for old, new in replacements.items():
            text = text.replace(old, new)
        content = yaml.safe_load(text)
        kind = kind_of(content)
        if kind is None:
            raise GuideError(f"{guide.name}, line {line}: neither tasks, nor a playbook, nor an inventory")
        path = folder / f"{guide.stem}-{line}.yml"
        path.write_text(f"---\n{text}", encoding="utf-8")
        name = content[0].get("name", "") if isinstance(content, list) else ""
        found.append({"section": section, "line": line, "kind": kind, "name": name, "path": str(path)})
    return found


def main() -> int:
    guides, folder = Path(sys.argv[1]), Path(sys.argv[2])
    replacements = dict(pair.split("=", 1) for pair in sys.argv[3:])
    folder.mkdir(parents=True, exist_ok=True)
    try:
        blocks = {
            path.stem.partition("_")[2]: extract(path, folder, replacements)
            for path in sorted(guides.glob("guide_*.rst"))
        }
    except (GuideError, yaml.YAMLError) as problem:
        print(f"guides.py: {problem}", file=sys.stderr)
        return 1
    print(json.dumps({name: found for name, found in blocks.items() if found}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
