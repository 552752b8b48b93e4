"""The examples print the same curves under both libraries; `make examples` compares them over 100 steps."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from conformance.textual import compare_text

pytest.importorskip("torch")

REPOSITORY = Path(__file__).parents[2]
EXAMPLES = sorted(
    path.name
    for path in (REPOSITORY / "examples").glob("[a-z]*.py")
    if "from _running import" in path.read_text()
)

#: All examples in one process: importing PyTorch takes longer than any of them.
PROGRAM = """
import runpy, sys
sys.path.insert(0, ".")
dtype, *names = sys.argv[1:]
for name in names:
    print("==", name)
    sys.argv = [name, "--steps", "3", "--dtype", dtype]
    runpy.run_path(name, run_name="__main__")
"""


def printed(*command: str, dtype: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, *command, dtype, *EXAMPLES],
        cwd=REPOSITORY / "examples",
        env=environment,
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(("dtype", "relative"), [("float32", 1e-4), ("float64", 1e-10)])
def test_curves_are_torchs(dtype: str, relative: float, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    expected = printed(str(program), dtype=dtype)
    assert expected.count("step   2") >= len(EXAMPLES) >= 11
    actual = printed("-m", "tinytorch", str(program), dtype=dtype)
    assert compare_text(expected, actual, relative, 1e-12) is None
