"""torch.utils: data loading, checkpointing, hooks."""

from __future__ import annotations

import importlib
from typing import Any

from .._core.swapping import swap_tensors

__all__ = ["swap_tensors"]

_SUBMODULES = frozenset(("data", "checkpoint", "hooks", "_pytree", "dlpack"))


def __getattr__(name: str) -> Any:
    if name in _SUBMODULES:
        try:
            return importlib.import_module("." + name, __name__)
        except ModuleNotFoundError as error:
            raise AttributeError(
                f"module 'torch.utils' has no attribute '{name}' (tinytorch lacks it)"
            ) from error
    raise AttributeError(f"module 'torch.utils' has no attribute '{name}' (tinytorch lacks it)")
