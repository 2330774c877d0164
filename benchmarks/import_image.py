#!/usr/bin/env python
# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Import of a large image: the module's process beside the command line client, in turn, on a real server of each vendor.

Needs root, LXD and Incus, and a Python with ansible-core, requests and requests-unixsocket (``bash test.sh units`` makes one).
Prints a table of wall time and peak memory, and the ratio of the medians.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "servers"))

import images  # noqa: E402
import servers  # noqa: E402

CLIENTS = {"lxd": "lxc", "incus": "incus"}
ALIAS = "benchmark"


def run(command: list[str], environment: dict[str, str]) -> tuple[float, float]:
    """Seconds and peak MiB of one process. The peak is of all children so far, so each kind is measured in a process of its own."""
    started = time.monotonic()
    subprocess.run(command, env={**os.environ, **environment}, check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - started, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024


def measured(command: list[str], environment: dict[str, str]) -> tuple[float, float]:
    """The same in a fork, so that the peak memory is this command's alone."""
    reader, writer = os.pipe()
    if os.fork() == 0:
        os.close(reader)
        status = 1
        try:
            os.write(writer, json.dumps(run(command, environment)).encode())
            status = 0
        finally:
            os._exit(status)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        text = pipe.read()
    os.wait()
    if not text:
        raise SystemExit(f"failed: {' '.join(command)}")
    seconds, memory = json.loads(text)
    return seconds, memory


def module_command(directory: Path, url: str, path: Path) -> tuple[list[str], dict[str, str]]:
    tree = directory / "tree" / "ansible_collections" / "community"
    tree.mkdir(parents=True, exist_ok=True)
    if not (tree / "lxd").exists():
        (tree / "lxd").symlink_to(ROOT)
    arguments = directory / f"arguments-{os.path.basename(path)}.json"
    arguments.write_text(json.dumps({"ANSIBLE_MODULE_ARGS": {"url": url, "name": ALIAS, "source": {"type": "file", "path": str(path)}}}))
    module = tree / "lxd" / "plugins" / "modules" / "lxd_image.py"
    return [sys.executable, str(module), str(arguments)], {"PYTHONPATH": str(directory / "tree")}


def row(name: str, results: list[tuple[float, float]]) -> float:
    seconds = [result[0] for result in results]
    median = statistics.median(seconds)
    print(f"  {name:<22} {min(seconds):6.2f} {median:6.2f} {max(seconds):6.2f} s   {max(result[1] for result in results):6.1f} MiB")
    return median


def benchmark(server: servers.Server, path: Path, directory: Path, runs: int) -> None:
    client = CLIENTS[server.vendor]
    environment = server.client_environment()
    module, module_environment = module_command(directory, server.url, path)
    delete = [client, "image", "delete", ALIAS]
    results: dict[str, list[tuple[float, float]]] = {"module, new": [], "module, known": [], f"{client} image import": []}
    for _round in range(runs):
        results["module, new"].append(measured(module, module_environment))
        results["module, known"].append(measured(module, module_environment))
        run(delete, environment)
        results[f"{client} image import"].append(measured([client, "image", "import", str(path), "--alias", ALIAS], environment))
        run(delete, environment)
    print(f"\n{server.vendor}, {path.name}, {path.stat().st_size / 2**20:.0f} MiB, {runs} runs: minimum, median, maximum, peak memory")
    medians = {name: row(name, values) for name, values in results.items()}
    print(f"  ratio of the medians, module to client: {medians['module, new'] / medians[f'{client} image import']:.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mib", type=int, default=1024, help="size of the image (1024)")
    parser.add_argument("--runs", type=int, default=5, help="runs of each (5)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="community-lxd-benchmark-") as temporary:
        directory = Path(temporary)
        path = images.big(directory / "big.tar", options.mib)
        for vendor in CLIENTS:
            server = servers.Server.start(vendor, directory / vendor)
            try:
                benchmark(server, path, directory, options.runs)
            finally:
                server.stop()


if __name__ == "__main__":
    main()
