"""Linear systems: LU and triangular solvers, inverses, and their derivatives.

The derivatives are those of matrix calculus with Wirtinger's convention; see M. Giles, "An extended collection of matrix derivative
results for forward and reverse mode automatic differentiation" (2008).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinytorch._core.declare import composite, op
from tinytorch._core.element_types import alike, instances, takes
from tinytorch._core.modes import modes
from tinytorch._core.warning import warn_once
from tinytorch._kernels import linalg as kernels
from tinytorch._operators import _linalg_checks as checks


def mH(matrices: Any) -> Any:
    """The conjugate transpose of each matrix."""
    turned = matrices.transpose(-2, -1)
    return turned.conj() if turned.dtype.is_complex else turned


# inverse ---------------------------------------------------------------------------------------------------------------


def _inv_ex(A: np.ndarray, check_errors: bool) -> kernels.Arrays:
    checks.square(A, "linalg.inv")
    checks.inexact(A, "linalg.inv", low=False)
    inverse, info = kernels.inv_ex(A)
    if check_errors:
        checks.check_info(info, "linalg.inv_ex", "inv")
    return inverse, info


linalg_inv_ex = op(
    "linalg_inv_ex(Tensor A, *, bool check_errors=False) -> (Tensor inverse, Tensor info)",
    _inv_ex,
    module="linalg",
)
linalg_inv_ex.vjp(A=lambda grad_inverse, inverse: -(mH(inverse).matmul(grad_inverse.matmul(mH(inverse)))))


@composite("linalg_inv(Tensor A) -> Tensor", module="linalg")
def linalg_inv(A: Any) -> Any:
    """The inverse of each matrix. Raises LinAlgError for singular ones."""
    inverse, info = linalg_inv_ex(A, False)
    checks.check_info(info, "linalg.inv", "inv")
    return inverse


composite("inverse(Tensor self) -> Tensor", lambda self: linalg_inv.kernel(self))


# LU --------------------------------------------------------------------------------------------------------------------


def _lu_factor_ex(A: np.ndarray, pivot: bool, check_errors: bool) -> kernels.Arrays:
    checks.at_least_matrix(A, "torch.lu_factor")
    result = kernels.lu_factor(A, pivot)
    if check_errors:
        checks.check_info(result[2], "torch.linalg.lu_factor_ex", "lu_factor")
    return result


linalg_lu_factor_ex = op(
    "linalg_lu_factor_ex(Tensor A, *, bool pivot=True, bool check_errors=False) -> (Tensor LU, Tensor pivots, Tensor info)",
    _lu_factor_ex,
    module="linalg",
)


def lu_cotangent(grad_L: Any, grad_U: Any, L: Any, U: Any) -> Any:
    """The cotangent of P^T A for A = P L U.

    L (*, M, K) unit lower, U (*, K, N) upper, K = min(M, N). In the square case it is L^-H (tril(L^H gL, -1) + triu(gU U^H)) U^-H; the
    rows below, or the columns beyond, of a rectangular matrix are eliminated first.
    """
    rows, columns = L.shape[-2], U.shape[-1]
    size = min(rows, columns)
    L1, U1 = L[..., :size, :], U[..., :, :size]
    lower = mH(L).matmul(grad_L)
    upper = grad_U[..., :size].matmul(mH(U1))
    if columns > size:
        beyond = grad_U[..., size:]
        lower = lower - beyond.matmul(mH(U[..., size:]))
    if rows > size:
        below = grad_L[..., size:, :]
        upper = upper - mH(L[..., size:, :]).matmul(below)
        lower = mH(L1).matmul(grad_L[..., :size, :])
    middle = lower.tril(-1) + upper.triu()
    left = solve_triangular(mH(L1), middle, True, True, True)
    core = solve_triangular(mH(U1), left, False, False, False)
    if columns > size:
        core = _cat([core, solve_triangular(mH(L1), grad_U[..., size:], True, True, True)], -1)
    if rows > size:
        core = _cat([core, solve_triangular(mH(U1), grad_L[..., size:, :], False, False, False)], -2)
    return core


def _cat(tensors: list[Any], dim: int) -> Any:
    from tinytorch._core.declare import find

    return find("cat").call(tensors, dim)


def _lu_factor_vjp(grad_LU: Any, LU: Any, pivots: Any) -> Any:
    rows, columns = LU.shape[-2:]
    size = min(rows, columns)
    P, L, U = lu_unpack(LU, pivots, True, True)
    return P.matmul(lu_cotangent(grad_LU[..., :size].tril(-1), grad_LU[..., :size, :].triu(), L, U))


linalg_lu_factor_ex.vjp(A=lambda grad_LU, LU, pivots: _lu_factor_vjp(grad_LU, LU, pivots))

linalg_lu = op(
    "linalg_lu(Tensor A, *, bool pivot=True) -> (Tensor P, Tensor L, Tensor U)",
    lambda A, pivot: (checks.at_least_matrix(A, "linalg.lu"), kernels.lu(A, pivot))[1],
    module="linalg",
    nondifferentiable_outputs=("P",),
)
linalg_lu.vjp(A=lambda grad_L, grad_U, P, L, U: P.detach().matmul(lu_cotangent(grad_L, grad_U, L, U)))


def _lu_unpack(LU: np.ndarray, pivots: np.ndarray, unpack_data: bool, unpack_pivots: bool) -> kernels.Arrays:
    checks.at_least_matrix(LU, "torch.lu_unpack")
    if unpack_pivots and pivots.dtype == np.int32:
        size = min(LU.shape[-2:])
        if LU.size and not (
            pivots.ndim
            and pivots.shape[-1] == size
            and 1 <= int(pivots.min()) <= int(pivots.max()) <= LU.shape[-2]
        ):
            raise RuntimeError(
                "pivots passed to lu_unpack must be between 1 and LU.size(-2) inclusive.Did you properly pass the result of lu_factor?"
            )
    return kernels.lu_unpack(LU, pivots, unpack_data, unpack_pivots)


lu_unpack = op(
    "lu_unpack(Tensor LU_data, Tensor LU_pivots, bool unpack_data=True, bool unpack_pivots=True) -> (Tensor P, Tensor L, Tensor U)",
    _lu_unpack,
    element_types=instances(
        "tril", "bool int reduced float complex", when=lambda LU, pivots, data, *rest: data
    ),
    nondifferentiable_outputs=("P",),
    method=False,
)


def _unpack_vjp(grad_L: Any, grad_U: Any, shape: Any) -> Any:
    rows, columns = shape[-2:]
    lower, upper = grad_L.tril(-1), grad_U.triu()
    if columns > rows:
        lower = _cat([lower, lower.new_zeros((*shape[:-1], columns - rows))], -1)
    if rows > columns:
        upper = _cat([upper, upper.new_zeros((*shape[:-2], rows - columns, columns))], -2)
    return lower + upper


lu_unpack.vjp(LU_data=lambda grad_L, grad_U, LU_data_shape: _unpack_vjp(grad_L, grad_U, LU_data_shape))


@composite("linalg_lu_factor(Tensor A, *, bool pivot=True) -> (Tensor LU, Tensor pivots)", module="linalg")
def linalg_lu_factor(A: Any, pivot: bool = True) -> Any:
    """The compact LU factorization with its row swaps. Raises RuntimeError where a pivot is zero."""
    LU, pivots, info = linalg_lu_factor_ex(A, pivot, False)
    checks.check_info(info, "torch.linalg.lu_factor", "lu_factor")
    return LU, pivots


@composite(
    "_lu_with_info(Tensor self, bool pivot=True, bool check_errors=True) -> (Tensor LU, Tensor pivots, Tensor info)",
    out=False,
    method=False,
)
def lu_with_info(self: Any, pivot: bool = True, check_errors: bool = True) -> Any:
    """The compact LU factorization, its row swaps and whether it succeeded."""
    return linalg_lu_factor_ex(self, pivot, False)


def lu(A: Any, pivot: bool = True, get_infos: bool = False, out: Any = None) -> Any:
    """The compact LU factorization: (LU, pivots), and info if asked for. Deprecated in torch for linalg.lu_factor."""
    from tinytorch._core.front import function_of

    warn_once(
        "torch.lu is deprecated in favor of torch.linalg.lu_factor / torch.linalg.lu_factor_ex and will be removed in a future PyTorch "
        "release.\nLU, pivots = torch.lu(A, compute_pivots)\nshould be replaced with\nLU, pivots = torch.linalg.lu_factor(A, "
        "compute_pivots)\nand\nLU, pivots, info = torch.lu(A, compute_pivots, get_infos=True)\nshould be replaced with\n"
        "LU, pivots, info = torch.linalg.lu_factor_ex(A, compute_pivots)"
    )
    result = function_of("_lu_with_info")(A, pivot=pivot, check_errors=not get_infos)
    if not get_infos:
        checks.check_info(result[2], "torch.linalg.lu_factor", "lu_factor")
        result = (result[0], result[1])
    if out is not None:
        for target, value in zip(out, result, strict=True):
            target.resize_(value.shape).copy_(value)
        return out
    return result


FUNCTIONS = {"lu": lu}
METHODS = {"lu": lambda self, pivot=True, get_infos=False: tuple(lu(self, pivot, get_infos))}


# Solving with a factorization ------------------------------------------------------------------------------------------


def _lu_solve(LU: np.ndarray, pivots: np.ndarray, B: np.ndarray, left: bool, adjoint: bool) -> np.ndarray:
    checks.square(LU, "torch.linalg.lu_solve")
    if not (pivots.ndim and B.ndim):
        raise IndexError("Dimension specified as -1 but tensor has no dimensions")
    checks.solvable(LU, B, left, "linalg.lu_solve")
    if LU.shape[-1] != pivots.shape[-1]:
        raise RuntimeError(
            "linalg.lu_solve: Number of pivots per batch should be same as the dimension of the matrix"
        )
    if LU.shape[:-1] != pivots.shape:
        raise RuntimeError(
            f"linalg.lu_solve: Expected LU.shape[:-1] and pivots.shape to be the same, but got pivots with shape {list(pivots.shape)} instead"
        )
    return kernels.lu_solve(LU, pivots, B, left, adjoint)


linalg_lu_solve = op(
    "linalg_lu_solve(Tensor LU, Tensor pivots, Tensor B, *, bool left=True, bool adjoint=False) -> Tensor",
    _lu_solve,
    element_types=(
        *checks.inexact_types("torch.linalg.lu_solve"),
        takes("int32", "linalg.lu_solve: pivots should be a Tensor of scalar type torch.int32", of="pivots"),
        alike(
            "LU",
            "B",
            "linalg.lu_solve: Expected LU and B to have the same dtype, but found LU of type {0} and B of type {1} instead",
        ),
        instances("linalg.lu_solve_cpu", "float complex"),
    ),
    module="linalg",
)


def _lu_solve_vjp_LU(grad: Any, LU: Any, pivots: Any, result: Any, left: bool, adjoint: bool) -> Any:
    """The cotangent of the factors: first that of A = P L U from the system, then L and U's by the product rule."""
    grad_B = linalg_lu_solve(LU, pivots, grad, left, not adjoint)
    X = result
    if left:
        grad_A = -(X.matmul(mH(grad_B)) if adjoint else grad_B.matmul(mH(X)))
    else:
        grad_A = -(mH(grad_B).matmul(X) if adjoint else mH(X).matmul(grad_B))
    P, L, U = lu_unpack(LU, pivots, True, True)
    swapped = P.transpose(-2, -1).matmul(grad_A)
    return swapped.matmul(mH(U)).tril(-1) + mH(L).matmul(swapped).triu()


linalg_lu_solve.vjp(
    LU=lambda grad, LU, pivots, result, left, adjoint: _lu_solve_vjp_LU(
        grad, LU, pivots, result, left, adjoint
    ),
    B=lambda grad, LU, pivots, left, adjoint: linalg_lu_solve(LU, pivots, grad, left, not adjoint),
)


@composite("lu_solve(Tensor self, Tensor LU_data, Tensor LU_pivots) -> Tensor")
def lu_solve(self: Any, LU_data: Any, LU_pivots: Any) -> Any:
    """The X with A X = self for a factorized A. Deprecated in torch for linalg.lu_solve."""
    warn_once(
        "torch.lu_solve is deprecated in favor of torch.linalg.lu_solveand will be removed in a future PyTorch release.\nNote that "
        "torch.linalg.lu_solve has its arguments reversed.\nX = torch.lu_solve(B, LU, pivots)\nshould be replaced with\n"
        "X = torch.linalg.lu_solve(LU, pivots, B)"
    )
    return linalg_lu_solve(LU_data, LU_pivots, self, True, False)


def _solve_ex(A: np.ndarray, B: np.ndarray, left: bool, check_errors: bool) -> kernels.Arrays:
    checks.inexact(A, "linalg.solve")
    checks.same_dtype(A, B, "linalg.solve")
    vector = checks.is_vector(A, B)
    if vector and not left:
        raise RuntimeError(
            "linalg.solve: Vector broadcasting of the left hand side is not supported for left=False. In this case linalg.solve is "
            "equivalent to B / A.squeeze(-1)"
        )
    right = B[..., None] if vector else B
    checks.square(A, "linalg.solve")
    checks.solvable(A, right, left, "linalg.solve")
    result, factored, pivots, info = kernels.solve_ex(A, right, left)
    if check_errors:
        checks.check_info(info, "torch.linalg.solve_ex", "solve")
    if vector:
        result = result[..., 0]
        result = kernels.column_major(result) if result.ndim > 1 else result.copy()
    return result, factored, pivots, info


solve_ex = op(
    "_linalg_solve_ex(Tensor A, Tensor B, *, bool left=True, bool check_errors=False) "
    "-> (Tensor result, Tensor LU, Tensor pivots, Tensor info)",
    _solve_ex,
    node="LinalgSolveExBackward0",
    nondifferentiable_outputs=("LU",),
    method=False,
)


def _solve_vjp_B(grad: Any, A: Any, LU: Any, pivots: Any, left: bool, vector: bool) -> Any:
    if modes.grad:
        return solve_ex(mH(A), grad, left, False)[0]
    return linalg_lu_solve(LU.detach(), pivots, grad.unsqueeze(-1) if vector else grad, left, True).reshape(
        grad.shape
    )


def _solve_vjp(
    grad_result: Any, A: Any, B_shape: Any, LU: Any, pivots: Any, result: Any, left: bool, needs: Any
) -> Any:
    vector = len(B_shape) == 1 or (A.dim() - 1 == len(B_shape) and tuple(B_shape) == tuple(A.shape[:-1]))
    grad_B = _solve_vjp_B(grad_result, A, LU, pivots, left, vector)
    found = {"B": grad_B}
    if "A" in needs:
        found["A"] = _outer_gradient(grad_B, result, left, vector)
    return found


def _outer_gradient(grad_B: Any, X: Any, left: bool, vector: bool) -> Any:
    if vector:
        grad_B, X = grad_B.unsqueeze(-1), X.unsqueeze(-1)
    return -(grad_B.matmul(mH(X)) if left else mH(X).matmul(grad_B))


solve_ex.vjp_all(_solve_vjp, "A", "B")


@composite(
    "linalg_solve_ex(Tensor A, Tensor B, *, bool left=True, bool check_errors=False) -> (Tensor result, Tensor info)",
    module="linalg",
)
def linalg_solve_ex(A: Any, B: Any, left: bool = True, check_errors: bool = False) -> Any:
    """The X with A X = B (or X A = B), and where that failed."""
    result, _, _, info = solve_ex(A, B, left, check_errors)
    return result, info


@composite("linalg_solve(Tensor A, Tensor B, *, bool left=True) -> Tensor", module="linalg")
def linalg_solve(A: Any, B: Any, left: bool = True) -> Any:
    """The X with A X = B (or X A = B). Raises LinAlgError for singular A."""
    result, _, _, info = solve_ex(A, B, left, False)
    checks.check_info(info, "torch.linalg.solve", "solve")
    return result


# Triangular systems ----------------------------------------------------------------------------------------------------


def _solve_triangular(
    A: np.ndarray, B: np.ndarray, upper: bool, left: bool, unitriangular: bool
) -> np.ndarray:
    checks.square(A, "linalg.solve_triangular")
    checks.solvable(A, B, left, "linalg.solve_triangular")
    return kernels.solve_triangular(A, B.astype(A.dtype, copy=False), upper, left, unitriangular)


solve_triangular = op(
    "linalg_solve_triangular(Tensor self, Tensor B, *, bool upper, bool left=True, bool unitriangular=False) -> Tensor",
    _solve_triangular,
    element_types=instances("triangular_solve_cpu", "unsigned reduced float complex"),
    module="linalg",
)


def _triangle(tensor: Any, upper: bool, unitriangular: bool) -> Any:
    return tensor.triu(int(unitriangular)) if upper else tensor.tril(-int(unitriangular))


def _triangular_vjp(
    grad: Any, self: Any, result: Any, upper: bool, left: bool, unitriangular: bool, needs: Any
) -> Any:
    grad_B = solve_triangular(mH(self), grad, not upper, left, unitriangular)
    found = {"B": grad_B}
    if "self" in needs:
        grad_A = -(grad_B.matmul(mH(result)) if left else mH(result).matmul(grad_B))
        found["self"] = _triangle(grad_A, upper, unitriangular)
    return found


solve_triangular.vjp_all(_triangular_vjp)


def _legacy_triangular(
    B: np.ndarray, A: np.ndarray, upper: bool, transpose: bool, unitriangular: bool
) -> kernels.Arrays:
    warn_once(
        "torch.triangular_solve is deprecated in favor of torch.linalg.solve_triangularand will be removed in a future PyTorch release.\n"
        "torch.linalg.solve_triangular has its arguments reversed and does not return a copy of one of the inputs.\n"
        "X = torch.triangular_solve(B, A).solution\nshould be replaced with\nX = torch.linalg.solve_triangular(A, B)."
    )
    for name, tensor in (("b", B), ("A", A)):
        if tensor.ndim < 2:
            raise RuntimeError(
                f"torch.triangular_solve: Expected {name} to have at least 2 dimensions, but it has {tensor.ndim} dimensions instead"
            )
    if A.shape[-2] != A.shape[-1]:
        raise RuntimeError(
            f"A must be batches of square matrices, but they are {A.shape[-2]} by {A.shape[-1]} matrices"
        )
    checks.older_solvable(A, B, "triangular_solve")
    checks.solvable(A, B, True, "triangular_solve")
    checks.square(A, "triangular_solve")
    batch = np.broadcast_shapes(A.shape[:-2], B.shape[:-2])
    coefficient = kernels.column_major(np.broadcast_to(A, (*batch, *A.shape[-2:])))
    matrices, triangle = (A.swapaxes(-1, -2), not upper) if transpose else (A, upper)
    return kernels.solve_triangular(matrices, B, triangle, True, unitriangular), coefficient


triangular_solve = op(
    "triangular_solve(Tensor self, Tensor A, bool upper=True, bool transpose=False, bool unitriangular=False) "
    "-> (Tensor solution, Tensor cloned_coefficient)",
    _legacy_triangular,
    element_types=checks.system_types("self", "A"),
)


def _legacy_triangular_vjp(
    grad_solution: Any,
    grad_cloned_coefficient: Any,
    self: Any,
    A: Any,
    solution: Any,
    upper: bool,
    transpose: bool,
    unitriangular: bool,
) -> Any:
    matrix = (A.conj() if A.dtype.is_complex else A) if transpose else mH(A)
    grad_B = solve_triangular(matrix, grad_solution, upper == transpose, True, unitriangular)
    if transpose:
        grad_A = -(solution.conj() if solution.dtype.is_complex else solution).matmul(
            grad_B.transpose(-2, -1)
        )
    else:
        grad_A = -grad_B.matmul(mH(solution))
    return {"self": grad_B, "A": _triangle(grad_A, upper, unitriangular) + grad_cloned_coefficient}


triangular_solve.vjp_all(_legacy_triangular_vjp)
