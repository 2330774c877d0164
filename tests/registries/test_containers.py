# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Application containers: what the modules foresee is what Incus makes of the images of a real registry."""

from __future__ import annotations

import itertools
import os
from typing import Any
from urllib.parse import quote

import modules
import pytest
import servers
from conftest import Place
from registries import Container
from stores import SCRATCH, Store

both_ways = pytest.mark.parametrize("direct", (False, True), ids=("module", "in-process"))
numbers = itertools.count(1)
NOBODY = "sha256:" + "0" * 64


def new_name() -> str:
    """A repository that no other test has."""
    return f"test/app{next(numbers)}"


def source(place: Place, alias: str, **more: Any) -> dict[str, Any]:
    return {
        "server": place.registry.url,
        "protocol": "oci",
        "alias": alias,
        "certificate": str(place.registry.certificate),
        **more,
    }


def cycle(store: Store, options: dict[str, Any], direct: bool, module: str = "lxd_image") -> modules.Result:
    """Check mode, which writes nothing and foresees what comes; for real; and again, without a change."""
    before = store.read()
    expected = store.run(module, options, check=True, direct=direct)
    assert expected.changed and not expected.failed, expected.output
    assert store.read() == before
    done = store.run(module, options, direct=direct)
    assert done.changed and not done.failed, done.output
    for key in ("actions", "fingerprint", "previous_fingerprint"):
        assert expected.get(key) == done.get(key), key
    after = store.read()
    again = store.run(module, options, direct=not direct)
    assert not again.changed and not again.failed, again.output
    assert store.read() == after
    return done


@both_ways
def test_copy(place: Place, direct: bool) -> None:
    name, container = new_name(), Container(f"copy {direct}")
    place.registry.push(f"{name}:1", container)
    options = {
        "name": "web",
        "aliases": ["web/1"],
        "source": source(place, f"{name}:1"),
        "properties": {"stage": "test"},
    }
    done = cycle(place.store, options, direct)
    assert done["actions"] == ["copy", "alias_create", "alias_create"]
    reading = place.store.read()
    assert list(reading.images) == [container.fingerprint]
    image = reading.images[container.fingerprint]
    assert {alias: entry["target"] for alias, entry in reading.aliases.items()} == dict.fromkeys(
        ("web", "web/1"), container.fingerprint
    )
    assert (image["type"], image["architecture"], image["public"]) == ("container", "x86_64", False)
    assert (image["update_source"]["alias"], image["update_source"]["protocol"]) == (f"{name}:1", "oci")
    assert image["properties"]["type"] == "oci" and image["properties"]["stage"] == "test"
    shown = place.store.run("lxd_image_info", {"name": "web", "check_updates": True}, direct=direct)["images"][0]
    assert (shown["stale"], shown["upstream_fingerprint"]) == (False, container.fingerprint)


@both_ways
def test_a_new_image_of_the_tag(place: Place, direct: bool) -> None:
    name, old, new = new_name(), Container(f"old {direct}"), Container(f"new {direct}")
    place.registry.push(f"{name}:stable", old)
    options = {"name": "web", "state": "latest", "source": source(place, f"{name}:stable")}
    cycle(place.store, {**options, "properties": {"mine": "1"}, "aliases": ["other"], "auto_update": True}, direct)
    place.registry.push(f"{name}:stable", new)
    shown = place.store.run("lxd_image_info", {"check_updates": True}, direct=direct)["images"]
    assert [(image["stale"], image["upstream_fingerprint"]) for image in shown] == [(True, new.fingerprint)]
    present = place.store.run("lxd_image", {**options, "state": "present"}, direct=direct)
    assert not present.changed and not present.failed
    done = cycle(place.store, options, direct)
    assert (done["fingerprint"], done["previous_fingerprint"]) == (new.fingerprint, old.fingerprint)
    reading = place.store.read()
    assert {alias: entry["target"] for alias, entry in reading.aliases.items()} == dict.fromkeys(
        ("web", "other"), new.fingerprint
    )
    assert set(reading.images) == {old.fingerprint, new.fingerprint}
    image = reading.images[new.fingerprint]
    assert image["properties"]["mine"] == "1" and image["auto_update"] is True


def test_digests(place: Place) -> None:
    """A digest always means the same image, whatever becomes of the tag; there is nothing to follow."""
    name, old, new = new_name(), Container("pinned"), Container("after the pinned one")
    digest = place.registry.push(f"{name}:1", old)
    place.registry.push(f"{name}:1", new)
    for alias in (f"{name}@{digest}", f"{name}:1@{digest}"):
        options = {"name": quote(alias[-20:], safe=""), "state": "latest", "source": source(place, alias)}
        expected = place.store.run("lxd_image", options, check=True)
        assert expected["fingerprint"] == old.fingerprint, expected.output
        done = place.store.run("lxd_image", options)
        assert done["fingerprint"] == old.fingerprint and not done.failed, done.output
        refused = place.store.run("lxd_image", {**options, "name": "b", "auto_update": True})
        assert refused.failed and "'auto_update'" in refused["msg"]
    assert list(place.store.read().images) == [old.fingerprint]


@both_ways
def test_architectures(place: Place, direct: bool) -> None:
    name = new_name()
    native, other = Container(f"native {direct}"), Container(f"other {direct}", "arm64")
    place.registry.push(f"{name}:1", other, native)
    cycle(place.store, {"name": "native", "source": source(place, f"{name}:1")}, direct)
    cycle(place.store, {"name": "other", "source": source(place, f"{name}:1", architecture="arm64")}, direct)
    images = place.store.read().images
    assert {key: image["architecture"] for key, image in images.items()} == {
        native.fingerprint: "x86_64",
        other.fingerprint: "aarch64",
    }
    newer = Container(f"newer {direct}", "arm64")
    place.registry.push(f"{name}:1", newer, native)
    shown = place.store.run("lxd_image_info", {"check_updates": True}, direct=direct)["images"]
    assert {image["fingerprint"]: image["upstream_fingerprint"] for image in shown} == {
        native.fingerprint: native.fingerprint,
        other.fingerprint: newer.fingerprint,
    }
    for more, words in (
        ({"architecture": "riscv64"}, "not found for the architecture riscv64: it exists for aarch64, x86_64"),
        ({"architecture": "aarch64", "auto": True}, "Cannot enable 'auto_update'"),
    ):
        options: dict[str, Any] = {"name": "more", "auto_update": more.pop("auto", None)}
        refused = place.store.run("lxd_image", {**options, "source": source(place, f"{name}:1", **more)}, direct=direct)
        assert refused.failed and words in refused["msg"], refused.output


def test_only_for_another_architecture(place: Place) -> None:
    name, container = new_name(), Container("only arm", "arm64")
    place.registry.push(f"{name}:1", container)
    refused = place.store.run("lxd_image", {"name": "arm", "source": source(place, f"{name}:1")})
    assert refused.failed and "it exists for aarch64" in refused["msg"]
    cycle(place.store, {"name": "arm", "source": source(place, f"{name}:1", architecture="aarch64")}, False)
    assert place.store.read().images[container.fingerprint]["architecture"] == "aarch64"


@pytest.mark.parametrize("kind", ("basic", "token", "open_token"))
@both_ways
def test_authentication(place: Place, kind: str, direct: bool) -> None:
    gate, name, container = getattr(place, kind), new_name(), Container(f"{kind} {direct}")
    place.registry.push(f"{name}:1", container)
    user = f"{gate.user}:{quote(gate.password, safe='')}@"
    url = gate.url if kind == "open_token" else gate.url.replace("https://", f"https://{user}")
    options = {"name": "private", "source": source(place, f"{name}:1", server=url)}
    done = cycle(place.store, options, direct)
    assert list(place.store.read().images) == [container.fingerprint]
    assert ("whoever can read the image can read them" in done.output) == (kind != "open_token")
    for secret in (gate.password, quote(gate.password, safe=""), gate.token):
        assert secret not in done.output
    if kind != "basic":
        assert ("token", f"repository:{name}:pull") in gate.asked
    shown = place.store.run("lxd_image_info", {"check_updates": True}, direct=direct)
    assert shown["images"][0]["stale"] is False and gate.password not in shown.output
    if kind != "open_token":
        later = place.store.run("lxd_image", {"name": "private", "public": True}, direct=direct)
        assert later.failed and "'update_source'" in later["msg"] and gate.password not in later.output
        assert place.store.read().images[container.fingerprint]["public"] is False
        place.store.server.perform("DELETE", f"/1.0/images/{container.fingerprint}")
        refused = place.store.run("lxd_image", {**options, "public": True}, direct=direct)
        assert refused.failed and "'public: false'" in refused["msg"] and gate.password not in refused.output
        assert not place.store.read().images


@pytest.mark.parametrize("check", (True, False), ids=("check", "real"))
def test_refusals(place: Place, check: bool) -> None:
    """Clear errors, and nothing is made."""
    name = new_name()
    place.registry.push(f"{name}:1", Container("never copied"))
    place.strange.push(f"{name}:1", Container("never copied, either"))
    unused = f"https://{servers.free_address()}"
    wrong = place.token.url.replace("https://", f"https://{place.token.user}:wrong-password@")
    cases: list[tuple[dict[str, Any], str]] = [
        ({"alias": f"{name}:2"}, "manifest unknown"),
        ({"alias": f"{name}@{NOBODY}"}, "is not found"),
        ({"alias": "test/nothing"}, "is not found"),
        ({"alias": "No/Such:name"}, "must be 'repository:tag'"),
        ({"server": unused}, "Connection refused"),
        ({"certificate": None}, "certificate verify failed"),
        ({"server": place.token.url}, "access is denied"),
        ({"server": wrong}, "The user or the password in its URL is wrong"),
        ({"mode": "relay"}, "'mode: relay' in 'source' is not supported"),
        ({"mode": "push"}, "'mode: push' in 'source' is not supported"),
        ({"image_type": "virtual-machine"}, "'image_type: virtual-machine' in 'source' is not supported"),
        ({"copy_aliases": True}, "'copy_aliases' in 'source' is not supported"),
        ({"project": "p"}, "'project' in 'source' is not supported"),
        ({"filename": "f"}, "'filename' in 'source' is not supported"),
        ({"alias": None, "fingerprint": "a" * 64}, "Give 'alias', with a tag or a digest"),
        ({"server": "http://127.0.0.1:1"}, "must begin with https://"),
        ({"server": f"{place.registry.url}?x=1"}, "is not the URL of a registry"),
    ]
    for change, words in cases:
        given = {key: value for key, value in {**source(place, f"{name}:1"), **change}.items() if value is not None}
        refused = place.store.run(
            "lxd_image", {"name": "web", "source": given}, check, direct=bool(change.get("alias"))
        )
        assert refused.failed and words in refused["msg"], (change, refused.output)
        assert "wrong-password" not in refused.output
    assert not place.store.read().images


def test_what_the_server_itself_does_not_trust(place: Place) -> None:
    """This node is given the certificate; skopeo, which Incus runs, takes its authorities from the server's machine."""
    name = new_name()
    place.strange.push(f"{name}:1", Container("not trusted"))
    given = source(place, f"{name}:1", server=place.strange.url, certificate=str(place.strange.certificate))
    failed = place.store.run("lxd_image", {"name": "web", "source": given})
    assert failed.failed and f"/etc/containers/certs.d/{place.strange.host}/ca.crt" in failed["msg"], failed.output
    assert not place.store.read().images


def test_a_remote_of_the_configuration(place: Place) -> None:
    name, container = new_name(), Container("by a remote")
    place.registry.push(f"{name}:1", container)
    folder = SCRATCH / "configuration"
    (folder / "servercerts").mkdir(parents=True, exist_ok=True)
    (folder / "servercerts" / "containers.crt").write_bytes(place.registry.certificate.read_bytes())
    (folder / "config.yml").write_text(f"remotes:\n  containers: {{addr: '{place.registry.url}', protocol: oci}}\n")
    place.store.environment["INCUS_CONF"] = str(folder)
    cycle(place.store, {"name": "web", "source": {"remote": "containers", "alias": f"{name}:1"}}, False)
    assert list(place.store.read().images) == [container.fingerprint]
    for module, options in (("lxd_image_info", {}), ("lxd_image", {"name": "web", "state": "absent"})):
        refused = modules.run(module, {"remote": "containers", **options}, False, place.store.environment)
        assert refused.failed and "is a registry of application containers" in refused["msg"]


@both_ways
def test_files_of_it_are_refused(place: Place, direct: bool) -> None:
    """Its fingerprint is not that of its files: what would check or find them by it is refused. Servers copy it as any other image."""
    name, container = new_name(), Container(f"to be copied {direct}")
    place.registry.push(f"{name}:1", container)
    cycle(place.store, {"name": "web", "public": True, "source": source(place, f"{name}:1")}, direct)
    folder = SCRATCH / f"export-{direct}"
    folder.mkdir()
    for check in (True, False):
        refused = place.store.run("lxd_image_export", {"name": "web", "dest": str(folder)}, check, direct=direct)
        assert refused.failed and "is an application container" in refused["msg"], refused.output
    assert not list(folder.iterdir())
    server = place.store.server
    copied = {"server": server.listen_https(), "certificate": str(server.certificate), "alias": "web"}
    options = {"name": "web", "project": "copies"}
    server.perform("POST", "/1.0/projects", {"name": "copies", "config": {"features.images": "true"}})
    try:
        for mode in ("relay", "push"):
            for check in (True, False):
                refused = place.store.run("lxd_image", {**options, "source": {**copied, "mode": mode}}, check, direct)
                assert refused.failed and "only with the 'mode' pull" in refused["msg"], refused.output
        done = place.store.run("lxd_image", {**options, "source": copied}, direct=direct)
        assert done["actions"] == ["copy", "alias_create"], done.output
        listed = server.perform("GET", "/1.0/images?project=copies&recursion=1")
        assert [(image["fingerprint"], image["project"]) for image in listed] == [(container.fingerprint, "copies")]
    finally:
        servers.empty(server.socket)


@both_ways
def test_a_store(place: Place, direct: bool) -> None:
    name = new_name()
    containers = [Container(f"entry {number} {direct}") for number in range(3)]
    for number, container in enumerate(containers):
        place.registry.push(f"{name}:{number}", container)
    entries = [
        {"name": f"app/{number}", "state": "latest", "source": source(place, f"{name}:{number}")} for number in range(3)
    ]
    cycle(place.store, {"images": entries, "purge": True}, direct, "lxd_image_store")
    assert set(place.store.read().images) == {container.fingerprint for container in containers}


@pytest.mark.parametrize("kind", ("lxd", "incus"))
def test_servers_without_application_containers(place: Place, kind: str) -> None:
    """The error comes before anything is asked for or done."""
    if servers.daemon(kind) is None:
        pytest.skip(f"no {kind} on this machine")
    server = servers.Server.start(kind, SCRATCH / f"old-{kind}")
    try:
        url = f"{place.open_token.url}"
        options = {"url": server.url, "name": "web", "source": source(place, "test/app:1", server=url)}
        for check in (True, False):
            refused = modules.run("lxd_image", options, check, {"HOME": os.environ.get("HOME", "/")})
            assert refused.failed and "requires Incus 6.3 or later" in refused["msg"], refused.output
        assert not place.open_token.asked
        assert not server.perform("GET", "/1.0/images")
    finally:
        server.stop(remove=True)
