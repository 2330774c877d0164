# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is PRIVATE to the collection: it can change at any time without notice.

"""Runs a module of the collection, whoever asks for it: parse, connect, enrol, run, in this order.

Two front ends share this: ``_module.py`` in a module process on the managed node, and ``plugin_utils/_direct.py``
in Ansible's own worker process on the controller. Nothing in here knows AnsibleModule or action plugins.
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
from ._lxd.urls import server_url, url_secrets

if t.TYPE_CHECKING:
    from ._lxd.progress import Progress
    from ._lxd.remotes import Remote

Params = t.Mapping[str, t.Any]
Result = dict[str, t.Any]
Spec = dict[str, dict[str, t.Any]]

LONGEST_TIMEOUT = 10**7
"""Seconds. A system's clock can't tell what is very much later."""


class Module(t.NamedTuple):
    """A module as data. Both front ends run it from this."""

    spec: Spec
    """Its own options, without those of the connection."""
    parse: t.Callable[[Params], t.Any]
    """Turns the options into what is desired. Raises LXDInputError; needs no server."""
    run: t.Callable[[ImageReader, t.Any, bool], Result]
    """Called with the server's API, what ``parse`` returned, and whether it is check mode.

    Returns what the module returns.
    """
    unseen: t.Callable[[t.Any], Result]
    """Returns the module's return values where the server can't be looked at yet: in check mode, before the client is
    enrolled."""
    run_simplestreams: t.Callable[[Remote, t.Any, float], Result] | None = None
    """Takes the place of ``run`` for a simplestreams server, which can only be read: its remote, what ``parse``
    returned, the timeout."""
    constraints: t.Mapping[str, t.Any] = {}
    """Constraints between its own options, as an argument spec takes them: mutually_exclusive, required_if and so
    on."""
    keep_empty: t.Container[str] = ()
    """Options for which empty text means something; for all others it counts as not given."""
    file_attributes: bool = False
    """Whether it also takes Ansible's options for the mode and the owner of files."""

    @property
    def full_spec(self) -> Spec:
        """The options of the connection and its own."""
        return {**CONNECTION_SPEC, **self.spec}

    @property
    def full_constraints(self) -> dict[str, t.Any]:
        """The constraints of the connection's options and its own."""
        exclusive = [
            ("url", "remote"),
            ("trust_token", "trust_password"),
            *self.constraints.get("mutually_exclusive", ()),
        ]
        return {**self.constraints, "mutually_exclusive": exclusive}


def _from_environment(variable: str) -> str:
    """Return a variable's value; an empty one counts as not set, as a job's credential sets all of them."""
    value = env_fallback(variable)
    if not value:
        raise AnsibleFallbackNotFound
    return str(value)


def _option(env: str, **kwargs: t.Any) -> dict[str, t.Any]:
    return {"fallback": (_from_environment, [env]), "type": "str", **kwargs}


CONNECTION_SPEC: Spec = {
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


def run(module: Module, params: Params, check_mode: bool, progress: Progress | None = None) -> Result:
    """Run a module with options that Ansible has validated. Returns what it returns to the user. Raises LXDError.

    ``progress``: is told how far something is that lasts long.

    The options are parsed before anything is connected, enrolled or read: a typo uses up no token and changes nothing.
    """
    # options that were left out are None, as Ansible has them
    params = {**dict.fromkeys(params), **without_empty_text(params, module.full_spec, module.keep_empty)}
    _check_timeout(params["timeout"])
    desired = module.parse(params)
    remote = _find_remote(params)
    if remote and remote.is_simplestreams:
        if module.run_simplestreams is None:
            raise LXDInputError(
                f"The remote {remote.name!r} is a simplestreams server, which can only be read: use it as 'remote' "
                "in 'source'."
            )
        return module.run_simplestreams(remote, desired, params["timeout"])
    reader = connect(params, remote, progress)
    enrolled = _enrol(reader, params, check_mode)
    if enrolled and check_mode:
        # what the server would show a trusted client can't be seen yet
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


def _check_timeout(timeout: float) -> None:
    if not 0 < timeout <= LONGEST_TIMEOUT:
        raise LXDInputError(
            f"'timeout' is {timeout:g}, but must be a number of seconds above 0, at most {LONGEST_TIMEOUT}."
        )


def _find_remote(params: Params) -> Remote | None:
    if not params["remote"]:
        return None
    # only here: most tasks name no remote
    from ._lxd.remotes import find_remote

    return find_remote(params["remote"], lambda: None, os.environ, os.path.expanduser("~"))


def connect(params: Params, remote: Remote | None, progress: Progress | None = None) -> ImageReader:
    """Return the images of the server and project that a task's options name. Raises LXDError; sends nothing yet."""
    url, certificates = params["url"], {name: params[name] for name in ("server_cert", "client_cert", "client_key")}
    project = params["project"] or "default"
    if remote is not None:
        # what the task gives itself goes before the configuration
        # never empty: find_remote() has seen to that
        url = remote.address
        certificates = {name: given or getattr(remote, name) for name, given in certificates.items()}
        project = remote.project if remote.project and project == "default" else project
    if url in (None, "unix:", "unix://"):
        url = find_local_url(os.environ)
    elif not url.startswith("unix:"):
        url = server_url(url, "'url'")
    connection = Connection(
        url=url,
        server_fingerprint=params["server_fingerprint"],
        ca_path=params["ca_path"],
        validate_certs=params["validate_certs"],
        bearer_token=params["bearer_token"],
        timeout=params["timeout"],
        **certificates,
    )
    return ImageReader(Client(Transport(connection), project, progress))


def _enrol(reader: ImageReader, params: Params, check_mode: bool) -> list[str]:
    if not (params["trust_token"] or params["trust_password"]):
        return []
    # only here: most tasks don't enrol
    from ._image.tasks.trust import run_trust

    return run_trust(reader, params["trust_token"], params["trust_password"], check_mode)


def without_empty_text(given: Params, spec: Spec, keep: t.Container[str] = ()) -> dict[str, t.Any]:
    """Return the options without those that are empty text, in suboptions and lists too: ``default('')`` counts as not
    given.

    Works on options that were validated and on those that were not. Left as they are: free dictionaries such as
    properties, options in ``keep``, where empty text means something, and names that ``spec`` does not know.
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
    """Return the value of one option; empty text for a list that has nothing else."""
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
    """Return all secrets in options, validated or not: values of options that are not to be logged, and what is secret
    in URLs.

    For an option that has no dictionary where suboptions belong, Ansible itself forgets what is secret.
    """
    names = frozenset(_secret_options(spec))
    found = {secret for options in given for secret in (*_values_of(names, options), *url_secrets(options))}
    # a key of several lines looks otherwise in a dictionary that is printed, as in the system's log
    return found | {repr(secret)[1:-1] for secret in found}


def _secret_options(spec: t.Mapping[str, dict[str, t.Any]]) -> t.Iterator[str]:
    """Yield the names of options that are not to be logged, those of suboptions too."""
    for name, option in spec.items():
        if option.get("no_log"):
            yield name
        yield from _secret_options(option.get("options") or {})


def _values_of(names: t.Container[str], given: t.Any) -> t.Iterator[str]:
    """Yield texts under these names, however deep: what was not validated has any shape."""
    if isinstance(given, t.Mapping):
        for name, value in given.items():
            if name in names and value and isinstance(value, (str, int, float)) and not isinstance(value, bool):
                yield str(value)
            yield from _values_of(names, value)
    elif isinstance(given, (list, tuple)):
        for value in given:
            yield from _values_of(names, value)
