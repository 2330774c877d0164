# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.community.lxd.tests.unit.plugins.module_utils.website import Site


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> t.Iterator[Site]:
    """A web server of its own, which no proxy of the environment is asked for."""
    monkeypatch.setenv("NO_PROXY", "*")
    site = Site()
    yield site
    site.stop()
