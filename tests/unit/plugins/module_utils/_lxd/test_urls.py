# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.community.lxd.plugins.module_utils._lxd.urls import has_credentials, show_urls, shown_url, url_secrets

SHOWN = [
    ("https://h/a", "https://h/a"),
    ("https://h:8443", "https://h:8443"),
    ("http://bot:pw@h/a.tar.gz", "http://h/a.tar.gz"),
    ("http://token@h", "http://h"),
    ("http://a:b@c@h/x", "http://h/x"),
    ("https://h/a?X-Amz-Signature=0123", "https://h/a"),
    ("https://h?x=1#y", "https://h"),
    ("https://h/a@b", "https://h/a@b"),
    ("https://h/a#part", "https://h/a"),
    ("unix:/s", "unix:/s"),
    ("text", "text"),
    ("", ""),
]


@pytest.mark.parametrize(("url", "shown"), SHOWN)
def test_what_is_shown_of_a_url(url: str, shown: str) -> None:
    assert shown_url(url) == shown
    assert show_urls(f"No answer from '{url}' to <{url}>: {url}") == f"No answer from '{shown}' to <{shown}>: {shown}"
    assert has_credentials(url) == ("@h" in url or "?" in url)


@pytest.mark.parametrize(
    ("given", "secrets"),
    [
        ("https://h/a", []),
        ("http://bot:s3cret@h/a", ["s3cret"]),
        ("http://bot:p%40ss@h/a", ["p%40ss", "p@ss"]),
        ("http://bot:a/b@h/a", ["a/b"]),
        ("http://ghp_0123456789@h/a", ["ghp_0123456789"]),
        ("http://bot@h/a", []),
        ("https://h/a?X-Amz-Signature=0123&x=1#part", ["X-Amz-Signature=0123&x=1"]),
        ("https://h/a?x=1", []),
        ({"a": ["text", {"b": "https://u:one@h https://u:two@h"}]}, ["one", "two"]),
        ([1, None, True, "no url: a:b@c"], []),
    ],
    ids=str,
)
def test_what_is_secret_in_urls(given: t.Any, secrets: list[str]) -> None:
    assert list(dict.fromkeys(url_secrets(given))) == secrets
