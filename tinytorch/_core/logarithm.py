"""The natural logarithm of float64 arrays with the bits of a C library that rounds it almost correctly.

The logarithm is computed to some 60 bits and rounded. A library whose error is at most 0.52 units in the last place, as that of
the GNU and other C libraries is, can give another number only where the logarithm lies close to the middle between two
numbers; there, at one element in twenty, it is asked.

Source: the reduction by a table of reciprocals is that of Tang, "Table-driven implementation of the logarithm function in IEEE
floating-point arithmetic" (1990); here the sums are kept in two parts.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import numpy as np

_INTERVALS = 128
_MANTISSA = np.array((1 << 52) - 1, np.int64)
_BITS_OF_ONE = np.array(1023 << 52, np.int64)
_EXPONENT = np.array(52, np.int64)
_BIAS = np.array(1023, np.int64)
_TO_INTERVAL = np.array(45, np.int64)
_IN_TABLE = np.array(_INTERVALS - 1, np.int64)
_UPPER_HALF = np.array(~((1 << 26) - 1), np.int64)
_GRID = 2**42  # what is summed exactly are multiples of 2^-42
# log(1 + r) = r + r^2 (-1/2 + r (1/3 - r (1/4 - ...))), from the last coefficient to the third.
_SERIES = tuple(np.array((-1.0) ** (n + 1) / n) for n in range(10, 2, -1))
_HALF = np.array(0.5)
_ONE = np.array(1.0)
# 0.476 units in the last place times this are half a unit.
_DOUBTFUL = np.array(1.05)
_SMALLEST_NORMAL = float(np.finfo(np.float64).smallest_normal)


class _Table(NamedTuple):
    """For each interval of [1, 2) a reciprocal of 8 bits, (128,), and minus its logarithm in two parts; log 2 in two parts."""

    reciprocal: np.ndarray
    high: np.ndarray
    low: np.ndarray
    two_high: float
    two_low: float


@cache
def _table() -> _Table:
    from decimal import Decimal, localcontext  # only when it is wanted: it takes milliseconds

    with localcontext() as context:
        context.prec = 50

        def parts(value: Decimal) -> tuple[float, float]:
            whole = (value * _GRID).to_integral_value()
            return float(whole) / _GRID, float(value - whole / _GRID)

        # The ends are exact, so that numbers close to 1 keep their digits.
        numerators = [round(256 / (1 + (i + 0.5) / _INTERVALS)) for i in range(_INTERVALS)]
        numerators[0], numerators[-1] = 256, 128
        logarithms = [parts((Decimal(256) / numerator).ln()) for numerator in numerators]
        high, low = np.array(logarithms).T
        return _Table(
            np.array(numerators) / 256.0,
            np.ascontiguousarray(high),
            np.ascontiguousarray(low),
            *parts(Decimal(2).ln()),
        )


def logarithm(values: np.ndarray, library: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """log of `values`, float64 (n,). `library` is the C library's log of such an array."""
    if not (
        values.size and np.min(values) >= _SMALLEST_NORMAL and np.max(values) < np.inf
    ):  # nan is not either
        return library(values)
    table = _table()
    bits = values.view(np.int64)
    exponent = bits >> _EXPONENT
    exponent -= _BIAS
    interval = bits >> _TO_INTERVAL
    interval &= _IN_TABLE
    mantissa = bits & _MANTISSA
    mantissa |= _BITS_OF_ONE
    # r = mantissa * reciprocal - 1 as the sum of `r` and `lost`. Halves of the mantissa times 8 bits are exact.
    lost = (mantissa & _UPPER_HALF).view(np.float64)
    rest = mantissa.view(np.float64)
    rest -= lost
    reciprocal = table.reciprocal.take(interval)
    rest *= reciprocal
    lost *= reciprocal
    lost -= _ONE
    r = lost + rest
    lost -= r
    lost += rest
    series = r * _SERIES[0]
    for coefficient in _SERIES[1:-1]:
        series += coefficient
        series *= r
    series += _SERIES[-1]
    series *= r
    series -= _HALF
    series *= r * r
    # The sum of the parts, the large ones exactly.
    power = exponent.astype(np.float64)
    large = power * table.two_high
    large += table.high.take(interval)
    power *= table.two_low
    power += table.low.take(interval)
    power += series
    power += lost
    high = large + r
    large -= high
    large += r
    power += large
    rounded = high + power
    high -= rounded
    high += power
    high *= _DOUBTFUL
    high += rounded
    doubtful = np.flatnonzero(high != rounded)
    if doubtful.size:
        rounded[doubtful] = library(values[doubtful])
    return rounded
