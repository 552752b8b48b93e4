"""``torch.backends.cuda``: how products and attention would be computed on a CUDA device, of which there is none.

The precision of float32 products is one setting with two faces, ``matmul.allow_tf32`` here and
``torch.set_float32_matmul_precision``; products on the CPU are always done in full.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tinytorch._operators.attention import switches
from tinytorch.backends._settings import Flag as _Flag

__all__ = [
    "allow_fp16_bf16_reduction_math_sdp",
    "cuBLASModule",
    "cudnn_sdp_enabled",
    "enable_cudnn_sdp",
    "enable_flash_sdp",
    "enable_math_sdp",
    "enable_mem_efficient_sdp",
    "flash_sdp_enabled",
    "fp16_bf16_reduction_math_sdp_allowed",
    "is_built",
    "is_ck_sdpa_available",
    "is_flash_attention_available",
    "math_sdp_enabled",
    "matmul",
    "mem_efficient_sdp_enabled",
    "sdp_kernel",
]


def is_built() -> bool:
    return False


_matmul_precision = "highest"


def _get_float32_matmul_precision() -> str:
    """``torch.get_float32_matmul_precision``."""
    return _matmul_precision


def _set_float32_matmul_precision(precision: str) -> None:
    """``torch.set_float32_matmul_precision``."""
    global _matmul_precision
    if not isinstance(precision, str):
        raise RuntimeError(f"set_float32_matmul_precision expects a str, but got {type(precision).__name__}")
    if precision not in ("highest", "high", "medium"):
        warnings.warn(
            f"{precision} is not one of 'highest', 'high', or 'medium'; the current"
            "setFloat32MatmulPrecision call has no effect.",
            stacklevel=2,
        )
        return
    _matmul_precision = precision


class cuBLASModule:
    """``torch.backends.cuda.matmul``."""

    __module__ = "torch.backends.cuda"

    _flags = {  # noqa: RUF012 - one set of settings, shared on purpose
        "allow_fp16_reduced_precision_reduction": _Flag(True, "set_allow_fp16_reduction_cublas"),
        "allow_bf16_reduced_precision_reduction": _Flag(True, "set_allow_bf16_reduction_cublas"),
        "allow_fp16_accumulation": _Flag(False, "set_allow_fp16_accumulation_cublas"),
    }

    def __getattr__(self, name: str) -> Any:
        if name == "allow_tf32":
            return _matmul_precision != "highest"
        if name == "fp32_precision":
            return "none" if _matmul_precision == "highest" else "tf32"
        if name in self._flags:
            return self._flags[name].value
        raise AttributeError("Unknown attribute " + name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "allow_tf32":
            if not isinstance(value, bool):
                raise RuntimeError(f"set_allow_tf32_cublas expects a bool, but got {type(value).__name__}")
            _set_float32_matmul_precision("high" if value else "highest")
        elif name == "fp32_precision":
            if value not in ("none", "ieee", "tf32"):
                raise RuntimeError(f"Unknown precision: {value}")
            _set_float32_matmul_precision("high" if value == "tf32" else "highest")
        elif name in self._flags:
            self._flags[name].__set__(self, value)
        else:
            raise AttributeError("Unknown attribute " + name)


matmul = cuBLASModule()


# ----- which implementation of attention may be picked on a CUDA device


def _setswitches(name: str, enabled: Any) -> None:
    if not isinstance(enabled, bool):
        raise RuntimeError(f"set_sdp_use_math expects a bool, but got {type(enabled).__name__}")
    switches[name] = enabled


def flash_sdp_enabled() -> bool:
    return switches["flash"]


def enable_flash_sdp(enabled: bool) -> None:
    _setswitches("flash", enabled)


def mem_efficient_sdp_enabled() -> bool:
    return switches["mem_efficient"]


def enable_mem_efficient_sdp(enabled: bool) -> None:
    _setswitches("mem_efficient", enabled)


def math_sdp_enabled() -> bool:
    return switches["math"]


def enable_math_sdp(enabled: bool) -> None:
    _setswitches("math", enabled)


def cudnn_sdp_enabled() -> bool:
    return switches["cudnn"]


def enable_cudnn_sdp(enabled: bool) -> None:
    _setswitches("cudnn", enabled)


def fp16_bf16_reduction_math_sdp_allowed() -> bool:
    return switches["reduced"]


def allow_fp16_bf16_reduction_math_sdp(enabled: bool) -> None:
    _setswitches("reduced", enabled)


def is_flash_attention_available() -> bool:
    return False


def is_ck_sdpa_available() -> bool:
    return False


@contextmanager
def sdp_kernel(
    enable_flash: bool = True,
    enable_math: bool = True,
    enable_mem_efficient: bool = True,
    enable_cudnn: bool = True,
) -> Iterator[None]:
    """Choose among the implementations inside a ``with`` block."""
    warnings.warn(
        "`torch.backends.cuda.sdp_kernel()` is deprecated. In the future, this context manager will be removed. "
        "Please see `torch.nn.attention.sdpa_kernel()` for the new context manager, with updated signature.",
        FutureWarning,
        stacklevel=3,
    )
    before = dict(switches)
    try:
        enable_flash_sdp(enable_flash)
        enable_math_sdp(enable_math)
        enable_mem_efficient_sdp(enable_mem_efficient)
        enable_cudnn_sdp(enable_cudnn)
        yield
    finally:
        switches.update(before)
