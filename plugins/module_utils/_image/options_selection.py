# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""Parses the options that select images. Pure. An LXDInputError names the option that is wrong."""

from __future__ import annotations

import typing as t

from .model import architecture_name, property_value
from .plan.selection import InfoQuery, Selector, check_selector, parse_age, parse_filter

if t.TYPE_CHECKING:
    from .options import Params


def selector(params: Params) -> Selector:
    """Parse the selectors of lxd_image_info. Raises LXDInputError."""
    # an empty dictionary selects nothing: for lxd_image_prune, it would be a condition that every image meets
    given = params.get("properties") or None
    properties = given and {str(key): property_value(str(key), value) or "" for key, value in given.items()}
    architecture = params.get("architecture")
    plain = ("name", "fingerprint", "type", "public", "cached", "auto_update", "unaliased", "unused", "expired")
    return check_selector(
        Selector(
            **{key: params.get(key) for key in plain},
            architecture=architecture_name(architecture) if architecture else None,
            properties=properties,
            filter=parse_filter(params["filter"]) if params.get("filter") else (),
            older_than=parse_age(params["older_than"]) if params.get("older_than") else None,
        )
    )


def info_query(params: Params) -> InfoQuery:
    """Parse the options of lxd_image_info. Raises LXDInputError."""
    return InfoQuery(
        selector(params), bool(params["all_projects"]), params["used_by"], params["check_updates"], params.get("secret")
    )
