# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""Writes to the image API: one method for each endpoint. All raise LXDError.

The first word of a method's name shows that it writes: create, update, delete, set, publish, copy, push. Methods decide
nothing, but for update_image(), which chooses between PATCH and PUT.
"""

from __future__ import annotations

import re
import typing as t

from .._lxd import paths
from .._lxd.blocks import SizedBody
from .._lxd.errors import LXDInputError, LXDNotFound, LXDOperationError, LXDOutcomeUnknown
from .._lxd.json_shapes import answer_to, need_mapping, need_object, need_text, text
from .._lxd.operations import WritingClient
from .._lxd.record import field, record
from .image_reader import ImageReader
from .model import is_complete
from .times import NEVER

if t.TYPE_CHECKING:
    from .._lxd.client import Answer, Client
    from .model import Alias, Image, ImageSettings
    from .sources.copied import Download
    from .sources.image_files import ImageFiles

_NOT_ON_ALL_MEMBERS = re.compile("syncing image between", re.IGNORECASE)
"""The error of a cluster that has stored an image, but could not send it to one of its members."""


_NEEDS_ALL_MEMBERS = re.compile("notify peer|peer node", re.IGNORECASE)
"""The error of a cluster that could not ask all of its members."""


@record(frozen=True)
class ImageSecret:
    """A secret, with which an untrusted client can read one private image.

    It is revoked by ending its ``operation``.
    """

    secret: str = field(repr=False)
    operation: str


class ImageWriter(ImageReader):
    """Reads and changes the images of one project of one server. Only apply/ makes one."""

    client: WritingClient

    def __init__(self, client: Client, notes: list[str] | None = None) -> None:
        super().__init__(WritingClient.of(client), notes)

    def of(self, reader: ImageReader) -> ImageWriter:
        """Return the writer for the server of ``reader``: a source server, which makes a secret or sends an image."""
        return reader.writer

    def create_image_from_files(self, files: ImageFiles) -> str:
        """Import files, ``POST /1.0/images`` with the files as body. Returns the fingerprint.

        The request has the headers of both vendors; a server ignores the other vendor's. It never has the properties
        header: that crashes the daemon if the image's own metadata has no properties.
        """
        headers = {"Content-Type": files.content_type}
        for vendor in ("LXD", "Incus"):
            if files.fingerprint_is_known:
                headers[f"X-{vendor}-fingerprint"] = files.fingerprint
            headers.update(_filename_header(vendor, files.filename))
        return self._create(f"import {files}", lambda: files.fingerprint, headers=headers, body=files)

    def create_image_from_download(self, download: Download, fingerprint: str, filename: str) -> str:
        """Import content while it is downloaded, ``POST /1.0/images``. Returns the fingerprint, which the server
        verifies.

        ``filename``: the image's. A multipart body has it in its parts, too.
        """
        headers = {"Content-Type": download.content_type}
        for vendor in ("LXD", "Incus"):
            headers[f"X-{vendor}-fingerprint"] = fingerprint
            headers.update(_filename_header(vendor, filename))
        body: t.Any = download.blocks if download.size is None else SizedBody(download.blocks, download.size)
        return self._create(f"import the image {fingerprint}", lambda: fingerprint, headers=headers, body=body)

    def copy_image(self, body: t.Mapping[str, t.Any], fingerprint: str, origin: str | None) -> str:
        """Let the server download an image, ``POST /1.0/images``. Returns the fingerprint of what it has stored.

        ``fingerprint``: of the image that is meant. ``origin``: its source, for messages.
        """
        return self._create(
            f"copy the image {fingerprint} from {origin}", lambda: fingerprint, may_be_unnamed=True, data=body
        )

    def _create(
        self, what: str, fingerprint: t.Callable[[], str], may_be_unnamed: bool = False, **request: t.Any
    ) -> str:
        """Send a request that makes an image. Returns the fingerprint of what was made.

        ``fingerprint``: returns the fingerprint of the image that is meant. ``may_be_unnamed``: whether the operation's
        metadata may lack a fingerprint. Raises LXDOutcomeUnknown if it lacks one although it must not.
        """
        try:
            metadata = self.client.write_and_wait("POST", paths.IMAGES, what, **request)
        except LXDOperationError as exc:
            return _stored_anyway(self, exc, fingerprint())
        return _made(metadata, what, fingerprint() if may_be_unnamed else "")

    def create_push_secret(self, fingerprint: str, settings: ImageSettings) -> str:
        """Prepare the server to receive an image, ``POST /1.0/images`` with the mode push.

        Returns the secret with which another server may send the image. The request has the properties and the expiry,
        as the image would have none otherwise; other settings are made later.
        """
        body = {
            "source": {"type": "image", "mode": "push", "fingerprint": fingerprint},
            "public": False,
            "properties": dict(settings.properties),
        }
        if settings.expires_at and settings.expires_at != NEVER:
            body["expires_at"] = settings.expires_at
        answer = self.client.write(
            "POST", paths.IMAGES, f"prepare the target to receive the image {fingerprint} (mode 'push')", data=body
        )
        return _secret(answer, paths.IMAGES)

    def push_image(self, fingerprint: str, target: t.Mapping[str, t.Any]) -> None:
        """Let this server send an image to another one, ``POST /1.0/images/{fingerprint}/export``.

        ``fingerprint``: in full. ``target``: the body of the request.
        """
        what = f"send the image {fingerprint} to {target['target']}"
        self.client.write_and_wait("POST", paths.image(fingerprint, "export"), what, data=target)

    def create_secret(self, fingerprint: str) -> ImageSecret:
        """Make a secret for an image, ``POST /1.0/images/{fingerprint}/secret``."""
        path = paths.image(fingerprint, "secret")
        answer = self.client.write("POST", path, f"make a secret for the image {fingerprint}")
        return ImageSecret(_secret(answer, path), paths.operation(answer.operation or ""))

    def delete_secret(self, operation: str) -> bool:
        """Revoke a secret, ``DELETE /1.0/operations/{id}``. Returns False if it is used up or revoked already.

        Raises LXDNotFound if the server returns 404 although the secret can still be used, as LXD 5.21 may do.
        """
        if not self.has_secret(operation):
            return False
        try:
            self.client.write("DELETE", paths.operation(operation), "revoke the secret")
        except LXDNotFound as exc:
            if self.has_secret(operation):
                exc.add("Its operation still runs, so the secret can still be used until it expires.")
                raise
            return False
        return True

    def create_trust(self, credentials: t.Mapping[str, str]) -> None:
        """Add the certificate of this connection to the trust store, ``POST /1.0/certificates``.

        ``credentials``: the trust token or password, as the body of the request has it.
        """
        self.client.write(
            "POST", paths.CERTIFICATES, "enrol the client certificate", data={"type": "client", **credentials}
        )
        self.client.forget_server()

    def create_identity(self, token: str) -> None:
        """Activate the identity that a token of ``lxc auth identity create`` stands for, with the certificate of this
        connection, ``POST /1.0/auth/identities/tls``."""
        self.client.write("POST", paths.IDENTITIES_TLS, "enrol the client certificate", data={"trust_token": token})
        self.client.forget_server()

    def publish_image(
        self,
        kind: str,
        name: str,
        properties: t.Mapping[str, str],
        compression_algorithm: str | None,
        filename: str | None,
    ) -> str:
        """Publish an instance or a snapshot (``kind``), ``POST /1.0/images``. Returns the fingerprint.

        ``properties``: all of them. LXD 5.0 replaces the instance's ``image.*`` by what is given, Incus merges both.
        If there is an image of the same content already, that one is returned.
        """
        body: dict[str, t.Any] = {
            "source": {"type": kind, "name": name},
            "properties": dict(properties),
            "public": False,
        }
        if compression_algorithm:
            body["compression_algorithm"] = compression_algorithm
        if filename:
            body["filename"] = filename
        try:
            metadata = self.client.write_and_wait("POST", paths.IMAGES, f"publish the {kind} {name!r}", data=body)
        except LXDOperationError as exc:
            known = text(exc.metadata.get("fingerprint")) or next(iter(re.findall("[0-9a-f]{64}", str(exc))), None)
            if known and self.get_image(known):
                return known
            raise
        return _made(metadata, f"publish the {kind} {name!r}")

    def update_image(self, image: Image, settings: ImageSettings) -> None:
        """Change an image's settings in one conditional write, PATCH or PUT, see settings_request().

        Raises LXDPreconditionFailed if another client has changed it since it was read. The ETag covers public,
        auto_update and properties.
        """
        method, body = settings_request(image.settings, settings)
        self.client.write(
            method,
            paths.image(image.fingerprint),
            f"update the image {image.fingerprint}",
            data=body,
            if_match=image.etag,
        )

    def delete_image(self, fingerprint: str) -> None:
        """Delete an image, ``DELETE /1.0/images/{fingerprint}``. No error if it is not found.

        Raises LXDInputError if ``fingerprint`` is only a prefix.
        """
        if not is_complete(fingerprint):
            raise LXDInputError(
                f"Cannot delete the image {fingerprint!r}: the full fingerprint (64 hex digits) is required."
            )
        try:
            self.client.write_and_wait("DELETE", paths.image(fingerprint), f"delete the image {fingerprint}")
        except LXDNotFound:
            return
        except LXDOperationError as exc:
            if self.get_image(fingerprint) is not None:
                if _NEEDS_ALL_MEMBERS.search(str(exc)):
                    # imported only here: mostly all members agree
                    from .members import add_absent_members

                    add_absent_members(exc, self)
                raise

    def create_alias(self, name: str, target: str, description: str) -> None:
        """Create an alias, ``POST /1.0/images/aliases``. Raises LXDConflict if it exists."""
        # refuses a name that no later request could address
        paths.alias(name)
        data = {"name": name, "target": target, "description": description}
        self.client.write("POST", paths.ALIASES, f"create the alias {name!r}", data=data)

    def update_alias(self, alias: Alias, target: str, description: str) -> None:
        """Point an alias at an image, ``PUT /1.0/images/aliases/{name}`` with If-Match.

        Never PATCH: LXD 5.0 hangs in it for 20 seconds and then fails. Raises LXDPreconditionFailed.
        """
        data = {"target": target, "description": description}
        self.client.write(
            "PUT",
            paths.alias(alias.name),
            f"point the alias {alias.name!r} at {target}",
            data=data,
            if_match=alias.etag,
        )

    def delete_alias(self, name: str) -> bool:
        """Delete an alias, ``DELETE /1.0/images/aliases/{name}``. Returns False if it is not found."""
        try:
            self.client.write("DELETE", paths.alias(name), f"delete the alias {name!r}")
        except LXDNotFound:
            return False
        return True

    def set_instance_state(self, name: str, action: str, seconds: int, force: bool) -> None:
        """Start or stop an instance (``action``), ``PUT /1.0/instances/{name}/state``.

        ``seconds``: how long the server waits for the instance, -1 for no limit.
        """
        data = {"action": action, "timeout": seconds, "force": force}
        self.client.write_and_wait("PUT", paths.instance(name, "state"), f"{action} the instance {name!r}", data=data)


def _made(metadata: t.Mapping[str, t.Any], what: str, meant: str = "") -> str:
    """Return the fingerprint in an operation's metadata, or else the one that is meant.

    Raises LXDOutcomeUnknown if there is none.
    """
    made = text(metadata.get("fingerprint")) or meant
    if not made:
        raise LXDOutcomeUnknown(
            f"Cannot tell whether the server could {what}: its operation has succeeded, but its metadata has no "
            "fingerprint."
        )
    return made


def _secret(answer: Answer, path: str) -> str:
    """Return the secret in the answer that begins an operation. Raises LXDAPIError if it has none."""
    where = answer_to(path, "POST")
    return need_text(need_mapping(need_object(answer.metadata, where), "metadata", where), "secret", where)


def _filename_header(vendor: str, filename: str) -> dict[str, str]:
    """Return the header with a file name in UTF-8, as both servers read it; requests sends text as Latin-1."""
    return {f"X-{vendor}-filename": filename.encode().decode("latin-1")} if filename else {}


def _stored_anyway(reader: ImageReader, error: LXDOperationError, fingerprint: str) -> str:
    """Return the fingerprint if the image is stored in spite of the error. Else raises the error.

    In a cluster with a member that does not answer, the operation fails after the image is stored on the member that
    got the request. The cluster sends it to the others later.
    """
    if _NOT_ON_ALL_MEMBERS.search(str(error)) and reader.get_image(fingerprint) is not None:
        return fingerprint
    raise error


def settings_request(current: ImageSettings, desired: ImageSettings) -> tuple[str, dict[str, t.Any]]:
    """Return the method and the body of the request that turns ``current`` into ``desired``.

    PATCH ignores expires_at and profiles, and removes a property whose value is empty. PUT resets what it omits.
    """
    if desired.needs_put(current):
        return "PUT", desired.to_api()
    body: dict[str, t.Any] = {
        key: getattr(desired, key)
        for key in ("public", "auto_update")
        if getattr(desired, key) != getattr(current, key)
    }
    changed = {key: value for key, value in desired.properties.items() if current.properties.get(key) != value}
    removed = {key: "" for key in current.properties if key not in desired.properties}
    if changed or removed:
        body["properties"] = {**changed, **removed}
    return "PATCH", body
