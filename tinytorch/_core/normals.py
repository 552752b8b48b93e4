"""Normal numbers, to torch's last bit.

torch has two ways. Contiguous arrays of 16 or more values are filled with uniform numbers, and blocks of 16 are turned into
normal ones; float32 uses single precision polynomials for the logarithm, sine and cosine. Everything else is computed one
pair at a time in double precision, and the second number of a pair waits in the generator for the next call.

Sources: Box and Muller, "A note on the generation of random normal deviates" (1958); the polynomials are those of Moshier's
Cephes library (logf, sinf, cosf).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .generator import Generator
from .precise import library, multiply_add32, multiply_add64, multiply_add_list, scalar
from .sampling import LARGEST, as_real, cast, fill, name_of, refuse, slices

_TWO_PI = 2.0 * math.pi


def _single(*numbers: float) -> tuple[np.ndarray, ...]:
    """float32 constants as arrays, which ufuncs take faster than scalars."""
    return tuple(np.array(number, np.float32) for number in numbers)


def _polynomial(*coefficients: float, scale: float = 1.0) -> tuple[np.ndarray, ...]:
    """float32 coefficients times a power of two, held in float64."""
    return tuple(np.array(scale * float(np.float32(number))) for number in coefficients)


def _in_minus_half(anchor: np.ndarray, coefficients: tuple[np.ndarray, ...]) -> tuple[np.ndarray, ...]:
    """The coefficients of a polynomial in t as those of one in s = -t / 2, for `_chain`. Powers of two change no rounding."""
    degree = len(coefficients) - 1
    scaled = [number * (-2.0) ** (degree - k) for k, number in enumerate(coefficients)]
    scaled[1] += anchor
    return tuple(map(np.array, scaled))


# Four times Cephes' polynomial, for `_half_radius`. Its first three coefficients are moved by less than a last bit of float32: with
# them the first sum may be rounded to the distance of the smaller of the two powers of two it lies above, for every input that occurs.
_LOG_ANCHOR = np.array(1.5 * 2.0**34)
_LOG_POLYNOMIAL = _in_minus_half(
    _LOG_ANCHOR,
    (
        *(
            np.array(float.fromhex(c))
            for c in ("0x1.2043763b4d0f5p-2", "-0x1.d7a36ff9df175p-2", "0x1.de4a33f62d176p-2")
        ),
        *_polynomial(
            -1.2420140846e-1,
            1.4249322787e-1,
            -1.6668057665e-1,
            2.0000714765e-1,
            -2.4999993993e-1,
            3.3333331174e-1,
            scale=4.0,
        ),
    ),
)


def _anchored(anchor: float, *coefficients: float) -> tuple[tuple[np.ndarray, ...], np.ndarray]:
    """Twice the three coefficients, for `_short_chain`, and the anchor."""
    first, second, third = _polynomial(*coefficients, scale=2.0)
    return (first, second + anchor, third), np.array(anchor)


# For squares of angles up to pi / 4 the inner sums, doubled, stay within [2^-9, 2^-8) and [2^-6, 2^-5).
_COS_POLYNOMIAL = _anchored(1.5 * 2.0**20, 2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2)
_SIN_POLYNOMIAL = _anchored(1.5 * 2.0**23, -1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1)
_ZERO, _HALF, _TWO = _single(0, 0.5, 2)
_TWO_DOUBLE, _ONE = _polynomial(2.0, 1.0)
# The logarithm of 2 in two parts, times -1/2.
_LOG_TWO_HIGH, _LOG_TWO_LOW = _single(-0.5 * 0.693359375, 0.5 * 2.12194440e-4)
(_TURN_OF_UNIT,) = _single(_TWO_PI * 2.0**-24)
# pi / 4 in three parts. Multiples of the first two by whole numbers up to 8 are exact, and of the third it takes so few digits that
# what its multiples are rounded by changes no angle.
_QUARTER_OF_PI = _single(0.78515625, float.fromhex("0x1.fb5p-13"), 7.946628244326348e-09)
_HALF_ROOT = 0x3F3504F3  # the bits of the float32 nearest to the root of one half
_TO_EXPONENT = np.array(23, np.int32)
_ROOT_OF_WHOLE = np.array(_HALF_ROOT + (24 << 23), np.int32)
_FRACTION = np.array((1 << 23) - 1, np.int32)
_HALF_OF_ROOT = np.array(_HALF_ROOT - (1 << 23), np.int32)
_WHOLE = np.array(1 << 24, np.int32)
_LOW_BITS = np.array(0xFFFFFF, np.int32)
_INT_ONE, _TO_OCTANT = np.array(1, np.int32), np.array(21, np.int32)
_SIGN, _QUARTER_TURN = np.array(-(1 << 31), np.int32), np.array(1 << 30, np.int32)
_NOT_ONE, _TO_SIGN = np.array(~1, np.int32), np.array(29, np.int32)
_TO_TURN, _ALL_BITS = np.array(30, np.int32), np.array(31, np.int32)
_FOUR = np.dtype("V16")  # four words as one item, which copies faster than a row of four
# Blocks of 16 that are transformed at once: more would not stay in the cache, fewer cost calls.
_BLOCKS = 4096
_BATCH = 4 * 16 * _BLOCKS  # words that are drawn at once


# ---- blocks of float32


def _round_into(double: np.ndarray, single: np.ndarray) -> None:
    """Round float64 numbers to float32, in both arrays."""
    single[...] = double
    double[...] = single


def _chain(
    coefficients: tuple[np.ndarray, ...],
    anchor: np.ndarray,
    x: np.ndarray,
    double: np.ndarray,
    single: np.ndarray,
) -> None:
    """A polynomial by Horner's rule in fused float32 steps. x: float64 (n,); the result is left in `single`.

    A product of float32 numbers is exact in float64; that the sum is then rounded twice was found harmless for every input
    that occurs. The first sum is rounded as in `_short_chain`; its
    coefficient has the anchor added.
    """
    np.multiply(x, coefficients[0], double)
    np.add(double, coefficients[1], double)
    np.subtract(double, anchor, double)
    np.multiply(double, x, double)
    for coefficient in coefficients[2:-1]:
        np.add(double, coefficient, double)
        _round_into(double, single)
        np.multiply(double, x, double)
    np.add(double, coefficients[-1], double)
    single[...] = double


def _short_chain(
    coefficients: tuple[np.ndarray, ...],
    anchor: np.ndarray,
    x: np.ndarray,
    double: np.ndarray,
    single: np.ndarray,
) -> None:
    """The same for three coefficients where the inner sum always lies between two powers of two; the result is left in `single`.

    Then float32 rounds it to one distance, and so does float64 once `anchor` is added: 3/2 of the number whose last bit has that
    distance. coefficients[1] has the anchor added.
    """
    np.multiply(x, coefficients[0], double)
    np.add(double, coefficients[1], double)
    np.subtract(double, anchor, double)
    np.multiply(double, x, double)
    np.add(double, coefficients[2], double)
    single[...] = double


class _Scratch:
    """The arrays that `_blocks32` computes in, for `half` pairs."""

    def __init__(self, half: int) -> None:
        self.words = np.empty((2, half), np.int32)  # of the radii, of the angles
        self.single = np.empty((5, half), np.float32)
        self.double = np.empty((2, half))


def _half_radius(words: np.ndarray, single: np.ndarray, double: np.ndarray, wide: np.ndarray) -> np.ndarray:
    """sqrt(-1/2 log(1 - u)) in float32, where u are the uniform numbers of `words`, (n,) int32, which are overwritten.

    log(1 - u) = log(2^e (1 + t)) is computed as t + (t^3 p(t) + e low - t^2 / 2) + e high, where 1 + t is from the root of 1/2 to
    the root of 2, and high + low = log 2. Here all that comes times -1/2, of s = -t / 2: then the scales of t^2 and of the result
    cost no multiplications. single: (4, n), scratch, in which the result is; double, wide: (n,), scratch.
    """
    s: np.ndarray
    s, z, p, power = single
    words &= _LOW_BITS
    np.subtract(_WHOLE, words, words)
    s[...] = words
    bits = s.view(np.int32)
    bits -= _ROOT_OF_WHOLE
    np.right_shift(bits, _TO_EXPONENT, words)
    power[...] = words
    bits &= _FRACTION
    bits += _HALF_OF_ROOT
    np.subtract(_HALF, s, s)
    np.multiply(s, s, z)
    wide[...] = s
    _chain(_LOG_POLYNOMIAL, _LOG_ANCHOR, wide, double, p)
    p *= s
    double[...] = p
    wide[...] = z
    double *= wide
    np.multiply(power, _LOG_TWO_LOW, p)
    wide[...] = p
    double += wide
    p[...] = double
    p += z
    s += p
    power *= _LOG_TWO_HIGH
    s += power
    np.sqrt(s, s)
    return s


def _twice_cos_sin(
    words: np.ndarray, single: np.ndarray, double: np.ndarray, wide: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """2 cos and 2 sin of 2 pi u in float32, where u are the uniform numbers of `words`, (n,) int32, which are overwritten.

    single: (4, n), scratch, in which the results are; double, wide: (n,), scratch.
    """
    octant, (x, z, c, s) = words, single
    octant &= _LOW_BITS
    x[...] = octant
    x *= _TURN_OF_UNIT
    # The whole part of x times 4 / pi in float32, which is that of u / 2^21 for every u.
    octant >>= _TO_OCTANT
    octant += _INT_ONE
    octant &= _NOT_ONE
    c[...] = octant
    for part in _QUARTER_OF_PI:
        np.multiply(c, part, z)
        x -= z
    np.multiply(x, x, z)
    wide[...] = z
    _short_chain(*_COS_POLYNOMIAL, wide, double, c)
    c *= z
    double[...] = c
    double -= _ONE  # exact, so that the product is 2 (c z - z / 2) rounded once
    double *= wide
    c[...] = double
    c += _TWO
    _short_chain(*_SIN_POLYNOMIAL, wide, double, s)
    s *= z
    double[...] = s
    double += _TWO_DOUBLE  # exact where it matters
    wide[...] = x
    double *= wide
    s[...] = double
    # Where octant & 2 the two change places; where octant & 4 sine, and where octant + 2 has that bit cosine, turns negative.
    cos, sin, turned, change = c.view(np.int32), s.view(np.int32), x.view(np.int32), z.view(np.int32)
    np.left_shift(octant, _TO_TURN, turned)
    turned >>= _ALL_BITS  # all bits or none
    np.bitwise_xor(cos, sin, change)
    turned &= change
    cos ^= turned
    sin ^= turned
    octant <<= _TO_SIGN
    np.bitwise_and(octant, _SIGN, change)
    sin ^= change
    octant += _QUARTER_TURN
    octant &= _SIGN
    cos ^= octant
    return c, s


def _blocks32(words: np.ndarray, mean: float, std: float, out: np.ndarray, scratch: _Scratch) -> None:
    """Fill `out` with float32 normal numbers, (16 m,), of as many words: in each block, eight radii and eight angles give eight pairs.

    scratch: for at least 8 m pairs.
    """
    half = words.size // 2
    halves, single, (double, wide) = (
        scratch.words[:, :half],
        scratch.single[:, :half],
        scratch.double[:, :half],
    )
    # The order of the pairs is of no matter as long as it is undone: first all first fours of the eights, then all second ones.
    fours = halves.view(_FOUR).reshape(2, 2, -1)
    source = words.view(_FOUR).reshape(-1, 4)
    fours[0, 0], fours[0, 1] = source[:, 0], source[:, 1]
    fours[1, 0], fours[1, 1] = source[:, 2], source[:, 3]
    radius = _half_radius(halves[0], single[:4], double, wide)
    cos, sin = _twice_cos_sin(halves[1], single[1:], double, wide)
    cos *= radius
    sin *= radius
    target = out.view(_FOUR).reshape(-1, 4)
    target[:, 0], target[:, 1] = cos.view(_FOUR).reshape(2, -1)
    target[:, 2], target[:, 3] = sin.view(_FOUR).reshape(2, -1)
    if std != 1.0 or mean != 0.0:
        out[...] = multiply_add32(out, std, mean)
    elif not radius.min():
        out += _ZERO  # no negative zeros


def _blocks64(uniform: np.ndarray, mean: float, std: float) -> np.ndarray:
    """float64 normal numbers (16 m,) of as many uniform ones."""
    pairs = uniform.reshape(-1, 2, 8)
    radius = np.sqrt(-2.0 * library.log(1.0 - pairs[:, 0].reshape(-1)))
    theta = _TWO_PI * pairs[:, 1].reshape(-1)
    values = np.empty(pairs.shape)
    shape = (pairs.shape[0], 8)
    values[:, 0] = (radius * library.cos(theta)).reshape(shape)
    values[:, 1] = (radius * library.sin(theta)).reshape(shape)
    return multiply_add64(values.reshape(-1), std, mean)


def _fill_blocks(generator: Generator, flat: np.ndarray, mean: float, std: float) -> None:
    dtype = flat.dtype
    double = dtype == np.float64
    if not double:
        mean, std = float(np.float32(mean)), float(np.float32(std))

    scratch = _Scratch(0 if double else 8 * min(flat.size // 16, _BLOCKS))

    def fill_block(words: np.ndarray, target: np.ndarray) -> None:
        if dtype == np.float32:
            _blocks32(words, mean, std, target, scratch)
            return
        single = np.empty(words.size, np.float32)
        _blocks32(words, mean, std, single, scratch)
        target[...] = single

    full = flat.size // 16 * 16
    if double:
        for part in slices(full, 16 * _BLOCKS):
            flat[part] = _blocks64(generator._unit_doubles(part.stop - part.start), mean, std)
    else:
        for batch in slices(full, _BATCH):
            words, target = generator._words(batch.stop - batch.start), flat[batch]
            for part in slices(words.size, 16 * _BLOCKS):
                fill_block(words[part], target[part])
    rest = flat.size - full
    if rest:
        # The last 16 values are made anew. The wider types have by then drawn a number for each value of the rest.
        if dtype.itemsize > 2:
            generator._words(2 * rest if double else rest)
        if double:
            flat[-16:] = _blocks64(generator._unit_doubles(16), mean, std)
        else:
            fill_block(generator._words(16), flat[-16:])


# ---- pairs of doubles


def next_normal(generator: Generator, uniform: Any) -> float:
    """One standard normal double: the cached one, or the first of a new pair. `uniform()` draws a uniform double."""
    cached = generator._cached_normal
    if cached is not None:
        generator._cached_normal = None
        return cached
    u1 = uniform()
    u2 = uniform()
    radius = math.sqrt(-2.0 * math.log1p(-u2))
    theta = _TWO_PI * u1
    generator._cached_normal = radius * math.sin(theta)
    return radius * math.cos(theta)


def _serial(generator: Generator, count: int, functions: Any) -> tuple[np.ndarray, np.ndarray, int]:
    """`count` standard normal doubles (count,), the uniform numbers of the new pairs, and how many values were cached."""
    values = np.empty(count)
    start = 0
    if generator._cached_normal is not None and count:
        values[0] = generator._cached_normal
        generator._cached_normal = None
        start = 1
    pairs = (count - start + 1) // 2
    uniform = generator._unit_doubles(2 * pairs)
    both = np.empty((pairs, 2))
    radius = np.sqrt(-2.0 * functions.log1p(-uniform[1::2]))
    theta = _TWO_PI * uniform[0::2]
    np.multiply(radius, functions.cos(theta), both[:, 0])
    np.multiply(radius, functions.sin(theta), both[:, 1])
    values[start:] = both.reshape(-1)[: count - start]
    if (count - start) % 2:
        angle = _TWO_PI * float(uniform[-2])
        generator._cached_normal = math.sqrt(-2.0 * math.log1p(-float(uniform[-1]))) * math.sin(angle)
    return values, uniform, start


def _few(generator: Generator, count: int) -> list[float]:
    """The same for a handful of values, in plain Python."""
    values: list[float] = []
    if generator._cached_normal is not None and count:
        values.append(generator._cached_normal)
        generator._cached_normal = None
    pairs = (count - len(values) + 1) // 2
    uniform = generator._unit_doubles(2 * pairs).tolist()
    for pair in range(0, 2 * pairs, 2):
        radius = math.sqrt(-2.0 * math.log1p(-uniform[pair + 1]))
        theta = _TWO_PI * uniform[pair]
        values.append(radius * math.cos(theta))
        values.append(radius * math.sin(theta))
    if len(values) > count:
        generator._cached_normal = values.pop()
    return values


def _exact_at(uniform: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """The standard normal doubles at `positions` (k,) of the new pairs, to the last bit."""
    pairs = positions // 2
    radius = np.sqrt(-2.0 * library.log1p(-uniform[1::2][pairs]))
    theta = _TWO_PI * uniform[0::2][pairs]
    return np.where(positions % 2 == 0, radius * library.cos(theta), radius * library.sin(theta))


def _fill_serial(generator: Generator, flat: np.ndarray, mean: float, std: float, exponential: bool) -> None:
    dtype = flat.dtype

    def finish(normal: np.ndarray, functions: Any) -> np.ndarray:
        values = multiply_add64(normal, std, mean)
        result: np.ndarray = functions.exp(values) if exponential else values
        return result

    for part in slices(flat.size):
        count = part.stop - part.start
        if count < 64:
            few = _few(generator, count)
            if std != 1.0 or mean != 0.0:
                few = multiply_add_list(few, std, mean)
            if exponential:
                exp = scalar("exp")
                few = [exp(value) for value in few]
            flat[part] = cast(np.array(few), dtype)
            continue
        if dtype == np.float64:
            flat[part] = cast(finish(_serial(generator, count, library)[0], library), dtype)
            continue
        normal, uniform, cached = _serial(generator, count, np)
        values = finish(normal, np)
        # NumPy's functions may be off by the last bit; where that could change the rounded result, compute it again.
        around = (np.abs(normal * std) + abs(mean)) * 2.0**-49
        if exponential:
            around = (around + 2.0**-50) * values
        doubtful = np.flatnonzero(
            (values - around).astype(np.float32) != (values + around).astype(np.float32)
        )
        if doubtful.size:
            fresh = doubtful[doubtful >= cached]
            normal[fresh] = _exact_at(uniform, fresh - cached)
            values[doubtful] = finish(normal[doubtful], library)
        flat[part] = cast(values, dtype)


# ---- samplers


def normal_(generator: Generator, out: np.ndarray, mean: float = 0.0, std: float = 1.0) -> None:
    """Fill a floating or complex array with normal numbers. A complex number's two parts share the variance."""
    mean, std = float(mean), float(std)
    if not std >= 0.0:
        raise RuntimeError(f"normal expects std >= 0.0, but found std {std:g}")
    if out.dtype.kind == "c":
        out = as_real(out)
        std /= math.sqrt(2.0)
    if out.size == 0:
        return
    if name_of(out.dtype) not in LARGEST:
        refuse("normal_kernel_cpu", out.dtype)
    with generator._lock, np.errstate(all="ignore"):
        if out.size >= 16 and out.flags.c_contiguous:
            _fill_blocks(generator, out.reshape(-1), mean, std)
        else:
            fill(out, lambda flat: _fill_serial(generator, flat, mean, std, False))


def log_normal_(generator: Generator, out: np.ndarray, mean: float = 1.0, std: float = 2.0) -> None:
    """Fill a floating array with exponentials of normal numbers."""
    mean, std = float(mean), float(std)
    if not std > 0.0:
        raise RuntimeError(f"log_normal_ expects std > 0.0, but found std={std:g}")
    if out.size == 0:
        return
    if name_of(out.dtype) not in LARGEST:
        refuse("log_normal_cpu", out.dtype)
    with generator._lock, np.errstate(all="ignore"):
        fill(out, lambda flat: _fill_serial(generator, flat, mean, std, True))
