# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""Shows the progress of long work: the amount done, the total, the rate, and the time left."""

from __future__ import annotations

import time
import typing as t

EVERY_SECONDS = 10.0
"""Seconds before the first message, and between two."""

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


class Progress:
    """Shows the progress of a task, at most one message in ``every`` seconds.

    Several threads may use it: one message more or less does no harm. ``tell``: a function that shows a text to the
    user. ``clock``: a function that returns seconds.
    """

    def __init__(
        self, tell: t.Callable[[str], None], every: float = EVERY_SECONDS, clock: t.Callable[[], float] = time.monotonic
    ) -> None:
        self._tell, self._every, self._clock = tell, every, clock
        self._last = clock()

    def _is_due(self) -> bool:
        now = self._clock()
        if now - self._last < self._every:
            return False
        self._last = now
        return True

    def say(self, what: str, words: str) -> None:
        """Show a progress text that the server returns, such as that of its own download."""
        if self._is_due():
            self._tell(f"{what}: {words}")

    def count(self, what: str, done: int, total: int, unit: str) -> None:
        """Show the number of things that are done. ``unit``: the name of the things in the plural."""
        if self._is_due():
            self._tell(f"{what}: {done} of {total} {unit}")

    def transfer(self, what: str, blocks: t.Iterable[bytes], total: int | None) -> t.Iterator[bytes]:
        """Yield the blocks, and show how much of ``total`` bytes has passed; the total may be unknown (None)."""
        begun = self._clock()
        done = 0
        for block in blocks:
            yield block
            done += len(block)
            if self._is_due():
                self._tell(f"{what}: {describe_transfer(done, total, self._clock() - begun)}")


def describe_transfer(done: int, total: int | None, seconds: float) -> str:
    """Return the progress of a transfer as text, such as "1.5 GiB of 4.0 GiB (37 %), 120.0 MiB/s, 21 s left".

    ``done``, ``total``: bytes. ``seconds``: the time since the transfer began.
    """
    rate = done / seconds if seconds > 0 else 0.0
    of_how_much = f" of {format_size(total)} ({100 * done // total} %)" if total else ""
    left = f", {round((total - done) / rate)} s left" if total and rate and total > done else ""
    return f"{format_size(done)}{of_how_much}, {format_size(rate)}/s{left}"


def format_size(size: float) -> str:
    """Return a number of bytes as text for people, such as "512 B" or "1.5 GiB"."""
    unit = 0
    while size >= 1024 and unit < len(_UNITS) - 1:
        size, unit = size / 1024, unit + 1
    return f"{size:.0f} B" if unit == 0 else f"{size:.1f} {_UNITS[unit]}"
