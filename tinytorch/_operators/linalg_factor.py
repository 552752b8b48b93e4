"""Cholesky, QR and products of reflections, and their derivatives.

Sources of the derivatives: M. Giles (2008); S. Walter and L. Lehmann, "Algorithmic differentiation of linear algebra functions" (2010);
J. Townsend, "Differentiating the singular value decomposition" (2016).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinytorch._core.declare import composite, find, op
from tinytorch._core.element_types import alike
from tinytorch._core.warning import warn_once
from tinytorch._kernels import linalg as kernels
from tinytorch._operators import _linalg_checks as checks
from tinytorch._operators.linalg_solve import _cat, mH, solve_triangular

# Cholesky --------------------------------------------------------------------------------------------------------------


def _cholesky_ex(self: np.ndarray, upper: bool, check_errors: bool) -> kernels.Arrays:
    checks.square(self, "linalg.cholesky")
    checks.inexact(self, "linalg.cholesky")
    L, info = kernels.cholesky_ex(self, upper)
    if check_errors:
        checks.check_info(info, "torch.linalg.cholesky_ex", "cholesky")
    return L, info


linalg_cholesky_ex = op(
    "linalg_cholesky_ex(Tensor self, *, bool upper=False, bool check_errors=False) -> (Tensor L, Tensor info)",
    _cholesky_ex,
    module="linalg",
)


def cholesky_cotangent(grad: Any, L: Any, upper: bool) -> Any:
    """The hermitian cotangent of A = L L^H: L^-H sym(tril(L^H gL)) L^-1."""
    if upper:
        L, grad = mH(L), mH(grad)
    product = mH(L).matmul(grad).tril()
    middle = (product + mH(product.tril(-1))) * 0.5
    below = solve_triangular(L, middle, False, False, False)
    return solve_triangular(mH(L), below, True, True, False)


linalg_cholesky_ex.vjp(self=lambda grad_L, L, upper: cholesky_cotangent(grad_L, L, upper))


@composite("linalg_cholesky(Tensor self, *, bool upper=False) -> Tensor", module="linalg")
def linalg_cholesky(self: Any, upper: bool = False) -> Any:
    """The lower (or upper) triangular factor of a positive definite matrix. Raises LinAlgError for others."""
    L, info = linalg_cholesky_ex(self, upper, False)
    checks.check_info(info, "linalg.cholesky", "cholesky")
    return L


def _cholesky(self: np.ndarray, upper: bool) -> np.ndarray:
    _advise_against_cholesky()
    if not self.size:
        return np.empty_like(self)
    checks.square(self, "cholesky")
    L, info = kernels.cholesky_ex(self, upper)
    checks.check_info(info, "cholesky", "cholesky")
    return L


def _advise_against_cholesky(*arguments: Any) -> None:
    warn_once(
        "torch.cholesky is deprecated in favor of torch.linalg.cholesky and will be removed in a future PyTorch release.\n"
        "L = torch.cholesky(A)\nshould be replaced with\nL = torch.linalg.cholesky(A)\nand\nU = torch.cholesky(A, upper=True)\n"
        "should be replaced with\nU = torch.linalg.cholesky(A).mH\nThis transform will produce equivalent results for all valid "
        "(symmetric positive definite) inputs."
    )


cholesky = op(
    "cholesky(Tensor self, bool upper=False) -> Tensor", _cholesky, out_check=_advise_against_cholesky
)
cholesky.vjp(self=lambda grad, result, upper: cholesky_cotangent(grad, result, upper))


def _cholesky_solve(self: np.ndarray, input2: np.ndarray, upper: bool) -> np.ndarray:
    if self.ndim < 2 or input2.ndim < 2:
        which, tensor = ("b", self) if self.ndim < 2 else ("u", input2)
        raise RuntimeError(
            f"{which} should have at least 2 dimensions, but has {tensor.ndim} dimensions instead"
        )
    checks.square(input2, "cholesky_solve")
    checks.solvable(input2, self, True, "cholesky_solve")
    return kernels.cholesky_solve(self, input2, upper)


cholesky_solve = op(
    "cholesky_solve(Tensor self, Tensor input2, bool upper=False) -> Tensor",
    _cholesky_solve,
    element_types=checks.system_types("self", "input2"),
)


def _cholesky_solve_vjp(grad: Any, self: Any, input2: Any, result: Any, upper: bool, needs: Any) -> Any:
    grad_B = cholesky_solve(grad, input2, upper)
    found = {"self": grad_B}
    if "input2" in needs:
        outer = grad_B.matmul(mH(result))
        both = outer + mH(outer)
        found["input2"] = -input2.matmul(both) if upper else -both.matmul(input2)
    return found


cholesky_solve.vjp_all(_cholesky_solve_vjp)


def _cholesky_inverse(self: np.ndarray, upper: bool) -> np.ndarray:
    checks.square(self, "cholesky_inverse")
    return kernels.cholesky_inverse(self, upper)


cholesky_inverse = op("cholesky_inverse(Tensor self, bool upper=False) -> Tensor", _cholesky_inverse)


def _cholesky_inverse_vjp(grad: Any, self: Any, result: Any, upper: bool) -> Any:
    middle = result.matmul(grad + mH(grad)).matmul(result)
    return -self.matmul(middle) if upper else -middle.matmul(self)


cholesky_inverse.vjp(self=lambda grad, self, result, upper: _cholesky_inverse_vjp(grad, self, result, upper))


# QR --------------------------------------------------------------------------------------------------------------------


def _qr(A: np.ndarray, mode: str) -> kernels.Arrays:
    checks.matrix(A, "linalg.qr")
    checks.inexact(A, "linalg.qr")
    return kernels.qr(A, mode)


linalg_qr = op(
    'linalg_qr(Tensor A, str mode="reduced") -> (Tensor Q, Tensor R)',
    _qr,
    module="linalg",
    element_types=checks.inexact_types("linalg.qr"),
)


def _qr_vjp(grad_Q: Any, grad_R: Any, Q: Any, R: Any, mode: str) -> Any:
    """(gQ + Q herm(triu(gR R^H - Q^H gQ))) R^-H; columns beyond the square part are eliminated first."""
    if mode == "r":
        raise RuntimeError(
            "The derivative of linalg.qr depends on Q, which is not computed when mode='r'. Please use linalg.qr(A, mode='reduced') if you "
            "are going to differentiate through linalg.qr."
        )
    rows, columns = Q.shape[-2], R.shape[-1]
    if mode == "complete" and rows > columns:
        raise RuntimeError(
            "The QR decomposition is not differentiable when mode='complete' and nrows > ncols."
        )
    beyond = None
    triangle = R
    if columns > rows:
        beyond, rest = grad_R[..., rows:], R[..., rows:]
        grad_Q = grad_Q + Q.matmul(rest).matmul(mH(beyond))
        grad_R, triangle = grad_R[..., :rows], R[..., :rows]
    middle = (grad_R.matmul(mH(triangle)) - mH(Q).matmul(grad_Q)).triu()
    strict = middle.triu(1)
    diagonal = middle.diagonal(0, -2, -1)
    diagonal = diagonal.real.to(diagonal.dtype) if diagonal.dtype.is_complex else diagonal
    whole = strict + mH(strict) + diagonal.diag_embed()
    core = solve_triangular(mH(triangle), grad_Q + Q.matmul(whole), False, False, False)
    return core if beyond is None else _cat([core, Q.matmul(beyond)], -1)


linalg_qr.vjp(A=lambda grad_Q, grad_R, Q, R, mode: _qr_vjp(grad_Q, grad_R, Q, R, mode))
composite(
    "qr(Tensor self, bool some=True) -> (Tensor Q, Tensor R)",
    lambda self, some=True: _legacy_qr(self, some),
)


def _legacy_qr(self: Any, some: bool) -> Any:
    warn_once(
        "torch.qr is deprecated in favor of torch.linalg.qr and will be removed in a future PyTorch release.\nThe boolean parameter "
        "'some' has been replaced with a string parameter 'mode'.\nQ, R = torch.qr(A, some)\nshould be replaced with\n"
        "Q, R = torch.linalg.qr(A, 'reduced' if some else 'complete')"
    )
    return linalg_qr(self, "reduced" if some else "complete")


def _geqrf(self: np.ndarray) -> kernels.Arrays:
    if self.ndim < 2:
        raise RuntimeError("torch.geqrf: input must have at least 2 dimensions.")
    return kernels.geqrf(self)


geqrf = op("geqrf(Tensor self) -> (Tensor a, Tensor tau)", _geqrf)


def _no_geqrf(grad: Any) -> Any:
    raise NotImplementedError("the derivative for 'geqrf' is not implemented.")


geqrf.vjp(self=lambda grad: _no_geqrf(grad))


# Reflections -----------------------------------------------------------------------------------------------------------


def _householder_product(input: np.ndarray, tau: np.ndarray) -> np.ndarray:
    if input.ndim < 2:
        raise RuntimeError("torch.linalg.householder_product: input must have at least 2 dimensions.")
    if input.shape[-2] < input.shape[-1]:
        raise RuntimeError(
            "torch.linalg.householder_product: input.shape[-2] must be greater than or equal to input.shape[-1]"
        )
    if not tau.ndim:
        raise IndexError("Dimension specified as -1 but tensor has no dimensions")
    if input.shape[-1] < tau.shape[-1]:
        raise RuntimeError(
            "torch.linalg.householder_product: input.shape[-1] must be greater than or equal to tau.shape[-1]"
        )
    if input.ndim - tau.ndim != 1:
        raise RuntimeError(
            "torch.linalg.householder_product: Expected tau to have one dimension less than input, but got tau.ndim equal to "
            f"{tau.ndim} and input.ndim is equal to {input.ndim}"
        )
    return kernels.householder_product(input, tau)


householder_product = op(
    "linalg_householder_product(Tensor input, Tensor tau) -> Tensor",
    _householder_product,
    module="linalg",
    element_types=alike(
        "input", "tau", "torch.linalg.householder_product: tau dtype {1} does not match input dtype {0}"
    ),
)


def _reflection(vectors: Any, tau: Any, i: int) -> tuple[Any, Any]:
    """(v (*, M, 1), tau (*, 1, 1)) of the i-th reflection: v is 0 above i and 1 at i."""
    rows = vectors.shape[-2]
    lower = vectors[..., i + 1 :, i : i + 1]
    top = lower.new_zeros((*lower.shape[:-2], i, 1))
    one = lower.new_ones((*lower.shape[:-2], 1, 1))
    return _cat([top, one, lower], -2) if i + 1 < rows else _cat([top, one], -2), tau[..., i, None, None]


def reflections_cotangent(grad: Any, vectors: Any, tau: Any, other: Any, transpose: bool) -> dict[str, Any]:
    """Cotangents of the product of reflections applied from the left to `other` (*, M, K)."""
    count = tau.shape[-1]
    order = list(range(count)) if transpose else list(range(count - 1, -1, -1))
    states = [other]
    parts = [_reflection(vectors, tau, i) for i in range(count)]
    scales = [(factor.conj() if transpose and factor.dtype.is_complex else factor) for _, factor in parts]
    for i in order:
        v = parts[i][0]
        states.append(states[-1] - scales[i] * v.matmul(mH(v).matmul(states[-1])))
    grad_tau: list[Any] = [None] * count
    columns: list[Any] = [None] * vectors.shape[-1]
    for position in range(count - 1, -1, -1):
        i = order[position]
        v, scale, state = parts[i][0], scales[i], states[position]
        conjugate = scale.conj() if scale.dtype.is_complex else scale
        through = mH(grad).matmul(v)  # (*, K, 1): G^H v
        along = mH(state).matmul(v)  # (*, K, 1): X^H v
        inner = mH(along).matmul(through)  # (*, 1, 1): v^H X G^H v
        inner_conjugate = inner.conj() if inner.dtype.is_complex else inner
        grad_scale = -inner_conjugate[..., 0, 0]
        grad_tau[i] = grad_scale.conj() if transpose and grad_scale.dtype.is_complex else grad_scale
        grad_v = -(conjugate * grad.matmul(along) + scale * state.matmul(through))
        kept = grad_v[..., i + 1 :, :]
        columns[i] = _cat([kept.new_zeros((*kept.shape[:-2], i + 1, 1)), kept], -2)
        grad = grad - conjugate * v.matmul(mH(v).matmul(grad))
    filler = vectors.new_zeros((*grad.shape[:-2], vectors.shape[-2], 1))
    grad_vectors = _cat([filler if column is None else column for column in columns], -1) if columns else None
    return {"input": grad_vectors, "tau": find("stack").call(grad_tau, -1) if count else None, "other": grad}


def _householder_vjp(grad: Any, input: Any, tau: Any, result: Any) -> Any:
    if not (input.numel() and tau.numel()):
        return {"input": None, "tau": None}
    identity = find("eye", "m")(input.shape[-2], input.shape[-1], dtype=input.dtype).expand(input.shape)
    found = reflections_cotangent(grad, input, tau, identity, False)
    return {"input": found["input"], "tau": found["tau"]}


householder_product.vjp_all(_householder_vjp)
composite(
    "orgqr(Tensor self, Tensor input2) -> Tensor", lambda self, input2: householder_product(self, input2)
)


def _ormqr(self: np.ndarray, tau: np.ndarray, other: np.ndarray, left: bool, transpose: bool) -> np.ndarray:
    if self.ndim < 2:
        raise RuntimeError("torch.ormqr: input must have at least 2 dimensions.")
    if other.ndim < 2:
        raise RuntimeError("torch.ormqr: other must have at least 2 dimensions.")
    if not tau.ndim:
        raise IndexError("Dimension specified as -1 but tensor has no dimensions")
    if self.ndim - tau.ndim != 1:
        raise RuntimeError(
            f"torch.ormqr: Expected tau to have one dimension less than input, but got tau.ndim equal to {tau.ndim} and input.ndim is equal "
            f"to {self.ndim}"
        )
    if other.ndim != self.ndim:
        raise RuntimeError(
            f"torch.ormqr: Expected other to have the same number of dimensions as input, but got other.ndim equal to {other.ndim} and "
            f"input.ndim is equal to {self.ndim}"
        )
    side = other.shape[-2 if left else -1]
    if side != self.shape[-2]:
        raise RuntimeError(f"torch.ormqr: other.shape[{-2 if left else -1}] must be equal to input.shape[-2]")
    if side < tau.shape[-1]:
        raise RuntimeError(
            f"torch.ormqr: other.shape[{-2 if left else -1}] must be greater than or equal to tau.shape[-1]"
        )
    return kernels.ormqr(self, tau, other, left, transpose)


ormqr = op(
    "ormqr(Tensor self, Tensor input2, Tensor input3, bool left=True, bool transpose=False) -> Tensor",
    _ormqr,
    element_types=tuple(
        alike(
            "self",
            other,
            f"torch.ormqr: Expected input and {name} to have the same dtype, but input has dtype{{0}} and {name} has dtype {{1}}",
        )
        for other, name in (("input2", "tau"), ("input3", "other"))
    ),
)


def _ormqr_vjp(
    grad: Any, self: Any, input2: Any, input3: Any, result: Any, left: bool, transpose: bool
) -> Any:
    if not (self.numel() and input2.numel()):
        return {"self": None, "input2": None, "input3": ormqr(self, input2, grad, left, not transpose)}
    if left:
        found = reflections_cotangent(grad, self, input2, input3, transpose)
        along = found["other"]
    else:
        found = reflections_cotangent(mH(grad), self, input2, mH(input3), not transpose)
        along = mH(found["other"])
    return {"self": found["input"], "input2": found["tau"], "input3": along}


ormqr.vjp_all(_ormqr_vjp)
