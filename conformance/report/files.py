"""Reports as files: JSON for machines, JUnit for continuous integration."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from conformance.runner import Summary

SCHEMA_VERSION = 1


def as_json(summary: Summary, about: dict[str, Any]) -> dict[str, Any]:
    """Scores, counts, and every verdict that is not a pass."""
    return {
        "schema_version": SCHEMA_VERSION,
        **about,
        "operators": summary.operators(),
        "cases": len(summary.results),
        "scores": summary.scores(),
        "counts": summary.counts(),
        "out_of_reach": summary.unreachable,
        "differences": [
            {
                "case": result.case,
                "operator": result.operator,
                "dtype": result.dtype,
                "layer": layer,
                "status": verdict.status,
                "detail": verdict.detail,
            }
            for result in summary.results
            for layer, verdict in result.verdicts.items()
            if verdict.status != "pass"
        ],
    }


def write_json(path: Path, summary: Summary, about: dict[str, Any]) -> None:
    path.write_text(json.dumps(as_json(summary, about), indent=1), encoding="utf-8")


def write_junit(path: Path, summary: Summary) -> None:
    """One test per case; the layers that fail are its failure text."""
    lines = []
    failures = 0
    for result in summary.results:
        bad = [
            f"{layer}: {verdict.status}: {verdict.detail}"
            for layer, verdict in result.verdicts.items()
            if verdict.status not in ("pass", "ill-defined", "known")
        ]
        failures += bool(bad)
        head = f"<testcase classname={quoteattr(result.operator)} name={quoteattr(result.case)}"
        text = f"><failure>{escape(chr(10).join(bad))}</failure></testcase>" if bad else "/>"
        lines.append(head + text)
    body = "\n".join(lines)
    text = (
        f'<testsuite name="conformance" tests="{len(lines)}" failures="{failures}">\n{body}\n</testsuite>\n'
    )
    path.write_text('<?xml version="1.0" encoding="utf-8"?>\n' + text, encoding="utf-8")
