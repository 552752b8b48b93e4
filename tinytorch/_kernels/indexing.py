"""Kernels that read or write elements chosen by index tensors or masks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from .choosing import choose
from .restriding import expanded, view_strides
from .scalar_types import (
    broadcast_shape,
    c_type_name,
    category,
    checked_scalar,
    empty_like,
    first_outside,
    promote_arrays,
    scalar_type_name,
    shape_text,
)
from .scatter import accumulate_flat, accumulate_rows, linear_index

Index = int | np.integer[Any]


def expand_masks(shape: tuple[int, ...], indices: Sequence[np.ndarray | None]) -> list[np.ndarray | None]:
    """Integer index arrays, one per indexed dimension: a mask becomes the coordinates of its nonzero elements.

    Raises torch's IndexError for wrong dtypes and for masks whose shape does not match.
    """
    expanded: list[np.ndarray | None] = []
    for index in indices:
        if index is None:
            expanded.append(None)
        elif index.dtype == np.bool_ or index.dtype == np.uint8:
            for offset, size in enumerate(index.shape):
                position = len(expanded) + offset
                if position >= len(shape) or size != shape[position]:
                    raise IndexError(
                        f"The shape of the mask {shape_text(index.shape)} at index {offset} does not match the shape of "
                        f"the indexed tensor {shape_text(shape)} at index {position}"
                    )
            expanded.extend(index.nonzero())
        elif index.dtype == np.int64 or index.dtype == np.int32:
            expanded.append(index)
        else:
            raise IndexError("tensors used as indices must be long, int, byte or bool tensors")
    if len(expanded) > len(shape):
        raise IndexError(f"too many indices for tensor of dimension {len(shape)} (got {len(expanded)})")
    return expanded


def index_key(shape: tuple[int, ...], indices: Sequence[np.ndarray | None]) -> tuple[Any, ...]:
    """A key for NumPy's own indexing that selects what torch's index tensors select; checks what torch checks."""
    expanded = expand_masks(shape, indices)
    given = [index for index in expanded if index is not None]
    if len(given) > 1:
        first = given[0].shape
        if any(index.shape != first for index in given):
            try:
                np.broadcast_shapes(*(index.shape for index in given))
            except ValueError:
                shapes = ", ".join(shape_text(index.shape) for index in given)
                raise IndexError(
                    "shape mismatch: indexing tensors could not be broadcast together with shapes " + shapes
                ) from None
    return tuple(slice(None) if index is None else index for index in expanded)


def _check_bounds(shape: tuple[int, ...], key: tuple[Any, ...]) -> None:
    """Raise torch's IndexError if an index is out of range; the dimension it names counts index tensors only."""
    number = 0
    for size, index in zip(shape, key, strict=False):
        if isinstance(index, slice):
            continue
        if index.size:
            if size == 0:
                raise IndexError("index is out of bounds for dimension with size 0")
            wrong = (index >= size) | (index < -size)
            if wrong.any():
                value = int(index[wrong].flat[0])
                raise IndexError(f"index {value} is out of bounds for dimension {number} with size {size}")
        number += 1


def _result_shape(shape: tuple[int, ...], key: tuple[Any, ...]) -> tuple[int, ...]:
    """The shape that indexing with `key` gives: index dimensions stand where the index tensors stand if those are
    adjacent, and in front otherwise."""
    places = [place for place, index in enumerate(key) if not isinstance(index, slice)]
    if not places:
        return shape
    indexed = np.broadcast_shapes(*(key[place].shape for place in places))
    rest = [size for place, size in enumerate(shape) if place not in places]
    adjacent = places[-1] - places[0] + 1 == len(places)
    front = places[0] if adjacent else 0
    return (*rest[:front], *indexed, *rest[front:])


def index(self: np.ndarray, indices: Sequence[np.ndarray | None]) -> np.ndarray:
    """The elements of `self` that the index tensors select, as a new array."""
    if len(indices) == 1:
        only = indices[0]
        if only is not None and only.dtype == np.int64 and self.ndim:
            try:
                return self.take(only, axis=0)
            except IndexError:
                pass  # the general path below raises with torch's words
        elif (
            only is not None
            and only.dtype == np.bool_
            and only.shape == self.shape[: only.ndim]
            and only.ndim
        ):
            return self[only]
    key = index_key(self.shape, indices)
    if not key:
        return self.copy()
    shape = _result_shape(self.shape, key)
    if 0 in shape:
        if 0 not in np.broadcast_shapes(*(i.shape for i in key if not isinstance(i, slice))):
            for size, i in zip(self.shape, key, strict=False):
                if not isinstance(i, slice) and size == 0:
                    raise IndexError("index is out of bounds for dimension with size 0")
        return np.empty(shape, self.dtype)
    try:
        result = self[key]
    except IndexError:
        _check_bounds(self.shape, key)
        raise
    return np.ascontiguousarray(result).reshape(shape)


def index_operands(
    self: np.ndarray, indices: Sequence[np.ndarray | None], shape: tuple[int, ...]
) -> list[np.ndarray]:
    """What indexing reads: `self` in the result's shape, with stride 0 along index dimensions, and the indices, which broadcast to it."""
    key = index_key(self.shape, indices)
    places = [place for place, i in enumerate(key) if not isinstance(i, slice)]
    rest = [place for place in range(self.ndim) if place not in places]
    rank = len(shape) - len(rest)
    front = places[0] if places[-1] - places[0] + 1 == len(places) else 0
    strides = [self.strides[place] for place in rest]
    operands = [as_strided(self, shape, (*strides[:front], *(0,) * rank, *strides[front:]))]
    indexed = shape[front : front + rank]
    lifted = (1,) * front + indexed + (1,) * (len(rest) - front)
    for place in places:
        own, steps = expanded(np.ascontiguousarray(key[place], np.int64), indexed)
        strides = view_strides(own, tuple([step // 8 for step in steps]), lifted)
        if strides is None:  # torch copies it, row by row
            strides = np.empty(lifted, np.int8).strides
        operands.append(as_strided(np.empty((), np.int8), lifted, strides))
    return operands


def index_put(
    self: np.ndarray, indices: Sequence[np.ndarray | None], values: np.ndarray, accumulate: bool
) -> None:
    """Write (or add, if accumulate) `values`, broadcast, to the selected elements. Later duplicates win."""
    if len(indices) > self.ndim:
        raise IndexError(f"too many indices for tensor of dimension {self.ndim} (got {len(indices)})")
    if len(indices) == 1 and not accumulate and values.dtype == self.dtype:
        mask = indices[0]
        if mask is not None and mask.dtype == np.bool_ and mask.shape == self.shape and values.size == 1:
            np.copyto(self, values.reshape(()), where=mask)
            return
    key = index_key(self.shape, indices)
    given = [index for index in indices if index is not None]
    if values.size == 1 and not accumulate and len(given) == 1 and given[0].dtype.itemsize == 1:
        # one value under one mask is a fill, which converts the value
        values = checked_scalar(values.item(), self.dtype)
    shape = _result_shape(self.shape, key)
    if values.shape != shape:
        try:
            fits = np.broadcast_shapes(values.shape, shape) == shape
        except ValueError:
            fits = False
        if not fits:
            raise RuntimeError(
                f"shape mismatch: value tensor of shape {shape_text(values.shape)} cannot be broadcast to indexing "
                f"result of shape {shape_text(shape)}"
            )
    if values.dtype != self.dtype:
        raise RuntimeError(
            "Index put requires the source and destination dtypes match, got "
            f"{scalar_type_name(self.dtype)} for the destination and {scalar_type_name(values.dtype)} for the source."
        )
    if 0 in shape:
        return
    if not accumulate or not key:
        try:
            if accumulate:
                self += values
            else:
                self[key] = values
        except IndexError:
            _check_bounds(self.shape, key)
            raise
        return
    _check_bounds(self.shape, key)
    places = [place for place, i in enumerate(key) if not isinstance(i, slice)]
    others = [place for place in range(self.ndim) if place not in places]
    sizes = [self.shape[place] for place in places]
    pieces = [np.where(key[place] < 0, key[place] + self.shape[place], key[place]) for place in places]
    pieces = list(np.broadcast_arrays(*pieces))
    linear = np.ravel_multi_index(tuple(pieces), tuple(sizes)) if pieces[0].size else pieces[0]
    values = np.broadcast_to(values, shape)
    front = places[0] if places[-1] - places[0] + 1 == len(places) else 0
    rank = linear.ndim
    values = np.moveaxis(values, range(front, front + rank), range(rank)).reshape(
        linear.size, -1
    )  # (K, rest)
    moved = self.transpose(places + others)  # indexed dimensions first
    target = np.ascontiguousarray(moved).reshape(int(np.prod(sizes)), -1)  # (cells, rest)
    accumulate_rows(target, linear.ravel(), values)
    if not np.shares_memory(target, self):
        moved[...] = target.reshape(moved.shape)


def _vector_index(operator: str, index: np.ndarray) -> None:
    if index.ndim > 1:
        raise IndexError(f"{operator}(): Index is supposed to be a vector")


def index_select(self: np.ndarray, dim: int, index: np.ndarray) -> np.ndarray:
    """Slices of `self` along `dim`, in the order of the vector `index`; negative indices are errors."""
    _vector_index("index_select", index)
    if index.dtype != np.int64 and index.dtype != np.int32:
        raise RuntimeError("index_select(): Expected dtype int32 or int64 for index")
    if self.ndim == 0:
        if index.size != 1:
            raise RuntimeError(
                f"index_select(): Index to scalar can have only 1 value, got {index.size} value(s)"
            )
        if index.flat[0] != 0:
            raise IndexError("index out of range in self")
        return self.copy()
    outside = first_outside(index, self.shape[dim])
    if outside is not None:
        if dim == 1:  # there torch has a kernel of its own
            raise RuntimeError(
                f"INDICES element is out of DATA bounds, id={outside} axis_dim={self.shape[dim]}"
            )
        raise IndexError("index out of range in self")
    return self.take(index.ravel(), axis=dim)


def gather(self: np.ndarray, dim: int, index: np.ndarray) -> np.ndarray:
    """result[i][j] = self[index[i][j]][j] along dim 0, and so on; the result has the shape of `index`."""
    if index.size == 0:
        return np.empty(index.shape, self.dtype)
    if index.dtype != np.int64 and index.dtype != np.int32:
        raise RuntimeError("gather(): Expected dtype int32/int64 for index")
    self_shape, index_shape = self.shape or (1,), index.shape or (1,)
    if len(self_shape) != len(index_shape):
        raise RuntimeError("Index tensor must have the same number of dimensions as input tensor")
    for place, size in enumerate(index_shape):
        if place != dim and size > self_shape[place]:
            raise RuntimeError(
                f"Size does not match at dimension {place} expected index {shape_text(index.shape)} to be no larger than "
                f"self {shape_text(self.shape)} apart from dimension {dim}"
            )
    linear = linear_index(self_shape, dim, index.reshape(index_shape))
    return self.reshape(-1).take(linear).reshape(index.shape)


def _check_flat(operator: str, size: int, index: np.ndarray) -> np.ndarray:
    """Indices into a flattened array, wrapped; out of range raises torch's IndexError."""
    wrong = (index >= size) | (index < -size)
    if wrong.any():
        value = int(index[wrong].flat[0])
        raise IndexError(f"out of range: tried to access index {value} on a tensor of {size} elements.")
    return np.where(index < 0, index + size, index)


def take(self: np.ndarray, index: np.ndarray) -> np.ndarray:
    """Elements of the flattened `self`; the result has the shape of `index`."""
    if index.dtype != np.int64:
        raise RuntimeError(
            f"take(): Expected a long tensor for index, but got {scalar_type_name(index.dtype)}"
        )
    if self.size == 0 and index.size:
        raise IndexError("take(): tried to take from an empty tensor")
    flat = _check_flat("take", self.size, index)
    return np.asarray(self.reshape(-1)[flat])


def put(self: np.ndarray, index: np.ndarray, source: np.ndarray, accumulate: bool) -> None:
    """Write (or add) the elements of `source` at positions of the flattened `self`."""
    if index.dtype != np.int64:
        raise RuntimeError(
            f"put_(): Expected a long tensor for index, but got {scalar_type_name(index.dtype)}"
        )
    if source.dtype != self.dtype:
        raise RuntimeError(
            "put_(): self and source expected to have the same dtype, but got self.dtype = "
            f"{scalar_type_name(self.dtype)} and source.dtype = {scalar_type_name(source.dtype)}"
        )
    if source.size != index.size:
        raise IndexError(
            "put_(): Expected source and index to have the same number of elements, but got source.numel() = "
            f"{source.size}, index.numel() = {index.size}"
        )
    if self.size == 0 and index.size:
        raise IndexError("put_(): Tried to put elements into an empty tensor")
    flat = _check_flat("put_", self.size, index).ravel()
    if not accumulate:
        self.flat[flat] = source.ravel()
        return
    whole = np.ascontiguousarray(self).reshape(-1)
    accumulate_flat(np.add, whole, flat, source.ravel())
    if not np.shares_memory(whole, self):
        self[...] = whole.reshape(self.shape)


def masked_select(self: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The elements of `self` where `mask`, both broadcast, in row-major order: a vector."""
    if mask.dtype != np.bool_:
        raise RuntimeError("masked_select: expected BoolTensor for mask")
    if self.shape != mask.shape:
        shape = broadcast_shape(mask.shape, self.shape)
        self, mask = np.broadcast_to(self, shape), np.broadcast_to(mask, shape)
    return np.atleast_1d(self[mask]) if self.ndim == 0 else self[mask]


def _check_fill(mask: np.ndarray, value: Any) -> None:
    """What masked_fill asks of its mask and of a value given as a tensor."""
    if mask.dtype != np.bool_:
        raise RuntimeError(
            f"masked_fill_ only supports boolean masks, but got mask with dtype {c_type_name(mask.dtype)}"
        )
    if isinstance(value, np.ndarray) and value.ndim:
        raise RuntimeError(
            f"masked_fill_ only supports a 0-dimensional value tensor, but got tensor with {value.ndim} dimension(s)."
        )


def masked_fill(self: np.ndarray, mask: np.ndarray, value: Any) -> np.ndarray:
    """A copy of `self` with `value` where `mask`; both broadcast."""
    broadcast_shape(mask.shape, self.shape)
    _check_fill(mask, value)
    shape = self.shape if self.shape == mask.shape else broadcast_shape(mask.shape, self.shape)
    whole = self if self.shape == shape else np.broadcast_to(self, shape)
    return choose(mask, fill_value(value, self.dtype), whole)


def fill_value(value: Any, dtype: np.dtype[Any]) -> np.ndarray:
    """A number, or a tensor of one element, converted to the type of what it fills."""
    if not isinstance(value, np.ndarray):
        return checked_scalar(value, dtype)
    if category(value.dtype) <= category(dtype) and category(dtype) != 1:
        return value.astype(dtype)
    return checked_scalar(value.item(), dtype)


def masked_scatter(self: np.ndarray, mask: np.ndarray, source: np.ndarray) -> np.ndarray:
    """A copy of `self` in which the elements under `mask` are the leading elements of `source`, in order."""
    if source.dtype != self.dtype:
        raise RuntimeError(
            "masked_scatter: expected self and source to have same dtypes but got"
            f"{scalar_type_name(self.dtype)} and {scalar_type_name(source.dtype)}"
        )
    if mask.dtype != np.bool_:
        raise RuntimeError(
            f"masked_scatter_ only supports boolean masks, but got mask with dtype {scalar_type_name(mask.dtype)}"
        )
    shape = self.shape if self.shape == mask.shape else broadcast_shape(mask.shape, self.shape)
    result = np.array(np.broadcast_to(self, shape), order="C")
    mask = np.broadcast_to(mask, shape)
    count = int(np.count_nonzero(mask))
    if source.size < count:
        raise RuntimeError("Number of elements of source < number of ones in mask")
    result[mask] = source.reshape(-1)[:count]
    return result


def masked_scatter_backward(grad_output: np.ndarray, mask: np.ndarray, sizes: tuple[int, ...]) -> np.ndarray:
    """An array of the given sizes that begins with the elements of `grad_output` under `mask`; the rest are zeros."""
    mask = np.broadcast_to(mask, grad_output.shape)
    taken = grad_output[mask].ravel()
    result = np.zeros(sizes, grad_output.dtype)
    flat = result.reshape(-1)
    flat[: taken.size] = taken[: flat.size]
    return result


def _no_coordinates(rank: int) -> np.ndarray:
    """No rows of coordinates, with the strides of torch's transposed storage."""
    return as_strided(np.empty((0, rank), np.int64), strides=(8, 0))


def nonzero(self: np.ndarray) -> np.ndarray:
    """Coordinates of the nonzero elements in row-major order, (count, rank), int64."""
    if self.ndim == 0:
        return _no_coordinates(0) if not self else np.empty((1, 0), np.int64)
    if not self.any():
        return _no_coordinates(self.ndim)
    # torch's result is a transposed view of coordinate-major storage when it has more than one dimension
    return np.argwhere(self).astype(np.int64, copy=False)


def where(condition: np.ndarray, self: np.ndarray, other: np.ndarray) -> np.ndarray:
    """`self` where `condition` and `other` elsewhere, broadcast, in the promoted type."""
    if condition.dtype == np.uint8:
        condition = condition != 0
    elif condition.dtype != np.bool_:
        raise RuntimeError(
            "where expected condition to be a boolean tensor, but got a tensor with dtype "
            + scalar_type_name(condition.dtype)
        )
    if self.dtype == other.dtype:
        dtype = self.dtype
    else:
        dtype = promote_arrays((self, other))
        self, other = self.astype(dtype), other.astype(dtype)
    if not (condition.shape == self.shape == other.shape):
        broadcast_shape(broadcast_shape(condition.shape, self.shape), other.shape)
    return choose(condition, self, other)


def _along(self: np.ndarray, dim: int, index: Any) -> tuple[Any, ...]:
    return (slice(None),) * dim + (index,)


def index_fill(self: np.ndarray, dim: int, index: np.ndarray, value: Any) -> None:
    """Fill the slices of `self` along `dim` at `index` with one value."""
    if isinstance(value, complex) and self.dtype.kind != "c":
        raise RuntimeError("index_fill_(): Converting complex Scalar to non-complex type is not supported")
    if isinstance(value, np.ndarray) and value.ndim:
        raise RuntimeError(
            f"index_fill_ only supports a 0-dimensional value tensor, but got tensor with {value.ndim} dimension(s)."
        )
    if index.dtype != np.int64:
        raise IndexError("index_fill_(): Expected dtype int64 for index.")
    if index.ndim > 1:
        raise RuntimeError("Index has to be a vector/scalar")
    whole = self.reshape(1) if self.ndim == 0 else self
    size = whole.shape[dim]
    wrong = (index >= size) | (index < -size)
    if wrong.any():
        position = int(index[wrong].flat[0])
        raise IndexError(f"index {position} is out of bounds for dimension {dim} with size {size}")
    whole[_along(whole, dim, index.ravel())] = fill_value(value, self.dtype)


def index_copy(self: np.ndarray, dim: int, index: np.ndarray, source: np.ndarray) -> None:
    """Copy slices of `source` along `dim` into `self` at the positions `index`."""
    name = "index_copy_(): "
    if index.ndim > 1:
        raise IndexError(f"{name}Index should have dimension 1 or 0 (got {index.ndim})")
    count = index.size
    if source.ndim == 0 and count != 1:
        raise IndexError(f"{name}When source is scalar, index should have one element (got {count})")
    if source.ndim != self.ndim and source.ndim != 0 and self.ndim != 0:
        raise IndexError(
            f"{name}When source and destination are not scalars, their dimensionality must match. Source dimensionality "
            f"({source.ndim}), destination dimensionality ({self.ndim})"
        )
    if index.dtype != np.int64:
        raise RuntimeError(f"{name}Expected a long tensor for index, but got {scalar_type_name(index.dtype)}")
    if source.dtype != self.dtype:
        raise RuntimeError(
            f"{name}self and source expected to have the same dtype, but got (self) {scalar_type_name(self.dtype)} and "
            f"(source) {scalar_type_name(source.dtype)}"
        )
    own, given = list(self.shape), list(source.shape)
    del own[dim : dim + 1], given[dim : dim + 1]
    if own != given:
        raise RuntimeError(
            f"{name}Source/destination tensor must have same slice shapes. Destination slice shape: "
            f"{' '.join(map(str, own))} at dimension {dim} and source slice shape: {' '.join(map(str, given))} "
            "at dimension 0."
        )
    if source.ndim and count != source.shape[dim]:
        raise IndexError(
            f"{name}Number of indices ({count}) should be equal to source.size(dim) ({source.shape[dim]})"
        )
    whole = self.reshape(1) if self.ndim == 0 else self
    size = whole.shape[dim]
    wrong = (index < 0) | (index >= size)
    if wrong.any():
        value = int(index[wrong].flat[0])
        raise IndexError(f"{name}index {value} is out of bounds for dimension {dim} with size {size}")
    whole[_along(whole, dim, index.ravel())] = source.reshape(1) if source.ndim == 0 else source


def nonzero_static(self: np.ndarray, size: int, fill_value: int) -> np.ndarray:
    """The first `size` coordinates of nonzero elements, filled up with `fill_value`: (size, rank)."""
    if size < 0:
        raise RuntimeError("nonzero_static: 'size' must be an non-negative integer")
    found = nonzero(self)[:size]
    result = np.full((size, self.ndim), fill_value, np.int64)
    result[: len(found)] = found
    return result


def wrap_dim(dim: int, rank: int) -> int:
    """`dim` counted from the front; torch's IndexError if there is no such dimension."""
    bound = max(rank, 1)
    if not -bound <= dim < bound:
        raise IndexError(
            f"Dimension out of range (expected to be in range of [{-bound}, {bound - 1}], but got {dim})"
        )
    return dim % bound


def check_take_along(dtype: np.dtype[Any], rank: int, index_rank: int, along: bool) -> None:
    name = "torch.take_along_dim(): "
    if dtype != np.int64:
        raise RuntimeError(f"{name}dtype of indices should be Long but got {scalar_type_name(dtype)}")
    if along and rank != index_rank:
        raise RuntimeError(
            f"{name}input and indices should have the same number of dimensions, but got {rank} dimensions for input, "
            f"and {index_rank} dimensions for indices"
        )


def broadcast_rest(one: tuple[int, ...], other: tuple[int, ...], dim: int) -> tuple[int, ...]:
    """The broadcast of two shapes of one rank whose sizes at `dim` do not matter."""
    neutral = tuple(1 if place == dim else size for place, size in enumerate(other))
    return broadcast_shape(tuple(neutral[p] if p == dim else size for p, size in enumerate(one)), neutral)


def _write_slice(self: np.ndarray, src: np.ndarray, window: Any) -> np.ndarray:
    """A copy of `self` with `src` written into one of its views, given as a function of an array."""
    result = empty_like(self)
    result[...] = self
    target = window(result)
    if target.shape != src.shape:
        raise RuntimeError(
            f"expected src to have a size equal to the slice of self. src size = {shape_text(src.shape)}, "
            f"slice size = {shape_text(target.shape)}"
        )
    target[...] = src
    return result


def select_scatter(self: np.ndarray, src: np.ndarray, dim: int, index: int) -> np.ndarray:
    """`self` with src in the place of self.select(dim, index)."""
    if self.ndim == 0:
        raise IndexError("select() cannot be applied to a 0-dim tensor.")
    size = self.shape[dim]
    if not -size <= index < size:
        raise IndexError(
            f"select(): index {index} out of range for tensor of size {shape_text(self.shape)} at dimension {dim}"
        )
    return _write_slice(self, src, lambda array: array[(slice(None),) * dim + (index, ...)])


def slice_scatter(
    self: np.ndarray, src: np.ndarray, dim: int, start: int | None, end: int | None, step: int
) -> np.ndarray:
    """`self` with src in the place of a slice along dim."""
    if self.ndim == 0:
        raise RuntimeError("slice() cannot be applied to a 0-dim tensor.")
    if step <= 0:
        raise RuntimeError("slice step must be positive")
    return _write_slice(self, src, lambda array: array[(slice(None),) * dim + (slice(start, end, step),)])


def diagonal_scatter(self: np.ndarray, src: np.ndarray, offset: int, dim1: int, dim2: int) -> np.ndarray:
    """`self` with src on a diagonal."""
    if dim1 == dim2:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    height, width = self.shape[dim1], self.shape[dim2]
    length = max(min(height, width - offset) if offset >= 0 else min(height + offset, width), 0)

    def window(array: np.ndarray) -> np.ndarray:
        moved = np.moveaxis(array, (dim1, dim2), (-2, -1))
        strides = (*moved.strides[:-2], moved.strides[-2] + moved.strides[-1])
        corner = moved[..., max(-offset, 0) :, max(offset, 0) :]
        return as_strided(corner, (*moved.shape[:-2], length), strides)

    return _write_slice(self, src, window)
