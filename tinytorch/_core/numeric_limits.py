"""`torch.finfo` and `torch.iinfo`: the numerical limits of the element types."""

from __future__ import annotations

import sys
from typing import Any, NoReturn, Self

import numpy as np

from . import dtypes
from .dtypes import dtype
from .sealed import sealed, type_name

# Smallest, largest, machine epsilon, smallest normal, resolution (10 to the minus number of decimal digits that survive).
# The epsilon of float8_e5m2fnuz is what torch reports, although its two mantissa bits would make it 0.25.
_FLOATS: dict[dtype, tuple[float, float, float, float, float]] = {
    dtypes.float16: (-65504.0, 65504.0, 2.0**-10, 2.0**-14, 1e-3),
    dtypes.bfloat16: (-(2.0**128 - 2.0**120), 2.0**128 - 2.0**120, 2.0**-7, 2.0**-126, 1e-2),
    dtypes.float32: (-(2.0**128 - 2.0**104), 2.0**128 - 2.0**104, 2.0**-23, 2.0**-126, 1e-6),
    dtypes.float64: (-sys.float_info.max, sys.float_info.max, 2.0**-52, 2.0**-1022, 1e-15),
    dtypes.float8_e5m2: (-57344.0, 57344.0, 0.25, 2.0**-14, 1.0),
    dtypes.float8_e4m3fn: (-448.0, 448.0, 0.125, 2.0**-6, 1.0),
    dtypes.float8_e5m2fnuz: (-57344.0, 57344.0, 0.125, 2.0**-15, 1.0),
    dtypes.float8_e4m3fnuz: (-240.0, 240.0, 0.125, 2.0**-7, 1.0),
    dtypes.float8_e8m0fnu: (2.0**-127, 2.0**127, 1.0, 2.0**-127, 1.0),
}


# Python's own number types stand for these element types wherever torch expects a dtype.
PYTHON_TYPES: dict[Any, dtype] = {
    bool: dtypes.bool_,
    int: dtypes.int64,
    float: dtypes.float64,
    complex: dtypes.complex128,
}


def _requested_type(name: str, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> dtype:
    """The dtype that `name(type)` was called with. Raises torch's TypeErrors for other calls."""
    total = len(arguments) + len(keywords)
    if name == "finfo" and total > 1:
        got = [type_name(value) for value in arguments]
        got += [f"{key}={type_name(value)}" for key, value in keywords.items()]
        tail = ", " if not arguments else ""
        raise TypeError(
            f"finfo() received an invalid combination of arguments - got ({', '.join(got)}{tail}), "
            "but expected one of:\n * (torch.dtype type)\n * ()\n"
        )
    if len(arguments) > 1:
        raise TypeError(f"{name}() takes 1 positional argument but {len(arguments)} were given")
    if not arguments and "type" not in keywords:
        raise TypeError(f'{name}() missing 1 required positional arguments: "type"')
    value = arguments[0] if arguments else keywords["type"]
    kind: object = (
        value if type(value) is dtype else PYTHON_TYPES.get(value) if isinstance(value, type) else None
    )
    if not isinstance(kind, dtype):
        place = " (position 1)" if arguments else ""
        raise TypeError(f"{name}(): argument 'type'{place} must be torch.dtype, not {type_name(value)}")
    for key in keywords:
        if arguments and key == "type":
            raise TypeError(f"{name}() got multiple values for argument 'type'")
        if key != "type":
            raise TypeError(f"{name}() got an unexpected keyword argument '{key}'")
    return kind


class _Limits:
    """What finfo and iinfo share: the type they describe, equality, and the refusals."""

    __slots__ = ("_type",)
    _type: dtype

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self._type is other._type

    def __hash__(self) -> int:
        raise TypeError(f"unhashable type: 'torch.{type(self).__name__}'")

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise TypeError(f"cannot pickle 'torch.{type(self).__name__}' object")

    @property
    def bits(self) -> int:
        """The number of bits of one element (of the real part, for a complex type)."""
        return self._type.itemsize * 8

    @property
    def dtype(self) -> str:
        """The name of the type described, such as "float32"."""
        return self._type._name


@sealed
class finfo(_Limits):
    """torch.finfo(type=default dtype): limits of a floating-point type; a complex type gives those of its parts.

    Attributes: bits, eps, max, min, tiny, smallest_normal (floats), resolution, dtype (str). Raises TypeError for integer
    types. Source: torch's documentation, "Type Info".
    """

    __module__ = "torch"
    __slots__ = ()

    def __new__(cls, *arguments: Any, **keywords: Any) -> Self:
        if arguments or keywords:
            kind = _requested_type("finfo", arguments, keywords).to_real()
        else:
            kind = dtypes.defaults.dtype
        if kind not in _FLOATS:
            raise TypeError(
                "torch.finfo() requires a floating point input type. Use torch.iinfo to handle 'torch.finfo'"
            )
        self = object.__new__(cls)
        object.__setattr__(self, "_type", kind)
        return self

    @property
    def min(self) -> float:
        """The most negative finite number."""
        return _FLOATS[self._type][0]

    @property
    def max(self) -> float:
        """The largest finite number."""
        return _FLOATS[self._type][1]

    @property
    def eps(self) -> float:
        """The distance from 1 to the next number."""
        return _FLOATS[self._type][2]

    @property
    def smallest_normal(self) -> float:
        """The smallest positive number with a full significand."""
        return _FLOATS[self._type][3]

    @property
    def tiny(self) -> float:
        """The same as smallest_normal."""
        return _FLOATS[self._type][3]

    @property
    def resolution(self) -> float:
        """Ten to the minus number of decimal digits the type always keeps."""
        return _FLOATS[self._type][4]

    def __repr__(self) -> str:
        return (
            f"finfo(resolution={self.resolution:g}, min={self.min:g}, max={self.max:g}, eps={self.eps:g}, "
            f"smallest_normal={self.smallest_normal:g}, tiny={self.tiny:g}, dtype={self.dtype})"
        )


@sealed
class iinfo(_Limits):
    """torch.iinfo(type): limits of an integer type.

    Attributes: bits, max, min (ints), dtype (str). Raises TypeError for bool, floating-point and complex types.
    Source: torch's documentation, "Type Info".
    """

    __module__ = "torch"
    __slots__ = ()

    def __new__(cls, *arguments: Any, **keywords: Any) -> Self:
        kind = _requested_type("iinfo", arguments, keywords)
        if kind._category == "bool":
            raise TypeError("torch.bool is not supported by torch.iinfo")
        if kind._category != "int":
            raise TypeError(
                "torch.iinfo() requires an integer input type. Use torch.finfo to handle 'torch.iinfo'"
            )
        self = object.__new__(cls)
        object.__setattr__(self, "_type", kind)
        return self

    @property
    def min(self) -> int:
        """The smallest number."""
        return int(np.iinfo(self._type._numpy).min)

    @property
    def max(self) -> int:
        """The largest number."""
        return int(np.iinfo(self._type._numpy).max)

    def __repr__(self) -> str:
        return f"iinfo(min={self.min:g}, max={self.max:g}, dtype={self.dtype})"
