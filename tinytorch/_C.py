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
from ._core.tensor import TensorBase, TensorMeta

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
_TensorMeta = TensorMeta
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


def _are_functorch_transforms_active() -> bool:
    """Whether the call runs inside a transformation of torch.func."""
    return bool(_modes.layers)


class _NeuralNetworkNames:
    """torch._C._nn: operators of torch.nn.functional, and how `Module.to` reads its arguments."""

    @staticmethod
    def _parse_to(*args: Any, **kwargs: Any) -> tuple[Any, Any, bool, Any]:
        from .nn.modules._moving import parse_to

        return parse_to(args, kwargs)

    def __getattr__(self, name: str) -> Any:
        from ._core.front import front_of

        front = front_of(name, "function")
        if front is None:
            raise AttributeError(f"module 'torch._C._nn' has no attribute '{name}'")
        return front.function


_nn = _NeuralNetworkNames()
