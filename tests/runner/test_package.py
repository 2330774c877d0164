# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tarball: what is in it, what Galaxy says of it, and what an execution environment is told."""

from __future__ import annotations

import json
import shutil
import tarfile
from pathlib import Path

import yaml
from helpers import ROOT, clean_environment, make_venv, run

FOLDERS = {"LICENSES", "awx", "benchmarks", "changelogs", "docs", "extensions", "meta", "playbooks", "plugins", "tests"}
JUNK = (
    "__pycache__",
    ".venv",
    ".nox",
    ".git",
    ".ci",
    ".ansible",
    ".cache",
    ".mypy_cache",
    ".pytest_cache",
    ".ruff_cache",
    ".hypothesis",
    "docsite/build",
    "output",
)


def test_contents(tarball: Path) -> None:
    with tarfile.open(tarball) as archive:
        names = archive.getnames()
    folders = {name.partition("/")[0] for name in names if "/" in name}
    assert folders == FOLDERS
    for name in names:
        parts = name.split("/")
        assert not any(part in JUNK or part.endswith((".pyc", ".tar.gz", ".log")) for part in parts), name
        assert parts[0] != "tests" or not name.endswith("integration_config.yml"), name
    for wanted in (
        "playbooks/sync_store.yml",
        "playbooks/tasks/validate.yml",
        "playbooks/report.yml",
        "playbooks/templates/report/index.html.j2",
        "playbooks/files/report.js",
        "playbooks/files/report.css",
        "meta/runtime.yml",
        "requirements.txt",
        "bindep.txt",
        "meta/execution-environment.yml",
    ):
        assert wanted in names
    assert tarball.stat().st_size < 2**21


def test_installed(collections: Path, programs: Path, work: Path) -> None:
    environment = clean_environment(ANSIBLE_COLLECTIONS_PATH=str(collections), ANSIBLE_HOME=f"{work}/ansible")
    run([programs / "ansible-galaxy", "collection", "verify", "--offline", "community.lxd"], env=environment)
    listed = json.loads(run([programs / "ansible-doc", "--list", "--json", "community.lxd"], env=environment))
    wanted = yaml.safe_load((ROOT / "meta" / "runtime.yml").read_text())["action_groups"]["lxd"]
    assert set(listed) == {f"community.lxd.{name}" for name in wanted}


def test_galaxy_importer(tarball: Path, work: Path) -> None:
    programs = make_venv(work / "importer", "galaxy-importer", "ansible-core")
    (work / "import").mkdir()
    environment = clean_environment(PATH=f"{programs}:/usr/local/bin:/usr/bin:/bin", ANSIBLE_HOME=f"{work}/ansible")
    said = run([programs / "python", "-m", "galaxy_importer.main", tarball], cwd=work / "import", env=environment)
    assert "Importer processing completed successfully" in said
    # The changelog is made with the release.
    released = (ROOT / "CHANGELOG.rst").exists()
    complaints = [
        line
        for line in said.splitlines()
        if line.startswith(("ERROR", "WARNING")) and (released or "No changelog found" not in line)
    ]
    assert complaints == []
    result = json.loads((work / "import" / "importer_result.json").read_text())
    assert result["metadata"]["name"] == "lxd"
    assert {item["name"] for item in result["contents"] if item["content_type"] == "module"} >= {
        "lxd_image",
        "lxd_image_store",
    }


def test_execution_environment(tarball: Path, collections: Path, work: Path) -> None:
    builder = make_venv(work / "builder", "ansible-builder") / "ansible-builder"
    told = yaml.safe_load(
        run([builder, "introspect", "--sanitize", collections, "--verbosity", "1"], env=clean_environment()).partition(
            "---"
        )[2]
    )
    assert {line.split()[0].partition(">")[0] for line in told["python"]} == {"requests", "requests-unixsocket"}
    assert any("0.2.0" in line for line in told["python"])

    # The definition, with the tarball in the place of what is not released yet.
    definition = yaml.safe_load((ROOT / "execution-environment.yml").read_text())
    context = work / "environment"
    context.mkdir()
    shutil.copy(tarball, context)
    definition["dependencies"]["galaxy"]["collections"] = [{"name": str(context / tarball.name), "type": "file"}]
    (context / "execution-environment.yml").write_text(yaml.safe_dump(definition))
    for source, name in (
        (context / "execution-environment.yml", "own"),
        (ROOT / "execution-environment.yml", "released"),
    ):
        run([builder, "create", "--file", source, "--context", context / name], env=clean_environment())
        assert any((context / name / file).is_file() for file in ("Containerfile", "Dockerfile"))
        wanted = yaml.safe_load((context / name / "_build" / "requirements.yml").read_text())["collections"]
        assert len(wanted) == 1
