"""What changed between two reports, by the masks they carry."""

from __future__ import annotations

from typing import Any

from conformance.layers import LETTERS, position
from conformance.recorded import FAILING, cells
from conformance.report.terminal import percent

Key = tuple[str, str]
PASSED = LETTERS["pass"]
ABSENT = LETTERS["missing"]


def changes(before: dict[str, Any], after: dict[str, Any]) -> tuple[list[Key], list[Key]]:
    """Cases and aspects that broke (or fail and are new), and those that were mended."""
    old = {(case, aspect): letter for case, aspect, letter in cells(before["masks"])}
    # of an operator that was not there, one sample was looked at for all
    absent = {
        case.rpartition(":")[0]
        for (case, aspect), letter in old.items()
        if letter == ABSENT and aspect == "exists"
    }
    worse: list[Key] = []
    better: list[Key] = []
    for case, aspect, letter in cells(after["masks"]):
        was = old.get((case, aspect), ABSENT if case.rpartition(":")[0] in absent else None)
        if letter in FAILING and (was is None or was not in FAILING):
            worse.append((case, aspect))
        elif letter == PASSED and was is not None and was in FAILING:
            better.append((case, aspect))
    return sorted(worse), sorted(better)


def print_changes(before: dict[str, Any], after: dict[str, Any], limit: int = 40) -> bool:
    """True when something broke that the earlier report had right or did not look at."""
    worse, better = changes(before, after)
    details = {(row["case"], row["aspect"]): row for row in after["differences"]}
    for word, rows in (("worse", worse), ("better", better)):
        print(f"{len(rows)} {word}")
        for key in rows[:limit]:
            row = details.get(key)
            text = (
                f": {row['status']}: {' '.join(row['detail'].split())[:160]}"
                if row and word == "worse"
                else ""
            )
            print(f"  {key[0]}  {key[1]}{text}")
        if len(rows) > limit:
            print(f"  ... and {len(rows) - limit} more")
    return bool(worse)


def print_difference(before: dict[str, Any], after: dict[str, Any], limit: int = 40) -> bool:
    """The scores side by side, then what got worse and better."""
    for key in ("implementation", "torch_version", "corpus_hash", "seed"):
        if before.get(key) != after.get(key):
            print(f"{key}: {before.get(key)} -> {after.get(key)}")
    print(f"{'layer':<16}{'before':>9}{'after':>9}")
    for layer in sorted({*before["layers"], *after["layers"]}, key=position):
        pair = [report["layers"].get(layer, {}).get("score") for report in (before, after)]
        mark = "" if pair[0] == pair[1] else "  changed"
        print(f"{layer:<16}{percent(pair[0]):>9}{percent(pair[1]):>9}{mark}")
    return print_changes(before, after, limit)
