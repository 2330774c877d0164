# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbooks take what the modules take, no more and no less."""

from __future__ import annotations

import importlib
import re
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from helpers import ROOT, argument_spec

MODULES = {"sync_store": ("lxd_image_store", "lxd_sync_"), "prune": ("lxd_image_prune", "lxd_prune_")}


@pytest.fixture(scope="session")
def specs(collections: Path) -> Any:
    """The argument specs of the modules and of the connection, from the installed collection."""
    sys.path.insert(0, str(collections))
    base = "ansible_collections.community.lxd.plugins"
    found = {
        name: importlib.import_module(f"{base}.modules.{name}").MODULE.spec
        for name in ("lxd_image", "lxd_image_store", "lxd_image_prune", "lxd_image_info")
    }
    return {**found, "connection": importlib.import_module(f"{base}.module_utils._run").CONNECTION_SPEC}


def own(playbook: str, prefix: str) -> dict[str, Any]:
    return {
        name.removeprefix(prefix): spec for name, spec in argument_spec(playbook).items() if name.startswith(prefix)
    }


def same(given: dict[str, Any], taken: dict[str, Any]) -> bool:
    return all(given.get(key) == taken.get(key) for key in ("type", "choices", "elements"))


def test_connection(specs: Any) -> None:
    given = {name.removeprefix("lxd_"): spec for name, spec in argument_spec("connection").items()}
    assert set(given) == set(specs["connection"])
    for name, spec in given.items():
        assert same(spec, specs["connection"][name]), name
        assert spec.get("no_log") == specs["connection"][name].get("no_log"), name


@pytest.mark.parametrize("playbook", MODULES)
def test_options(specs: Any, playbook: str) -> None:
    module, prefix = MODULES[playbook]
    given = own(playbook, prefix)
    assert set(given) == set(specs[module])
    for name, spec in given.items():
        assert same(spec, specs[module][name]), name


@pytest.mark.parametrize(
    ("playbook", "option"),
    [
        ("promote", "source"),
        ("distribute", "source"),
        ("distribute", "seed_source"),
        ("distribute", "seed_sources"),
    ],
)
def test_source(specs: Any, playbook: str, option: str) -> None:
    source = specs["lxd_image"]["source"]["options"]
    given = own(playbook, f"lxd_{playbook}_")[option]["options"]
    assert set(given) == set(own("promote", "lxd_promote_")["source"]["options"])
    for name, spec in given.items():
        assert same(spec, source[name]), name
        assert spec.get("no_log") == source[name].get("no_log"), name


def test_report_takes_options_of_the_modules(specs: Any) -> None:
    given = own("report", "lxd_report_")
    for name in ("keep", "group_by", "older_than"):
        assert same(given[name], specs["lxd_image_prune"][name]), name
    for name in ("all_projects", "check_updates"):
        assert same(given[name], specs["lxd_image_info"][name]), name
    assert set(given) == {"dest", "servers", "keep", "group_by", "older_than", "all_projects", "check_updates"}


def test_entry_of_a_server_takes_the_connection(specs: Any) -> None:
    entry = dict(own("report", "lxd_report_")["servers"]["options"])
    assert entry.pop("name")["required"]
    assert set(entry) == set(specs["connection"])
    for name, spec in entry.items():
        assert same(spec, specs["connection"][name]), name
        assert spec.get("no_log") == specs["connection"][name].get("no_log"), name


def test_report_uses_every_variable() -> None:
    text = (ROOT / "playbooks" / "report.yml").read_text()
    play = yaml.safe_load(text)[1]
    for name in argument_spec("report"):
        assert re.search(rf"\b{name}\b", text.partition("\n- name:")[2]), name
    connection = play["module_defaults"]["group/community.lxd.lxd"]
    assert {f"lxd_{name}" for name in connection} == set(argument_spec("connection"))
    for name, value in connection.items():
        # an option of which false is an answer has a variable of its own
        given = play["vars"][f"report_{name}"] if f"report_{name}" in value else value
        assert f"report_entry.{name} " in given and f"lxd_{name} " in given, name


OUTPUT = re.compile(r"\{\{-?(.*?)-?\}\}", re.DOTALL)
ESCAPED = re.compile(
    r"\| (e|int|length|sum)$|^(size|number|bytes|day)\(|^first_rows$|^lookup\('ansible.builtin.file', 'report\.(css|js)'\)$"
)
"""Outputs of the page that are escaped, are numbers, are made by a macro of it, or are its own files."""
CONSTANTS = {
    "'?' if value is none else size(value | int)",
    "' cluster' if server.clustered",
    "['no', 'missing', 'builds'][row.differs]",
    "'unknown' if cell == -2 else 'none' if cell == -1 else 'b' ~ cell % 6",
    "'?' if cell == -2 else '&ndash;' if cell == -1 else letters[cell] | default(cell + 1, true)",
    "letters[loop.index0] | default(loop.index, true)",
    "' virtual machine' if image.type == 'virtual-machine'",
    # JSON whose "<" is written in another way
    "report.page",
}
"""Those that choose among constants, and the one for the script."""


def test_page_escapes_all_that_it_shows() -> None:
    text = (ROOT / "playbooks" / "templates" / "report" / "index.html.j2").read_text()
    outputs = {found.strip() for found in OUTPUT.findall(text)}
    assert len(outputs) > 40
    rest = {output for output in outputs if not ESCAPED.search(output) and 'class="chip' not in output}
    assert rest == CONSTANTS


@pytest.mark.parametrize("playbook", ["sync_store", "promote", "prune", "distribute"])
def test_every_variable_is_used(playbook: str) -> None:
    text = (ROOT / "playbooks" / f"{playbook}.yml").read_text()
    plays = yaml.safe_load(text)
    for name in argument_spec(playbook):
        assert re.search(rf"\b{name}\b", text.partition("\n- name:")[2]), name
    for play in plays:
        connection = play["module_defaults"]["group/community.lxd.lxd"]
        shared = {name for name in argument_spec(playbook) if f"lxd_{playbook.partition('_')[0]}_" not in name}
        assert shared == {"lxd_hosts", *(f"lxd_{name}" for name in connection)}
        for name, value in connection.items():
            assert f"lxd_{name} " in value
    for task in plays[0]["tasks"]:
        for module in ("lxd_image_store", "lxd_image_prune"):
            for name, value in task.get(f"community.lxd.{module}", {}).items():
                assert name == "images" or f"{MODULES[playbook][1]}{name} " in value
