# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""Runs lxd_image: brings one image to its desired state."""

from __future__ import annotations

import typing as t

from ..._lxd.errors import LXDInputError
from ..actions import CreateImage, DeleteImage
from ..loop import Outcome, reconcile
from ..model import UNKNOWN, CurrentImage
from ..plan.image import plan_image
from ..reading.image import read_image
from ..sources.content import TaskContent

if t.TYPE_CHECKING:
    from ..actions import Plan
    from ..desired_image import DesiredImage
    from ..image_reader import ImageReader
    from ..model import Image


def run_image(reader: ImageReader, desired: DesiredImage, check_mode: bool) -> dict[str, t.Any]:
    """Bring one image to its desired state. Returns the result of lxd_image. Raises LXDError."""
    task = ImageTask(reader, desired)
    result = task.result(task.run(check_mode), check_mode)
    return {**result, "warnings": [*result.get("warnings", ()), *reader.notes]} if reader.notes else result


class ImageTask:
    """Brings one image to its desired state: at once, or first planned from a listing of all images."""

    def __init__(self, reader: ImageReader, desired: DesiredImage) -> None:
        self._reader, self._desired = reader, desired
        self._content = TaskContent(desired.source, reader.client)
        self._current = CurrentImage()

    def plan_from_listing(self, listing: ImageReader) -> Plan:
        """Plan from a listing: only what it lacks is read from the server. Raises LXDError."""
        return self._plan(listing)

    def run(self, check_mode: bool) -> Outcome:
        """Read, plan and do. Raises LXDError."""

        def read_and_plan() -> Plan:
            self._content.renew()
            plan = self._plan(self._reader, may_defer=not check_mode)
            self._check(plan, check_mode)
            return plan

        return reconcile(self._reader, read_and_plan, check_mode, self._content)

    def _plan(self, reader: ImageReader, may_defer: bool = False) -> Plan:
        self._current = read_image(reader, self._desired, self._content, may_defer)
        plan = plan_image(self._desired, self._current)
        if self._reader.client.project != "default" and plan.actions:
            self._check_public(plan)
        return plan

    def _check_public(self, plan: Plan) -> None:
        """Refuse to make an image public that this server does not accept, before anything is done."""
        # imported only here: mostly nothing changes, or in the default project
        from ..plan.public_images import EXTENSIONS, sends_public
        from ..reading.names import images_project

        refused = sends_public(plan, self._current.images)
        if refused and EXTENSIONS & self._reader.client.server().extensions:
            project = images_project(self._reader)
            if project != "default":
                raise LXDInputError(
                    f"{refused} The server {self._reader.client.url} accepts public images only in the project "
                    f"'default', and this one is in {project!r}."
                )

    def _check(self, plan: Plan, check_mode: bool) -> None:
        """Check the content of an image to create, so that an error comes before half of the plan is done."""
        has_deleted = False
        for action in plan.actions:
            has_deleted = has_deleted or isinstance(action, DeleteImage)
            if isinstance(action, CreateImage):
                # a real run looks into files while it sends them; that is too late if a cached image is deleted before
                self._content.open().check(self._reader, action, look_into_files=check_mode or has_deleted)

    def unchanged_result(self, plan: Plan) -> dict[str, t.Any]:
        """Return the result for a plan from a listing that has no actions. Reads nothing."""
        return self.result(Outcome(plan, [], plan.before), check_mode=True)

    def result(self, outcome: Outcome, check_mode: bool) -> dict[str, t.Any]:
        """Return the result of the module. After a change outside check mode, the image is read once more."""
        image = self._resulting_image(outcome, check_mode)
        return {
            **outcome.to_result(),
            **self._warnings(outcome),
            "fingerprint": image["fingerprint"] if image else outcome.plan.fingerprint,
            "previous_fingerprint": outcome.plan.previous_fingerprint,
            "image": image,
        }

    def _resulting_image(self, outcome: Outcome, check_mode: bool) -> dict[str, t.Any] | None:
        """Return the image after the task; in check mode as far as it is known."""
        plan = outcome.plan
        fingerprint = plan.fingerprint
        if self._desired.state == "absent" or fingerprint is None:
            return None
        image: Image | None
        if outcome.changed and not check_mode:
            image = self._reader.get_image(fingerprint)
        elif plan.creates("import"):
            # only the server knows the properties from the metadata in the files
            image = None
        elif not plan.actions:
            image = self._current.images.get(fingerprint)
        else:
            image = self._predicted(plan).get(fingerprint)
        if image is not None:
            return image.to_result()
        # imported only here: mostly the image is there
        from ..plan.prediction import predict_new_aliases

        aliases = [
            {"name": name, "description": text} for name, text in sorted(predict_new_aliases(plan.actions).items())
        ]
        return {**plan.after, "fingerprint": fingerprint or UNKNOWN, "aliases": aliases}

    def _predicted(self, plan: Plan) -> t.Mapping[str, Image]:
        # imported only here: mostly nothing changes
        from ..plan.prediction import predict_images

        return predict_images(self._current.images, plan.actions)

    def _warnings(self, outcome: Outcome) -> dict[str, list[str]]:
        image = self._current.images.get(outcome.plan.fingerprint or "")
        if self._desired.source is None or image is None or not image.data.get("cached") or "delete" in outcome.verbs:
            return {}
        text = (
            f"Image {image.fingerprint} is only cached: the server downloaded it for an instance and will remove it "
            "when it is unused (its setting images.remote_cache_expiry). Making it permanent requires deleting and "
            "copying it again, which this task does not do while the image has aliases, or is protected and "
            "'protected' is not given."
        )
        return {"warnings": [text]}
