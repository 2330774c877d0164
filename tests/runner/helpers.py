# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of the built collection share."""

from __future__ import annotations

import json
import os
import subprocess
import venv
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]


def run(command: list[str | Path], **options: Any) -> str:
    """What a command prints. It must end well, and within ten minutes."""
    done = subprocess.run(
        [str(word) for word in command],
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=600,
        **options,
    )
    assert done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout[-8000:]}"
    return done.stdout


def clean_environment(**more: str) -> dict[str, str]:
    """Ours, without what Ansible or the modules would take from it."""
    strange = ("ANSIBLE_", "LXD_", "INCUS_", "PYTHONPATH", "VIRTUAL_ENV")
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith(strange)},
        "LC_ALL": "C.UTF-8",
        **more,
    }


def make_venv(directory: Path, *packages: str) -> Path:
    """A fresh environment with packages in it: the directory of its programs."""
    venv.create(directory, with_pip=True)
    run([directory / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages])
    return directory / "bin"


def survey(playbook: str) -> dict[str, Any]:
    """The survey of a playbook."""
    result: dict[str, Any] = json.loads((ROOT / "awx" / f"survey_{playbook}.json").read_text())
    return result


def argument_spec(playbook: str) -> dict[str, Any]:
    """The variables of a playbook, with those of the connection."""
    specs = ROOT / "playbooks" / "argument_specs"
    return {
        name: spec
        for file in ("connection", playbook)
        for name, spec in yaml.safe_load((specs / f"{file}.yml").read_text())["options"].items()
    }
