# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.community.lxd.plugins.modules.lxd_image_store import MODULE
from ansible_collections.community.lxd.plugins.plugin_utils._direct import DirectAction


class ActionModule(DirectAction):
    """Runs community.lxd.lxd_image_store in Ansible's own process if possible, else as a module."""

    MODULE = MODULE
