# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""What stands between Ansible and the library: options of the connection, and errors that become a failed task."""

from __future__ import annotations

import json
import os
import re
import typing as t

from ansible.module_utils.basic import AnsibleFallbackNotFound, AnsibleModule, env_fallback, missing_required_lib

from ansible_collections.community.lxd.plugins.module_utils._image.api import ImageAPI
from ansible_collections.community.lxd.plugins.module_utils._image.reconcile import reconcile_trust
from ansible_collections.community.lxd.plugins.module_utils._lxd.client import Client
from ansible_collections.community.lxd.plugins.module_utils._lxd.errors import LXDError, LXDInputError, LXDMissingLibraryError
from ansible_collections.community.lxd.plugins.module_utils._lxd.remotes import SIMPLESTREAMS, Remote, find_remote
from ansible_collections.community.lxd.plugins.module_utils._lxd.transport import Connection, Transport, find_local_url, require_libraries

Params = t.Mapping[str, t.Any]
Action = t.Callable[[ImageAPI, Params, bool], dict[str, t.Any]]


def _from_environment(variable: str) -> str:
    """An empty variable counts as not set: a job's credential sets all of them."""
    value = env_fallback(variable)
    if not value:
        raise AnsibleFallbackNotFound
    return str(value)


def _option(env: str, **kwargs: t.Any) -> dict[str, t.Any]:
    return {"fallback": (_from_environment, [env]), "type": "str", **kwargs}


CONNECTION_SPEC: dict[str, dict[str, t.Any]] = {
    "url": _option("LXD_URL"),
    "remote": _option("LXD_REMOTE"),
    "client_cert": _option("LXD_CLIENT_CERT"),
    "client_key": _option("LXD_CLIENT_KEY", no_log=True),
    "server_cert": _option("LXD_SERVER_CERT"),
    "server_fingerprint": _option("LXD_SERVER_FINGERPRINT"),
    "ca_path": {"type": "path"},
    "validate_certs": {"type": "bool", "default": True},
    "trust_token": _option("LXD_TRUST_TOKEN", no_log=True),
    "trust_password": _option("LXD_TRUST_PASSWORD", no_log=True),
    "bearer_token": _option("LXD_BEARER_TOKEN", no_log=True),
    "project": _option("LXD_PROJECT", default="default"),
    "timeout": {"type": "float", "default": 600},
}


LONGEST_TIMEOUT = 10**7
"""Seconds. A system's clock can't tell what is very much later."""

_PASSWORD = re.compile(r"://[^/@\s]*?:([^/@\s]+)@")


def connect(params: Params, remote: Remote | None) -> ImageAPI:
    """The images of the server and project that a task's options name. Raises LXDError; sends nothing yet."""
    if not 0 < params["timeout"] <= LONGEST_TIMEOUT:
        raise LXDInputError(f"'timeout' is {params['timeout']:g}, but must be a number of seconds above 0, at most {LONGEST_TIMEOUT}.")
    url, certificates = params["url"], {name: params[name] for name in ("server_cert", "client_cert", "client_key")}
    project = params["project"]
    if remote is not None:
        # what the task gives itself goes before the configuration
        url = remote.address
        certificates = {name: given or getattr(remote, name) for name, given in certificates.items()}
        project = remote.project if remote.project and project == "default" else project
    connection = Connection(
        url=find_local_url(os.environ) if url in (None, "", "unix:", "unix://") else url,
        server_fingerprint=params["server_fingerprint"],
        ca_path=params["ca_path"],
        validate_certs=params["validate_certs"],
        bearer_token=params["bearer_token"],
        timeout=params["timeout"],
        **certificates,
    )
    return ImageAPI(Client(Transport(connection), project))


class _Module(AnsibleModule):
    """Hides secrets also where Ansible ends it: for an option that has no dictionary where suboptions belong, it forgets what is secret."""

    def fail_json(self, msg: str, **kwargs: t.Any) -> t.NoReturn:
        self.hide_passwords()
        self.no_log_values.update(_values_of(frozenset(_secret_options(self.argument_spec)), self.params))
        super().fail_json(msg=msg, **kwargs)

    def hide_passwords(self) -> None:
        """Leave those in URLs out of everything that is returned."""
        self.no_log_values.update(_PASSWORD.findall(json.dumps(self.params, default=str, ensure_ascii=False)))


def _secret_options(spec: t.Mapping[str, dict[str, t.Any]]) -> t.Iterator[str]:
    """Their names, those of suboptions too."""
    for name, option in spec.items():
        if option.get("no_log"):
            yield name
        yield from _secret_options(option.get("options") or {})


def _values_of(names: t.Container[str], given: t.Any) -> t.Iterator[str]:
    """Texts under these names, however deep: what was not validated has any shape."""
    if isinstance(given, t.Mapping):
        for name, value in given.items():
            if name in names and value and isinstance(value, str):
                yield value
            yield from _values_of(names, value)
    elif isinstance(given, (list, tuple)):
        for value in given:
            yield from _values_of(names, value)


def run_module(
    argument_spec: dict[str, dict[str, t.Any]],
    action: Action,
    streams_action: t.Callable[[Remote, Params], dict[str, t.Any]] | None = None,
    **constraints: t.Any,
) -> t.NoReturn:
    """Build the module, call ``action(api, params, check_mode)`` and exit with what it returns or with its error.

    ``streams_action(remote, params)`` takes the place of ``action`` where ``remote`` is a simplestreams server, which can only be read.
    """
    constraints["mutually_exclusive"] = [*constraints.get("mutually_exclusive", []), ("url", "remote"), ("trust_token", "trust_password")]
    module = _Module(argument_spec={**CONNECTION_SPEC, **argument_spec}, supports_check_mode=True, **constraints)
    module.hide_passwords()
    try:
        require_libraries(local=False)
        result = _run(module.params, module.check_mode, action, streams_action)
    except LXDMissingLibraryError as exc:
        module.fail_json(msg=str(exc) or missing_required_lib(exc.library), exception=exc.trace)
    except LXDError as exc:
        module.fail_json(msg=str(exc), failure=exc.failure)
    if result.get("failed"):
        module.fail_json(**result)
    if constraints.get("add_file_common_args"):
        result["changed"] = _set_file_attributes(module, result)
    module.exit_json(**result)


def _set_file_attributes(module: AnsibleModule, result: dict[str, t.Any]) -> bool:
    """Give the files of a result the mode, owner and so on that the task asks for. Returns whether anything has changed in all."""
    changed = result["changed"]
    for path in (result["path"], result["rootfs_path"]):
        if path and os.path.exists(path):
            arguments = module.load_file_common_arguments(module.params, path=path)
            changed = module.set_fs_attributes_if_different(arguments, changed)
    return bool(changed)


def _run(params: Params, check_mode: bool, action: Action, streams_action: t.Callable[[Remote, Params], dict[str, t.Any]] | None) -> dict[str, t.Any]:
    remote = find_remote(params["remote"], lambda: None, os.environ, os.path.expanduser("~")) if params["remote"] else None
    if remote and remote.protocol == SIMPLESTREAMS:
        if streams_action is None:
            raise LXDInputError(f"The remote {remote.name!r} is a simplestreams server, which can only be read: use it as 'remote' in 'source'.")
        return streams_action(remote, params)
    api = connect(params, remote)
    enrolled = reconcile_trust(api, params["trust_token"], params["trust_password"], check_mode)
    if enrolled and check_mode:
        # what the server would show a trusted client can't be seen yet
        return {"changed": True, "actions": enrolled, "diff": {"before": {"trusted": False}, "after": {"trusted": True}}}
    result = action(api, params, check_mode)
    if enrolled:
        result = {**result, "changed": True, "actions": [*enrolled, *result.get("actions", [])]}
    return result
