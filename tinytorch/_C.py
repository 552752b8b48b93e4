"""Names that programs reach for in torch's C module."""

from __future__ import annotations

from typing import Any

from ._core.device import device
from ._core.dtypes import dtype
from ._core.generator import Generator
from ._core.layouts import layout, memory_format, qscheme
from ._core.modes import modes as _modes
from ._core.numeric_limits import finfo, iinfo
from ._core.overrides import disabled_torch_dispatch as _disabled_torch_dispatch_impl
from ._core.overrides import disabled_torch_function as _disabled_torch_function_impl
from ._core.overrides import has_override as _has_override
from ._core.size import Size
from ._core.tensor import TensorBase

__all__ = [
    "Generator",
    "Size",
    "TensorBase",
    "device",
    "dtype",
    "finfo",
    "iinfo",
    "layout",
    "memory_format",
    "qscheme",
]

_TensorBase = TensorBase
_has_cuda = _has_mps = _has_xpu = _has_mkldnn = _has_distributed = False
_PublicFlags = (_disabled_torch_dispatch_impl, _disabled_torch_function_impl)


class DisableTorchFunctionSubclass:
    """A context in which tensor subclasses are treated as plain tensors; modes still hear of every call."""

    def __enter__(self) -> None:
        self._before = _modes.torch_function
        _modes.torch_function = False

    def __exit__(self, *exception: object) -> None:
        _modes.torch_function = self._before


class DisableTorchFunction(DisableTorchFunctionSubclass):
    """A context in which neither tensor subclasses nor modes hear of calls."""

    def __enter__(self) -> None:
        super().__enter__()
        self._stack = _modes.function_modes
        _modes.function_modes = ()

    def __exit__(self, *exception: object) -> None:
        _modes.function_modes = self._stack
        super().__exit__(*exception)


def _is_torch_function_enabled() -> bool:
    return _modes.torch_function


def _has_torch_function(args: Any) -> bool:
    return _has_override(tuple(args), {})


def _has_torch_function_unary(argument: Any) -> bool:
    return _has_override((argument,), {})


def _has_torch_function_variadic(*args: Any) -> bool:
    return _has_override(args, {})


def _log_api_usage_once(name: str) -> None:
    """Nothing is logged."""


def _get_tracing_state() -> None:
    """Nothing is ever traced."""
    return None
