# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""Runs calls in threads beside a task, and ends the threads with the task: none may go on after it was interrupted."""

from __future__ import annotations

import threading
import typing as t

from .errors import LXDStopped

STOP_SECONDS = 30.0
"""Seconds that stop_all() waits for each thread. A thread checks the sign between two blocks or two requests."""


class StopSign:
    """Tells all threads of one task that the task has ended."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def set(self) -> None:
        """Mark the task as ended: from now on, check() raises LXDStopped in each of its threads."""
        self._event.set()

    def check(self) -> None:
        """Raise LXDStopped if the task has ended."""
        if self._event.is_set():
            raise LXDStopped("The task was interrupted.")


_current = StopSign()
_threads: list[threading.Thread] = []


def stop_sign() -> StopSign:
    """Return the sign of the current task. Threads of the task keep it, and check it from time to time."""
    return _current


def stop_all() -> None:
    """Stop the threads of the current task and wait for them. Threads that start afterwards belong to the next task."""
    global _current
    _current.set()
    for thread in _threads:
        thread.join(STOP_SECONDS)
    _threads.clear()
    _current = StopSign()


class Background:
    """Runs a call in a thread of its own, from now on. result() returns its value or raises its error."""

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
        """Whether the call has ended, with a value or with an error."""
        return not self._thread.is_alive()

    def result(self) -> t.Any:
        """Wait for the call, and return its value. Raises the error of the call."""
        self._thread.join()
        if self._error is not None:
            raise self._error
        return self._value
