"""The module, optimizer and error sources replay on torch itself, and the harness's own rates hold."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from conformance.audit import audit
from conformance.corpus import Corpus, Selection
from conformance.engine import load, reference
from conformance.judge import Judge
from conformance.observe import Plan
from conformance.report.scripts import as_script
from conformance.sources import handwritten
from conformance.sources.modules import ModuleCatalogue
from conformance.sources.opinfo import Catalogue


@pytest.fixture(scope="module")
def modules() -> ModuleCatalogue:
    return ModuleCatalogue(reference())


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return Catalogue(reference())


@pytest.mark.parametrize(
    "label", ["nn.Linear", "nn.TransformerEncoder", "nn.BatchNorm2d", "optim.Adam", "optim.LBFGS"]
)
def test_modules_and_optimizers_replay(modules: ModuleCatalogue, label: str) -> None:
    judge = Judge(reference(), load("torch"))
    cases = list(modules.cases(label, "float32", samples=3))
    assert cases
    for case in cases:
        verdicts = judge.judge(case)
        assert verdicts["values"].status == "pass", case.name
        assert {verdict.status for verdict in verdicts.values()} == {"pass"}, case.name


@pytest.mark.parametrize("label", ["nn.RNN", "optim.SGD"])
def test_wrong_arguments_of_modules(modules: ModuleCatalogue, label: str) -> None:
    judge = Judge(reference(), load("torch"))
    verdicts = [judge.judge(case) for case in modules.error_cases(label)]
    assert any("error pattern" in verdict for verdict in verdicts)
    assert all(verdict.get("error text", verdict.get("values")).status == "pass" for verdict in verdicts)


@pytest.mark.parametrize("form", ["method", "inplace", "out"])
def test_every_form_of_an_operator(catalogue: Catalogue, form: str) -> None:
    judge = Judge(reference(), load("torch"), Plan(forward_mode=True))
    cases = list(catalogue.cases("mul", "float32", samples=4, form=form))
    assert cases
    for case in cases:
        assert {verdict.status for verdict in judge.judge(case).values()} == {"pass"}, case.name
        assert Corpus(reference(), Selection()).find(case.name).name == case.name


@pytest.mark.parametrize("name", ["einsum:float32:2", "mul:bfloat16:1", "nn.functional.dropout:float32:0"])
def test_a_case_prints_as_a_script_that_runs(
    catalogue: Catalogue, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    source = as_script(Corpus(reference(), Selection()).find(name))
    assert "conformance" not in source
    exec(compile(source, "script", "exec"), {})
    assert "tensor" in capsys.readouterr().out


def test_planted_faults_are_caught_without_false_alarms(catalogue: Catalogue) -> None:
    cases = [
        case for label in ("mul", "sum", "tanh", "t") for case in catalogue.cases(label, "float32", samples=4)
    ]
    table = audit(reference(), cases)
    assert len(table) >= 12
    for name, tally in table.items():
        wanted = 0 if name.startswith("honest") else tally.planted
        assert tally.caught == wanted, (name, tally)


def test_every_directed_program_agrees_with_itself() -> None:
    judge = Judge(reference(), load("torch"))
    found = [handwritten.case(name) for name in handwritten.select(None)]
    assert len(found) > 100
    for case in found:
        verdicts = judge.judge(case)
        assert verdicts["values"].status == "pass", (case.name, verdicts)
