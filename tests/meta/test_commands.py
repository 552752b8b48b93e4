"""The command line: what it prints, which status it ends with, and the table of known differences."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

import conformance.known
from conformance.cli import main, parser
from conformance.known import KnownDifferences
from conformance.sources.leftovers import compare_left

Make = Callable[..., str]
WRONG = "def cos(x, **kw): return _torch.cos(x, **kw) if x.dim() else _torch.sin(x, **kw)\n"
BROKEN = ("values", "gradient", "second", "grad_fn")
HEAD = "implementation,case,layer,date,reason\n"


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parser().parse_args(["--help"])
    assert ended.value.code == 0
    text = capsys.readouterr().out
    for command in ("run", "replay", "show", "script", "coverage", "diff", "audit", "export"):
        assert f"    {command} " in text
    assert "exit status" in text


@pytest.mark.parametrize(
    "arguments",
    [
        ["run", "--op", "cos", "--impl", "no_such_module_anywhere"],
        ["run", "--op", "cos", "--impl", "torch", "--source", "nothing"],
        ["show", "cos:float32:999", "--impl", "torch"],
        ["show", "nothing", "--impl", "torch"],
    ],
)
def test_wrong_arguments_end_with_two(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    assert capsys.readouterr().err.strip()


def test_a_run_without_cases_is_no_success() -> None:
    assert main(["run", "--op", "no_such_operator", "--impl", "torch"]) == 1


def test_show_gives_a_script_both_results_and_the_first_difference(
    library: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    name = library("shown", WRONG)
    assert main(["show", "cos:float32:2", "--impl", name]) == 1
    text = capsys.readouterr().out
    assert "out = torch.cos(x0)" in text and "# torch gives" in text and f"# {name} gives" in text
    assert "# first difference: values: " in text
    assert main(["show", "cos:float32:0", "--impl", name]) == 0
    assert "# no difference" in capsys.readouterr().out


def test_layers_and_seeds(library: Make, tmp_path: Path) -> None:
    name = library("narrow", WRONG)
    arguments = ["run", "--op", "cos", "--impl", name]
    assert main([*arguments, "--layer", "strides,dtype"]) == 0
    assert main([*arguments, "--layer", "forward"]) == 1
    hashes = []
    for seed in ("1", "2", "1"):
        path = tmp_path / "report.json"
        main([*arguments, "--seed", seed, "--json", str(path)])
        hashes.append(json.loads(path.read_text())["corpus_hash"])
    assert hashes[0] == hashes[2] != hashes[1]


@pytest.mark.parametrize(
    ("aspects", "status"), [(BROKEN, 0), ((*BROKEN, "dtype"), 1), (BROKEN[1:], 1), ((), 1)]
)
def test_a_known_difference_does_not_fail_a_run_and_a_fixed_one_does(
    library: Make,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    aspects: tuple[str, ...],
    status: int,
) -> None:
    name, table = library(f"listed_{len(aspects)}", WRONG), tmp_path / "known.csv"
    monkeypatch.setattr(KnownDifferences.__init__, "__defaults__", (table,))
    table.write_text(HEAD + "".join(f"{name},cos:float32:2,{aspect},2026-11-29,sine\n" for aspect in aspects))
    assert main(["run", "--op", "cos", "--impl", name]) == status
    if "dtype" in aspects:
        assert (
            "FIXED cos:float32:2  dtype: passes now; remove the entry of 2026-11-29"
            in capsys.readouterr().out
        )


def test_a_known_difference_needs_date_and_reason(tmp_path: Path) -> None:
    table = tmp_path / "known.csv"
    table.write_text(HEAD + "somebody,cos:float32:2,values,,\n")
    with pytest.raises(ValueError, match="without date or reason"):
        KnownDifferences("somebody", table)


def test_every_listed_difference_has_date_and_reason() -> None:
    for line in conformance.known.TABLE.read_text().splitlines()[1:]:
        implementation = line.partition(",")[0]
        assert KnownDifferences(implementation).entries


def test_scripts_leave_tensors(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Equal text and other tensors is a difference."""
    script = tmp_path / "program.py"
    script.write_text(
        "import torch\nmodel = torch.nn.Linear(2, 1)\nx = torch.ones(3, requires_grad=True)\n"
        "(x.cos() * x).sum().backward()\ny = [torch.cos(torch.tensor(1.0))]\nprint('done')\n"
    )
    assert main(["script", str(script), "--impl", "tinytorch", "--seed", "3"]) == 0
    assert "1 lines, 5 tensors" in capsys.readouterr().out
    left = {"x|float32": np.ones(3), "x.grad|float32": np.ones(3)}
    assert compare_left(left, dict(left), 1e-5, 1e-7) == ""
    assert "no tensor x.grad" in compare_left(left, {"x|float32": np.ones(3)}, 1e-5, 1e-7)
    assert "float64 for float32" in compare_left(
        {"x|float32": np.ones(3)}, {"x|float64": np.ones(3)}, 1e-5, 1e-7
    )
    assert "x[1] is 1.1" in compare_left(left, {**left, "x|float32": np.array([1.0, 1.1, 1.0])}, 1e-5, 1e-7)
    assert "where torch leaves none" in compare_left({}, left, 1e-5, 1e-7)


def test_left_tensors_are_held_to_the_tolerances_given() -> None:
    left = {"x|float32": np.array([1.0, -1.0, 1e-6])}
    assert compare_left(left, {"x|float32": np.array([1.0, -1.0, 1.000009e-6])}, 1e-5, 0.0) == ""
    assert "x[2]" in compare_left(left, {"x|float32": np.array([1.0, -1.0, 1.1e-6])}, 1e-5, 0.0)
    assert compare_left(left, {"x|float32": np.array([1.0, -1.0, 1.1e-6])}, 1e-5, 1e-7) == ""


def test_programs_that_must_finish(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two programs that fail alike are equal, and yet no proof that anything runs."""
    script = tmp_path / "fails.py"
    script.write_text("import torch\nimport no_such_package\n")
    assert main(["script", str(script)]) == 0
    assert "both end with ModuleNotFoundError" in capsys.readouterr().out
    assert main(["script", str(script), "--finish"]) == 1
    assert "UNFINISHED" in capsys.readouterr().out
