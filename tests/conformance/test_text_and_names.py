"""Comparing printed text, whole scripts, and the table of public names."""

from __future__ import annotations

from pathlib import Path

import pytest

from conformance.textual import compare_text


@pytest.mark.parametrize(
    ("expected", "actual"),
    [
        ("tensor([1.0000, 2.0000])", "tensor([1.0000, 2.0000])"),
        ("loss 0.123456", "loss 0.123457"),
        ("tensor(0.3333)", "tensor(0.3334)"),
        ("<object at 0x7f0000001000>", "<object at 0x7fffff001230>"),
        ("[ 0.0000, nan, inf]", "[ 0.0000, nan, inf]"),
        ("[0.0000]", "[-0.0000]"),
        ('File "/a/b.py", line 3', 'File "/c.py", line 9'),
    ],
)
def test_equal_texts(expected: str, actual: str) -> None:
    assert compare_text(expected, actual) is None


@pytest.mark.parametrize(
    ("expected", "actual", "reason"),
    [
        ("tensor([1.0000, 2.0000])", "tensor([1.0000, 2.0010])", "2.0010 for 2.0000"),
        ("step 3", "step 4", "'4' for '3'"),
        ("a b", "a  b", "other spacing"),
        ("Size([2])", "Size((2))", "'(' for '['"),
        ("1.5", "nan", "nan for 1.5"),
        ("one\ntwo", "one", "1 lines for 2"),
        ("device='cpu'", "device='cpu', grad_fn=<A>", "other tokens"),
    ],
)
def test_different_texts(expected: str, actual: str, reason: str) -> None:
    difference = compare_text(expected, actual)
    assert difference is not None
    assert reason in difference.reason


def test_scripts_run_in_two_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch")
    from conformance.sources.scripts import compare_script

    library = tmp_path / "other_library"
    library.mkdir()
    (library / "__init__.py").write_text("def manual_seed(seed): pass\ndef seven(): return 7.0\n")
    script = tmp_path / "script.py"
    script.write_text("import torch, sys\nprint(sys.argv[1:], torch.tensor(7.0).item())\n")
    assert compare_script(script, "torch", ["x"], seed=3).reason == ""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    verdict = compare_script(script, "other_library", ["x"], seed=3)
    assert "exit status 1 for 0" in verdict.reason
    assert "no attribute 'tensor'" in verdict.reason
    script.write_text("import torch\nprint(torch.seven() if hasattr(torch, 'seven') else 7.00001)\n")
    assert compare_script(script, "other_library", []).reason == ""


def test_the_table_of_names_is_torchs() -> None:
    pytest.importorskip("torch")
    from conformance.coverage import Prober, measure, read_table
    from conformance.engine import reference

    rows = read_table()
    assert len(rows) > 1900
    assert rows[0].name == "torch.Tensor.__mul__"
    torch = reference()
    report = measure(torch)
    assert report.absent == []
    assert not Prober(torch).has("torch.nn.Linear.no_such_attribute")
