# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""Copies application containers from a registry (OCI): which image a tag is now, and the content.

Only Incus can do that, from version 6.3 on, and it downloads the image itself: a registry has layers, of which Incus
makes an image.
"""

from __future__ import annotations

import typing as t

from ..._lxd.errors import LXDInputError, LXDNotFound, LXDOperationError
from ..._lxd.json_shapes import need_mapping, need_text
from ..._lxd.registry import INDEXES, MANIFESTS, Document, Registry
from ..._lxd.urls import has_credentials, shown_url
from ..model import OfferedImage, architecture_name
from .copied import CopiedContent
from .oci_manifest import (
    Reference,
    architectures_in,
    fingerprint_of,
    kernel_name,
    manifest_for,
    parse_reference,
    platform_of,
    properties_of,
)
from .remote import OCI_EXTENSION, describe, pull_source_body, source_bookkeeping

if t.TYPE_CHECKING:
    from ..._lxd.client import Client
    from ..actions import CreateImage
    from ..desired_image import ImageSource, SettingsChange
    from ..image_reader import ImageReader
    from ..image_writer import ImageWriter
    from ..model import Image


class OciContent(CopiedContent):
    """An application container of a registry. ``target``: the client of the server that the image is for."""

    source: ImageSource
    way_out = "If the certificate of the registry is self-signed, give it as 'certificate' in 'source'."

    def __init__(self, source: ImageSource, target: Client) -> None:
        server = target.server()
        if OCI_EXTENSION not in server.extensions:
            raise LXDInputError(
                f"The server {target.url} does not support application containers ('protocol: oci' in 'source'): this "
                f"requires Incus 6.3 or later, which has the API extension {OCI_EXTENSION}."
            )
        self.source = source
        self._native = server.architecture or "x86_64"
        self._registry = Registry(source.server or "", source.certificate, target.timeout, target.use_proxy)
        self._reference = parse_reference(source.alias or "")

    @property
    def mode(self) -> str:
        return "pull"

    @property
    def _repository(self) -> str:
        """The repository as the registry knows it: the path of the URL belongs to it, and that of official images."""
        name = self._reference.repository
        if self._registry.folder:
            return f"{self._registry.folder}/{name}"
        return f"library/{name}" if self._registry.is_docker_hub and "/" not in name else name

    @property
    def _architecture(self) -> str:
        wanted = self.source.architecture
        return architecture_name(wanted) if wanted else self._native

    def find(self, known: Image | None = None) -> OfferedImage:
        registry, repository = self._registry, self._repository
        where = f"the manifest of {repository}:{self._reference.version} of {registry.url}"
        try:
            found = registry.get_manifest(repository, self._reference.version)
        except LXDNotFound as exc:
            raise LXDInputError(f"Image {describe(self.source)} not found on {registry.url}: {exc}") from exc
        manifest = self._choose(found, where)
        pinned = found is not manifest and self._architecture != self._native
        # by the tag, Incus takes the image of its own architecture
        alias = f"{self._reference.repository}@{manifest.digest}" if pinned else self.source.alias or ""
        if manifest.media_type not in MANIFESTS:
            raise LXDInputError(
                f"The image {describe(self.source)} of {registry.url} has the format {manifest.media_type!r}, which is "
                f"not supported: supported are {', '.join(MANIFESTS)}."
            )
        config = registry.get_blob(repository, _config_digest(manifest, where)).data
        self._check_architecture(config)
        return OfferedImage(
            fingerprint=fingerprint_of(manifest.data, where),
            properties=properties_of(config, f"{registry.host}/{repository}", _without_tag(self._reference, alias)),
            architecture=kernel_name(str(config.get("architecture") or "")),
            type="container",
            # what a digest names never changes: there is nothing to follow
            public=not pinned and self._reference.digest is None,
            full_names=(alias,),
            made_from=source_bookkeeping(self.source),
        )

    def _choose(self, found: Document, where: str) -> Document:
        """Return the manifest for the architecture, if there is one for each. Raises LXDInputError if it is missing."""
        if found.media_type not in INDEXES:
            return found
        digest = manifest_for(found.data, self._architecture, where)
        if digest is None:
            raise self._not_found_for_architecture(architectures_in(found.data))
        return self._registry.get_manifest(self._repository, digest)

    def _check_architecture(self, config: t.Mapping[str, t.Any]) -> None:
        """Refuse an image that exists only for another architecture than the target's, or the task's."""
        have, (wanted, _variants) = config.get("architecture"), platform_of(self._architecture)
        if have != wanted:
            raise self._not_found_for_architecture([kernel_name(str(have))])

    def _not_found_for_architecture(self, have: t.Sequence[str]) -> LXDInputError:
        return LXDInputError(
            f"The image {describe(self.source)} of {self._registry.url} is not found for the architecture "
            f"{self._architecture}: it exists for {', '.join(have) or 'none'}. "
            "Set 'architecture' in 'source' to one of these, or choose another image."
        )

    def check(self, reader: ImageReader, action: CreateImage, look_into_files: bool) -> None:
        super().check(reader, action, look_into_files)
        if not has_credentials(self.source.server or ""):
            return
        if action.settings.public:
            raise LXDInputError(
                f"The 'server' in 'source' has a user and a password in it, which Incus keeps in the image: a public "
                f"image of {self._registry.url} would show them to everybody. Set 'public: false', or let Incus log in "
                "to the registry by a file of its own (containers-auth.json of root on the server)."
            )
        warning = (
            f"Incus keeps the user and the password of {self._registry.url} in the image, in 'update_source': whoever "
            "can read the image can read them. Use a user that can only read, and keep the image private."
        )
        if warning not in reader.notes:
            reader.notes.append(warning)

    def pull(self, writer: ImageWriter, image: OfferedImage, settings: SettingsChange) -> str:
        server = self.source.server or ""
        body = pull_source_body(self.source, image, None, None, True, server)
        body["alias"] = image.full_names[0]
        try:
            return self.send_pull(writer, image, settings, body, shown_url(server))
        except LXDOperationError as exc:
            if "x509" in str(exc):
                exc.add(
                    "The server itself must trust the authority of the registry: install its certificate there, for "
                    f"all programs or as /etc/containers/certs.d/{self._registry.host}/ca.crt."
                )
            raise


def _config_digest(manifest: Document, where: str) -> str:
    return need_text(need_mapping(manifest.data, "config", where), "digest", where)


def _without_tag(reference: Reference, alias: str) -> str:
    """Return the alias as Incus shows it: without a tag if it has a digest."""
    return f"{reference.repository}@{alias.rpartition('@')[2]}" if "@" in alias else alias
