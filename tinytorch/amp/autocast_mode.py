"""torch.amp.autocast: a context in which operators choose their element type. The rules are in _core/autocast.py."""

from __future__ import annotations

import collections.abc
import functools
import warnings
from collections.abc import Callable
from typing import Any

from .._core import dtypes
from .._core.autocast import state
from .._core.device import device
from .._core.tensor import Tensor
from . import _switches as switches

__all__ = ["autocast", "custom_bwd", "custom_fwd", "is_autocast_available"]

_LOWER = (dtypes.bfloat16, dtypes.float16)


def is_autocast_available(device_type: str) -> bool:
    """Whether torch knows an autocast for this kind of device."""
    return device(device_type).type in state.types


class autocast:
    """A context for mixed precision, or a decorator. Without an accelerator torch disables all but "cpu", and so does this.

    dtype: the lower precision, by default `torch.get_autocast_dtype(device_type)`. Source: torch's documentation, torch.amp.autocast.
    """

    def __init__(
        self, device_type: str, dtype: Any = None, enabled: bool = True, cache_enabled: bool | None = None
    ) -> None:
        if not isinstance(device_type, str):
            raise ValueError(f"Expected `device_type` of type `str`, got: `{type(device_type)}`")
        if device_type == "privateuseone":
            raise AssertionError(
                "Tried to use AMP with the `privateuseone` backend, but the backend has not registered a module or  the module miss some "
                "necessary funcs. The backend should register a module by `torch._register_device_module`, and the module must have these "
                "funcs: \n`get_amp_supported_dtype() -> List[torch.dtype]`. \n"
            )
        self.fast_dtype = dtype if dtype is not None else switches.get_autocast_dtype(device_type)
        self.device = device_type
        self.custom_backend_name = "privateuseone"
        self._cache_enabled = (
            switches.is_autocast_cache_enabled() if cache_enabled is None else bool(cache_enabled)
        )
        if enabled and device_type == "cuda":
            warnings.warn(
                "CUDA is not available or torch_xla is imported. Disabling autocast.",
                UserWarning,
                stacklevel=2,
            )
            enabled = False
        elif enabled and device_type == "cpu" and self.fast_dtype not in _LOWER:
            warnings.warn(
                "In CPU autocast, but the target dtype is not supported. Disabling autocast.\n"
                "CPU Autocast only supports dtypes of torch.bfloat16, torch.float16 currently.",
                UserWarning,
                stacklevel=2,
            )
            enabled = False
        self._enabled = bool(enabled)

    def __enter__(self) -> autocast:
        self.prev_cache_enabled = switches.is_autocast_cache_enabled()
        self.prev = switches.is_autocast_enabled(self.device)
        self.prev_fastdtype = switches.get_autocast_dtype(self.device)
        switches.set_autocast_dtype(self.device, self.fast_dtype)
        switches.set_autocast_enabled(self.device, self._enabled)
        switches.autocast_increment_nesting()
        switches.set_autocast_cache_enabled(self._cache_enabled)
        return self

    def __exit__(self, *exception: object) -> None:
        if switches.autocast_decrement_nesting() == 0:
            switches.clear_autocast_cache()
        switches.set_autocast_dtype(self.device, self.prev_fastdtype)
        switches.set_autocast_enabled(self.device, self.prev)
        switches.set_autocast_cache_enabled(self.prev_cache_enabled)

    def __call__(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """`func`, run inside this context."""

        @functools.wraps(func)
        def decorated(*args: Any, **kwargs: Any) -> Any:
            with self:
                return func(*args, **kwargs)

        return decorated


def _cast(value: Any, device_type: str, dtype: Any) -> Any:
    """The floating point tensors of a kind of device in `value`, but for float64, in type `dtype`."""
    if isinstance(value, Tensor):
        eligible = value.is_floating_point() and value.device.type == device_type
        return value.to(dtype) if eligible and value.dtype is not dtypes.float64 else value
    if isinstance(value, str | bytes):
        return value
    if isinstance(value, collections.abc.Mapping):
        return {
            _cast(key, device_type, dtype): _cast(item, device_type, dtype) for key, item in value.items()
        }
    if isinstance(value, collections.abc.Iterable):
        items = [_cast(item, device_type, dtype) for item in value]
        return type(value)(items) if isinstance(value, list | tuple) else items
    return value


def _check_device(device_type: Any) -> None:
    if not isinstance(device_type, str):
        raise ValueError(f"Expected `device_type` of type `str`, got: `{type(device_type)}`")


def custom_fwd(fwd: Any = None, *, device_type: str, cast_inputs: Any = None) -> Any:
    """A decorator for `forward` of autograd functions: `backward` will run with autocast as `forward` did.

    cast_inputs: with autocast on, cast floating point arguments to this type and run with autocast off.
    """
    _check_device(device_type)
    if fwd is None:
        return functools.partial(custom_fwd, device_type=device_type, cast_inputs=cast_inputs)

    @functools.wraps(fwd)
    def decorated(*args: Any, **kwargs: Any) -> Any:
        context = args[0]
        enabled = switches.is_autocast_enabled(device_type)
        context._dtype = switches.get_autocast_dtype(device_type)
        context._fwd_used_autocast = enabled and cast_inputs is None
        if not enabled or cast_inputs is None:
            return fwd(*args, **kwargs)
        with autocast(device_type=device_type, enabled=False):
            return fwd(*_cast(args, device_type, cast_inputs), **_cast(kwargs, device_type, cast_inputs))

    return decorated


def custom_bwd(bwd: Any = None, *, device_type: str) -> Any:
    """A decorator for `backward` of autograd functions; see custom_fwd."""
    _check_device(device_type)
    if bwd is None:
        return functools.partial(custom_bwd, device_type=device_type)

    @functools.wraps(bwd)
    def decorated(*args: Any, **kwargs: Any) -> Any:
        context = args[0]
        with autocast(device_type=device_type, enabled=context._fwd_used_autocast, dtype=context._dtype):
            return bwd(*args, **kwargs)

    return decorated
