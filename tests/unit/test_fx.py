"""torch.fx: the texts of graphs and code, errors, and what the changed programs compute, against PyTorch."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch")

from conformance.sources.scripts import compare_script


def test_graphs_code_and_errors_read_as_pytorchs() -> None:
    verdict = compare_script(Path(__file__).with_name("tracing_program.py"), "tinytorch", [])
    assert not verdict.reason, verdict.reason
    assert verdict.reference.status == 0 and len(verdict.reference.out.splitlines()) > 400
