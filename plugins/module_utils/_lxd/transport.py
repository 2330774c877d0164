# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""HTTP over a unix socket or TLS: one request in, one answer out. Knows nothing of what the server means by it."""

from __future__ import annotations

import hashlib
import os
import re
import socket
import ssl
import tempfile
import traceback
import typing as t
from dataclasses import dataclass, field
from urllib.parse import quote, urlsplit

from ansible_collections.community.lxd.plugins.module_utils._lxd.background import stop_sign
from ansible_collections.community.lxd.plugins.module_utils._lxd.errors import (
    LXDConnectionError,
    LXDInputError,
    LXDMissingLibraryError,
)
from ansible_collections.community.lxd.plugins.module_utils._lxd.urls import server_url, show_urls, shown_url

REQUESTS_IMPORT_ERROR: str | None
try:
    import requests
    import urllib3
    from requests.adapters import HTTPAdapter
except ImportError:
    REQUESTS_IMPORT_ERROR = traceback.format_exc()
    HTTPAdapter = object  # type: ignore[assignment,misc]
else:
    REQUESTS_IMPORT_ERROR = None

UNIXSOCKET_IMPORT_ERROR: str | None
try:
    import requests_unixsocket
except ImportError:
    UNIXSOCKET_IMPORT_ERROR = traceback.format_exc()
else:
    UNIXSOCKET_IMPORT_ERROR = None

BLOCK_SIZE = 1024 * 1024
"""Bytes that are read, hashed and sent at a time: memory stays flat whatever the size of an image."""

CONNECT_TIMEOUT = 20.0
UNIX_PATH_MAX = 107

SOURCE_CERTIFICATE = "'certificate' in 'source'"

_PEM_MARK = "-----BEGIN "
_CERTIFICATE = re.compile("-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


class UploadBody(t.Protocol):
    """What can be sent without holding it in memory: blocks of bytes, and how many bytes in all."""

    def __iter__(self) -> t.Iterator[bytes]:
        """The blocks."""

    def __len__(self) -> int:
        """How many bytes."""


@dataclass(frozen=True)
class Connection:
    """How to reach one server. ``client_cert``, ``client_key`` and ``server_cert``: a path or PEM text."""

    url: str
    client_cert: str | None = None
    client_key: str | None = field(default=None, repr=False)
    server_cert: str | None = None
    server_fingerprint: str | None = None
    ca_path: str | None = None
    validate_certs: bool = True
    bearer_token: str | None = field(default=None, repr=False)
    timeout: float = 600.0
    url_option: str = "'url'"
    """What the task calls it: for messages, as the next."""
    server_cert_option: str = "'server_cert'"

    @property
    def is_local(self) -> bool:
        return self.url.startswith("unix:")

    @property
    def socket_path(self) -> str:
        path = self.url[len("unix:") :]
        return "/" + path.lstrip("/") if path.startswith("/") else path


def socket_candidates(environ: t.Mapping[str, str]) -> list[str]:
    """Where a local server's socket may be, in the order of the search (client/connection.go of both vendors)."""
    candidates: list[str] = []
    for variable, suffix in (("LXD_SOCKET", ""), ("LXD_DIR", "unix.socket"), ("INCUS_SOCKET", ""), ("INCUS_DIR", "unix.socket")):
        if environ.get(variable):
            candidates.append(os.path.join(environ[variable], suffix) if suffix else environ[variable])
    candidates += [
        "/var/snap/lxd/common/lxd/unix.socket",
        "/var/lib/lxd/unix.socket",
        "/run/incus/unix.socket",
        "/var/lib/incus/unix.socket",
    ]
    return candidates


def find_local_url(environ: t.Mapping[str, str]) -> str:
    """The first local socket that exists, as a URL. Raises LXDInputError that lists where it has looked."""
    candidates = socket_candidates(environ)
    for path in candidates:
        if os.path.exists(path):
            return f"unix:{path}"
    raise LXDInputError(
        f"Cannot find a local LXD or Incus server: none of these sockets exists: {', '.join(candidates)}. "
        "Install and start LXD or Incus on this host, or set 'url' to 'unix:/path/unix.socket' or 'https://host:8443'."
    )


class Transport:
    """One server's connection. Never retries, never follows a redirect, reads no proxy, netrc or CA settings of the environment."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._stop = stop_sign()
        require_libraries(local=connection.is_local)
        if connection.is_local:
            self._session, self._base = _open_socket_session(connection)
        else:
            self._session, self._base = _open_tls_session(connection)
        # netrc would add an Authorization header, REQUESTS_CA_BUNDLE would override a pinned certificate
        self._session.trust_env = False
        if connection.bearer_token:
            if not (connection.bearer_token.isascii() and connection.bearer_token.isprintable()):
                raise LXDInputError("'bearer_token' has characters that can't be part of a token.")
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
    ) -> requests.Response:
        """Send one request. Raises LXDConnectionError where no answer came; any status is an answer."""
        self._stop.check()
        read_timeout = timeout or self.connection.timeout
        try:
            return self._session.request(
                method,
                self._base + path,
                params=query,
                headers=headers,
                json=json,
                data=body,
                stream=stream,
                allow_redirects=False,
                # while a body is sent, the socket has the connect timeout: a busy disk may stall it for long
                timeout=(read_timeout if body is not None else min(CONNECT_TIMEOUT, read_timeout), read_timeout),
            )
        except requests.exceptions.InvalidURL as exc:
            raise LXDMissingLibraryError(
                "The installed requests-unixsocket is too old for the installed requests. Install requests-unixsocket 0.4.0 or newer.",
                library="requests-unixsocket",
            ) from exc
        except (requests.exceptions.RequestException, urllib3.exceptions.HTTPError) as exc:
            raise self._connection_error(exc, f"{method} {path}") from exc

    def blocks(self, response: requests.Response) -> t.Iterator[bytes]:
        """The body of a streamed answer. Raises LXDConnectionError where it breaks off."""
        try:
            for block in response.iter_content(BLOCK_SIZE):
                self._stop.check()
                yield block
        except requests.exceptions.RequestException as exc:
            raise self._connection_error(exc, f"GET {urlsplit(response.url).path}") from exc

    def _connection_error(self, exc: Exception, request: str) -> LXDConnectionError:
        return connection_error(exc, self.connection.url, request, self._hint(list(_causes(exc))))

    def _hint(self, causes: list[BaseException]) -> str:
        text = " ".join(str(cause) for cause in causes)
        if self.connection.is_local:
            if any(isinstance(cause, PermissionError) for cause in causes):
                return " The user of this task may not use the socket: use 'become', or add the user to the group that owns it."
            if any(isinstance(cause, (FileNotFoundError, ConnectionRefusedError)) for cause in causes):
                return " Is the server running, and is 'url' the socket of this server?"
        elif "ingerprint" in text:
            return f" The server shows another certificate than the one that {self.connection.server_cert_option} or 'server_fingerprint' allows."
        elif any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes):
            return f" Give the server's own certificate as {self.connection.server_cert_option} (it is usually self-signed), or its authority as 'ca_path'."
        elif any(isinstance(cause, ConnectionRefusedError) for cause in causes):
            return " Does the server listen there (its setting core.https_address)?"
        return ""


def connection_error(exc: Exception, url: str, request: str, hint: str = "") -> LXDConnectionError:
    """What an exception of requests means: whether the request can have been sent, and the innermost words about why."""
    causes = list(_causes(exc))
    sent = not any(isinstance(cause, _UNSENT) for cause in causes) and not isinstance(exc, requests.exceptions.ConnectTimeout)
    late = isinstance(exc, requests.exceptions.ReadTimeout)
    url, reason = shown_url(url), show_urls(_reason(causes))
    return LXDConnectionError(f"No answer from {url} to {request}: {reason}.{hint}", sent=sent, late=late, url=url, request=request)


def require_libraries(local: bool) -> None:
    """Raises LXDMissingLibraryError for a library that the connection needs and the node lacks."""
    if REQUESTS_IMPORT_ERROR:
        raise LXDMissingLibraryError("", "requests (package python3-requests on Debian and Ubuntu)", REQUESTS_IMPORT_ERROR)
    if local and UNIXSOCKET_IMPORT_ERROR:
        raise LXDMissingLibraryError("", "requests-unixsocket (package python3-requests-unixsocket on Debian and Ubuntu)", UNIXSOCKET_IMPORT_ERROR)


def _open_socket_session(connection: Connection) -> tuple[requests.Session, str]:
    path = connection.socket_path
    if len(os.fsencode(path)) > UNIX_PATH_MAX:
        raise LXDInputError(f"The path of the socket {path!r} is longer than the {UNIX_PATH_MAX} bytes that the system allows. Use a shorter one.")
    return requests_unixsocket.Session(), f"http+unix://{quote(path, safe='')}"


def _open_tls_session(connection: Connection) -> tuple[requests.Session, str]:
    base = server_url(connection.url, connection.url_option)
    if connection.ca_path and not os.path.exists(connection.ca_path):
        raise LXDInputError(f"There is no {connection.ca_path!r} on the managed node: 'ca_path' must be a file or a directory of certificates.")
    session = requests.Session()
    pin = pinned_fingerprint(connection)
    session.verify = connection.ca_path or True if connection.validate_certs and not pin else False
    if not connection.validate_certs and not pin:
        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
    context = _tls_context(verify=session.verify is not False)
    _load_client_certificate(context, connection)
    session.mount("https://", _TLSAdapter(context, pin))
    return session, base


class _TLSAdapter(HTTPAdapter):
    """Accepts either what the authorities vouch for, or exactly one certificate whatever the name in it."""

    def __init__(self, context: ssl.SSLContext, pin: str | None) -> None:
        self._context = context
        self._pin = pin
        super().__init__()

    def init_poolmanager(self, *args: t.Any, **kwargs: t.Any) -> None:
        kwargs["ssl_context"] = self._context
        if self._pin:
            kwargs["assert_fingerprint"] = self._pin
        super().init_poolmanager(*args, **kwargs)

    def proxy_manager_for(self, proxy: str, **kwargs: t.Any) -> t.Any:
        raise NotImplementedError("no proxy is ever used")


def open_web_session(certificate: str | None) -> requests.Session:
    """A session for public files: with the environment's proxies, or for exactly one ``certificate`` (path or PEM text)."""
    require_libraries(local=False)
    session = requests.Session()
    if certificate:
        session.trust_env = False
        session.verify = False
        pin = certificate_fingerprint(read_pem(certificate, SOURCE_CERTIFICATE), SOURCE_CERTIFICATE)
        session.mount("https://", _TLSAdapter(_tls_context(verify=False), pin))
    return session


def _tls_context(verify: bool) -> ssl.SSLContext:
    """``verify``: by the authorities. Where one certificate is pinned, neither they nor the name in it matter."""
    return urllib3.util.ssl_.create_urllib3_context(cert_reqs=ssl.CERT_REQUIRED if verify else ssl.CERT_NONE)


def _load_client_certificate(context: ssl.SSLContext, connection: Connection) -> None:
    if bool(connection.client_cert) != bool(connection.client_key):
        raise LXDInputError("'client_cert' and 'client_key' belong together: give both or none.")
    if connection.client_cert and connection.client_key:
        with _as_file(connection.client_cert, "'client_cert'") as cert, _as_file(connection.client_key, "'client_key'") as key:
            try:
                context.load_cert_chain(cert, key)
            except (OSError, ssl.SSLError) as exc:
                raise LXDInputError(
                    f"Cannot load the client certificate: {exc}. 'client_cert' and 'client_key' must be a PEM certificate and the key that belongs to it."
                ) from exc


def pinned_fingerprint(connection: Connection) -> str | None:
    """SHA-256 of the one server certificate to accept, 64 lower-case hex digits; None: ask the authorities."""
    given = None
    if connection.server_fingerprint:
        given = connection.server_fingerprint.replace(":", "").strip().lower()
        if not re.fullmatch("[0-9a-f]{64}", given):
            raise LXDInputError("'server_fingerprint' must be a SHA-256 fingerprint: 64 hex digits, with or without colons.")
    if not connection.server_cert:
        return given
    pin = certificate_fingerprint(read_pem(connection.server_cert, connection.server_cert_option), connection.server_cert_option)
    if given and given != pin:
        raise LXDInputError(f"'server_cert' has the fingerprint {pin}, but 'server_fingerprint' says {given}: give only one of them, or the right one.")
    return pin


def certificate_fingerprint(pem: str, option: str) -> str:
    """SHA-256 over the first certificate of a PEM text, 64 lower-case hex digits."""
    match = _CERTIFICATE.search(pem)
    if not match:
        raise LXDInputError(f"{option} has no PEM certificate in it.")
    try:
        return hashlib.sha256(ssl.PEM_cert_to_DER_cert(match.group())).hexdigest()
    except ValueError as exc:
        raise LXDInputError(f"{option} is not a valid PEM certificate: {exc}.") from exc


def read_pem(value: str, option: str) -> str:
    """The PEM text of an option that takes a path or the text itself. Raises LXDInputError."""
    if _PEM_MARK in value:
        return value
    try:
        with open(os.path.expanduser(value), encoding="ascii", errors="replace") as file:
            return file.read()
    except (OSError, ValueError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else exc
        raise LXDInputError(f"Cannot read {option} {value!r}: {reason}. It must be a path on the managed node or PEM text.") from exc


class _as_file:
    """A path for an option that takes a path or PEM text: the ssl module only loads files."""

    def __init__(self, value: str, option: str) -> None:
        self._value, self._option = value, option
        self._temporary: str | None = None

    def __enter__(self) -> str:
        pem = read_pem(self._value, self._option)
        if _PEM_MARK not in self._value:
            return os.path.expanduser(self._value)
        descriptor, self._temporary = tempfile.mkstemp(suffix=".pem")  # mode 0600
        with os.fdopen(descriptor, "w") as file:
            file.write(pem)
        return self._temporary

    def __exit__(self, *args: object) -> None:
        if self._temporary:
            os.unlink(self._temporary)


# what can only happen before a single byte of the request has left
_UNSENT = (FileNotFoundError, PermissionError, ConnectionRefusedError, socket.gaierror, ssl.SSLCertVerificationError)


def _causes(exc: BaseException | None) -> t.Iterator[BaseException]:
    """The exception and all that it was made from, outermost first: requests and urllib3 wrap in three different ways."""
    seen: set[int] = set()
    todo: list[t.Any] = [exc]
    while todo:
        item = todo.pop(0)
        if not isinstance(item, BaseException) or id(item) in seen:
            continue
        seen.add(id(item))
        yield item
        todo += [item.__cause__, item.__context__, getattr(item, "reason", None), *item.args]


def _reason(causes: list[BaseException]) -> str:
    """The innermost words that say something."""
    for cause in reversed(causes):
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror if not isinstance(cause, ssl.SSLError) else str(cause)
        if "ingerprint" in str(cause):
            return str(cause).rstrip(".")
    return str(causes[-1] if causes else "unknown").rstrip(".")
