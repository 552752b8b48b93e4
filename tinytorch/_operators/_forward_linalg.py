"""Forward-mode rules of factorizations and the like. A tangent need not have the structure of what it belongs to (symmetric, triangular);
torch takes it as it is, and where that matters these rules do too."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._core.declare import find
from .._core.forward import unsupported
from ._forward_rules import _rule
from .linalg_solve import linalg_lu_solve, mH, solve_triangular, triangular_solve


def _half_of_lower(matrices: Any) -> Any:
    """The lower triangle with its diagonal halved."""
    lower = matrices.tril()
    return lower - lower.diagonal(0, -2, -1).diag_embed() * 0.5


@_rule("linalg_cholesky_ex")
def _cholesky_ex(tangents: dict[str, Any], result: Any, *, upper: bool, **arguments: Any) -> Any:
    """L phi(L^-1 A' L^-H)."""
    push = tangents["self"]
    L = mH(result[0]) if upper else result[0]
    inner = solve_triangular(
        mH(L), solve_triangular(L, push, False, True, False), True, False, False
    )  # L^-1 A' L^-H
    pushed = L.matmul(_half_of_lower(inner))
    return (mH(pushed) if upper else pushed), None


@_rule("cholesky")
def _cholesky(tangents: dict[str, Any], result: Any, **arguments: Any) -> Any:
    raise unsupported(find("cholesky"))


@_rule("triangular_solve")
def _triangular_solve(
    tangents: dict[str, Any],
    result: Any,
    *,
    A: Any,
    upper: bool,
    transpose: bool,
    unitriangular: bool,
    **rest: Any,
) -> Any:
    """op(A)^-1 (B' - op(A') X)."""
    push, moved = tangents.get("self"), tangents.get("A")
    if moved is not None:
        change = (moved.transpose(-2, -1) if transpose else moved).matmul(result[0])
        push = -change if push is None else push - change
    return triangular_solve(push, A, upper, transpose, unitriangular)[0], moved


@_rule("_linalg_eigh")
def _eigh(tangents: dict[str, Any], result: Any, *, compute_v: bool, **arguments: Any) -> Any:
    """The diagonal of V^H A' V, and V times the rest of it over the differences of eigenvalues."""
    values, V = result
    inner = mH(V).matmul(tangents["A"]).matmul(V)
    diagonal = inner.diagonal(0, -2, -1)
    if not compute_v:
        return diagonal.real, None
    gaps = values.unsqueeze(-2) - values.unsqueeze(-1)
    gaps = gaps + values.new_ones(values.shape).diag_embed()
    turned = inner / gaps
    return diagonal.real, V.matmul(turned - turned.diagonal(0, -2, -1).diag_embed())


@_rule("_linalg_slogdet")
def _slogdet(tangents: dict[str, Any], result: Any, *, A: Any) -> Any:
    """The trace of A^-1 A': its real part for the logarithm, its imaginary part turns the sign."""
    sign, _, LU, pivots = result
    trace = linalg_lu_solve(LU, pivots, tangents["A"], True, False).diagonal(0, -2, -1).sum(-1)
    turned = sign * trace.imag * 1j if trace.dtype.is_complex else sign.new_zeros(sign.shape)
    return turned, trace.real, None, None


@_rule("_linalg_det")
def _det(tangents: dict[str, Any], result: Any, *, A: Any) -> Any:
    """The determinant times the trace of A^-1 A'; pivots of zero count as small ones."""
    value, LU, pivots = result
    pivot = LU.diagonal(0, -2, -1)
    nudge = (pivot == 0).to(LU.dtype) * float(np.finfo(LU._array.real.dtype).eps)
    moved = linalg_lu_solve(LU + nudge.diag_embed(), pivots, tangents["A"], True, False)
    return moved.diagonal(0, -2, -1).sum(-1) * value, None, None


@_rule("linalg_lstsq")
def _lstsq(tangents: dict[str, Any], result: Any, *, self: Any, b: Any, **rest: Any) -> Any:
    """By the pseudoinverse P and its tangent P P^H A'^H (1 - A P) + (1 - P A) A'^H P^H P - P A' P; residuals by the product rule."""
    A, solution, residuals = self, result[0], result[1]
    vector = A.ndim - 1 == b.ndim and A.shape[:-1] == b.shape
    P = find("linalg_pinv").call(A, 1e-15, False)  # (*, N, M)
    push, moved = tangents.get("b"), tangents.get("self")
    B, X = (b.unsqueeze(-1), solution.unsqueeze(-1)) if vector else (b, solution)
    if push is not None and vector:
        push = push.unsqueeze(-1)
    change = None if push is None else P.matmul(push)
    missed = B - A.matmul(X)  # (*, M, K)
    if moved is not None:
        turned = mH(moved)
        part = P.matmul(mH(P)).matmul(turned).matmul(missed) - P.matmul(moved).matmul(X)
        inner = turned.matmul(mH(P)).matmul(X)
        part = part + inner - P.matmul(A).matmul(inner)
        change = part if change is None else change + part
    if not residuals.numel():
        spread = residuals.new_zeros(residuals.shape)
    else:
        slope = -A.matmul(change)
        if push is not None:
            slope = slope + push
        if moved is not None:
            slope = slope - moved.matmul(X)
        product = missed.conj() * slope
        spread = 2 * (product.real if product.is_complex() else product).sum(-2)
    return (change.squeeze(-1) if vector else change), spread, None, None
