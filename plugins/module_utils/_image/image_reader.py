# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""Reads from the image API: one method for each endpoint, which returns objects of model.py. All raise LXDError."""

from __future__ import annotations

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
)
from .model import Alias, Image, Instance, check_fingerprint, is_complete

if t.TYPE_CHECKING:
    from .._lxd.client import Client
    from .image_writer import ImageWriter

LIST_MAY_BE_CUT_AFTER = 9.0
"""Seconds. The daemons list in one database transaction of 10 (LXD) or 30 seconds (Incus), and then return what they
have
by then, with status 200."""

LIST_PATIENCE = 1.0
"""Seconds to wait for a list that only saves time."""


class ImageReader:
    """Reads the images of one project of one server."""

    def __init__(self, client: Client) -> None:
        self.client = client

    def reconnected(self) -> ImageReader:
        """Return a reader of the same images with a connection of its own: a session is for one thread only."""
        return ImageReader(self.client.reconnected())

    def in_project(self, project: str) -> ImageReader:
        """Return a reader of the images of another project of the server."""
        return ImageReader(self.client.in_project(project))

    @property
    def writer(self) -> ImageWriter:
        """The writer of the same images. Only apply/ may use it."""
        # imported only here: most tasks change nothing
        from .image_writer import ImageWriter

        return ImageWriter(self.client)

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
        matches = [fingerprint for fingerprint in self.list_fingerprints() if fingerprint.startswith(prefix)]
        if len(matches) > 1:
            raise LXDInputError(
                f"The fingerprint {prefix!r} is ambiguous: {', '.join(matches)} begin with it. Give more digits."
            )

    def _require_project(self) -> None:
        """Raise LXDError if the client may not use the project: LXD then returns an empty list and no error."""
        if self.client.is_local or self.client.is_anonymous:
            return
        try:
            self.client.get(
                paths.project(self.client.project), f"read the project {self.client.project!r}", with_project=False
            )
        except LXDNotFound as exc:
            raise self.missing_project() from exc
        except LXDForbidden:
            # a client that is not trusted at all gets a better message
            self.client.require_trusted()
            raise

    def list_fingerprints(self) -> list[str]:
        """List the fingerprints, ``GET /1.0/images``, sorted. The list is complete, however long it is."""
        urls = need_texts(self.client.get(paths.IMAGES, "list the images").metadata, answer_to(paths.IMAGES))
        return sorted(url.partition("?")[0].rsplit("/", 1)[-1] for url in urls)

    def list_images(self) -> list[Image]:
        """List the images, ``GET /1.0/images?recursion=1``, sorted by fingerprint.

        If the server may have cut the list short, the missing images are read one by one.
        """
        started = time.monotonic()
        try:
            listed = self.client.get(paths.IMAGES, "list the images", {"recursion": "1"}).metadata
        except LXDNotFound as exc:
            raise self.missing_project() from exc
        if not listed:
            self._require_project()
        where = answer_to(paths.IMAGES)
        images = {
            image.fingerprint: image
            for image in [Image.from_api(data, where=where) for data in need_objects(listed, where)]
        }
        if time.monotonic() - started > LIST_MAY_BE_CUT_AFTER:
            for fingerprint in self.list_fingerprints():
                if fingerprint not in images and (image := self.get_image(fingerprint)):
                    images[fingerprint] = image
        return [images[fingerprint] for fingerprint in sorted(images)]

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

    def list_projects(self) -> dict[str, bool]:
        """List the projects, ``GET /1.0/projects?recursion=1``, sorted: name -> whether it has images of its own.

        A project without images of its own uses those of the default project.
        """
        listed = self.client.get(paths.PROJECTS, "list the projects", {"recursion": "1"}, with_project=False).metadata
        where = answer_to(paths.PROJECTS)
        return dict(
            sorted(
                (need_text(item, "name", where), has_own_images(item, where)) for item in need_objects(listed, where)
            )
        )

    def has_profile(self, name: str) -> bool:
        """Return whether there is a profile, ``GET /1.0/profiles/{name}``."""
        return self._exists(paths.profile(name), f"read the profile {name!r}")

    def missing_project(self) -> LXDInputError:
        """Return the error for a project that is not found."""
        return LXDInputError(
            f"The project {self.client.project!r} is not found on {self.client.url}, or not visible to this client."
        )

    def has_own_images(self) -> bool:
        """Return whether the client's project has images of its own, ``GET /1.0/projects/{name}``.

        Raises LXDInputError if the project is not found.
        """
        name = self.client.project
        try:
            found = self.client.get(paths.project(name), f"read the project {name!r}", with_project=False).metadata
        except LXDNotFound as exc:
            raise self.missing_project() from exc
        where = answer_to(paths.project(name))
        return has_own_images(need_object(found, where), where)

    def has_project(self) -> bool:
        """Return whether the client's project is found, ``GET /1.0/projects/{name}``."""
        return self._exists(paths.project(self.client.project), f"read the project {self.client.project!r}")

    def _exists(self, path: str, what: str) -> bool:
        try:
            self.client.get(path, what)
        except LXDNotFound:
            return False
        return True


def has_own_images(project: t.Mapping[str, t.Any], where: str) -> bool:
    """Return whether a project has images of its own. The default project always has.

    ``project``: the server's object. ``where``: the name of the answer, for messages.
    """
    return project.get("name") == "default" or need_mapping(project, "config", where).get("features.images") == "true"
