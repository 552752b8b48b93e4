"""Each case draws the memory layout of its inputs and cotangents; together the samples have all of them."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from conformance import cotangents, layouts
from conformance.cases import Case
from conformance.corpus import Corpus, Selection
from conformance.cotangents import cotangent_of
from conformance.engine import load, reference
from conformance.judge import Judge
from conformance.layouts import MIXED, drawn
from conformance.program import Named, Program, Target, contiguous_strides
from conformance.report.scripts import as_script
from conformance.runner import digest


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return Corpus(reference(), Selection(operators="mul", forms=("function", "inplace", "out")))


def test_neighbouring_samples_draw_every_pair() -> None:
    pairs = {
        (drawn(f"mul:float32:{index}", layouts.DRAWN), cotangent_of(f"mul:float32:{index}", MIXED))
        for index in range(30)
    }
    assert {first for first, _ in pairs} == set(layouts.LAYOUTS)
    assert {second for _, second in pairs} == set(cotangents.LAYOUTS)
    assert len(pairs) == len(layouts.LAYOUTS) * len(cotangents.LAYOUTS)


def test_a_run_covers_layouts_and_a_name_finds_its_own_again(corpus: Corpus) -> None:
    plain = 0
    cases = [case for unit in corpus.units() for case in corpus.cases(unit)]
    for case in cases:
        assert digest(corpus.find(case.name)) == digest(case)
        tensors = [data for data in case.program.tensors() if data.storage.size > 1]
        plain += all(data.stride == contiguous_strides(data.shape) and not data.offset for data in tensors)
    assert 0 < plain < len(cases)


def test_a_named_layout_stands_in_the_name() -> None:
    corpus = Corpus(reference(), Selection(operators="exp", layouts=("plain", "offset")))
    cases = [case for unit in corpus.units() for case in corpus.cases(unit)]
    assert {case.operator for case in cases} == {"exp[function, plain]", "exp[function, offset]"}
    for case in cases:
        offsets = {data.offset for data in case.program.tensors() if data.shape.count(0) == 0}
        assert offsets <= ({3} if "offset" in case.operator else {0}), case.name
        assert digest(corpus.find(case.name)) == digest(case)


def test_the_layout_of_cotangents_reaches_the_backward_pass(corpus: Corpus) -> None:
    """A library that takes every cotangent for one of plain memory is caught by those that are not."""
    seen: set[str] = set()
    judge = Judge(reference(), load("torch"))
    for index in range(len(cotangents.DRAWN)):
        case = Case("mul", "float32", index, corpus.find("mul:float32:0").program)
        kept = judge.observe(judge.reference, case)
        assert isinstance(kept.gradients, list)
        seen.add(cotangent_of(case.name, judge.plan.cotangent))
        assert judge.judge(case)["gradient"].status == "pass"
        assert "cotangents = [" in as_script(case)
        names = {"torch": torch}
        exec(compile(as_script(case).replace("print", "str"), "script", "exec"), names)
    assert seen == set(cotangents.LAYOUTS)


def test_destinations_stay_as_they_were(corpus: Corpus) -> None:
    for case in corpus.cases(next(unit for unit in corpus.units() if unit.form == "out")):
        out = case.program.kwargs["out"]
        if "resized" in case.operator:
            assert out.shape == (0,) and out.stride == (1,)
        if "recast" in case.operator:
            assert out.dtype == "float64" and out.stride == contiguous_strides(out.shape)


def test_what_torch_leaves_unwritten_is_not_compared() -> None:
    """Fresh memory is poisoned when a failing case runs again: what torch never wrote has no right answer."""
    integers = {"dtype": Named("torch.int64")}
    case = Case("empty", "int64", 0, Program(Target("torch.empty"), ((64,),), integers))
    judge = Judge(reference(), load("torch"))
    t = judge.last_seen = judge.observe(judge.reference, case)
    x = judge.observe(judge.reference, case)
    assert x.outputs[0].values is not None
    x.outputs[0].values = np.full(64, 5)
    first = judge.compare(case, x, t)
    assert first["values"].status == "fail"
    assert judge.again(case, first)["values"].status == "ill-defined"
