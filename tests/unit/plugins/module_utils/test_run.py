# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What both front ends share: the order of parse, connect, enrol and run; empty text; what the argument specs say."""

from __future__ import annotations

import importlib
import typing as t

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.community.lxd.plugins.module_utils import _run
from ansible_collections.community.lxd.plugins.module_utils._image.tasks import trust
from ansible_collections.community.lxd.plugins.module_utils._lxd.errors import LXDInputError

MODULES = (
    "lxd_image",
    "lxd_image_alias",
    "lxd_image_export",
    "lxd_image_info",
    "lxd_image_prune",
    "lxd_image_secret",
    "lxd_image_store",
)
A = "a" * 64


def module(name: str) -> _run.Module:
    return t.cast(
        _run.Module, importlib.import_module(f"ansible_collections.community.lxd.plugins.modules.{name}").MODULE
    )


def validated(name: str, options: dict[str, t.Any]) -> tuple[dict[str, t.Any], list[str]]:
    """The options as Ansible validates them, and what it has to say about them."""
    described = module(name)
    result = ArgumentSpecValidator(described.full_spec, **described.full_constraints).validate(options)
    return result.validated_parameters, result.error_messages


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is done, in its order. The server does not trust the client yet."""
    done: list[str] = []
    monkeypatch.setattr(_run, "connect", lambda params, remote, progress: done.append("connect"))

    def enrol(api: t.Any, token: str | None, password: str | None, check_mode: bool) -> list[str]:
        done.append("enrol in check mode" if check_mode else "enrol")
        return ["trust_add"]

    monkeypatch.setattr(trust, "run_trust", enrol)
    return done


def run(described: _run.Module, options: dict[str, t.Any], check_mode: bool = False) -> dict[str, t.Any]:
    params = (
        ArgumentSpecValidator(described.full_spec, **described.full_constraints).validate(options).validated_parameters
    )
    return _run.run(described, params, check_mode)


def test_first_the_options_then_the_connection_then_trust(steps: list[str]) -> None:
    def parse(params: t.Any) -> str:
        steps.append("parse")
        return "desired"

    def act(api: t.Any, desired: str, check_mode: bool) -> dict[str, t.Any]:
        steps.append(f"run for {desired}")
        return {"changed": False, "actions": []}

    described = _run.Module({}, parse, act, lambda desired: {"promised": desired})
    result = run(described, {"url": "https://h", "trust_token": "t"})
    assert steps == ["parse", "connect", "enrol", "run for desired"]
    assert result == {"changed": True, "actions": ["trust_add"]}
    steps.clear()
    result = run(described, {"url": "https://h", "trust_token": "t"}, check_mode=True)
    assert steps == ["parse", "connect", "enrol in check mode"]
    assert (result["promised"], result["changed"], result["actions"]) == ("desired", True, ["trust_add"])


@pytest.mark.parametrize("option", ["trust_token", "trust_password"])
@pytest.mark.parametrize("check_mode", [True, False])
def test_a_token_without_a_certificate_is_not_used_up(option: str, check_mode: bool) -> None:
    with pytest.raises(LXDInputError, match=f"'{option}' requires 'client_cert'"):
        run(module("lxd_image_info"), {"url": "https://h", option: "t"}, check_mode)


BAD: dict[str, dict[str, t.Any]] = {
    "lxd_image": {"name": "n", "source": {"type": "file", "path": "/a", "alias": "x"}},
    "lxd_image_alias": {"name": "n", "rename_from": "n"},
    "lxd_image_export": {"fingerprint": "short", "dest": "/d"},
    "lxd_image_info": {"older_than": "soon"},
    "lxd_image_prune": {"properties": {}},
    "lxd_image_secret": {"fingerprint": "short"},
    "lxd_image_store": {"images": [], "concurrency": 0},
}


@pytest.mark.parametrize("check_mode", [True, False])
@pytest.mark.parametrize("name", MODULES)
def test_wrong_options_use_up_no_token(name: str, check_mode: bool, steps: list[str]) -> None:
    with pytest.raises(LXDInputError):
        run(module(name), {"url": "https://h", "trust_token": "t", **BAD[name]}, check_mode)
    assert steps == []


EMPTY_BUT_REQUIRED: list[tuple[str, dict[str, t.Any], str]] = [
    ("lxd_image", {"name": "n", "source": {"type": "file", "path": None}}, "'file' requires 'path'"),
    ("lxd_image", {"name": "n", "source": {"type": "file", "path": ""}}, "'file' requires 'path'"),
    ("lxd_image", {"name": "n", "source": {"type": "url", "url": ""}}, "'url' requires 'url'"),
    ("lxd_image", {"name": "n", "source": {"type": "instance", "name": None}}, "'instance' requires 'name'"),
    ("lxd_image", {"name": "n", "source": {"type": "snapshot", "name": ""}}, "'snapshot' requires 'name'"),
    ("lxd_image", {"name": "", "fingerprint": None}, "One of 'name', 'fingerprint', or a 'source'"),
    ("lxd_image", {"name": "n", "state": "latest", "source": None}, "'state: latest' requires a 'source'"),
    ("lxd_image_alias", {"name": ""}, "'name' is empty"),
    ("lxd_image_export", {"name": "n", "dest": None}, "'dest' is empty"),
    ("lxd_image_export", {"name": "", "dest": "/d"}, "One of 'name' and 'fingerprint' is required"),
    ("lxd_image_secret", {"fingerprint": ""}, "One of 'name' and 'fingerprint' is required"),
    ("lxd_image_secret", {"state": "absent", "operation": None}, "'operation' is empty"),
    ("lxd_image_prune", {"keep": None}, "At least one condition or 'keep' is required"),
]


@pytest.mark.parametrize(("name", "options", "message"), EMPTY_BUT_REQUIRED, ids=str)
def test_what_is_required_must_not_be_empty(
    name: str, options: dict[str, t.Any], message: str, steps: list[str]
) -> None:
    with pytest.raises(LXDInputError, match=message):
        run(module(name), {"url": "https://h", "trust_token": "t", **options})
    assert steps == []


GOOD: dict[str, dict[str, t.Any]] = {
    "lxd_image": {"name": "n"},
    "lxd_image_alias": {"name": "n"},
    "lxd_image_export": {"name": "n", "dest": "/d"},
    "lxd_image_info": {},
    "lxd_image_prune": {"keep": 1},
    "lxd_image_secret": {"name": "n"},
    "lxd_image_store": {"images": []},
}


@pytest.mark.parametrize("name", MODULES)
def test_all_that_is_promised_is_returned_before_the_client_is_enrolled(name: str, steps: list[str]) -> None:
    import yaml

    result = run(module(name), {"url": "https://h", "trust_token": "t", **GOOD[name]}, check_mode=True)
    promised = yaml.safe_load(
        importlib.import_module(f"ansible_collections.community.lxd.plugins.modules.{name}").RETURN
    )
    assert sorted({key for key, value in promised.items() if value["returned"] != "failure"} - set(result)) == []


EMPTY: list[tuple[str, dict[str, t.Any], dict[str, t.Any]]] = [
    ("lxd_image", {"name": "", "fingerprint": "", "expires_at": "", "aliases": [""]}, {}),
    ("lxd_image", {"alias": "", "aliases": ["", "b"]}, {"aliases": ["b"]}),
    ("lxd_image", {"source": {"fingerprint": "", "alias": "a"}}, {"source": {"alias": "a"}}),
    ("lxd_image", {"source": "", "public": ""}, {}),
    ("lxd_image", {"properties": {"k": ""}, "aliases": []}, {"properties": {"k": ""}, "aliases": []}),
    ("lxd_image", {"nmae": "", "source": {"pth": ""}}, {"nmae": "", "source": {"pth": ""}}),
    ("lxd_image_alias", {"name": "n", "target": "", "description": ""}, {"name": "n", "description": ""}),
    (
        "lxd_image_store",
        {"images": [{"name": "n", "source": {"alias": ""}}, "text", ""]},
        {"images": [{"name": "n", "source": {}}, "text", ""]},
    ),
    ("lxd_image_prune", {"group_by": "", "keep": 0, "url": ""}, {"group_by": "", "keep": 0}),
]


@pytest.mark.parametrize(("name", "given", "left"), EMPTY, ids=str)
def test_empty_text_is_not_given(name: str, given: dict[str, t.Any], left: dict[str, t.Any]) -> None:
    described = module(name)
    if left.get("group_by") == "":
        left = {key: value for key, value in left.items() if key != "group_by"}
    assert _run.without_empty_text(given, described.full_spec, described.keep_empty) == left


CONSTRAINTS = [
    ("lxd_image", {}, "one of the following is required: name, fingerprint, source"),
    ("lxd_image", {"name": "n", "state": "latest"}, "state is latest but all of the following are missing: source"),
    (
        "lxd_image",
        {"name": "n", "source": {"remote": "r", "server": "https://h"}},
        "mutually exclusive: remote|server found in source",
    ),
    (
        "lxd_image",
        {"name": "n", "source": {"type": "url"}},
        "type is url but all of the following are missing: url found in source",
    ),
    (
        "lxd_image",
        {"name": "n", "source": {"type": "file"}},
        "type is file but all of the following are missing: path found in source",
    ),
    (
        "lxd_image",
        {"name": "n", "source": {"type": "instance"}},
        "type is instance but all of the following are missing: name found in source",
    ),
    (
        "lxd_image",
        {"name": "n", "source": {"type": "snapshot"}},
        "type is snapshot but all of the following are missing: name found in source",
    ),
    (
        "lxd_image_store",
        {"images": [{"source": {"type": "url"}}]},
        "type is url but all of the following are missing: url found in images -> source",
    ),
    (
        "lxd_image_store",
        {"images": [{"public": True}]},
        "one of the following is required: name, fingerprint, source found in images",
    ),
    ("lxd_image_info", {"secret": "s"}, "missing parameter(s) required by 'secret': fingerprint"),
    ("lxd_image_prune", {"group_by": ["os"]}, "missing parameter(s) required by 'group_by': keep"),
    ("lxd_image_alias", {"name": "n", "url": "unix:", "remote": "r"}, "parameters are mutually exclusive: url|remote"),
]


@pytest.mark.parametrize(("name", "options", "message"), CONSTRAINTS, ids=str)
def test_the_argument_spec_says_what_it_can(name: str, options: dict[str, t.Any], message: str) -> None:
    _params, errors = validated(name, options)
    assert len(errors) == 1 and message in errors[0]
