"""Poisson, gamma, Dirichlet and binomial numbers: samplers that draw until a number is accepted.

Elements are drawn one by one in row-major order. Sources: Hörmann, "The transformed rejection method for generating Poisson
random variables" (1993) and "The generation of binomial random variates" (1993); Marsaglia and Tsang, "A simple method for
generating gamma variables" (2000); the arithmetic, and which parts of it are in single precision, as torch 2.13 computes.
"""

from __future__ import annotations

import math
from types import TracebackType
from typing import Any

import numpy as np

from .generator import Generator, Mark
from .normals import next_normal
from .precise import native, scalar
from .sampling import LARGEST, cast, name_of, refuse, scalar_name

_LONGEST = 1 << 15


class Stream:
    """Uniform doubles of a generator, one by one: stream().

    They are taken in bulk; leaving the context gives back those not used. The generator is locked meanwhile.
    """

    __slots__ = ("_count", "_generator", "_index", "_mark", "_values")
    _mark: Mark

    def __init__(self, generator: Generator) -> None:
        self._generator = generator
        self._values: list[float] = []
        self._index = self._count = 0

    def __enter__(self) -> Stream:
        self._generator._lock.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._index < self._count:
            self._generator._rewind(self._mark, 2 * self._index)
        self._generator._lock.release()

    def __call__(self) -> float:
        index = self._index
        if index == self._count:
            self._refill()
            index = 0
        self._index = index + 1
        return self._values[index]

    def _refill(self) -> None:
        generator = self._generator
        # First what the current block still has: that is cheap to give back.
        here = (generator._limit - generator._position) // 2
        count = here if not self._count and here else min(max(2 * self._count, 256), _LONGEST)
        self._mark = generator._mark(2 * count)
        self._values = generator._unit_doubles(count).tolist()
        self._index, self._count = 0, count


# ---- Poisson


def poisson(generator: Generator, rates: np.ndarray) -> np.ndarray:
    """Poisson numbers of the given rates, in their shape and floating dtype. Raises RuntimeError for negative rates."""
    if name_of(rates.dtype) not in LARGEST:
        refuse("poisson_cpu", rates.dtype)
    doubles = rates.astype(np.float64)
    if not bool((doubles >= 0).all()):
        raise RuntimeError("invalid Poisson rate, expected rate to be non-negative")
    if np.isinf(doubles).any():
        raise NotImplementedError("poisson: an infinite rate (torch does not return from it either)")
    with Stream(generator) as uniform:
        numbers = [_poisson(rate, uniform) for rate in doubles.reshape(-1).tolist()]
    return cast(np.array(numbers, np.float64), rates.dtype).reshape(rates.shape)


def _poisson(rate: float, uniform: Stream) -> int:
    if rate == 0.0:
        return 0
    if rate < 10.0:
        limit = math.exp(-rate)
        product = 1.0
        count = 0
        while True:
            product *= uniform()
            if not product > limit:
                return count
            count += 1
    log_gamma = native("lgamma", math.lgamma)
    log = scalar("log")
    log_rate = math.log(rate)
    b = 0.931 + 2.53 * math.sqrt(rate)
    a = -0.059 + 0.02483 * b
    log_inverse_alpha = math.log(1.1239 + 1.1328 / (b - 3.4))
    enough = 0.9277 - 3.6224 / (b - 2.0)
    while True:
        u = uniform() - 0.5
        v = uniform()
        distance = 0.5 - abs(u)
        if distance == 0.0:
            continue  # the candidate is minus infinity
        candidate = math.floor((2.0 * a / distance + b) * u + rate + 0.43)
        if distance >= 0.07 and v <= enough:
            return candidate
        if candidate < 0 or (distance < 0.013 and v > distance):
            continue
        left = log(v) + log_inverse_alpha - math.log(a / (distance * distance) + b)
        if left <= -rate + candidate * log_rate - log_gamma(candidate + 1.0):
            return candidate


# ---- gamma and Dirichlet

_SINGLE_THIRD = float(np.float32(1.0) / np.float32(3.0))
_SQUEEZE = float(np.float32(0.0331))


def _gamma(alpha: float, single: bool, uniform: Stream) -> float:
    """A gamma number of shape `alpha`, whose first steps torch computes in the tensor's own precision."""
    generator = uniform._generator
    scale = 1.0
    if alpha == 0.0:
        return 0.0
    if alpha < 1.0:
        inverse = 1.0 / alpha
        if single:
            inverse = float(np.float32(1.0) / np.float32(alpha))
            base = float(np.float32(alpha) + np.float32(1.0))
        else:
            base = alpha + 1.0
        scale = _power(1.0 - uniform(), inverse)
        alpha = base
    d = float(np.float32(alpha) - np.float32(_SINGLE_THIRD)) if single else alpha - _SINGLE_THIRD
    c = 1.0 / math.sqrt(9.0 * d) if d > 0.0 else math.inf if d == 0.0 else math.nan
    log = scalar("log")
    while True:
        while True:
            x = next_normal(generator, uniform)
            y = 1.0 + c * x
            if not y <= 0.0:
                break
        v = y * y * y
        u = 1.0 - uniform()
        xx = x * x
        if u < 1.0 - _SQUEEZE * xx * xx or math.log(u) < 0.5 * xx + d * (1.0 - v + log(v)):
            return scale * d * v


def _power(base: float, exponent: float) -> float:
    try:
        return math.pow(base, exponent)
    except OverflowError:
        return math.inf


def standard_gamma(generator: Generator, alpha: np.ndarray) -> np.ndarray:
    """Gamma numbers of shape parameters `alpha` (float32 or float64) and scale 1, in its shape and dtype."""
    if alpha.dtype not in (np.float32, np.float64):
        refuse("gamma_cpu", alpha.dtype)
    single = alpha.dtype == np.float32
    tiny = float(np.finfo(alpha.dtype).tiny)
    with Stream(generator) as uniform, np.errstate(all="ignore"):
        numbers = [_gamma(shape, single, uniform) for shape in alpha.reshape(-1).tolist()]
    with np.errstate(over="ignore", invalid="ignore"):
        values = np.array(numbers, np.float64).astype(alpha.dtype).reshape(alpha.shape)
        values[~(values > tiny)] = tiny
    return values


def sample_dirichlet(generator: Generator, alpha: np.ndarray) -> np.ndarray:
    """Dirichlet numbers: along the last axis of `alpha` (float32 or float64) they add up to 1. Same shape and dtype."""
    if alpha.dtype not in (np.float32, np.float64):
        refuse("dirichlet", alpha.dtype)
    gamma = standard_gamma(generator, alpha.astype(np.float64))
    if gamma.ndim:
        rows = gamma.reshape(-1, gamma.shape[-1])
        totals = np.array([_ordered_sum(row) for row in rows]).reshape(gamma.shape[:-1] + (1,))
    else:
        totals = gamma
    values: np.ndarray = (gamma / totals).astype(alpha.dtype)
    limits = np.finfo(alpha.dtype)
    below_one = np.nextafter(alpha.dtype.type(1), alpha.dtype.type(0))
    result: np.ndarray = np.minimum(np.maximum(values, limits.tiny), below_one)
    return result


def _ordered_sum(row: np.ndarray) -> float:
    """The sum of a contiguous row (n,) of float64, added in the order in which torch's vectorised sum does."""
    count = row.size
    if count < 4:
        total = 0.0
        for value in row.tolist():
            total += value
        return total
    vectors = row[: count // 4 * 4].reshape(-1, 4)
    groups = len(vectors) // 4
    sums = _cascade(vectors[: groups * 4].reshape(groups, 4, 4))  # (accumulator, lane)
    for vector in vectors[groups * 4 :]:
        sums[0] += vector
    lanes = ((sums[0] + sums[1]) + sums[2]) + sums[3]
    total = 0.0
    for value in [*row[count // 4 * 4 :].tolist(), *lanes.tolist()]:
        total += value
    return total


def _cascade(rows: np.ndarray) -> np.ndarray:
    """The sum of rows (n, 4, 4) over the first axis, by four levels of partial sums."""
    count = len(rows)
    levels = np.zeros((4, 4, 4))
    bits = max(4, (max(count, 1) - 1).bit_length() // 4)
    step = 1 << bits
    done = 0
    while done + step <= count:
        for row in rows[done : done + step]:
            levels[0] += row
        done += step
        for level in range(1, 4):
            levels[level] += levels[level - 1]
            levels[level - 1] = 0.0
            if done & ((1 << (bits * (level + 1))) - 1):
                break
    for row in rows[done:]:
        levels[0] += row
    total: np.ndarray = ((levels[0] + levels[1]) + levels[2]) + levels[3]
    return total


# ---- binomial

_STIRLING_TAIL = (
    0.0810614667953272,
    0.0413406959554092,
    0.0276779256849983,
    0.02079067210376509,
    0.0166446911898211,
    0.0138761288230707,
    0.0118967099458917,
    0.0104112652619720,
    0.00925546218271273,
    0.00833056343336287,
)


def _stirling_tail(k: float) -> float:
    """The error of Stirling's formula for the factorial of k."""
    if k <= 9.0:
        return _STIRLING_TAIL[int(k)]
    square = (k + 1.0) * (k + 1.0)
    return (1.0 / 12.0 - (1.0 / 360.0 - 1.0 / 1260.0 / square) / square) / (k + 1.0)


def binomial(generator: Generator, count: np.ndarray, prob: np.ndarray) -> np.ndarray:
    """Numbers of successes in `count` trials of probability `prob`: arrays of one floating dtype that broadcast.

    Raises ValueError for integers, RuntimeError for two dtypes or shapes that do not match.
    """
    for name, array in (("count", count), ("prob", prob)):
        if name_of(array.dtype) not in LARGEST:
            raise ValueError(
                f"binomial only supports floating-point dtypes for {name}, got: {scalar_name(array.dtype)}"
            )
    if count.dtype != prob.dtype:
        raise RuntimeError(f"Found dtype {scalar_name(prob.dtype)} but expected {scalar_name(count.dtype)}")
    dtype = count.dtype
    if dtype not in (np.float32, np.float64):
        refuse("binomial_cpu", dtype)
    shape = _common_shape(count.shape, prob.shape)
    counts, chances = np.broadcast_to(count, shape).reshape(-1), np.broadcast_to(prob, shape).reshape(-1)
    endless = (counts != counts) | np.isinf(counts)
    if bool((endless & (chances > 0) & (chances < 1) & ~(counts < 0)).any()):
        raise NotImplementedError(
            "binomial: a count that is nan or infinite (torch does not return from it either)"
        )
    real: Any = np.float32 if dtype == np.float32 else float
    with Stream(generator) as uniform, np.errstate(all="ignore"):
        numbers = [
            _binomial(n, p, real, uniform) for n, p in zip(counts.tolist(), chances.tolist(), strict=True)
        ]
    return np.array(numbers, np.float64).astype(dtype).reshape(shape)


def _common_shape(a: tuple[int, ...], b: tuple[int, ...]) -> tuple[int, ...]:
    ndim = max(len(a), len(b))
    padded_a, padded_b = (1,) * (ndim - len(a)) + a, (1,) * (ndim - len(b)) + b
    for axis in range(ndim - 1, -1, -1):
        if padded_a[axis] != padded_b[axis] and 1 not in (padded_a[axis], padded_b[axis]):
            raise RuntimeError(
                f"The size of tensor a ({padded_a[axis]}) must match the size of tensor b ({padded_b[axis]}) "
                f"at non-singleton dimension {axis}"
            )
    return tuple(m if n == 1 else n for m, n in zip(padded_a, padded_b, strict=True))


def _binomial(count: float, prob: float, real: Any, uniform: Stream) -> float:
    if count <= 0.0 or prob <= 0.0:
        return 0.0
    if prob >= 1.0:
        return count
    if prob <= 0.5:
        return _rare_successes(real(count), real(prob), real, uniform)
    if prob > 0.5:
        return float(real(count) - real(_rare_successes(real(count), real(1.0) - real(prob), real, uniform)))
    return math.nan


def _rare_successes(count: Any, prob: Any, real: Any, uniform: Stream) -> float:
    """The case prob <= 1/2. `count` and `prob` are of type `real`: their products are rounded to the tensor's precision."""
    if count * prob >= 10.0:
        return _transformed_binomial(count, prob, real, uniform)
    log = scalar("log")
    if real is float:
        log_failure = math.log1p(-prob)
    else:
        log_failure = float(np.float32(native("log1pf", math.log1p, single=True)(float(-prob))))
    trials = float(count)
    passed = 0.0
    successes = 0
    while True:
        # The trials up to the next success. Where this is not finite, it exceeds every count.
        ratio = log(uniform()) / log_failure if log_failure else math.inf
        passed += math.ceil(ratio) if math.isfinite(ratio) else ratio
        if passed > trials:
            return float(successes)
        successes += 1


def _transformed_binomial(count: Any, prob: Any, real: Any, uniform: Stream) -> float:
    log = scalar("log")
    one = real(1.0)
    deviation = float(real(math.sqrt(count * prob * (one - prob))))
    b = 1.15 + 2.53 * deviation
    a = -0.0873 + 0.0248 * b + 0.01 * float(prob)
    c = float(count * prob) + 0.5
    enough = 0.92 - 4.2 / b
    odds = float(prob / (one - prob))
    alpha = (2.83 + 5.1 / b) * deviation
    mode = float(math.floor((count + one) * prob))
    trials = float(count)
    after = float(count + one)
    while True:
        u = uniform() - 0.5
        v = uniform()
        distance = 0.5 - abs(u)
        if distance == 0.0:
            continue  # the candidate is minus infinity
        k = real(math.floor((2.0 * a / distance + b) * u + c))
        if k < 0.0 or k > count:
            continue
        successes = float(k)
        if distance >= 0.07 and v <= enough:
            return successes
        v = log(v * alpha / (a / (distance * distance) + b))
        failures = float((count - k) + one)
        bound = (
            (mode + 0.5) * math.log((mode + 1.0) / (odds * (trials - mode + 1.0)))
            + after * math.log((trials - mode + 1.0) / failures)
            + (successes + 0.5) * math.log(odds * failures / float(k + one))
            + _stirling_tail(mode)
            + _stirling_tail(trials - mode)
            - _stirling_tail(successes)
            - _stirling_tail(float(count - k))
        )
        if v <= bound:
            return successes
