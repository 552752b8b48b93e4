"""A case: a program with a name that finds it again; a unit: the cases that are made in one go."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from conformance.layouts import MIXED
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
    # function, method, inplace, out, error, module, optimizer, rule, found, docstring: decides the layers it is scored in
    kind: str = "function"

    @property
    def name(self) -> str:
        return f"{self.operator}:{self.dtype}:{self.index}"

    @property
    def calls(self) -> str | None:
        """The public name it is about; None for a program of several."""
        if self.program.target.function is None:
            return self.program.target.path
        # functions that stand for a class are given its path
        first = next(iter(self.program.args), None)
        return first if isinstance(first, str) and first.startswith("torch.") else None

    @property
    def replayable(self) -> bool:
        """Whether the program could be written as data at all."""
        return not self.program.target.path.startswith("unencodable")


class Unit(NamedTuple):
    """One entry of a source in one dtype, form and memory layout: its samples are drawn together."""

    source: str
    label: str
    dtype: str
    form: str = "function"
    layout: str = MIXED
