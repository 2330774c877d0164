# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a task finds inside Ansible's own process: all that a module's process would have, and nothing of Ansible's. When it runs there, test_direct.py says."""

from __future__ import annotations

import datetime
import os
import pathlib
import types
import typing as t

import pytest
from ansible.module_utils.common.text.converters import to_text
from ansible.plugins.action import normal

from ansible_collections.community.lxd.plugins.module_utils import _run
from ansible_collections.community.lxd.plugins.module_utils._lxd.errors import LXDInputError
from ansible_collections.community.lxd.plugins.plugin_utils import _direct

SPEC: _run.Spec = {
    "name": {"type": "str", "aliases": ["alias"]},
    "number": {"type": "int"},
    "secret": {"type": "str", "no_log": True},
    "source": {"type": "dict", "options": {"url": {"type": "str"}, "key": {"type": "str", "no_log": True}}},
}


class Ran(Exception):
    """The task was given to a module."""


class Host:
    """One task on one host: what Ansible gives an action plugin, as far as it is looked at."""

    def __init__(self, act: t.Callable[..., dict[str, t.Any]] | None = None, folder: str = "/", **args: t.Any) -> None:
        self.module = _run.Module(
            SPEC,
            dict,
            act or (lambda api, desired, check_mode: {"changed": False, "desired": dict(desired)}),
            lambda desired: {},
        )
        self.task = types.SimpleNamespace(
            action="community.lxd.lxd_image",
            args={"url": "unix:/nowhere", **args},
            check_mode=False,
            async_val=0,
            delegate_to=None,
            environment=[],
            no_log=False,
            get_name=lambda: "the task",
            untemplated_args={},
        )
        self.connection = types.SimpleNamespace(
            transport="local", become=None, _shell=types.SimpleNamespace(env_prefix=lambda **kwargs: "", tmpdir=None)
        )
        self.folder = folder

    def plugin(self) -> t.Any:
        kind = type("Plugin", (_direct.DirectAction,), {"MODULE": self.module})
        templar = types.SimpleNamespace(template=lambda value, **kwargs: value)
        loader = types.SimpleNamespace(get_basedir=lambda: self.folder)
        return kind(self.task, self.connection, types.SimpleNamespace(check_mode=False), loader, templar, None)

    def run(self, **variables: t.Any) -> dict[str, t.Any]:
        return t.cast("dict[str, t.Any]", self.plugin().run(task_vars=variables))


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    def as_module(*args: t.Any, **kwargs: t.Any) -> t.NoReturn:
        raise Ran

    monkeypatch.setattr(normal.ActionModule, "run", as_module)
    monkeypatch.setattr(_direct.ActionBase, "run", lambda self, tmp, task_vars: {})
    monkeypatch.delenv("COMMUNITY_LXD_IN_PROCESS", raising=False)
    for name in ("LXD_URL", "ANSIBLE_PYTHON_INTERPRETER"):
        monkeypatch.delenv(name, raising=False)


def test_on_a_local_connection_it_runs_here() -> None:
    result = Host(name="n").run()
    assert (result["changed"], result["desired"]["name"]) == (False, "n")


@pytest.mark.parametrize("version", [(2, 17), (2, 20), (2, 21)])
def test_warnings_are_where_conditions_find_them(version: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []
    monkeypatch.setattr(_direct, "CORE_VERSION", version)
    monkeypatch.setattr(_direct.display, "warning", shown.append)
    host = Host(
        lambda api, desired, check_mode: {"changed": False, "warnings": ["The key is t0p-s3cret."]},
        name="n",
        alias="m",
        secret="t0p-s3cret",
    )
    told = ["Both option name and its alias alias are set.", "The key is ********."]
    assert (host.run().get("warnings"), shown) == ((None, told) if version == (2, 21) else (told, []))
    assert "warnings" not in Host(name="n").run()


# what a module's process would have


def test_the_environment_and_the_folder_of_the_task(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, t.Any] = {}

    def act(api: t.Any, desired: t.Any, check_mode: bool) -> dict[str, t.Any]:
        seen.update(
            home=os.path.expanduser("~"), number=os.environ.get("NUMBER"), folder=os.getcwd(), url=api.client.url
        )
        return {"changed": False}

    before = (dict(os.environ), os.getcwd())
    host = Host(act, str(tmp_path))
    host.task.args = {}
    host.task.environment = [{"HOME": "/home/else", "NUMBER": 12, "LXD_URL": "unix:/from/the/environment"}]
    host.run()
    assert seen == {"home": "/home/else", "number": "12", "folder": str(tmp_path), "url": "unix:/from/the/environment"}
    assert (dict(os.environ), os.getcwd()) == before


def test_after_a_failure_the_environment_is_as_it_was(tmp_path: pathlib.Path) -> None:
    def act(api: t.Any, desired: t.Any, check_mode: bool) -> dict[str, t.Any]:
        raise KeyboardInterrupt

    before = (dict(os.environ), os.getcwd())
    host = Host(act, str(tmp_path))
    host.task.environment = [{"NUMBER": "1"}]
    with pytest.raises(KeyboardInterrupt):
        host.run()
    assert (dict(os.environ), os.getcwd()) == before


def test_check_mode_is_passed_on() -> None:
    host = Host(lambda api, desired, check_mode: {"changed": check_mode})
    host.task.check_mode = True
    assert host.run()["changed"] is True


SECRET = "s3cret-s3cret"


def show(api: t.Any, desired: t.Any, check_mode: bool) -> dict[str, t.Any]:
    return {"changed": False, "shown": f"it is {SECRET}", "desired": dict(desired), "list": [SECRET, 1]}


def refuse(api: t.Any, desired: t.Any, check_mode: bool) -> dict[str, t.Any]:
    raise LXDInputError(f"Cannot use {SECRET}.", request=f"GET {SECRET}")


@pytest.mark.parametrize("act", [show, refuse])
@pytest.mark.parametrize(
    "args",
    [
        {"secret": SECRET},
        {"source": {"key": SECRET}},
        {"source": {"url": f"https://u:{SECRET}@h"}},
        {"secret": SECRET, "number": "no number"},
        {"source": f"key={SECRET}", "secret": SECRET},
        {"source": {"key": SECRET, "strange": 1}},
        {"trust_token": SECRET},
    ],
    ids=str,
)
def test_secrets_are_masked(args: dict[str, t.Any], act: t.Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANSIBLE_INJECT_INVOCATION", "true")
    monkeypatch.setattr(_run, "_enrol", lambda api, params, check_mode: [])
    result = Host(act, **args).run()
    assert SECRET not in to_text(result)


def test_wrong_options_fail_as_a_module_fails() -> None:
    result = Host(nmae="n").run()
    assert result["failed"] and result["msg"].startswith(
        "Unsupported parameters for (community.lxd.lxd_image) module: nmae. Supported parameters include: "
    )
    result = Host(number="x").run()
    assert result["failed"] and "unable to convert to int" in result["msg"]
    result = Host(refuse).run()
    assert (result["failed"], result["changed"], result["failure"]) == (True, False, {"request": f"GET {SECRET}"})


class Tagged(str):
    """Stands for Ansible's own kinds of text."""


def test_nothing_of_ansible_enters_the_library() -> None:
    kinds: set[type] = set()

    def act(api: t.Any, desired: t.Any, check_mode: bool) -> dict[str, t.Any]:
        kinds.update(type(value) for value in desired.values())
        return {"changed": False, "name": desired["name"]}

    result = Host(act, name=Tagged("n"), source={"url": Tagged("https://h")}).run()
    assert Tagged not in kinds and result["name"].__class__ is str
    moment = datetime.datetime(2026, 11, 21, 10, tzinfo=datetime.timezone.utc)
    assert _direct.plain([moment, moment.date()]) == ["2026-11-21T10:00:00+00:00", "2026-11-21"]
    assert _direct.plain({Tagged("k"): (Tagged("v"), 1, 1.5, True, None, [])}) == {"k": ["v", 1, 1.5, True, None, []]}


def test_progress_is_shown_but_not_with_no_log(monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[str] = []
    monkeypatch.setattr(_direct.display, "display", lines.append)

    def act(api: t.Any, desired: t.Any, check_mode: bool) -> dict[str, t.Any]:
        if api.client.progress:
            api.client.progress._last -= 60
            api.client.progress.count("images", 12, 500, "done")
        return {"changed": False}

    host = Host(act)
    host.run()
    assert lines == ["the task: images: 12 of 500 done"]
    host.task.no_log = True
    host.run()
    assert len(lines) == 1


def test_no_thread_of_a_task_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    stopped: list[bool] = []
    monkeypatch.setattr(_direct, "stop_all", lambda: stopped.append(True))
    Host().run()
    Host(refuse).run()
    assert stopped == [True, True]
