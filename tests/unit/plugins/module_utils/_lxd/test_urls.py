# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.community.lxd.plugins.module_utils._lxd.errors import LXDInputError
from ansible_collections.community.lxd.plugins.module_utils._lxd.urls import (
    has_credentials,
    server_url,
    show_urls,
    shown_url,
    url_secrets,
)

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
        ("http://bot:a/b@h/a", ["a/b", "a"]),
        ("http://bot:hunter2#x@h/a", ["hunter2#x", "hunter2"]),
        ("http://bot:hunter2?x@h/a", ["hunter2?x", "hunter2"]),
        ("http://bot:/x@h/a", ["/x"]),
        ("http://h:8443/a#b@c", []),
        ("http://[::1]/a?x=b@c", []),
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


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://h", "https://h:8443"),
        ("https://h:443", "https://h:443"),
        ("https://h:8443/", "https://h:8443"),
        ("https://h:8443/1.0", "https://h:8443"),
        ("https://h:8443/1.0/", "https://h:8443"),
        (" https://h:8443 ", "https://h:8443"),
        ("https://[::1]", "https://[::1]:8443"),
        ("https://h:8443/behind/a/proxy/", "https://h:8443/behind/a/proxy"),
        ("https://h:8443/proxy/1.0", "https://h:8443/proxy"),
    ],
)
def test_the_url_of_a_server(url: str, expected: str) -> None:
    assert server_url(url, "'url'") == expected


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("https://h:8443?project=x", "'url' has a query .* give 'project'"),
        ("https://h:8443/1.0?project=x", "give 'project'"),
        ("https://h#x", "a fragment"),
        ("https://user:hidden@h", "a user or a password .* give 'client_cert'"),
        ("https://user@h", "a user or a password"),
        ("http://h", "'url' is 'http://h', but must be"),
        ("h:8443", "must be 'unix:/path/unix.socket' or 'https://host:8443'"),
        ("/var/lib/incus/unix.socket", "did you mean 'unix:/var/lib/incus/unix.socket'"),
        ("https://", "must be 'unix:/path"),
        ("https://h:x", "is not a valid URL"),
        ("https://h/\ud800", "is not a valid URL"),
        ("https://h:0", "its port is 0"),
        ("", "must be 'unix:/path"),
    ],
)
def test_what_is_not_understood_is_refused(url: str, words: str) -> None:
    with pytest.raises(LXDInputError, match=words) as caught:
        server_url(url, "'url'")
    assert "hidden" not in str(caught.value)
