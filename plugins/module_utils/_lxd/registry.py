# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""Reads from a registry of application containers: manifests and small blobs, over HTTPS (OCI distribution API).

A registry says in its response 401 how to authenticate: with a token of another server, or with user and password.
Both are tried only then. Writes nothing.
"""

from __future__ import annotations

import base64
import hashlib
import json
import typing as t
from urllib.parse import quote, unquote, urlencode, urlsplit

from .bodies import MIB
from .errors import LXDAPIError, LXDForbidden, LXDInputError, LXDNotFound
from .http_files import HttpFiles
from .json_shapes import mapping, mappings, need_object, text
from .record import record
from .urls import shown_url, split_url

LONGEST_MANIFEST = 8 * MIB
"""Bytes. Registries themselves refuse manifests of more than 4 MiB."""

INDEXES = ("application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json")
"""Media types of a list of manifests, one for each platform."""
MANIFESTS = ("application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json")
"""Media types of a manifest: the layers of one image."""

_DOCKER_HUB = ("docker.io", "index.docker.io")
_API_OF_DOCKER_HUB = "registry-1.docker.io"


@record(frozen=True)
class Document:
    """A JSON document of a registry. ``digest``: "sha256:" with the hex digits of its bytes."""

    data: dict[str, t.Any]
    digest: str
    media_type: str


class Registry:
    """Reads from one registry, for one repository at a time.

    ``url``: https, with user and password if it requires them, and a path that all its repositories begin with, if any.
    ``certificate``: path or PEM text of the only server certificate to accept. ``timeout``: seconds. ``use_proxy``:
    whether to use the proxies of the environment. Raises LXDInputError if the URL is not valid.
    """

    def __init__(
        self, url: str, certificate: str | None = None, timeout: float = 600.0, use_proxy: bool = True
    ) -> None:
        parts = split_url(url)
        if parts.scheme != "https" or not parts.hostname or parts.query or parts.fragment:
            raise LXDInputError(
                f"{shown_url(url)!r} is not the URL of a registry: it must be 'https://host', with a port, a path, or "
                "a user and a password if they are required."
            )
        self.url = shown_url(url).rstrip("/")
        self.host = parts.netloc.rpartition("@")[2]
        """The host, with the port if it is not 443."""
        self.folder = parts.path.strip("/")
        self._credentials = (unquote(parts.username), unquote(parts.password or "")) if parts.username else None
        self._timeout, self._use_proxy = timeout, use_proxy
        self._files = HttpFiles(certificate, timeout, use_proxy=use_proxy)
        self._authorization: dict[str, str] = {}

    @property
    def is_docker_hub(self) -> bool:
        """Whether it is Docker Hub, which has another host for its API, and official images without a user's name."""
        return self.host in _DOCKER_HUB

    def get_manifest(self, repository: str, reference: str) -> Document:
        """Read a manifest or a list of manifests, ``GET /v2/{repository}/manifests/{reference}``.

        ``reference``: a tag or a digest. Raises LXDNotFound, LXDForbidden, LXDAPIError, LXDConnectionError.
        """
        what = f"the image {repository}{'@' if ':' in reference else ':'}{reference}"
        return self._get(repository, f"manifests/{reference}", what, (*INDEXES, *MANIFESTS))

    def get_blob(self, repository: str, digest: str) -> Document:
        """Read a small blob, ``GET /v2/{repository}/blobs/{digest}``. Raises like get_manifest()."""
        return self._get(repository, f"blobs/{digest}", f"the configuration of an image of {repository}", ("*/*",))

    def _get(self, repository: str, path: str, what: str, accepted: tuple[str, ...]) -> Document:
        host = _API_OF_DOCKER_HUB if self.is_docker_hub else self.host
        url = f"https://{host}/v2/{quote(repository)}/{quote(path, safe='/:')}"
        headers = {"Accept": ", ".join(accepted)}
        status, answered, body = self._files.answer(url, {**headers, **self._authorization}, LONGEST_MANIFEST)
        if status == 401:
            # of a token that was for another repository, or has expired, too
            self._authorization = self._authenticate(answered.get("WWW-Authenticate", ""), repository)
            status, answered, body = self._files.answer(url, {**headers, **self._authorization}, LONGEST_MANIFEST)
        if status != 200:
            raise self._refused(status, body, what)
        digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
        wanted = path.rpartition("/")[2]
        if wanted.startswith("sha256:") and wanted != digest:
            raise LXDAPIError(
                f"Cannot read {what} from {self.url}: it should have the digest {wanted}, but has {digest}.",
                status=status,
                url=self.url,
            )
        data = _parse(body, f"{what} of {self.url}", status)
        return Document(data, digest, text(data.get("mediaType")) or answered.get("Content-Type", "").partition(";")[0])

    def _authenticate(self, challenge: str, repository: str) -> dict[str, str]:
        """Return the header that a registry asks for. ``challenge``: its header WWW-Authenticate."""
        # only here, as the library may be missing when this file is imported
        from requests.utils import parse_dict_header

        scheme, _blank, rest = challenge.strip().partition(" ")
        if scheme.lower() == "basic":
            return self._basic()
        if scheme.lower() != "bearer":
            raise LXDForbidden(
                f"The registry {self.url} requires a way to authenticate that is not supported: {scheme or 'none'!r}.",
                status=401,
            )
        asked = parse_dict_header(rest)
        realm = asked.get("realm") or ""
        if urlsplit(realm).scheme != "https":
            raise LXDForbidden(
                f"The registry {self.url} names {shown_url(realm)!r} as the server of its tokens, which is not an "
                "https URL: nothing is sent to it.",
                status=401,
            )
        query = {"service": asked.get("service") or "", "scope": f"repository:{repository}:pull"}
        url = f"{realm}{'&' if '?' in realm else '?'}{urlencode({key: value for key, value in query.items() if value})}"
        status, _headers, body = self._token_files(realm).answer(
            url, self._basic() if self._credentials else {}, LONGEST_MANIFEST
        )
        if status != 200:
            raise self._refused(status, body, f"a token for {repository}")
        granted = mapping(_parse(body, f"the token of {shown_url(realm)}", status))
        token = text(granted.get("token")) or text(granted.get("access_token"))
        if not (token.isascii() and token.isprintable() and token):
            raise LXDAPIError(f"{shown_url(realm)} has returned no token for {repository}.", status=status)
        return {"Authorization": f"Bearer {token}"}

    def _token_files(self, realm: str) -> HttpFiles:
        """Return what reads from the server of the tokens: a pinned certificate is only the registry's own."""
        if urlsplit(realm).netloc == self.host:
            return self._files
        return HttpFiles(None, self._timeout, use_proxy=self._use_proxy)

    def _basic(self) -> dict[str, str]:
        if self._credentials is None:
            return {}
        return {"Authorization": f"Basic {base64.b64encode(':'.join(self._credentials).encode()).decode()}"}

    def _refused(self, status: int, body: bytes, what: str) -> LXDAPIError:
        """Return the error for a status other than 200, with the registry's own words."""
        words = _errors_in(body)
        message = f"Cannot read {what} from {self.url}: "
        if status == 404:
            return LXDNotFound(f"{message}it is not found{words}.", status=status, url=self.url)
        if status in (401, 403):
            way_out = (
                "The user or the password in its URL is wrong, or may not read this repository."
                if self._credentials
                else "A private repository requires a user and a password in the URL, as in "
                "'https://user:password@host'."
            )
            return LXDForbidden(
                f"{message}access is denied{words}. {way_out} Many registries also return this if the image is not "
                "found.",
                status=status,
                url=self.url,
            )
        if status == 429:
            return LXDAPIError(
                f"{message}it has had too many requests{words}. Try again later, or give a user and a password.",
                status=status,
                url=self.url,
            )
        return LXDAPIError(f"{message}HTTP {status}{words}.", status=status, url=self.url)


def _parse(body: bytes, where: str, status: int) -> dict[str, t.Any]:
    try:
        return need_object(json.loads(body), where)
    except (ValueError, RecursionError) as exc:
        raise LXDAPIError(f"Cannot read {where}: it is not valid JSON.", status=status) from exc


def _errors_in(body: bytes) -> str:
    """Return the registry's own words in the body of an error, in parentheses; an empty text if it has none."""
    try:
        document = mapping(json.loads(body))
    except (ValueError, RecursionError):
        return ""
    words = [text(error.get("message")) or text(error.get("code")) for error in mappings(document.get("errors"))]
    found = [word for word in (*words, text(document.get("details"))) if word]
    return f" ({'; '.join(found)[:300]})" if found else ""
