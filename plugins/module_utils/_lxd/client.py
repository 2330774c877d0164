# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""What LXD and Incus mean by a request: envelope, project, ETag, operations. Nothing about images.

Sources: the REST API documents of both servers (doc/rest-api.md), and what the daemons really do.
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
    from .progress import Progress
    from .transport import Transport

# One long poll of an operation. Short enough that a lost connection is noticed, long enough to be no load.
WAIT_SECONDS = 10
CANCEL_SECONDS = 10
SETTLE_PAUSE = 0.2

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
    """The answer to a request: the envelope's ``metadata``, the ETag of a read, the operation of an asynchronous
    write."""

    metadata: t.Any
    etag: str | None = None
    operation: str | None = None


@record(frozen=True)
class ServerInfo:
    """The answer to ``GET /1.0``.

    ``vendor`` and ``version`` are None if the server hides them from an untrusted client.
    """

    vendor: str | None
    version: str | None
    trusted: bool
    extensions: frozenset[str]
    architecture: str | None = None
    certificate: str | None = None
    """PEM"""
    addresses: tuple[str, ...] = ()
    """host:port of https"""


class Client:
    """Sends requests to one server, for one of its projects."""

    def __init__(self, transport: Transport, project: str | None = None, progress: Progress | None = None) -> None:
        self._transport = transport
        self.project = project or "default"
        self.url = transport.connection.url
        self.timeout = transport.connection.timeout
        self.progress = progress
        """Shows the progress of uploads, downloads and operations, if given."""
        self._server: ServerInfo | None = None
        # A local socket is trusted; over TLS an untrusted client gets 200 and only what is public, without a word.
        self._trust_is_known = transport.connection.is_local

    def reconnected(self) -> Client:
        """Return a client of the same server and project with a connection of its own."""
        client = copy.copy(self)
        client._transport = type(self._transport)(self._transport.connection)
        return client

    def in_project(self, project: str) -> Client:
        """Return a client with the same connection for another project."""
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
        """Read an object. Raises LXDAPIError, LXDConnectionError.

        ``what``: the verb and the object for messages, such as "read alias 'demo'".

        ``patience``: give up, without another try, on an answer that takes longer than these seconds.
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
        """Give the headers and the blocks of a raw answer.

        Raises like get(), and LXDConnectionError if the stream breaks off.
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
        """Return what the server says about itself. It is read once, and only if a request depends on it."""
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
            )
        return self._server

    def forget_server(self) -> None:
        """Drop the cached answer to GET /1.0: after enrolling, the server returns more."""
        self._server = None

    def trust_shown(self) -> None:
        """Note that the server trusts this client: it has returned something that is not public. Spares a request."""
        self._trust_is_known = True

    @property
    def is_local(self) -> bool:
        return self._transport.connection.is_local

    @property
    def is_anonymous(self) -> bool:
        """Whether the client has no certificate and no token that the server could trust."""
        connection = self._transport.connection
        return not (connection.is_local or connection.client_cert or connection.bearer_token)

    def require_trusted(self) -> None:
        """Raise LXDForbidden unless the server trusts this client. Sends at most one request, none on a socket."""
        if self._trust_is_known:
            return
        if not self.server().trusted:
            raise LXDForbidden(
                f"The server {self.url} does not trust this client, and shows it only what is public. "
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
        """Send a write, once.

        Raises LXDOutcomeUnknown if no answer came, LXDConnectionError if the request was never sent.
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
                f"Cannot tell whether the server could {what}: {exc}", late=exc.late, request=request
            ) from exc
        except LXDNoAnswerOfServer as exc:
            raise LXDOutcomeUnknown(
                f"Cannot tell whether the server could {what}: {exc}", request=request, status=exc.status
            ) from exc
        operation = json_shapes.text(envelope.get("operation"))
        if envelope["type"] == "async" and not operation:
            raise LXDOutcomeUnknown(
                f"Cannot tell whether the server could {what}: its answer names no operation.", request=request
            )
        return Answer(envelope.get("metadata"), operation=operation or None)

    def _counted_body(self, what: str, body: UploadBody | None) -> UploadBody | None:
        """Return the body as one that shows how much of it has been sent."""
        if self.progress is None or body is None:
            return body
        size = len(body) if hasattr(body, "__len__") else None
        blocks = self.progress.transfer(what, body, size)
        return t.cast("UploadBody", blocks) if size is None else SizedBody(blocks, size)

    def write_and_wait(self, method: str, path: str, what: str, **kwargs: t.Any) -> dict[str, t.Any]:
        """Send a write and wait for its operation. Returns the operation's metadata.

        Raises like write() and wait().
        """
        answer = self.write(method, path, what, **kwargs)
        if answer.operation is None:
            return json_shapes.mapping(answer.metadata)
        try:
            return self.wait(answer.operation, what)
        except (LXDConnectionError, LXDNoAnswerOfServer) as exc:
            raise LXDOutcomeUnknown(
                f"Cannot tell whether the server could {what}: {exc}", operation=answer.operation
            ) from exc

    # operations

    def wait(self, operation: str, what: str) -> dict[str, t.Any]:
        """Wait until an operation has ended and return its metadata.

        Judged by the operation's own status. The HTTP status of /wait is 200 even for a failure, and a body of type
        "error" may be a failure or just a poll that ended, depending on the server's version: then it is read.
        It is kept for five seconds after its end only; one that is gone before we saw the end raises LXDOutcomeUnknown.
        Raises LXDOperationError where it failed or was cancelled, LXDTimeout after self.timeout seconds.
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
                f"Cannot tell whether the server could {what}: its operation is gone.", operation=operation
            ) from exc
        state = body.get("metadata")
        if not isinstance(state, dict) or not isinstance(state.get("status_code"), int):
            raise LXDAPIError(
                f"Cannot {what}: the server's answer is no operation.", status=response.status_code, operation=operation
            )
        return state

    def _tell_progress(self, what: str, state: dict[str, t.Any]) -> None:
        """Show the progress of an operation in the server's words, such as "rootfs: 17% (696.41kB/s)"."""
        metadata = state.get("metadata")
        if self.progress is None or not isinstance(metadata, dict):
            return
        for key, words in metadata.items():
            if key.endswith("_progress") and isinstance(words, str):
                self.progress.say(what, words)

    def _cancel(self, operation: str, what: str, state: dict[str, t.Any]) -> t.NoReturn:
        """Cancel an operation. Raises LXDTimeout that says whether it still runs."""
        message = f"Cannot {what} within {self.timeout:g} seconds ('timeout'); the operation"
        cancelled = False
        if state.get("may_cancel"):
            with contextlib.suppress(LXDError):
                self.write("DELETE", paths.operation(operation), f"cancel the operation to {what}")
                cancelled = self._poll(operation, what, CANCEL_SECONDS)["status_code"] >= OPERATION_FAILURE
        ending = (
            "was cancelled."
            if cancelled
            else "can't be cancelled and may still end well on the server: run the task again later."
        )
        raise LXDTimeout(f"{message} {ending}", operation=operation, cancelled=cancelled)

    def settle(self, only_new_objects: bool = False) -> None:
        """Wait until no operation runs in the project: one of a write of unknown outcome may still be at work.

        ``only_new_objects``: wait only for operations that name no object, as those that make one do.
        """
        deadline = time.monotonic() + self.timeout
        while time.monotonic() < deadline:
            listed = json_shapes.mapping(
                self.get(paths.OPERATIONS, "list the running operations", {"recursion": "1"}).metadata
            )
            running = [item for item in json_shapes.mappings(listed.get("running")) if _is_running_task(item)]
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


def _is_running_task(item: t.Mapping[str, t.Any]) -> bool:
    code = item.get("status_code")
    return (
        item.get("class") == "task"
        and bool(json_shapes.text(item.get("id")))
        and isinstance(code, int)
        and code < OPERATION_SUCCESS
    )


def _envelope(response: requests.Response, request: str, what: str, check: bool = True) -> dict[str, t.Any]:
    """Return the JSON of an answer.

    Raises the LXDAPIError of its ``error_code``, or LXDNoAnswerOfServer if it is not an answer of the server.
    """
    try:
        body = json.loads(response.content)
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict) or body.get("type") not in ("sync", "async", "error"):
        raise LXDNoAnswerOfServer(
            f"Cannot {what}: HTTP {response.status_code}, and no answer of an LXD or Incus server.",
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
"""Texts of Incus, with status 400 and 500, for a client that it trusts for other projects only."""


def _advice(status: int, words: str) -> str:
    if status == 403 or any(said in words for said in _FOREIGN_PROJECT):
        return (
            ". The server does not let this client do that: is its certificate in the trust store, and may it "
            "use the project?"
        )
    return ""


def _with_object(exc: LXDConnectionError, what: str) -> LXDConnectionError:
    return LXDConnectionError(f"Cannot {what}: {exc}", sent=exc.sent, late=exc.late, **exc.failure)
