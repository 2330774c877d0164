# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""Decides when a request is repeated: one policy for all reads, from LXD and Incus servers and from web servers.

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
    # require_libraries() raises the error for a missing library before these are used
    HTTPError = Exception  # type: ignore[assignment,misc]
    Retry = object  # type: ignore[assignment,misc]

if t.TYPE_CHECKING:
    import requests

UNSENT = (FileNotFoundError, PermissionError, ConnectionRefusedError, socket.gaierror, ssl.SSLCertVerificationError)
"""Errors that happen only before the first byte of a request is sent."""

LONGEST_RETRY_AFTER = 30.0
"""Seconds. A longer Retry-After of a server is shortened to this."""


class ReadRetry(Retry):
    """Repeats a read if its connection broke off, or if the server or a proxy in front of it was too busy."""

    RETRY_AFTER_STATUS_CODES = frozenset()  # only those of status_forcelist are repeated, even with a Retry-After

    def increment(
        self,
        method: str | None = None,
        url: str | None = None,
        response: t.Any = None,
        error: Exception | None = None,
        *args: t.Any,
        **kwargs: t.Any,
    ) -> t.Any:
        """Return the policy for the next try. Raises the error if it is one of UNSENT: another try would not help."""
        # requests reports a unix socket that cannot be opened as a connection that broke off
        if error is not None and any(
            isinstance(item, UNSENT) for item in (error, error.__context__, error.__cause__, *error.args)
        ):
            raise error
        return super().increment(method, url, response, error, *args, **kwargs)

    def get_retry_after(self, response: t.Any) -> float | None:
        """Return the header Retry-After in seconds, at most LONGEST_RETRY_AFTER. An invalid one counts as missing."""
        try:
            seconds = super().get_retry_after(response)
        except (HTTPError, ValueError, OverflowError):
            return None
        return None if seconds is None else min(seconds, LONGEST_RETRY_AFTER)


def read_policy() -> ReadRetry:
    """Return the policy for reads: at most three more tries, and a pause of at most half a minute before each.

    Writes are not repeated.
    """
    return ReadRetry(
        total=3,
        connect=0,
        read=2,
        # such as a wrong certificate: for these errors, urllib3 would repeat even a write
        other=0,
        status_forcelist=(429, 502, 503, 504),
        allowed_methods=("GET", "HEAD"),
        backoff_factor=0.5,
        # the last answer is returned: it says more than "too many 503 error responses"
        raise_on_status=False,
    )


def set_retries(session: requests.Session, policy: Retry) -> None:
    """Set the policy for all requests of a session."""
    for adapter in session.adapters.values():
        adapter.max_retries = policy  # type: ignore[attr-defined]


def no_retries() -> Retry:
    """Return the policy for a request that must not take longer than its timeout."""
    return Retry(0, read=False)
