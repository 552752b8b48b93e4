"""What kernels need to know of element types: torch's names for messages, and promotion between arrays of one rank.

Kernels see NumPy dtypes only. torch's error texts name types in C++ spelling ("Float", "unsigned char"), and torch promotes
int64 with float32 to float32 where NumPy would choose float64; both facts live here.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any

import ml_dtypes
import numpy as np

BFLOAT16 = np.dtype(ml_dtypes.bfloat16)

_SCALAR_TYPES = {
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
    "float8_e5m2": "Float8_e5m2",
    "float8_e4m3fn": "Float8_e4m3fn",
    "float8_e5m2fnuz": "Float8_e5m2fnuz",
    "float8_e4m3fnuz": "Float8_e4m3fnuz",
    "float8_e8m0fnu": "Float8_e8m0fnu",
}
_C_TYPES = {
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


def scalar_type_name(dtype: np.dtype[Any]) -> str:
    """torch's ScalarType name: float32 is "Float", int64 is "Long"."""
    return _SCALAR_TYPES.get(dtype.name, dtype.name)


def c_type_name(dtype: np.dtype[Any]) -> str:
    """The C++ type name some messages use: uint8 is "unsigned char"."""
    return _C_TYPES.get(dtype.name, dtype.name)


_WITH_LEGACY_CLASS = frozenset({"Byte", "Char", "Short", "Int", "Long", "Half", "Float", "Double"})


def tensor_type_name(dtype: np.dtype[Any]) -> str:
    """What messages call a dense tensor of a type: "torch.FloatTensor", or "CPUBoolType" where there is no such class."""
    name = scalar_type_name(dtype)
    return f"torch.{name}Tensor" if name in _WITH_LEGACY_CLASS else f"CPU{name}Type"


def converted(array: np.ndarray, dtype: np.dtype[Any]) -> np.ndarray:
    """The array in another type, itself if it has it; of complex numbers a real type keeps the real parts."""
    source = array.real if array.dtype.kind == "c" and dtype.kind not in "cb" else array
    return source.astype(dtype, copy=False)


def not_implemented(kernel: str, dtype: np.dtype[Any]) -> NotImplementedError:
    """torch's answer when a CPU kernel has no instance for an element type."""
    return NotImplementedError(f"\"{kernel}\" not implemented for '{scalar_type_name(dtype)}'")


def category(dtype: np.dtype[Any]) -> int:
    """0 for bool, 1 for integers, 2 for floating point, 3 for complex."""
    kind = dtype.kind
    if kind == "b":
        return 0
    if kind in "iu":
        return 1
    return 3 if kind == "c" else 2


@cache
def promote_pair(one: np.dtype[Any], other: np.dtype[Any]) -> np.dtype[Any]:
    """torch.promote_types for NumPy dtypes: the higher category decides, and widths matter only within a category."""
    if one == other:
        return one
    if category(one) > category(other):
        one, other = other, one
    high, low = category(other), category(one)
    if high == 3:
        if low == 3 or (low == 2 and one.itemsize == 8):
            return np.dtype(np.complex128)
        return other
    if high != low:
        return other
    if high == 2:
        if one.itemsize == other.itemsize == 2:
            return np.dtype(np.float32)
        return one if one.itemsize > other.itemsize else other
    for dtype in (one, other):
        if dtype.kind == "u" and dtype.itemsize > 1:
            names = f"{scalar_type_name(one)} and {scalar_type_name(other)}"
            raise RuntimeError(
                "Promotion for uint16, uint32, uint64 types is not supported, attempted to promote " + names
            )
    return np.promote_types(one, other)


def promote_arrays(arrays: Iterable[np.ndarray]) -> np.dtype[Any]:
    """torch.result_type of arrays: 0-dimensional ones count only if their category is above all others."""
    dimensioned: np.dtype[Any] | None = None
    scalar: np.dtype[Any] | None = None
    for array in arrays:
        dtype = array.dtype
        if array.ndim:
            dimensioned = dtype if dimensioned is None else promote_pair(dimensioned, dtype)
        else:
            scalar = dtype if scalar is None else promote_pair(scalar, dtype)
    if dimensioned is None:
        assert scalar is not None
        return scalar
    if scalar is None or category(scalar) <= category(dimensioned):
        return dimensioned
    return promote_pair(dimensioned, scalar)


def shape_text(shape: Iterable[int]) -> str:
    """A shape as torch prints it: "[2, 3]"."""
    return "[" + ", ".join(map(str, shape)) + "]"


def empty_like(array: np.ndarray, dtype: np.dtype[Any] | None = None) -> np.ndarray:
    """An uninitialised array of the same shape whose dimensions lie in memory in the same order."""
    if 0 in array.strides:
        return np.empty(array.shape, dtype or array.dtype)
    return np.empty_like(array, dtype or array.dtype)


def broadcast_shape(one: tuple[int, ...], other: tuple[int, ...]) -> tuple[int, ...]:
    """The broadcast of two shapes; a mismatch raises torch's text, which numbers dimensions in the result."""
    if one == other:
        return one
    rank = max(len(one), len(other))
    left = (1,) * (rank - len(one)) + one
    right = (1,) * (rank - len(other)) + other
    result = []
    for dimension in range(rank - 1, -1, -1):
        a, b = left[dimension], right[dimension]
        if a != b and a != 1 and b != 1:
            raise RuntimeError(
                f"The size of tensor a ({a}) must match the size of tensor b ({b}) at non-singleton dimension {dimension}"
            )
        result.append(b if a == 1 else a)
    return tuple(reversed(result))


_CONVERSION_NAMES = {
    "uint8": "uint8_t",
    "uint16": "uint16_t",
    "uint32": "uint32_t",
    "uint64": "uint64_t",
    "int8": "int8_t",
    "int16": "int16_t",
    "int32": "int",
    "int64": "int64_t",
}


def checked_scalar(value: Any, dtype: np.dtype[Any]) -> np.ndarray:
    """A Python number as a 0-dimensional array of `dtype`; torch's RuntimeError if its range cannot hold the number.

    Fractions are cut off for integer types, -1 wraps to 255 for uint8, and infinities and nan fit every floating type.
    """
    group = category(dtype)
    fits = True
    if group == 0:
        return np.array(value != 0)
    if isinstance(value, complex) and group < 3:
        fits = value.imag == 0
        value = value.real
    if fits and group == 1:
        limits = np.iinfo(dtype)
        if isinstance(value, float):
            fits = bool(limits.min <= value <= limits.max)  # False for nan
            value = int(value) if fits else 0
        elif value < 0 and dtype.kind == "u":
            fits = -value <= limits.max
            value &= limits.max
        else:
            fits = limits.min <= value <= limits.max
    elif fits:
        with np.errstate(all="ignore"):
            result = (
                np.array(value).astype(dtype)
                if not isinstance(value, int)
                else np.array(float(value)).astype(dtype)
            )
        parts = [(value.real, result.real), (value.imag, result.imag)] if group == 3 else [(value, result)]
        for given, got in parts:
            if np.isinf(got) and not np.isinf(float(given)):
                fits = False
        if fits:
            return result
    if not fits:
        name = _CONVERSION_NAMES.get(dtype.name, c_type_name(dtype))
        raise RuntimeError(f"value cannot be converted to type {name} without overflow")
    return np.array(value, dtype)


def first_outside(index: np.ndarray, size: int, wraps: bool = False) -> int | None:
    """The first element of an integer array that is no position in a dimension of `size`; None if all are.

    Seen as unsigned, a negative position is larger than any size, so that one reduction decides.
    """
    if index.size == 0:
        return None
    if index.dtype == np.int64 and int(index.view(np.uint64).max()) < size:
        return None
    wrong = (index >= size) | (index < (-size if wraps else 0))
    return int(index[wrong].flat[0]) if wrong.any() else None
