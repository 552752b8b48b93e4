"""Softmax and its logarithm, worked through in blocks that stay in the cache."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from tinytorch._kernels.dtype_names import is_float, is_low_precision, not_implemented
from tinytorch._kernels.reducing import row_sums

# Elements per block: 64 thousand float32 values are 256 KiB, half a usual second-level cache.
BLOCK = 1 << 16
# Rows up to this length are turned to columns before they are compared.
SHORT = 24
# Up to so many elements sums are NumPy's: they take no time, and stay what they are.
FEW = 4096


def total_of(x: np.ndarray) -> np.ndarray:
    """The sum along axis 1, which is kept."""
    if x.ndim == 2 and x.size > FEW:
        return row_sums(x)[:, None]
    return np.add.reduce(x, axis=1, keepdims=True)


def greatest(x: np.ndarray) -> np.ndarray:
    """The largest value along axis 1, which is kept. NumPy's own reduction begins anew for every row, which takes longer than a short row."""
    if x.ndim == 2 and x.flags.c_contiguous:
        rows, columns = x.shape
        if columns <= SHORT:
            return np.maximum.reduce(np.ascontiguousarray(x.T), axis=0)[:, None]
        starts = np.arange(0, rows * columns, columns)
        return np.maximum.reduceat(x.reshape(-1), starts)[:, None]
    return np.maximum.reduce(x, axis=1, keepdims=True)


def _rows(array: np.ndarray, dim: int) -> tuple[np.ndarray, tuple[int, ...]]:
    """The array as (outer, size, inner), contiguous, with the shape to give back."""
    shape = array.shape
    if not shape:
        return array.reshape(1, 1, 1), shape
    return array.reshape(math.prod(shape[:dim]), shape[dim], math.prod(shape[dim + 1 :])), shape


def _blocked(step: Callable[..., None], dim: int, result_dtype: np.dtype, *arrays: np.ndarray) -> np.ndarray:
    """Run step(*blocks, out) over blocks of whole slices along dim; low precision is widened blockwise."""
    first = arrays[0]
    if (
        first.ndim == 2
        and dim == 1
        and 0 < first.size <= BLOCK
        and result_dtype.char in "fd"
        and first.dtype is result_dtype
        and arrays[-1].dtype is result_dtype
    ):  # the usual few rows, by the shortest way
        result = np.empty(first.shape, result_dtype)
        step(*arrays, result)
        return result
    views = []
    shape: tuple[int, ...] = ()
    for array in arrays:
        view, shape = _rows(array, dim)
        views.append(view)
    result = np.empty(shape, result_dtype)
    target = result.reshape(views[0].shape)
    outer, size, inner = target.shape
    if result.size == 0:
        return result
    low = is_low_precision(result_dtype)
    if result.size <= BLOCK and inner == 1 and not low and all(a.dtype is result_dtype for a in arrays):
        step(*[view[:, :, 0] for view in views], target[:, :, 0])
        return result
    if inner > BLOCK // max(size, 1):
        # Few outer slices, long inner ones: cut along the inner dimension.
        width = max(1, BLOCK // size)
        pieces = [
            (slice(i, i + 1), slice(j, j + width)) for i in range(outer) for j in range(0, inner, width)
        ]
    else:
        height = max(1, BLOCK // (size * inner))
        pieces = [(slice(i, i + height), slice(None)) for i in range(0, outer, height)]
    for rows, columns in pieces:
        if inner == 1:  # plain rows reduce faster
            blocks, out = [view[rows, :, 0] for view in views], target[rows, :, 0]
        else:
            blocks, out = [view[rows, :, columns] for view in views], target[rows, :, columns]
        if low or any(block.dtype != result_dtype for block in blocks):
            compute = np.float32 if low else result_dtype
            wide = np.empty(out.shape, compute)
            step(*[block.astype(compute) for block in blocks], wide)
            out[...] = wide
        else:
            step(*blocks, out)
    return result


#: Up to this many float32 exponentials are taken in float64. The time does not count there, and where rows are longer, the order in
#: which they are summed matters more than the last bit of a summand.
ROUNDED_ONCE = 8192


def exponential(x: np.ndarray, out: np.ndarray) -> np.ndarray:
    """exp in the type of `out`, for few elements rounded once. NumPy's own float32 code is off by one unit in the last place every
    other time, and what cancels in derivatives of losses is small enough to show it."""
    if out.size <= ROUNDED_ONCE and out.dtype == np.float32:
        return np.exp(x, out, dtype=np.float64, casting="same_kind")
    return np.exp(x, out)


def _softmax_block(x: np.ndarray, out: np.ndarray) -> None:
    np.subtract(x, greatest(x), out=out)
    exponential(out, out)
    np.divide(out, total_of(out), out=out)


def _log_softmax_block(x: np.ndarray, out: np.ndarray) -> None:
    np.subtract(x, greatest(x), out=out)
    total = total_of(exponential(out, np.empty_like(out)))
    np.subtract(out, np.log(total, out=total, dtype=np.float64, casting="same_kind"), out=out)


def _softmax_backward_block(grad: np.ndarray, output: np.ndarray, out: np.ndarray) -> None:
    np.multiply(grad, output, out=out)
    total = total_of(out)
    np.subtract(grad, total, out=out)
    np.multiply(out, output, out=out)


def _log_softmax_backward_block(grad: np.ndarray, output: np.ndarray, out: np.ndarray) -> None:
    exponential(output, out)
    np.multiply(out, total_of(grad), out=out)
    np.subtract(grad, out, out=out)


def _check(name: str, array: np.ndarray, dim: int, half_to_float: bool) -> None:
    if half_to_float:
        raise RuntimeError(f"{name} with half to float conversion is not supported on CPU")
    if not is_float(array.dtype):
        last = "_lastdim_kernel_impl" if dim == array.ndim - 1 or array.ndim == 0 else "_kernel_impl"
        kernel = {"softmax": "softmax", "log_softmax": "log_softmax"}[name] + last
        not_implemented(kernel, array.dtype)


def _check_alike(name: str, grad: np.ndarray, output: np.ndarray) -> None:
    if grad.shape != output.shape:
        raise RuntimeError(
            "Expected tensor for argument #1 'grad' to have same size as tensor for argument #2 'output'; but "
            f"{list(grad.shape)} does not equal {list(output.shape)} (while checking arguments for {name})"
        )


def softmax(self: np.ndarray, dim: int, half_to_float: bool = False) -> np.ndarray:
    """exp(x) over the sum of exp(x) along dim."""
    if not self.size:
        return self.copy()
    _check("softmax", self, dim, half_to_float)
    return _blocked(_softmax_block, dim, self.dtype, self)


def log_softmax(self: np.ndarray, dim: int, half_to_float: bool = False) -> np.ndarray:
    """x - log(sum(exp(x))) along dim."""
    if not self.size:
        return self.copy()
    _check("log_softmax", self, dim, half_to_float)
    return _blocked(_log_softmax_block, dim, self.dtype, self)


def softmax_backward(
    grad_output: np.ndarray, output: np.ndarray, dim: int, input_dtype: np.dtype
) -> np.ndarray:
    """output * (grad - sum(grad * output))."""
    _check_alike("softmax_backward", grad_output, output)
    return _blocked(_softmax_backward_block, dim, grad_output.dtype, grad_output, output)


def log_softmax_backward(
    grad_output: np.ndarray, output: np.ndarray, dim: int, input_dtype: np.dtype
) -> np.ndarray:
    """grad - exp(output) * sum(grad)."""
    _check_alike("log_softmax_backward", grad_output, output)
    return _blocked(_log_softmax_backward_block, dim, grad_output.dtype, grad_output, output)


def safe_softmax(self: np.ndarray, dim: int) -> np.ndarray:
    """Softmax whose wholly masked slices (all -inf) are zeros instead of nan."""
    result = softmax(self, dim)
    if self.size == 0:
        return result
    masked = (self == -np.inf).all(axis=dim, keepdims=True) if self.ndim else self == -np.inf
    if masked.any():
        result[np.broadcast_to(masked, result.shape)] = 0
    return result


def log_sigmoid(self: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """min(x, 0) - log1p(exp(-|x|)); the second result is exp(-|x|), kept for the gradient."""
    if not is_float(self.dtype):
        not_implemented("log_sigmoid_cpu", self.dtype)
    x = self.astype(np.float32) if is_low_precision(self.dtype) else self
    buffer = np.empty(x.shape, x.dtype)
    np.abs(x, out=buffer)
    np.negative(buffer, out=buffer)
    np.exp(buffer, out=buffer)
    output = np.empty(x.shape, x.dtype)
    np.log1p(buffer, out=output)
    np.subtract(np.minimum(x, 0), output, out=output)
    return output.astype(self.dtype, copy=False), buffer.astype(self.dtype, copy=False)


def log_sigmoid_backward(grad_output: np.ndarray, self: np.ndarray, buffer: np.ndarray) -> np.ndarray:
    """grad times sigmoid(-x)."""
    low = is_low_precision(self.dtype)
    x = self.astype(np.float32) if low else self
    z = buffer.astype(np.float32) if low else buffer
    negative = x < 0
    sign = np.where(negative, x.dtype.type(1), x.dtype.type(-1))
    derivative = negative - sign * (z / (1 + z))
    return (np.asarray(derivative, x.dtype) * grad_output).astype(self.dtype, copy=False)
