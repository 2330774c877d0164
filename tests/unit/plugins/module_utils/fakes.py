# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Builders for models, and a store in memory that behaves like the real servers do where the tests need it."""

from __future__ import annotations

import hashlib
import json
import types
import typing as t

from ansible_collections.community.lxd.plugins.module_utils._image.model import (
    RESERVED_PREFIX,
    Alias,
    CurrentImage,
    Image,
    ImageSettings,
    Instance,
)
from ansible_collections.community.lxd.plugins.module_utils._image.times import NEVER
from ansible_collections.community.lxd.plugins.module_utils._lxd.client import ServerInfo
from ansible_collections.community.lxd.plugins.module_utils._lxd.errors import (
    LXDConflict,
    LXDInputError,
    LXDNotFound,
    LXDOperationError,
    LXDPreconditionFailed,
)
from ansible_collections.community.lxd.plugins.module_utils._lxd.identity import Identity

A, B, C, D = (letter * 64 for letter in "abcd")


def image_data(
    fingerprint: str = A, aliases: t.Iterable[str] = (), bookkeeping: t.Mapping[str, str] | None = None, **fields: t.Any
) -> dict[str, t.Any]:
    """An image as the server shows it."""
    properties = {
        **fields.pop("properties", {}),
        **{RESERVED_PREFIX + key: value for key, value in (bookkeeping or {}).items()},
    }
    return {
        "fingerprint": fingerprint,
        "aliases": [{"name": name, "description": f"about {name}"} for name in aliases],
        "properties": properties,
        "public": False,
        "auto_update": False,
        "expires_at": "1970-01-01T00:00:00Z",
        "profiles": ["default"],
        "type": "container",
        "architecture": "x86_64",
        "cached": False,
        "uploaded_at": "2026-11-01T00:00:00Z",
        **fields,
    }


def make_image(
    fingerprint: str = A, aliases: t.Iterable[str] = (), bookkeeping: t.Mapping[str, str] | None = None, **fields: t.Any
) -> Image:
    return Image.from_api(image_data(fingerprint, aliases, bookkeeping, **fields))


def make_current(*images: Image, instance: Instance | None = None, orphan: str | None = None) -> CurrentImage:
    """The whole store: these images and their aliases."""
    aliases = {alias.name: alias for image in images for alias in image.list_aliases()}
    return CurrentImage(aliases, {image.fingerprint: image for image in images}, instance=instance, orphan=orphan)


def make_instance(name: str = "c1", running: bool = False, ephemeral: bool = False) -> Instance:
    data = {
        "status_code": 103 if running else 102,
        "ephemeral": ephemeral,
        "created_at": "2026-01-01T00:00:00Z",
        "config": {"image.os": "debian"},
    }
    return Instance.from_api(name, "instance", data)


class FakeStore:
    """Stands in for ImageAPI. ``writes`` are the calls of its writing methods; ``faults`` are what happens instead of, or after one.

    A fault is a function of the store, called once; ``(method, "before", fault)`` happens instead of the write if it raises,
    ``(method, "after", fault)`` when it has had its effect.
    """

    def __init__(self, *images: dict[str, t.Any], project: str = "default", trusted: bool = True) -> None:
        self.images: dict[str, dict[str, t.Any]] = {}
        self.aliases: dict[str, Alias] = {}
        for data in images:
            self.images[data["fingerprint"]] = {key: value for key, value in data.items() if key != "aliases"}
            for alias in data["aliases"]:
                self.aliases[alias["name"]] = Alias(alias["name"], data["fingerprint"], alias["description"])
        self.instances: dict[str, dict[str, t.Any]] = {}
        self.profiles = {"default"}
        self.projects = {"default"}
        self.notes: list[str] = []
        self.published = 0
        self.reads: list[str] = []
        self.writes: list[str] = []
        self.faults: list[tuple[str, str, t.Callable[[FakeStore], object]]] = []
        self.after_write: t.Callable[[], None] = lambda: None
        self.settled = 0
        self.client = types.SimpleNamespace(
            project=project,
            url="unix:/fake.socket",
            is_anonymous=False,
            is_local=True,
            identity=lambda: Identity("unix", sees_all=True),
            server=lambda: ServerInfo("lxd", "5.0.2", True, frozenset(), certificate="the certificate"),
            settle=self._settle,
            require_trusted=self._require_trusted,
            trust_shown=lambda: None,
            progress=None,
        )
        self.trusted = trusted

    def _settle(self, only_new_objects: bool = False) -> None:
        self.settled += not only_new_objects

    def _require_trusted(self) -> None:
        if not self.trusted:
            raise PermissionError("untrusted")

    def _fault(self, method: str, moment: str) -> None:
        for fault in self.faults:
            if fault[:2] == (method, moment):
                self.faults.remove(fault)
                fault[2](self)
                return

    def _write(self, method: str, call: str, effect: t.Callable[[], t.Any]) -> t.Any:
        self.writes.append(call)
        self._fault(method, "before")
        result = effect()
        self.after_write()
        self._fault(method, "after")
        return result

    def snapshot(self) -> str:
        """All that the store holds, to compare."""
        return json.dumps(
            [self.images, {name: alias.to_diff() for name, alias in self.aliases.items()}, self.instances],
            sort_keys=True,
        )

    @property
    def writer(self) -> FakeStore:
        return self

    # reading

    def get_image(self, fingerprint: str, secret: str | None = None) -> Image | None:
        self.reads.append(f"image {fingerprint[:12]}")
        found = [data for key, data in self.images.items() if key.startswith(fingerprint)]
        if not found:
            return None
        data = found[0]
        aliases = [
            {"name": alias.name, "description": alias.description}
            for alias in self.aliases.values()
            if alias.target == data["fingerprint"]
        ]
        return Image.from_api({**data, "aliases": aliases}, self._etag(data))

    @staticmethod
    def _etag(data: dict[str, t.Any]) -> str:
        return hashlib.sha256(
            json.dumps([data["public"], data["auto_update"], data["properties"]], sort_keys=True).encode()
        ).hexdigest()

    def get_alias(self, name: str) -> Alias | None:
        self.reads.append(f"alias {name}")
        alias = self.aliases.get(name)
        return (
            Alias(alias.name, alias.target, alias.description, "container", f"{alias.target}{alias.description}")
            if alias
            else None
        )

    def list_images(self) -> list[Image]:
        self.reads.append("list images")
        self.require_project()
        return [t.cast(Image, self.get_image(fingerprint)) for fingerprint in sorted(self.images)]

    def list_stored(self) -> list[str]:
        return sorted(self.images)

    def list_instances(self) -> list[dict[str, t.Any]]:
        return [{"name": name, **data} for name, data in self.instances.items()]

    def get_instance(self, name: str) -> Instance | None:
        data = self.instances.get(name)
        return Instance.from_api(name, "instance", data) if data else None

    def get_snapshot(self, name: str) -> Instance | None:
        data = self.instances.get(name)
        return Instance.from_api(name, "snapshot", data) if data else None

    def has_profile(self, name: str) -> bool:
        return name in self.profiles

    def missing_project(self) -> LXDInputError:
        return LXDInputError(
            f"The project {self.client.project!r} is not found on {self.client.url}, or not visible to this client."
        )

    def reconnected(self) -> FakeStore:
        return self

    def has_own_images(self) -> bool:
        return True

    def require_project(self) -> None:
        if self.client.project not in self.projects:
            raise self.missing_project()

    def may_have_size(self, size: int) -> bool:
        return any(data.get("size") == size for data in self.images.values())

    # writing

    def create_image_from_files(self, files: t.Any) -> str:
        def effect() -> str:
            if files.fingerprint in self.images:
                raise LXDOperationError("Cannot import: Image with same fingerprint already exists")
            size = sum(len(block) for block in files)
            self._add(files.fingerprint, {"os": "from-file"})
            self.images[files.fingerprint]["size"] = size
            return str(files.fingerprint)

        return t.cast(str, self._write("create_image_from_files", f"import {files}", effect))

    def publish_image(
        self,
        kind: str,
        name: str,
        properties: t.Mapping[str, str],
        compression_algorithm: str | None,
        filename: str | None,
    ) -> str:
        def effect() -> str:
            if kind == "instance" and self.instances[name]["status_code"] != Instance.STOPPED:
                raise LXDOperationError("Cannot export a running instance as an image")
            self.published += 1
            fingerprint = hashlib.sha256(f"{name} {self.published}".encode()).hexdigest()
            self._add(fingerprint, dict(properties))
            return fingerprint

        return t.cast(str, self._write("publish_image", f"publish {kind} {name}", effect))

    def _add(self, fingerprint: str, properties: dict[str, str]) -> None:
        self.images[fingerprint] = {
            key: value for key, value in image_data(fingerprint, properties=properties).items() if key != "aliases"
        }

    def update_image(self, image: Image, settings: ImageSettings) -> None:
        def effect() -> None:
            data = self.images.get(image.fingerprint)
            if data is None:
                raise LXDNotFound("Image not found", status=404)
            if image.etag is not None and image.etag != self._etag(data):
                raise LXDPreconditionFailed("ETag doesn't match", status=412)
            data.update(settings.to_api())
            assert settings.expires_at == NEVER or data["expires_at"] == settings.expires_at

        self._write("update_image", f"update {image.fingerprint[:4]}", effect)

    def delete_image(self, fingerprint: str) -> None:
        def effect() -> None:
            self.images.pop(fingerprint, None)
            self.aliases = {name: alias for name, alias in self.aliases.items() if alias.target != fingerprint}

        self._write("delete_image", f"delete {fingerprint[:4]}", effect)

    def create_alias(self, name: str, target: str, description: str) -> None:
        def effect() -> None:
            if name in self.aliases:
                raise LXDConflict(f'Alias "{name}" already exists', status=409)
            self._point(name, target, description)

        self._write("create_alias", f"alias {name} -> {target[:4]}", effect)

    def update_alias(self, alias: Alias, target: str, description: str) -> None:
        def effect() -> None:
            known = self.aliases.get(alias.name)
            if known is None:
                raise LXDNotFound("Image alias not found", status=404)
            if alias.etag is not None and alias.etag != f"{known.target}{known.description}":
                raise LXDPreconditionFailed("ETag doesn't match", status=412)
            self._point(alias.name, target, description)

        self._write("update_alias", f"alias {alias.name} => {target[:4]}", effect)

    def _point(self, name: str, target: str, description: str) -> None:
        if target not in self.images:
            raise LXDNotFound("Image not found", status=404)
        self.aliases[name] = Alias(name, target, description)

    def delete_alias(self, name: str) -> bool:
        return bool(self._write("delete_alias", f"unalias {name}", lambda: self.aliases.pop(name, None)))

    def hides_alias(self, name: str, fingerprint: str) -> bool:
        return False

    def set_instance_state(self, name: str, action: str, seconds: int, force: bool) -> None:
        def effect() -> None:
            self.instances[name]["status_code"] = 102 if action == "stop" else 103
            if action == "start":
                self.instances[name]["last_used_at"] = f"2026 {len(self.writes)}"

        self._write("set_instance_state", f"{action} {name}{' by force' if force else ''}", effect)

    # to look at it whole

    def current(self) -> CurrentImage:
        images = {fingerprint: t.cast(Image, self.get_image(fingerprint)) for fingerprint in self.images}
        return CurrentImage({name: t.cast(Alias, self.get_alias(name)) for name in self.aliases}, images)
