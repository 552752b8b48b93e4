"""`torch.Size`: the tuple of ints that is a tensor's shape."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from itertools import count
from typing import Any, Self, SupportsIndex, cast

import numpy as np

from .sealed import sealed, type_name


@sealed
class Size(tuple[int, ...]):
    """torch.Size(iterable=()): a tuple that holds only ints; slices, sums and multiples of it are Sizes again.

    Raises TypeError for an item that is no int (and offers no `__index__`). Items beyond 64 bits can be stored, but printing
    and counting them raises ValueError.
    Source: torch's documentation, "torch.Size".
    """

    __module__ = "torch"
    __slots__ = ()

    def __new__(cls, *arguments: Iterable[SupportsIndex], **keywords: object) -> Self:
        if keywords:
            raise TypeError("tuple() takes no keyword arguments")
        if len(arguments) > 1:
            raise TypeError(f"tuple expected at most 1 argument, got {len(arguments)}")
        items = tuple(arguments[0]) if arguments else ()
        made: Any = size_of(
            items if _ONLY_INTS.issuperset(map(type, items)) else map(_checked, items, count())
        )
        return made  # type: ignore[no-any-return]

    def __repr__(self) -> str:
        return f"torch.Size([{', '.join(map(str, _within_64_bits(self)))}])"

    def __getitem__(self, index: Any) -> Any:
        found = tuple.__getitem__(self, index)
        return size_of(found) if isinstance(index, slice) else found

    def __add__(self, other: Any) -> Size:
        if isinstance(other, tuple):
            return Size(tuple.__add__(self, other))
        reflected = _reflected("__radd__", other, self)
        if reflected is NotImplemented:
            raise TypeError(f"can only concatenate tuple (not {type_name(other)}) to torch.Size")
        return reflected  # type: ignore[no-any-return]

    def __radd__(self, other: Any) -> Size:
        if isinstance(other, tuple):
            return Size(tuple.__add__(other, self))
        if isinstance(other, list):
            raise TypeError('can only concatenate list (not "torch.Size") to list')
        return NotImplemented

    def __mul__(self, times: Any) -> Size:
        if isinstance(times, np.ndarray) or not (
            isinstance(times, np.generic) or hasattr(type(times), "__index__")
        ):
            reflected = _reflected("__rmul__", times, self)
            if reflected is not NotImplemented:
                return reflected  # type: ignore[no-any-return]
        return self.__rmul__(times)

    def __rmul__(self, times: Any) -> Size:
        if not hasattr(type(times), "__index__"):
            raise TypeError(f"can't multiply sequence by non-int of type '{type_name(times)}'")
        return size_of(tuple.__mul__(self, times))

    def numel(self) -> int:
        """The number of elements of a tensor of this shape, wrapped to 64 bits as torch computes it."""
        return (math.prod(_within_64_bits(self)) + 2**63) % 2**64 - 2**63

    def __reduce__(self) -> tuple[Any, ...]:
        return (size_of, (tuple(self),))

    def __reduce_ex__(self, protocol: SupportsIndex) -> tuple[Any, ...]:
        return self.__reduce__()


def size_of(dimensions: Iterable[Any]) -> Size:
    """The Size of `dimensions` already known to be Python ints. Pickled Sizes name this function."""
    return _new_tuple(Size, dimensions)


_new_tuple: Callable[..., Size] = tuple.__new__
_ONLY_INTS = frozenset((int,))


def _reflected(method: str, operand: Any, size: Size) -> Any:
    """What `operand`'s own class makes of standing to the right of `size`: arrays calculate with it. Or NotImplemented."""
    cls = type(operand)
    if isinstance(operand, (str, bytes, bytearray, Sequence)) or hasattr(cls, "__torch_function__"):
        # Sequences have such methods for numbers, and tensors do not calculate with tuples.
        return NotImplemented
    function = getattr(cls, method, None)
    return NotImplemented if function is None else function(operand, size)


def _checked(item: Any, index: int) -> int:
    number: Any
    if type(item) is int or (isinstance(item, (int, np.integer)) and not isinstance(item, bool)):
        number = item
    elif hasattr(type(item), "__index__"):
        try:
            number = item.__index__()
        except (TypeError, ValueError, RuntimeError):
            raise _no_int(item, index) from None
    else:
        raise _no_int(item, index)
    return cast(int, number)


def _within_64_bits(size: Size) -> Size:
    """`size` itself. torch looks at the width of its items only when it reads them as machine integers."""
    for number in size:
        if not -(2**63) <= number < 2**63:
            raise ValueError("Overflow when unpacking long long")
    return size


def _no_int(item: object, index: int) -> TypeError:
    return TypeError(f"torch.Size() takes an iterable of 'int' (item {index} is '{type_name(item)}')")
