# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""Explains why a request got no response: the innermost reason, and the way out. Imported only if one failed."""

from __future__ import annotations

import ssl
import typing as t

from .bodies import BoundError
from .errors import LXDConnectionError
from .retries import UNSENT
from .urls import show_urls, shown_url

try:
    import requests
    import urllib3
except ImportError:
    # libraries.require_libraries() has raised the error for a missing library before
    pass

if t.TYPE_CHECKING:
    from .transport import Connection


def transport_error(
    exc: Exception, connection: Connection, request: str, proxies: t.Mapping[str, str]
) -> LXDConnectionError:
    """Return the error for a request of a connection that failed.

    ``request``: the method and the path, for messages. ``proxies``: those that the connection uses.
    """
    hint = _hint(connection, list(_causes(exc)))
    if not connection.is_local:
        hint += proxy_hint(connection.url, proxies)
    return connection_error(exc, connection.url, request, hint)


def connection_error(exc: Exception, url: str, request: str, hint: str = "") -> LXDConnectionError:
    """Return the error for an exception of requests: with the innermost reason, and whether the request was sent.

    ``request``: the method and the path, for messages. ``hint``: a sentence with the way out.
    """
    causes = list(_causes(exc))
    sent = not any(isinstance(cause, UNSENT) for cause in causes) and not isinstance(
        exc, requests.exceptions.ConnectTimeout
    )
    late = isinstance(exc, requests.exceptions.ReadTimeout) or any(
        isinstance(cause, urllib3.exceptions.ReadTimeoutError) for cause in causes
    )
    url, reason = shown_url(url), show_urls(_reason(causes))
    failed = f"No answer from {url} to {request}" if sent else f"Cannot connect to {url}"
    if isinstance(exc, BoundError):
        failed = f"Cannot read the answer of {url} to {request}"
    return LXDConnectionError(f"{failed}: {reason}.{hint}", sent=sent, late=late, url=url, request=request)


def proxy_hint(url: str, proxies: t.Mapping[str, str]) -> str:
    """Return a sentence that names the proxy that is used for a URL, or an empty text if none is used."""
    proxy = requests.utils.select_proxy(url, proxies)
    return f" It was reached through the proxy {shown_url(proxy)} of the environment ('use_proxy')." if proxy else ""


def _hint(connection: Connection, causes: list[BaseException]) -> str:
    """Return a sentence with the way out of a connection error, or an empty text if none is known."""
    text = " ".join(str(cause) for cause in causes)
    if connection.is_local:
        if any(isinstance(cause, PermissionError) for cause in causes):
            return f" The user of this task is not permitted to use the socket{_way_to_a_socket(connection)}"
        if any(isinstance(cause, (FileNotFoundError, ConnectionRefusedError)) for cause in causes):
            return " Is the server running, and is 'url' the socket of this server?"
    elif "ingerprint" in text:
        return (
            f" The server presents another certificate than {connection.server_cert_option} or "
            "'server_fingerprint' permits."
        )
    elif any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes):
        return (
            f" Give the server's own certificate as {connection.server_cert_option} (it is usually "
            "self-signed), or its authority as 'ca_path'."
        )
    elif any(isinstance(cause, ConnectionRefusedError) for cause in causes):
        return " Does the server listen on this address (its setting core.https_address)?"
    return ""


def _way_to_a_socket(connection: Connection) -> str:
    """Return what a user can do who is not permitted to use a socket."""
    # imported only here: errors of web servers have no use for it
    from .transport import permitted_user_socket

    permitted = permitted_user_socket(connection.socket_path)
    if permitted:
        return f". Use 'become', or the socket for ordinary users: set 'url' to 'unix:{permitted}'."
    return (
        ", and no socket for ordinary users (of incus-user or lxd-user) is beside it that it may use. Use 'become', or "
        "add the user to the group that owns one of them."
    )


def _causes(exc: BaseException | None) -> t.Iterator[BaseException]:
    """Yield an exception and its causes, outermost first: requests and urllib3 wrap them in three different ways."""
    seen: set[int] = set()
    todo: list[t.Any] = [exc]
    while todo:
        item = todo.pop(0)
        if not isinstance(item, BaseException) or id(item) in seen:
            continue
        seen.add(id(item))
        # urllib3 1.26 first calls http.client with an argument that Python 2 had: this error is not a cause
        if not isinstance(item, TypeError):
            yield item
        todo += [item.__cause__, item.__context__, getattr(item, "reason", None), *item.args]


def _reason(causes: list[BaseException]) -> str:
    """Return the text of the innermost cause, or of an inner one that says more: an OSError, a wrong fingerprint."""
    for cause in reversed(causes):
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror if not isinstance(cause, ssl.SSLError) else str(cause)
        if "ingerprint" in str(cause):
            return str(cause).rstrip(".")
    return str(causes[-1] if causes else "unknown").rstrip(".")
