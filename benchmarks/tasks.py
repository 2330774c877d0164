# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a task costs that finds nothing to do: one image, and a whole store; in a playbook, and as a process of its own."""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from pathlib import Path
from typing import Any

import many
import servers
from measure import (
    ANSIBLE,
    CLIENT,
    CLIENTS,
    LIMIT,
    OURS,
    Contestant,
    Outcome,
    Row,
    client,
    collections_tree,
    compete,
    limit,
    module,
    pylxd,
)

EMPTY = "no task at all"
TASKS = 20
LOOP = 100
IN_PROCESS = "lxd_image, inside Ansible's process"
AS_A_MODULE = "lxd_image, as a module"
SWITCH = "COMMUNITY_LXD_IN_PROCESS"
PYLXD = """
import sys
from pylxd import Client
client = Client(endpoint=sys.argv[1])
image = client.images.get_by_alias(sys.argv[2])
assert image.properties["stage"] == sys.argv[3]
"""

Task = dict[str, Any]


def playbook(
    directory: Path,
    name: str,
    url: str,
    tasks: list[Task],
    kind: str = ANSIBLE,
    in_process: bool = True,
    collection: Path | None = None,
) -> Contestant:
    """A whole ansible-playbook with these tasks. JSON is YAML. ``collection``: another checkout than this one."""
    number = len(list(directory.glob("playbook-*")))
    path = directory / f"playbook-{number}.json"
    play = {
        "hosts": "localhost",
        "gather_facts": False,
        "module_defaults": {"group/community.lxd.lxd": {"url": url}},
        "tasks": tasks,
    }
    path.write_text(json.dumps([play]))
    home = directory / "home"
    home.mkdir(exist_ok=True)
    # Its own libraries too: that is where the modules of other collections come from.
    environment = {
        "HOME": str(home),
        "LC_ALL": "C.UTF-8",
        "ANSIBLE_COLLECTIONS_PATH": str(collections_tree(directory, collection)),
        SWITCH: str(in_process).lower(),
        "ANSIBLE_LOCALHOST_WARNING": "false",
        "ANSIBLE_PYTHON_INTERPRETER": sys.executable,
    }
    return Contestant(
        name,
        [sys.executable, "-m", "ansible", "playbook", "--inventory", "localhost,", "--connection", "local", str(path)],
        environment,
        kind,
    )


def per_task(task: str, vendor: str, contestants: list[Contestant], empty: Contestant, count: int, runs: int) -> Row:
    """Seconds of one task: the whole playbook, less what it takes without any task, shared among its tasks."""
    whole = compete(f"{task}, whole playbooks", vendor, [*contestants, empty], runs)
    nothing = whole.outcomes.pop().median
    # The largest process is always that of ansible-playbook itself.
    row = Row(
        task,
        vendor,
        [
            Outcome(outcome.name, outcome.kind, [(seconds - nothing) / count for seconds in outcome.seconds])
            for outcome in whole.outcomes
        ],
    )
    row.print()
    return row


def make_store(directory: Path, count: int) -> list[dict[str, Any]]:
    """Images in files, and what is desired of them."""
    directory.mkdir()
    made = [many.make(directory, number) for number in range(count)]
    return [
        {
            "name": f"benchmark/{image['number']}",
            "source": {"type": "file", "path": image["path"]},
            "properties": {"stage": image["series"]},
        }
        for image in made
    ]


def one_image(server: servers.Server, directory: Path, wanted: dict[str, Any], runs: int) -> list[Row]:
    alias, stage = wanted["name"], wanted["properties"]["stage"]
    info = f"{CLIENTS[server.vendor]} image info {alias}"
    url = f"http://lxd/1.0/images/aliases/{alias.replace('/', '%2F')}"
    # as it is mostly written: nothing of the file has to be read to find the image as desired
    named: Task = {"community.lxd.lxd_image": {"name": alias, "properties": wanted["properties"]}}
    others: dict[tuple[str, str], Task] = {
        (f"command: {info}", CLIENT): {"ansible.builtin.command": info, "environment": server.client_environment()},
        ("uri, one GET", ANSIBLE): {"ansible.builtin.uri": {"url": url, "unix_socket": str(server.socket)}},
        ("ping", LIMIT): {"ansible.builtin.ping": {}},
        ("debug", LIMIT): {"ansible.builtin.debug": {"msg": "nothing"}},
    }
    if server.vendor == "lxd" and importlib.util.find_spec("ansible_collections.community.general"):
        profile = {"name": "default", "url": f"unix:{server.socket}", "description": "Default LXD profile"}
        others["community.general.lxd_profile", ANSIBLE] = {"community.general.lxd_profile": profile}
    books = [
        playbook(directory, IN_PROCESS, server.url, [named] * TASKS, OURS),
        playbook(directory, AS_A_MODULE, server.url, [named] * TASKS, OURS, in_process=False),
        *(playbook(directory, name, server.url, [task] * TASKS, kind) for (name, kind), task in others.items()),
    ]
    tasks = per_task(
        "a task with nothing to do", server.vendor, books, playbook(directory, EMPTY, server.url, []), TASKS, runs
    )
    as_module = Row("a task with nothing to do, as a module", server.vendor, [tasks.outcomes[1], *tasks.outcomes[2:]])
    as_module.print()
    tasks.outcomes.pop(1)
    alone = [
        module(directory, "lxd_image", url=server.url, name=alias, properties=wanted["properties"]),
        client(server, "image", "info", alias),
        pylxd(PYLXD, str(server.socket), alias, stage),
        limit("curl, one GET", f"curl --silent --fail --unix-socket {server.socket} {url}"),
    ]
    return [tasks, as_module, compete("a task with nothing to do, the process alone", server.vendor, alone, runs)]


def loop(
    server: servers.Server, directory: Path, wanted: list[dict[str, Any]], runs: int, baseline: Path | None
) -> Row:
    """A loop over images that are as desired: here, as modules, and with an older version of the collection."""
    entries = [{"name": image["name"], "properties": image["properties"]} for image in wanted]
    task = {"community.lxd.lxd_image": "{{ item }}", "loop": entries, "loop_control": {"label": "{{ item.name }}"}}
    books = [
        playbook(directory, IN_PROCESS, server.url, [task], OURS),
        playbook(directory, AS_A_MODULE, server.url, [task], ANSIBLE, in_process=False),
    ]
    if baseline is not None:
        books.append(playbook(directory, "version 1.0.0", server.url, [task], ANSIBLE, collection=baseline))
    return per_task(
        f"a loop over {len(entries)} images as desired",
        server.vendor,
        books,
        playbook(directory, EMPTY, server.url, []),
        1,
        runs,
    )


def whole_store(server: servers.Server, directory: Path, wanted: list[dict[str, Any]], runs: int) -> Row:
    store = {"community.lxd.lxd_image_store": {"images": wanted}}
    entry = {"community.lxd.lxd_image": "{{ item }}", "loop": wanted, "loop_control": {"label": "{{ item.name }}"}}
    books = [
        playbook(directory, "lxd_image_store", server.url, [store], OURS),
        playbook(directory, "a loop of lxd_image", server.url, [entry]),
    ]
    empty = playbook(directory, EMPTY, server.url, [])
    compete("to make the store", server.vendor, books[:1], 1)
    return per_task(f"a store of {len(wanted)} images with nothing to do", server.vendor, books, empty, 1, runs)


def run(vendor: str, directory: Path, counts: list[int], runs: int, baseline: Path | None) -> list[Row]:
    server = servers.Server.start(vendor, directory / vendor)
    try:
        wanted = make_store(directory / "images", max(counts))
        stores = [whole_store(server, directory, wanted[:count], min(runs, 3)) for count in sorted(counts)]
        return [
            *one_image(server, directory, wanted[0], runs),
            loop(server, directory, wanted[:LOOP], min(runs, 3), baseline),
            *stores,
        ]
    finally:
        server.stop()
        os.sync()
