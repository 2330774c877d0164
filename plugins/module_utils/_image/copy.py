# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""The ways an image gets from another server into this one: pull, push, relay. Part of applying a plan.

- pull: the target fetches it, and remembers the alias it asked for as ``update_source``.
- push: the source sends it to the target. Only between servers of one vendor: the other's headers are not understood.
- relay: streamed through the node, for servers that can't see each other.
"""

from __future__ import annotations

import re
import typing as t
from urllib.parse import urlsplit, urlunsplit

from ansible_collections.community.lxd.plugins.module_utils._image.model import ImageSettings, ImageSource, SettingsChange, UpstreamImage
from ansible_collections.community.lxd.plugins.module_utils._image.plan import settings_of_copy
from ansible_collections.community.lxd.plugins.module_utils._image.upstream import ServerUpstream, StreamsUpstream, Upstream, UrlUpstream
from ansible_collections.community.lxd.plugins.module_utils._lxd.errors import (
    LXDAPIError,
    LXDError,
    LXDInputError,
    LXDOperationError,
    LXDStateChanged,
)
from ansible_collections.community.lxd.plugins.module_utils._lxd.remotes import SIMPLESTREAMS
from ansible_collections.community.lxd.plugins.module_utils._lxd.tls import read_pem
from ansible_collections.community.lxd.plugins.module_utils._lxd.transport import SOURCE_CERTIFICATE
from ansible_collections.community.lxd.plugins.module_utils._lxd.urls import shown_url

if t.TYPE_CHECKING:
    from ansible_collections.community.lxd.plugins.module_utils._image.api import ImageAPI


def copy_image(api: ImageAPI, upstream: Upstream, image: UpstreamImage, settings: SettingsChange) -> tuple[str, SettingsChange]:
    """Returns the fingerprint, and the settings that the copy is still to be given. Raises LXDError."""
    try:
        if upstream.mode == "push":
            return _push(api, upstream, image, settings)
        if upstream.mode == "relay":
            return _relay(api, upstream, image, settings)
        return _pull(api, upstream, image, settings), settings
    except (LXDAPIError, LXDOperationError) as exc:
        if api.get_image(image.fingerprint) is not None:
            raise LXDStateChanged(f"Cannot copy the image {image.fingerprint}: it has appeared on the server meanwhile.") from exc
        if not _may_be_unreachable(exc):
            raise
        if upstream.mode != "auto" or settings.auto_update:
            if upstream.mode in ("auto", "pull"):
                exc.add(
                    f"It is the server {api.client.url} that could not reach the source, not this node. "
                    "It uses a proxy only by its own setting core.proxy_http."
                )
            raise
        return _relay_instead(api, upstream, image, settings, exc)


_UNREACHABLE = re.compile(
    r"failed to connect|unable to connect|dial (tcp|unix)|no such host|connection (refused|reset)|unreachable|no route to host|time(d )?out|deadline exceeded"
    r"|x509|tls:|proxyconnect|\bEOF\b|failed parsing stream|client-specified URL is not supported|missing (lxd|incus)-image",
    re.IGNORECASE,
)
"""What a server says that could not reach, or not talk to, the source. For a refusal, a full disk or a missing image nothing is gained by another way."""


def _may_be_unreachable(error: LXDError) -> bool:
    """Judge by the server's own words: ours have names in them, which may be anything."""
    return _UNREACHABLE.search(error.failure.get("error") or str(error)) is not None


def check_copy(api: ImageAPI, upstream: Upstream, image: UpstreamImage) -> None:
    """Refuse, with nothing created yet, a ``mode`` that can't work. Raises LXDInputError."""
    if upstream.mode == "pull" and isinstance(upstream, ServerUpstream) and upstream.is_local:
        raise LXDInputError(
            f"The 'mode' pull needs a source that the target can reach over the network, but {upstream.source.remote or upstream.source.server!r} "
            "is a socket of the managed node. Use relay or auto."
        )
    if isinstance(upstream, UrlUpstream):
        upstream.check()
    if isinstance(upstream, StreamsUpstream) and upstream.has_credentials and upstream.mode != "relay":
        raise LXDInputError(
            f"The 'server' in 'source' has a user, a password or a query in it, which the target would keep where everybody can read it: "
            f"{shown_url(upstream.source.server or '')} can only be copied from with the 'mode' relay."
        )
    if upstream.mode != "push":
        return
    if not isinstance(upstream, ServerUpstream):
        raise LXDInputError("The 'mode' push needs an LXD or Incus server as source: a simplestreams server sends nothing by itself. Use pull or relay.")
    source = upstream.source
    if source.secret:
        raise LXDInputError("The 'mode' push needs a client that the source server trusts: give 'client_cert' and 'client_key' in 'source', not 'secret'.")
    theirs, ours = upstream.api.client.server(), api.client.server()
    if not theirs.trusted:
        raise LXDInputError(
            f"The 'mode' push needs a client that {shown_url(source.server or '')} trusts: give its 'client_cert' and 'client_key' in 'source'."
        )
    if theirs.vendor != ours.vendor:
        raise LXDInputError(f"The 'mode' push works between servers of one vendor only, not from {theirs.vendor} to {ours.vendor}. Use pull or relay.")
    if not _target_url(api):
        raise LXDInputError("The 'mode' push needs a target that listens on the network (its setting core.https_address).")
    if image.type == "virtual-machine" and upstream.is_split(image):
        raise LXDInputError(
            f"The 'mode' push can't be used for the image {image.fingerprint}: sent by its server, a virtual machine in two files arrives as a container. "
            "Use pull or relay."
        )


def pull_request(source: ImageSource, image: UpstreamImage, vendor: str | None, secret: str | None, by_alias: bool, server: str | None) -> dict[str, t.Any]:
    """The ``source`` of ``POST /1.0/images`` for a pull. ``vendor``: the target's. ``server``: how to spell the source's URL.

    Always with a server: Incus dies without one. The protocol of a daemon is called by the target's own vendor: Incus
    stores an image that it was told to fetch by "lxd" and then fails.
    """
    body: dict[str, t.Any] = {"type": "image", "mode": "pull", "server": server}
    body["protocol"] = SIMPLESTREAMS if source.protocol == SIMPLESTREAMS else vendor
    if by_alias:
        body["alias"] = _alias_for(source, image)
    else:
        body["fingerprint"] = image.fingerprint
    if image.type:
        body["image_type"] = image.type
    if source.certificate:
        body["certificate"] = read_pem(source.certificate, SOURCE_CERTIFICATE)
    if secret:
        body["secret"] = secret
    if source.project:
        body["project"] = source.project
    return body


def settings_of_pull(settings: SettingsChange) -> dict[str, t.Any]:
    """What ``POST /1.0/images`` has to say beside the source.

    Said for an image that is here already it resets what it does not name, properties excepted. Such a request may come
    to the server after another one, sent because nothing was heard of it, has done the work: then it must change nothing.
    """
    said: dict[str, t.Any] = {"public": bool(settings.public), "auto_update": bool(settings.auto_update)}
    return said if settings.profiles is None else {**said, "profiles": list(settings.profiles)}


def _alias_for(source: ImageSource, image: UpstreamImage) -> str:
    """On a simplestreams server, the alias that names the architecture too, where the task does."""
    alias = source.alias or ""
    if not source.architecture or source.protocol != SIMPLESTREAMS:
        return alias
    return alias if alias in image.full_names else next((name for name in image.full_names if name.rpartition("/")[0] == alias), alias)


def _pull(api: ImageAPI, upstream: Upstream, image: UpstreamImage, settings: SettingsChange) -> str:
    if isinstance(upstream, StreamsUpstream):
        return _pull_from_streams(api, upstream, image, settings)
    origin, request = _url_request(upstream) if isinstance(upstream, UrlUpstream) else _server_request(api, t.cast(ServerUpstream, upstream), image)
    return _send_pull(api, upstream, image, settings, request, origin)


def _send_pull(api: ImageAPI, upstream: Upstream, image: UpstreamImage, settings: SettingsChange, request: t.Mapping[str, t.Any], origin: str) -> str:
    """Let the target fetch the image. ``request``: what it is told of the source. Returns the fingerprint."""
    filename = _filename(upstream, image)
    named = {"filename": filename} if filename else {}
    return api.writer.copy_image({"source": request, **named, **settings_of_pull(settings)}, image.fingerprint, origin)


def _filename(upstream: Upstream, image: UpstreamImage) -> str:
    """What the copy is called: as the task says, or as the source calls it."""
    return upstream.source.filename or image.filename


def _url_request(upstream: UrlUpstream) -> tuple[str, dict[str, t.Any]]:
    return upstream.url, {"type": "url", "mode": "pull", "url": upstream.source.url}


def _server_request(api: ImageAPI, upstream: ServerUpstream, image: UpstreamImage) -> tuple[str, dict[str, t.Any]]:
    source, secret = upstream.source, upstream.source.secret
    if not image.public and not secret:
        secret = upstream.api.writer.create_secret(image.fingerprint).secret
    by_alias = bool(source.alias) and not secret
    return shown_url(source.server or ""), pull_request(source, image, api.client.server().vendor, secret, by_alias, source.server)


def _pull_from_streams(api: ImageAPI, upstream: StreamsUpstream, image: UpstreamImage, settings: SettingsChange) -> str:
    """The daemons keep an index for an hour. Asked by alias, they would copy what was the newest then, or reset the settings of that image if it is here.

    So ask by fingerprint, which an old index does not have. Only what is to be followed must be asked for by alias; then,
    and where the index is old, the server's URL is spelled in another way, for which there is no index yet.
    """
    source = upstream.source

    def ask(by_alias: bool, server: str | None) -> str:
        request = pull_request(source, image, api.client.server().vendor, None, by_alias, server)
        return _send_pull(api, upstream, image, settings, request, shown_url(source.server or ""))

    if settings.auto_update:
        return ask(True, fresh_spelling(source.server or "", upstream.digest()))
    try:
        return ask(False, source.server)
    except LXDOperationError:
        return ask(False, fresh_spelling(source.server or "", upstream.digest()))


def fresh_spelling(url: str, digest: str) -> str:
    """The same server, in a spelling that belongs to this state of its index: another case of letters in its name.

    Where the name has no letters, or has them as they were, other leading zeros of the port.
    """
    parts = urlsplit(url)
    bits = int(digest, 16)
    host = parts.hostname or ""
    if ":" not in host:
        # of other letters than ASCII's, the other case may be another name
        host = "".join(character.upper() if bits >> position & 1 and character.isascii() else character for position, character in enumerate(host))
        spelled = urlunsplit(parts._replace(netloc=f"{host}:{parts.port}" if parts.port else host))
        if spelled != url:
            return spelled
    port = parts.port or (443 if parts.scheme == "https" else 80)
    zeros = "0" * (1 + bits % 8)
    host = f"[{host}]" if ":" in host else host
    return urlunsplit(parts._replace(netloc=f"{host}:{zeros}{port}"))


def _relay_instead(api: ImageAPI, upstream: Upstream, image: UpstreamImage, settings: SettingsChange, error: LXDError) -> tuple[str, SettingsChange]:
    try:
        return _relay(api, upstream, image, settings)
    except LXDError as exc:
        exc.add(f"It was streamed through the node because the server could not fetch it itself: {error}")
        raise


def _relay(api: ImageAPI, upstream: Upstream, image: UpstreamImage, settings: SettingsChange) -> tuple[str, SettingsChange]:
    if isinstance(upstream, UrlUpstream):
        return api.writer.create_image_from_files(upstream.checked_files()), settings
    with t.cast(t.Union[ServerUpstream, StreamsUpstream], upstream).download(image) as content:
        fingerprint = api.writer.create_image_from_download(content, image.fingerprint, _filename(upstream, image))
    return fingerprint, settings_of_copy(settings, image)


def _push(api: ImageAPI, upstream: Upstream, image: UpstreamImage, settings: SettingsChange) -> tuple[str, SettingsChange]:
    settings = settings_of_copy(settings, image)
    token = api.writer.create_push_token(image.fingerprint, settings.overlay(ImageSettings()))
    target = {
        "target": _target_url(api),
        "certificate": api.client.server().certificate,
        "secret": token,
        "project": api.client.project,
    }
    t.cast(ServerUpstream, upstream).api.writer.push_image(image.fingerprint, target)
    return image.fingerprint, settings


def _target_url(api: ImageAPI) -> str | None:
    """Where the source reaches the target."""
    if api.client.url.startswith("https://"):
        return api.client.url
    addresses = api.client.server().addresses
    return f"https://{addresses[0]}" if addresses else None
