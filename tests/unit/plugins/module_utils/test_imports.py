# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which files of the collection a task imports that finds nothing to do: each is compiled anew for each task."""

from __future__ import annotations

import os
import pathlib
import re
import subprocess
import sys

import pytest

from ansible_collections.community.lxd.tests.unit.plugins.module_utils import noop

COLLECTION = pathlib.Path(__file__).resolve().parents[4]

FRONT = {
    "_module",
    "_run",
    "_image.api",
    "_image.model",
    *(f"_lxd.{name}" for name in ("background", "client", "documents", "errors", "libraries", "paths", "record", "retries", "transport", "urls")),
}
"""What every module needs."""

LOOP = {"_image.actions", "_image.inputs", "_image.read", "_image.reconcile"}

SELECTION = {
    "_specs",
    "_image.options",
    "_image.options_selection",
    "_image.select",
    "_image.gather",
    "_image.read",
    "_image.read_usage",
    "_image.updates",
    "_image.usage",
}

NEEDED = {
    "lxd_image": {*LOOP, "_specs", "_image.options", "_image.plan", "_image.read_image", "_image.reconcile_image"},
    "lxd_image_alias": {*LOOP, "_image.options", "_image.plan_alias", "_image.reconcile_alias"},
    "lxd_image_export": {"_image.options", "_image.destination", "_image.read", "_image.reconcile_export"},
    "lxd_image_info": SELECTION,
    "lxd_image_prune": {*LOOP, *SELECTION, "_image.options_retention", "_image.retention", "_image.reconcile_prune"},
    "lxd_image_store": {
        *LOOP,
        *SELECTION,
        "_image.options_retention",
        "_image.retention",
        "_image.reconcile_prune",
        "_image.plan",
        "_image.read_image",
        "_image.reconcile_image",
        "_image.reconcile_store",
    },
}

WRITES = {f"module_utils._image.{name}" for name in ("api_writes", "apply", "archive", "copy", "export", "files", "metadata", "multipart", "upstream")}
"""What writes to a server or to files, and what reads the content of images."""

COSTLY = {"concurrent.futures", "dataclasses", "inspect", "tarfile", "uuid", "yaml"}
"""Libraries that take milliseconds. lxd_image_store works on several images at once."""


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """The collection, to be imported by other processes."""
    return noop.copy_collection(COLLECTION, tmp_path_factory.mktemp("collections"))


@pytest.mark.parametrize("module", noop.TASKS)
def test_nothing_to_do_needs_these_files(module: str, path: pathlib.Path) -> None:
    report = noop.run(module, path)
    assert set(report["files"]) == {f"modules.{module}", *(f"module_utils.{name}" for name in FRONT | NEEDED[module])}
    assert not WRITES.intersection(report["files"])
    assert COSTLY.intersection(report["libraries"]) <= ({"concurrent.futures"} if module == "lxd_image_store" else set())


@pytest.mark.parametrize("module", noop.TASKS)
def test_libraries_are_imported_from_few_levels(module: str, path: pathlib.Path) -> None:
    """From deeper inside of other imports they cost twice as much: see _lxd/libraries.py."""
    environment = {**os.environ, "PYTHONPATH": str(path), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-X", "importtime", "-c", f"import {noop.PREFIX}modules.{module}"]
    report = subprocess.run(command, env=environment, stderr=subprocess.PIPE, text=True, check=True).stderr
    # "import time: 12 | 34 |   name", two spaces for each level
    found = re.findall(r"^import time: .*[|] ( *)([^ |\n]+)$", report, re.MULTILINE)
    levels = {name: len(spaces) // 2 for spaces, name in found}
    assert levels["requests"] - levels[f"{noop.PREFIX}modules.{module}"] <= 6
