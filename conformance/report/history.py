"""What changed since an earlier report."""

from __future__ import annotations

import json
from pathlib import Path

from conformance.runner import Summary

Key = tuple[str, str]


def bad_layers(summary: Summary) -> dict[Key, str]:
    """Case and layer of everything that is not right."""
    return {
        (result.case, layer): verdict.status
        for result in summary.results
        for layer, verdict in result.verdicts.items()
        if verdict.status not in ("pass", "ill-defined", "known")
    }


def changes(before: Path, summary: Summary) -> tuple[list[Key], list[Key]]:
    """Layers that broke and layers that were mended, among the cases that this run looked at."""
    old = {
        (row["case"], row["layer"])
        for row in json.loads(before.read_text(encoding="utf-8"))["differences"]
        if row["status"] not in ("ill-defined", "known")
    }
    new = set(bad_layers(summary))
    passed = {
        (result.case, layer)
        for result in summary.results
        for layer, verdict in result.verdicts.items()
        if verdict.status == "pass"
    }
    return sorted(new - old), sorted(old & passed)


def print_changes(before: Path, summary: Summary, limit: int = 40) -> bool:
    """True when something broke that the earlier report had right or did not look at."""
    broken, mended = changes(before, summary)
    for word, rows in (("broken", broken), ("mended", mended)):
        print(f"{len(rows)} {word} since {before.name}")
        for case, layer in rows[:limit] if word == "broken" else []:
            print(f"  {case}  {layer}")
    return bool(broken)
