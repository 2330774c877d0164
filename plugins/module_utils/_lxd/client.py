# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""Sends requests as LXD and Incus expect them, and reads the answers: envelope, project, ETag, operations.

Contains nothing about images. Sources: the REST API documents of both servers (doc/rest-api.md), and what the servers
really do.
"""

from __future__ import annotations

import contextlib
import copy
import json
import time
import typing as t

from . import json_shapes, paths
from .blocks import SizedBody, content_length
from .errors import (
    LXDAPIError,
    LXDConflict,
    LXDConnectionError,
    LXDError,
    LXDForbidden,
    LXDNoAnswerOfServer,
    LXDNotFound,
    LXDOperationError,
    LXDOutcomeUnknown,
    LXDPreconditionFailed,
    LXDTimeout,
)
from .record import record

if t.TYPE_CHECKING:
    import requests

    from .blocks import UploadBody
    from .identity import Identity
    from .progress import Progress
    from .transport import Transport

WAIT_SECONDS = 10
"""Seconds of one long poll of an operation: short enough to notice a lost connection, long enough to be no load."""
CANCEL_SECONDS = 10
"""Seconds to wait for the end of an operation that was cancelled."""
SETTLE_PAUSE = 0.2
"""Seconds that settle() pauses if it cannot wait for an operation."""

OPERATION_RUNNING = 103
OPERATION_SUCCESS = 200
OPERATION_FAILURE = 400

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
    """The server's TLS certificate as PEM text."""
    addresses: tuple[str, ...] = ()
    """The addresses of the HTTPS API, each as host:port."""
    auth_method: str | None = None
    """How the server has authenticated the client, such as "tls"; None if it does not say, as LXD 5.0."""
    is_administered: bool = False
    """Whether the server shows its configuration, which it does for its administrators only."""


class Client:
    """Sends requests to one server, for one of its projects. ``project``: None for the project "default"."""

    def __init__(self, transport: Transport, project: str | None = None, progress: Progress | None = None) -> None:
        self._transport = transport
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
        client._transport = type(self._transport)(self._transport.connection)
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
        response = self._get(
            path, what, self._query(query) if with_project else query, timeout=patience, once=patience is not None
        )
        body = _envelope(response, f"GET {path}", what)
        return Answer(body.get("metadata"), response.headers.get("ETag"))

    def _get(
        self,
        path: str,
        what: str,
        query: t.Mapping[str, str] | None = None,
        stream: bool = False,
        timeout: float | None = None,
        once: bool = False,
    ) -> requests.Response:
        try:
            return self._transport.request("GET", path, query=query, stream=stream, timeout=timeout, once=once)
        except LXDConnectionError as exc:
            raise _with_object(exc, what) from exc

    @contextlib.contextmanager
    def download(
        self, path: str, what: str, query: t.Mapping[str, str] | None = None
    ) -> t.Iterator[tuple[t.Mapping[str, str], t.Iterator[bytes]]]:
        """Yield the headers and the blocks of an answer that is a file. Raises like get().

        Iterating over the blocks raises LXDConnectionError if the connection breaks off.
        """
        with self._get(path, what, self._query(query), stream=True) as response:
            if response.headers.get("Content-Type", "").startswith("application/json"):
                _envelope(response, f"GET {path}", what)
            yield (
                response.headers,
                self._counted(what, self._transport.blocks(response), content_length(response.headers)),
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
        return self._transport.connection.is_local

    @property
    def has_bearer_token(self) -> bool:
        """Whether the client presents a bearer token."""
        return bool(self._transport.connection.bearer_token)

    @property
    def is_anonymous(self) -> bool:
        """Whether the client has nothing that the server could trust: no certificate, no token, no unix socket."""
        connection = self._transport.connection
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

    # writing

    def write(
        self,
        method: str,
        path: str,
        what: str,
        *,
        data: t.Any = None,
        body: UploadBody | None = None,
        headers: t.Mapping[str, str] | None = None,
        if_match: str | None = None,
    ) -> Answer:
        """Send a write once, and return the answer, which may be an operation that still runs.

        ``data``: a body that is sent as JSON. ``body``: one that is sent in blocks. ``if_match``: the ETag that the
        object must still have.

        Raises LXDAPIError, LXDConnectionError if the request was never sent, LXDOutcomeUnknown if it may have been
        sent and its answer was lost.
        """
        all_headers = dict(headers or {})
        if if_match:
            all_headers["If-Match"] = if_match
        request = f"{method} {path}"
        try:
            response = self._transport.request(
                method,
                path,
                query=self._query(None),
                headers=all_headers,
                json=data,
                body=self._counted_body(what, body),
            )
            envelope = _envelope(response, request, what)
        except LXDConnectionError as exc:
            if not exc.sent:
                raise _with_object(exc, what) from exc
            raise LXDOutcomeUnknown(
                f"Cannot determine whether the server could {what}, as its answer was lost: {exc}",
                late=exc.late,
                request=request,
            ) from exc
        except LXDNoAnswerOfServer as exc:
            raise LXDOutcomeUnknown(
                f"Cannot determine whether the server could {what}, as its answer was lost: {exc}",
                request=request,
                status=exc.status,
            ) from exc
        operation = json_shapes.text(envelope.get("operation"))
        if envelope["type"] == "async" and not operation:
            raise LXDOutcomeUnknown(
                f"Cannot determine whether the server could {what}: its answer contains no operation.", request=request
            )
        return Answer(envelope.get("metadata"), operation=operation or None)

    def _counted_body(self, what: str, body: UploadBody | None) -> UploadBody | None:
        """Return a body that shows the progress while it is sent, or the same body if no progress is shown."""
        if self.progress is None or body is None:
            return body
        size = len(body) if hasattr(body, "__len__") else None
        blocks = self.progress.transfer(what, body, size)
        return t.cast("UploadBody", blocks) if size is None else SizedBody(blocks, size)

    def write_and_wait(self, method: str, path: str, what: str, **kwargs: t.Any) -> dict[str, t.Any]:
        """Send a write, wait for its operation and return the metadata of the operation.

        Returns the metadata of the answer if the server has done the write without an operation. Raises like write()
        and wait(), and LXDOutcomeUnknown if the connection is lost while waiting.
        """
        answer = self.write(method, path, what, **kwargs)
        if answer.operation is None:
            return json_shapes.mapping(answer.metadata)
        try:
            return self.wait(answer.operation, what)
        except (LXDConnectionError, LXDNoAnswerOfServer) as exc:
            raise LXDOutcomeUnknown(
                f"Cannot determine whether the server could {what}, as the connection was lost: {exc}",
                operation=answer.operation,
            ) from exc

    # operations

    def wait(self, operation: str, what: str) -> dict[str, t.Any]:
        """Wait until an operation has ended, and return its metadata.

        Only the operation's own status decides. The HTTP status of /wait is 200 even for a failure. A body of type
        "error" may be a failure or only the end of a poll, depending on the server's version: then the operation is
        read. Servers keep an operation for only five seconds after its end.

        ``operation``: the URL path of the operation. Raises LXDOperationError if it failed or was cancelled,
        LXDOutcomeUnknown if it is gone before its end was seen, LXDTimeout after self.timeout seconds.
        """
        deadline = time.monotonic() + self.timeout
        while True:
            state = self._poll(operation, what, min(WAIT_SECONDS, deadline - time.monotonic()))
            if state["status_code"] == OPERATION_SUCCESS:
                return json_shapes.mapping(state.get("metadata"))
            self._tell_progress(what, state)
            if state["status_code"] >= OPERATION_FAILURE:
                words = json_shapes.text(state.get("err")) or json_shapes.text(state.get("status")) or "no reason given"
                metadata = json_shapes.mapping(state.get("metadata"))
                raise LXDOperationError(
                    f"Cannot {what}: {words}",
                    metadata=metadata,
                    operation=operation,
                    error=json_shapes.text(state.get("err")),
                )
            if time.monotonic() >= deadline:
                self._cancel(operation, what, state)

    def _poll(self, operation: str, what: str, seconds: float) -> dict[str, t.Any]:
        """Wait at most ``seconds`` for the end of an operation, and return the operation. Raises like get()."""
        wait = max(int(seconds), 0)
        try:
            response = self._get(
                paths.operation(operation, "wait"), what, self._query({"timeout": str(wait)}), timeout=wait + 30.0
            )
            body = _envelope(response, "GET operation", what, check=False)
            if body.get("type") == "error":
                body = {"metadata": self.get(paths.operation(operation), what).metadata}
        except LXDNotFound as exc:
            raise LXDOutcomeUnknown(
                f"Cannot determine whether the server could {what}: its operation is gone. Servers keep one for only "
                "five seconds after its end.",
                operation=operation,
            ) from exc
        state = body.get("metadata")
        if not isinstance(state, dict) or not isinstance(state.get("status_code"), int):
            raise LXDAPIError(
                f"Cannot {what}: the server's answer is not an operation.",
                status=response.status_code,
                operation=operation,
            )
        return state

    def _tell_progress(self, what: str, state: dict[str, t.Any]) -> None:
        """Show the progress text of an operation, such as "rootfs: 17% (696.41kB/s)"."""
        metadata = state.get("metadata")
        if self.progress is None or not isinstance(metadata, dict):
            return
        for key, words in metadata.items():
            if key.endswith("_progress") and isinstance(words, str):
                self.progress.say(what, words)

    def _cancel(self, operation: str, what: str, state: dict[str, t.Any]) -> t.NoReturn:
        """Cancel an operation if the server permits it. Always raises LXDTimeout, which says if it was cancelled."""
        message = f"Cannot {what} within {self.timeout:g} seconds ('timeout'); the operation"
        cancelled = False
        if state.get("may_cancel"):
            with contextlib.suppress(LXDError):
                self.write("DELETE", paths.operation(operation), f"cancel the operation to {what}")
                cancelled = self._poll(operation, what, CANCEL_SECONDS)["status_code"] >= OPERATION_FAILURE
        ending = (
            "was cancelled. Increase 'timeout'."
            if cancelled
            else "could not be cancelled and may still complete. Run the task again later, or increase 'timeout'."
        )
        raise LXDTimeout(f"{message} {ending}", operation=operation, cancelled=cancelled)

    def settle(self, only_new_objects: bool = False) -> None:
        """Wait until no operation runs in the project, at most self.timeout seconds. Raises like get().

        Used after a write of unknown outcome, as its operation may still run. ``only_new_objects``: wait only for
        operations without ``resources``: those that create an object have none.
        """
        deadline = time.monotonic() + self.timeout
        while time.monotonic() < deadline:
            listed = json_shapes.mapping(
                self.get(paths.OPERATIONS, "list the running operations", {"recursion": "1"}).metadata
            )
            # also those that are being cancelled: they may still store what they make
            running = [item for items in listed.values() for item in json_shapes.mappings(items) if _is_running(item)]
            if only_new_objects:
                running = [item for item in running if not item.get("resources")]
            if not running:
                return
            try:
                self._poll(
                    running[0]["id"], "wait for a running operation", min(WAIT_SECONDS, deadline - time.monotonic())
                )
            except LXDError:
                time.sleep(SETTLE_PAUSE)

    def _query(self, query: t.Mapping[str, str] | None) -> dict[str, str]:
        return {**({} if self.project == "default" else {"project": self.project}), **(query or {})}


def _shows_configuration(metadata: t.Mapping[str, t.Any]) -> bool:
    """Return whether an answer to GET /1.0 has the server's configuration.

    For other clients, LXD returns null, and Incus an empty object. Over a socket, an empty object may also be an
    administrator's.
    """
    config, method = metadata.get("config"), metadata.get("auth_user_method")
    return method == "unix" or bool(config) or (not method and isinstance(config, dict))


def _is_running(item: t.Mapping[str, t.Any]) -> bool:
    """Return whether an operation of the server's list is a task that has not ended."""
    code = item.get("status_code")
    return (
        item.get("class") == "task"
        and bool(json_shapes.text(item.get("id")))
        and isinstance(code, int)
        and code < OPERATION_SUCCESS
    )


def _envelope(response: requests.Response, request: str, what: str, check: bool = True) -> dict[str, t.Any]:
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


def _with_object(exc: LXDConnectionError, what: str) -> LXDConnectionError:
    """Return a copy of an error whose message names the verb and the object of the request."""
    return LXDConnectionError(f"Cannot {what}: {exc}", sent=exc.sent, late=exc.late, **exc.failure)
