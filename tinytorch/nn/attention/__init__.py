"""Which implementation of scaled_dot_product_attention may run."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from typing import Any

from ..._operators.attention import switches

__all__ = [
    "SDPBackend",
    "sdpa_kernel",
    "WARN_FOR_UNFUSED_KERNELS",
    "register_flash_attention_impl",
    "activate_flash_attention_impl",
    "list_flash_attention_impls",
    "current_flash_attention_impl",
    "restore_flash_attention_impl",
]

WARN_FOR_UNFUSED_KERNELS = False


class SDPBackend(IntEnum):
    """The implementations; on the CPU there are MATH and FLASH_ATTENTION."""

    ERROR = -1
    MATH = 0
    FLASH_ATTENTION = 1
    EFFICIENT_ATTENTION = 2
    CUDNN_ATTENTION = 3
    OVERRIDEABLE = 4

    def __str__(self) -> str:
        return f"SDPBackend.{self.name}"


#: implementation -> its switch
_SWITCHES = {
    SDPBackend.MATH: "math",
    SDPBackend.FLASH_ATTENTION: "flash",
    SDPBackend.EFFICIENT_ATTENTION: "mem_efficient",
    SDPBackend.CUDNN_ATTENTION: "cudnn",
    SDPBackend.OVERRIDEABLE: "overrideable",
}


def _cur_sdpa_kernel_backends(with_priority: bool = False) -> list[SDPBackend]:
    """The implementations that are switched on."""
    order = ("cudnn", "flash", "mem_efficient", "math", "overrideable")
    names = {name: backend for backend, name in _SWITCHES.items()}
    return [names[name] for name in order if switches[name]]


@contextmanager
def sdpa_kernel(backends: Any, set_priority: bool = False) -> Iterator[dict[Any, Any]]:
    """Inside the block, only these implementations run. Raises AssertionError for what is none.

    Source: torch's documentation, torch.nn.attention.sdpa_kernel.
    """
    assert isinstance(backends, list | SDPBackend), (
        f"Backend must be an instance of SDPBackend or a list of SDPBackend instances, got {type(backends).__name__}"
    )
    chosen = [backends] if isinstance(backends, SDPBackend) else list(dict.fromkeys(backends))
    before = dict(switches)
    for backend, name in _SWITCHES.items():
        switches[name] = backend in chosen
    try:
        yield {}
    finally:
        switches.update(before)


# Implementations for CUDA devices: their names are known, and none can be had ---------------------------------------------------

_FLASH = ["FA3", "FA4"]


def list_flash_attention_impls() -> list[str]:
    """Names of the implementations that could be activated on a CUDA device."""
    return list(_FLASH)


def current_flash_attention_impl() -> str | None:
    """The implementation that was activated: none."""
    return None


def register_flash_attention_impl(impl: str, *, register_fn: Any) -> None:
    """Raises NotImplementedError: there is no device that it would run on."""
    raise NotImplementedError("tinytorch has no CUDA devices to register an attention implementation for")


def activate_flash_attention_impl(impl: str) -> None:
    """Raises ValueError for an unknown name, NotImplementedError for a known one."""
    if impl not in _FLASH:
        raise ValueError(f"Unknown flash attention impl '{impl}'. Available implementations: {_FLASH}")
    raise NotImplementedError("tinytorch has no CUDA devices to activate an attention implementation for")


def restore_flash_attention_impl(_raise_warn: bool = True) -> None:
    """Undo an activation: there is none."""
    if _raise_warn:
        warnings.warn("Trying to restore default FA2 impl when no custom impl was activated", stacklevel=2)


def __getattr__(name: str) -> Any:
    import importlib

    if name in ("bias", "flex_attention", "varlen"):
        return importlib.import_module("." + name, __name__)
    raise AttributeError(f"module 'torch.nn.attention' has no attribute '{name}' (tinytorch lacks it)")
