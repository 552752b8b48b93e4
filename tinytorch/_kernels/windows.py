"""Sliding windows over the spatial dimensions of (N, C, *spatial) arrays: sizes, padding, gathering and scattering."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import product

import numpy as np
from numpy.lib.stride_tricks import as_strided


def output_size(
    size: int, kernel: int, stride: int, padding: int, dilation: int, ceil_mode: bool = False
) -> int:
    """How many windows fit; with ceil_mode the last may hang over, but must start inside the input or its left padding."""
    span = size + 2 * padding - dilation * (kernel - 1) - 1
    count = span // stride + 1
    if ceil_mode:
        count = -(-span // stride) + 1
        if (count - 1) * stride >= size + padding:
            count -= 1
    return count


def pad(array: np.ndarray, before: Sequence[int], after: Sequence[int], value: float = 0) -> np.ndarray:
    """The array with its last len(before) dimensions extended; negative amounts behind cut. Itself if nothing is to be done."""
    if not any(before) and not any(after):
        return array
    rank = len(before)
    spatial = array.shape[-rank:]
    inside = [min(n, n + b) for n, b in zip(spatial, after, strict=True)]
    sizes = [n + a + b for n, a, b in zip(spatial, before, after, strict=True)]
    make = np.zeros if value == 0 else np.empty
    result = make((*array.shape[:-rank], *sizes), array.dtype)
    if value != 0:
        result.fill(value)
    target = tuple(slice(a, a + n) for a, n in zip(before, inside, strict=True))
    source = tuple(slice(0, n) for n in inside)
    result[(..., *target)] = array[(..., *source)]
    return result


def windows(
    padded: np.ndarray,
    kernel: Sequence[int],
    stride: Sequence[int],
    dilation: Sequence[int],
    counts: Sequence[int],
) -> np.ndarray:
    """A view (N, C, *kernel, *counts) of every window's every position. Read only."""
    rank = len(kernel)
    steps = padded.strides[-rank:]
    inner = [s * d for s, d in zip(steps, dilation, strict=True)]
    outer = [s * t for s, t in zip(steps, stride, strict=True)]
    shape = (*padded.shape[:-rank], *kernel, *counts)
    return as_strided(padded, shape, (*padded.strides[:-rank], *inner, *outer), writeable=False)


def positions(
    kernel: Sequence[int], stride: Sequence[int], dilation: Sequence[int], counts: Sequence[int]
) -> Iterator[tuple[tuple[int, ...], tuple[slice, ...]]]:
    """Every kernel position with the slices of the padded input that it touches over all windows."""
    for offsets in product(*(range(k) for k in kernel)):
        yield (
            offsets,
            tuple(
                slice(o * d, o * d + (c - 1) * s + 1, s)
                for o, d, s, c in zip(offsets, dilation, stride, counts, strict=True)
            ),
        )


def scatter(
    columns: np.ndarray,
    size: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    kernel: Sequence[int],
) -> np.ndarray:
    """The transpose of gathering: columns (N, C, *kernel, *counts) summed into (N, C, *size)."""
    rank = len(kernel)
    counts = columns.shape[-rank:]
    reach = [
        d * (k - 1) + (c - 1) * s + 1 for d, k, c, s in zip(dilation, kernel, counts, stride, strict=True)
    ]
    sizes = [max(n + 2 * p, r) for n, p, r in zip(size, padding, reach, strict=True)]
    result = np.zeros((*columns.shape[:2], *sizes), columns.dtype)
    if math.prod(counts):
        for offsets, where in positions(kernel, stride, dilation, counts):
            target = result[(..., *where)]
            np.add(target, columns[(slice(None), slice(None), *offsets)], out=target)
    cut = tuple(slice(p, p + n) for p, n in zip(padding, size, strict=True))
    return result[(..., *cut)]


def im2col(
    self: np.ndarray,
    kernel_size: Sequence[int],
    dilation: Sequence[int],
    padding: Sequence[int],
    stride: Sequence[int],
) -> np.ndarray:
    """(N, C, H, W) or (C, H, W) to (N, C * kernel, L): every window as a column."""
    _check_blocks("im2col", kernel_size, dilation, padding, stride)
    if not self.ndim:
        raise IndexError("Dimension specified as 1 but tensor has no dimensions")
    if self.ndim < 3:
        raise IndexError(
            f"Dimension out of range (expected to be in range of [{-self.ndim}, {self.ndim - 1}], but got {self.ndim})"
        )
    batched = self.ndim == 4
    if (not batched and self.ndim != 3) or 0 in self.shape[-3:]:
        shape = ", ".join(map(str, self.shape))
        raise RuntimeError(
            "Expected 3D or 4D (batch mode) tensor with possibly 0 batch size and other non-zero dimensions for input, "
            f"but got: [{shape}]"
        )
    x = self if batched else self[None]
    counts = [
        output_size(n, k, s, p, d)
        for n, k, s, p, d in zip(x.shape[2:], kernel_size, stride, padding, dilation, strict=True)
    ]
    if min(counts) < 1:
        raise RuntimeError(
            f"Given input with spatial size ({x.shape[2]}, {x.shape[3]}), kernel_size=({kernel_size[0]}, "
            f"{kernel_size[1]}), dilation=({dilation[0]}, {dilation[1]}), padding=({padding[0]}, {padding[1]}), "
            "calculated shape of the array of sliding blocks as "
            f"({counts[0]}, {counts[1]}), but its components must be at least one."
        )
    view = windows(pad(x, padding, padding), kernel_size, stride, dilation, counts)
    result = view.reshape(x.shape[0], x.shape[1] * math.prod(kernel_size), math.prod(counts)).copy()
    return result if batched else result[0]


def _check_blocks(
    name: str,
    kernel_size: Sequence[int],
    dilation: Sequence[int],
    padding: Sequence[int],
    stride: Sequence[int],
) -> None:
    """The conditions that im2col and col2im share."""
    for values, title, least in (
        (kernel_size, "kernel size", 1),
        (dilation, "dilation", 1),
        (padding, "padding", 0),
        (stride, "stride", 1),
    ):
        if min(values) < least:
            if title == "padding":
                raise RuntimeError(
                    f"padding should be non-negative, but got pad_height: {values[0]} pad_width: {values[1]}"
                )
            short = title.replace("kernel size", "kernel")
            raise RuntimeError(
                f"{title} should be greater than zero, but got {short}_height: {values[0]} {short}_width: {values[1]}"
            )


def col2im(
    self: np.ndarray,
    output_size_: Sequence[int],
    kernel_size: Sequence[int],
    dilation: Sequence[int],
    padding: Sequence[int],
    stride: Sequence[int],
) -> np.ndarray:
    """(N, C * kernel, L) or (C * kernel, L) columns summed into (N, C, H, W)."""
    _check_blocks("col2im", kernel_size, dilation, padding, stride)
    batched = self.ndim == 3
    shape = ", ".join(map(str, self.shape))
    if (not batched and self.ndim != 2) or 0 in self.shape[-2:]:
        raise RuntimeError(
            "Expected 2D or 3D (batch mode) tensor for input with possibly 0 batch size and non-zero dimensions for "
            f"input, but got: [{shape}]"
        )
    columns = self if batched else self[None]
    area = math.prod(kernel_size)
    kernel_text = ", ".join(map(str, kernel_size))
    if columns.shape[1] % area:
        raise RuntimeError(
            "Expected size of input's dimension 1 to be divisible by the product of kernel_size, but got "
            f"input.size(1)={columns.shape[1]} and kernel_size=({kernel_text})."
        )
    counts = [
        output_size(n, k, s, p, d)
        for n, k, s, p, d in zip(output_size_, kernel_size, stride, padding, dilation, strict=True)
    ]
    given = (
        f"Given output_size=({', '.join(map(str, output_size_))}), kernel_size=({kernel_text}), "
        f"dilation=({', '.join(map(str, dilation))}), padding=({', '.join(map(str, padding))}), "
        f"stride=({', '.join(map(str, stride))}), expected size of input's dimension 2 to match the calculated number "
        f"of sliding blocks {counts[0]} * {counts[1]} = {math.prod(counts)}, but got input.size(2)={columns.shape[2]}."
    )
    if columns.shape[2] != math.prod(counts):
        raise RuntimeError(given)
    wide = columns.reshape(columns.shape[0], columns.shape[1] // area, *kernel_size, *counts)
    low = wide.dtype.itemsize == 2 and wide.dtype.kind != "i"
    summed = scatter(
        wide.astype(np.float32) if low else wide, output_size_, stride, padding, dilation, kernel_size
    )
    result = np.ascontiguousarray(summed).astype(self.dtype, copy=False)
    return result if batched else result[0]
