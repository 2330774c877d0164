# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""Sends writes, each only once, and waits for the operations that they start."""

from __future__ import annotations

import contextlib
import time
import typing as t

from . import json_shapes, paths
from .blocks import SizedBody
from .client import Answer, Client, read_envelope, with_object
from .errors import (
    LXDAPIError,
    LXDConnectionError,
    LXDError,
    LXDNoAnswerOfServer,
    LXDNotFound,
    LXDOperationError,
    LXDOutcomeUnknown,
    LXDTimeout,
)

if t.TYPE_CHECKING:
    from .blocks import UploadBody

WAIT_SECONDS = 10
"""Seconds of one long poll of an operation: short enough to notice a lost connection, long enough to be no load."""
CANCEL_SECONDS = 10
"""Seconds to wait for the end of an operation that was cancelled."""
SETTLE_PAUSE = 0.2
"""Seconds that settle() pauses if it cannot wait for an operation."""

OPERATION_SUCCESS = 200
OPERATION_FAILURE = 400


class WritingClient(Client):
    """Sends reads and writes to one server, for one of its projects."""

    @classmethod
    def of(cls, client: Client) -> WritingClient:
        """Return the client for writes that shares everything with a client for reads, also what both learn later."""
        writing = cls.__new__(cls)
        writing.__dict__ = client.__dict__
        return writing

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
            response = self.transport.request(
                method,
                path,
                query=self.query_of(None),
                headers=all_headers,
                json=data,
                body=self._counted_body(what, body),
            )
            envelope = read_envelope(response, request, what)
        except LXDConnectionError as exc:
            if not exc.sent:
                raise with_object(exc, what) from exc
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
            state = self.poll(operation, what, min(WAIT_SECONDS, deadline - time.monotonic()))
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

    def poll(self, operation: str, what: str, seconds: float) -> dict[str, t.Any]:
        """Wait at most ``seconds`` for the end of an operation, and return the operation. Raises like get()."""
        wait = max(int(seconds), 0)
        try:
            response = self.get_response(
                paths.operation(operation, "wait"), what, self.query_of({"timeout": str(wait)}), timeout=wait + 30.0
            )
            body = read_envelope(response, "GET operation", what, check=False)
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
                cancelled = self.poll(operation, what, CANCEL_SECONDS)["status_code"] >= OPERATION_FAILURE
        ending = (
            "was cancelled. Increase 'timeout'."
            if cancelled
            else "could not be cancelled and may still complete. Run the task again later, or increase 'timeout'."
        )
        raise LXDTimeout(f"{message} {ending}", operation=operation, cancelled=cancelled)


def settle(client: Client, only_new_objects: bool = False) -> None:
    """Wait until no operation runs in the project, at most client.timeout seconds. Raises like get().

    Used after a write of unknown outcome, as its operation may still run. ``only_new_objects``: wait only for
    operations without ``resources``: those that create an object have none.
    """
    deadline = time.monotonic() + client.timeout
    while time.monotonic() < deadline:
        listed = json_shapes.mapping(
            client.get(paths.OPERATIONS, "list the running operations", {"recursion": "1"}).metadata
        )
        # also those that are being cancelled: they may still store what they make
        running = [item for items in listed.values() for item in json_shapes.mappings(items) if _is_running(item)]
        if only_new_objects:
            running = [item for item in running if not item.get("resources")]
        if not running:
            return
        try:
            WritingClient.of(client).poll(
                running[0]["id"], "wait for a running operation", min(WAIT_SECONDS, deadline - time.monotonic())
            )
        except LXDError:
            time.sleep(SETTLE_PAUSE)


def _is_running(item: t.Mapping[str, t.Any]) -> bool:
    """Return whether an operation of the server's list is a task that has not ended."""
    code = item.get("status_code")
    return (
        item.get("class") == "task"
        and bool(json_shapes.text(item.get("id")))
        and isinstance(code, int)
        and code < OPERATION_SUCCESS
    )
