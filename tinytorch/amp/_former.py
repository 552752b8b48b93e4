"""The former homes of mixed precision, a module for each kind of device: `torch.cuda.amp` and `torch.cpu.amp`."""

from __future__ import annotations

import warnings
from typing import Any

from .._core.dtypes import dtype as dtype_class
from .autocast_mode import autocast
from .grad_scaler import GradScaler


def former(kind: str, default: dtype_class) -> tuple[type, type]:
    """The classes `autocast` and `GradScaler` of torch.<kind>.amp, deprecated; default: what autocast computes in."""

    def warn(name: str) -> None:
        warnings.warn(
            f"`torch.{kind}.amp.{name}(args...)` is deprecated. Please use `torch.amp.{name}('{kind}', args...)` instead.",
            category=FutureWarning,
            stacklevel=3,
        )

    class FormerAutocast(autocast):
        """torch.amp.autocast for one kind of device. Deprecated in torch."""

        def __init__(self, enabled: bool = True, dtype: Any = default, cache_enabled: bool = True) -> None:
            warn("autocast")
            super().__init__(kind, enabled=enabled, dtype=dtype, cache_enabled=cache_enabled)

    class FormerGradScaler(GradScaler):
        """torch.amp.GradScaler for one kind of device. Deprecated in torch."""

        def __init__(
            self,
            init_scale: float = 65536.0,
            growth_factor: float = 2.0,
            backoff_factor: float = 0.5,
            growth_interval: int = 2000,
            enabled: bool = True,
        ) -> None:
            warn("GradScaler")
            super().__init__(kind, init_scale, growth_factor, backoff_factor, growth_interval, enabled)

    for cls, name, module in (
        (FormerAutocast, "autocast", "autocast_mode"),
        (FormerGradScaler, "GradScaler", "grad_scaler"),
    ):
        cls.__name__ = cls.__qualname__ = name
        cls.__module__ = f"torch.{kind}.amp.{module}"
    return FormerAutocast, FormerGradScaler
