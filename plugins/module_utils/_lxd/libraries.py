# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""Imports the libraries of the transport, keeps the errors of these imports, and makes the libraries fit each other.

``_module.py`` imports this file before all others. Imported from deeper inside other imports, requests costs twice as
much CPU time: urllib3 compiles long regular expressions, and if their recursion crosses the end of a block of Python's
stack, each call allocates and frees the next block.
"""

from __future__ import annotations

import functools
import importlib
import sys
import traceback
import typing as t

from .errors import LXDMissingLibraryError


def _import_error(library: str) -> str | None:
    """Import a library. Returns the traceback of the error, or None if there was none."""
    try:
        importlib.import_module(library)
    except ImportError:
        return traceback.format_exc()
    return None


REQUESTS_IMPORT_ERROR = _import_error("requests")
UNIXSOCKET_IMPORT_ERROR = _import_error("requests_unixsocket")

GET_CONNECTION = ("get_connection_with_tls_context", "_get_connection", "get_connection")
"""The methods by which requests gets a connection from an adapter: since 2.32.2, in 2.32.0 and 2.32.1, before these."""


def require_libraries(local: bool) -> None:
    """Raise LXDMissingLibraryError if a library that a connection requires is not installed or too old.

    ``local``: whether the connection is one to a unix socket.
    """
    if REQUESTS_IMPORT_ERROR:
        raise LXDMissingLibraryError(
            "", "requests (package python3-requests on Debian and Ubuntu)", REQUESTS_IMPORT_ERROR
        )
    if local and UNIXSOCKET_IMPORT_ERROR:
        raise LXDMissingLibraryError(
            "",
            "requests-unixsocket (package python3-requests-unixsocket on Debian and Ubuntu)",
            UNIXSOCKET_IMPORT_ERROR,
        )
    # requests has imported it
    retry: t.Any = sys.modules["urllib3.util.retry"].Retry
    if "allowed_methods" not in retry.__init__.__code__.co_varnames:
        raise _misfit(
            "urllib3",
            "it is too old, as it cannot be told which requests to repeat",
            "--upgrade requests 'urllib3>=1.26'",
            "python3-urllib3 of a newer release",
        )


def socket_adapter(requests: t.Any, urllib3: t.Any, unixsocket: t.Any) -> t.Any:
    """Return the class of adapters that connects sessions of requests to unix sockets.

    It is the class of requests-unixsocket or, if that one does not fit the installed requests and urllib3, a subclass
    that does. This depends on what the three define, not on their versions, as distributions patch them. Raises
    LXDMissingLibraryError if they cannot work together.
    """
    plain = requests.adapters.HTTPAdapter
    called = next((name for name in GET_CONNECTION if hasattr(plain, name)), None)
    if called is None:
        raise _misfit(
            "requests",
            "requests-unixsocket does not have what it calls",
            "'requests==2.32.*' 'requests-unixsocket>=0.4.0'",
            "python3-requests, and python3-requests-unixsocket of the same release",
        )
    theirs = getattr(unixsocket, "adapters", None)
    adapter, connection = getattr(theirs, "UnixAdapter", plain), getattr(theirs, "UnixHTTPConnection", None)
    if connection is None or _inherits(adapter, plain, "get_connection"):
        raise _misfit(
            "requests-unixsocket",
            "it does not have what the collection needs of it",
            "'requests-unixsocket>=0.4.0'",
            "python3-requests-unixsocket, and python3-requests of the same release",
        )
    if issubclass(connection, urllib3.connection.HTTPConnection) and not _inherits(adapter, plain, called):
        return adapter

    class UnixConnection(connection, urllib3.connection.HTTPConnection):  # type: ignore[misc,valid-type]
        """Connects as requests-unixsocket does, and takes all arguments of urllib3: its version 2 has more of them."""

    class UnixAdapter(adapter):  # type: ignore[misc,valid-type]
        """Returns a connection from whichever method the installed requests calls."""

        def get_connection(self, url: str, proxies: t.Any = None) -> t.Any:
            pool = super().get_connection(url, proxies)
            pool._new_conn = functools.partial(UnixConnection, url)
            return pool

        def get_connection_with_tls_context(
            self, request: t.Any, verify: t.Any, proxies: t.Any = None, cert: t.Any = None
        ) -> t.Any:
            return self.get_connection(request.url, proxies)

        _get_connection = get_connection_with_tls_context

    return UnixAdapter


def _inherits(adapter: t.Any, plain: t.Any, name: str) -> bool:
    """Return whether a class of adapters has only the method of ``plain``, which cannot open a unix socket."""
    return getattr(adapter, name, None) is getattr(plain, name, None)


def _misfit(library: str, reason: str, pip: str, package: str) -> LXDMissingLibraryError:
    """Return the error for an installed library that cannot be used.

    ``pip``: what pip has to install instead. ``package``: the package of Debian and Ubuntu.
    """
    return LXDMissingLibraryError(
        f"Cannot use the {library} that is installed for {sys.executable}: {reason}. Install another one: run "
        f'"{sys.executable} -m pip install {pip}", or install the package {package}.',
        library=library,
    )
