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
from ansible_collections.community.lxd.plugins.module_utils._image.usage import Usage
from ansible_collections.community.lxd.plugins.module_utils._lxd.errors import LXDInputError
from ansible_collections.community.lxd.plugins.module_utils._lxd.record import record, replace

UNKNOWN_USE = "unknown_use"


class Reason(t.NamedTuple):
    """Why an image stays: a word to assert on, and a sentence for people."""

    word: str
    sentence: str


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

    @property
    def needs_usage(self) -> bool:
        """Whether it has to be known which images instances use."""
        return not self.include_used or self.selector.unused is not None


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
    """``reasons``: why the image stays, all of them; none if it goes."""

    image: Image
    reasons: tuple[Reason, ...] = ()

    @property
    def goes(self) -> bool:
        return not self.reasons

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
        if self.goes:
            return shown
        return {**shown, "reason": self.reasons[0].sentence, "reasons": [reason.word for reason in self.reasons]}


def judge_images(policy: Policy, images: t.Sequence[Image], usage: Usage, now: datetime, spare: t.Container[str] = ()) -> list[Verdict]:
    """A verdict on each image that the policy selects, by fingerprint. ``spare``: fingerprints that it does not apply to.

    The newest of a group are counted among all images that belong to it, not only among those that are old, expired or unused enough to go.
    """
    newest = _newest(policy, images, usage, now)
    verdicts = []
    for image in sorted(images, key=lambda image: image.fingerprint):
        if image.fingerprint not in spare and policy.selector.matches(image, now, usage.users):
            place = newest.get(image.fingerprint)
            verdicts.append(Verdict(image, ((place,) if place else ()) + tuple(_guards(policy, image, usage))))
    return verdicts


def _newest(policy: Policy, images: t.Sequence[Image], usage: Usage, now: datetime) -> dict[str, Reason]:
    """Return why the newest of each group stay: fingerprint -> reason."""
    if policy.keep is None:
        return {}
    members = replace(policy.selector, older_than=None, expired=None, unused=None)
    groups: dict[tuple[str, ...], list[Image]] = {}
    for image in images:
        if members.matches(image, now, usage.users):
            key = tuple(image.settings.user_properties.get(name, "") for name in policy.group_by)
            groups.setdefault(key, []).append(image)
    kept = {}
    for key, group in groups.items():
        group.sort(key=lambda image: (added_at(image, now), image.data.get("created_at") or "", image.fingerprint), reverse=True)
        name = ", ".join(f"{name}={value}" for name, value in zip(policy.group_by, key))
        for place, image in enumerate(group[: policy.keep], start=1):
            sentence = f"number {place} of the {policy.keep} newest" + (f" of {name}" if name else "")
            kept[image.fingerprint] = Reason("newest", sentence)
    return kept


def _guards(policy: Policy, image: Image, usage: Usage) -> t.Iterator[Reason]:
    """Yield what keeps the image. What can't be known keeps it too."""
    if image.protected and not policy.include_protected:
        yield Reason("protected", "protected")
    if not policy.include_used:
        users = usage.of(image.fingerprint)
        if users:
            yield Reason("used", "used by " + ", ".join(f"{user['project']}/{user['name']}" for user in users))
        elif users is None:
            yield Reason(UNKNOWN_USE, f"it is unknown whether images are unused. {usage.describe_unknown()}")
    if image.aliases and not policy.include_aliased:
        yield Reason("aliased", "alias " + ", ".join(sorted(image.aliases)))
    if image.withdrawn is not None and not policy.include_aliased:
        names = ", ".join(sorted(image.withdrawn.aliases))
        yield Reason("inactive", f"inactive, remembers the alias {names}" if names else "inactive")


def deletions(policy: Policy, verdicts: t.Iterable[Verdict]) -> tuple[DeleteImage, ...]:
    unless = tuple(word for word, included in (("aliased", policy.include_aliased), ("protected", policy.include_protected)) if not included)
    return tuple(DeleteImage(verdict.image.fingerprint, unless=unless) for verdict in verdicts if verdict.goes)
