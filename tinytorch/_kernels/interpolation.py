"""Resampling along the spatial dimensions, and sampling at given places.

Every separable mode is, per dimension, a few taps: source indices and weights for each output position. The gradient adds the
same weights back at the same indices.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import product

import numpy as np

from tinytorch._kernels.dtype_names import is_float, not_implemented, widen
from tinytorch._kernels.embedding import add_rows

#: Up to this many elements the taps of a dimension are also written as a matrix, and adding back is a product.
DENSE = 1 << 16
Taps = list[tuple[np.ndarray, np.ndarray | None]]


def _scale(size: int, count: int, align_corners: bool, factor: float | None, kind: type) -> np.floating:
    """How far the source moves per output position."""
    if align_corners:
        return kind((size - 1) / (count - 1)) if count > 1 else kind(0)
    return kind(1.0 / factor) if factor is not None and factor > 0 else kind(size) / kind(count)


def nearest_taps(size: int, count: int, factor: float | None, exact: bool) -> Taps:
    """The nearest source of each output."""
    kind = np.float32
    scale = _scale(size, count, False, factor, kind)
    place = np.arange(count, dtype=kind) + (kind(0.5) if exact else kind(0))
    return [(np.minimum(np.floor(place * scale).astype(np.int64), size - 1), None)]


def linear_taps(size: int, count: int, align_corners: bool, factor: float | None, kind: type) -> Taps:
    """The two neighbours of each output's source."""
    if size == count:
        return [(np.arange(count), None)]
    scale = _scale(size, count, align_corners, factor, kind)
    place = np.arange(count, dtype=kind)
    source = place * scale if align_corners else np.maximum(scale * (place + kind(0.5)) - kind(0.5), 0)
    low = np.minimum(source.astype(np.int64), size - 1)
    high = low + (low < size - 1)
    right = np.clip(source - low.astype(kind), 0, 1).astype(kind)
    return [(low, 1 - right), (high, right)]


def cubic_weights(t: np.ndarray) -> list[np.ndarray]:
    """The four weights of cubic convolution with a = -0.75 at fraction t."""
    a = t.dtype.type(-0.75)

    def near(x: np.ndarray) -> np.ndarray:
        return ((a + 2) * x - (a + 3)) * x * x + 1

    def far(x: np.ndarray) -> np.ndarray:
        return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a

    return [far(t + 1), near(t), near(1 - t), far(2 - t)]


def cubic_taps(size: int, count: int, align_corners: bool, factor: float | None, kind: type) -> Taps:
    """The four neighbours of each output's source, the border repeated."""
    scale = _scale(size, count, align_corners, factor, kind)
    place = np.arange(count, dtype=kind)
    source = place * scale if align_corners else scale * (place + kind(0.5)) - kind(0.5)
    low = np.floor(source)
    fraction = np.clip(source - low, 0, 1).astype(kind)
    start = low.astype(np.int64)
    return [(np.clip(start + k - 1, 0, size - 1), weight) for k, weight in enumerate(cubic_weights(fraction))]


def taps_of(mode: str, size: int, count: int, align_corners: bool, factor: float | None, kind: type) -> Taps:
    """The taps of a mode along one dimension."""
    if mode.startswith("nearest"):
        return nearest_taps(size, count, factor, mode != "nearest")
    make = cubic_taps if mode == "cubic" else linear_taps
    return make(size, count, align_corners, factor, kind)


def check_sizes(name: str, shape: Sequence[int], output: Sequence[int], rank: int) -> None:
    """torch's conditions on the sizes."""
    if len(output) != rank:
        raise RuntimeError(f"It is expected output_size equals to {rank}, but got size {len(output)}")
    if len(shape) != rank + 2:
        raise RuntimeError(f"It is expected input_size equals to {rank + 2}, but got size {len(shape)}")
    sizes = list(shape[2:])
    if min(*sizes, *output) <= 0:
        names = {1: "W", 2: "HW", 3: "DHW"}[rank]
        given = ", ".join(f"{n}: {v}" for n, v in zip(names, sizes, strict=True))
        wanted = ", ".join(f"{n}: {v}" for n, v in zip(names, output, strict=True))
        raise RuntimeError(
            f"Input and output sizes should be greater than 0, but got input ({given}) output ({wanted})"
        )


def _kernel_name(mode: str, self: np.ndarray, output: Sequence[int]) -> str:
    """Which kernel torch would have taken: one by rows of channels for small images, few channels aside."""
    if mode == "linear" and self.ndim == 4:
        last = self.ndim == 4 and self.transpose(0, 2, 3, 1).flags.c_contiguous
        if sum(output) <= 128 or self.shape[1] == 3 or (last and self.shape[1] > 3):
            return "upsample_bilinear2d_channels_last"
    return f"compute_indices_weights_{mode}"


def upsample(
    mode: str, self: np.ndarray, output: Sequence[int], align_corners: bool, factors: Sequence[float | None]
) -> np.ndarray:
    """(N, C, *size) resampled to (N, C, *output)."""
    rank = len(factors)
    check_sizes(mode, self.shape, output, rank)
    if mode.startswith("nearest"):
        if not is_float(self.dtype) and self.dtype != np.uint8:
            not_implemented("compute_indices_weights_nearest", self.dtype)
        result = self
    else:
        if not is_float(self.dtype):
            not_implemented(_kernel_name(mode, self, output), self.dtype)
        result = widen(self)
    kind = result.dtype.type
    for i in reversed(range(rank)):
        axis = i + 2
        taps = taps_of(mode, result.shape[axis], output[i], align_corners, factors[i], kind)
        total = None
        for index, weight in taps:
            part = np.take(result, index, axis=axis)
            if weight is not None:
                part *= weight.reshape(-1, *[1] * (result.ndim - axis - 1))
            total = part if total is None else np.add(total, part, out=total)
        assert total is not None
        result = total
    return result.astype(self.dtype, copy=False)


def upsample_backward(
    mode: str,
    grad: np.ndarray,
    shape: Sequence[int],
    align_corners: bool,
    factors: Sequence[float | None],
) -> np.ndarray:
    """The transpose of upsample: a gradient of the given input shape."""
    result = widen(grad)
    kind = result.dtype.type
    for i, factor in enumerate(factors):
        axis = i + 2
        taps = taps_of(mode, shape[axis], result.shape[axis], align_corners, factor, kind)
        result = _gathered(result, axis, shape[axis], taps)
    return np.ascontiguousarray(result).astype(grad.dtype, copy=False)


def _gathered(array: np.ndarray, axis: int, size: int, taps: Taps) -> np.ndarray:
    """What the taps of one dimension took from `size` places, added back there."""
    count = array.shape[axis]
    if size * count <= DENSE and np.isfinite(array).all():
        matrix = np.zeros((size, count), array.dtype)
        for index, weight in taps:
            np.add.at(matrix, (index, np.arange(count)), array.dtype.type(1) if weight is None else weight)
        inner = math.prod(array.shape[axis + 1 :])
        if inner == 1:
            return np.matmul(array.reshape(-1, count), matrix.T).reshape(
                *array.shape[:axis], size, *array.shape[axis + 1 :]
            )
        table = np.ascontiguousarray(array).reshape(-1, count, inner)
        return np.matmul(matrix, table).reshape(*array.shape[:axis], size, *array.shape[axis + 1 :])
    front = np.moveaxis(array, axis, 0)  # (count, ...)
    rows = front.reshape(count, -1)
    total = np.zeros((size, rows.shape[1]), array.dtype)
    for index, weight in taps:
        total += add_rows(size, index, rows if weight is None else rows * weight[:, None])
    return np.moveaxis(total.reshape(size, *front.shape[1:]), 0, axis)


# Sampling at given places --------------------------------------------------------------------------------------------

ZEROS, BORDER, REFLECTION = 0, 1, 2
BILINEAR, NEAREST, BICUBIC = 0, 1, 2


def _unnormalized(x: np.ndarray, size: int, align_corners: bool) -> tuple[np.ndarray, float]:
    """Coordinates in [-1, 1] as pixels, and the slope of that map."""
    kind = x.dtype.type
    if align_corners:
        return (x + 1) * kind(0.5) * kind(size - 1), (size - 1) / 2
    return ((x + 1) * kind(size) - 1) * kind(0.5), size / 2


def _reflected(x: np.ndarray, low: float, high: float) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates reflected into [low / 2, high / 2], and the sign of the slope."""
    if low == high:
        return np.zeros_like(x), np.zeros_like(x)
    kind = x.dtype.type
    floor, span = kind(low / 2), kind((high - low) / 2)
    shifted = x - floor
    sign = np.where(shifted < 0, kind(-1), kind(1))
    shifted = np.abs(shifted)
    extra = np.fmod(shifted, span)
    even = np.floor(shifted / span).astype(np.int64) % 2 == 0
    return np.where(even, extra + floor, span - extra + floor), np.where(even, sign, -sign)


def _placed(x: np.ndarray, size: int, padding: int, align_corners: bool) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates after padding, and their slope."""
    slope = np.ones_like(x)
    if padding == REFLECTION:
        low, high = (0, 2 * (size - 1)) if align_corners else (-1, 2 * size - 1)
        x, slope = _reflected(x, low, high)
    if padding in (BORDER, REFLECTION):
        inside = (x > 0) & (x < size - 1)
        slope = np.where(inside, slope, 0).astype(x.dtype)
        x = np.clip(x, 0, size - 1)
        x = np.where(np.isnan(x), x.dtype.type(0), x)
    return x, slope


def _neighbours(
    grid: np.ndarray, sizes: Sequence[int], mode: int, padding: int, align_corners: bool
) -> list[tuple[list[np.ndarray], np.ndarray, list[np.ndarray]]]:
    """Per tap: pixel per dimension, weight (N, *out), and the weight's derivative by each grid coordinate."""
    rank = len(sizes)
    axes = []
    for i, size in enumerate(sizes):
        x, slope = _unnormalized(grid[..., rank - 1 - i], size, align_corners)
        if mode == BICUBIC:
            low = np.floor(x)
            fraction = x - low
            weights = cubic_weights(fraction)
            slopes = _cubic_slopes(fraction)
            taps = []
            for k in range(4):
                pixel, _ = _placed(low + (k - 1), size, padding, align_corners)
                taps.append((_whole(pixel), weights[k], slopes[k] * slope))
        else:
            x, inner = _placed(x, size, padding, align_corners)
            if mode == NEAREST:
                taps = [(_whole(np.rint(x)), np.ones_like(x), np.zeros_like(x))]
            else:
                low = np.floor(x)
                right = x - low
                gain = inner * x.dtype.type(slope)
                taps = [(_whole(low), 1 - right, -gain), (_whole(low + 1), right, gain)]
        axes.append(taps)
    result = []
    for combination in product(*axes):
        pixels = [tap[0] for tap in combination]
        weight = np.ones_like(combination[0][1])
        for _, w, _ in combination:
            weight = weight * w
        slopes_out = []
        for i in range(rank):
            partial = combination[i][2]
            for j, (_, w, _) in enumerate(combination):
                if j != i:
                    partial = partial * w
            slopes_out.append(partial)
        result.append((pixels, weight, slopes_out))
    return result


def _cubic_slopes(t: np.ndarray) -> list[np.ndarray]:
    """Derivatives of cubic_weights by t."""
    a = t.dtype.type(-0.75)

    def near(x: np.ndarray) -> np.ndarray:
        return (3 * (a + 2) * x - 2 * (a + 3)) * x

    def far(x: np.ndarray) -> np.ndarray:
        return (3 * a * x - 10 * a) * x + 8 * a

    return [far(t + 1), near(t), -near(1 - t), -far(2 - t)]


def _whole(x: np.ndarray) -> np.ndarray:
    return np.where(np.isfinite(x), np.clip(x, -(2**40), 2**40), -100).astype(np.int64)


def _gather(input: np.ndarray, pixels: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Values (N, C, *out) at pixels, zero outside; the flat places, and which lie inside."""
    sizes = input.shape[2:]
    inside = np.ones(pixels[0].shape, bool)
    place = np.zeros(pixels[0].shape, np.int64)
    for pixel, size in zip(pixels, sizes, strict=True):
        inside &= (pixel >= 0) & (pixel < size)
        place = place * size + np.clip(pixel, 0, size - 1)
    flat = input.reshape(*input.shape[:2], -1)
    index = place.reshape(place.shape[0], 1, -1)
    values = np.take_along_axis(flat, np.broadcast_to(index, (*input.shape[:2], index.shape[2])), 2)
    values = values.reshape(*input.shape[:2], *place.shape[1:])
    return np.where(inside[:, None], values, input.dtype.type(0)), place, inside


def grid_sample(
    input: np.ndarray, grid: np.ndarray, mode: int, padding: int, align_corners: bool
) -> np.ndarray:
    """(N, C, *size) read at grid (N, *out, rank), whose last dimension counts from the innermost dimension."""
    x, places = widen(input), widen(grid)
    result = np.zeros((*x.shape[:2], *grid.shape[1:-1]), x.dtype)
    for pixels, weight, _ in _neighbours(places, x.shape[2:], mode, padding, align_corners):
        result += _gather(x, pixels)[0] * weight[:, None]
    return result.astype(input.dtype, copy=False)


def grid_sample_backward(
    grad: np.ndarray,
    input: np.ndarray,
    grid: np.ndarray,
    mode: int,
    padding: int,
    align_corners: bool,
    output_mask: Sequence[bool],
) -> tuple[np.ndarray | None, np.ndarray]:
    """Gradients of input (if asked for) and grid."""
    x, places, go = widen(input), widen(grid), widen(grad)
    sizes = x.shape[2:]
    area, leading = int(np.prod(sizes)), x.shape[0] * x.shape[1]
    total = np.zeros(leading * area, np.float64) if output_mask[0] else None
    grad_grid = np.zeros_like(places)
    rank = len(sizes)
    rows = (np.arange(leading) * area).reshape(x.shape[0], x.shape[1], *[1] * rank)
    for pixels, weight, slopes in _neighbours(places, sizes, mode, padding, align_corners):
        values, place, inside = _gather(x, pixels)
        if total is not None:
            amounts = np.where(inside[:, None], go * weight[:, None], 0)
            flat = np.broadcast_to(place[:, None] + rows, amounts.shape).reshape(-1)
            total += np.bincount(flat, amounts.reshape(-1).astype(np.float64), leading * area)
        if mode != NEAREST:
            products = (go * values).sum(1)
            for i in range(rank):
                grad_grid[..., rank - 1 - i] += products * slopes[i]
    first = None if total is None else total.astype(input.dtype).reshape(input.shape)
    return first, grad_grid.astype(grid.dtype, copy=False)
