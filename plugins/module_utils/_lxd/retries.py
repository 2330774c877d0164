# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""Says when a request is sent again: one policy for every read, of servers and of the web alike.

A write is never repeated.
"""

from __future__ import annotations

import socket
import ssl
import typing as t

try:
    from urllib3.exceptions import HTTPError
    from urllib3.util.retry import Retry
except ImportError:
    # require_libraries() says so before any of it is needed
    HTTPError = Exception  # type: ignore[assignment,misc]
    Retry = object  # type: ignore[assignment,misc]

if t.TYPE_CHECKING:
    import requests

UNSENT = (FileNotFoundError, PermissionError, ConnectionRefusedError, socket.gaierror, ssl.SSLCertVerificationError)
"""Errors that only happen before any byte of a request was sent."""

LONGEST_RETRY_AFTER = 30.0
"""Seconds. A longer Retry-After of a server is cut to these."""


class ReadRetry(Retry):
    """Repeats a read if its connection broke, or the server or a proxy before it was too busy."""

    RETRY_AFTER_STATUS_CODES = frozenset()  # no status but those of the list

    def increment(
        self,
        method: str | None = None,
        url: str | None = None,
        response: t.Any = None,
        error: Exception | None = None,
        *args: t.Any,
        **kwargs: t.Any,
    ) -> t.Any:
        """Return the policy for the next try. Raises the error if nothing listens there: a retry would not help."""
        # a socket that can't be opened looks like a connection that broke
        if error is not None and any(
            isinstance(item, UNSENT) for item in (error, error.__context__, error.__cause__, *error.args)
        ):
            raise error
        return super().increment(method, url, response, error, *args, **kwargs)

    def get_retry_after(self, response: t.Any) -> float | None:
        """Return the seconds of Retry-After, limited. A value that cannot be understood counts as missing."""
        try:
            seconds = super().get_retry_after(response)
        except (HTTPError, ValueError, OverflowError):
            return None
        return None if seconds is None else min(seconds, LONGEST_RETRY_AFTER)


def read_policy() -> ReadRetry:
    """Return the policy for reads: at most three more tries, half a minute of patience for each. Writes have none."""
    return ReadRetry(
        total=3,
        connect=0,
        read=2,
        # of a wrong certificate, say: urllib3 would send a write again, too
        other=0,
        status_forcelist=(429, 502, 503, 504),
        allowed_methods=("GET", "HEAD"),
        backoff_factor=0.5,
        # the answer is returned as it is: it says more than "too many 503 error responses"
        raise_on_status=False,
    )


def set_retries(session: requests.Session, policy: Retry) -> None:
    """Set the policy for all requests of a session."""
    for adapter in session.adapters.values():
        adapter.max_retries = policy  # type: ignore[attr-defined]


def no_retries() -> Retry:
    """Return the policy for a request that must not take longer than its timeout."""
    return Retry(0, read=False)
