# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""Parses the checksum that a task gives for a file, before anything is read. Pure."""

from __future__ import annotations

import hashlib
import re
import typing as t

from ..._lxd.errors import LXDInputError
from ..._lxd.urls import shown_url

SHA256 = "sha256"

_LINE = re.compile(r"\\?([0-9A-Fa-f]+)[ \t]+[ *]?(\S.*)")
"""A line as sha256sum writes it."""
_BSD_LINE = re.compile(r"([A-Za-z0-9-]+) ?\((.+)\) ?= ?([0-9A-Fa-f]+)")
_SIZES = {32: "md5", 40: "sha1", 56: "sha224", 64: SHA256, 96: "sha384", 128: "sha512"}
"""Number of hex digits -> algorithm, for a digest without the name of its algorithm."""


class Checksum(t.NamedTuple):
    """An algorithm with its hex digits in lower case, or with the URL of a file with checksums."""

    algorithm: str
    digest: str
    url: str | None = None


def parse_checksum(text: str) -> Checksum:
    """Parse an option ``checksum``: ``sha256:<digits>``, digits alone, a line of sha256sum, or ``sha256:https://…``.

    Raises LXDInputError for an algorithm that is not supported, and for digits that are no digest of it.
    """
    text = text.strip()
    algorithm, colon, value = text.partition(":")
    if not colon or value.startswith("//") or not re.fullmatch("[A-Za-z0-9_-]*", algorithm):
        algorithm, value = "", text
    algorithm, value = algorithm.strip().lower(), value.strip()
    if "://" in value:
        return Checksum(_known(algorithm or SHA256), "", value)
    if (line := _LINE.fullmatch(value)) and not algorithm:
        value = line[1]
    elif line := _BSD_LINE.fullmatch(text):
        algorithm, value = line[1].lower().replace("-", ""), line[3]
    if not algorithm:
        algorithm = _SIZES.get(len(value), SHA256)
    return Checksum(_known(algorithm), _digest(algorithm, value))


def find_checksum(wanted: Checksum, text: str, name: str) -> Checksum:
    """Return the checksum of the file ``name`` from the text of a file such as SHA256SUMS.

    Raises LXDInputError if it is not found.
    """
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    if len(lines) == 1 and re.fullmatch("[0-9A-Fa-f]+", lines[0]):
        return Checksum(wanted.algorithm, _digest(wanted.algorithm, lines[0]))
    for line in lines:
        if match := _LINE.fullmatch(line):
            digest, path = match[1], match[2]
        elif match := _BSD_LINE.fullmatch(line):
            digest, path = match[3], match[2]
        else:
            continue
        if path.strip().rpartition("/")[2] == name:
            return Checksum(wanted.algorithm, _digest(wanted.algorithm, digest))
    raise LXDInputError(
        f"The checksum of {name!r} was not found in {shown_url(wanted.url or '')}, which 'checksum' names."
    )


def _known(algorithm: str) -> str:
    if algorithm not in hashlib.algorithms_guaranteed or algorithm.startswith("shake"):
        raise LXDInputError(
            f"'checksum' names the algorithm {algorithm!r}, which is not supported. Use sha256:<hex digits>."
        )
    return algorithm


def _digest(algorithm: str, value: str) -> str:
    length = hashlib.new(algorithm).digest_size * 2
    if not re.fullmatch(f"[0-9A-Fa-f]{{{length}}}", value):
        raise LXDInputError(f"'checksum' is {value[:140]!r}, but a checksum of {algorithm} has {length} hex digits.")
    return value.lower()


def resolve_checksum(checksum: Checksum, name: str, read: t.Callable[[str], str]) -> Checksum:
    """Return the checksum of the file ``name`` with its digits.

    ``read``: returns the text of a URL; called only if the checksum is in such a file. Raises LXDError.
    """
    return find_checksum(checksum, read(checksum.url), name) if checksum.url else checksum
