"""Pooling over windows of the last dimensions of (N, C, *spatial) arrays, and its transposes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import product

import numpy as np

from tinytorch._kernels.dtype_names import is_float, is_low_precision, not_implemented, widen
from tinytorch._kernels.windows import output_size, pad, positions

Ints = Sequence[int]


def _text(shape: Sequence[int]) -> str:
    return "[" + ", ".join(map(str, shape)) + "]"


def batched(
    name: str, self: np.ndarray, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints, ceil_mode: bool
) -> tuple[np.ndarray, list[int]]:
    """self with a batch dimension and how many windows fit; raises what torch says of a geometry that does not do, in its order."""
    rank = len(kernel)
    average = name.startswith("avg")
    several = f"{rank + 1}D or {rank + 2}D (batch mode) tensor"
    if self.ndim not in (rank + 1, rank + 2):
        if average and rank == 2 and self.ndim < 3:
            raise IndexError(
                f"Dimension out of range (expected to be in range of [{-max(self.ndim, 1)}, {max(self.ndim, 1) - 1}], but got -3)"
            )
        if not average or rank == 3:
            raise RuntimeError(f"non-empty {several} expected for input")
    if 0 in stride:
        raise RuntimeError("stride should not be zero")
    for p, k, d in zip(padding, kernel, dilation, strict=True):
        if p < 0:
            raise RuntimeError(f"pad must be non-negative, but got pad: {p}")
        if p > int(((k - 1) * d + 1) / 2):
            raise RuntimeError(
                f"pad should be at most half of effective kernel size, but got pad={p}, kernel_size={k} and dilation={d}"
            )
    for label, values in (("kernel size", kernel), ("stride", stride), ("dilation", dilation)):
        _check_values(label, values)
    sizes = self.shape[-rank:]
    if rank == 3:
        label = "avg_pool3d()" if average else "max_pool3d_with_indices_out_cpu_template()"
        if 0 in self.shape[self.ndim - 4 :]:
            raise RuntimeError(
                f"{label}: Expected input's non-batch dimensions to have positive length, but input has a shape of "
                f"{_text(self.shape)} and non-batch dimension 0 has length zero!"
            )
        if average and any(n < k for n, k in zip(sizes, kernel, strict=True)):
            shown = " ".join(f"{axis}: {n}" for axis, n in zip("THW", sizes, strict=True))
            wanted = " ".join(f"k{axis}: {k}" for axis, k in zip("THW", kernel, strict=True))
            raise RuntimeError(f"input image ({shown}) smaller than kernel size ({wanted})")
    elif self.ndim not in (3, 4) or 0 in self.shape[self.ndim - 3 :]:
        raise RuntimeError(
            f"Expected {several} with optional 0 dim batch size for input, but got:{_text(self.shape)}"
        )
    x = self if self.ndim == rank + 2 else self[None]
    counts = [
        output_size(n, k, s, p, d, ceil_mode)
        for n, k, s, p, d in zip(sizes, kernel, stride, padding, dilation, strict=True)
    ]
    if min(counts) < 1:
        before, after = "x".join(map(str, x.shape[1:])), "x".join(map(str, [x.shape[1], *counts]))
        raise RuntimeError(
            f"Given input size: ({before}). Calculated output size: ({after}). Output size is too small"
        )
    return x, counts


def _check_values(name: str, values: Ints) -> None:
    """Kernel sizes, strides and dilations are positive."""
    if min(values, default=1) <= 0:
        labels = {"kernel size": ("kT", "kH", "kW"), "stride": ("dT", "dH", "dW")}.get(
            name, ("dilationT", "dilationH", "dilationW")
        )
        shown = " ".join(f"{n}: {v}" for n, v in zip(labels[-len(values) :], values, strict=True))
        raise RuntimeError(f"{name} should be greater than zero, but got {shown}")


def _overhang(
    sizes: Ints, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints, counts: Ints
) -> list[int]:
    """How far the last window reaches beyond the input, per dimension (negative: short of it)."""
    return [
        max((c - 1) * s + d * (k - 1) + 1 - n - p, 0)
        for n, k, s, p, d, c in zip(sizes, kernel, stride, padding, dilation, counts, strict=True)
    ]


# Maxima --------------------------------------------------------------------------------------------------------------


def max_pool(
    name: str,
    self: np.ndarray,
    kernel: Ints,
    stride: Ints,
    padding: Ints,
    dilation: Ints,
    ceil_mode: bool,
) -> tuple[np.ndarray, np.ndarray]:
    """The maximum of every window and its place in the flattened spatial input; the last nan wins."""
    rank = len(kernel)
    if self.dtype.kind in "bc":
        not_implemented(name, self.dtype)
    x, counts = batched(name, self, kernel, stride, padding, dilation, ceil_mode)
    low = is_low_precision(x.dtype)
    wide = widen(x)
    lowest = -np.inf if wide.dtype.kind == "f" else np.iinfo(wide.dtype).min
    sizes = x.shape[2:]
    padded = pad(wide, padding, _overhang(sizes, kernel, stride, padding, dilation, counts), lowest)
    # A window touches input place `start + offset`: starts per window, offsets per kernel position, both flat.
    starts = [np.arange(c) * s - p for c, s, p in zip(counts, stride, padding, strict=True)]
    start = _flatten(starts, sizes)
    offsets = _flatten([np.arange(k) * d for k, d in zip(kernel, dilation, strict=True)], sizes).reshape(-1)
    # Until something is greater than the lowest value, the first position inside the input is the answer.
    first = _flatten([np.where(o < 0, -(o // d), 0) for o, d in zip(starts, dilation, strict=True)], kernel)
    small = np.uint8 if offsets.size < 256 else np.int64
    values = np.full((*x.shape[:2], *counts), lowest, wide.dtype)
    chosen = np.empty(values.shape, small)
    chosen[...] = first
    if values.size == 0:
        return _unbatch(values.astype(x.dtype), self, rank), _unbatch(chosen.astype(np.int64), self, rank)
    better = np.empty(values.shape, bool)
    for number, (_, where) in enumerate(positions(kernel, stride, dilation, counts)):
        candidate = padded[(..., *where)]
        np.greater(candidate, values, out=better)
        np.maximum(values, candidate, out=values)
        np.copyto(chosen, small(number), where=better)
    if wide.dtype.kind == "f" and np.isnan(wide).any():
        for number, (_, where) in enumerate(positions(kernel, stride, dilation, counts)):
            np.copyto(chosen, small(number), where=np.isnan(padded[(..., *where)]))
    indices = offsets.take(chosen)
    np.add(indices, start, out=indices)
    if low:
        values = values.astype(x.dtype)
    return _unbatch(values, self, rank), _unbatch(indices, self, rank)


def _unbatch(result: np.ndarray, self: np.ndarray, rank: int) -> np.ndarray:
    return result if self.ndim == rank + 2 else result[0]


def _flatten(coordinates: Sequence[np.ndarray], sizes: Ints) -> np.ndarray:
    """Coordinates per dimension to an array of places in the flattened space."""
    place = np.zeros((), np.int64)
    for coordinate, size in zip(coordinates, sizes, strict=True):
        place = place[..., None] * size + coordinate
    return place


def scatter_values(
    grad: np.ndarray, indices: np.ndarray, shape: Sequence[int], rank: int, unique: bool = False
) -> np.ndarray:
    """grad summed at flat spatial indices into an array of the given shape."""
    leading = math.prod(shape[: len(shape) - rank])
    area = math.prod(shape[len(shape) - rank :])
    cells = math.prod(indices.shape[indices.ndim - rank :])
    rows, places = grad.reshape(leading, cells), indices.reshape(leading, cells)
    if unique:
        result = np.zeros((leading, area), grad.dtype)
        np.put_along_axis(result, places, rows, axis=1)
        return result.reshape(shape)
    flat = (places + np.arange(leading)[:, None] * area).reshape(-1)
    total = np.bincount(flat, rows.reshape(-1).astype(np.float64), leading * area)
    return total.astype(grad.dtype).reshape(shape)


def max_pool_backward(
    grad_output: np.ndarray,
    self: np.ndarray,
    kernel: Ints,
    stride: Ints,
    padding: Ints,
    dilation: Ints,
    ceil_mode: bool,
    indices: np.ndarray,
) -> np.ndarray:
    """The gradient handed to each window's maximum."""
    apart = all(s >= (k - 1) * d + 1 for k, s, d in zip(kernel, stride, dilation, strict=True))
    return scatter_values(grad_output, indices, self.shape, len(kernel), unique=apart)


def adaptive_range(size: int, count: int) -> list[tuple[int, int]]:
    """The input span of each of count outputs."""
    return [(i * size // count, -(-(i + 1) * size // count)) for i in range(count)]


def _check_adaptive(name: str, self: np.ndarray, output: Ints, rank: int) -> None:
    if self.ndim not in (rank + 1, rank + 2):
        raise RuntimeError(
            f"{name}(): Expected {rank + 1}D or {rank + 2}D tensor, but got{':' if name.startswith('adaptive_max') else ''} {_text(self.shape)}"
        )
    if name.startswith("adaptive_max") and len(output) != rank:
        raise RuntimeError(f"{name}(): internal error: output_size.size() must be {rank}")
    first = self.ndim - rank if name.startswith("adaptive_avg") else 1
    for i in range(first, self.ndim):
        if self.shape[i] == 0:
            raise RuntimeError(
                f"{name}(): Expected input to have non-zero size for non-batch dimensions, but input has sizes "
                f"{_text(self.shape)} with dimension {i} being empty"
            )
    if min(output, default=0) < 0:
        shape = [*self.shape[: self.ndim - rank], *output]
        raise RuntimeError(f"Trying to create tensor with negative dimension {min(output)}: {_text(shape)}")


def adaptive_max_pool(name: str, self: np.ndarray, output: Ints, rank: int) -> tuple[np.ndarray, np.ndarray]:
    """The maximum of each of output equal parts, and its place."""
    _check_adaptive(name, self, output, rank)
    if not is_float(self.dtype):
        not_implemented(name + ("_cpu" if rank == 3 else ""), self.dtype)
    x = widen(self)
    leading, sizes = x.shape[: x.ndim - rank], x.shape[x.ndim - rank :]
    values, indices = np.empty((*leading, *output), x.dtype), np.empty((*leading, *output), np.int64)
    if not x.size:
        return values.astype(self.dtype, copy=False), indices
    spans = [adaptive_range(n, c) for n, c in zip(sizes, output, strict=True)]
    for cell in product(*(range(c) for c in output)):
        span = [spans[i][c] for i, c in enumerate(cell)]
        part = x[(..., *(slice(a, b) for a, b in span))]
        flat = part.reshape(*leading, -1)
        best = _last_nan_or_first_max(flat)
        values[(..., *cell)] = np.take_along_axis(flat, best[..., None], -1)[..., 0]
        local = np.unravel_index(best, part.shape[-rank:])
        place = np.zeros(best.shape, np.int64)
        for coordinate, (start, _), size in zip(local, span, sizes, strict=True):
            place = place * size + coordinate + start
        indices[(..., *cell)] = place
    return values.astype(self.dtype, copy=False), indices


def _last_nan_or_first_max(flat: np.ndarray) -> np.ndarray:
    best = np.asarray(flat.argmax(-1))
    missing = np.isnan(flat)
    if missing.any():
        last = flat.shape[-1] - 1 - missing[..., ::-1].argmax(-1)
        best = np.where(missing.any(-1), last, best)
    return best


# Averages ------------------------------------------------------------------------------------------------------------


def _divisors(
    sizes: Ints,
    kernel: Ints,
    stride: Ints,
    padding: Ints,
    counts: Ints,
    count_include_pad: bool,
    divisor_override: int | None,
) -> np.ndarray:
    """What each window's sum is divided by, of shape counts."""
    if divisor_override is not None:
        return np.full(tuple(counts), divisor_override, np.int64)
    result = np.ones((), np.int64)
    for n, k, s, p, c in zip(sizes, kernel, stride, padding, counts, strict=True):
        start = np.arange(c) * s - p
        stop = np.minimum(start + k, n + p)
        if not count_include_pad:
            start, stop = np.maximum(start, 0), np.minimum(stop, n)
        result = result[..., None] * (stop - start)
    return result


def avg_pool(
    name: str,
    self: np.ndarray,
    kernel: Ints,
    stride: Ints,
    padding: Ints,
    ceil_mode: bool,
    count_include_pad: bool,
    divisor_override: int | None,
) -> np.ndarray:
    """The mean of every window."""
    rank = len(kernel)
    if divisor_override == 0:
        raise RuntimeError("divisor must be not zero")
    ones = [1] * rank
    x, counts = batched(name, self, kernel, stride, padding, ones, ceil_mode)
    sizes = x.shape[2:]
    total = pad(widen(x), padding, _overhang(sizes, kernel, stride, padding, ones, counts))
    for i in range(rank):  # one dimension after the other: sums of sums
        axis = 2 + i
        parts = None
        for k in range(kernel[i]):
            index = [slice(None)] * total.ndim
            index[axis] = slice(k, k + (counts[i] - 1) * stride[i] + 1, stride[i])
            piece = total[tuple(index)]
            if parts is None:
                parts = piece.copy()
            else:
                np.add(parts, piece, out=parts)
        assert parts is not None
        total = parts
    divisor = _divisors(sizes, kernel, stride, padding, counts, count_include_pad, divisor_override)
    if total.dtype.kind == "f":
        np.divide(total, divisor.astype(total.dtype), out=total)
    else:
        total = np.trunc(total / divisor).astype(total.dtype)
    return _unbatch(total.astype(self.dtype, copy=False), self, rank)


def avg_pool_backward(
    grad_output: np.ndarray,
    self: np.ndarray,
    kernel: Ints,
    stride: Ints,
    padding: Ints,
    ceil_mode: bool,
    count_include_pad: bool,
    divisor_override: int | None,
) -> np.ndarray:
    """Each window's gradient spread evenly over what it averaged."""
    rank = len(kernel)
    shape = self.shape if self.ndim == rank + 2 else (1, *self.shape)
    grad = widen(grad_output).reshape(*shape[:2], *grad_output.shape[-rank:])
    counts, sizes = grad.shape[2:], shape[2:]
    divisor = _divisors(sizes, kernel, stride, padding, counts, count_include_pad, divisor_override)
    total = np.asarray(grad / divisor.astype(grad.dtype))
    over = _overhang(sizes, kernel, stride, padding, [1] * rank, counts)
    for i in range(rank):
        axis = 2 + i
        extent = [*total.shape]
        extent[axis] = sizes[i] + padding[i] + max(over[i], 0)
        spread = np.zeros(extent, total.dtype)
        for k in range(kernel[i]):
            index = [slice(None)] * total.ndim
            index[axis] = slice(k, k + (counts[i] - 1) * stride[i] + 1, stride[i])
            target = spread[tuple(index)]
            np.add(target, total, out=target)
        index = [slice(None)] * total.ndim
        index[axis] = slice(padding[i], padding[i] + sizes[i])
        total = spread[tuple(index)]
    return np.ascontiguousarray(total.reshape(self.shape)).astype(self.dtype, copy=False)


def adaptive_avg_pool(name: str, self: np.ndarray, output: Ints) -> np.ndarray:
    """The mean of each of output equal parts."""
    rank = len(output)
    _check_adaptive(name, self, output, rank)
    if not is_float(self.dtype) and (self.size or rank == 3):
        not_implemented(name + ("_cpu" if rank == 3 else ""), self.dtype)
    if not self.size and not is_float(self.dtype):
        return np.empty((*self.shape[: self.ndim - rank], *output), self.dtype)
    total = widen(self)
    for i, count in enumerate(output):
        axis = total.ndim - rank + i
        spans = adaptive_range(total.shape[axis], count)
        result = np.empty((*total.shape[:axis], count, *total.shape[axis + 1 :]), total.dtype)
        head = (slice(None),) * axis
        for j, (start, stop) in enumerate(spans):
            part = total[(*head, slice(start, stop))]
            np.add.reduce(part, axis=axis, out=result[(*head, j)])
            result[(*head, j)] /= stop - start
        total = result
    return total.astype(self.dtype, copy=False)


def adaptive_avg_pool_backward(grad_output: np.ndarray, self: np.ndarray, rank: int) -> np.ndarray:
    """Each part's gradient spread evenly over it."""
    total = widen(grad_output)
    for i in range(rank):
        axis = total.ndim - rank + i
        size, count = self.shape[axis], total.shape[axis]
        result = np.zeros((*total.shape[:axis], size, *total.shape[axis + 1 :]), total.dtype)
        head = (slice(None),) * axis
        for j, (start, stop) in enumerate(adaptive_range(size, count)):
            result[(*head, slice(start, stop))] += total[(*head, slice(j, j + 1))] / (stop - start)
        total = result
    return total.astype(self.dtype, copy=False)


# Back to larger arrays -----------------------------------------------------------------------------------------------


def max_unpool(self: np.ndarray, indices: np.ndarray, output: Ints) -> np.ndarray:
    """Values put at their flat spatial indices in an array of zeros."""
    rank = len(output)
    if self.ndim not in (rank + 1, rank + 2):
        raise RuntimeError(
            f"Input to max_unpooling{rank}d should be a {rank + 1}d or {rank + 2}d Tensor, but got a tensor with {self.ndim} dimensions."
        )
    if indices.shape != self.shape:
        raise RuntimeError(
            f"Expected shape of indices to be same as that of the input tensor ({_text(self.shape)}) but got indices "
            f"tensor with shape: {_text(indices.shape)}"
        )
    area = math.prod(output)
    wrong = (indices < 0) | (indices >= area)
    if wrong.any():
        volume = "x".join(map(str, output))
        raise RuntimeError(
            f"Found an invalid max index: {int(indices[wrong][0])} (output volumes are of size {volume}"
            + (")" if rank == 2 else "")
        )
    shape = (*self.shape[: self.ndim - rank], *output)
    return scatter_values(self, indices, shape, rank, unique=True)


def fractional_starts(sample: float, size: int, count: int, kernel: int) -> list[int]:
    """Where the windows of fractional max pooling begin along one dimension."""
    if count == 1:
        return [size - kernel]
    alpha = (size - kernel) / (count - 1)
    starts = [int((i + sample) * alpha) - int(sample * alpha) for i in range(count - 1)]
    return [*starts, size - kernel]


def fractional_max_pool(
    self: np.ndarray, kernel: Ints, output: Ints, random_samples: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Maxima of windows at pseudo-random places: random_samples (N, C, rank), the last dimension's sample first."""
    if random_samples.dtype != self.dtype:
        raise RuntimeError("Expect _random_samples to have the same dtype as input")
    rank = len(kernel)
    if self.ndim not in (rank + 1, rank + 2):
        name = "fractional_max_pool2d()" if rank == 2 else "fractional_max_pool3d_out()"
        raise RuntimeError(
            f"{name}: Expected {rank + 1}D or {rank + 2}D tensor, but got: {_text(self.shape)}"
        )
    x = widen(self if self.ndim == rank + 2 else self[None])
    if random_samples.ndim != 3:
        raise RuntimeError(f"Expect _random_samples to have 3 dimensions, got {random_samples.ndim}")
    for place, size, said in (
        (0, x.shape[0], "no less then input batch size"),
        (1, x.shape[1], "equals to input channel size"),
        (2, rank, f"equals to {rank}; got {random_samples.shape[2]}"),
    ):
        given = random_samples.shape[place]
        if given < size if place == 0 else given != size:
            raise RuntimeError(f"Expect _random_samples.size({place}) {said}.")
    random_samples = random_samples[: x.shape[0]]
    sizes, count = x.shape[2:], x.shape[0] * x.shape[1]
    planes = x.reshape(count, math.prod(sizes))
    samples = random_samples.reshape(count, rank).tolist()
    corners = []  # (planes, 1, ..., windows along a dimension, ..., 1)
    for i in range(rank):
        which = i if rank == 3 else rank - 1 - i
        starts = [fractional_starts(sample[which], sizes[i], output[i], kernel[i]) for sample in samples]
        shape = [count, *[output[i] if other == i else 1 for other in range(rank)]]
        corners.append(np.array(starts, np.int64).reshape(shape))
    values = indices = np.empty((count, 0))
    for offsets in product(*(range(k) for k in kernel)):
        place = np.zeros((count, *output), np.int64)
        for size, corner, offset in zip(sizes, corners, offsets, strict=True):
            place = place * size + corner + offset
        place = place.reshape(count, math.prod(output))
        found = np.take_along_axis(planes, place, 1)
        if not any(offsets):
            values, indices = found, place
            continue
        better = (found > values) | (
            found != found
        )  # the first maximum, or what is not a number and comes last
        np.copyto(values, found, where=better)
        np.copyto(indices, place, where=better)
    values, indices = (part.reshape(*x.shape[:2], *output) for part in (values, indices))
    if self.ndim == rank + 1:
        values, indices = values[0], indices[0]
    return values.astype(self.dtype, copy=False), indices
