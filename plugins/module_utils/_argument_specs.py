# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""Holds the argument specs of options that several modules take."""

from __future__ import annotations

import typing as t

SOURCE_CONSTRAINTS: dict[str, t.Any] = {
    "mutually_exclusive": [("remote", "server"), ("rootfs_path", "metadata")],
    "required_if": [
        ("type", "url", ("url",)),
        ("type", "file", ("path",)),
        ("type", "instance", ("name",)),
        ("type", "snapshot", ("name",)),
    ],
}
"""Constraints between the suboptions of ``source``, as far as an argument spec can express them."""

IMAGE_CONSTRAINTS: dict[str, t.Any] = {
    "required_one_of": [("name", "fingerprint", "source")],
    "required_if": [("state", "latest", ("source",))],
}

IMAGE_SPEC: dict[str, dict[str, t.Any]] = {
    "name": {"type": "str", "aliases": ["alias"]},
    "fingerprint": {"type": "str"},
    "state": {"type": "str", "choices": ["present", "latest", "inactive", "absent"], "default": "present"},
    "source": {
        "type": "dict",
        **SOURCE_CONSTRAINTS,
        "options": {
            "type": {"type": "str", "choices": ["image", "url", "file", "instance", "snapshot"], "default": "image"},
            "remote": {"type": "str"},
            "server": {"type": "str"},
            "protocol": {"type": "str", "choices": ["simplestreams", "lxd", "incus", "oci"]},
            "alias": {"type": "str"},
            "fingerprint": {"type": "str"},
            "image_type": {"type": "str", "choices": ["container", "virtual-machine"]},
            "architecture": {"type": "str"},
            "certificate": {"type": "str"},
            "secret": {"type": "str", "no_log": True},
            "project": {"type": "str"},
            "client_cert": {"type": "str"},
            "client_key": {"type": "str", "no_log": True},
            "client_key_password": {"type": "str", "no_log": True},
            "copy_aliases": {"type": "bool"},
            "mode": {"type": "str", "choices": ["auto", "pull", "push", "relay"]},
            "url": {"type": "str"},
            "path": {"type": "path"},
            "rootfs_path": {"type": "path"},
            "checksum": {"type": "str"},
            "filename": {"type": "str"},
            "metadata": {"type": "dict"},
            "name": {"type": "str"},
            "compression_algorithm": {"type": "str"},
            "stop": {"type": "bool"},
        },
    },
    "aliases": {"type": "list", "elements": "str"},
    "purge_aliases": {"type": "bool", "default": False},
    "alias_conflict": {"type": "str", "choices": ["move", "fail"], "default": "move"},
    "properties": {"type": "dict"},
    "purge_properties": {"type": "bool", "default": False},
    "public": {"type": "bool"},
    "auto_update": {"type": "bool"},
    "expires_at": {"type": "str"},
    "profiles": {"type": "list", "elements": "str"},
    "protected": {"type": "bool"},
    "previous": {"type": "str", "choices": ["keep", "delete"], "default": "keep"},
    "force": {"type": "bool", "default": False},
}

SELECTOR_SPEC: dict[str, dict[str, t.Any]] = {
    "name": {"type": "str", "aliases": ["alias"]},
    "fingerprint": {"type": "str"},
    "properties": {"type": "dict"},
    "filter": {"type": "str"},
    "type": {"type": "str", "choices": ["container", "virtual-machine"]},
    "architecture": {"type": "str"},
    "public": {"type": "bool"},
    "cached": {"type": "bool"},
    "auto_update": {"type": "bool"},
    "unaliased": {"type": "bool"},
    "unused": {"type": "bool"},
    "expired": {"type": "bool"},
    "older_than": {"type": "str"},
}

GUARD_SPEC: dict[str, dict[str, t.Any]] = {
    "include_protected": {"type": "bool", "default": False},
    "include_used": {"type": "bool", "default": False},
    "include_aliased": {"type": "bool", "default": False},
}
