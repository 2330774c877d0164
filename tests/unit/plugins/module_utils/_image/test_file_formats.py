# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import pathlib
import struct
import tarfile
import typing as t

import pytest

from ansible_collections.community.lxd.plugins.module_utils._image.sources import file_formats as archive
from ansible_collections.community.lxd.plugins.module_utils._lxd.errors import LXDInputError

NOISE = os.urandom(30_000)  # does not compress, so that a file can be cut at many places


def tar_of(*sizes: int, **kwargs: t.Any) -> bytes:
    output = io.BytesIO()
    with tarfile.open(fileobj=output, mode="w", **kwargs) as file:
        for number, size in enumerate(sizes):
            member = tarfile.TarInfo(f"{'long/' * 30}{number}")
            member.size = size
            file.addfile(member, io.BytesIO(NOISE[:size]))
    return output.getvalue()


def zstd_frame(
    *blocks: tuple[int, int], content_size: int = 0, single: bool = False, checksum: bool = False, dictionary: int = 0
) -> bytes:
    """RFC 8878, section 3.1.1. ``blocks``: type (0 raw, 1 RLE, 2 compressed) and size; ``content_size``, ``dictionary``: the two flags."""
    descriptor = content_size << 6 | single << 5 | checksum << 2 | dictionary
    frame = struct.pack("<IB", 0xFD2FB528, descriptor)
    frame += b"" if single else b"\x58"
    frame += b"\0" * (0, 1, 2, 4)[dictionary] + b"\0" * ((1 if single else 0), 2, 4, 8)[content_size]
    for position, (kind, size) in enumerate(blocks):
        frame += (size << 3 | kind << 1 | (position == len(blocks) - 1)).to_bytes(3, "little") + NOISE[
            : 1 if kind == 1 else size
        ]
    return frame + (b"sum!" if checksum else b"")


def zstd_skippable(size: int) -> bytes:
    return struct.pack("<II", 0x184D2A53, size) + bytes(size)


def lz4_frame(
    *blocks: int, size: bool = False, dictionary: bool = False, block_sums: bool = False, content_sum: bool = False
) -> bytes:
    """lz4_Frame_format.md. ``blocks``: bytes of each, negative for one that is not compressed."""
    frame = b"\x04\x22\x4d\x18" + bytes([0x60 | block_sums << 4 | size << 3 | content_sum << 2 | dictionary, 0x40])
    frame += bytes(8 * size + 4 * dictionary) + b"h"
    for block in blocks:
        frame += (
            struct.pack("<I", abs(block) | (0x80000000 if block < 0 else 0))
            + NOISE[: abs(block)]
            + (b"sum!" if block_sums else b"")
        )
    return frame + bytes(4) + (b"sum!" if content_sum else b"")


def squashfs(used: int) -> bytes:
    return b"hsqs" + bytes(36) + struct.pack("<Q", used) + NOISE[: used - 48]


def qcow2(l1_offset: int, l1_entries: int, size: int) -> bytes:
    return (b"QFI\xfb" + bytes(32) + struct.pack(">IQ", l1_entries, l1_offset)).ljust(size, b"\1")


WHOLE = {
    "tar": [
        tar_of(0),
        tar_of(1, 512, 20_000, 0),
        tar_of(5, format=tarfile.PAX_FORMAT),
        tar_of(5, format=tarfile.USTAR_FORMAT),
        tar_of(*[1] * 300),
    ],
    "gzip": [
        gzip.compress(NOISE),
        gzip.compress(b""),
        gzip.compress(NOISE) + gzip.compress(b"second"),
        gzip.compress(b"a") * 50,
        gzip.compress(b"a") + bytes(1000),
        gzip.compress(bytes(5_000_000)),
    ],
    "xz": [
        lzma.compress(NOISE),
        lzma.compress(b""),
        lzma.compress(NOISE) + bytes(8),
        lzma.compress(b"a") + lzma.compress(NOISE),
    ],
    "bzip2": [
        bz2.compress(NOISE),
        bz2.compress(b"abc"),
        *(bz2.compress(NOISE[:size]) for size in range(1, 20)),
        bz2.compress(b"a") + bz2.compress(NOISE),
    ],
    "zstd": [
        zstd_frame((0, 1000), (1, 50), (2, 700)),
        zstd_frame((0, 0)),
        zstd_frame((1, 5)),
        *(zstd_frame((0, 100), content_size=size, single=single) for size in range(4) for single in (False, True)),
        *(zstd_frame((2, 100), dictionary=size, checksum=True) for size in range(4)),
        zstd_frame((0, 10), checksum=True) + zstd_frame((2, 10)),
        zstd_frame((0, 10)) + zstd_skippable(20),
    ],
    "lz4": [
        lz4_frame(),
        lz4_frame(1000, -700, 3),
        *(
            lz4_frame(100, size=size, dictionary=not size, block_sums=sums, content_sum=not sums)
            for size in (False, True)
            for sums in (False, True)
        ),
        lz4_frame(10, content_sum=True) + lz4_frame(20),
        lz4_frame(10) + zstd_skippable(20),
    ],
    "squashfs": [squashfs(5000), squashfs(5000) + bytes(3192)],
    "qcow2": [qcow2(512, 8, 1024), qcow2(512, 64, 1024)],
}


def cases() -> list[t.Any]:
    return [
        pytest.param(kind, data, id=f"{kind} {number}")
        for kind, files in WHOLE.items()
        for number, data in enumerate(files)
    ]


def write(directory: pathlib.Path, data: bytes) -> str:
    path = directory / "image"
    path.write_bytes(data)
    return str(path)


@pytest.mark.parametrize(("kind", "data"), cases())
def test_whole(tmp_path: pathlib.Path, kind: str, data: bytes) -> None:
    path = write(tmp_path, data)
    assert archive.detect_format(path) == kind
    archive.check_whole(path, kind)


def least(kind: str, data: bytes) -> int:
    """How many bytes may not be missing: padding after the end is none of the content."""
    if kind == "tar":  # one of the two empty blocks that end it is enough
        return data.rstrip(b"\0").__len__() // 512 * 512 + 512
    if kind == "squashfs":
        return struct.unpack("<Q", data[40:48])[0]
    if kind == "qcow2":
        return struct.unpack(">IQ", data[36:48])[1] + 8 * struct.unpack(">I", data[36:40])[0]
    return len(data.rstrip(b"\0")) if kind in ("gzip", "xz") else len(data)


CUT = {
    "tar": tar_of(1, 512, 20_000),
    "gzip": gzip.compress(NOISE),
    "gzip, second member": gzip.compress(NOISE[:1000]) + gzip.compress(NOISE[1000:2000]),
    "xz": lzma.compress(NOISE),
    "bzip2": bz2.compress(NOISE),
    "zstd": zstd_frame((0, 1000), (2, 700), (1, 50), content_size=3, checksum=True),
    "zstd without checksum": zstd_frame((0, 1000), (1, 50)),
    "squashfs": squashfs(5000),
    "qcow2": qcow2(512, 64, 1024),
}


@pytest.mark.parametrize("kind", CUT)
def test_cut_short(tmp_path: pathlib.Path, kind: str) -> None:
    data, kind = CUT[kind], kind.partition(",")[0].partition(" ")[0]
    end = least(kind, data)
    boundary = len(gzip.compress(NOISE[:1000])) if data == CUT["gzip, second member"] else 0
    for size in sorted({*range(8, 60), *range(60, end, end // 50 or 1), *range(end - 20, end)}):
        if size == boundary:
            continue  # ends where a file of one member ends
        path = write(tmp_path, data[:size])
        with pytest.raises(LXDInputError, match="cut short or damaged") as caught:
            archive.check_whole(path, kind)
        assert path in str(caught.value) and f"({kind})" in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        pytest.param(
            "gzip",
            gzip.compress(NOISE)[:500] + b"\xff" * 500 + gzip.compress(NOISE)[1000:-8] + bytes(8),
            id="gzip with a hole",
        ),
        pytest.param("gzip", gzip.compress(NOISE) + b"no gzip", id="gzip and something else"),
        pytest.param("xz", lzma.compress(NOISE)[:-12] + b"\1" * 10 + b"YZ", id="xz footer whose checksum is wrong"),
        pytest.param("zstd", zstd_frame((0, 10)) + b"something else", id="zstd and something else"),
        pytest.param("zstd", zstd_frame((3, 10), (0, 10)), id="zstd with a reserved block"),
        pytest.param("lz4", lz4_frame(10) + b"something else", id="lz4 and something else"),
        pytest.param("lz4", lz4_frame(100, 200)[:-150], id="lz4 whose last block is cut"),
        pytest.param("tar", tar_of(1, 2)[:3072] + b"\1" * 512 + bytes(1024), id="tar with a bad header"),
    ],
)
def test_damaged(tmp_path: pathlib.Path, kind: str, data: bytes) -> None:
    with pytest.raises(LXDInputError, match="cut short or damaged"):
        archive.check_whole(write(tmp_path, data), kind)


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        pytest.param(b"", None, id="empty"),
        pytest.param(b"x", None, id="short"),
        pytest.param(NOISE[:0] + b"no image" * 500, None, id="text"),
        pytest.param(bytes(2000), None, id="zeros"),
        pytest.param(bytes(510) + b"\x55\xaa", "raw disk", id="MBR"),
        pytest.param(bytes(512) + b"EFI PART", "raw disk", id="GPT"),
        pytest.param(lzma.compress(NOISE, lzma.FORMAT_ALONE), "lzma", id="lzma"),
        pytest.param(b"\x1f\x8b" + bytes(508) + b"\x55\xaa", "gzip", id="the beginning decides"),
    ],
)
def test_format(tmp_path: pathlib.Path, data: bytes, kind: str | None) -> None:
    assert archive.detect_format(write(tmp_path, data)) == kind


@pytest.mark.parametrize("kind", [None, "lzma", "raw disk"])
def test_what_does_not_tell_where_it_ends_is_not_judged(tmp_path: pathlib.Path, kind: str | None) -> None:
    archive.check_whole(write(tmp_path, b"anything"), kind)


def test_missing_file(tmp_path: pathlib.Path) -> None:
    with pytest.raises(FileNotFoundError):
        archive.detect_format(str(tmp_path / "missing"))


def test_gzip_unpacks_in_pieces(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Members and blocks meet at every offset."""
    monkeypatch.setattr(archive, "BLOCK_SIZE", 7)
    for size in range(1, 30):
        data = gzip.compress(bytes(size)) + gzip.compress(NOISE[:size]) + bytes(size)
        archive.check_whole(write(tmp_path, data), "gzip")
        with pytest.raises(LXDInputError):
            archive.check_whole(write(tmp_path, data[: -size - 1]), "gzip")
