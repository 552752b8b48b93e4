"""``torch.accelerator`` of a machine that has none."""

from __future__ import annotations

import warnings
from typing import Any, NoReturn

__all__ = [
    "current_accelerator",
    "current_device_idx",
    "current_device_index",
    "current_stream",
    "device_count",
    "device_index",
    "empty_cache",
    "is_available",
    "max_memory_allocated",
    "max_memory_reserved",
    "memory_allocated",
    "memory_reserved",
    "memory_stats",
    "reset_peak_memory_stats",
    "set_device_idx",
    "set_device_index",
    "synchronize",
]


def _refuse() -> NoReturn:
    raise RuntimeError("Cannot access accelerator device when none is available.")


def is_available() -> bool:
    return False


def device_count() -> int:
    return 0


def current_accelerator(check_available: bool = False) -> None:
    """None: there is no accelerator."""


def current_device_index() -> int:
    _refuse()


def current_device_idx() -> int:
    warnings.warn("Use `current_device_index` instead.", FutureWarning, stacklevel=2)
    _refuse()


def set_device_index(device: Any, /) -> None:
    _refuse()


def set_device_idx(device: Any, /) -> None:
    warnings.warn("Use `set_device_index` instead.", FutureWarning, stacklevel=2)
    _refuse()


def current_stream(device: Any = None, /) -> Any:
    _refuse()


def synchronize(device: Any = None, /) -> None:
    _refuse()


def empty_cache() -> None:
    _refuse()


def memory_stats(device_index: Any = None, /) -> Any:
    _refuse()


def memory_allocated(device_index: Any = None, /) -> int:
    _refuse()


def max_memory_allocated(device_index: Any = None, /) -> int:
    _refuse()


def memory_reserved(device_index: Any = None, /) -> int:
    _refuse()


def max_memory_reserved(device_index: Any = None, /) -> int:
    _refuse()


def reset_peak_memory_stats(device_index: Any = None, /) -> None:
    _refuse()


class device_index:
    """``with torch.accelerator.device_index(index)``; ``None`` leaves everything as it is."""

    __module__ = "torch.accelerator"

    def __init__(self, device: int | None, /) -> None:
        self.idx = device
        self.prev_idx = -1

    def __enter__(self) -> None:
        if self.idx is not None:
            _refuse()

    def __exit__(self, *error: object) -> None:
        """Nothing was entered."""
