# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""Runs a module of the collection for both front ends: parse, connect, enrol, run, in this order.

The front ends are ``_module.py`` in a module process on the managed node, and ``plugin_utils/_direct.py`` in Ansible's
own worker process on the controller. This file uses neither AnsibleModule nor action plugins.
"""

from __future__ import annotations

import os
import typing as t

from ansible.module_utils.common.parameters import env_fallback
from ansible.module_utils.errors import AnsibleFallbackNotFound

from ._image.image_reader import ImageReader
from ._lxd.client import Client
from ._lxd.errors import LXDInputError
from ._lxd.transport import Connection, Transport, find_local_url
from ._lxd.urls import server_url, socket_url, url_secrets

if t.TYPE_CHECKING:
    from ._lxd.progress import Progress
    from ._lxd.remotes import Remote

Params = t.Mapping[str, t.Any]
Result = dict[str, t.Any]
Spec = dict[str, dict[str, t.Any]]

LONGEST_TIMEOUT = 10**7
"""Seconds. A much longer timeout is more than the clock of a system can represent."""


class Module(t.NamedTuple):
    """The description of a module, from which both front ends run it."""

    spec: Spec
    """The argument spec of the module's own options, without those of the connection."""
    parse: t.Callable[[Params], t.Any]
    """Returns the desired state for the options. Sends no request. Raises LXDInputError."""
    run: t.Callable[[ImageReader, t.Any, bool], Result]
    """Does the work of the module, and returns its return values. Raises LXDError.

    Parameters: a reader of the images of the server, the desired state as ``parse`` returned it, and whether the task
    runs in check mode.
    """
    unseen: t.Callable[[t.Any], Result]
    """Returns the module's return values in check mode before the client is enrolled, as the server cannot be read yet.

    Parameter: the desired state.
    """
    run_simplestreams: t.Callable[[Remote, t.Any, float, bool], Result] | None = None
    """Replaces ``run`` for a simplestreams server, which is read-only. None if the module does not support one.

    Parameters: the remote of the server, the desired state, the timeout in seconds, and
    whether to use the proxies of the environment.
    """
    constraints: t.Mapping[str, t.Any] = {}
    """Constraints between the module's own options, as in an argument spec: mutually_exclusive, required_if, others."""
    keep_empty: t.Container[str] = ()
    """Names of the options for which empty text has a meaning; for all others it counts as not given."""
    file_attributes: bool = False
    """Whether the module also takes Ansible's options for the mode, the owner and other attributes of files."""

    @property
    def full_spec(self) -> Spec:
        """The argument spec of all options: those of the connection and the module's own."""
        return {**CONNECTION_SPEC, **self.spec}

    @property
    def full_constraints(self) -> dict[str, t.Any]:
        """The constraints between all options: those of the connection and the module's own."""
        exclusive = [
            ("url", "remote"),
            ("trust_token", "trust_password"),
            *self.constraints.get("mutually_exclusive", ()),
        ]
        return {**self.constraints, "mutually_exclusive": exclusive}


def _from_environment(variable: str) -> str:
    """Return the value of an environment variable. Raises AnsibleFallbackNotFound if it is not set or empty.

    An empty one counts as not set, because a credential of a job sets all of the variables.
    """
    value = env_fallback(variable)
    if not value:
        raise AnsibleFallbackNotFound
    return str(value)


def _option(env: str, **kwargs: t.Any) -> dict[str, t.Any]:
    return {"fallback": (_from_environment, [env]), "type": "str", **kwargs}


SERVER_VARIABLES = {"url": "LXD_URL", "remote": "LXD_REMOTE"}
"""Options that are mutually exclusive -> their environment variables, which count only if a task gives none of them."""

CONNECTION_SPEC: Spec = {
    **{name: {"type": "str"} for name in SERVER_VARIABLES},
    "client_cert": _option("LXD_CLIENT_CERT"),
    "client_key": _option("LXD_CLIENT_KEY", no_log=True),
    "client_key_password": _option("LXD_CLIENT_KEY_PASSWORD", no_log=True),
    "server_cert": _option("LXD_SERVER_CERT"),
    "server_fingerprint": _option("LXD_SERVER_FINGERPRINT"),
    "ca_path": _option("LXD_CA_PATH", type="path"),
    "validate_certs": _option("LXD_VALIDATE_CERTS", type="bool", default=True),
    "use_proxy": _option("LXD_USE_PROXY", type="bool", default=True),
    "trust_token": _option("LXD_TRUST_TOKEN", no_log=True),
    "trust_password": _option("LXD_TRUST_PASSWORD", no_log=True),
    "bearer_token": _option("LXD_BEARER_TOKEN", no_log=True),
    "project": _option("LXD_PROJECT"),
    "timeout": _option("LXD_TIMEOUT", type="float", default=600),
}


def run(module: Module, params: Params, check_mode: bool, progress: Progress | None = None) -> Result:
    """Run a module with options that Ansible has validated, and return its return values. Raises LXDError.

    The options are parsed before the client connects, enrols or reads, so that a mistake in them consumes no trust
    token and changes nothing. ``progress``: shows the progress of long work, if given.
    """
    # options that are left out become None, as in a module
    params = {**dict.fromkeys(params), **without_empty_text(params, module.full_spec, module.keep_empty)}
    if not any(params[name] for name in SERVER_VARIABLES):
        params.update(_server_of_environment())
    _check_timeout(params["timeout"])
    desired = module.parse(params)
    remote = _find_remote(params)
    if remote and remote.is_simplestreams:
        if module.run_simplestreams is None:
            raise LXDInputError(
                f"The remote {remote.name!r} is a simplestreams server, which is read-only and not supported by this "
                "module. To copy images from it, use it as 'remote' in 'source' of lxd_image."
            )
        return module.run_simplestreams(remote, desired, params["timeout"], params["use_proxy"])
    if remote and remote.is_registry:
        raise LXDInputError(
            f"The remote {remote.name!r} is a registry of application containers, which is read-only and cannot be "
            "listed. To copy images from it, use it as 'remote' in 'source' of lxd_image."
        )
    reader = connect(params, remote, progress)
    enrolled = _enrol(reader, params, check_mode)
    if enrolled and check_mode:
        # objects that are visible only to a trusted client cannot be read yet
        return {
            **module.unseen(desired),
            "changed": True,
            "actions": enrolled,
            "diff": {"before": {"trusted": False}, "after": {"trusted": True}},
        }
    result = module.run(reader, desired, check_mode)
    if enrolled:
        result = {**result, "changed": True, "actions": [*enrolled, *result.get("actions", [])]}
    return result


def _server_of_environment() -> dict[str, str | None]:
    """Return the options that name the server, from the environment of the task.

    Raises LXDInputError if it has both.
    """
    found = {name: os.environ.get(variable) or None for name, variable in SERVER_VARIABLES.items()}
    if all(found.values()):
        raise LXDInputError(
            f"{' and '.join(SERVER_VARIABLES.values())} in the environment of the task are mutually exclusive. Unset "
            "one of them, or give 'url' or 'remote'."
        )
    return found


def _check_timeout(timeout: float) -> None:
    if not 0 < timeout <= LONGEST_TIMEOUT:
        raise LXDInputError(
            f"'timeout' is {timeout:g}, but must be a number of seconds above 0 and at most {LONGEST_TIMEOUT}."
        )


def _find_remote(params: Params) -> Remote | None:
    if not params["remote"]:
        return None
    # imported only here: most tasks have no 'remote'
    from ._lxd.remotes import find_remote

    return find_remote(params["remote"], lambda: None, os.environ, os.path.expanduser("~"))


def connect(params: Params, remote: Remote | None, progress: Progress | None = None) -> ImageReader:
    """Return a reader of the images of the server and project that the options select. Sends no request yet.

    ``params``: options as Ansible has validated them. ``remote``: the server of the client configuration that the
    option 'remote' names, else None. Raises LXDInputError, LXDMissingLibraryError.
    """
    url = params["url"] and params["url"].strip()
    certificates = {name: params[name] for name in ("server_cert", "client_cert", "client_key")}
    project = params["project"]
    if remote is not None:
        # options of the task have priority over the client configuration
        url = remote.address  # never empty: find_remote() raises an error then
        certificates = {name: given or getattr(remote, name) for name, given in certificates.items()}
        project = project or remote.project
    if url in (None, "unix:", "unix://"):
        url = find_local_url(os.environ)
    elif not url.startswith("unix:"):
        url = server_url(url, "'url'")
        if not (certificates["client_cert"] or params["bearer_token"]):
            _refuse_enrolment(params)
    else:
        url = socket_url(url, "'url'")
    connection = Connection(
        url=url,
        server_fingerprint=params["server_fingerprint"],
        client_key_password=params["client_key_password"],
        ca_path=params["ca_path"],
        validate_certs=params["validate_certs"],
        bearer_token=params["bearer_token"],
        use_proxy=params["use_proxy"],
        timeout=params["timeout"],
        **certificates,
    )
    return ImageReader(Client(Transport(connection), project or connection.default_project, progress))


def _refuse_enrolment(params: Params) -> None:
    """Refuse a token or a password without a certificate: the server would use the token up, and enrol nothing."""
    for option in ("trust_token", "trust_password"):
        if params[option]:
            raise LXDInputError(f"{option!r} requires 'client_cert' and 'client_key': the certificate to enrol.")


def _enrol(reader: ImageReader, params: Params, check_mode: bool) -> list[str]:
    if not (params["trust_token"] or params["trust_password"]):
        return []
    # imported only here: most tasks enrol no client
    from ._image.tasks.trust import run_trust

    return run_trust(reader, params["trust_token"], params["trust_password"], check_mode)


def without_empty_text(given: Params, spec: Spec, keep: t.Container[str] = ()) -> dict[str, t.Any]:
    """Return options without those that are empty text: a value of ``default('')`` counts as not given.

    Also removes empty text from suboptions and lists. Does not change dictionaries of any keys such as 'properties',
    options that ``spec`` does not contain, and those in ``keep``, for which empty text has a meaning.

    ``given``: options, validated by Ansible or not.
    """
    known = {alias: option for name, option in spec.items() for alias in (name, *option.get("aliases", ()))}
    kept = {}
    for name, value in given.items():
        if name in known and name not in keep:
            value = _without_empty_text(value, known[name])
            if value == "":
                continue
        kept[name] = value
    return kept


def _without_empty_text(value: t.Any, option: t.Mapping[str, t.Any]) -> t.Any:
    """Return the value of an option without empty text in it. Returns empty text for a list that contains only that."""
    suboptions = option.get("options")
    if suboptions and isinstance(value, t.Mapping):
        return without_empty_text(value, suboptions)
    if not isinstance(value, list) or not value:
        return value
    if suboptions:
        return [without_empty_text(item, suboptions) if isinstance(item, t.Mapping) else item for item in value]
    return [item for item in value if item != ""] or ""


# secrets


def secrets_of(spec: Spec, *given: t.Any) -> set[str]:
    """Return all secrets in options: the values of options with ``no_log``, and the secret parts of URLs.

    ``given``: options, validated by Ansible or not. Ansible itself misses a secret if an option with suboptions has a
    value that is not a dictionary.
    """
    names = frozenset(_secret_options(spec))
    found = {secret for options in given for secret in (*_values_of(names, options), *url_secrets(options))}
    # a key of several lines has escaped line ends in a dictionary that is printed, for example in the system's log
    return found | {repr(secret)[1:-1] for secret in found}


def _secret_options(spec: t.Mapping[str, dict[str, t.Any]]) -> t.Iterator[str]:
    """Yield the names of all options and suboptions with ``no_log``."""
    for name, option in spec.items():
        if option.get("no_log"):
            yield name
        yield from _secret_options(option.get("options") or {})


def _values_of(names: t.Container[str], given: t.Any) -> t.Iterator[str]:
    """Yield the values of these names as text, at any depth: options that are not validated may have any shape."""
    if isinstance(given, t.Mapping):
        for name, value in given.items():
            if name in names and value and isinstance(value, (str, int, float)) and not isinstance(value, bool):
                yield str(value)
            yield from _values_of(names, value)
    elif isinstance(given, (list, tuple)):
        for value in given:
            yield from _values_of(names, value)
