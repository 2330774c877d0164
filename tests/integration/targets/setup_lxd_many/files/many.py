#!/usr/bin/env python
# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes a number of very small images, which can be stored but not booted, and tells about them as JSON.

Each has the properties "number", from 0 on, and "series", which is a, b or c in turn.
"""

from __future__ import annotations

import hashlib
import io
import json
import platform
import sys
import tarfile
from pathlib import Path

STAMP = 1700000000


def make(directory: Path, number: int) -> dict[str, str | int]:
    series = "abc"[number % 3]
    metadata = f'architecture: {platform.machine()}\ncreation_date: {STAMP}\nproperties:\n  number: "{number}"\n  series: {series}\n'
    path = directory / f"{number}.tar"
    with tarfile.open(path, "w") as tar:
        for name, content in (("metadata.yaml", metadata.encode()), ("rootfs", None)):
            info = tarfile.TarInfo(name)
            info.mtime, info.mode = STAMP, 0o755
            info.type, info.size = (tarfile.DIRTYPE, 0) if content is None else (tarfile.REGTYPE, len(content))
            tar.addfile(info, None if content is None else io.BytesIO(content))
    fingerprint = hashlib.sha256(path.read_bytes()).hexdigest()
    return {
        "path": str(path),
        "fingerprint": fingerprint,
        "size": path.stat().st_size,
        "number": str(number),
        "series": series,
    }


def main() -> None:
    directory = Path(sys.argv[1])
    directory.mkdir(parents=True, exist_ok=True)
    print(json.dumps([make(directory, number) for number in range(int(sys.argv[2]))]))


if __name__ == "__main__":
    main()
