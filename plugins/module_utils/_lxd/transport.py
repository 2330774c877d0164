# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""Sends HTTP requests over a unix socket or TLS, and returns the responses without interpreting them."""

from __future__ import annotations

import os
import typing as t
from http.client import HTTPException
from urllib.parse import quote, urlsplit

from .background import stop_sign
from .bodies import LONGEST_DOCUMENT, image_blocks, read_document
from .errors import LXDInputError
from .libraries import require_libraries, socket_adapter
from .record import field, record
from .retries import no_retries, read_policy, set_retries

try:
    import requests
    import requests_unixsocket
    import urllib3

    BROKEN: tuple[type[Exception], ...] = (
        requests.exceptions.RequestException,
        urllib3.exceptions.HTTPError,
        HTTPException,
        OSError,
    )
    """Errors of a request, or of reading its response."""
except ImportError:
    # require_libraries() raises the error for a missing library before these are used
    BROKEN = (HTTPException, OSError)

if t.TYPE_CHECKING:
    from .blocks import UploadBody
    from .errors import LXDConnectionError

CONNECT_TIMEOUT = 20.0
"""Seconds to wait for a connection."""
UNIX_PATH_MAX = 107
"""Bytes of the longest path of a unix socket in Linux."""

_USER_SUFFIX, _USER_FOLDER = ".user", "lxd-user"

SOURCE_CERTIFICATE = "'certificate' in 'source'"
"""The name of an option, for messages."""


@record(frozen=True)
class Connection:
    """The options of the connection to one server.

    ``url``: "unix:" with the path of a socket, or the base URL of the HTTPS API. ``client_cert``, ``client_key``,
    ``server_cert``: each a path or PEM text. ``timeout``: seconds to wait for an answer.
    """

    url: str
    client_cert: str | None = None
    client_key: str | None = field(default=None, repr=False)
    server_cert: str | None = None
    server_fingerprint: str | None = None
    ca_path: str | None = None
    validate_certs: bool = True
    client_key_password: str | None = field(default=None, repr=False)
    bearer_token: str | None = field(default=None, repr=False)
    use_proxy: bool = True
    timeout: float = 600.0
    url_option: str = "'url'"
    """The name of the option that has the URL, for messages."""
    server_cert_option: str = "'server_cert'"
    """The name of the option that has the server's certificate, for messages."""

    @property
    def default_project(self) -> str:
        """The project that the server's own client uses: on a socket for ordinary users, that of this user."""
        return f"user-{os.geteuid()}" if self.is_local and is_user_socket(self.socket_path) else "default"

    @property
    def is_local(self) -> bool:
        """Whether the server is reached by a unix socket."""
        return self.url.startswith("unix:")

    @property
    def socket_path(self) -> str:
        """The path of the unix socket. "unix:/path" and "unix:///path" are the same; "unix:path" is a relative one."""
        path = self.url[len("unix:") :]
        return "/" + path.lstrip("/") if path.startswith("/") else path


def socket_candidates(environ: t.Mapping[str, str]) -> list[str]:
    """Return the possible paths of a local server's socket, in the order of the search.

    The order is that of client/connection.go of both vendors.
    """
    candidates: list[str] = []
    for variable, suffix in (
        ("LXD_SOCKET", ""),
        ("LXD_DIR", "unix.socket"),
        ("INCUS_SOCKET", ""),
        ("INCUS_DIR", "unix.socket"),
    ):
        if environ.get(variable):
            candidates.append(os.path.join(environ[variable], suffix) if suffix else environ[variable])
    candidates += [
        "/var/snap/lxd/common/lxd/unix.socket",
        "/var/lib/lxd/unix.socket",
        "/run/incus/unix.socket",
        "/var/lib/incus/unix.socket",
    ]
    return candidates


def user_sockets(path: str) -> list[str]:
    """Return the possible paths of the socket for ordinary users beside a socket for administrators.

    ``incus-user`` and ``lxd-user`` listen there; the snap of LXD has a folder of its own for it.
    """
    return [path + _USER_SUFFIX, os.path.join(os.path.dirname(os.path.dirname(path)), _USER_FOLDER, "unix.socket")]


def permitted_user_socket(path: str) -> str | None:
    """Return the socket for ordinary users beside a socket for administrators, if this user may open it."""
    return next((user for user in user_sockets(path) if os.access(user, os.W_OK)), None)


def is_user_socket(path: str) -> bool:
    """Return whether a socket is one for ordinary users, each of whom has a project of its own."""
    return path.endswith(_USER_SUFFIX) or os.path.basename(os.path.dirname(path)) == _USER_FOLDER


def find_local_url(environ: t.Mapping[str, str]) -> str:
    """Return the URL of the first local socket that exists. Raises LXDInputError that lists all paths if none does.

    If this user may not open it, but the socket for ordinary users beside it, that one is returned.
    """
    candidates = socket_candidates(environ)
    for path in candidates:
        if os.path.exists(path):
            if not os.access(path, os.W_OK):
                path = permitted_user_socket(path) or path
            return f"unix:{path}"
    raise LXDInputError(
        f"Cannot find a local LXD or Incus server: none of these sockets exists: {', '.join(candidates)}. "
        "Install and start LXD or Incus on this host, or set 'url' to 'unix:/path/unix.socket' or 'https://host:8443'."
    )


class Transport:
    """Sends requests over one connection.

    A write is never repeated, and a redirect never followed. Of the environment, only the proxies are used, as
    ``use_proxy`` says. Raises LXDInputError if an option of the connection is wrong, LXDMissingLibraryError.
    """

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._stop = stop_sign()
        require_libraries(local=connection.is_local)
        if connection.is_local:
            self._session, self._base = _open_socket_session(connection)
        else:
            # only here: most tasks are for the local server
            from .tls import open_tls_session

            self._session, self._base = open_tls_session(connection)
        # netrc would add an Authorization header, REQUESTS_CA_BUNDLE would override a pinned certificate
        self._session.trust_env = False
        # servers do not compress their answers; a proxy must not, either
        self._session.headers["Accept-Encoding"] = "identity"
        self._proxies: dict[str, str] = {}
        if connection.use_proxy and not connection.is_local:
            self._proxies = requests.utils.get_environ_proxies(self._base)
        if connection.bearer_token:
            if not (connection.bearer_token.isascii() and connection.bearer_token.isprintable()):
                raise LXDInputError("'bearer_token' has characters that are not supported: it must be printable ASCII.")
            self._session.headers["Authorization"] = f"Bearer {connection.bearer_token}"

    def request(
        self,
        method: str,
        path: str,
        *,
        query: t.Mapping[str, str] | None = None,
        headers: t.Mapping[str, str] | None = None,
        json: t.Any = None,
        body: UploadBody | None = None,
        stream: bool = False,
        timeout: float | None = None,
        once: bool = False,
        longest: int = LONGEST_DOCUMENT,
    ) -> requests.Response:
        """Send a request, and return the response with any HTTP status.

        ``json``: a body that is sent as JSON. ``body``: one that is sent in blocks. ``stream``: whether the body of the
        response is read later, not decoded, with blocks(). ``timeout``: seconds to wait for the response, instead of
        those of the connection. ``once``: send a read only once; otherwise it is repeated if that may help.
        ``longest``: bytes of the longest response, unless it is streamed.

        Raises LXDConnectionError if no response came, LXDStopped if the task has ended.
        """
        self._stop.check()
        read_timeout = timeout or self.connection.timeout
        set_retries(self._session, no_retries() if once else read_policy())

        def send() -> requests.Response:
            response = self._session.request(
                method,
                self._base + path,
                params=query,
                headers=headers,
                json=json,
                data=body,
                stream=True,
                allow_redirects=False,
                proxies=self._proxies,
                # while a body is sent, the connect timeout applies to the socket: a busy disk may stall it for long
                timeout=(read_timeout if body is not None else min(CONNECT_TIMEOUT, read_timeout), read_timeout),
            )
            if not stream:
                try:
                    response._content = read_document(response, longest, read_timeout)
                except BaseException:
                    response.close()
                    raise
            return response

        try:
            try:
                return send()
            except (urllib3.exceptions.ProtocolError, HTTPException, ConnectionError):
                # the body of the response broke off: the policy of urllib3 covers only its headers
                if method != "GET" or once:
                    raise
                return send()
        except BROKEN as exc:
            raise self._connection_error(exc, f"{method} {path}") from exc

    def blocks(self, response: requests.Response) -> t.Iterator[bytes]:
        """Yield the body of a streamed response, not decoded.

        Raises LXDConnectionError if it breaks off, LXDStopped if the task has ended.
        """
        try:
            for block in image_blocks(response):
                self._stop.check()
                yield block
        except BROKEN as exc:
            raise self._connection_error(exc, f"GET {urlsplit(response.url).path}") from exc

    def _connection_error(self, exc: Exception, request: str) -> LXDConnectionError:
        # imported only here: mostly all requests are answered
        from .connection_errors import transport_error

        return transport_error(exc, self.connection, request, self._proxies)


def _open_socket_session(connection: Connection) -> tuple[requests.Session, str]:
    path = connection.socket_path
    if len(os.fsencode(path)) > UNIX_PATH_MAX:
        raise LXDInputError(
            f"The path of the socket {path!r} is longer than the {UNIX_PATH_MAX} bytes that the system supports. Use a "
            "shorter path."
        )
    session = requests.Session()
    session.mount("http+unix://", socket_adapter(requests, urllib3, requests_unixsocket)())
    return session, f"http+unix://{quote(path, safe='')}"
