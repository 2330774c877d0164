# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs playbooks by ansible-playbook, on a server that is slow where a test wants it to be."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from stores import SCRATCH, Store, servers

PLUGINS = Path(__file__).with_name("plugins")
BLOCK = 16384
Task = dict[str, Any]


class SlowSocket:
    """A unix socket in front of a server's. ``rate``: so many bytes a second go to the server, None: all at once."""

    def __init__(self, listen: Path, upstream: Path) -> None:
        self.upstream = upstream
        self.rate: float | None = None
        self.sent = 0
        self.url = f"unix:{listen}"
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(listen))
        self._listener.listen(20)
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _address = self._listener.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            server.connect(str(self.upstream))
            for source, target, slow in ((client, server, True), (server, client, False)):
                threading.Thread(target=self._pump, args=(source, target, slow), daemon=True).start()

    def _pump(self, source: socket.socket, target: socket.socket, slow: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(BLOCK):
                target.sendall(data)
                if slow:
                    self.sent += len(data)
                    # looked at anew after each block: a test may have had enough of it
                    until = time.monotonic() + len(data) / self.rate if self.rate else 0
                    while self.rate and time.monotonic() < until:
                        time.sleep(0.01)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


class Playbook:
    """A run of ansible-playbook that was started. ``files``: what is to be copied into its folder. ``hosts``: all of them are this node.

    ``inventory``: groups of hosts with their variables, in place of ``hosts``. ``tasks`` may be the name of a playbook of the collection.
    ``results``: the tasks' names and results, in their order, once it has ended. ``by_host``: the same, with the host.
    """

    def __init__(
        self,
        folder: Path,
        store: Store,
        tasks: Sequence[Task] | str,
        variables: Mapping[str, Any] | None = None,
        *words: str,
        every: float = 60,
        files: Mapping[str, Path] | None = None,
        hosts: Sequence[str] = ("localhost",),
        inventory: Mapping[str, Any] | None = None,
    ) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        self.folder, self.temporary = folder, folder / "temporary"
        self.temporary.mkdir(parents=True)
        for name, path in (files or {}).items():
            (folder / name).parent.mkdir(exist_ok=True)
            shutil.copy(path, folder / name)
        given = {"ansible_python_interpreter": sys.executable, "community_lxd_in_process": True, **(variables or {})}
        play = {"hosts": "all", "gather_facts": False, "vars": given, "tasks": list(tasks)}
        if isinstance(tasks, str):
            play = {"ansible.builtin.import_playbook": f"community.lxd.{tasks}", "vars": given}
        # JSON is YAML
        (folder / "play.yml").write_text(json.dumps([play]))
        (folder / "inventory.yml").write_text(json.dumps(inventory))
        self._results, self._output = folder / "results", folder / "output"
        self._results.touch()
        environment = {
            **{
                name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "COMMUNITY_LXD_"))
            },
            **store.environment,
            "TMPDIR": str(self.temporary),
            "ANSIBLE_COLLECTIONS_PATH": str(SCRATCH / "tree"),
            "ANSIBLE_CALLBACK_PLUGINS": str(PLUGINS / "callback"),
            "ANSIBLE_CALLBACKS_ENABLED": "recorded",
            "ANSIBLE_LOOKUP_PLUGINS": str(PLUGINS / "lookup"),
            "ANSIBLE_LOCAL_TEMP": str(folder / "local"),
            "ANSIBLE_REMOTE_TEMP": str(folder / "remote"),
            "ANSIBLE_NOCOLOR": "1",
            "FRONTS_RESULTS": str(self._results),
            "FRONTS_EVERY": str(every),
        }
        command = [
            str(Path(sys.executable).with_name("ansible-playbook")),
            "-i",
            str(folder / "inventory.yml") if inventory else ",".join([*hosts, ""]),
            "-c",
            "local",
            *words,
            str(folder / "play.yml"),
        ]
        with self._output.open("wb") as output:
            self.process = subprocess.Popen(  # pylint: disable=consider-using-with
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=environment,
                cwd="/",
                start_new_session=True,
            )

    @property
    def output(self) -> str:
        return self._output.read_text(errors="replace")

    @property
    def by_host(self) -> list[tuple[str, str, dict[str, Any]]]:
        lines = [json.loads(line) for line in self._results.read_text().splitlines()]
        return [(line["host"], line["task"], line["result"]) for line in lines]

    @property
    def results(self) -> list[tuple[str, dict[str, Any]]]:
        return [(task, result) for _host, task, result in self.by_host]

    def wait(self, seconds: float = 90) -> Playbook:
        """Its end, and that of all that it has started."""
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            output = self.output
            self.kill()
            raise AssertionError(f"still at work after {seconds} s\n{output}") from None
        assert servers.wait_until(lambda: not self.processes(), 20), f"processes go on: {self.processes()}"
        return self

    def kill(self) -> None:
        """All of it."""
        for pid in self.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait(10)

    def processes(self) -> list[int]:
        """Those that it has started and that live, and itself. Workers have sessions of their own."""
        return [
            pid for pid in servers.descendants(f"FRONTS_RESULTS={self._results}") if servers.start_time(pid) is not None
        ]

    def workers(self) -> list[int]:
        return [pid for pid in self.processes() if pid != self.process.pid]

    def left_over(self) -> list[str]:
        return sorted(os.listdir(self.temporary))


def await_true(condition: Callable[[], bool], run: Playbook, seconds: float = 40) -> None:
    assert servers.wait_until(condition, seconds), run.output
