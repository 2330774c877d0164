# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""Recognizes the format of a file, and checks whether the file is complete.

The servers read only the beginning of an archive, and also store one that was cut short: it fails when an instance is
made from it. So files are checked here: by the structure of their format if that is enough (tar, xz, zstd, lz4, bzip2,
squashfs, qcow2), else by unpacking (gzip).
"""

from __future__ import annotations

import os
import struct
import tarfile
import typing as t
import zlib

from ..._lxd.blocks import BLOCK_SIZE
from ..._lxd.errors import LXDInputError

ARCHIVES = ("tar", "gzip", "xz", "lzma", "bzip2", "zstd", "lz4", "squashfs")
INCUS_ONLY = ("lz4",)
"""Formats that LXD does not support.

It would store such a root file system, and fail when an instance is made from it.
"""
DISKS = ("qcow2", "raw disk")

_MAGIC = (
    (0, b"\x1f\x8b", "gzip"),
    (0, b"\xfd7zXZ\x00", "xz"),
    (0, b"BZh", "bzip2"),
    (0, b"\x28\xb5\x2f\xfd", "zstd"),
    (0, b"\x04\x22\x4d\x18", "lz4"),
    (0, b"hsqs", "squashfs"),
    (0, b"QFI\xfb", "qcow2"),
    (257, b"ustar", "tar"),
    (0, b"\x5d\x00\x00", "lzma"),
    (510, b"\x55\xaa", "raw disk"),
    (512, b"EFI PART", "raw disk"),
)


class _Damaged(Exception):
    pass


def detect_format(path: str) -> str | None:
    """Return the format of a file by its magic number, or None if it is unknown. Raises OSError."""
    with open(path, "rb") as file:
        head = file.read(1024)
    for offset, magic, name in _MAGIC:
        if head[offset : offset + len(magic)] == magic:
            return name
    return None


def check_whole(path: str, kind: str | None, shown: str | None = None) -> None:
    """Raise LXDInputError if a file is cut short, or damaged in a way that its format shows.

    ``kind``: the format. ``shown``: the name of the file in the message, if not its path.
    """
    check = _CHECKS.get(kind or "")
    if check is None:
        return
    try:
        with open(path, "rb") as file:
            check(file)
    except (_Damaged, EOFError, tarfile.TarError, zlib.error, struct.error, IndexError) as exc:
        raise LXDInputError(
            f"The file {shown or path!r} is cut short or damaged: {exc or 'it ends too early'} ({kind}). "
            "Build or download it again."
        ) from exc


def _check_gzip(file: t.BinaryIO) -> None:
    inflate = zlib.decompressobj(wbits=31)
    while block := file.read(BLOCK_SIZE):
        while block:
            inflate.decompress(block, BLOCK_SIZE)
            # a block may unpack to a thousand times its size, so only a piece is unpacked at a time
            block = inflate.unused_data.lstrip(b"\0") if inflate.eof else inflate.unconsumed_tail
            if inflate.eof and block:
                inflate = zlib.decompressobj(wbits=31)
    if not inflate.eof:
        raise _Damaged("the compressed data does not end")


def _check_tar(file: t.BinaryIO) -> None:
    with tarfile.open(fileobj=file, mode="r:") as archive:
        while archive.next() is not None:
            # a root file system may have more members than memory should hold
            archive.members.clear()  # type: ignore[attr-defined]
        file.seek(archive.offset)
    if file.read(tarfile.BLOCKSIZE) != tarfile.NUL * tarfile.BLOCKSIZE:
        raise _Damaged("the archive does not end")


def _check_xz(file: t.BinaryIO) -> None:
    footer = _tail(file, 4096)
    while footer.endswith(b"\0\0\0\0"):
        footer = footer[:-4]
    footer = footer[-12:]
    if footer[-2:] != b"YZ" or struct.unpack("<I", footer[:4])[0] != zlib.crc32(footer[4:10]):
        raise _Damaged("the compressed data does not end")


def _check_bzip2(file: t.BinaryIO) -> None:
    # 48 bits of end mark and 32 of checksum, then up to 7 bits of padding
    tail = int.from_bytes(_tail(file, 11), "big")
    if not any((tail >> (shift + 32)) & 0xFFFFFFFFFFFF == 0x177245385090 for shift in range(8)):
        raise _Damaged("the compressed data does not end")


def _check_zstd(file: t.BinaryIO) -> None:
    """Follow the blocks of a zstd file to its end (RFC 8878, section 3)."""
    size = os.fstat(file.fileno()).st_size
    while file.tell() < size:
        magic, descriptor = struct.unpack("<IB", file.read(5))
        if magic & 0xFFFFFFF0 == 0x184D2A50:
            file.seek(-1, os.SEEK_CUR)
            file.seek(struct.unpack("<I", file.read(4))[0], os.SEEK_CUR)
            continue
        if magic != 0xFD2FB528:
            raise _Damaged("unexpected data after the end of the compressed stream")
        single = descriptor & 0x20
        file.seek(
            (0 if single else 1) + (0, 1, 2, 4)[descriptor & 3] + ((1 if single else 0), 2, 4, 8)[descriptor >> 6],
            os.SEEK_CUR,
        )
        last = False
        while not last:
            header = int.from_bytes(file.read(3).ljust(3, b"\xff"), "little")
            last, kind = bool(header & 1), header >> 1 & 3
            if kind == 3:
                raise _Damaged("the compressed data does not end")
            file.seek(1 if kind == 1 else header >> 3, os.SEEK_CUR)
        file.seek(4 if descriptor & 4 else 0, os.SEEK_CUR)
    if file.tell() > size:
        raise _Damaged("the compressed data does not end")


def _check_lz4(file: t.BinaryIO) -> None:
    """Follow the blocks of an lz4 file to its end (lz4_Frame_format.md)."""
    size = os.fstat(file.fileno()).st_size
    while file.tell() < size:
        (magic,) = struct.unpack("<I", file.read(4))
        if magic & 0xFFFFFFF0 == 0x184D2A50:
            file.seek(struct.unpack("<I", file.read(4))[0], os.SEEK_CUR)
            continue
        if magic != 0x184D2204:
            raise _Damaged("unexpected data after the end of the compressed stream")
        flags = file.read(2)[0]
        file.seek((8 if flags & 0x08 else 0) + (4 if flags & 0x01 else 0) + 1, os.SEEK_CUR)
        while block := struct.unpack("<I", file.read(4))[0]:
            file.seek((block & 0x7FFFFFFF) + (4 if flags & 0x10 else 0), os.SEEK_CUR)
        file.seek(4 if flags & 0x04 else 0, os.SEEK_CUR)
    if file.tell() > size:
        raise _Damaged("the compressed data does not end")


def _check_squashfs(file: t.BinaryIO) -> None:
    used = struct.unpack("<Q", file.read(48)[40:])[0]
    if used > os.fstat(file.fileno()).st_size:
        raise _Damaged(f"its header gives a size of {used} bytes")


def _check_qcow2(file: t.BinaryIO) -> None:
    header = file.read(72)
    l1_entries, l1_offset = struct.unpack(">IQ", header[36:48])
    if l1_offset + 8 * l1_entries > os.fstat(file.fileno()).st_size:
        raise _Damaged("its table of clusters is missing")


def _tail(file: t.BinaryIO, size: int) -> bytes:
    file.seek(-min(size, os.fstat(file.fileno()).st_size), os.SEEK_END)
    return file.read()


_CHECKS: dict[str, t.Callable[[t.BinaryIO], None]] = {
    "gzip": _check_gzip,
    "tar": _check_tar,
    "xz": _check_xz,
    "bzip2": _check_bzip2,
    "zstd": _check_zstd,
    "lz4": _check_lz4,
    "squashfs": _check_squashfs,
    "qcow2": _check_qcow2,
}
