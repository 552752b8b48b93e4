"""Matrix decompositions and solvers on batches of matrices: LAPACK through NumPy, and through SciPy where NumPy lacks a routine.

Results are column-major in their last two dimensions, as LAPACK leaves them. Singular or indefinite input is no error here: it is
told by an `info` array (0: all is well; k: the k-th pivot or leading minor failed).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinytorch._kernels.scalar_types import not_implemented, scalar_type_name

Arrays = tuple[np.ndarray, ...]


class LinAlgError(RuntimeError):
    """A matrix for which the result does not exist."""


LinAlgError.__name__ = LinAlgError.__qualname__ = "_LinAlgError"
LinAlgError.__module__ = "torch._C"


#: Kernels that torch calls for empty matrices, too.
_WITH_EMPTY = frozenset(["geqrf_cpu", "linalg_eig_out_cpu", "cholesky_inverse_out_cpu", "cholesky_solve_cpu"])


def require_lapack(kernel: str, array: np.ndarray) -> None:
    """Raise torch's NotImplementedError for element types that LAPACK lacks."""
    if not array.size and kernel not in _WITH_EMPTY:
        return
    if array.dtype.kind not in "fc" or array.dtype.itemsize < 4:
        raise not_implemented(kernel, array.dtype)


def column_major(array: np.ndarray, rows: int | None = None) -> np.ndarray:
    """`array` (*, M, N) laid out column by column; within columns of length `rows` if given."""
    *batch, m, n = array.shape
    height = max(m if rows is None else rows, 1)
    outer, step = [], height * max(n, 1)  # in elements; a dimension of size 0 counts as 1
    for size in reversed(batch):
        outer.append(step)
        step *= max(size, 1)
    strides = [stride * array.itemsize for stride in (*reversed(outer), 1, height)]
    out: np.ndarray = np.ndarray(array.shape, array.dtype, np.empty(step, array.dtype), strides=strides)
    out[...] = array
    return out


def row_major(array: np.ndarray) -> np.ndarray:
    """A fresh contiguous copy."""
    out = np.empty(array.shape, array.dtype)
    out[...] = array
    return out


def adjoint(array: np.ndarray) -> np.ndarray:
    """The conjugate transpose of each matrix."""
    turned = array.swapaxes(-1, -2)
    return turned.conj() if array.dtype.kind == "c" else turned


def _real(dtype: np.dtype) -> np.dtype:
    return np.dtype({"F": "f4", "D": "f8"}.get(dtype.char, dtype))


def _stack(array: np.ndarray) -> np.ndarray:
    """(*, M, N) as (B, M, N)."""
    count = int(np.prod(array.shape[:-2], dtype=np.int64))
    return array.reshape((count, *array.shape[-2:]))


def _lapack(name: str, array: np.ndarray) -> Any:
    from scipy.linalg import get_lapack_funcs

    return get_lapack_funcs((name,), (np.empty(0, array.dtype),))[0]


# LU --------------------------------------------------------------------------------------------------------------------


def _lu_together(lu: np.ndarray, pivots: np.ndarray, info: np.ndarray) -> None:
    """Gaussian elimination with partial pivoting on all matrices of `lu` (B, M, N) at once, in place."""
    batch = np.arange(lu.shape[0])
    for k in range(min(lu.shape[1:])):
        size = (
            np.abs(lu[:, k:, k].real) + np.abs(lu[:, k:, k].imag)
            if lu.dtype.kind == "c"
            else np.abs(lu[:, k:, k])
        )
        chosen = np.argmax(size, axis=1) + k
        pivots[:, k] = chosen + 1
        held = lu[batch, chosen].copy()
        lu[batch, chosen] = lu[:, k]
        lu[:, k] = held
        pivot = held[:, k]
        zero = pivot == 0
        info[zero & (info == 0)] = k + 1
        lu[:, k + 1 :, k] /= np.where(zero, 1, pivot)[:, None]
        lu[:, k + 1 :, k + 1 :] -= lu[:, k + 1 :, k, None] * held[:, None, k + 1 :]


def lu_factor(A: np.ndarray, pivot: bool = True) -> Arrays:
    """(*, M, N) to (LU (*, M, N), pivots (*, K) counted from 1, info (*))."""
    require_lapack("lu_cpu", A)
    if not pivot:
        raise RuntimeError("linalg.lu_factor: LU without pivoting is not implemented on the CPU")
    *batch, m, n = A.shape
    k = min(m, n)
    lu = column_major(A)
    pivots = np.zeros((*batch, k), np.int32)
    info = np.zeros(tuple(batch), np.int32)
    if not lu.size:
        return lu, pivots, info
    matrices = _stack(A)
    if len(matrices) > 8 and k <= 32:
        work, found, failed = (
            matrices.copy(),
            np.zeros((len(matrices), k), np.int32),
            np.zeros(len(matrices), np.int32),
        )
        _lu_together(work, found, failed)
        lu[...] = work.reshape(A.shape)
        return lu, found.reshape(pivots.shape), failed.reshape(info.shape)
    getrf = _lapack("getrf", A)
    for index in np.ndindex(*batch):
        factored, found, code = getrf(A[index])
        lu[index], pivots[index], info[index] = factored, found + 1, code
    return lu, pivots, info


def permutation(pivots: np.ndarray, size: int) -> np.ndarray:
    """Row swaps (*, K) counted from 1 as permutations (*, M): the p with (P A)[i] = A[p[i]]."""
    order = np.broadcast_to(np.arange(size), (*pivots.shape[:-1], size)).copy()
    count = int(np.prod(pivots.shape[:-1], dtype=np.int64))
    rows = order.reshape(count, size)
    swaps = pivots.reshape(count, pivots.shape[-1]) - 1
    batch = np.arange(rows.shape[0])
    for k in range(swaps.shape[1]):
        other = swaps[:, k]
        rows[batch, k], rows[batch, other] = rows[batch, other], rows[batch, k].copy()
    return order


def permutation_matrix(pivots: np.ndarray, size: int, dtype: np.dtype) -> np.ndarray:
    """The P (*, M, M) with A = P L U."""
    order = permutation(pivots, size)
    out = np.zeros((*order.shape, size), dtype)
    np.put_along_axis(out, order[..., None, :], np.ones((), dtype), -2)
    return out


def lu_unpack(LU: np.ndarray, pivots: np.ndarray, unpack_data: bool, unpack_pivots: bool) -> Arrays:
    """(P, L, U) of a compact factorization; what is not asked for is empty."""
    if unpack_pivots and pivots.dtype != np.int32:
        raise RuntimeError(
            "torch.lu_unpack: LU_pivots is expected to be a contiguous tensor of torch.int32 dtype.\n"
            "Note: this function is intended to be used with the output produced by torch.linalg.lu_factor"
        )
    m, n = LU.shape[-2:]
    k = min(m, n)
    P = np.empty(0 if not unpack_pivots else (*LU.shape[:-2], m, m), LU.dtype)
    if P.size:
        P[...] = permutation_matrix(pivots, m, LU.dtype)
    if not unpack_data:
        return P, np.empty(0, LU.dtype), np.empty(0, LU.dtype)
    lower = row_major(np.tril(LU[..., :k], -1))
    np.einsum("...ii->...i", lower[..., :k, :])[...] = 1
    return P, lower, row_major(np.triu(LU[..., :k, :]))


def lu(A: np.ndarray, pivot: bool = True) -> Arrays:
    """A = P L U."""
    factored, pivots, _ = lu_factor(A, pivot)
    return lu_unpack(factored, pivots, True, True)


def _triangular_substitution(matrix: np.ndarray, right: np.ndarray, upper: bool, unit: bool) -> np.ndarray:
    """Solve many small triangular systems at once: matrix (B, N, N), right (B, N, K)."""
    out: np.ndarray = right.copy()
    size = matrix.shape[-1]
    for i in range(size - 1, -1, -1) if upper else range(size):
        rest = slice(i + 1, size) if upper else slice(0, i)
        out[:, i] -= np.matmul(matrix[:, i, None, rest], out[:, rest])[:, 0]
        if not unit:
            out[:, i] /= matrix[:, i, i, None]
    return out


def solve_triangular(
    A: np.ndarray, B: np.ndarray, upper: bool, left: bool = True, unitriangular: bool = False
) -> np.ndarray:
    """X with A X = B, or X A = B; only the named triangle of A is read. The result is column-major."""
    require_lapack("triangular_solve_cpu", A)
    if not left:
        return column_major(
            solve_triangular(A.swapaxes(-1, -2), B.swapaxes(-1, -2), not upper, True, unitriangular).swapaxes(
                -1, -2
            )
        )
    batch = np.broadcast_shapes(A.shape[:-2], B.shape[:-2])
    out = column_major(np.broadcast_to(B, (*batch, *B.shape[-2:])))
    if not out.size:
        return out
    matrices = np.broadcast_to(A, (*batch, *A.shape[-2:]))
    count = int(np.prod(batch, dtype=np.int64))
    if count > 8 and A.shape[-1] <= 32:
        solved = _triangular_substitution(_stack(matrices), _stack(out), upper, unitriangular)
        out[...] = solved.reshape(out.shape)
        return out
    trtrs = _lapack("trtrs", A)
    for index in np.ndindex(*batch):
        solved, info = trtrs(matrices[index], out[index], lower=not upper, unitdiag=unitriangular)
        if info > 0:  # LAPACK refuses a zero on the diagonal, where torch divides by it
            solved = _triangular_substitution(matrices[index][None], out[index][None], upper, unitriangular)[
                0
            ]
        out[index] = solved
    return out


def lu_solve(
    LU: np.ndarray, pivots: np.ndarray, B: np.ndarray, left: bool = True, adjoint_: bool = False
) -> np.ndarray:
    """X with A X = B (or A^H X = B, X A = B, X A^H = B), from A's compact factorization; column-major where left."""
    require_lapack("lu_solve_cpu", LU)
    if not left:
        return row_major(adjoint(lu_solve(LU, pivots, adjoint(B), True, not adjoint_)))
    order = permutation(pivots, LU.shape[-1])
    batch = np.broadcast_shapes(LU.shape[:-2], B.shape[:-2])
    right = np.broadcast_to(B, (*batch, *B.shape[-2:]))
    order = np.broadcast_to(order, (*batch, LU.shape[-1]))[..., None]
    if adjoint_:
        turned = adjoint(LU)
        half = solve_triangular(turned, right, False)
        whole = solve_triangular(turned, half, True, True, True)
        out = np.empty_like(whole)
        np.put_along_axis(out, np.broadcast_to(order, whole.shape), whole, -2)
        return column_major(out)
    swapped = np.take_along_axis(right, np.broadcast_to(order, right.shape), -2)
    return solve_triangular(LU, solve_triangular(LU, swapped, False, True, True), True)


def solve_ex(A: np.ndarray, B: np.ndarray, left: bool = True) -> Arrays:
    """(X, LU, pivots, info) of A X = B, or X A = B; singular matrices give infinities or nan, and an info."""
    factored, pivots, info = lu_factor(A)
    return lu_solve(factored, pivots, B, left), factored, pivots, info


def inv_ex(A: np.ndarray) -> Arrays:
    """(inverse, info)."""
    factored, pivots, info = lu_factor(A)
    identity = np.broadcast_to(np.eye(A.shape[-1], dtype=A.dtype), A.shape)
    return lu_solve(factored, pivots, identity), info


def _swap_sign(pivots: np.ndarray) -> np.ndarray:
    """1 or -1 by the parity of the row swaps."""
    odd = (pivots != np.arange(1, pivots.shape[-1] + 1)).sum(-1) % 2
    return np.asarray(1 - 2 * odd)


def det(A: np.ndarray) -> Arrays:
    """(determinant, LU, pivots)."""
    factored, pivots, _ = lu_factor(A)
    value = np.einsum("...ii->...i", factored).prod(-1) * _swap_sign(pivots)
    return np.asarray(value, A.dtype), factored, pivots


def slogdet(A: np.ndarray) -> Arrays:
    """(sign, log of the absolute value, LU, pivots)."""
    factored, pivots, _ = lu_factor(A)
    diagonal = np.einsum("...ii->...i", factored)
    size = np.abs(diagonal)
    sign = diagonal / np.where(size == 0, 1, size)
    total = np.asarray(np.asarray(sign.prod(-1)) * _swap_sign(pivots), A.dtype)
    return total, np.asarray(np.log(size).sum(-1), _real(A.dtype)), factored, pivots


# Cholesky ---------------------------------------------------------------------------------------------------------------


def cholesky_ex(A: np.ndarray, upper: bool = False) -> Arrays:
    """(L (or U) column-major, info). Reads one triangle only."""
    require_lapack("cholesky_cpu", A)
    info = np.zeros(A.shape[:-2], np.int32)
    if not A.size:
        return column_major(A), info
    source = adjoint(A) if upper else A
    try:
        lower = np.linalg.cholesky(source)
        if not np.isfinite(lower).all():
            raise np.linalg.LinAlgError
    except np.linalg.LinAlgError:
        potrf = _lapack("potrf", A)
        lower = np.empty(A.shape, A.dtype)
        for index in np.ndindex(*A.shape[:-2]):
            lower[index], info[index] = potrf(source[index], lower=True, clean=True)
        lower = np.tril(lower)
    return column_major(adjoint(lower) if upper else lower), info


def cholesky_solve(B: np.ndarray, L: np.ndarray, upper: bool = False) -> np.ndarray:
    """X with L L^H X = B, or U^H U X = B."""
    require_lapack("cholesky_solve_cpu", L)
    lower = adjoint(L) if upper else L
    return solve_triangular(adjoint(lower), solve_triangular(lower, B, False), True)


def cholesky_inverse(L: np.ndarray, upper: bool = False) -> np.ndarray:
    """The inverse of L L^H, or of U^H U."""
    require_lapack("cholesky_inverse_out_cpu", L)
    return cholesky_solve(np.broadcast_to(np.eye(L.shape[-1], dtype=L.dtype), L.shape), L, upper)


# Orthogonal factors -----------------------------------------------------------------------------------------------------


def qr(A: np.ndarray, mode: str = "reduced") -> Arrays:
    """(Q, R) column-major; Q is empty in mode "r"."""
    if mode not in ("reduced", "complete", "r"):
        raise RuntimeError(
            f"qr received unrecognized mode '{mode}' but expected one of 'reduced' (default), 'r', or 'complete'"
        )
    require_lapack("geqrf_cpu", A)
    *batch, m, n = A.shape
    if not A.size:
        k = m if mode == "complete" else min(m, n)
        identity = np.broadcast_to(np.eye(m, k, dtype=A.dtype), (*batch, m, k))
        triangle = column_major(np.zeros((*batch, k, n), A.dtype))
        return (np.empty(0, A.dtype) if mode == "r" else column_major(identity)), triangle
    if mode == "r":
        R = np.linalg.qr(A, "r").astype(A.dtype, copy=False)
        return np.empty(0, A.dtype), row_major(R) if m > n else column_major(R)
    Q, R = np.linalg.qr(A, mode)  # type: ignore[call-overload]
    return column_major(Q.astype(A.dtype, copy=False)), column_major(R.astype(A.dtype, copy=False))


def geqrf(A: np.ndarray) -> Arrays:
    """The compact form of QR: R above, Householder vectors below the diagonal, and their factors tau."""
    require_lapack("geqrf_cpu", A)
    *batch, m, n = A.shape
    packed, tau = column_major(A), np.zeros((*batch, min(m, n)), A.dtype)
    if A.size:
        function = _lapack("geqrf", A)
        for index in np.ndindex(*batch):
            packed[index], tau[index] = function(A[index])[:2]
    return packed, tau


def reflect(vectors: np.ndarray, tau: np.ndarray, other: np.ndarray, transpose: bool) -> np.ndarray:
    """Apply the product of the reflections I - tau v v^H, or its adjoint, to `other` (*, M, K) from the left."""
    out = other
    k = tau.shape[-1]
    for i in range(k) if transpose else range(k - 1, -1, -1):
        v = vectors[..., :, i : i + 1].copy()  # (*, M, 1)
        v[..., :i, :] = 0
        v[..., i, :] = 1
        factor = tau[..., i, None, None]
        out = out - (factor.conj() if transpose else factor) * v * np.matmul(adjoint(v), out)
    return out


def householder_product(input: np.ndarray, tau: np.ndarray) -> np.ndarray:
    """The first N columns of the product of reflections that input (*, M, N) and tau (*, K) hold."""
    require_lapack("orgqr_cpu", input)
    *_, m, n = input.shape
    batch = np.broadcast_shapes(input.shape[:-2], tau.shape[:-1])
    identity = np.broadcast_to(np.eye(m, n, dtype=input.dtype), (*batch, m, n))
    return column_major(reflect(input, tau, identity, False))


def _check_reflections(self: np.ndarray, tau: np.ndarray, other: np.ndarray, left: bool) -> None:
    """Raises RuntimeError with torch's text where the reflections are not as many as fit."""
    rows = -2 if left else -1
    if tau.shape[-1] != min(other.shape[rows], self.shape[-1]):
        raise RuntimeError(
            f"torch.ormqr: tau.shape[-1] must be equal to min(other.shape[{rows}], input.shape[-1])"
        )
    if other.shape[rows] != self.shape[-2]:
        raise RuntimeError(f"torch.ormqr: other.shape[{rows}] must be equal to input.shape[-2]")


def ormqr(
    self: np.ndarray, tau: np.ndarray, other: np.ndarray, left: bool = True, transpose: bool = False
) -> np.ndarray:
    """Q C, Q^H C, C Q or C Q^H for the Q that self and tau hold."""
    if self.ndim > 1 and other.ndim > 1 and tau.ndim:
        _check_reflections(self, tau, other, left)
    require_lapack("ormqr_cpu", self)
    if left:
        return column_major(reflect(self, tau, other, transpose))
    return column_major(adjoint(reflect(self, tau, adjoint(other), not transpose)))


# Spectra ----------------------------------------------------------------------------------------------------------------


def svd(A: np.ndarray, full_matrices: bool, compute_uv: bool) -> Arrays:
    """(U, S, Vh); U and Vh are empty unless asked for. Raises LinAlgError for nan or infinity."""
    require_lapack("linalg_svd_cpu", A)
    *batch, m, n = A.shape
    k = min(m, n)
    real = _real(A.dtype)
    if not A.size:
        rows, columns = (m, n) if full_matrices else (k, k)
        U = column_major(np.broadcast_to(np.eye(m, rows, dtype=A.dtype), (*batch, m, rows)))
        Vh = column_major(np.broadcast_to(np.eye(columns, n, dtype=A.dtype), (*batch, columns, n)))
        S = np.zeros((*batch, k), real)
        return (U, S, Vh) if compute_uv else (np.empty(0, A.dtype), S, np.empty(0, A.dtype))
    if np.isnan(A).any():
        where = np.nonzero(np.isnan(_stack(A)).any((-1, -2)))[0]
        element = f"(Batch element {where[0]}): " if batch else ""
        raise LinAlgError(
            f"linalg.svd: {element}The algorithm failed to converge because the input matrix contained non-finite values."
        )
    endless = ~np.isfinite(A).all((-1, -2))  # LAPACK computes nan of infinities
    if endless.any():
        A = np.where(endless[..., None, None], A.dtype.type(0), A)
    try:
        if not compute_uv:
            return (
                np.empty(0, A.dtype),
                _nan_at(endless, np.linalg.svd(A, compute_uv=False)),
                np.empty(0, A.dtype),
            )
        U, S, Vh = np.linalg.svd(A, full_matrices)
        U, S, Vh = _nan_at(endless, U), _nan_at(endless, S), _nan_at(endless, Vh)
    except np.linalg.LinAlgError:
        raise LinAlgError(
            "linalg.svd: The algorithm failed to converge because the input matrix is ill-conditioned or has too many repeated "
            f"singular values (error code: {k})."
        ) from None
    return column_major(U), S, column_major(Vh)


def _nan_at(where: np.ndarray, result: np.ndarray) -> np.ndarray:
    """`result`, a batch, with nan for the elements of the batch that `where` marks."""
    result[where] = np.nan
    return result


def _complex(dtype: np.dtype) -> np.dtype:
    return np.dtype({"f": "c8", "d": "c16"}.get(dtype.char, dtype))


def _check_finite(A: np.ndarray) -> None:
    if not np.isfinite(A).all():
        raise RuntimeError("torch.linalg.eig: input tensor should not contain infs or NaNs.")


def eig(A: np.ndarray) -> Arrays:
    """(eigenvalues (*, N), eigenvectors (*, N, N)), complex."""
    require_complex_partner(A)
    _check_finite(A)
    target = _complex(A.dtype)
    if not A.size:
        return np.zeros(A.shape[:-1], target), column_major(np.zeros(A.shape, target))
    try:
        values, vectors = np.linalg.eig(A)
    except np.linalg.LinAlgError:
        raise LinAlgError(
            "linalg.eig: The algorithm failed to converge because the input matrix is ill-conditioned or has too many repeated "
            "eigenvalues."
        ) from None
    return values.astype(target, copy=False), column_major(vectors.astype(target, copy=False))


def require_complex_partner(A: np.ndarray) -> None:
    """Raise torch's error for element types that have no complex counterpart."""
    if A.dtype.kind in "biu":
        raise RuntimeError(f"Unknown Complex ScalarType for {scalar_type_name(A.dtype)}")
    require_lapack("linalg_eig_out_cpu", A)


def eigvals(A: np.ndarray) -> np.ndarray:
    """The eigenvalues (*, N), complex."""
    require_complex_partner(A)
    _check_finite(A)
    return (
        np.linalg.eigvals(A).astype(_complex(A.dtype), copy=False)
        if A.size
        else np.zeros(A.shape[:-1], _complex(A.dtype))
    )


def eigh(A: np.ndarray, UPLO: str = "L", compute_v: bool = True) -> Arrays:
    """(eigenvalues (*, N) ascending, eigenvectors) of hermitian matrices; reads one triangle. nan gives nan."""
    require_lapack("linalg_eigh_cpu", A)
    real = _real(A.dtype)
    if not A.size:
        return np.zeros(A.shape[:-1], real), column_major(A) if compute_v else np.empty(0, A.dtype)
    try:
        if not compute_v:
            return np.linalg.eigvalsh(A, UPLO.upper()), np.empty(0, A.dtype)  # type: ignore[arg-type]
        values, vectors = np.linalg.eigh(A, UPLO.upper())  # type: ignore[arg-type]
        return values, column_major(vectors)
    except np.linalg.LinAlgError:
        vectors = column_major(np.full(A.shape, np.nan, A.dtype)) if compute_v else np.empty(0, A.dtype)
        return np.full(A.shape[:-1], np.nan, real), vectors
