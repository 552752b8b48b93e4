"""Cholesky, QR, singular values, eigenvalues, pseudo-inverses, reflections, and their derivatives.

Sources of the derivatives: M. Giles (2008); S. Walter and L. Lehmann, "Algorithmic differentiation of linear algebra functions" (2010);
J. Townsend, "Differentiating the singular value decomposition" (2016).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinytorch._core.declare import composite, find, op
from tinytorch._core.modes import modes
from tinytorch._kernels import linalg as kernels
from tinytorch._kernels import linalg_more as more
from tinytorch._operators import _linalg_checks as checks
from tinytorch._operators.linalg_solve import _cat, mH, solve_triangular


def _recording(tensor: Any) -> bool:
    return bool(modes.grad and tensor.requires_grad)


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
    checks.square(self, "cholesky")
    if not self.size:
        return np.empty_like(self)
    L, info = kernels.cholesky_ex(self, upper)
    checks.check_info(info, "cholesky", "cholesky")
    return L


cholesky = op("cholesky(Tensor self, bool upper=False) -> Tensor", _cholesky)
cholesky.vjp(self=lambda grad, result, upper: cholesky_cotangent(grad, result, upper))


def _cholesky_solve(self: np.ndarray, input2: np.ndarray, upper: bool) -> np.ndarray:
    if self.ndim < 2 or input2.ndim < 2:
        which, tensor = ("b", self) if self.ndim < 2 else ("u", input2)
        raise RuntimeError(f"{which} should have at least 2 dimensions, but has {tensor.ndim} dimensions instead")
    checks.square(input2, "cholesky_solve")
    checks.solvable(input2, self, True, "cholesky_solve")
    checks.same_dtype(self, input2, "cholesky_solve")
    return kernels.cholesky_solve(self, input2, upper)


cholesky_solve = op("cholesky_solve(Tensor self, Tensor input2, bool upper=False) -> Tensor", _cholesky_solve)


def _cholesky_solve_vjp(grad: Any, input2: Any, result: Any, upper: bool, needs: Any) -> Any:
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
    return kernels.qr(A, mode)


linalg_qr = op('linalg_qr(Tensor A, str mode="reduced") -> (Tensor Q, Tensor R)', _qr, module="linalg")


def _qr_vjp(grad_Q: Any, grad_R: Any, Q: Any, R: Any, mode: str) -> Any:
    """(gQ + Q herm(triu(gR R^H - Q^H gQ))) R^-H; columns beyond the square part are eliminated first."""
    if mode == "r":
        raise RuntimeError(
            "The derivative of linalg.qr depends on Q, which is not computed when mode='r'. Please use linalg.qr(A, mode='reduced') if you "
            "are going to differentiate through linalg.qr."
        )
    rows, columns = Q.shape[-2], R.shape[-1]
    if mode == "complete" and rows > columns:
        raise RuntimeError("The QR decomposition is not differentiable when mode='complete' and nrows > ncols.")
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
    lambda self, some=True: linalg_qr(self, "reduced" if some else "complete"),
)


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
        raise RuntimeError("torch.linalg.householder_product: input.shape[-2] must be greater than or equal to input.shape[-1]")
    if input.shape[-1] < tau.shape[-1]:
        raise RuntimeError("torch.linalg.householder_product: input.shape[-1] must be greater than or equal to tau.shape[-1]")
    if input.ndim - tau.ndim != 1:
        raise RuntimeError(
            "torch.linalg.householder_product: Expected tau to have one dimension less than input, but got tau.ndim equal to "
            f"{tau.ndim} and input.ndim is equal to {input.ndim}"
        )
    return kernels.householder_product(input, tau)


householder_product = op(
    "linalg_householder_product(Tensor input, Tensor tau) -> Tensor", _householder_product, module="linalg"
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


def _householder_vjp(grad: Any, input: Any, tau: Any) -> Any:
    identity = find("eye", "m")(input.shape[-2], input.shape[-1], dtype=input.dtype).expand(input.shape)
    found = reflections_cotangent(grad, input, tau, identity, False)
    return {"input": found["input"], "tau": found["tau"]}


householder_product.vjp_all(_householder_vjp)
composite("orgqr(Tensor self, Tensor input2) -> Tensor", lambda self, input2: householder_product(self, input2))


def _ormqr(self: np.ndarray, tau: np.ndarray, other: np.ndarray, left: bool, transpose: bool) -> np.ndarray:
    if self.ndim < 2:
        raise RuntimeError("torch.ormqr: input must have at least 2 dimensions.")
    if other.ndim < 2:
        raise RuntimeError("torch.ormqr: other must have at least 2 dimensions.")
    side = other.shape[-2 if left else -1]
    if side < tau.shape[-1]:
        raise RuntimeError(f"torch.ormqr: other.shape[{-2 if left else -1}] must be greater than or equal to tau.shape[-1]")
    if side != self.shape[-2]:
        raise RuntimeError(f"torch.ormqr: other.shape[{-2 if left else -1}] must be equal to input.shape[-2]")
    return kernels.ormqr(self, tau, other, left, transpose)


ormqr = op(
    "ormqr(Tensor self, Tensor input2, Tensor input3, bool left=True, bool transpose=False) -> Tensor", _ormqr
)


def _ormqr_vjp(grad: Any, self: Any, input2: Any, input3: Any, left: bool, transpose: bool) -> Any:
    if left:
        found = reflections_cotangent(grad, self, input2, input3, transpose)
        return {"self": found["input"], "input2": found["tau"], "input3": found["other"]}
    found = reflections_cotangent(mH(grad), self, input2, mH(input3), not transpose)
    return {"self": found["input"], "input2": found["tau"], "input3": mH(found["other"])}


ormqr.vjp_all(_ormqr_vjp)


# Singular values -------------------------------------------------------------------------------------------------------


def _svd(A: np.ndarray, full_matrices: bool, compute_uv: bool, driver: str | None) -> kernels.Arrays:
    checks.matrix(A, "linalg.svd")
    if driver is not None:
        raise RuntimeError("torch.linalg.svd: keyword argument `driver=` is only supported on CUDA inputs with cuSOLVER backend.")
    return kernels.svd(A, full_matrices, compute_uv)


svd_operator = op(
    "_linalg_svd(Tensor A, bool full_matrices=False, bool compute_uv=True, *, str? driver=None) -> (Tensor U, Tensor S, Tensor Vh)",
    _svd,
    node="LinalgSvdBackward0",
    undefined_grads=True,
    method=False,
)


def _skew(matrices: Any) -> Any:
    return matrices - mH(matrices)


def _svd_vjp(grad_U: Any, grad_S: Any, grad_Vh: Any, U: Any, S: Any, Vh: Any) -> Any:
    if grad_U is None and grad_S is None and grad_Vh is None:
        return None
    size = S.shape[-1]
    U, Vh = U[..., :size], Vh[..., :size, :]
    if grad_U is None and grad_Vh is None:
        return (U * grad_S.unsqueeze(-2)).matmul(Vh)
    rows, columns = U.shape[-2], Vh.shape[-1]
    grad_U = None if grad_U is None else grad_U[..., :size]
    grad_Vh = None if grad_Vh is None else grad_Vh[..., :size, :]
    turn_V = None if grad_Vh is None else _skew(Vh.matmul(mH(grad_Vh)))
    turn_U = None if grad_U is None else _skew(mH(U).matmul(grad_U))
    if U.dtype.is_complex:
        _check_phase(turn_U, turn_V)
    squares = S * S
    gaps = squares.unsqueeze(-2) - squares.unsqueeze(-1)
    gaps = gaps + S.new_ones(S.shape).diag_embed()
    core = None
    if turn_U is not None:
        core = (turn_U / gaps) * S.unsqueeze(-2)
        if U.dtype.is_complex:
            core = core + (turn_U.diagonal(0, -2, -1) / (2 * S)).diag_embed()
    if turn_V is not None:
        other = S.unsqueeze(-1) * (turn_V / gaps)
        core = other if core is None else core + other
    if grad_S is not None:
        core = core + grad_S.diag_embed()
    inside = U.matmul(core)
    if grad_U is not None and rows > size:
        scaled = grad_U / S.unsqueeze(-2)
        inside = inside + scaled - U.matmul(mH(U).matmul(scaled))
    result = inside.matmul(Vh)
    if grad_Vh is not None and columns > size:
        scaled = grad_Vh / S.unsqueeze(-1)
        result = result + U.matmul(scaled - scaled.matmul(mH(Vh)).matmul(Vh))
    return result


def _check_phase(turn_U: Any, turn_V: Any) -> None:
    """A complex loss must not see the phase that singular vectors are only determined up to."""
    total = sum(turn.diagonal(0, -2, -1).imag for turn in (turn_U, turn_V) if turn is not None)
    if not np.allclose(total._array, 0, rtol=1e-2, atol=1e-2):
        raise RuntimeError(
            "svd_backward: The singular vectors in the complex case are specified up to multiplication by e^{i phi}. The specified loss "
            "function depends on this phase term, making it ill-defined."
        )


svd_operator.vjp(A=lambda grad_U, grad_S, grad_Vh, U, S, Vh: _svd_vjp(grad_U, grad_S, grad_Vh, U, S, Vh))


@composite(
    "linalg_svd(Tensor A, bool full_matrices=True, *, str? driver=None) -> (Tensor U, Tensor S, Tensor Vh)", module="linalg"
)
def linalg_svd(A: Any, full_matrices: bool = True, driver: str | None = None) -> Any:
    """A = U diag(S) Vh."""
    return svd_operator(A, full_matrices, True, driver)


@composite("linalg_svdvals(Tensor A, *, str? driver=None) -> Tensor", module="linalg")
def linalg_svdvals(A: Any, driver: str | None = None) -> Any:
    """The singular values, largest first."""
    return svd_operator(A, False, _recording(A) or (A._key.special is not None and A._key.special != "strided"), driver)[1]


@composite("svd(Tensor self, bool some=True, bool compute_uv=True) -> (Tensor U, Tensor S, Tensor V)")
def svd(self: Any, some: bool = True, compute_uv: bool = True) -> Any:
    """A = U diag(S) V^H, with V instead of its adjoint. Deprecated in torch for linalg.svd."""
    if self.dim() < 2:
        raise RuntimeError("linalg.svd: input should have at least 2 dimensions, but has " f"{self.dim()} dimensions instead")
    if not compute_uv:
        S = linalg_svdvals.kernel(self)
        rows, columns = self.shape[-2:]
        return self.new_zeros((*self.shape[:-2], rows, rows)), S, self.new_zeros((*self.shape[:-2], columns, columns)).mT.contiguous().mT
    U, S, Vh = svd_operator(self, not some, True, None)
    return U, S, mH(Vh)


# Eigenvalues -----------------------------------------------------------------------------------------------------------


def _eig(self: np.ndarray) -> kernels.Arrays:
    checks.square(self, "linalg.eig")
    return kernels.eig(self)


linalg_eig = op(
    "linalg_eig(Tensor self) -> (Tensor eigenvalues, Tensor eigenvectors)", _eig, module="linalg", undefined_grads=True
)
_PHASE = (
    "The eigenvectors in the complex case are specified up to multiplication by e^{i phi}. The specified loss function depends on this "
    "quantity, so it is ill-defined."
)


def _gaps(values: Any) -> Any:
    """L_j - L_i, with ones on the diagonal."""
    return values.unsqueeze(-2) - values.unsqueeze(-1) + values.new_ones(values.shape).diag_embed()


def _check_eigenvectors(inner: Any, name: str) -> None:
    if inner.dtype.is_complex and not np.allclose(inner.diagonal(0, -2, -1).imag._array, 0, rtol=1e-2, atol=1e-2):
        raise RuntimeError(f"{name}: {_PHASE}")


def _eig_vjp(grad_values: Any, grad_vectors: Any, values: Any, V: Any, real: bool) -> Any:
    """V^-H (diag(gL) + (V^H gV - V^H V Re diag(V^H gV)) / conj(gaps)) V^H."""
    if grad_values is None and grad_vectors is None:
        return None
    adjoint = mH(V)
    if grad_vectors is None:
        core = grad_values.unsqueeze(-1) * adjoint
    else:
        inner = adjoint.matmul(grad_vectors)
        _check_eigenvectors(inner, "linalg_eig_backward")
        length = inner.diagonal(0, -2, -1).real.unsqueeze(-2)
        middle = (inner - adjoint.matmul(V * length)) / _gaps(values).conj()
        middle = middle - middle.diagonal(0, -2, -1).diag_embed()
        if grad_values is not None:
            middle = middle + grad_values.diag_embed()
        core = middle.matmul(adjoint)
    result = find("linalg_solve").kernel(adjoint, core)
    return result.real if real else result


linalg_eig.vjp(
    self=lambda grad_eigenvalues, grad_eigenvectors, eigenvalues, eigenvectors, self_dtype: _eig_vjp(
        grad_eigenvalues, grad_eigenvectors, eigenvalues, eigenvectors, not self_dtype.is_complex
    )
)
eigvals_operator = op("_linalg_eigvals(Tensor self) -> Tensor", lambda self: kernels.eigvals(self), method=False, out=False)


@composite("linalg_eigvals(Tensor self) -> Tensor", module="linalg")
def linalg_eigvals(self: Any) -> Any:
    """The eigenvalues, complex."""
    checks.square(self, "linalg.eigvals")
    if _recording(self) or self._key.special not in (None, "strided"):
        return linalg_eig(self)[0]
    return eigvals_operator(self)


def _eigh(A: np.ndarray, UPLO: str, compute_v: bool) -> kernels.Arrays:
    checks.square(A, "linalg.eigh")
    if UPLO.upper() not in ("L", "U") or len(UPLO) != 1:
        raise RuntimeError(f"Expected UPLO argument to be 'L' or 'U', but got {UPLO}")
    return kernels.eigh(A, UPLO, compute_v)


eigh_operator = op(
    '_linalg_eigh(Tensor A, str UPLO="L", bool compute_v=True) -> (Tensor eigenvalues, Tensor eigenvectors)',
    _eigh,
    node="LinalgEighBackward0",
    undefined_grads=True,
    method=False,
)


def _eigh_vjp(grad_values: Any, grad_vectors: Any, values: Any, V: Any) -> Any:
    """V (diag(gL) + skew(V^H gV) / gaps) V^H."""
    if grad_values is None and grad_vectors is None:
        return None
    adjoint = mH(V)
    if grad_vectors is None:
        return (grad_values.unsqueeze(-2) * V).matmul(adjoint)
    inner = adjoint.matmul(grad_vectors)
    _check_eigenvectors(inner, "linalg_eigh_backward")
    middle = _skew(inner) * 0.5 / _gaps(values)
    if inner.dtype.is_complex:
        middle = middle - middle.diagonal(0, -2, -1).diag_embed()
    if grad_values is not None:
        middle = middle + grad_values.diag_embed()
    return V.matmul(middle.matmul(adjoint))


eigh_operator.vjp(
    A=lambda grad_eigenvalues, grad_eigenvectors, eigenvalues, eigenvectors: _eigh_vjp(
        grad_eigenvalues, grad_eigenvectors, eigenvalues, eigenvectors
    )
)


@composite('linalg_eigh(Tensor self, str UPLO="L") -> (Tensor eigenvalues, Tensor eigenvectors)', module="linalg")
def linalg_eigh(self: Any, UPLO: str = "L") -> Any:
    """Eigenvalues, ascending, and eigenvectors of hermitian matrices."""
    return eigh_operator(self, UPLO, True)


@composite('linalg_eigvalsh(Tensor self, str UPLO="L") -> Tensor', module="linalg")
def linalg_eigvalsh(self: Any, UPLO: str = "L") -> Any:
    """The eigenvalues of hermitian matrices, ascending."""
    return eigh_operator(self, UPLO, _recording(self) or self._key.special not in (None, "strided"))[0]


# Least squares, indefinite factorization -------------------------------------------------------------------------------


def _lstsq(self: np.ndarray, b: np.ndarray, rcond: float | None, driver: str | None) -> kernels.Arrays:
    if self.ndim < 2:
        raise RuntimeError("torch.linalg.lstsq: input must have at least 2 dimensions.")
    if b.ndim < 1:
        raise RuntimeError("torch.linalg.lstsq: other must have at least 1 dimension.")
    if self.dtype != b.dtype:
        raise RuntimeError(
            f"torch.linalg.lstsq: Expected input and other to have the same dtype, but got input's dtype "
            f"{checks.dtype_name(self)} and other's dtype {checks.dtype_name(b)}"
        )
    if driver not in (None, "gels", "gelsy", "gelsd", "gelss"):
        raise RuntimeError("torch.linalg.lstsq: parameter `driver` should be one of (gels, gelsy, gelsd, gelss)")
    kernels.require_lapack("linalg_lstsq_cpu", self)
    vector = self.ndim - 1 == b.ndim and self.shape[:-1] == b.shape
    right = b[..., None] if vector else b
    if self.shape[-2] != right.shape[-2]:
        raise RuntimeError(f"torch.linalg.lstsq: input.size(-2) should match other.size({-1 if vector else -2})")
    batch = np.broadcast_shapes(self.shape[:-2], right.shape[:-2])
    A = np.broadcast_to(self, (*batch, *self.shape[-2:]))
    B = np.broadcast_to(right, (*batch, *right.shape[-2:]))
    limit = float(np.finfo(self.dtype).eps) * max(self.shape[-2:]) if rcond is None else rcond
    solution, residuals, rank, values = more.lstsq(A, B, limit, driver or "gelsy")
    if vector:
        solution, residuals = solution[..., 0], residuals[..., 0] if residuals.ndim > 1 else residuals
    return solution, residuals, rank, values


lstsq = op(
    "linalg_lstsq(Tensor self, Tensor b, float? rcond=None, *, str? driver=None) "
    "-> (Tensor solution, Tensor residuals, Tensor rank, Tensor singular_values)",
    _lstsq,
    module="linalg",
    undefined_grads=True,
    nondifferentiable_outputs=("singular_values",),
)


def _lstsq_vjp(grad_solution: Any, grad_residuals: Any, self: Any, b: Any, solution: Any, needs: Any) -> Any:
    vector = self.dim() - 1 == b.dim() and tuple(self.shape[:-1]) == tuple(b.shape)
    X, B = (solution.unsqueeze(-1), b.unsqueeze(-1)) if vector else (solution, b)
    grad_A = grad_B = None
    if grad_solution is not None:
        grad = grad_solution.unsqueeze(-1) if vector else grad_solution
        inverse = find("linalg_pinv", "atol_rtol_tensor").call(self, None, None, False)
        if "self" in needs:
            grad_A = pinv_cotangent(grad.matmul(mH(B)), inverse, self)
        if "b" in needs:
            grad_B = mH(inverse).matmul(grad)
    if grad_residuals is not None and grad_residuals.numel():
        grad = grad_residuals.unsqueeze(-1) if vector else grad_residuals
        scaled = 2 * (self.matmul(X) - B) * grad.unsqueeze(-2)
        outer = scaled.matmul(mH(X))
        grad_A = outer if grad_A is None else grad_A + outer
        grad_B = -scaled if grad_B is None else grad_B - scaled
    if vector and grad_B is not None:
        grad_B = grad_B.squeeze(-1)
    return {"self": grad_A, "b": grad_B}


lstsq.vjp_all(_lstsq_vjp)


def pinv_cotangent(grad: Any, P: Any, A: Any) -> Any:
    """The cotangent of A from that of its pseudo-inverse P (Golub and Pereyra, 1973)."""
    adjoint, turned = mH(P), mH(grad)
    first = adjoint.matmul(grad).matmul(adjoint)
    outer = turned.matmul(P.matmul(adjoint))
    inner = adjoint.matmul(P).matmul(turned)
    return outer - A.matmul(P.matmul(outer)) + inner - inner.matmul(P).matmul(A) - first


def _ldl_factor_ex(self: np.ndarray, hermitian: bool, check_errors: bool) -> kernels.Arrays:
    checks.square(self, "torch.linalg.ldl_factor_ex")
    checks.inexact(self, "torch.linalg.ldl_factor_ex")
    result = more.ldl_factor(self, hermitian)
    if check_errors:
        checks.check_info(result[2], "torch.linalg.ldl_factor_ex", "ldl")
    return result


ldl_factor_ex = op(
    "linalg_ldl_factor_ex(Tensor self, *, bool hermitian=False, bool check_errors=False) -> (Tensor LD, Tensor pivots, Tensor info)",
    _ldl_factor_ex,
    module="linalg",
    nondifferentiable=True,
)


@composite("linalg_ldl_factor(Tensor self, *, bool hermitian=False) -> (Tensor LD, Tensor pivots)", module="linalg")
def linalg_ldl_factor(self: Any, hermitian: bool = False) -> Any:
    """The compact LDL factorization. Raises RuntimeError for singular D."""
    LD, pivots, info = ldl_factor_ex(self, hermitian, False)
    checks.check_info(info, "torch.linalg.ldl_factor", "ldl")
    return LD, pivots


def _ldl_solve(LD: np.ndarray, pivots: np.ndarray, B: np.ndarray, hermitian: bool) -> np.ndarray:
    checks.square(LD, "torch.linalg.ldl_solve", "LD")
    checks.same_dtype(LD, B, "torch.linalg.ldl_solve", ("LD", "B"))
    checks.solvable(LD, B, True, "torch.linalg.ldl_solve")
    return more.ldl_solve(LD, pivots, B, hermitian)


op(
    "linalg_ldl_solve(Tensor LD, Tensor pivots, Tensor B, *, bool hermitian=False) -> Tensor",
    _ldl_solve,
    module="linalg",
    nondifferentiable=True,
)
