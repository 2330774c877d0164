# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""Which instances use which images, and of which instances that can't be known. Pure."""

from __future__ import annotations

import typing as t

from ..._lxd.errors import LXDInputError
from ..._lxd.json_shapes import text
from ..._lxd.record import field, record

User = dict[str, str]
"""An instance or a snapshot: ``project`` and ``name``."""


@record(frozen=True)
class Usage:
    """``users``: fingerprint -> what was made from that image, sorted. ``unknown``: sentences about instances whose image can't be known.

    With anything unknown, no image may be called unused: it may be the one.
    """

    users: t.Mapping[str, t.Sequence[User]] = field(default_factory=dict)
    unknown: tuple[str, ...] = ()

    def of(self, fingerprint: str) -> t.Sequence[User] | None:
        """Return what was made from the image, or None where that can't be known."""
        return self.users.get(fingerprint) or (None if self.unknown else [])

    def require_known(self) -> None:
        """Raises LXDInputError where "unused" can't be said of any image."""
        if self.unknown:
            raise LXDInputError(f"Cannot tell which images are unused. {self.describe_unknown()}")

    def describe_unknown(self) -> str:
        """Return for people what can't be known."""
        return " ".join(self.unknown)


def project_of(instance: t.Mapping[str, t.Any]) -> str:
    """Return the project of a server's object."""
    return text(instance.get("project")) or "default"


def collect_usage(instances: t.Iterable[t.Mapping[str, t.Any]]) -> Usage:
    """Return the usage from the servers' objects of instances, with their ``snapshots``.

    Of an instance on a cluster member that is down, the servers show the name, ``status: Error``, and no configuration.
    """
    users: dict[str, list[User]] = {}
    unknown: list[str] = []
    for instance in instances:
        project, name = project_of(instance), instance["name"]
        snapshots = [
            (f"{name}/{snapshot['name'].rpartition('/')[2]}", snapshot) for snapshot in instance.get("snapshots") or []
        ]
        for user, data in [(name, instance), *snapshots]:
            configs = [config for key in ("config", "expanded_config") if isinstance(config := data.get(key), dict)]
            if not configs:
                member = instance.get("location") or "none"
                where = (
                    f"its cluster member {member!r} does not answer"
                    if member != "none"
                    else "the server does not show its configuration"
                )
                unknown.append(f"The image of the instance '{project}/{user}' is unknown, as {where}.")
            for fingerprint in {text(config.get("volatile.base_image")) for config in configs} - {""}:
                users.setdefault(fingerprint, []).append({"project": project, "name": user})
    return Usage(
        {
            fingerprint: sorted(found, key=lambda user: (user["project"], user["name"]))
            for fingerprint, found in users.items()
        },
        tuple(sorted(unknown)),
    )
