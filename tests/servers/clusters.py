#!/usr/bin/env python
# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Starts and stops clusters of three real members on 127.0.0.1, each a daemon with a directory and a port of its own.

Imports nothing of the collection, as ``servers``.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from servers import CLIENTS, SERVERS, START_SECONDS, Server, ServerError, daemon, free_address, wait_until

MEMBERS = ("one", "two", "three")
JOIN_SECONDS = 90
OFFLINE_SECONDS = 11
"""After so long without a sign of a member the others call it offline: the shortest that the servers take."""


class Cluster:
    """Three members of one kind of server; a storage pool "default" on each."""

    def __init__(self, kind: str, directory: Path) -> None:
        self.kind, self.directory = kind, directory.resolve()
        self.vendor = SERVERS[kind]
        self.members: dict[str, Server] = {}
        try:
            with ThreadPoolExecutor(len(MEMBERS)) as pool:
                for name, server in zip(
                    MEMBERS, pool.map(lambda name: Server.start(kind, self.directory / name), MEMBERS)
                ):
                    self.members[name] = server
            self._found()
            for name in MEMBERS[1:]:
                self._join(name)
        except BaseException:
            self.stop()
            raise

    @property
    def first(self) -> Server:
        """The member that made the cluster."""
        return self.members[MEMBERS[0]]

    @property
    def certificate(self) -> Path:
        """The certificate that all members show on HTTPS."""
        return self.first.state / "cluster.crt"

    def https_url(self, name: str) -> str:
        """Where a member listens."""
        return f"https://{self.members[name].perform('GET', '/1.0')['config']['core.https_address']}"

    def _found(self) -> None:
        """The first member makes a cluster of itself."""
        root = {"type": "disk", "path": "/", "pool": "default"}
        self._preseed(
            self.first,
            {
                "config": {"core.https_address": free_address()},
                "storage_pools": [{"name": "default", "driver": "dir"}],
                "profiles": [{"name": "default", "devices": {"root": root}}],
                "cluster": {"server_name": MEMBERS[0], "enabled": True},
            },
        )
        self.first.perform("PATCH", "/1.0", {"config": {"cluster.offline_threshold": str(OFFLINE_SECONDS)}})

    def _join(self, name: str) -> None:
        """A member that isn't in the cluster yet joins it, with a token from the first one."""
        added = subprocess.run(
            [CLIENTS[self.vendor], "cluster", "add", name],
            check=True,
            capture_output=True,
            text=True,
            timeout=JOIN_SECONDS,
            env={**os.environ, **self.first.client_environment()},
        )
        cluster = {"enabled": True, "server_address": free_address(), "cluster_token": added.stdout.split()[-1]}
        cluster["member_config"] = [{"entity": "storage-pool", "name": "default", "key": "source", "value": ""}]
        self._preseed(self.members[name], {"cluster": cluster})

    def _preseed(self, server: Server, values: dict[str, Any]) -> None:
        """Has a server configured by its own program."""
        program = daemon(self.vendor) if self.vendor == "lxd" else shutil.which("incus")
        command = [str(program), *(["admin"] if self.vendor == "incus" else []), "init", "--preseed"]
        done = subprocess.run(
            command,
            check=False,
            # JSON is YAML
            input=json.dumps(values),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=JOIN_SECONDS,
            env={**os.environ, **server.client_environment()},
        )
        if done.returncode != 0:
            raise ServerError(
                f"{self.kind}, {server.directory.name}: {done.stdout}\n{server.log.read_text(errors='replace')[-2000:]}"
            )

    def kill(self, name: str) -> None:
        """kill -9 of a member: nobody is told."""
        self.members[name].kill()

    def bring_back(self, name: str, seen_by: str = MEMBERS[0]) -> None:
        """Starts a member again on the state that it had when it was killed, and waits until the others see it."""
        server = self.members[name]
        server.launch()
        # It answers before it does all that others ask it for.
        if not wait_until(lambda: server.request("GET", "/internal/ready")[0] == 200, START_SECONDS):
            raise ServerError(f"{self.kind}, {name} does not get ready, see {server.log}")
        self.await_status(name, "Online", START_SECONDS, seen_by)

    def restart(self) -> None:
        """Kills all members and starts them again, whatever they are at."""
        for server in self.members.values():
            server.kill()
        with ThreadPoolExecutor(len(MEMBERS)) as pool:
            list(pool.map(self.bring_back, MEMBERS))

    def status_of(self, name: str, seen_by: str = MEMBERS[0]) -> str:
        """What one member says of another: Online, Offline, …"""
        return str(self.members[seen_by].perform("GET", f"/1.0/cluster/members/{name}")["status"])

    def await_status(self, name: str, status: str, seconds: float = 60, seen_by: str = MEMBERS[0]) -> None:
        """Waits until one member says so of another."""
        if not wait_until(lambda: self.status_of(name, seen_by) == status, seconds):
            raise ServerError(f"{self.kind}: {name} is {self.status_of(name, seen_by)!r}, not {status!r}")

    def leader(self) -> str:
        """The member that leads the cluster's database at this moment. While they elect one, this waits."""
        leaders: list[str] = []

        def found() -> bool:
            with contextlib.suppress(ServerError):
                members = self.first.perform("GET", "/1.0/cluster/members?recursion=1")
                leaders.extend(member["server_name"] for member in members if "database-leader" in member["roles"])
            return bool(leaders)

        if not wait_until(found, START_SECONDS):
            raise ServerError(f"{self.kind}: no member leads")
        return leaders[0]

    def stop(self) -> None:
        """Ends all members with what they run, and removes the directory. Nothing of it is needed again: nobody says goodbye."""
        servers = [Server(self.kind, self.directory / name) for name in MEMBERS if (self.directory / name).is_dir()]
        for server in servers:
            if server.process.pid is not None:
                os.kill(server.process.pid, signal.SIGKILL)
        with ThreadPoolExecutor(len(MEMBERS)) as pool:
            list(pool.map(lambda server: server.stop(remove=True), servers))
        shutil.rmtree(self.directory, ignore_errors=True)
