# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""Blocks of bytes: how content is read, hashed, sent and written without holding it in memory."""

from __future__ import annotations

import typing as t

from .record import record

BLOCK_SIZE = 1024 * 1024
"""Bytes that are read, hashed and sent at a time: memory stays flat whatever the size of an image."""

WRITE_SIZE = 64 * 1024
"""Bytes that are written to a file at a time.

For larger writes the kernel looks for long runs of free memory, which took up to three times as long.
"""


def write_block(file: t.IO[bytes], block: bytes) -> None:
    """Write all of a block."""
    view = memoryview(block)
    for offset in range(0, len(view), WRITE_SIZE):
        file.write(view[offset : offset + WRITE_SIZE])


class UploadBody(t.Protocol):
    """What can be sent without holding it in memory: blocks of bytes, and how many bytes in all."""

    def __iter__(self) -> t.Iterator[bytes]:
        """The blocks."""

    def __len__(self) -> int:
        """How many bytes."""


@record(frozen=True)
class SizedBody:
    """Blocks of a body whose size is known: sent with Content-Length."""

    blocks: t.Iterator[bytes]
    size: int

    def __len__(self) -> int:
        return self.size

    def __iter__(self) -> t.Iterator[bytes]:
        return self.blocks


def content_length(headers: t.Mapping[str, str]) -> int | None:
    """Return how many bytes an answer says that it has, or None where it does not say."""
    length = headers.get("Content-Length")
    return int(length) if length and length.isdecimal() else None
