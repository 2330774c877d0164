# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""Parses the options of a task: what one alias, secret or export is to be. Pure. Of images: options_image.py.

An LXDInputError names the option that is wrong. What an argument spec can express is in ``_argument_specs.py``.
"""

from __future__ import annotations

import typing as t

from .._lxd.errors import LXDInputError
from .desired import DesiredAlias, DesiredExport, DesiredSecret
from .model import check_fingerprint, is_complete

Params = t.Mapping[str, t.Any]


def desired_alias(params: Params) -> DesiredAlias:
    """Parse the options of lxd_image_alias. Raises LXDInputError."""
    if not params["name"]:
        raise LXDInputError("'name' is empty, but must be the name of an alias.")
    renamed = params.get("rename_from")
    if renamed == params["name"]:
        raise LXDInputError("'rename_from' and 'name' are the same alias.")
    if params["state"] == "present" and renamed and renamed == params.get("target"):
        raise LXDInputError(
            "'target' must not be the alias that 'rename_from' renames. Omit 'target' to keep the image."
        )
    return DesiredAlias(params["name"], params["state"], params.get("target"), params.get("description"), renamed)


def desired_secret(params: Params) -> DesiredSecret:
    """Parse the options of lxd_image_secret. Raises LXDInputError."""
    if params["state"] == "absent" and not params.get("operation"):
        raise LXDInputError("'operation' is empty, but must be the operation of the secret to revoke.")
    if params["state"] == "present":
        _require_image(params)
    if params.get("fingerprint"):
        check_fingerprint(params["fingerprint"])
    return DesiredSecret(params["state"], params.get("name"), params.get("fingerprint"), params.get("operation"))


def _require_image(params: Params) -> None:
    """Refuse a name and a fingerprint that are both empty: an argument spec only asks whether one is given."""
    if not (params.get("name") or params.get("fingerprint")):
        raise LXDInputError("One of 'name' and 'fingerprint' is required: which image is meant.")


def desired_export(params: Params) -> DesiredExport:
    """Parse the options of lxd_image_export. Raises LXDInputError."""
    if not params["dest"]:
        raise LXDInputError("'dest' is empty, but must be a directory or the path of a file.")
    _require_image(params)
    fingerprint = params.get("fingerprint")
    if fingerprint:
        check_fingerprint(fingerprint)
    if params.get("secret") and not is_complete(fingerprint or ""):
        raise LXDInputError(
            "'secret' requires the full 'fingerprint' of its image: "
            "a secret can be used only once, and resolving a prefix or an alias would consume it."
        )
    return DesiredExport(params["dest"], params.get("name"), fingerprint, params.get("secret"))
