"""Distances between all pairs of rows: `cdist` and what it is built from."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinytorch._core.declare import composite, op
from tinytorch._core.element_types import instances
from tinytorch._core.saved import never
from tinytorch._core.signature import wrong_type
from tinytorch._core.tensor import Tensor
from tinytorch._kernels import matrix as kernels
from tinytorch._operators.matrix_composites import broadcast_batch

cdist_forward = op(
    "_cdist_forward(Tensor x1, Tensor x2, float p, int? compute_mode) -> Tensor",
    kernels.cdist_forward,
    memory="rows",
    node="CdistBackward0",
    out=False,
    forward=False,
)
cdist_backward = op(
    "_cdist_backward(Tensor grad, Tensor x1, Tensor x2, float p, Tensor cdist) -> Tensor",
    kernels.cdist_backward,
    out=False,
    forward=False,
)
cdist_backward.vjp_all(never("_cdist_backward"), "grad", "x1", "x2", "cdist")


def _cdist_vjp(grad: Any, x1: Any, x2: Any, p: float, result: Any) -> Any:
    return cdist_backward(grad.contiguous(), x1, x2, p, result)


cdist_forward.vjp(
    x1=lambda grad, x1, x2, p, result: _cdist_vjp(grad, x1, x2, p, result),
    x2=lambda grad, x1, x2, p, result: _cdist_vjp(
        grad.transpose(-2, -1), x2, x1, p, result.transpose(-2, -1)
    ),
)


def _euclidean_kernel(x1: np.ndarray, x2: np.ndarray) -> np.ndarray:
    """Distances from squares and one matrix product, as torch computes larger cases."""
    norm1, norm2 = (
        np.square(x1).sum(-1, keepdims=True),
        np.square(x2).sum(-1, keepdims=True),
    )  # (..., P, 1), (..., R, 1)
    left = np.concatenate([x1 * -2, norm1, np.ones_like(norm1)], -1)
    right = np.concatenate([x2, np.ones_like(norm2), norm2], -1)
    squares = np.matmul(left, right.swapaxes(-2, -1))
    return np.sqrt(np.maximum(squares, 0, out=squares), out=squares)


euclidean_dist = op(
    "_euclidean_dist(Tensor x1, Tensor x2) -> Tensor",
    _euclidean_kernel,
    node="EuclideanDistBackward0",
    out=False,
    upcast=True,
)


def _euclidean_vjp(grad: Any, x1: Any, x2: Any, result: Any) -> Any:
    """(P, R) gradient to that of x1."""
    ratio = (grad / result).masked_fill_(result == 0, 0)
    return x1 * ratio.sum(-1, keepdim=True) - ratio.matmul(x2)


euclidean_dist.vjp(
    x1=lambda grad, x1, x2, result: _euclidean_vjp(grad, x1, x2, result),
    x2=lambda grad, x1, x2, result: _euclidean_vjp(grad.transpose(-2, -1), x2, x1, result.transpose(-2, -1)),
)


@composite(
    "cdist(Tensor x1, Tensor x2, float p=2., int? compute_mode=None) -> Tensor",
    method=False,
    function=False,
    out=False,
)
def cdist_operator(x1: Any, x2: Any, p: float = 2.0, compute_mode: int | None = None) -> Any:
    """(..., P, M) and (..., R, M) to (..., P, R): p-norms of all differences."""
    from tinytorch._kernels.scalar_types import scalar_type_name

    for number, tensor in ((1, x1), (2, x2)):
        if tensor.dim() < 2:
            raise RuntimeError(f"cdist only supports at least 2D tensors, X{number} got: {tensor.dim()}D")
    if x1.shape[-1] != x2.shape[-1]:
        raise RuntimeError(
            f"X1 and X2 must have the same number of columns. X1: {x1.shape[-1]} X2: {x2.shape[-1]}"
        )
    for number, tensor in ((1, x1), (2, x2)):
        if not tensor.dtype.is_floating_point:
            name = scalar_type_name(tensor.dtype._numpy)
            raise RuntimeError(f"cdist only supports floating-point dtypes, X{number} got: {name}")
    if p < 0:
        raise RuntimeError("cdist only supports non-negative p values")
    mode = compute_mode or 0
    if mode not in (0, 1, 2):
        raise RuntimeError(f"possible modes: 0, 1, 2, but was: {mode}")
    batch = broadcast_batch(x1.shape[:-2], x2.shape[:-2])
    rows, columns = x1.shape[-2], x2.shape[-2]
    if p == 2 and x1.shape[-1] and rows and columns and 0 not in batch:
        if mode == 1 or (mode == 0 and (rows > 25 or columns > 25)):
            left = x1.expand([*batch, rows, x1.shape[-1]]).reshape([math.prod(batch), rows, x1.shape[-1]])
            right = x2.expand([*batch, columns, x2.shape[-1]]).reshape(
                [math.prod(batch), columns, x2.shape[-1]]
            )
            if not batch:
                return euclidean_dist(x1, x2).view([rows, columns])
            return euclidean_dist(left, right).view([*batch, rows, columns])
    return cdist_forward(x1, x2, p, compute_mode)


def cdist(x1: Any, x2: Any, p: float = 2.0, compute_mode: str = "use_mm_for_euclid_dist_if_necessary") -> Any:
    """The p-norms of all differences between rows of x1 and rows of x2."""
    modes = ("use_mm_for_euclid_dist_if_necessary", "use_mm_for_euclid_dist", "donot_use_mm_for_euclid_dist")
    if compute_mode not in modes:
        raise ValueError(f"{compute_mode} is not a valid value for compute_mode")
    number = modes.index(compute_mode)
    for position, (name, tensor) in enumerate((("x1", x1), ("x2", x2)), 1):
        if not isinstance(tensor, Tensor):
            wrong_type("cdist", name, position, "Tensor", tensor)
    if not isinstance(p, int | float):
        wrong_type("cdist", "p", 3, "float", p)
    return cdist_operator(x1, x2, float(p), None if number == 0 else number)


FUNCTIONS = {"cdist": cdist}


pdist_forward = op(
    "_pdist_forward(Tensor self, float p=2.) -> Tensor",
    lambda self, p: (
        np.ascontiguousarray(kernels.cdist_forward(self, self, p)[np.triu_indices(self.shape[0], 1)])
        if self.shape[0] > 1
        else np.zeros(0, self.dtype)
    ),
    node="PdistBackward0",
    element_types=instances("pdist", "float", when=lambda self, p: self.shape[0] > 1 and self.shape[1] > 0),
    out=False,
    method=False,
    forward=False,
)


def _pdist_backward(grad: np.ndarray, self: np.ndarray, p: float, pdist: np.ndarray) -> np.ndarray:
    """The gradient of pdist: spread over both halves of the square matrix."""
    count = self.shape[0]
    upper = np.triu_indices(count, 1)
    square, distance = np.zeros((count, count), self.dtype), np.zeros((count, count), self.dtype)
    square[upper], distance[upper] = grad, pdist
    return kernels.cdist_backward(square + square.T, self, self, p, distance + distance.T)


pdist_backward = op(
    "_pdist_backward(Tensor grad, Tensor self, float p, Tensor pdist) -> Tensor",
    _pdist_backward,
    out=False,
    method=False,
    forward=False,
)
pdist_backward.vjp_all(never("_pdist_backward"))
pdist_forward.vjp(self=lambda grad, self, p, result: pdist_backward(grad, self, p, result))


@composite("pdist(Tensor self, float p=2.) -> Tensor", method=False, out=False)
def pdist(self: Any, p: float = 2.0) -> Any:
    """The distances of every pair of rows."""
    if self.dim() != 2:
        raise RuntimeError(f"pdist only supports 2D tensors, got: {self.dim()}D")
    if not self.dtype.is_floating_point:
        raise RuntimeError("pdist only supports floating-point dtypes")
    if p < 0:
        raise RuntimeError("pdist only supports non-negative p values")
    return pdist_forward(self.contiguous(), p)
