# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""Finds out which instances use which images, and for which instances that is unknown. Pure."""

from __future__ import annotations

import typing as t

from ..._lxd.errors import LXDInputError
from ..._lxd.json_shapes import text
from ..._lxd.record import field, record

User = dict[str, str]
"""An instance or a snapshot: its ``project`` and ``name``."""


@record(frozen=True)
class Usage:
    """The instances and snapshots that use images.

    ``users``: fingerprint -> what was created from that image, sorted. ``unknown``: sentences about instances whose
    image is unknown. If there are any, no image counts as unused: each image may be the one that such an instance uses.
    """

    users: t.Mapping[str, t.Sequence[User]] = field(default_factory=dict)
    unknown: tuple[str, ...] = ()

    def of(self, fingerprint: str) -> t.Sequence[User] | None:
        """Return the users of an image, or None if they are unknown."""
        return self.users.get(fingerprint) or (None if self.unknown else [])

    def require_known(self) -> None:
        """Raise LXDInputError if there are instances whose image is unknown."""
        if self.unknown:
            raise LXDInputError(f"Cannot tell which images are unused. {self.describe_unknown()}")

    def describe_unknown(self) -> str:
        """Return the sentences about what is unknown, as one text."""
        return " ".join(self.unknown)


def project_of(instance: t.Mapping[str, t.Any]) -> str:
    """Return the name of the project of an instance. ``instance``: the server's object."""
    return text(instance.get("project")) or "default"


def collect_usage(instances: t.Iterable[t.Mapping[str, t.Any]]) -> Usage:
    """Return the usage of images by instances. ``instances``: the server's objects, with their ``snapshots``.

    For an instance on a cluster member that is down, the servers return the name, ``status: Error``, and no
    configuration.
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
                    f"its cluster member {member!r} does not respond"
                    if member != "none"
                    else "the server does not return its configuration"
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
