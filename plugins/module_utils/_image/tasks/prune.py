# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""Runs lxd_image_prune: removes the images that a policy selects."""

from __future__ import annotations

import typing as t
from datetime import datetime, timezone

from ..actions import DeleteImage, Plan
from ..loop import reconcile
from ..plan.prune import UNKNOWN_USE, PruneDecision, PrunePolicy, deletions, evaluate_images
from ..plan.usage import Usage
from ..reading.names import images_project, project_readers, read_selected
from ..reading.usage import UsageReader

if t.TYPE_CHECKING:
    from ..image_reader import ImageReader
    from ..model import Image


def run_prune(reader: ImageReader, policy: PrunePolicy, check_mode: bool) -> dict[str, t.Any]:
    """Remove the images that a policy selects. Returns the result of lxd_image_prune. Raises LXDError."""
    reader.client.require_trusted()
    results = [
        prune_project(project_reader, policy, check_mode)
        for project_reader in project_readers(reader, policy.all_projects)
    ]
    removed = [item for result in results for item in result.removed]
    kept = [item for result in results for item in result.kept]
    warnings = dict.fromkeys([*(warning for result in results for warning in result.warnings), *reader.notes])
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
    """The items of RV(removed) and RV(kept), and the warnings."""

    removed: list[dict[str, t.Any]]
    kept: list[dict[str, t.Any]]
    warnings: list[str]


def prune_project(
    reader: ImageReader,
    policy: PrunePolicy,
    check_mode: bool,
    exclude: t.Container[str] = (),
    listed: t.Sequence[Image] | None = None,
) -> Pruned:
    """Remove the images that a policy selects in one project.

    ``exclude``: fingerprints of images that stay in any case. ``listed``: the images, if they must not be read from the
    server. Raises LXDError.
    """
    decisions: list[PruneDecision] = []

    def read_and_plan() -> Plan:
        nonlocal decisions
        if listed is not None:
            images = listed
        elif policy.keep is None:
            images = read_selected(reader, policy.selector)
        else:
            # to know which images are the newest takes all of them
            images = reader.list_images()
        decisions = evaluate_images(
            policy, images, _read_usage(reader, policy) if images else Usage(), datetime.now(timezone.utc), exclude
        )
        chosen.update({decision.image.fingerprint: decision for decision in decisions if decision.is_removed})
        return Plan(deletions(policy, decisions))

    chosen: dict[str, PruneDecision] = {}
    outcome = reconcile(reader, read_and_plan, check_mode, concurrency=policy.concurrency)
    removed = {action.fingerprint for action in outcome.actions if isinstance(action, DeleteImage)}
    kept = [decision for decision in decisions if not decision.is_removed]
    project = reader.client.project if policy.all_projects else images_project(reader)
    return Pruned(
        removed=[chosen[fingerprint].to_result(project) for fingerprint in sorted(removed)],
        kept=[decision.to_result(project) for decision in kept],
        warnings=[reason.sentence for decision in kept for reason in decision.reasons if reason.word == UNKNOWN_USE],
    )


def _read_usage(reader: ImageReader, policy: PrunePolicy) -> Usage:
    """Read which instances use images, only if the policy needs it."""
    return UsageReader(reader).read(reader) if policy.needs_usage else Usage()
