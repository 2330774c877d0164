#!/usr/bin/env python
# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a module is asked to do while something breaks: the store before, the store that it has to bring about.

What has to hold in between follows from the two (Bench.broken_promises): an alias that is in both is never gone, an image
that is in both stays, what both have alike is not touched, and an alias never points at anything but a whole image.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bench import (
    AT_ORIGIN,
    BIG,
    EXTRA_PROFILE,
    INSTANCE,
    PRODUCT,
    PUBLISHED,
    RUNNING,
    SPLIT,
    STREAMED,
    Bench,
    Check,
    StoredImage,
)

Options = dict[str, Any]

FOREIGN = StoredImage("foreign", {"somebody/else": "not ours"}, {"team": "theirs"}, public=True)
INACTIVE = json.dumps(
    {"aliases": {"demo": "described", "demo/extra": ""}, "auto_update": False, "public": True}, sort_keys=True
)


def no_problems(_bench: Bench) -> list[str]:
    return []


@dataclass(frozen=True)
class Scenario:
    """``promise`` and ``check``: what else must hold at every moment, and at the end; ``unless_killed``: also at the end, but a killed module can't see to it.

    ``is_action``: a second run does it again. ``restarts``: the daemon itself is killed too.
    """

    name: str
    module: str
    options: Callable[[Bench], Options]
    before: tuple[StoredImage, ...] = ()
    after: tuple[StoredImage, ...] = ()
    prepare: Callable[[Bench], None] = no_problems  # type: ignore[assignment]
    promise: Check = no_problems
    check: Check = no_problems
    unless_killed: Check = no_problems
    is_action: bool = False
    restarts: bool = False

    def whole_before(self) -> tuple[StoredImage, ...]:
        return (FOREIGN, *self.before)

    def whole_after(self) -> tuple[StoredImage, ...]:
        return (FOREIGN, *self.after)


def file(bench: Bench, label: str) -> Options:
    path, *rootfs = map(str, bench.files[label])
    return {"type": "file", "path": path, **({"rootfs_path": rootfs[0]} if rootfs else {})}


def origin(bench: Bench, label: str, **more: Any) -> Options:
    """As a source: the twin."""
    alias = "private/other" if label == "other" else f"origin/{label}"
    pair = (
        dict(zip(("client_cert", "client_key"), map(str, bench.client)))
        if label == "other" or more.get("mode") == "push"
        else {}
    )
    source = {
        "server": bench.origin_url,
        "certificate": str(bench.twin.certificate),
        "protocol": bench.vendor,
        "alias": alias,
    }
    return {**source, **pair, **more}


def streamed(bench: Bench, **more: Any) -> Options:
    return {"server": f"{bench.web_url}/tree", "protocol": "simplestreams", "alias": PRODUCT, **more}


def pushed(bench: Bench) -> Options:
    """The twin has to reach the server."""
    assert bench.https_url
    return {"name": "demo", "source": origin(bench, "new", mode="push"), "properties": {"stage": "x"}}


OLD = StoredImage(
    "old",
    {"demo": "described", "demo/extra": "further"},
    {"stage": "old"},
    public=True,
    profiles=("default", EXTRA_PROFILE),
)

IMAGE = [
    Scenario(
        "import",
        "lxd_image",
        lambda b: {"name": "demo", "source": file(b, "new"), "properties": {"stage": "x"}},
        after=(StoredImage("new", {"demo": ""}, {"stage": "x"}),),
        restarts=True,
    ),
    Scenario(
        "import, everything",
        "lxd_image",
        lambda b: {
            "name": "demo",
            "aliases": ["demo/1", "demo/2"],
            "source": file(b, "new"),
            "properties": {"stage": "x", "os": None},
            "purge_properties": True,
            "public": True,
            "profiles": [EXTRA_PROFILE],
            "expires_at": "2031-01-01",
            "protected": True,
        },
        after=(
            StoredImage(
                "new",
                {"demo": "", "demo/1": "", "demo/2": ""},
                {"stage": "x", "ansible.protected": "true"},
                purged=True,
                public=True,
                expires_at="2031-01-01T00:00:00Z",
                profiles=(EXTRA_PROFILE,),
            ),
        ),
    ),
    Scenario(
        "import, 3 MiB",
        "lxd_image",
        lambda b: {"name": "demo", "source": file(b, BIG)},
        after=(StoredImage(BIG, {"demo": ""}),),
    ),
    Scenario(
        "import, split",
        "lxd_image",
        lambda b: {"name": "demo", "source": file(b, SPLIT), "public": True},
        after=(StoredImage(SPLIT, {"demo": ""}, public=True),),
    ),
    Scenario(
        "import, without a name",
        "lxd_image",
        lambda b: {"source": file(b, "new"), "properties": {"stage": "x"}},
        after=(StoredImage("new", {}, {"stage": "x"}),),
    ),
    Scenario(
        "import over another, delete it",
        "lxd_image",
        lambda b: {
            "name": "demo",
            "aliases": ["demo/extra", "demo/more"],
            "source": file(b, "new"),
            "properties": {"stage": "x"},
            "previous": "delete",
        },
        before=(OLD,),
        after=(
            StoredImage(
                "new",
                {"demo": "described", "demo/extra": "further", "demo/more": ""},
                {"stage": "x"},
                public=True,
                profiles=OLD.profiles,
            ),
        ),
        restarts=True,
    ),
    Scenario(
        "import over another, keep it",
        "lxd_image",
        lambda b: {"name": "demo", "source": file(b, BIG), "public": False},
        before=(OLD,),
        after=(
            StoredImage(BIG, {"demo": "described"}, {}, profiles=OLD.profiles),
            StoredImage("old", {"demo/extra": "further"}, {"stage": "old"}, public=True, profiles=OLD.profiles),
        ),
    ),
    Scenario(
        "import over a protected one",
        "lxd_image",
        lambda b: {"name": "demo", "source": file(b, "new"), "previous": "delete"},
        before=(StoredImage("old", {"demo": "described"}, {"ansible.protected": "true"}),),
        after=(StoredImage("old", {}, {"ansible.protected": "true"}), StoredImage("new", {"demo": "described"})),
    ),
    Scenario(
        "import, what a killed run has left",
        "lxd_image",
        lambda b: {"name": "demo", "source": file(b, "new"), "previous": "delete", "public": True},
        before=(StoredImage("old", {"demo": "described"}), StoredImage("new")),
        after=(StoredImage("new", {"demo": "described"}, public=True),),
    ),
    Scenario(
        "import over a cached one",
        "lxd_image",
        # It is deleted first, and nothing of it is taken over.
        lambda b: {"name": "demo", "source": file(b, "new"), "properties": {"stage": "x"}},
        before=(StoredImage("new", {}, None, cached=True),),
        after=(StoredImage("new", {"demo": ""}, {"stage": "x"}),),
    ),
    Scenario(
        "settings, one PATCH",
        "lxd_image",
        lambda b: {"name": "demo", "public": False, "properties": {"stage": "new", "os": None}},
        before=(OLD,),
        after=(StoredImage("old", OLD.aliases, {"stage": "new", "os": ""}, profiles=OLD.profiles),),
    ),
    Scenario(
        "settings, one PUT",
        "lxd_image",
        lambda b: {
            "name": "demo",
            "profiles": [],
            "expires_at": "2031-01-01",
            "properties": {"stage": "new"},
            "protected": True,
        },
        before=(OLD,),
        after=(
            StoredImage(
                "old",
                OLD.aliases,
                {"stage": "new", "ansible.protected": "true"},
                True,
                expires_at="2031-01-01T00:00:00Z",
                profiles=(),
            ),
        ),
        restarts=True,
    ),
    Scenario(
        "aliases, exactly these",
        "lxd_image",
        lambda b: {"name": "demo", "aliases": ["demo/new", "taken"], "purge_aliases": True},
        before=(OLD, StoredImage("other", {"taken": "before", "other": ""})),
        after=(
            StoredImage(
                "old",
                {"demo": "described", "demo/new": "", "taken": "before"},
                OLD.properties,
                public=True,
                profiles=OLD.profiles,
            ),
            StoredImage("other", {"other": ""}),
        ),
    ),
    Scenario("absent", "lxd_image", lambda b: {"name": "demo", "state": "absent"}, before=(OLD,)),
    Scenario(
        "absent, by fingerprint, protected",
        "lxd_image",
        lambda b: {"fingerprint": b.fingerprints["protected"], "state": "absent", "force": True},
        before=(StoredImage("protected", {}, {"ansible.protected": "true"}),),
    ),
    Scenario(
        "withdraw",
        "lxd_image",
        lambda b: {"name": "demo", "state": "inactive"},
        before=(StoredImage("old", {"demo": "described", "demo/extra": ""}, {}, public=True),),
        after=(StoredImage("old", {}, {"ansible.withdrawn": INACTIVE}),),
    ),
    Scenario(
        "put back",
        "lxd_image",
        lambda b: {"name": "demo"},
        before=(StoredImage("old", {}, {"ansible.withdrawn": INACTIVE}),),
        after=(StoredImage("old", {"demo": "described", "demo/extra": ""}, {}, public=True),),
    ),
]

COPY = [
    Scenario(
        "copy, pull",
        "lxd_image",
        lambda b: {
            "name": "demo",
            "source": origin(b, "new", mode="pull"),
            "properties": {"stage": "x"},
            "profiles": [EXTRA_PROFILE],
            "public": True,
        },
        after=(StoredImage("new", {"demo": ""}, {**AT_ORIGIN, "stage": "x"}, public=True, profiles=(EXTRA_PROFILE,)),),
        restarts=True,
    ),
    Scenario(
        "copy, as it can, and follow",
        "lxd_image",
        lambda b: {"name": "demo", "source": origin(b, SPLIT, copy_aliases=True), "auto_update": True},
        after=(StoredImage(SPLIT, {"demo": "", "origin/split": "at the origin"}, AT_ORIGIN, auto_update=True),),
    ),
    Scenario(
        # nothing but the image itself can say what is still to be done
        "copy by fingerprint, with its aliases",
        "lxd_image",
        lambda b: {"fingerprint": b.fingerprints["new"], "source": origin(b, "new", alias=None, copy_aliases=True)},
        after=(StoredImage("new", {"origin/new": "at the origin"}, AT_ORIGIN),),
    ),
    Scenario(
        "copy by fingerprint, relay, everything",
        "lxd_image",
        lambda b: {
            "fingerprint": b.fingerprints["new"],
            "source": origin(b, "new", alias=None, mode="relay", copy_aliases=True),
            "properties": {"stage": "x"},
            "public": True,
            "profiles": [EXTRA_PROFILE],
            "expires_at": "2031-01-01",
        },
        after=(
            StoredImage(
                "new",
                {"origin/new": "at the origin"},
                {**AT_ORIGIN, "stage": "x"},
                public=True,
                expires_at="2031-01-01T00:00:00Z",
                profiles=(EXTRA_PROFILE,),
            ),
        ),
    ),
    Scenario(
        # what the source has set reaches the copy only after the upload
        "copy by fingerprint, relay",
        "lxd_image",
        lambda b: {"fingerprint": b.fingerprints[SPLIT], "source": origin(b, SPLIT, alias=None, mode="relay")},
        after=(StoredImage(SPLIT, {}, AT_ORIGIN),),
    ),
    Scenario(
        "copy, a private one",
        "lxd_image",
        lambda b: {"name": "demo", "source": origin(b, "other")},
        after=(StoredImage("other", {"demo": ""}, AT_ORIGIN),),
    ),
    Scenario(
        "copy, relay",
        "lxd_image",
        lambda b: {"name": "demo", "source": origin(b, BIG, mode="relay"), "properties": {"stage": "x"}},
        after=(StoredImage(BIG, {"demo": ""}, {**AT_ORIGIN, "stage": "x"}),),
    ),
    Scenario(
        "copy, relay of a split one",
        "lxd_image",
        lambda b: {"name": "demo", "source": origin(b, SPLIT, mode="relay")},
        after=(StoredImage(SPLIT, {"demo": ""}, AT_ORIGIN),),
    ),
    Scenario("copy, push", "lxd_image", pushed, after=(StoredImage("new", {"demo": ""}, {**AT_ORIGIN, "stage": "x"}),)),
    Scenario(
        "copy from simplestreams",
        "lxd_image",
        lambda b: {"name": "demo", "source": streamed(b), "properties": {"stage": "x"}},
        after=(StoredImage(STREAMED, {"demo": ""}, None),),
    ),
    Scenario(
        "update from simplestreams, relay",
        "lxd_image",
        lambda b: {"name": "demo", "state": "latest", "source": streamed(b, mode="relay"), "previous": "delete"},
        before=(StoredImage("old", {"demo": "described"}),),
        after=(StoredImage(STREAMED, {"demo": "described"}, None),),
    ),
    Scenario(
        "update to the latest",
        "lxd_image",
        lambda b: {"name": "demo", "state": "latest", "source": origin(b, "new"), "previous": "delete"},
        before=(OLD,),
        after=(StoredImage("new", OLD.aliases, {**AT_ORIGIN, "stage": "old"}, public=True, profiles=OLD.profiles),),
        restarts=True,
    ),
    Scenario(
        "update to the latest, keep the old one",
        "lxd_image",
        lambda b: {"name": "demo", "state": "latest", "source": origin(b, SPLIT, mode="relay")},
        before=(OLD,),
        after=(
            StoredImage("old", {}, OLD.properties, public=True, profiles=OLD.profiles),
            StoredImage(SPLIT, OLD.aliases, {**AT_ORIGIN, "stage": "old"}, public=True, profiles=OLD.profiles),
        ),
    ),
    Scenario(
        "fetch from the web",
        "lxd_image",
        lambda b: {"name": "demo", "source": {"type": "url", "url": f"{b.web_url}/{b.files['new'][0].name}"}},
        after=(StoredImage("new", {"demo": ""}),),
    ),
    Scenario(
        "fetch what the web announces",
        "lxd_image",
        lambda b: {
            "name": "demo",
            "source": {"type": "url", "url": f"{b.web_url}/image/{b.files['new'][0].name}"},
            "public": True,
        },
        after=(StoredImage("new", {"demo": ""}, public=True),),
    ),
]


def instance_is(name: str, wanted: str) -> Check:
    def check(bench: Bench) -> list[str]:
        status = bench.server.perform("GET", f"/1.0/instances/{name}")["status"]
        return [] if status == wanted else [f"the instance is {status}"]

    return check


PUBLISH = [
    Scenario(
        "publish an instance",
        "lxd_image",
        lambda b: {
            "name": "demo",
            "state": "latest",
            "source": {"type": "instance", "name": b.instance},
            "previous": "delete",
        },
        before=(StoredImage("old", {"demo": "described"}),),
        after=(StoredImage(PUBLISHED, {"demo": "described"}, None),),
        check=instance_is(INSTANCE, "Stopped"),
    ),
    Scenario(
        "publish a snapshot",
        "lxd_image",
        lambda b: {
            "name": "demo",
            "aliases": ["demo/extra"],
            "source": {"type": "snapshot", "name": f"{b.instance}/snap0"},
            "public": True,
        },
        after=(StoredImage(PUBLISHED, {"demo": "", "demo/extra": ""}, None, public=True),),
    ),
    Scenario(
        "publish a running instance",
        "lxd_image",
        lambda b: {
            "name": "demo",
            "source": {"type": "instance", "name": RUNNING, "stop": True},
            "properties": {"stage": "x"},
        },
        after=(StoredImage(PUBLISHED, {"demo": ""}, None),),
        prepare=Bench.run_instance,
        unless_killed=instance_is(RUNNING, "Running"),
    ),
]

ALIAS = [
    Scenario(
        "alias, create",
        "lxd_image_alias",
        lambda b: {"name": "demo", "target": b.fingerprints["old"], "description": "new"},
        before=(StoredImage("old"),),
        after=(StoredImage("old", {"demo": "new"}),),
    ),
    Scenario(
        "alias, point elsewhere",
        "lxd_image_alias",
        lambda b: {"name": "demo", "target": "other"},
        before=(OLD, StoredImage("other", {"other": ""})),
        after=(
            StoredImage("old", {"demo/extra": "further"}, OLD.properties, public=True, profiles=OLD.profiles),
            StoredImage("other", {"other": "", "demo": "described"}),
        ),
        restarts=True,
    ),
    Scenario(
        "alias, describe",
        "lxd_image_alias",
        lambda b: {"name": "demo", "description": "anew"},
        before=(StoredImage("old", {"demo": "described"}),),
        after=(StoredImage("old", {"demo": "anew"}),),
    ),
    Scenario(
        "alias, rename",
        "lxd_image_alias",
        lambda b: {"name": "demo/new#name", "rename_from": "demo"},
        before=(StoredImage("old", {"demo": "described"}),),
        after=(StoredImage("old", {"demo/new#name": "described"}),),
    ),
    Scenario(
        "alias, rename and point elsewhere",
        "lxd_image_alias",
        lambda b: {"name": "new", "rename_from": "demo", "target": b.fingerprints["other"]},
        before=(StoredImage("old", {"demo": "described"}), StoredImage("other")),
        after=(StoredImage("old"), StoredImage("other", {"new": "described"})),
    ),
    Scenario(
        "alias, absent",
        "lxd_image_alias",
        lambda b: {"name": "demo", "state": "absent"},
        before=(StoredImage("old", {"demo": "described"}),),
        after=(StoredImage("old"),),
    ),
]

SERIES = {"series": "faults"}
PRUNE = [
    Scenario(
        "prune",
        "lxd_image_prune",
        lambda b: {"properties": SERIES},
        before=(
            StoredImage("old", {}, SERIES),
            StoredImage("new", {}, SERIES),
            StoredImage("other", {"in/use": ""}, SERIES),
            StoredImage("protected", {}, {**SERIES, "ansible.protected": "true"}),
        ),
        after=(
            StoredImage("other", {"in/use": ""}, SERIES),
            StoredImage("protected", {}, {**SERIES, "ansible.protected": "true"}),
        ),
    ),
    Scenario(
        "prune, with aliases",
        "lxd_image_prune",
        lambda b: {"properties": SERIES, "include_aliased": True, "include_protected": True},
        before=(
            StoredImage("old", {"demo": ""}, SERIES),
            StoredImage("protected", {}, {**SERIES, "ansible.protected": "true"}),
            StoredImage("new"),
        ),
        after=(StoredImage("new"),),
    ),
]


def whole_store(bench: Bench, concurrency: int) -> Options:
    entries: list[Options] = [
        {"name": "imported", "source": file(bench, "new"), "properties": {"stage": "x"}},
        {"name": "demo", "aliases": ["demo/extra"], "source": file(bench, SPLIT), "previous": "delete"},
        {"name": "changed", "public": True, "properties": {"stage": "y"}},
        {"name": "somebody/else"},
        {"name": "gone", "state": "absent"},
    ]
    return {"images": entries, "purge": True, "include_aliased": True, "concurrency": concurrency}


STORE_BEFORE = (
    OLD,
    StoredImage("other", {"changed": ""}),
    StoredImage("spare", {"gone": ""}),
    StoredImage(BIG, {"not/listed": ""}),
    StoredImage("protected", {}, {"ansible.protected": "true"}),
)
STORE_AFTER = (
    StoredImage("new", {"imported": ""}, {"stage": "x"}),
    StoredImage(SPLIT, OLD.aliases, public=True, profiles=OLD.profiles),
    StoredImage("other", {"changed": ""}, {"stage": "y"}, public=True),
    StoredImage("protected", {}, {"ansible.protected": "true"}),
)
STORE = [
    Scenario(
        "store", "lxd_image_store", lambda b: whole_store(b, 1), before=STORE_BEFORE, after=STORE_AFTER, restarts=True
    ),
    Scenario(
        "store, side by side", "lxd_image_store", lambda b: whole_store(b, 4), before=STORE_BEFORE, after=STORE_AFTER
    ),
]


def make_secret(bench: Bench) -> None:
    """Through an operation that runs until the secret is used."""
    _status, answer = bench.server.request("POST", f"/1.0/images/{bench.fingerprints['old']}/secret")
    bench.notes["operation"] = answer["operation"].split("?")[0]


def secret_is_revoked(bench: Bench) -> list[str]:
    status, answer = bench.server.request("GET", bench.notes["operation"])
    running = status == 200 and answer["metadata"]["status_code"] == 103
    return ["the secret can still be used"] if running else []


PRIVATE = (StoredImage("old", {"demo": "described"}),)
SECRET = [
    Scenario("secret", "lxd_image_secret", lambda b: {"name": "demo"}, before=PRIVATE, after=PRIVATE, is_action=True),
    Scenario(
        "secret, revoke",
        "lxd_image_secret",
        lambda b: {"state": "absent", "operation": b.notes["operation"]},
        before=PRIVATE,
        after=PRIVATE,
        prepare=make_secret,
        check=secret_is_revoked,
    ),
]


def old_file(bench: Bench) -> None:
    (bench.dest / "image").write_bytes(bench.files["old"][0].read_bytes())


def whole_file(*labels: str) -> Check:
    """At dest is one of these images, whole."""

    def check(bench: Bench) -> list[str]:
        digest = hashlib.sha256((bench.dest / "image").read_bytes()).hexdigest()
        return [] if bench.name_of(digest) in labels else [f"the exported file is none of {', '.join(labels)}"]

    return check


def exactly(label: str, *names: str) -> Check:
    """The files of one image, and no others."""

    def check(bench: Bench) -> list[str]:
        found = sorted(path.name for path in bench.dest.iterdir())
        wanted = sorted(name.format(bench.fingerprints[label]) for name in names)
        if found != wanted:
            return [f"there are the files {found}, not {wanted}"]
        digest = hashlib.sha256(
            b"".join((bench.dest / name.format(bench.fingerprints[label])).read_bytes() for name in names)
        ).hexdigest()
        return [] if digest == bench.fingerprints[label] else ["the exported files are not the image"]

    return check


def exported(label: str) -> tuple[StoredImage, ...]:
    return (StoredImage(label, {"demo": ""}),)


EXPORT = [
    Scenario(
        "export over another file",
        "lxd_image_export",
        lambda b: {"name": "demo", "dest": str(b.dest / "image")},
        exported(BIG),
        exported(BIG),
        old_file,
        whole_file("old", BIG),
        exactly(BIG, "image"),
    ),
    Scenario(
        "export into a directory",
        "lxd_image_export",
        lambda b: {"fingerprint": b.fingerprints["new"], "dest": str(b.dest)},
        exported("new"),
        exported("new"),
        check=exactly("new", "{}.tar.gz"),
    ),
    Scenario(
        "export, split",
        "lxd_image_export",
        lambda b: {"name": "demo", "dest": str(b.dest)},
        exported(SPLIT),
        exported(SPLIT),
        check=exactly(SPLIT, "meta-{}.tar.gz", "{}.tar.gz"),
    ),
]

SCENARIOS = [*IMAGE, *COPY, *PUBLISH, *ALIAS, *PRUNE, *STORE, *SECRET, *EXPORT]
