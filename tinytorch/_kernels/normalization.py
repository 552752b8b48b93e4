"""Batch, layer and group normalisation with their gradients, worked through in blocks that stay in the cache."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from tinytorch._kernels.dtype_names import is_float, is_low_precision, not_implemented, scalar_name, widen
from tinytorch._kernels.memory_order import channels_last_like
from tinytorch._kernels.multiply_add import axpy
from tinytorch._kernels.reducing import precise_sum, row_sums

# Elements per block: four blocks of 32 thousand float32 values fit a usual second-level cache.
BLOCK = 1 << 15
# Elements of a channel from which a call of BLAS per channel is no slower than two passes.
LONG = 1024
Maybe = np.ndarray | None
#: (rows, block of these rows): changes the block.
Finish = Callable[[slice, np.ndarray], None]


def _check_parameter(dtype: np.dtype, *parameters: Maybe) -> None:
    """Parameters share the input's type, or all are float32 beside a low precision input; the first of them says which it is to be."""
    given = [parameter.dtype for parameter in parameters if parameter is not None]
    if not given:
        return
    if given[0] != dtype:
        if any(kind != np.float32 for kind in given):
            raise RuntimeError("mixed dtype (CPU): expect parameter to have scalar type of Float")
        if not is_low_precision(dtype):
            raise RuntimeError("mixed dtype (CPU): all inputs must share same datatype.")
    for kind in given[1:]:
        if kind != given[0]:
            raise RuntimeError(f"expected scalar type {scalar_name(dtype)} but found {scalar_name(kind)}")


# Rows: layer and group normalisation ---------------------------------------------------------------------------------


def _added(factor: np.ndarray, mean: np.ndarray, bias: Maybe) -> np.ndarray:
    """bias - mean * factor, rounded once, as torch's fused multiply-add rounds it. All (..., C)."""
    exact = -mean.astype(np.float64) * factor
    if bias is not None:
        exact += widen(bias).reshape(-1)
    return exact.astype(factor.dtype, copy=False)


def _linear(rows: np.ndarray, factor: np.ndarray, added: np.ndarray) -> np.ndarray:
    """rows * factor + added, for contiguous (M, L) and (M,); each sum is rounded once, as in torch, where the rows are long."""
    count, width = rows.shape
    out = np.empty_like(rows)
    if width >= LONG:
        out[...] = added[:, None]
        if all(map(axpy, rows, out, factor.tolist())):
            return out
    step = max(1, BLOCK // max(width, 1))
    for start in range(0, count, step):
        part = slice(start, start + step)
        np.multiply(rows[part], factor[part, None], out=out[part])
        np.add(out[part], added[part, None], out=out[part])
    return out


def normalize_rows(
    x: np.ndarray, eps: float, out: np.ndarray | None = None, finish: Finish | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """The means and reciprocal deviations (M,) of (M, D) rows; with `out`, also the rows to mean 0 and variance 1 into it.

    finish(rows, block): what is to happen to each block of rows in `out` while it is in the cache.
    """
    count, width = x.shape
    means, rates = np.empty(count, x.dtype), np.empty(count, x.dtype)
    step = max(1, BLOCK // max(width, 1))
    kind = x.dtype.type
    scratch = np.empty((min(step, count), width), x.dtype) if out is None else None
    for start in range(0, count, step):
        rows = slice(start, start + step)
        block = x[rows]
        target = out[rows] if scratch is None else scratch[: len(block)]
        mean = row_sums(block)
        np.divide(mean, kind(width), out=mean)
        np.subtract(block, mean[:, None], out=target)
        variance = np.vecdot(target, target)
        np.divide(variance, kind(width), out=variance)
        rate = 1 / np.sqrt(variance + kind(eps))
        means[rows], rates[rows] = mean, rate
        if out is not None:
            np.multiply(target, rate[:, None], out=target)
        if finish is not None:
            finish(rows, target)
    return means, rates


def _blend(
    grad: np.ndarray,
    x: np.ndarray,
    slope: np.ndarray,
    bend: np.ndarray,
    shift: np.ndarray,
    out: np.ndarray,
    scratch: np.ndarray,
) -> None:
    """grad * slope + x * bend + shift into out, for (M, D) and columns (M, 1); `grad` may be `out`."""
    np.multiply(grad, slope, out=out)
    np.multiply(x, bend, out=scratch)
    np.add(scratch, shift, out=scratch)
    np.add(out, scratch, out=out)


def _layer_shape(input: np.ndarray, normalized_shape: Sequence[int], weight: Maybe, bias: Maybe) -> int:
    """Check as torch does; the number of leading dimensions."""
    shape = tuple(normalized_shape)
    text = "[" + ", ".join(map(str, shape)) + "]"
    if not shape:
        raise RuntimeError(
            "Expected normalized_shape to be at least 1-dimensional, i.e., containing at least one element, but got "
            f"normalized_shape = {text}"
        )
    for name, parameter in (("weight", weight), ("bias", bias)):
        if parameter is not None and parameter.shape != shape:
            given = "[" + ", ".join(map(str, parameter.shape)) + "]"
            raise RuntimeError(
                f"Expected {name} to be of same shape as normalized_shape, but got {name} of shape {given} and "
                f"normalized_shape = {text}"
            )
    if input.ndim < len(shape) or input.shape[input.ndim - len(shape) :] != shape:
        expected = "".join(f", {n}" for n in shape)
        given = ", ".join(map(str, input.shape))
        raise RuntimeError(
            f"Given normalized_shape={text}, expected input with shape [*{expected}], but got input of size[{given}]"
        )
    return input.ndim - len(shape)


def layer_norm(
    input: np.ndarray, normalized_shape: Sequence[int], weight: Maybe, bias: Maybe, eps: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Normalise the trailing dimensions; also the means and reciprocal deviations."""
    leading = _layer_shape(input, normalized_shape, weight, bias)
    _check_parameter(input.dtype, weight, bias)
    if not is_float(input.dtype):
        not_implemented("LayerNormKernelImpl", input.dtype)
    width = math.prod(normalized_shape)
    rows = np.ascontiguousarray(widen(input)).reshape(-1, width) if width else widen(input).reshape(0, 0)
    statistics = (*input.shape[:leading], *[1] * len(normalized_shape))
    mixed = (weight is not None and weight.dtype != input.dtype) or (
        bias is not None and bias.dtype != input.dtype
    )
    kept = rows.dtype if mixed else input.dtype
    if width == 0:
        empty = np.full(statistics, np.nan, kept)
        return np.empty(input.shape, input.dtype), empty, empty.copy()
    out = np.empty_like(rows)
    scale, shift = (None if p is None else widen(p).reshape(-1) for p in (weight, bias))

    def finish(rows: slice, block: np.ndarray) -> None:
        if scale is not None:
            np.multiply(block, scale, out=block)
        if shift is not None:
            np.add(block, shift, out=block)

    mean, rate = normalize_rows(rows, eps, out, finish)
    return (
        out.reshape(input.shape).astype(input.dtype, copy=False),
        mean.reshape(statistics).astype(kept, copy=False),
        rate.reshape(statistics).astype(kept, copy=False),
    )


def layer_norm_backward(
    grad_out: np.ndarray,
    input: np.ndarray,
    normalized_shape: Sequence[int],
    mean: np.ndarray,
    rstd: np.ndarray,
    weight: Maybe,
    bias: Maybe,
    output_mask: Sequence[bool],
) -> tuple[Maybe, Maybe, Maybe]:
    """Gradients of input, weight and bias, those that output_mask asks for."""
    width = math.prod(normalized_shape)
    count = math.prod(input.shape[: input.ndim - len(normalized_shape)])
    grad = np.ascontiguousarray(widen(grad_out)).reshape(count, width)
    rows = np.ascontiguousarray(widen(input)).reshape(count, width)
    scale = None if weight is None else widen(weight).reshape(-1)
    means, rates = widen(mean).reshape(-1), widen(rstd).reshape(-1)
    result = np.empty_like(rows)
    step = max(1, BLOCK // max(width, 1))
    scratch = np.empty((min(step, count), width), rows.dtype)
    products, sums = [], []  # of each block: (D,)
    for start in range(0, count, step):
        part = slice(start, start + step)
        g, x, m, r, out = grad[part], rows[part], means[part], rates[part], result[part]
        work = scratch[: len(x)]
        np.multiply(g, x, out=work)
        of_products = row_sums(work) if scale is None else work @ scale
        of_grads = row_sums(g) if scale is None else g @ scale
        if output_mask[1]:
            products.append(r @ work - (r * m) @ g)
        if output_mask[2]:
            sums.append(precise_sum(g, (0,)))
        if output_mask[0]:
            bend = (of_grads * m - of_products) * r * r * r / width
            shift = -bend * m - of_grads * r / width
            weighed = g if scale is None else np.multiply(g, scale, out=out)
            _blend(weighed, x, r[:, None], bend[:, None], shift[:, None], out, work)
    first = result.reshape(input.shape).astype(input.dtype, copy=False) if output_mask[0] else None
    second = third = None
    if output_mask[1] and weight is not None:
        second = precise_sum(np.array(products).reshape(len(products), width), (0,))
        second = second.reshape(weight.shape).astype(weight.dtype, copy=False)
    if output_mask[2] and bias is not None:
        third = precise_sum(np.array(sums).reshape(len(sums), width), (0,))
        third = third.reshape(bias.shape).astype(bias.dtype, copy=False)
    return first, second, third


def _check_groups(
    input: np.ndarray, weight: Maybe, bias: Maybe, N: int, C: int, HxW: int, group: int
) -> None:
    """torch's conditions on sizes, in torch's order."""
    shape = list(input.shape)
    if group <= 0:
        raise RuntimeError(f"Expected num groups to be greater than 0, got {group}")
    if C % group:
        raise RuntimeError(
            f"Expected number of channels in input to be divisible by num_groups, but got input of shape {shape} and num_groups={group}"
        )
    for name, parameter in (("weight", weight), ("bias", bias)):
        if parameter is not None and parameter.shape != (C,):
            shown = parameter if weight is None else weight  # torch prints the weight's shape in either case
            raise RuntimeError(
                f"Expected {name} to be a vector of size equal to the number of channels in input, but got {name} of shape "
                f"{list(shown.shape)} and input of shape {shape}"
            )
    if N < 0:
        raise RuntimeError(f"Trying to create tensor with negative dimension {N}: [{N}, {group}]")
    if input.size != N * C * HxW:
        raise RuntimeError(
            "Expected X.numel() == N * C * HxW to be true, but got false.  (Could this error message be improved?  If so, please report an "
            "enhancement request to PyTorch.)"
        )


def group_norm(
    input: np.ndarray, weight: Maybe, bias: Maybe, N: int, C: int, HxW: int, group: int, eps: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Normalise each of group sets of channels per sample; the means and reciprocal deviations are (N, group)."""
    _check_groups(input, weight, bias, N, C, HxW, group)
    _check_parameter(input.dtype, weight, bias)
    if not is_float(input.dtype):
        not_implemented("GroupNormKernelImpl", input.dtype)
    rows = np.ascontiguousarray(widen(input)).reshape(N * group, C // group * HxW)
    mean, rate = normalize_rows(rows, eps)
    # per sample and channel: x * scale + shift, as torch computes it
    shape = (N, group, C // group)
    means, rates = (np.broadcast_to(x.reshape(N, group, 1), shape).reshape(N, C) for x in (mean, rate))
    scale = rates if weight is None else rates * widen(weight)
    shift = _added(scale, means, bias)
    out = _linear(rows.reshape(N * C, HxW), scale.reshape(-1), shift.reshape(-1))
    mixed = weight is not None and weight.dtype != input.dtype
    kept = rows.dtype if mixed else input.dtype
    return (
        out.reshape(input.shape).astype(input.dtype, copy=False),
        mean.reshape(N, group).astype(kept, copy=False),
        rate.reshape(N, group).astype(kept, copy=False),
    )


def group_norm_backward(
    grad_out: np.ndarray,
    input: np.ndarray,
    mean: np.ndarray,
    rstd: np.ndarray,
    weight: Maybe,
    N: int,
    C: int,
    HxW: int,
    group: int,
    output_mask: Sequence[bool],
) -> tuple[Maybe, Maybe, Maybe]:
    """Gradients of input, weight and bias, those that output_mask asks for."""
    grad = np.ascontiguousarray(widen(grad_out)).reshape(N * C, HxW)
    rows = np.ascontiguousarray(widen(input)).reshape(N * C, HxW)
    kind = rows.dtype.type
    means, rates = (widen(x).reshape(N, group, 1) for x in (mean, rstd))
    scale = np.ones((group, C // group), kind) if weight is None else widen(weight).reshape(group, C // group)
    of_products = np.vecdot(grad, rows).reshape(N, group, C // group)
    of_grads = row_sums(grad).reshape(N, group, C // group)
    first = second = third = None
    if output_mask[0]:
        count = kind(C // group * HxW)
        weighed, plain = ((x * scale).sum(2, keepdims=True) for x in (of_products, of_grads))
        bend = (plain * means - weighed) * rates * rates * rates / count
        shift = -bend * means - plain * rates / count
        slope, bend, shift = (
            np.broadcast_to(x, (N, group, C // group)).reshape(N * C, 1) for x in (rates * scale, bend, shift)
        )
        result = np.empty_like(rows)
        step = max(1, BLOCK // max(HxW, 1))
        scratch = np.empty((min(step, N * C), HxW), rows.dtype)
        for start in range(0, N * C, step):
            part = slice(start, start + step)
            columns = slope[part], bend[part], shift[part]
            _blend(grad[part], rows[part], *columns, result[part], scratch[: len(rows[part])])
        first = result.reshape(input.shape).astype(input.dtype, copy=False)
    dtype = input.dtype if weight is None else weight.dtype
    if output_mask[1]:
        centred = (of_products - of_grads * means) * rates
        second = precise_sum(centred.reshape(N, C), (0,)).astype(dtype, copy=False)
    if output_mask[2]:
        third = precise_sum(of_grads.reshape(N, C), (0,)).astype(dtype, copy=False)
    return first, second, third


# Channels: batch normalisation ---------------------------------------------------------------------------------------


def batch_norm(
    input: np.ndarray,
    weight: Maybe,
    bias: Maybe,
    running_mean: Maybe,
    running_var: Maybe,
    training: bool,
    momentum: float,
    eps: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Normalise each channel (dimension 1) over everything else; training also moves the running statistics, in place."""
    if input.ndim < 2:
        raise IndexError("Dimension out of range (expected to be in range of [-1, 0], but got 1)")
    channels = input.shape[1]
    for name, parameter in (
        ("running_mean", running_mean),
        ("running_var", running_var),
        ("weight", weight),
        ("bias", bias),
    ):
        if parameter is None:
            if name.startswith("running") and not training:
                raise RuntimeError(f"{name} must be defined in evaluation mode")
        elif parameter.size != channels:
            raise RuntimeError(f"{name} should contain {channels} elements not {parameter.size}")
        elif parameter.ndim != 1 and name.startswith("running"):
            raise RuntimeError(f"TensorAccessor expected 1 dims but tensor has {parameter.ndim}")
    if not input.size:
        raise RuntimeError(
            f"input tensor must have at least one element, but got input_sizes = {list(input.shape)}"
        )
    if not is_float(input.dtype):
        not_implemented("batch_norm", input.dtype)
    _check_parameter(input.dtype, weight, bias, running_mean, running_var)
    dtype = input.dtype
    kept = (
        np.dtype(np.float32)
        if is_low_precision(dtype) and weight is not None and weight.dtype == np.float32
        else dtype
    )
    x = widen(input)
    broadcast = (channels, *[1] * (x.ndim - 2))
    if training:
        axes = (0, *range(2, x.ndim))
        count = x.size // max(channels, 1)
        mean = precise_sum(x, axes) / x.dtype.type(max(count, 1))
        variance = _square_sum(np.subtract(x, mean.reshape(broadcast))) / x.dtype.type(max(count, 1))
        rate = 1 / np.sqrt(variance + x.dtype.type(eps))
        if kept.name == "bfloat16":
            rate = _move_statistics_bfloat16(
                mean, variance, count, momentum, eps, running_mean, running_var, kept
            )
        elif count:
            if running_mean is not None:
                running_mean[...] = momentum * mean + (1 - momentum) * widen(running_mean)
            if running_var is not None:
                unbiased = variance * (count / (count - 1)) if count > 1 else variance * np.inf
                running_var[...] = momentum * unbiased + (1 - momentum) * widen(running_var)
        saved = mean.astype(kept, copy=False), rate.astype(kept, copy=False)
    else:
        assert running_mean is not None and running_var is not None
        mean = widen(running_mean)
        rate = 1 / np.sqrt(widen(running_var) + x.dtype.type(eps))
        saved = np.empty(0, kept), np.empty(0, kept)
    factor = (rate if weight is None else rate * widen(weight).reshape(-1)).astype(x.dtype, copy=False)
    added = _added(factor, mean, bias)
    area = math.prod(x.shape[2:])
    rows = np.ascontiguousarray(x).reshape(x.shape[0] * channels, area)
    out = _linear(rows, np.tile(factor, x.shape[0]), np.tile(added, x.shape[0])).reshape(x.shape)
    out = channels_last_like(np.ascontiguousarray(out.astype(dtype, copy=False)), input)
    return out, *saved


def _move_statistics_bfloat16(
    mean: np.ndarray,
    variance: np.ndarray,
    count: int,
    momentum: float,
    eps: float,
    running_mean: Maybe,
    running_var: Maybe,
    dtype: np.dtype,
) -> np.ndarray:
    """Move running statistics of type bfloat16, and return the reciprocal deviations, rounding wherever torch's arithmetic does."""

    def rounded(values: np.ndarray | float) -> np.ndarray:
        return np.asarray(values, np.float32).astype(dtype).astype(np.float32)

    share = rounded(momentum)
    rest = rounded(1 - share)
    total = rounded(variance * np.float32(count))
    if running_mean is not None and count:
        running_mean[...] = rounded(share * rounded(mean)) + rounded(rest * widen(running_mean))
    if running_var is not None and count:
        unbiased = rounded(total / rounded(count - 1))
        running_var[...] = share * unbiased + rounded(rest * widen(running_var))
    rates: np.ndarray = 1 / np.sqrt(rounded(total / rounded(max(count, 1))) + np.float32(eps))
    return rates


def _square_sum(centred: np.ndarray) -> np.ndarray:
    """The sum of squares per channel."""
    flat = np.ascontiguousarray(centred).reshape(centred.shape[0], centred.shape[1], -1)
    return (
        precise_sum(np.vecdot(flat, flat), (0,))
        if flat.shape[2] > 1
        else precise_sum(
            np.square(flat[:, :, 0]) if flat.shape[2] else np.zeros(flat.shape[:2], flat.dtype), (0,)
        )
    )


def batch_norm_backward(
    grad_out: np.ndarray,
    input: np.ndarray,
    weight: Maybe,
    running_mean: Maybe,
    running_var: Maybe,
    save_mean: Maybe,
    save_invstd: Maybe,
    train: bool,
    eps: float,
    output_mask: Sequence[bool],
) -> tuple[Maybe, Maybe, Maybe]:
    """Gradients of input, weight and bias, those that output_mask asks for."""
    grad, x = widen(grad_out), widen(input)
    channels = x.shape[1]
    broadcast = (channels, *[1] * (x.ndim - 2))
    axes = (0, *range(2, x.ndim))
    count = max(x.size // max(channels, 1), 1)
    if train:
        assert save_mean is not None and save_invstd is not None
        mean, rate = widen(save_mean), widen(save_invstd)
    else:
        assert running_mean is not None and running_var is not None
        mean = widen(running_mean)
        rate = 1 / np.sqrt(widen(running_var) + x.dtype.type(eps))
    hat = np.subtract(x, mean.reshape(broadcast))
    np.multiply(hat, rate.reshape(broadcast), out=hat)
    total = precise_sum(grad, axes)
    product = precise_sum(grad * hat, axes)
    dtype = input.dtype if weight is None else weight.dtype
    first = None
    if output_mask[0]:
        factor = rate if weight is None else rate * widen(weight).reshape(-1)
        if train:
            np.multiply(hat, (product / x.dtype.type(count)).reshape(broadcast), out=hat)
            result = np.subtract(grad, hat, out=hat)
            np.subtract(result, (total / x.dtype.type(count)).reshape(broadcast), out=result)
            np.multiply(result, factor.reshape(broadcast), out=result)
        else:
            result = grad * factor.reshape(broadcast)
        first = result.astype(input.dtype, copy=False)
    second = product.astype(dtype, copy=False) if output_mask[1] else None
    third = total.astype(dtype, copy=False) if output_mask[2] else None
    return first, second, third
