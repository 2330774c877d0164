# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook distribute with a build server, four seeds that may die, and sixteen other hosts: each is a project of one of two servers."""

from __future__ import annotations

import collections
import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import doors
import pytest
from stores import IMAGES, SCRATCH, Store, images, servers

from playbooks import Playbook

MEBIBYTES = 3
NEW = SCRATCH / "new.tar"
OLD = IMAGES[0]
BUILD = "build"
SEEDS = ("s1", "s2", "s3", "s4")
PLACES = {f"h{number:02}": (f"n{number % 2 + 1}", f"p{number}") for number in range(16)}
"""The server and the project of each other host."""
FROM, TO = "golden", "golden/production"
NOBODY = "https://127.0.0.1:9"


class Distribution(doors.Fleet):
    """The servers, and what the playbook is told of them. ``fingerprint``: of the image that the build server has under FROM."""

    def __init__(self, store: Store) -> None:
        vendor = store.server.vendor
        self.environment_of = store
        super().__init__(vendor, SCRATCH / f"{vendor}-fleet", [BUILD, *SEEDS, "n1", "n2"])
        images.big(NEW, MEBIBYTES)
        self.fingerprint = hashlib.sha256(NEW.read_bytes()).hexdigest()
        self.upload(BUILD, NEW, FROM)
        for server, project in PLACES.values():
            config = {"features.images": "true"}
            self.servers[server].perform("POST", "/1.0/projects", {"name": project, "config": config})

    def start_afresh(self) -> None:
        """Gives the seeds an old image under the alias, and nothing to the others."""
        self.empty()
        for server in SEEDS:
            self.upload(server, OLD.path, TO)

    def stores(self) -> dict[str, dict[str, list[str]]]:
        """Returns the images of every host, with their aliases."""
        places = {**{name: (name, "default") for name in SEEDS}, **PLACES}
        return {host: self.images(*place) for host, place in places.items()}

    def play(self, folder: Path, *words: str, others: int = len(PLACES), **of_last_seed: Any) -> Playbook:
        """Runs the playbook. ``of_last_seed``: further variables of that host."""
        places = {**{name: (name, "default") for name in SEEDS}, **dict(list(PLACES.items())[:others])}
        hosts: dict[str, Any] = {
            host: {**self.options(server), "lxd_project": project, "ansible_connection": "local"}
            for host, (server, project) in places.items()
        }
        hosts[SEEDS[-1]].update(of_last_seed)
        inventory = {
            "all": {"hosts": hosts, "vars": {"lxd_distribute_source": self.source(BUILD)}},
            "seeds": {"hosts": dict.fromkeys(SEEDS)},
            "fleet": {"hosts": dict.fromkeys(host for host in hosts if host not in SEEDS)},
        }
        variables = {
            "lxd_hosts": "fleet",
            "lxd_distribute_seeds": "seeds",
            "lxd_distribute_from": FROM,
            "lxd_distribute_to": TO,
        }
        run = Playbook(
            folder / "r", self.environment_of, "distribute", variables, "--forks", "8", *words, inventory=inventory
        ).wait()
        assert "Traceback" not in run.output and "WARNING" not in run.output, run.output
        return run


@pytest.fixture(scope="module")
def fleet(store: Store) -> Iterator[Distribution]:
    made = Distribution(store)
    yield made
    made.close()


def said(run: Playbook) -> dict[str, str]:
    """Returns the summary of each host."""
    return {host: result["msg"] for host, task, result in run.by_host if task == "Summary"}


def givers(run: Playbook) -> dict[str, str]:
    """Returns the server or seed that each host took the image from, as the summary says."""
    found = {host: re.search("copy from ([^,;]+)", text) for host, text in said(run).items()}
    return {host: match[1] for host, match in found.items() if match}


@pytest.mark.parametrize("store", servers.CHOSEN[:1], indirect=True, scope="session")
def test_twenty_hosts(fleet: Distribution, tmp_path: Path) -> None:
    fleet.start_afresh()
    hosts = fleet.stores()
    real = fleet.play(tmp_path)
    assert real.process.returncode == 0, real.output
    old: dict[str, list[str]] = {OLD.fingerprint: []}
    new = {fleet.fingerprint: [TO]}
    assert fleet.stores() == {host: {**old, **new} if host in SEEDS else new for host in hosts}
    # each seed serves as many as the others
    expected = {host: SEEDS[turn % len(SEEDS)] for turn, host in enumerate(PLACES)}
    assert givers(real) == {**dict.fromkeys(SEEDS, fleet.doors[BUILD].url), **expected}
    # The seeds have asked, each of which has two tasks that do so. The other hosts have not, nor have their servers.
    asked = fleet.doors[BUILD].visitors
    assert asked.keys() == {*SEEDS, doors.TASK} and asked[doors.TASK] <= 2 * len(SEEDS), asked
    size = len(SEEDS) * NEW.stat().st_size
    assert size < fleet.doors[BUILD].sent < 1.1 * size
    assert {visitor for seed in SEEDS for visitor in fleet.doors[seed].visitors} == {"n1", "n2", doors.TASK}

    for door in fleet.doors.values():
        door.reset()
    again = fleet.play(tmp_path)
    assert again.process.returncode == 0, again.output
    assert not [task for _host, task, result in again.by_host if result.get("changed")]
    assert {text.partition(";")[0] for text in said(again).values()} == {"Done: nothing"}
    assert all(door.visitors.keys() <= {doors.TASK} for door in fleet.doors.values())

    fleet.doors[BUILD].reset()
    without_seeds = fleet.play(tmp_path, "--limit", "fleet", others=2)
    assert without_seeds.process.returncode == 2 and "With --limit, add the seeds" in without_seeds.output
    assert not fleet.doors[BUILD].visitors


def test_seeds_that_fail(fleet: Distribution, tmp_path: Path) -> None:
    """One dies while it serves, one is dead from the beginning, one can't reach the build server: the first one takes their part."""
    fleet.start_afresh()
    fleet.doors["s2"].reset(shut_after=1 << 20)
    fleet.doors["s3"].reset(shut_after=0)
    run = fleet.play(tmp_path, others=4, lxd_distribute_source={"server": NOBODY})
    assert run.process.returncode == 2, run.output
    stores = fleet.stores()
    others = list(PLACES)[:4]
    new = {fleet.fingerprint: [TO]}
    assert [stores[host] for host in others] == [new] * len(others), run.output
    complete = {OLD.fingerprint: [], **new}
    assert stores["s1"] == complete and stores["s4"] == complete
    # what is dead keeps the alias where it was
    assert stores["s2"] == {OLD.fingerprint: [TO], fleet.fingerprint: []} and stores["s3"] == {OLD.fingerprint: [TO]}
    assert collections.Counter(givers(run).values()) == {"s1": len(others) + 1, fleet.doors[BUILD].url: 1}

    for door in fleet.doors.values():
        door.reset()
    run = fleet.play(tmp_path, others=4)
    assert run.process.returncode == 0, run.output
    assert fleet.stores() == {**stores, "s2": complete, "s3": complete}
    assert {host for host, _task, result in run.by_host if result.get("changed")} == {"s2", "s3"}
