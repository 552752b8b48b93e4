"""torch.cuda.amp: the deprecated names of what torch.amp has for "cuda"."""

from __future__ import annotations

import importlib.util
import warnings
from typing import Any

from ... import amp
from ..._core import dtypes
from ...amp._former import former

__all__ = ["amp_definitely_not_available", "autocast", "custom_bwd", "custom_fwd", "GradScaler"]


def amp_definitely_not_available() -> bool:
    """Whether there is neither CUDA nor XLA."""
    return importlib.util.find_spec("torch_xla") is None


def _deprecated(name: str, old: str, new: str) -> None:
    warnings.warn(
        f"`torch.cuda.amp.{name}({old})` is deprecated. Please use `torch.amp.{name}({new})` instead.",
        category=FutureWarning,
        stacklevel=3,
    )


autocast, GradScaler = former("cuda", dtypes.float16)


def custom_fwd(fwd: Any = None, *, cast_inputs: Any = None) -> Any:
    """torch.amp.custom_fwd for "cuda". Deprecated in torch."""
    _deprecated("custom_fwd", "args...", "args..., device_type='cuda'")
    return amp.custom_fwd(fwd, device_type="cuda", cast_inputs=cast_inputs)


def custom_bwd(bwd: Any) -> Any:
    """torch.amp.custom_bwd for "cuda". Deprecated in torch."""
    _deprecated("custom_bwd", "args...", "args..., device_type='cuda'")
    return amp.custom_bwd(bwd, device_type="cuda")
