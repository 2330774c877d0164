# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""Adds to an error which member of the cluster cannot be reached: servers say only its address, or nothing."""

from __future__ import annotations

import contextlib
import typing as t

from .._lxd.errors import RETRYABLE, LXDAPIError, LXDError, LXDOperationError
from .._lxd.json_shapes import text
from .image_reader import OFFLINE

if t.TYPE_CHECKING:
    from .image_reader import ImageReader

_UNREACHABLE = "Error"
"""The status of an instance that is listed although its member cannot be asked."""


def add_absent_members(error: LXDOperationError, reader: ImageReader) -> None:
    """Add the names of the members that did not agree to something that needs all of them."""
    with contextlib.suppress(LXDError):
        names = [
            repr(name)
            for name, (status, url) in sorted(reader.list_cluster_members().items())
            if status == OFFLINE or (url and url.rpartition("/")[2] in str(error))
        ]
        if names:
            error.add(
                f"All members of the cluster have to agree to that, and {' and '.join(names)} cannot be reached. "
                "Run the task again when all members are online."
            )


@contextlib.contextmanager
def naming_member(reader: ImageReader, instance: str) -> t.Iterator[None]:
    """Add to the server's error the name of the member that the instance is on, if that member cannot be reached."""
    try:
        yield
    except RETRYABLE:
        raise
    except (LXDAPIError, LXDOperationError) as exc:
        with contextlib.suppress(LXDError):
            for found in reader.list_instances():
                member = text(found.get("location"))
                if found["name"] == instance and found.get("status") == _UNREACHABLE and member:
                    exc.add(
                        f"The instance is on the cluster member {member!r}, which cannot be reached. "
                        "Run the task again when that member is online."
                    )
        raise
