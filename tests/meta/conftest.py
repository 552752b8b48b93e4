"""Implementations to judge: modules with all of torch's names, some of them broken on purpose."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

HEAD = """
import torch as _torch

def __getattr__(name):
    return getattr(_torch, name)

"""


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], str]:
    """Write a module that is torch but for the lines given; returns the name to import it by."""

    def make(name: str, lines: str, head: str = HEAD) -> str:
        (tmp_path / f"{name}.py").write_text(head + lines, encoding="utf-8")
        return name

    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=":")
    return make
