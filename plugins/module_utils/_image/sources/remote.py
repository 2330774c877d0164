# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""Opens another server as a source: resolves its remote, and tells servers of LXD and Incus, of simplestreams and
registries apart.
"""

from __future__ import annotations

import json
import os
import typing as t

from ..._lxd.errors import LXDInputError
from ..._lxd.remotes import OCI, SIMPLESTREAMS, find_remote
from ..._lxd.tls import read_pem
from ..._lxd.transport import SOURCE_CERTIFICATE
from ..._lxd.urls import shown_url
from ..model import is_complete
from ..protocols import check_protocol

if t.TYPE_CHECKING:
    from ..._lxd.client import Client
    from ..desired_image import ImageSource
    from ..model import OfferedImage
    from .copied import CopiedContent


OCI_EXTENSION = "instance_oci"
"""The API extension of Incus that has application containers."""


def open_remote(source: ImageSource, target: Client) -> CopiedContent:
    """Open a server as a source. No request is sent to it yet. Raises LXDInputError.

    ``target``: only its vendor and architecture are read, and only if they are needed.
    """
    source = resolve_remote(source, lambda: target.server().vendor, os.environ)
    check_protocol(source)
    # imported only here: a task needs one of the three
    if source.protocol == OCI:
        from .oci import OciContent

        return OciContent(source, target)
    if source.protocol == SIMPLESTREAMS:
        from .simplestreams import SimplestreamsContent

        server = target.server()
        return SimplestreamsContent(
            source, server.vendor or "lxd", server.architecture or "x86_64", target.timeout, target.use_proxy
        )
    from .server import ServerContent

    return ServerContent(source, target.timeout, target.use_proxy)


def resolve_remote(
    source: ImageSource, vendor: t.Callable[[], str | None], environ: t.Mapping[str, str]
) -> ImageSource:
    """Return the source with the server, protocol and certificates of its ``remote``.

    The task's own values take precedence. ``vendor``: returns the vendor of the target server.
    Raises LXDInputError if the remote is not found.
    """
    if not source.remote:
        return source
    try:
        remote = find_remote(source.remote, vendor, environ, os.path.expanduser("~"))
    except LXDInputError:
        if source.server:
            # the bookkeeping of a copy that was made on another node, which has such a remote
            return source
        raise
    return source.with_remote(
        remote.address, remote.protocol, remote.project, remote.server_cert, remote.client_cert, remote.client_key
    )


def needs_no_look(source: ImageSource) -> bool:
    """Return whether the task gives all that the target needs for the copy: then this node need not reach the
    source."""
    asks_more = source.copy_aliases or source.image_type or source.architecture or source.client_cert
    return source.mode == "pull" and is_complete(source.fingerprint or "") and not asks_more


def source_bookkeeping(source: ImageSource) -> str:
    """Return what a copy keeps of its source, as JSON.

    It has no secret, no key, and nothing that is secret in a URL.
    """
    keys = ("remote", "server", "protocol", "alias", "fingerprint", "image_type", "architecture", "project")
    known = {key: value for key in keys if (value := getattr(source, key))}
    if "server" in known:
        known["server"] = shown_url(known["server"])
    return json.dumps({"type": "image", **known}, sort_keys=True)


def describe(source: ImageSource) -> str:
    """Return for messages which image of its server a source names."""
    words = f"with the alias {source.alias!r}" if source.alias else f"with the fingerprint {source.fingerprint}"
    for word, value in (("type", source.image_type), ("architecture", source.architecture)):
        words += f", {word} {value}" if value else ""
    return words


def pull_source_body(
    source: ImageSource, image: OfferedImage, vendor: str | None, secret: str | None, by_alias: bool, server: str | None
) -> dict[str, t.Any]:
    """Return the ``source`` in the body of a pull, ``POST /1.0/images``.

    ``vendor``: the target's. ``server``: the spelling of the source's URL; never None, as Incus crashes without one.
    A daemon's protocol is named after the target's own vendor: Incus with the protocol "lxd" stores the image and
    then fails.
    """
    body: dict[str, t.Any] = {"type": "image", "mode": "pull", "server": server}
    body["protocol"] = source.protocol if source.protocol in (SIMPLESTREAMS, OCI) else vendor
    if by_alias:
        body["alias"] = _alias_with_architecture(source, image)
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


def _alias_with_architecture(source: ImageSource, image: OfferedImage) -> str:
    """Return the alias; of a simplestreams server the one that names the architecture too, if the task gives that."""
    alias = source.alias or ""
    if not source.architecture or source.protocol != SIMPLESTREAMS or alias in image.full_names:
        return alias
    return next((name for name in image.full_names if name.rpartition("/")[0] == alias), alias)
