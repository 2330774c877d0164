# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import socket
import typing as t

import pytest

from ansible_collections.community.lxd.plugins.module_utils._image.actions import CreateImage
from ansible_collections.community.lxd.plugins.module_utils._image.desired_image import ImageSource, SettingsChange
from ansible_collections.community.lxd.plugins.module_utils._image.image_reader import ImageReader
from ansible_collections.community.lxd.plugins.module_utils._image.sources.copied import pull_settings_body
from ansible_collections.community.lxd.plugins.module_utils._image.sources.remote import open_remote
from ansible_collections.community.lxd.plugins.module_utils._lxd.errors import LXDConnectionError, LXDOperationError
from ansible_collections.community.lxd.tests.unit.plugins.module_utils.fakes import A
from ansible_collections.community.lxd.tests.unit.plugins.module_utils.scripted import (
    OPERATION,
    Script,
    error,
    started,
    state,
    sync,
)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (SettingsChange(), {"public": False, "auto_update": False}),
        (SettingsChange(public=True), {"public": True, "auto_update": False}),
        (SettingsChange(auto_update=True), {"public": False, "auto_update": True}),
        (
            SettingsChange(profiles=("default", "p")),
            {"public": False, "auto_update": False, "profiles": ["default", "p"]},
        ),
        (SettingsChange(profiles=()), {"public": False, "auto_update": False, "profiles": []}),
        # these a server adds to what is there
        (
            SettingsChange(properties={"os": "debian"}, default_properties={"a": "b"}),
            {"public": False, "auto_update": False},
        ),
    ],
)
def test_what_a_pull_says_beside_its_source(settings: SettingsChange, said: dict[str, object]) -> None:
    assert pull_settings_body(settings) == said


# who has to reach the source

SERVER = (
    "GET /1.0",
    sync(
        {"auth": "trusted", "environment": {"server": "incus", "server_version": "6.0.4", "architectures": ["x86_64"]}}
    ),
)
WAIT = f"GET {OPERATION}/wait?timeout=10"


@pytest.fixture
def nobody() -> str:
    """A URL at which nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"https://127.0.0.1:{free.getsockname()[1]}"


def server() -> tuple[str, t.Any]:
    return SERVER[0], sync({"auth": "trusted", "environment": {"server": "incus", "architectures": ["x86_64"]}})


@pytest.mark.parametrize("protocol", ["lxd", "simplestreams"])
@pytest.mark.parametrize("filename", [None, "chosen.tar"])
def test_a_pull_of_a_full_fingerprint_asks_the_target_only(nobody: str, protocol: str, filename: str | None) -> None:
    script = Script(server(), ("POST /1.0/images", started()), (WAIT, state(200, metadata={"fingerprint": A})))
    client = script.client()
    source = open_remote(ImageSource(nobody, protocol, fingerprint=A, mode="pull", filename=filename), client)
    found = source._ask()
    assert (found.fingerprint, found.public) == (A, True)
    assert source.create(ImageReader(client).writer, CreateImage("copy", SettingsChange(), A, offered=found))[0] == A
    assert script.steps == []
    sent = next(kwargs["json"] for kwargs in script.sent if kwargs.get("json"))
    assert (sent["source"]["fingerprint"], sent["source"]["server"], sent.get("filename")) == (A, nobody, filename)


@pytest.mark.parametrize("protocol", ["lxd", "simplestreams"])
@pytest.mark.parametrize(
    "options",
    [
        {"alias": "a", "mode": "pull"},
        {"fingerprint": A},
        {"fingerprint": A[:12], "mode": "pull"},
        {"fingerprint": A, "mode": "pull", "copy_aliases": True},
    ],
    ids=["alias", "auto", "short", "aliases too"],
)
def test_a_source_that_the_node_can_not_reach(nobody: str, protocol: str, options: dict[str, t.Any]) -> None:
    source = open_remote(ImageSource(nobody, protocol, **options), Script(server()).client())
    words = "refused.* This node could not reach the source; .* proxies .* only the target server has to reach it"
    with pytest.raises(LXDConnectionError, match=words) as caught:
        source._ask()
    assert caught.value.sent is False


@pytest.mark.parametrize(
    ("words", "told"),
    [("Get https://h: dial tcp: lookup h: no such host", True), ("No space left on device", False)],
    ids=["unreachable", "another reason"],
)
def test_a_source_that_the_target_can_not_reach(nobody: str, words: str, told: bool) -> None:
    script = Script(
        server(), ("POST /1.0/images", started()), (WAIT, state(400, words)), (f"GET /1.0/images/{A}", error(404, "no"))
    )
    client = script.client()
    source = open_remote(ImageSource(nobody, "lxd", fingerprint=A, mode="pull"), client)
    with pytest.raises(LXDOperationError, match=words) as caught:
        source.create(ImageReader(client).writer, CreateImage("copy", SettingsChange(), A, offered=source._ask()))
    assert (
        "It is the server unix:/run/test.socket that could not reach the source, not this node. " in str(caught.value)
    ) is told
    assert ("core.proxy_http" in str(caught.value)) is told
    assert script.steps == []
