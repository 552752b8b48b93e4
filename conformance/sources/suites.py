"""Test suites of other packages: pytest runs the same tests under both libraries, and the outcomes are compared test by test."""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from conformance.sources.scripts import environment, module_command
from conformance.sources.suite_plugin import VARIABLE
from conformance.textual import ADDRESS

# what pytest is told besides a suite's own arguments: tests run in one process, in order, and leave no files
OPTIONS = [
    "-p",
    "conformance.sources.suite_plugin",
    "-p",
    "no:cacheprovider",
    "-p",
    "no:xdist",
    "--continue-on-collection-errors",
    "--tb=line",
    "-q",
]
# beyond a test's own seconds its process has these to come to an end
GRACE = 20.0
# processes that die one after the other without finishing a test
MOST_DEATHS = 50
VARYING = re.compile(r"0x[0-9a-f]+|[-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?|/[\w./-]+")


@dataclass
class Outcome:
    """How a test ended: passed, failed, error (around the test), skipped, xfailed, timeout, crash, or uncollected."""

    outcome: str
    error: str = ""
    where: str = ""
    seconds: float = 0.0


@dataclass
class SuiteRun:
    """Every test's outcome under one library, by pytest's name of it."""

    tests: dict[str, Outcome] = field(default_factory=dict)
    # modules and classes whose tests could not be found, and the error
    uncollected: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    # what pytest printed last, where it found nothing
    words: str = ""
    # of pytest: outcomes that are kept are those of these
    arguments: list[str] = field(default_factory=list)

    def passed(self) -> set[str]:
        return {name for name, outcome in self.tests.items() if outcome.outcome == "passed"}

    def outcome(self, name: str) -> Outcome:
        """Of a test that the other library has, too: a module that failed to be imported lost its tests."""
        if name in self.tests:
            return self.tests[name]
        owners = [node for node in self.uncollected if not node or name.startswith(node)]
        error = self.uncollected[max(owners, key=len)] if owners else ""
        return Outcome("uncollected", error)

    def write(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self)), encoding="utf-8")

    @staticmethod
    def read(path: Path) -> SuiteRun:
        kept = json.loads(path.read_text(encoding="utf-8"))
        kept["tests"] = {name: Outcome(**outcome) for name, outcome in kept["tests"].items()}
        return SuiteRun(**kept)


def run_suite(
    implementation: str,
    arguments: list[str],
    folder: Path,
    seconds: float = 60.0,
    seed: int | None = 0,
) -> SuiteRun:
    """Run pytest in the folder until every test has an outcome; a process that dies costs the test it was at."""
    run = SuiteRun(arguments=arguments)
    started = time.monotonic()
    for _ in range(MOST_DEATHS):
        known = len(run.tests)
        lines, words, stopped = run_process(implementation, arguments, folder, seconds, seed, list(run.tests))
        begun = gather(lines, run)
        if begun is None:
            run.words = words
            break
        error = f"no end after {seconds:g} s" if stopped else words
        run.tests[begun] = Outcome("timeout" if stopped else "crash", error)
        if len(run.tests) == known:
            break
    run.seconds = time.monotonic() - started
    run.tests = merged(run.tests)
    return run


def run_process(
    implementation: str, arguments: list[str], folder: Path, seconds: float, seed: int | None, done: list[str]
) -> tuple[list[dict[str, Any]], str, bool]:
    """One process of pytest: the plugin's lines, the last line printed, and whether it had to be stopped."""
    command = module_command(implementation, "pytest", [*arguments, *OPTIONS])
    with tempfile.TemporaryDirectory() as kept:
        file, printed = Path(kept) / "lines", Path(kept) / "printed"
        file.touch()
        settings = Path(kept) / "settings"
        told = {"file": str(file), "seconds": seconds, "seed": seed, "done": done}
        settings.write_text(json.dumps(told), encoding="utf-8")
        variables = {**environment(), VARIABLE: str(settings)}
        with printed.open("w") as out:
            process = subprocess.Popen(
                command, cwd=folder, env=variables, stdin=subprocess.DEVNULL, stdout=out, stderr=out
            )
            try:
                stopped = wait(process, file, seconds + GRACE)
            finally:  # an interruption of the harness is one of the tests, too
                process.kill()
        # a process that was killed may have left the beginning of a line
        whole = file.read_text(encoding="utf-8").rpartition("\n")[0]
        lines = [json.loads(line) for line in whole.splitlines()]
        spoken = [line for line in printed.read_text(errors="replace").splitlines() if line.strip()]
        return lines, (spoken[-1][:300] if spoken else f"exit status {process.returncode}"), stopped


def wait(process: subprocess.Popen[bytes], file: Path, silence: float) -> bool:
    """Until the process ends, or has been silent in the midst of a test for too long; whether it was stopped."""
    size, since = -1, time.monotonic()
    while True:
        try:
            process.wait(0.2)
            return False
        except subprocess.TimeoutExpired:
            pass
        now = file.stat().st_size
        if now != size:
            size, since = now, time.monotonic()
        # collecting, which is before the first line, may take its time
        elif time.monotonic() - since > (silence if size else max(silence, 600.0)):
            process.kill()
            process.wait()
            return True


def gather(lines: Iterable[dict[str, Any]], run: SuiteRun) -> str | None:
    """Put what a process wrote into the run; the test it was at, if it died there."""
    begun: str | None = None
    for line in lines:
        if "begun" in line:
            begun = line["begun"]
        elif "test" in line:
            begun = None
            name = line.pop("test")
            run.tests[name] = Outcome(**line)
        elif "uncollected" in line:
            run.uncollected[line["uncollected"]] = line["error"]
    return begun


def merged(tests: dict[str, Outcome]) -> dict[str, Outcome]:
    """By names without addresses, which would differ from process to process; the worst of those that fall together."""
    kept: dict[str, Outcome] = {}
    for name, outcome in tests.items():
        name = ADDRESS.sub("0x", name)
        if name not in kept or kept[name].outcome == "passed":
            kept[name] = outcome
    return kept


@dataclass
class SuiteVerdict:
    """Two runs of a suite, compared: only tests that pass with PyTorch can differ."""

    reference: SuiteRun
    candidate: SuiteRun

    def differing(self) -> dict[str, Outcome]:
        """Tests that pass with PyTorch and not with the library, with the library's outcome."""
        both = self.candidate.passed()
        return {name: self.candidate.outcome(name) for name in sorted(self.reference.passed() - both)}

    def beyond(self) -> list[str]:
        """Tests that pass with the library and failed with PyTorch."""
        failed = {name for name, o in self.reference.tests.items() if o.outcome in ("failed", "error")}
        return sorted(self.candidate.passed() & failed)

    def causes(self) -> list[tuple[str, list[str]]]:
        """The differing tests by what was said, numbers and paths aside, most frequent first."""
        groups: dict[str, list[str]] = defaultdict(list)
        texts: dict[str, Counter[str]] = defaultdict(Counter)
        for name, outcome in self.differing().items():
            text = f"{outcome.outcome}: {' '.join(outcome.error.split())[:160]}"
            key = VARYING.sub("#", text)[:110]
            groups[key].append(name)
            texts[key][text] += 1
        ranked = sorted(groups.items(), key=lambda group: (-len(group[1]), group[0]))
        return [(texts[key].most_common(1)[0][0], names) for key, names in ranked]


def compare_suite(
    implementation: str,
    arguments: list[str],
    folder: Path,
    seconds: float = 60.0,
    seed: int | None = 0,
    kept: Path | None = None,
) -> SuiteVerdict:
    """Run the suite under both; PyTorch's outcomes are read from the file `kept` if it has those of this suite, else written there."""
    theirs = SuiteRun.read(kept) if kept is not None and kept.exists() else None
    if theirs is None or theirs.arguments != arguments:
        theirs = run_suite("torch", arguments, folder, seconds, seed)
        if kept is not None:
            theirs.write(kept)
    return SuiteVerdict(theirs, run_suite(implementation, arguments, folder, seconds, seed))
