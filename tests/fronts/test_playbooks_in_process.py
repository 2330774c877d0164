# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What happens to Ansible's own process while a task of the collection runs in it: broken off, interrupted, killed. And what the task finds there."""

from __future__ import annotations

import functools
import hashlib
import http.server
import os
import re
import signal
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from stores import IMAGES, SCRATCH, Settings, Store, World, images, servers

from playbooks import Playbook, SlowSocket, Task, await_true

OLD, SMALL, OTHER = IMAGES[:3]
BIG = SCRATCH / "big.tar"
BIG_MEBIBYTES = 6
SLOW = 1 << 20
ONE_VENDOR = pytest.mark.parametrize("store", servers.CHOSEN[:1], indirect=True, scope="session")
"""Where nothing is the server's."""
SECRET = "correct-horse-battery"
BEFORE = World({OLD.fingerprint: Settings(properties=dict(OLD.properties))}, {"demo": (OLD.fingerprint, "described")})


@pytest.fixture(scope="module")
def big() -> str:
    """The fingerprint of a file that takes some seconds."""
    images.big(BIG, BIG_MEBIBYTES)
    return hashlib.sha256(BIG.read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def huge() -> Iterator[Path]:
    """An image whose fingerprint takes longer than the task may: most of the file is a hole."""
    path = images.big(SCRATCH / "huge.tar", 1)
    with tarfile.open(path, "a") as tar:
        blob, _content = images.entry("rootfs/hole", b"", mode=0o644)
        blob.size = 20 << 30
        end = tar.offset
        header = blob.tobuf(tarfile.GNU_FORMAT)
    with path.open("r+b") as raw:
        raw.seek(end)
        raw.write(header)
    os.truncate(path, end + len(header) + blob.size + 2 * tarfile.BLOCKSIZE)
    yield path
    path.unlink()


def task(name: str, module: str, options: dict[str, Any], **more: Any) -> Task:
    return {"name": name, f"community.lxd.{module}": options, **more}


def file(path: Path | str) -> dict[str, Any]:
    return {"type": "file", "path": str(path)}


LOOP = {"loop": ["{{ huge }}", str(SMALL.path)], "timeout": 3, "ignore_errors": True}
ALONE = {
    "name": "demo",
    "source": file("{{ item }}"),
    "previous": "delete",
    "properties": {"threads": "{{ lookup('own_threads') }}"},
}


@pytest.mark.parametrize(
    ("module", "options"),
    (
        ("lxd_image", ALONE),
        ("lxd_image_store", {"images": [ALONE, {"name": "other", "source": file(OTHER.path)}], "concurrency": 2}),
    ),
    ids=("image", "store"),
)
def test_an_item_that_takes_too_long(
    store: Store, slow: SlowSocket, tmp_path: Path, huge: Path, module: str, options: dict[str, Any]
) -> None:
    """The worker goes on with the next item: nothing of the first one is at work any more."""
    store.fill(BEFORE)
    slow.rate = SLOW
    run = Playbook(
        tmp_path / "run", store, [task("twice", module, {"url": slow.url, **options}, **LOOP)], {"huge": str(huge)}
    ).wait()
    (_name, first), (_name, second), *_whole = run.results
    # ansible-core 2.17 only has words for it
    assert "timedout" in first or "expected time frame" in first["msg"], run.output
    assert not second.get("failed") and second["changed"], run.output
    assert run.left_over() == []
    # the property says how many threads there were when the second item began
    expected = World(
        {SMALL.fingerprint: Settings(properties={**SMALL.properties, "threads": "0"})},
        {"demo": (SMALL.fingerprint, "described")},
    )
    if module == "lxd_image_store":
        expected.images[OTHER.fingerprint] = Settings(properties=dict(OTHER.properties))
        expected.aliases["other"] = (OTHER.fingerprint, "")
    assert store.read().world == expected
    store.assert_alive()


def import_big(_web: str) -> dict[str, Any]:
    return {"source": file(BIG)}


def fetch_big(web: str) -> dict[str, Any]:
    return {"state": "latest", "source": {"type": "url", "url": f"{web}/{BIG.name}"}}


@pytest.fixture(scope="module")
def web() -> Iterator[str]:
    """A web server with the big image."""
    handler = functools.partial(QuietHandler, directory=str(SCRATCH))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.1,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_arguments: Any) -> None:
        """Says nothing."""


def interrupt(run: Playbook) -> None:
    """As from the keyboard."""
    os.killpg(run.process.pid, signal.SIGINT)


def interrupt_main(run: Playbook) -> None:
    os.kill(run.process.pid, signal.SIGINT)


def kill_worker(run: Playbook) -> None:
    """kill -9"""
    for pid in run.workers():
        os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize(
    ("end", "what"),
    ((interrupt, import_big), (interrupt_main, fetch_big), (kill_worker, import_big), (kill_worker, fetch_big)),
    ids=("keyboard-import", "interrupt-fetch", "kill-import", "kill-fetch"),
)
def test_what_is_broken_off_is_finished_by_the_next_run(
    store: Store, slow: SlowSocket, tmp_path: Path, big: str, web: str, end: Any, what: Any
) -> None:
    store.fill(BEFORE)
    options = {"url": slow.url, "name": "demo", "previous": "delete", "properties": {"stage": "x"}, **what(web)}
    slow.rate = SLOW
    run = Playbook(tmp_path / "run", store, [task("slowly", "lxd_image", options)])
    await_true(lambda: slow.sent > SLOW, run)
    end(run)
    run.wait(30)
    assert run.process.returncode != 0
    assert run.left_over() == []
    assert store.read().world == BEFORE
    slow.rate = None
    again = Playbook(tmp_path / "again", store, [task("again", "lxd_image", options)]).wait()
    assert again.process.returncode == 0 and again.results[0][1]["changed"], again.output
    world = store.read().world
    assert world.aliases == {"demo": (big, "described")}
    assert set(world.images) == {big} and world.images[big].properties["stage"] == "x"


@ONE_VENDOR
def test_what_a_task_finds_in_the_process(store: Store, tmp_path: Path) -> None:
    """The environment of the task, its home, and the playbook's folder: in-process the same as in a module's process."""
    readings, results = [], []
    for in_process in (True, False):
        store.fill(BEFORE)
        run = Playbook(
            tmp_path / "run",
            store,
            [
                task(
                    "folder",
                    "lxd_image",
                    {"name": "small", "source": file("small.tar.gz")},
                    environment={"LXD_URL": store.server.url},
                ),
                task(
                    "home",
                    "lxd_image",
                    {"name": "other", "source": file("~/other.tar.gz")},
                    environment={"LXD_URL": store.server.url, "HOME": "{{ playbook_dir }}/home"},
                ),
                task(
                    "elsewhere",
                    "lxd_image",
                    {"name": "demo"},
                    environment={"LXD_URL": "unix:/nowhere/unix.socket"},
                    ignore_errors=True,
                ),
            ],
            {"community_lxd_in_process": in_process},
            files={"small.tar.gz": SMALL.path, "home/other.tar.gz": OTHER.path},
        ).wait()
        found = dict(run.results)
        assert found["folder"]["changed"] and found["home"]["changed"], run.output
        assert "/nowhere/unix.socket" in found["elsewhere"]["msg"] and not found["elsewhere"]["changed"]
        results.append(
            {name: (result.get("actions"), result.get("diff"), result.get("msg")) for name, result in found.items()}
        )
        readings.append(store.read().world)
    assert readings[0] == readings[1] and readings[0].aliases == {
        "demo": (OLD.fingerprint, "described"),
        "small": (SMALL.fingerprint, ""),
        "other": (OTHER.fingerprint, ""),
    }
    assert results[0] == results[1]


@ONE_VENDOR
def test_progress_is_told_and_secrets_are_not(
    store: Store, slow: SlowSocket, tmp_path: Path, big: str, web: str
) -> None:
    store.fill(World())
    slow.rate = 16 * SLOW
    imported = {"url": slow.url, "name": "demo", "source": file(BIG)}
    run = Playbook(
        tmp_path / "run",
        store,
        [
            task("import", "lxd_image", {**imported, "trust_token": SECRET}),
            task("remove", "lxd_image", {"url": slow.url, "name": "demo", "state": "absent"}),
            task("fetch", "lxd_image", {**imported, "source": {"type": "url", "url": f"{web}/{BIG.name}"}}),
            task("remove", "lxd_image", {"url": slow.url, "name": "demo", "state": "absent"}),
            task("store", "lxd_image_store", {"url": slow.url, "images": [{"name": "demo", "source": file(BIG)}]}),
            task("remove", "lxd_image", {"url": slow.url, "name": "demo", "state": "absent"}),
            task("hidden", "lxd_image", imported, no_log=True),
            task("export", "lxd_image_export", {"url": slow.url, "name": "demo", "dest": str(tmp_path / "exported")}),
            task(
                "wrong",
                "lxd_image",
                {"trust_token": SECRET, "nonsense": SECRET, "source": {"type": "file", "secret": SECRET}},
                ignore_errors=True,
            ),
        ],
        None,
        "-vvv",
        every=0.01,
    ).wait()
    assert run.process.returncode == 0, run.output
    told = {
        name: [line for line in run.output.splitlines() if line.startswith(f"{name}: ")]
        for name in ("import", "fetch", "store", "hidden", "export")
    }
    assert all(bool(lines) == (name != "hidden") for name, lines in told.items()), (told, run.output)
    assert any(re.search(r"MiB of 6\.\d MiB \(\d+ %\), .*/s", line) for line in told["import"]), told["import"]
    assert "wrong" in dict(run.results) and dict(run.results)["wrong"].get("msg")
    assert SECRET not in run.output and SECRET not in str(run.results)
    assert run.left_over() == []


# one server for many hosts


@pytest.mark.parametrize("in_process", [True, False])
def test_fifty_hosts_that_share_a_server(store: Store, tmp_path: Path, in_process: bool) -> None:
    """All of them succeed, and there is one image: one host imports it, and the others find it."""
    store.fill(World())
    tasks = [
        task("import", "lxd_image", {"name": "demo", "source": file(SMALL.path), "properties": {"stage": "golden"}}),
        task("again", "lxd_image", {"name": "demo", "source": file(SMALL.path), "properties": {"stage": "golden"}}),
    ]
    hosts = [f"h{number}" for number in range(50 if in_process else 10)]
    run = Playbook(
        tmp_path / "r", store, tasks, {"community_lxd_in_process": in_process}, "--forks", "20", hosts=hosts
    ).wait(180)
    assert run.process.returncode == 0, run.output
    results = run.results
    assert len(results) == 2 * len(hosts)
    assert not [result for _name, result in results if result.get("failed")]
    actions = [action for _name, result in results for action in result["actions"]]
    assert actions.count("import") == 1, actions
    assert not [result for name, result in results if name == "again" and result["changed"]]
    assert {result["fingerprint"] for _name, result in results} == {SMALL.fingerprint}
    reading = store.read()
    assert list(reading.images) == [SMALL.fingerprint]
    assert run.left_over() == []
