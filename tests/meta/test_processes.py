"""A run outlives what it judges: crashes, hangs and interruptions."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from conformance.cases import Unit
from conformance.corpus import Selection
from conformance.pool import Pool, Task
from conformance.runner import Result, Setup

Make = Callable[..., str]

BROKEN = """
import ctypes, os, time

def log(x, **kwargs):
    if x.dim() == 0:
        ctypes.string_at(0)
    return _torch.log(x, **kwargs)

def cos(x, **kwargs):
    if x.dim() == 0:
        os._exit(7)
    return _torch.cos(x, **kwargs)

def exp(x, **kwargs):
    while x.dim() == 0:
        try:
            time.sleep(60)
        except Exception:
            pass
    return _torch.exp(x, **kwargs)

def rsqrt(x, **kwargs):
    while x.dim() == 0:
        time.sleep(60)
    return _torch.rsqrt(x, **kwargs)
"""


def judged(setup: Setup, units: list[Unit], jobs: int = 2) -> dict[str, Result]:
    found: dict[str, Result] = {}
    for _, content in Pool(setup, jobs).run([Task(unit) for unit in units]):
        if isinstance(content, Result):
            assert content.case not in found
            found[content.case] = content
    return found


def statuses(result: Result) -> set[str]:
    return {verdict.status for verdict in result.verdicts.values()}


def limited(monkeypatch: pytest.MonkeyPatch) -> None:
    import conformance.pool
    import conformance.remote

    monkeypatch.setattr(conformance.pool, "GRACE", 1.0)
    monkeypatch.setattr(conformance.pool, "RUNS_PER_CASE", 1.0)
    monkeypatch.setattr(conformance.remote, "GRACE", 1.0)


@pytest.mark.parametrize("isolate", [False, True])
def test_a_crash_or_a_hang_costs_one_case(
    library: Make, monkeypatch: pytest.MonkeyPatch, isolate: bool
) -> None:
    if not isolate:
        limited(monkeypatch)
    name = library(f"breaking_{isolate}", BROKEN)
    endings = {"log": "crash", "exp": "timeout", "acos": "pass"}
    if not isolate:
        endings |= {"cos": "crash", "rsqrt": "timeout"}
    setup = Setup(
        name, Selection(operators=",".join(endings)), timeout=4.0 if isolate else 2.0, isolate=isolate
    )
    found = judged(setup, [Unit("opinfo", operator, "float32") for operator in endings])
    assert len(found) == 3 * len(endings)
    for operator, status in endings.items():
        results = [result for result in found.values() if result.operator == operator]
        bad = [result for result in results if result.verdicts["outcome"].status != "pass"]
        assert len(bad) == (status != "pass"), operator
        for result in bad:
            assert {result.verdicts[aspect].status for aspect in ("outcome", "values", "gradient")} == {
                status
            }
    assert "SIGSEGV" in found["log:float32:2"].verdicts["outcome"].detail
    good = [result for result in found.values() if result.verdicts["outcome"].status == "pass"]
    assert all(statuses(result) == {"pass"} for result in good)


def test_a_crash_that_needs_an_earlier_case_is_flaky(library: Make) -> None:
    name = library(
        "poisoned",
        """
import os
poison = []

def log(x, **kwargs):
    if x.dim() == 0 and poison:
        os._exit(3)
    poison.extend([1] * x.dim())
    return _torch.log(x, **kwargs)
""",
    )
    found = judged(Setup(name, Selection(operators="log")), [Unit("opinfo", "log", "float32")])
    outcomes = [result.verdicts["outcome"] for result in found.values()]
    assert {verdict.status for verdict in outcomes} == {"pass", "flaky"}
    assert any("status 3" in verdict.detail for verdict in outcomes)


def test_a_library_of_torchs_own_name_is_judged_in_a_process_of_its_own(tmp_path: Path) -> None:
    """`import torch` served by tinytorch there, and by PyTorch here."""
    prepare = "from tinytorch._swap import install; install()"
    setup = Setup("torch", Selection(operators="tanh"), isolate=True, prepare=prepare)
    found = judged(setup, [Unit("opinfo", "tanh", "float32"), Unit("directed", "ties.relu", "directed")])
    assert len(found) == 2
    assert all(result.verdicts["values"].status == "pass" for result in found.values())
    crashing = Setup("torch", Selection(), isolate=True, prepare="raise SystemExit(3)")
    with pytest.raises(ImportError, match="cannot be imported"):
        judged(crashing, [Unit("opinfo", "tanh", "float32")])


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "conformance", *arguments]


def environment(**more: str) -> dict[str, str]:
    paths = [os.getcwd(), os.environ.get("PYTHONPATH", "")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in paths if path), **more}


def test_an_interrupted_run_resumes(library: Make, tmp_path: Path) -> None:
    """The second run judges only what the first has not, and reports both."""
    log = tmp_path / "calls"
    name = library(
        "slow",
        f"""
import time

def sin(x, **kwargs):
    with open({str(log)!r}, "a") as file:
        file.write("s")
    return _torch.sin(x, **kwargs)

def cos(x, **kwargs):
    time.sleep(0.0 if __import__("os").path.exists({str(tmp_path / "fast")!r}) else 5.0)
    return _torch.cos(x, **kwargs)
""",
    )
    kept, report = tmp_path / "kept", tmp_path / "report.json"
    arguments = command(
        "run", "--impl", name, "--op", "cos,sin", "--no-grad", "--resume", str(kept), "--jobs", "2"
    )
    first = subprocess.Popen(
        arguments, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and '"unit"' not in (kept.read_text() if kept.exists() else ""):
        time.sleep(0.1)
    first.send_signal(signal.SIGINT)
    _, errors = first.communicate(timeout=60)
    assert first.returncode == 130 and "--resume" in errors
    called = len(log.read_text())
    assert called
    (tmp_path / "fast").touch()
    second = subprocess.run(
        [*arguments, "--json", str(report)], env=environment(), capture_output=True, text=True, timeout=100
    )
    assert second.returncode == 0, second.stdout + second.stderr
    assert len(log.read_text()) == called
    whole: dict[str, Any] = json.loads(report.read_text())
    assert set(whole["masks"]) == {"cos", "sin"} and whole["layers"]["forward"]["score"] == 1.0
    other = subprocess.run(
        [*arguments, "--seed", "5"], env=environment(), capture_output=True, text=True, timeout=100
    )
    assert other.returncode == 2 and "other settings" in other.stderr
