"""One self-contained HTML page: layer by operator by dtype, with filters, scripts, and what changed since the last run."""

from __future__ import annotations

import json
from html import escape
from pathlib import Path
from typing import Any

from conformance.layers import LAYERS, ORDER, position
from conformance.report.terminal import percent

TEMPLATE = Path(__file__).parent / "page.html"
# differences shown per operator, layer and dtype; the JSON report has all of them
SHOWN = 3
# with more differences than this, fewer of each
ROWS = 20_000
DETAIL = 600
# characters of all scripts together
SCRIPTS = 1_000_000
COLUMNS = ("case", "operator", "layer", "dtype", "aspect", "status", "detail")

Cells = dict[str, dict[str, dict[str, list[Any]]]]


def cells_with_change(report: dict[str, Any], before: dict[str, Any] | None) -> Cells:
    """Per operator, dtype and layer: cases that pass, cases that count, the worst status, passes gained or lost."""
    old = before["cells"] if before is not None else {}
    found: Cells = {}
    for operator, dtypes in sorted(report["cells"].items()):
        for dtype, layers in dtypes.items():
            row = found.setdefault(operator, {}).setdefault(dtype, {})
            for layer, (good, total, worst) in layers.items():
                was = old.get(operator, {}).get(dtype, {}).get(layer)
                # with another number of cases, a difference in passes says nothing
                change = good - was[0] if was is not None and was[1] == total else 0
                row[layer] = [good, total, worst, change]
    return found


def shortened(report: dict[str, Any], shown: int) -> tuple[list[dict[str, Any]], dict[str, dict[str, int]]]:
    """The first differences of each cell, those with a script before the others, and how many are left out."""
    kept: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    hidden: dict[str, dict[str, int]] = {}
    count = 0
    rows = sorted(
        report["differences"],
        key=lambda row: (ORDER.index(row["status"]), row["case"] not in report["scripts"]),
    )
    for row in rows:
        group = kept.setdefault((row["operator"], row["layer"], row["dtype"]), [])
        if len(group) < shown and count < ROWS:
            count += 1
            group.append({**row, "detail": row["detail"][:DETAIL]})
        else:
            counts = hidden.setdefault(row["operator"], {})
            counts[row["layer"]] = counts.get(row["layer"], 0) + 1
    return [row for group in kept.values() for row in group], hidden


def packed_cells(cells: Cells, layers: list[str], dtypes: list[str]) -> dict[str, dict[int, list[Any]]]:
    """Dtypes by number, and a cell per layer: 0 where there is none, the count alone where all pass, as before."""

    def packed(cell: list[Any] | None) -> Any:
        if cell is None:
            return 0
        return cell[1] if cell[1:] == [cell[0], "pass", 0] else cell

    return {
        operator: {
            dtypes.index(dtype): [packed(row.get(layer)) for layer in layers] for dtype, row in rows.items()
        }
        for operator, rows in cells.items()
    }


def packed_rows(differences: list[dict[str, Any]]) -> dict[str, list[Any]]:
    """Each text once, and rows of their numbers."""
    numbers: dict[str, int] = {}
    rows = [[numbers.setdefault(row[key], len(numbers)) for key in COLUMNS] for row in differences]
    return {"texts": list(numbers), "differences": rows}


def scripts_of(report: dict[str, Any], differences: list[dict[str, Any]]) -> dict[str, str]:
    """The scripts of the cases that are shown, the worst first, as far as there is room."""
    found: dict[str, str] = {}
    room = SCRIPTS
    for row in differences:
        text = report["scripts"].get(row["case"])
        # a name that is missing needs no program to show it
        if text is None or row["status"] == "missing" or row["case"] in found or len(text) > room:
            continue
        found[row["case"]] = text
        room -= len(text)
    return found


def card(layer: str, row: dict[str, Any], before: dict[str, Any] | None) -> str:
    """A layer's score, coverage and change; readable without scripts."""
    was = (before or {}).get("layers", {}).get(layer, {}).get("score")
    score = row["score"]
    change = ""
    if was is not None and score is not None and was != score:
        points = 100.0 * (score - was)
        change = f' <span class="{"up" if points > 0 else "down"}">{points:+.2f}</span>'
    shown = "–" if score is None else f"{percent(score)}&thinsp;%"
    return (
        f'<button class="card" data-layer="{escape(layer)}" title="{escape(LAYERS.get(layer, layer))}">'
        f'<span class="name">{escape(layer)}</span><div class="score">{shown}{change}</div>'
        f'<div class="bar"><i style="width: {100.0 * (score or 0.0):.1f}%"></i></div>'
        f'<span class="more">{percent(row["coverage"])} % of {row["operators"]:,} answer</span></button>'
    )


def about(report: dict[str, Any], before: dict[str, Any] | None) -> str:
    machine = report["machine"]
    parts = [
        f"<b>{report['operators']:,}</b> operators, <b>{report['cases']:,}</b> cases",
        f"made {escape(report['made'])}",
        f"seed {report.get('seed')}",
        f"corpus {escape(report['corpus_hash'][:12])}",
        f"Python {escape(machine['python'])}, NumPy {escape(machine['numpy'])}, {escape(machine['processor'])}",
    ]
    if not report.get("complete", True):
        parts.append("<b>interrupted: not all cases ran</b>")
    if before is not None:
        parts.append(f"changes since {escape(before['made'])}")
    parts.append("a score is the mean over operators; scores are never added up")
    return " · ".join(parts)


def write_page(path: Path, report: dict[str, Any], before: dict[str, Any] | None = None) -> None:
    """Fill the template; nothing is loaded from anywhere else."""
    cells = cells_with_change(report, before)
    for shown in range(SHOWN, 0, -1):
        differences, hidden = shortened(report, shown)
        if len(differences) <= ROWS:
            break
    layers = sorted(report["layers"], key=position)
    dtypes = sorted({dtype for row in cells.values() for dtype in row}, key=dtype_order)
    body = {
        "layers": layers,
        "dtypes": dtypes,
        "cells": packed_cells(cells, layers, dtypes),
        "hidden": hidden,
        "scripts": scripts_of(report, differences),
        **packed_rows(differences),
    }
    values = {
        "IMPLEMENTATION": escape(str(report["implementation"])),
        "TORCH": escape(str(report["torch_version"])),
        "ABOUT": about(report, before),
        "CARDS": "\n".join(card(layer, report["layers"][layer], before) for layer in layers),
        # a script element ends at the first "</", whatever is around it
        "DATA": json.dumps(body, separators=(",", ":")).replace("<", "\\u003c"),
    }
    text = TEMPLATE.read_text(encoding="utf-8")
    for name, value in values.items():
        text = text.replace("{{" + name + "}}", value)
    path.write_text(text, encoding="utf-8")


def dtype_order(name: str) -> tuple[int, str]:
    known = (
        "float32",
        "float64",
        "bfloat16",
        "float16",
        "complex64",
        "int64",
        "bool",
        "errors",
        "directed",
        "found",
        "docstring",
    )
    return (known.index(name) if name in known else len(known), name)
