"""Results as they come, one line each, so that an interrupted run can take up from what it has."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any, TextIO

from conformance.cases import Unit
from conformance.compare import Verdict
from conformance.runner import Result, Setup


def as_row(result: Result) -> dict[str, Any]:
    """Plain data; a pass is its name alone."""
    row = asdict(result)
    row["verdicts"] = {
        aspect: verdict.status if not verdict.detail else [verdict.status, verdict.detail]
        for aspect, verdict in result.verdicts.items()
    }
    return row


def from_row(row: dict[str, Any]) -> Result:
    verdicts = {
        aspect: Verdict(value) if isinstance(value, str) else Verdict(*value)
        for aspect, value in row["verdicts"].items()
    }
    return Result(**{**row, "verdicts": verdicts})


class Journal:
    """A file of results. Opened on a file that is there, it knows them, if they came from the same setup."""

    def __init__(self, path: Path | None, setup: Setup) -> None:
        self.results: list[Result] = []
        self.done: set[Unit] = set()
        self.file: TextIO | None = None
        if path is None:
            return
        head = json.dumps({"setup": repr(setup)})
        whole = self.read(path, head) if path.exists() and path.stat().st_size else 0
        self.file = path.open("a", encoding="utf-8")
        if whole:
            # a line that was cut short is written anew
            self.file.truncate(whole)
        else:
            self.write(head)

    def read(self, path: Path, head: str) -> int:
        """Take in the complete lines; their length in bytes."""
        whole = 0
        for number, line in enumerate(path.read_bytes().splitlines(keepends=True)):
            if not line.endswith(b"\n"):
                break
            text = line.decode().rstrip("\n")
            if number == 0 and text != head:
                raise SystemExit(f"{path} holds a run with other settings; name another file")
            row = json.loads(text)
            if "case" in row:
                self.results.append(from_row(row))
            elif "unit" in row:
                self.done.add(Unit(*row["unit"]))
            whole += len(line)
        return whole

    def write(self, text: str) -> None:
        if self.file is not None:
            self.file.write(text + "\n")
            self.file.flush()

    def add(self, result: Result) -> None:
        self.write(json.dumps(as_row(result)))

    def finish(self, unit: Unit) -> None:
        self.write(json.dumps({"unit": list(unit)}))

    def close(self) -> None:
        if self.file is not None:
            self.file.close()
