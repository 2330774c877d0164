#!/usr/bin/env python
# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A store that is as desired already: one lxd_image_store task beside a loop of lxd_image tasks, in turn, on a real server of each vendor.

Needs root, LXD and Incus, and a Python with ansible-core, requests and requests-unixsocket (``bash test.sh units`` makes one).
Each run is a whole ansible-playbook of its own. What one of them takes without any task is taken off, so that only the tasks are compared.
Prints a table of seconds, and the ratio of the medians.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "servers"))
sys.path.insert(0, str(ROOT / "tests" / "integration" / "targets" / "setup_lxd_many" / "files"))

import many
import servers

EMPTY, STORE, LOOP = "no task at all", "one lxd_image_store", "a loop of lxd_image"


def entries(directory: Path, count: int) -> list[dict[str, object]]:
    directory.mkdir()
    made = [many.make(directory, number) for number in range(count)]
    return [
        {"name": f"benchmark/{image['number']}", "source": {"type": "file", "path": image["path"]}, "properties": {"stage": image["series"]}} for image in made
    ]


def write_playbooks(directory: Path, url: str, wanted: list[dict[str, object]]) -> dict[str, Path]:
    """JSON is YAML."""
    loop = {"community.lxd.lxd_image": "{{ item }}", "loop": wanted, "loop_control": {"label": "{{ item.name }}"}}
    store = {"community.lxd.lxd_image_store": {"images": wanted}}
    playbooks = {}
    for name, tasks in ((EMPTY, []), (STORE, [store]), (LOOP, [loop])):
        playbooks[name] = directory / f"{len(playbooks)}.yml"
        play = {"hosts": "localhost", "gather_facts": False, "module_defaults": {"group/community.lxd.lxd": {"url": url}}, "tasks": tasks}
        playbooks[name].write_text(json.dumps([play]))
    return playbooks


def play(path: Path, environment: dict[str, str]) -> tuple[float, bool]:
    """Seconds, and whether anything was changed."""
    command = [sys.executable, "-m", "ansible", "playbook", "--inventory", "localhost,", "--connection", "local", str(path)]
    started = time.monotonic()
    done = subprocess.run(command, env=environment, check=False, capture_output=True, text=True)
    seconds = time.monotonic() - started
    if done.returncode:
        raise SystemExit(f"failed: {' '.join(command)}\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return seconds, "changed=0 " not in done.stdout and "ok=" in done.stdout


def ansible_environment(directory: Path) -> dict[str, str]:
    tree = directory / "tree" / "ansible_collections" / "community"
    tree.mkdir(parents=True, exist_ok=True)
    if not (tree / "lxd").exists():
        (tree / "lxd").symlink_to(ROOT)
    (directory / "home").mkdir(exist_ok=True)
    return {
        **os.environ,
        "HOME": str(directory / "home"),
        "LC_ALL": "C.UTF-8",
        "ANSIBLE_COLLECTIONS_PATH": str(directory / "tree"),
        "ANSIBLE_LOCALHOST_WARNING": "false",
        "ANSIBLE_PYTHON_INTERPRETER": sys.executable,
    }


def benchmark(server: servers.Server, directory: Path, count: int, runs: int) -> None:
    playbooks = write_playbooks(directory, server.url, entries(directory / "images", count))
    environment = ansible_environment(directory)
    first, _changed = play(playbooks[STORE], environment)
    seconds: dict[str, list[float]] = {name: [] for name in playbooks}
    for _round in range(runs):
        for name, path in playbooks.items():
            taken, changed = play(path, environment)
            if changed:
                raise SystemExit(f"{name}: something was changed, although the store was as desired")
            seconds[name].append(taken)
    print(f"\n{server.vendor}, {count} images, {runs} runs: minimum, median, maximum of the whole playbook (to make the images took {first:.1f} s)")
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    for name, values in seconds.items():
        print(f"  {name:<22} {min(values):7.2f} {medians[name]:7.2f} {max(values):7.2f} s")
    tasks = {name: medians[name] - medians[EMPTY] for name in (STORE, LOOP)}
    print(f"  the tasks alone: {tasks[STORE]:.2f} s and {tasks[LOOP]:.2f} s, ratio of the medians {tasks[LOOP] / tasks[STORE]:.0f}")
    print(f"  the whole playbooks: ratio of the medians {medians[LOOP] / medians[STORE]:.0f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=100, help="number of images (100)")
    parser.add_argument("--runs", type=int, default=5, help="runs of each (5)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="community-lxd-benchmark-") as temporary:
        for vendor in servers.VENDORS:
            directory = Path(temporary) / vendor
            server = servers.Server.start(vendor, directory / "server")
            try:
                benchmark(server, directory, options.images, options.runs)
            finally:
                server.stop()


if __name__ == "__main__":
    main()
