"""Kernels that accumulate along a dimension: running sums, products, extremes and log-sum-exps."""

from __future__ import annotations

from typing import Any

import numpy as np

from .scalar_types import (
    category,
    converted,
    not_implemented,
)
from .sorting import Pair, comparable

#: Elements of a slice across a dimension from which it pays to go slice by slice.
SLICE = 256


def running_extreme(self: np.ndarray, dim: int, ufunc: np.ufunc, kernel: str) -> Pair:
    """Running maximum or minimum along `dim` and the latest position at which it was reached; a nan stays."""
    if self.ndim == 0:
        return self.copy(), np.zeros((), np.int64)
    if self.dtype.kind == "c":
        raise not_implemented(kernel, self.dtype)
    if self.size == 0:
        return self.copy(), np.zeros(self.shape, np.int64)
    keys = comparable(self)
    values = np.ascontiguousarray(ufunc.accumulate(keys, axis=dim))
    reached = keys == values
    if keys.dtype.kind == "f":
        reached |= np.isnan(keys)
    places = np.arange(self.shape[dim]).reshape((-1,) + (1,) * (self.ndim - 1 - dim))
    indices = np.ascontiguousarray(np.maximum.accumulate(np.where(reached, places, 0), axis=dim))
    return values.astype(self.dtype, copy=False), indices


def _accumulator(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The type a running sum is kept in: float32 in float64, half precisions in float32, complex64 in complex128."""
    if dtype == np.float32:
        return np.dtype(np.float64)
    if dtype == np.complex64:
        return np.dtype(np.complex128)
    if dtype == np.float16 or dtype.kind == "V":
        return np.dtype(np.float32)
    return dtype


def _by_slices(values: np.ndarray, dim: int, wide: np.dtype[Any], ufunc: np.ufunc) -> np.ndarray:
    """`ufunc.accumulate` along a dimension that is not the last, whole slices at a time: NumPy goes through such memory column by column."""
    result = np.empty(values.shape, values.dtype)
    given, taken = np.moveaxis(values, dim, 0), np.moveaxis(result, dim, 0)
    total = given[0].astype(wide)
    taken[0] = given[0]
    for place in range(1, len(given)):
        ufunc(total, given[place].astype(wide, copy=False), out=total)
        taken[place] = total
    return result


def running(self: np.ndarray, dim: int, dtype: np.dtype[Any] | None, ufunc: np.ufunc) -> np.ndarray:
    """Running sum or product along `dim`; integers and bool give int64."""
    if dtype is None:
        dtype = np.dtype(np.int64) if category(self.dtype) < 2 else self.dtype
    values = converted(self, dtype)
    if self.ndim == 0:
        return values.copy()
    if dtype == np.bool_:
        ufunc = np.logical_or if ufunc is np.add else np.logical_and
    wide = _accumulator(dtype)
    if values.shape[dim] > 1 and values.size // values.shape[dim] >= SLICE and dim != self.ndim - 1:
        return _by_slices(values, dim, wide, ufunc)
    if wide == dtype:
        return np.ascontiguousarray(ufunc.accumulate(values, axis=dim, dtype=dtype))
    return np.asarray(ufunc.accumulate(values.astype(wide), axis=dim)).astype(dtype, order="C")


def logcumsumexp(self: np.ndarray, dim: int) -> np.ndarray:
    """Running log(sum(exp)) along `dim`."""
    if category(self.dtype) < 2:
        raise not_implemented("logcumsumexp_out_cpu", self.dtype)
    if self.ndim == 0 or self.size == 0:
        return self.copy()
    wide = _accumulator(self.dtype)
    values = self.astype(wide)
    if wide.kind != "c":
        return np.asarray(np.logaddexp.accumulate(values, axis=dim)).astype(self.dtype, order="C")
    moved = np.moveaxis(values, dim, 0)
    for place in range(1, moved.shape[0]):
        moved[place] = _complex_logaddexp(moved[place], moved[place - 1])
    return values.astype(self.dtype, order="C")


def _complex_logaddexp(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """log(exp(x) + exp(y)) for complex arrays, on the branch next to the one with the larger real part."""
    swap = x.real < y.real
    low, high = np.where(swap, x, y), np.where(swap, y, x)
    result = np.log1p(np.exp(low - high)) + high
    endless = ~np.isfinite(low.real) & (low.real == high.real)
    if endless.any():
        both = np.where(low.real < 0, low, np.log(np.exp(low) + np.exp(high)))
        result = np.where(endless, both, result)
    missing = np.isnan(x) | np.isnan(y)
    return np.where(missing, complex(np.nan, np.nan), result)
