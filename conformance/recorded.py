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


def packed(mask: str) -> str:
    """`pp.f` as `2p1.1f`."""
    return encode({index: letter for index, letter in enumerate(mask) if letter != "."})


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


class Record:
    """What passed when it was recorded: per operator and dtype the samples that ran, and what did not pass in them."""

    def __init__(self, path: Path | None = None) -> None:
        self.ran: dict[tuple[str, str], str] = {}
        self.failing: dict[tuple[str, str], dict[str, str]] = {}
        if path is None:
            return
        with path.open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                key = (row["operator"], row["dtype"])
                self.ran[key] = decode(row["samples"])
                parts = [part.rpartition("=") for part in row["not passing"].split("; ") if part]
                self.failing[key] = {aspect: decode(mask) for aspect, _, mask in parts}

    def update(self, summary: Summary) -> None:
        """Put the results of a run in place of what was known of their samples."""
        samples: dict[tuple[str, str], dict[int, dict[str, str]]] = {}
        for result in summary.results:
            bad = {
                aspect: LETTERS[verdict.status]
                for aspect, verdict in result.verdicts.items()
                if verdict.status in BAD
            }
            samples.setdefault((result.operator, result.dtype), {})[result.index] = bad
        for key, found in samples.items():
            ran = {index: "r" for index, letter in enumerate(self.ran.get(key, "")) if letter == "r"}
            self.ran[key] = decode(encode({**ran, **dict.fromkeys(found, "r")}))
            old = self.failing.get(key, {})
            table: dict[str, dict[int, str]] = {}
            for aspect in {*old, *(aspect for bad in found.values() for aspect in bad)}:
                letters = {i: letter for i, letter in enumerate(old.get(aspect, "")) if i not in found}
                new = {index: bad[aspect] for index, bad in found.items() if aspect in bad}
                table[aspect] = {i: letter for i, letter in {**letters, **new}.items() if letter != "."}
            self.failing[key] = {aspect: decode(encode(row)) for aspect, row in table.items() if row}

    def write(self, path: Path) -> None:
        """One line per operator and dtype; an aspect that passes throughout is not named."""
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["operator", "dtype", "samples", "not passing"])
            for operator, dtype in sorted(self.ran):
                key = (operator, dtype)
                masks = [f"{aspect}={packed(mask)}" for aspect, mask in sorted(self.failing[key].items())]
                writer.writerow([operator, dtype, packed(self.ran[key]), "; ".join(masks)])

    def passed(self, operator: str, dtype: str, index: int, aspect: str) -> bool:
        """Whether this sample was recorded, and not as failing in this aspect."""
        key = (operator, dtype)
        ran = self.ran.get(key, "")
        if index >= len(ran) or ran[index] != "r":
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
