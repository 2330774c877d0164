# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""Builds the tar archive of an image's metadata from the option ``metadata``."""

from __future__ import annotations

import io
import json
import platform
import tarfile
import typing as t

from ..._lxd.errors import LXDInputError
from ..model import property_value
from ..times import parse_time


def build_metadata(metadata: t.Mapping[str, t.Any]) -> bytes:
    """Build a tar archive with a metadata.yaml that depends on ``metadata`` alone. Raises LXDInputError.

    If omitted, ``architecture`` is the node's, and ``creation_date`` is the first second of 1970: with today's date,
    the same disk would have another fingerprint every day.
    """
    document = {"architecture": platform.machine(), "creation_date": 1, **metadata}
    for key in ("creation_date", "expiry_date"):
        if key in document:
            document[key] = _seconds(key, document[key])
    if not isinstance(document.get("properties") or {}, t.Mapping):
        raise LXDInputError("'properties' in 'metadata' must be a dictionary.")
    document["properties"] = {
        str(key): property_value(str(key), value) or "" for key, value in (document.get("properties") or {}).items()
    }
    # JSON is YAML, and the same document always has the same text: the fingerprint depends on it
    data = json.dumps(document, sort_keys=True, indent=2).encode()
    output = io.BytesIO()
    with tarfile.open(fileobj=output, mode="w", format=tarfile.USTAR_FORMAT) as archive_file:
        member = tarfile.TarInfo("metadata.yaml")
        member.size, member.mode = len(data), 0o644
        archive_file.addfile(member, io.BytesIO(data))
    return output.getvalue()


def _seconds(key: str, value: t.Any) -> int:
    text = str(value)
    if text.isdigit():
        return int(text)
    try:
        moment = parse_time(text)
    except ValueError as exc:
        raise LXDInputError(f"'{key}' in 'metadata': {exc}.") from exc
    return int(moment.timestamp()) if moment else 0
