"""Judging without PyTorch: the same verdicts from a file as from the oracle itself."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

import numpy as np

from conformance.cases import Case
from conformance.cli import main
from conformance.engine import load, reference
from conformance.goldens import SAMPLE, GoldenJudge, condense, judge_goldens, make_golden
from conformance.judge import Judge
from conformance.portable import pack, unpack
from conformance.program import Program, Target, TensorData
from conformance.summary import Summary

Make = Callable[..., str]
OPERATORS = "exp,sort,nn.functional.dropout,linalg.eigh,ties.relu,softmax"
# the process that judges has NumPy and the implementation, and nothing else of what the harness can use
BLOCKED = """
import sys
class Block:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "rich", "hypothesis", "expecttest", "jinja2"):
            raise ImportError("blocked: " + name)
sys.meta_path.insert(0, Block())
from conformance.cli import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture(scope="module")
def goldens(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("goldens") / "goldens.zip"
    arguments = [
        "export",
        "--op",
        OPERATORS,
        "--dtype",
        "float32,bfloat16",
        "--samples",
        "3",
        "--output",
        str(path),
    ]
    assert main(arguments) == 0
    assert path.stat().st_size < 1_000_000
    return path


def failing(summary: Summary) -> set[tuple[str, str]]:
    return {(result.case, aspect) for result, aspect in summary.differences()}


def test_torch_agrees_with_its_goldens(goldens: Path) -> None:
    summary, about = judge_goldens(goldens, "torch", None, 60.0)
    assert failing(summary) == set() and len(summary.results) == about["cases"] > 20
    assert {"gradient", "second order", "aliasing", "random", "text"} <= set(summary.layers())


def test_an_implementation_is_judged_where_there_is_no_torch(goldens: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": os.getcwd()}
    command = [
        sys.executable,
        "-c",
        BLOCKED,
        "run",
        "--goldens",
        str(goldens),
        "--impl",
        "tinytorch",
        "--op",
        "exp",
    ]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 operators" in done.stdout


@pytest.mark.parametrize(
    ("lines", "aspect"),
    [
        ("def exp(x, **kw): return _torch.exp(x, **kw) * (1.0 + 3e-5)", "values"),
        ("def exp(x, **kw): return _torch.exp(x, **kw).detach()", "gradient"),
        ("def exp(x, **kw): return _torch.exp(x.detach()) * (x - x.detach() + 1)", "second"),
        ("def sort(x, **kw): return _torch.sort(x, **kw)[::-1]", "structure"),
    ],
)
def test_a_planted_fault_is_caught(library: Make, goldens: Path, lines: str, aspect: str) -> None:
    name = library(f"faulty_{abs(hash(lines))}", lines + "\n")
    summary, _ = judge_goldens(goldens, name, "exp,sort", 60.0)
    assert any(found == aspect for _, found in failing(summary))


def test_large_results_are_condensed() -> None:
    integers = np.arange(10_000)
    other = integers.copy()
    other[7777] += 1
    assert condense(integers).size == 16 and (condense(integers) != condense(other)).any()
    floats = np.arange(10_000.0)
    assert condense(floats).size == SAMPLE and (condense(floats) == condense(floats.copy())).all()


@pytest.mark.parametrize("dtype", ["float32", "complex64"])
def test_a_large_result_is_judged_by_a_part_of_it(library: Make, dtype: str) -> None:
    values = np.random.default_rng(0).normal(size=(2, 1500))
    numbers = (values[0] + 1j * values[1] if dtype == "complex64" else values[0]).astype(dtype)
    data = TensorData(dtype, (1500,), (1,), 0, numbers, requires_grad=True)
    case = Case("exp", dtype, 0, Program(Target("torch.exp"), (data,)))
    golden = make_golden(Judge(reference(), reference()), case)
    assert golden is not None and ("outputs", 0) in golden.condensed
    wrong = library("large_wrong", "def exp(x): return _torch.exp(x) * (1.0 + 3e-5)\n")
    for name, status in (("torch", "pass"), (wrong, "fail")):
        candidate = load(name)
        judge = GoldenJudge(candidate, candidate)
        judge.printer = None
        assert judge.judge_golden(unpack(pack(golden)))["values"].status == status
