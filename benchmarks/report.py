# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rows as a table and a plot in the documentation."""

from __future__ import annotations

import base64
import json
import re
from typing import Any

from measure import KINDS, ROOT

RESULTS = ROOT / "benchmarks" / "results.json"
PLOT = ROOT / "benchmarks" / "results.svg"
GUIDE = ROOT / "docs" / "docsite" / "rst" / "guide_benchmarks.rst"
BEGIN, END = ".. benchmarks: begin", ".. benchmarks: end"
VENDORS = {"lxd": "LXD", "incus": "Incus"}

Data = dict[str, Any]


def table(rows: list[Data]) -> list[str]:
    """One line for each other way to do a thing; one figure in each column."""
    lines = [".. list-table::", "   :header-rows: 1", "   :width: 100%", "   :widths: 22 8 10 10 28 10 12", ""]
    cells = [["Task", "Server", "Ours, s", "MiB", "Beside", "Theirs, s", "Ours / theirs"]]
    for row in rows:
        ours = row["outcomes"][0]
        first = [row["task"], VENDORS[row["vendor"]], seconds(ours), str(ours["memory"] or "\u2014")]
        for outcome in row["outcomes"][1:]:
            cells.append(
                [*first, outcome["name"], seconds(outcome), f"{ours['seconds'] / max(outcome['seconds'], 0.001):.2f}"]
            )
            first = [""] * len(first)
    for line in cells:
        lines += [f"   {'*' if not place else ' '} - {cell}".rstrip() for place, cell in enumerate(line)]
    return lines


def seconds(outcome: Data) -> str:
    return f"{outcome['seconds']:.3f}" if outcome["seconds"] < 1 else f"{outcome['seconds']:.2f}"


def picture() -> list[str]:
    """The plot, whole: a guide can't bring a file along."""
    content = base64.b64encode(PLOT.read_bytes()).decode()
    return [
        f".. image:: data:image/svg+xml;base64,{content}",
        "   :width: 100%",
        "   :alt: Time of this collection as a multiple of the others', for each task and server",
    ]


def write_guide(rows: list[Data]) -> None:
    text = GUIDE.read_text()
    generated = "\n".join([BEGIN, "", *picture(), "", *table(rows), "", END])
    GUIDE.write_text(re.sub(re.escape(BEGIN) + ".*" + re.escape(END), lambda _match: generated, text, flags=re.DOTALL))


def write_plot(rows: list[Data]) -> None:
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "community.lxd"
    # text as text: a tenth of the size, and it can be read and searched
    matplotlib.rcParams["svg.fonttype"] = "none"
    from matplotlib import pyplot

    shown = [
        (
            f"{row['task']}, {VENDORS[row['vendor']]}",
            {outcome["kind"]: outcome["ratio"] for outcome in row["outcomes"][1:]},
        )
        for row in rows
    ]
    figure, axes = pyplot.subplots(figsize=(9, 0.34 * len(shown) + 1.2))
    for kind, marker in zip(KINDS, "os^|"):
        points = [(values[kind], place) for place, (_name, values) in enumerate(shown) if kind in values]
        if points:
            axes.scatter(*zip(*points), marker=marker, label=kind, zorder=2)
    axes.axvline(1, color="grey", linewidth=1)
    axes.set_xscale("log", base=2)
    axes.set_yticks(range(len(shown)), [name for name, _values in shown])
    axes.invert_yaxis()
    axes.set_xlabel("time of community.lxd, as a multiple of theirs (left of the line: faster)")
    axes.grid(axis="x", alpha=0.3)
    axes.legend(loc="best", fontsize="small")
    figure.savefig(PLOT, bbox_inches="tight", metadata={"Date": None})


def joined(old: list[Data], new: list[Data]) -> list[Data]:
    """By task, so that the servers stand side by side. What was not measured anew stays."""
    known = {(row["task"], row["vendor"]): row for row in [*old, *new]}
    order = list(dict.fromkeys(task for task, _vendor in known))
    return sorted(known.values(), key=lambda row: (order.index(row["task"]), list(VENDORS).index(row["vendor"])))


def write(measured: list[Data]) -> None:
    rows = joined(json.loads(RESULTS.read_text()), measured)
    RESULTS.write_text(json.dumps(rows, indent=2) + "\n")
    write_plot(rows)
    write_guide(rows)
