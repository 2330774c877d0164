# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""Selects the images that a task means. Pure.

The server's own filter is not used: it saves no time, and each version supports another part of the language (booleans
never match on LXD 5.0, an unknown field is an error on Incus, ``update_source`` of an image that has none breaks the
connection).
"""

from __future__ import annotations

import re
import shlex
import typing as t
from datetime import datetime, timedelta

from ..._lxd.errors import LXDInputError
from ..._lxd.record import record
from ..model import Image, check_fingerprint
from ..times import parse_time, time_of_others

_AGE = re.compile(r"(\d+)\s*([smhdw])")
_SYNTAX = re.compile(r"\\.|\[:\^?\w+:\]|\(\?.?.?|.", re.DOTALL)
"""The parts of a regular expression, as far as RE2, which the servers use, and Python differ."""
_ONE_SYNTAX_ONLY = re.compile(r"\\[pPQECzZuUN1-9]|\[:|\(\?(?!:|P<|[ims])")
"""What only one of them has, such as the class [:digit:], or a look at what follows."""
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


@record(frozen=True)
class Clause:
    """One comparison of a filter. ``joined_by``: "and" or "or", which joins it with all comparisons before it."""

    joined_by: str
    negated: bool
    field: str
    operator: str
    pattern: re.Pattern[str]

    def matches(self, data: t.Mapping[str, t.Any]) -> bool:
        """Return whether the comparison is true for an image, the server's object."""
        value = _field_value(data, self.field)
        if value is None and self.field.startswith("properties."):
            # the servers compare a missing property as empty text
            value = [""]
        found = value is not None and any(self.pattern.search(text) for text in value)
        return (found == (self.operator == "eq")) != self.negated


@record(frozen=True)
class Selector:
    """Conditions that must all be true. None means that any value matches."""

    name: str | None = None
    fingerprint: str | None = None
    properties: t.Mapping[str, str] | None = None
    filter: tuple[Clause, ...] = ()
    type: str | None = None
    architecture: str | None = None
    public: bool | None = None
    cached: bool | None = None
    auto_update: bool | None = None
    unaliased: bool | None = None
    unused: bool | None = None
    expired: bool | None = None
    older_than: timedelta | None = None

    def matches(self, image: Image, now: datetime, used: t.Container[str] = ()) -> bool:
        """Return whether all conditions are true for an image. ``used``: fingerprints of the images that are used."""
        return all(
            (
                self.name is None or self.name in image.aliases,
                self.fingerprint is None or image.fingerprint.startswith(self.fingerprint),
                self._matches_properties(image),
                matches_filter(self.filter, image.data),
                self._matches_fields(image),
                self.unaliased is None or self.unaliased == (not image.aliases),
                self.unused is None or self.unused == (image.fingerprint not in used),
                self.expired is None or self.expired == is_expired(image, now),
                self.older_than is None or now - added_at(image, now) > self.older_than,
            )
        )

    def _matches_fields(self, image: Image) -> bool:
        fields = ("type", "architecture", "public", "cached", "auto_update")
        return all(getattr(self, field) is None or getattr(self, field) == image.data.get(field) for field in fields)

    def _matches_properties(self, image: Image) -> bool:
        have = image.data.get("properties") or {}
        return all(
            key in have and _matches_property(pattern, have[key]) for key, pattern in (self.properties or {}).items()
        )


@record(frozen=True)
class InfoQuery:
    """The query of lxd_image_info: which images, and what to return about them."""

    selector: Selector
    all_projects: bool = False
    used_by: bool = False
    check_updates: bool = False
    secret: str | None = None


def _matches_property(pattern: str, value: str) -> bool:
    if not pattern.startswith("~"):
        return value == pattern
    return re.fullmatch(pattern[1:], value) is not None


def is_expired(image: Image, now: datetime) -> bool:
    """Return whether the expiry of an image has passed."""
    expires = parse_time(image.settings.expires_at)
    return expires is not None and expires <= now


def added_at(image: Image, now: datetime) -> datetime:
    """Return when the image was stored on the server, or ``now`` if that is unknown.

    The time of the build is not used: it does not show how long the image has been kept.
    """
    return time_of_others(image.data.get("uploaded_at")) or now


def parse_age(value: str) -> timedelta:
    """Parse an age such as ``30d``, ``12h`` or ``1w 2d``. Raises LXDInputError."""
    parts = _AGE.findall(value)
    if not parts or _AGE.sub("", value).strip():
        raise LXDInputError(f"'older_than' is {value!r}, but must be a number and a unit (s, m, h, d, w), such as 30d.")
    try:
        return sum((timedelta(**{_UNITS[unit]: int(number)}) for number, unit in parts), timedelta())
    except (OverflowError, ValueError) as exc:
        raise LXDInputError(f"'older_than' is {value[:40]!r}, which is too large.") from exc


def check_selector(selector: Selector) -> Selector:
    """Check the values of a selector and return it.

    Raises LXDInputError for an invalid fingerprint or regular expression.
    """
    if selector.fingerprint is not None:
        check_fingerprint(selector.fingerprint)
    for key, pattern in (selector.properties or {}).items():
        if pattern.startswith("~"):
            _compile(pattern[1:], f"the property {key!r}")
    return selector


# the filter language of the servers (doc/rest-api.md, "Filtering"): FIELD eq|ne VALUE, joined by and, or; not


def parse_filter(text: str) -> tuple[Clause, ...]:
    """Parse a filter. Raises LXDInputError that names the wrong part."""
    try:
        words = shlex.split(text)
    except ValueError as exc:
        raise LXDInputError(f"'filter' is {text!r}: {exc}.") from exc
    clauses: list[Clause] = []
    joined_by = "and"
    while True:
        negated = bool(words) and words[0] == "not"
        field_operator_value = words[negated : negated + 3]
        if len(field_operator_value) < 3 or field_operator_value[1] not in ("eq", "ne"):
            raise LXDInputError(
                f"'filter' is {text!r}: expected FIELD eq VALUE or FIELD ne VALUE at {' '.join(words) or 'the end'!r}."
            )
        field, operator, value = field_operator_value
        clauses.append(Clause(joined_by, negated, field, operator, _filter_pattern(value)))
        words = words[negated + 3 :]
        if not words:
            return tuple(clauses)
        joined_by = words.pop(0)
        if joined_by not in ("and", "or"):
            raise LXDInputError(f"'filter' is {text!r}: expected 'and' or 'or' instead of {joined_by!r}.")


def matches_filter(clauses: t.Iterable[Clause], data: t.Mapping[str, t.Any]) -> bool:
    """Return whether an image matches a filter.

    The filter is evaluated from left to right, as by the servers: there are no brackets, and ``and`` has no precedence
    over ``or``. ``data``: the server's object.
    """
    result = True
    for clause in clauses:
        found = clause.matches(data)
        result = result and found if clause.joined_by == "and" else result or found
    return result


def _filter_pattern(value: str) -> re.Pattern[str]:
    """Return the regular expression that the servers make of a value.

    It ignores case, and matches the whole text, unless the value has ``^`` or ``$``. Incus also accepts a value with
    commas as alternatives, which are plain text.
    """
    # case is ignored in any case, and only the beginning of an expression may say so in Python
    value = value.removeprefix("(?i)")
    for part in _SYNTAX.findall(value):
        if _ONE_SYNTAX_ONLY.match(part):
            raise LXDInputError(
                f"The regular expression {value!r} in 'filter' has {part!r}, which the servers and this collection do "
                "not both understand. Write it with what is the same everywhere, such as [0-9], (a|b) and .*."
            )
    pattern = value if "^" in value or "$" in value else f"^{value}\\Z"
    if "," in value:
        pattern = f"{pattern}|^(?:{'|'.join(map(re.escape, value.split(',')))})\\Z"
    _compile(value, "'filter'")
    return _compile(pattern, "'filter'", re.IGNORECASE)


def _compile(pattern: str, where: str, flags: int = 0) -> re.Pattern[str]:
    try:
        return re.compile(pattern, flags)
    except (re.error, OverflowError, RecursionError) as exc:
        raise LXDInputError(f"The regular expression {pattern!r} in {where} is invalid: {exc}.") from exc


def _field_value(data: t.Any, field: str) -> list[str] | None:
    """Return the values of a field as text, as JSON shows them. None if there is no such field.

    A property's own name may have dots in it, so the rest of the path is tried as one name first.
    """
    if not isinstance(data, t.Mapping):
        return None
    if field in data:
        values = data[field] if isinstance(data[field], list) else [data[field]]
        return [_text(value) for value in values]
    head, dot, rest = field.partition(".")
    return _field_value(data.get(head), rest) if dot else None


def _text(value: t.Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)
