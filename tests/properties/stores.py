# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real server's store to test with: filled, read and compared by plain HTTP, through code that the collection has no part in."""

from __future__ import annotations

import atexit
import contextlib
import copy
import hashlib
import importlib
import json
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "servers"))

import images
import modules
import servers

SCRATCH = Path(tempfile.mkdtemp(prefix="lxd-"))
"""The only place where anything is written."""
atexit.register(shutil.rmtree, SCRATCH, ignore_errors=True)

MEMORY = "ansible."
NEVER = "never"
PROFILES = ("default", "extra")
WRITABLE = ("public", "auto_update", "properties", "expires_at", "profiles", "aliases")
# Some versions take only the first ones as names of aliases.
NAMES = ("plain", "debian/12", "100%", "two words", "ünï", "what?#&+", "-", "a..b/../c")


def prepare_environment() -> None:
    """Has this checkout, and no other copy of the collection, imported here and in the processes of ``modules``.

    And nothing in the environment says of another server that tasks should use.
    """
    for name in list(os.environ):
        if name.startswith(("LXD_", "INCUS_")):
            del os.environ[name]
    tree = SCRATCH / "tree"
    if tree.exists():
        return
    place = tree / "ansible_collections" / "community" / "lxd"
    place.parent.mkdir(parents=True)
    place.symlink_to(ROOT)
    sys.path.insert(0, str(tree))
    importlib.invalidate_caches()
    os.environ["PYTHONPATH"] = os.pathsep.join([str(tree), *filter(None, [os.environ.get("PYTHONPATH")])])


@dataclass(frozen=True)
class TinyImage:
    """A few hundred bytes that a server takes for an image. ``properties``: those of its own metadata."""

    path: Path
    fingerprint: str
    properties: Mapping[str, str]

    @classmethod
    def make(cls, number: int, kind: str, properties: Mapping[str, str]) -> TinyImage:
        directory = SCRATCH / "images"
        directory.mkdir(exist_ok=True)
        # JSON is YAML
        metadata = json.dumps(
            {
                "architecture": platform.machine(),
                "creation_date": images.STAMP + number,
                **({"properties": properties} if properties else {}),
            }
        )
        content = images.entry("rootfs") if kind == "container" else images.entry("rootfs.img", b"disk")
        path = images.write(directory / f"{number}.tar.gz", [images.entry("metadata.yaml", metadata.encode()), content])
        return cls(path, hashlib.sha256(path.read_bytes()).hexdigest(), properties)


IMAGES = (
    TinyImage.make(0, "container", {"os": "debian", "release": "12"}),
    TinyImage.make(1, "container", {"os": "debian", "release": "13", "stage": "new"}),
    TinyImage.make(2, "container", {}),
    TinyImage.make(3, "container", {"os": "ünï", "empty": ""}),
    TinyImage.make(4, "virtual-machine", {"os": "debian", "release": "12"}),
    TinyImage.make(5, "container", {"os": "alpine", "two words": " "}),
)
BY_FINGERPRINT = {image.fingerprint: image for image in IMAGES}


@dataclass
class Settings:
    """What can be written of an image. ``expires_at``: as the servers write it, or "never"."""

    public: bool = False
    auto_update: bool = False
    properties: dict[str, str] = field(default_factory=dict)
    expires_at: str = NEVER
    profiles: list[str] = field(default_factory=lambda: ["default"])

    @property
    def protected(self) -> bool:
        return self.properties.get(MEMORY + "protected") == "true"

    @property
    def inactive_state(self) -> dict[str, Any] | None:
        """What an inactive image has had."""
        text = self.properties.get(MEMORY + "withdrawn")
        return json.loads(text) if text else None


@dataclass
class World:
    """What matters of a store. ``aliases``: the fingerprint and the description by the name."""

    images: dict[str, Settings] = field(default_factory=dict)
    aliases: dict[str, tuple[str, str]] = field(default_factory=dict)

    def copy(self) -> World:
        return copy.deepcopy(self)

    def aliases_of(self, fingerprint: str) -> dict[str, str]:
        return {name: description for name, (target, description) in self.aliases.items() if target == fingerprint}


@dataclass(frozen=True)
class Reading:
    """All that the server says about its images and aliases, sorted."""

    images: Mapping[str, dict[str, Any]]
    aliases: Mapping[str, dict[str, Any]]

    @property
    def world(self) -> World:
        return World(
            {fingerprint: settings_of(data) for fingerprint, data in self.images.items()},
            {name: (data["target"], data["description"]) for name, data in self.aliases.items()},
        )

    def fixed(self, fingerprint: str) -> dict[str, Any]:
        """What no request can change of an image."""
        return {key: value for key, value in self.images[fingerprint].items() if key not in WRITABLE}


def settings_of(data: Mapping[str, Any]) -> Settings:
    expires_at = data["expires_at"]
    return Settings(
        public=data["public"],
        auto_update=data["auto_update"],
        # An upload stores empty values, which every later write drops: to the server they are none.
        properties={key: value for key, value in data["properties"].items() if value},
        expires_at=NEVER if expires_at in ("0001-01-01T00:00:00Z", "1970-01-01T00:00:00Z") else expires_at,
        profiles=sorted(data["profiles"]),
    )


class Store:
    """The images of one server."""

    def __init__(self, server: servers.Server) -> None:
        self.server = server
        self.pid = self.server.process.pid
        self.names = tuple(name for name in NAMES if self._accepts(name))
        home = SCRATCH / "home"
        home.mkdir(exist_ok=True)
        # Whatever a task asks for, no other server of this machine and no configuration of its user is found.
        places = {f"{vendor}_{kind}": str(home) for vendor in ("LXD", "INCUS") for kind in ("DIR", "CONF")}
        sockets = {f"{vendor}_SOCKET": str(self.server.socket) for vendor in ("LXD", "INCUS")}
        self.environment = {"HOME": str(home), **places, **sockets}

    def __repr__(self) -> str:
        return self.server.kind

    def _accepts(self, name: str) -> bool:
        """Whether the server takes this for the name of an alias: what it says to one without a target is no answer."""
        self.fill(World({IMAGES[0].fingerprint: Settings()}))
        status, _answer = self.server.request(
            "POST", "/1.0/images/aliases", {"name": name, "target": IMAGES[0].fingerprint}
        )
        return status == 201

    def options(self, options: Mapping[str, Any]) -> dict[str, Any]:
        return {"url": self.server.url, "timeout": 60, **options}

    def start(self, module: str, options: Mapping[str, Any], check: bool = False, direct: bool = False) -> modules.Run:
        return modules.Run(module, self.options(options), check, self.environment, direct)

    def run(self, module: str, options: Mapping[str, Any], check: bool = False, direct: bool = False) -> modules.Result:
        return self.start(module, options, check, direct).wait()

    def read(self) -> Reading:
        listed = self.server.perform("GET", "/1.0/images?recursion=1") or []
        aliases = self.server.perform("GET", "/1.0/images/aliases?recursion=1") or []
        for image in listed:
            image["aliases"] = sorted(image["aliases"] or [], key=lambda alias: alias["name"])
            image["profiles"] = sorted(image["profiles"])
        return Reading(
            {image["fingerprint"]: image for image in sorted(listed, key=lambda image: image["fingerprint"])},
            {alias["name"]: alias for alias in sorted(aliases, key=lambda alias: alias["name"])},
        )

    def fill(self, world: World) -> Reading:
        """Makes the store this world, with as few requests as that takes; and reads it."""
        current = self.read().world
        for fingerprint in set(current.images) - set(world.images):
            self.server.perform("DELETE", f"/1.0/images/{fingerprint}")
        # What was deleted had taken its aliases along.
        current.aliases = {name: alias for name, alias in current.aliases.items() if alias[0] in world.images}
        for name in set(current.aliases) - set(world.aliases):
            self.server.perform("DELETE", f"/1.0/images/aliases/{quote(name, safe='')}")
        for fingerprint, settings in world.images.items():
            if fingerprint not in current.images:
                self.upload(BY_FINGERPRINT[fingerprint].path.read_bytes())
            if current.images.get(fingerprint) != settings:
                self.server.perform("PUT", f"/1.0/images/{fingerprint}", body_of(settings))
        for name, (target, description) in world.aliases.items():
            body = {"name": name, "target": target, "description": description}
            if name not in current.aliases:
                self.server.perform("POST", "/1.0/images/aliases", body)
            elif current.aliases[name] != (target, description):
                self.server.perform("PUT", f"/1.0/images/aliases/{quote(name, safe='')}", body)
        reading = self.read()
        assert reading.world == world, "the server did not store what the test has put there"
        return reading

    def upload(self, content: bytes) -> None:
        self.server.perform("POST", "/1.0/images", content)

    def export(self, fingerprint: str) -> bytes:
        connection = servers.SocketConnection(self.server.socket, 60)
        with contextlib.closing(connection):
            connection.request("GET", f"/1.0/images/{fingerprint}/export")
            return connection.getresponse().read()

    def assert_alive(self) -> None:
        """Some requests kill the whole daemon: it must be the process that was started."""
        assert self.pid is not None and self.server.process.pid == self.pid, (
            f"{self.server.kind} has ended: {self.server.log.read_text(errors='replace')[-3000:]}"
        )
        assert self.server.request("GET", "/1.0")[0] == 200


def body_of(settings: Settings) -> dict[str, Any]:
    """The whole of what a PUT would reset otherwise."""
    expires_at = "1970-01-01T00:00:00Z" if settings.expires_at == NEVER else settings.expires_at
    return {**vars(settings), "expires_at": expires_at}


@contextlib.contextmanager
def running_store(kind: str) -> Iterator[Store]:
    """A server of its own, without images and with the profiles of ``PROFILES``."""
    server = servers.Server.start(kind, SCRATCH / kind)
    try:
        for profile in PROFILES[1:]:
            server.perform("POST", "/1.0/profiles", {"name": profile})
        store = Store(server)
        yield store
        store.assert_alive()
    finally:
        server.stop(remove=True)
