"""Views of arrays: other shapes and strides over the same memory. Nothing here looks at values.

Every function returns an array that shares the memory of its argument.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

Shape = tuple[int, ...]
#: restride(array, shape, strides in bytes, offset in bytes) -> view; set by the package that declares the operators.
Restride = object


def infer_size(size: Sequence[int], count: int) -> Shape:
    """`size` with its -1 worked out for `count` elements. Raises RuntimeError with torch's texts."""
    known, unknown = 1, None
    for dim, length in enumerate(size):
        if length == -1:
            if unknown is not None:
                raise RuntimeError("only one dimension can be inferred")
            unknown = dim
        elif length < 0:
            raise RuntimeError(f"invalid shape dimension {length} at index {dim} of shape {list(size)}")
        else:
            known *= length
    if unknown is None:
        if known != count:
            raise RuntimeError(f"shape '{list(size)}' is invalid for input of size {count}")
        return tuple(size)
    if known == 0:
        if count == 0:
            raise RuntimeError(
                f"cannot reshape tensor of 0 elements into shape {list(size)} because the unspecified dimension size -1 can be any value and is ambiguous"
            )
        raise RuntimeError(f"shape '{list(size)}' is invalid for input of size {count}")
    if count % known:
        raise RuntimeError(f"shape '{list(size)}' is invalid for input of size {count}")
    return (*size[:unknown], count // known, *size[unknown + 1 :])


def view_strides(shape: Shape, strides: Shape, new: Shape) -> Shape | None:
    """Strides under which memory laid out as (shape, strides) reads as shape `new`; None if there are none."""
    if 0 in shape:
        if shape == new:
            return strides
        result = [1] * len(new)
        for dim in range(len(new) - 2, -1, -1):
            result[dim] = result[dim + 1] * max(new[dim + 1], 1)
        return tuple(result)
    if not shape:
        return (1,) * len(new)
    result = [0] * len(new)
    view_dim = len(new) - 1
    base = strides[-1]
    chunk = 1
    filled = 1
    for dim in range(len(shape) - 1, -1, -1):
        chunk *= shape[dim]
        if dim == 0 or (shape[dim - 1] != 1 and strides[dim - 1] != chunk * base):
            while view_dim >= 0 and (filled < chunk or new[view_dim] == 1):
                result[view_dim] = filled * base
                filled *= new[view_dim]
                view_dim -= 1
            if filled != chunk:
                return None
            if dim > 0:
                base = strides[dim - 1]
                chunk = filled = 1
    return tuple(result) if view_dim == -1 else None


def normalise_permutation(dims: Sequence[int], rank: int, wrap) -> Shape:  # type: ignore[no-untyped-def]
    """`dims` as a permutation of range(rank). Raises RuntimeError with torch's texts."""
    if len(dims) != rank:
        raise RuntimeError(
            "permute(sparse_coo): number of dimensions in the tensor input does not match the length of the desired ordering of dimensions "
            f"i.e. input.dim() = {rank} is not equal to len(dims) = {len(dims)}"
        )
    order = tuple([wrap(dim, rank) for dim in dims])
    if len(set(order)) != len(order):
        raise RuntimeError("permute(): duplicate dims are not allowed.")
    return order


def expanded(array: np.ndarray, size: Sequence[int]) -> tuple[Shape, Shape]:
    """Shape and byte strides of `array` expanded to `size` (-1 keeps a size). Raises RuntimeError with torch's texts."""
    own = array.shape
    lead = len(size) - len(own)
    shape: list[int] = []
    strides: list[int] = []
    for dim in range(len(size) - 1, -1, -1):
        length = size[dim]
        if dim >= lead:
            held, step = own[dim - lead], array.strides[dim - lead]
        else:
            held = 1
            step = strides[-1] * shape[-1] if strides else array.itemsize
        if length == -1:
            if dim < lead:
                raise RuntimeError(
                    f"The expanded size of the tensor ({length}) isn't allowed in a leading, non-existing dimension {dim}"
                )
            length = held
        if length != held:
            if held != 1:
                raise RuntimeError(
                    f"The expanded size of the tensor ({length}) must match the existing size ({held}) at non-singleton dimension {dim}.  "
                    f"Target sizes: {list(size)}.  Tensor sizes: {list(own)}"
                )
            step = 0
        shape.append(length)
        strides.append(step)
    return tuple(shape[::-1]), tuple(strides[::-1])
