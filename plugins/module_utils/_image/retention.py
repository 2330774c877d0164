# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""Which images a policy removes, and why the others stay. Pure."""

from __future__ import annotations

import typing as t
from datetime import datetime

from ansible_collections.community.lxd.plugins.module_utils._image.actions import DeleteImage
from ansible_collections.community.lxd.plugins.module_utils._image.model import DesiredImage, Image
from ansible_collections.community.lxd.plugins.module_utils._image.select import Selector, added_at
from ansible_collections.community.lxd.plugins.module_utils._lxd.errors import LXDInputError
from ansible_collections.community.lxd.plugins.module_utils._lxd.record import record, replace

Users = t.Mapping[str, t.Sequence[t.Mapping[str, str]]]


@record(frozen=True)
class Policy:
    """``keep`` newest of each group of equal ``group_by`` properties stay. The guards can be lifted one by one."""

    selector: Selector
    keep: int | None = None
    group_by: tuple[str, ...] = ()
    include_protected: bool = False
    include_used: bool = False
    include_aliased: bool = False
    all_projects: bool = False


@record(frozen=True)
class StoreEntry:
    """One entry of a store: what messages call it, the aliases it wants, and what is desired or why its options can't be."""

    name: str
    aliases: tuple[str, ...]
    desired: DesiredImage | None = None
    error: LXDInputError | None = None


@record(frozen=True)
class DesiredStore:
    """``images``: all entries, in the order of the task. ``purge``: what may go of the images that are not listed."""

    images: tuple[StoreEntry, ...]
    purge: Policy | None = None
    concurrency: int = 4


@record(frozen=True)
class Verdict:
    """``reason``: None if the image goes, else why it stays."""

    image: Image
    reason: str | None

    def to_result(self, project: str) -> dict[str, t.Any]:
        image = self.image
        shown: dict[str, t.Any] = {
            "project": project,
            "fingerprint": image.fingerprint,
            "aliases": sorted(image.aliases),
            "properties": dict(sorted(image.settings.user_properties.items())),
            "size": int(image.data.get("size") or 0),
            "uploaded_at": image.data.get("uploaded_at"),
        }
        return shown if self.reason is None else {**shown, "reason": self.reason}


def judge_images(policy: Policy, images: t.Sequence[Image], users: Users, now: datetime, spare: t.Container[str] = ()) -> list[Verdict]:
    """A verdict on each image that the policy selects, by fingerprint. ``spare``: fingerprints that it does not apply to.

    The newest of a group are counted among all images that belong to it, not only among those that are old, expired or unused enough to go.
    """
    newest = _newest(policy, images, users, now)
    verdicts = []
    for image in sorted(images, key=lambda image: image.fingerprint):
        if image.fingerprint not in spare and policy.selector.matches(image, now, users):
            verdicts.append(Verdict(image, newest.get(image.fingerprint) or _guard(policy, image, users)))
    return verdicts


def _newest(policy: Policy, images: t.Sequence[Image], users: Users, now: datetime) -> dict[str, str]:
    """fingerprint -> reason."""
    if policy.keep is None:
        return {}
    members = replace(policy.selector, older_than=None, expired=None, unused=None)
    groups: dict[tuple[str, ...], list[Image]] = {}
    for image in images:
        if members.matches(image, now, users):
            key = tuple(image.settings.user_properties.get(name, "") for name in policy.group_by)
            groups.setdefault(key, []).append(image)
    kept = {}
    for key, group in groups.items():
        group.sort(key=lambda image: (added_at(image, now), image.data.get("created_at") or "", image.fingerprint), reverse=True)
        name = ", ".join(f"{name}={value}" for name, value in zip(policy.group_by, key))
        for place, image in enumerate(group[: policy.keep], start=1):
            kept[image.fingerprint] = f"number {place} of the {policy.keep} newest" + (f" of {name}" if name else "")
    return kept


def _guard(policy: Policy, image: Image, users: Users) -> str | None:
    if image.protected and not policy.include_protected:
        return "protected"
    if not policy.include_used and (using := users.get(image.fingerprint)):
        return "used by " + ", ".join(f"{user['project']}/{user['name']}" for user in using)
    if image.aliases and not policy.include_aliased:
        return "alias " + ", ".join(sorted(image.aliases))
    if image.withdrawn is not None and not policy.include_aliased:
        names = ", ".join(sorted(image.withdrawn.aliases))
        return f"inactive, remembers the alias {names}" if names else "inactive"
    return None


def deletions(policy: Policy, verdicts: t.Iterable[Verdict]) -> tuple[DeleteImage, ...]:
    unless = tuple(word for word, included in (("aliased", policy.include_aliased), ("protected", policy.include_protected)) if not included)
    return tuple(DeleteImage(verdict.image.fingerprint, unless=unless) for verdict in verdicts if verdict.reason is None)
