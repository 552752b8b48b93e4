"""Runs cases in order and gathers their verdicts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from conformance.cases import Case
from conformance.compare import Verdict
from conformance.judge import Judge
from conformance.known import KnownDifferences, reference_crashes

STATUSES = ("pass", "fail", "unsupported", "missing", "timeout", "crash", "ill-defined", "known", "fixed")
COUNTED = ("pass", "fail", "unsupported", "missing", "timeout", "crash")


@dataclass
class Result:
    """One case and its verdict per layer."""

    case: str
    operator: str
    dtype: str
    index: int
    verdicts: dict[str, Verdict]


@dataclass
class Summary:
    """Counts per layer, per operator; a layer's score is the mean over operators of the share that passes."""

    results: list[Result] = field(default_factory=list)
    unreachable: dict[str, str] = field(default_factory=dict)

    def add(self, result: Result) -> None:
        self.results.append(result)

    def counts(self) -> dict[str, dict[str, int]]:
        table: dict[str, dict[str, int]] = {}
        for result in self.results:
            for layer, verdict in result.verdicts.items():
                row = table.setdefault(layer, {})
                row[verdict.status] = row.get(verdict.status, 0) + 1
        return table

    def scores(self) -> dict[str, float]:
        """Per layer, in [0, 1]; ill-defined and known cases count neither way."""
        tally: dict[str, dict[str, list[int]]] = {}
        for result in self.results:
            for layer, verdict in result.verdicts.items():
                if verdict.status in COUNTED:
                    pair = tally.setdefault(layer, {}).setdefault(result.operator, [0, 0])
                    pair[0] += verdict.status == "pass"
                    pair[1] += 1
        return {
            layer: sum(good / total for good, total in operators.values()) / len(operators)
            for layer, operators in tally.items()
        }

    def operators(self) -> int:
        return len({result.operator for result in self.results})

    def clean(self) -> bool:
        """Whether nothing failed, crashed or was fixed without saying so."""
        bad = ("fail", "crash", "timeout", "fixed", "missing", "unsupported")
        return not any(
            verdict.status in bad for result in self.results for verdict in result.verdicts.values()
        )


def run_cases(
    judge: Judge, cases: Iterable[Case], known: KnownDifferences, layers: tuple[str, ...] | None = None
) -> Iterator[Result]:
    """Judge each case, mark the differences that are known, keep only the layers asked for."""
    crashes = reference_crashes()
    for case in cases:
        crash = next((reason for pattern, reason in crashes if fnmatchcase(case.name, pattern)), None)
        if crash is not None:
            verdicts = {"outcome": Verdict("ill-defined", f"the reference crashes: {crash}")}
        elif case.program.target.path.startswith("unencodable"):
            verdicts = {"outcome": Verdict("ill-defined", f"not replayable: {case.program.target.path}")}
        else:
            verdicts = judge.judge(case)
        verdicts = {layer: known.apply(case.name, layer, verdict) for layer, verdict in verdicts.items()}
        if layers is not None:
            verdicts = {layer: verdict for layer, verdict in verdicts.items() if layer in layers}
        yield Result(case.name, case.operator, case.dtype, case.index, verdicts)
