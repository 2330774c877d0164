# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""All errors that the collection raises for its users, as one small tree of classes.

Each message names a verb, an object and the cause; and the way out, if there is one.
"""

from __future__ import annotations

import typing as t


class LXDError(Exception):
    """The root of all errors of the collection.

    ``failure``: the values of RV(failure), which a module returns beside the message. They are plain values and never a
    secret; those that are None are left out.
    """

    def __init__(self, message: str, **failure: t.Any) -> None:
        super().__init__(message)
        self.failure: dict[str, t.Any] = {key: value for key, value in failure.items() if value is not None}

    def add(self, sentence: str) -> None:
        """Append a sentence to the message, such as an error that happened while cleaning up."""
        self.args = (f"{str(self).rstrip('.')}. {sentence}",)


class LXDInputError(LXDError):
    """The task cannot be done as it is written: a file, the value of an option or a combination of options is wrong."""


class LXDMissingLibraryError(LXDError):
    """A required Python library is missing, or too old for the others.

    ``message``: empty for a missing library, as Ansible has a text for it. ``library``: the name for that text.
    ``trace``: the traceback of the import.
    """

    def __init__(self, message: str, library: str, trace: str | None = None) -> None:
        super().__init__(message)
        self.library = library
        self.trace = trace


class LXDConnectionError(LXDError):
    """The server did not answer a request.

    ``sent``: false only if the server cannot have received any part of the request. ``late``: true if the answer did
    not come in time (read timeout); the server may still process the request later.
    """

    def __init__(self, message: str, sent: bool, late: bool = False, **failure: t.Any) -> None:
        super().__init__(message, **failure)
        self.sent = sent
        self.late = late


class LXDOutcomeUnknown(LXDError):
    """The answer to a write was lost, so the write may have been done.

    A write is never repeated: the task reads and plans again. ``late``: the server may still process the request later
    (read timeout).
    """

    def __init__(self, message: str, late: bool = False, **failure: t.Any) -> None:
        super().__init__(message, **failure)
        self.late = late


class LXDAPIError(LXDError):
    """The server returned an error, or an answer that cannot be used.

    ``status``: the ``error_code`` of the answer or, if it has none, its HTTP status.
    """

    def __init__(self, message: str, status: int, **failure: t.Any) -> None:
        super().__init__(message, status=status, **failure)
        self.status = status


class LXDForbidden(LXDAPIError):
    """The server returned 403: it does not trust this client, or does not permit this request."""


class LXDNotFound(LXDAPIError):
    """The server returned 404: the object is not found, or not visible to this client."""


class LXDConflict(LXDAPIError):
    """The server returned 409: an object of that name already exists."""


class LXDPreconditionFailed(LXDAPIError):
    """The server returned 412: the object has changed since it was read, as its ETag shows."""


class LXDNoAnswerOfServer(LXDAPIError):
    """The response is not an answer of LXD or Incus: it is a page of a proxy, or it was cut short."""


class LXDOperationError(LXDError):
    """An operation failed or was cancelled. ``metadata``: the metadata of the operation, empty if it has none."""

    def __init__(self, message: str, metadata: dict[str, t.Any] | None = None, **failure: t.Any) -> None:
        super().__init__(message, **failure)
        self.metadata = metadata or {}


class LXDTimeout(LXDError):
    """An operation took longer than the option 'timeout' allows."""


class LXDStateChanged(LXDError):
    """The plan does not fit the server any more: another client has changed it. The task reads and plans again."""


class LXDStopped(LXDError):
    """The task has ended before its work was done: its threads send, read and hash nothing more."""


RETRYABLE = (LXDStateChanged, LXDConflict, LXDNotFound, LXDPreconditionFailed)
"""Errors which show that the server is not in the state any more that was planned for."""
