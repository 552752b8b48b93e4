"""torch.sparse: products, sums and softmax of sparse tensors in coordinate format. Other formats are absent."""

from __future__ import annotations

from typing import Any

from .._core.tensor import Tensor  # noqa: F401  (torch has it here)
from .._legacy_sparse import TYPES as _TYPES
from .._operators import _sparse_coo_functions as _functions
from .._operators._sparse_diagonals import spdiags as _spdiags
from .._sparse import check_sparse_tensor_invariants

__all__ = ["addmm", "check_sparse_tensor_invariants", "log_softmax", "mm", "softmax", "spdiags", "sum"]


def mm(mat1: Any, mat2: Any, reduce: str | None = None) -> Any:
    """The product of matrices (n, m) and (m, k) of which one is sparse: strided; of two sparse ones: sparse.

    Gradients flow to the strided operand and to the values of the sparse one.
    """
    return _functions.mm(mat1, mat2, reduce)


def addmm(mat: Any, mat1: Any, mat2: Any, *, beta: float = 1.0, alpha: float = 1.0) -> Any:
    """beta · mat + alpha · mat1 mat2 for a sparse mat1."""
    return _functions.addmm(mat, mat1, mat2, beta=beta, alpha=alpha)


def sum(input: Any, dim: Any = None, dtype: Any = None) -> Any:
    """The sum of all elements, or over some dimensions (sparse, unless no sparse dimension is left)."""
    return _functions.sum(input, dim, False, dtype)


def softmax(input: Any, dim: int, *, dtype: Any = None) -> Any:
    """Softmax along a dimension; elements without a value count as minus infinity."""
    return _functions.softmax(input, dim, dtype)


def log_softmax(input: Any, dim: int, *, dtype: Any = None) -> Any:
    """The logarithm of `softmax`."""
    return _functions.log_softmax(input, dim, dtype)


def spdiags(diagonals: Any, offsets: Any, shape: Any, layout: Any = None) -> Any:
    """The sparse matrix (n, m) whose diagonals are rows of `diagonals`: column j of the one with offset k is at (j - k, j).

    Raises RuntimeError for offsets that are not int64, not one per diagonal, or not different from each other.
    """
    return _spdiags(diagonals, offsets, tuple(shape), layout)


globals().update(_TYPES)
