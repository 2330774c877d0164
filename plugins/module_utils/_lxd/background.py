# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""Threads that work beside a task, and their end: when a task is broken off, none of them may go on."""

from __future__ import annotations

import threading
import typing as t

from .errors import LXDStopped

STOP_SECONDS = 30.0
"""Seconds that the end of a task waits for its threads. Each checks the sign between two blocks or two requests."""


class StopSign:
    """Tells all threads of one task that the task has ended."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def set(self) -> None:
        self._event.set()

    def check(self) -> None:
        """Raise LXDStopped if the task has ended."""
        if self._event.is_set():
            raise LXDStopped("The task was broken off.")


_current = StopSign()
_threads: list[threading.Thread] = []


def stop_sign() -> StopSign:
    """Return the sign of the task that runs now. Threads of the task keep it, and check it from time to time."""
    return _current


def stop_all() -> None:
    """End the threads of the task, and wait for them. Threads that start afterwards belong to the next task."""
    global _current
    _current.set()
    for thread in _threads:
        thread.join(STOP_SECONDS)
    _threads.clear()
    _current = StopSign()


class Background:
    """A call in a thread of its own. result() raises its error."""

    def __init__(self, call: t.Callable[[], t.Any]) -> None:
        self._call = call
        self._error: BaseException | None = None
        self._value: t.Any = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        _threads.append(self._thread)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._value = self._call()
        except BaseException as exc:
            self._error = exc

    @property
    def done(self) -> bool:
        return not self._thread.is_alive()

    def result(self) -> t.Any:
        """Wait for the call, and return what it returned. Raises what it raised."""
        self._thread.join()
        if self._error is not None:
            raise self._error
        return self._value
