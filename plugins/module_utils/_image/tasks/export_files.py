# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""Downloads an image into files on the node, which are verified before they take their names."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import tempfile
import typing as t
from concurrent.futures import ThreadPoolExecutor

from ..._lxd.blocks import write_block
from ..._lxd.errors import LXDAPIError, LXDInputError
from ..sources.file_formats import detect_format
from ..sources.multipart import MultipartReader, boundary_of
from .export_destination import ExportedFiles

if t.TYPE_CHECKING:
    from ..image_reader import ImageReader
    from .export_destination import Destination

_PREFIX = ".community-lxd-"


class _TemporaryFile:
    """A file that gets its name last.

    It is locked while it is written; this distinguishes it from a file that a killed task has left behind.
    """

    def __init__(self, directory: str) -> None:
        while True:
            descriptor, self.path = tempfile.mkstemp(prefix=_PREFIX, dir=directory)
            self.file = os.fdopen(descriptor, "wb")
            _lock(self.file)
            # until the file is locked, another task may take it for one that was left behind
            if os.path.exists(self.path):
                return
            self.file.close()

    def rename(self, target: str) -> None:
        """Replace ``target`` by the file, in one step."""
        _take_over_mode_and_owner(self.path, target)
        os.replace(self.path, os.path.realpath(target) if os.path.islink(target) else target)

    def remove(self) -> None:
        """Delete the file, unless it was renamed."""
        self.file.close()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path)


def _lock(file: t.IO[bytes]) -> bool:
    """Lock a file. Returns False if another process has locked it, or the file system does not support locks."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _remove_leftovers(directory: str) -> None:
    """Delete the files that killed tasks have left behind."""
    for name in os.listdir(directory):
        path = os.path.join(directory, name)
        if name.startswith(_PREFIX) and os.path.isfile(path) and not os.path.islink(path):
            with contextlib.suppress(OSError), open(path, "rb") as file:
                if _lock(file):
                    os.unlink(path)


def export_image(reader: ImageReader, fingerprint: str, secret: str | None, destination: Destination) -> ExportedFiles:
    """Download an image to temporary files, verify and rename them. Raises LXDError.

    Until then, existing files of the same names stay as they are.
    """
    temporary: list[_TemporaryFile] = []
    try:
        _remove_leftovers(destination.directory)
        digest = _download(reader, fingerprint, secret, destination.directory, temporary)
        if digest != fingerprint:
            raise LXDAPIError(
                f"Cannot export the image {fingerprint}: the data that the server returned hashes to {digest}. "
                "The server's store may be damaged.",
                status=200,
            )
        size = sum(os.path.getsize(file.path) for file in temporary)
        paths = destination.paths([detect_format(file.path) for file in temporary])
        # the root file system first, as metadata without it is no image
        for file, path in reversed(list(zip(temporary, paths))):
            file.rename(path)
        return ExportedFiles(paths[0], paths[1] if len(paths) > 1 else None, size)
    except OSError as exc:
        raise LXDInputError(
            f"Cannot export the image {fingerprint} to {destination.directory!r}: {exc.strerror}."
        ) from exc
    finally:
        for file in temporary:
            file.remove()


def _download(
    reader: ImageReader, fingerprint: str, secret: str | None, directory: str, temporary: list[_TemporaryFile]
) -> str:
    """Write each part to a file of its own, which is added to ``temporary``. Returns the SHA-256 of all parts."""
    digest = hashlib.sha256()
    with reader.download_image(fingerprint, secret) as (headers, blocks), ThreadPoolExecutor(1) as hasher:
        hashed = hasher.submit(digest.update, b"")
        boundary = boundary_of(headers.get("Content-Type") or "")
        parts: t.Iterable[tuple[str, t.Iterator[bytes]]] = (
            MultipartReader(blocks, boundary) if boundary else [("", blocks)]
        )
        for _name, part in parts:
            if len(temporary) == 2:
                raise LXDAPIError(
                    f"Cannot export the image {fingerprint}: the server returned more than two parts.", status=200
                )
            temporary.append(_TemporaryFile(directory))
            for block in part:
                # one block is hashed while the next one is downloaded
                hashed.result()
                hashed = hasher.submit(digest.update, block)
                write_block(temporary[-1].file, block)
            temporary[-1].file.flush()
    return digest.hexdigest()


def _take_over_mode_and_owner(source: str, target: str) -> None:
    """Give ``source`` the mode and owner of ``target``, or those of a new file if ``target`` does not exist."""
    try:
        status = os.stat(target)
    except FileNotFoundError:
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(source, 0o666 & ~umask)
        return
    os.chmod(source, status.st_mode & 0o7777)
    # only root can give files away; for others the file is theirs, as after a download
    with contextlib.suppress(PermissionError):
        os.chown(source, status.st_uid, status.st_gid)
