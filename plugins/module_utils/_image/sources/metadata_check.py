# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""Checks the metadata.yaml of an archive before it is sent: the errors of the servers say little more than "EOF".

Only what all servers refuse is refused here. What cannot be read here, or takes too long, is left to the server.
"""

from __future__ import annotations

import json
import os
import re
import stat
import tarfile
import typing as t
import zlib

from ..._lxd.errors import LXDInputError

NAMES = ("metadata.yaml", "./metadata.yaml")
"""Names of the file that the servers accept; ``/metadata.yaml`` is not one of them."""
LONGEST = 1024 * 1024
"""Bytes that the servers read of it."""
LONGEST_PARSED = 128 * 1024
"""Bytes that PyYAML parses in a second."""
LOOK_AT_BYTES = 64 * 1024 * 1024
"""Bytes, unpacked, after which the check ends without a result."""
LOOK_AT_MEMBERS = 10_000
"""Members after which the check ends without a result."""

_NULL = ("", "~", "null", "Null", "NULL")
_NUMBER = re.compile(r"[-+]?(0[xob])?[0-9a-fA-F_]*[0-9][0-9a-fA-F_]*(\.[0-9_]*)?([eE][-+]?[0-9]+)?")
_ZERO = re.compile(r"[-+]?(0[xob])?[0_]+(\.[0_]*)?")
# errors for which PyYAML is stricter than the servers' library
_DOUBTFUL = ("'\\t'", "unexpected ':'", "escape character '/'", "duplicate anchor")


class _Enough(Exception):
    """Enough was read: the rest is not checked."""


class _Wrong(Exception):
    """The metadata is wrong; the text says how."""


class _Missing(_Wrong):
    """There is no metadata."""


class _Value(t.NamedTuple):
    """A value of the document: ``kind`` is null, word (not quoted), text, list or dict."""

    kind: str
    text: str = ""
    items: t.Mapping[str, t.Any] = {}


class _Bounded:
    """A stream that ends the check after a number of bytes."""

    def __init__(self, stream: t.Any) -> None:
        self._stream, self._left = stream, LOOK_AT_BYTES

    def read(self, size: int) -> bytes:
        """Read up to ``size`` bytes. Raises _Enough after LOOK_AT_BYTES."""
        if self._left <= 0:
            raise _Enough
        self._left -= size
        return t.cast(bytes, self._stream.read(size))


def check_archive(
    file: t.BinaryIO, kind: str | None, shown: str, check_whole: t.Callable[[], None] | None = None
) -> None:
    """Raise LXDInputError if an archive has no metadata.yaml that a server would accept.

    ``shown``: the name of the archive in messages. ``check_whole``: raises LXDInputError if the archive was cut short,
    which is then the reason why metadata.yaml is not found.
    """
    try:
        stream = _unpacked(file, kind)
        if stream is not None:
            with tarfile.open(fileobj=_Bounded(stream), mode="r|") as archive:  # type: ignore[call-overload]
                _check_members(archive)
    except _Wrong as exc:
        if check_whole and isinstance(exc, _Missing):
            check_whole()
        raise _refusal(shown, exc) from exc
    except (
        _Enough,
        OSError,
        EOFError,
        ValueError,
        ArithmeticError,
        RecursionError,
        tarfile.TarError,
        zlib.error,
        _lzma_error(),
    ):
        # it cannot be read here: check_whole() finds damage, and the server the rest
        return


def check_folder(path: str) -> None:
    """Raise LXDInputError if a directory has no metadata.yaml that a server would accept."""
    name = os.path.join(path, "metadata.yaml")
    try:
        if stat.S_ISLNK(os.lstat(name).st_mode):
            raise _Wrong("is a symbolic link, which the servers don't follow")
        with open(name, "rb") as file:
            _check_document(file.read(LONGEST + 1))
    except _Wrong as exc:
        raise _refusal(path, exc) from exc
    except OSError as exc:
        raise LXDInputError(f"Cannot read {name!r}: {exc.strerror}.") from exc


def _refusal(shown: str, wrong: _Wrong) -> LXDInputError:
    return LXDInputError(f"The servers would refuse {shown!r}: its metadata.yaml {wrong}.")


def _unpacked(file: t.BinaryIO, kind: str | None) -> t.Any:
    # imported only here: each library is for one format
    if kind == "tar":
        return file
    if kind == "gzip":
        import gzip

        return gzip.GzipFile(fileobj=file)
    if kind == "bzip2":
        import bz2

        return bz2.BZ2File(file)
    if kind in ("xz", "lzma"):
        try:
            import lzma
        except ImportError:
            return None
        return lzma.LZMAFile(file)
    return None


def _lzma_error() -> type[Exception]:
    try:
        from lzma import LZMAError
    except ImportError:
        return EOFError
    return LZMAError


def _check_members(archive: tarfile.TarFile) -> None:
    for number in range(LOOK_AT_MEMBERS):
        try:
            member = archive.next()
        except tarfile.StreamError:
            # Python up to 3.10 raises this for an empty archive
            if number:
                raise
            member = None
        if member is None:
            raise _Missing("is missing: it must be at the top of the archive")
        if member.name in NAMES and not member.isdir():
            _check_member(archive, member)
            return
        # a root file system may have more members than memory should hold
        archive.members.clear()  # type: ignore[attr-defined]


def _check_member(archive: tarfile.TarFile, member: tarfile.TarInfo) -> None:
    if member.issym() or member.islnk():
        raise _Wrong(f"is a {'symbolic' if member.issym() else 'hard'} link, which the servers don't follow")
    file = archive.extractfile(member)
    if file is not None:
        _check_document(file.read(LONGEST + 1))


def _check_document(data: bytes) -> None:
    if len(data) > LONGEST:
        raise _Wrong(f"is longer than {LONGEST} bytes")
    if not any(
        line.strip() and not line.lstrip().startswith(b"#") for line in data.removeprefix(b"\xef\xbb\xbf").splitlines()
    ):
        raise _Wrong("is empty")
    document = _parse(data)
    if document is None:
        return
    if document.kind not in ("dict", "null"):
        raise _Wrong("is no dictionary")
    _check_values(document.items)


def _check_values(values: t.Mapping[str, _Value]) -> None:
    missing = _Value("null")
    # a merge key may bring in keys that seem to be missing
    merged = "<<" in values
    architecture = values.get("architecture", missing)
    if architecture.kind in ("list", "dict"):
        raise _Wrong("has an 'architecture' that is no text")
    if not architecture.text and not (merged and "architecture" not in values):
        raise _Wrong("has no 'architecture'")
    for key in ("creation_date", "expiry_date"):
        value = values.get(key, missing)
        if value.kind not in ("null", "word") or value.kind == "word" and not _NUMBER.fullmatch(value.text):
            raise _Wrong(f"has the {key!r} {value.text!r}, which must be a number: seconds since 1970, not quoted")
    date = values.get("creation_date", missing)
    if (date.kind == "null" or _ZERO.fullmatch(date.text)) and not (merged and "creation_date" not in values):
        raise _Wrong("has no 'creation_date'")
    properties = values.get("properties", missing)
    if properties.kind not in ("null", "dict") or any(
        value.kind in ("list", "dict") for value in properties.items.values()
    ):
        raise _Wrong("has 'properties' that are no dictionary of texts")


def _parse(data: bytes) -> _Value | None:
    """Return the document, or None if it cannot be checked here. Raises _Wrong."""
    if len(data) > LONGEST_PARSED:
        return None
    try:
        return _json_value(json.loads(data))
    except (ValueError, RecursionError):
        pass  # JSON is YAML, but most YAML is no JSON
    try:
        import yaml
    except ImportError:
        return None
    try:
        # only composed, not constructed: the server decides what a tag or a word means
        loader = yaml.BaseLoader(data)
        return _yaml_value(loader.get_node()) if loader.check_node() else None
    except yaml.YAMLError as exc:
        problem = getattr(exc, "problem", None) or getattr(exc, "reason", None) or str(exc)
        if any(words in str(exc) for words in _DOUBTFUL):
            return None
        mark = getattr(exc, "problem_mark", None)
        raise _Wrong(f"is no YAML: {problem}" + (f" (line {mark.line + 1})" if mark else "")) from exc
    except (RecursionError, ValueError):
        return None


def _json_value(value: t.Any, depth: int = 2) -> _Value:
    if value is None:
        return _Value("null")
    if isinstance(value, dict):
        return _Value("dict", items={key: _json_value(item, depth - 1) for key, item in value.items()} if depth else {})
    if isinstance(value, list):
        return _Value("list")
    return _Value("text", value) if isinstance(value, str) else _Value("word", json.dumps(value))


def _yaml_value(node: t.Any, depth: int = 2) -> _Value | None:
    """Return the value of a node. ``depth``: levels of dictionaries to read, deeper ones are empty."""
    if node.id == "sequence":
        return _Value("list")
    if node.id == "mapping":
        items = ((key, _yaml_value(value, depth - 1)) for key, value in node.value) if depth else ()
        return _Value(
            "dict", items={key.value: value for key, value in items if key.id == "scalar" and value is not None}
        )
    if not node.tag.endswith(":str"):
        return _Value("word", node.value if _NUMBER.fullmatch(node.value) else "1")
    if node.style is not None:
        return _Value("text", node.value)
    return _Value("null") if node.value in _NULL else _Value("word", node.value)
