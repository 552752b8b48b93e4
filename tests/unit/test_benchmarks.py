"""The tools that fill the README: what they measure is real, and what they cannot measure they say."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def load(name: str) -> ModuleType:
    sys.path.insert(0, str(BENCHMARKS))
    try:
        spec = importlib.util.spec_from_file_location(f"benchmarks_{name}", BENCHMARKS / f"{name}.py")
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(BENCHMARKS))
    return module


def measure(library: str, *cases: str) -> dict[str, dict[str, float | str]]:
    done = subprocess.run(
        [sys.executable, str(BENCHMARKS / "measure.py"), library, "0.01", *cases],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(BENCHMARKS.parent), "OMP_NUM_THREADS": "1"},
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)  # type: ignore[no-any-return]


def test_every_case_runs_with_torch() -> None:
    pytest.importorskip("torch")
    cases = load("cases").CASES
    results = measure("torch", *cases)
    assert set(results) == set(cases)
    for result in results.values():
        assert 0 < float(result["seconds"]) < 1


def test_what_cannot_run_is_an_error_and_no_number() -> None:
    results = measure("math", "add_4x4")  # a module that is no torch
    assert list(results["add_4x4"]) == ["error"]


def test_ratio_is_of_the_best_rounds() -> None:
    run = load("run")
    assert run.with_ratio({"tinytorch": [3.0, 1.0], "torch": [4.0, 2.0]})["ratio"] == 0.5
    assert "ratio" not in run.with_ratio({"tinytorch": [], "torch": [4.0]})
    assert run.geometric_mean([0.5, 2.0]) == pytest.approx(1.0)


def test_figures_go_between_the_markers_only() -> None:
    figures = load("figures")
    text = f"before\n{figures.BEGIN}\nold\n{figures.END}\nafter\n"
    assert figures.rewrite(text, "new") == f"before\n{figures.BEGIN}\nnew\n{figures.END}\nafter\n"
    with pytest.raises(SystemExit):
        figures.rewrite("no markers", "new")


def test_figures_are_those_of_the_files(tmp_path: Path) -> None:
    figures = load("figures")
    report = {
        "versions": {"torch": "2.13.0"},
        "python": "3.11",
        "machine": "m",
        "date": "2026-01-02",
        "rounds": 5,
        "import_seconds": {"tinytorch": 0.1, "torch": 2.0},
        "import_peak_bytes": {"tinytorch": 2**20, "torch": 2**22},
        "cases": {
            "a": {"title": "fast", "tinytorch": [2e-6, 1e-6], "torch": [2e-6], "ratio": 0.5},
            "b": {"title": "absent", "tinytorch": [], "torch": [1.0], "errors": {"tinytorch": "x"}},
        },
        "geometric_mean": 0.5,
    }
    (tmp_path / "benchmarks.json").write_text(json.dumps(report))
    text = figures.figures(tmp_path)
    assert "| fast | 1 µs | 2 µs | 0.50 |" in text
    assert "Not measured, because it does not run yet: absent." in text
    assert "Not measured: conformance gave no result." in text
    assert "| memory at the peak of an import | 1 MiB | 4 MiB | 0.25 |" in text
