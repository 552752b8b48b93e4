"""Vector norms and what torch derives from them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tinytorch._core import dtypes
from tinytorch._core.declare import composite, op, reduction
from tinytorch._core.outputs import deliver
from tinytorch._core.promotion import SCALAR_TYPE_NAMES, result_type_of
from tinytorch._core.signature import wrong_type
from tinytorch._core.tensor import Tensor
from tinytorch._kernels import reducing as kernels
from tinytorch._operators import _checks
from tinytorch._operators.adjoint import conj
from tinytorch._operators.reducing import Dims, logsumexp_shift, restored, wrapped


def norm_vjp(grad: Any, self: Any, p: float, norm: Any, dim: Dims, keepdim: bool) -> Any:
    """The cotangent of a p-norm; zero where the norm is."""
    rank = self.dim()
    norm, grad = restored(norm, dim, keepdim, rank), restored(grad, dim, keepdim, rank)
    if p == 0:
        return None
    if p == 1:
        return self.sgn() * grad
    if p == 2:
        return grad * (self / norm).masked_fill(norm == 0, 0)
    if math.isinf(p):
        size = self.abs()
        attains = (size == norm).logical_or(size.isnan().logical_and(norm.isnan()))
        count = attains.sum(wrapped(dim, rank), True) if rank else attains
        return self.sgn() * ((grad / count) * attains)
    if p < 1:
        powers = self.sgn() * self.abs().pow(p - 1).masked_fill(self == 0, 0)
        return powers * grad * norm.pow(1 - p)
    if p < 2:
        return self.sgn() * self.abs().pow(p - 1) * (grad / norm.pow(p - 1)).masked_fill(norm == 0, 0)
    return self * self.abs().pow(p - 2) * (grad / norm.pow(p - 1)).masked_fill(norm == 0, 0)


linalg_vector_norm = reduction(
    "linalg_vector_norm(Tensor self, Scalar ord=2, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) "
    "-> Tensor",
    kernels.vector_norm,
    module="linalg",
    upcast=False,
)
linalg_vector_norm.vjp(
    self=lambda grad, self, ord, dim, keepdim, result: norm_vjp(grad, self, ord, result, dim, keepdim)
)


def _norm_dim(self: np.ndarray, p: float | None, dim: Any, keepdim: bool) -> np.ndarray:
    return kernels.vector_norm(self, 2 if p is None else p, dim, keepdim)


norm_scalar = reduction(
    "norm.Scalar(Tensor self, Scalar p=2) -> Tensor",
    lambda self, p: kernels.vector_norm(self, p),
    node="NormBackward0",
    function=False,
    method=False,
)
norm_scalar.vjp(self=lambda grad, self, p, result: norm_vjp(grad, self, p, result, None, False))
norm_dim = reduction(
    "norm.ScalarOpt_dim(Tensor self, Scalar? p, int[1] dim, bool keepdim=False) -> Tensor",
    _norm_dim,
    node="NormBackward1",
    function=False,
    method=False,
)
norm_dim.vjp(
    self=lambda grad, self, p, dim, keepdim, result: norm_vjp(
        grad, self, 2 if p is None else p, result, dim, keepdim
    )
)


@op("dist(Tensor self, Tensor other, Scalar p=2) -> Tensor", upcast=True, rounds_to="common", out=False)
def dist(self: np.ndarray, other: np.ndarray, p: float) -> np.ndarray:
    """The p-norm of the difference."""
    refuse_complex_order(p)
    if self.dtype != other.dtype or self.dtype.kind in "biu":
        standings: list[Any] = [
            (dtypes.from_numpy(array.dtype), "dim" if array.ndim else "zero_dim") for array in (self, other)
        ]
        if dtypes.bool_ in (standings[0][0], standings[1][0]):
            _checks.refuse_bool_difference(standings[0][0] is standings[1][0])
        common = result_type_of(standings)
        if common._category == "int":
            raise RuntimeError(
                f"norm(): input dtype should be either floating point or complex. Got {SCALAR_TYPE_NAMES[common]} instead."
            )
        self, other = self.astype(common._numpy), other.astype(common._numpy)
    return kernels.vector_norm(np.subtract(self, other, out=...), p)


dist.vjp(
    self=lambda grad, self, other, p, result: norm_vjp(grad, self - other, p, result, None, False),
    other=lambda grad, self, other, p, result: _negative(
        norm_vjp(grad, self - other, p, result, None, False)
    ),
)


def _negative(tensor: Any) -> Any:
    return None if tensor is None else -tensor


renorm = op(
    "renorm(Tensor self, Scalar p, int dim, Scalar maxnorm) -> Tensor",
    kernels.renorm,
    memory="rows",
    wrap=("dim",),
    inplace=True,
)


def _renorm_vjp(grad: Any, self: Any, p: float, dim: int, maxnorm: float) -> Any:
    axes = [d for d in range(self.dim()) if d != dim % self.dim()]
    norm = linalg_vector_norm(self, p, axes, True)
    inner = (conj(self) * grad).sum(axes, True)
    if inner.dtype.is_complex:
        inner = inner.real
    through = norm_vjp(inner, self, p, norm, axes, True)
    inverse = (norm + 1e-7).reciprocal()
    scaled = maxnorm * inverse * (grad if through is None else grad - inverse * through)
    return scaled.where(norm > maxnorm, grad)


renorm.vjp(self=lambda grad, self, p, dim, maxnorm: _renorm_vjp(grad, self, p, dim, maxnorm))


def _logsumexp(self: np.ndarray, dim: Any, keepdim: bool) -> np.ndarray:
    from tinytorch._core.dtypes import defaults

    values = self.astype(defaults.dtype._numpy) if self.dtype.kind in "biu" else self
    return kernels.logsumexp(values, dim, keepdim)


logsumexp = reduction("logsumexp(Tensor self, int[1] dim, bool keepdim=False) -> Tensor", _logsumexp)
logsumexp.vjp(self=lambda grad, self, result, dim, keepdim: logsumexp_shift(grad, self, result, dim, keepdim))


@composite("special_logsumexp(Tensor self, int[1] dim, bool keepdim=False) -> Tensor", module="special")
def special_logsumexp(self: Any, dim: Sequence[int], keepdim: bool = False) -> Any:
    """Another name of logsumexp."""
    return logsumexp(self, dim, keepdim)


# torch.norm ----------------------------------------------------------------------------------------------------------


def refuse_complex_order(order: Any) -> None:
    if isinstance(order, complex):
        raise RuntimeError("linalg.vector_norm: Expected a non-complex scalar as the order of norm.")


def norm(
    input: Any, p: Any = "fro", dim: Any = None, keepdim: bool = False, out: Any = None, dtype: Any = None
) -> Any:
    """Vector norms over dim (all of them by default), or the Frobenius and nuclear norms of matrices."""
    if out is not None and not isinstance(out, Tensor):
        wrong_type("linalg_vector_norm", "out", -1, "Tensor", out)
    input.layout  # noqa: B018  (torch asks what is no tensor for its layout)
    axes = [dim] if isinstance(dim, int) else None if dim is None else list(dim)
    if p == "nuc" or (isinstance(p, str) and p != "fro"):
        from tinytorch._core.front import function_of

        matrix_norm = function_of("matrix_norm", "linalg")
        if matrix_norm is None:
            raise NotImplementedError(f"torch.norm with p={p!r}: linalg.matrix_norm is not implemented")
        result = matrix_norm(
            input, p, list(range(input.dim())) if axes is None else axes, keepdim, dtype=dtype
        )
    else:
        order = 2.0 if p in ("fro", None) else p
        refuse_complex_order(order)
        if not isinstance(order, int | float):
            wrong_type("linalg_vector_norm", "ord", 2, "Number", order)
        result = linalg_vector_norm(input, order, axes, keepdim, dtype)
    return result if out is None else deliver(linalg_vector_norm, result, out)


def norm_method(self: Any, p: Any = "fro", dim: Any = None, keepdim: bool = False, dtype: Any = None) -> Any:
    """torch.norm of this tensor."""
    return norm(self, p, dim, keepdim, dtype=dtype)


FUNCTIONS = {"norm": norm}
METHODS = {"norm": norm_method}
