# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""Parses and writes times as the servers and the users write them: RFC 3339 in UTC, a date, or "never". Pure."""

from __future__ import annotations

import re
import typing as t
from datetime import datetime, timedelta, timezone

from .._lxd.json_shapes import text

NEVER = "never"
_TIME = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d):(\d\d)(?:\.(\d+))?\s*(Z|[+-]\d\d:?\d\d)?)?",
    re.IGNORECASE,
)


def parse_time(value: str) -> datetime | None:
    """Parse RFC 3339 or a date (its first moment) to a time in UTC, or "never" to None. Raises ValueError."""
    if value.strip().lower() == NEVER:
        return None
    match = _TIME.fullmatch(value.strip())
    if not match:
        raise ValueError(f"{value!r} is neither 'never' nor a date nor a time such as 2030-12-31T23:59:59Z")
    year, month, day, hour, minute, second, fraction, offset = match.groups()
    # Go writes nanoseconds; Python knows microseconds
    moment = datetime(
        int(year),
        int(month),
        int(day),
        int(hour or 0),
        int(minute or 0),
        int(second or 0),
        int((fraction or "0")[:6].ljust(6, "0")),
        tzinfo=timezone.utc,
    )
    if offset and offset.upper() != "Z":
        minutes = int(offset[1:3]) * 60 + int(offset[-2:])
        try:
            moment -= timedelta(minutes=minutes if offset[0] == "+" else -minutes)
        except OverflowError as exc:
            raise ValueError(f"{value!r} is not in the years 1 to 9999 in UTC") from exc
    return None if moment.year <= 1 or moment == datetime(1970, 1, 1, tzinfo=timezone.utc) else moment


def format_time(moment: datetime | None) -> str:
    """Return RFC 3339 in UTC as the servers write it, or "never"."""
    if moment is None:
        return NEVER
    text = moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S").rjust(19, "0")
    return f"{text}.{moment.microsecond:06d}".rstrip("0") + "Z" if moment.microsecond else text + "Z"


def normalize_time(value: str | None) -> str:
    """Return a time, a date or "never" in the form of format_time(). None counts as "never". Raises ValueError."""
    return format_time(parse_time(value or NEVER))


def time_of_others(value: t.Any) -> datetime | None:
    """Parse a time that others have written. Returns None if it is no time."""
    try:
        return parse_time(text(value) or NEVER)
    except ValueError:
        return None
