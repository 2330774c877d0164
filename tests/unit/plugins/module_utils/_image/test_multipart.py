# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import tempfile
import typing as t

import pytest
from hypothesis import configuration, given, settings
from hypothesis import strategies as st

from ansible_collections.community.lxd.plugins.module_utils._image.sources.multipart import (
    MultipartReader,
    boundary_of,
    rename_parts,
)
from ansible_collections.community.lxd.plugins.module_utils._lxd.errors import LXDAPIError

configuration.set_hypothesis_home_dir(tempfile.gettempdir() + "/community.lxd-hypothesis")

BOUNDARY = "b0und"
META = b"meta\r\n--b0un and \r\n--b0u\r\n-\r\n\r\n--"
ROOT = b"\r\n\r\n--b0unroot\r\n"
PARTS = [("metadata", META), ("rootfs", ROOT)]


def body(
    parts: t.Iterable[tuple[str, bytes]], preamble: bytes = b"", epilogue: bytes = b"\r\n", boundary: str = BOUNDARY
) -> bytes:
    """As Go's mime/multipart writes it, and with what RFC 2046 allows besides."""
    text = preamble
    for number, (name, content) in enumerate(parts):
        text += b"\r\n" if number or preamble else b""
        text += f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"; filename="x"\r\n'.encode()
        text += b"Content-Type: application/octet-stream\r\n\r\n" + content
    return text + f"\r\n--{boundary}--".encode() + epilogue


def blocks(text: bytes, size: int) -> t.Iterator[bytes]:
    return (text[position : position + size] for position in range(0, len(text), size))


def read(stream: t.Iterator[bytes], boundary: str = BOUNDARY) -> list[tuple[str, bytes]]:
    return [(name, b"".join(part)) for name, part in MultipartReader(stream, boundary)]


WHOLE = body(PARTS)


@pytest.mark.parametrize("size", range(1, len(WHOLE) + 1))
def test_blocks_of_any_size(size: int) -> None:
    assert read(blocks(WHOLE, size)) == PARTS


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_cut_short_anywhere_is_an_error(size: int) -> None:
    # the last two bytes before the line break say that it ends
    for length in range(len(WHOLE) - 2):
        with pytest.raises(LXDAPIError, match="cut short"):
            read(blocks(WHOLE[:length], size))
    assert read(blocks(WHOLE[:-2], size)) == PARTS


@pytest.mark.parametrize(
    ("parts", "preamble", "epilogue"),
    [
        (PARTS, b"This is a message in several parts.\r\n--b0un", b"\r\n"),
        (PARTS, b"", b"\r\nafter the end --b0und"),
        (PARTS, b"", b""),
        ([("metadata", b""), ("rootfs", b"")], b"", b"\r\n"),
        ([("metadata", b"only one")], b"", b"\r\n"),
        ([("", b"no name")], b"", b"\r\n"),
        ([("a", b"1"), ("b", b"2"), ("c", b"3")], b"", b"\r\n"),
    ],
    ids=["preamble", "epilogue", "no line break at the end", "empty parts", "one part", "no name", "three parts"],
)
@pytest.mark.parametrize("size", [1, 2, 3, 10, 1000])
def test_what_the_format_allows(parts: list[tuple[str, bytes]], preamble: bytes, epilogue: bytes, size: int) -> None:
    assert read(blocks(body(parts, preamble, epilogue), size)) == parts


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b'Content-Disposition: form-data; name="rootfs"', "rootfs"),
        (b'content-disposition:form-data;name="rootfs.img"', "rootfs.img"),
        (
            b'Content-Type: text/plain\r\nCONTENT-DISPOSITION: form-data; filename="../../evil"; name=metadata',
            "metadata",
        ),
        (b"Content-Disposition: form-data", ""),
        (b"Content-Type: text/plain", ""),
        ('Content-Disposition: form-data; name="ä"'.encode(), "Ã¤"),
    ],
    ids=["Go", "other case", "behind others", "no name", "no such header", "not ASCII"],
)
def test_the_name_of_a_part(head: bytes, name: str) -> None:
    assert read(iter([b"--b0und\r\n" + head + b"\r\n\r\ncontent\r\n--b0und--"])) == [(name, b"content")]


def test_a_part_without_any_header() -> None:
    assert read(iter([b"--b0und\r\n\r\ncontent\r\n--b0und--"])) == [("", b"content")]


def test_what_is_read_is_not_kept() -> None:
    block = b"x" * 1000
    sent = 0

    def stream() -> t.Iterator[bytes]:
        nonlocal sent
        yield b"--b0und\r\n\r\n"
        while sent < 100:
            sent += 1
            yield block
        yield b"\r\n--b0und--"

    reader = MultipartReader(stream(), BOUNDARY)
    ((_name, part),) = [next(iter(reader))]
    received = 0
    for piece in part:
        received += len(piece)
        assert sent * len(block) - received <= len(block)
    assert received == 100 * len(block)


pieces = st.lists(
    st.sampled_from(
        [b"\r", b"\n", b"-", b"--", b"b0und", b"b0un", b"d", b"\r\n--", b"\r\n--b0un", b"\x00", b"content"]
    ),
    max_size=12,
)
contents = pieces.map(b"".join).filter(lambda content: b"\r\n--b0und" not in b"\r\n" + content + b"\r")


@settings(max_examples=300, deadline=None, database=None, derandomize=True)
@given(st.lists(contents, min_size=1, max_size=3), st.lists(st.integers(1, 9), min_size=1))
def test_any_content_in_any_blocks(parts: list[bytes], sizes: list[int]) -> None:
    text = body([(str(number), content) for number, content in enumerate(parts)])

    def stream() -> t.Iterator[bytes]:
        position, number = 0, 0
        while position < len(text):
            size = sizes[number % len(sizes)]
            yield text[position : position + size]
            position, number = position + size, number + 1

    assert [content for _name, content in read(stream())] == parts


@pytest.mark.parametrize(
    ("content_type", "boundary"),
    [
        ("multipart/form-data; boundary=b0und", "b0und"),
        ('multipart/form-data; boundary="b 0:und"', "b 0:und"),
        ("Multipart/Mixed;charset=x;Boundary=b0und", "b0und"),
        ("multipart/form-data", None),
        ("application/octet-stream", None),
        ("application/octet-stream; boundary=b0und", None),
        ("", None),
        ("nonsense", None),
    ],
)
def test_the_boundary(content_type: str, boundary: str | None) -> None:
    assert boundary_of(content_type) == boundary


@pytest.mark.parametrize(
    ("filename", "shown"), [("", ""), ("new.tar", "new.tar"), ('Größe "1\\2"', 'Größe \\"1\\\\2\\"')]
)
@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_parts_are_renamed_on_the_way(filename: str, shown: str, size: int) -> None:
    renamed = b"".join(rename_parts(blocks(body(PARTS, b"preamble", b"\r\nepilogue"), size), BOUNDARY, filename))
    assert renamed == body(PARTS).replace(b'filename="x"', f'filename="{shown}"'.encode())


def test_a_body_that_is_cut_short_is_not_ended() -> None:
    taken: list[bytes] = []
    with pytest.raises(LXDAPIError, match="cut short"):
        taken.extend(rename_parts(blocks(WHOLE[:-8], 5), BOUNDARY, "new.tar"))
    assert f"--{BOUNDARY}--".encode() not in b"".join(taken)
