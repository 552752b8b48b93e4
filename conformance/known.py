"""Known differences: a dated table with a reason each; an entry whose cases pass again fails the run."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from conformance.compare import Verdict

TABLE = Path(__file__).parent / "data" / "known_differences.csv"
CRASHES = Path(__file__).parent / "data" / "reference_crashes.csv"


@dataclass(frozen=True)
class Entry:
    implementation: str
    case: str
    layer: str
    date: str
    reason: str


def reference_crashes(table: Path = CRASHES) -> list[tuple[str, str]]:
    """Case patterns on which PyTorch itself ends the process, with the reason; there is no answer to compare."""
    with table.open(newline="", encoding="utf-8") as file:
        return [(row["case"], f"{row['date']}: {row['reason']}") for row in csv.DictReader(file)]


class KnownDifferences:
    """The entries that concern one implementation."""

    def __init__(self, implementation: str, table: Path = TABLE) -> None:
        self.entries: list[Entry] = []
        if table.exists():
            with table.open(newline="", encoding="utf-8") as file:
                for row in csv.DictReader(file):
                    entry = Entry(**row)
                    if not entry.date or not entry.reason:
                        raise ValueError(f"known difference without date or reason: {entry}")
                    if entry.implementation == implementation:
                        self.entries.append(entry)

    def apply(self, case: str, layer: str, verdict: Verdict) -> Verdict:
        """`known` for a listed failure, `fixed` for a listed case that passes, else the verdict itself."""
        for entry in self.entries:
            if fnmatchcase(case, entry.case) and fnmatchcase(layer, entry.layer):
                if verdict.status == "fail":
                    return Verdict("known", f"{verdict.detail} [{entry.date}: {entry.reason}]")
                if verdict.status == "pass":
                    return Verdict("fixed", f"passes now; remove the entry of {entry.date}: {entry.reason}")
        return verdict
