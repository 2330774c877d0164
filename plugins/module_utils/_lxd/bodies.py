# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""Reads the bodies of responses within bounds: bytes and seconds for a document, a lowest rate for an image.

A socket's timeout is only that between two bytes: a body that comes byte by byte would never end.
"""

from __future__ import annotations

import http.client
import time
import typing as t
import zlib

from .blocks import BLOCK_SIZE

if t.TYPE_CHECKING:
    import requests

MIB = 1024 * 1024

LONGEST_DOCUMENT = 64 * MIB
"""Bytes of a document, unpacked."""

SLOWEST_BYTES, SLOWEST_SECONDS = 4096, 60.0
"""An image of which less than these bytes arrive in these seconds is given up."""

_PIECE = 64 * 1024
_UNPACKED = 8 * _PIECE
"""Bytes that are unpacked at a time, however many a compressed piece has."""


class BoundError(OSError):
    """A body exceeds a bound. Its text says which one."""


def read_document(response: requests.Response, longest: int, seconds: float) -> bytes:
    """Return the whole body of a response, unpacked if it is gzip.

    ``longest``: bytes, unpacked. ``seconds``: from now until its end. Raises BoundError if it is longer or takes
    longer, and one of BROKEN_BODY if the connection breaks off.
    """
    begun, size, parts = time.monotonic(), 0, []
    for part in _unpacked(_arriving(response), response.headers.get("Content-Encoding", "")):
        size += len(part)
        if size > longest:
            raise BoundError(f"the response is longer than {longest // MIB} MiB")
        if time.monotonic() - begun > seconds:
            raise BoundError(f"the response has not ended after {seconds:g} seconds")
        parts.append(part)
    return b"".join(parts)


def image_blocks(response: requests.Response) -> t.Iterator[bytes]:
    """Yield the body of a response as the server has stored it, in blocks of about BLOCK_SIZE.

    A server may declare the compression of an archive as the encoding of the response; the archive must not be unpacked
    then. Raises BoundError if the body arrives too slowly, and one of BROKEN_BODY if the connection breaks off.
    """
    parts, size = list[bytes](), 0
    begun, arrived = time.monotonic(), 0
    for part in _arriving(response):
        parts.append(part)
        size += len(part)
        arrived += len(part)
        if time.monotonic() - begun > SLOWEST_SECONDS:
            if arrived < SLOWEST_BYTES:
                raise BoundError(f"only {arrived} bytes have arrived in {SLOWEST_SECONDS:g} seconds")
            begun, arrived = time.monotonic(), 0
        if size >= BLOCK_SIZE:
            yield b"".join(parts)
            parts, size = [], 0
            begun, arrived = time.monotonic(), 0
    if parts:
        yield b"".join(parts)


def _arriving(response: requests.Response) -> t.Iterator[bytes]:
    """Yield the body as it arrives, without waiting for a piece to be full, which urllib3 does."""
    reply: t.Any = getattr(response.raw, "_fp", None)
    if not hasattr(reply, "read1"):
        while part := response.raw.read(_PIECE):
            yield part
        return
    while part := reply.read1(_PIECE):
        yield part
    # urllib3 closes the reply, returns the connection to its pool, and raises an error if the body is too short
    rest = response.raw.read(decode_content=False)
    if getattr(reply, "length", None):
        raise http.client.IncompleteRead(b"", reply.length)
    if rest:
        yield rest


def _unpacked(parts: t.Iterator[bytes], encoding: str) -> t.Iterator[bytes]:
    """Yield the bytes of parts that may be compressed, never many more at a time than are compressed."""
    if encoding.lower() in ("", "identity"):
        yield from parts
        return
    if encoding.lower() not in ("gzip", "x-gzip", "deflate"):
        raise BoundError(f"the response has the encoding {encoding!r}, which was not asked for")
    # 32: gzip and zlib are told apart
    unpacker = zlib.decompressobj(zlib.MAX_WBITS | 32)
    for part in parts:
        while part:
            try:
                yield unpacker.decompress(part, _UNPACKED)
            except zlib.error as exc:
                raise BoundError(f"the response cannot be unpacked: {exc}") from exc
            part = unpacker.unconsumed_tail
