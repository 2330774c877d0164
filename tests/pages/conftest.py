# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report as people see it: written by the playbook, opened in a real browser.

Needs Chromium, the Python package playwright, and axe-core of npm: LXD_TEST_AXE is the path of its axe.min.js.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import fleet
import pytest
from playwright.sync_api import Browser, Page, sync_playwright
from reporter import Reporter


@pytest.fixture(scope="session")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pages")


@pytest.fixture(scope="session")
def recorded(work: Path) -> Reporter:
    """Runs the playbook with modules that return what files have."""
    return Reporter(work, fleet.make_tree(work / "recorded"))


@pytest.fixture(scope="session")
def report(work: Path, recorded: Reporter) -> Path:
    """The folder with a report of servers that exist only as answers, with one of each fault."""
    servers = fleet.write_answers(work / "answers", fleet.fleet())
    folder = work / "report"
    said = recorded.run(folder, lxd_report_servers=servers, lxd_report_check_updates=True, lxd_report_older_than="10d")
    assert "Done: 6 of 7 servers answered, 60 images" in said and "oslo-2: has not answered" in said
    # The time of the file is shown.
    os.utime(folder / "index.html", (fleet.NOW.timestamp() - 3 * 86400,) * 2)
    return folder


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    program = shutil.which("chromium")
    assert program, "no chromium on this machine (Debian: apt-get install chromium)"
    with sync_playwright() as playwright:
        # Root may not use the sandbox.
        started = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture(scope="session")
def axe() -> Path:
    path = Path(os.environ.get("LXD_TEST_AXE", ""))
    assert path.is_file(), "LXD_TEST_AXE is not the path of the axe.min.js of axe-core"
    return path


@pytest.fixture
def show(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Opens a page. Whatever it logs, and every request that it makes, fails the test."""
    contexts = []
    troubles: list[str] = []

    def opened(
        path: Path,
        width: int = fleet.PICTURE_WIDTH,
        height: int = 1000,
        scheme: Literal["light", "dark"] = "light",
        script: bool = True,
    ) -> Page:
        context = browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme=scheme,
            java_script_enabled=script,
            offline=True,
            timezone_id="UTC",
        )
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: troubles.append(message.text))
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("request", lambda request: troubles.append(request.url) if request.url != path.as_uri() else None)
        if script:
            page.clock.set_fixed_time(fleet.NOW)
        page.goto(path.as_uri())
        return page

    yield opened
    for context in contexts:
        context.close()
    assert troubles == []


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--picture", metavar="FILE", help="write the picture of the report for the documentation")
