"""Memory order: which strides a result gets, what counts as contiguous in which format.

Strides here are in elements. The rule for results follows the behaviour of torch's TensorIterator: without a given output, dimensions
are ordered by the strides of the first operand that tells them apart.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

Shape = tuple[int, ...]


def contiguous_strides(shape: Sequence[int]) -> Shape:
    """Row-major strides; dimensions of size 0 count as 1."""
    strides = [1] * len(shape)
    for dim in range(len(shape) - 2, -1, -1):
        strides[dim] = strides[dim + 1] * max(shape[dim + 1], 1)
    return tuple(strides)


def channels_last_strides(shape: Sequence[int]) -> Shape:
    """Strides of (N, C, *spatial) stored as (N, *spatial, C)."""
    return _strides_in_order(shape, [0, *range(2, len(shape)), 1])


def _strides_in_order(shape: Sequence[int], order: Sequence[int]) -> Shape:
    """Dense strides when `order` lists dimensions from outermost to innermost; an empty dimension makes those outside it 0."""
    strides = [0] * len(shape)
    step = 1
    for dim in reversed(order):
        strides[dim] = step
        step *= shape[dim]
    return tuple(strides)


def element_strides(array: np.ndarray) -> Shape:
    """An array's strides in elements."""
    itemsize = array.itemsize
    return tuple([stride // itemsize for stride in array.strides])


def in_rows(array: np.ndarray) -> bool:
    """Whether an array has elements and exactly the strides of row-major order, those of dimensions of size 1 included."""
    if not array.flags.c_contiguous or not array.size:
        return False
    return 1 not in array.shape or exactly_in_rows(array)


def exactly_in_rows(array: np.ndarray) -> bool:
    """Whether the strides of an array with elements are those of row-major order, also where a size of 1 makes them not matter."""
    return array.strides == _row_steps(array.shape, array.itemsize)


@lru_cache(maxsize=4096)
def _row_steps(shape: Shape, itemsize: int) -> Shape:
    """Row-major strides in bytes."""
    return tuple([step * itemsize for step in contiguous_strides(shape)])


def settled(array: np.ndarray) -> np.ndarray:
    """A kernel's result without elements, given the strides that NumPy does not work out for such arrays: row by row.

    An array that was given strides on purpose, through an interface, keeps them.
    """
    base = array.base
    if any(array.strides) or not (base is None or isinstance(base, np.ndarray)):
        return array
    return empty(array.shape, contiguous_strides(array.shape), array.dtype)


def is_channels_last(shape: Sequence[int], strides: Sequence[int]) -> bool:
    """Whether 4- or 5-dimensional strides are those of channels_last memory. Dimensions of size 1 may have any stride."""
    if len(shape) not in (4, 5):
        return False
    step = 1
    for dim in [1, *range(len(shape) - 1, 1, -1), 0]:
        if shape[dim] != 1:
            if strides[dim] != step:
                return False
            step *= shape[dim]
    return True


def is_dense(shape: Sequence[int], strides: Sequence[int]) -> bool:
    """Whether the elements fill their memory without gap or overlap, in some order of the dimensions."""
    if 0 in shape:
        return True
    if len(shape) == 1:
        return shape[0] < 2 or strides[0] == 1
    order = sorted(
        range(len(shape)), key=lambda dim: (shape[dim] > 1, strides[dim]) if shape[dim] > 1 else (False, 0)
    )
    step = 1
    for dim in order:
        if shape[dim] == 1:
            continue
        if strides[dim] != step:
            return False
        step *= shape[dim]
    return True


def result_order(shape: Shape, operands: Sequence[Sequence[int]]) -> list[int]:
    """Dimensions of a result from outermost to innermost. `operands`: strides broadcast to `shape`, 0 where broadcast."""
    order = list(range(len(shape) - 1, -1, -1))  # innermost first
    for start in range(1, len(shape)):
        moving = start
        for other in range(start - 1, -1, -1):
            sign = _compare(shape, operands, order[other], order[moving])
            if sign > 0:
                order[other], order[moving] = order[moving], order[other]
                moving = other
            elif sign < 0:
                break
    return order[::-1]


def _compare(shape: Shape, operands: Sequence[Sequence[int]], inner: int, outer: int) -> int:
    for strides in operands:
        if strides[inner] == 0 or strides[outer] == 0:
            continue
        if strides[inner] != strides[outer]:
            return -1 if strides[inner] < strides[outer] else 1
        if shape[inner] > shape[outer]:
            return 1
    return 0


def broadcast_strides(shape: Shape, array: np.ndarray) -> Shape:
    """`array`'s element strides seen in the broadcast `shape`: 0 where it is repeated."""
    own = element_strides(array)
    lead = len(shape) - array.ndim
    return (0,) * lead + tuple(
        [
            0 if size == 1 and shape[lead + i] != 1 else stride
            for i, (size, stride) in enumerate(zip(array.shape, own, strict=True))
        ]
    )


def result_strides(shape: Shape, arrays: Sequence[np.ndarray]) -> Shape:
    """Strides of an elementwise result of `shape` over `arrays`, which broadcast to it."""
    if all(array.shape == shape for array in arrays):
        if all(array.flags.c_contiguous for array in arrays):
            return contiguous_strides(shape)
        own = [element_strides(array) for array in arrays]
        if len(shape) == 4 and all(is_channels_last(shape, strides) for strides in own):
            return channels_last_strides(shape)
        if own.count(own[0]) == len(own) and is_dense(shape, own[0]):
            return own[0]
    order = result_order(shape, [broadcast_strides(shape, array) for array in arrays])
    if order == list(range(len(shape))):
        return contiguous_strides(shape)
    return _strides_in_order(shape, order)


def preserved_strides(array: np.ndarray) -> Shape:
    """Strides that `torch.preserve_format` gives a copy of `array`: its own if dense, else dense ones in the same order."""
    strides = element_strides(array)
    if is_dense(array.shape, strides):
        return strides
    return _strides_in_order(array.shape, result_order(array.shape, [strides]))


def empty(shape: Sequence[int], strides: Sequence[int], numpy_dtype: np.dtype[Any]) -> np.ndarray:
    """An uninitialised array of dense `strides` (in elements)."""
    shape = tuple(shape)
    itemsize = numpy_dtype.itemsize
    if 0 in shape:  # NumPy forgets the strides of what it allocates without elements
        scaled = tuple([stride * itemsize for stride in strides])
        return phantom(np.empty((), numpy_dtype), shape, scaled)
    if tuple(strides) == contiguous_strides(shape):
        return np.empty(shape, numpy_dtype)
    span = 1 + sum((size - 1) * stride for size, stride in zip(shape, strides, strict=True))
    buffer = np.empty(span, numpy_dtype)
    return np.ndarray(shape, numpy_dtype, buffer, 0, tuple([stride * itemsize for stride in strides]))


def laid_out(array: np.ndarray, strides: Shape) -> np.ndarray:
    """The elements of a fresh `array` in memory of dense `strides` (in elements): itself if it has them."""
    if not array.size:
        return empty(array.shape, strides, array.dtype)
    if element_strides(array) == strides:
        return array
    if array.size == 1:
        scaled = tuple([stride * array.itemsize for stride in strides])
        return np.ndarray(array.shape, array.dtype, array, 0, scaled)
    out = empty(array.shape, strides, array.dtype)
    out[...] = array
    return out


def arranged(rule: str, results: Any, operands: Sequence[np.ndarray]) -> Any:
    """A kernel's result, or several, in the memory order that torch allocates: what the option `memory` of operators says.

    "rows": row by row. "preserved": that of a copy of the first operand. "elementwise": that of TensorIterator over the operands. The
    latter two say nothing about a result of another shape than theirs.
    """
    if isinstance(results, tuple | list):
        return tuple([arranged(rule, array, operands) for array in results])
    if not isinstance(results, np.ndarray):
        return results
    shape = results.shape
    if rule == "rows":
        return laid_out(results, contiguous_strides(shape))
    if rule == "preserved":
        return laid_out(results, preserved_strides(operands[0])) if operands[0].shape == shape else results
    fits = broadcast_shapes(*[array.shape for array in operands]) == shape
    return laid_out(results, result_strides(shape, operands)) if fits else results


def row_major(array: np.ndarray) -> np.ndarray:
    """A fresh array row by row; dimensions of size 1 have the strides that order gives them."""
    return laid_out(array, contiguous_strides(array.shape))


def copy(array: np.ndarray) -> np.ndarray:
    """A fresh copy in the memory order `torch.preserve_format` prescribes."""
    if in_rows(array):
        return array.copy()
    out = empty(array.shape, preserved_strides(array), array.dtype)
    out[...] = array
    return out


_UNFIT = re.compile(r"operands could not be broadcast together with shapes (.*)")


def explain(error: ValueError) -> None:
    """Raise torch's RuntimeError if `error` is NumPy's for shapes that do not broadcast."""
    found = _UNFIT.match(str(error))
    if found is not None and "->" not in found[1]:
        broadcast_shapes(*[tuple(map(int, re.findall(r"\d+", shape))) for shape in found[1].split()])


def broadcast_shapes(*shapes: Shape) -> Shape:
    """The common shape of elementwise operands. Raises RuntimeError with torch's text if there is none."""
    result: list[int] = []
    for shape in shapes:
        if len(shape) > len(result):
            result = [1] * (len(shape) - len(result)) + result
    for shape in shapes:
        for i in range(-1, -len(shape) - 1, -1):
            size, held = shape[i], result[i]
            if size != held:
                if held == 1:
                    result[i] = size
                elif size != 1:
                    raise RuntimeError(
                        f"The size of tensor a ({held}) must match the size of tensor b ({size}) at non-singleton dimension {len(result) + i}"
                    )
    return tuple(result)


def phantom(zero: np.ndarray, shape: tuple[int, ...], strides: tuple[int, ...]) -> np.ndarray:
    """An array of the given geometry (strides in bytes) with nothing but one element of memory: for tensors without data."""
    if zero.dtype.kind in "biufc" and zero.dtype.itemsize > 1:
        return np.lib.stride_tricks.as_strided(zero, shape, strides)
    bits = zero.view(f"u{zero.dtype.itemsize}")  # extension types are not known to array interfaces
    return np.lib.stride_tricks.as_strided(bits, shape, strides).view(zero.dtype)


def order_of_dimensions(shape: tuple[int, ...], strides: tuple[int, ...]) -> tuple[tuple[int, ...], bool]:
    """Dimensions from the slowest to the fastest, as torch lays out results, and whether two of them could change places."""
    rank = len(shape)
    row_major = 0 in shape or _packed(shape, strides, range(rank - 1, -1, -1))
    channels_last = rank == 4 and _packed(shape, strides, (1, 3, 2, 0))
    if rank < 2 or (row_major and not channels_last):
        return tuple(range(rank)), False
    if channels_last and not row_major:
        return (0, 2, 3, 1), False

    def slower(one: int, other: int) -> int:
        """1 where `one` is known to be the slower dimension, -1 where it is the faster, 0 where nothing says."""
        if 0 in (strides[one], strides[other]):
            return 0
        if strides[one] == strides[other]:
            return int(shape[other] < shape[one])
        return 1 if strides[one] > strides[other] else -1

    order = list(reversed(range(rank)))
    for last in range(1, rank):
        place = last
        for other in reversed(range(last)):
            told = slower(order[other], order[place])
            if told > 0:
                order[other], order[place] = order[place], order[other]
                place = other
            elif told < 0:
                break
    return tuple(reversed(order)), any(slower(one, other) >= 0 for one, other in itertools.pairwise(order))


def _packed(shape: tuple[int, ...], strides: tuple[int, ...], order: Iterable[int]) -> bool:
    """Whether the dimensions, the fastest first, lie without gaps."""
    step = 1
    for dim in order:
        if shape[dim] != 1 and strides[dim] != step:
            return False
        step *= shape[dim]
    return True
