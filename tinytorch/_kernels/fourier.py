"""Discrete Fourier transforms on arrays, laid out as torch lays them out: batches outermost in the order of their strides.

`normalization` is torch's number: 0 leaves sums as they are, 1 divides by the square root of the number of points, 2 by the number.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np


def _scaled(array: np.ndarray, count: int, normalization: int) -> np.ndarray:
    if not normalization:
        return array
    factor = 1 / (math.sqrt(count) if normalization == 1 else count)
    return array * np.asarray(factor, array.real.dtype)


def _by_stride(source: np.ndarray, dims: Sequence[int]) -> list[int]:
    return sorted(dims, key=lambda d: -source.strides[d])


def _laid_out(array: np.ndarray, source: np.ndarray, dims: Sequence[int]) -> np.ndarray:
    """`array` in memory order: batch dimensions by the strides of `source`, then the transformed ones."""
    batch = _by_stride(source, [d for d in range(array.ndim) if d not in dims])
    order = [*batch, *dims]
    out = np.empty([array.shape[d] for d in order], array.dtype).transpose(np.argsort(order))
    out[...] = array
    return out


def _count(shape: Sequence[int], dims: Sequence[int]) -> int:
    return math.prod(shape[d] for d in dims)


def _refuse_nothing(self: np.ndarray) -> None:
    """The library behind torch transforms at least one vector."""
    if not self.size:
        raise RuntimeError("MKL FFT error: Intel oneMKL DFTI ERROR: Inconsistent configuration parameters")


def c2c(self: np.ndarray, dim: Sequence[int], normalization: int, forward: bool) -> np.ndarray:
    """Complex to complex over the dimensions `dim`."""
    if not dim:
        return self.copy()
    _refuse_nothing(self)
    out = self
    for d in dim:
        out = np.fft.fft(out, axis=d) if forward else np.fft.ifft(out, axis=d, norm="forward")
    out = _scaled(out.astype(self.dtype, copy=False), _count(self.shape, dim), normalization)
    return _laid_out(out, self, _by_stride(self, dim))


def r2c(self: np.ndarray, dim: Sequence[int], normalization: int, onesided: bool) -> np.ndarray:
    """Real to complex over `dim`; the last of them keeps its non-negative frequencies only if `onesided`."""
    _refuse_nothing(self)
    target = np.dtype(np.complex64 if self.dtype == np.float32 else np.complex128)
    out = np.fft.rfft(self, axis=dim[-1]) if onesided else np.fft.fft(self, axis=dim[-1])
    for d in dim[:-1]:
        out = np.fft.fft(out, axis=d)
    out = _scaled(out.astype(target, copy=False), _count(self.shape, dim), normalization)
    return _laid_out(out, self, [*_by_stride(self, dim[:-1]), dim[-1]])


def c2r(self: np.ndarray, dim: Sequence[int], normalization: int, last_dim_size: int) -> np.ndarray:
    """Hermitian complex to real over `dim`; `last_dim_size`: points of the last one in the result."""
    _refuse_nothing(self)
    target = np.dtype(np.float32 if self.dtype == np.complex64 else np.float64)
    between = c2c(self, dim[:-1], 0, False) if len(dim) > 1 else self
    out = np.fft.irfft(between, last_dim_size, axis=dim[-1], norm="forward")
    shape = list(self.shape)
    shape[dim[-1]] = last_dim_size
    out = _scaled(out.astype(target, copy=False), _count(shape, dim), normalization)
    return _laid_out(out, between, dim[-1:])
