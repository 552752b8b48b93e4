"""Resampling of images with a filter that is as wide as an output pixel: no aliasing when images shrink.

Along each axis the output is a matrix times the input; a row of the matrix holds the filter's weights around the centre of an output
pixel, which add up to 1. Sources: Keys, "Cubic convolution interpolation for digital image processing" (1981), with a = -1/2; Duchon,
"Lanczos filtering in one and two dimensions" (1979), with three lobes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

_Array = np.ndarray


def _triangle(x: _Array) -> _Array:
    return np.maximum(1.0 - np.abs(x), 0.0)


def _cubic(x: _Array) -> _Array:
    x = np.abs(x)
    a = -0.5
    near = ((a + 2.0) * x - (a + 3.0)) * x * x + 1
    far = (((x - 5) * x + 8) * x - 4) * a
    result: _Array = np.where(x < 1.0, near, np.where(x < 2.0, far, 0.0))
    return result


def _lanczos(x: _Array) -> _Array:
    result: _Array = np.where(np.abs(x) < 3.0, np.sinc(x) * np.sinc(x / 3.0), 0.0)
    return result


#: mode -> the filter and how far it reaches to either side
_FILTERS: dict[str, tuple[Callable[[_Array], _Array], float]] = {
    "bilinear": (_triangle, 1.0),
    "bicubic": (_cubic, 2.0),
    "lanczos": (_lanczos, 3.0),
}


def weights(
    mode: str, size: int, output_size: int, align_corners: bool, factor: float | None, dtype: np.dtype
) -> _Array:
    """The matrix (output_size, size) that resamples an axis. `factor`: the scale that was asked for, if it was one."""
    function, reach = _FILTERS[mode]
    if align_corners:
        scale = (size - 1) / (output_size - 1) if output_size > 1 else 0.0
    else:
        scale = 1.0 / factor if factor is not None and factor > 0 else size / output_size
    width = max(scale, 1.0)
    centre = scale * (np.arange(output_size) + 0.5)[:, None]
    first = np.maximum(np.trunc(centre - reach * width + 0.5), 0)
    last = np.minimum(np.trunc(centre + reach * width + 0.5), size)
    place = np.arange(size)
    values = function((place - centre + 0.5) / width)
    values = np.where((place >= first) & (place < last), values, 0.0)
    total = values.sum(1, keepdims=True)
    result: _Array = np.where(total != 0, values / np.where(total != 0, total, 1.0), values).astype(dtype)
    return result


def upsample(
    mode: str, image: _Array, output_size: Sequence[int], align_corners: bool, factors: Sequence[float | None]
) -> _Array:
    """Images (N, C, H, W) resampled to (N, C, *output_size)."""
    _check(image, image.shape, output_size)
    down, across = _matrices(mode, image.shape, output_size, align_corners, factors, image.dtype)
    result: _Array = np.matmul(down, np.matmul(image, across.T))
    return result


def upsample_backward(
    mode: str,
    grad: _Array,
    input_size: Sequence[int],
    align_corners: bool,
    factors: Sequence[float | None],
) -> _Array:
    """The cotangent (N, C, H, W) of the images from that of their resampling."""
    _check(grad, input_size, grad.shape[2:])
    down, across = _matrices(mode, input_size, grad.shape[2:], align_corners, factors, grad.dtype)
    result: _Array = np.matmul(down.T, np.matmul(grad, across))
    return result


def _matrices(
    mode: str,
    input_size: Sequence[int],
    output_size: Sequence[int],
    align_corners: bool,
    factors: Sequence[float | None],
    dtype: np.dtype,
) -> tuple[_Array, _Array]:
    height, width = (
        weights(mode, size, target, align_corners, factor, dtype)
        for size, target, factor in zip(input_size[2:], output_size, factors, strict=True)
    )
    return height, width


def _check(array: _Array, input_size: Sequence[int], output_size: Sequence[int]) -> None:
    if len(output_size) != 2:
        raise RuntimeError(f"It is expected output_size equals to 2, but got size {len(output_size)}")
    if len(input_size) != 4:
        raise RuntimeError(f"It is expected input_size equals to 4, but got size {len(input_size)}")
    if not all(n > 0 for n in (*input_size[2:], *output_size)):
        raise RuntimeError(
            f"Input and output sizes should be greater than 0, but got input (H: {input_size[2]}, W: {input_size[3]}) output "
            f"(H: {output_size[0]}, W: {output_size[1]})"
        )
    if 0 in input_size[1:]:
        raise RuntimeError(
            f"Non-empty 4D data tensor expected but got a tensor with sizes {list(input_size)}"
        )
    if array.dtype == np.uint8:
        raise NotImplementedError("antialiased interpolation of torch.uint8 images")
    if array.dtype not in (np.float32, np.float64):
        names = {"float16": "Half", "bfloat16": "BFloat16", "int32": "Int", "int64": "Long", "bool": "Bool", "int8": "Char", "int16": "Short"}  # fmt: skip
        raise NotImplementedError(
            f"\"compute_index_ranges_weights\" not implemented for '{names.get(array.dtype.name, array.dtype.name)}'"
        )
