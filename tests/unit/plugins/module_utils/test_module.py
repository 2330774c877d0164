# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import typing as t

import pytest
from ansible.module_utils import basic

from ansible_collections.community.lxd.plugins.module_utils import _module, _run
from ansible_collections.community.lxd.plugins.module_utils._lxd import libraries
from ansible_collections.community.lxd.plugins.module_utils._lxd.errors import (
    LXDAPIError,
    LXDError,
    LXDInputError,
    LXDMissingLibraryError,
)


class Ended(Exception):
    """``hidden``: what Ansible masks wherever it shows."""

    def __init__(self, failed: bool, result: dict[str, t.Any], hidden: frozenset[str]) -> None:
        super().__init__(result)
        self.failed, self.result, self.hidden = failed, result, hidden


Run = t.Callable[..., Ended]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a module with these options, and give back how it ended."""

    def end(failed: bool) -> t.Callable[..., None]:
        def ended(module: basic.AnsibleModule, **result: t.Any) -> None:
            raise Ended(failed, result, frozenset(module.no_log_values))

        return ended

    monkeypatch.setattr(basic.AnsibleModule, "exit_json", end(False))
    monkeypatch.setattr(basic.AnsibleModule, "fail_json", end(True))
    for variable in (
        "URL",
        "CLIENT_CERT",
        "CLIENT_KEY",
        "SERVER_CERT",
        "SERVER_FINGERPRINT",
        "PROJECT",
        "BEARER_TOKEN",
        "REMOTE",
        "DIR",
        "SOCKET",
    ):
        monkeypatch.delenv(f"LXD_{variable}", raising=False)

    def start(
        action: t.Callable[..., t.Any],
        spec: dict[str, t.Any] | None = None,
        parse: t.Callable[[t.Any], t.Any] = dict,
        **options: t.Any,
    ) -> Ended:
        arguments = {
            "ANSIBLE_MODULE_ARGS": {"_ansible_remote_tmp": "/tmp", "_ansible_keep_remote_files": False, **options}
        }
        monkeypatch.setattr(basic, "_ANSIBLE_ARGS", json.dumps(arguments).encode())
        monkeypatch.setattr(basic, "_ANSIBLE_PROFILE", "legacy", raising=False)  # since core 2.19
        with pytest.raises(Ended) as ended:
            _module.run_module(
                _run.Module(spec or {}, parse=parse, run=action, unseen=lambda desired: {"promised": None})
            )
        return ended.value

    return start


def fails(error: Exception) -> t.Callable[..., t.Any]:
    def action(*args: t.Any) -> t.Any:
        raise error

    return action


def test_the_result_is_returned(run: Run) -> None:
    ended = run(
        lambda api, params, check_mode: {"changed": True, "image": params["name"]},
        {"name": {"type": "str"}},
        name="n",
        url="unix:/s",
    )
    assert (ended.failed, ended.result) == (False, {"changed": True, "image": "n"})


@pytest.mark.parametrize("check_mode", [True, False])
def test_check_mode_is_passed_on(run: Run, check_mode: bool) -> None:
    ended = run(lambda api, params, check_mode: {"check": check_mode}, url="unix:/s", _ansible_check_mode=check_mode)
    assert ended.result == {"check": check_mode}


@pytest.mark.parametrize(
    ("error", "result"),
    [
        pytest.param(LXDInputError("Cannot do that."), {"msg": "Cannot do that.", "failure": {}}, id="input"),
        pytest.param(
            LXDAPIError("Cannot read x: no", status=500, request="GET /x", error="no"),
            {"msg": "Cannot read x: no", "failure": {"status": 500, "request": "GET /x", "error": "no"}},
            id="server",
        ),
        pytest.param(LXDError("Cannot.", operation=None), {"msg": "Cannot.", "failure": {}}, id="nothing known"),
        pytest.param(
            LXDMissingLibraryError("It is too old.", "lib", "trace"),
            {"msg": "It is too old.", "exception": "trace"},
            id="old library",
        ),
    ],
)
def test_an_error_fails_the_task(run: Run, error: LXDError, result: dict[str, t.Any]) -> None:
    ended = run(fails(error), url="unix:/s")
    assert (ended.failed, ended.result) == (True, result)


def test_a_bug_is_not_hidden(run: Run) -> None:
    with pytest.raises(ZeroDivisionError):
        run(fails(ZeroDivisionError()), url="unix:/s")


def test_a_bad_url_fails_the_task(run: Run) -> None:
    ended = run(fails(AssertionError("no connection, no action")), url="http://h")
    assert ended.failed and "'url' is 'http://h'" in ended.result["msg"]


@pytest.mark.parametrize(
    ("missing", "url", "words"),
    [
        ("REQUESTS_IMPORT_ERROR", "https://h", ["requests", "python3-requests ", "Python library"]),
        (
            "UNIXSOCKET_IMPORT_ERROR",
            "unix:/s",
            ["requests-unixsocket", "python3-requests-unixsocket", "Python library"],
        ),
    ],
)
def test_a_missing_library_is_named(
    run: Run, monkeypatch: pytest.MonkeyPatch, missing: str, url: str, words: list[str]
) -> None:
    monkeypatch.setattr(libraries, missing, "ImportError: no such module")
    ended = run(fails(AssertionError("no library, no action")), url=url)
    assert ended.failed and ended.result["exception"] == "ImportError: no such module"
    assert [word for word in words if word not in ended.result["msg"]] == []


def connection(api: t.Any, params: t.Any, check_mode: bool) -> dict[str, t.Any]:
    return {"connection": api.client.transport.connection, "project": api.client.project}


def test_the_options_of_the_connection(run: Run) -> None:
    pin = "ab" * 32
    result = run(
        connection,
        url="https://h:8443",
        server_fingerprint=pin,
        ca_path="/etc",
        validate_certs=False,
        project="p",
        timeout=5,
    ).result
    made = result["connection"]
    assert (made.url, made.server_fingerprint, made.ca_path, made.validate_certs, made.timeout) == (
        "https://h:8443",
        pin,
        "/etc",
        False,
        5.0,
    )
    assert result["project"] == "p"


@pytest.mark.parametrize("timeout", [0, -1, "nan", "inf", 1e300])
def test_a_timeout_that_is_none(run: Run, timeout: t.Any) -> None:
    ended = run(connection, url="https://h:8443", timeout=timeout)
    assert ended.failed and "'timeout' is " in ended.result["msg"]


def test_a_password_in_a_url_is_not_shown(run: Run) -> None:
    ended = run(fails(LXDError("No answer from https://me:s3cret@h:8443")), url="https://me:s3cret@h:8443")
    assert ended.failed and "s3cret" in ended.hidden


NESTED = {
    "options": {
        "source": {"type": "dict", "options": {"secret": {"type": "str", "no_log": True}}},
        "force": {"type": "bool"},
    },
    "type": "list",
    "elements": "dict",
}


@pytest.mark.parametrize(
    ("images", "hidden"),
    [
        ([{"source": "no dictionary"}], ["s3cret"]),
        (["no dictionary"], ["s3cret"]),
        ([{"source": {"secret": "in-a-source"}, "force": []}, {"source": "no dictionary"}], ["s3cret", "in-a-source"]),
    ],
    ids=str,
)
def test_a_secret_is_not_shown_where_suboptions_are_none(run: Run, images: list[t.Any], hidden: list[str]) -> None:
    ended = run(connection, {"images": NESTED}, url="unix:/s", trust_token="s3cret", images=images)
    assert ended.failed and ended.hidden >= set(hidden)


def test_an_empty_variable_is_not_set(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("URL", "REMOTE", "PROJECT", "SERVER_FINGERPRINT", "TRUST_TOKEN", "TRUST_PASSWORD"):
        monkeypatch.setenv(f"LXD_{variable}", "")
    monkeypatch.setenv("LXD_URL", "https://h:8443")
    result = run(connection).result
    assert (result["connection"].url, result["project"]) == ("https://h:8443", "default")


def test_the_environment_stands_in_for_options(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LXD_URL", "https://h:8443")
    monkeypatch.setenv("LXD_SERVER_FINGERPRINT", "ab" * 32)
    monkeypatch.setenv("LXD_PROJECT", "p")
    result = run(connection).result
    assert (result["connection"].url, result["connection"].server_fingerprint, result["project"]) == (
        "https://h:8443",
        "ab" * 32,
        "p",
    )
    assert run(connection, url="unix:/s").result["connection"].url == "unix:/s"
    monkeypatch.setenv("LXD_REMOTE", "mine")
    assert run(connection, url="unix:/s").result["connection"].url == "unix:/s"
    monkeypatch.setattr(_run, "find_local_url", lambda environ: "unix:/found")
    assert run(connection, remote="local").result["connection"].url == "unix:/found"
    ended = run(connection)
    assert ended.failed and "LXD_URL and LXD_REMOTE in the environment" in ended.result["msg"]


def test_without_a_url_a_local_socket_is_looked_for(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_run, "find_local_url", lambda environ: "unix:/found")
    result = run(connection).result
    assert (result["connection"].url, result["connection"].timeout, result["project"]) == (
        "unix:/found",
        600.0,
        "default",
    )
