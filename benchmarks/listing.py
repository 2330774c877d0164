# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Stores of several sizes: all that they have, one image of them, a few as desired, and a prune."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import many
import servers
from measure import Contestant, Row, client, compete, limit, module, pylxd

PYLXD = """
import sys
from pylxd import Client
client = Client(endpoint=sys.argv[1])
print(len([(image.fingerprint, image.properties, image.aliases) for image in client.images.all()]))
"""


PRUNED = 100
"""How many images a prune removes."""


def upload(server: servers.Server, image: dict[str, Any], named: bool = True) -> None:
    """An image of a few hundred bytes, with or without an alias."""
    connection = servers.SocketConnection(server.socket, 60)
    content = Path(str(image["path"])).read_bytes()
    connection.request("POST", "/1.0/images", content, {"Content-Type": "application/octet-stream"})
    operation = json.loads(connection.getresponse().read())["operation"].split("?")[0]
    connection.close()
    server.perform("GET", f"{operation}/wait")
    if named:
        body = {"name": f"benchmark/{image['number']}", "target": image["fingerprint"]}
        server.perform("POST", "/1.0/images/aliases", body)


def fill(server: servers.Server, directory: Path, first: int, last: int, named: bool = True) -> None:
    """So many images, several at a time."""
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: upload(server, many.make(directory, number), named), range(first, last)))


def run(vendor: str, directory: Path, sizes: list[int], runs: int, baseline: Path | None) -> list[Row]:
    server = servers.Server.start(vendor, directory / vendor)

    def both(module_name: str, /, **options: Any) -> list[Contestant]:
        """The module, and that of version 1.0.0."""
        of_all = [None, baseline] if baseline else [None]
        return [module(directory, module_name, collection, url=server.url, **options) for collection in of_all]

    rows = []
    try:
        listing = [
            *both("lxd_image_info"),
            client(server, "image", "list", "--format", "json"),
            pylxd(PYLXD, str(server.socket)),
            limit("curl", f"curl --silent --fail --unix-socket {server.socket} 'http://lxd/1.0/images?recursion=1'"),
        ]
        by_name = both("lxd_image", name="benchmark/1")
        few = [{"name": f"benchmark/{number}"} for number in range(5)]
        store = both("lxd_image_store", images=few)
        prune = both("lxd_image_prune", unaliased=True, include_used=True)
        there = 0
        for size in sizes:
            fill(server, directory, there, size)
            there = size
            some = runs if size < 1000 else min(runs, 3)
            rows.append(compete(f"info over {size} images", vendor, listing, some))
            rows.append(compete(f"one image by name, of {size}", vendor, by_name, runs))
            rows.append(compete(f"a store of 5 as desired, of {size}", vendor, store, some))

            def add(first: int = size) -> None:
                fill(server, directory, first, first + PRUNED, named=False)

            rows.append(compete(f"prune {PRUNED} images of {size + PRUNED}", vendor, prune, some, add))
        return rows
    finally:
        server.stop()
