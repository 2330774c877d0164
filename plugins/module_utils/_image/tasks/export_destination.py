# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""Knows the files that an exported image is in: how they are named, and whether they are there, whole. Writes nothing."""

from __future__ import annotations

import hashlib
import os
import typing as t

from ..._lxd.blocks import BLOCK_SIZE
from ..._lxd.errors import LXDInputError
from ..._lxd.record import record

# by what a file is, never by what a server calls it
_ENDINGS = {
    "gzip": ".tar.gz",
    "xz": ".tar.xz",
    "bzip2": ".tar.bz2",
    "zstd": ".tar.zst",
    "lz4": ".tar.lz4",
    "lzma": ".tar.lzma",
    "tar": ".tar",
}
_ENDINGS.update({"squashfs": ".squashfs", "qcow2": ".qcow2", "raw disk": ".img"})
_OTHER = ".root"


@record(frozen=True)
class ExportedFiles:
    """Where an image is. ``rootfs_path`` only of a split image. ``size``: bytes of both."""

    path: str
    rootfs_path: str | None
    size: int


class Destination:
    """``dest`` of a task: a directory, where the files are named by fingerprint and kind, or a file, with ``.root`` for the second of a split image."""

    def __init__(self, dest: str, fingerprint: str) -> None:
        self._is_directory = os.path.isdir(dest)
        self._dest = dest
        if os.path.islink(dest) and not self._is_directory:
            # as copy and get_url do: what the link points at is replaced, not the link
            dest = os.path.realpath(dest)
        self._fingerprint = fingerprint
        try:
            os.lstat(dest)
        except FileNotFoundError:
            pass
        except (OSError, ValueError) as exc:
            raise LXDInputError(
                f"'dest' is {dest!r}, which can't be a path: {exc.strerror if isinstance(exc, OSError) else exc}."
            ) from exc
        self.directory = dest if self._is_directory else os.path.dirname(os.path.abspath(dest))
        if not os.path.isdir(self.directory):
            raise LXDInputError(f"The directory {self.directory!r} of 'dest' does not exist on the managed node.")
        if dest.endswith("/") and not self._is_directory:
            raise LXDInputError(f"'dest' is {dest!r}, but there is no such directory on the managed node.")

    @property
    def known_path(self) -> str | None:
        """The path of the file before it is downloaded; None in a directory, where it depends on the kind of file."""
        return None if self._is_directory else self._dest

    def check_writable(self) -> None:
        """Raises LXDInputError where the files can't be written there: what the download would end with."""
        if not os.access(self.directory, os.W_OK | os.X_OK):
            raise LXDInputError(
                f"Cannot write to the directory {self.directory!r} of 'dest': the task's user has no permission to, or it is read-only."
            )

    def paths(self, kinds: t.Sequence[str | None]) -> list[str]:
        """The paths for files of these kinds, one or two."""
        if not self._is_directory:
            return [self._dest, self._dest + _OTHER][: len(kinds)]
        endings = [_ENDINGS.get(kind or "", _OTHER) for kind in kinds]
        prefixes = ["meta-", ""] if len(kinds) == 2 else [""]
        return [
            os.path.join(self.directory, prefix + self._fingerprint + ending)
            for prefix, ending in zip(prefixes, endings)
        ]

    def _candidates(self) -> t.Iterator[list[str]]:
        if not self._is_directory:
            yield [self._dest]
            yield [self._dest, self._dest + _OTHER]
            return
        names = sorted(os.listdir(self.directory))
        roots = [name for name in names if name.startswith(self._fingerprint + ".")]
        for root in roots:
            yield [os.path.join(self.directory, root)]
        for meta in (name for name in names if name.startswith(f"meta-{self._fingerprint}.")):
            for root in roots:
                yield [os.path.join(self.directory, meta), os.path.join(self.directory, root)]

    def find(self) -> tuple[ExportedFiles | None, str]:
        """The image if it is there, whole; else why not. Raises LXDInputError."""
        reason = "the image is not there"
        try:
            for paths in self._candidates():
                if all(os.path.isfile(path) for path in paths):
                    if _fingerprint_of(paths) == self._fingerprint:
                        return ExportedFiles(
                            paths[0], paths[1] if len(paths) > 1 else None, sum(os.path.getsize(path) for path in paths)
                        ), ""
                    reason = f"{paths[0]!r} has other content"
        except OSError as exc:
            raise LXDInputError(f"Cannot read {exc.filename!r}: {exc.strerror}.") from exc
        return None, reason


def _fingerprint_of(paths: list[str]) -> str:
    digest = hashlib.sha256()
    for path in paths:
        with open(path, "rb") as file:
            while block := file.read(BLOCK_SIZE):
                digest.update(block)
    return digest.hexdigest()
