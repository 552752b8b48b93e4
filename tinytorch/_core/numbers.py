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
    """A Python number as a 0-d array; whole numbers that do not fit keep their last bits, as in C."""
    if element_type._category == "int":
        return np.array(int(value) & 0xFFFFFFFFFFFFFFFF, np.uint64).astype(element_type._numpy)
    return np.array(value, element_type._numpy)
