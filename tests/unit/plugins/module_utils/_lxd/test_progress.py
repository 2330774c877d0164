# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.community.lxd.plugins.module_utils._lxd.progress import (
    Progress,
    describe_transfer,
    format_size,
)


class Told(Progress):
    """With a clock that each look at moves on by a second."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.seconds = 0.0
        super().__init__(self.lines.append, every=10, clock=self._look)

    def _look(self) -> float:
        self.seconds += 1
        return self.seconds


def test_what_is_short_says_nothing() -> None:
    told = Told()
    assert list(told.transfer("import", [b"12", b"345"], 5)) == [b"12", b"345"]
    told.say("copy", "rootfs: 17%")
    told.count("images", 1, 2, "done")
    assert told.lines == []


def test_at_most_a_line_in_ten_seconds() -> None:
    told = Told()
    assert b"".join(told.transfer("import 'a'", [b"x" * 1024] * 40, 40 * 1024)) == b"x" * 40 * 1024
    assert len(told.lines) == 4
    assert told.lines[0] == "import 'a': 9.0 KiB of 40.0 KiB (22 %), 922 B/s, 34 s left"


def test_what_others_say_is_passed_on() -> None:
    told = Told()
    told.seconds = 100
    told.say("copy the image", "rootfs: 17% (696.41kB/s)")
    told.seconds = 200
    told.count("images", 12, 500, "done")
    assert told.lines == ["copy the image: rootfs: 17% (696.41kB/s)", "images: 12 of 500 done"]


@pytest.mark.parametrize(
    ("done", "total", "seconds", "words"),
    [
        (0, None, 0.0, "0 B, 0 B/s"),
        (3 * 2**29, 2**32, 12.8, "1.5 GiB of 4.0 GiB (37 %), 120.0 MiB/s, 21 s left"),
        (2**20, None, 1.0, "1.0 MiB, 1.0 MiB/s"),
        (10, 10, 1.0, "10 B of 10 B (100 %), 10 B/s"),
        (10, 0, 1.0, "10 B, 10 B/s"),
    ],
)
def test_a_transfer(done: int, total: int | None, seconds: float, words: str) -> None:
    assert describe_transfer(done, total, seconds) == words


@pytest.mark.parametrize(
    ("size", "words"),
    [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (1.5 * 2**40, "1.5 TiB"), (2**60, "1048576.0 TiB")],
)
def test_sizes(size: float, words: str) -> None:
    assert format_size(size) == words
