"""Judges the cases of a unit one after the other and marks what is known, flaky or out of reach."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from conformance.cases import Case, Unit
from conformance.compare import Verdict
from conformance.corpus import Corpus, Selection
from conformance.engine import load, reference
from conformance.judge import Judge
from conformance.known import KnownDifferences, reference_crashes
from conformance.layers import BAD, layer_of
from conformance.observe import Plan
from conformance.program import TensorData, leaves
from conformance.remote import Remote
from conformance.report.scripts import as_script

SCRIPT_LIMIT = 6000


@dataclass
class Result:
    """One case and its verdict per aspect; failing cases carry the script that shows them."""

    case: str
    operator: str
    dtype: str
    index: int
    verdicts: dict[str, Verdict]
    kind: str = "function"
    digest: str = ""
    script: str = ""

    def layers(self) -> dict[str, list[Verdict]]:
        """The verdicts by the layer they are scored in."""
        found: dict[str, list[Verdict]] = {}
        for aspect, verdict in self.verdicts.items():
            found.setdefault(layer_of(self.kind, aspect), []).append(verdict)
        return found


@dataclass(frozen=True)
class Setup:
    """Everything a process needs to know to judge cases; plain data."""

    implementation: str
    selection: Selection
    plan: Plan = field(default_factory=Plan)
    timeout: float = 30.0
    isolate: bool = False
    prepare: str = ""
    # aspects or layers; everything when empty
    wanted: tuple[str, ...] = ()


class Runner:
    """The libraries, the corpus and the judge of one setup."""

    def __init__(self, setup: Setup, announce: Callable[[list[str]], None] | None = None) -> None:
        self.setup = setup
        self.reference = reference()
        candidate = (
            Remote(setup.implementation, setup.prepare) if setup.isolate else load(setup.implementation)
        )
        self.corpus = Corpus(self.reference, setup.selection)
        self.judge = Judge(self.reference, candidate, setup.plan, setup.timeout, announce)
        self.known = KnownDifferences(setup.implementation)
        self.crashes = reference_crashes()

    def run(
        self,
        unit: Unit,
        only: frozenset[int] | None = None,
        skip: frozenset[str] = frozenset(),
        names: frozenset[str] | None = None,
        starting: Callable[[str], None] | None = None,
    ) -> Iterator[Result]:
        """The unit's results; Unreachable where it cannot be replayed."""
        shown: set[str] = set()
        absent: int | None = None
        for case in self.corpus.cases(unit, only):
            if case.name in skip or (names is not None and case.name not in names):
                continue
            if absent is not None and case.index != absent:
                return
            if self.judge.lacks(case):
                # one sample says that the name is not there, and stands for the others
                absent = case.index
            if starting is not None:
                starting(case.name)
            result = self.result(case)
            failing = {aspect for aspect, verdict in result.verdicts.items() if verdict.status in BAD}
            if failing - shown:
                shown |= failing
                result.script = script_of(case)
            yield result

    def start(self) -> None:
        """Import an implementation that lives in a process of its own; ImportError when that fails."""
        if isinstance(self.judge.candidate, Remote):
            self.judge.candidate.start()

    def close(self) -> None:
        if isinstance(self.judge.candidate, Remote):
            self.judge.candidate.close()

    def result(self, case: Case) -> Result:
        crash = next((reason for pattern, reason in self.crashes if fnmatchcase(case.name, pattern)), None)
        if crash is not None:
            verdicts = {"outcome": Verdict("ill-defined", f"the reference crashes: {crash}")}
        elif not case.replayable:
            verdicts = {"outcome": Verdict("ill-defined", f"not replayable: {case.program.target.path}")}
        else:
            verdicts = self.judge.judge(case)
            if any(verdict.status == "fail" for verdict in verdicts.values()):
                verdicts = self.judge.again(case, verdicts)
        verdicts = {
            aspect: self.known.apply(case.name, aspect, verdict) for aspect, verdict in verdicts.items()
        }
        if self.setup.wanted:
            verdicts = {
                aspect: verdict
                for aspect, verdict in verdicts.items()
                if aspect in self.setup.wanted or layer_of(case.kind, aspect) in self.setup.wanted
            }
        return Result(case.name, case.operator, case.dtype, case.index, verdicts, case.kind, digest(case))


def script_of(case: Case) -> str:
    """The case as a script, where it is short enough to travel in a report."""
    try:
        text = as_script(case)
    except Exception as error:  # a report without this script is still a report
        return f"# no script: {type(error).__name__}: {error}"
    return text if len(text) <= SCRIPT_LIMIT else f"# python -m conformance show '{case.name}'"


def digest(case: Case) -> str:
    """A short hash of what the program is and is given."""
    made = hashlib.blake2b(digest_size=6)
    made.update(f"{case.name} {case.program.target.path} {case.program.target.form}".encode())
    for leaf in leaves((case.program.args, case.program.kwargs)):
        if isinstance(leaf, TensorData):
            made.update(f"{leaf.dtype}{leaf.shape}{leaf.stride}{leaf.offset}".encode())
            made.update(leaf.storage.tobytes())
        elif isinstance(leaf, (bool, int, float, complex, str, bytes, type(None))):
            made.update(repr(leaf).encode())
    return made.hexdigest()
