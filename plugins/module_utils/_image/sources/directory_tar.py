# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""Builds the tar archive of a directory that is an unpacked image: the same bytes for the same content."""

from __future__ import annotations

import contextlib
import io
import os
import tarfile
import typing as t

from ..._lxd.blocks import BLOCK_SIZE
from ..._lxd.errors import LXDInputError
from . import metadata_check


class DirectoryTar:
    """The uncompressed tar archive of a directory, which depends on nothing but the directory's content.

    It is not compressed: the output of a compressor depends on its version, and so would the fingerprint.
    Raises LXDInputError if the directory has no metadata.yaml, or cannot be read.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        if not os.path.isfile(os.path.join(path, "metadata.yaml")):
            raise LXDInputError(
                f"The directory {path!r} is no image: metadata.yaml not found. "
                "The directory must have that file and a folder 'rootfs'."
            )
        self.size = sum(len(block) if isinstance(block, bytes) else block[1] for block in self._pieces())
        self.size += self._padding(self.size)

    @staticmethod
    def _padding(size: int) -> int:
        """Return the size of the end of an archive: two empty blocks, filled up to a record."""
        return 2 * tarfile.BLOCKSIZE + -(size + 2 * tarfile.BLOCKSIZE) % tarfile.RECORDSIZE

    def _pieces(self) -> t.Iterator[bytes | tuple[str, int]]:
        """Yield headers as bytes, and a file's content as its path and its padded size."""
        with _clear_errors(), tarfile.open(fileobj=io.BytesIO(), mode="w") as archive_file:
            for path, name in self._walk(self.path, ""):
                member: tarfile.TarInfo | None = archive_file.gettarinfo(path, name)
                if member is None:  # a socket: nothing that an archive can hold
                    continue
                member.mtime = int(member.mtime)
                member.uname = member.gname = ""
                member.pax_headers = _extended_attributes(path)
                yield member.tobuf(tarfile.PAX_FORMAT)
                if member.isreg():
                    yield path, member.size + -member.size % tarfile.BLOCKSIZE

    def _walk(self, directory: str, prefix: str) -> t.Iterator[tuple[str, str]]:
        with os.scandir(directory) as entries:
            for entry in sorted(entries, key=lambda entry: os.fsencode(entry.name)):
                yield entry.path, prefix + entry.name
                if entry.is_dir(follow_symlinks=False):
                    yield from self._walk(entry.path, f"{prefix}{entry.name}/")

    def blocks(self) -> t.Iterator[bytes]:
        """Yield the archive. Raises LXDInputError if the directory cannot be read, or changes while it is read."""
        sent = 0
        for piece in self._pieces():
            if isinstance(piece, bytes):
                yield piece
                sent += len(piece)
                continue
            path, size = piece
            if sent + size > self.size:
                break
            with _clear_errors(), open(path, "rb") as file:
                left = size
                while left > 0 and (block := file.read(min(BLOCK_SIZE, left))):
                    yield block
                    left -= len(block)
            if left >= tarfile.BLOCKSIZE:
                raise LXDInputError(
                    f"The file {path!r} has become shorter while it was read. "
                    "Run the task again when the directory is complete."
                )
            yield bytes(left)
            sent += size
        if sent + self._padding(sent) != self.size:
            raise LXDInputError(
                f"The directory {self.path!r} has changed while it was read. Run the task again when it is complete."
            )
        yield bytes(self._padding(sent))

    def check_whole(self) -> None:
        """Do nothing: a directory has no end that could be missing."""

    def check_metadata(self) -> None:
        """Raise LXDInputError if a server would refuse the metadata.yaml of the directory."""
        metadata_check.check_folder(self.path)


@contextlib.contextmanager
def _clear_errors() -> t.Iterator[None]:
    """Raise LXDInputError in place of an error of the system, which names what cannot be read."""
    try:
        yield
    except OSError as exc:
        raise LXDInputError(
            f"Cannot read {exc.filename!r}: {exc.strerror}. The task's user must be able to read the whole directory."
        ) from exc


def _extended_attributes(path: str) -> dict[str, str]:
    """Return file capabilities and other extended attributes, as GNU tar writes and reads them."""
    try:
        names = os.listxattr(path, follow_symlinks=False)
        return {
            f"SCHILY.xattr.{name}": os.getxattr(path, name, follow_symlinks=False).decode("utf-8", "surrogateescape")
            for name in sorted(names)
            if not name.startswith("security.selinux")
        }
    except OSError:
        return {}
