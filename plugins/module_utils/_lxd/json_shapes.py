# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""Checks the shapes of JSON documents of servers, which may be any.

The need_* functions are for required values: they raise LXDAPIError that names the value, if its shape is wrong. The
other functions are for values that are not required: one of another shape counts as missing.
"""

from __future__ import annotations

import typing as t

from .errors import LXDAPIError

Object = dict[str, t.Any]
"""A JSON object."""

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
    """Return the name of a server's answer for messages. ``path``: the URL path of the request."""
    return f"the server's answer to {method} {path}"


def text(value: t.Any) -> str:
    """Return a value if it is text, else an empty text."""
    return value if isinstance(value, str) else ""


def mapping(value: t.Any) -> Object:
    """Return a value if it is an object, else an empty object."""
    return value if isinstance(value, dict) else {}


def mappings(value: t.Any) -> list[Object]:
    """Return the objects in a list, or the objects that are the values of an object. Leaves out all other items."""
    items = value if isinstance(value, list) else mapping(value).values()
    return [item for item in items if isinstance(item, dict)]


def texts(value: t.Any) -> list[str]:
    """Return the texts in a list. Leaves out all other items."""
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def text_values(value: t.Any) -> dict[str, str]:
    """Return the entries of an object whose value is text. Leaves out all other entries."""
    return {key: item for key, item in mapping(value).items() if isinstance(item, str)}


def need_object(value: t.Any, where: str) -> Object:
    """Return a value that must be an object. Raises LXDAPIError if it is not.

    ``where``: the name of the document for messages, as answer_to() returns it; also for the next functions.
    """
    return t.cast(Object, _need(value, dict, where, "it"))


def need_text(data: t.Mapping[str, t.Any], field: str, where: str) -> str:
    """Return a field that must be a text with at least one character. Raises LXDAPIError if it is not."""
    return t.cast(str, _need(data.get(field, _MISSING) or _MISSING, str, where, f"its {field!r}"))


def need_objects(value: t.Any, where: str, field: str | None = None) -> list[Object]:
    """Return a value that must be a list of objects; null counts as an empty list. Raises LXDAPIError if it is not.

    ``field``: the field of the document that has the value, for messages; None if the value is the document itself.
    """
    name = f"its {field!r}" if field else "it"
    return [
        _need(item, dict, where, f"an entry of {name}")
        for item in _need([] if value is None else value, list, where, name)
    ]


def need_mapping(data: t.Mapping[str, t.Any], field: str, where: str) -> Object:
    """Return a field that must be an object; null and no field count as an empty one. Raises LXDAPIError if not."""
    value = data.get(field)
    return t.cast(Object, _need({} if value is None else value, dict, where, f"its {field!r}"))


def need_texts(value: t.Any, where: str) -> list[str]:
    """Return a value that must be a list of texts; null counts as an empty list. Raises LXDAPIError if it is not."""
    return [
        _need(item, str, where, "an entry of it") for item in _need([] if value is None else value, list, where, "it")
    ]


def _need(value: t.Any, kind: type, where: str, name: str) -> t.Any:
    if isinstance(value, kind):
        return value
    shape = "missing" if value is _MISSING else _WORDS.get(type(value), type(value).__name__)
    raise LXDAPIError(f"Cannot use {where}: {name} is {shape}, but must be {_WORDS[kind]}.", status=200)
