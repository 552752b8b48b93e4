"""Least squares, indefinite factorization and the matrix exponential."""

from __future__ import annotations

import numpy as np

from tinytorch._kernels.linalg import Arrays, _lapack, _real, adjoint, column_major, require_lapack, row_major


def lstsq(A: np.ndarray, B: np.ndarray, rcond: float, driver: str) -> Arrays:
    """(solution (*, N, K), residuals, rank, singular values) of the X that makes A X - B smallest, and X smallest among those."""
    *batch, m, n = A.shape
    columns = B.shape[-1]
    real = _real(A.dtype)
    empty = np.empty(0, real)
    if min(m, n) == 0 or not A.size:
        solution = column_major(np.zeros((*batch, n, columns), A.dtype), max(m, n))
        return solution, empty, np.zeros(tuple(batch), np.int64), np.zeros((*batch, 0), real)
    U, S, Vh = np.linalg.svd(A, full_matrices=False)
    kept = np.ones(S.shape, np.bool_) if driver == "gels" else S > rcond * S[..., :1]
    rank = kept.sum(-1)
    inverse = np.where(kept, 1 / np.where(kept, S, 1), 0).astype(real)
    solution = np.matmul(adjoint(Vh), inverse[..., None] * np.matmul(adjoint(U), B))
    residuals = empty
    if driver != "gelsy" and m > n and (rank == n).all():
        residuals = np.asarray(np.square(np.abs(np.matmul(A, solution) - B)).sum(-2), real)
    shown = np.empty(0, np.int64) if driver == "gels" else rank.astype(np.int64)
    values = S if driver in ("gelsd", "gelss") else empty
    return column_major(solution, max(m, n)), residuals, shown, values


def ldl_factor(A: np.ndarray, hermitian: bool) -> Arrays:
    """(LD, pivots, info): the compact Bunch-Kaufman factorization of symmetric (or hermitian) matrices, lower triangle."""
    require_lapack("ldl_factor_kernel_cpu", A)
    batch = A.shape[:-2]
    packed = column_major(np.tril(A))
    pivots, info = np.zeros(A.shape[:-1], np.int32), np.zeros(batch, np.int32)
    if A.size:
        function = _lapack("hetrf" if hermitian and A.dtype.kind == "c" else "sytrf", A)
        for index in np.ndindex(*batch):
            packed[index], swaps, info[index] = function(packed[index], lower=1)
            pivots[index] = swaps
    return packed, pivots, info


def ldl_solve(LD: np.ndarray, pivots: np.ndarray, B: np.ndarray, hermitian: bool) -> np.ndarray:
    """X with A X = B from A's Bunch-Kaufman factorization (lower)."""
    require_lapack("ldl_solve_cpu", LD)
    batch = np.broadcast_shapes(LD.shape[:-2], B.shape[:-2])
    out = column_major(np.broadcast_to(B, (*batch, *B.shape[-2:])))
    factors = np.broadcast_to(LD, (*batch, *LD.shape[-2:]))
    swaps = np.broadcast_to(pivots, (*batch, pivots.shape[-1]))
    for index in np.ndindex(*batch):
        out[index] = _ldl_solve_one(factors[index], swaps[index], out[index], hermitian)
    return out


def _ldl_solve_one(LD: np.ndarray, pivots: np.ndarray, B: np.ndarray, hermitian: bool) -> np.ndarray:
    """Swap and eliminate downwards, divide by the 1x1 and 2x2 blocks of D, then substitute upwards and swap back."""
    x = B.copy()
    n = LD.shape[0]
    conj = np.conj if hermitian else np.asarray
    blocks: list[tuple[int, int]] = []
    k = 0
    while k < n:
        if pivots[k] > 0:
            swap, width = int(pivots[k]) - 1, 1
            x[[k, swap]] = x[[swap, k]]
        else:
            swap, width = -int(pivots[k]) - 1, 2
            x[[k + 1, swap]] = x[[swap, k + 1]]
        rest = k + width
        x[rest:] -= LD[rest:, k:rest] @ x[k:rest]
        block = LD[k:rest, k:rest].copy()
        if width == 2:
            block[0, 1] = conj(block[1, 0])
        elif hermitian:
            block = block.real.astype(LD.dtype)
        x[k:rest] = np.linalg.solve(block, x[k:rest]) if width == 2 else x[k:rest] / block
        blocks.append((k, width))
        k = rest
    for k, width in reversed(blocks):
        rest = k + width
        x[k:rest] -= conj(LD[rest:, k:rest]).T @ x[rest:]
        first = k if width == 1 else k + 1
        swap = abs(int(pivots[k])) - 1
        x[[first, swap]] = x[[swap, first]]
    return x


def matrix_exp(A: np.ndarray) -> np.ndarray:
    """The exponential of each matrix: a Taylor polynomial of the matrix scaled down, squared back up."""
    if A.dtype.kind not in "fc":
        raise RuntimeError("matrix_exp: a floating point or complex tensor is expected")
    if not A.size:
        return row_major(A)
    n = A.shape[-1]
    wide = np.dtype(np.complex128 if A.dtype.kind == "c" else np.float64)
    matrices = A.reshape(-1, n, n).astype(wide)
    norm = np.abs(matrices).sum(-2).max(-1)  # (B,)
    finite = np.where(np.isfinite(norm), norm, 0)
    halvings = np.maximum(0, np.ceil(np.log2(np.maximum(finite, 1e-300) / 0.5))).astype(np.int64)
    scaled = matrices / np.exp2(halvings)[:, None, None]
    identity = np.eye(n, dtype=wide)
    out = np.broadcast_to(identity, matrices.shape).copy()
    for degree in range(16, 0, -1):  # Horner's rule
        out = identity + np.matmul(scaled, out) / degree
    for step in range(int(halvings.max(initial=0))):
        again = halvings > step
        out[again] = np.matmul(out[again], out[again])
    return row_major(out.reshape(A.shape).astype(A.dtype))
