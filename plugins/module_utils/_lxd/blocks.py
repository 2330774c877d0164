# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""Reads, hashes, sends and writes content in blocks of bytes, without holding all of it in memory."""

from __future__ import annotations

import typing as t

from .record import record

BLOCK_SIZE = 1024 * 1024
"""Bytes that are read, hashed and sent at a time: the use of memory does not depend on the size of an image."""

WRITE_SIZE = 64 * 1024
"""Bytes that are written to a file at a time.

For larger writes, the kernel looks for long runs of free memory. Such writes took up to three times as long.
"""


def write_block(file: t.IO[bytes], block: bytes) -> None:
    """Write all of a block to a file, in pieces of WRITE_SIZE bytes."""
    view = memoryview(block)
    for offset in range(0, len(view), WRITE_SIZE):
        file.write(view[offset : offset + WRITE_SIZE])


class UploadBody(t.Protocol):
    """A request body that is sent without holding it in memory: its blocks, and its size."""

    def __iter__(self) -> t.Iterator[bytes]:
        """Return the blocks of the body."""

    def __len__(self) -> int:
        """Return the size of the body in bytes."""


@record(frozen=True)
class SizedBody:
    """A body of known size, which is sent with Content-Length. ``size``: bytes of all ``blocks``."""

    blocks: t.Iterator[bytes]
    size: int

    def __len__(self) -> int:
        return self.size

    def __iter__(self) -> t.Iterator[bytes]:
        return self.blocks


def content_length(headers: t.Mapping[str, str]) -> int | None:
    """Return the header Content-Length of an answer in bytes, or None if it is missing or not a number."""
    length = headers.get("Content-Length")
    return int(length) if length and length.isdecimal() else None
