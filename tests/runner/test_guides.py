# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the guides quote is what there is: messages, and the commands of the clients."""

from __future__ import annotations

import re

from helpers import ROOT

GUIDES = ROOT / "docs" / "docsite" / "rst"


def source() -> str:
    """Returns all Python files of the plugins, with the parts of each text joined."""
    texts = (path.read_text() for path in sorted((ROOT / "plugins").rglob("*.py")))
    return re.sub(r'"\s*\n\s*f?"', "", "\n".join(texts))


def test_messages_of_the_guide_are_those_of_the_collection() -> None:
    guide = (GUIDES / "guide_errors.rst").read_text()
    messages = re.findall(r"^   \* - ``(.+)``$", guide, re.MULTILINE)
    assert len(messages) > 40
    known = source()
    assert [message for message in messages if message not in known] == []
