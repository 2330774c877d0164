# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs one task that finds nothing to do, in a process of its own, and tells which files of the collection it has imported.

A program, not a test: ``noop.py MODULE PATH`` prints its report as JSON. The answers of the server are known beforehand;
a request for anything else fails. test_imports.py looks at the files, benchmarks/imports.py at the time.
"""

from __future__ import annotations

import builtins
import hashlib
import importlib
import importlib.machinery
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import typing as t
from pathlib import Path
from urllib.parse import urlsplit

import requests
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

# what is there anyway when a module begins, or would be without this collection
for library in ("requests_unixsocket", "ansible.module_utils.basic"):
    importlib.import_module(library)

PREFIX = "ansible_collections.community.lxd.plugins."
CONTENT = b"an image in one file"
FINGERPRINT = hashlib.sha256(CONTENT).hexdigest()
IMAGE = {
    "fingerprint": FINGERPRINT,
    "aliases": [{"name": "demo", "description": ""}],
    "properties": {"os": "Debian"},
    "profiles": ["default"],
    "public": True,
    "auto_update": False,
    "cached": False,
    "expires_at": "1970-01-01T00:00:00Z",
    "uploaded_at": "2026-11-01T00:00:00Z",
    "architecture": "x86_64",
    "type": "container",
    "size": len(CONTENT),
}
ANSWERS: dict[str, t.Any] = {
    "/1.0/images": [IMAGE],
    "/1.0/images/aliases/demo": {"name": "demo", "target": FINGERPRINT, "description": "", "type": "container"},
    f"/1.0/images/{FINGERPRINT}": IMAGE,
    "/1.0/instances": [],
    "/1.0/projects": [{"name": "default", "config": {"features.images": "true"}}],
    "/1.0/projects/default": {"name": "default", "config": {}, "used_by": [f"/1.0/images/{FINGERPRINT}"]},
    "/1.0": {"auth": "trusted", "environment": {"server": "lxd", "server_version": "5.0.2"}, "api_extensions": []},
}
PROPERTIES = {"properties": {"os": "Debian"}}
TASKS: dict[str, dict[str, t.Any]] = {
    "lxd_image": {"name": "demo", **PROPERTIES},
    "lxd_image_alias": {"name": "demo", "target": FINGERPRINT},
    "lxd_image_info": {"name": "demo"},
    "lxd_image_export": {"name": "demo", "dest": "{directory}/demo.tar"},
    "lxd_image_prune": {"name": "demo"},
    "lxd_image_store": {"images": [{"name": "demo", **PROPERTIES}]},
}
"""One task per module that has a case with nothing to do."""


def copy_collection(collection: Path, path: Path) -> Path:
    """Copy the collection's code, without bytecode, to ``path``, from where it can be imported. Returns ``path``."""
    target = path / "ansible_collections/community/lxd/plugins"
    shutil.copytree(collection / "plugins", target, ignore=shutil.ignore_patterns("__pycache__"))
    # or else a package of that name that is installed anywhere would come first
    (path / "ansible_collections/__init__.py").touch()
    return path


def run(module: str, path: Path) -> dict[str, t.Any]:
    """Run a module's task in a fresh process, with the collection that was copied to ``path``. Returns its report."""
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, __file__, module, str(path)], env=environment, stdout=subprocess.PIPE, check=True
    )
    return t.cast("dict[str, t.Any]", json.loads(done.stdout))


class Imports:
    """Measures, in seconds of CPU time, the import statements of the collection's own files, and what of it is compiling them."""

    def __init__(self) -> None:
        self.seconds = self.compiling = 0.0
        self._running = False
        self._import, self._compile = builtins.__import__, importlib.machinery.SourceFileLoader.source_to_code
        builtins.__import__ = self._timed_import
        measure = self

        def timed_compile(self: t.Any, data: t.Any, path: t.Any, **kwargs: t.Any) -> t.Any:
            begin = time.process_time()
            code = measure._compile(self, data, path, **kwargs)
            measure.compiling += time.process_time() - begin
            return code

        importlib.machinery.SourceFileLoader.source_to_code = timed_compile  # type: ignore[method-assign]

    def load(self, name: str) -> t.Any:
        """Import the first file of the collection, as if one of its files did."""
        self._timed_import(name, {"__name__": PREFIX})
        return sys.modules[name]

    def _timed_import(self, name: str, scope: t.Any = None, *args: t.Any, **kwargs: t.Any) -> t.Any:
        if self._running or not str((scope or {}).get("__name__")).startswith(PREFIX):
            return self._import(name, scope, *args, **kwargs)
        self._running = True
        begin = time.process_time()
        try:
            return self._import(name, scope, *args, **kwargs)
        finally:
            self.seconds += time.process_time() - begin
            self._running = False


def answer(session: requests.Session, method: str, url: str, **kwargs: t.Any) -> requests.Response:
    """Stand in for ``Session.request``."""
    path = urlsplit(url).path
    if method != "GET" or path not in ANSWERS:
        raise AssertionError(f"a task with nothing to do has sent {method} {url}")
    response = requests.Response()
    response.status_code = 200
    response.raw = io.BytesIO(json.dumps({"type": "sync", "metadata": ANSWERS[path]}).encode())
    return response


def options(module: t.Any, name: str, directory: str) -> dict[str, t.Any]:
    """The options of the task, validated as Ansible does it."""
    (Path(directory) / "demo.tar").write_bytes(CONTENT)
    given = {key: value.format(directory=directory) if key == "dest" else value for key, value in TASKS[name].items()}
    checked = ArgumentSpecValidator(module.full_spec, **module.full_constraints).validate(
        {"url": "unix:/noop.socket", **given}
    )
    assert not checked.error_messages, checked.error_messages
    return dict(checked.validated_parameters)


def main() -> None:
    name, path = sys.argv[1:]
    sys.path.insert(0, path)
    requests.Session.request = answer  # type: ignore[assignment,method-assign]
    known = set(sys.modules)
    imports = Imports()
    with tempfile.TemporaryDirectory() as directory:
        module = imports.load(f"{PREFIX}modules.{name}")
        result = sys.modules[f"{PREFIX}module_utils._run"].run(
            module.MODULE, options(module.MODULE, name, directory), False
        )
    assert result.get("changed", False) is False, result
    imported = sorted(set(sys.modules) - known)
    report = {
        # without the folders, which are packages without a file
        "files": [
            item[len(PREFIX) :]
            for item in imported
            if item.startswith(PREFIX) and getattr(sys.modules[item], "__file__", None)
        ],
        "libraries": [item for item in imported if not item.startswith("ansible_collections")],
        "seconds": imports.seconds,
        "compiling": imports.compiling,
    }
    print(json.dumps(report))


if __name__ == "__main__":
    main()
