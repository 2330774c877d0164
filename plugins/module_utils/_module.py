# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""Runs a module in a process of its own on the managed node: reads its options, and prints one JSON document.

No other file uses AnsibleModule.
"""

from __future__ import annotations

import os
import typing as t

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

from ._lxd.errors import LXDError, LXDMissingLibraryError
from ._lxd.libraries import require_libraries
from ._run import Module, run, secrets_of


class _Module(AnsibleModule):
    """An AnsibleModule that also masks secrets in URLs and in keys of several lines.

    It masks all secrets even if Ansible itself ends the module because an option is wrong.
    """

    def _log_invocation(self) -> None:
        # AnsibleModule writes the options to the system's log before the module can do anything
        self.no_log_values.update(secrets_of(self.argument_spec, self.params))
        super()._log_invocation()

    def add_path_info(self, kwargs: dict[str, t.Any]) -> dict[str, t.Any]:
        """Return the result without adding to it: Ansible would replace the ``size`` of a split image by that of its
        first file."""
        return kwargs

    def fail_json(self, msg: str, **kwargs: t.Any) -> t.NoReturn:
        """Exit with an error. Collects all secrets first: Ansible may call this before run_module() has done so."""
        self.no_log_values.update(secrets_of(self.argument_spec, self.params))
        super().fail_json(msg=msg, **kwargs)


def run_module(description: Module) -> t.NoReturn:
    """Run a module, and exit with its return values or its error. Options come from Ansible, as in AnsibleModule."""
    module = _Module(
        argument_spec=description.full_spec,
        supports_check_mode=True,
        add_file_common_args=description.file_attributes,
        **description.full_constraints,
    )
    module.no_log_values.update(secrets_of(module.argument_spec, module.params))
    try:
        require_libraries(local=False)
        result = run(description, module.params, module.check_mode)
    except LXDMissingLibraryError as exc:
        module.fail_json(msg=str(exc) or missing_required_lib(exc.library), exception=exc.trace)
    except LXDError as exc:
        module.fail_json(msg=str(exc), failure=exc.failure)
    if result.get("failed"):
        module.fail_json(**result)
    if description.file_attributes:
        result["changed"] = _set_file_attributes(module, result)
    module.exit_json(**result)


def _set_file_attributes(module: AnsibleModule, result: dict[str, t.Any]) -> bool:
    """Set the mode, the owner and other attributes of the files of a result, if the task has options for them.

    Returns whether the task has changed anything: the files, their attributes, or both.
    """
    changed = result["changed"]
    for path in (result["path"], result["rootfs_path"]):
        if path and os.path.exists(path):
            arguments = module.load_file_common_arguments(module.params, path=path)
            changed = module.set_fs_attributes_if_different(arguments, changed)
    return bool(changed)
