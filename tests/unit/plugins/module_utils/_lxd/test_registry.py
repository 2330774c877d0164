# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The client of registries, with scripted answers: tests/registries has a real registry."""

from __future__ import annotations

import base64
import hashlib
import json
import typing as t

import pytest

from ansible_collections.community.lxd.plugins.module_utils._lxd import registry as module
from ansible_collections.community.lxd.plugins.module_utils._lxd.errors import (
    LXDAPIError,
    LXDForbidden,
    LXDInputError,
    LXDNotFound,
)

MANIFEST = json.dumps({"mediaType": module.MANIFESTS[0], "layers": []}).encode()
DIGEST = f"sha256:{hashlib.sha256(MANIFEST).hexdigest()}"
BASIC = f"Basic {base64.b64encode(b'me:p@ss').decode()}"
TOKEN_URL = "https://auth.example.com/token?service=s&scope=repository%3Aapp%3Apull"
Answer = tuple[int, dict[str, str], bytes]


class ScriptedFiles:
    """Answers by URL, and by the value of Authorization; keeps what it was asked."""

    def __init__(self, answers: t.Mapping[tuple[str, str | None], Answer]) -> None:
        self.answers = answers
        self.asked: list[tuple[str, str | None]] = []

    def answer(self, url: str, headers: t.Mapping[str, str], longest: int) -> Answer:
        request = (url, headers.get("Authorization"))
        self.asked.append(request)
        return self.answers[request]


def scripted(
    monkeypatch: pytest.MonkeyPatch, url: str, answers: t.Mapping[tuple[str, str | None], Answer]
) -> tuple[module.Registry, ScriptedFiles]:
    files = ScriptedFiles(answers)
    monkeypatch.setattr(module, "HttpFiles", lambda *given, **named: files)
    return module.Registry(url), files


def challenge(text: str) -> Answer:
    return 401, {"WWW-Authenticate": text}, b""


BEARER = 'Bearer realm="https://auth.example.com/token",service="s",scope="anything"'
MANIFEST_URL = "https://r.example.com/v2/app/manifests/1"


@pytest.mark.parametrize(
    ("url", "expected"),
    (
        ("https://r.example.com", MANIFEST_URL),
        ("https://r.example.com/", MANIFEST_URL),
        ("https://r.example.com:5000/x", "https://r.example.com:5000/v2/app/manifests/1"),
        ("https://docker.io", "https://registry-1.docker.io/v2/app/manifests/1"),
    ),
)
def test_url(monkeypatch: pytest.MonkeyPatch, url: str, expected: str) -> None:
    registry, _files = scripted(monkeypatch, url, {(expected, None): (200, {}, MANIFEST)})
    assert registry.get_manifest("app", "1") == module.Document(json.loads(MANIFEST), DIGEST, module.MANIFESTS[0])


@pytest.mark.parametrize(
    "url", ("http://r.example.com", "https://", "r.example.com", "https://r?x=1", "https://r#x", "oci:r")
)
def test_no_url(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    with pytest.raises(LXDInputError, match="is not the URL of a registry|not a valid URL"):
        scripted(monkeypatch, url, {})


@pytest.mark.parametrize("key", ("token", "access_token"))
@pytest.mark.parametrize(("user", "sent"), (("", None), ("me:p%40ss@", BASIC)))
def test_a_token_is_fetched_once(monkeypatch: pytest.MonkeyPatch, user: str, sent: str | None, key: str) -> None:
    answers = {
        (MANIFEST_URL, None): challenge(BEARER),
        (TOKEN_URL, sent): (200, {}, json.dumps({key: "abc"}).encode()),
        (MANIFEST_URL, "Bearer abc"): (200, {"Content-Type": f"{module.MANIFESTS[1]}; x"}, b'{"layers": []}'),
    }
    registry, files = scripted(monkeypatch, f"https://{user}r.example.com", answers)
    assert registry.get_manifest("app", "1").media_type == module.MANIFESTS[1]
    registry.get_manifest("app", "1")
    assert [request[0] for request in files.asked] == [MANIFEST_URL, TOKEN_URL, MANIFEST_URL, MANIFEST_URL]


def test_a_registry_that_gives_its_own_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then they come from the server whose certificate is pinned: no other files are opened."""
    opened: list[t.Any] = []
    own = "https://r.example.com/token?service=s&scope=repository%3Aapp%3Apull"
    files = ScriptedFiles(
        {
            (MANIFEST_URL, None): challenge('Bearer realm="https://r.example.com/token",service="s"'),
            (own, None): (200, {}, b'{"token": "abc"}'),
            (MANIFEST_URL, "Bearer abc"): (200, {"Content-Type": module.MANIFESTS[0]}, b'{"layers": []}'),
        }
    )

    def open_files(*given: t.Any, **named: t.Any) -> ScriptedFiles:
        opened.append(given)
        return files

    monkeypatch.setattr(module, "HttpFiles", open_files)
    module.Registry("https://r.example.com", "the certificate").get_manifest("app", "1")
    assert len(opened) == 1 and len(files.asked) == 3


def test_basic_authentication_without_a_password(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = {(MANIFEST_URL, None): challenge('Basic realm="x"')}
    registry, files = scripted(monkeypatch, "https://r.example.com", answers)
    with pytest.raises(LXDForbidden):
        registry.get_manifest("app", "1")
    assert {header for _url, header in files.asked} == {None}


def test_user_and_password_are_sent_only_when_they_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = {(MANIFEST_URL, None): challenge('Basic realm="r"'), (MANIFEST_URL, BASIC): (200, {}, MANIFEST)}
    registry, files = scripted(monkeypatch, "https://me:p%40ss@r.example.com", answers)
    assert registry.get_manifest("app", "1").digest == DIGEST
    assert files.asked == list(answers)
    assert registry.url == "https://r.example.com"


@pytest.mark.parametrize(
    "text", ('Bearer realm="http://auth.example.com"', "Bearer", 'Negotiate realm="x"', "", 'Bearer realm="file:///x"')
)
def test_a_challenge_that_is_not_met(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    registry, files = scripted(monkeypatch, "https://me:p@r.example.com", {(MANIFEST_URL, None): challenge(text)})
    with pytest.raises(LXDForbidden, match="nothing is sent to it|is not supported"):
        registry.get_manifest("app", "1")
    assert len(files.asked) == 1


@pytest.mark.parametrize(
    ("status", "body", "error", "words"),
    (
        (
            404,
            {"errors": [{"code": "MANIFEST_UNKNOWN", "message": "manifest unknown"}]},
            LXDNotFound,
            "manifest unknown",
        ),
        (403, {"errors": [{"code": "DENIED"}]}, LXDForbidden, "access is denied \\(DENIED\\). A private repository"),
        (429, {"details": "Too many!"}, LXDAPIError, "too many requests \\(Too many!\\). Try again later"),
        (503, None, LXDAPIError, "HTTP 503\\."),
        (500, [1], LXDAPIError, "HTTP 500\\."),
        (502, b"<html>", LXDAPIError, "HTTP 502\\."),
        (200, [1], LXDAPIError, "app"),
    ),
)
def test_errors(monkeypatch: pytest.MonkeyPatch, status: int, body: t.Any, error: type[Exception], words: str) -> None:
    registry, _files = scripted(
        monkeypatch,
        "https://r.example.com",
        {(MANIFEST_URL, None): (status, {}, body if isinstance(body, bytes) else json.dumps(body).encode())},
    )
    with pytest.raises(error, match=words):
        registry.get_manifest("app", "1")


def test_not_json(monkeypatch: pytest.MonkeyPatch) -> None:
    registry, _files = scripted(monkeypatch, "https://r.example.com", {(MANIFEST_URL, None): (200, {}, b"<html>")})
    with pytest.raises(LXDAPIError, match="not valid JSON"):
        registry.get_manifest("app", "1")


def test_a_wrong_password(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = {
        (MANIFEST_URL, None): challenge(BEARER),
        (TOKEN_URL, BASIC): (401, {}, b'{"details": "incorrect username or password"}'),
    }
    registry, _files = scripted(monkeypatch, "https://me:p%40ss@r.example.com", answers)
    with pytest.raises(LXDForbidden, match="incorrect username or password.*password in its URL is wrong") as caught:
        registry.get_manifest("app", "1")
    assert "p@ss" not in str(caught.value) and "p%40ss" not in str(caught.value)


@pytest.mark.parametrize("body", (b"{}", b'{"token": ""}', b'{"token": "a\\nb"}', b'{"token": 1}'))
def test_no_token(monkeypatch: pytest.MonkeyPatch, body: bytes) -> None:
    answers = {(MANIFEST_URL, None): challenge(BEARER), (TOKEN_URL, None): (200, {}, body)}
    registry, _files = scripted(monkeypatch, "https://r.example.com", answers)
    with pytest.raises(LXDAPIError, match="has returned no token"):
        registry.get_manifest("app", "1")


def test_another_content_than_the_digest_names(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = f"sha256:{'0' * 64}"
    url = f"https://r.example.com/v2/app/manifests/{wrong}"
    registry, _files = scripted(monkeypatch, "https://r.example.com", {(url, None): (200, {}, MANIFEST)})
    with pytest.raises(LXDAPIError, match="should have the digest"):
        registry.get_manifest("app", wrong)
