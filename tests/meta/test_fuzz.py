"""The fuzzer: it blames nobody honest, finds planted bugs, makes programs small, and survives what ends a process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

from conformance.engine import Library, reference
from conformance.fuzz.draw import HypothesisDraw, RandomDraw
from conformance.fuzz.generate import fuzz
from conformance.fuzz.lockstep import Difference, Side, run, settled
from conformance.fuzz.program import Statement, Statements, parse, script
from conformance.fuzz.reduce import reduce

THEIRS = reference()


def faulty(**changed: Callable[..., Any]) -> Library:
    """PyTorch with some of its functions replaced."""
    module = types.ModuleType("faulty")
    module.__dict__.update(torch.__dict__, **changed)
    library = reference()
    library.module = module
    return library


def statements(*lines: str) -> Statements:
    return tuple(Statement(line) for line in lines)


def test_the_same_seed_writes_the_same_program() -> None:
    programs = [fuzz(THEIRS, THEIRS, RandomDraw(11))[0] for _ in range(2)]
    assert programs[0] == programs[1] and len(programs[0]) > 2


def test_every_form_of_statement_is_executed() -> None:
    texts = (
        "v1 = torch.ones(2)",
        "v1 += 2",
        "v1[0] *= 3",
        "v1[1] = 0",
        "v1.mul_(2)",
        "with torch.no_grad(): v1 -= 1",
        "if True: v1.neg_()",
    )
    with settled(THEIRS):
        side = Side(THEIRS)
        side.start()
        assert [side.run(Statement(text)) for text in texts] == [None] * len(texts)
        assert side.names["v1"].tolist() == [-17.0, 1.0]


def test_programs_use_many_operators_and_fail_on_purpose() -> None:
    operators: set[str] = set()
    failing = 0
    for seed in range(60):
        program, _ = fuzz(THEIRS, THEIRS, RandomDraw(seed))
        operators |= {statement.operator for statement in program}
        names: dict[str, Any] = {"torch": torch}
        for statement in program[:6]:
            try:
                exec(statement.text, names)
            except Exception:
                failing += 1
    assert len(operators) > 120 and failing > 10


def command(*options: str, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own: what PyTorch does to memory in odd programs must not reach the other tests."""
    places = [str(folder or Path.cwd()), str(Path(__file__).parents[2])]
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join(places))
    line = [sys.executable, "-m", "conformance", "fuzz", *options]
    return subprocess.run(line, capture_output=True, text=True, check=False, env=environment, cwd=folder)


@pytest.mark.parametrize("start", [0, 1000])
def test_pytorch_beside_itself_never_differs(start: int) -> None:
    done = command("--impl", "torch", "--programs", "150", "--seed", str(start))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "150 programs" in done.stdout and "no difference" in done.stdout


# a module of PyTorch's names, some of which a test replaces
STANDIN = """
import os, torch
from torch import *
from torch import nn, autograd, optim
Tensor, strided, default_generator = torch.Tensor, torch.strided, torch.default_generator
def __getattr__(name): return getattr(torch, name)
"""
PLANTED = {
    "a copy for a view": (
        {"transpose": lambda x, a, b: torch.transpose(x, a, b).clone()},
        "torch.transpose(v1, 0, 1)",
    ),
    "a wrong sum": ({"sum": lambda x: torch.sum(x) * 1.00003}, "torch.sum(v1)"),
    "another dtype": ({"exp": lambda x: torch.exp(x).double()}, "torch.exp(v1)"),
    "no gradient": ({"sin": lambda x: torch.sin(x.detach())}, "torch.sin(v1)"),
    "a wrong gradient": ({"cos": lambda x: torch.cos(x) + (x - x.detach()) * 1e-3}, "torch.cos(v1)"),
    "another error": ({"cat": lambda *given: (_ for _ in ()).throw(RuntimeError("no"))}, "torch.cat([v1])"),
    "an input written to": ({"neg": lambda x: torch.neg(x.detach().mul_(2))}, "torch.neg(v1)"),
    "other strides": ({"tan": lambda x: torch.tan(x.mT).mT}, "torch.tan(v1)"),
    "a forgotten draw": ({"rand": lambda *size: torch.full(size, 0.5)}, "torch.rand(2, 2)"),
    "a warning too many": (
        {"erf": lambda x: (__import__("warnings").warn("slow"), torch.erf(x))[1]},
        "torch.erf(v1)",
    ),
}


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_bug_is_found_by_the_statement_that_has_it(name: str) -> None:
    changed, text = PLANTED[name]
    program = statements(
        "v1 = torch.tensor([[0.5, -1.0, 2.0], [0.25, 1.0, 3.0]], requires_grad=True)", f"v2 = {text}"
    )
    found = run(THEIRS, faulty(**changed), program)
    assert found is not None and found.place >= 1
    assert run(THEIRS, THEIRS, program) is None


def test_random_programs_run_into_a_planted_bug_which_is_made_small() -> None:
    broken = faulty(sum=lambda *given, **options: torch.sum(*given, **options) * 1.001)
    for seed in range(400):
        program, difference = fuzz(THEIRS, broken, RandomDraw(seed))
        if difference is not None:
            break
    assert difference is not None and difference.operator == "sum"
    small, again = reduce(lambda smaller: run(THEIRS, broken, smaller), program, difference)
    assert again.kind == difference.kind and len(small) <= 3 <= len(program)
    assert parse(script(small)) == small


def test_reduction_keeps_the_kind_of_difference() -> None:
    """A smaller program with another difference is not taken for it."""
    program = statements("v1 = 1", "v2 = v1 + 1", "v3 = v2 * 2", "v4 = v3 - v1")

    def judge(candidate: Statements) -> Difference | None:
        texts = " ".join(statement.text for statement in candidate)
        if "* 2" in texts:
            return Difference(0, "values", "", "mul")
        return Difference(0, "outcome", "", "other") if candidate else None

    small, found = reduce(judge, program, Difference(2, "values", "", "mul"))
    assert [statement.text for statement in small] == ["v1 = 1", "v3 = v1 * 2"] or len(small) == 1
    assert found.kind == ("values", "mul")


@settings(max_examples=15, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_hypothesis_can_drive_the_writer(data: st.DataObject) -> None:
    _, difference = fuzz(THEIRS, THEIRS, HypothesisDraw(data), 5)
    assert difference is None


def test_a_program_that_ends_its_process_costs_itself(tmp_path: Path) -> None:
    (tmp_path / "fragile.py").write_text(STANDIN + "def isinf(*given, **options): os._exit(3)\n")
    done = command(
        "--impl",
        "fragile",
        "--programs",
        "100",
        "--no-reduce",
        "--jobs",
        "2",
        "--json",
        "found.json",
        folder=tmp_path,
    )
    assert done.returncode == 1, done.stderr
    found = json.loads((tmp_path / "found.json").read_text())
    assert found["programs"] == 100
    assert [row for row in found["differences"] if row["aspect"] == "crash"]


def test_the_command_prints_keeps_and_ends_with_a_status(tmp_path: Path) -> None:
    (tmp_path / "copies.py").write_text(
        STANDIN + "def tensor(*given, **options): return torch.tensor(*given, **options).clone()\n"
    )
    done = command(
        "--impl", "copies", "--programs", "20", "--keep", "kept", "--json", "found.json", folder=tmp_path
    )
    assert done.returncode == 1, done.stderr
    assert "DIFFERENT" in done.stdout and list((tmp_path / "kept").glob("*.py"))
    assert json.loads((tmp_path / "found.json").read_text())["differences"][0]["program"]
