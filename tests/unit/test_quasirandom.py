"""Sobol sequences: the oracle's points, scrambled and not, and the state between draws."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from journal import Journal, same_journals

import tinytorch


def _plain(t: Any, journal: Journal) -> None:
    for dimension in (1, 3, 40):
        engine = t.quasirandom.SobolEngine(dimension)
        journal.note([repr(engine), engine.draw(3), engine.draw(4), engine.draw(1), engine.num_generated])
        engine.reset()
        journal.note([engine.draw(1), engine.draw(2)])
        engine.fast_forward(5)
        journal.note(engine.draw(2))
    engine = t.quasirandom.SobolEngine(2)
    engine.fast_forward(3)
    out = t.empty(0)
    journal.note([engine.draw(2), engine.draw(2, out=out), out, engine.draw(1, dtype=t.float64).dtype])
    engine.reset()
    journal.note(engine.draw_base2(2))
    for wrong in (
        lambda: engine.draw_base2(1),
        lambda: t.quasirandom.SobolEngine(0),
        lambda: t.quasirandom.SobolEngine(21202),
    ):
        journal.tries(wrong)


def _scrambled(t: Any, journal: Journal) -> None:
    for seed in (None, 7):
        t.manual_seed(3)
        engine = t.quasirandom.SobolEngine(3, scramble=True, seed=seed)
        journal.note([repr(engine), engine.draw(4), engine.draw(3), t.rand(1)])
        engine.reset()
        journal.note(engine.draw(2))


@pytest.mark.parametrize("program", [_plain, _scrambled])
def test_program(program: Callable[[Any, Journal], None]) -> None:
    same_journals(program, torch, tinytorch)
