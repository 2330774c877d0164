# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""Opens sessions over TLS: pins the server's certificate, and presents the client's own."""

from __future__ import annotations

import hashlib
import os
import re
import ssl
import tempfile
import typing as t

from .errors import LXDInputError
from .libraries import require_libraries
from .retries import read_policy, set_retries
from .transport import SOURCE_CERTIFICATE, Connection
from .urls import server_url

try:
    import requests
    import urllib3
    from requests import Session
    from requests.adapters import HTTPAdapter
except ImportError:
    # require_libraries() raises the error for a missing library before these are used
    HTTPAdapter = Session = object  # type: ignore[assignment,misc]

_PEM_MARK = "-----BEGIN "
_CERTIFICATE = re.compile("-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


def open_tls_session(connection: Connection) -> tuple[requests.Session, str]:
    """Return a session for a server that is reached over HTTPS, and the URL to which paths are added.

    Raises LXDInputError if an option of the connection is wrong.
    """
    base = server_url(connection.url, connection.url_option)
    if connection.ca_path and not os.path.exists(connection.ca_path):
        raise LXDInputError(
            f"The path {connection.ca_path!r} is not found on the managed node: 'ca_path' must be a file or a "
            "directory of certificates."
        )
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
    """Accepts the certificates of authorities or, if ``pin`` is given, only one certificate, with any host name.

    ``pin``: the SHA-256 of that certificate, in hex digits.
    """

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
        # TLS is end to end: through the proxy, the same certificates are accepted and presented
        kwargs["ssl_context"] = self._context
        if self._pin:
            kwargs["assert_fingerprint"] = self._pin
        return super().proxy_manager_for(proxy, **kwargs)


class _WebSession(Session):
    """Uses the proxies of the environment as ``use_proxy`` says, with or without its other settings (trust_env)."""

    use_proxy = True

    def merge_environment_settings(self, url: t.Any, *args: t.Any, **kwargs: t.Any) -> t.Any:
        settings = super().merge_environment_settings(url, *args, **kwargs)
        return {**settings, "proxies": requests.utils.get_environ_proxies(url) if self.use_proxy else {}}

    def rebuild_proxies(self, prepared_request: t.Any, proxies: t.Any) -> t.Any:
        return super().rebuild_proxies(prepared_request, proxies) if self.use_proxy else {}


def open_web_session(certificate: str | None, use_proxy: bool = True) -> requests.Session:
    """Return a session for public files of a web server.

    ``certificate``: path or PEM text of the only server certificate to accept; without it, authorities are accepted.
    ``use_proxy``: whether to use the proxies of the environment. Raises LXDInputError, LXDMissingLibraryError.
    """
    require_libraries(local=False)
    session = _WebSession()
    session.use_proxy = use_proxy
    # packed documents are unpacked within a bound, see bodies.py; images are never unpacked
    session.headers["Accept-Encoding"] = "gzip"
    if certificate:
        # REQUESTS_CA_BUNDLE would override the pinned certificate
        session.trust_env = False
        session.verify = False
        pin = certificate_fingerprint(read_pem(certificate, SOURCE_CERTIFICATE), SOURCE_CERTIFICATE)
        session.mount("https://", _TLSAdapter(_tls_context(verify=False), pin))
    set_retries(session, read_policy())
    return session


def _tls_context(verify: bool) -> ssl.SSLContext:
    """Return a TLS context. ``verify``: whether an authority must have signed the certificate, unless it is pinned."""
    return urllib3.util.ssl_.create_urllib3_context(cert_reqs=ssl.CERT_REQUIRED if verify else ssl.CERT_NONE)


def _load_client_certificate(context: ssl.SSLContext, connection: Connection) -> None:
    if bool(connection.client_cert) != bool(connection.client_key):
        raise LXDInputError("'client_cert' and 'client_key' are required together: give both or none.")
    if connection.client_cert and connection.client_key:
        with (
            _as_file(connection.client_cert, "'client_cert'") as cert,
            _as_file(connection.client_key, "'client_key'") as key,
        ):
            password = _KeyPassword(connection.client_key_password)
            try:
                context.load_cert_chain(cert, key, password)
            except (OSError, ValueError) as exc:
                raise LXDInputError(
                    f"Cannot load the client certificate: {password.error or exc}. 'client_cert' and 'client_key' must "
                    "be a PEM certificate and the key that belongs to it."
                ) from exc


class _KeyPassword:
    """Returns the password of an encrypted key when it is called. Without such a function, OpenSSL asks the terminal.

    ``error``: what is wrong if the key cannot be loaded; None if it is not encrypted.
    """

    def __init__(self, password: str | None) -> None:
        self._password = password
        self.error: str | None = None

    def __call__(self) -> str:
        self.error = (
            "the key is encrypted, and 'client_key_password' is not its password"
            if self._password
            else "the key is encrypted, so 'client_key_password' is required"
        )
        return self._password or ""


def pinned_fingerprint(connection: Connection) -> str | None:
    """Return the SHA-256 of the only server certificate to accept, 64 lower-case hex digits.

    Returns None if the authorities decide. Raises LXDInputError if an option is not valid or two do not match.
    """
    given = None
    if connection.server_fingerprint:
        given = connection.server_fingerprint.replace(":", "").strip().lower()
        if not re.fullmatch("[0-9a-f]{64}", given):
            raise LXDInputError(
                "'server_fingerprint' must be a SHA-256 fingerprint: 64 hex digits, with or without colons."
            )
    if not connection.server_cert:
        return given
    pin = certificate_fingerprint(
        read_pem(connection.server_cert, connection.server_cert_option), connection.server_cert_option
    )
    if given and given != pin:
        raise LXDInputError(
            f"'server_cert' has the fingerprint {pin}, but 'server_fingerprint' is {given}: give only one of them, or "
            "two that match."
        )
    return pin


def certificate_fingerprint(pem: str, option: str) -> str:
    """Return the SHA-256 of the first certificate in a PEM text, 64 lower-case hex digits.

    ``option``: the name of the option for messages; also for the next functions. Raises LXDInputError.
    """
    match = _CERTIFICATE.search(pem)
    if not match:
        raise LXDInputError(
            f"{option} has no PEM certificate in it: it must be a path on the managed node or PEM text."
        )
    try:
        return hashlib.sha256(ssl.PEM_cert_to_DER_cert(match.group())).hexdigest()
    except ValueError as exc:
        raise LXDInputError(f"{option} is not a valid PEM certificate: {exc}.") from exc


def read_pem(value: str, option: str) -> str:
    """Return the PEM text of an option that takes a path or the text itself. Raises LXDInputError."""
    if _PEM_MARK in value:
        return value
    try:
        path = os.path.expanduser(value)
        if os.path.exists(path) and not os.path.isfile(path):
            # to open a named pipe would wait for ever
            raise ValueError("it is not a regular file")
        with open(path, encoding="ascii", errors="replace") as file:
            return file.read()
    except (OSError, ValueError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else exc
        raise LXDInputError(
            f"Cannot read {option} {value!r}: {reason}. It must be a path on the managed node or PEM text."
        ) from exc


class _as_file:
    """Provides a file for an option that takes a path or PEM text, as the ssl module loads only files.

    PEM text is written to a temporary file, which is removed at the end of the with statement. Raises LXDInputError.
    """

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
