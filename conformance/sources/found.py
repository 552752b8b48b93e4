"""Counterexamples kept for ever: short scripts in `found/`, run under both libraries and compared by what they print.

A script is a program as a user writes it (`import torch` and so on). Inside one process its imports of torch are
served by the library under test, and the values it prints are compared as values.
"""

from __future__ import annotations

import builtins
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from conformance.cases import Case
from conformance.program import Program, Target
from conformance.sources.sessions import importer

FOLDER = Path(__file__).parents[1] / "found"

torch: Any = None  # the library a script runs under


def execute(source: str) -> list[Any]:
    """Everything the script prints, in order, as values."""
    printed: list[Any] = []

    def show(*values: Any, **kwargs: Any) -> None:
        printed.append(list(values))

    names = dict(vars(builtins), __import__=importer(torch), print=show)
    exec(compile(source, "found", "exec"), {"__builtins__": names, "__name__": "__main__"})
    return printed


def select(patterns: str | None) -> list[str]:
    """File names without their ending, by a comma list of globs."""
    wanted = [part.strip() for part in (patterns or "*").split(",")]
    names = sorted(path.stem for path in FOLDER.glob("*.py"))
    return [name for name in names if any(fnmatchcase(name, pattern) for pattern in wanted)]


def case(name: str) -> Case:
    return script_case(FOLDER / f"{name}.py")


def script_case(path: Path) -> Case:
    """A script from anywhere as a case."""
    source = path.read_text(encoding="utf-8")
    return Case(path.stem, "found", 0, Program(Target("found", execute), (source,)), kind="found")
