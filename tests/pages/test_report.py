# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page in a browser: it renders, sorts, filters; it is for all eyes and hands; what others have written stays text."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fleet
import pytest
from PIL import Image
from playwright.sync_api import Page, expect
from reporter import Reporter

Show = Callable[..., Page]

PICTURE = fleet.ROOT / "docs" / "docsite" / "images" / "report.png"
SCHEMES = ("light", "dark")


@pytest.fixture(scope="session")
def written(report: Path) -> dict[str, Any]:
    result: dict[str, Any] = json.loads((report / "report.json").read_text())
    return result


def column(page: Page, table: str, title: str) -> list[str]:
    """The cells of a column, by the words of its header."""
    titles = page.locator(f"#{table}-table thead th").all_inner_texts()
    number = [text.strip() for text in titles].index(title) + 1
    return page.locator(f"#{table}-table tbody tr > :nth-child({number})").all_inner_texts()


def test_all_that_the_servers_have_is_shown(report: Path, written: dict[str, Any], show: Show) -> None:
    answers = fleet.fleet()
    had = {
        (name, image["fingerprint"]) for name, (found, _pruned) in answers.items() for image in found.get("images", [])
    }
    assert {(image["server"], image["fingerprint"]) for image in written["images"]} == had and len(had) == 60
    page = show(report / "index.html")
    shown = list(zip(column(page, "images", "Server"), column(page, "images", "Image")))
    assert len(shown) == 60
    assert {(name.split("\n")[0], text.split("\n")[-1][:12]) for name, text in shown} == {
        (name, key[:12]) for name, key in had
    }
    assert page.locator("#count").inner_text() == "60 of 60 images, 11 of 11 aliases"
    assert column(page, "servers", "Images") == ["16", "14", "14", "14", "?", "2", "0"]
    # the alias of the second build on one server, and a server that does not answer
    rows = {
        row.split("\t")[0].strip(): row.split("\t") for row in page.locator("#aliases-table tbody tr").all_inner_texts()
    }
    assert [cell.strip() for cell in rows["golden/debian-12"]][1:9] == [
        "builds",
        "A",
        "A",
        "B",
        "A",
        "?",
        "\u2013",
        "\u2013",
    ]


def test_no_fault_is_hidden(report: Path, written: dict[str, Any], show: Show) -> None:
    page = show(report / "index.html")
    faults = page.locator(".faults").inner_text()
    for words in (
        "oslo-2: It has not answered: Cannot list the projects: Cannot connect to https://oslo-2.example.com:8443",
        "Members of the cluster that are down: berlin-2-c.",
        "It shows this client only a part of what it has. Projects that the client may see: web.",
        "spare: It shows this client no images.",
        "It is not known whether these are used: 2 images.",
        "It is not known whether these are stale: 1 image. Cannot read https://mirror.example.net",
    ):
        assert words in faults
    assert column(page, "servers", "State") == [
        *(
            "\u2713 complete",
            "\u2713 complete",
            "! incomplete",
            "! incomplete",
            "\u2717 no answer",
            "! incomplete",
            "! incomplete",
        )
    ]
    with (report / "report.csv").open(newline="") as file:
        notes = {(row["server"], row["note"]) for row in csv.DictReader(file) if not row["fingerprint"]}
    assert notes == {(server["name"], note) for server in written["servers"] for note in server["notes"]}
    assert {name for name, _note in notes} == {"berlin-2", "oslo-1", "oslo-2", "lab", "spare"}


def test_what_a_prune_would_give_back(report: Path, written: dict[str, Any], show: Show) -> None:
    answers = fleet.fleet()
    expected = {
        name: (len(pruned["removed"]), pruned["reclaimed"])
        for name, (found, pruned) in answers.items()
        if "images" in found
    }
    sums = {
        server["name"]: (server["prune_images"], server["prune_size"])
        for server in written["servers"]
        if server["answered"]
    }
    assert sums == expected
    page = show(report / "index.html")
    total = sum(count for count, _size in expected.values())
    assert f"A prune would give back {total} images" in page.locator("header").inner_text().replace("\n", " ")
    page.locator("#chips button", has_text="would go").click()
    assert len(column(page, "images", "Server")) == total == 19


def test_states(report: Path, show: Show) -> None:
    page = show(report / "index.html")
    texts = [text.strip() for text in page.locator("#chips button").all_inner_texts()]
    assert {
        "stale 2",
        "source silent 1",
        "use unknown 3",
        "protected 2",
        "inactive 1",
        "public 1",
        "auto-update 2",
        "expired 1",
    } < set(texts)
    page.locator("#chips button", has_text="expired").click()
    assert page.locator("#chips button[aria-pressed=true]").all_inner_texts() == ["expired 1"]
    assert column(page, "images", "Image")[0].startswith("=HYPERLINK")


def test_ages(report: Path, show: Show) -> None:
    page = show(report / "index.html")
    page.fill("#words", "windows")
    expect(page.locator("#images-table tbody tr")).to_have_count(1)
    assert column(page, "images", "Built") == ["2025-12-20\n90 d"]
    assert "on 2026-03-17 (3 d)" in page.locator("#changed").inner_text()


def test_filter(report: Path, show: Show) -> None:
    page = show(report / "index.html")
    page.fill("#words", "oslo-1 SHOP")
    expect(page.locator("#count")).to_contain_text("1 of 60 images")
    assert column(page, "images", "Alias") == ["shop"]
    # of the aliases those of these images
    assert column(page, "aliases", "Alias") == ["shop\nweb"]
    page.fill("#words", "nothing has these words")
    expect(page.locator("#count")).to_contain_text("0 of 60 images")
    assert column(page, "images", "Alias") == [] == column(page, "aliases", "Alias")
    page.fill("#words", "")
    expect(page.locator("#count")).to_contain_text("60 of 60 images")


def test_sort_by_keyboard(report: Path, show: Show) -> None:
    page = show(report / "index.html")
    title = page.locator("#images-table thead th", has_text="Size")
    assert title.get_attribute("aria-sort") == "none"
    # From the field before the tables to the header, by the tabulator alone.
    page.focus("#words")
    for _press in range(60):
        page.keyboard.press("Tab")
        if (
            page.evaluate("document.activeElement.closest('#images-table') && document.activeElement.textContent")
            == "Size"
        ):
            break
    else:
        pytest.fail("the tabulator does not reach the header")
    for order, first in (("descending", "8.5 GiB"), ("ascending", None)):
        page.keyboard.press("Enter")
        assert title.get_attribute("aria-sort") == order
        sizes = [
            float(text.split()[0]) * {"M": 1, "G": 1024}[text.split()[1][0]] for text in column(page, "images", "Size")
        ]
        assert sizes == sorted(sizes, reverse=order == "descending")
        assert first in (None, column(page, "images", "Size")[0])
    assert page.locator("#images-table thead th[aria-sort=none]").count() == 10
    page.locator("#images-table thead button", has_text="Alias").click()
    names = [text for text in column(page, "images", "Alias") if text]
    assert names == sorted(names) and page.locator(
        "#images-table thead th[aria-sort=ascending]"
    ).inner_text().startswith("Alias")


@pytest.mark.parametrize("table", ["servers", "aliases", "images"])
def test_each_column_sorts_and_turns_round(report: Path, show: Show, table: str) -> None:
    page = show(report / "index.html")
    rows = sorted(page.locator(f"#{table}-table tbody tr").all_inner_texts())
    for header in page.locator(f"#{table}-table thead th").all():
        header.locator("button").click()
        first = header.get_attribute("aria-sort")
        header.locator("button").click()
        assert {first, header.get_attribute("aria-sort")} == {"ascending", "descending"}
        assert sorted(page.locator(f"#{table}-table tbody tr").all_inner_texts()) == rows


def test_text_of_others_stays_text(report: Path, show: Show, work: Path) -> None:
    for script in (True, False):
        page = show(report / "index.html", script=script)
        assert page.title() == "Images of 7 servers"
        assert page.locator("td img, td script, th b").count() == 0
        cells = "\n".join(column(page, "images", "Image"))
        assert fleet.SCRIPT in cells and fleet.EXPRESSION in cells and fleet.FORMULA in cells
        assert "strange/<b>name</b>" in "\n".join(column(page, "aliases", "Alias"))
    assert not list(work.rglob("TAKEN")) and not Path("TAKEN").exists()
    with (report / "report.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["description"] for row in rows} >= {fleet.SCRIPT, fleet.EXPRESSION, "'" + fleet.FORMULA}
    assert not [cell for row in rows for cell in row.values() if cell[:1] in ("=", "+", "-", "@", "\t", "\r")]


def test_without_its_script(report: Path, show: Show) -> None:
    plain, whole = show(report / "index.html", script=False), show(report / "index.html")
    for table in ("servers", "aliases", "images"):
        for title in (
            "Server",
            "State",
            "Alias",
            "Image",
            "Size",
            "Prune",
            "Users",
            "From",
            "Differs",
            "Builds",
            "build",
            "berlin-2",
        ):
            if title in [text.strip() for text in plain.locator(f"#{table}-table thead th").all_inner_texts()]:
                here, there = ([text.split() for text in column(page, table, title)] for page in (plain, whole))
                # only the script knows what time it is
                assert (table, title) == ("images", "State") or here == there, (table, title)
    assert [text[:10] for text in column(plain, "images", "Built")] == [
        text[:10] for text in column(whole, "images", "Built")
    ]
    assert not plain.locator("#filter").is_visible() and plain.locator("button:visible").count() == 0
    assert "report.csv" in plain.locator("noscript").inner_text()


@pytest.mark.parametrize("width", [320, 375, 1280])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_only_tables_scroll_sideways(report: Path, show: Show, scheme: str, width: int) -> None:
    page = show(report / "index.html", width, scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") == width
    # what can be scrolled can be reached by the keyboard, and has a name
    for region in page.locator(".scroll").all():
        assert region.get_attribute("tabindex") == "0" and region.get_attribute("aria-label")


@pytest.mark.parametrize(("scheme", "width"), [("light", 375), ("dark", 375), ("light", 2400)])
def test_accessibility(report: Path, show: Show, axe: Path, scheme: str, width: int) -> None:
    page = show(report / "index.html", width, scheme=scheme)
    page.add_script_tag(path=str(axe))
    found = page.evaluate("axe.run()")
    assert [(rule["id"], [node["html"] for node in rule["nodes"]]) for rule in found["violations"]] == []
    looked_at = {"color-contrast", "label", "html-has-lang"} | (
        {"scrollable-region-focusable"} if width < 1000 else set()
    )
    assert looked_at <= {rule["id"] for rule in found["passes"]}
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert dark == {"light": "rgb(255, 255, 255)", "dark": "rgb(15, 19, 24)"}[scheme]


def test_second_run_writes_nothing(report: Path, recorded: Reporter, work: Path) -> None:
    servers = fleet.write_answers(work / "answers", fleet.fleet())
    variables = {"lxd_report_servers": servers, "lxd_report_check_updates": True, "lxd_report_older_than": "10d"}
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in report.iterdir()}
    said = recorded.run(report, **variables)
    assert "changed=0" in said and "changed=1" not in said
    assert {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in report.iterdir()} == before


def test_picture(report: Path, show: Show, request: pytest.FixtureRequest) -> None:
    """The picture of the documentation is a picture of this page, from its top to the end of the table of aliases."""
    page = show(report / "index.html")
    box = page.locator("#aliases-table").bounding_box()
    assert box
    height = box["y"] + box["height"] + 16
    taken = page.screenshot(full_page=True, clip={"x": 0, "y": 0, "width": fleet.PICTURE_WIDTH, "height": height})
    output = io.BytesIO()
    # as many colours as the eye needs: half of the size
    Image.open(io.BytesIO(taken)).convert("RGB").quantize(128).save(output, "PNG", optimize=True)
    assert 20_000 < len(output.getvalue()) < 150_000
    if path := request.config.getoption("--picture"):
        Path(path).write_bytes(output.getvalue())
    with Image.open(PICTURE) as picture:
        assert picture.width == fleet.PICTURE_WIDTH and abs(picture.height - height) < 150, (
            "bash test.sh pages -k picture --picture FILE"
        )


def test_large_fleet(work: Path, recorded: Reporter, show: Show) -> None:
    """Four servers of 500 images: the page is small, and all of it is there."""
    servers = fleet.write_answers(work / "many", fleet.many(4, 500))
    recorded.run(work / "large", lxd_report_servers=servers)
    path = work / "large" / "index.html"
    assert path.stat().st_size < 2 * 2**20
    page = show(path)
    assert page.locator("#count").inner_text() == "2,000 of 2,000 images, 250 of 250 aliases"
    assert page.locator("#images-table tbody tr").count() == 200
    page.locator("#images-more").click()
    assert page.locator("#images-table tbody tr").count() == 400
    # what is not shown yet is found all the same
    page.fill("#words", "server-3 debian-499")
    expect(page.locator("#count")).to_contain_text("1 of 2,000 images")
    assert column(page, "images", "Alias") == ["golden/debian-499"]
