"""Where the time of `a + b` goes: ``python benchmarks/profile_add.py`` rewrites docs/profile_of_add.md.

The call is rebuilt from nothing, a piece at a time; each piece costs what the sum gains by it. Pieces are timed in alternation and of
each the best round counts, on one thread.
"""

from __future__ import annotations

import platform
import timeit
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import tinytorch
from tinytorch._core.modes import PLAIN
from tinytorch._core.tensor import Tensor

DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "profile_of_add.md"
ROUNDS, CALLS = 60, 5000
_new = object.__new__
_add = np.add


class Bare:
    """An operand whose `+` does as little as the function it is given."""

    __slots__ = ("_array", "_key", "_requires_grad")

    def __init__(self, tensor: Any) -> None:
        self._array, self._key, self._requires_grad = tensor._array, tensor._key, False


def _dispatch(self: Any, other: Any) -> Any:
    return self


def _checked(self: Any, other: Any) -> Any:
    if self.__class__ not in PLAIN and other.__class__ not in PLAIN:
        key = self._key
        if key in _KEYS and other._key is key:
            return self
    return None


def _computed(self: Any, other: Any) -> Any:
    if self.__class__ not in PLAIN and other.__class__ not in PLAIN:
        key = self._key
        if key in _KEYS and other._key is key:
            try:
                return _add(self._array, other._array, out=...)
            except ValueError:
                return None
    return None


def _wrapped(self: Any, other: Any) -> Any:
    if self.__class__ not in PLAIN and other.__class__ not in PLAIN:
        key = self._key
        if key in _KEYS and other._key is key:
            try:
                array = _add(self._array, other._array, out=...)
            except ValueError:
                return None
            result: Any = _new(Tensor)
            result._array = array
            result._key = key
            result._requires_grad = False
            result._edge = None
            result._grad = None
            result._counter = None
            result._base = None
            result._extra = None
            return result
    return None


_KEYS = frozenset((tinytorch.float32, tinytorch.float64))
_STAGES: tuple[tuple[str, Callable[..., Any] | None], ...] = (
    ("Python's way from `+` to a method", _dispatch),
    ("two class checks, one look at the keys", _checked),
    ("`np.add` with the array it allocates", _computed),
    ("the result: one object, eight slots", _wrapped),
    ("asking whether a gradient is wanted, and the rest", None),
)


def measure() -> list[tuple[str, float]]:
    """(piece, seconds per call), cumulative."""
    a, b = tinytorch.ones(4, 4), tinytorch.ones(4, 4)
    timers = []
    for name, function in _STAGES:
        if function is None:
            timers.append((name, timeit.Timer("a + b", globals={"a": a, "b": b})))
            continue
        cls: Any = type("Operand", (Bare,), {"__slots__": (), "__add__": function})
        timers.append((name, timeit.Timer("a + b", globals={"a": cls(a), "b": cls(b)})))
    best = dict.fromkeys((name for name, _ in timers), float("inf"))
    for _ in range(ROUNDS):
        for name, timer in timers:
            best[name] = min(best[name], timer.timeit(CALLS) / CALLS)
    return list(best.items())


def document(stages: list[tuple[str, float]]) -> str:
    lines = [
        "# Where the time of `a + b` goes",
        "",
        "Two 4x4 tensors of float32, nothing recorded. `python benchmarks/profile_add.py` measures it and writes this page; the last run:",
        f"Python {platform.python_version()}, NumPy {np.__version__}, {platform.machine()}.",
        "",
        "| piece | ns | share |",
        "|---|---:|---:|",
    ]
    total = stages[-1][1]
    before = 0.0
    for name, until in stages:
        piece = max(until - before, 0.0)
        lines.append(f"| {name} | {piece * 1e9:.0f} | {piece / total:.0%} |")
        before = max(before, until)
    lines += [
        f"| **`a + b`** | **{total * 1e9:.0f}** | |",
        "",
        "What remains is mostly NumPy's own call (argument parsing, the loop's set-up, the new array) and CPython's allocation of one object.",
        "The engine's questions are the smallest part: that is what one key per tensor is for (docs/decisions/0004-one-key-per-tensor.md).",
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    text = document(measure())
    DOCUMENT.write_text(text, encoding="utf-8")
    print(text)
