# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers that exist only as answers: what the modules would return, in files. For pages that are to look the same every time.

That the modules really return this is what the test "report" of the integration target "playbooks" is for, on real servers.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
NOW = datetime(2026, 3, 20, 12, tzinfo=timezone.utc)
"""The time that the browser takes it to be."""

PICTURE_WIDTH = 1280
"""How wide the picture of the page is."""

MODULES = ("lxd_image_info", "lxd_image_prune")
STUB = '''#!/usr/bin/python
# WANT_JSON
"""Returns the answer that a file has."""
import json
import sys

with open(sys.argv[1]) as file:
    options = json.load(file)
with open(options["url"].partition(":")[2] + "/" + options["_ansible_module_name"].rpartition(".")[2] + ".json") as file:
    print(file.read())
'''

SCRIPT = "<script>document.title = 'taken'</script><img src=x onerror=\"document.title='taken'\">"
EXPRESSION = "{{ lookup('ansible.builtin.pipe', 'touch TAKEN') }}"
FORMULA = '=HYPERLINK("https://example.com","click")'


def make_tree(directory: Path) -> Path:
    """A path of collections with the playbooks of this checkout, and modules that return what files have."""
    place = directory / "ansible_collections" / "community" / "lxd"
    (place / "plugins" / "modules").mkdir(parents=True)
    (place / "playbooks").symlink_to(ROOT / "playbooks")
    (place / "plugins" / "filter").symlink_to(ROOT / "plugins" / "filter")
    (place / "meta").mkdir()
    (place / "meta" / "runtime.yml").write_text(json.dumps({"action_groups": {"lxd": list(MODULES)}}))
    for name in MODULES:
        (place / "plugins" / "modules" / f"{name}.py").write_text(STUB)
    return directory


def moment(days: float) -> str:
    """So many days before now, as the servers write it."""
    return (NOW - timedelta(days=days)).isoformat().replace("+00:00", "Z")


def image(build: str, days: float, **changes: Any) -> dict[str, Any]:
    """An image as lxd_image_info returns it: of a build, which decides about its content, so many days old."""
    system, _colon, release = build.partition("/")[2].rpartition("#")[0].partition("-")
    return {
        "project": "default",
        "fingerprint": hashlib.sha256(build.encode()).hexdigest(),
        "aliases": [],
        "properties": {
            "os": system,
            "release": release,
            "description": f"{system.capitalize()} {release}, build {build.rpartition('#')[2]}",
        },
        "ansible": {},
        "protected": False,
        "public": False,
        "auto_update": False,
        "cached": False,
        "expires_at": "never",
        "profiles": ["default"],
        "architecture": "x86_64",
        "type": "container",
        "size": 90_000_000 + int(hashlib.sha256(build.encode()).hexdigest()[:7], 16),
        "filename": "",
        "created_at": moment(days),
        "uploaded_at": moment(days - 0.2),
        "last_used_at": "0001-01-01T00:00:00Z",
        "used_by": [],
        "stale": False,
        "upstream_fingerprint": None,
        **changes,
    }


def named(*names: str) -> dict[str, Any]:
    return {"aliases": [{"name": name, "description": ""} for name in names]}


def used(count: int, days: float) -> dict[str, Any]:
    return {
        "used_by": [{"project": "default", "name": f"c{number}"} for number in range(count)],
        "last_used_at": moment(days),
    }


def copied(server: str, alias: str, **changes: Any) -> dict[str, Any]:
    return {"update_source": {"server": server, "protocol": "simplestreams", "alias": alias}, **changes}


def server(vendor: str, name: str, **changes: Any) -> dict[str, Any]:
    client = {"method": "tls", "sees_all": True, "restricted": False, "fine_grained": False, "projects": None}
    version = {"lxd": "5.21.4", "incus": "6.0.4"}[vendor]
    return {
        "url": f"https://{name}.example.com:8443",
        "project": "default",
        "vendor": vendor,
        "version": version,
        "trusted": True,
        "client": client,
        **changes,
    }


def golden(behind: int = 0) -> Iterator[dict[str, Any]]:
    """What a server has that gets its images from the build server. ``behind``: so many builds."""
    for number, system in enumerate(("debian-12", "debian-13", "ubuntu-24.04")):
        late = behind if system != "debian-13" else 0
        for build in range(4):
            alias = (
                [f"golden/{system}"] if build == late else [f"golden/{system}/previous"] if build == late + 1 else []
            )
            yield image(
                f"golden/{system}#{12 - build}",
                4 + 7 * build + number,
                **named(*alias),
                **(
                    used(7 - 2 * late, 3)
                    if build == late
                    else used(2, 20)
                    if build == 3 and system == "debian-12"
                    else {}
                ),
                ansible={
                    "source": json.dumps(
                        {"type": "image", "server": "https://build.example.com:8443", "alias": f"golden/{system}"}
                    )
                },
            )


def fleet() -> dict[str, tuple[dict[str, Any], dict[str, Any]]]:
    """What the modules return for each server, by its name."""
    ubuntu = copied("https://cloud-images.ubuntu.com/releases", "24.04")
    alpine = copied("https://images.linuxcontainers.org", "alpine/3.21")
    silent = "Cannot read https://mirror.example.net/streams/v1/index.json: no answer in 30 seconds."
    answers: dict[str, dict[str, Any]] = {
        "build": {
            "images": [
                *golden(),
                image(
                    "cloud/ubuntu-24.04#20260301", 19, **named("ubuntu/24.04"), **ubuntu, stale=True, auto_update=True
                ),
                image(
                    "strange/debian-12#1",
                    40,
                    properties={"description": SCRIPT},
                    aliases=[{"name": "strange/<b>name</b>", "description": ""}],
                ),
                image("strange/debian-12#2", 41, properties={"description": EXPRESSION}, protected=True),
                image("strange/debian-12#3", 42, properties={"description": FORMULA}, expires_at=moment(2)),
            ],
            "server": server("lxd", "build"),
        },
        "berlin-1": {
            "images": [
                *golden(),
                image("cloud/alpine-3.21#20260315", 5, **named("alpine/3.21"), **alpine, auto_update=True, public=True),
                image("golden/debian-11#88", 200, ansible={"withdrawn": "{}"}, protected=True),
            ],
            "server": server("incus", "berlin-1"),
        },
        "berlin-2": {
            "images": [
                *golden(behind=1),
                image("cloud/alpine-3.21#20260301", 19, **named("alpine/3.21"), **alpine, stale=True),
                image(
                    "vm/windows-2022#3",
                    90,
                    **named("windows/2022"),
                    type="virtual-machine",
                    size=9_100_000_000,
                    used_by=None,
                ),
            ],
            "server": server("lxd", "berlin-2", clustered=True, members_down=["berlin-2-c"]),
            "warnings": ["The cluster member berlin-2-c is down."],
        },
        "oslo-1": {
            "images": [
                *golden(),
                image(
                    "cloud/alpine-3.21#20260315", 5, **named("alpine/3.21"), **alpine, stale=None, upstream_error=silent
                ),
                image("web/debian-12#7", 11, project="web", **named("shop"), **used(3, 1), expires_at=moment(-30)),
            ],
            "server": server("incus", "oslo-1"),
        },
        "oslo-2": {
            "failed": True,
            "msg": "Cannot list the projects: Cannot connect to https://oslo-2.example.com:8443: Connection refused.",
        },
        "lab": {
            "images": [
                image(
                    f"web/debian-12#{number}",
                    18 - number,
                    project="web",
                    used_by=None,
                    **named(*(["shop"] if number == 6 else [])),
                )
                for number in (5, 6)
            ],
            "server": server(
                "lxd",
                "lab",
                client={
                    "method": "tls",
                    "sees_all": False,
                    "restricted": True,
                    "fine_grained": False,
                    "projects": ["web"],
                },
            ),
        },
        "spare": {"images": [], "server": server("incus", "spare")},
    }
    return {name: (found, pruned(found)) for name, found in answers.items()}


def pruned(found: dict[str, Any]) -> dict[str, Any]:
    """What lxd_image_prune would return: what is older than ten days goes, unless there is a reason why it stays."""
    removed: list[dict[str, Any]] = []
    kept: list[dict[str, Any]] = []
    for item in found.get("images", []):
        known = [
            ("protected", item["protected"]),
            ("unknown_use", item["used_by"] is None),
            ("used", bool(item["used_by"])),
            ("aliased", bool(item["aliases"])),
            ("inactive", "withdrawn" in item["ansible"]),
        ]
        reasons = [word for word, true in known if true]
        if item["uploaded_at"] < moment(10):
            (kept if reasons else removed).append({**item, "reasons": reasons})
    return {
        "changed": bool(removed),
        "removed": removed,
        "kept": kept,
        "reclaimed": sum(item["size"] for item in removed),
    }


def many(servers: int, images: int) -> dict[str, tuple[dict[str, Any], dict[str, Any]]]:
    """A fleet of that size: half of the images have an alias, and one of ten is another build on each server."""
    result = {}
    for place in range(servers):
        found = {
            "images": [
                image(
                    f"golden/debian-{number}#{place if number % 10 == 0 else 0}",
                    1 + number % 300,
                    **named(*([f"golden/debian-{number}"] if number % 2 else [])),
                    **(used(2, 3) if number % 3 == 0 else {}),
                    **copied("https://images.example.com", f"debian/{number % 20}"),
                )
                for number in range(images)
            ],
            "server": server(("lxd", "incus")[place % 2], f"server-{place}"),
        }
        result[f"server-{place}"] = found, pruned(found)
    return result


def write_answers(directory: Path, answers: dict[str, tuple[dict[str, Any], dict[str, Any]]]) -> list[dict[str, str]]:
    """Writes answers into files. Returns the servers, as the playbook takes them."""
    for name, both in answers.items():
        (directory / name).mkdir(parents=True, exist_ok=True)
        for module, answer in zip(MODULES, both):
            (directory / name / f"{module}.json").write_text(json.dumps({"changed": False, **answer}))
    return [{"name": name, "url": f"unix:{directory / name}"} for name in answers]
