#!/usr/bin/env python
# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs modules of the collection as Ansible does: a process each, options in, one JSON document out. Or as its action plugin does, without a module.

Thousands of runs would spend their time importing. So a process that has imported everything is forked for each of them; what
runs then is the module itself, with a process id of its own that can be killed.
The collection has to be importable: PYTHONPATH is a folder that holds ansible_collections/community/lxd.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import json
import multiprocessing
import os
import sys
import tempfile
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from ansible.module_utils.common.parameters import PASS_VARS

MODULES = (
    "lxd_image",
    "lxd_image_alias",
    "lxd_image_export",
    "lxd_image_info",
    "lxd_image_prune",
    "lxd_image_secret",
    "lxd_image_store",
)
PACKAGE = "ansible_collections.community.lxd.plugins.modules"
ACTIONS = "ansible_collections.community.lxd.plugins.action"
CONTEXT = multiprocessing.get_context("forkserver")


class ModuleTraceback(Exception):
    """A module ended in another way than with exit_json or fail_json."""


@dataclass(frozen=True)
class Result:
    """What a module said. A killed one has said nothing: its answer is None."""

    answer: dict[str, Any] | None
    output: str

    @property
    def failed(self) -> bool:
        return self.answer is None or bool(self.answer.get("failed"))

    @property
    def changed(self) -> bool:
        return self.answer is not None and bool(self.answer.get("changed"))

    def __getitem__(self, key: str) -> Any:
        return (self.answer or {})[key]

    def get(self, key: str, default: Any = None) -> Any:
        return (self.answer or {}).get(key, default)


def end_with(work: Callable[[], int], output: str) -> NoReturn:
    """In the new process: some work, with its output in a file, and its exit status as that of the process."""
    descriptor = os.open(output, os.O_WRONLY | os.O_APPEND)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    status = 1
    try:
        status = work()
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 1
    except BaseException:
        traceback.print_exc()
    with contextlib.suppress(OSError):
        sys.stdout.flush()
    os._exit(status)


def run_module(module: str, arguments: bytes, environment: Mapping[str, str]) -> int:
    """The module, which ends by itself."""
    os.environ.update(environment)
    from ansible.module_utils import basic

    # What would go to the system's log goes into the output, where tests look for secrets.
    basic.has_journal = False
    basic.AnsibleModule._log_to_syslog = lambda _module, message: print(f"log: {message!r}")  # type: ignore[method-assign, assignment]
    basic._ANSIBLE_ARGS = arguments
    basic._ANSIBLE_PROFILE = "legacy"
    importlib.import_module(f"{PACKAGE}.{module}").main()
    return 1


def run_directly(module: str, arguments: bytes, environment: Mapping[str, str]) -> int:
    """The action plugin, which does the module's work without a module. The other front end."""
    options = json.loads(arguments)["ANSIBLE_MODULE_ARGS"]
    check = options.pop("_ansible_check_mode")
    given = {name: value for name, value in options.items() if not name.startswith("_ansible_")}
    answer = run_action(module, given, check, environment)
    print("\n" + json.dumps(answer))
    return int(bool(answer.get("failed")))


def run_action(module: str, options: Mapping[str, Any], check: bool, environment: Mapping[str, str]) -> dict[str, Any]:
    """What the action plugin of a module returns, on a local connection."""
    os.environ["ANSIBLE_INJECT_INVOCATION"] = "true"
    action = importlib.import_module(f"{ACTIONS}.{module}").ActionModule
    from ansible.parsing.dataloader import DataLoader
    from ansible.playbook.play_context import PlayContext
    from ansible.playbook.task import Task
    from ansible.plugins.loader import connection_loader
    from ansible.template import Templar

    loader = DataLoader()
    loader.set_basedir(tempfile.gettempdir())
    task = Task()
    task.action, task.args, task.check_mode, task.environment = (
        f"community.lxd.{module}",
        dict(options),
        check,
        [dict(environment)],
    )
    play_context = PlayContext()
    plugin = action(
        task=task,
        connection=connection_loader.get("local", play_context, os.devnull),
        play_context=play_context,
        loader=loader,
        templar=Templar(loader=loader, variables={}),
        shared_loader_obj=None,
    )
    return dict(plugin.run(task_vars={"community_lxd_in_process": True}))


class Run:
    """A module that was started. To be waited for, or killed."""

    def __init__(
        self,
        module: str,
        options: Mapping[str, Any],
        check: bool = False,
        environment: Mapping[str, str] | None = None,
        direct: bool = False,
    ) -> None:
        self.description = f"{module} {json.dumps(dict(options), sort_keys=True, default=str)}"
        handle, self.output = tempfile.mkstemp(prefix="module-")
        os.close(handle)
        arguments = {
            **options,
            "_ansible_check_mode": check,
            "_ansible_diff": True,
            "_ansible_module_name": f"community.lxd.{module}",
            # since ansible-core 2.21 a module returns its options only on demand; the ones before refuse the word
            **({"_ansible_inject_invocation": True} if "inject_invocation" in PASS_VARS else {}),
        }
        text = json.dumps({"ANSIBLE_MODULE_ARGS": arguments}).encode()
        work = functools.partial(run_directly if direct else run_module, module, text, dict(environment or {}))
        self.process = CONTEXT.Process(target=end_with, args=(work, self.output))
        self.process.start()

    def kill(self) -> None:
        """kill -9"""
        self.process.kill()

    def wait(self, seconds: float = 120) -> Result:
        """What it said. ModuleTraceback if that is no answer of a module, or if it takes longer."""
        self.process.join(seconds)
        late = self.process.is_alive()
        if late:
            self.process.kill()
            self.process.join()
        output = Path(self.output).read_text(errors="replace")
        os.unlink(self.output)
        killed = (self.process.exitcode or 0) < 0
        self.process.close()
        if late:
            raise ModuleTraceback(f"{self.description}\nstill ran after {seconds} s\n{output}")
        lines = [line for line in output.splitlines() if line.startswith("{")]
        answer = None
        with contextlib.suppress(ValueError, IndexError):
            answer = json.loads(lines[-1])
        if not killed and (answer is None or "Traceback" in output):
            raise ModuleTraceback(f"{self.description}\n{output}")
        return Result(answer, output)


def run(
    module: str,
    options: Mapping[str, Any],
    check: bool = False,
    environment: Mapping[str, str] | None = None,
    seconds: float = 120,
) -> Result:
    """One module, from its start to its end."""
    return Run(module, options, check, environment).wait(seconds)


CONTEXT.set_forkserver_preload([f"{package}.{module}" for package in (PACKAGE, ACTIONS) for module in MODULES])
