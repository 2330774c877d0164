# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.community.lxd.plugins.module_utils._image.sources.checksum import (
    Checksum,
    find_checksum,
    parse_checksum,
    resolve_checksum,
)
from ansible_collections.community.lxd.plugins.module_utils._lxd.errors import LXDInputError

MD5, SHA1, SHA256, SHA512 = "d" * 32, "1" * 40, "a" * 64, "5" * 128
SUMS = "https://h/SHA256SUMS"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"sha256:{SHA256}", ("sha256", SHA256)),
        (f" SHA256: {SHA256.upper()} ", ("sha256", SHA256)),
        (SHA256, ("sha256", SHA256)),
        (f"sha512:{SHA512}", ("sha512", SHA512)),
        (SHA512, ("sha512", SHA512)),
        (MD5, ("md5", MD5)),
        (f"{SHA256}  debian.tar.gz", ("sha256", SHA256)),
        (f"{SHA256} *two words.tar.gz", ("sha256", SHA256)),
        (f"SHA256 (debian.tar.gz) = {SHA256}", ("sha256", SHA256)),
        (f"SHA1 (a) = {SHA1}", ("sha1", SHA1)),
        (f"sha256:{SUMS}", ("sha256", "", SUMS)),
        (f"SHA512:{SUMS}", ("sha512", "", SUMS)),
        (SUMS, ("sha256", "", SUMS)),
    ],
    ids=str,
)
def test_what_people_write(text: str, expected: tuple[str, ...]) -> None:
    assert parse_checksum(text) == Checksum(*expected)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("nonsense:" + SHA256, "names the algorithm 'nonsense', which is not supported"),
        ("crc32:1234", "names the algorithm 'crc32'"),
        ("shake_128:00", "names the algorithm 'shake_128'"),
        (f"nonsense:{SUMS}", "names the algorithm 'nonsense'"),
        ("sha512:000", "a checksum of sha512 has 128 hex digits"),
        (f"sha512:{SHA256}", "a checksum of sha512 has 128 hex digits"),
        ("sha256:" + "g" * 64, "has 64 hex digits"),
        ("sha256:", "has 64 hex digits"),
        ("", "has 64 hex digits"),
        ("SHA256SUMS", "has 64 hex digits"),
    ],
    ids=str,
)
def test_what_can_not_be_verified_is_refused(text: str, words: str) -> None:
    with pytest.raises(LXDInputError, match=words):
        parse_checksum(text)


@pytest.mark.parametrize(
    "text",
    [
        f"# sums\n{MD5}  other\n{SHA256}  a.tar\n",
        f"{SHA256} *./images/a.tar\n",
        f"SHA256 (a.tar) = {SHA256.upper()}\n",
        f"\n  {SHA256}\n",
        f"garbage\n{SHA256}\ta.tar\r\n",
    ],
    ids=str,
)
def test_a_file_of_checksums(text: str) -> None:
    assert resolve_checksum(
        parse_checksum(f"sha256:{SUMS}"), "a.tar", lambda url: text if url == SUMS else ""
    ) == Checksum("sha256", SHA256)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "The checksum of 'a.tar' was not found in https://h/SHA256SUMS"),
        (f"{SHA256}  b.tar\n{SHA256}  xa.tar\n", "was not found"),
        (f"{MD5}  a.tar\n", "a checksum of sha256 has 64 hex digits"),
        ("<html>\n", "was not found"),
    ],
    ids=str,
)
def test_a_file_without_the_checksum(text: str, words: str) -> None:
    with pytest.raises(LXDInputError, match=words):
        find_checksum(Checksum("sha256", "", SUMS + "?signature=secret"), text, "a.tar")


def test_nothing_is_read_without_need() -> None:
    assert resolve_checksum(Checksum("md5", MD5), "a", lambda url: pytest.fail("read")) == Checksum("md5", MD5)
