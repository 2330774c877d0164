# Copyright (c) 2026, community.lxd contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rows as a table and a plot in the documentation."""

from __future__ import annotations

import json
import math
import re
from typing import Any

from measure import KINDS, ROOT

RESULTS = ROOT / "benchmarks" / "results.json"
PLOT = ROOT / "benchmarks" / "results.svg"
GUIDE = ROOT / "docs" / "docsite" / "rst" / "guide_benchmarks.rst"
BEGIN, END = ".. benchmarks: begin", ".. benchmarks: end"
VENDORS = {"lxd": "LXD", "incus": "Incus"}
WIDTH = 24

Data = dict[str, Any]


def ratios(row: Data, kind: str) -> str:
    """Ours to theirs, of all that belong into one column."""
    return ", ".join(f"{outcome['ratio']:.2f} ({outcome['name']})" for outcome in row["outcomes"] if outcome["kind"] == kind) or "\u2014"


def table(rows: list[Data]) -> list[str]:
    lines = [".. list-table::", "   :header-rows: 1", "   :width: 100%", "   :widths: 18 8 8 9 17 12 16 12", ""]
    header = ["Task", "Server", "Seconds", "Memory", *(kind.capitalize() if kind.islower() else kind for kind in KINDS)]
    cells = [header]
    for row in rows:
        ours = row["outcomes"][0]
        memory = f"{ours['memory']} MiB" if ours["memory"] else "\u2014"
        cells.append([row["task"], VENDORS[row["vendor"]], f"{ours['seconds']:.2f}", memory, *(ratios(row, kind) for kind in KINDS)])
    for line in cells:
        lines += [f"   {'*' if first else ' '} - {cell}" for first, cell in zip([True] + [False] * len(line), line)]
    return lines


def bars(rows: list[Data]) -> list[str]:
    """A plot that every page can show: the ratio to the command line client, on a scale of powers of two."""
    lines = [".. code-block:: text", "", f"   {'':<44} 1/16    1/4     1      4      16"]
    for row in rows:
        for outcome in row["outcomes"]:
            if outcome["kind"] != KINDS[0]:
                continue
            position = round(min(max(math.log2(outcome["ratio"]), -4), 4) * WIDTH / 8) + WIDTH // 2
            shown = "".join("\u2588" if min(position, WIDTH // 2) <= place <= max(position, WIDTH // 2) else "\u00b7" for place in range(WIDTH + 1))
            lines.append(f"   {row['task'][:36]:<36} {VENDORS[row['vendor']]:<6}  {shown}  {outcome['ratio']:.2f}")
    return lines


def write_guide(rows: list[Data]) -> None:
    text = GUIDE.read_text()
    generated = "\n".join([BEGIN, "", *table(rows), "", "Time beside the command line client (to the left of 1: faster):", "", *bars(rows), "", END])
    GUIDE.write_text(re.sub(re.escape(BEGIN) + ".*" + re.escape(END), lambda _match: generated, text, flags=re.DOTALL))


def write_plot(rows: list[Data]) -> None:
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "community.lxd"
    from matplotlib import pyplot

    shown = [(f"{row['task']}, {VENDORS[row['vendor']]}", {outcome["kind"]: outcome["ratio"] for outcome in row["outcomes"][1:]}) for row in rows]
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
    write_guide(rows)
    write_plot(rows)
