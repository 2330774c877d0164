# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""Does the same for many images, several at the same time. Each thread has a connection of its own."""

from __future__ import annotations

import contextlib
import queue
import typing as t
from concurrent.futures import ThreadPoolExecutor

from .._lxd.background import stop_all, stop_sign
from .._lxd.errors import LXDError

if t.TYPE_CHECKING:
    from .image_reader import ImageReader

Item = t.TypeVar("Item")
Value = t.TypeVar("Value")


@contextlib.contextmanager
def thread_pool(number: int) -> t.Iterator[ThreadPoolExecutor]:
    """Yield a pool of threads that all end if the task is interrupted. After an error, no other call begins."""
    pool = ThreadPoolExecutor(max_workers=number)
    try:
        yield pool
    except LXDError:
        # what has begun is done; only an interrupt stops all other threads of the task
        pool.shutdown(cancel_futures=True)
        raise
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        # each thread checks it before its next request
        stop_sign().set()
        pool.shutdown()
        stop_all()
        raise
    pool.shutdown()


def map_side_by_side(
    reader: ImageReader,
    call: t.Callable[[ImageReader, Item], Value],
    items: t.Sequence[Item],
    number: int,
    what: str,
) -> list[Value]:
    """Return ``call(reader, item)`` for each item, in the order of the items. Raises the first error of a call.

    ``number``: how many calls run at the same time; each gets a reader whose connection no other call uses. ``what``:
    the work, for messages about the progress.
    """
    readers: queue.SimpleQueue[ImageReader] = queue.SimpleQueue()
    for place in range(min(number, len(items))):
        readers.put(reader if place == 0 else reader.reconnected())

    def run(item: Item) -> Value:
        own = readers.get()
        try:
            return call(own, item)
        finally:
            readers.put(own)

    values = []
    with thread_pool(number) as pool:
        for value in pool.map(run, items):
            values.append(value)
            if reader.client.progress:
                reader.client.progress.count(what, len(values), len(items), "done")
    return values
