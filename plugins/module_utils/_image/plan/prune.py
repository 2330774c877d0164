# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""Decides which images a policy removes, and why the others stay. Pure."""

from __future__ import annotations

import typing as t
from datetime import datetime

from ..._lxd.errors import LXDInputError
from ..._lxd.record import record, replace
from ..actions import DeleteImage
from ..model import Image
from .selection import Selector, added_at
from .usage import Usage

if t.TYPE_CHECKING:
    from ..desired_image import DesiredImage

UNKNOWN_USE = "unknown_use"


class Reason(t.NamedTuple):
    """Why an image stays: a word for assertions, and a sentence for people."""

    word: str
    sentence: str


@record(frozen=True)
class Guards:
    """The guards that keep an image although it is selected. Each guard has an option that switches it off."""

    include_protected: bool = False
    include_used: bool = False
    include_aliased: bool = False

    def reasons(self, image: Image, usage: Usage, must_be_unused: bool) -> t.Iterator[Reason]:
        """Yield the reasons why the image stays. It also stays if its use is unknown.

        ``must_be_unused``: whether the image is selected as unused, so that its use must be known even without a guard.
        """
        if image.protected and not self.include_protected:
            yield Reason("protected", "protected")
        users = usage.of(image.fingerprint)
        if users is None and (must_be_unused or not self.include_used):
            yield Reason(UNKNOWN_USE, f"it is unknown whether images are unused. {usage.describe_unknown()}")
        elif users and not self.include_used:
            yield Reason("used", "used by " + ", ".join(f"{user['project']}/{user['name']}" for user in users))
        if self.include_aliased:
            return
        if image.aliases:
            yield Reason("aliased", "alias " + ", ".join(sorted(image.aliases)))
        if image.inactive_state is not None:
            names = ", ".join(sorted(image.inactive_state.aliases))
            yield Reason("inactive", f"inactive, had the alias {names}" if names else "inactive")

    @property
    def checked_again(self) -> tuple[str, ...]:
        """The guards of one image that are checked again right before it is deleted, see :attr:`Image.guards`."""
        lifted = {"protected": self.include_protected, "aliased": self.include_aliased}
        return tuple(word for word, is_lifted in lifted.items() if not is_lifted)


@record(frozen=True)
class PrunePolicy:
    """Which images are removed: the selected ones, except the newest of each group and those that a guard keeps.

    ``keep``: how many images of each group stay. A group has the images with equal ``group_by`` properties.
    ``concurrency``: how many images are removed at the same time.
    """

    selector: Selector
    keep: int | None = None
    group_by: tuple[str, ...] = ()
    guards: Guards = Guards()
    all_projects: bool = False
    concurrency: int = 4

    @property
    def needs_usage(self) -> bool:
        """Whether the decision depends on which images instances use."""
        return not self.guards.include_used or self.selector.unused is not None


@record(frozen=True)
class StoreEntry:
    """One entry of a store.

    ``name``: for messages. ``aliases``: all that the image must have. ``desired``: None if the options are wrong, which
    ``error`` explains.
    """

    name: str
    aliases: tuple[str, ...]
    desired: DesiredImage | None = None
    error: LXDInputError | None = None


@record(frozen=True)
class DesiredStore:
    """All images of a store.

    ``images``: the entries in the order of the task. ``purge``: the policy for images that are not listed; None keeps
    them. ``concurrency``: how many entries are processed at the same time.
    """

    images: tuple[StoreEntry, ...]
    purge: PrunePolicy | None = None
    concurrency: int = 4


@record(frozen=True)
class PruneDecision:
    """The decision about one image. ``reasons``: all reasons why it stays; none if it is removed."""

    image: Image
    reasons: tuple[Reason, ...] = ()

    @property
    def is_removed(self) -> bool:
        """Whether the image is removed."""
        return not self.reasons

    def to_result(self, project: str) -> dict[str, t.Any]:
        """Return the decision as one item of RV(removed) or RV(kept)."""
        image = self.image
        shown: dict[str, t.Any] = {
            "project": project,
            "fingerprint": image.fingerprint,
            "aliases": sorted(image.aliases),
            "properties": dict(sorted(image.settings.user_properties.items())),
            "size": int(image.data.get("size") or 0),
            "uploaded_at": image.data.get("uploaded_at"),
        }
        if self.is_removed:
            return shown
        return {**shown, "reason": self.reasons[0].sentence, "reasons": [reason.word for reason in self.reasons]}


def evaluate_images(
    policy: PrunePolicy, images: t.Sequence[Image], usage: Usage, now: datetime, exclude: t.Container[str] = ()
) -> list[PruneDecision]:
    """Decide about each image that the policy selects, sorted by fingerprint.

    ``usage``: of the images, if the policy needs it. ``exclude``: fingerprints of images to which the policy does not
    apply.

    The newest images of a group are counted among all its images, not only among those that are old, expired or unused
    enough to be removed.
    """
    newest = _newest(policy, images, usage, now)
    decisions = []
    for image in sorted(images, key=lambda image: image.fingerprint):
        if image.fingerprint not in exclude and policy.selector.matches(image, now, usage.users):
            place = newest.get(image.fingerprint)
            guards = policy.guards.reasons(image, usage, must_be_unused=bool(policy.selector.unused))
            decisions.append(PruneDecision(image, (*((place,) if place else ()), *guards)))
    return decisions


def _newest(policy: PrunePolicy, images: t.Sequence[Image], usage: Usage, now: datetime) -> dict[str, Reason]:
    """Return the newest images of each group, which stay: fingerprint -> reason."""
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
        group.sort(
            key=lambda image: (added_at(image, now), image.data.get("created_at") or "", image.fingerprint),
            reverse=True,
        )
        name = ", ".join(f"{name}={value}" for name, value in zip(policy.group_by, key))
        for place, image in enumerate(group[: policy.keep], start=1):
            sentence = f"number {place} of the {policy.keep} newest" + (f" of {name}" if name else "")
            kept[image.fingerprint] = Reason("newest", sentence)
    return kept


def deletions(policy: PrunePolicy, decisions: t.Iterable[PruneDecision]) -> tuple[DeleteImage, ...]:
    """Return the actions that remove the images, as decided."""
    unless = policy.guards.checked_again
    return tuple(DeleteImage(decision.image.fingerprint, unless) for decision in decisions if decision.is_removed)
