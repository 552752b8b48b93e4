"""`torch.from_file`: tensors over the bytes of files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import torch as real

import tinytorch


def _tried(call: Any) -> Any:
    try:
        return call()
    except Exception as error:
        return type(error).__name__, str(error)


def _from_files(torch: Any) -> list[Any]:
    torch.arange(10, dtype=torch.float64).numpy().tofile("numbers")
    wide = {"size": 10, "dtype": torch.float64}
    own = torch.from_file("numbers", **wide)
    own[0] = 5.0
    shared = torch.from_file("numbers", shared=True, **wide)
    shared[1] = 7.0
    found: list[Any] = [own, torch.from_file("numbers", shared=False, **wide)]
    for call in (
        lambda: torch.from_file("numbers"),
        lambda: torch.from_file("numbers", size=3),
        lambda: torch.from_file("numbers", size=2, requires_grad=True),
        lambda: torch.from_file("numbers", size=100, dtype=torch.float64),
        lambda: torch.from_file("nowhere", size=3),
        lambda: torch.from_file("made", shared=True, size=4),
        lambda: torch.from_file("numbers", shared=True, size=20, dtype=torch.float64)[10:],
        lambda: torch.from_file("numbers", size=-1),
        lambda: torch.from_file(3),
    ):
        found.append(_tried(call))
    return [str(item) for item in found] + [os.path.getsize("made"), os.path.getsize("numbers")]


def test_tensors_over_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for torch in (real, tinytorch):
        (tmp_path / torch.__name__).mkdir()
        monkeypatch.chdir(tmp_path / torch.__name__)
        found.append(_from_files(torch))
    assert found[0] == found[1]
