# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.community.lxd.plugins.module_utils._image.copy import settings_of_pull
from ansible_collections.community.lxd.plugins.module_utils._image.model import SettingsChange


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (SettingsChange(), {"public": False, "auto_update": False}),
        (SettingsChange(public=True), {"public": True, "auto_update": False}),
        (SettingsChange(auto_update=True), {"public": False, "auto_update": True}),
        (SettingsChange(profiles=("default", "p")), {"public": False, "auto_update": False, "profiles": ["default", "p"]}),
        (SettingsChange(profiles=()), {"public": False, "auto_update": False, "profiles": []}),
        # these a server adds to what is there
        (SettingsChange(properties={"os": "debian"}, default_properties={"a": "b"}), {"public": False, "auto_update": False}),
    ],
)
def test_what_a_pull_says_beside_its_source(settings: SettingsChange, said: dict[str, object]) -> None:
    assert settings_of_pull(settings) == said
