"""Files that must not load: none does, none runs anything, none makes the loader take much memory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from .hostile_checkpoints import checkpoints

REFUSALS = {
    "RuntimeError", "UnpicklingError", "EOFError", "ValueError", "UnicodeDecodeError", "TypeError", "IndexError", "KeyError",
    "AttributeError",
}  # fmt: skip
EXTRA_MEBIBYTES = 64


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What became of every file, in a process of its own."""
    marker = tmp_path_factory.mktemp("hostile") / "marker"
    command = [sys.executable, "-m", "tests.unit.hostile_checkpoints", str(marker)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, cwd=Path(__file__).parents[2])
    assert done.returncode == 0, done.stderr
    assert not marker.exists()
    *lines, summary = done.stdout.splitlines()
    return {**dict(line.split(": ", 1) for line in lines), "summary": summary}


def test_nothing_loads(report: dict[str, str]) -> None:
    outcomes = {name: text for name, text in report.items() if name != "summary"}
    assert set(outcomes) == set(checkpoints("marker"))
    assert len(outcomes) >= 200
    assert {name: text for name, text in outcomes.items() if text.partition(":")[0] not in REFUSALS} == {}


def test_memory_is_bounded(report: dict[str, str]) -> None:
    _, extra = report["summary"].split(" files, ")
    assert int(extra.split()[0]) < EXTRA_MEBIBYTES


def test_some_reasons(report: dict[str, str]) -> None:
    expected = {
        "call os.system": "Weights only load failed. In PyTorch 2.6",
        "a bomb": "claims to hold 300000000",
        "two pickles": "there are two entries 'data.pkl'",
        "a name that climbs": "leads out of the archive",
        "many entries in one place": "overlaps another record",
        "a storage of 1048576": "record size (12 bytes) does not match expected size",
        "old, a storage of 1152921504606846976": "claims to hold a storage",
        "deep tuples as a key": "Weights only load failed",
    }
    assert {name: text for name, text in expected.items() if text not in report[name]} == {}
