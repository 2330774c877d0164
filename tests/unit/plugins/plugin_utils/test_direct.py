# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where a task runs: inside Ansible's own process only where that is the same as a module."""

from __future__ import annotations

import os
import sys
import typing as t

import pytest
from ansible.errors import AnsibleActionFail
from ansible.parsing.dataloader import DataLoader
from ansible.playbook.play_context import PlayContext
from ansible.playbook.task import Task
from ansible.plugins.action.normal import ActionModule as NormalAction
from ansible.template import Templar

from ansible_collections.community.lxd.plugins.action.lxd_image_export import ActionModule as Export
from ansible_collections.community.lxd.plugins.action.lxd_image_info import ActionModule as Info
from ansible_collections.community.lxd.plugins.plugin_utils import _direct

Variables = dict[str, t.Any]


class Connection:
    transport = "local"
    become: t.Any = None


class Tried(t.NamedTuple):
    """One task. ``way``: "here" or "module". ``said``: what -vvvv shows."""

    way: str
    said: list[str]


Try = t.Callable[..., Tried]


@pytest.fixture
def attempt(monkeypatch: pytest.MonkeyPatch) -> Try:
    """Runs a task whose work is not done, in either way."""
    said: list[str] = []
    monkeypatch.setattr(_direct.display, "vvvv", lambda text, host=None: said.append(text))
    monkeypatch.setattr(_direct.DirectAction, "_run_here", lambda self, show: {"way": "here"})
    monkeypatch.setattr(NormalAction, "run", lambda self, tmp=None, task_vars=None: {"way": "module"})
    monkeypatch.setattr(_direct.ActionBase, "run", lambda self, tmp=None, task_vars=None: {})
    monkeypatch.setattr(_direct, "REQUESTS_IMPORT_ERROR", None)
    monkeypatch.setattr(_direct, "UNIXSOCKET_IMPORT_ERROR", None)
    monkeypatch.setattr(_direct.sys, "platform", "linux")
    monkeypatch.delenv("COMMUNITY_LXD_IN_PROCESS", raising=False)

    def run(
        variables: Variables | None = None,
        connection: Connection | None = None,
        action: type[_direct.DirectAction] = Info,
        **attributes: t.Any,
    ) -> Tried:
        loader, task = DataLoader(), Task()
        task.action, task.args = "community.lxd.lxd_image", {}
        for name, value in attributes.items():
            setattr(task, name, value)
        given: Variables = variables or {}
        plugin = action(
            task=task,
            connection=connection or Connection(),
            play_context=PlayContext(),
            loader=loader,
            templar=Templar(loader=loader, variables=given),
            shared_loader_obj=None,
        )
        return Tried(plugin.run(task_vars=given)["way"], said)

    return run


def with_connection(**values: t.Any) -> Connection:
    connection = Connection()
    vars(connection).update(values)
    return connection


def test_here(attempt: Try) -> None:
    assert attempt() == Tried("here", [])


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        pytest.param(
            {"connection": with_connection(transport="ssh")}, "the connection is 'ssh', not 'local'", id="connection"
        ),
        pytest.param({"connection": with_connection(become=object())}, "it uses 'become'", id="become"),
        pytest.param({"async_val": 10}, "it uses 'async'", id="async"),
        pytest.param(
            {"variables": {"ansible_python_interpreter": "/usr/bin/no-such-python"}},
            "'ansible_python_interpreter' is another Python than Ansible's own",
            id="interpreter",
        ),
        pytest.param(
            {"action": Export, "args": {"mode": "0600"}},
            "only a module can set the attributes of files",
            id="file attributes",
        ),
        pytest.param(
            {"action": Export, "args": {"attr": "i"}},
            "only a module can set the attributes of files",
            id="their other name",
        ),
        pytest.param({"variables": {"community_lxd_in_process": False}}, "it is turned off", id="turned off"),
    ],
)
def test_as_a_module(attempt: Try, more: dict[str, t.Any], reason: str) -> None:
    assert attempt(**more) == Tried("module", [f"community.lxd.lxd_image runs as a module: {reason}"])
    if reason != "it is turned off":
        more = {**more, "variables": {**more.get("variables", {}), "community_lxd_in_process": True}}
        with pytest.raises(AnsibleActionFail, match=f"as 'community_lxd_in_process' requires: {reason}"):
            attempt(**more)


@pytest.mark.parametrize(
    ("owner", "name", "value", "reason"),
    [
        pytest.param(
            _direct.sys, "platform", "darwin", "forked processes can't look up the proxies of macOS", id="macOS"
        ),
        pytest.param(
            _direct,
            "REQUESTS_IMPORT_ERROR",
            "no requests",
            "a required Python library is missing on the controller",
            id="requests",
        ),
        pytest.param(
            _direct,
            "UNIXSOCKET_IMPORT_ERROR",
            "no unix sockets",
            "a required Python library is missing on the controller",
            id="unix sockets",
        ),
    ],
)
def test_as_a_module_in_places(
    attempt: Try, monkeypatch: pytest.MonkeyPatch, owner: t.Any, name: str, value: t.Any, reason: str
) -> None:
    monkeypatch.setattr(owner, name, value)
    assert attempt() == Tried("module", [f"community.lxd.lxd_image runs as a module: {reason}"])
    with pytest.raises(AnsibleActionFail, match=reason):
        attempt({"community_lxd_in_process": True})


def test_as_a_module_whose_files_are_kept(attempt: Try, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANSIBLE_KEEP_REMOTE_FILES", "true")
    assert attempt() == Tried(
        "module",
        ["community.lxd.lxd_image runs as a module: the files of the module must be kept (ANSIBLE_KEEP_REMOTE_FILES)"],
    )


@pytest.mark.parametrize(
    "variables",
    [
        {"ansible_python_interpreter": sys.executable},
        {"ansible_python_interpreter": "auto_silent"},
        {"community_lxd_in_process": "auto"},
        {"community_lxd_in_process": ""},
        {"community_lxd_in_process": "yes"},
    ],
    ids=str,
)
def test_still_here(attempt: Try, variables: Variables) -> None:
    assert attempt(variables) == Tried("here", [])


def test_an_export_without_attributes_is_here(attempt: Try) -> None:
    assert attempt(action=Export, args={"dest": "/tmp"}).way == "here"


def test_a_link_to_this_python_elsewhere_is_another_one(attempt: Try, tmp_path: t.Any) -> None:
    """As a virtual environment's, which may have other libraries."""
    os.symlink(sys.executable, tmp_path / "python")
    assert attempt({"ansible_python_interpreter": str(tmp_path / "python")}).way == "module"


def test_the_interpreter_of_the_host_that_a_task_is_delegated_to(attempt: Try) -> None:
    variables: Variables = {
        "ansible_python_interpreter": "/usr/bin/no-such-python",
        "ansible_delegated_vars": {"there": {"ansible_python_interpreter": sys.executable}},
    }
    assert attempt(variables, delegate_to="there").way == "here"
    assert attempt(variables).way == "module"


@pytest.mark.parametrize(("value", "way"), [("false", "module"), ("true", "here"), ("auto", "here")])
def test_the_environment_switches_too(attempt: Try, monkeypatch: pytest.MonkeyPatch, value: str, way: str) -> None:
    monkeypatch.setenv("COMMUNITY_LXD_IN_PROCESS", value)
    assert attempt().way == way


def test_the_variable_is_stronger_than_the_environment(attempt: Try, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMMUNITY_LXD_IN_PROCESS", "false")
    assert attempt({"community_lxd_in_process": True}).way == "here"


def test_a_switch_that_is_neither(attempt: Try) -> None:
    with pytest.raises(
        AnsibleActionFail, match="'community_lxd_in_process' is 'perhaps', but must be true, false or auto"
    ):
        attempt({"community_lxd_in_process": "perhaps"})
