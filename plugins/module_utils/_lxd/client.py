# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""Sends reads as LXD and Incus expect them, and understands the answers: envelope, project, ETag, trust.

Contains nothing about images. Sources: the REST API documents of both servers (doc/rest-api.md), and what the servers
really do.
"""

from __future__ import annotations

import contextlib
import copy
import json
import typing as t

from . import json_shapes, paths
from .blocks import content_length
from .errors import (
    LXDAPIError,
    LXDConflict,
    LXDConnectionError,
    LXDForbidden,
    LXDNoAnswerOfServer,
    LXDNotFound,
    LXDPreconditionFailed,
)
from .record import record

if t.TYPE_CHECKING:
    import requests

    from .identity import Identity
    from .progress import Progress
    from .transport import Transport

OPERATION_RUNNING = 103
"""The status of an operation."""

_ERRORS: dict[int, type[LXDAPIError]] = {
    403: LXDForbidden,
    404: LXDNotFound,
    409: LXDConflict,
    412: LXDPreconditionFailed,
}


@record(frozen=True)
class Answer:
    """The answer to a request.

    ``metadata``: the field of that name. ``etag``: only of a read. ``operation``: the URL path of the operation that an
    asynchronous write has started.
    """

    metadata: t.Any
    etag: str | None = None
    operation: str | None = None


@record(frozen=True)
class ServerInfo:
    """The answer to ``GET /1.0``.

    ``vendor``: "lxd" or "incus". ``version``: the version of the server. Both may be None for an untrusted client: the
    server does not return them to it, and the vendor is then known only from its API extensions. ``architecture``: the
    first one that the server supports.
    """

    vendor: str | None
    version: str | None
    trusted: bool
    extensions: frozenset[str]
    architecture: str | None = None
    certificate: str | None = None
    """The TLS certificate as PEM text. All members of a cluster have the same."""
    addresses: tuple[str, ...] = ()
    """The addresses of the HTTPS API, each as host:port."""
    auth_method: str | None = None
    """How the server has authenticated the client, such as "tls"; None if it does not say, as LXD 5.0."""
    clustered: bool = False
    """Whether the server is a member of a cluster."""
    is_administered: bool = False
    """Whether the server shows its configuration, which it does for its administrators only."""


class Client:
    """Sends reads to one server, for one of its projects. ``project``: None for the project "default"."""

    def __init__(self, transport: Transport, project: str | None = None, progress: Progress | None = None) -> None:
        self.transport = transport
        self.project = project or "default"
        self.url = transport.connection.url
        self.timeout = transport.connection.timeout
        self.use_proxy = transport.connection.use_proxy
        self.progress = progress
        """Shows the progress of uploads, downloads and operations, if given."""
        self._server: ServerInfo | None = None
        self._identity: Identity | None = None
        # A client of the local socket is trusted. Over TLS, servers return status 200 and only public objects to an
        # untrusted client, without any error.
        self._trust_is_known = transport.connection.is_local

    def reconnected(self) -> Client:
        """Return a client for the same server and project with a connection of its own."""
        client = copy.copy(self)
        client.transport = type(self.transport)(self.transport.connection)
        return client

    def in_project(self, project: str) -> Client:
        """Return a client for another project that shares the connection of this one."""
        client = copy.copy(self)
        client.project = project
        return client

    # reading

    def get(
        self,
        path: str,
        what: str,
        query: t.Mapping[str, str] | None = None,
        with_project: bool = True,
        patience: float | None = None,
    ) -> Answer:
        """Send a GET request, and return the answer. Raises LXDAPIError, LXDConnectionError.

        ``path``: a URL path of the API, as paths.image() returns it. ``what``: a verb and an object for messages, such
        as "read alias 'demo'"; also for the other methods. ``with_project``: whether to add the project to the query.
        ``patience``: seconds to wait for the answer, without another try; None for the timeout and the retries of the
        connection.
        """
        response = self.get_response(
            path, what, self.query_of(query) if with_project else query, timeout=patience, once=patience is not None
        )
        body = read_envelope(response, f"GET {path}", what)
        return Answer(body.get("metadata"), response.headers.get("ETag"))

    def get_response(
        self,
        path: str,
        what: str,
        query: t.Mapping[str, str] | None = None,
        stream: bool = False,
        timeout: float | None = None,
        once: bool = False,
    ) -> requests.Response:
        try:
            return self.transport.request("GET", path, query=query, stream=stream, timeout=timeout, once=once)
        except LXDConnectionError as exc:
            raise with_object(exc, what) from exc

    @contextlib.contextmanager
    def download(
        self, path: str, what: str, query: t.Mapping[str, str] | None = None
    ) -> t.Iterator[tuple[t.Mapping[str, str], t.Iterator[bytes]]]:
        """Yield the headers and the blocks of an answer that is a file. Raises like get().

        Iterating over the blocks raises LXDConnectionError if the connection breaks off.
        """
        with self.get_response(path, what, self.query_of(query), stream=True) as response:
            if response.headers.get("Content-Type", "").startswith("application/json"):
                read_envelope(response, f"GET {path}", what)
            yield (
                response.headers,
                self._counted(what, self.transport.blocks(response), content_length(response.headers)),
            )

    def _counted(self, what: str, blocks: t.Iterator[bytes], size: int | None) -> t.Iterator[bytes]:
        if self.progress is None:
            return blocks
        return self.progress.transfer(what, blocks, size)

    def server(self) -> ServerInfo:
        """Return the answer to GET /1.0. It is read once, and only if a request depends on it. Raises like get()."""
        if self._server is None:
            answer = self.get(paths.SERVER, "read the server's capabilities").metadata
            metadata = json_shapes.need_object(answer, json_shapes.answer_to(paths.SERVER))
            environment = json_shapes.text_values(metadata.get("environment"))
            lists = json_shapes.mapping(metadata.get("environment"))
            extensions = frozenset(json_shapes.texts(metadata.get("api_extensions")))
            vendor = environment.get("server") or (
                "incus" if "dev_incus_images" in extensions else "lxd" if "devlxd_images" in extensions else None
            )
            self._server = ServerInfo(
                vendor,
                environment.get("server_version"),
                metadata.get("auth") == "trusted",
                extensions,
                architecture=next(iter(json_shapes.texts(lists.get("architectures"))), None),
                certificate=environment.get("certificate"),
                addresses=tuple(json_shapes.texts(lists.get("addresses"))),
                auth_method=json_shapes.text(metadata.get("auth_user_method")) or None,
                clustered=lists.get("server_clustered") is True,
                is_administered=_shows_configuration(metadata),
            )
        return self._server

    def identity(self) -> Identity:
        """Return who the client is on the server. It is read once, see read_identity(). Raises like get()."""
        if self._identity is None:
            # imported only here: it matters only if something is not found, or for the use of images
            from .identity import read_identity

            self._identity = read_identity(self)
        return self._identity

    def forget_server(self) -> None:
        """Drop the cached answer to GET /1.0: the server returns more after the client was enrolled."""
        self._server, self._identity = None, None

    def trust_shown(self) -> None:
        """Note that the server trusts this client, because it has returned an object that is not public.

        require_trusted() sends no request then.
        """
        self._trust_is_known = True

    @property
    def is_local(self) -> bool:
        """Whether the server is reached by a unix socket."""
        return self.transport.connection.is_local

    @property
    def has_bearer_token(self) -> bool:
        """Whether the client presents a bearer token."""
        return bool(self.transport.connection.bearer_token)

    @property
    def is_anonymous(self) -> bool:
        """Whether the client has nothing that the server could trust: no certificate, no token, no unix socket."""
        connection = self.transport.connection
        return not (connection.is_local or connection.client_cert or connection.bearer_token)

    def require_trusted(self) -> None:
        """Raise LXDForbidden if the server does not trust this client.

        Sends at most one request, and none over a unix socket.
        """
        if self._trust_is_known:
            return
        if not self.server().trusted:
            raise LXDForbidden(
                f"The server {self.url} does not trust this client: only public images are visible to it. "
                "Give 'client_cert' and 'client_key' of a certificate that it trusts. To enrol one, give 'trust_token' "
                "(lxc config trust add, incus config trust add) or, on LXD 5.0, 'trust_password'.",
                status=403,
                url=self.url,
            )
        self._trust_is_known = True

    def settle(self, only_new_objects: bool = False) -> None:
        """Wait until no operation runs in the project, see operations.settle(). Raises like get()."""
        # imported only here: only a write starts an operation
        from .operations import settle

        settle(self, only_new_objects)

    def query_of(self, query: t.Mapping[str, str] | None) -> dict[str, str]:
        return {**({} if self.project == "default" else {"project": self.project}), **(query or {})}


def _shows_configuration(metadata: t.Mapping[str, t.Any]) -> bool:
    """Return whether an answer to GET /1.0 has the server's configuration.

    For other clients, LXD returns null, and Incus an empty object. Over a socket, an empty object may also be an
    administrator's.
    """
    config, method = metadata.get("config"), metadata.get("auth_user_method")
    return method == "unix" or bool(config) or (not method and isinstance(config, dict))


def read_envelope(response: requests.Response, request: str, what: str, check: bool = True) -> dict[str, t.Any]:
    """Return the envelope of an answer: a JSON object with a ``type``.

    ``check``: whether to raise the LXDAPIError of its ``error_code`` if the type is "error". Raises LXDNoAnswerOfServer
    if the response is not from an LXD or Incus server.
    """
    try:
        body = json.loads(response.content)
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict) or body.get("type") not in ("sync", "async", "error"):
        raise LXDNoAnswerOfServer(
            f"Cannot {what}: HTTP {response.status_code}, and the response is not from an LXD or Incus server.",
            status=response.status_code,
            request=request,
        )
    if check and body["type"] == "error":
        code = body.get("error_code")
        status = code if isinstance(code, int) and code else response.status_code
        words = str(body.get("error") or "no reason given")
        raise _ERRORS.get(status, LXDAPIError)(
            f"Cannot {what}: {words} (HTTP {status} to {request}){_advice(status, words)}",
            status=status,
            error=words,
            request=request,
        )
    return body


_FOREIGN_PROJECT = ("Unauthenticated image queries", "does not have permission")
"""Texts of errors of Incus (status 400 and 500) for a client that it trusts only for other projects."""


def _advice(status: int, words: str) -> str:
    if status == 403 or any(said in words for said in _FOREIGN_PROJECT):
        return (
            ". The server does not permit this request: is the client's certificate in the trust store, and may it use "
            "the project?"
        )
    return ""


def with_object(exc: LXDConnectionError, what: str) -> LXDConnectionError:
    """Return a copy of an error whose message names the verb and the object of the request."""
    return LXDConnectionError(f"Cannot {what}: {exc}", sent=exc.sent, late=exc.late, **exc.failure)
