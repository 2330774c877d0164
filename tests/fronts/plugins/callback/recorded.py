# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes what each task, and each item of a loop, has returned into the file FRONTS_RESULTS. And has progress told every FRONTS_EVERY seconds."""

from __future__ import annotations

import json
import os
import time
from typing import Any

from ansible.plugins.callback import CallbackBase

from ansible_collections.community.lxd.plugins.module_utils._lxd.progress import Progress

DOCUMENTATION = """
name: recorded
type: notification
short_description: For tests
description: For tests.
"""


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "recorded"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self) -> None:
        super().__init__()
        # before the workers are forked
        Progress.__init__.__defaults__ = (float(os.environ["FRONTS_EVERY"]), time.monotonic)  # type: ignore[attr-defined]

    def _record(self, result: Any, **_more: Any) -> None:
        with open(os.environ["FRONTS_RESULTS"], "a") as file:
            line = {
                "host": result._host.get_name(),
                "task": result._task.get_name().strip(),
                "result": result._result,
            }
            file.write(json.dumps(line, default=str) + "\n")

    v2_runner_on_ok = v2_runner_on_failed = v2_runner_on_unreachable = v2_runner_item_on_ok = (
        v2_runner_item_on_failed
    ) = _record
