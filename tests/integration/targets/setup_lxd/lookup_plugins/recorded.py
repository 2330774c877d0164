# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the recorder's log, of which all but the end is long known.

lookup('recorded') is the size of the log; query('recorded', size) are the requests that have come since it was that.
"""

from __future__ import annotations

import json
from typing import Any

from ansible.plugins.lookup import LookupBase


class LookupModule(LookupBase):
    def run(self, terms: list[Any], variables: dict[str, Any] | None = None, **kwargs: Any) -> list[Any]:
        with open((variables or {})["recorder_log"], "rb") as log:
            if not terms:
                return [log.seek(0, 2)]
            log.seek(int(terms[0]))
            return [json.loads(line) for line in log]
