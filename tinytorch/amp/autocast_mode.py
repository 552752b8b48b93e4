"""torch.amp.autocast: accepted where it does nothing, refused where it would choose types."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import Any

from .._core import dtypes

__all__ = ["autocast", "custom_bwd", "custom_fwd", "is_autocast_available"]

_ACCELERATORS = frozenset(("cuda", "mps", "xpu", "mtia", "maia", "xla", "hpu", "privateuseone"))


def is_autocast_available(device_type: str) -> bool:
    """Whether torch knows an autocast for this kind of device."""
    return device_type == "cpu" or device_type in _ACCELERATORS


class autocast:
    """A context for mixed precision. Without an accelerator torch disables all but "cpu", and so does this.

    An enabled autocast on the CPU raises NotImplementedError when entered.
    """

    def __init__(
        self, device_type: str, dtype: Any = None, enabled: bool = True, cache_enabled: bool | None = None
    ) -> None:
        if not isinstance(device_type, str):
            raise ValueError(f"Expected `device_type` of type `str`, got: `{type(device_type)}`")
        if not is_autocast_available(device_type):
            raise RuntimeError(f"User specified an unsupported autocast device_type '{device_type}'")
        self.device = device_type
        self.fast_dtype = (
            dtype if dtype is not None else dtypes.bfloat16 if device_type == "cpu" else dtypes.float16
        )
        if enabled and device_type == "cuda":
            warnings.warn(
                "CUDA is not available or torch_xla is imported. Disabling autocast.",
                UserWarning,
                stacklevel=2,
            )
            enabled = False
        elif enabled and device_type == "cpu" and self.fast_dtype not in (dtypes.bfloat16, dtypes.float16):
            warnings.warn(
                "In CPU autocast, but the target dtype is not supported. Disabling autocast.\n"
                "CPU Autocast only supports dtype of torch.bfloat16, torch.float16 currently.",
                UserWarning,
                stacklevel=2,
            )
            enabled = False
        self._enabled = bool(enabled)

    def __enter__(self) -> autocast:
        if self._enabled:
            raise NotImplementedError(
                f"torch.autocast('{self.device}', dtype={self.fast_dtype}) is not implemented"
            )
        return self

    def __exit__(self, *exception: object) -> None:
        return None

    def __call__(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """`func`, run inside this context."""

        @functools.wraps(func)
        def decorated(*args: Any, **kwargs: Any) -> Any:
            with self:
                return func(*args, **kwargs)

        return decorated


def custom_fwd(fwd: Any = None, *, device_type: str, cast_inputs: Any = None) -> Any:
    """A decorator for `forward` of autograd functions. Outside of autocast it changes nothing, and autocast is never on."""
    return (
        fwd
        if fwd is not None
        else functools.partial(custom_fwd, device_type=device_type, cast_inputs=cast_inputs)
    )


def custom_bwd(bwd: Any = None, *, device_type: str) -> Any:
    """A decorator for `backward` of autograd functions; see custom_fwd."""
    return bwd if bwd is not None else functools.partial(custom_bwd, device_type=device_type)
