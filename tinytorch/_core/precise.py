"""Arithmetic to the last bit: fused multiply-add, and the C library's transcendental functions, on arrays.

torch's samplers are compiled with fused multiply-adds (one rounding for a product and a sum) and call the C library's
double precision functions one number at a time. NumPy has no fused multiply-add, and on some machines its own vector
code for log, exp and others differs from the C library's in the last bit; Python's `math` calls the C library.

Sources: Dekker, "A floating-point technique for extending the available precision" (1971); Boldo and Melquiond,
"Emulation of FMA and correctly rounded sums" (2008).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from .logarithm import logarithm

ArrayFunction = Callable[[np.ndarray], np.ndarray]

_SPLITTER = 134217729.0  # 2^27 + 1
_TIE_BITS = 0x1FFFFFFF
_TIE = 0x10000000
_MODERATE = 2.0**300
_MODERATE_LOW = 2.0**-300
_LARGE = 2.0**900
_SMALL = 2.0**-900


def _two_sum(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """a + b rounded, and the exact error of that."""
    total = a + b
    part = total - a
    return total, (a - (total - part)) + (b - part)


def _split(a: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Two halves of 26 bits each whose sum is `a`."""
    scaled = a * _SPLITTER
    high = scaled - (scaled - a)
    return high, a - high


def _odd_sum(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """a + b, where inexact rounded to the neighbour with an odd last bit, so that a later rounding goes the right way."""
    total, error = _two_sum(a, b)
    even = (np.ascontiguousarray(total).view(np.int64) & 1) == 0
    change = (error != 0) & even
    if change.any():
        total = np.where(change, np.nextafter(total, np.copysign(np.inf, error)), total)
    return total


def _scalar_multiply_add(a: float, b: float, c: float) -> float:
    """a * b + c rounded once, for numbers of any size."""
    if not (
        _MODERATE_LOW < abs(a) < _MODERATE
        and _MODERATE_LOW < abs(b) < _MODERATE
        and _MODERATE_LOW < abs(c) < _MODERATE
    ):
        return _rational_multiply_add(a, b, c)
    product = a * b
    scaled = a * _SPLITTER
    a_high = scaled - (scaled - a)
    a_low = a - a_high
    scaled = b * _SPLITTER
    b_high = scaled - (scaled - b)
    b_low = b - b_high
    error = ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low
    middle = c + error
    part = middle - c
    middle_error = (c - (middle - part)) + (error - part)
    top = product + middle
    part = top - product
    top_error = (product - (top - part)) + (middle - part)
    rest = middle_error + top_error
    part = rest - middle_error
    lost = (middle_error - (rest - part)) + (top_error - part)
    if lost:
        # Rarely: the small part is not exact. It would have to be rounded to odd.
        return _rational_multiply_add(a, b, c)
    return (top + rest) or product + c


def _rational_multiply_add(a: float, b: float, c: float) -> float:
    if not (math.isfinite(a) and math.isfinite(b) and math.isfinite(c)):
        return a * b + c
    # Here because it is rarely wanted and slow to import.
    from fractions import Fraction

    exact = Fraction(a) * Fraction(b) + Fraction(c)
    if exact == 0:
        return a * b + c
    try:
        return float(exact)
    except OverflowError:
        return math.copysign(math.inf, exact)


def multiply_add_list(values: list[float], b: float, c: float) -> list[float]:
    """value * b + c with one rounding, for each value."""
    if c == 0.0 or b == 1.0:
        return [value * b + c for value in values]
    return [_scalar_multiply_add(value, b, c) for value in values]


def multiply_add64(a: np.ndarray, b: float, c: float) -> np.ndarray:
    """a * b + c in float64 with one rounding; a is float64, (n,)."""
    if b == 1.0 or (abs(b) > _SMALL and math.frexp(b)[0] in (0.5, -0.5) and abs(b) < 1e9):
        product: np.ndarray = a * b  # exact
        product += c
        return product
    if c == 0.0:
        product = a * b
        product += c
        return product
    largest = float(np.max(np.abs(a), initial=0.0)) * abs(b)
    smallest = min(abs(c), abs(b))
    if not (largest < _LARGE and abs(c) < _LARGE and smallest > _SMALL) or a.size < 8:
        return np.array([_scalar_multiply_add(x, b, c) for x in a.tolist()], np.float64)
    factor = np.float64(b)
    product = a * factor
    a_high, a_low = _split(a)
    b_high, b_low = _split(np.asarray(factor))
    error = ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low
    middle, middle_error = _two_sum(np.asarray(c, np.float64), error)
    top, top_error = _two_sum(product, middle)
    result: np.ndarray = top + _odd_sum(middle_error, top_error)
    return np.where(result == 0.0, product + c, result)


def multiply_add32(a: np.ndarray, b: float, c: float) -> np.ndarray:
    """a * b + c in float32 with one rounding; a is float32, (n,), b and c hold float32 numbers."""
    if c == 0.0:
        product: np.ndarray = a * np.float32(b)
        product += np.float32(c)
        return product
    exact = a.astype(np.float64)
    exact *= b  # two factors of 24 bits: no rounding
    total: np.ndarray = exact + c
    # Rounding twice goes wrong only where the first rounding landed halfway between two float32 numbers.
    if min(abs(b), abs(c)) < 2.0**-20 and _subnormal(total):
        doubtful = np.arange(total.size)
    else:
        doubtful = np.flatnonzero((total.view(np.int64) & _TIE_BITS) == _TIE)
    if doubtful.size:
        total[doubtful] = _odd_sum(exact[doubtful], np.full(doubtful.size, c))
    return total.astype(np.float32)


def _subnormal(values: np.ndarray) -> bool:
    """Whether some value is too small to be a normal float32, where numbers halfway look different."""
    size = np.abs(values)
    return bool(((size < 2.0**-125) & (size > 0)).any())


# ---- the C library


def _careful(function: Callable[[float], float], name: str) -> Callable[[float], float]:
    """`function` with the C library's infinities and nans where Python raises."""
    fallback = getattr(np, name)

    def call(value: float) -> float:
        try:
            return function(value)
        except (ValueError, OverflowError):
            with np.errstate(all="ignore"):
                return float(fallback(value))

    return call


def _mapped(name: str) -> ArrayFunction:
    function: Callable[[float], float] = getattr(math, name)
    careful = _careful(function, name)

    def apply(values: np.ndarray) -> np.ndarray:
        numbers = values.tolist()
        try:
            return np.fromiter(map(function, numbers), np.float64, values.size)
        except (ValueError, OverflowError):
            return np.fromiter(map(careful, numbers), np.float64, values.size)

    return apply


# Where each function is probed: factor and offset of numbers in (0, 1).
_PROBES = {
    "log": (1.0, 0.0),
    "log1p": (-1.0, 0.0),
    "exp": (20.0, -10.0),
    "sin": (2 * math.pi, 0.0),
    "cos": (2 * math.pi, 0.0),
    "tan": (math.pi, -0.5 * math.pi),
}


class _Library:
    """Functions of float64 arrays (n,) that give the C library's bits: NumPy's or this package's where
    they agree with it, `math` mapped elsewhere.

    Each function is probed when it is first asked for.
    """

    log: ArrayFunction
    log1p: ArrayFunction
    exp: ArrayFunction
    sin: ArrayFunction
    cos: ArrayFunction
    tan: ArrayFunction

    def __getattr__(self, name: str) -> Any:
        if name not in _PROBES:
            raise AttributeError(name)
        factor, offset = _PROBES[name]
        probes = (np.arange(1, 4097) * 0.6180339887498949) % 1.0 * factor + offset
        mapped = chosen = _mapped(name)
        candidates: list[ArrayFunction] = [getattr(np, name)]
        if name == "log":
            candidates.append(partial(logarithm, library=mapped))
        for candidate in candidates:
            if np.array_equal(candidate(probes), mapped(probes)):
                chosen = candidate
                break
        setattr(self, name, chosen)
        return chosen


library = _Library()

_scalars: dict[str, Callable[[float], float]] = {}


def scalar(name: str) -> Callable[[float], float]:
    """`math`'s function of that name, with infinities and nans instead of exceptions."""
    found = _scalars.get(name)
    if found is None:
        found = _scalars[name] = _careful(getattr(math, name), name)
    return found


def native(name: str, fallback: Callable[[float], float], single: bool = False) -> Callable[[float], float]:
    """The C library's own function `name` of one number, or `fallback` where it cannot be reached."""
    found = _scalars.get("native " + name)
    if found is None:
        try:
            import ctypes  # not on every platform

            function = getattr(ctypes.CDLL(None), name)
            kind = ctypes.c_float if single else ctypes.c_double
            function.restype = kind
            function.argtypes = [kind]
            found = function
        except (ImportError, OSError, TypeError, AttributeError):
            found = fallback
        _scalars["native " + name] = found
    return found
