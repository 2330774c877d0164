# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The model behind the report, from answers of servers to rows, cells and sentences."""

from __future__ import annotations

import csv
import io
import json
import typing as t

import pytest

from ansible_collections.community.lxd.plugins.filter.image_report import FilterModule

SERVER = {"url": "https://a:8443", "project": "default", "vendor": "incus", "version": "6.0", "trusted": True}
CLIENT = {"method": "tls", "sees_all": False, "restricted": True, "fine_grained": False, "projects": ["web"]}
PRUNED: dict[str, t.Any] = {"removed": [], "kept": [], "reclaimed": 0}


def image(fingerprint: str = "a", *aliases: str, **changes: t.Any) -> dict[str, t.Any]:
    return {
        "project": "default",
        "fingerprint": fingerprint * 64,
        "aliases": [{"name": name, "description": ""} for name in aliases],
        "properties": {},
        "ansible": {},
        "size": 10,
        "created_at": "2026-01-01T00:00:00Z",
        "uploaded_at": "2026-01-02T00:00:00Z",
        "used_by": [],
        **changes,
    }


def found(*images: t.Any, **changes: t.Any) -> dict[str, t.Any]:
    return {"images": list(images), "server": SERVER, **changes}


def report(answers: t.Mapping[str, t.Any], pruned: t.Any = None, **more: t.Any) -> dict[str, t.Any]:
    make = FilterModule().filters()["image_report"]
    return t.cast(
        "dict[str, t.Any]", make(list(answers), list(answers.values()), pruned or [PRUNED] * len(answers), **more)
    )


def only(**changes: t.Any) -> dict[str, t.Any]:
    (row,) = report({"a": found(image(**changes))})["images"]
    return t.cast("dict[str, t.Any]", row)


@pytest.mark.parametrize(
    ("answer", "pruned", "notes"),
    [
        (found(image()), PRUNED, []),
        ({"failed": True, "msg": "refused"}, {"skipped": True}, ["It has not answered: refused"]),
        ({"unreachable": True, "msg": "no route"}, {}, ["It has not answered: no route"]),
        (None, None, ["It has not answered: this host could not be asked"]),
        (found(), PRUNED, ["It shows this client no images."]),
        (
            found(image(), server={**SERVER, "trusted": False}),
            {"failed": True, "msg": "not trusted"},
            [
                "It does not trust this client, and shows it only public images.",
                "It is not known what a prune would give back: not trusted",
            ],
        ),
        (
            found(image(), server={**SERVER, "client": CLIENT}),
            PRUNED,
            ["It shows this client only a part of what it has. Projects that the client may see: web."],
        ),
        (
            found(image(used_by=None), image("b", used_by=None), warnings=["three is down", "three is down"]),
            PRUNED,
            ["It is not known whether these are used: 2 images.", "three is down"],
        ),
        (
            found(image(upstream_error="no answer")),
            PRUNED,
            ["It is not known whether these are stale: 1 image. no answer"],
        ),
        (
            found(image(), server={**SERVER, "clustered": True, "members_down": ["two", "three"]}),
            PRUNED,
            ["Members of the cluster that are down: two, three."],
        ),
    ],
)
def test_notes(answer: t.Any, pruned: t.Any, notes: list[str]) -> None:
    (server,) = report({"a": answer}, [pruned])["servers"]
    assert server["notes"] == notes
    assert server["complete"] == (not notes)
    answered = bool(answer and "images" in answer)
    assert server["answered"] == answered
    assert (server["images"] is None) == (server["size"] is None) == (not answered)


def test_what_is_not_known_of_a_prune_is_not_nothing() -> None:
    (server,) = report({"a": found(image())}, [{"failed": True}])["servers"]
    assert server["prune_images"] is None and server["prune_size"] is None


def test_prune() -> None:
    images = [image("a", size=1), image("b", size=2), image("c", size=4)]
    pruned = {
        "removed": [images[0]],
        "kept": [{**images[1], "reasons": ["newest", "unknown_use"]}],
        "reclaimed": 1,
    }
    made = report({"a": found(*images)}, [pruned])
    assert [row["fate"] for row in made["images"]] == ["would go", "stays: newest, unknown use", ""]
    assert (made["servers"][0]["prune_images"], made["servers"][0]["prune_size"]) == (1, 1)


@pytest.mark.parametrize(
    ("changes", "source"),
    [
        ({"update_source": {"server": "https://i.example", "alias": "debian/12"}}, "https://i.example debian/12"),
        ({"update_source": {"server": "https://i.example", "alias": ""}}, "https://i.example"),
        ({"ansible": {"source": '{"type": "image", "remote": "images", "alias": "a/b"}'}}, "images a/b"),
        ({"ansible": {"source": '{"type": "url", "url": "https://u.example/x"}'}}, "https://u.example/x"),
        ({"ansible": {"source": '{"type": "instance", "name": "c1"}'}}, "instance c1"),
        ({"filename": "x.tar.gz"}, "x.tar.gz"),
        # anybody may set properties
        ({"ansible": {"source": "not JSON"}, "filename": "x"}, "x"),
        ({"ansible": {"source": "[1]"}}, ""),
        ({"ansible": {"source": "[" * 100000}}, ""),
        ({"ansible": {"source": '{"type": "url", "url": {"a": 1}}'}}, "{'a': 1}"),
    ],
)
def test_source(changes: t.Any, source: str) -> None:
    assert only(**changes)["source"] == source


def test_states() -> None:
    assert only()["states"] == ["unused"]
    changes = {
        "stale": True,
        "used_by": None,
        "protected": True,
        "ansible": {"withdrawn": "{}"},
        "public": True,
        "auto_update": True,
        "cached": True,
    }
    assert only(**changes)["states"] == [
        *("stale", "use unknown", "protected", "inactive", "public", "auto-update", "cached")
    ]
    assert only(used_by=[{"name": "c1"}], upstream_error="?")["states"] == ["source silent"]


@pytest.mark.parametrize("moment", ["never", "", None, "0001-01-01T00:00:00Z", "1970-01-01T00:00:00Z"])
def test_no_moment(moment: t.Any) -> None:
    row = only(created_at=moment, uploaded_at=moment, expires_at=moment, last_used_at=moment)
    assert [row[key] for key in ("created_at", "uploaded_at", "expires_at", "last_used_on")] == [""] * 4


def test_only_the_day_of_the_last_use_counts() -> None:
    assert only(last_used_at="2026-01-02T03:04:05Z")["last_used_on"] == "2026-01-02"


@pytest.mark.parametrize("size", [None, "10", True, 1.5])
def test_strange_values(size: t.Any) -> None:
    row = only(size=size, properties={"description": 5, "x": None}, architecture=None, type=["a"])
    assert (row["size"], row["description"], row["architecture"]) == (0, "5", "")


def test_aliases() -> None:
    old = image("b", "one", "two", created_at="2025-01-01T00:00:00Z")
    made = report(
        {
            "a": found(image("a", "one", "three")),
            "b": found(old),
            "c": {"failed": True},
            "d": found(image("a", "one", "three"), image("c", "one", project="web")),
            "e": found(image("a", "three")),
            "f": found(image("a", "three"), image("b", "three", project="other")),
        }
    )
    rows = [(row["project"], row["name"], row["differs"], row["cells"]) for row in made["aliases"]]
    assert rows == [
        ("default", "one", 2, [0, 1, -2, 0, -1, -1]),
        ("default", "three", 1, [0, -1, -2, 0, 0, 0]),
        ("default", "two", 1, [-1, 0, -2, -1, -1, -1]),
        ("other", "three", 1, [-1, -1, -2, -1, -1, 0]),
        ("web", "one", 1, [-1, -1, -2, 0, -1, -1]),
    ]
    assert [build["fingerprint"][0] for build in made["aliases"][0]["builds"]] == ["a", "b"]
    same = report({"a": found(image("a", "x")), "b": found(image("a", "x")), "c": {"failed": True}})
    assert [row["differs"] for row in same["aliases"]] == [0]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@a", "\t=1", "\r=1", "  =1", "\n=1", "\uff1d1", '="a",b\n'])
def test_no_cell_is_a_formula(text: str) -> None:
    made = report({text: found(image("a", text, properties={"description": text}, filename=text))})
    (row,) = csv.DictReader(io.StringIO(made["csv"], newline=""))
    for name in ("server", "aliases", "description", "source"):
        assert row[name] in ("'" + text, "'" + text.strip()), name
    assert row["size"] == "10"


def test_csv_has_all_images_and_all_notes() -> None:
    made = report(
        {"a": found(image("a", "x", "y"), image("b", used_by=None, stale=True)), "b": {"msg": "refused, again"}}
    )
    rows = list(csv.DictReader(io.StringIO(made["csv"])))
    assert [(row["server"], row["note"]) for row in rows if not row["fingerprint"]] == [
        ("a", "It is not known whether these are used: 1 image."),
        ("b", "It has not answered: refused, again"),
    ]
    assert [(row["aliases"], row["used_by"], row["stale"]) for row in rows if row["fingerprint"]] == [
        ("x y", "0", ""),
        ("", "unknown", "true"),
    ]


def test_page_can_be_in_a_script() -> None:
    evil = "</script><!--<script>"
    made = report({evil: found(image("a", evil, project=evil, properties={"description": evil}, filename=evil))})
    assert "<" not in made["page"]
    data = json.loads(made["page"])
    assert data["servers"] == data["projects"] == data["sources"] == [evil] and data["images"][0][3] == evil


def test_json() -> None:
    made = report({"a": found(image())}, policy={"keep": 0, "older_than": "", "group_by": []})
    data = json.loads(made["json"])
    assert data == {"prune": {"keep": 0}, "servers": made["servers"], "images": made["images"]}
    assert json.loads(report({})["json"]) == {"prune": {}, "servers": [], "images": []}


def test_same_answers_same_report() -> None:
    answers = {"a": found(image("b", "y"), image("a", "x")), "b": found(image("c", "x"))}
    turned = {name: {**answer, "images": answer["images"][::-1]} for name, answer in answers.items()}
    assert report(answers) == report(answers)
    assert report(answers)["aliases"] == report(turned)["aliases"]
