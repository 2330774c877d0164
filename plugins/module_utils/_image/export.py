# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""An image into files on the node: only if they are not there already, verified before they take their names."""

from __future__ import annotations

import hashlib
import os
import tempfile
import typing as t
from dataclasses import dataclass

from ansible_collections.community.lxd.plugins.module_utils._image.archive import detect_format
from ansible_collections.community.lxd.plugins.module_utils._image.multipart import MultipartReader, boundary_of
from ansible_collections.community.lxd.plugins.module_utils._lxd.errors import LXDAPIError, LXDInputError
from ansible_collections.community.lxd.plugins.module_utils._lxd.transport import BLOCK_SIZE

if t.TYPE_CHECKING:
    from ansible_collections.community.lxd.plugins.module_utils._image.api import ImageAPI

# by what a file is, never by what a server calls it
_ENDINGS = {"gzip": ".tar.gz", "xz": ".tar.xz", "bzip2": ".tar.bz2", "zstd": ".tar.zst", "lzma": ".tar.lzma", "tar": ".tar"}
_ENDINGS.update({"squashfs": ".squashfs", "qcow2": ".qcow2", "raw disk": ".img"})
_OTHER = ".root"


@dataclass(frozen=True)
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


def export_image(api: ImageAPI, fingerprint: str, secret: str | None, destination: Destination) -> ExportedFiles:
    """Download to temporary files, verify, rename. What was there before stays until then. Raises LXDError."""
    temporary: list[str] = []
    try:
        digest = _download(api, fingerprint, secret, destination.directory, temporary)
        if digest != fingerprint:
            raise LXDAPIError(f"Cannot export the image {fingerprint}: what the server sent hashes to {digest}. Its store may be damaged.", status=200)
        paths = destination.paths([detect_format(path) for path in temporary])
        size = sum(os.path.getsize(path) for path in temporary)
        # the root file system first: metadata without it is no image
        for source, target in reversed(list(zip(temporary, paths))):
            _like(source, target)
            os.replace(source, target)
        temporary.clear()
        return ExportedFiles(paths[0], paths[1] if len(paths) > 1 else None, size)
    except OSError as exc:
        raise LXDInputError(f"Cannot export the image {fingerprint} to {destination.directory!r}: {exc.strerror}.") from exc
    finally:
        for path in temporary:
            if os.path.exists(path):
                os.unlink(path)


def _download(api: ImageAPI, fingerprint: str, secret: str | None, directory: str, temporary: list[str]) -> str:
    """Write each part to a file of its own, which is added to ``temporary``. Returns the SHA-256 over all."""
    digest = hashlib.sha256()
    with api.download_image(fingerprint, secret) as (headers, blocks):
        boundary = boundary_of(headers.get("Content-Type") or "")
        parts: t.Iterable[tuple[str, t.Iterator[bytes]]] = MultipartReader(blocks, boundary) if boundary else [("", blocks)]
        for _name, part in parts:
            if len(temporary) == 2:
                raise LXDAPIError(f"Cannot export the image {fingerprint}: the server sent more than two parts.", status=200)
            descriptor, path = tempfile.mkstemp(prefix=".community-lxd-", dir=directory)
            temporary.append(path)
            with os.fdopen(descriptor, "wb") as file:
                for block in part:
                    file.write(block)
                    digest.update(block)
                file.flush()
                os.fsync(file.fileno())
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
