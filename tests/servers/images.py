#!/usr/bin/env python
# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes small real images, the same bytes on every run of one machine.

tiny.tar.gz, tiny2.tar.gz     unified container images that boot (busybox)
bare.tar.gz                   unified, its metadata.yaml has no properties
split-meta.tar.gz + split-rootfs.squashfs (.tar.gz where mksquashfs is missing)
vm-meta.tar.gz + disk.img     split virtual machine image; the disk is empty but for a boot signature
qcow.img                      a qcow2 header and nothing behind it
dir/                          an unpacked image: metadata.yaml and rootfs/
junk.tar.gz, truncated.tar.gz no image at all; tiny.tar.gz cut off
big.tar                       with --big MIB: unified, incompressible
"""

from __future__ import annotations

import argparse
import gzip
import io
import os
import platform
import random
import re
import shutil
import struct
import subprocess
import tarfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

# Every time stamp inside the images (2023-11-14T22:13:20Z).
STAMP = 1700000000

DIRECTORIES = ("bin", "dev", "etc", "proc", "root", "run", "sbin", "sys", "tmp")
APPLETS = ("sh", "init", "sleep", "ls", "cat")
# Without an inittab busybox would look for terminals that a container may not have.
INITTAB = b"::respawn:/bin/sleep 86400\n"

Member = tuple[tarfile.TarInfo, "bytes | io.RawIOBase | None"]


def metadata(release: str | None, description: str = "") -> bytes:
    """A metadata.yaml; without a release it has no properties."""
    text = f"architecture: {platform.machine()}\ncreation_date: {STAMP}\n"
    if release is not None:
        text += f'properties:\n  description: "{description}"\n  os: busybox\n  release: "{release}"\n'
    return text.encode()


def busybox() -> dict[str, bytes]:
    """The busybox of this machine as files of a rootfs, with its libraries when it is not a static one."""
    found = shutil.which("busybox", path=os.environ.get("PATH", "") + ":/bin:/usr/bin")
    if not found:
        raise SystemExit("images.py: no busybox on this machine (Debian, Ubuntu: apt-get install busybox-static)")
    files = {"bin/busybox": Path(found).read_bytes()}
    # ldd fails for a static binary, and says so on standard error.
    listing = subprocess.run(["ldd", found], capture_output=True, text=True, check=False).stdout
    for library in re.findall(r"(/\S+) \(0x", listing):
        files[library.lstrip("/")] = Path(library).read_bytes()
    return files


def entry(name: str, content: bytes | None = None, link: str | None = None, mode: int = 0o755) -> Member:
    """One member of a tarball: a link, a file, or (neither given) a directory."""
    info = tarfile.TarInfo(name)
    info.mtime = STAMP
    info.mode = mode
    info.uname = info.gname = "root"
    if link is not None:
        info.type, info.linkname = tarfile.SYMTYPE, link
    elif content is None:
        info.type = tarfile.DIRTYPE
    else:
        info.size = len(content)
    return info, content


def rootfs(prefix: str, label: str) -> Iterator[Member]:
    """A root file system that boots; the label makes its content differ from others."""
    files = busybox()
    parents = {str(parent) for name in files for parent in Path(name).parents} - {"."}
    if prefix:
        yield entry(prefix.rstrip("/"))
    for name in sorted({*DIRECTORIES, *parents}):
        yield entry(prefix + name)
    for name, content in sorted(files.items()):
        yield entry(prefix + name, content)
    for applet in APPLETS:
        yield entry(f"{prefix}bin/{applet}", link="busybox")
    yield entry(f"{prefix}sbin/init", link="../bin/busybox")
    yield entry(f"{prefix}etc/inittab", INITTAB, mode=0o644)
    yield entry(f"{prefix}etc/hostname", label.encode() + b"\n", mode=0o644)


def unified(meta: bytes, label: str) -> Iterator[Member]:
    yield entry("metadata.yaml", meta, mode=0o644)
    yield from rootfs("rootfs/", label)


@contextmanager
def tarball(path: Path) -> Iterator[tarfile.TarFile]:
    """A tarball to write; the gzip header carries neither a name nor the time."""
    with path.open("wb") as raw:
        if path.suffix == ".gz":
            with gzip.GzipFile("", "wb", 6, raw, STAMP) as packed, tarfile.open(fileobj=packed, mode="w") as tar:
                yield tar
        else:
            with tarfile.open(fileobj=raw, mode="w") as tar:
                yield tar


def write(path: Path, members: Iterable[Member]) -> Path:
    with tarball(path) as tar:
        for info, content in members:
            tar.addfile(info, io.BytesIO(content) if isinstance(content, bytes) else content)  # type: ignore[arg-type]
    return path


def unpacked(path: Path, members: Iterable[Member]) -> Path:
    """The same members as files below a directory."""
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(mode=0o755)
    places = []
    for info, content in members:
        place = path / info.name
        places.append(place)
        if info.issym():
            place.symlink_to(info.linkname)
            continue
        if isinstance(content, bytes):
            place.write_bytes(content)
        else:
            place.mkdir()
        place.chmod(info.mode)
    for place in [*reversed(places), path]:
        os.utime(place, (STAMP, STAMP), follow_symlinks=False)
    return path


def squashed(directory: Path, name: str) -> Path:
    """A rootfs as a squashfs file, or as a tarball where that can't be made."""
    program = shutil.which("mksquashfs", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/bin")
    if not program:
        return write(directory / f"{name}.tar.gz", rootfs("", "split"))
    path = directory / f"{name}.squashfs"
    path.unlink(missing_ok=True)
    source = unpacked(directory / f".{name}", rootfs("", "split"))
    command = [program, str(source), str(path), "-all-root", "-noappend", "-no-xattrs", "-no-progress"]
    # With SOURCE_DATE_EPOCH in the environment mksquashfs refuses the options of the same purpose.
    environment = {key: value for key, value in os.environ.items() if key != "SOURCE_DATE_EPOCH"}
    stamps = ["-mkfs-time", str(STAMP), "-all-time", str(STAMP)]
    subprocess.run([*command, *stamps], check=True, stdout=subprocess.DEVNULL, env=environment)
    shutil.rmtree(source)
    return path


class Noise(io.RawIOBase):
    """A stream of so many bytes that don't compress, never held in memory at once."""

    def __init__(self, size: int, seed: int = 1) -> None:
        self.left = size
        self.random = random.Random(seed)

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        size = self.left if size < 0 else min(size, self.left)
        self.left -= size
        return self.random.randbytes(size)


def big(path: Path, mebibytes: int) -> Path:
    """A unified image of about that size."""
    size = mebibytes << 20
    blob, _unused = entry("rootfs/blob", b"", mode=0o644)
    blob.size = size
    members = [entry("metadata.yaml", metadata("big", f"{mebibytes} MiB"), mode=0o644), entry("rootfs")]
    return write(path, [*members, (blob, Noise(size))])


def build(directory: Path) -> None:
    """Makes every small image in the directory."""
    directory.mkdir(parents=True, exist_ok=True)
    tiny = write(directory / "tiny.tar.gz", unified(metadata("1", "tiny busybox"), "tiny"))
    write(directory / "tiny2.tar.gz", unified(metadata("2", "another tiny busybox"), "tiny2"))
    write(directory / "bare.tar.gz", unified(metadata(None), "bare"))
    write(directory / "split-meta.tar.gz", [entry("metadata.yaml", metadata("split", "split busybox"), mode=0o644)])
    squashed(directory, "split-rootfs")
    write(directory / "vm-meta.tar.gz", [entry("metadata.yaml", metadata("vm", "empty disk"), mode=0o644)])
    (directory / "disk.img").write_bytes(bytes(510) + b"\x55\xaa" + bytes(65536 - 512))
    (directory / "qcow.img").write_bytes(struct.pack(">4sI", b"QFI\xfb", 3) + bytes(65536 - 8))
    unpacked(directory / "dir", unified(metadata("dir", "unpacked busybox"), "dir"))
    (directory / "junk.tar.gz").write_bytes(random.Random(2).randbytes(4096))
    content = tiny.read_bytes()
    (directory / "truncated.tar.gz").write_bytes(content[: len(content) * 7 // 10])


def main() -> None:
    parser = argparse.ArgumentParser(description="Makes small real images.")
    parser.add_argument("directory", type=Path)
    parser.add_argument("--big", type=int, metavar="MIB", help="make (only) big.tar of this size")
    options = parser.parse_args()
    options.directory.mkdir(parents=True, exist_ok=True)
    if options.big:
        big(options.directory / "big.tar", options.big)
    else:
        build(options.directory)


if __name__ == "__main__":
    main()
