# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""Reads from the image API: one method for each endpoint, which returns objects of model.py. All raise LXDError."""

from __future__ import annotations

import contextlib
import time
import typing as t

from .._lxd import paths
from .._lxd.client import OPERATION_RUNNING
from .._lxd.errors import LXDAPIError, LXDError, LXDForbidden, LXDInputError, LXDNotFound
from .._lxd.json_shapes import (
    answer_to,
    mapping,
    mappings,
    need_mapping,
    need_object,
    need_objects,
    need_text,
    need_texts,
    text,
    texts,
)
from .._lxd.record import record
from .model import Alias, Image, Instance, check_fingerprint, is_complete

if t.TYPE_CHECKING:
    from .._lxd.client import Client
    from .image_writer import ImageWriter

LIST_MAY_BE_CUT_AFTER = 9.0
"""Seconds. The daemons list in one database transaction of 10 (LXD) or 30 seconds (Incus), and then return what they
have by then, with status 200."""

_ENTITLEMENTS = "entities_with_entitlements"
"""The API extension of LXD that returns the client's entitlements on each object."""

OFFLINE = "Offline"
"""The status of a cluster member that has given no sign of life for some seconds (cluster.offline_threshold)."""

LIST_PATIENCE = 1.0
"""Seconds to wait for a list that only saves time."""

ALIAS_ATTEMPTS = 5
"""How often an alias and its image are read if other clients move it."""

CONNECTIONS = 2
"""How many connections read single images at the same time. More are not faster: the time is the server's."""


@record(frozen=True)
class Project:
    """A project. ``entitlements``: those that this client has on it, of the ones asked for; None if unknown."""

    has_own_images: bool
    entitlements: tuple[str, ...] | None = None


class ImageReader:
    """Reads the images of one project of one server."""

    def __init__(self, client: Client, notes: list[str] | None = None) -> None:
        self.client = client
        self.notes: list[str] = [] if notes is None else notes
        """Sentences about what could not be checked. They become warnings of the task."""

    def reconnected(self) -> ImageReader:
        """Return a reader of the same images with a connection of its own: a session is for one thread only."""
        return ImageReader(self.client.reconnected(), self.notes)

    def in_project(self, project: str) -> ImageReader:
        """Return a reader of the images of another project of the server."""
        return ImageReader(self.client.in_project(project), self.notes)

    @property
    def writer(self) -> ImageWriter:
        """The writer of the same images. Only apply/ may use it."""
        # imported only here: most tasks change nothing
        from .image_writer import ImageWriter

        return ImageWriter(self.client, self.notes)

    # images

    def get_image(self, fingerprint: str, secret: str | None = None) -> Image | None:
        """Read an image, ``GET /1.0/images/{fingerprint}``. Returns None if it is not found.

        ``fingerprint``: in full or a prefix. ``secret``: for a private image; reading the image consumes it.
        Raises LXDInputError if the prefix is ambiguous.
        """
        check_fingerprint(fingerprint)
        what = f"read the image {fingerprint}"
        try:
            answer = self.client.get(paths.image(fingerprint), what, {"secret": secret} if secret else None)
        except LXDNotFound:
            return None
        except LXDAPIError:
            if not is_complete(fingerprint):
                self._refuse_ambiguous(fingerprint)
            raise
        image = Image.from_api(answer.metadata, answer.etag, answer_to(paths.image(fingerprint)))
        if not image.fingerprint.startswith(fingerprint):
            raise LXDAPIError(f"Cannot {what}: the server returned the image {image.fingerprint}.", status=200)
        if not image.settings.public and not secret:
            self.client.trust_shown()
        return image

    def _refuse_ambiguous(self, prefix: str) -> None:
        """Raise LXDInputError if several images have the prefix: the servers only return status 500."""
        stored = self.list_stored() or self.list_fingerprints()
        matches = sorted(fingerprint for fingerprint in stored if fingerprint.startswith(prefix))
        if len(matches) > 1:
            raise LXDInputError(
                f"The fingerprint {prefix!r} is ambiguous: {', '.join(matches)} begin with it. Give more digits."
            )

    def list_fingerprints(self) -> list[str]:
        """List the fingerprints, ``GET /1.0/images``, sorted. The list is complete, however long it is."""
        urls = need_texts(self.client.get(paths.IMAGES, "list the images").metadata, answer_to(paths.IMAGES))
        return sorted(url.partition("?")[0].rsplit("/", 1)[-1] for url in urls)

    def list_images(self) -> list[Image]:
        """Read all images of the project, sorted by fingerprint.

        They are read in one listing, ``GET /1.0/images?recursion=1``, which a server may cut short without an error.
        What it lacks of what the project has is then read one by one. For both, the servers read image by image, which
        takes them longer the larger the store is; of a store that is too large for one listing, this way was the
        fastest one to read all (LXD 5.0, 7,500 images: 16 seconds, and 30 without a listing).

        If nobody says what the project has, ``notes`` gets a sentence.
        """
        stored = self.list_stored()
        started = time.monotonic()
        where = answer_to(paths.IMAGES)
        listed = self.client.get(paths.IMAGES, "list the images", {"recursion": "1"}).metadata
        images = {
            image.fingerprint: image
            for image in [Image.from_api(data, where=where) for data in need_objects(listed, where)]
        }
        if time.monotonic() - started > LIST_MAY_BE_CUT_AFTER and not images.keys() <= set(stored or ()):
            stored = self.list_fingerprints()
            self.notes.append(
                f"It could not be checked whether the list of the images on {self.client.url} is complete: the server "
                "took long, and this client may not read what the project has."
            )
        images.update(self._read_each([fingerprint for fingerprint in stored or () if fingerprint not in images]))
        return [images[fingerprint] for fingerprint in sorted(images)]

    def list_stored(self) -> list[str] | None:
        """Return the fingerprints of the images that the project has, ``used_by`` of ``GET /1.0/projects/{name}``.

        Returns None if this client may not read that. Raises LXDError if the project is not visible to this client: the
        servers then list only public images, and return no error.
        """
        if self.client.is_anonymous:
            if self.client.project != "default":
                self.require_project()
            return None
        project = self._read_project()
        if not has_own_images(project, answer_to(paths.PROJECTS)):
            try:
                project = self.in_project("default")._read_project()
            except LXDError:
                return None
        names = (url.partition("?")[0].rpartition("/") for url in texts(project.get("used_by")))
        return [name for folder, _slash, name in names if folder == paths.IMAGES]

    def _read_each(self, fingerprints: t.Sequence[str]) -> dict[str, Image]:
        """Read images one by one, over several connections. Those that are deleted meanwhile are left out."""
        if not fingerprints:
            return {}
        # imported only here: mostly a listing has all images
        from .side_by_side import map_side_by_side

        found = map_side_by_side(
            self, lambda reader, fingerprint: reader.get_image(fingerprint), fingerprints, CONNECTIONS, "read images"
        )
        return {image.fingerprint: image for image in found if image is not None}

    def may_have_size(self, size: int) -> bool:
        """Return whether there may be an image of ``size`` bytes.

        True also if the server does not return it at once.
        """
        try:
            listed = self.client.get(
                paths.IMAGES, "list the images", {"recursion": "1"}, patience=LIST_PATIENCE
            ).metadata
        except LXDError:
            return True
        return any(data.get("size") == size for data in mappings(listed))

    def download_image(
        self, fingerprint: str, secret: str | None = None
    ) -> t.ContextManager[tuple[t.Mapping[str, str], t.Iterator[bytes]]]:
        """Download an image, ``GET /1.0/images/{fingerprint}/export``.

        Gives the headers and the blocks of the body, raw (unified image) or multipart (split image).
        """
        query = {"secret": secret} if secret else None
        return self.client.download(paths.image(fingerprint, "export"), f"download the image {fingerprint}", query)

    def has_secret(self, operation: str) -> bool:
        """Return whether a secret can still be used: its ``operation`` runs until then."""
        try:
            answer = self.client.get(paths.operation(operation), "read the operation of the secret")
        except LXDNotFound:
            return False
        return bool(mapping(answer.metadata).get("status_code") == OPERATION_RUNNING)

    # aliases

    def get_alias(self, name: str) -> Alias | None:
        """Read an alias, ``GET /1.0/images/aliases/{name}``. Returns None if it is not found."""
        try:
            answer = self.client.get(paths.alias(name), f"read the alias {name!r}")
        except LXDNotFound:
            return None
        return Alias.from_api(answer.metadata, answer.etag, answer_to(paths.alias(name)))

    def hides_alias(self, name: str, fingerprint: str) -> bool:
        """Return whether an alias is hidden from this client: its image lists it, but the alias itself is not found."""

        def is_listed() -> bool:
            image = self.get_image(fingerprint)
            return image is not None and name in image.aliases

        # read in this order, an alias that is created or deleted meanwhile is never taken for a hidden one
        return self.get_alias(name) is None and is_listed() and self.get_alias(name) is None and is_listed()

    def hidden_alias(self, name: str) -> LXDForbidden:
        """Return the error for an alias that is hidden from this client."""
        return LXDForbidden(
            f"The alias {name!r} is not visible to this client: an image in the project {self.client.project!r} on "
            f"{self.client.url} has it, but the server returns 404 for the alias itself. Give the client the right to "
            "view and edit aliases (on LXD the entitlement image_alias_manager).",
            status=404,
        )

    # what images are made from and refer to

    def get_instance(self, name: str) -> Instance | None:
        """Read an instance, ``GET /1.0/instances/{name}``. Returns None if it is not found."""
        return self._get_instance(paths.instance(name), "instance", name)

    def get_snapshot(self, name: str) -> Instance | None:
        """Read a snapshot, ``name`` is instance/snapshot. Returns None if it is not found."""
        return self._get_instance(paths.snapshot(name), "snapshot", name)

    def _get_instance(self, path: str, kind: str, name: str) -> Instance | None:
        try:
            return Instance.from_api(name, kind, self.client.get(path, f"read the {kind} {name!r}").metadata)
        except LXDNotFound:
            return None

    def list_instances(self, all_projects: bool = False) -> list[dict[str, t.Any]]:
        """List the instances, ``GET /1.0/instances?recursion=2``, of this or of all projects.

        Returns the server's objects, with their ``snapshots``. Raises LXDAPIError for an object that cannot be
        understood.
        """
        query = {"recursion": "2", **({"all-projects": "true"} if all_projects else {})}
        where = answer_to(paths.INSTANCES)
        instances = need_objects(
            self.client.get(paths.INSTANCES, "list the instances", query, with_project=not all_projects).metadata, where
        )
        for instance in instances:
            # a part that cannot be understood may be the one that shows that an image is in use
            for data in (instance, *need_objects(instance.get("snapshots"), where, "snapshots")):
                need_text(data, "name", where)
                for key in ("config", "expanded_config"):
                    need_mapping(data, key, where)
        return instances

    def list_projects(self, entitlements: t.Sequence[str] = ()) -> dict[str, Project]:
        """List the projects, ``GET /1.0/projects?recursion=1``, sorted by name.

        A project without images of its own uses those of the default project. ``entitlements``: names of those that the
        server checks for a fine-grained identity; a server without the API extension does not.
        """
        query = {"recursion": "1"}
        if entitlements and _ENTITLEMENTS in self.client.server().extensions:
            query["with-access-entitlements"] = ",".join(entitlements)
        listed = self.client.get(paths.PROJECTS, "list the projects", query, with_project=False).metadata
        where = answer_to(paths.PROJECTS)
        projects = {}
        for item in need_objects(listed, where):
            granted = tuple(texts(item.get("access_entitlements"))) if len(query) > 1 else None
            projects[need_text(item, "name", where)] = Project(has_own_images(item, where), granted)
        return dict(sorted(projects.items()))

    def list_cluster_members(self) -> dict[str, tuple[str, str]]:
        """List the members of the cluster, ``GET /1.0/cluster/members?recursion=1``.

        Returns name -> status, such as OFFLINE, and URL.
        """
        path = paths.CLUSTER_MEMBERS
        found = self.client.get(path, "list the cluster members", {"recursion": "1"}, with_project=False).metadata
        where = answer_to(path)
        return {
            need_text(item, "server_name", where): (need_text(item, "status", where), text(item.get("url")))
            for item in need_objects(found, where)
        }

    def has_profile(self, name: str) -> bool:
        """Return whether there is a profile, ``GET /1.0/profiles/{name}``."""
        try:
            self.client.get(paths.profile(name), f"read the profile {name!r}")
        except LXDNotFound:
            return False
        return True

    def missing_project(self) -> LXDInputError:
        """Return the error for a project that is not found or not visible. Lists the visible ones, if that succeeds."""
        known = []
        with contextlib.suppress(LXDError):
            known = list(self.list_projects())
        hint = f" Projects that are visible to it: {', '.join(known)}." if known else ""
        return LXDInputError(
            f"The project {self.client.project!r} is not found on {self.client.url}, or not visible to this client: "
            f"set 'project' to one that it may use.{hint}"
        )

    def has_own_images(self) -> bool:
        """Return whether the client's project has images of its own, ``GET /1.0/projects/{name}``.

        Raises LXDInputError if the project is not found, or not visible to this client.
        """
        return has_own_images(self._read_project(), answer_to(paths.project(self.client.project)))

    def _read_project(self) -> dict[str, t.Any]:
        name = self.client.project
        try:
            found = self.client.get(paths.project(name), f"read the project {name!r}", with_project=False).metadata
        except (LXDNotFound, LXDForbidden) as exc:
            # a client that is not trusted at all gets a better message
            self.client.require_trusted()
            raise self.missing_project() from exc
        return need_object(found, answer_to(paths.project(name)))

    def require_project(self) -> None:
        """Raise LXDError if the client's project is not found, or not visible to this client.

        The servers then return 404 for all objects in it, and empty lists. An anonymous client sees the public images
        of the default project only.
        """
        if not (self.client.is_anonymous and self.client.project == "default"):
            self.has_own_images()


def has_own_images(project: t.Mapping[str, t.Any], where: str) -> bool:
    """Return whether a project has images of its own. The default project always has.

    ``project``: the server's object. ``where``: the name of the answer, for messages.
    """
    return project.get("name") == "default" or need_mapping(project, "config", where).get("features.images") == "true"


def read_named(reader: ImageReader, name: str | None) -> tuple[Alias | None, Image | None]:
    """Return an alias and its image, or None for what is not found.

    If only the image is not found, another client may have moved the alias between the two reads, so both are repeated.
    """
    alias = None
    for _attempt in range(ALIAS_ATTEMPTS if name else 0):
        alias = reader.get_alias(t.cast(str, name))
        image = reader.get_image(alias.target) if alias else None
        if alias is None or image is not None:
            return alias, image
    return alias, None
