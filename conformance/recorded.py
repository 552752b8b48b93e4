"""Which cases pass, small enough to keep: the record that later runs may not fall behind.

A mask is one letter per sample of an operator in a dtype and an aspect, run-length encoded: `35p2f` are 35 passes and
two failures, `.` is a sample without that aspect.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

from conformance.layers import BAD, LETTERS
from conformance.summary import Summary

STATUS = {letter: status for status, letter in LETTERS.items()}
FAILING = frozenset(LETTERS[status] for status in BAD)
Masks = dict[str, dict[str, dict[str, str]]]


def encode(letters: dict[int, str]) -> str:
    """`{0: p, 1: p, 3: f}` as `2p1.1f`."""
    if not letters:
        return ""
    text = "".join(letters.get(index, ".") for index in range(max(letters) + 1))
    return "".join(f"{len(list(run))}{letter}" for letter, run in groupby(text))


def decode(mask: str) -> str:
    """`2p1.1f` as `pp.f`."""
    return "".join(letter * int(count) for count, letter in re.findall(r"(\d+)(\D)", mask))


def masks(summary: Summary) -> Masks:
    """operator -> dtype -> aspect -> mask."""
    table: dict[str, dict[str, dict[str, dict[int, str]]]] = {}
    for result in summary.results:
        row = table.setdefault(result.operator, {}).setdefault(result.dtype, {})
        for aspect, verdict in result.verdicts.items():
            row.setdefault(aspect, {})[result.index] = LETTERS[verdict.status]
    return {
        operator: {
            dtype: {aspect: encode(letters) for aspect, letters in aspects.items()}
            for dtype, aspects in dtypes.items()
        }
        for operator, dtypes in table.items()
    }


def cells(table: Masks) -> Iterator[tuple[str, str, str]]:
    """`add:float32:3`, aspect, letter of everything in the masks."""
    for operator, dtypes in table.items():
        for dtype, aspects in dtypes.items():
            for aspect, mask in aspects.items():
                for index, letter in enumerate(decode(mask)):
                    if letter != ".":
                        yield f"{operator}:{dtype}:{index}", aspect, letter


def write_record(path: Path, summary: Summary, about: dict[str, Any]) -> None:
    """One line per operator and dtype: how many samples, and the masks of the aspects that do not pass throughout."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["operator", "dtype", "samples", "not passing"])
        for operator, dtypes in sorted(masks(summary).items()):
            for dtype, aspects in sorted(dtypes.items()):
                held = {aspect: decode(mask) for aspect, mask in aspects.items()}
                bad = [
                    f"{aspect}={aspects[aspect]}"
                    for aspect, letters in sorted(held.items())
                    if not FAILING.isdisjoint(letters)
                ]
                count = max((len(letters) for letters in held.values()), default=0)
                writer.writerow([operator, dtype, count, "; ".join(bad)])


class Record:
    """What passed when it was recorded."""

    def __init__(self, path: Path) -> None:
        self.samples: dict[tuple[str, str], int] = {}
        self.failing: dict[tuple[str, str], dict[str, str]] = {}
        with path.open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                key = (row["operator"], row["dtype"])
                self.samples[key] = int(row["samples"])
                parts = [part.rpartition("=") for part in row["not passing"].split("; ") if part]
                self.failing[key] = {aspect: decode(mask) for aspect, _, mask in parts}

    def passed(self, operator: str, dtype: str, index: int, aspect: str) -> bool:
        """Whether this cell was recorded, and not as failing."""
        key = (operator, dtype)
        if index >= self.samples.get(key, 0):
            return False
        mask = self.failing[key].get(aspect, "")
        return index >= len(mask) or mask[index] not in FAILING

    def regressions(self, summary: Summary) -> list[str]:
        """Cells that passed when recorded and do not now."""
        return [
            f"{result.case}  {aspect}: {result.verdicts[aspect].status}: {result.verdicts[aspect].detail}"
            for result, aspect in summary.differences()
            if self.passed(result.operator, result.dtype, result.index, aspect)
        ]


def print_regressions(path: Path, summary: Summary, limit: int = 40) -> bool:
    """True when a recorded pass is none any more."""
    lost = Record(path).regressions(summary)
    print(f"{len(lost)} recorded passes lost ({path.name})")
    for line in lost[:limit]:
        print("  " + " ".join(line.split())[:300])
    return bool(lost)
