"""Kernels that join, repeat, move and pad arrays without looking at values."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from .indexing import wrap_dim
from .memory_order import channels_last_like
from .scalar_types import checked_scalar, empty_like, not_implemented, promote_pair, shape_text


def _skipped(array: np.ndarray) -> bool:
    """Whether concatenation ignores this array: empty vectors fit anywhere."""
    return array.ndim == 1 and array.shape[0] == 0


def joined_dtype(arrays: Sequence[np.ndarray]) -> np.dtype[Any]:
    first = arrays[0].dtype
    if all(array.dtype == first for array in arrays):
        return first
    return functools.reduce(promote_pair, [array.dtype for array in arrays])


def cat(arrays: Sequence[np.ndarray], dim: int) -> np.ndarray:
    """The arrays one after the other along `dim`, in the promoted type."""
    if not arrays:
        raise ValueError("torch.cat(): expected a non-empty list of Tensors")
    for number, array in enumerate(arrays):
        if array.ndim == 0:
            raise RuntimeError(f"zero-dimensional tensor (at position {number}) cannot be concatenated")
    used = [array for array in arrays if not _skipped(array)]
    dtype = joined_dtype(arrays)
    if not used:
        return np.empty(0, dtype)
    first = used[0]
    dim = wrap_dim(dim, first.ndim)
    for number, array in enumerate(arrays):
        if _skipped(array):
            continue
        if array.ndim != first.ndim:
            raise RuntimeError(
                f"Tensors must have same number of dimensions: got {first.ndim} and {array.ndim}"
            )
        for place, size in enumerate(array.shape):
            if place != dim and size != first.shape[place]:
                raise RuntimeError(
                    f"Sizes of tensors must match except in dimension {dim}. Expected size {first.shape[place]} but got "
                    f"size {size} for tensor number {number} in the list."
                )
    shape = list(first.shape)
    shape[dim] = sum(array.shape[dim] for array in used)
    if len(shape) == 4 and all(_is_channels_last(array) for array in used):
        batch, channels, height, width = shape
        out = np.empty((batch, height, width, channels), dtype).transpose(0, 3, 1, 2)
    else:
        out = np.empty(shape, dtype)
    return np.concatenate(used, axis=dim, out=out, casting="unsafe")


def _is_channels_last(array: np.ndarray) -> bool:
    """Whether a 4-dimensional array is stored with its second dimension innermost (and not also row by row)."""
    return array.transpose(0, 2, 3, 1).flags.c_contiguous and not array.flags.c_contiguous


def stack(arrays: Sequence[np.ndarray], dim: int) -> np.ndarray:
    """Arrays of one shape along a new dimension `dim`."""
    if not arrays:
        raise RuntimeError("stack expects a non-empty TensorList")
    shape = arrays[0].shape
    dim = wrap_dim(dim, len(shape) + 1)
    for number, array in enumerate(arrays):
        if array.shape != shape:
            raise RuntimeError(
                f"stack expects each tensor to be equal size, but got {shape_text(shape)} at entry 0 and "
                f"{shape_text(array.shape)} at entry {number}"
            )
    dtype = joined_dtype(arrays)
    out = np.empty((*shape[:dim], len(arrays), *shape[dim:]), dtype)
    lifted = [array.reshape((*shape[:dim], 1, *shape[dim:])) for array in arrays]
    return np.concatenate(lifted, axis=dim, out=out, casting="unsafe")


def split_sizes(size: int, split_size: int) -> list[int]:
    """The lengths of the pieces of a dimension cut every `split_size`; at least one piece."""
    if split_size == 0:
        return [0]
    count = max((size + split_size - 1) // split_size, 1)
    return [split_size] * (count - 1) + [size - split_size * (count - 1)]


def checked_split(shape: tuple[int, ...], split_size: int, dim: int) -> list[int]:
    """split_sizes, after torch's checks."""
    if not shape:
        raise RuntimeError("split expects at least a 1-dimensional tensor")
    if split_size < 0:
        raise RuntimeError(f"split expects split_size be non-negative, but got split_size={split_size}")
    if split_size == 0 and shape[dim] != 0:
        raise RuntimeError(
            f"split_size can only be 0 if dimension size is 0, but got dimension size of {shape[dim]}"
        )
    return split_sizes(shape[dim], split_size)


def checked_sizes(shape: tuple[int, ...], sizes: Sequence[int], dim: int) -> list[int]:
    """The lengths of the pieces of a dimension, which must add up to it."""
    if not shape:
        raise RuntimeError("split expects at least a 1-dimensional tensor")
    if any(size < 0 for size in sizes):
        raise RuntimeError(
            f"split_with_sizes expects split_sizes have only non-negative entries, but got split_sizes={shape_text(sizes)}"
        )
    if sum(sizes) != shape[dim]:
        raise RuntimeError(
            f"split_with_sizes expects split_sizes to sum exactly to {shape[dim]} (input tensor's size at dimension {dim}), "
            f"but got split_sizes={shape_text(sizes)}"
        )
    return list(sizes)


def unsafe_split(self: np.ndarray, sizes: Sequence[int], dim: int) -> list[np.ndarray]:
    """The consecutive pieces of a dimension. They share memory with `self`, as torch's do, but do not count as views."""
    pieces = []
    start = 0
    for size in sizes:
        pieces.append(self[(slice(None),) * dim + (slice(start, start + size),)])
        start += size
    return pieces


def distinct_dims(dims: Sequence[int] | int, rank: int) -> tuple[int, ...]:
    """Dimensions counted from the front; none may be named twice."""
    wrapped = tuple(wrap_dim(dim, rank) for dim in ((dims,) if isinstance(dims, int) else dims))
    for dim in wrapped:
        if wrapped.count(dim) > 1:
            raise RuntimeError(f"dim {dim} appears multiple times in the list of dims")
    return wrapped if rank else ()


def flip(self: np.ndarray, dims: Sequence[int]) -> np.ndarray:
    result = empty_like(self)  # keeps the order of dimensions in memory
    result[...] = np.flip(self, tuple(dims))
    return result


def roll(self: np.ndarray, shifts: Sequence[int] | int, dims: Sequence[int] | int) -> np.ndarray:
    """Elements moved along `dims` and around the ends; without dims, the flattened array is rolled."""
    shifts = (shifts,) if isinstance(shifts, int) else tuple(shifts)
    dims = (dims,) if isinstance(dims, int) else tuple(dims)
    if len(shifts) == 0:
        raise RuntimeError("`shifts` required")
    if len(shifts) != len(dims) and not (len(shifts) == 1 and not dims):
        raise RuntimeError(f"shifts and dimensions must align. shifts: {len(shifts)}, dims:{len(dims)}")
    if not self.size:
        return self.copy()
    if not dims:
        return np.roll(self.reshape(-1), shifts[0]).reshape(self.shape)
    if self.ndim == 0:
        raise IndexError(f"Dimension specified as {dims[0]} but tensor has no dimensions")
    rolled = np.roll(self, shifts, tuple(wrap_dim(dim, self.ndim) for dim in dims))
    return channels_last_like(np.ascontiguousarray(rolled), self)


def rot90(self: np.ndarray, k: int, dims: Sequence[int]) -> np.ndarray:
    """The plane of two dimensions turned k times by 90 degrees, from the first dimension towards the second."""
    rank = self.ndim
    if len(dims) != 2:
        raise RuntimeError(f"expected total rotation dims == 2, but got dims = {len(dims)}")
    if rank < 2:
        raise RuntimeError(f"expected total dims >= 2, but got total dims = {rank}")
    plane = (wrap_dim(dims[0], rank), wrap_dim(dims[1], rank))
    if plane[0] == plane[1]:
        raise RuntimeError(
            f"expected rotation dims to be different, but got dim0 = {dims[0]} and dim1 = {dims[1]}"
        )
    turns = k % 4
    if turns == 0:
        return self.copy()
    if turns == 2:
        return flip(self, plane)
    # a quarter turn is a flip and a transposition, and the result keeps the transposed strides
    return flip(self, (plane[1] if turns == 1 else plane[0],)).swapaxes(*plane)


def repeat(self: np.ndarray, repeats: Sequence[int]) -> np.ndarray:
    """The array tiled `repeats[i]` times along each dimension of the result (leading ones are new)."""
    if len(repeats) < self.ndim:
        raise RuntimeError(
            "Number of dimensions of repeat dims can not be smaller than number of dimensions of tensor"
        )
    shape = (1,) * (len(repeats) - self.ndim) + self.shape
    target = [size * times for size, times in zip(shape, repeats, strict=True)]
    for size in target:
        if size < 0:
            raise RuntimeError(
                f"Trying to create tensor with negative dimension {size}: {shape_text(target)}"
            )
    interleaved: list[int] = []
    for size, times in zip(shape, repeats, strict=True):
        interleaved += (times, size)
    result = np.empty(interleaved, self.dtype)
    result[...] = self.reshape([length for size in shape for length in (1, size)])
    return result.reshape(target)


def repeat_interleave_index(repeats: np.ndarray, output_size: int | None) -> np.ndarray:
    """The index that repeats position i `repeats[i]` times: [2, 1] gives [0, 0, 1]."""
    if repeats.dtype != np.int64 and repeats.dtype != np.int32:
        raise not_implemented("repeat_interleave_cpu", repeats.dtype)
    if repeats.ndim != 1:
        raise RuntimeError("repeat_interleave only accept 1D vector as repeat")
    if repeats.size and repeats.min() < 0:
        raise RuntimeError("repeats can not be negative")
    if output_size is not None and output_size != int(repeats.sum()):
        raise RuntimeError("allocated size does not match required size")
    return np.repeat(np.arange(repeats.size, dtype=repeats.dtype), repeats)


def triangle(self: np.ndarray, diagonal: int, lower: bool) -> np.ndarray:
    """A copy with zeros above (lower) or below (upper) the given diagonal of the last two dimensions."""
    name = "tril" if lower else "triu"
    if self.ndim < 2:
        raise RuntimeError(f"{name}: input tensor must have at least 2 dimensions")
    height, width = self.shape[-2:]
    rows = np.arange(height)[:, None]
    columns = np.arange(width)
    keep = columns - rows <= diagonal if lower else columns - rows >= diagonal
    result = np.zeros(self.shape, self.dtype)
    np.copyto(result, self, where=keep)
    return result


def triangle_indices(row: int, col: int, offset: int, dtype: np.dtype[Any] | None, lower: bool) -> np.ndarray:
    """Coordinates, (2, count), of the lower or upper triangle of a row × col matrix, row by row."""
    if row < 0:
        raise RuntimeError(f"row must be non-negative, got{row}")
    if col < 0:
        raise RuntimeError(f"col must be non-negative, got{col}")
    dtype = np.dtype(np.int64) if dtype is None else dtype
    if dtype.kind not in "iu":
        raise not_implemented("tril_indices" if lower else "triu_indices", dtype)
    mask = np.tri(row, col, offset if lower else offset - 1, dtype=bool)
    return np.array(np.nonzero(mask if lower else ~mask)).astype(dtype).reshape(2, -1)


def diag_embed(self: np.ndarray, offset: int, dim1: int, dim2: int) -> np.ndarray:
    """The last dimension laid out on a diagonal of two dimensions, dim1 and dim2 of the result, zeros elsewhere."""
    size = self.shape[-1]
    edge = size + abs(offset)
    result = np.zeros((*self.shape[:-1], edge, edge), self.dtype)
    places = np.arange(size)
    result[..., places + max(-offset, 0), places + max(offset, 0)] = self
    if dim1 == result.ndim - 2 and dim2 == result.ndim - 1:
        return result
    return np.ascontiguousarray(np.moveaxis(result, (-2, -1), (dim1, dim2)))


def block_diag(arrays: Sequence[np.ndarray]) -> np.ndarray:
    """Matrices along the diagonal of one matrix; scalars and vectors count as single rows."""
    for number, array in enumerate(arrays):
        if array.ndim > 2:
            raise RuntimeError(
                f"torch.block_diag: Input tensors must have 2 or fewer dimensions. Input {number} has {array.ndim} dimensions"
            )
    blocks = [np.atleast_2d(array) for array in arrays]
    result = np.zeros(
        (sum(block.shape[0] for block in blocks), sum(block.shape[1] for block in blocks)),
        joined_dtype(arrays),
    )
    row = column = 0
    for block in blocks:
        height, width = block.shape
        result[row : row + height, column : column + width] = block
        row, column = row + height, column + width
    return result


def constant_pad(self: np.ndarray, pad: Sequence[int], value: Any) -> np.ndarray:
    """The array with `value` around it: `pad` gives (before, after) from the last dimension on; negative ones crop."""
    if len(pad) % 2:
        raise RuntimeError("Length of pad must be even but instead it equals " + str(len(pad)))
    if len(pad) > 2 * self.ndim:
        raise RuntimeError(
            "Length of pad should be no more than twice the number of dimensions of the input. Pad length is "
            f"{len(pad)}while the input has {self.ndim}dimensions."
        )
    shape = list(self.shape)
    source: list[slice] = [slice(None)] * self.ndim
    target: list[slice] = [slice(None)] * self.ndim
    for number in range(len(pad) // 2):
        dim = self.ndim - 1 - number
        before, after = pad[2 * number], pad[2 * number + 1]
        size = shape[dim]
        if size + min(before, 0) + min(after, 0) < 0:
            raise RuntimeError("narrow(): length must be non-negative.")
        shape[dim] = size + before + after
        source[dim] = slice(max(-before, 0), size - max(-after, 0))
        target[dim] = slice(max(before, 0), shape[dim] - max(after, 0))
    result = channels_last_like(np.empty(shape, self.dtype), self)
    result[...] = checked_scalar(value, self.dtype)
    result[tuple(target)] = self[tuple(source)]
    return result


def _pad_index(size: int, before: int, after: int, reflect: bool) -> np.ndarray:
    """For each position of the padded dimension, the position of the input it repeats."""
    places = np.arange(-before, size + after)
    if not reflect:
        return np.clip(places, 0, size - 1)
    places = np.abs(places)
    return np.where(places >= size, 2 * (size - 1) - places, places)


def _check_pad(self: np.ndarray, padding: Sequence[int], rank: int, reflect: bool) -> None:
    kernel = f"{'reflection' if reflect else 'replication'}_pad{rank}d"
    ranks = {1: "2D or 3D", 2: "3D or 4D", 3: "4D or 5D"}[rank]
    sizes = self.shape
    batched = self.ndim == rank + 2
    checked = sizes[1:] if batched else sizes
    if self.ndim not in (rank + 1, rank + 2) or 0 in checked:
        raise RuntimeError(
            f"Expected {ranks} (batch mode) tensor with possibly 0 batch size and other non-zero dimensions for input, "
            f"but got: {shape_text(sizes)}"
        )
    if self.dtype == np.bool_:
        raise not_implemented(kernel, self.dtype)
    outputs = []
    for number in range(rank):
        dim = self.ndim - 1 - number
        before, after = padding[2 * number], padding[2 * number + 1]
        if reflect and (before >= sizes[dim] or after >= sizes[dim]):
            raise RuntimeError(
                f"Argument #{4 + 2 * number}: Padding size should be less than the corresponding input dimension, but "
                f"got: padding ({before}, {after}) at dimension {dim} of input {shape_text(sizes)}"
            )
        outputs.append(sizes[dim] + before + after)
    if any(output < 1 for output in outputs):
        names = ("W", "H", "D")[:rank]
        given = ", ".join(
            f"{name}: {sizes[self.ndim - 1 - n]}" for n, name in reversed(list(enumerate(names)))
        )
        got = " ".join(f"{name}: {outputs[n]}" for n, name in reversed(list(enumerate(names))))
        raise RuntimeError(f"input ({given}) is too small. Calculated output {got}")


def edge_pad(self: np.ndarray, padding: Sequence[int], rank: int, reflect: bool) -> np.ndarray:
    """Padding of the last `rank` dimensions by reflection at, or repetition of, the edges."""
    _check_pad(self, padding, rank, reflect)
    result = self
    for number in range(rank):
        dim = self.ndim - 1 - number
        index = _pad_index(self.shape[dim], padding[2 * number], padding[2 * number + 1], reflect)
        result = result.take(index, axis=dim)
    return result


def edge_pad_backward(
    grad: np.ndarray, shape: Sequence[int], padding: Sequence[int], rank: int, reflect: bool
) -> np.ndarray:
    """The transpose of edge_pad: every padded position adds its gradient to the position it repeated."""
    wide = np.float32 if grad.dtype.kind == "V" or grad.dtype == np.float16 else grad.dtype
    result = grad.astype(wide)
    for number in range(rank):
        dim = grad.ndim - 1 - number
        size = shape[dim]
        index = _pad_index(size, padding[2 * number], padding[2 * number + 1], reflect)
        moved = np.moveaxis(result, dim, 0)
        folded = np.zeros((size, *moved.shape[1:]), wide)
        before = max(padding[2 * number], 0)
        inner = slice(before, len(index) - max(padding[2 * number + 1], 0))
        folded[index[inner]] += moved[inner]  # the interior repeats no position
        for place in (*range(before), *range(inner.stop, len(index))):
            folded[index[place]] += moved[place]
        result = np.moveaxis(folded, 0, dim)
    return np.ascontiguousarray(result).astype(grad.dtype)


def pixel_shuffle(self: np.ndarray, factor: int) -> np.ndarray:
    """(*, C r², H, W) to (*, C, H r, W r)."""
    *lead, channels, height, width = self.shape
    out = channels // factor**2
    blocks = self.reshape(*lead, out, factor, factor, height, width)
    rank = len(lead)
    order = (*range(rank), rank, rank + 3, rank + 1, rank + 4, rank + 2)
    return _repacked(blocks.transpose(order), (*lead, out, height * factor, width * factor), self)


def _repacked(blocks: np.ndarray, shape: tuple[int, ...], source: np.ndarray) -> np.ndarray:
    """A copy of `blocks` in row-major order of another shape, or channels last where `source` is."""
    return channels_last_like(np.array(blocks, order="C", copy=True).reshape(shape), source)


def pixel_unshuffle(self: np.ndarray, factor: int) -> np.ndarray:
    """(*, C, H r, W r) to (*, C r², H, W)."""
    *lead, channels, height, width = self.shape
    blocks = self.reshape(*lead, channels, height // factor, factor, width // factor, factor)
    rank = len(lead)
    order = (*range(rank), rank, rank + 2, rank + 4, rank + 1, rank + 3)
    return _repacked(
        blocks.transpose(order), (*lead, channels * factor**2, height // factor, width // factor), self
    )


def channel_shuffle(self: np.ndarray, groups: int) -> np.ndarray:
    """Channels, the second dimension, dealt out to `groups` in turn."""
    if not self.size:
        return self.copy()
    batch, channels = self.shape[:2]
    grouped = self.reshape(batch, groups, channels // groups, -1)
    return _repacked(grouped.swapaxes(1, 2), self.shape, self)


def check_pixel_shuffle(shape: tuple[int, ...], factor: int) -> None:
    name = "pixel_shuffle expects"
    if len(shape) < 3:
        raise RuntimeError(
            f"{name} input to have at least 3 dimensions, but got input with {len(shape)} dimension(s)"
        )
    if factor <= 0:
        raise RuntimeError(f"{name} a positive upscale_factor, but got {factor}")
    if shape[-3] % factor**2:
        raise RuntimeError(
            f"{name} its input's 'channel' dimension to be divisible by the square of upscale_factor, but "
            f"input.size(-3)={shape[-3]} is not divisible by {factor**2}"
        )


def check_pixel_unshuffle(shape: tuple[int, ...], factor: int) -> None:
    name = "pixel_unshuffle expects"
    if len(shape) < 3:
        raise RuntimeError(
            f"{name} input to have at least 3 dimensions, but got input with {len(shape)} dimension(s)"
        )
    if factor <= 0:
        raise RuntimeError(f"{name} a positive downscale_factor, but got {factor}")
    for place, word in ((-2, "height"), (-1, "width")):
        if shape[place] % factor:
            raise RuntimeError(
                f"{name} {word} to be divisible by downscale_factor, but input.size({place})={shape[place]} is not "
                f"divisible by {factor}"
            )


def check_channel_shuffle(shape: tuple[int, ...], groups: int) -> None:
    if len(shape) < 3:
        raise RuntimeError(
            f"channel_shuffle expects input with > 2 dims, but got input with sizes {shape_text(shape)}"
        )
    if groups <= 0:
        raise RuntimeError(
            f"Number of groups to divide channels in must be positive. Value of groups:{groups}"
        )
    if shape[1] % groups:
        raise RuntimeError(
            f"Number of channels must be divisible by groups. Got {shape[1]} channels and {groups} groups."
        )


def diagonal_copy(self: np.ndarray, offset: int, dim1: int, dim2: int) -> np.ndarray:
    """The diagonal of two dimensions as the last dimension of a new array; beyond the edge it has no elements."""
    if dim1 == dim2:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    if offset >= self.shape[dim2] or -offset >= self.shape[dim1]:
        rest = [size for place, size in enumerate(self.shape) if place not in (dim1, dim2)]
        return np.empty((*rest, 0), self.dtype)
    return np.array(self.diagonal(offset, dim1, dim2), order="C")


def one_hot(self: np.ndarray, num_classes: int) -> np.ndarray:
    """int64 rows of zeros with a 1 at each class: (*, number of classes), the largest class plus one if that is -1."""
    if self.dtype != np.int64:
        raise RuntimeError("one_hot is only applicable to index tensor of type LongTensor.")
    if self.size == 0:
        if num_classes <= 0:
            raise RuntimeError("Can not infer total number of classes from empty tensor.")
        return np.zeros((*self.shape, num_classes), np.int64)
    if self.min() < 0:
        raise RuntimeError("Class values must be non-negative.")
    largest = int(self.max())
    if num_classes == -1:
        num_classes = largest + 1
    elif largest >= num_classes:
        raise RuntimeError("Class values must be smaller than num_classes.")
    result = np.zeros((self.size, num_classes), np.int64)
    result[np.arange(self.size), self.reshape(-1)] = 1
    return result.reshape(*self.shape, num_classes)
