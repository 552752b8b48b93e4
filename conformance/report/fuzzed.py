"""What a fuzzing run prints and keeps: one short program for each kind of difference."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

from conformance.fuzz.program import script
from conformance.fuzz.sweep import Finding, Sweep

SCHEMA = 1
WIDTH = 400


class FuzzReport:
    def __init__(self, implementation: str, keep: Path | None = None) -> None:
        self.implementation, self.keep = implementation, keep
        self.kinds = 0

    def show(self, finding: Finding, write: Callable[[str], None]) -> None:
        """Print the first finding of a kind, and keep it as a script."""
        self.kinds += 1
        write(f"\nDIFFERENT {heading(finding)}")
        write("\n".join(f"    {statement.text}" for statement in finding.statements))
        if self.keep is not None:
            self.keep.mkdir(parents=True, exist_ok=True)
            name = re.sub(r"\W+", "_", "_".join((*finding.difference.kind, str(finding.seed)))).strip("_")
            remark = f"{self.implementation}: {heading(finding)}"
            (self.keep / f"{name}.py").write_text(script(finding.statements, remark), encoding="utf-8")

    def finish(self, total: Sweep, seconds: float) -> None:
        rate = total.programs / max(seconds, 1e-9)
        print(
            f"\n{total.programs} programs, {total.statements} statements in {seconds:.1f} s ({rate:.0f} programs/s)"
        )
        differing = sum(total.times.values())
        print(f"{differing} programs differ, in {len(total.found)} kinds" if differing else "no difference")

    def write(self, path: Path, total: Sweep, seed: int) -> None:
        rows = [
            {
                "aspect": finding.difference.aspect,
                "operator": finding.difference.operator,
                "detail": finding.difference.detail,
                "seed": finding.seed,
                "times": total.times[kind],
                "program": [statement.text for statement in finding.statements],
            }
            for kind, finding in total.found.items()
        ]
        head = {
            "schema": SCHEMA,
            "implementation": self.implementation,
            "seed": seed,
            "programs": total.programs,
        }
        path.write_text(json.dumps({**head, "differences": rows}, indent=1), encoding="utf-8")


def heading(finding: Finding) -> str:
    difference = finding.difference
    return f"{difference.aspect} [{difference.operator}] (seed {finding.seed}): {difference.detail[:WIDTH]}"
