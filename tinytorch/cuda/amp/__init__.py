"""torch.cuda.amp: the deprecated names of what torch.amp has for "cuda"."""

from __future__ import annotations

import importlib.util
import warnings
from typing import Any

from ... import amp
from ..._core import dtypes

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


class autocast(amp.autocast):
    """torch.amp.autocast("cuda"). Deprecated in torch."""

    __module__ = "torch.cuda.amp.autocast_mode"

    def __init__(self, enabled: bool = True, dtype: Any = dtypes.float16, cache_enabled: bool = True) -> None:
        _deprecated("autocast", "args...", "'cuda', args...")
        super().__init__("cuda", enabled=enabled, dtype=dtype, cache_enabled=cache_enabled)


class GradScaler(amp.GradScaler):
    """torch.amp.GradScaler("cuda"). Deprecated in torch."""

    __module__ = "torch.cuda.amp.grad_scaler"

    def __init__(
        self,
        init_scale: float = 65536.0,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ) -> None:
        _deprecated("GradScaler", "args...", "'cuda', args...")
        super().__init__(
            "cuda",
            init_scale=init_scale,
            growth_factor=growth_factor,
            backoff_factor=backoff_factor,
            growth_interval=growth_interval,
            enabled=enabled,
        )


def custom_fwd(fwd: Any = None, *, cast_inputs: Any = None) -> Any:
    """torch.amp.custom_fwd for "cuda". Deprecated in torch."""
    _deprecated("custom_fwd", "args...", "args..., device_type='cuda'")
    return amp.custom_fwd(fwd, device_type="cuda", cast_inputs=cast_inputs)


def custom_bwd(bwd: Any) -> Any:
    """torch.amp.custom_bwd for "cuda". Deprecated in torch."""
    _deprecated("custom_bwd", "args...", "args..., device_type='cuda'")
    return amp.custom_bwd(bwd, device_type="cuda")
