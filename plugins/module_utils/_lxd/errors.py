# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""Everything that can go wrong, as one small tree.

Each message is verb + object + cause, and the way out where there is one.
"""

from __future__ import annotations

import typing as t


class LXDError(Exception):
    """The root. ``failure`` is what a module returns beside the message: only plain values, never a secret."""

    def __init__(self, message: str, **failure: t.Any) -> None:
        super().__init__(message)
        self.failure: dict[str, t.Any] = {key: value for key, value in failure.items() if value is not None}

    def add(self, sentence: str) -> None:
        """Say also what went wrong in cleaning up."""
        self.args = (f"{str(self).rstrip('.')}. {sentence}",)


class LXDInputError(LXDError):
    """What the task asks for can't be done: a file, an option's value or a combination of them is wrong."""


class LXDMissingLibraryError(LXDError):
    """A Python library that the connection needs is missing or too old for the others."""

    def __init__(self, message: str, library: str, trace: str | None = None) -> None:
        super().__init__(message)
        self.library = library
        self.trace = trace


class LXDConnectionError(LXDError):
    """No answer.

    ``sent`` is false only where the server can't have seen any of the request; ``late``: none in time, there may be
    one later.
    """

    def __init__(self, message: str, sent: bool, late: bool = False, **failure: t.Any) -> None:
        super().__init__(message, **failure)
        self.sent = sent
        self.late = late


class LXDOutcomeUnknown(LXDError):
    """A write whose answer was lost: it may have had its effect.

    Never repeated; read again, plan again. ``late``: it may have it only later.
    """

    def __init__(self, message: str, late: bool = False, **failure: t.Any) -> None:
        super().__init__(message, **failure)
        self.late = late


class LXDAPIError(LXDError):
    """The server answered with an error. ``status`` is its ``error_code``."""

    def __init__(self, message: str, status: int, **failure: t.Any) -> None:
        super().__init__(message, status=status, **failure)
        self.status = status


class LXDForbidden(LXDAPIError):
    """403: the server does not trust this client, or does not let it do this."""


class LXDNotFound(LXDAPIError):
    """404."""


class LXDConflict(LXDAPIError):
    """409: something of that name is already there."""


class LXDPreconditionFailed(LXDAPIError):
    """412: it has changed since it was read."""


class LXDNoAnswerOfServer(LXDAPIError):
    """The response is not the server's own: a proxy's page, or cut short."""


class LXDOperationError(LXDError):
    """An operation ended in failure or was cancelled. ``metadata`` is what the server kept of it."""

    def __init__(self, message: str, metadata: dict[str, t.Any] | None = None, **failure: t.Any) -> None:
        super().__init__(message, **failure)
        self.metadata = metadata or {}


class LXDTimeout(LXDError):
    """An operation took longer than the task allows."""


class LXDStateChanged(LXDError):
    """What was planned does not fit any more: somebody else was there first. Read again, plan again."""


class LXDStopped(LXDError):
    """The task has ended before its work: nothing more is sent, read or hashed for it."""


RETRYABLE = (LXDStateChanged, LXDConflict, LXDNotFound, LXDPreconditionFailed)
"""What says that the server is no longer as it was planned for."""
