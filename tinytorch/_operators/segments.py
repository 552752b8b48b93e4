"""Reductions of segments: `torch.segment_reduce`."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._core.declare import op
from .._core.front import function_of
from .._kernels import segments as kernels

_REDUCTIONS = ("sum", "prod", "mean", "max", "amax", "min", "amin")


def _check(data: Any, reduce: str, lengths: Any, indices: Any, offsets: Any, axis: int, unsafe: bool) -> Any:
    if reduce not in _REDUCTIONS:
        raise RuntimeError(f"reduce argument must be either sum, prod, mean, amax or amin, got {reduce}")
    if indices is not None:
        raise RuntimeError("segment_reduce(): indices based reduction is not supported yet.")
    if lengths is None and offsets is None:
        raise RuntimeError("segment_reduce(): Either lengths or offsets must be defined.")
    return kernels.lengths_of(data, lengths, offsets, axis, unsafe)


@op(
    "segment_reduce(Tensor data, str reduce, *, Tensor? lengths=None, Tensor? indices=None, Tensor? offsets=None, int axis=0, "
    "bool unsafe=False, Scalar? initial=None) -> Tensor",
    method=False,
)
def segment_reduce(
    data: np.ndarray,
    reduce: str,
    lengths: Any,
    indices: Any,
    offsets: Any,
    axis: int,
    unsafe: bool,
    initial: Any,
) -> np.ndarray:
    """The sums (means, products, extrema) of segments of the given lengths along an axis."""
    axis = axis + data.ndim if axis < 0 else axis
    found = _check(data, reduce, lengths, indices, offsets, axis, unsafe)
    return kernels.reduce(data, reduce, found, axis, initial)


@op(
    "_segment_reduce_backward(Tensor grad, Tensor output, Tensor data, str reduce, *, Tensor? lengths=None, Tensor? offsets=None, "
    "int axis=0, Scalar? initial=None) -> Tensor",
    underivable=True,
    method=False,
)
def _segment_reduce_backward(
    grad: np.ndarray,
    output: np.ndarray,
    data: np.ndarray,
    reduce: str,
    lengths: Any,
    offsets: Any,
    axis: int,
    initial: Any,
) -> np.ndarray:
    """The cotangent of `segment_reduce`'s data."""
    axis = axis + data.ndim if axis < 0 else axis
    found = kernels.lengths_of(data, lengths, offsets, axis, True)
    return kernels.reduce_backward(grad, output, data, reduce, found, axis, initial)


segment_reduce.vjp(
    data=lambda grad, result, data, reduce, lengths, offsets, axis, initial: _segment_reduce_backward(
        grad, result, data, reduce, lengths, offsets, axis, initial
    )
)

FUNCTIONS = {"_segment_reduce": lambda *args, **kwargs: function_of("segment_reduce")(*args, **kwargs)}
