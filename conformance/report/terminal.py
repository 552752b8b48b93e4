"""One line per difference, and a table of scores at the end."""

from __future__ import annotations

import sys
from typing import TextIO

from conformance.compare import LAYERS
from conformance.runner import STATUSES, Result, Summary

QUIET = ("pass", "ill-defined", "known")
BLAMED = ("missing", "unsupported", "timeout", "crash")


class Terminal:
    """Prints failing samples as they come; absent and unsupported operators once each."""

    def __init__(self, limit: int | None = None, fail_only: bool = False, out: TextIO | None = None) -> None:
        self.limit = limit
        self.fail_only = fail_only
        self.out = out or sys.stdout
        self.printed = 0
        self.hidden = 0
        self.blamed: set[tuple[str, str]] = set()

    def line(self, text: str) -> None:
        if self.limit is not None and self.printed >= self.limit:
            self.hidden += 1
            return
        self.printed += 1
        print(text, file=self.out, flush=True)

    def show(self, result: Result) -> None:
        """The first layer that fails, and the names of the others."""
        failing = [layer for layer in ordered(result) if result.verdicts[layer].status in ("fail", "fixed")]
        if failing:
            first = result.verdicts[failing[0]]
            others = f"  (+ {', '.join(failing[1:])})" if len(failing) > 1 else ""
            detail = " ".join(first.detail.split())
            self.line(f"{first.status.upper()} {result.case}  {failing[0]}: {detail[:300]}{others}")
        if self.fail_only:
            return
        for layer in ordered(result):
            verdict = result.verdicts[layer]
            key = (result.operator, verdict.detail)
            if verdict.status in BLAMED and key not in self.blamed:
                self.blamed.add(key)
                self.line(
                    f"{verdict.status} {result.case}  {layer}: {' '.join(verdict.detail.split())[:200]}"
                )

    def finish(self, summary: Summary, seconds: float) -> None:
        if self.hidden:
            print(f"... and {self.hidden} more lines", file=self.out)
        counts, scores = summary.counts(), summary.scores()
        columns = [status for status in STATUSES if any(status in row for row in counts.values())]
        print(f"\n{'layer':<14}{'score':>8}" + "".join(f"{column:>13}" for column in columns), file=self.out)
        for layer in sorted(counts, key=position):
            cells = "".join(f"{counts[layer].get(column, 0) or '.':>13}" for column in columns)
            score = f"{100 * scores[layer]:.2f}" if layer in scores else "-"
            print(f"{layer:<14}{score:>8}{cells}", file=self.out)
        reach = f", {len(summary.unreachable)} entries out of reach" if summary.unreachable else ""
        print(
            f"{summary.operators()} operators, {len(summary.results)} cases{reach}, {seconds:.1f} s; "
            "a score is the mean over operators",
            file=self.out,
        )


def position(layer: str) -> int:
    return LAYERS.index(layer) if layer in LAYERS else len(LAYERS)


def ordered(result: Result) -> list[str]:
    return sorted(result.verdicts, key=position)
