# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.community.lxd.plugins.module_utils._image.side_by_side import thread_pool
from ansible_collections.community.lxd.plugins.module_utils._lxd.background import stop_sign
from ansible_collections.community.lxd.plugins.module_utils._lxd.errors import LXDError, LXDStopped


def test_an_error_stops_only_its_own_work() -> None:
    """Other work of the task, beside it, goes on. An interrupt stops all."""
    sign = stop_sign()
    with pytest.raises(LXDError, match="locked"), thread_pool(2):
        raise LXDError("database is locked")
    sign.check()
    with pytest.raises(KeyboardInterrupt), thread_pool(2):
        raise KeyboardInterrupt
    with pytest.raises(LXDStopped):
        sign.check()
