# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""Runs a module of the collection inside Ansible's worker process, if the result is the same as on the managed node.

Such a task takes a tenth of the time: no Python is started, and no file is packed, copied or compiled. The task has
everything that a module process has: its environment, its working directory, validated options and masked secrets. If
anything could differ, the task runs as a module.
"""

from __future__ import annotations

import contextlib
import datetime
import importlib
import json
import os
import shutil
import sys
import typing as t

from ansible import __version__ as core_release
from ansible import constants as C
from ansible.errors import AnsibleActionFail
from ansible.module_utils.basic import FILE_COMMON_ARGUMENTS
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.module_utils.common.parameters import remove_values
from ansible.module_utils.errors import UnsupportedError
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase
from ansible.plugins.action.normal import ActionModule as NormalAction
from ansible.utils.display import Display

from ansible_collections.community.lxd.plugins.module_utils import _run
from ansible_collections.community.lxd.plugins.module_utils._lxd.background import stop_all
from ansible_collections.community.lxd.plugins.module_utils._lxd.errors import LXDError
from ansible_collections.community.lxd.plugins.module_utils._lxd.libraries import (
    REQUESTS_IMPORT_ERROR,
    UNIXSOCKET_IMPORT_ERROR,
)
from ansible_collections.community.lxd.plugins.module_utils._lxd.progress import Progress

_LAZY = (
    "_image.apply.access",
    "_image.apply.runner",
    "_image.image_writer",
    "_image.sources.file",
    "_image.sources.instance",
    "_image.sources.remote",
    "_image.sources.server",
    "_image.sources.simplestreams",
    "_image.sources.url",
    "_image.tasks.export_files",
    "_image.tasks.info_simplestreams",
    "_image.tasks.trust",
    "_image.tasks.update_check",
    "_lxd.http_files",
    "_lxd.remotes",
    "_lxd.tls",
)
"""Files that a task imports only if it uses them. Imported here once, before Ansible forks its workers."""
for _name in _LAZY:
    importlib.import_module(f"ansible_collections.community.lxd.plugins.module_utils.{_name}")

SWITCH = "community_lxd_in_process"
"""The name of a variable and, in capitals, of an environment variable: false, true or auto.

False runs all tasks as modules; true lets a task fail if it cannot run in this process.
"""

CORE_VERSION = tuple(int(part) for part in core_release.split(".")[:2])

display = Display()


class DirectAction(NormalAction):
    """Runs ``MODULE`` in this process if the result is the same as on the managed node, else as a module."""

    MODULE: t.ClassVar[_run.Module]
    """The description of the module, which each action plugin sets."""

    @property
    def _spec(self) -> _run.Spec:
        """The argument spec of all options that the module takes."""
        attributes = t.cast(_run.Spec, FILE_COMMON_ARGUMENTS) if self.MODULE.file_attributes else {}
        return {**self.MODULE.full_spec, **attributes}

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        """Run the task, and return its result. Raises AnsibleActionFail if it may not run as a module but has to."""
        variables = task_vars or {}
        switch = self._switch(variables)
        reason = "it is turned off" if switch is False else self._why_as_a_module(variables)
        # empty text counts as not given, also for Ansible's checks of options that exclude or require others
        self._task.args = _run.without_empty_text(self._task.args, self._spec, self.MODULE.keep_empty)
        if reason is None:
            return {**ActionBase.run(self, tmp, task_vars), **self._run_here(_shows_invocation(variables))}
        if switch is True:
            raise AnsibleActionFail(
                f"Cannot run this task inside Ansible's own process, as '{SWITCH}' requires: {reason}."
            )
        display.vvvv(f"{self._task.action} runs as a module: {reason}")
        return t.cast("dict[str, t.Any]", super().run(tmp, task_vars))

    def _switch(self, variables: dict[str, t.Any]) -> bool | None:
        """Return the value of SWITCH: False, True, or None for "auto"."""
        value = variables.get(SWITCH, os.environ.get(SWITCH.upper()))
        value = self._templar.template(value)
        if value is None or str(value).lower() in ("", "auto"):
            return None
        try:
            return bool(boolean(value))
        except TypeError as exc:
            raise AnsibleActionFail(f"'{SWITCH}' is {value!r}, but must be true, false or auto.") from exc

    def _why_as_a_module(self, variables: dict[str, t.Any]) -> str | None:
        """Return the reason why the result in a module's own process could differ, or None if it is the same."""
        if self._connection.transport != "local":
            return f"the connection is '{self._connection.transport}', not 'local'"
        if self._connection.become is not None:
            return "it uses 'become'"
        if self._task.async_val:
            return "it uses 'async'"
        if sys.platform == "darwin":
            return "forked processes can't look up the proxies of macOS"
        if C.config.get_config_value("DEFAULT_KEEP_REMOTE_FILES"):
            return "the files of the module must be kept (ANSIBLE_KEEP_REMOTE_FILES)"
        if not self._same_python(variables):
            return "'ansible_python_interpreter' is another Python than Ansible's own"
        if REQUESTS_IMPORT_ERROR or UNIXSOCKET_IMPORT_ERROR:
            return "a required Python library is missing on the controller"
        if self.MODULE.file_attributes and any(name in self._task.args for name in (*FILE_COMMON_ARGUMENTS, "attr")):
            return "only a module can set the attributes of files"
        return None

    def _same_python(self, variables: dict[str, t.Any]) -> bool:
        """Return whether a module would run with the same Python as this process.

        Also returns True if Ansible would discover the Python, as the user has then not selected one.
        """
        if self._task.delegate_to:
            variables = (variables.get("ansible_delegated_vars") or {}).get(self._task.delegate_to) or variables
        wanted = self._templar.template(C.config.get_config_value("INTERPRETER_PYTHON", variables=variables))
        if not wanted or str(wanted).startswith("auto"):
            return True
        path = shutil.which(os.path.expanduser(str(wanted)))
        # the python of a virtual environment is a link to the one it was made from: only their folders differ
        return path is not None and _python(path) == _python(sys.executable)

    def _run_here(self, show_invocation: bool) -> dict[str, t.Any]:
        """Run the module in this process, and return the result that a module process would have given.

        ``show_invocation``: whether the result contains the options.
        """
        module, given = self.MODULE, plain(self._task.args)
        with self._surroundings():
            checked = ArgumentSpecValidator(self._spec, **module.full_constraints).validate(given)
            params = checked.validated_parameters
            secrets = _run.secrets_of(self._spec, params, given)
            if checked.error_messages:
                result: dict[str, t.Any] = {"failed": True, "msg": self._words_of(checked)}
            else:
                result = self._answer(params)
        warnings = [*_alias_warnings(module.spec, given), *result.pop("warnings", [])]
        # warnings must be in the result for 'failed_when' and 'changed_when'
        if CORE_VERSION >= (2, 21):
            # since 2.21, warnings of the result are not visible to them; Ansible collects these and adds them
            for warning in warnings:
                display.warning(str(remove_values(warning, secrets)))
        elif warnings:
            result["warnings"] = warnings
        if result.get("failed"):
            result.setdefault("changed", False)
        if show_invocation:
            result["invocation"] = {"module_args": params}
        # the result of a module process contains only the types of JSON
        result = json.loads(json.dumps(result, default=str))
        return t.cast("dict[str, t.Any]", remove_values(result, secrets)) if secrets else result

    def _answer(self, params: dict[str, t.Any]) -> dict[str, t.Any]:
        """Run the module with validated options, and return its return values or those of its error."""
        try:
            return _run.run(self.MODULE, params, self._task.check_mode, self._progress())
        except LXDError as exc:
            return {"failed": True, "msg": str(exc), "failure": exc.failure}
        finally:
            # the worker continues with the next item of a loop, and the threads of this one must not run beside it
            stop_all()

    def _words_of(self, checked: t.Any) -> str:
        """Return the message for wrong options in the words of AnsibleModule."""
        message = str(checked.errors.msg)
        if isinstance(checked.errors[0], UnsupportedError):
            message = f"Unsupported parameters for ({self._task.action}) module: {message}"
        return message

    @contextlib.contextmanager
    def _surroundings(self) -> t.Iterator[None]:
        """Set the environment of the task and the working directory of a module process, and restore both at the end.

        The working directory is the folder of the playbook.
        """
        environment: dict[str, t.Any] = {}
        self._compute_environment_string(environment)
        saved, folder = dict(os.environ), os.getcwd()
        os.environ.update({str(key): str(value) for key, value in environment.items()})
        os.chdir(self._loader.get_basedir())
        try:
            yield
        finally:
            os.chdir(folder)
            os.environ.clear()
            os.environ.update(saved)

    def _progress(self) -> Progress | None:
        if self._task.no_log:
            return None
        name = self._task.get_name().strip()
        return Progress(lambda text: display.display(f"{name}: {text}"))


def _shows_invocation(variables: dict[str, t.Any]) -> bool:
    """Return whether the result of a module contains its options: since ansible-core 2.21 only if configured."""
    name = "INJECT_INVOCATION"
    return not C.config.get_configuration_definition(name) or bool(C.config.get_config_value(name, variables=variables))


def _python(path: str) -> tuple[str, str]:
    """Return what identifies a Python: its folder and its file, both without links."""
    path = os.path.abspath(path)
    return os.path.realpath(os.path.dirname(path)), os.path.realpath(path)


def _alias_warnings(spec: _run.Spec, given: t.Mapping[str, t.Any]) -> list[str]:
    """Return the warnings of AnsibleModule about options that are given by both of their names."""
    return [
        f"Both option {name} and its alias {alias} are set."
        for name, option in spec.items()
        for alias in option.get("aliases", ())
        if name in given and alias in given
    ]


def plain(value: t.Any) -> t.Any:
    """Return a copy of a value that contains only plain types of Python.

    Ansible's own types of text and containers record their origin, and are templated only when they are read.
    """
    if isinstance(value, t.Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, datetime.date):
        # as Ansible hands it to a module
        return value.isoformat()
    for kind in (str, float):
        if isinstance(value, kind):
            return kind(value)
    if isinstance(value, bool) or value is None:
        return value
    return int(value) if isinstance(value, int) else str(value)
