# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""Removal of what a policy selects."""

from __future__ import annotations

import typing as t
from datetime import datetime, timezone

from ansible_collections.community.lxd.plugins.module_utils._image.actions import Plan
from ansible_collections.community.lxd.plugins.module_utils._image.gather import list_projects
from ansible_collections.community.lxd.plugins.module_utils._image.read import images_project, require_project
from ansible_collections.community.lxd.plugins.module_utils._image.read_usage import UsageReader
from ansible_collections.community.lxd.plugins.module_utils._image.reconcile import reconcile
from ansible_collections.community.lxd.plugins.module_utils._image.retention import UNKNOWN_USE, Policy, Verdict, deletions, judge_images
from ansible_collections.community.lxd.plugins.module_utils._image.usage import Usage

if t.TYPE_CHECKING:
    from ansible_collections.community.lxd.plugins.module_utils._image.api import ImageAPI
    from ansible_collections.community.lxd.plugins.module_utils._image.model import Image


def reconcile_prune(api: ImageAPI, policy: Policy, check_mode: bool) -> dict[str, t.Any]:
    """Remove what a policy selects. Returns what lxd_image_prune returns. Raises LXDError."""
    api.client.require_trusted()
    results = [prune_project(project_api, policy, check_mode) for project_api in list_projects(api, policy.all_projects)]
    removed = [item for result in results for item in result.removed]
    kept = [item for result in results for item in result.kept]
    warnings = dict.fromkeys(warning for result in results for warning in result.warnings)
    before = {f"{item['project']}/{item['fingerprint']}": item["aliases"] for item in removed}
    return {
        **({"warnings": list(warnings)} if warnings else {}),
        "changed": bool(removed),
        "actions": ["delete"] * len(removed),
        "removed": removed,
        "kept": kept,
        "reclaimed": sum(item["size"] for item in removed),
        "diff": {"before": before, "after": {}},
    }


class Pruned(t.NamedTuple):
    """What was removed, and what stays although it was selected, as results; and what the user has to be told."""

    removed: list[dict[str, t.Any]]
    kept: list[dict[str, t.Any]]
    warnings: list[str]


def prune_project(api: ImageAPI, policy: Policy, check_mode: bool, spare: t.Container[str] = (), listed: t.Sequence[Image] | None = None) -> Pruned:
    """Remove what the policy selects in one project. ``listed``: the images, where they are not to be read from the server."""
    verdicts: list[Verdict] = []

    def read_and_plan() -> Plan:
        nonlocal verdicts
        images = api.list_images() if listed is None else listed
        if not images:
            require_project(api)
        verdicts = judge_images(policy, images, _read_usage(api, policy) if images else Usage(), datetime.now(timezone.utc), spare)
        gone.update({verdict.image.fingerprint: verdict for verdict in verdicts if verdict.goes})
        return Plan(deletions(policy, verdicts))

    gone: dict[str, Verdict] = {}
    reconcile(api, read_and_plan, check_mode)
    # an image that was given an alias between two rounds stays after all
    kept = [verdict for verdict in verdicts if not verdict.goes]
    for verdict in kept:
        gone.pop(verdict.image.fingerprint, None)
    project = api.client.project if policy.all_projects else images_project(api)
    return Pruned(
        removed=[gone[fingerprint].to_result(project) for fingerprint in sorted(gone)],
        kept=[verdict.to_result(project) for verdict in kept],
        warnings=[reason.sentence for verdict in kept for reason in verdict.reasons if reason.word == UNKNOWN_USE],
    )


def _read_usage(api: ImageAPI, policy: Policy) -> Usage:
    """Read what the policy has to know, and no more."""
    return UsageReader(api).read(api) if policy.needs_usage else Usage()
