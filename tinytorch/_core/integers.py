"""Random integers and permutations. As in torch they are remainders of raw words, without rejection."""

from __future__ import annotations

import sys
import warnings
from typing import Any

import numpy as np

from .generator import Generator
from .sampling import LARGEST, NATIVE_NAMES, SHORT, cast, fill, name_of, narrow, refuse, scalar_name, slices

# Bits of the significand.
_DIGITS = {"float32": 24, "float64": 53, "bfloat16": 8, "float16": 11}
_LOWEST = -(2**63)
_WORD_RANGE = 1 << 28
_WIDE = 214748364
# Up to this size a Python loop over a list permutes faster than batches of swaps do.
_LIST_PERMUTATION = 500
_BATCH_BITS = 12  # a sorted batch of swaps has as many steps as so many bits can count
# From this size on, importing SciPy's linear algebra repays itself.
_ROW_PERMUTATION = 1 << 18
_COUNT_NAMES = {"uint8": "uint8_t", "int8": "int8_t", "int16": "int16_t", "int32": "int"}


def random_(generator: Generator, out: np.ndarray, from_: int | None = None, to: int | None = None) -> None:
    """Fill an array with integers of [from_, to); `to` alone starts at 0, `from_` alone ends with the largest integer of the
    dtype, neither starts at 0 and ends with the largest. Raises RuntimeError for empty or impossible ranges.
    """
    if from_ is None and to is None:
        _fill_unbounded(generator, out)
        return
    if to is not None:
        first, end = _bounds(out.dtype, 0 if from_ is None else from_, to)
        _fill_range(generator, out, first, (end - first) % 2**64)
    elif from_ == _LOWEST:
        _fill_all(generator, out)
    else:
        assert from_ is not None
        first, last = _bounds_to_largest(out.dtype, from_)
        _fill_range(generator, out, first, (last - first + 1) % 2**64)


def _as_int64(value: float) -> int:
    """What a processor makes of a float converted to int64."""
    return int(value) if -(2.0**63) <= value < 2.0**63 else _LOWEST


def _step(number: int, digits: int) -> int:
    """The distance between the floats near a number that is too large for all of its digits."""
    return 1 << (abs(number).bit_length() - digits)


def _raised(dtype: np.dtype[Any], first: int) -> int:
    """`first`, or where rounding to `dtype` would fall below it, the next number that does not."""
    rounded = _as_int64(narrow(float(first + 1), dtype))
    return rounded + _step(first + 1, _DIGITS[name_of(dtype)]) if rounded < first else first


def _lowered(dtype: np.dtype[Any], end: int) -> int:
    """`end`, or where rounding to `dtype` would reach it, the next number that does not."""
    rounded = _as_int64(narrow(float(end - 1), dtype))
    return rounded - _step(end - 1, _DIGITS[name_of(dtype)]) if rounded >= end else end


def _check_inside(dtype: np.dtype[Any], first: int, last: int) -> None:
    """Raise where the ends are not numbers of the dtype, and warn where floats there have gaps."""
    name = name_of(dtype)
    if name in LARGEST:
        low, high = -LARGEST[name], LARGEST[name]
    elif dtype.kind in "iu":
        low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
    elif dtype.kind == "b":
        low, high = 0, 1
    else:
        raise RuntimeError("check_random_bounds handles only integral, floating-point and boolean types")
    for label, value in (("from", first), ("to - 1", last)):
        if not low <= value <= high:
            raise RuntimeError(f"{label} is out of bounds for {NATIVE_NAMES[name]}")
    if name not in LARGEST:
        return
    digits = _DIGITS[name]
    for label, value, line in (("from", first, 110), ("to - 1", last, 111)):
        if not -(1 << digits) <= value <= 1 << digits:
            warnings.warn(
                f"{label} is out of bounds [-(2^{digits}), 2^{digits}]. Due to precision limitations {NATIVE_NAMES[name]} can "
                "support discrete uniform distribution only within this range. This warning will become an error in version "
                "1.7 release, please fix the code in advance (Triggered internally at "
                f"/__w/pytorch/pytorch/aten/src/ATen/native/DistributionTemplates.h:{line}.)",
                UserWarning,
                stacklevel=4,
            )


def _bounds(dtype: np.dtype[Any], first: int, end: int) -> tuple[int, int]:
    if first >= end:
        raise RuntimeError(f"random_ expects 'from' to be less than 'to', but got from={first} >= to={end}")
    if name_of(dtype) in LARGEST:
        first, end = _raised(dtype, first), _lowered(dtype, end)
        if first >= end:
            raise RuntimeError(
                "random_ expects 'from' casted to dtype to be less than 'to' casted to dtype, "
                f"but got from={first} >= to={end}"
            )
    elif name_of(dtype).startswith("float8"):
        refuse("random_update_from_to", dtype)
    _check_inside(dtype, first, end - 1)
    return first, end


def _bounds_to_largest(dtype: np.dtype[Any], first: int) -> tuple[int, int]:
    name = name_of(dtype)
    if name in LARGEST:
        last = 1 << _DIGITS[name]
        first = _raised(dtype, first)
        if first >= last:
            raise RuntimeError(
                "random_ expects 'from' casted to dtype to be less than or equal to 'to_inc' casted to dtype, "
                f"but got from={first} > to_inc={last}"
            )
    elif dtype.kind == "b":
        last = 1
    elif dtype.kind in "iu":
        # torch keeps the largest uint64 in a signed number, which then is -1.
        last = -1 if name == "uint64" else int(np.iinfo(dtype).max)
    elif name.startswith("float8"):
        refuse("random_from_to_range_calc", dtype)
    else:
        raise RuntimeError("random_from_to_impl handles only integral, floating-point and boolean types")
    _check_inside(dtype, first, last)
    return first, last


def _cast_integers(values: np.ndarray, dtype: np.dtype[Any]) -> np.ndarray:
    """int64 values in any dtype: cut off to smaller integers, rounded to floats."""
    return (
        cast(values.astype(np.float32), dtype)
        if name_of(dtype) in SHORT
        else values.astype(dtype, copy=False)
    )


def _fill_range(generator: Generator, out: np.ndarray, first: int, range_: int) -> None:
    dtype = out.dtype
    divisor = range_ or 2**64

    def filler(flat: np.ndarray) -> None:
        for part in slices(flat.size):
            count = part.stop - part.start
            if divisor < _WORD_RANGE:
                words = generator._words(count)
                if divisor & (divisor - 1) == 0:
                    remainders = words & np.uint32(divisor - 1)
                else:
                    # Division by a constant is vectorised, the remainder is not.
                    remainders = words // np.uint32(divisor)
                    remainders *= np.uint32(divisor)
                    np.subtract(words, remainders, remainders)
                values = remainders.astype(np.int64)
            else:
                longs = generator._longs(count)
                if divisor < 2**64:
                    longs %= np.uint64(divisor)
                values = longs.view(np.int64)
            if first:
                values += np.int64(first)
            flat[part] = _cast_integers(values, dtype)

    with generator._lock:
        fill(out, filler)


def _fill_all(generator: Generator, out: np.ndarray) -> None:
    """All 64 bits of each draw."""
    dtype = out.dtype
    if out.size == 0:
        return
    if name_of(dtype) in ("uint8", "int8", "int16", "int32"):
        raise RuntimeError(
            "random_full_64_bits_range_kernel_cpu handles only int64, double, float and bfloat16"
        )
    if name_of(dtype) not in ("int64", "float64", "float32", "bfloat16"):
        refuse("random_full_64_bits_range_kernel_cpu", dtype)
    _fill_range(generator, out, 0, 0)


def _fill_unbounded(generator: Generator, out: np.ndarray) -> None:
    dtype = out.dtype
    name = name_of(dtype)
    if out.size == 0:
        return
    if name == "bool":
        divisor = 2
    elif name in ("uint8", "int8", "int16", "int32", "int64"):
        divisor = int(np.iinfo(dtype).max) + 1
    elif name in LARGEST:
        divisor = (1 << _DIGITS[name]) + 1
    else:
        refuse("random_kernel_cpu", dtype)

    def filler(flat: np.ndarray) -> None:
        for part in slices(flat.size):
            count = part.stop - part.start
            if dtype.itemsize == 8:
                values = (generator._longs(count) % np.uint64(divisor)).view(np.int64)
            else:
                values = (generator._words(count) % np.uint32(divisor)).astype(np.int64)
            flat[part] = _cast_integers(values, dtype)

    with generator._lock:
        fill(out, filler)


# ---- permutations


def _check_count(n: int, dtype: np.dtype[Any]) -> None:
    name = name_of(dtype)
    if n < 0:
        raise RuntimeError(f"Trying to create tensor with negative dimension {n}: [{n}]")
    if dtype.kind == "i" or name == "uint8":
        if n - 1 > np.iinfo(dtype).max:
            raise RuntimeError(f"value cannot be converted to type {_COUNT_NAMES[name]} without overflow")
    elif name not in LARGEST:
        refuse("randperm", dtype)
    elif name != "bfloat16" and n > (1 << _DIGITS[name]) + 1:
        most = "2049" if name == "float16" else f"2^{_DIGITS[name]}+1"
        raise RuntimeError(f"n cannot be greater than {most} for {scalar_name(dtype)} type.")


def randperm(generator: Generator, n: int, dtype: np.dtype[Any] | type = np.int64) -> np.ndarray:
    """A random permutation of 0..n-1, (n,). Raises RuntimeError where n - 1 is too large for the dtype."""
    dtype = np.dtype(dtype)
    _check_count(n, dtype)
    with generator._lock:
        if n >= _WIDE:
            result = _permutation_inside_out(generator, n)
        elif n <= _LIST_PERMUTATION:
            result = _permutation_of_list(generator, n)
        elif n < _ROW_PERMUTATION and "scipy.linalg" not in sys.modules:
            result = _permutation_in_batches(generator, n)
        else:
            result = _permutation_by_rows(generator, n)
    return _cast_integers(result, dtype)


def _targets(generator: Generator, start: int, stop: int, n: int) -> np.ndarray:
    """What the steps start..stop of the shuffle swap with, uint32: somewhere from the step itself to the end."""
    steps = np.arange(start, stop, dtype=np.uint32)
    targets: np.ndarray = generator._words(stop - start) % (np.uint32(n) - steps)
    targets += steps
    return targets


def _permutation_of_list(generator: Generator, n: int) -> np.ndarray:
    order = list(range(n))
    if n > 1:
        for step, target in enumerate(_targets(generator, 0, n - 1, n).tolist()):
            order[step], order[target] = order[target], order[step]
    return np.array(order, np.int64)


def _permutation_in_batches(generator: Generator, n: int) -> np.ndarray:
    """The same swaps, a batch of steps at a time: step i brings to place i what lies at its target, and leaves there what lay at i.

    What lies at i when step i comes is what the last earlier step with target i left, so inside a batch it is found by following such
    steps back to one that found its place untouched.
    """
    order = np.arange(n, dtype=np.int32)
    for start in range(0, n - 1, 1 << _BATCH_BITS):
        stop = min(start + (1 << _BATCH_BITS), n - 1)
        _swap_batch(order, start, stop, _targets(generator, start, stop, n))
    return order.astype(np.int64)


def _swap_batch(order: np.ndarray, start: int, stop: int, targets: np.ndarray) -> None:
    """Do the steps start..stop on `order`, (n,) int32."""
    kind: Any = np.uint32 if order.size <= 1 << (32 - _BATCH_BITS) else np.uint64
    # Sorted by target, then by step: the users of one place are neighbours, the last one at the end.
    keys: Any = targets.astype(kind)
    keys <<= kind(_BATCH_BITS)
    keys |= np.arange(stop - start, dtype=kind)
    keys.sort()
    steps = (keys & kind((1 << _BATCH_BITS) - 1)).astype(np.intp)
    targets = (keys >> kind(_BATCH_BITS)).astype(np.intp)
    here = order[start:stop]
    inside = int(np.searchsorted(targets, stop))
    found = here[_origins(steps[:inside], targets[:inside] - start, stop - start)]
    brought = order[targets]
    again = np.flatnonzero(targets[1:] == targets[:-1])
    brought[again + 1] = found[steps[again]]
    order[targets] = found[steps]  # the last of several remains
    here[steps] = brought


def _permutation_by_rows(generator: Generator, n: int) -> np.ndarray:
    """The same swaps as row interchanges of a matrix of one column: LAPACK's `laswp` does them one after the other."""
    from scipy.linalg.lapack import dlaswp

    rows = np.arange(n, dtype=np.float64).reshape(n, 1, order="F")  # exact: n is below 2^53
    targets = np.empty(n - 1, np.int32)
    for part in slices(n - 1, 1 << 16):
        targets[part] = _targets(generator, part.start, part.stop, n)
    result: np.ndarray = dlaswp(rows, targets, overwrite_a=1)
    return result[:, 0].astype(np.int64)


def _origins(steps: np.ndarray, targets: np.ndarray, count: int) -> np.ndarray:
    """For each of `count` steps the one whose place held, at the start, what this one finds. Given: the steps with targets among them."""
    origins = np.arange(count)
    moving = targets != steps
    places = targets[moving]
    origins[places] = steps[moving]
    before = origins[places]
    while not np.array_equal(before, further := origins[before]):
        origins[places] = before = further
    return origins


def _permutation_inside_out(generator: Generator, n: int) -> np.ndarray:
    order = np.empty(n, np.int64)
    batch = 1 << 20
    for begin in range(0, n, batch):
        stop = min(begin + batch, n)
        draws = generator._longs(stop - begin)
        draws %= np.arange(begin + 1, stop + 1, dtype=np.uint64)
        for step, target in enumerate(draws.tolist(), begin):
            order[step] = order[target] if target != step else step
            order[target] = step
    return order
