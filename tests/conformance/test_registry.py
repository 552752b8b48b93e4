"""Every operator, module, optimizer and rule: a few samples each, gradients included, beside PyTorch.

What passed when `conformance/data/passing.csv` was recorded must pass now. `make record` writes it anew.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

pytest.importorskip("torch")

from conformance.cases import Unit
from conformance.corpus import Corpus, Selection
from conformance.engine import reference
from conformance.observe import Plan
from conformance.recorded import Record
from conformance.runner import Runner, Setup
from conformance.sources.opinfo import Unreachable
from conformance.summary import Summary

RECORDED = Path(__file__).parents[2] / "conformance" / "data" / "passing.csv"
SELECTION = Selection(
    ("opinfo", "errors", "modules", "module-errors", "optimizers", "optimizer-errors", "directed", "found"),
    samples=3,
)


@cache
def record() -> Record:
    return Record(RECORDED)


@cache
def runner() -> Runner:
    return Runner(Setup("tinytorch", SELECTION, Plan(forward_mode=True), timeout=120.0))


def everything() -> dict[str, list[Unit]]:
    """The units by what they are about, so that a test is one operator, module, optimizer or rule."""
    units: dict[str, list[Unit]] = {}
    for unit in Corpus(reference(), SELECTION).units():
        units.setdefault(unit.label, []).append(unit)
    return units


UNITS = everything()


@pytest.mark.parametrize("label", UNITS)
def test_no_recorded_pass_is_lost(label: str) -> None:
    summary = Summary()
    for unit in UNITS[label]:
        try:
            for result in runner().run(unit):
                summary.add(result)
        except Unreachable as reason:
            summary.unreachable[unit.label] = str(reason)
    assert record().regressions(summary) == []


def has_cases(unit: Unit) -> bool:
    try:
        return any(True for _ in runner().corpus.cases(unit))
    except Unreachable:
        return False


def test_the_record_is_of_this_corpus() -> None:
    """PyTorch's entries without a line have no cases in float32, or what is above could not fail for them."""
    recorded = {operator.partition("[")[0] for operator, _ in record().masks}
    lacking = [
        unit
        for label in set(UNITS) - recorded
        for unit in UNITS[label]
        if unit.source not in ("directed", "found") and has_cases(unit)
    ]
    assert lacking == []
    assert sum(record().samples(*key).count("p") for key in record().masks) > 10_000
