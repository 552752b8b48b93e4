"""One line per difference, and a table of scores at the end."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TextIO

from conformance.layers import ORDER, place, position
from conformance.runner import Result
from conformance.summary import Row, Summary

BLAMED = ("missing", "unsupported", "timeout", "crash", "flaky")
COLUMNS = (
    "pass",
    "fail",
    "missing",
    "unsupported",
    "crash",
    "timeout",
    "flaky",
    "fixed",
    "known",
    "ill-defined",
)
# aspects that the forward layer gathers are worth a line each
DETAILS = ("outcome", "structure", "dtype", "shape", "values", "state")


class Terminal:
    """Prints failing samples as they come; absent and unsupported operators once each."""

    def __init__(self, limit: int | None = None, fail_only: bool = False, out: TextIO | None = None) -> None:
        self.limit = limit
        self.fail_only = fail_only
        self.out = out
        self.write: Callable[[str], None] | None = None
        self.printed = 0
        self.hidden = 0
        self.blamed: set[tuple[str, str]] = set()

    def line(self, text: str) -> None:
        if self.limit is not None and self.printed >= self.limit:
            self.hidden += 1
            return
        self.printed += 1
        if self.write is not None:
            self.write(text)
        else:
            print(text, file=self.out or sys.stdout, flush=True)

    def show(self, result: Result) -> None:
        """The first aspect that fails, and the names of the others."""
        failing = [
            aspect for aspect in ordered(result) if result.verdicts[aspect].status in ("fail", "fixed")
        ]
        if failing:
            first = result.verdicts[failing[0]]
            others = f"  (+ {', '.join(failing[1:])})" if len(failing) > 1 else ""
            detail = " ".join(first.detail.split())
            self.line(f"{first.status.upper()} {result.case}  {failing[0]}: {detail[:300]}{others}")
        if self.fail_only:
            return
        for aspect in ordered(result):
            verdict = result.verdicts[aspect]
            key = (result.operator, verdict.detail)
            if verdict.status in BLAMED and key not in self.blamed:
                self.blamed.add(key)
                self.line(
                    f"{verdict.status} {result.case}  {aspect}: {' '.join(verdict.detail.split())[:200]}"
                )

    def finish(self, summary: Summary, seconds: float) -> None:
        out = self.out or sys.stdout
        if self.hidden:
            print(f"... and {self.hidden} more lines", file=out)
        rows, aspects = summary.layers(), summary.aspects()
        columns = [status for status in COLUMNS if any(status in row.counts for row in rows.values())]
        assert set(COLUMNS) == set(ORDER)
        head = f"{'layer':<16}{'score':>8}{'coverage':>10}{'operators':>11}"
        print("\n" + head + "".join(f"{column:>13}" for column in columns), file=out)
        for layer in sorted(rows, key=position):
            print(line_of(layer, rows[layer], columns), file=out)
            for aspect in DETAILS if layer == "forward" else ():
                if aspect in aspects:
                    print(line_of("  " + aspect, aspects[aspect], columns), file=out)
        reach = f", {len(summary.unreachable)} entries out of reach" if summary.unreachable else ""
        print(
            f"{summary.operators()} operators, {len(summary.results)} cases{reach}, {seconds:.1f} s. A score is the mean over "
            "operators of the share of their cases that pass; coverage is the share of operators that answer at all.",
            file=out,
        )
        for entry, reason in sorted(summary.unreachable.items()):
            if "is not replayable" in reason or "while samples were made" in reason:
                print(f"  out of reach: {entry}: {reason}", file=out)


def line_of(name: str, row: Row, columns: list[str]) -> str:
    cells = "".join(f"{row.counts.get(column, 0) or '.':>13}" for column in columns)
    return f"{name:<16}{percent(row.score):>8}{percent(row.coverage):>10}{len(row.shares):>11}{cells}"


def percent(share: float | None) -> str:
    """Two digits, and never 100 for less than all."""
    if share is None:
        return "-"
    return "100.00" if share == 1.0 else f"{min(100.0 * share, 99.99):.2f}"


def ordered(result: Result) -> list[str]:
    return sorted(result.verdicts, key=place)
