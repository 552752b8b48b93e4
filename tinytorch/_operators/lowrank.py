"""Randomised low-rank factorizations (N. Halko, P. Martinsson, J. Tropp, 2011)."""

from __future__ import annotations

from typing import Any

from tinytorch._core.declare import find
from tinytorch._core.dtypes import bfloat16
from tinytorch._core.front import function_of


def _range(A: Any, q: int, niter: int, M: Any) -> Any:
    """An orthonormal basis of approximately the range of A (less M)."""
    qr = find("linalg_qr")
    own = A.dtype is not bfloat16 and A.dtype._category in (
        "float",
        "complex",
    )  # torch draws float32 for other types
    R = function_of("randn")(A.shape[-1], q, dtype=A.dtype if own else None, device=A.device)
    X = A.matmul(R)
    if M is not None:
        X = X - M.matmul(R)
    Q = qr(X, "reduced")[0]
    for _ in range(niter):
        X = A.mH.matmul(Q)
        if M is not None:
            X = X - M.mH.matmul(Q)
        Q = qr(X, "reduced")[0]
        X = A.matmul(Q)
        if M is not None:
            X = X - M.matmul(Q)
        Q = qr(X, "reduced")[0]
    return Q


def svd_lowrank(A: Any, q: int | None = 6, niter: int | None = 2, M: Any = None) -> Any:
    """(U, S, V) of rank q, approximately those of A (or of A - M): A is about U diag(S) V^H."""
    q = 6 if q is None else q
    rows, columns = A.shape[-2:]
    if M is not None:
        M = M.broadcast_to(A.shape)
    if rows < columns:
        A = A.mH
        M = None if M is None else M.mH
    Q = _range(A, q, 2 if niter is None else niter, M)
    B = Q.mH.matmul(A)
    if M is not None:
        B = B - Q.mH.matmul(M)
    U, S, Vh = find("linalg_svd").kernel(B, False)
    V = Vh.mH
    U = Q.matmul(U)
    return (V, S, U) if rows < columns else (U, S, V)


def pca_lowrank(A: Any, q: int | None = None, center: bool = True, niter: int = 2) -> Any:
    """svd_lowrank of A, its columns centred unless told not to."""
    rows, columns = A.shape[-2:]
    if q is None:
        q = min(6, rows, columns)
    elif not 0 <= q <= min(rows, columns):
        raise ValueError(
            f"q(={q}) must be non-negative integer and not greater than min(m, n)={min(rows, columns)}"
        )
    if niter < 0:
        raise ValueError(f"niter(={niter}) must be non-negative integer")
    return svd_lowrank(A - A.mean(dim=(-2,), keepdim=True) if center else A, q, niter=niter, M=None)


FUNCTIONS = {"svd_lowrank": svd_lowrank, "pca_lowrank": pca_lowrank}
