# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: image_report
short_description: What the report of the images of several servers consists of
version_added: 2.0.0
author:
  - community.lxd contributors (@ansible-collections)
description:
  - Makes a report out of what M(community.lxd.lxd_image_info) and M(community.lxd.lxd_image_prune) have returned for
    several servers. The playbook C(community.lxd.report) writes its files from it.
  - The same answers of the servers make the same report. It does not depend on the time.
positional: found, pruned, policy
options:
  _input:
    description: The names of the servers.
    type: list
    elements: str
    required: true
  found:
    description:
      - For each server, what M(community.lxd.lxd_image_info) has returned with
        O(community.lxd.lxd_image_info#module:used_by=true).
      - An entry without images is a server that has not answered.
    type: list
    elements: dict
    required: true
  pruned:
    description: For each server, what M(community.lxd.lxd_image_prune) has returned in check mode.
    type: list
    elements: dict
    required: true
  policy:
    description: The options of M(community.lxd.lxd_image_prune), for RV(_value.json).
    type: dict
    default: {}
"""

EXAMPLES = r"""
---
- name: Make a report of what is in registered variables of all hosts
  ansible.builtin.set_fact:
    faults: "{{ report.servers | rejectattr('complete') | map(attribute='name') }}"
  vars:
    report: "{{ ansible_play_hosts | community.lxd.image_report(found, pruned) }}"
    found: "{{ ansible_play_hosts | map('extract', hostvars, 'registered_info') }}"
    pruned: "{{ ansible_play_hosts | map('extract', hostvars, 'registered_prune') }}"
"""

RETURN = r"""
_value:
  description: The report.
  type: dict
  contains:
    servers:
      description:
        - Each server, with sums, and with what the report does not show of it (C(notes)).
      type: list
      elements: dict
    images:
      description: Each image of each server.
      type: list
      elements: dict
    aliases:
      description:
        - Each alias, with the builds that it points at (C(builds), the newest first) and, for each server, which of
          them it is (C(cells), V(-1) if there is no such alias, V(-2) if the server has not answered).
        - C(differs) is V(2) if there are several builds, and V(1) if the alias is not on every server.
      type: list
      elements: dict
    json:
      description: The policy, the servers and the images as JSON, with one line for each.
      type: str
    csv:
      description: The images as a table. No cell begins like a formula.
      type: str
    page:
      description: The images and aliases as compact JSON, which can be in a script element of HTML.
      type: str
"""

import csv
import io
import json
import re
import typing as t

STATES = ("stale", "source silent", "unused", "use unknown", "protected", "inactive", "public", "auto-update", "cached")
"""What an image can be, in words for people. Only the page knows whether it has expired."""

COLUMNS = (
    *("server", "project", "aliases", "fingerprint", "description", "type", "architecture", "size", "created_at"),
    *("uploaded_at", "last_used_on", "expires_at", "source", "stale", "used_by", "protected", "inactive", "public"),
    *("auto_update", "cached", "prune", "note"),
)

# Spreadsheets evaluate a cell that begins like this, also behind blanks. The last four are the wide forms of the
# first four.
_FORMULA = re.compile("\\s*[=+@\t\r\n\\-\uff1d\uff0b\uff20\uff0d]")
# How the servers write "never" and "unknown": the first moment of a calendar.
_NO_MOMENT = ("0001-01-01", "1970-01-01", "never")

Data = t.Mapping[str, t.Any]


def image_report(
    names: t.Sequence[str], found: t.Sequence[Data], pruned: t.Sequence[Data], policy: Data | None = None
) -> dict[str, t.Any]:
    """Return the report of servers: see RETURN."""
    servers: list[dict[str, t.Any]] = []
    images: list[dict[str, t.Any]] = []
    for name, answer, dry_run in zip(names, found, pruned):
        own = _images(name, answer or {}, dry_run or {})
        images += own
        servers.append(_server(name, answer or {}, dry_run or {}, own))
    aliases = _aliases(servers, images)
    return {
        "servers": servers,
        "images": images,
        "aliases": aliases,
        "json": _json(servers, images, policy or {}),
        "csv": _csv(servers, images),
        "page": _page(servers, images, aliases),
    }


def _images(name: str, answer: Data, dry_run: Data) -> list[dict[str, t.Any]]:
    """Return the images of a server, the latest first."""
    decisions = {(item["project"], item["fingerprint"]): list(item["reasons"]) for item in dry_run.get("kept") or ()}
    decisions.update({(item["project"], item["fingerprint"]): ["removed"] for item in dry_run.get("removed") or ()})
    images = [
        _image(name, image, decisions.get((image["project"], image["fingerprint"]), []))
        for image in answer.get("images") or ()
    ]
    return sorted(images, key=lambda image: image["uploaded_at"], reverse=True)


def _image(server: str, image: Data, decision: list[str]) -> dict[str, t.Any]:
    properties = image.get("properties") or {}
    bookkeeping = image.get("ansible") or {}
    users = image.get("used_by")
    shown = {
        "server": server,
        "project": _text(image["project"]),
        "fingerprint": _text(image["fingerprint"]),
        "aliases": [_text(alias["name"]) for alias in image["aliases"]],
        "description": _text(properties.get("description")),
        "properties": {_text(key): _text(value) for key, value in properties.items()},
        "type": _text(image.get("type")),
        "architecture": _text(image.get("architecture")),
        "size": _number(image.get("size")),
        "created_at": _moment(image.get("created_at")),
        "uploaded_at": _moment(image.get("uploaded_at")),
        # the day is enough: it would be another report with each new instance
        "last_used_on": _moment(image.get("last_used_at"))[:10],
        "expires_at": _moment(image.get("expires_at")),
        "source": _source(image.get("update_source") or {}, bookkeeping, image),
        "stale": image.get("stale"),
        "upstream_fingerprint": image.get("upstream_fingerprint"),
        "upstream_error": _text(image.get("upstream_error")),
        "used_by": None if users is None else len(users),
        "protected": bool(image.get("protected")),
        "inactive": "withdrawn" in bookkeeping,
        "public": bool(image.get("public")),
        "auto_update": bool(image.get("auto_update")),
        "cached": bool(image.get("cached")),
        "prune": decision,
        "fate": _fate(decision),
    }
    return {**shown, "states": _states(shown)}


def _states(image: Data) -> list[str]:
    true = (
        image["stale"],
        image["upstream_error"],
        image["used_by"] == 0,
        image["used_by"] is None,
        *(image[name] for name in ("protected", "inactive", "public", "auto_update", "cached")),
    )
    return [state for state, is_true in zip(STATES, true) if is_true]


def _source(followed: Data, bookkeeping: Data, image: Data) -> str:
    """Return where an image is from: what the server follows, or what the collection remembers, or a file."""
    if followed.get("server"):
        return f"{_text(followed['server'])} {_text(followed.get('alias'))}".strip()
    try:
        kept = json.loads(_text(bookkeeping.get("source")) or "{}")
    except (ValueError, RecursionError):
        # anybody may set properties
        kept = {}
    if not isinstance(kept, dict):
        kept = {}
    kind = kept.get("type")
    if kind == "image":
        words = [kept.get("server") or kept.get("remote"), kept.get("alias")]
    elif kind == "url":
        words = [kept.get("url")]
    elif kind in ("instance", "snapshot"):
        words = [kind, kept.get("name")]
    else:
        words = [image.get("filename")]
    return " ".join(_text(word) for word in words if word)


def _server(name: str, answer: Data, dry_run: Data, images: t.Sequence[Data]) -> dict[str, t.Any]:
    server = answer.get("server") or {}
    answered = answer.get("images") is not None
    planned = dry_run.get("reclaimed") is not None
    gone = [image["size"] for image in images if image["prune"] == ["removed"]]
    notes = list(dict.fromkeys(_notes(answer, dry_run, images)))
    return {
        "name": _text(name),
        "answered": answered,
        "complete": not notes,
        "notes": notes,
        "url": _text(server.get("url")),
        "vendor": _text(server.get("vendor")),
        "version": _text(server.get("version")),
        "clustered": server.get("clustered"),
        "images": len(images) if answered else None,
        "size": sum(image["size"] for image in images) if answered else None,
        "stale": sum(image["stale"] is True for image in images) if answered else None,
        "unused": sum(image["used_by"] == 0 for image in images) if answered else None,
        "prune_images": len(gone) if planned else None,
        "prune_size": sum(gone) if planned else None,
    }


def _notes(answer: Data, dry_run: Data, images: t.Sequence[Data]) -> t.Iterator[str]:
    """Yield sentences about all that the report does not show of a server."""
    if answer.get("images") is None:
        yield f"It has not answered: {_text(answer.get('msg')) or 'this host could not be asked'}"
        return
    server = answer.get("server") or {}
    client = server.get("client") or {}
    if server.get("trusted") is False:
        yield "It does not trust this client, and shows it only public images."
    if client.get("restricted"):
        projects = ", ".join(_text(project) for project in client.get("projects") or ()) or "none"
        yield f"It shows this client only a part of what it has. Projects that the client may see: {projects}."
    if not images:
        yield "It shows this client no images."
    if server.get("members_down"):
        yield f"Members of the cluster that are down: {', '.join(map(_text, server['members_down']))}."
    unknown = sum(image["used_by"] is None for image in images)
    if unknown:
        yield f"It is not known whether these are used: {_count(unknown)}."
    silent = [image["upstream_error"] for image in images if image["upstream_error"]]
    if silent:
        yield f"It is not known whether these are stale: {_count(len(silent))}. {' '.join(dict.fromkeys(silent))}"
    if dry_run.get("reclaimed") is None:
        yield f"It is not known what a prune would give back: {_text(dry_run.get('msg')) or 'that could not be asked'}"
    for warning in answer.get("warnings") or ():
        yield _text(warning)


def _count(images: int) -> str:
    return f"{images} image{'' if images == 1 else 's'}"


def _aliases(servers: t.Sequence[Data], images: t.Sequence[Data]) -> list[dict[str, t.Any]]:
    """Return the aliases with what they point at on each server, those that differ first."""
    built: dict[str, str] = {}
    targets: dict[tuple[str, str], dict[str, str]] = {}
    for image in images:
        built[image["fingerprint"]] = image["created_at"] or image["uploaded_at"]
        for alias in image["aliases"]:
            targets.setdefault((image["project"], alias), {})[image["server"]] = image["fingerprint"]
    answered = sum(server["answered"] for server in servers)
    rows = []
    for (project, alias), there in targets.items():
        builds = sorted(set(there.values()))
        builds.sort(key=lambda fingerprint: built[fingerprint], reverse=True)
        cells = [
            builds.index(there[server["name"]]) if server["name"] in there else -1 if server["answered"] else -2
            for server in servers
        ]
        rows.append(
            {
                "project": project,
                "name": alias,
                "differs": 2 if len(builds) > 1 else 1 if len(there) < answered else 0,
                "cells": cells,
                "builds": [{"fingerprint": fingerprint, "built": built[fingerprint]} for fingerprint in builds],
            }
        )
    return sorted(rows, key=lambda row: (-row["differs"], row["project"] != "default", row["project"], row["name"]))


def _json(servers: t.Sequence[Data], images: t.Sequence[Data], policy: Data) -> str:
    """Return all that is known, with one line for each server and each image, which can be searched and compared."""
    given = {name: policy[name] for name in policy if policy[name] not in ("", [], None)}
    lines = [",\n".join(map(json.dumps, rows)) for rows in (servers, images)]
    return f'{{\n"prune": {json.dumps(given)},\n"servers": [\n{lines[0]}\n],\n"images": [\n{lines[1]}\n]\n}}\n'


def _csv(servers: t.Sequence[Data], images: t.Sequence[Data]) -> str:
    """Return the images as a table. A row without a fingerprint says what the report does not show of a server."""
    output = io.StringIO()
    # Python before 3.13 quotes a cell with a carriage return only if the end of a line has one, too
    writer = csv.DictWriter(output, COLUMNS, restval="", lineterminator="\r\n")
    writer.writeheader()
    for server in servers:
        for note in server["notes"]:
            writer.writerow({"server": _cell(server["name"]), "note": _cell(note)})
    for image in images:
        row = {
            **image,
            "aliases": " ".join(image["aliases"]),
            "stale": "" if image["stale"] is None else image["stale"],
            "used_by": "unknown" if image["used_by"] is None else image["used_by"],
            "prune": " ".join(image["prune"]),
            "note": image["upstream_error"],
        }
        writer.writerow({name: _cell(row[name]) for name in COLUMNS})
    return output.getvalue().replace("\r\n", "\n")


def _cell(value: t.Any) -> t.Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"'{value}" if isinstance(value, str) and _FORMULA.match(value) else value


def _page(servers: t.Sequence[Data], images: t.Sequence[Data], aliases: t.Sequence[Data]) -> str:
    """Return what the script of the page makes its tables from. A text that many images have is in it once."""
    numbers = {server["name"]: number for number, server in enumerate(servers)}
    projects: dict[str, int] = {}
    kinds: dict[str, int] = {}
    sources: dict[str, int] = {}
    rows = []
    for image in images:
        kind = image["architecture"] + (" virtual machine" if image["type"] == "virtual-machine" else "")
        rows.append(
            [
                numbers[image["server"]],
                projects.setdefault(image["project"], len(projects)),
                image["aliases"],
                image["description"],
                image["fingerprint"][:12],
                kinds.setdefault(kind, len(kinds)),
                image["size"],
                image["created_at"][:10],
                image["uploaded_at"][:10],
                -1 if image["used_by"] is None else image["used_by"],
                image["last_used_on"],
                sources.setdefault(image["source"], len(sources)),
                [STATES.index(state) for state in image["states"]],
                image["expires_at"],
                image["fate"],
            ]
        )
    matrix = [
        [
            row["project"],
            row["name"],
            row["differs"],
            row["cells"],
            [[build["fingerprint"][:12], build["built"][:10]] for build in row["builds"]],
        ]
        for row in aliases
    ]
    data = {
        "states": STATES,
        "servers": list(numbers),
        "projects": list(projects),
        "kinds": list(kinds),
        "sources": list(sources),
        "images": rows,
        "aliases": matrix,
    }
    # what could end the script element, or begin a comment in it, is written in another way
    return json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")


def _fate(decision: t.Sequence[str]) -> str:
    """Return what a prune would do with an image, in words for people."""
    if list(decision) == ["removed"]:
        return "would go"
    return "stays: " + ", ".join(decision).replace("_", " ") if decision else ""


def _text(value: t.Any) -> str:
    return "" if value is None else str(value)


def _number(value: t.Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def _moment(value: t.Any) -> str:
    text = _text(value)
    return "" if text.startswith(_NO_MOMENT) else text


class FilterModule:
    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"image_report": image_report}
