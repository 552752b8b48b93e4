"""What linear algebra asks of its arguments, with torch's texts."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinytorch._core.element_types import Rule, alike, takes
from tinytorch._kernels.linalg import LinAlgError
from tinytorch._kernels.scalar_types import scalar_type_name


def dtype_name(tensor: Any) -> str:
    """The scalar type's name in error texts ("Float") of a tensor or an array."""
    return scalar_type_name(tensor.dtype if isinstance(tensor, np.ndarray) else tensor.dtype._numpy)


def _kind(tensor: Any) -> tuple[bool, bool]:
    """(floating or complex, 16 bits wide)."""
    dtype = tensor.dtype if isinstance(tensor, np.ndarray) else tensor.dtype._numpy
    low = dtype.itemsize == 2 and dtype.name in ("float16", "bfloat16")
    return low or dtype.kind in "fc", low


def matrix(tensor: Any, function: str, name: str = "A") -> None:
    """At least two dimensions."""
    if tensor.ndim < 2:
        raise RuntimeError(f"{function}: The input tensor {name} must have at least 2 dimensions.")


def at_least_matrix(tensor: Any, function: str) -> None:
    """The same in the words of the LU factorization."""
    if tensor.ndim < 2:
        raise RuntimeError(
            f"{function}: Expected tensor with 2 or more dimensions. Got size: {list(tensor.shape)} instead"
        )


def square(tensor: Any, function: str, name: str = "A") -> None:
    """A batch of square matrices."""
    matrix(tensor, function, name)
    rows, columns = tensor.shape[-2:]
    if rows != columns:
        raise RuntimeError(
            f"{function}: {name} must be batches of square matrices, but they are {rows} by {columns} matrices"
        )


def inexact(tensor: Any, function: str, low: bool = True) -> None:
    """Floating point or complex; 16-bit types only where `low`."""
    good, narrow = _kind(tensor)
    if not good:
        raise RuntimeError(
            f"{function}: Expected a floating point or complex tensor as input. Got {dtype_name(tensor)}"
        )
    if narrow and not low:
        raise RuntimeError(f"{function}: Low precision dtypes not supported. Got {dtype_name(tensor)}")


def inexact_types(function: str, of: str = "", low: bool = True) -> tuple[Rule, ...]:
    """What `inexact` asks, as rules of a declaration."""
    kinds = takes(
        "reduced float complex",
        f"{function}: Expected a floating point or complex tensor as input. Got {{0}}",
        of,
    )
    narrow = takes(
        "bool int unsigned float complex", f"{function}: Low precision dtypes not supported. Got {{0}}", of
    )
    return (kinds,) if low else (kinds, narrow)


def system_types(b: str, A: str) -> Rule:
    """The right-hand sides and the matrices of older solvers are of one type."""
    return alike(
        b,
        A,
        "Expected b and A to have the same dtype, but found b of type {0} and A of type {1} instead.",
    )


#: Where a tolerance is derived from the type's precision.
KNOWN_PRECISION = "This function doesn't handle types other than float and double"


def same_dtype(A: Any, B: Any, function: str, names: tuple[str, str] = ("A", "B")) -> None:
    """Both of one type."""
    if A.dtype != B.dtype:
        raise RuntimeError(
            f"{function}: Expected {names[0]} and {names[1]} to have the same dtype, but found {names[0]} of type {dtype_name(A)} and "
            f"{names[1]} of type {dtype_name(B)} instead"
        )


def is_vector(A: Any, B: Any) -> bool:
    """Whether B holds vectors for the matrices A rather than matrices."""
    return B.ndim == 1 or (A.ndim - 1 == B.ndim and tuple(B.shape) == tuple(A.shape[:-1]))


def solvable(A: Any, B: Any, left: bool, function: str) -> None:
    """Shapes that fit A X = B, or X A = B."""
    matrix(A, function)
    matrix(B, function, "B")
    rows, columns = A.shape[-2:]
    if (rows != B.shape[-2]) if left else (columns != B.shape[-1]):
        equation = "AX = B" if left else "XA = B"
        raise RuntimeError(
            f"{function}: Incompatible shapes of A and B for the equation {equation} ({rows}x{columns} and {B.shape[-2]}x{B.shape[-1]})"
        )


def older_solvable(A: Any, B: Any, function: str) -> None:
    """What the older solvers say of A X = B."""
    if A.ndim > 1 and B.ndim > 1 and A.shape[-2] == A.shape[-1] != B.shape[-2]:
        size = A.shape[-1]
        raise RuntimeError(
            f"Incompatible matrix sizes for {function}: each A matrix is {size} by {size} but each b matrix is {B.shape[-2]} by {B.shape[-1]}"
        )


_REASONS = {
    "inv": "The diagonal element {0} is zero, the inversion could not be completed because the input matrix is singular.",
    "solve": "The solver failed because the input matrix is singular.",
    "cholesky": (
        "The factorization could not be completed because the input is not positive-definite (the leading minor of order {0} is not "
        "positive-definite)."
    ),
    "lu_factor": (
        "U[{0},{0}] is zero and using it on lu_solve would result in a division by zero. If you still want to perform the factorization, "
        "consider calling linalg.lu(A, pivot) or linalg.lu_factor_ex(A, pivot)"
    ),
    "ldl": "The matrix is singular (D[{0},{0}] is zero).",
}


def check_info(info: Any, function: str, reason: str) -> None:
    """Raise for the first matrix whose `info` (a tensor or an array) is not zero."""
    while not isinstance(info, np.ndarray) and info._key._special not in (None, "strided", "meta"):
        info = info._key.parts()[0]  # under vmap: the whole batch
    codes = info if isinstance(info, np.ndarray) else info._array
    if not codes.any():
        return
    flat = codes.reshape(-1)
    where = int(np.nonzero(flat)[0][0])
    element = f"(Batch element {where}): " if codes.ndim else ""
    kind = RuntimeError if reason == "lu_factor" else LinAlgError
    raise kind(f"{function}: {element}{_REASONS[reason].format(int(flat[where]))}")
