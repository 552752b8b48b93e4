"""torch.autograd: automatic differentiation."""

from __future__ import annotations

from typing import Any

from .._core.tensor import Tensor as Variable
from ._functions import backward, grad
from .grad_mode import enable_grad, inference_mode, no_grad, set_grad_enabled

__all__ = ["Function", "Variable", "anomaly_mode", "backward", "detect_anomaly", "enable_grad", "forward_ad", "function", "functional",
           "grad", "grad_mode", "gradcheck", "gradgradcheck", "graph", "inference_mode", "no_grad", "profiler", "set_detect_anomaly",
           "set_grad_enabled", "set_multithreading_enabled", "variable"]  # fmt: skip

_LAZY = {"Function": "function", "gradgradcheck": "gradcheck", "detect_anomaly": "anomaly_mode", "set_detect_anomaly": "anomaly_mode"}


def __getattr__(name: str) -> Any:
    import importlib

    if name == "gradcheck":
        value = importlib.import_module(".gradcheck", __name__).gradcheck
    elif name in _LAZY:
        value = getattr(importlib.import_module("." + _LAZY[name], __name__), name)
    elif name in ("anomaly_mode", "forward_ad", "function", "functional", "grad_mode", "graph", "profiler", "variable"):
        return importlib.import_module("." + name, __name__)
    else:
        raise AttributeError(f"module 'torch.autograd' has no attribute '{name}' (tinytorch lacks it)")
    globals()[name] = value
    return value
