"""Determinants and their logarithms, with their derivatives near singular matrices as well."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinytorch._core.declare import composite, find, op
from tinytorch._core.modes import modes
from tinytorch._kernels import linalg as kernels
from tinytorch._operators import _linalg_checks as checks
from tinytorch._operators.linalg_solve import _cat, linalg_lu_solve, linalg_solve, mH


def _det(A: np.ndarray) -> kernels.Arrays:
    checks.square(A, "linalg.det")
    checks.inexact(A, "linalg.det")
    return kernels.det(A)


det = op(
    "_linalg_det(Tensor A) -> (Tensor result, Tensor LU, Tensor pivots)",
    _det,
    node="LinalgDetBackward0",
    nondifferentiable_outputs=("LU",),
    method=False,
)


def _det_vjp(grad: Any, A: Any, LU: Any, pivots: Any, result: Any) -> Any:
    """The G with A^H G = conj(det) grad I; near singular matrices by their singular values."""
    if not A.numel():
        return A.detach().new_zeros(A.shape)
    if A.shape[-1] == 1:  # the determinant is the element
        return grad.unsqueeze(-1).unsqueeze(-1)
    scale = grad * (result.conj() if result.dtype.is_complex else result)
    diagonal = scale.unsqueeze(-1).expand(A.shape[:-1]).diag_embed()
    epsilon = float(np.finfo(LU._array.dtype).eps)
    if not modes.grad:
        held = LU.detach()
        pivot = held.diagonal(0, -2, -1)
        nudged = held + (pivot == 0).to(held.dtype).mul(epsilon).diag_embed()
        return linalg_lu_solve(nudged, pivots, diagonal, True, True)
    singular = result.abs() < 100 * epsilon
    if not bool(singular.any()):
        return linalg_solve.kernel(mH(A), diagonal)
    if bool(singular.all()):
        return _singular_det_vjp(grad, A)
    out = A.new_zeros(A.shape)
    out = out.index_put((singular,), _singular_det_vjp(grad[singular], A[singular]))
    regular = singular.logical_not()
    return out.index_put((regular,), linalg_solve.kernel(mH(A[regular]), diagonal[regular]))


def _singular_det_vjp(grad: Any, A: Any) -> Any:
    """det = det(U) prod(S) det(Vh): the cotangent of S's product carried back through the factors."""

    U, S, Vh = find("linalg_svd").kernel(A, True)
    turn = linalg_det.kernel(U) * linalg_det.kernel(Vh)
    alpha = (turn.conj() if turn.dtype.is_complex else turn) * grad
    size = S.shape[-1]
    others = [_cat([S[..., :i], S[..., i + 1 :]], -1).prod(-1) for i in range(size)]
    gamma = find("stack").call(others, -1) * alpha.unsqueeze(-1)
    return (U * gamma.unsqueeze(-2)).matmul(Vh)


det.vjp(A=lambda grad, A, LU, pivots, result: _det_vjp(grad, A, LU, pivots, result))


@composite("linalg_det(Tensor A) -> Tensor", module="linalg")
def linalg_det(A: Any) -> Any:
    """The determinant of each matrix."""
    return det(A)[0]


composite("det(Tensor self) -> Tensor", lambda self: linalg_det.kernel(self), out=False)


def _slogdet(A: np.ndarray) -> kernels.Arrays:
    checks.square(A, "linalg.slogdet")
    checks.inexact(A, "linalg.slogdet", low=False)
    return kernels.slogdet(A)


slogdet = op(
    "_linalg_slogdet(Tensor A) -> (Tensor sign, Tensor logabsdet, Tensor LU, Tensor pivots)",
    _slogdet,
    node="LinalgSlogdetBackward0",
    nondifferentiable_outputs=("LU",),
    method=False,
)


def _slogdet_vjp(grad_sign: Any, grad_logabsdet: Any, A: Any, sign: Any, LU: Any, pivots: Any) -> Any:
    """A^-H times the derivative of log|det|, and for complex matrices of the phase."""
    grad = grad_logabsdet
    if A.dtype.is_complex:
        turn = (grad_sign.conj() * sign).imag
        grad = grad - 1j * turn.to(grad.dtype)
    diagonal = grad.unsqueeze(-1).expand(A.shape[:-1]).diag_embed().to(A.dtype)
    if modes.grad:
        return linalg_solve.kernel(mH(A), diagonal)
    return linalg_lu_solve(LU.detach(), pivots, diagonal, True, True)


slogdet.vjp(
    A=lambda grad_sign, grad_logabsdet, A, sign, LU, pivots: _slogdet_vjp(
        grad_sign, grad_logabsdet, A, sign, LU, pivots
    )
)


@composite("linalg_slogdet(Tensor A) -> (Tensor sign, Tensor logabsdet)", module="linalg")
def linalg_slogdet(A: Any) -> Any:
    """The sign (or phase) of the determinant and the logarithm of its absolute value."""
    sign, logabsdet, _, _ = slogdet(A)
    return sign, logabsdet


composite("slogdet(Tensor self) -> (Tensor sign, Tensor logabsdet)", lambda self: linalg_slogdet.kernel(self))


@composite("logdet(Tensor self) -> Tensor", out=False)
def logdet(self: Any) -> Any:
    """The logarithm of the determinant; nan where a real one is negative."""
    checks.square(self, "logdet")
    checks.inexact(self, "logdet", low=False)
    sign, logabsdet = linalg_slogdet.kernel(self)
    if self.dtype.is_complex:
        return sign.log() + logabsdet

    return find("where", "ScalarSelf").call(sign == -1.0, float("nan"), logabsdet)
