"""Reports as files: JSON for machines, JUnit for continuous integration."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from conformance.layers import BAD, COUNTED, layer_of, worst
from conformance.recorded import masks
from conformance.summary import Row, Summary

# 2: layers and aspects apart, a mask per operator, dtype and aspect, scripts of failing cases
SCHEMA_VERSION = 2


def machine() -> dict[str, Any]:
    return {
        "platform": platform.platform(),
        "processor": platform.machine(),
        "processors": os.cpu_count(),
        "python": platform.python_version(),
        "numpy": importlib.metadata.version("numpy"),
    }


def row_of(row: Row) -> dict[str, Any]:
    return {
        "score": row.score,
        "coverage": row.coverage,
        "operators": len(row.shares),
        "counts": row.counts,
    }


def report_of(summary: Summary, about: dict[str, Any]) -> dict[str, Any]:
    """Scores, counts, every verdict that is not a pass, and where the passes are."""
    return {
        "schema_version": SCHEMA_VERSION,
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        **about,
        "corpus_hash": summary.corpus_hash(),
        "machine": machine(),
        "operators": summary.operators(),
        "cases": len(summary.results),
        "layers": {layer: row_of(row) for layer, row in summary.layers().items()},
        "aspects": {aspect: row_of(row) for aspect, row in summary.aspects().items()},
        "out_of_reach": summary.unreachable,
        "masks": masks(summary),
        "cells": cells_of(summary),
        "differences": [
            {
                "case": result.case,
                "operator": result.operator,
                "dtype": result.dtype,
                "layer": layer_of(result.kind, aspect),
                "aspect": aspect,
                "status": verdict.status,
                "detail": verdict.detail,
            }
            for result in summary.results
            for aspect, verdict in result.verdicts.items()
            if verdict.status != "pass"
        ],
        "scripts": {result.case: result.script for result in summary.results if result.script},
    }


def cells_of(summary: Summary) -> dict[str, dict[str, dict[str, list[Any]]]]:
    """operator -> dtype -> layer -> [cases that pass, cases that count, the worst status]."""
    table: dict[str, dict[str, dict[str, list[Any]]]] = {}
    for result in summary.results:
        row = table.setdefault(result.operator, {}).setdefault(result.dtype, {})
        for layer, verdicts in result.layers().items():
            status = worst(verdict.status for verdict in verdicts)
            cell = row.setdefault(layer, [0, 0, status])
            cell[0] += status == "pass"
            cell[1] += status in COUNTED
            cell[2] = worst((cell[2], status))
    return table


def write_json(path: Path, report: dict[str, Any]) -> None:
    path.write_text(json.dumps(report, indent=1), encoding="utf-8")


def read_json(path: Path) -> dict[str, Any]:
    """A report of this schema; SystemExit with a sentence for anything else."""
    try:
        report: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SystemExit(f"{path} is no report: {error}") from None
    version = report.get("schema_version") if isinstance(report, dict) else None
    if version != SCHEMA_VERSION:
        raise SystemExit(f"{path} has schema version {version}; this is {SCHEMA_VERSION}")
    return report


def write_junit(path: Path, summary: Summary) -> None:
    """One test per case; the aspects that fail are its failure text."""
    lines = []
    failures = 0
    for result in summary.results:
        bad = [
            f"{aspect}: {verdict.status}: {verdict.detail}"
            for aspect, verdict in result.verdicts.items()
            if verdict.status in BAD
        ]
        failures += bool(bad)
        head = f"<testcase classname={quoteattr(result.operator)} name={quoteattr(result.case)}"
        text = f"><failure>{escape(printable(chr(10).join(bad)))}</failure></testcase>" if bad else "/>"
        lines.append(head + text)
    body = "\n".join(lines)
    text = (
        f'<testsuite name="conformance" tests="{len(lines)}" failures="{failures}">\n{body}\n</testsuite>\n'
    )
    path.write_text('<?xml version="1.0" encoding="utf-8"?>\n' + text, encoding="utf-8")


def printable(text: str) -> str:
    """Without the control characters that XML cannot hold."""
    return "".join(
        letter if letter >= " " or letter in "\n\t" else "\N{REPLACEMENT CHARACTER}" for letter in text
    )
