"""The tutorial prints the same under both libraries, token for token."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")

REPOSITORY = Path(__file__).parents[2]


def tokens(*command: str) -> list[str]:
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, *command, "autograd_tutorial.py"],
        cwd=REPOSITORY / "examples",
        env=environment,
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr
    return re.sub(r"0x[0-9a-f]+", "0x...", done.stdout).split()


def test_tutorial_prints_what_it_prints_under_torch() -> None:
    expected = tokens()
    assert len(expected) > 500
    assert tokens("-m", "tinytorch") == expected
