"""Which cases pass, small enough to keep: the record that later runs may not fall behind.

A mask is one letter per sample of an operator in a dtype and an aspect, run-length encoded: `35p2f` are 35 passes and
two failures, `.` is a sample without that aspect.
"""

from __future__ import annotations

import csv
import io
import re
import string
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from conformance.layers import ASPECTS, BAD, LETTERS, place
from conformance.summary import Summary

STATUS = {letter: status for status, letter in LETTERS.items()}
FAILING = frozenset(LETTERS[status] for status in BAD)
PASSED = LETTERS["pass"]
# a letter per aspect for the file, whose head says which is which
CODES = dict(zip(ASPECTS, string.ascii_lowercase, strict=False))
LEGEND = "passing (" + ", ".join(f"{letter} {aspect}" for aspect, letter in CODES.items()) + ")"
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
    """What passed when it was recorded, cell by cell: operator and dtype -> aspect -> a letter per sample."""

    def __init__(self, path: Path | None = None) -> None:
        self.masks: dict[tuple[str, str], dict[str, str]] = {}
        if path is None:
            return
        with path.open(newline="", encoding="utf-8") as file:
            rows = csv.reader(file)
            legend = next(rows)[3].partition("(")[2].rstrip(")").split(", ")
            names = {letter: aspect for letter, _, aspect in (entry.partition(" ") for entry in legend)}
            for operator, dtype, known, passing, others in rows:
                masks = {names[letter]: decode(known) for letter in passing}
                parts = [part.rpartition("=") for part in others.split("; ") if part]
                self.masks[operator, dtype] = masks | {aspect: decode(mask) for aspect, _, mask in parts}

    def samples(self, operator: str, dtype: str) -> str:
        """`p` for each sample of which anything is known."""
        masks = self.masks.get((operator, dtype), {}).values()
        known = {index for mask in masks for index, letter in enumerate(mask) if letter != "."}
        return decode(encode(dict.fromkeys(known, PASSED)))

    def update(self, summary: Summary) -> None:
        """Put what a run compared in place of what was known of it; the rest stays."""
        found: dict[tuple[str, str], dict[str, dict[int, str]]] = {}
        for result in summary.results:
            row = found.setdefault((result.operator, result.dtype), {})
            for aspect, verdict in result.verdicts.items():
                row.setdefault(aspect, {})[result.index] = LETTERS[verdict.status]
        for key, aspects in found.items():
            old = self.masks.setdefault(key, {})
            for aspect, new in aspects.items():
                kept = {i: letter for i, letter in enumerate(old.get(aspect, "")) if letter != "."}
                old[aspect] = decode(encode({**kept, **new}))

    def write(self, path: Path) -> None:
        """One line per operator and dtype; the aspects that pass in each of its samples are a letter each."""
        lines = io.StringIO()
        writer = csv.writer(lines, lineterminator="\n")
        writer.writerow(["operator", "dtype", "samples", LEGEND, "others"])
        for operator, dtype in sorted(self.masks):
            samples = self.samples(operator, dtype)
            masks = sorted(self.masks[operator, dtype].items(), key=lambda pair: place(pair[0]))
            passing = "".join(CODES[aspect] for aspect, mask in masks if mask == samples)
            others = "; ".join(f"{aspect}={packed(mask)}" for aspect, mask in masks if mask != samples)
            writer.writerow([operator, dtype, packed(samples), passing, others])
        # an interrupted run leaves the old record whole
        made = path.with_name(path.name + ".new")
        made.write_text(lines.getvalue(), encoding="utf-8")
        made.replace(path)

    def passed(self, operator: str, dtype: str, index: int, aspect: str) -> bool:
        """Whether this aspect of this sample was compared, and passed."""
        mask = self.masks.get((operator, dtype), {}).get(aspect, "")
        return index < len(mask) and mask[index] == PASSED

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
