"""Convolution in any number of spatial dimensions, as one trilinear form of input, weight and output.

`forward` contracts input and weight, `input_gradient` output and weight, `weight_gradient` output and input. Each is
linear in both of its arguments and the other two are its derivatives; a transposed convolution is `input_gradient`.
Windows are gathered into columns a few samples at a time and multiplied as matrices.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Iterator, Sequence

import numpy as np

from tinytorch._kernels.dtype_names import is_low_precision, not_implemented, scalar_name
from tinytorch._kernels.windows import output_size, pad, scatter, windows

Ints = Sequence[int]
# Elements of the gathered columns that are kept at a time: 4 MiB of float32.
COLUMNS = 1 << 20


def _pointwise(kernel: Ints, stride: Ints, padding: Ints) -> bool:
    return all(k == 1 for k in kernel) and all(s == 1 for s in stride) and not any(padding)


def _depthwise(channels: int, outputs: int, groups: int, stride: Ints) -> bool:
    """Whether each channel is convolved with one window of its own, step by step."""
    return channels == groups == outputs and groups > 1 and all(s == 1 for s in stride)


def _columns(
    x: np.ndarray, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints, counts: Ints, groups: int
) -> Iterator[tuple[slice, np.ndarray]]:
    """Batches of columns (n, groups, C / groups * kernel, L) with the samples that they belong to."""
    samples, channels = x.shape[:2]
    depth, length = channels // groups * math.prod(kernel), math.prod(counts)
    padded = pad(x, padding, padding)
    view = windows(padded, kernel, stride, dilation, counts)  # (N, C, *kernel, *counts)
    step = max(1, COLUMNS // max(1, groups * depth * length))
    buffer = np.empty((min(step, samples), *view.shape[1:]), x.dtype)
    for start in range(0, samples, step):
        stop = min(start + step, samples)
        block = buffer[: stop - start]
        np.copyto(block, view[start:stop])
        yield slice(start, stop), block.reshape(stop - start, groups, depth, length)


def forward(
    x: np.ndarray,
    weight: np.ndarray,
    stride: Ints,
    padding: Ints,
    dilation: Ints,
    groups: int,
    counts: Ints | None = None,
) -> np.ndarray:
    """(N, C, *S) and (O, C / groups, *kernel) to (N, O, *counts); counts by default what fits."""
    kernel = weight.shape[2:]
    counts = counts or [
        output_size(n, k, s, p, d)
        for n, k, s, p, d in zip(x.shape[2:], kernel, stride, padding, dilation, strict=True)
    ]
    samples, outputs, length = x.shape[0], weight.shape[0], math.prod(counts)
    matrix = weight.reshape(groups, outputs // groups, -1)  # (g, O / g, C / g * kernel)
    if _pointwise(kernel, stride, padding) and tuple(counts) == x.shape[2:]:
        columns = x.reshape(samples, groups, x.shape[1] // groups, length)
        return np.matmul(matrix, columns).reshape(samples, outputs, *counts)
    result = np.empty((samples, groups, outputs // groups, length), x.dtype)
    if result.size:
        for rows, columns in _columns(x, kernel, stride, padding, dilation, counts, groups):
            if groups == 1 and length < 64 and columns.shape[0] > 1:
                # Small images: one wide product instead of one per sample.
                wide = columns[:, 0].transpose(1, 0, 2).reshape(columns.shape[2], -1)  # (C * kernel, n * L)
                product = np.dot(matrix[0], wide).reshape(outputs, -1, length)
                result[rows, 0] = product.transpose(1, 0, 2)
            else:
                np.matmul(matrix, columns, out=result[rows])
    return result.reshape(samples, outputs, *counts)


def input_gradient(
    grad: np.ndarray,
    weight: np.ndarray,
    size: Ints,
    stride: Ints,
    padding: Ints,
    dilation: Ints,
    groups: int,
) -> np.ndarray:
    """(N, O, *counts) and (O, C / groups, *kernel) to (N, C, *size)."""
    kernel, counts = weight.shape[2:], grad.shape[2:]
    samples, outputs, length = grad.shape[0], weight.shape[0], math.prod(counts)
    inputs = weight.shape[1] * groups
    matrix = weight.reshape(groups, outputs // groups, -1).transpose(0, 2, 1)  # (g, C / g * kernel, O / g)
    flat = grad.reshape(samples, groups, outputs // groups, length)
    if _pointwise(kernel, stride, padding) and tuple(size) == tuple(counts):
        return np.matmul(matrix, flat).reshape(samples, inputs, *size)
    margins = [d * (k - 1) - p for k, p, d in zip(kernel, padding, dilation, strict=True)]
    if _depthwise(inputs, outputs, groups, stride) and min(margins) >= 0:
        turned = weight[(slice(None), slice(None), *[slice(None, None, -1)] * len(kernel))]
        return forward(grad, np.ascontiguousarray(turned), stride, margins, dilation, groups, size)
    result = np.empty((samples, inputs, *size), grad.dtype)
    step = max(1, COLUMNS // max(1, matrix.shape[0] * matrix.shape[1] * length))
    for start in range(0, samples, step):
        part = flat[start : start + step]
        # NumPy's matmul of a column and a row is a hundred times slower than their product
        columns = matrix * part if outputs == groups else np.matmul(matrix, part)
        columns = columns.reshape(-1, inputs, *kernel, *counts)
        result[start : start + step] = scatter(columns, size, stride, padding, dilation, kernel)
    return result


def weight_gradient(
    grad: np.ndarray,
    x: np.ndarray,
    kernel: Ints,
    stride: Ints,
    padding: Ints,
    dilation: Ints,
    groups: int,
) -> np.ndarray:
    """(N, O, *counts) and (N, C, *S) to (O, C / groups, *kernel)."""
    samples, outputs, counts = grad.shape[0], grad.shape[1], grad.shape[2:]
    length, depth = math.prod(counts), x.shape[1] // groups * math.prod(kernel)
    flat = grad.reshape(samples, groups, outputs // groups, length)
    if _depthwise(x.shape[1], outputs, groups, stride) and flat.size and grad.dtype.char in "fd":
        products = _depthwise_products(grad, x, kernel, padding, dilation)
        if np.isfinite(products).all():
            return products.reshape(outputs, 1, *kernel)
    total = np.zeros((groups, outputs // groups, depth), grad.dtype)
    if flat.size and depth:
        for rows, columns in _columns(x, kernel, stride, padding, dilation, counts, groups):
            if groups == 1:
                count = columns.shape[0]
                if count == 1:
                    total[0] += np.dot(flat[rows][0, 0], columns[0, 0].T)
                elif length < 64:
                    left = flat[rows][:, 0].transpose(1, 0, 2).reshape(outputs, -1)  # (O, n * L)
                    right = columns[:, 0].transpose(0, 2, 1).reshape(-1, depth)  # (n * L, C * kernel)
                    total[0] += np.dot(left, right)
                else:
                    for i in range(count):
                        total[0] += np.dot(flat[rows.start + i, 0], columns[i, 0].T)
            else:
                total += np.matmul(flat[rows], columns.swapaxes(2, 3)).sum(0)
    return total.reshape(outputs, x.shape[1] // groups, *kernel)


def _depthwise_products(
    grad: np.ndarray, x: np.ndarray, kernel: Ints, padding: Ints, dilation: Ints
) -> np.ndarray:
    """(N, C, *counts) and (N, C, *S): per channel and place in the window the sum of products (C, places), at stride 1.

    Seen flat, a shift of the padded input is an offset, if the cotangent stands in the same rows, with zeros beyond its own; so each
    place is one product of vectors per sample and channel. Zeros do not hide infinities: then the result is not finite.
    """
    counts = grad.shape[2:]
    padded = pad(x, padding, padding)
    sizes = padded.shape[2:]
    spread = np.zeros((*grad.shape[:2], counts[0], *sizes[1:]), grad.dtype)
    spread[(..., *[slice(count) for count in counts])] = grad
    steps = [d * math.prod(sizes[i + 1 :]) for i, d in enumerate(dilation)]
    beyond = sum((k - 1) * step for k, step in zip(kernel[1:], steps[1:], strict=True))
    length = counts[0] * math.prod(sizes[1:]) - beyond
    left, right = spread.reshape(*grad.shape[:2], -1)[..., :length], padded.reshape(*x.shape[:2], -1)
    offsets = [sum(map(operator.mul, place, steps)) for place in np.ndindex(*kernel)]
    sums = [np.vecdot(left, right[..., offset : offset + length]).sum(0) for offset in offsets]
    return np.stack(sums, axis=1)


# torch's operators ---------------------------------------------------------------------------------------------------


def _shape(values: Sequence[int]) -> str:
    return "[" + ", ".join(map(str, values)) + "]"


def _check_weight_type(x: np.ndarray, weight: np.ndarray) -> None:
    if x.dtype != weight.dtype:
        raise RuntimeError(
            f"expected scalar type {scalar_name(x.dtype)} but found {scalar_name(weight.dtype)}"
        )


def _check(
    x: np.ndarray,
    weight: np.ndarray,
    bias: np.ndarray | None,
    stride: Ints,
    padding: Ints,
    dilation: Ints,
    transposed: bool,
    output_padding: Ints,
    groups: int,
) -> None:
    """torch's conditions, in torch's order."""
    rank = weight.ndim - 2
    for name, values in (("stride", stride), ("padding", padding), ("dilation", dilation)):
        if len(values) != rank:
            raise RuntimeError(
                f"expected {name} to be a single integer value or a list of {rank} values to match the convolution "
                f"dimensions, but got {name}={_shape(values)}"
            )
    if groups <= 0:
        raise RuntimeError("non-positive groups is not supported")
    if min(padding, default=0) < 0:
        raise RuntimeError("negative padding is not supported")
    if min(output_padding, default=0) < 0:
        raise RuntimeError("negative output_padding is not supported")
    if min(stride, default=1) <= 0:
        raise RuntimeError("non-positive stride is not supported")
    if min(dilation, default=1) < 0:
        raise RuntimeError("dilation should be greater than zero")
    if weight.ndim != x.ndim:
        raise RuntimeError(
            f"Expected {weight.ndim}-dimensional input for {weight.ndim}-dimensional weight {_shape(weight.shape)}, but "
            f"got {x.ndim}-dimensional input of size {_shape(x.shape)} instead"
        )
    if weight.shape[0] < groups:
        raise RuntimeError(
            f"Given groups={groups}, expected weight to be at least {groups} at dimension 0, but got weight of size "
            f"{_shape(weight.shape)} instead"
        )
    if weight.shape[0] % groups:
        raise RuntimeError(
            f"Given groups={groups}, expected weight to be divisible by {groups} at dimension 0, but got weight of size "
            f"{_shape(weight.shape)} instead"
        )
    channels = weight.shape[0] if transposed else weight.shape[1] * groups
    outputs = weight.shape[1] * groups if transposed else weight.shape[0]
    if x.shape[1] != channels:
        head = f"Given transposed={int(transposed)}" if transposed else f"Given groups={groups}"
        raise RuntimeError(
            f"{head}, weight of size {_shape(weight.shape)}, expected input{_shape(x.shape)} to have {channels} channels, "
            f"but got {x.shape[1]} channels instead"
        )
    if bias is not None and bias.shape != (outputs,):
        head = f"Given transposed={int(transposed)}, weight" if transposed else "Given weight"
        raise RuntimeError(
            f"{head} of size {_shape(weight.shape)}, expected bias to be 1-dimensional with {outputs} elements, but got "
            f"bias of size {_shape(bias.shape)} instead"
        )
    if transposed:
        if any(o >= s and o >= d for o, s, d in zip(output_padding, stride, dilation, strict=True)):
            raise RuntimeError(_output_padding_text(output_padding, stride, dilation))
        if 0 in dilation:
            labels = ("depth", "height", "width")[-max(rank, 2) :]
            shown = ", ".join(
                f"dilation_{label}: {d}"
                for label, d in zip(labels, [1] * (2 - rank) + [*dilation], strict=True)
            )
            raise RuntimeError(f"dilation should be greater than zero, but got {shown}")
        _check_places(x, rank)
        return
    sizes = [n + 2 * p for n, p in zip(x.shape[2:], padding, strict=True)]
    kernels = [d * (k - 1) + 1 for k, d in zip(weight.shape[2:], dilation, strict=True)]
    if any(n < k for n, k in zip(sizes, kernels, strict=True)):
        raise RuntimeError(
            f"Calculated padded input size per channel: ({' x '.join(map(str, sizes))}). Kernel size: "
            f"({' x '.join(map(str, kernels))}). Kernel size can't be greater than actual input size"
        )
    if 0 in dilation:
        raise RuntimeError(
            f"dilation should be greater than zero, but got {_shape([1] * (rank == 1) + [*dilation])}"
        )
    _check_places(x, rank)


def _check_places(x: np.ndarray, rank: int) -> None:
    """Images may be none, or without channels, but not without places."""
    if 0 in x.shape[2:] and 0 not in x.shape[:2]:
        raise RuntimeError(
            "Only zero batch or zero channel inputs are supported, but got input shape: "
            f"{_shape([*x.shape[:2], *[1] * (rank == 1), *x.shape[2:]])}"
        )


def _output_padding_text(output_padding: Ints, stride: Ints, dilation: Ints) -> str:
    names = ("height", "width") if len(stride) <= 2 else ("depth", "height", "width")
    # One spatial dimension runs as two, the first of size one.
    fill = len(names) - len(stride)
    groups = (("output_padding", output_padding, 0), ("stride", stride, 1), ("dilation", dilation, 1))
    parts = [
        f"{title}_{name}: {value}"
        for title, values, neutral in groups
        for name, value in zip(names, [*[neutral] * fill, *values], strict=True)
    ]
    return "output padding must be smaller than either stride or dilation, but got " + " ".join(parts)


def transposed_size(
    size: Ints, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints, output_padding: Ints
) -> list[int]:
    """Spatial size of a transposed convolution's output."""
    return [
        (n - 1) * s - 2 * p + d * (k - 1) + o + 1
        for n, k, s, p, d, o in zip(size, kernel, stride, padding, dilation, output_padding, strict=True)
    ]


def _wide(array: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(array, np.float32 if is_low_precision(array.dtype) else None)


def convolution(
    input: np.ndarray,
    weight: np.ndarray,
    bias: np.ndarray | None,
    stride: Ints,
    padding: Ints,
    dilation: Ints,
    transposed: bool,
    output_padding: Ints,
    groups: int,
) -> np.ndarray:
    """torch's convolution of a batched input; transposed ones have weight (C, O / groups, *kernel)."""
    _check(input, weight, bias, stride, padding, dilation, transposed, output_padding, groups)
    dtype = input.dtype
    if dtype.kind == "b" or (dtype.kind == "u" and dtype.itemsize > 1):
        whole = all(size == 1 for size in weight.shape[2:]) and max(stride) == 1 and not any(padding)
        not_implemented(
            "slow_conv2d_cpu" if len(stride) < 3 else "slow_conv3d_cpu" if whole else "compute_columns3d",
            dtype,
        )
    _check_weight_type(input, weight)
    x, kernel = _wide(input), _wide(weight)
    if transposed:
        size = transposed_size(x.shape[2:], kernel.shape[2:], stride, padding, dilation, output_padding)
        if min(size) < 1:
            given, got = (
                " x ".join(map(str, input.shape[1:])),
                " x ".join(map(str, [weight.shape[1] * groups, *size])),
            )
            raise RuntimeError(
                f"Given input size per channel: ({given}). Calculated output size per channel: ({got}). Output size is "
                "too small"
            )
        result = input_gradient(x, kernel, size, stride, padding, dilation, groups)
    else:
        result = forward(x, kernel, stride, padding, dilation, groups)
    if bias is not None:
        np.add(result, _wide(bias).reshape(-1, *[1] * len(stride)), out=result)
    return result.astype(dtype, copy=False)


def convolution_backward(
    grad_output: np.ndarray,
    input: np.ndarray,
    weight: np.ndarray,
    bias_sizes: Ints | None,
    stride: Ints,
    padding: Ints,
    dilation: Ints,
    transposed: bool,
    output_padding: Ints,
    groups: int,
    output_mask: Sequence[bool],
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Gradients of input, weight and bias, those that output_mask asks for."""
    dtype = grad_output.dtype
    grad = _wide(grad_output)
    grad_input = grad_weight = grad_bias = np.zeros(0, dtype)  # what was not asked for stays empty
    complex_ = dtype.kind == "c"
    if output_mask[0]:
        kernel = _wide(weight.conj() if complex_ else weight)
        if transposed:
            grad_input = forward(grad, kernel, stride, padding, dilation, groups, input.shape[2:])
        else:
            grad_input = input_gradient(grad, kernel, input.shape[2:], stride, padding, dilation, groups)
        grad_input = grad_input.astype(dtype, copy=False)
    if output_mask[1]:
        x = _wide(input.conj() if complex_ else input)
        if transposed:
            grad_weight = weight_gradient(x, grad, weight.shape[2:], stride, padding, dilation, groups)
        else:
            grad_weight = weight_gradient(grad, x, weight.shape[2:], stride, padding, dilation, groups)
        grad_weight = grad_weight.astype(dtype, copy=False)
    if output_mask[2]:
        axes = (0, *range(2, grad.ndim))
        grad_bias = np.add.reduce(grad, axis=axes).astype(dtype, copy=False)
    return grad_input, grad_weight, grad_bias
