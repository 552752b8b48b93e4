"""Samplers that take a fixed number of words per value: uniform, integers, coin flips, permutations, and inverse transforms.

Every function takes a generator and an array, and fills the array in place; elements are drawn in the order in which they lie
in memory, whatever the order of the dimensions. Nothing is drawn for empty arrays, nor by calls that raise.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NoReturn

import numpy as np

from .generator import Generator
from .precise import library, multiply_add32, multiply_add64

CHUNK = 65536
_FEW = 256
_FLOAT32 = np.dtype(np.float32)
_SCALAR_NAMES = {
    "bool": "Bool",
    "uint8": "Byte",
    "int8": "Char",
    "int16": "Short",
    "int32": "Int",
    "int64": "Long",
    "uint16": "UInt16",
    "uint32": "UInt32",
    "uint64": "UInt64",
    "float16": "Half",
    "bfloat16": "BFloat16",
    "float32": "Float",
    "float64": "Double",
    "complex64": "ComplexFloat",
    "complex128": "ComplexDouble",
    "float8_e4m3fn": "Float8_e4m3fn",
    "float8_e5m2": "Float8_e5m2",
    "float8_e4m3fnuz": "Float8_e4m3fnuz",
    "float8_e5m2fnuz": "Float8_e5m2fnuz",
    "float8_e8m0fnu": "Float8_e8m0fnu",
}
NATIVE_NAMES = {
    "bool": "bool",
    "uint8": "unsigned char",
    "int8": "signed char",
    "int16": "short int",
    "int32": "int",
    "int64": "long int",
    "uint16": "short unsigned int",
    "uint32": "unsigned int",
    "uint64": "long unsigned int",
    "float16": "c10::Half",
    "bfloat16": "c10::BFloat16",
    "float32": "float",
    "float64": "double",
    "complex64": "c10::complex<float>",
    "complex128": "c10::complex<double>",
}
LARGEST = {
    "float16": 65504.0,
    "bfloat16": float.fromhex("0x1.fep127"),
    "float32": float.fromhex("0x1.fffffep127"),
    "float64": float.fromhex("0x1.fffffffffffffp1023"),
}
SHORT = frozenset(("float16", "bfloat16"))


_names: dict[np.dtype[Any], str] = {}


def name_of(dtype: np.dtype[Any]) -> str:
    """NumPy's name of a dtype, which NumPy itself takes microseconds to compute."""
    name = _names.get(dtype)
    if name is None:
        name = _names[dtype] = str(dtype.name)
    return name


def scalar_name(dtype: np.dtype[Any]) -> str:
    """What torch's error texts call an element type: "Float"."""
    return _SCALAR_NAMES.get(name_of(dtype), name_of(dtype))


def refuse(kernel: str, dtype: np.dtype[Any]) -> NoReturn:
    """Raise torch's error for an element type that a sampler does not know."""
    raise NotImplementedError(f"\"{kernel}\" not implemented for '{scalar_name(dtype)}'")


def as_real(array: np.ndarray) -> np.ndarray:
    """A view of a complex array (...,) as real pairs (..., 2)."""
    return array[..., np.newaxis].view(np.float32 if array.dtype == np.complex64 else np.float64)


def memory_order(array: np.ndarray) -> np.ndarray:
    """A view with the dimensions sorted so that walking it row by row follows the memory.

    Raises RuntimeError where elements share memory, as in expanded tensors.
    """
    if array.flags.c_contiguous:
        return array
    shape, strides = array.shape, array.strides
    for size, stride in zip(shape, strides, strict=True):
        if stride == 0 and size > 1:
            raise RuntimeError(
                "unsupported operation: more than one element of the written-to tensor refers to a single memory location. "
                "Please clone() the tensor before performing the operation."
            )
    order = sorted((d for d in range(array.ndim) if shape[d] != 1), key=lambda d: (-strides[d], -shape[d]))
    return array.transpose(order + [d for d in range(array.ndim) if shape[d] == 1])


def fill(out: np.ndarray, filler: Callable[[np.ndarray], None]) -> None:
    """Let `filler` fill a flat array (n,) with the elements of `out` in memory order."""
    if out.size == 0:
        return
    if out.flags.c_contiguous:
        filler(out.reshape(-1))
        return
    view = memory_order(out)
    flat = np.empty(view.size, out.dtype)
    filler(flat)
    view[...] = flat.reshape(view.shape)


def slices(size: int, length: int = CHUNK) -> Iterable[slice]:
    """Consecutive slices that cover range(size), of at most `length` each."""
    if size <= length:
        return (slice(0, size),)
    return _many_slices(size, length)


def _many_slices(size: int, length: int) -> Iterator[slice]:
    for start in range(0, size, length):
        yield slice(start, min(start + length, size))


def cast(values: np.ndarray, dtype: np.dtype[Any]) -> np.ndarray:
    """float64 or float32 values (n,) in a floating dtype; the 16-bit types round by way of float32."""
    if name_of(dtype) in SHORT:
        return values.astype(np.float32, copy=False).astype(dtype)
    return values.astype(dtype, copy=False)


def narrow(number: float, dtype: np.dtype[Any]) -> float:
    """A number rounded to a dtype."""
    with np.errstate(over="ignore"):
        return float(cast(np.array([number], np.float64), dtype)[0])


# ---- uniform


def _single(number: float) -> float:
    """The nearest float32."""
    return float(np.float32(number))


def _uniform_bounds(dtype: np.dtype[Any], from_: float, to: float) -> None:
    largest = LARGEST.get(name_of(dtype))
    if largest is None:
        refuse("check_uniform_bounds", dtype)
    for name, value in (("from", from_), ("to", to)):
        if not -largest <= value <= largest:
            raise RuntimeError(f"{name} is out of bounds for {NATIVE_NAMES[name_of(dtype)]}")
    if from_ > to:
        raise RuntimeError(
            f"uniform_ expects to return a [from, to) range, but found from={from_:g} > to={to:g}"
        )
    if to - from_ > largest:
        raise RuntimeError(
            f"uniform_ expects to-from <= std::numeric_limits<{scalar_name(dtype)}>::max(), but found "
            f"to={to:g} and from={from_:g} which result in to-from to exceed the limit"
        )


def uniform_(generator: Generator, out: np.ndarray, from_: float = 0.0, to: float = 1.0) -> None:
    """Fill a floating or complex array with uniform numbers of [from_, to)."""
    dtype = out.dtype
    unit = from_ == 0.0 and to == 1.0
    if unit and dtype == _FLOAT32 and out.size <= _FEW and out.flags.c_contiguous:
        with generator._lock:
            out.reshape(-1)[...] = generator._unit_floats(out.size)
        return
    if dtype.kind == "c":
        if out.size == 0:
            return  # torch does not look at the bounds then
        out = as_real(out)
        dtype = out.dtype
    from_, to = float(from_), float(to)
    if not unit or name_of(dtype) not in LARGEST:
        _uniform_bounds(dtype, from_, to)
    double = dtype == np.float64
    if not double:
        from_, to = _single(from_), _single(to)
    width = to - from_ if double else _single(to - from_)
    end, start = cast(np.array((to, from_)), dtype)

    def filler(flat: np.ndarray) -> None:
        for part in slices(flat.size):
            count = part.stop - part.start
            if double:
                values = generator._unit_doubles(count)
                if not unit:
                    values = multiply_add64(values, width, from_)
            else:
                values = generator._unit_floats(count)
                if not unit:
                    values = multiply_add32(values, width, from_)
            target = flat[part]
            target[...] = values
            if not unit or dtype.itemsize == 2:
                target[target == end] = start

    with generator._lock:
        fill(out, filler)


# ---- coin flips


def bernoulli_(generator: Generator, out: np.ndarray, p: float | np.ndarray = 0.5) -> None:
    """Fill an array with ones of probability p and zeros. An array p is expanded to the shape of `out`.

    A float (and float64 array) p costs two words per element, an array of smaller floats one.
    """
    if isinstance(p, np.ndarray):
        _bernoulli_each(generator, out, p)
        return
    if not 0.0 <= p <= 1.0:
        raise RuntimeError(f"bernoulli_ expects p to be in [0, 1], but got p={p:g}")
    if out.size and not _flippable(out.dtype):
        refuse("bernoulli_scalar_cpu_", out.dtype)

    def filler(flat: np.ndarray) -> None:
        for part in slices(flat.size):
            flat[part] = generator._unit_doubles(part.stop - part.start) < p

    with generator._lock:
        fill(out, filler)


def _flippable(dtype: np.dtype[Any]) -> bool:
    name = name_of(dtype)
    return dtype.kind in "bi" or name == "uint8" or name in LARGEST


def _bernoulli_each(generator: Generator, out: np.ndarray, p: np.ndarray) -> None:
    if p.shape != out.shape:
        p = np.broadcast_to(p, out.shape)
    if out.size == 0:
        return
    if not _flippable(out.dtype):
        refuse("bernoulli_tensor_cpu_self_", out.dtype)
    if name_of(p.dtype) not in LARGEST:
        refuse("bernoulli_tensor_cpu_p_", p.dtype)
    if not bool(((p >= 0) & (p <= 1)).all()):
        raise RuntimeError(
            "Expected p_in >= 0 && p_in <= 1 to be true, but got false.  "
            "(Could this error message be improved?  If so, please report an enhancement request to PyTorch.)"
        )
    view = memory_order(out)
    if view is not out:
        order = sorted(
            (d for d in range(out.ndim) if out.shape[d] != 1), key=lambda d: (-out.strides[d], -out.shape[d])
        )
        p = p.transpose(order + [d for d in range(out.ndim) if out.shape[d] == 1])
    chances = np.ascontiguousarray(p).reshape(-1)
    double = p.dtype == np.float64

    def filler(flat: np.ndarray) -> None:
        for part in slices(flat.size):
            count = part.stop - part.start
            draws = generator._unit_doubles(count) if double else generator._unit_floats(count)
            flat[part] = draws < chances[part].astype(draws.dtype, copy=False)

    with generator._lock:
        fill(out, filler)


# ---- inverse transforms of one uniform double each


def _transformed(
    generator: Generator,
    out: np.ndarray,
    formula: Callable[[np.ndarray, Any], np.ndarray],
    error: Callable[[np.ndarray], np.ndarray],
) -> None:
    """Fill `out` with formula(uniform doubles, functions), to the last bit.

    For float32 and shorter, NumPy's own functions do, except where their uncertainty `error(result)` reaches across the border
    between two float32 numbers: there the C library's decide.
    """

    def filler(flat: np.ndarray) -> None:
        for part in slices(flat.size):
            draws = generator._unit_doubles(part.stop - part.start)
            flat[part] = cast(settled(draws, flat.dtype, formula, error), flat.dtype)

    with generator._lock, np.errstate(all="ignore"):
        fill(out, filler)


def settled(
    draws: np.ndarray,
    dtype: np.dtype[Any],
    formula: Callable[[np.ndarray, Any], np.ndarray],
    error: Callable[[np.ndarray], np.ndarray],
) -> np.ndarray:
    """formula(draws, functions) in float64, good enough that rounding it to `dtype` gives the right bits."""
    if dtype == np.float64 or draws.shape[0] < 64:
        return formula(draws, library)
    values = formula(draws, np)
    around = error(values)
    doubtful = np.flatnonzero((values - around).astype(np.float32) != (values + around).astype(np.float32))
    if doubtful.size:
        values[doubtful] = formula(draws[doubtful], library)
    return values


def exponential_(generator: Generator, out: np.ndarray, lambd: float = 1.0) -> None:
    """Fill a floating array with exponential numbers of rate lambd."""
    if not lambd > 0.0:
        raise RuntimeError(f"exponential_ expects lambda > 0.0, but found lambda={lambd:g}")
    if out.size == 0:
        return
    if name_of(out.dtype) not in LARGEST:
        if name_of(out.dtype).startswith("float8"):
            refuse("exponential_cpu", out.dtype)
        raise RuntimeError(
            "Exponential distribution is a continuous probability distribution. dtype must be a floating point but "
            f"you specified {scalar_name(out.dtype)}"
        )
    factor = -1.0 / lambd

    def formula(draws: np.ndarray, functions: Any) -> np.ndarray:
        values: np.ndarray = functions.log1p(-draws)
        values *= factor
        return values

    _transformed(generator, out, formula, lambda values: np.abs(values) * 2.0**-50)


def cauchy_(generator: Generator, out: np.ndarray, median: float = 0.0, sigma: float = 1.0) -> None:
    """Fill a floating array with numbers of the Cauchy distribution."""
    if not sigma > 0.0:
        raise RuntimeError(f"cauchy_ expects sigma > 0.0, but found sigma={sigma:g}")
    if name_of(out.dtype) not in LARGEST:
        if name_of(out.dtype).startswith("float8"):
            if out.size == 0:
                return
            refuse("cauchy_cpu", out.dtype)
        raise RuntimeError(
            "Cauchy distribution is a continuous probability distribution. dtype must be a floating point but "
            f"you specified {NATIVE_NAMES.get(name_of(out.dtype), name_of(out.dtype))}"
        )
    median, sigma = float(median), float(sigma)

    def formula(draws: np.ndarray, functions: Any) -> np.ndarray:
        return multiply_add64(functions.tan(math.pi * (draws - 0.5)), sigma, median)

    _transformed(generator, out, formula, lambda values: (np.abs(values) + 2 * abs(median)) * 2.0**-49)


def geometric_(generator: Generator, out: np.ndarray, p: float) -> None:
    """Fill a floating or integer array with numbers of trials up to the first success of probability p."""
    if not 0.0 < p < 1.0:
        raise RuntimeError(f"geometric_ expects p to be in (0, 1), but got p={p:g}")
    if out.size == 0:
        return
    dtype = out.dtype
    if not _flippable(dtype) or dtype.kind == "b":
        refuse("geometric_cpu", dtype)
    divisor = math.log1p(-p)

    def filler(flat: np.ndarray) -> None:
        for part in slices(flat.size):
            draws = generator._unit_doubles(part.stop - part.start)
            ratio = np.log(draws) / divisor
            # A ratio this close to a whole number could be rounded up to another one.
            doubtful = np.flatnonzero(np.abs(ratio - np.rint(ratio)) <= ratio * 2.0**-50)
            if doubtful.size:
                ratio[doubtful] = library.log(draws[doubtful]) / divisor
            values = np.ceil(ratio)
            if name_of(dtype) in LARGEST:
                flat[part] = cast(values, dtype)
            elif dtype.itemsize == 8:
                flat[part] = values.astype(dtype)
            else:
                # The smaller integers are converted as 32-bit ones and cut off.
                flat[part] = values.astype(np.int32).astype(dtype)

    with generator._lock, np.errstate(all="ignore"):
        fill(out, filler)
