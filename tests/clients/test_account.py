# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An ordinary user, who says nothing of a connection: the task finds the socket for ordinary users, and works in the user's project."""

from __future__ import annotations

import hashlib
import itertools
import json
from pathlib import Path
from typing import Any

import pytest
from hosts import DEFAULT, Host
from modules import Result
from stores import Settings, TinyImage

numbers = itertools.count(200)


def curl(host: Host, socket: Path, path: str) -> dict[str, Any] | None:
    """Asks a socket as the user does who has no Ansible: the metadata, or None if the socket can't be opened."""
    done = host.account.run(["curl", "--silent", "--max-time", "30", "--unix-socket", str(socket), f"http://x{path}"])
    return json.loads(done.stdout)["metadata"] if done.returncode == 0 else None


def fresh_image(host: Host) -> TinyImage:
    """Makes an image in a file that the user can read."""
    image = TinyImage.make(next(numbers), "container", {"os": "debian"})
    path = host.account.home / image.path.name
    path.write_bytes(image.path.read_bytes())
    path.chmod(0o644)
    return TinyImage(path, image.fingerprint, image.properties)


def import_image(host: Host, image: TinyImage, check: bool = False) -> Result:
    return host.user.run("lxd_image", {"name": "fresh", "source": {"type": "file", "path": str(image.path)}}, check)


def test_the_account_is_an_ordinary_user(host: Host) -> None:
    """What the other tests rely on."""
    socket, project = host.daemon.socket, host.account.project
    assert host.server.socket.exists() and curl(host, host.server.socket, "/1.0") is None
    shown = curl(host, socket, "/1.0")
    assert shown is not None and shown["auth"] == "trusted"
    assert curl(host, socket, "/1.0/projects") == [f"/1.0/projects/{project}"]


def test_a_socket_that_is_not_permitted(host: Host) -> None:
    """Who names it has to be told of the one that is."""
    refused = host.user.run("lxd_image_info", {"url": f"unix:{host.server.socket}"})
    assert refused.failed and "not permitted to use the socket. Use 'become'" in refused["msg"], refused.output
    assert f"set 'url' to 'unix:{host.daemon.socket}'" in refused["msg"], refused.output


def test_import(host: Host) -> None:
    image, project = fresh_image(host), host.account.project
    with host.unchanged(project):
        expected = import_image(host, image, check=True)
        assert not host.stores[project].read().images
        done = import_image(host, image)
        again = import_image(host, image)
    assert done.changed and not done.failed, done.output
    assert expected.changed and expected["actions"] == done["actions"]
    assert not again.changed and not again.failed, again.output
    world = host.stores[project].read().world
    assert world.images == {image.fingerprint: Settings(properties=dict(image.properties))}
    assert world.aliases == {"fresh": (image.fingerprint, "")}


def test_all_other_tasks(host: Host) -> None:
    """One after the other, on what the one before has left."""
    image, project = fresh_image(host), host.account.project
    store, user = host.stores[project], host.user
    store.upload(image.path.read_bytes())
    with host.unchanged(project):
        for options in (
            {"name": "second", "target": image.fingerprint, "description": "the same"},
            {"name": "third", "target": "second"},
            {"name": "third", "state": "absent"},
        ):
            done = user.run("lxd_image_alias", options)
            assert done.changed and not done.failed, done.output
            again = user.run("lxd_image_alias", options)
            assert not again.changed and not again.failed, again.output
        assert store.read().world.aliases == {"second": (image.fingerprint, "the same")}

        info = user.run("lxd_image_info", {"used_by": True})
        assert [(found["project"], found["fingerprint"], found["used_by"]) for found in info["images"]] == [
            (project, image.fingerprint, [])
        ], info.output
        assert info["server"]["project"] == project
        shown = info["server"].get("client") or {}
        assert (shown.get("restricted"), shown.get("projects")) == (True, [project]), info.output
        named = user.run("lxd_image_info", {"name": "golden"})
        assert not named.failed and named["images"] == [], named.output

        folder = host.account.home
        exported = user.run("lxd_image_export", {"name": "second", "dest": str(folder)})
        assert exported.changed and not exported.failed, exported.output
        path = Path(exported["path"])
        assert hashlib.sha256(path.read_bytes()).hexdigest() == image.fingerprint
        assert path.stat().st_uid == host.account.uid

        gone = user.run("lxd_image", {"name": "second", "state": "absent"})
        assert gone.changed and not gone.failed, gone.output
        again = user.run("lxd_image", {"name": "second", "state": "absent"})
        assert not again.changed and not again.failed, again.output
        assert not store.read().images


def test_prune_and_store(host: Host) -> None:
    image, project = fresh_image(host), host.account.project
    store = host.stores[project]
    store.upload(image.path.read_bytes())
    entry = {"name": "kept", "fingerprint": image.fingerprint}
    with host.unchanged(project):
        stored = host.user.run("lxd_image_store", {"images": [entry], "purge": True})
        assert stored.changed and not stored.failed, stored.output
        assert store.read().world.aliases == {"kept": (image.fingerprint, "")}
        pruned = host.user.run("lxd_image_prune", {"unused": True})
        assert not pruned.changed and not pruned.failed, pruned.output
        pruned = host.user.run("lxd_image_prune", {"unused": True, "include_aliased": True})
        assert pruned.changed and not pruned.failed, pruned.output
        assert [found["fingerprint"] for found in pruned["removed"]] == [image.fingerprint]
        assert not store.read().images


@pytest.mark.parametrize(
    ("module", "options"),
    (
        ("lxd_image_info", {}),
        ("lxd_image", {"name": "golden", "state": "absent"}),
        ("lxd_image_prune", {"keep": 0, "include_aliased": True}),
    ),
    ids=("info", "absent", "prune"),
)
def test_the_default_project_is_an_error(host: Host, module: str, options: dict[str, Any]) -> None:
    with host.unchanged():
        done = host.user.run(module, {**options, "project": DEFAULT})
        assert done.failed and not done.changed, done.output
        assert repr(DEFAULT) in done["msg"] and "not visible to this client" in done["msg"], done.output


def test_socket_and_project_may_be_named(host: Host) -> None:
    image, project = fresh_image(host), host.account.project
    host.stores[project].upload(image.path.read_bytes())
    with host.unchanged():
        info = host.user.run("lxd_image_info", {"url": f"unix:{host.daemon.socket}", "project": project})
        assert [found["fingerprint"] for found in info["images"]] == [image.fingerprint], info.output


def test_the_administrator_gets_the_server_socket(host: Host) -> None:
    """Who may open the server's socket is not sent to that of the ordinary users."""
    info = type(host.user)({}, {**host.environment, **host.user.environment}).run("lxd_image_info", {})
    assert info["server"]["project"] == DEFAULT and info["server"]["url"] == host.server.url, info.output
    assert {image["fingerprint"] for image in info["images"]} == set(host.worlds[DEFAULT].images)
