#!/usr/bin/env python
# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the faults happen to: a real daemon behind the proxy, others to copy from, and known stores. All by plain HTTP, with nothing of the collection."""

from __future__ import annotations

import argparse
import contextlib
import functools
import hashlib
import shutil
import socketserver
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import images
import streams
from proxy import FaultProxy, FaultyWeb, Front
from servers import RAW, SERVERS, Server, ServerError, SocketConnection, make_certificate, perform, wait_until

BIG_MEBIBYTES = 3
UNIFIED = ("old", "new", "other", "foreign", "protected", "spare")
SPLIT = "split"
BIG = "big"
PUBLISHED = "published"
"""The label of an image whose fingerprint is not known beforehand."""
STREAMED = "streamed"
PRODUCT = "faults/stream"
EXTRA_PROFILE = "faults"
INSTANCE = "faults"
RUNNING = "faults-running"
AT_ORIGIN = {"added": "at the origin", "release": "2"}
"""What an image to copy has that its file doesn't say."""
BOUNDARY = "boundary-of-the-parts"


@dataclass(frozen=True)
class StoredImage:
    """An image as a store has it. ``properties``: besides those of its file (unless ``purged``), an empty one is removed; None: whatever they are."""

    label: str
    aliases: Mapping[str, str] = field(default_factory=dict)
    properties: Mapping[str, str] | None = field(default_factory=dict)
    public: bool = False
    auto_update: bool = False
    expires_at: str = "never"
    profiles: tuple[str, ...] = ("default",)
    cached: bool = False
    purged: bool = False

    def expected(self) -> dict[str, Any]:
        """What has to be seen of it."""
        names = ("public", "auto_update", "expires_at", "cached")
        shape: dict[str, Any] = {name: getattr(self, name) for name in names}
        shape.update(aliases=dict(self.aliases), profiles=sorted(self.profiles))
        if self.properties is not None:
            own = {} if self.purged else own_properties(self.label)
            shape["properties"] = {key: value for key, value in {**own, **self.properties}.items() if value}
        return {**shape, "memory": {}} if self.properties is None else shape


Store = Sequence[StoredImage]


def own_properties(label: str) -> dict[str, str]:
    """Those that its metadata.yaml has."""
    return {} if label == PUBLISHED else {"description": label, "os": "busybox", "release": "1"}


def shape_of(image: Mapping[str, Any]) -> dict[str, Any]:
    """What is compared of the server's object. What an image was made from is remembered in words of the collection's own: left out."""
    properties = {key: value for key, value in image["properties"].items() if key != "ansible.source"}
    expires_at = image["expires_at"]
    return {
        "aliases": {alias["name"]: alias["description"] for alias in image["aliases"] or []},
        "properties": properties,
        "made_by_us": "ansible.source" in image["properties"],
        "memory": {key: value for key, value in properties.items() if key.startswith("ansible.")},
        "expires_at": "never" if expires_at[:4] in ("0001", "1970") else expires_at,
        "profiles": sorted(image["profiles"] or []),
        **{name: image[name] for name in ("public", "auto_update", "cached")},
    }


def http(server: Server, method: str, url: str, body: bytes = b"", content_type: str = "") -> tuple[str, bytes]:
    """One request with raw bytes in both directions: the answer's content type and body."""
    connection = SocketConnection(server.socket, 60)
    try:
        connection.request(method, url, body, {"Content-Type": content_type} if content_type else {})
        answer = connection.getresponse()
        content = answer.read()
        if answer.status >= 400:
            raise ServerError(f"{method} {url}: {answer.status} {content[:200]!r}")
        return answer.getheader("Content-Type") or "", content
    finally:
        connection.close()


def settle(server: Server) -> None:
    """Waits until no operation of the server is at work."""

    def at_work() -> list[str]:
        running = (server.perform("GET", "/1.0/operations?recursion=1") or {}).get("running") or []
        return [item["description"] for item in running if item["class"] == "task" and item["status_code"] < 200]

    if not wait_until(lambda: not at_work(), 60):
        raise ServerError(f"an operation does not end: {', '.join(at_work())}")


def upload(server: Server, paths: Sequence[Path]) -> None:
    """Imports an image of one file or two."""
    body, content_type = paths[0].read_bytes(), RAW
    if len(paths) == 2:
        parts = [
            f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"; filename="{path.name}"\r\n\r\n'.encode()
            + path.read_bytes()
            + b"\r\n"
            for name, path in zip(("metadata", "rootfs"), paths)
        ]
        body = b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()
        content_type = f"multipart/form-data; boundary={BOUNDARY}"
    perform(server.socket, "POST", "/1.0/images", body, content_type=content_type)


def put(server: Server, image: StoredImage, paths: Sequence[Path]) -> None:
    """Has the server store an image as described."""
    upload(server, paths)
    fingerprint = streams.sha256(*paths)
    settings = image.expected()
    expires_at = "1970-01-01T00:00:00Z" if image.expires_at == "never" else image.expires_at
    body = {
        **{name: settings[name] for name in ("public", "auto_update", "properties", "profiles")},
        "expires_at": expires_at,
    }
    if image != StoredImage(image.label, image.aliases):
        server.perform("PUT", f"/1.0/images/{fingerprint}", body)
    for name, description in image.aliases.items():
        server.perform("POST", "/1.0/images/aliases", {"name": name, "target": fingerprint, "description": description})


def make_files(directory: Path) -> dict[str, list[Path]]:
    """The files of each image, by label."""
    directory.mkdir(parents=True)
    files = {label: [directory / f"{label}.tar.gz"] for label in UNIFIED}
    for label, (path,) in files.items():
        streams.make_image(path, label)
    files[BIG] = [make_big(directory / "big.tar")]
    files[SPLIT] = [
        images.write(
            directory / "meta.tar.gz", [images.entry("metadata.yaml", images.metadata("1", SPLIT), mode=0o644)]
        ),
        images.write(
            directory / "root.tar.gz", [images.entry("label", SPLIT.encode(), mode=0o644), images.entry("dev")]
        ),
    ]
    return files


def make_big(path: Path) -> Path:
    """A unified image that is sent in many blocks."""
    blob, _content = images.entry("rootfs/blob", b"", mode=0o644)
    blob.size = BIG_MEBIBYTES << 20
    metadata = images.entry("metadata.yaml", images.metadata("1", BIG), mode=0o644)
    return images.write(path, [metadata, images.entry("rootfs"), (blob, images.Noise(blob.size))])


class Bench:
    """One daemon behind the proxy, and what it takes to bring it into a known state."""

    def __init__(self, kind: str, directory: Path) -> None:
        self.kind, self.directory = kind, directory
        self.vendor = SERVERS[kind]
        self.temporary = directory / "temporary"
        self.temporary.mkdir(parents=True)
        self.files = make_files(directory / "files")
        self.fingerprints = {label: streams.sha256(*paths) for label, paths in self.files.items()}
        self._stack = contextlib.ExitStack()
        try:
            self.server = self.first_server()
            self.server.perform("POST", "/1.0/profiles", {"name": EXTRA_PROFILE})
            self.proxy = FaultProxy(directory / "proxy.socket", self.server.socket, directory / "proxy.log")
            self.proxy.start()
            self._stack.callback(self.proxy.stop)
        except BaseException:
            self.stop()
            raise
        self.url = f"unix:{self.proxy.listen}"
        self.dest = directory / "dest"
        self.notes: dict[str, str] = {}

    def first_server(self) -> Server:
        """Starts the daemon that stands behind the proxy."""
        return self._start(self.directory / "server")

    def _start(self, directory: Path) -> Server:
        server = Server.start(self.kind, directory)
        self._stack.callback(lambda: server.stop(remove=True))
        return server

    def stop(self) -> None:
        self._stack.close()

    # others to copy from

    @functools.cached_property
    def client(self) -> tuple[Path, Path]:
        """A client certificate that all servers trust."""
        return make_certificate(self.directory / "certificates", "client")

    @functools.cached_property
    def twin(self) -> Server:
        """Another daemon of the vendor. Its public images are offered as origin/LABEL, the private one as private/other."""
        twin = self._start(self.directory / "twin")
        twin.listen_https()
        twin.trust(self.client[0])
        for label in ("old", "new", SPLIT, BIG):
            put(
                twin,
                StoredImage(label, {f"origin/{label}": "at the origin"}, AT_ORIGIN, public=True),
                self.files[label],
            )
        put(twin, StoredImage("other", {"private/other": ""}, AT_ORIGIN), self.files["other"])
        return twin

    @functools.cached_property
    def origin_url(self) -> str:
        """Where the twin is reached through the proxy."""
        front = Front(self.proxy, self.twin.socket, self.twin.certificate, self.twin.state / "server.key")
        self._serve(front)
        return front.url

    def _serve(self, server: socketserver.BaseServer) -> None:
        threading.Thread(target=server.serve_forever, args=(0.1,), daemon=True).start()
        self._stack.callback(server.server_close)
        self._stack.callback(server.shutdown)

    @functools.cached_property
    def https_url(self) -> str:
        """Where the twin reaches the server."""
        return self.server.listen_https()

    @functools.cached_property
    def web_url(self) -> str:
        """A web server with the images' files, and a simplestreams tree in /tree."""
        root = self.directory / "files"
        add = argparse.Namespace(
            tree=root / "tree",
            product=PRODUCT,
            serial="20260101",
            rootfs=self.files[SPLIT][1],
            disk=None,
            arch=streams.NATIVE,
        )
        add.alias, add.requirement, add.lxd_requirement, add.support_eol = [], [], [], None
        self.fingerprints[STREAMED] = streams.add_version(add)[self.vendor]["container"]
        web = FaultyWeb(root, self.directory / "web.jsonl", self.proxy)
        self._serve(web)
        return web.url

    @functools.cached_property
    def instance(self) -> str:
        """A stopped instance with a snapshot; only made where a scenario needs it."""
        self.add_pool()
        upload(self.server, self.files["spare"])
        source = {"type": "image", "fingerprint": self.fingerprints["spare"]}
        self.server.perform("POST", "/1.0/instances", {"name": INSTANCE, "source": source})
        self.server.perform("POST", f"/1.0/instances/{INSTANCE}/snapshots", {"name": "snap0"})
        self.server.perform("DELETE", f"/1.0/images/{source['fingerprint']}")
        return INSTANCE

    def run_instance(self) -> None:
        """An instance that runs."""
        path = f"/1.0/instances/{RUNNING}"
        if self.server.request("GET", path)[0] == 404:
            self.add_pool()
            image = self.directory / "files" / "bootable.tar.gz"
            images.write(image, images.unified(images.metadata("1", RUNNING), RUNNING))
            upload(self.server, [image])
            source = {"type": "image", "fingerprint": streams.sha256(image)}
            self.server.perform("POST", "/1.0/instances", {"name": RUNNING, "source": source})
            self.server.perform("DELETE", f"/1.0/images/{source['fingerprint']}")
        if self.server.perform("GET", path)["status"] != "Running":
            self.server.perform("PUT", f"{path}/state", {"action": "start"})

    def add_pool(self) -> None:
        """Once."""
        if not self.server.perform("GET", "/1.0/storage-pools"):
            self.server.add_pool()

    # the store

    def reset(self, store: Store) -> None:
        """Nothing but these images, and no request or operation under way."""
        self.proxy.quiet()
        self.proxy.arm(None)
        settle(self.server)
        wanted = {self.fingerprints[image.label]: image for image in store}
        for fingerprint, shape in self.look().items():
            image = wanted.get(fingerprint)
            if image and not shape["made_by_us"] and not differences_of(image, shape):
                del wanted[fingerprint]
            else:
                self.server.perform("DELETE", f"/1.0/images/{fingerprint}")
        for image in wanted.values():
            if image.cached:
                self.put_cached(image)
            else:
                put(self.server, image, self.files[image.label])
        shutil.rmtree(self.dest, ignore_errors=True)
        self.dest.mkdir()

    def put_cached(self, image: StoredImage) -> None:
        """An image that the server has fetched for an instance."""
        twin = self.twin
        self.add_pool()
        source = {
            "type": "image",
            "mode": "pull",
            "server": twin.https_url,
            "protocol": self.vendor,
            "certificate": twin.certificate.read_text(),
        }
        body = {"name": "passing", "source": {**source, "alias": f"origin/{image.label}"}}
        self.server.perform("POST", "/1.0/instances", body)
        self.server.perform("DELETE", "/1.0/instances/passing")
        for name, description in image.aliases.items():
            alias = {"name": name, "target": self.fingerprints[image.label], "description": description}
            self.server.perform("POST", "/1.0/images/aliases", alias)

    def look(self) -> dict[str, dict[str, Any]]:
        """Fingerprint to what is to be seen of the image."""
        listed = self.server.perform("GET", "/1.0/images?recursion=1") or []
        return {image["fingerprint"]: shape_of(image) for image in listed}

    def name_of(self, fingerprint: str) -> str:
        """The label of an image. One that is none of ours was published."""
        return next((label for label, known in self.fingerprints.items() if known == fingerprint), PUBLISHED)

    def look_by_label(self) -> tuple[dict[str, dict[str, Any]], list[str]]:
        """Label to image, and what is wrong with that."""
        found: dict[str, dict[str, Any]] = {}
        problems = []
        for fingerprint, shape in self.look().items():
            label = self.name_of(fingerprint)
            if label in found:
                problems.append(f"there are two images {label!r}")
            found[label] = {**shape, "fingerprint": fingerprint}
        return found, problems

    def differences(self, wanted: Store) -> list[str]:
        """How the store differs from what it should be, in words."""
        found, problems = self.look_by_label()
        for image in wanted:
            problems += differences_of(image, found.pop(image.label, None))
        return problems + [f"the image {label!r} should not be there (any more)" for label in found]

    def broken_promises(self, before: Store, after: Store) -> list[str]:
        """What must hold at every moment on the way from one store to another, and doesn't."""
        found, problems = self.look_by_label()
        was, will = targets(before), targets(after)
        now = {name: label for label, image in found.items() for name in image["aliases"]}
        for name in sorted({*was, *will, *now}):
            allowed = {was.get(name), will.get(name)}
            if now.get(name) not in allowed:
                problems.append(
                    f"the alias {name!r} points at {now.get(name)!r}, not at {' or '.join(map(repr, allowed))}"
                )
        # A cached image can only be deleted and made anew; nothing refers to it yet.
        labels = {image.label for image in before if not image.cached} & {image.label for image in after}
        problems += [f"the image {label!r} is gone" for label in labels - set(found)]
        known = {image.label for image in (*before, *after)}
        problems += [f"the image {label!r} should not be there" for label in set(found) - known]
        named = {was[name] for name in was} & {will[name] for name in will}
        problems += [
            f"the image {label!r} has no alias any more" for label in named & set(found) if not found[label]["aliases"]
        ]
        for image in before:
            if image in after:
                problems += differences_of(image, found.get(image.label))
        for label, shape in found.items():
            try:
                if shape["aliases"] and not self.is_whole(shape["fingerprint"]):
                    problems.append(f"the content of the image {label!r} does not hash to its fingerprint")
            except ServerError:
                # What a killed run has asked for may be deleting it: look at what is left.
                settle(self.server)
                if shape["fingerprint"] in self.look():
                    raise
                return self.broken_promises(before, after)
        return problems

    def is_whole(self, fingerprint: str) -> bool:
        """Whether the server gives out what the fingerprint says."""
        return content_hash(self.server, fingerprint) == fingerprint


def targets(store: Store) -> dict[str, str]:
    return {name: image.label for image in store for name in image.aliases}


def differences_of(image: StoredImage, found: Mapping[str, Any] | None) -> list[str]:
    if found is None:
        return [f"the image {image.label!r} is not there"]
    wanted = image.expected()
    return [
        f"the image {image.label!r} has {key} {found[key]!r}, not {value!r}"
        for key, value in wanted.items()
        if found[key] != value
    ]


def content_hash(server: Server, fingerprint: str) -> str:
    """SHA-256 over the file or the two files that the server gives out."""
    content_type, content = http(server, "GET", f"/1.0/images/{fingerprint}/export")
    _type, _equals, boundary = content_type.partition("boundary=")
    if not boundary:
        return hashlib.sha256(content).hexdigest()
    parts = (b"\r\n" + content).split(b"\r\n--" + boundary.strip('"').encode())[1:-1]
    return hashlib.sha256(b"".join(part.partition(b"\r\n\r\n")[2] for part in parts)).hexdigest()


class DaemonKiller:
    """kill -9 of a bench's daemon from a thread of the proxy, and its return."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.back = threading.Event()

    def __call__(self) -> None:
        self.server.kill()
        threading.Thread(target=self._restart, daemon=True).start()

    def _restart(self) -> None:
        time.sleep(0.1)
        self.server.launch()
        self.back.set()


Check = Callable[[Bench], list[str]]
