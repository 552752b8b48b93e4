"""torch.functional: functions that torch writes in Python over its operators.

They live in the files of the operators they are made of (each file's `FUNCTIONS`); here they are published.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ._core import dtypes
from ._core.size import Size
from ._operators import FUNCTIONS as _FUNCTIONS

__all__ = ["atleast_1d", "atleast_2d", "atleast_3d", "block_diag", "broadcast_shapes", "broadcast_tensors", "cartesian_prod",
           "cdist", "chain_matmul", "einsum", "istft", "lu", "meshgrid", "norm", "split", "stft", "tensordot", "unique",
           "unique_consecutive", "unravel_index"]  # fmt: skip


def broadcast_shapes(*shapes: Any) -> Size:
    """The shape that tensors of the given shapes (or sizes) broadcast to.

    Raises RuntimeError if there is none, ValueError for a negative size.
    """
    whole = [(shape,) if isinstance(shape, int) else shape for shape in shapes]
    common = [1] * max(map(len, whole), default=0)
    for index, shape in enumerate(whole):
        for dim in range(-1, -1 - len(shape), -1):
            size = shape[dim]
            if size < 0:
                raise ValueError("Attempting to broadcast a dimension with negative length!")
            if size == 1 or size == common[dim]:
                continue
            if common[dim] != 1:
                raise RuntimeError(
                    f"Attempting to broadcast a dimension of length {size} at {dim}! Mismatching argument at index {index} had "
                    f"{shape}; but expected shape should be broadcastable to {common}"
                )
            common[dim] = size
    return Size(common)


def unravel_index(indices: Any, shape: Any) -> tuple[Any, ...]:
    """The coordinates, one tensor per dimension, of elements of a row-major array of the given shape that `indices` count.

    Raises TypeError for indices or sizes that are not integers, ValueError for negative sizes.
    """
    if indices.is_complex() or indices.is_floating_point() or indices.dtype._category == "bool":
        raise TypeError(f"expected 'indices' to be integer dtype, but got {indices.dtype}")
    if not isinstance(shape, int | Sequence):
        raise TypeError(f"expected 'shape' to be int or sequence of ints, but got {type(shape)}")
    sizes = (shape,) if isinstance(shape, int) else tuple(shape)
    for size in sizes:
        if not isinstance(size, int):
            raise TypeError(f"expected 'shape' sequence to only contain ints, but got {type(size)}")
    if any(size < 0 for size in sizes):
        raise ValueError(f"'shape' cannot have negative values, but got {tuple(sizes)}")
    steps = [math.prod(sizes[place + 1 :]) for place in range(len(sizes))]
    line = indices.new_tensor
    whole = indices.unsqueeze(-1).div(line(steps, dtype=dtypes.int64), rounding_mode="floor")  # (*, rank)
    return tuple((whole % line(sizes, dtype=dtypes.int64)).unbind(-1))


def __getattr__(name: str) -> Any:
    found = _FUNCTIONS.get(name) if name in __all__ else None
    if found is None:
        import tinytorch

        if name in __all__ and not name.startswith("_"):
            from ._core.front import function_of

            found = function_of(name)
        del tinytorch
    if found is None:
        raise AttributeError(f"module 'torch.functional' has no attribute '{name}' (tinytorch lacks it)")
    globals()[name] = found
    return found
