# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""What stands between Ansible and the library: options of the connection, and errors that become a failed task."""

from __future__ import annotations

import os
import typing as t

from ansible.module_utils.basic import AnsibleModule, env_fallback, missing_required_lib

from ansible_collections.community.lxd.plugins.module_utils._image.api import ImageAPI
from ansible_collections.community.lxd.plugins.module_utils._lxd.client import Client
from ansible_collections.community.lxd.plugins.module_utils._lxd.errors import LXDError, LXDMissingLibraryError
from ansible_collections.community.lxd.plugins.module_utils._lxd.transport import Connection, Transport, find_local_url, require_libraries

Params = t.Mapping[str, t.Any]


def _option(env: str | None = None, **kwargs: t.Any) -> dict[str, t.Any]:
    return {"fallback": (env_fallback, [env]), **kwargs} if env else kwargs


CONNECTION_SPEC: dict[str, dict[str, t.Any]] = {
    "url": _option("LXD_URL", type="str"),
    "client_cert": _option("LXD_CLIENT_CERT", type="str"),
    "client_key": _option("LXD_CLIENT_KEY", type="str", no_log=True),
    "server_cert": _option("LXD_SERVER_CERT", type="str"),
    "server_fingerprint": _option("LXD_SERVER_FINGERPRINT", type="str"),
    "ca_path": {"type": "path"},
    "validate_certs": {"type": "bool", "default": True},
    "project": _option("LXD_PROJECT", type="str", default="default"),
    "timeout": {"type": "float", "default": 600},
}


def connect(params: Params) -> ImageAPI:
    """The images of the server and project that a task's options name. Raises LXDError; sends nothing yet."""
    connection = Connection(
        url=params["url"] or find_local_url(os.environ),
        client_cert=params["client_cert"],
        client_key=params["client_key"],
        server_cert=params["server_cert"],
        server_fingerprint=params["server_fingerprint"],
        ca_path=params["ca_path"],
        validate_certs=params["validate_certs"],
        timeout=params["timeout"],
    )
    return ImageAPI(Client(Transport(connection), params["project"]))


def run_module(
    argument_spec: dict[str, dict[str, t.Any]],
    action: t.Callable[[ImageAPI, Params, bool], dict[str, t.Any]],
    **constraints: t.Any,
) -> t.NoReturn:
    """Build the module, call ``action(api, params, check_mode)`` and exit with what it returns or with its error."""
    module = AnsibleModule(argument_spec={**CONNECTION_SPEC, **argument_spec}, supports_check_mode=True, **constraints)
    try:
        require_libraries(local=False)
        result = action(connect(module.params), module.params, module.check_mode)
    except LXDMissingLibraryError as exc:
        module.fail_json(msg=str(exc) or missing_required_lib(exc.library), exception=exc.trace)
    except LXDError as exc:
        module.fail_json(msg=str(exc), failure=exc.failure)
    module.exit_json(**result)
