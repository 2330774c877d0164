# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""Checks URLs of servers, and removes their secret parts before they are shown or kept.

Secret are the user, the password, and the query, which may be a signature.
"""

from __future__ import annotations

import re
import typing as t
from urllib.parse import SplitResult, unquote, urlsplit

from .errors import LXDInputError

DEFAULT_PORT = 8443
"""The port of the HTTPS API of LXD and Incus."""

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s\"'<>]+")
_SHORTEST_QUERY = 8
"""Characters. A shorter query or user is not hidden in other texts, as it occurs too often in them."""


def shown_url(url: str) -> str:
    """Return a URL without user, password, query and fragment; any other text as it is."""
    scheme, separator, rest = url.partition("://")
    if not separator:
        return url
    rest = rest.removeprefix(f"{_unquoted_user(rest)}@")
    rest = re.split("[?#]", rest, maxsplit=1)[0]
    authority, slash, path = rest.partition("/")
    return f"{scheme}://{authority.rpartition('@')[2]}{slash}{path}"


def _unquoted_user(rest: str) -> str:
    """Return the user and the password in a URL without its scheme if they have a /, ? or # that is not quoted.

    By the standard, they end there: what follows their colon would be a port, but is no number. Returns empty text for
    any other URL.
    """
    rest = re.split(r"\s", rest, maxsplit=1)[0]
    authority = re.split("[/?#]", rest, maxsplit=1)[0]
    user, colon, port = authority.partition(":")
    if "@" in authority or not colon or user.startswith("[") or port.isdigit():
        return ""
    return rest.rpartition("@")[0]


def has_credentials(url: str) -> bool:
    """Return whether a URL has a user, a password or a query in it."""
    return shown_url(url) != url.partition("#")[0]


def show_urls(text: str) -> str:
    """Return a text with the secret parts of each URL in it removed."""
    return _URL.sub(lambda match: shown_url(match.group()), text)


def url_secrets(given: t.Any) -> t.Iterator[str]:
    """Yield the secret parts of all URLs in the values of options: passwords, users without a password, queries.

    ``given``: a value of any type; values inside mappings and lists are searched too, at any depth.
    """
    if isinstance(given, t.Mapping):
        for value in given.values():
            yield from url_secrets(value)
    elif isinstance(given, (list, tuple)):
        for value in given:
            yield from url_secrets(value)
    elif isinstance(given, str) and "://" in given:
        for secret in _secrets_in(given):
            yield secret
            yield unquote(secret)


def _secrets_in(text: str) -> t.Iterator[str]:
    for rest in text.split("://")[1:]:
        unquoted = _unquoted_user(rest)
        if unquoted:
            # also the piece that a message about a wrong port would show
            password = unquoted.partition(":")[2]
            yield from filter(None, (password, re.split("[/?#]", password, maxsplit=1)[0]))
            continue
        address = re.match(r"[^?#\s]*(?:\?([^#\s]*))?", rest)
        query = address[1] if address else None
        if query and len(query) >= _SHORTEST_QUERY:
            yield query
        # a password may contain slashes that are not quoted
        userinfo, at, _host = re.split(r"[?#\s]", rest, maxsplit=1)[0].rpartition("@")
        if at and userinfo:
            user, colon, password = userinfo.partition(":")
            if colon and password:
                yield password
            elif len(user) >= _SHORTEST_QUERY and "/" not in user:
                yield user


def split_url(url: str) -> SplitResult:
    """Return the parts of a URL. Raises LXDInputError if the URL is not valid."""
    try:
        url.encode()  # raises for a lone surrogate, which cannot be sent
        parts = urlsplit(url)
        if parts.port != 0 and (parts.hostname or "").encode("idna") is not None:
            return parts
        reason = "its port is 0"
    except ValueError as exc:
        reason = str(exc)
    if _unquoted_user(url.partition("://")[2]):
        reason = "its user or password has a character such as /, ? or #, which must be percent-encoded (%2F, %3F, %23)"
    raise LXDInputError(f"{shown_url(url)!r} is not a valid URL: {reason}.")


def socket_url(url: str, option: str) -> str:
    """Return the URL of a unix socket without blanks around it. ``option``: its name, for messages.

    Raises LXDInputError for a URL with parts that would be ignored: a query, a fragment, the API's version.
    """
    url = url.strip()
    if re.search(r"[?#]|/1\.0/*$", url):
        raise LXDInputError(
            f"{option} is {shown_url(url)!r}, but must be the path of a socket, as in 'unix:/path/unix.socket': for a "
            "project, give 'project'."
        )
    return url


def server_url(url: str, option: str) -> str:
    """Return the base URL of an LXD or Incus server: https, host, port and path, without the API's version.

    ``option``: the name of the option that has the URL, for messages. Raises LXDInputError for a URL that is not valid
    or has parts that would be ignored: a user, a password, a query, a fragment.
    """
    url = url.strip()
    form = "'unix:/path/unix.socket' or 'https://host:8443'"
    if url.startswith("/"):
        raise LXDInputError(f"{option} is {url!r}, but must be {form}: did you mean 'unix:{url}'?")
    parts = split_url(url)
    if parts.scheme != "https" or not parts.hostname:
        raise LXDInputError(f"{option} is {shown_url(url)!r}, but must be {form}.")
    if "@" in parts.netloc:
        raise LXDInputError(
            f"{option} has a user or a password in it, which is not supported: give 'client_cert' and 'client_key'."
        )
    if parts.query or parts.fragment:
        raise LXDInputError(
            f"{option} has a query or a fragment in it, which is not supported: for a project, give 'project'."
        )
    path = re.sub(r"(/1\.0)?/*$", "", parts.path)
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"https://{host}:{parts.port or DEFAULT_PORT}{path}"
