# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is said of a metadata.yaml beforehand. That LXD 5.0.2 and Incus 6.0.4 take the same and refuse the same was tried, case by case."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import os
import sys
import tarfile
import typing as t

import pytest

from ansible_collections.community.lxd.plugins.module_utils._image.sources import metadata_check as metadata
from ansible_collections.community.lxd.plugins.module_utils._image.sources.metadata_check import check_archive
from ansible_collections.community.lxd.plugins.module_utils._lxd.errors import LXDInputError

HEAD = b"architecture: x86_64\ncreation_date: 1700000000\n"
GOOD = HEAD + b"properties:\n  os: demo\n"
Members = t.Sequence[tuple[str, t.Union[bytes, tuple[bytes, str]]]]
ROOTFS: Members = [("rootfs/etc/hostname", b"demo\n")]


def tar_of(members: Members) -> bytes:
    """Each a name, and the content, or the type and what it is linked to."""
    output = io.BytesIO()
    with tarfile.open(fileobj=output, mode="w") as archive:
        for name, content in members:
            member = tarfile.TarInfo(name)
            if isinstance(content, bytes):
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
            else:
                member.type, member.linkname = content
                archive.addfile(member)
    return output.getvalue()


def judge(data: bytes, kind: str | None = "tar") -> str:
    """What is wrong, or nothing."""
    try:
        check_archive(io.BytesIO(data), kind, "demo.tar")
    except LXDInputError as exc:
        head, found, words = str(exc).partition("The servers would refuse 'demo.tar': its metadata.yaml ")
        assert (head, bool(found)) == ("", True)
        return words
    return ""


@pytest.mark.parametrize(
    ("members", "words"),
    [
        pytest.param([("metadata.yaml", GOOD), *ROOTFS], "", id="first"),
        pytest.param([*ROOTFS, ("metadata.yaml", GOOD)], "", id="last"),
        pytest.param([(".", (tarfile.DIRTYPE, "")), ("./metadata.yaml", GOOD), *ROOTFS], "", id="with a dot"),
        pytest.param([("/metadata.yaml", GOOD), *ROOTFS], "is missing", id="absolute"),
        pytest.param([("image/metadata.yaml", GOOD), *ROOTFS], "is missing", id="further down"),
        pytest.param([("METADATA.YAML", GOOD), *ROOTFS], "is missing", id="another name"),
        pytest.param(ROOTFS, "is missing", id="missing"),
        pytest.param([], "is missing", id="nothing at all"),
        pytest.param([("metadata.yaml", (tarfile.DIRTYPE, "")), *ROOTFS], "is missing", id="a directory"),
        pytest.param(
            [("m.yaml", GOOD), ("metadata.yaml", (tarfile.SYMTYPE, "m.yaml"))], "is a symbolic link", id="symbolic link"
        ),
        pytest.param(
            [("m.yaml", GOOD), ("metadata.yaml", (tarfile.LNKTYPE, "m.yaml"))], "is a hard link", id="hard link"
        ),
        pytest.param([("metadata.yaml", b""), ("metadata.yaml", GOOD)], "is empty", id="the first counts"),
    ],
)
def test_where_it_is(members: Members, words: str) -> None:
    found = judge(tar_of(members))
    assert found.startswith(words) and bool(found) == bool(words)


CONTENT = {
    # taken by both servers
    "plain": (GOOD, ""),
    "no properties": (HEAD, ""),
    "as Debian calls it": (b"architecture: amd64\ncreation_date: 1\n", ""),
    "JSON": (json.dumps({"architecture": "x86_64", "creation_date": 1, "properties": {"a": "b"}}).encode(), ""),
    "byte order mark": (b"\xef\xbb\xbf" + GOOD, ""),
    "UTF-16": (GOOD.decode().encode("utf-16"), ""),
    "CRLF": (GOOD.replace(b"\n", b"\r\n"), ""),
    "a tab": (b"architecture:\tx86_64\ncreation_date: 1700000000\n", ""),
    "two documents": (GOOD + b"---\nfoo: bar\n", ""),
    "a key twice": (b"architecture: x86_64\n" + GOOD, ""),
    "merged": (b"a: &a {architecture: x86_64}\n<<: *a\ncreation_date: 1\n", ""),
    "tags": (b'architecture: !foo x86_64\ncreation_date: !!int "1"\n', ""),
    "unknown keys": (GOOD + b"foo: =\n", ""),
    "numbers as properties": (GOOD + b"  x: 5\n", ""),
    "null as properties": (HEAD + b"properties:\n", ""),
    "half a second": (b"architecture: x86_64\ncreation_date: 1700000000.5\n", ""),
    "exponent": (b"architecture: x86_64\ncreation_date: 1.7e9\n", ""),
    "before 1970": (b"architecture: x86_64\ncreation_date: -5\n", ""),
    "underscores": (b"architecture: x86_64\ncreation_date: 1_700_000_000\n", ""),
    "octal": (b"architecture: x86_64\ncreation_date: 0700000000\n", ""),
    "hexadecimal": (b"architecture: x86_64\ncreation_date: 0x6553f100\n", ""),
    "as long as it may be": (GOOD + b"#" * (1024 * 1024 - len(GOOD)), ""),
    # refused by both
    "empty": (b"", "is empty"),
    "comment": (b"# nothing\n\n", "is empty"),
    "broken": (b"a: [\n", "is no YAML: "),
    "no anchor": (b"architecture: *x\n" + HEAD, "is no YAML: found undefined alias 'x' (line 1)"),
    "Latin-1": (GOOD + b'  x: "\xe4"\n', "is no YAML: "),
    "control characters": (GOOD + b'  x: "\x01"\n', "is no YAML: "),
    "list": (b"- a\n", "is no dictionary"),
    "text": (b"abc\n", "is no dictionary"),
    "null": (b"null\n", "has no 'architecture'"),
    "no architecture": (b"creation_date: 1700000000\n", "has no 'architecture'"),
    "empty architecture": (b'architecture: ""\ncreation_date: 1\n', "has no 'architecture'"),
    "null as architecture": (b"architecture:\ncreation_date: 1\n", "has no 'architecture'"),
    "list as architecture": (b"architecture: [x86_64]\ncreation_date: 1\n", "has an 'architecture' that is no text"),
    "other case": (b"Architecture: x86_64\nCreation_Date: 1\n", "has no 'architecture'"),
    "no date": (b"architecture: x86_64\n", "has no 'creation_date'"),
    "null as date": (b"architecture: x86_64\ncreation_date:\n", "has no 'creation_date'"),
    "zero": (b"architecture: x86_64\ncreation_date: 0\n", "has no 'creation_date'"),
    "quoted": (
        b'architecture: x86_64\ncreation_date: "1700000000"\n',
        "has the 'creation_date' '1700000000', which must be a number",
    ),
    "word": (
        b"architecture: x86_64\ncreation_date: yesterday\n",
        "has the 'creation_date' 'yesterday', which must be a number",
    ),
    "day": (
        b"architecture: x86_64\ncreation_date: 2024-01-01\n",
        "has the 'creation_date' '2024-01-01', which must be a number",
    ),
    "boolean": (
        b"architecture: x86_64\ncreation_date: true\n",
        "has the 'creation_date' 'true', which must be a number",
    ),
    "JSON text": (
        b'{"architecture": "x86_64", "creation_date": "1"}',
        "has the 'creation_date' '1', which must be a number",
    ),
    "expiry": (HEAD + b"expiry_date: soon\n", "has the 'expiry_date' 'soon', which must be a number"),
    "list as properties": (HEAD + b"properties: [a]\n", "has 'properties' that are no dictionary of texts"),
    "dictionary as property": (GOOD + b"  x: {a: b}\n", "has 'properties' that are no dictionary of texts"),
    "too long": (GOOD + b"#" * (1024 * 1024 + 1 - len(GOOD)), "is longer than 1048576 bytes"),
}


@pytest.mark.parametrize("case", CONTENT)
def test_what_is_in_it(case: str) -> None:
    content, words = CONTENT[case]
    found = judge(tar_of([("metadata.yaml", content), *ROOTFS]))
    assert found.startswith(words) and bool(found) == bool(words)


@pytest.mark.parametrize("case", CONTENT)
def test_without_pyyaml(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "yaml", None)
    content, words = CONTENT[case]
    found = judge(tar_of([("metadata.yaml", content), *ROOTFS]))
    # of what is no JSON, only that it is nothing, or too much
    expected = words if words.startswith(("is empty", "is longer")) or case in ("null", "JSON text") else ""
    assert found.startswith(expected) and bool(found) == bool(expected)


PACKED: dict[str, t.Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "lzma": lambda data: lzma.compress(data, format=lzma.FORMAT_ALONE),
}


@pytest.mark.parametrize("kind", PACKED)
def test_packed(kind: str) -> None:
    assert judge(PACKED[kind](tar_of([*ROOTFS, ("metadata.yaml", b"")])), kind) == "is empty."
    assert judge(PACKED[kind](tar_of([*ROOTFS, ("metadata.yaml", GOOD)])), kind) == ""
    assert judge(PACKED[kind](tar_of(ROOTFS)), kind).startswith("is missing")


@pytest.mark.parametrize("kind", ["zstd", "lz4", "squashfs", "qcow2", None])
def test_what_is_not_read_here(kind: str | None) -> None:
    assert judge(tar_of(ROOTFS), kind) == ""


@pytest.mark.parametrize("kind", ["tar", *PACKED])
@pytest.mark.parametrize("data", [b"", b"no archive" * 500, bytes(100)], ids=["nothing", "junk", "zeros"])
def test_what_is_damaged_is_found_out_elsewhere(kind: str, data: bytes) -> None:
    assert judge(data, kind) == ""
    whole = tar_of([("a", os.urandom(30_000))])
    assert judge(PACKED.get(kind, bytes)(whole)[:20_000], kind) == ""


def test_what_was_cut_short_is_not_missing() -> None:
    def check_whole() -> None:
        raise LXDInputError("cut short")

    with pytest.raises(LXDInputError, match="^cut short$"):
        check_archive(io.BytesIO(tar_of(ROOTFS)), "tar", "demo.tar", check_whole)
    with pytest.raises(LXDInputError, match="is empty"):
        check_archive(io.BytesIO(tar_of([("metadata.yaml", b"")])), "tar", "demo.tar", check_whole)


def test_an_end_to_looking(monkeypatch: pytest.MonkeyPatch) -> None:
    late = tar_of([("a", bytes(100_000)), *[(f"b{number}", b"") for number in range(50)], ("metadata.yaml", b"")])
    assert judge(late) == "is empty."
    monkeypatch.setattr(metadata, "LOOK_AT_MEMBERS", 51)
    assert judge(late) == ""
    monkeypatch.undo()
    monkeypatch.setattr(metadata, "LOOK_AT_BYTES", 100_000)
    assert judge(late) == ""


def test_what_is_behind_it_is_not_read() -> None:
    data = tar_of([("metadata.yaml", GOOD), ("rootfs/large", bytes(1_000_000))])
    file = io.BytesIO(data)
    check_archive(file, "tar", "demo.tar")
    assert file.tell() <= 4 * tarfile.RECORDSIZE


@pytest.mark.parametrize("content", [b"[" * 50_000, b"{a: " * 50_000, b"&a [*a]\n"])
def test_no_content_breaks_it(content: bytes) -> None:
    judge(tar_of([("metadata.yaml", content)]))
