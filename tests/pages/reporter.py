# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the playbook of the report, as a user would."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass
class Reporter:
    """Runs the playbook. ``collections``: where it finds the collection."""

    work: Path
    collections: Path

    def run(self, dest: Path, *words: str, **variables: Any) -> str:
        """What the playbook says."""
        given = self.work / "variables.json"
        given.write_text(json.dumps({"lxd_report_dest": str(dest), **variables}))
        given.chmod(0o600)
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "LXD_", "INCUS_"))
        }
        environment |= {
            "ANSIBLE_COLLECTIONS_PATH": str(self.collections),
            "ANSIBLE_HOME": str(self.work / "ansible"),
            "ANSIBLE_FORKS": "4",
            "LC_ALL": "C.UTF-8",
        }
        program = Path(sys.executable).with_name("ansible-playbook")
        done = subprocess.run(
            [str(program), "community.lxd.report", "--extra-vars", f"@{given}", *words],
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment,
            cwd=self.work,
            timeout=300,
        )
        assert done.returncode == 0, done.stdout[-6000:]
        return done.stdout
