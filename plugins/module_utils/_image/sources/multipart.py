# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""Builds and reads the multipart body of a split image, block by block. Pure."""

from __future__ import annotations

import typing as t
import uuid
from email.message import Message

from ..._lxd.errors import LXDAPIError


def boundary_of(content_type: str) -> str | None:
    """Return the boundary of a multipart body, or None for a plain one."""
    message = Message()
    message["Content-Type"] = content_type
    return message.get_boundary() if message.get_content_maintype() == "multipart" else None


def part_head(boundary: str, name: str, filename: str) -> bytes:
    """Return the bytes before the content of a part: its delimiter and headers.

    The file name is UTF-8, as both servers read it. Characters that would end it are escaped.
    """
    escaped = filename.replace("\\", "\\\\").replace('"', '\\"')
    disposition = f'Content-Disposition: form-data; name="{name}"; filename="{escaped}"'
    return f"--{boundary}\r\n{disposition}\r\nContent-Type: application/octet-stream\r\n\r\n".encode()


def multipart_frame(parts: t.Sequence[str], filename: str) -> tuple[list[bytes], str]:
    """Return the bytes before each part and after the last one, and the content type. A single part has no frame.

    The servers recognize the parts by their names and order (metadata, then rootfs or rootfs.img).
    """
    if len(parts) == 1:
        return [b"", b""], "application/octet-stream"
    boundary = uuid.uuid4().hex
    pieces = [
        (b"\r\n" if position else b"") + part_head(boundary, name, filename) for position, name in enumerate(parts)
    ]
    return [*pieces, f"\r\n--{boundary}--\r\n".encode()], f"multipart/form-data; boundary={boundary}"


def clean_filename(name: str) -> str:
    """Return a file name that every request can carry: on the node, a file name may have any bytes."""
    return "".join(character if character.isprintable() else "_" for character in name).strip()


def rename_parts(blocks: t.Iterator[bytes], boundary: str, filename: str) -> t.Iterator[bytes]:
    """Yield a multipart body with another file name in each part: a server names the files after the fingerprint."""
    before = b""
    for name, content in MultipartReader(blocks, boundary):
        yield before + part_head(boundary, name, filename)
        yield from content
        before = b"\r\n"
    yield f"\r\n--{boundary}--\r\n".encode()


class MultipartReader:
    """Reads the parts of a body: (name, blocks). Each part must be read to its end before the next one."""

    def __init__(self, blocks: t.Iterator[bytes], boundary: str) -> None:
        self._blocks = blocks
        self._delimiter = b"\r\n--" + boundary.encode()
        self._buffer = b"\r\n"  # the first delimiter has no line break before it

    def __iter__(self) -> t.Iterator[tuple[str, t.Iterator[bytes]]]:
        for _preamble in self._until_delimiter():
            pass
        while not self._starts_with(b"--"):
            head = self._read_head()
            yield self._name(head), self._until_delimiter()

    def _fill(self) -> None:
        block = next(self._blocks, b"")
        if not block:
            raise LXDAPIError(
                "The download of the image was cut short: the end of its last part is missing.", status=200
            )
        self._buffer += block

    def _starts_with(self, text: bytes) -> bool:
        while len(self._buffer) < len(text):
            self._fill()
        return self._buffer.startswith(text)

    def _read_head(self) -> bytes:
        while b"\r\n\r\n" not in self._buffer:
            self._fill()
        head, _end, self._buffer = self._buffer.partition(b"\r\n\r\n")
        return head

    @staticmethod
    def _name(head: bytes) -> str:
        for line in head.split(b"\r\n"):
            if line.lower().startswith(b"content-disposition:"):
                message = Message()
                message["Content-Disposition"] = line.partition(b":")[2].decode("latin-1").strip()
                return str(message.get_param("name", "", "Content-Disposition"))
        return ""

    def _until_delimiter(self) -> t.Iterator[bytes]:
        while True:
            content, delimiter, rest = self._buffer.partition(self._delimiter)
            if delimiter:
                self._buffer = rest
                if content:
                    yield content
                return
            # the last bytes may be the beginning of a delimiter
            keep = len(self._delimiter) - 1
            if len(self._buffer) > keep:
                content, self._buffer = self._buffer[:-keep], self._buffer[-keep:]
                yield content
            self._fill()
