# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Jobs as AWX runs them: the playbooks by way of a project, the answers of a survey, and the environment of a credential."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import servers
import yaml
from helpers import ROOT, clean_environment, run, survey
from jinja2.sandbox import ImmutableSandboxedEnvironment

INVENTORY = """
all:
  hosts:
    localhost:
      ansible_connection: local
      ansible_python_interpreter: "{{ ansible_playbook_python }}"
"""


def inject(inputs: dict[str, str], directory: Path) -> dict[str, str]:
    """The environment that AWX makes of a credential, with the files that it names."""
    injectors = yaml.safe_load((ROOT / "awx" / "credential_type.yml").read_text())["injectors"]
    sandbox = ImmutableSandboxedEnvironment()
    given: dict[str, Any] = {name: value for name, value in inputs.items() if value}
    files = SimpleNamespace()
    for label, template in injectors["file"].items():
        handle, path = tempfile.mkstemp(dir=directory)
        with os.fdopen(handle, "w") as file:
            file.write(sandbox.from_string(template).render(**given))
        setattr(files, label.partition(".")[2], path)
    given["tower"] = SimpleNamespace(filename=files)
    return {name: sandbox.from_string(template).render(**given) for name, template in injectors["env"].items()}


def answers(playbook: str, **given: Any) -> dict[str, Any]:
    """What a survey gives: the defaults, unless somebody answers."""
    result = {question["variable"]: question["default"] for question in survey(playbook)["spec"]}
    assert set(given) <= set(result)
    return {**result, **given}


class Jobs:
    """Runs jobs with one credential; knows its secrets."""

    def __init__(self, directory: Path, programs: Path, collections: Path, inputs: dict[str, str]) -> None:
        self.directory, self.programs, self.collections, self.inputs = directory, programs, collections, inputs
        self.count = 0

    def run(self, playbook: str, variables: dict[str, Any], check: bool = False) -> dict[str, Any]:
        """Run one job: how it ended, by its events."""
        self.count += 1
        private = self.directory / f"job{self.count}"
        for name in ("project", "inventory", "env"):
            (private / name).mkdir(parents=True)
        (private / "project" / "job.yml").write_text(
            f"---\n- ansible.builtin.import_playbook: community.lxd.{playbook}\n"
        )
        (private / "inventory" / "hosts.yml").write_text(INVENTORY)
        environment = {
            **inject(self.inputs, private / "env"),
            "ANSIBLE_COLLECTIONS_PATH": str(self.collections),
            "ANSIBLE_HOME": f"{self.directory}/ansible",
        }
        (private / "env" / "envvars").write_text(json.dumps(environment))
        (private / "env" / "extravars").write_text(json.dumps(variables))
        (private / "env" / "cmdline").write_text("--check --diff -vvv" if check else "--diff -vvv")
        run(
            [self.programs / "ansible-runner", "run", private, "--playbook", "job.yml", "--ident", "1", "--quiet"],
            env=clean_environment(PATH=f"{self.programs}:/usr/local/bin:/usr/bin:/bin"),
        )
        self.search_secrets(private / "artifacts")
        return self.summary(private / "artifacts" / "1")

    def search_secrets(self, artifacts: Path) -> None:
        secrets = {line for line in self.inputs["client_key"].splitlines() if not line.startswith("-----")}
        if token := self.inputs.get("trust_token"):
            secrets |= {token, json.loads(base64.b64decode(token))["secret"]}
        # All but the runner's own record of the environment that it was given: AWX keeps one of its own, without the secrets.
        files = [path for path in artifacts.rglob("*") if path.is_file() and path != artifacts / "1" / "command"]
        assert any("job_events" in path.parts for path in files) and artifacts / "1" / "stdout" in files
        for path in files:
            text = path.read_text()
            assert not [path for secret in secrets if len(secret) > 8 and secret in text]

    @staticmethod
    def summary(artifacts: Path) -> dict[str, Any]:
        events = sorted(
            (json.loads(path.read_text()) for path in (artifacts / "job_events").glob("*.json")),
            key=lambda event: event["counter"],
        )
        (end,) = (event["event_data"] for event in events if event["event"] == "playbook_on_stats")
        results = [event["event_data"]["res"] for event in events if event["event"] == "runner_on_ok"]
        assert (artifacts / "status").read_text() == "successful"
        return {
            "changed": end["changed"].get("localhost", 0),
            "failed": end["failures"],
            "said": results[-1]["msg"],
            "results": results,
        }


def fingerprint_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def targets(server: servers.Server) -> dict[str, str]:
    return {alias["name"]: alias["target"] for alias in server.perform("GET", "/1.0/images/aliases?recursion=1") or []}


def trusted(server: servers.Server) -> int:
    return len(server.perform("GET", "/1.0/certificates") or [])


def issue_token(server: servers.Server, name: str) -> str:
    """A token as the command line clients show it."""
    operation = server.request("POST", "/1.0/certificates", {"type": "client", "token": True, "name": name})[1][
        "metadata"
    ]["metadata"]
    shown = {
        "client_name": name,
        **{key: operation[key] for key in ("fingerprint", "addresses", "secret", "expires_at") if key in operation},
    }
    return base64.b64encode(json.dumps(shown).encode()).decode()


@pytest.fixture(scope="module")
def jobs(work: Path, programs: Path, collections: Path, server: servers.Server) -> Jobs:
    """Jobs with a client certificate that the server does not know yet, and a token to enrol it."""
    directory = work / f"jobs-{server.kind}"
    certificate, key = servers.make_certificate(directory, "awx")
    inputs = {
        "url": str(server.https_url),
        "client_cert": certificate.read_text(),
        "client_key": key.read_text(),
        "server_cert": server.certificate.read_text(),
        "trust_token": issue_token(server, "awx"),
    }
    return Jobs(directory, programs, collections, inputs)


def test_jobs(server: servers.Server, jobs: Jobs, images: Path) -> None:
    wanted = [
        {
            "name": "golden/staging",
            "source": {"type": "file", "path": str(images / "tiny.tar.gz")},
            "properties": {"pipeline": "golden"},
        },
        {"name": "golden/old", "source": {"type": "file", "path": str(images / "tiny2.tar.gz")}},
    ]
    sync = answers("sync_store", lxd_sync_images=yaml.safe_dump(wanted))
    tiny, tiny2 = fingerprint_of(images / "tiny.tar.gz"), fingerprint_of(images / "tiny2.tar.gz")

    # Check mode neither enrols the certificate nor stores anything.
    before = trusted(server)
    ended = jobs.run("sync_store", sync, check=True)
    assert ended["changed"] == 1 and any(result.get("actions") == ["trust_add"] for result in ended["results"])
    assert (trusted(server), targets(server)) == (before, {})

    ended = jobs.run("sync_store", sync)
    assert ended["changed"] == 1 and ended["said"][0].startswith("Done: 2 of 2 images changed")
    assert (trusted(server), targets(server)) == (before + 1, {"golden/staging": tiny, "golden/old": tiny2})
    (image,) = (image for image in server.perform("GET", "/1.0/images?recursion=1") if image["fingerprint"] == tiny)
    assert image["properties"]["pipeline"] == "golden"

    # The token is used up, and that does not matter any more.
    ended = jobs.run("sync_store", sync)
    assert ended["changed"] == 0 and ended["said"] == ["Done: 0 of 2 images changed, 0 removed (0.00 Bytes)"]

    # With what is known, check mode says what the job will.
    ended = jobs.run("promote", answers("promote"), check=True)
    assert ended["changed"] == 1 and ended["said"].startswith("Would be done: alias_create; golden/production is ")
    assert "golden/production" not in targets(server)
    ended = jobs.run("promote", answers("promote"))
    assert ended["changed"] == 1 and targets(server)["golden/production"] == tiny

    server.perform("DELETE", "/1.0/images/aliases/golden%2Fold")

    # The server of the credential, as the survey leaves the list of servers empty.
    folder = jobs.directory / "report"
    report = answers("report", lxd_report_dest=str(folder), lxd_report_keep=1, lxd_report_older_than="")
    ended = jobs.run("report", report, check=True)
    assert ended["changed"] == 2 and ended["said"][0].startswith("Would be done: 1 of 1 servers answered, 2 images")
    assert not folder.exists()
    ended = jobs.run("report", report)
    assert ended["changed"] == 2 and ended["said"][0].startswith("Done: 1 of 1 servers answered, 2 images")
    written = json.loads((folder / "report.json").read_text())
    assert {image["fingerprint"]: image["aliases"] for image in written["images"]} == {
        tiny: ["golden/production", "golden/staging"],
        tiny2: [],
    }
    assert written["servers"][0]["url"] == server.https_url
    ended = jobs.run("report", report)
    assert ended["changed"] == 0

    prune = answers("prune", lxd_prune_keep=0, lxd_prune_older_than="", lxd_prune_properties="os=busybox")
    ended = jobs.run("prune", prune)
    assert ended["changed"] == 1 and f"{tiny2[:12]}: removed" in ended["said"]
    assert [image["fingerprint"] for image in server.perform("GET", "/1.0/images?recursion=1")] == [tiny]
