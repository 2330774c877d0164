# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""An image into files on the node: only if they are not there already, verified before they take their names."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import tempfile
import typing as t
from concurrent.futures import ThreadPoolExecutor

from ansible_collections.community.lxd.plugins.module_utils._image.archive import detect_format
from ansible_collections.community.lxd.plugins.module_utils._image.files import write_block
from ansible_collections.community.lxd.plugins.module_utils._image.multipart import MultipartReader, boundary_of
from ansible_collections.community.lxd.plugins.module_utils._lxd.errors import LXDAPIError, LXDInputError
from ansible_collections.community.lxd.plugins.module_utils._lxd.record import record
from ansible_collections.community.lxd.plugins.module_utils._lxd.transport import BLOCK_SIZE

if t.TYPE_CHECKING:
    from ansible_collections.community.lxd.plugins.module_utils._image.api import ImageAPI

# by what a file is, never by what a server calls it
_ENDINGS = {"gzip": ".tar.gz", "xz": ".tar.xz", "bzip2": ".tar.bz2", "zstd": ".tar.zst", "lzma": ".tar.lzma", "tar": ".tar"}
_ENDINGS.update({"squashfs": ".squashfs", "qcow2": ".qcow2", "raw disk": ".img"})
_OTHER = ".root"
_PREFIX = ".community-lxd-"


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
        self._fingerprint = fingerprint
        try:
            os.lstat(dest)
        except FileNotFoundError:
            pass
        except (OSError, ValueError) as exc:
            raise LXDInputError(f"'dest' is {dest!r}, which can't be a path: {exc.strerror if isinstance(exc, OSError) else exc}.") from exc
        self.directory = dest if self._is_directory else os.path.dirname(os.path.abspath(dest))
        if not os.path.isdir(self.directory):
            raise LXDInputError(f"The directory {self.directory!r} of 'dest' does not exist on the managed node.")
        if dest.endswith("/") and not self._is_directory:
            raise LXDInputError(f"'dest' is {dest!r}, but there is no such directory on the managed node.")

    def paths(self, kinds: t.Sequence[str | None]) -> list[str]:
        """The paths for files of these kinds, one or two."""
        if not self._is_directory:
            return [self._dest, self._dest + _OTHER][: len(kinds)]
        endings = [_ENDINGS.get(kind or "", _OTHER) for kind in kinds]
        prefixes = ["meta-", ""] if len(kinds) == 2 else [""]
        return [os.path.join(self.directory, prefix + self._fingerprint + ending) for prefix, ending in zip(prefixes, endings)]

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
                        return ExportedFiles(paths[0], paths[1] if len(paths) > 1 else None, sum(os.path.getsize(path) for path in paths)), ""
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


class _TemporaryFile:
    """A file that takes its name last. Locked while it is at work, which tells it from what a killed run has left behind."""

    def __init__(self, directory: str) -> None:
        while True:
            descriptor, self.path = tempfile.mkstemp(prefix=_PREFIX, dir=directory)
            self.file = os.fdopen(descriptor, "wb")
            _lock(self.file)
            # until it is locked, another run may take it for a leftover
            if os.path.exists(self.path):
                return
            self.file.close()

    def rename(self, target: str) -> None:
        _like(self.path, target)
        os.replace(self.path, target)

    def remove(self) -> None:
        """Unless it was renamed."""
        self.file.close()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path)


def _lock(file: t.IO[bytes]) -> bool:
    """Whether nobody else has it locked. False also where the file system has no locks."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _remove_leftovers(directory: str) -> None:
    """What runs that were killed have left."""
    for name in os.listdir(directory):
        path = os.path.join(directory, name)
        if name.startswith(_PREFIX) and os.path.isfile(path) and not os.path.islink(path):
            with contextlib.suppress(OSError), open(path, "rb") as file:
                if _lock(file):
                    os.unlink(path)


def export_image(api: ImageAPI, fingerprint: str, secret: str | None, destination: Destination) -> ExportedFiles:
    """Download to temporary files, verify, rename. What was there before stays until then. Raises LXDError."""
    temporary: list[_TemporaryFile] = []
    try:
        _remove_leftovers(destination.directory)
        digest = _download(api, fingerprint, secret, destination.directory, temporary)
        if digest != fingerprint:
            raise LXDAPIError(f"Cannot export the image {fingerprint}: what the server sent hashes to {digest}. Its store may be damaged.", status=200)
        size = sum(os.path.getsize(file.path) for file in temporary)
        paths = destination.paths([detect_format(file.path) for file in temporary])
        # the root file system first: metadata without it is no image
        for file, path in reversed(list(zip(temporary, paths))):
            file.rename(path)
        return ExportedFiles(paths[0], paths[1] if len(paths) > 1 else None, size)
    except OSError as exc:
        raise LXDInputError(f"Cannot export the image {fingerprint} to {destination.directory!r}: {exc.strerror}.") from exc
    finally:
        for file in temporary:
            file.remove()


def _download(api: ImageAPI, fingerprint: str, secret: str | None, directory: str, temporary: list[_TemporaryFile]) -> str:
    """Write each part to a file of its own, which is added to ``temporary``. Returns the SHA-256 over all."""
    digest = hashlib.sha256()
    with api.download_image(fingerprint, secret) as (headers, blocks), ThreadPoolExecutor(1) as hasher:
        hashed = hasher.submit(digest.update, b"")
        boundary = boundary_of(headers.get("Content-Type") or "")
        parts: t.Iterable[tuple[str, t.Iterator[bytes]]] = MultipartReader(blocks, boundary) if boundary else [("", blocks)]
        for _name, part in parts:
            if len(temporary) == 2:
                raise LXDAPIError(f"Cannot export the image {fingerprint}: the server sent more than two parts.", status=200)
            temporary.append(_TemporaryFile(directory))
            for block in part:
                # one block is hashed while the next is fetched
                hashed.result()
                hashed = hasher.submit(digest.update, block)
                write_block(temporary[-1].file, block)
            temporary[-1].file.flush()
    return digest.hexdigest()


def _like(source: str, target: str) -> None:
    """Mode and owner of the file that it takes the place of, else what a new file would have."""
    try:
        status = os.stat(target)
    except FileNotFoundError:
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(source, 0o666 & ~umask)
        return
    os.chmod(source, status.st_mode & 0o7777)
    os.chown(source, status.st_uid, status.st_gid)
