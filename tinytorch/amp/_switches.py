"""torch.is_autocast_enabled and the other switches of automatic mixed precision."""

from __future__ import annotations

import warnings

from .._core.autocast import enable, set_type, state
from .._core.device import device as device_class
from .._core.dtypes import dtype
from .._functions import need_dtype

__all__ = [
    "autocast_decrement_nesting",
    "autocast_increment_nesting",
    "clear_autocast_cache",
    "get_autocast_cpu_dtype",
    "get_autocast_dtype",
    "get_autocast_gpu_dtype",
    "is_autocast_cache_enabled",
    "is_autocast_cpu_enabled",
    "is_autocast_enabled",
    "set_autocast_cache_enabled",
    "set_autocast_dtype",
    "set_autocast_enabled",
]


def _kind(device_type: str) -> str:
    """The name of a kind of device that has an autocast. Raises RuntimeError with torch's text for others."""
    kind: str = device_class(device_type).type
    if kind not in state.types:
        raise RuntimeError("unknown device type for autocast in get_autocast_dispatch_key_from_device_type")
    return kind


def is_autocast_enabled(device_type: str = "cuda") -> bool:
    """Whether autocast is on for a kind of device, in this thread."""
    return _kind(device_type) in state.enabled


def is_autocast_cpu_enabled() -> bool:
    """`is_autocast_enabled("cpu")`. Deprecated."""
    warnings.warn(
        "torch.is_autocast_cpu_enabled() is deprecated. Please use torch.is_autocast_enabled('cpu') instead.",
        DeprecationWarning,
        stacklevel=2,
    )
    return is_autocast_enabled("cpu")


def set_autocast_enabled(*arguments: object) -> None:
    """`set_autocast_enabled(device_type, enabled)`: switch autocast on or off in this thread; the device is "cuda" by default."""
    device_type = arguments[0] if isinstance(arguments[0], str) else "cuda"
    enable(_kind(device_type), bool(arguments[-1]))


def get_autocast_dtype(device_type: str) -> dtype:
    """The type that autocast computes in for a kind of device."""
    try:
        return state.types[device_class(device_type).type]
    except KeyError:
        raise RuntimeError("unsupported scalarType") from None


def set_autocast_dtype(device_type: str, dtype: dtype) -> None:
    """Choose the type that autocast computes in, in this thread."""
    need_dtype("set_autocast_dtype", "dtype", 2, dtype)
    set_type(_kind(device_type), dtype)


def _warn_of_autocast(old: str, device_type: str) -> None:
    warnings.warn(
        f"torch.get_autocast_{old}_dtype() is deprecated. Please use torch.get_autocast_dtype('{device_type}') instead.",
        DeprecationWarning,
        stacklevel=3,
    )


def get_autocast_cpu_dtype() -> dtype:
    """`get_autocast_dtype("cpu")`. Deprecated."""
    _warn_of_autocast("cpu", "cpu")
    return get_autocast_dtype("cpu")


def get_autocast_gpu_dtype() -> dtype:
    """`get_autocast_dtype("cuda")`. Deprecated."""
    _warn_of_autocast("gpu", "cuda")
    return get_autocast_dtype("cuda")


def is_autocast_cache_enabled() -> bool:
    """Whether leaves that want a gradient are cast once in an autocast context, and not at every use."""
    return state.cache_enabled


def set_autocast_cache_enabled(enabled: bool) -> None:
    """Choose whether casts are kept, in this thread."""
    state.cache_enabled = bool(enabled)


def clear_autocast_cache() -> None:
    """Forget the casts that were kept."""
    state.cache.clear()


def autocast_increment_nesting() -> int:
    """Count a context that is entered; gives the new depth."""
    state.depth += 1
    return state.depth


def autocast_decrement_nesting() -> int:
    """Count a context that is left; gives the new depth."""
    state.depth -= 1
    return state.depth
