"""A case: a program with a name that finds it again."""

from __future__ import annotations

from dataclasses import dataclass

from conformance.program import Program


@dataclass(frozen=True, eq=False)
class Case:
    """A program with a name that finds it again: `add:float32:3`, `add[inplace]:float32:3`."""

    operator: str
    dtype: str
    index: int
    program: Program
    pattern: str | None = None
    expects_error: bool = False
    # which run's draws and gauge are comparable: torch leaves some results undefined
    undefined_values: bool = False

    @property
    def name(self) -> str:
        return f"{self.operator}:{self.dtype}:{self.index}"
