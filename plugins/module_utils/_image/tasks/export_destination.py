# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""Finds the files of an exported image: their names, and whether they are there and complete. Writes nothing."""

from __future__ import annotations

import hashlib
import os
import typing as t

from ..._lxd.blocks import BLOCK_SIZE
from ..._lxd.errors import LXDInputError
from ..._lxd.record import record

# by the format of the file, never by the name that a server gives it
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
    """The files of an image. ``rootfs_path``: only of a split image. ``size``: bytes of both."""

    path: str
    rootfs_path: str | None
    size: int


class Destination:
    """The option ``dest`` of a task.

    In a directory, the files are named after the fingerprint and their format. If ``dest`` is a file, the second file
    of a split image has the suffix ``.root``.
    """

    def __init__(self, dest: str, fingerprint: str) -> None:
        self._is_directory = os.path.isdir(dest)
        self._dest = dest
        if os.path.islink(dest) and not self._is_directory:
            # as the modules copy and get_url do: the target of a link is replaced, not the link
            dest = os.path.realpath(dest)
        self._fingerprint = fingerprint
        try:
            os.lstat(dest)
        except FileNotFoundError:
            pass
        except (OSError, ValueError) as exc:
            raise LXDInputError(
                f"'dest' is {dest!r}, which is not a valid path: {exc.strerror if isinstance(exc, OSError) else exc}."
            ) from exc
        self.directory = dest if self._is_directory else os.path.dirname(os.path.abspath(dest))
        if not os.path.isdir(self.directory):
            raise LXDInputError(
                f"The directory {self.directory!r} of 'dest' is not found on the managed node. Create it first."
            )
        if dest.endswith("/") and not self._is_directory:
            raise LXDInputError(f"The directory {dest!r} of 'dest' is not found on the managed node. Create it first.")

    @property
    def known_path(self) -> str | None:
        """The path of the file before the download; None in a directory, where the name depends on the format."""
        return None if self._is_directory else self._dest

    def check_writable(self) -> None:
        """Raise LXDInputError if the files can't be written: a download would fail at its end."""
        if not os.access(self.directory, os.W_OK | os.X_OK):
            raise LXDInputError(
                f"Cannot write to the directory {self.directory!r} of 'dest': "
                "the task's user has no permission, or the file system is read-only."
            )

    def paths(self, kinds: t.Sequence[str | None]) -> list[str]:
        """Return the paths for the files of an image. ``kinds``: the formats of its one or two files."""
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
        """Return the files if they exist and are complete, or else None and the reason. Raises LXDInputError."""
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
