# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""A lock between the tasks of one node. It protects work that the servers cannot do in one step: read, then write back.

The lock is a name in Linux' abstract socket namespace: it requires no file that all users can write and somebody has to
remove, and the kernel releases it when its process ends, even if the process is killed.
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
    """Hold a lock for all processes of this node, of all users. Yields True if it waited for another process.

    ``what``: the name of the lock. ``patience``: seconds to wait for it. Never fails: after these seconds, and on a
    system without abstract sockets, the caller goes on without the lock.
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
    """Bind a socket to a name. Returns False if another process has the name; any other error counts as bound."""
    try:
        lock.bind(name)
    except OSError as exc:
        return exc.errno != errno.EADDRINUSE
    return True
