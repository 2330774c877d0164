# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""Files on the node as the body of an import: fingerprint, completeness and sending, always block by block.

The fingerprint of an image is the SHA-256 over its file, or over its metadata and root file system one after the other.
"""

from __future__ import annotations

import hashlib
import io
import os
import stat
import typing as t

from ..._lxd.background import Background, stop_sign
from ..._lxd.blocks import BLOCK_SIZE
from ..._lxd.errors import LXDInputError
from . import file_formats, metadata_check
from .directory_tar import DirectoryTar
from .metadata_tar import build_metadata
from .multipart import clean_filename, multipart_frame

if t.TYPE_CHECKING:
    from ..desired_image import FileSource


class _Part(t.Protocol):
    """One piece of an image. ``size`` in bytes."""

    size: int

    def blocks(self) -> t.Iterator[bytes]:
        """Yield the content. May be called several times."""

    def check_whole(self) -> None:
        """Raise LXDInputError if the piece is cut short or damaged."""

    def check_metadata(self) -> None:
        """Look for a metadata.yaml in the piece. Raises LXDInputError if it is missing or wrong."""


class _FilePart:
    def __init__(self, path: str, option: str, label: str | None = None) -> None:
        self.path = path
        self.shown = label or path
        try:
            if not stat.S_ISREG(os.stat(path).st_mode):
                # to open a named pipe would wait for ever
                raise LXDInputError(f"Cannot read '{option}' {path!r}: it is neither a regular file nor a directory.")
            self._stat = self._identity()
            self.kind = file_formats.detect_format(path)
        except OSError as exc:
            raise LXDInputError(
                f"Cannot read '{option}' {path!r}: {exc.strerror}. "
                "It must be a file on the managed node that the task's user may read."
            ) from exc
        self.size = self._stat[0]

    def _identity(self) -> tuple[int, int]:
        status = os.stat(self.path)
        return status.st_size, status.st_mtime_ns

    def blocks(self) -> t.Iterator[bytes]:
        with open(self.path, "rb") as file:
            while block := file.read(BLOCK_SIZE):
                yield block
        if self._identity() != self._stat:
            raise LXDInputError(
                f"The file {self.path!r} has changed while it was read. Run the task again when it is complete."
            )

    def check_whole(self) -> None:
        file_formats.check_whole(self.path, self.kind, self.shown)

    def check_metadata(self) -> None:
        try:
            file = open(self.path, "rb")  # noqa: SIM115 - only errors of open() are handled here
        except OSError as exc:
            raise LXDInputError(f"Cannot read {self.shown!r}: {exc.strerror}.") from exc
        with file:
            metadata_check.check_archive(file, self.kind, self.shown, self.check_whole)


class _BytesPart:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self.size = len(data)

    def blocks(self) -> t.Iterator[bytes]:
        yield self._data

    def check_whole(self) -> None:
        pass

    def check_metadata(self) -> None:
        metadata_check.check_archive(io.BytesIO(self._data), "tar", "metadata")


class ImageFiles:
    """An image in files: its fingerprint, and the body of the request that imports it.

    Hashing starts at once, in the background. The last block is sent only when fingerprint, checksum and
    completeness are certain: until then the server has nothing that it could store.
    """

    def __init__(self, source: FileSource, label: str | None = None) -> None:
        self._source = source
        self._label = label
        self._stop = stop_sign()
        self._parts: list[tuple[str, _Part]] = _open_parts(source, label)
        self.size = sum(part.size for _name, part in self._parts)
        self.filename = clean_filename(source.filename or os.path.basename(os.path.normpath(source.path)))
        self._frame, self.content_type = multipart_frame([name for name, _part in self._parts], self.filename)
        self._hash = Background(self._compute_fingerprint)
        self._check: Background | None = None
        self._is_acceptable = False

    def __str__(self) -> str:
        return self._label or " and ".join(repr(path) for path in (self._source.path, self._source.rootfs_path) if path)

    @property
    def fingerprint_is_known(self) -> bool:
        """Whether hashing has ended, so that ``fingerprint`` does not wait for it."""
        return self._hash.done

    @property
    def fingerprint(self) -> str:
        """64 hex digits, after the files are hashed.

        Raises LXDInputError if 'checksum' does not match or a file can't be read.
        """
        return str(self._hash.result())

    def check_acceptable(self, vendor: t.Callable[[], str | None]) -> None:
        """Raise LXDInputError for a format or metadata that the server would refuse. Reads only the beginning of the
        files.

        ``vendor``: returns the server's vendor; called only if not all servers support the format.
        """
        if self._is_acceptable:
            return
        for _name, part in self._parts:
            if isinstance(part, _FilePart) and part.kind in file_formats.INCUS_ONLY and vendor() != "incus":
                others = ", ".join(kind for kind in file_formats.ARCHIVES if kind not in file_formats.INCUS_ONLY)
                raise LXDInputError(
                    f"The file {part.shown!r} is an archive of the format {part.kind}, which is not supported by LXD, "
                    f"but by Incus. Pack it as one of {others}."
                )
        self._parts[0][1].check_metadata()
        self._is_acceptable = True

    def start_check(self) -> Background:
        """Begin to check whether the files are complete. If the task gives a checksum, hashing alone checks that."""
        if self._check is None:
            self._check = Background(self._check_whole)
        return self._check

    def check(self) -> None:
        """Raise LXDInputError if a file is no image, is cut short or damaged, or has another checksum."""
        self.start_check().result()
        self._hash.result()

    def _check_whole(self) -> None:
        if not self._source.checksum:
            for _name, part in self._parts:
                part.check_whole()

    def _compute_fingerprint(self) -> str:
        hashes = {"sha256": hashlib.sha256()}
        expected = self._source.checksum
        if expected:
            hashes.setdefault(expected.algorithm, hashlib.new(expected.algorithm))
        for _name, part in self._parts:
            for block in part.blocks():
                self._stop.check()
                for digest in hashes.values():
                    digest.update(block)
        if expected and (found := hashes[expected.algorithm].hexdigest()) != expected.digest:
            raise LXDInputError(
                f"The {expected.algorithm} checksum of {self} is {found}, "
                f"but {self._source.checksum_origin} says {expected.digest}. "
                "The file is damaged, or is not the one that is meant."
            )
        return hashes["sha256"].hexdigest()

    # the body of a request

    def __len__(self) -> int:
        return self.size + sum(len(piece) for piece in self._frame)

    def __iter__(self) -> t.Iterator[bytes]:
        self.start_check()
        held = b""
        for block in self._body():
            self._stop.check()
            if held:
                yield held
            held = block
        self.check()
        yield held

    def _body(self) -> t.Iterator[bytes]:
        for frame, (_name, part) in zip(self._frame, self._parts):
            if frame:
                yield frame
            yield from part.blocks()
        if self._frame[-1]:
            yield self._frame[-1]


def _open_parts(source: FileSource, label: str | None) -> list[tuple[str, _Part]]:
    if source.rootfs_path and source.metadata is not None:
        raise LXDInputError(
            "'rootfs_path' and 'metadata' are mutually exclusive: an image has its metadata from a file or from the "
            "task."
        )
    if os.path.isdir(source.path):
        if source.rootfs_path or source.metadata is not None:
            raise LXDInputError(
                "A directory as 'path' is a whole image: 'rootfs_path' and 'metadata' are not supported with it."
            )
        return [("", DirectoryTar(source.path))]
    shown = label or source.path
    first = _FilePart(source.path, "path", label)
    if source.metadata is not None:
        return [("metadata", _BytesPart(build_metadata(source.metadata))), (_rootfs_name(first), first)]
    if first.kind not in file_formats.ARCHIVES:
        if first.kind in file_formats.DISKS:
            raise LXDInputError(
                f"The file {shown!r} is a bare disk ({first.kind}): "
                "'metadata' in 'source' is required to describe the image."
            )
        raise LXDInputError(
            f"The file {shown!r} is no image: it is no archive of a supported format "
            f"({', '.join(file_formats.ARCHIVES)})."
        )
    if not source.rootfs_path:
        return [("", first)]
    rootfs = _FilePart(source.rootfs_path, "rootfs_path")
    return [("metadata", first), (_rootfs_name(rootfs), rootfs)]


def _rootfs_name(part: _FilePart) -> str:
    """Return the name of the part, which tells the server whether it is a container or a virtual machine."""
    if part.kind in file_formats.ARCHIVES:
        return "rootfs"
    if part.kind in file_formats.DISKS:
        return "rootfs.img"
    raise LXDInputError(
        f"The file {part.path!r} is neither a root file system ({', '.join(file_formats.ARCHIVES)}) "
        f"nor a disk with a partition table ({', '.join(file_formats.DISKS)})."
    )
