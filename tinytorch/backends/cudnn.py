"""``torch.backends.cudnn``: flags that can be set and change nothing, since there is no cuDNN."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from tinytorch.backends._settings import Flag as _Flag
from tinytorch.backends._settings import Precision as _Precision
from tinytorch.backends._settings import Setting as _Setting
from tinytorch.backends._settings import turn_into as _turn_into


class CudnnModule(ModuleType):
    enabled = _Flag(True, "set_enabled_cudnn")
    benchmark = _Flag(False, "set_benchmark_cudnn")
    benchmark_limit = _Setting(None)
    deterministic = _Flag(False, "set_deterministic_cudnn")
    allow_tf32 = _Flag(True, "set_allow_tf32_cublas")
    fp32_precision = _Precision("none")
    depthwise_kernel = _Setting("auto")


def is_available() -> bool:
    return False


def version() -> int | None:
    return None


def is_acceptable(tensor: Any) -> bool:
    return False


def set_flags(
    _enabled: bool | None = None,
    _benchmark: bool | None = None,
    _benchmark_limit: int | None = None,
    _deterministic: bool | None = None,
    _allow_tf32: bool | None = None,
    _fp32_precision: str = "none",
    _depthwise_kernel: str | None = None,
) -> tuple[Any, ...]:
    """Set those that are given; returns what all of them were."""
    this: Any = sys.modules[__name__]
    before = (
        this.enabled,
        this.benchmark,
        None,  # the limit is kept by cuDNN, of which there is none
        this.deterministic,
        this.allow_tf32,
        this.fp32_precision,
        this.depthwise_kernel,
    )
    for name, value in (
        ("enabled", _enabled),
        ("benchmark", _benchmark),
        ("deterministic", _deterministic),
        ("allow_tf32", _allow_tf32),
        ("fp32_precision", _fp32_precision),
        ("depthwise_kernel", _depthwise_kernel),
    ):
        if value is not None:
            setattr(this, name, value)
    return before


@contextmanager
def flags(
    enabled: bool = False,
    benchmark: bool = False,
    benchmark_limit: int = 10,
    deterministic: bool = False,
    allow_tf32: bool = True,
    fp32_precision: str = "none",
    depthwise_kernel: str = "auto",
) -> Iterator[None]:
    """Set the flags inside a ``with`` block."""
    before = set_flags(
        enabled, benchmark, benchmark_limit, deterministic, allow_tf32, fp32_precision, depthwise_kernel
    )
    try:
        yield
    finally:
        set_flags(*before)


_turn_into(sys.modules[__name__], CudnnModule)
