"""The record of what passes: merged cell by cell, the same bytes in any order, and lost by exactly what passed in it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("torch")

from conformance.cli import main
from conformance.compare import Verdict
from conformance.layers import ASPECTS
from conformance.recorded import CODES, Record
from conformance.runner import Result
from conformance.summary import Summary

Make = Callable[..., str]


def summary_of(*cells: tuple[str, int, str, str]) -> Summary:
    """Results from operator, sample, aspect, status."""
    summary = Summary()
    for operator, index, aspect, status in cells:
        name = f"{operator}:float32:{index}"
        summary.add(Result(name, operator, "float32", index, {aspect: Verdict(status)}))
    return summary


def test_every_aspect_has_a_letter() -> None:
    assert len(set(CODES.values())) == len(ASPECTS)


def test_a_run_replaces_what_it_compared_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "record.csv"
    record = Record()
    record.update(
        summary_of(("b", 0, "values", "pass"), ("b", 1, "values", "fail"), ("a", 2, "text", "pass"))
    )
    record.update(summary_of(("b", 0, "gradient", "pass"), ("b", 1, "values", "pass")))
    record.write(path)
    again = Record(path)
    assert again.masks == record.masks
    assert again.passed("b", "float32", 0, "values") and again.passed("b", "float32", 1, "values")
    assert again.passed("b", "float32", 0, "gradient") and again.passed("a", "float32", 2, "text")
    # neither compared nor passed
    assert not again.passed("b", "float32", 1, "gradient") and not again.passed("a", "float32", 2, "values")
    assert not again.passed("a", "float32", 0, "text") and not again.passed("c", "float32", 0, "text")
    again.update(summary_of(("b", 0, "values", "crash")))
    assert not again.passed("b", "float32", 0, "values") and again.passed("b", "float32", 1, "values")


def test_the_file_does_not_depend_on_the_order(tmp_path: Path) -> None:
    cells = [
        (f"op{n % 7}", n // 7, ASPECTS[n % 5], ("pass", "fail", "ill-defined")[n % 3]) for n in range(90)
    ]
    files = [tmp_path / "one", tmp_path / "two"]
    for path, some in zip(files, (cells, cells[::-1]), strict=True):
        for half in (some[:45], some[45:]):
            record = Record(path if path.exists() else None)
            record.update(summary_of(*half))
            record.write(path)
    assert files[0].read_bytes() == files[1].read_bytes()
    assert len(files[0].read_text().splitlines()) == 1 + 7


@pytest.mark.parametrize("before", ["pass", "fail", "ill-defined", "known", "missing", "flaky"])
@pytest.mark.parametrize(
    "after", ["pass", "fail", "ill-defined", "missing", "crash", "timeout", "unsupported", "flaky"]
)
def test_a_pass_is_lost_by_a_failure_and_nothing_else_is(before: str, after: str) -> None:
    record = Record()
    record.update(summary_of(("a", 0, "values", before)))
    lost = record.regressions(summary_of(("a", 0, "values", after)))
    assert bool(lost) == (before == "pass" and after not in ("pass", "ill-defined"))


BREAKING = """
import os, time
def exp(x, **kwargs):
    if x.dim() == 0: os._exit(3)
    return _torch.exp(x, **kwargs)
def rsqrt(x, **kwargs):
    if x.dim() == 0: raise NotImplementedError
    return _torch.rsqrt(x, **kwargs)
"""


def test_a_crash_is_recorded_and_the_rest_with_it(library: Make, tmp_path: Path) -> None:
    """And a run that is taken up again records what its first part had found."""
    path, kept = tmp_path / "record.csv", tmp_path / "kept"
    name = library("breaking_recorded", BREAKING)
    arguments = ["run", "--impl", name, "--op", "exp,rsqrt,cos", "--record", str(path), "--resume", str(kept)]
    assert main(arguments) == 1
    record = Record(path)
    assert [record.masks["exp", "float32"]["outcome"].count(letter) for letter in "pc"] == [2, 1]
    assert record.masks["rsqrt", "float32"]["values"].count("u") == 1
    assert record.masks["cos", "float32"]["values"] == "ppp"
    # only the first half of the journal
    lines = kept.read_text().splitlines(keepends=True)
    kept.write_text("".join(lines[: len(lines) // 2]) + '{"case": "cut sho')
    content = path.read_bytes()
    path.unlink()
    assert main(arguments) == 1
    assert path.read_bytes() == content
    assert main(["run", "--impl", name, "--op", "exp,rsqrt,cos", "--recorded", str(path)]) == 0
    assert main(["run", "--impl", "torch", "--op", "exp,rsqrt,cos", "--recorded", str(path)]) == 0
