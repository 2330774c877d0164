# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""Reads plain files over HTTP and HTTPS, such as those of simplestreams servers and of image URLs. Writes nothing."""

from __future__ import annotations

import contextlib
import json
import typing as t

from .blocks import content_length
from .bodies import LONGEST_DOCUMENT, MIB, image_blocks, read_document
from .connection_errors import connection_error, proxy_hint
from .errors import LXDAPIError, LXDConnectionError, LXDInputError, LXDNotFound
from .tls import open_web_session
from .transport import BROKEN, CONNECT_TIMEOUT
from .urls import show_urls, shown_url, split_url

if t.TYPE_CHECKING:
    import requests

    from .progress import Progress

LONGEST_TEXT = MIB
"""Bytes that get_text() reads at most."""


class HttpFiles:
    """Reads files of one web server.

    ``certificate``: path or PEM text of the only server certificate to accept; if it is None, the authorities decide.
    ``timeout``: seconds that a document may take, and an image to begin. ``progress``: shows the progress of stream(),
    if given. ``use_proxy``: whether to use the proxies of the environment.
    """

    def __init__(
        self,
        certificate: str | None = None,
        timeout: float = 600.0,
        progress: Progress | None = None,
        use_proxy: bool = True,
    ) -> None:
        self._progress = progress
        self._session = open_web_session(certificate, use_proxy)
        self._use_proxy = use_proxy
        self._timeout = timeout

    def get_json(self, url: str) -> t.Any:
        """Return the JSON of a file.

        Raises LXDNotFound for HTTP status 404, LXDAPIError for any other but 200 and for a file that is not valid JSON,
        LXDConnectionError, and LXDInputError if the URL is not valid.
        """
        with self._open("GET", url) as response:
            try:
                return json.loads(self._read(response, LONGEST_DOCUMENT))
            except (ValueError, RecursionError) as exc:
                raise LXDAPIError(
                    f"Cannot read {shown_url(url)}: the response is not valid JSON.",
                    status=response.status_code,
                    url=shown_url(url),
                ) from exc

    def get_text(self, url: str) -> str:
        """Return the text of a small file of at most LONGEST_TEXT bytes, such as SHA256SUMS. Raises like get_json()."""
        with self._open("GET", url) as response:
            return self._read(response, LONGEST_TEXT).decode("utf-8", "replace")

    def head(self, url: str, headers: t.Mapping[str, str]) -> t.Mapping[str, str]:
        """Return the headers of the answer to a HEAD request. Raises like get_json()."""
        with self._open("HEAD", url, headers) as response:
            return dict(response.headers)

    def answer(self, url: str, headers: t.Mapping[str, str], longest: int) -> tuple[int, t.Mapping[str, str], bytes]:
        """Return the status, the headers and the body of the answer to a GET request, whatever its status is.

        ``longest``: bytes that the body may have. Raises LXDConnectionError, and LXDInputError if the URL is not valid.
        """
        # an authentication of our own, which does nothing: or else netrc would replace the header Authorization
        with self._send("GET", url, headers, auth=lambda request: request) as response:
            return response.status_code, response.headers, self._read(response, longest)

    @contextlib.contextmanager
    def stream(self, url: str) -> t.Iterator[tuple[int | None, t.Iterator[bytes]]]:
        """Yield the size of a file in bytes, None if it is unknown, and its blocks, not decoded.

        Raises like get_json().
        """
        with self._open("GET", url, {"Accept-Encoding": "identity"}) as response:
            size, blocks = content_length(response.headers), self._blocks(response)
            yield (
                size,
                self._progress.transfer(f"download {shown_url(url)}", blocks, size) if self._progress else blocks,
            )

    def _send(self, method: str, url: str, headers: t.Mapping[str, str] | None, **more: t.Any) -> requests.Response:
        # only here, as the library may be missing when this file is imported
        from requests.exceptions import InvalidSchema, InvalidURL, MissingSchema

        split_url(url)
        try:
            return self._session.request(
                method, url, headers=headers, stream=True, timeout=(CONNECT_TIMEOUT, self._timeout), **more
            )
        except (InvalidSchema, InvalidURL, MissingSchema) as exc:
            raise LXDInputError(
                f"{shown_url(url)!r} is not a valid URL of a web server: {show_urls(str(exc))}."
            ) from exc
        except BROKEN as exc:
            raise self._error(exc, url, method) from exc

    def _open(self, method: str, url: str, headers: t.Mapping[str, str] | None = None) -> requests.Response:
        response = self._send(method, url, headers)
        if response.status_code != 200:
            response.close()
            kind = LXDNotFound if response.status_code == 404 else LXDAPIError
            shown = shown_url(url)
            raise kind(
                f"Cannot read {shown}: HTTP {response.status_code} {response.reason}.",
                status=response.status_code,
                url=shown,
            )
        return response

    def _read(self, response: requests.Response, longest: int) -> bytes:
        """Return the body of a response. Raises LXDConnectionError if it breaks off or exceeds a bound."""
        try:
            return read_document(response, longest, self._timeout)
        except BROKEN as exc:
            raise self._error(exc, response.url, "GET") from exc

    def _blocks(self, response: requests.Response) -> t.Iterator[bytes]:
        """Yield the body of a response as it is stored. Raises LXDConnectionError if it breaks off or is too slow."""
        try:
            yield from image_blocks(response)
        except BROKEN as exc:
            raise self._error(exc, response.url, "GET") from exc

    def _error(self, exc: Exception, url: str, method: str) -> LXDConnectionError:
        # only here, as the library may be missing when this file is imported
        from requests.utils import get_environ_proxies

        proxies = get_environ_proxies(url) if self._use_proxy else {}
        return connection_error(exc, url, method, proxy_hint(url, proxies))
