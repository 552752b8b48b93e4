"""The harness judged: how many planted faults it catches, and how often it blames an honest implementation.

A fault is planted in the reference's own observation, so the answer is known. Honest implementations are torch itself,
one that rounds the true result, and one that errs as far as torch does on the other side of it.
"""

from __future__ import annotations

import copy
import json
import multiprocessing
import sys
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from conformance.cases import Case, Unit
from conformance.compare import EPSILON, Verdict
from conformance.corpus import Corpus, Selection
from conformance.engine import Library, reference
from conformance.faults import FAULTS, floating, tensors_in
from conformance.judge import Judge
from conformance.known import reference_crashes
from conformance.layers import layer_of
from conformance.observe import Observation, Plan, run
from conformance.oracle import Oracle
from conformance.program import Array
from conformance.report.progress import Progress
from conformance.sources.opinfo import Unreachable

ITSELF = "honest: torch itself"
ROUNDED = "honest: true result rounded"
MIRRORED = "honest: torch's error mirrored"
COTANGENT = "cotangent ignored"
EXAMPLES = 20


@dataclass
class Tally:
    """How often something was planted, and how often blamed; examples are where the harness was wrong."""

    planted: int = 0
    caught: int = 0
    examples: list[str] = field(default_factory=list)

    def merge(self, other: Tally) -> None:
        self.planted += other.planted
        self.caught += other.caught
        self.examples = (self.examples + other.examples)[:EXAMPLES]


Table = dict[str, Tally]


def honest(t: Array, o: Array, mirrored: bool) -> Array:
    """The true result rounded, or torch's error on the other side of it."""
    with np.errstate(all="ignore"):
        moved = 2.0 * o - t if mirrored else o
        rounded = moved.astype(t.dtype)
    # 2o - t has lost the sign of a zero, which an honest library has not
    return np.asarray(np.where(np.isfinite(t) & np.isfinite(rounded) & (rounded != t), rounded, t))


def blamed(verdicts: dict[str, Verdict], case: Case) -> list[str]:
    """The layers in which something failed."""
    return sorted({layer_of(case.kind, aspect) for aspect, v in verdicts.items() if v.status == "fail"})


def audit(library: Library, cases: Iterable[Case]) -> Table:
    """Plant every fault in every case; the rows that begin with `honest` count false alarms."""
    plan = Plan(forward_mode=True)
    judge = Judge(library, library, plan)
    table: Table = {}
    for case in cases:
        if not case.replayable or case.undefined_values:
            continue
        seen = judge.observe(library, case)
        if seen.error is not None and seen.error.stage not in ("call", "resolve"):
            continue
        for name, other in variants(judge, case, seen):
            tally = table.setdefault(name, Tally())
            tally.planted += 1
            layers = blamed(judge.compare(case, other, seen), case)
            tally.caught += bool(layers)
            if bool(layers) == name.startswith("honest") and len(tally.examples) < EXAMPLES:
                tally.examples.append(" ".join([case.name, *([f"({', '.join(layers)})"] if layers else [])]))
    return table


def variants(judge: Judge, case: Case, seen: Observation) -> Iterator[tuple[str, Observation]]:
    """A second run of torch, every fault that fits, and the honest implementations."""
    yield ITSELF, judge.observe(judge.reference, case)
    for name, fault in FAULTS.items():
        broken = copy.deepcopy(seen)
        # where OpInfo removes a gauge, the raw numbers are free
        if isinstance(broken.processed, list) and fault.layer == "forward" and broken.error is None:
            continue
        if (seen.error is None or fault.layer.startswith("error")) and fault.plant(broken):
            yield name, broken
    if seen.error is not None:
        return
    if isinstance(seen.gradients, list):
        plan = replace(judge.plan, cotangent="ones", second=False, versions=False, forward_mode=False)
        other = run(judge.reference, case.program, case.name, plan)
        if differs(other.gradients, seen.gradients):
            broken = copy.deepcopy(seen)
            broken.gradients = other.gradients
            yield COTANGENT, broken
    yield from honest_variants(judge, case, seen)


def differs(ours: object, theirs: object) -> bool:
    """Whether the gradients differ by more than rounding."""
    return any(
        a.values is not None
        and b.values is not None
        and a.values.shape == b.values.shape
        and not np.allclose(a.values, b.values, rtol=1e-2, atol=1e-4, equal_nan=True)
        for a, b in zip(tensors_in(ours), tensors_in(theirs), strict=False)
    )


def honest_variants(judge: Judge, case: Case, seen: Observation) -> Iterator[tuple[str, Observation]]:
    usable = not seen.random_used and case.dtype in EPSILON and case.dtype not in ("float64", "complex128")
    exact = Oracle(judge.reference, case, judge.plan, usable=usable).observation()
    if exact is None:
        return
    for name in (ROUNDED, MIRRORED):
        other = copy.deepcopy(seen)
        # what is printed follows the numbers
        other.text = None
        changed = False
        for group in ("outputs", "gradients", "second", "tangents"):
            mine, truth = getattr(other, group), getattr(exact, group)
            if not isinstance(mine, list) or not isinstance(truth, list):
                continue
            for tensor, true in zip(mine, truth, strict=False):
                if tensor is None or true is None or not floating(tensor) or true.values is None:
                    continue
                if true.values.shape == tensor.values.shape and true.dtype in ("float64", "complex128"):
                    tensor.values = honest(tensor.values, true.values, name == MIRRORED)
                    changed = True
        if changed:
            other.text = seen.text
            yield name, other


def audit_unit(selection: Selection, unit: Unit) -> Table:
    """One unit, in this process."""
    global corpus
    if corpus is None:
        corpus = Corpus(reference(), selection)
    crashes = [pattern for pattern, _ in reference_crashes()]
    from fnmatch import fnmatchcase

    try:
        cases = [
            case
            for case in corpus.cases(unit)
            if not any(fnmatchcase(case.name, pattern) for pattern in crashes)
        ]
    except Unreachable:
        return {}
    return audit(corpus.reference, cases)


# made before the processes fork, and shared by them
corpus: Corpus | None = None


def run_audit(selection: Selection, jobs: int, examples: bool, path: Path | None) -> int:
    """Status 1 when an honest implementation was blamed."""
    global corpus
    started = time.monotonic()
    corpus = Corpus(reference(), selection)
    corpus.load()
    units = corpus.units()
    table: Table = {}
    context = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
    with Progress("auditing", len(units)) as progress, ProcessPoolExecutor(max(jobs, 1), context) as pool:
        futures = [pool.submit(audit_unit, selection, unit) for unit in units]
        for unit, future in zip(units, futures, strict=True):
            for name, tally in future.result().items():
                table.setdefault(name, Tally()).merge(tally)
            progress.advance(unit.label)
    print_audit(table, examples)
    print(f"{time.monotonic() - started:.1f} s")
    if path is not None:
        path.write_text(json.dumps(as_json(table), indent=1), encoding="utf-8")
    return 1 if false_alarms(table) else 0


def false_alarms(table: Table) -> int:
    return sum(tally.caught for name, tally in table.items() if name.startswith("honest"))


def as_json(table: Table) -> dict[str, Any]:
    return {
        name: {"planted": tally.planted, "caught": tally.caught, "wrong": tally.examples}
        for name, tally in table.items()
    }


def print_audit(table: Table, examples: bool) -> None:
    """Faults first, then the honest implementations."""
    print(f"{'fault':<34}{'layer':<14}{'planted':>9}{'caught':>9}{'share':>10}")
    planted = caught = 0
    order = [name for name in (*FAULTS, COTANGENT) if name in table]
    for name in order:
        tally = table[name]
        planted, caught = planted + tally.planted, caught + tally.caught
        layer = FAULTS[name].layer if name in FAULTS else "gradient"
        share = f"{100.0 * tally.caught / max(tally.planted, 1):>9.2f}%"
        print(f"{name:<34}{layer:<14}{tally.planted:>9}{tally.caught:>9}{share}")
        if examples and tally.examples:
            print("    missed: " + "; ".join(tally.examples))
    print(f"{'all faults':<48}{planted:>9}{caught:>9}{100.0 * caught / max(planted, 1):>9.2f}%")
    for name in sorted(set(table) - set(order)):
        tally = table[name]
        print(f"{name:<48}{tally.planted:>9}{tally.caught:>9} false alarms")
        if examples and tally.examples:
            print("    blamed: " + "; ".join(tally.examples))
