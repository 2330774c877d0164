# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import threading
import time

import pytest

from ansible_collections.community.lxd.plugins.module_utils._lxd.background import Background, stop_all, stop_sign
from ansible_collections.community.lxd.plugins.module_utils._lxd.errors import LXDStopped


def test_a_result_and_an_error() -> None:
    work = Background(lambda: 42)
    assert work.result() == 42 and work.done
    with pytest.raises(ZeroDivisionError):
        Background(lambda: 1 // 0).result()
    stop_all()


def test_the_end_of_a_task_ends_what_works_for_it() -> None:
    before = threading.active_count()
    sign = stop_sign()

    def work() -> None:
        while True:
            sign.check()
            time.sleep(0.001)

    works = [Background(work) for _number in range(3)]
    assert not any(item.done for item in works)
    stop_all()
    assert threading.active_count() == before
    for item in works:
        with pytest.raises(LXDStopped):
            item.result()


def test_the_next_task_is_not_stopped() -> None:
    old = stop_sign()
    stop_all()
    with pytest.raises(LXDStopped):
        old.check()
    stop_sign().check()
