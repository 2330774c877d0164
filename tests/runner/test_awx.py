# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files for AWX fit the playbooks and the modules."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml
from helpers import ROOT, argument_spec, survey
from jinja2 import Environment, StrictUndefined, meta

CREDENTIAL_TYPE: dict[str, Any] = yaml.safe_load((ROOT / "awx" / "credential_type.yml").read_text())
FIELDS = {field["id"]: field for field in CREDENTIAL_TYPE["inputs"]["fields"]}
INJECTORS = CREDENTIAL_TYPE["injectors"]
TEMPLATES = [template for templates in INJECTORS.values() for template in templates.values()]
PLAYBOOKS = ("sync_store", "promote", "prune", "distribute", "report")
# What a survey may ask a variable with.
QUESTIONS = {
    "str": {"text", "textarea", "password", "multiplechoice"},
    "path": {"text"},
    "int": {"integer"},
    "bool": {"multiplechoice"},
    "list": {"text", "textarea", "multiselect"},
    "dict": {"text", "textarea"},
}


def documented_variables() -> dict[str, str]:
    """Environment variable -> option, from the documentation of the connection."""
    text = (ROOT / "plugins" / "doc_fragments" / "_connection.py").read_text()
    options = yaml.safe_load(text.split('r"""')[1].split('"""')[0])["options"]
    found = {}
    for name, option in options.items():
        match = re.search(r"value of the environment variable E\((\w+)\) is used", " ".join(option["description"]))
        if match:
            found[match.group(1)] = name
    return found


def test_injectors_refer_to_inputs_only() -> None:
    for template in TEMPLATES:
        assert meta.find_undeclared_variables(Environment().parse(template)) <= {*FIELDS, "tower"}, template


def test_injectors_use_every_input() -> None:
    used = set().union(*(meta.find_undeclared_variables(Environment().parse(template)) for template in TEMPLATES))
    assert used == {*FIELDS, "tower"}


def test_injectors_name_files_that_they_make() -> None:
    made = {name.removeprefix("template.") for name in INJECTORS["file"]}
    named = {name for template in TEMPLATES for name in re.findall(r"tower\.filename\.(\w+)", template)}
    assert made == named


def test_injectors_render_as_awx_tries_them() -> None:
    # When the type is saved, AWX renders each template with an example of every input, and refuses what is undefined.
    values: dict[str, Any] = dict.fromkeys(FIELDS, "EXAMPLE")
    values["tower"] = {"filename": {name.removeprefix("template."): "EXAMPLE_FILENAME" for name in INJECTORS["file"]}}
    for template in TEMPLATES:
        Environment(undefined=StrictUndefined).from_string(template).render(**values)


def test_environment_is_known_to_the_modules() -> None:
    known = documented_variables()
    assert len(known) > 8
    for variable, template in INJECTORS["env"].items():
        assert variable in known
        # and says the option that it is for
        assert known[variable] in template


def test_secrets_are_secret() -> None:
    secret = {name for name, field in FIELDS.items() if field.get("secret")}
    assert secret == {"client_key", "client_key_password", "trust_token", "bearer_token"}


def test_inputs_are_as_awx_wants_them() -> None:
    assert CREDENTIAL_TYPE["kind"] == "cloud"
    assert set(CREDENTIAL_TYPE["inputs"]["required"]) <= set(FIELDS)
    for field in FIELDS.values():
        assert set(field) <= {"id", "label", "type", "help_text", "secret", "multiline", "format"}
        assert field["type"] == "string"
        assert re.fullmatch("[a-z_]+", field["id"])
    for names in INJECTORS.values():
        assert not any(name.startswith("ANSIBLE_") for name in names)


@pytest.mark.parametrize("playbook", PLAYBOOKS)
def test_survey_asks_for_variables_of_the_playbook(playbook: str) -> None:
    spec = argument_spec(playbook)
    questions = survey(playbook)["spec"]
    names = [question["variable"] for question in questions]
    assert len(names) == len(set(names))
    for question in questions:
        wanted = spec[question["variable"]]
        assert question["type"] in QUESTIONS[wanted["type"]]
        assert question["question_name"] and question["question_description"]
        if question["type"] == "multiplechoice":
            assert question["choices"] == (wanted["choices"] if "choices" in wanted else question["choices"])
            assert question["default"] in question["choices"] or not question["required"]
        if question["type"] in ("integer", "text", "textarea"):
            assert (
                question["min"]
                <= (question["default"] if question["type"] == "integer" else len(question["default"]))
                <= question["max"]
            )


@pytest.mark.parametrize("playbook", PLAYBOOKS)
def test_survey_asks_for_all_that_is_required(playbook: str) -> None:
    asked = {question["variable"] for question in survey(playbook)["spec"] if question["required"]}
    assert {name for name, spec in argument_spec(playbook).items() if spec.get("required")} <= asked
