# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""Refuses what the protocol of another server cannot do. Pure.

The protocol is known when the options are parsed, or only when a remote is resolved: it is checked at both times.
"""

from __future__ import annotations

import typing as t

from .._lxd.errors import LXDInputError
from .._lxd.urls import server_url

if t.TYPE_CHECKING:
    from .desired_image import ImageSource

SERVER_OPTION = "'server' in 'source'"


def check_protocol(source: ImageSource) -> None:
    """Check the options of a source against its protocol. Raises LXDInputError that names the option."""
    if source.protocol == "oci":
        _check_registry(source)
    elif source.protocol == "simplestreams":
        if source.mode == "push":
            raise LXDInputError(
                "The 'mode' push requires an LXD or Incus server as source: "
                "a simplestreams server cannot send images. Use pull or relay."
            )
    elif (source.server or "").startswith("https:"):
        server_url(source.server or "", SERVER_OPTION)


def _check_registry(source: ImageSource) -> None:
    # imported only here: most sources are no registry
    from .sources.oci_manifest import parse_reference

    reason = "a registry has only images that Incus downloads itself"
    refused = {
        f"'mode: {source.mode}'": source.mode in ("push", "relay"),
        "'image_type: virtual-machine'": source.image_type == "virtual-machine",
        "'fingerprint'": not source.alias,
        "'copy_aliases'": source.copy_aliases,
        "'secret'": source.secret,
        "'project'": source.project,
        "'client_cert'": source.client_cert,
        "'filename'": source.filename,
    }
    for option, is_given in refused.items():
        if is_given:
            instead = " Give 'alias', with a tag or a digest." if option == "'fingerprint'" else ""
            raise LXDInputError(f"{option} in 'source' is not supported with the protocol oci: {reason}.{instead}")
    parse_reference(source.alias or "")
