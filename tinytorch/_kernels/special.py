"""Special functions of mathematical physics and statistics; most of them are SciPy's, in the argument's type."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np


def _scipy(name: str) -> Callable[..., np.ndarray]:
    """A function of scipy.special on one or two arrays of one type."""

    def function(*arrays: np.ndarray) -> np.ndarray:
        import scipy.special

        out: np.ndarray = np.asarray(getattr(scipy.special, name)(*arrays))
        return out.astype(arrays[0].dtype, copy=False)

    function.__name__ = name
    return function


i0e, i1, i1e = _scipy("i0e"), _scipy("i1"), _scipy("i1e")
erfcx, ndtri = _scipy("erfcx"), _scipy("ndtri")
bessel_j0, bessel_j1, bessel_y0, bessel_y1 = _scipy("j0"), _scipy("j1"), _scipy("y0"), _scipy("y1")
modified_bessel_i0, modified_bessel_i1 = _scipy("i0"), _scipy("i1")
modified_bessel_k0, modified_bessel_k1 = _scipy("k0"), _scipy("k1")
scaled_modified_bessel_k0, scaled_modified_bessel_k1 = _scipy("k0e"), _scipy("k1e")


def airy_ai(x: np.ndarray) -> np.ndarray:
    """The Airy function Ai; 0 where the exponential underflows, nan for infinities."""
    import scipy.special

    out = np.asarray(scipy.special.airy(x.astype(np.float64))[0])
    return np.where(np.isinf(x), np.nan, np.where(x > 103.892, 0.0, out)).astype(x.dtype)


def spherical_bessel_j0(x: np.ndarray) -> np.ndarray:
    """sin(x) / x, 1 at 0 and 0 at infinity."""
    inside = np.where((x == 0) | np.isinf(x), np.ones((), x.dtype), x)
    out = np.where(np.isinf(x), 0, np.sin(inside) / inside)
    return np.where(x == 0, 1, out).astype(x.dtype)


def entr(x: np.ndarray) -> np.ndarray:
    """-x log x for positive x, 0 at 0, -inf below."""
    out = np.where(x > 0, -x * np.log(np.where(x > 0, x, 1)), np.where(x == 0, 0.0, -np.inf))
    return np.where(np.isnan(x), x, out).astype(x.dtype)


def log_ndtr(x: np.ndarray) -> np.ndarray:
    """The logarithm of the normal distribution function."""
    import scipy.special

    t = x * np.asarray(math.sqrt(0.5), x.dtype)
    low = np.log(scipy.special.erfcx(-t) / 2) - t * t
    high = np.log1p(-scipy.special.erfc(t) / 2)
    return np.where(x < -1, low, high).astype(x.dtype)


def igamma(a: np.ndarray, x: np.ndarray) -> np.ndarray:
    """The regularized lower incomplete gamma function."""
    import scipy.special

    return _incomplete(np.asarray(scipy.special.gammainc(a, x)), a, x, 1.0)


def igammac(a: np.ndarray, x: np.ndarray) -> np.ndarray:
    """The regularized upper incomplete gamma function."""
    import scipy.special

    return _incomplete(np.asarray(scipy.special.gammaincc(a, x)), a, x, 0.0)


def _incomplete(out: np.ndarray, a: np.ndarray, x: np.ndarray, at_zero: float) -> np.ndarray:
    out = np.where((a == 0) & (x > 0), at_zero, out)
    out = np.where((a == 0) & (x == 0) | (x < 0) | (a < 0), np.nan, out)
    out = np.where(np.isinf(a) & ~np.isinf(x) & (a > 0) & (x >= 0), 1 - at_zero, out)
    return np.where(np.isinf(a) & np.isinf(x), np.nan, out).astype(a.dtype)


def mvlgamma(x: np.ndarray, p: int) -> np.ndarray:
    """The logarithm of the multivariate gamma function of dimension p."""
    import scipy.special

    steps = np.arange(p, dtype=x.dtype) * np.asarray(-0.5, x.dtype)
    total = np.asarray(scipy.special.gammaln(x[..., None] + steps)).sum(-1)
    return np.asarray(total + p * (p - 1) / 4 * math.log(math.pi)).astype(x.dtype)


def zeta(x: np.ndarray, q: np.ndarray) -> np.ndarray:
    """The Hurwitz zeta function: nan for x < 1, inf at x = 1 and at the poles."""
    import scipy.special

    wide = np.asarray(scipy.special.zeta(x.astype(np.float64), q.astype(np.float64)))
    return wide.astype(x.dtype)


def xlog1py(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """x log(1 + y), 0 where x is 0 unless y is nan."""
    out = np.where((x == 0) & ~np.isnan(y), np.zeros((), y.dtype), x * np.log1p(y))
    return out.astype(y.dtype if isinstance(y, np.ndarray) else x.dtype)


# Orthogonal polynomials ------------------------------------------------------------------------------------------------


def _recurrence(
    x: np.ndarray, n: np.ndarray, first: np.ndarray, step: Callable[[int, np.ndarray, np.ndarray], np.ndarray]
) -> np.ndarray:
    """p_n(x) by a three-term recurrence from 1 and `first`; 0 for negative n."""
    one = np.ones_like(x)
    out = np.where(n == 0, one, np.where(n == 1, first, 0))
    before, current = one, first
    highest = int(n.max(initial=0))
    for k in range(1, highest):
        before, current = current, step(k, current, before)
        out = np.where(n == k + 1, current, out)
    return out


def _prepared(x: np.ndarray, n: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    x, n = np.broadcast_arrays(x, n)
    return x, np.trunc(n).astype(np.int64)


def _chebyshev(kind: str, x: np.ndarray, n: np.ndarray) -> np.ndarray:
    x, n = _prepared(x, n)
    inside = np.abs(x) < 1
    limit = 6 if kind == "t" else 8
    closed = inside & (n > limit)
    angle = np.arccos(np.where(inside, x, 0))
    first = {"t": x, "u": x + x, "v": x + x - 1, "w": x + x + 1}[kind]
    slow = np.where(closed | (np.abs(x) == 1), 0, n)
    out = _recurrence(x, slow, first, lambda k, current, before: (x + x) * current - before)
    if kind == "t":
        fast = np.cos(n * angle)
    elif kind == "u":
        sine = np.sin(angle)
        fast = np.sin((n + 1) * angle) / np.where(sine == 0, 1, sine)
    elif kind == "v":
        fast = np.cos((n + 0.5) * angle) / np.cos(angle / 2)
    else:
        fast = np.sin((n + 0.5) * angle) / np.sin(angle / 2)
    out = np.where(closed, fast, out)
    even = n % 2 == 0
    sign = np.where(even, 1, -1)
    ends = {
        "t": np.where(x > 0, 1, sign),
        "u": np.where(x > 0, n + 1, sign * (n + 1)),
        "v": np.where(x > 0, 1, sign * (2 * n + 1)),
        "w": np.where(x > 0, 2 * n + 1, sign),
    }[kind]
    out = np.where(np.abs(x) == 1, ends, out)
    return np.where(n < 0, 0, out).astype(x.dtype)


def chebyshev(kind: str) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """The Chebyshev polynomials of kind t, u, v or w."""
    return lambda x, n: _chebyshev(kind, x, n)


def shifted_chebyshev(kind: str) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """The Chebyshev polynomials on [0, 1]."""
    return lambda x, n: _chebyshev(kind, x + x - 1, n)


def _hermite(x: np.ndarray, n: np.ndarray, first: np.ndarray, step: Any) -> np.ndarray:
    limit = 128 if x.dtype == np.float32 else 512
    out = _recurrence(x, np.where(n > limit, 0, n), first, step)
    return np.where(n > limit, np.nan, out).astype(x.dtype)


def hermite_h(x: np.ndarray, n: np.ndarray) -> np.ndarray:
    """The physicists' Hermite polynomials."""
    x, n = _prepared(x, n)
    return _hermite(x, n, x + x, lambda k, current, before: (x + x) * current - 2 * k * before)


def hermite_he(x: np.ndarray, n: np.ndarray) -> np.ndarray:
    """The probabilists' Hermite polynomials."""
    x, n = _prepared(x, n)
    return _hermite(x, n, x, lambda k, current, before: x * current - k * before)


def laguerre_l(x: np.ndarray, n: np.ndarray) -> np.ndarray:
    """The Laguerre polynomials."""
    x, n = _prepared(x, n)
    out = _recurrence(
        x, n, 1 - x, lambda k, current, before: ((2 * k + 1 - x) * current - k * before) / (k + 1)
    )
    return np.where(n < 0, 0, np.where(x == 0, 1, out)).astype(x.dtype)


def legendre_p(x: np.ndarray, n: np.ndarray) -> np.ndarray:
    """The Legendre polynomials."""
    x, n = _prepared(x, n)
    out = _recurrence(x, n, x, lambda k, current, before: ((2 * k + 1) * x * current - k * before) / (k + 1))
    ends = np.where((x > 0) | (n % 2 == 0), 1, -1)
    return np.where(n < 0, 0, np.where(np.abs(x) == 1, ends, out)).astype(x.dtype)
