# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Everything that a store has, for stores of several sizes."""

from __future__ import annotations

import json
from pathlib import Path

import many
import servers
from measure import Row, client, compete, limit, module, pylxd

PYLXD = """
import sys
from pylxd import Client
client = Client(endpoint=sys.argv[1])
print(len([(image.fingerprint, image.properties, image.aliases) for image in client.images.all()]))
"""


def fill(server: servers.Server, directory: Path, first: int, last: int) -> None:
    """So many images of a few hundred bytes, each with an alias."""
    for number in range(first, last):
        image = many.make(directory, number)
        connection = servers.SocketConnection(server.socket, 60)
        connection.request(
            "POST", "/1.0/images", Path(str(image["path"])).read_bytes(), {"Content-Type": "application/octet-stream"}
        )
        operation = json.loads(connection.getresponse().read())["operation"].split("?")[0]
        connection.close()
        server.perform("GET", f"{operation}/wait")
        server.perform("POST", "/1.0/images/aliases", {"name": f"benchmark/{number}", "target": image["fingerprint"]})


def run(vendor: str, directory: Path, sizes: list[int], runs: int) -> list[Row]:
    server = servers.Server.start(vendor, directory / vendor)
    contestants = [
        module(directory, "lxd_image_info", url=server.url),
        client(server, "image", "list", "--format", "json"),
        pylxd(PYLXD, str(server.socket)),
        limit("curl", f"curl --silent --fail --unix-socket {server.socket} 'http://lxd/1.0/images?recursion=1'"),
    ]
    rows = []
    try:
        there = 0
        for size in sizes:
            fill(server, directory, there, size)
            there = size
            rows.append(compete(f"info over {size} images", vendor, contestants, runs if size < 1000 else min(runs, 3)))
        return rows
    finally:
        server.stop()
