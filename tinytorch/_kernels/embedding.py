"""Rows of a table: looking them up, and adding gradients back to them."""

from __future__ import annotations

import numpy as np

from tinytorch._kernels.dtype_names import is_low_precision, widen
from tinytorch._kernels.scalar_types import tensor_type_name
from tinytorch._kernels.scatter import accumulate_rows

SUM, MEAN, MAX = 0, 1, 2
#: Rows that go to one place: more than that are summed place by place, fewer in turns over all places.
OFTEN = 8
#: Elements from which all rows are added in one pass of a sparse product.
MANY = 1 << 14


def check_indices(name: str, indices: np.ndarray, argument: str = "argument #1 'indices'") -> None:
    """Raise torch's text unless the indices are int32 or int64."""
    if indices.dtype not in (np.int64, np.int32):
        raise RuntimeError(
            f"Expected tensor for {argument} to have one of the following scalar types: Long, Int; but got "
            f"{tensor_type_name(indices.dtype)} instead (while checking arguments for {name})"
        )


def add_rows(count: int, index: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """A (count, D) table in which rows (M, D) are summed at index (M,)."""
    width = rows.shape[1]
    result = np.zeros((count, width), rows.dtype)
    if index.size == 0 or width == 0:
        return result
    if count <= 64 and index.size > 4 * count and rows.dtype.kind == "f":
        # Few rows: a product with the indicator matrix.
        indicator = (index == np.arange(count)[:, None]).astype(rows.dtype)
        return indicator @ rows
    if rows.dtype.char in "fd" and rows.size >= MANY:
        accumulate_rows(result, index, rows)
        return result
    order = np.argsort(index, kind="stable")
    ordered = index[order]
    starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    lengths = np.diff(starts, append=index.size)
    often = lengths > OFTEN
    for start, length in zip(starts[often], lengths[often], strict=True):
        result[ordered[start]] = np.add.reduce(rows[order[start : start + length]], axis=0)
    starts, lengths = starts[~often], lengths[~often]
    for turn in range(int(lengths.max(initial=0))):  # the first row of every place, then the second, ...
        starts = starts[lengths > turn] if turn else starts
        lengths = lengths[lengths > turn] if turn else lengths
        here = starts + turn
        if turn:
            result[ordered[here]] += rows[order[here]]
        else:
            result[ordered[here]] = rows[order[here]]
    return result


def embedding(
    weight: np.ndarray,
    indices: np.ndarray,
    padding_idx: int = -1,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> np.ndarray:
    """weight (V, D) at indices: indices.shape + (D,)."""
    if weight.ndim != 2:
        raise RuntimeError("'weight' must be 2-D")
    check_indices("embedding", indices)
    if indices.size and not weight.shape[0]:
        raise RuntimeError("index_select(): self indexing axis dim should be positive")
    if indices.size and (indices.min() < 0 or indices.max() >= weight.shape[0]):
        raise IndexError("index out of range in self")
    return np.take(weight, indices, axis=0)


def embedding_dense_backward(
    grad_output: np.ndarray, indices: np.ndarray, num_weights: int, padding_idx: int, scale_grad_by_freq: bool
) -> np.ndarray:
    """The gradient of embedding with respect to its (num_weights, D) table; padding_idx gets none."""
    rows = widen(grad_output.reshape(-1, grad_output.shape[-1]))
    index = indices.reshape(-1)
    if padding_idx >= 0:
        kept = index != padding_idx
        if not kept.all():
            index, rows = index[kept], rows[kept]
    if scale_grad_by_freq and index.size:
        rows = rows / np.bincount(index, minlength=num_weights)[index][:, None].astype(rows.dtype)
    return add_rows(num_weights, index, rows).astype(grad_output.dtype, copy=False)


def embedding_renorm(self: np.ndarray, indices: np.ndarray, max_norm: float, norm_type: float) -> None:
    """Scale the looked-up rows of self down to max_norm, in place."""
    check_indices("embedding_renorm_", indices, "argument #2 'indices'")
    unique = np.unique(indices)
    if unique.size == 0:
        return
    outside = unique[(unique < -self.shape[0]) | (unique >= self.shape[0])]
    if outside.size:
        raise IndexError(
            f"select(): index {outside[0]} out of range for tensor of size {list(self.shape)} at dimension 0"
        )
    rows = widen(self[unique])
    if norm_type == float("inf"):
        length = np.abs(rows).max(1)
    else:
        length = np.power(np.power(np.abs(rows), norm_type).sum(1), 1 / norm_type)
    factor = np.where(length > max_norm, max_norm / (length + 1e-7), 1).astype(rows.dtype)
    self[unique] = (rows * factor[:, None]).astype(self.dtype)


def _bags(
    indices: np.ndarray, offsets: np.ndarray, include_last_offset: bool, padding_idx: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """Each index's bag, which indices count, the number counted per bag, and the number of bags."""
    count = len(offsets) - 1 if include_last_offset else len(offsets)
    ends = offsets[1 : count + 1] if include_last_offset else np.append(offsets[1:], indices.size)
    lengths = ends - offsets[:count]
    bag = np.repeat(np.arange(count), lengths)
    if bag.size < indices.size:
        bag = np.concatenate([bag, np.full(indices.size - bag.size, count)])
    kept = (indices != padding_idx) & (bag < count) if padding_idx >= 0 else bag < count
    return bag, kept, np.bincount(bag[kept], minlength=count)[:count], count


def _check_bag(
    weight: np.ndarray, indices: np.ndarray, offsets: np.ndarray, per_sample_weights: np.ndarray | None
) -> None:
    check_indices("embedding_bag", indices)
    check_indices("embedding_bag", offsets, "argument #1 'offsets'")
    if weight.dtype.name not in ("float16", "bfloat16", "float32", "float64"):
        raise RuntimeError(
            "Expected tensor for argument #1 'weight' to have one of the following scalar types: Half, BFloat16, Float, "
            f"Double; but got {tensor_type_name(weight.dtype)} instead (while checking arguments for "
            "embedding_bag)"
        )
    if per_sample_weights is not None and per_sample_weights.dtype != weight.dtype:
        raise RuntimeError(
            "Expected tensor for argument #1 'weight' to have the same type as tensor for argument #1 'per_sample_weights'; but type "
            f"{tensor_type_name(weight.dtype)} does not equal {tensor_type_name(per_sample_weights.dtype)} (while checking arguments for "
            "embedding_bag)"
        )
    if offsets.size and offsets[0] != 0:
        raise RuntimeError(
            "offsets[0] has to be 0, i.e., the first sequence in the mini-batch has to start from position 0. "
            f"However, got {offsets[0]}\n[ {tensor_type_name(offsets.dtype)}{{}} ]"
        )
    if offsets.size and offsets[-1] > indices.size:
        raise RuntimeError(
            f"offsets[-1] can not be greater than input's length {indices.size} but got offsets[-1] of {offsets[-1]}"
        )
    wrong = np.flatnonzero((indices < 0) | (indices >= weight.shape[0]))
    if wrong.size:
        i = int(wrong[0])
        raise RuntimeError(
            f"Index {i} of input takes value {indices[i]} which is not in the valid range [0, {weight.shape[0]})"
        )


def embedding_bag(
    weight: np.ndarray,
    indices: np.ndarray,
    offsets: np.ndarray,
    scale_grad_by_freq: bool = False,
    mode: int = SUM,
    sparse: bool = False,
    per_sample_weights: np.ndarray | None = None,
    include_last_offset: bool = False,
    padding_idx: int = -1,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Rows summed, averaged or maximised per bag; then each index's bag, the bag sizes, and the maxima's indices."""
    _check_bag(weight, indices, offsets, per_sample_weights)
    bag, kept, sizes, count = _bags(indices, offsets, include_last_offset, padding_idx)
    chosen, owner = indices[kept], bag[kept]
    rows = widen(weight[chosen])  # (M, D)
    width = weight.shape[1]
    sizes = sizes.astype(indices.dtype)
    if mode == MAX:
        output = np.zeros((count, width), weight.dtype)
        winners = np.full((count, width), -1, indices.dtype)
        for b in np.unique(owner):
            members = np.flatnonzero(owner == b)
            best = rows[members].argmax(0)
            output[b] = rows[members][best, np.arange(width)]
            winners[b] = chosen[members][best]
        return output, bag.astype(indices.dtype), sizes, winners
    if per_sample_weights is not None:
        rows = rows * widen(per_sample_weights)[kept][:, None]
    output = add_rows(count, owner, rows)
    if mode == MEAN:
        output = output / np.maximum(sizes, 1)[:, None].astype(output.dtype)
    empty = np.zeros(count, indices.dtype)
    return output.astype(weight.dtype, copy=False), bag.astype(indices.dtype), sizes, empty


def embedding_bag_backward(
    grad: np.ndarray,
    indices: np.ndarray,
    offset2bag: np.ndarray,
    bag_size: np.ndarray,
    maximum_indices: np.ndarray,
    num_weights: int,
    scale_grad_by_freq: bool,
    mode: int,
    per_sample_weights: np.ndarray | None,
    padding_idx: int,
) -> np.ndarray:
    """The gradient of embedding_bag with respect to its table."""
    width = grad.shape[1]
    wide = widen(grad)
    if mode == MAX:
        result = np.zeros((num_weights, width), wide.dtype)
        columns = np.broadcast_to(np.arange(width), maximum_indices.shape)
        valid = maximum_indices >= 0
        np.add.at(result, (maximum_indices[valid], columns[valid]), wide[valid])
        return result.astype(grad.dtype, copy=False)
    kept = (offset2bag < grad.shape[0]) & (indices != padding_idx)
    chosen, owner = indices[kept], offset2bag[kept]
    rows = wide[owner]
    if per_sample_weights is not None:
        rows = rows * widen(per_sample_weights)[kept][:, None]
    if mode == MEAN:
        rows = rows / np.maximum(bag_size, 1)[owner][:, None].astype(rows.dtype)
    if scale_grad_by_freq and chosen.size:
        rows = rows / np.bincount(chosen, minlength=num_weights)[chosen][:, None].astype(rows.dtype)
    result = add_rows(num_weights, chosen, rows)
    return result.astype(grad.dtype, copy=False) if is_low_precision(grad.dtype) else result


def per_sample_weights_backward(
    grad: np.ndarray, weight: np.ndarray, indices: np.ndarray, offset2bag: np.ndarray, padding_idx: int
) -> np.ndarray:
    """The gradient of a summing embedding_bag with respect to its per-sample weights."""
    kept = (offset2bag < grad.shape[0]) & (indices != padding_idx)
    result = np.zeros(indices.shape, grad.dtype)
    result[kept] = (widen(grad)[offset2bag[kept]] * widen(weight)[indices[kept]]).sum(1)
    return result
