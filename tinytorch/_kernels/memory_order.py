"""channels_last memory: whether an image array suggests it, and results laid out like their input."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np


def suggests_channels_last(array: np.ndarray) -> bool:
    """Whether torch would call the memory of a 4- or 5-dimensional array channels_last; ambiguous strides count as row-major."""
    if array.ndim not in (4, 5) or 0 in array.shape or array.strides[1] == 0:
        return False
    least = 0
    for dim in (1, *range(array.ndim - 1, 1, -1), 0):
        step = array.strides[dim]
        if step < least or (dim == 0 and least == array.strides[1]):
            return False
        least = step * max(array.shape[dim], 1)
    return True


def channels_last(array: np.ndarray) -> np.ndarray:
    """The elements of (N, C, *spatial) in memory order (N, *spatial, C), also where sizes of 1 make NumPy not tell them apart."""
    out = channels_last_empty(array.shape, array.dtype)
    out[...] = array
    return out


def channels_last_empty(shape: Sequence[int], dtype: np.dtype) -> np.ndarray:
    """An uninitialised array (N, C, *spatial) stored as (N, *spatial, C)."""
    strides = [0] * len(shape)
    step = dtype.itemsize
    for dim in (1, *range(len(shape) - 1, 1, -1), 0):
        strides[dim] = step
        step *= max(shape[dim], 1)
    buffer = np.empty(step // dtype.itemsize, dtype)
    return np.ndarray(tuple(shape), dtype, buffer, 0, tuple(strides))


def channels_last_like(out: np.ndarray, source: np.ndarray) -> np.ndarray:
    """`out` itself, or in channels_last memory if that is what `source` has."""
    if source.flags.c_contiguous and source.ndim == out.ndim and 1 not in source.shape[1:]:
        return out
    return channels_last(out) if out.ndim in (4, 5) and suggests_channels_last(source) else out


def keeps_channels_last(kernel: Callable[..., Any], position: int = 0) -> Callable[..., Any]:
    """`kernel` with its results in channels_last memory where its argument number `position` is."""

    def run(*args: Any) -> Any:
        source = args[position]
        out = kernel(*args)
        if source.flags.c_contiguous and 1 not in source.shape[1:]:
            return out
        if isinstance(out, tuple):
            return tuple([channels_last_like(array, source) for array in out])
        return channels_last_like(out, source)

    return run
