"""Sessions from docstrings: how lines are found, what is run before them, and which differences are seen."""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from conformance.cases import Case, Unit
from conformance.compare import Verdict
from conformance.corpus import Corpus, Selection
from conformance.engine import load, reference
from conformance.judge import Judge
from conformance.pool import Pool, Task
from conformance.program import Program, Target
from conformance.recorded import Record
from conformance.report.scripts import as_script
from conformance.runner import Result, Setup
from conformance.sources.docstrings import DTYPE, examples, free_names, prologue, typed_lines
from conformance.sources.sessions import session
from conformance.summary import Summary

RECORDED = Path(__file__).parents[2] / "conformance" / "data" / "passing.csv"


def test_lines_behind_prompts_in_both_ways_of_writing_on() -> None:
    text = """Says something.

    Example::

        >>> for i in range(2):
        ...     print(i)
        0
        1
        ... and so on
        >>> if True:
        >>>     x = 1
        >>> x
        1
        >>> this is no Python
        >>> y = x
    """
    expected = "for i in range(2):\n    print(i)\nif True:\n    x = 1\nx\ny = x"
    assert typed_lines(text) == expected


def test_imports_alone_are_no_example() -> None:
    assert typed_lines(">>> import torch\n>>> from torch import nn") == ""
    assert typed_lines("x = 1") == ""


def test_names_that_are_read_before_they_are_given() -> None:
    assert free_names("x = y + len(z)\ny = 1\ny") == {"y", "z"}
    assert free_names("def f(a):\n    b = a + c\n    return b\nf([d for d in e])") == {"c", "e"}
    assert free_names("model(input)") == {"model", "input"}


def test_what_examples_take_for_granted_is_put_before_them() -> None:
    given = prologue(reference(), "torch.distributions", "m = Normal(0.0, F.relu(loss))").splitlines()
    assert given[:3] == [
        "import torch",
        "from torch.distributions import Normal",
        "import torch.nn.functional as F",
    ]
    # a loss needs a model, its input and target
    assert [line.partition(" = ")[0] for line in given[3:]] == ["model", "input", "target", "loss_fn", "loss"]
    assert prologue(reference(), "torch", "x = 1") == "import torch"


def made(source: str) -> Case:
    return Case(
        "made", DTYPE, 0, Program(Target(DTYPE, session), ("made", "import torch", source)), kind=DTYPE
    )


def test_a_session_goes_on_after_an_error() -> None:
    seen = Judge(reference(), load("torch")).observe(
        reference(), made("x = torch.ones(2)\nx.no_such\nprint(x)\nx.sum()")
    )
    assert seen.error is None
    assert seen.text == (
        ">>> x = torch.ones(2)\n>>> x.no_such\nAttributeError: 'Tensor' object has no attribute 'no_such'\n"
        ">>> print(x)\ntensor([1., 1.])\n>>> x.sum()\ntensor(2.)\n"
    )
    assert seen.labels == ["['4 x.sum()'][0]", "['left']['x']"]


PROGRAM = "x = torch.arange(3.)\nx * 2\nprint('so')\nx.add_(1)"


@pytest.mark.parametrize(
    ("aspect", "status", "other"),
    [
        ("values", "fail", "x = torch.arange(3.)\nx * 2\nprint('so')\nx.add_(2)"),
        ("text", "fail", "x = torch.arange(3.)\nx * 2\nprint('not so')\nx.add_(1)"),
        ("strides", "fail", "x = torch.arange(0., 3., 0.5)[::2]\nx * 2\nprint('so')\nx.add_(1)"),
        ("aliasing", "fail", "x = torch.arange(3.)\nx * 2\nprint('so')\nx.add(1)"),
        ("structure", "fail", "x = torch.arange(3.)\nx * 2\nprint('so')\nx.add_('1')"),
        ("structure", "missing", "x = torch.arange(3.)\nx.twice()\nprint('so')\nx.add_(1)"),
        ("structure", "unsupported", "x = torch.arange(3.)\nraise NotImplementedError()\nprint('so')\nx.add_(1)"),
        ("structure", "fail", "x = torch.arange(3.)\nx * 2\nprint('so')\ny = x.add_(1)"),
    ],
)  # fmt: skip
def test_differences_between_sessions_are_seen(aspect: str, status: str, other: str) -> None:
    judge = Judge(reference(), load("torch"))
    expected = judge.observe(reference(), made(PROGRAM))
    same = judge.compare(made(PROGRAM), judge.observe(reference(), made(PROGRAM)), expected)
    assert {verdict.status for verdict in same.values()} == {"pass"}
    verdicts = judge.compare(made(PROGRAM), judge.observe(reference(), made(other)), expected)
    assert verdicts[aspect].status == status, verdicts


@pytest.mark.parametrize(
    ("source", "other"), [("raise ValueError('a')", "raise ValueError('b')"), ("1 / 0", "raise ValueError('a')")]
)  # fmt: skip
def test_errors_of_statements_are_compared_by_class_and_text(source: str, other: str) -> None:
    judge = Judge(reference(), load("torch"))
    expected = judge.observe(reference(), made(source))
    assert judge.compare(made(source), expected, expected)["values"].status == "pass"
    assert (
        judge.compare(made(source), judge.observe(reference(), made(other)), expected)["values"].status
        == "fail"
    )


def test_switches_that_a_session_leaves_on_are_put_back() -> None:
    source = (
        "torch.set_printoptions(precision=1)\ntorch.set_default_dtype(torch.float64)\ntorch.tensor(1.23456)"
    )
    judge = Judge(reference(), load("torch"))
    first = judge.observe(reference(), made(source))
    second = judge.observe(reference(), made("torch.tensor(1.23456)"))
    assert first.text is not None and first.text.endswith("tensor(1.2)\n")
    assert second.text == ">>> torch.tensor(1.23456)\ntensor(1.2346)\n"


def test_torch_agrees_with_itself_on_the_examples_of_its_tensors() -> None:
    found = examples(reference())
    names = found.select("torch.Tensor.*")
    assert len(names) > 30 and found.select("Tensor.scatter_") == ["torch.Tensor.scatter_"]
    judge = Judge(reference(), load("torch"))
    for name in names:
        case = found.case(name)
        verdicts = judge.again(case, judge.judge(case))
        assert {verdict.status for verdict in verdicts.values()} <= {"pass", "ill-defined"}, (name, verdicts)


def test_a_session_is_found_by_name_and_prints_as_a_script_that_runs(
    capsys: pytest.CaptureFixture[str],
) -> None:
    source = as_script(Corpus(reference(), Selection()).find("torch.gather:docstring:0"))
    assert "conformance" not in source
    exec(compile(source, "script", "exec"), {})
    assert capsys.readouterr().out.startswith("tensor([[1, 1],")


def test_examples_of_a_name_that_is_not_there_are_missing() -> None:
    judge = Judge(reference(), load("types"))
    case = examples(reference()).case("torch.gather")
    assert judge.lacks(case)
    assert set(judge.judge(case).values()) == {Verdict("missing", "torch.gather")}


# a session may change its process for good, so that they run in processes of their own; the groups take about as long as each other
GROUPS = ("torch.[a-l]*", "torch.[m-zA-Z]*", "torch.nn.[A-Z]*", "torch.[a-lT]*.*", "others")


def in_group(name: str) -> str:
    """The first group whose pattern it fits, a star standing for no dot; the last one takes the rest."""
    fits = (group for group in GROUPS if group.count(".") == name.count(".") and fnmatchcase(name, group))
    return next(fits, GROUPS[-1])


@pytest.mark.parametrize("group", GROUPS)
def test_no_recorded_pass_of_a_docstring_is_lost(group: str) -> None:
    names = [name for name in examples(reference()).found if in_group(name) == group]
    assert len(names) > 30
    pool, summary = Pool(Setup("tinytorch", Selection(("docstrings",))), 1), Summary()
    for _, result in pool.run([Task(Unit("docstrings", name, DTYPE)) for name in names]):
        if isinstance(result, Result):
            summary.add(result)
    assert len(summary.results) == len(names)
    record = Record(RECORDED)
    assert record.regressions(summary) == []
    assert all(record.samples(name, DTYPE) for name in names)
