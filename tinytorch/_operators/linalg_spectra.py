"""Singular values, eigenvalues, least squares and indefinite factorizations, and their derivatives.

Sources of the derivatives: M. Giles (2008); J. Townsend, "Differentiating the singular value decomposition" (2016); G. Golub and
V. Pereyra (1973) for the pseudo-inverse.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinytorch._core.declare import composite, find, op
from tinytorch._core.element_types import instances, takes
from tinytorch._core.modes import modes
from tinytorch._kernels import linalg as kernels
from tinytorch._kernels import linalg_more as more
from tinytorch._operators import _linalg_checks as checks
from tinytorch._operators.linalg_solve import mH


def _recording(tensor: Any) -> bool:
    return bool(modes.grad and tensor.requires_grad)


# Singular values -------------------------------------------------------------------------------------------------------


def _svd(A: np.ndarray, full_matrices: bool, compute_uv: bool, driver: str | None) -> kernels.Arrays:
    checks.matrix(A, "linalg.svd")
    checks.inexact(A, "linalg.svd")
    if driver is not None:
        raise RuntimeError(
            "torch.linalg.svd: keyword argument `driver=` is only supported on CUDA inputs with cuSOLVER backend."
        )
    return kernels.svd(A, full_matrices, compute_uv)


svd_operator = op(
    "_linalg_svd(Tensor A, bool full_matrices=False, bool compute_uv=True, *, str? driver=None) -> (Tensor U, Tensor S, Tensor Vh)",
    _svd,
    node="LinalgSvdBackward0",
    element_types=checks.inexact_types("linalg.svd"),
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
    "linalg_svd(Tensor A, bool full_matrices=True, *, str? driver=None) -> (Tensor U, Tensor S, Tensor Vh)",
    module="linalg",
)
def linalg_svd(A: Any, full_matrices: bool = True, driver: str | None = None) -> Any:
    """A = U diag(S) Vh."""
    return svd_operator(A, full_matrices, True, driver)


@composite("linalg_svdvals(Tensor A, *, str? driver=None) -> Tensor", module="linalg")
def linalg_svdvals(A: Any, driver: str | None = None) -> Any:
    """The singular values, largest first."""
    return svd_operator(
        A, False, _recording(A) or (A._key._special is not None and A._key._special != "strided"), driver
    )[1]


@composite("svd(Tensor self, bool some=True, bool compute_uv=True) -> (Tensor U, Tensor S, Tensor V)")
def svd(self: Any, some: bool = True, compute_uv: bool = True) -> Any:
    """A = U diag(S) V^H, with V instead of its adjoint. Deprecated in torch for linalg.svd."""
    if self.dim() < 2:
        raise RuntimeError(
            f"linalg.svd: input should have at least 2 dimensions, but has {self.dim()} dimensions instead"
        )
    if not compute_uv:
        S = linalg_svdvals.kernel(self)
        rows, columns = self.shape[-2:]
        return (
            self.new_zeros((*self.shape[:-2], rows, rows)),
            S,
            self.new_zeros((*self.shape[:-2], columns, columns)).mT.contiguous().mT,
        )
    U, S, Vh = svd_operator(self, not some, True, None)
    return U, S, mH(Vh)


# Eigenvalues -----------------------------------------------------------------------------------------------------------


def _eig(self: np.ndarray) -> kernels.Arrays:
    checks.square(self, "linalg.eig")
    return kernels.eig(self)


linalg_eig = op(
    "linalg_eig(Tensor self) -> (Tensor eigenvalues, Tensor eigenvectors)",
    _eig,
    element_types=instances("linalg_eig_out_cpu", "bool int unsigned float complex"),
    module="linalg",
    undefined_grads=True,
)
_PHASE = (
    "The eigenvectors in the complex case are specified up to multiplication by e^{i phi}. The specified loss function depends on this "
    "quantity, so it is ill-defined."
)


def _gaps(values: Any) -> Any:
    """L_j - L_i, with ones on the diagonal."""
    return values.unsqueeze(-2) - values.unsqueeze(-1) + values.new_ones(values.shape).diag_embed()


def _check_eigenvectors(inner: Any, name: str) -> None:
    if inner.dtype.is_complex and not np.allclose(
        inner.diagonal(0, -2, -1).imag._array, 0, rtol=1e-2, atol=1e-2
    ):
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
eigvals_operator = op(
    "_linalg_eigvals(Tensor self) -> Tensor",
    lambda self: kernels.eigvals(self),
    element_types=instances("linalg_eig_out_cpu", "bool int unsigned float complex"),
    method=False,
    out=False,
)


@composite("linalg_eigvals(Tensor self) -> Tensor", module="linalg")
def linalg_eigvals(self: Any) -> Any:
    """The eigenvalues, complex."""
    checks.square(self, "linalg.eigvals")
    if _recording(self) or self._key._special not in (None, "strided"):
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


@composite(
    'linalg_eigh(Tensor self, str UPLO="L") -> (Tensor eigenvalues, Tensor eigenvectors)', module="linalg"
)
def linalg_eigh(self: Any, UPLO: str = "L") -> Any:
    """Eigenvalues, ascending, and eigenvectors of hermitian matrices."""
    return eigh_operator(self, UPLO, True)


@composite('linalg_eigvalsh(Tensor self, str UPLO="L") -> Tensor', module="linalg")
def linalg_eigvalsh(self: Any, UPLO: str = "L") -> Any:
    """The eigenvalues of hermitian matrices, ascending."""
    return eigh_operator(self, UPLO, _recording(self) or self._key._special not in (None, "strided"))[0]


# Least squares, indefinite factorization -------------------------------------------------------------------------------


def _lstsq(self: np.ndarray, b: np.ndarray, rcond: float | None, driver: str | None) -> kernels.Arrays:
    if self.ndim < 2:
        raise RuntimeError("torch.linalg.lstsq: input must have at least 2 dimensions.")
    if b.ndim < 1:
        raise RuntimeError("torch.linalg.lstsq: other must have at least 1 dimension.")
    if not 0 <= self.ndim - b.ndim <= 1:
        raise RuntimeError(
            "torch.linalg.lstsq: input.dim() must be greater or equal to other.dim() and (input.dim() - other.dim()) <= 1"
        )
    if self.dtype != b.dtype:
        raise RuntimeError(
            f"torch.linalg.lstsq: Expected input and other to have the same dtype, but got input's dtype "
            f"{checks.dtype_name(self)} and other's dtype {checks.dtype_name(b)}"
        )
    if driver not in (None, "gels", "gelsy", "gelsd", "gelss"):
        raise RuntimeError(
            "torch.linalg.lstsq: parameter `driver` should be one of (gels, gelsy, gelsd, gelss)"
        )
    if rcond is None and (self.dtype.kind not in "fc" or self.dtype.itemsize < 4):
        raise RuntimeError(checks.KNOWN_PRECISION)
    kernels.require_lapack("linalg_lstsq_cpu", self)
    vector = self.ndim - 1 == b.ndim and (b.ndim < 2 or self.shape[:-1] == b.shape)
    right = b[..., None] if vector else b
    if self.shape[-2] != right.shape[-2]:
        raise RuntimeError(
            f"torch.linalg.lstsq: input.size(-2) should match other.size({-1 if vector else -2})"
        )
    batch = np.broadcast_shapes(self.shape[:-2], right.shape[:-2])
    A_batch = (1,) * (len(batch) - self.ndim + 2) + self.shape[:-2]
    A = np.broadcast_to(self, (*batch, *self.shape[-2:]))
    B = np.broadcast_to(right, (*batch, *right.shape[-2:]))
    limit = float(np.finfo(self.dtype).eps) * max(self.shape[-2:]) if rcond is None else rcond
    solution, residuals, rank, values = more.lstsq(A, B, limit, driver or "gelsy")
    # what concerns the matrices alone is not repeated where only the right-hand sides are a batch
    own = tuple(
        [slice(None) if size == full else slice(1) for size, full in zip(A_batch, batch, strict=True)]
    )
    rank, values = (part[own] if part.size else part for part in (rank, values))
    residuals, rank, values = (np.array(part, order="C") for part in (residuals, rank, values))
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


@composite(
    "linalg_ldl_factor(Tensor self, *, bool hermitian=False) -> (Tensor LD, Tensor pivots)", module="linalg"
)
def linalg_ldl_factor(self: Any, hermitian: bool = False) -> Any:
    """The compact LDL factorization. Raises RuntimeError for singular D."""
    LD, pivots, info = ldl_factor_ex(self, hermitian, False)
    checks.check_info(info, "torch.linalg.ldl_factor", "ldl")
    return LD, pivots


def _ldl_solve(LD: np.ndarray, pivots: np.ndarray, B: np.ndarray, hermitian: bool) -> np.ndarray:
    checks.square(LD, "torch.linalg.ldl_solve")
    checks.older_solvable(LD, B, "torch.linalg.ldl_solve")
    checks.solvable(LD, B, True, "torch.linalg.ldl_solve")
    if LD.shape[:-1] != pivots.shape:
        raise RuntimeError(
            "torch.linalg.ldl_solve: Expected LD.shape[:-1] and pivots.shape to be the same, but got pivots with shape "
            f"{list(pivots.shape)} instead"
        )
    return more.ldl_solve(LD, pivots, B, hermitian)


op(
    "linalg_ldl_solve(Tensor LD, Tensor pivots, Tensor B, *, bool hermitian=False) -> Tensor",
    _ldl_solve,
    element_types=(
        *checks.inexact_types("torch.linalg.ldl_solve"),
        checks.system_types("B", "LD"),
        takes("int", "torch.linalg.ldl_solve: Expected pivots to be integers. Got {0}", of="pivots"),
    ),
    module="linalg",
    nondifferentiable=True,
)
