# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nothing that a task leaves behind has a secret in it: not the image, not the result, not a message, not a log."""

from __future__ import annotations

import argparse
import contextlib
import json
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import streams
from stores import IMAGES, SCRATCH, Settings, Store, World, modules

PASSWORD, SIGNATURE, TOKEN = "hidden1Pa55word", "hidden2Pa55word", "hidden3Pa55word"
SECRETS = (PASSWORD, SIGNATURE, TOKEN)

IMAGE = IMAGES[0]
PEM = "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n"


@pytest.fixture(scope="module")
def web() -> Iterator[streams.WebServer]:
    """A web server with an image, its checksums and a simplestreams tree; it asks nobody for a password."""
    directory = SCRATCH / "web"
    directory.mkdir(exist_ok=True)
    (directory / "image.tar.gz").write_bytes(IMAGE.path.read_bytes())
    (directory / "SHA256SUMS").write_text(f"{IMAGE.fingerprint}  image.tar.gz\n")
    rootfs = directory / "rootfs"
    rootfs.write_bytes(b"hsqs" + bytes(4092))
    options = {
        "tree": directory / "tree",
        "product": "demo/1",
        "arch": streams.NATIVE,
        "serial": "20260101_0000",
        "rootfs": rootfs,
        "disk": None,
    }
    more: dict[str, Any] = {
        "alias": [],
        "requirement": [],
        "lxd_requirement": [],
        "support_eol": None,
        "disk_type": streams.DISKS[0],
    }
    streams.add_version(argparse.Namespace(**options, **more))
    server = streams.WebServer(directory, 0, SCRATCH / "web.jsonl", None)
    thread = threading.Thread(target=server.serve_forever, args=(0.1,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join(10)


def with_password(url: str) -> str:
    return url.replace("://", f"://bot:{PASSWORD}@")


def sources(base: str) -> dict[str, dict[str, Any]]:
    """Sources with a secret in them, that work or that don't."""
    signed = f"?X-Signature={SIGNATURE}&x=1"
    streamed = {"protocol": "simplestreams", "alias": "demo/1"}
    native = {"server": "https://127.0.0.1:1", "alias": "demo"}
    return {
        "url": {"type": "url", "url": with_password(f"{base}/image.tar.gz") + signed},
        "announced": {"type": "url", "url": with_password(f"{base}/image/image.tar.gz") + signed},
        "url, checksum": {
            "type": "url",
            "url": f"{base}/image.tar.gz{signed}",
            "checksum": with_password(f"sha256:{base}/SHA256SUMS") + signed,
        },
        "url, wrong checksum": {"type": "url", "url": with_password(f"{base}/image.tar.gz"), "checksum": "0" * 64},
        "url, missing": {"type": "url", "url": with_password(f"{base}/missing.tar.gz") + signed},
        "url, nobody": {"type": "url", "url": with_password("http://127.0.0.1:1/image.tar.gz") + signed},
        "url, cut": {"type": "url", "url": with_password(f"{base}/cut/image.tar.gz")},
        "streams": {**streamed, "server": with_password(f"{base}/tree")},
        "streams, pull": {**streamed, "server": with_password(f"{base}/tree"), "mode": "pull"},
        "streams, missing": {**streamed, "server": with_password(f"{base}/tree"), "alias": "missing"},
        "streams, no tree": {**streamed, "server": with_password(f"{base}/nowhere")},
        "file": {"type": "file", "path": str(IMAGE.path), "checksum": with_password(f"sha256:{base}/nowhere") + signed},
        "server": {**native, "server": with_password("https://127.0.0.1:1")},
        "server, secret": {"server": "https://127.0.0.1:1", "fingerprint": IMAGE.fingerprint, "secret": TOKEN},
        "server, key": {**native, "client_cert": PEM.format("AAAA"), "client_key": PEM.format(TOKEN)},
        "instance": {"type": "instance", "name": "missing"},
        "nonsense": {"type": "url", "url": with_password("ftp://h/x") + signed},
    }


CONNECTIONS: dict[str, dict[str, Any]] = {
    "password in the URL": {"url": with_password("https://127.0.0.1:1")},
    "query in the URL": {"url": f"https://127.0.0.1:1?token={SIGNATURE}"},
    "token": {"url": "https://127.0.0.1:1", "trust_token": TOKEN},
    "trust password": {"url": "https://127.0.0.1:1", "trust_password": PASSWORD},
    "bearer token": {"url": "https://127.0.0.1:1", "bearer_token": TOKEN},
    "key": {"url": "https://127.0.0.1:1", "client_cert": PEM.format("AAAA"), "client_key": PEM.format(TOKEN)},
}

OPTIONS: dict[str, dict[str, Any]] = {
    "lxd_image": {"name": "demo"},
    "lxd_image_alias": {"name": "demo", "target": IMAGE.fingerprint},
    "lxd_image_export": {"name": "demo", "dest": str(SCRATCH)},
    "lxd_image_info": {},
    "lxd_image_prune": {"keep": 1},
    "lxd_image_secret": {"name": "demo"},
    "lxd_image_store": {"images": [{"name": "demo"}]},
}


def check(store: Store, module: str, options: Mapping[str, Any]) -> list[str]:
    """Run a task each way, in check mode and for real; nothing may have a secret. Returns what was said of failures."""
    messages = []
    for direct in (False, True):
        for check_mode in (True, False):
            result = store.run(module, options, check_mode, direct=direct)
            left = {
                "result": result.output,
                "images": json.dumps(store.read().images),
                "log of the server": store.server.log.read_text(errors="replace"),
            }
            shown = {place for place, text in left.items() for secret in SECRETS if secret in text}
            assert not shown, f"a secret is in: {', '.join(sorted(shown))}: {result.output}"
            messages.append(str(result.get("msg", "")))
    return messages


@pytest.mark.parametrize("kind", sources(""))
@pytest.mark.parametrize("module", ["lxd_image", "lxd_image_store"])
def test_sources(store: Store, web: streams.WebServer, module: str, kind: str) -> None:
    store.fill(World())
    entry = {"name": "demo", "state": "present", "source": sources(web.url)[kind]}
    messages = check(store, module, entry if module == "lxd_image" else {"images": [entry]})
    works = kind in ("url", "announced", "url, checksum", "streams")
    # whether a secret still works is known only when it has been used
    assert all(messages[1::2] if kind == "server, secret" else messages) != works, messages
    assert bool(store.read().images) == works


@pytest.mark.parametrize("kind", CONNECTIONS)
@pytest.mark.parametrize("module", modules.MODULES)
def test_connections(store: Store, module: str, kind: str) -> None:
    messages = check(store, module, {**OPTIONS[module], **CONNECTIONS[kind]})
    assert all(messages), "nobody listens there"


def test_what_version_1_has_kept(store: Store) -> None:
    """The next task for the image takes it out, and no result shows it."""
    kept = json.dumps({"type": "url", "url": f"https://bot:{PASSWORD}@h/a?sig={SIGNATURE}"})
    store.fill(
        World({IMAGE.fingerprint: Settings(properties={"ansible.source": kept})}, {"demo": (IMAGE.fingerprint, "")})
    )
    assert not any(secret in store.run("lxd_image_info", {}).output for secret in SECRETS)
    result = store.run("lxd_image", {"name": "demo", "state": "present"})
    assert (result["actions"], result.failed) == (["update"], False)
    assert not any(secret in result.output + json.dumps(store.read().images) for secret in SECRETS)
    assert store.run("lxd_image", {"name": "demo", "state": "present"})["actions"] == []


def test_no_file_stays(store: Store, web: streams.WebServer) -> None:
    """Keys and downloads in files are gone with the task."""
    store.fill(World())
    folder = SCRATCH / "temporary"
    folder.mkdir()
    with contextlib.ExitStack() as stack:
        stack.callback(folder.rmdir)
        kinds = sources(web.url)
        environment = {**store.environment, "TMPDIR": str(folder)}
        for kind in ("url", "server, key", "url, wrong checksum"):
            for direct in (False, True):
                run = modules.Run(
                    "lxd_image", store.options({"name": "demo", "source": kinds[kind]}), False, environment, direct
                )
                run.wait()
                assert sorted(path.name for path in Path(folder).iterdir()) == []
