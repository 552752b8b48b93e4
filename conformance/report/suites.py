"""What is printed and written of a package's test suite."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict
from pathlib import Path

from conformance.sources.suites import SuiteRun, SuiteVerdict

EXAMPLES = 2


def print_suite(verdict: SuiteVerdict, name: str, most: int, names: bool) -> None:
    """Counts for both, then the causes of what differs with examples."""
    for who, run in (("torch", verdict.reference), (name, verdict.candidate)):
        print(f"{who}: {counts(run)} ({run.seconds:.0f} s)")
        if not run.tests:
            print(f"  {run.words}")
        for text, number in Counter(run.uncollected.values()).most_common(most):
            print(f"  {number} not collected: {' '.join(text.split())[:160]}")
    differing = verdict.differing()
    passed = len(verdict.reference.passed())
    print(f"{passed - len(differing)} of the {passed} tests that pass with torch pass with {name}")
    beyond = verdict.beyond()
    if beyond:
        print(f"{len(beyond)} pass with {name} and fail with torch, such as {beyond[0]}")
    causes = verdict.causes()
    for text, tests in causes[:most]:
        print(f"{len(tests):5d}  {text}")
        for test in tests if names else tests[:EXAMPLES]:
            where = verdict.candidate.outcome(test).where
            print(f"         {test}{f'  ({where})' if where else ''}")
    if len(causes) > most:
        print(f"and {len(causes) - most} more causes")


def counts(run: SuiteRun) -> str:
    number = Counter(outcome.outcome for outcome in run.tests.values())
    if run.uncollected:
        number["modules not collected"] = len(run.uncollected)
    return ", ".join(f"{count} {word}" for word, count in number.most_common()) or "no test"


def write_suite(verdict: SuiteVerdict, path: Path) -> None:
    both = {"reference": asdict(verdict.reference), "candidate": asdict(verdict.candidate)}
    path.write_text(json.dumps(both, indent=1), encoding="utf-8")
