"""A plugin of pytest that writes down how each test ends, line by line, so that a process that dies loses one test.

It runs in the process of a suite, beside whichever library is called `torch` there, and imports neither.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

# names the file in which the harness says where to write and what to do
VARIABLE = "CONFORMANCE_SUITE"
WORDS_KEPT = 600


class TooLong(BaseException):
    """A test ran past its seconds. No `Exception`, so that a test's own `except Exception` does not swallow it."""


class Recorder:
    """Writes a line when a test begins and one when it has ended."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self.file = Path(settings["file"]).open("a", encoding="utf-8")  # noqa: SIM115
        self.seconds: float = settings["seconds"]
        self.seed: int | None = settings["seed"]
        self.done: frozenset[str] = frozenset(settings["done"])
        self.found: dict[str, Any] = {}

    def write(self, **line: Any) -> None:
        self.file.write(json.dumps(line) + "\n")
        self.file.flush()

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """What an earlier process has done is not done again."""
        self.write(collected=len(items))
        again = [item for item in items if item.nodeid in self.done]
        if again:
            config.hook.pytest_deselected(items=again)
            items[:] = [item for item in items if item.nodeid not in self.done]

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.write(uncollected=report.nodeid, error=last_words(report.longrepr))
        elif report.skipped:
            self.write(uncollected=report.nodeid, error="Skipped at collection")

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        self.write(begun=item.nodeid)
        self.found = {"test": item.nodeid, "outcome": "passed", "error": "", "seconds": 0.0}
        if self.seed is not None:
            sow(self.seed)
        try:
            with limited(self.seconds):
                result = yield
        except TooLong:
            self.found.update(outcome="timeout", error=f"no end after {self.seconds:g} s")
            result = True
        self.write(**self.found)
        return result  # type: ignore[return-value]

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
        report: Any = yield
        self.found["seconds"] = round(self.found.get("seconds", 0.0) + call.duration, 3)
        error = call.excinfo
        if error is not None and error.errisinstance(TooLong):
            self.found.update(outcome="timeout", error=f"no end after {self.seconds:g} s")
        elif report.failed and self.found.get("outcome") not in ("failed", "timeout"):
            words = said(error.value) if error is not None else last_words(report.longrepr)
            self.found.update(outcome="failed" if call.when == "call" else "error", error=words)
            if error is not None:
                last = error.traceback[-1]
                self.found["where"] = f"{last.path}:{last.lineno + 1}"
        elif report.skipped and self.found.get("outcome") == "passed":
            expected = hasattr(report, "wasxfail")
            self.found.update(outcome="xfailed" if expected else "skipped")
            self.found["error"] = said(error.value) if error is not None else ""
        return report  # type: ignore[no-any-return]


def said(error: BaseException) -> str:
    """The class and the text of an error."""
    try:
        words = str(error)
    except Exception as failure:
        words = f"(no text: {failure!r})"
    return f"{type(error).__name__}: {words}"[:WORDS_KEPT]


def last_words(representation: object) -> str:
    """The line of a report's text that names the error: pytest marks such lines with an E."""
    lines = str(representation).splitlines()
    marked = [line[1:].strip() for line in lines if line.startswith("E ")]
    return (marked[-1] if marked else lines[-1] if lines else "")[:WORDS_KEPT]


def sow(seed: int) -> None:
    """The same random numbers for each test, whatever ran before and whichever library draws them."""
    random.seed(seed)
    for name, function in (("numpy.random", "seed"), ("torch", "manual_seed")):
        module = sys.modules.get(name)
        if module is not None:
            getattr(module, function)(seed)


class limited:
    """Raises `TooLong` inside after so many seconds, where the system has alarms."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds if hasattr(signal, "SIGALRM") else 0.0

    def __enter__(self) -> None:
        if self.seconds:
            self.before = signal.signal(signal.SIGALRM, self.ring)
            signal.setitimer(signal.ITIMER_REAL, self.seconds)

    def ring(self, number: int, frame: FrameType | None) -> None:
        raise TooLong

    def __exit__(self, *_: object) -> None:
        if self.seconds:
            signal.setitimer(signal.ITIMER_REAL, 0.0)
            signal.signal(signal.SIGALRM, self.before)


def pytest_configure(config: pytest.Config) -> None:
    settings = os.environ.get(VARIABLE)
    if settings is not None:
        told = json.loads(Path(settings).read_text(encoding="utf-8"))
        config.pluginmanager.register(Recorder(told), "conformance-recorder")
