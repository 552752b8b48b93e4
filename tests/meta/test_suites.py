"""A package's own tests, run under both libraries: every way in which a test can end is seen, and none is lost."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("torch")

from conformance.cli import main
from conformance.sources.suites import Outcome, SuiteRun, SuiteVerdict, compare_suite, run_suite

Make = Callable[[str, str], str]

RUNNER = """
import os, runpy, sys, time
import torch

{faults}

for name in ("exp", "cos", "sin"):
    if name in globals():
        setattr(torch, name, globals()[name])
sys.argv = sys.argv[2:]
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
"""
BROKEN = """
def exp(x):
    raise NotImplementedError("exp of 17 tensors")

def cos(x):
    os._exit(7)

def sin(x):
    while True:
        time.sleep(0.1)
"""
TESTS = """
import pytest, random, torch

one = torch.ones(1)

def test_equal():
    assert torch.log(one).item() == 0

def test_broken():
    torch.exp(one)

@pytest.mark.parametrize("number", [1, 2])
def test_dies(number):
    torch.cos(one)

def test_hangs():
    torch.sin(one)

def test_fails_with_both():
    assert False

@pytest.mark.skip(reason="elsewhere")
def test_skipped():
    pass

@pytest.mark.xfail
def test_expected_to_fail():
    assert False

@pytest.fixture
def missing():
    torch.exp(one)

def test_around(missing):
    pass

class TestDrawn:
    def test_the_same_numbers_for_every_test(self):
        drawn = random.random(), torch.rand(1)
        random.seed(0)
        torch.manual_seed(0)
        assert drawn == (random.random(), torch.rand(1))
"""
NOT_THERE = """
import torch
from torch.exp_of_everything import x

def test_never():
    pass
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    """Write a package that runs modules as `python -m package -m module` on torch with the faults given."""

    def make(name: str, faults: str) -> str:
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").touch()
        (tmp_path / name / "__main__.py").write_text(RUNNER.format(faults=faults), encoding="utf-8")
        return name

    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=":")
    return make


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    folder = tmp_path / "suite"
    folder.mkdir()
    (folder / "test_one.py").write_text(TESTS, encoding="utf-8")
    return folder


def test_every_way_to_end_is_seen(suite: Path, package: Make) -> None:
    verdict = compare_suite(package("broken_for_suites", BROKEN), [], suite, seconds=2.0)
    endings = {name.partition("::")[2]: o.outcome for name, o in verdict.reference.tests.items()}
    assert endings == {
        "test_equal": "passed",
        "test_broken": "passed",
        "test_dies[1]": "passed",
        "test_dies[2]": "passed",
        "test_hangs": "passed",
        "test_fails_with_both": "failed",
        "test_skipped": "skipped",
        "test_expected_to_fail": "xfailed",
        "test_around": "passed",
        "TestDrawn::test_the_same_numbers_for_every_test": "passed",
    }
    differing = {name.partition("::")[2]: o for name, o in verdict.differing().items()}
    assert {name: o.outcome for name, o in differing.items()} == {
        "test_broken": "failed",
        "test_dies[1]": "crash",
        "test_dies[2]": "crash",
        "test_hangs": "timeout",
        "test_around": "error",
    }
    assert differing["test_broken"].error == "NotImplementedError: exp of 17 tensors"
    assert differing["test_broken"].where.partition(":")[0].endswith("__main__.py")
    assert verdict.candidate.tests.keys() == verdict.reference.tests.keys()


def test_tests_that_cannot_be_imported_are_lost_by_name(suite: Path, package: Make) -> None:
    (suite / "test_two.py").write_text(NOT_THERE, encoding="utf-8")
    run = run_suite(package("whole_for_suites", ""), ["test_one.py::test_equal", "test_two.py"], suite)
    assert run.passed() == {"test_one.py::test_equal"}
    lost = run.outcome("test_two.py::test_never")
    assert lost.outcome == "uncollected"
    assert "torch.exp_of_everything" in lost.error


def test_a_library_without_a_runner_serves_torch_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Relative folders of the path are relative to where the harness is started, not to where the tests run."""
    for name in ("libraries", "tests"):
        (tmp_path / name).mkdir()
    library = "def manual_seed(seed): pass\ndef seven(): return 7\n"
    (tmp_path / "libraries/small_library.py").write_text(library)
    (tmp_path / "tests/test_seven.py").write_text("import torch\ndef test_it(): assert torch.seven() == 7\n")
    monkeypatch.chdir(tmp_path)
    repository = Path(__file__).parents[2]
    monkeypatch.setenv("PYTHONPATH", f"libraries:{repository}")
    monkeypatch.syspath_prepend("libraries")
    run = run_suite("small_library", ["test_seven.py"], tmp_path / "tests")
    assert run.passed() == {"test_seven.py::test_it"}, run


def test_causes_are_grouped_without_their_numbers() -> None:
    def failed(text: str) -> Outcome:
        return Outcome("failed", text)

    theirs = SuiteRun({name: Outcome("passed") for name in "abcde"} | {"f": failed("x")})
    ours = SuiteRun(
        {
            "a": failed("ValueError: 3 for 4"),
            "b": failed("KeyError: 'x'"),
            "c": failed("ValueError: 5 for 6"),
            "d": Outcome("passed"),
            "e": failed("ValueError: 5 for 6"),
            "f": Outcome("passed"),
        }
    )
    verdict = SuiteVerdict(theirs, ours)
    assert verdict.causes() == [
        ("failed: ValueError: 5 for 6", ["a", "c", "e"]),
        ("failed: KeyError: 'x'", ["b"]),
    ]
    assert verdict.beyond() == ["f"]


def test_the_command_says_what_differs_and_keeps_what_torch_did(
    suite: Path, package: Make, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept, report = tmp_path / "kept.json", tmp_path / "report.json"
    start = ["suite", "--folder", str(suite), "--kept", str(kept), "--json", str(report)]
    chosen = ["--", "-k", "equal or broken or both"]
    assert main([*start, "--impl", package("less_broken", "def exp(x): raise KeyError"), *chosen]) == 1
    printed = capsys.readouterr().out
    assert "1 of the 2 tests that pass with torch pass with less_broken" in printed
    assert "1  failed: KeyError:" in printed
    assert (
        json.loads(report.read_text())["candidate"]["tests"]["test_one.py::test_broken"]["outcome"]
        == "failed"
    )
    altered = kept.read_text().replace("test_one.py::test_equal", "test_one.py::test_another")
    kept.write_text(altered)
    assert main([*start, "--impl", "torch", *chosen]) == 1
    assert "1  uncollected" in capsys.readouterr().out
    chosen[-1] += " or hangs"  # other arguments: what is kept is of no use
    assert main([*start, "--impl", "torch", *chosen]) == 0
    kept.unlink()
    assert main([*start, "--impl", "torch", *chosen]) == 0
    assert main([*start, "--impl", "torch", "--", "-k", "nothing_of_the_kind"]) == 1
