# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""What others send as JSON: any shape may come.

What isn't needed and has another shape counts as not there; what is needed is an error that names it.
"""

from __future__ import annotations

import typing as t

from .errors import LXDAPIError

Object = dict[str, t.Any]

_WORDS: dict[type, str] = {
    dict: "an object",
    list: "a list",
    str: "text",
    bool: "a boolean",
    int: "a number",
    float: "a number",
    type(None): "null",
}
_MISSING = object()


def answer_to(path: str, method: str = "GET") -> str:
    """Return how messages name a server's answer."""
    return f"the server's answer to {method} {path}"


def text(value: t.Any) -> str:
    """Return a text, or an empty one in place of anything else."""
    return value if isinstance(value, str) else ""


def mapping(value: t.Any) -> Object:
    """Return an object, or an empty one in place of anything else."""
    return value if isinstance(value, dict) else {}


def mappings(value: t.Any) -> list[Object]:
    """Return the objects of a list or, where names stand for them, of an object."""
    items = value if isinstance(value, list) else mapping(value).values()
    return [item for item in items if isinstance(item, dict)]


def texts(value: t.Any) -> list[str]:
    """Return the texts of a list."""
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def text_values(value: t.Any) -> dict[str, str]:
    """Return the entries of an object whose value is text."""
    return {key: item for key, item in mapping(value).items() if isinstance(item, str)}


def need_object(value: t.Any, where: str) -> Object:
    """Return a value that must be an object. ``where``: its name for messages. Raises LXDAPIError."""
    return t.cast(Object, _need(value, dict, where, "it"))


def need_text(data: t.Mapping[str, t.Any], field: str, where: str) -> str:
    """Return a field of an object, which must be text, and not empty. Raises LXDAPIError."""
    return t.cast(str, _need(data.get(field, _MISSING) or _MISSING, str, where, f"its {field!r}"))


def need_objects(value: t.Any, where: str, field: str | None = None) -> list[Object]:
    """Return a list of objects; null is an empty one. ``field``: what of the document it is. Raises LXDAPIError."""
    name = f"its {field!r}" if field else "it"
    return [
        _need(item, dict, where, f"an entry of {name}")
        for item in _need([] if value is None else value, list, where, name)
    ]


def need_mapping(data: t.Mapping[str, t.Any], field: str, where: str) -> Object:
    """Return a field of an object, which must be an object, too; an empty one for null or none. Raises LXDAPIError."""
    value = data.get(field)
    return t.cast(Object, _need({} if value is None else value, dict, where, f"its {field!r}"))


def need_texts(value: t.Any, where: str) -> list[str]:
    """Return a list of texts; null is an empty one. Raises LXDAPIError."""
    return [
        _need(item, str, where, "an entry of it") for item in _need([] if value is None else value, list, where, "it")
    ]


def _need(value: t.Any, kind: type, where: str, name: str) -> t.Any:
    if isinstance(value, kind):
        return value
    shape = "missing" if value is _MISSING else _WORDS.get(type(value), type(value).__name__)
    raise LXDAPIError(f"Cannot use {where}: {name} is {shape}, but must be {_WORDS[kind]}.", status=200)
