# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is done when the server stores something else than was planned."""

from __future__ import annotations

import contextlib
import typing as t

import pytest

from ansible_collections.community.lxd.plugins.module_utils._image.actions import CreateImage
from ansible_collections.community.lxd.plugins.module_utils._image.apply import images as apply_images
from ansible_collections.community.lxd.plugins.module_utils._image.desired_image import SettingsChange
from ansible_collections.community.lxd.plugins.module_utils._image.model import UNKNOWN, OfferedImage
from ansible_collections.community.lxd.plugins.module_utils._lxd.errors import (
    LXDInputError,
    LXDOperationError,
    LXDStateChanged,
)
from ansible_collections.community.lxd.tests.unit.plugins.module_utils.fakes import A, B, FakeStore, image_data


class Recorded:
    """A content that notes whether it was sent."""

    def __init__(self, store: FakeStore) -> None:
        self.store, self.sent = store, 0

    def create(self, writer: t.Any, action: CreateImage) -> tuple[str, SettingsChange]:
        self.sent += 1
        self.store._add(A, {})
        return A, action.settings


def create(fingerprint: str = A, offered: OfferedImage | None = None, **settings: t.Any) -> CreateImage:
    return CreateImage("copy", SettingsChange(**settings), fingerprint, offered=offered)


@pytest.mark.parametrize(
    ("fingerprint", "waited", "stored", "sent"),
    (
        (A, False, False, True),
        # a name of a file that is there already is told by the server itself
        (A, False, True, True),
        (A, True, False, True),
        (A, True, True, False),
        (UNKNOWN, True, True, True),
    ),
)
def test_what_another_task_of_this_node_has_stored_is_not_sent(
    monkeypatch: pytest.MonkeyPatch, fingerprint: str, waited: bool, stored: bool, sent: bool
) -> None:
    monkeypatch.setattr(apply_images, "content_lock", lambda writer, content: contextlib.nullcontext(waited))
    store = FakeStore(*[image_data(A)] * stored)
    content = Recorded(store)
    expected = contextlib.nullcontext() if sent else pytest.raises(LXDStateChanged, match="another task has stored it")
    with expected:
        assert apply_images.create_image(t.cast(t.Any, store), create(fingerprint), t.cast(t.Any, content))[0] == A
    assert content.sent == sent


@pytest.mark.parametrize(
    ("action", "created", "accepted"),
    (
        (create(A, OfferedImage(A)), A, True),
        (create(A, OfferedImage(A)), B, False),
        (create(UNKNOWN, OfferedImage(UNKNOWN)), B, True),
        # a file has the fingerprint that its content has
        (create(A), B, True),
    ),
)
def test_a_newer_image_than_planned(action: CreateImage, created: str, accepted: bool) -> None:
    expected = contextlib.nullcontext() if accepted else pytest.raises(LXDStateChanged, match=f"the image {B} instead")
    with expected:
        apply_images.check_created(action, created)


@pytest.mark.parametrize(
    ("offered", "stored", "refused"),
    (
        ("virtual-machine", "virtual-machine", False),
        ("virtual-machine", "container", True),
        # what one of the two does not say can't differ
        ("", "container", False),
        ("container", "", False),
    ),
)
def test_an_image_of_another_type_than_offered_is_deleted_again(offered: str, stored: str, refused: bool) -> None:
    store = FakeStore(image_data(A, type=stored), image_data(B))
    action = create(A, OfferedImage(A, type=offered), public=True)
    expected = (
        pytest.raises(LXDOperationError, match="stored it as 'container'") if refused else contextlib.nullcontext()
    )
    with expected:
        apply_images.complete_image(t.cast(t.Any, store), action, A, action.settings)
    assert sorted(store.images) == ([B] if refused else [A, B])
    assert refused or store.images[A]["public"] is True


@pytest.mark.parametrize(
    ("wanted", "alias", "refused"), ((True, "debian/12", False), (True, "", True), (False, "", False))
)
def test_auto_update_is_switched_off_where_nothing_can_be_followed(wanted: bool, alias: str, refused: bool) -> None:
    store = FakeStore(image_data(A, update_source={"alias": alias, "server": "https://x"}))
    action = create(A, OfferedImage(A), auto_update=wanted)
    expected = pytest.raises(LXDInputError, match="another of its projects") if refused else contextlib.nullcontext()
    with expected:
        apply_images.complete_image(t.cast(t.Any, store), action, A, action.settings)
    assert store.images[A]["auto_update"] is (wanted and not refused)
