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
    "_image.image_reader",
    "_image.inactive",
    "_image.model",
    "_image.times",
    *(
        f"_lxd.{name}"
        for name in (
            "background",
            "blocks",
            "bodies",
            "client",
            "errors",
            "json_shapes",
            "libraries",
            "paths",
            "record",
            "retries",
            "transport",
            "urls",
        )
    ),
}
"""What every module needs."""

LOOP = {"_image.actions", "_image.loop"}

IMAGE = {
    *LOOP,
    "_argument_specs",
    "_image.desired_image",
    "_image.options_image",
    "_image.plan.image",
    "_image.reading.image",
    "_image.sources.content",
    "_image.tasks.image",
}

SELECTION = {
    "_argument_specs",
    "_image.options_selection",
    "_image.plan.selection",
    "_image.plan.usage",
    "_image.reading.names",
}

PRUNE = {
    *LOOP,
    *SELECTION,
    "_image.options_prune",
    "_image.plan.prune",
    "_image.reading.usage",
    "_image.reading.visibility",
    "_image.tasks.prune",
    "_lxd.identity",
}

NEEDED = {
    "lxd_image": IMAGE,
    "lxd_image_alias": {
        *LOOP,
        "_image.desired",
        "_image.options",
        "_image.plan.alias",
        "_image.reading.names",
        "_image.tasks.alias",
    },
    "lxd_image_export": {
        "_image.desired",
        "_image.options",
        "_image.reading.names",
        "_image.tasks.export",
        "_image.tasks.export_destination",
    },
    "lxd_image_info": {*SELECTION, "_image.tasks.info"},
    "lxd_image_prune": PRUNE,
    "lxd_image_store": {*IMAGE, *PRUNE, "_image.plan.prediction", "_image.side_by_side", "_image.tasks.store"}
    - {"_lxd.identity"},
}

WRITES = (
    "module_utils._image.apply.",
    "module_utils._image.image_writer",
    "module_utils._image.sources.",
    "module_utils._image.tasks.export_files",
)
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
    assert not [
        name for name in report["files"] if name.startswith(WRITES) and name != "module_utils._image.sources.content"
    ]
    assert COSTLY.intersection(report["libraries"]) <= (
        {"concurrent.futures"} if module == "lxd_image_store" else set()
    )


@pytest.mark.parametrize("module", noop.TASKS)
def test_libraries_are_imported_from_few_levels(module: str, path: pathlib.Path) -> None:
    """From deeper inside of other imports they cost twice as much: see _lxd/libraries.py."""
    environment = {**os.environ, "PYTHONPATH": str(path), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-X", "importtime", "-c", f"import {noop.PREFIX}modules.{module}"]
    report = subprocess.run(command, env=environment, stderr=subprocess.PIPE, text=True, check=True).stderr
    # "import time: 12 | 34 |   name", two spaces for each level
    found = re.findall(r"^import time: .*[|] ( *)([^ |\n]+)$", report, re.MULTILINE)
    levels = {name: len(spaces) // 2 for spaces, name in found}
    assert levels["urllib3"] - levels[f"{noop.PREFIX}modules.{module}"] <= 6
