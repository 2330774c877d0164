# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import multiprocessing
import socket
import threading
import time

import pytest

from ansible_collections.community.lxd.plugins.module_utils._lxd.node_lock import node_lock

LONG = 30.0


@pytest.fixture
def what(request: pytest.FixtureRequest, tmp_path: object) -> str:
    return f"{tmp_path} {request.node.name}"


def hold(what: str, ready: object) -> None:
    with node_lock(what, LONG):
        ready.set()
        time.sleep(LONG)


def test_one_after_another(what: str) -> None:
    inside, most = 0, 0

    def work() -> None:
        nonlocal inside, most
        for _round in range(5):
            with node_lock(what, LONG):
                inside += 1
                most = max(most, inside)
                time.sleep(0.002)
                inside -= 1

    threads = [threading.Thread(target=work) for _number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1


def test_others_do_not_wait(what: str) -> None:
    with node_lock(what, LONG):
        begin = time.monotonic()
        with node_lock(what + " of another", LONG) as waited:
            assert not waited
            assert time.monotonic() - begin < LONG / 2


def test_it_is_free_after_an_error(what: str) -> None:
    with pytest.raises(KeyError), node_lock(what, LONG):
        raise KeyError
    begin = time.monotonic()
    with node_lock(what, LONG):
        assert time.monotonic() - begin < LONG / 2


def test_patience_ends(what: str) -> None:
    with node_lock(what, LONG):
        begin = time.monotonic()
        with node_lock(what, 0.1) as waited:
            assert waited
            assert 0.1 <= time.monotonic() - begin < LONG / 2


def test_a_killed_process_holds_nothing(what: str) -> None:
    ready = multiprocessing.get_context("spawn").Event()
    process = multiprocessing.get_context("spawn").Process(target=hold, args=(what, ready))
    process.start()
    assert ready.wait(LONG)
    process.kill()
    process.join()
    begin = time.monotonic()
    with node_lock(what, LONG):
        assert time.monotonic() - begin < LONG / 2


def test_it_goes_on_where_the_system_has_no_such_names(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    class Elsewhere(socket.socket):
        def bind(self, address: object) -> None:
            raise FileNotFoundError(2, "No such file or directory")

    monkeypatch.setattr(socket, "socket", Elsewhere)
    with node_lock(what, LONG), node_lock(what, LONG):
        pass
