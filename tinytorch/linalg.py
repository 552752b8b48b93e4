"""torch.linalg: linear algebra, looked up among the declared operators when first asked for."""

from __future__ import annotations

from typing import Any

from ._kernels.linalg import LinAlgError  # noqa: F401  (offered by __all__)

_NAMES = """
    LinAlgError cholesky cholesky_ex cond cross det diagonal eig eigh eigvals eigvalsh
    householder_product inv inv_ex ldl_factor ldl_factor_ex ldl_solve lstsq lu lu_factor
    lu_factor_ex lu_solve matmul matrix_exp matrix_norm matrix_power matrix_rank multi_dot norm pinv
    qr slogdet solve solve_ex solve_triangular svd svdvals tensorinv tensorsolve vander vecdot
    vector_norm
"""
__all__ = list(_NAMES.split())


def __getattr__(name: str) -> Any:
    if name in __all__:
        from ._core.front import function_of

        found = function_of(name, "linalg")
    else:
        found = None
    if found is None:
        raise AttributeError(f"module 'torch.linalg' has no attribute '{name}' (tinytorch lacks it)")
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
