# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.community.lxd.plugins.module_utils._lxd import paths
from ansible_collections.community.lxd.plugins.module_utils._lxd.errors import LXDInputError


@pytest.mark.parametrize(
    ("name", "quoted"),
    [
        ("debian/12", "debian%2F12"),
        ("a b", "a%20b"),
        ("100%", "100%25"),
        ("a?b#c&d", "a%3Fb%23c%26d"),
        ("Größe", "Gr%C3%B6%C3%9Fe"),
        ("../x", "..%2Fx"),
        ("...", "..."),
        ("a.b", "a.b"),
    ],
)
def test_a_name_is_one_segment(name: str, quoted: str) -> None:
    assert paths.alias(name) == f"/1.0/images/aliases/{quoted}"
    assert paths.profile(name) == f"/1.0/profiles/{quoted}"
    assert paths.project(name) == f"/1.0/projects/{quoted}"
    assert paths.instance(name, "state") == f"/1.0/instances/{quoted}/state"


@pytest.mark.parametrize("name", ["", ".", "..", "\0", "\ud800"])
@pytest.mark.parametrize("path", [paths.alias, paths.image, paths.instance, paths.profile, paths.project])
def test_a_name_that_no_url_can_say(path: t.Callable[[str], str], name: str) -> None:
    with pytest.raises(LXDInputError, match="can't be named"):
        path(name)


def test_paths() -> None:
    assert paths.image("f", "export") == "/1.0/images/f/export"
    assert paths.snapshot("c1/s/0") == "/1.0/instances/c1/snapshots/s%2F0"
    assert paths.operation("/1.0/operations/u-1?project=p", "wait") == "/1.0/operations/u-1/wait"
    assert paths.operation("u-1") == "/1.0/operations/u-1"


@pytest.mark.parametrize("name", ["c1", "c1/", "/s"])
def test_a_snapshot_needs_both_names(name: str) -> None:
    with pytest.raises(LXDInputError):
        paths.snapshot(name)
