# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""Stops and starts instances that are published."""

from __future__ import annotations

import typing as t

from ..._lxd.errors import LXDError, LXDOperationError, LXDTimeout
from ..desired_image import SettingsChange
from ..members import naming_member
from ..model import MADE_FROM
from .settings import change_settings

if t.TYPE_CHECKING:
    from ..image_writer import ImageWriter

STOP_SECONDS = 30


def stop_instance(writer: ImageWriter, name: str) -> None:
    """Stop an instance; by force if the guest ignores the shutdown signal."""
    with naming_member(writer, name):
        try:
            writer.set_instance_state(name, "stop", STOP_SECONDS, force=False)
        except (LXDOperationError, LXDTimeout):
            writer.set_instance_state(name, "stop", -1, force=True)


def start_instance(writer: ImageWriter, name: str, published: str | None) -> None:
    """Start an instance that was stopped, and renew what the image made from it keeps of the instance's state.

    ``published``: the fingerprint of that image, None if there is none.
    """
    with naming_member(writer, name):
        instance = writer.get_instance(name)
        if instance and not instance.running:
            writer.set_instance_state(name, "start", -1, force=False)
            instance = writer.get_instance(name)
    if published and instance:
        change_settings(writer, published, SettingsChange(bookkeeping={MADE_FROM: instance.made_from}))


def start_after_failure(writer: ImageWriter, name: str, published: str | None, error: LXDError) -> None:
    """Start a stopped instance after the task has failed. If that fails too, its message is added to ``error``."""
    try:
        # a publish that is still at work keeps the instance busy
        writer.client.settle()
        start_instance(writer, name, published)
    except LXDError as exc:
        error.add(f"And the instance {name!r} was stopped for that and could not be started again: {exc}")
