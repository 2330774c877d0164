# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""Imports the libraries of the transport, and keeps the errors of these imports: a task names the missing library.

``_module.py`` imports this file before all others. Imported from deeper inside other imports, requests costs twice as
much CPU time: urllib3 compiles long regular expressions, and if their recursion crosses the end of a block of Python's
stack, each call allocates and frees the next block.
"""

from __future__ import annotations

import importlib
import traceback

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


def require_libraries(local: bool) -> None:
    """Raise LXDMissingLibraryError if a library that a connection requires is not installed.

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
