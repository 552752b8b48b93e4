"""torch.autograd: automatic differentiation."""

from __future__ import annotations

from typing import Any, NoReturn

from ._functions import backward, grad
from .grad_mode import (
    enable_grad,
    enforce_grad_layout_policy,
    inference_mode,
    no_grad,
    set_grad_enabled,
    set_multithreading_enabled,
)
from .gradcheck import gradcheck, gradgradcheck
from .variable import Variable

__all__ = ["Function", "NestedIOFunction", "Variable", "anomaly_mode", "backward", "detect_anomaly", "enable_grad", "forward_ad", "function",
           "enforce_grad_layout_policy", "functional", "grad", "grad_mode", "gradcheck", "gradgradcheck", "graph", "inference_mode", "no_grad", "profiler",
           "set_detect_anomaly", "set_grad_enabled", "set_multithreading_enabled", "variable"]  # fmt: skip

_LAZY = {
    "Function": "function",
    "NestedIOFunction": "function",
    "SavedTensor": "_saved",
    "detect_anomaly": "anomaly_mode",
    "set_detect_anomaly": "anomaly_mode",
}
_SUBMODULES = frozenset(("anomaly_mode", "forward_ad", "function", "functional", "graph", "profiler"))


def variable(*args: Any, **kwargs: Any) -> NoReturn:
    """Gone since torch 0.4; says so."""
    raise RuntimeError("torch.autograd.variable(...) is deprecated, use torch.tensor(...) instead")


def is_multithreading_enabled() -> bool:
    """Whether backward passes may use several threads; a switch that is kept, and changes nothing."""
    from .._core.modes import modes

    return modes.multithreading


def is_view_replay_enabled() -> bool:
    """Whether histories of views are rebuilt by replaying the view; they never are."""
    return False


def __getattr__(name: str) -> Any:
    import importlib

    if name == "SavedTensor":
        from .._core.saving import SavedTensor as value
    elif name in _LAZY:
        value = getattr(importlib.import_module("." + _LAZY[name], __name__), name)
    elif name in _SUBMODULES:
        return importlib.import_module("." + name, __name__)
    else:
        raise AttributeError(f"module 'torch.autograd' has no attribute '{name}' (tinytorch lacks it)")
    globals()[name] = value
    return value
