# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""One method, one endpoint of the image API: models out. Raises LXDError; decides nothing. What writes is in api_writes.py."""

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

# The daemons list in one database transaction of 10 (LXD) or 30 seconds (Incus), and answer 200 with what they have by then.
LIST_MAY_BE_CUT_AFTER = 9.0
LIST_PATIENCE = 1.0


class ImageReader:
    """The images of one project of one server."""

    def __init__(self, client: Client) -> None:
        self.client = client

    def reconnected(self) -> ImageReader:
        """The same over a connection of its own: a session is for one thread."""
        return ImageReader(self.client.reconnected())

    def in_project(self, project: str) -> ImageReader:
        """The same server's images in another project."""
        return ImageReader(self.client.in_project(project))

    @property
    def writer(self) -> ImageWriter:
        """The same images, to be changed. Only apply/ may ask for it."""
        # imported only here: most tasks change nothing
        from .image_writer import ImageWriter

        return ImageWriter(self.client)

    # images

    def get_image(self, fingerprint: str, secret: str | None = None) -> Image | None:
        """``GET /1.0/images/{fingerprint}``; a prefix is resolved, and must be that of one image only."""
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
            raise LXDAPIError(f"Cannot {what}: the server answered with the image {image.fingerprint}.", status=200)
        if not image.settings.public and not secret:
            self.client.trust_shown()
        return image

    def _refuse_ambiguous(self, prefix: str) -> None:
        """The servers say 500 for a prefix of two images. Raises LXDInputError that names them."""
        matches = [fingerprint for fingerprint in self.list_fingerprints() if fingerprint.startswith(prefix)]
        if len(matches) > 1:
            raise LXDInputError(
                f"The fingerprint {prefix!r} is ambiguous: it is how {', '.join(matches)} begin. Give more digits."
            )

    def _require_project(self) -> None:
        """Raises LXDError where the project is one that the client may not use: LXD shows it an empty list then, without a word."""
        if self.client.is_local or self.client.is_anonymous:
            return
        try:
            self.client.get(
                paths.project(self.client.project), f"read the project {self.client.project!r}", with_project=False
            )
        except LXDNotFound as exc:
            raise self.missing_project() from exc
        except LXDForbidden:
            # of a client that is not trusted at all, more can be said
            self.client.require_trusted()
            raise

    def list_fingerprints(self) -> list[str]:
        """``GET /1.0/images``, sorted. Complete however many there are."""
        urls = need_texts(self.client.get(paths.IMAGES, "list the images").metadata, answer_to(paths.IMAGES))
        return sorted(url.partition("?")[0].rsplit("/", 1)[-1] for url in urls)

    def list_images(self) -> list[Image]:
        """``GET /1.0/images?recursion=1``, sorted by fingerprint; completed one by one where the server may have cut it short."""
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
        """Whether an image of so many bytes may be there: true also where the server does not say it at once."""
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
        """``GET /1.0/images/{fingerprint}/export``: headers and blocks, raw (unified) or multipart (split)."""
        query = {"secret": secret} if secret else None
        return self.client.download(paths.image(fingerprint, "export"), f"download the image {fingerprint}", query)

    def has_secret(self, operation: str) -> bool:
        """Whether the secret can still be used: its operation runs until then."""
        try:
            answer = self.client.get(paths.operation(operation), "read the operation of the secret")
        except LXDNotFound:
            return False
        return bool(mapping(answer.metadata).get("status_code") == OPERATION_RUNNING)

    # aliases

    def get_alias(self, name: str) -> Alias | None:
        try:
            answer = self.client.get(paths.alias(name), f"read the alias {name!r}")
        except LXDNotFound:
            return None
        return Alias.from_api(answer.metadata, answer.etag, answer_to(paths.alias(name)))

    # what images are made from and refer to

    def get_instance(self, name: str) -> Instance | None:
        return self._get_instance(paths.instance(name), "instance", name)

    def get_snapshot(self, name: str) -> Instance | None:
        return self._get_instance(paths.snapshot(name), "snapshot", name)

    def _get_instance(self, path: str, kind: str, name: str) -> Instance | None:
        try:
            return Instance.from_api(name, kind, self.client.get(path, f"read the {kind} {name!r}").metadata)
        except LXDNotFound:
            return None

    def list_instances(self, all_projects: bool = False) -> list[dict[str, t.Any]]:
        """``GET /1.0/instances?recursion=2`` of this or of all projects: the server's objects, with their ``snapshots``."""
        query = {"recursion": "2", **({"all-projects": "true"} if all_projects else {})}
        where = answer_to(paths.INSTANCES)
        instances = need_objects(
            self.client.get(paths.INSTANCES, "list the instances", query, with_project=not all_projects).metadata, where
        )
        for instance in instances:
            # what can't be read of one could say that an image is in use
            for data in (instance, *need_objects(instance.get("snapshots"), where, "snapshots")):
                need_text(data, "name", where)
                for key in ("config", "expanded_config"):
                    need_mapping(data, key, where)
        return instances

    def list_projects(self) -> dict[str, bool]:
        """``GET /1.0/projects?recursion=1``: name -> whether it has images of its own, sorted. One without shows the default project's."""
        listed = self.client.get(paths.PROJECTS, "list the projects", {"recursion": "1"}, with_project=False).metadata
        where = answer_to(paths.PROJECTS)
        return dict(
            sorted(
                (need_text(item, "name", where), has_own_images(item, where)) for item in need_objects(listed, where)
            )
        )

    def has_profile(self, name: str) -> bool:
        return self._exists(paths.profile(name), f"read the profile {name!r}")

    def missing_project(self) -> LXDInputError:
        """The error to raise where the client's project isn't there."""
        return LXDInputError(
            f"The project {self.client.project!r} does not exist on {self.client.url}, or this client may not see it."
        )

    def has_own_images(self) -> bool:
        """``GET /1.0/projects/{name}``: whether the client's project has images of its own. Raises LXDInputError where it isn't there."""
        name = self.client.project
        try:
            found = self.client.get(paths.project(name), f"read the project {name!r}", with_project=False).metadata
        except LXDNotFound as exc:
            raise self.missing_project() from exc
        where = answer_to(paths.project(name))
        return has_own_images(need_object(found, where), where)

    def has_project(self) -> bool:
        return self._exists(paths.project(self.client.project), f"read the project {self.client.project!r}")

    def _exists(self, path: str, what: str) -> bool:
        try:
            self.client.get(path, what)
        except LXDNotFound:
            return False
        return True


def has_own_images(project: t.Mapping[str, t.Any], where: str) -> bool:
    """Return whether a project, as the server shows it in its answer ``where``, has images of its own: the default one always has."""
    return project.get("name") == "default" or need_mapping(project, "config", where).get("features.images") == "true"
