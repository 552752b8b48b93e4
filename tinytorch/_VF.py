"""torch._VF: the operators as plain functions, without the checks of the Python functions that go by the same names."""

from __future__ import annotations

from typing import Any

from ._core.front import function_of


def __getattr__(name: str) -> Any:
    found = None if name.startswith("__") else function_of(name)
    if found is None:
        raise AttributeError(f"module 'torch._VF' has no attribute '{name}'")
    return found
