# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""Tasks of one node take turns. For what the servers can't do in one step: to read an object and write it back.

The lock is a name in Linux' abstract socket namespace: no file that has to be writable to all users or to be removed,
and the kernel gives it free when its process ends, however that ends.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import socket
import time
import typing as t

_PREFIX = b"\0ansible-community-lxd-"
_PAUSE_SECONDS = 0.02

PATIENCE = 60.0
"""Seconds after which a task goes on without the lock."""


@contextlib.contextmanager
def node_lock(what: str, patience: float = PATIENCE) -> t.Iterator[bool]:
    """Hold a lock for all processes of this node, whatever their user. Yields True if another process had it before.

    Never fails: after ``patience`` seconds, and where the system has no such names, it goes on without.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as lock:
        name = _PREFIX + hashlib.sha256(what.encode()).hexdigest().encode()
        ends = time.monotonic() + patience
        waited = False
        while not _bound(lock, name) and time.monotonic() < ends:
            waited = True
            time.sleep(_PAUSE_SECONDS)
        yield waited


def _bound(lock: socket.socket, name: bytes) -> bool:
    """Return False if another process has the name."""
    try:
        lock.bind(name)
    except OSError as exc:
        return exc.errno != errno.EADDRINUSE
    return True
