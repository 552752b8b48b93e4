"""Python numbers beside tensors: the types they count as, and the 0-dim tensors that stand for them."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import dtypes
from .declare import Operator
from .modes import register_plain
from .tensor import Tensor, key_of, make


class WrappedNumber(Tensor):
    """A Python number that takes the place of a tensor: it does not decide the result's type within its kind."""

    __slots__ = ()
    __module__ = "torch"


register_plain(WrappedNumber)


def number_type(value: Any) -> dtypes.dtype:
    """The type of a number beside a tensor. NumPy's numbers that are no Python numbers count as floats, its booleans too."""
    if isinstance(value, bool):
        return dtypes.bool_
    if isinstance(value, int | np.integer):
        return dtypes.int64
    if isinstance(value, complex):
        return dtypes.complex128
    return dtypes.float64


def python_number(value: np.generic) -> Any:
    """A NumPy number as the Python number torch takes it for (see number_type)."""
    if isinstance(value, np.integer):
        return int(value)
    if isinstance(value, complex):
        return complex(value)
    return float(value)


def wrap_numbers(operator: Operator, args: tuple[Any, ...]) -> tuple[Any, ...]:
    """Python numbers given for tensor arguments, as 0-dim tensors that promote like numbers."""
    if not any(
        argument.is_tensor and value.__class__ in (int, float, bool, complex)
        for argument, value in zip(operator.arguments, args, strict=True)
    ):
        return args
    return tuple(
        [
            wrapped_number(value)
            if argument.is_tensor and value.__class__ in (int, float, bool, complex)
            else value
            for argument, value in zip(operator.arguments, args, strict=True)
        ]
    )


def wrapped_number(value: Any) -> Tensor:
    """A Python number as a 0-dim tensor of its own type (int64, float64, ...)."""
    try:
        array = np.array(value, number_type(value)._numpy)
    except OverflowError:
        if 0 <= value < 2**64:
            array = np.array(value, np.uint64)
        else:
            raise RuntimeError("Overflow when unpacking long long") from None
    tensor: Tensor = make(WrappedNumber, array, key_of(array))
    return tensor


def number_array(value: Any, element_type: dtypes.dtype) -> np.ndarray:
    """A Python number as a 0-d array. Raises RuntimeError with torch's text if it does not fit."""
    if element_type._category == "int":
        limits = np.iinfo(element_type._numpy)
        if not limits.min <= int(value) <= limits.max:
            c_name = {1: "int8_t", 2: "int16_t", 4: "int32_t", 8: "int64_t"}[element_type.itemsize]
            name = c_name if element_type.is_signed else "u" + c_name
            if not (not element_type.is_signed and value < 0):
                raise RuntimeError(f"value cannot be converted to type {name} without overflow")
            return np.array(int(value) % (1 << (8 * element_type.itemsize)), element_type._numpy)
    return np.array(value, element_type._numpy)
