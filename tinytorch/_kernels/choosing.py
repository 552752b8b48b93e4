"""Choosing between two arrays element by element, without a branch per element.

`numpy.where` jumps once per element, and on a mask like that of an activation function the processor guesses every other jump wrong:
that takes ten times as long as arithmetic. Here the bits of both operands are combined under a mask of ones and zeros:
no ^ ((yes ^ no) & mask). Whatever the bits mean, nan payloads and signed zeros are kept.
"""

from __future__ import annotations

import numpy as np
from numpy._core import _multiarray_umath as _umath

#: Floating-point numbers that torch's vector code takes at once, by their size in bytes: it may choose otherwise than the code for what is left over.
LANES = {size: (64 if _umath.__cpu_features__.get("AVX512_SKX") else 32) // size for size in (4, 8)}

_INTEGERS = {1: np.dtype(np.int8), 2: np.dtype(np.int16), 4: np.dtype(np.int32), 8: np.dtype(np.int64)}
#: Below this number of elements one call of `numpy.where` costs less than four of arithmetic.
_FEW = 2048


def choose(condition: np.ndarray, yes: np.ndarray, no: np.ndarray) -> np.ndarray:
    """yes where condition (bool) holds, else no; all three broadcast, yes and no are of one type."""
    integer = _INTEGERS.get(no.dtype.itemsize)
    if condition.size < _FEW or integer is None or yes.dtype != no.dtype:
        return np.asarray(np.where(condition, yes, no))
    mask = condition.astype(integer)
    mask = np.negative(mask, out=mask)  # all bits set, or none
    first, second = yes.view(integer), no.view(integer)
    mixed = np.bitwise_xor(first, second, out=...)
    out = mixed if mixed.shape == mask.shape else ...
    mixed = np.bitwise_and(mixed, mask, out=out)
    return np.bitwise_xor(mixed, second, out=mixed).view(no.dtype)


def keep(condition: np.ndarray, values: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """values where condition (bool) holds, else 0: no sign, no nan is left of what is dropped. out: where to write, if of their shape."""
    integer = _INTEGERS.get(values.dtype.itemsize)
    if integer is None or values.dtype.kind == "b":
        kept = np.asarray(np.where(condition, values, np.zeros((), values.dtype)))
        if out is None:
            return kept
        out[...] = kept
        return out
    factor = np.asarray(condition).astype(integer)
    if out is not None:
        np.multiply(values.view(integer), factor, out=out.view(integer))
        return out
    into = factor if factor.shape == values.shape else ...
    return np.multiply(values.view(integer), factor, out=into).view(values.dtype)
