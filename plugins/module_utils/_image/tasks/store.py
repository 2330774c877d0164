# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""Runs lxd_image_store: many images in one task.

Each entry is planned from one list of all images or, for few entries on a large store, from the images that it names.
Only the entries that have something to do are read again and done, several at the same time.
"""

from __future__ import annotations

import copy
import threading
import typing as t

from ..._lxd.errors import LXDError, LXDInputError
from ..actions import DeleteImage, Plan
from ..image_reader import ImageReader
from ..model import UNKNOWN, Alias, Image, check_fingerprint
from ..plan.prediction import predict_images
from ..plan.prune import DesiredStore, StoreEntry
from ..side_by_side import thread_pool
from .image import ImageTask
from .prune import Pruned, prune_project

Result = dict[str, t.Any]


class ListedReader(ImageReader):
    """Reads images and aliases from one listing, and everything else from the server.

    Its images and aliases are not used for writes: a listing has no ETags.
    """

    def __init__(self, reader: ImageReader, images: t.Sequence[Image]) -> None:
        super().__init__(reader.client, reader.notes)
        self._images = images
        self._by_fingerprint = {image.fingerprint: image for image in images}
        self._aliases = {alias.name: alias for image in images for alias in image.list_aliases()}

    def over(self, reader: ImageReader) -> ListedReader:
        """Return the same listing with the connection of another reader: a connection is for one thread."""
        other = copy.copy(self)
        other.client = reader.client
        return other

    def get_image(self, fingerprint: str, secret: str | None = None) -> Image | None:
        """Return an image by its fingerprint or a prefix of it, or None if it is not found."""
        check_fingerprint(fingerprint)
        if fingerprint in self._by_fingerprint:
            return self._by_fingerprint[fingerprint]
        found = [known for known in self._by_fingerprint if known.startswith(fingerprint)]
        if len(found) > 1:
            # raises the error for an ambiguous prefix
            return super().get_image(fingerprint)
        return self._by_fingerprint[found[0]] if found else None

    def get_alias(self, name: str) -> Alias | None:
        """Return an alias, or None if it is not found. It has no ETag."""
        return self._aliases.get(name)

    def list_images(self) -> list[Image]:
        """Return all images of the listing."""
        return list(self._images)

    def require_project(self) -> None:
        """Do nothing: the project was read for the listing."""


class CachedReader(ImageReader):
    """Reads single images and aliases from the server, and all images once, if at all.

    Its images and aliases are not used for writes.
    """

    def __init__(self, reader: ImageReader) -> None:
        super().__init__(reader.client, reader.notes)
        self._lock = threading.Lock()
        self._all: list[list[Image]] = []

    def over(self, reader: ImageReader) -> CachedReader:
        """Return the same reader with the connection of another one: a connection is for one thread."""
        other = copy.copy(self)
        other.client = reader.client
        return other

    def list_images(self) -> list[Image]:
        """Return all images, which are listed once for all entries."""
        with self._lock:
            if not self._all:
                self._all.append(super().list_images())
            return self._all[0]


READS_OF_AN_ENTRY = 4
"""How many images a listing may have for each entry, until reading by name is faster: an alias and an image, and each
takes longer than in a listing."""


def _reader_for_plans(reader: ImageReader, desired: DesiredStore) -> ListedReader | CachedReader:
    """Return the reader from which all entries are planned: of a listing, unless few entries name what they need."""
    if desired.purge is None:
        stored = reader.list_stored()
        if stored is not None and len(stored) > READS_OF_AN_ENTRY * len(desired.images):
            return CachedReader(reader)
    return ListedReader(reader, reader.list_images())


def run_store(reader: ImageReader, desired: DesiredStore, check_mode: bool) -> Result:
    """Bring all images to their desired state. The failure of one entry does not stop or undo the others.

    Returns the result of lxd_image_store, with ``failed`` and ``msg`` if an entry has failed. Raises LXDError if the
    images cannot be listed, or the other images cannot be purged.
    """
    reader.client.require_trusted()
    listing = _reader_for_plans(reader, desired)
    with thread_pool(desired.concurrency) as pool:
        entries = list(pool.map(lambda entry: _Entry(reader.reconnected(), listing, entry), desired.images))
        _refuse_clashes(entries)
        _drop_repetitions(entries)
        # an entry that deletes an image comes last: another one may move an alias off that image
        waves = [[entry for entry in entries if not entry.deletes], [entry for entry in entries if entry.deletes]]
        done: dict[int, Result] = {}
        for wave in waves:
            for entry, result in zip(wave, pool.map(lambda entry: entry.run(check_mode), wave)):
                done[id(entry)] = result
                if reader.client.progress:
                    reader.client.progress.count("images", len(done), len(entries), "done")
    results = [done[id(entry)] for entry in entries]
    failed = [result for result in results if result["failed"]]
    pruned = Pruned([], [], [])
    if desired.purge is not None and not failed:
        exclude = {result["fingerprint"] for result in results if result["fingerprint"]}
        listed = None
        if check_mode:
            # what purge will find when the entries are done
            actions = (action for wave in waves for entry in wave for action in entry.plan.actions)
            images = {image.fingerprint: image for image in listing.list_images()}
            listed = list(predict_images(images, actions).values())
        pruned = prune_project(reader, desired.purge, check_mode, exclude, listed)
    warnings = list(dict.fromkeys([*pruned.warnings, *reader.notes]))
    return {
        **({"warnings": warnings} if warnings else {}),
        **_store_result(results, pruned),
        **_failed(failed, len(results), desired),
    }


def unseen_store(desired: DesiredStore) -> Result:
    """Return the result of check mode if the client is not enrolled yet: only the entries whose options are wrong."""
    failed = [_failure(entry.name, entry.error) for entry in desired.images if entry.error is not None]
    return {
        "results": failed,
        "removed": [],
        "kept": [],
        "reclaimed": 0,
        **_failed(failed, len(desired.images), desired),
    }


def _failed(failed: t.Sequence[Result], total: int, desired: DesiredStore) -> Result:
    """Return ``failed`` and ``msg`` if an entry has failed, else nothing."""
    if not failed:
        return {}
    ending = " Nothing was purged." if desired.purge is not None else ""
    messages = "; ".join(f"{entry['name']}: {entry['msg']}" for entry in failed)
    msg = f"{len(failed)} of {total} images failed, the others are as desired.{ending} {messages}"
    return {"failed": True, "msg": msg}


def _failure(name: str, error: LXDError) -> Result:
    return {
        "name": name,
        "failed": True,
        "changed": False,
        "actions": [],
        "fingerprint": None,
        "msg": str(error),
        "failure": error.failure,
    }


class _Entry:
    """One entry of a store, with its plan from the listing. Its failure is a result, not an exception."""

    def __init__(self, reader: ImageReader, listing: ListedReader | CachedReader, entry: StoreEntry) -> None:
        self.name = entry.name
        self.error: LXDError | None = entry.error
        self.plan = Plan()
        if entry.desired is None:
            return
        try:
            self._task = ImageTask(reader, entry.desired)
            self.plan = self._task.plan_from_listing(listing.over(reader))
        except LXDError as exc:
            self.error = exc

    @property
    def fingerprint(self) -> str | None:
        """The fingerprint of the image that the entry requires; None if it is unknown, or the image is removed."""
        return self.plan.fingerprint if self.plan.after and self.plan.fingerprint != UNKNOWN else None

    @property
    def deletes(self) -> set[str]:
        """The fingerprints of other images that the entry deletes."""
        deleted = {action.fingerprint for action in self.plan.actions if isinstance(action, DeleteImage)}
        return deleted - {self.fingerprint}

    def run(self, check_mode: bool) -> Result:
        """Read, plan and do, if the plan from the listing has actions. Returns the entry's result."""
        try:
            if self.error is not None:
                raise self.error
            if not self.plan.actions:
                result = self._task.unchanged_result(self.plan)
            else:
                outcome = self._task.run(check_mode)
                self.plan = outcome.plan
                result = self._task.result(outcome, check_mode)
        except LXDError as exc:
            return _failure(self.name, exc)
        return {"name": self.name, "failed": False, **result}


def _refuse_clashes(entries: t.Sequence[_Entry]) -> None:
    """Let entries fail that mean or delete the image of another one: they would undo each other's work."""
    required: dict[str, _Entry] = {}
    for entry in entries:
        if not entry.fingerprint or entry.error:
            continue
        other = required.setdefault(entry.fingerprint, entry)
        if other is not entry:
            entry.error = LXDInputError(
                f"The entry {other.name!r} means the same image ({entry.fingerprint}). "
                "Combine both into one entry, with 'aliases'."
            )
    for entry in entries:
        for fingerprint in entry.deletes & set(required):
            entry.error = LXDInputError(
                f"Cannot delete the image {fingerprint}: the entry {required[fingerprint].name!r} requires it."
            )


def _drop_repetitions(entries: t.Sequence[_Entry]) -> None:
    """Let only the first of several entries delete an image: the others would not find it any more."""
    deleted: set[str] = set()
    for entry in entries:
        if entry.deletes and not entry.plan.after and not entry.error:
            entry.plan = Plan() if entry.deletes <= deleted else entry.plan
            deleted |= entry.deletes


def _store_result(results: list[Result], pruned: Pruned) -> Result:
    removed = pruned.removed
    changes = {result["name"]: result["diff"] for result in results if result["changed"]}
    gone = {item["fingerprint"]: {"aliases": item["aliases"]} for item in removed}
    actions = [verb for result in results for verb in result["actions"]] + ["delete"] * len(removed)
    return {
        "changed": bool(actions),
        "results": results,
        "removed": removed,
        "kept": pruned.kept,
        "reclaimed": sum(item["size"] for item in removed),
        "actions": actions,
        "diff": {
            "before": {**{name: diff["before"] for name, diff in changes.items()}, **gone},
            "after": {name: diff["after"] for name, diff in changes.items()},
        },
    }
