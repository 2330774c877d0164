# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""Parses the options of lxd_image_prune and lxd_image_store. Pure. An LXDInputError names the option that is wrong."""

from __future__ import annotations

import typing as t

from .._lxd.errors import LXDInputError
from .._lxd.record import replace
from .._lxd.urls import shown_url
from .options_selection import selector
from .plan.prune import DesiredStore, Guards, PrunePolicy, StoreEntry
from .plan.selection import Selector

if t.TYPE_CHECKING:
    from .options import Params


def prune_policy(params: Params) -> PrunePolicy:
    """Parse the options of lxd_image_prune. Raises LXDInputError."""
    _check_concurrency(params["concurrency"])
    chosen = selector(params)
    if params.get("keep") is None and chosen == Selector():
        raise LXDInputError("At least one condition or 'keep' is required: which images to remove.")
    if params.get("keep") is not None and params["keep"] < 0:
        raise LXDInputError(f"'keep' is {params['keep']}, but must be 0 or more.")
    return PrunePolicy(
        selector=chosen,
        keep=params.get("keep"),
        group_by=tuple(params.get("group_by") or ()),
        guards=_guards(params),
        all_projects=bool(params.get("all_projects")),
        concurrency=params["concurrency"],
    )


def _check_concurrency(number: int) -> None:
    if number < 1:
        raise LXDInputError(f"'concurrency' is {number}, but must be 1 or more.")


def _guards(params: Params) -> Guards:
    return Guards(
        include_protected=bool(params.get("include_protected")),
        include_used=bool(params.get("include_used")),
        include_aliased=bool(params.get("include_aliased")),
    )


def desired_store(params: Params) -> DesiredStore:
    """Parse the options of lxd_image_store. Raises LXDInputError, but not for a wrong entry: that one fails alone."""
    number = params["concurrency"]
    _check_concurrency(number)
    entries = _distinguished([_store_entry(options) for options in params["images"]])
    _refuse_shared_names(entries)
    purge = PrunePolicy(Selector(), guards=_guards(params), concurrency=number) if params.get("purge") else None
    return DesiredStore(entries, purge, number)


def _store_entry(options: Params) -> StoreEntry:
    source = options.get("source") or {}
    file_name = (source.get("path") or "").rstrip("/").rpartition("/")[2]
    texts = (options.get("name"), options.get("fingerprint"), file_name, source.get("alias"), source.get("fingerprint"))
    url = shown_url(source.get("url") or "")
    name = next((str(text) for text in (*texts, url) if text), "an entry without a name")
    aliases = tuple(dict.fromkeys(alias for alias in (options.get("name"), *(options.get("aliases") or ())) if alias))
    # imported only here: lxd_image_prune has no entries
    from .options_image import desired_image

    try:
        return StoreEntry(name, aliases, desired_image(options))
    except LXDInputError as exc:
        return StoreEntry(name, aliases, error=exc)


def _distinguished(entries: t.Sequence[StoreEntry]) -> tuple[StoreEntry, ...]:
    """Return the entries, with the number of an entry in its name if other entries have the same name."""
    names = [entry.name for entry in entries]
    return tuple(
        replace(entry, name=f"{entry.name} (entry {number})") if names.count(entry.name) > 1 else entry
        for number, entry in enumerate(entries, start=1)
    )


def _refuse_shared_names(entries: t.Iterable[StoreEntry]) -> None:
    taken: dict[str, int] = {}
    for number, entry in enumerate(entries, start=1):
        for name in entry.aliases:
            if taken.setdefault(name, number) != number:
                raise LXDInputError(
                    f"The alias {name!r} is ambiguous: the entries {taken[name]} and {number} of 'images' both have "
                    "it. Give it to only one of them."
                )
