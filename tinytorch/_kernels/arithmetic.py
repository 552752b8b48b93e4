"""Arithmetic on arrays of one type: what the plain ufuncs do not do as torch does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy._core import _multiarray_umath as _umath

from tinytorch._kernels.multiply_add import axpy
from tinytorch._kernels.scalar_types import checked_scalar


def add(a: np.ndarray, b: np.ndarray, alpha: Any) -> np.ndarray:
    """a + alpha * b."""
    return _fused(a, b, alpha)


def sub(a: np.ndarray, b: np.ndarray, alpha: Any) -> np.ndarray:
    """a - alpha * b."""
    return _fused(a, b, -alpha)


def rsub(a: np.ndarray, b: np.ndarray, alpha: Any) -> np.ndarray:
    """b - alpha * a."""
    return _fused(b, a, -alpha)


#: Where there is no fused multiply-add, up to this many float32 elements take the way through float64, which is four times as long.
ROUNDED_ONCE = 8192


def _fused(a: np.ndarray, b: np.ndarray, alpha: Any) -> np.ndarray:
    """a + alpha * b; float32 and float64 are rounded once, as torch's fused multiply-add rounds them."""
    if a.dtype.kind == "f":
        out = _spread(a, b)
        if axpy(_like_result(b, out), out, alpha):
            return out
    if a.dtype.char == "f" and b.size <= ROUNDED_ONCE:
        return np.add(_wide_product(b, alpha), a).astype(np.float32)
    product = np.multiply(b, like(alpha, b), out=...)
    return np.add(a, product, product) if product.shape == a.shape else np.add(a, product, out=...)


def _spread(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """A copy of `a` in the shape in which a and b meet."""
    if a.shape == b.shape:
        return a.copy()
    out = np.empty(np.broadcast_shapes(a.shape, b.shape), a.dtype)
    out[...] = a
    return out


def _like_result(b: np.ndarray, out: np.ndarray) -> np.ndarray:
    """`b`, contiguous and in the shape of `out`."""
    if b.shape == out.shape:
        return b if b.flags.c_contiguous else np.ascontiguousarray(b)
    return np.ascontiguousarray(np.broadcast_to(b, out.shape))


def _wide_product(b: np.ndarray, alpha: Any) -> np.ndarray:
    """alpha * b for b in float32, exact in float64."""
    product = b.astype(np.float64)
    return np.multiply(product, float(np.float32(alpha)), out=product)


#: Elements of a 16-bit type that torch's vector code takes at once.
_VECTOR = 32 if _umath.__cpu_features__.get("AVX512_SKX") else 16


def add_reduced(element_type: np.dtype, a: np.ndarray, b: np.ndarray, alpha: Any) -> np.ndarray:
    """a + alpha * b for operands of a 16-bit `element_type`, given in float32.

    torch's vector code rounds the sum only; what is left over at the end of a row it computes one by one, and there it rounds the
    product, too. Operands of one shape, or with a single number, are one row.
    """
    product = np.multiply(b, np.float32(alpha), out=...)
    rows = product.reshape(-1) if a.shape == b.shape or not a.ndim else product
    size = rows.shape[-1] if rows.ndim else max(a.shape, default=1)
    end = rows[..., size // _VECTOR * _VECTOR :] if rows.ndim and rows.shape[-1] == size else rows
    end[...] = end.astype(element_type)
    return np.add(a, product, out=...)


def sub_reduced(element_type: np.dtype, a: np.ndarray, b: np.ndarray, alpha: Any) -> np.ndarray:
    """a - alpha * b, as add_reduced."""
    return add_reduced(element_type, a, b, -alpha)


def rsub_reduced(element_type: np.dtype, a: np.ndarray, b: np.ndarray, alpha: Any) -> np.ndarray:
    """b - alpha * a, as add_reduced."""
    return add_reduced(element_type, b, a, -alpha)


def add_into(a: np.ndarray, b: np.ndarray, alpha: Any) -> None:
    """a += alpha * b. Raises ValueError if the sum has another shape than a."""
    if axpy(b, a, alpha):
        return
    if a.dtype.kind == "f":
        total = _fused(a, b, alpha)
        if total.shape != a.shape:
            raise ValueError(f"a sum of shape {total.shape} for {a.shape}")
        a[...] = total
    else:
        np.add(a, np.multiply(b, like(alpha, b), out=...), a)


def sub_into(a: np.ndarray, b: np.ndarray, alpha: Any) -> None:
    """a -= alpha * b. Raises ValueError if the difference has another shape than a."""
    add_into(a, b, -alpha)


def like(value: Any, array: np.ndarray) -> np.ndarray:
    """A number as a 0-d array of `array`'s type."""
    return np.asarray(value).astype(array.dtype)


def _divisor(a: np.ndarray, b: Any) -> np.ndarray:
    """`b` in a's type. Raises RuntimeError as torch does when an integer would be divided by zero."""
    b = np.asarray(b)
    if b.dtype != a.dtype:
        b = b.astype(a.dtype)
    if a.dtype.kind in "iu" and a.size and not np.all(b):
        raise RuntimeError("ZeroDivisionError")
    return b


def floor_divide(a: Any, b: Any) -> np.ndarray:
    """Quotient rounded down; division by a floating zero gives an infinity."""
    a = np.asarray(a)
    b = _divisor(a, b)
    if a.dtype.kind in "iub":
        return np.floor_divide(a, b)
    out = np.floor_divide(a, b)
    zero = b == 0
    return np.where(zero, a / b, out).astype(a.dtype) if np.any(zero) else out


def trunc_divide(a: np.ndarray, b: Any) -> np.ndarray:
    """Quotient rounded towards zero."""
    b = _divisor(a, b)
    if a.dtype.kind == "u":
        return np.floor_divide(a, b)
    if a.dtype.kind == "i":
        quotient = np.floor_divide(a, b)
        inexact = quotient * b != a
        return quotient + (inexact & ((a < 0) != (b < 0))).astype(a.dtype)
    return np.trunc(np.true_divide(a, b))


def div_mode(a: np.ndarray, b: Any, rounding_mode: str | None) -> np.ndarray:
    """Division with the given rounding."""
    if rounding_mode is None:
        return np.true_divide(a, b)
    return floor_divide(a, b) if rounding_mode == "floor" else trunc_divide(a, b)


def remainder(a: Any, b: Any) -> np.ndarray:
    """Remainder with the divisor's sign."""
    if not isinstance(a, np.ndarray):
        a = like(a, b)
    b = _divisor(a, b)
    if a.dtype.kind in "iu":
        return np.remainder(a, b)
    out = np.fmod(a, b)
    return np.where((out != 0) & ((b < 0) != (out < 0)), out + b, out).astype(a.dtype)


def fmod(a: np.ndarray, b: Any) -> np.ndarray:
    """Remainder with the dividend's sign."""
    return np.fmod(a, _divisor(a, b))


def power(base: Any, exponent: Any) -> np.ndarray:
    """base ** exponent; either may be a number. Integer powers wrap; a negative integer exponent gives 1, -1 or 0 as in C."""
    array = base if isinstance(base, np.ndarray) else exponent
    base_array = base if isinstance(base, np.ndarray) else like(base, array)
    exponent_array = exponent if isinstance(exponent, np.ndarray) else like(exponent, array)
    if array.dtype.kind == "b":
        return np.power(base_array.astype(np.uint8), exponent_array.astype(np.uint8)).astype(np.bool_)
    if array.dtype.kind == "u":
        return np.power(base_array, exponent_array)
    if array.dtype.kind == "i":
        negative = exponent_array < 0
        if not np.any(negative):
            return np.power(base_array, exponent_array)
        out = np.power(base_array, np.where(negative, 0, exponent_array))
        odd = (exponent_array & 1) == 1
        units = np.where(base_array == 1, 1, np.where(base_array == -1, np.where(odd, -1, 1), 0))
        return np.where(negative, units, out).astype(array.dtype)
    if not isinstance(exponent, np.ndarray) and not isinstance(exponent, complex):
        if exponent == 2:
            return np.multiply(base_array, base_array)
        if exponent == 3:
            return base_array * base_array * base_array
        if exponent == 0.5:
            return np.sqrt(base_array)
        if exponent == -1:
            return np.reciprocal(base_array)
        if exponent == -2:
            return np.reciprocal(base_array * base_array)
        if exponent == -0.5:
            return np.reciprocal(np.sqrt(base_array))
    out = np.power(base_array, exponent_array)
    if array.dtype.kind == "c" and isinstance(exponent, np.ndarray):
        return _as_exponentials(base_array, exponent_array, out)
    return out


def _as_exponentials(base: np.ndarray, exponent: np.ndarray, powers: np.ndarray) -> np.ndarray:
    """Complex `powers` of zero, or of infinity by zero, as exp(exponent * log(base)) gives them: nan for 0 ** 0."""
    special = np.asarray((base == 0) | (exponent == 0))
    if not special.any():
        return powers
    return np.where(special, np.exp(np.multiply(exponent, np.log(base))), powers)


def xlogy(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """x * log(y), 0 where x is 0 and y is not nan."""
    out = np.multiply(x, np.log(y))
    return np.where(np.isnan(y), y, np.where(x == 0, np.zeros((), x.dtype), out))


def logical(name: str) -> Callable[..., np.ndarray]:
    """np.logical_and and its kin."""
    function: Callable[..., np.ndarray] = getattr(np, f"logical_{name}")
    return function


def left_shift(a: np.ndarray, b: Any) -> np.ndarray:
    """a * 2 ** b; shifting by the width or more, or by a negative count, gives 0."""
    b = np.asarray(b).astype(a.dtype)
    width = 8 * a.itemsize
    outside = (b < 0) | (b >= width)
    return np.where(outside, np.zeros((), a.dtype), np.left_shift(a, np.where(outside, 0, b).astype(a.dtype)))


def right_shift(a: np.ndarray, b: Any) -> np.ndarray:
    """a shifted down with its sign; by the width or more it becomes its sign."""
    b = np.asarray(b).astype(a.dtype)
    width = 8 * a.itemsize - (1 if a.dtype.kind == "i" else 0)
    outside = (b < 0) | (b >= width)
    if a.dtype.kind == "u":
        return np.where(
            outside, np.zeros((), a.dtype), np.right_shift(a, np.where(outside, 0, b).astype(a.dtype))
        )
    return np.right_shift(a, np.where(outside, width, b).astype(a.dtype))


def lerp(start: np.ndarray, end: np.ndarray, weight: Any) -> np.ndarray:
    """start + weight * (end - start), evaluated from the nearer end."""
    if not isinstance(weight, np.ndarray):
        weight = checked_scalar(weight, start.dtype)
    difference = end - start
    if not weight.ndim and difference.ndim:  # one formula for all elements, and no more temporaries
        if np.abs(weight) < 0.5:
            difference *= weight
            difference += start
            return difference
        difference *= 1 - weight
        return np.subtract(end, difference, difference)
    return np.where(np.abs(weight) < 0.5, start + weight * difference, end - difference * (1 - weight))


def addcmul(a: np.ndarray, b: np.ndarray, c: np.ndarray, value: Any) -> np.ndarray:
    """a + value * b * c."""
    return a + checked_scalar(value, a.dtype) * b * c


def addcdiv(a: np.ndarray, b: np.ndarray, c: np.ndarray, value: Any) -> np.ndarray:
    """a + value * b / c."""
    return a + checked_scalar(value, a.dtype) * b / c


def multiply(a: np.ndarray, b: Any) -> np.ndarray:
    """a * b for a number b."""
    return np.multiply(a, like(b, a))


def divide(a: np.ndarray, b: Any) -> np.ndarray:
    """a / b for a number b."""
    return np.true_divide(a, like(b, a))


def add_number(a: np.ndarray, b: Any, alpha: Any) -> np.ndarray:
    """a + alpha * b for a number b."""
    return np.add(a, like(alpha * b, a))


def sub_number(a: np.ndarray, b: Any, alpha: Any) -> np.ndarray:
    """a - alpha * b for a number b."""
    return np.subtract(a, like(alpha * b, a))


def copysign_number(a: np.ndarray, b: Any) -> np.ndarray:
    """The magnitude of a with the sign of a number b."""
    return np.copysign(a, like(b, a))


def xlogy_number(x: Any, y: Any) -> np.ndarray:
    """x * log(y) where one of them is a number."""
    array = x if isinstance(x, np.ndarray) else y
    return xlogy(x if x is array else like(x, array), y if y is array else like(y, array))


def of_number(function: Callable[..., np.ndarray]) -> Callable[..., np.ndarray]:
    """`function` for a number and an array, instead of two arrays."""

    def kernel(a: Any, b: np.ndarray) -> np.ndarray:
        return function(like(a, b), b)

    return kernel


def logaddexp(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """log(exp(a) + exp(b)); of complex numbers, with the larger real part taken out first."""
    if a.dtype.kind != "c":
        return np.logaddexp(a, b)
    larger = np.where(a.real >= b.real, a, b)
    smaller = np.where(a.real >= b.real, b, a)
    infinite = np.isinf(larger.real) & (larger.real == smaller.real)
    out = larger + np.log1p(np.exp(np.where(infinite, 0, smaller - larger)))
    return np.where(
        infinite & (larger.real < 0), a, np.where(infinite, np.log(np.exp(a) + np.exp(b)), out)
    ).astype(a.dtype)


def heaviside(x: np.ndarray, values: np.ndarray) -> np.ndarray:
    """1 above 0, 0 below, `values` at 0; where x is nan, 0."""
    return np.where(x == 0, values, (x > 0).astype(x.dtype))


def rsub_number(a: np.ndarray, b: Any, alpha: Any) -> np.ndarray:
    """b - alpha * a for a number b."""
    return np.subtract(like(b, a), a) if alpha == 1 and a.dtype.kind != "c" else _fused(like(b, a), a, -alpha)
