"""Functions that torch removed, with what it says instead of running them, and deprecated methods that still run."""

from __future__ import annotations

import math
import warnings
from typing import Any

_REMOVED = "This function was deprecated since version 1.9 and is now removed."

_EIG = (
    f"{_REMOVED} `torch.linalg.eig` returns complex tensors of dtype `cfloat` or `cdouble` rather than real tensors mimicking complex "
    "tensors.\n\nL, _ = torch.eig(A) should be replaced with:\nL_complex = torch.linalg.eigvals(A)\n\nand\n\n"
    "L, V = torch.eig(A, eigenvectors=True) should be replaced with:\nL_complex, V_complex = torch.linalg.eig(A)"
)
_LSTSQ = (
    f"{_REMOVED} `torch.lstsq` is deprecated in favor of `torch.linalg.lstsq`.\n`torch.linalg.lstsq` has reversed arguments and does "
    "not return the QR decomposition in the returned tuple (although it returns other information about the problem).\n\nTo get the QR "
    "decomposition consider using `torch.linalg.qr`.\n\nThe returned solution in `torch.lstsq` stored the residuals of the solution in "
    "the last m - n columns of the returned value whenever m > n. In torch.linalg.lstsq, the residuals are in the field 'residuals' of "
    "the returned named tuple.\n\nThe unpacking of the solution, as in\nX, _ = torch.lstsq(B, A).solution[:A.size(1)]\nshould be "
    "replaced with:\nX = torch.linalg.lstsq(A, B).solution"
)
_MATRIX_RANK = (
    f"{_REMOVED}\nPlease use the `torch.linalg.matrix_rank` function instead. The parameter 'symmetric' was renamed in "
    "`torch.linalg.matrix_rank()` to 'hermitian'."
)
_SOLVE = (
    f"{_REMOVED} `torch.solve` is deprecated in favor of `torch.linalg.solve`. `torch.linalg.solve` has its arguments reversed and does "
    "not return the LU factorization.\n\nTo get the LU factorization see `torch.lu`, which can be used with `torch.lu_solve` or "
    "`torch.lu_unpack`.\nX = torch.solve(B, A).solution should be replaced with:\nX = torch.linalg.solve(A, B)"
)
_SYMEIG = (
    f"{_REMOVED} The default behavior has changed from using the upper triangular portion of the matrix by default to using the lower "
    "triangular portion.\n\nL, _ = torch.symeig(A, upper=upper) should be replaced with:\nL = torch.linalg.eigvalsh(A, UPLO='U' if "
    "upper else 'L')\n\nand\n\nL, V = torch.symeig(A, eigenvectors=True) should be replaced with:\nL, V = torch.linalg.eigh(A, UPLO='U' "
    "if upper else 'L')"
)


def eig(self: Any, eigenvectors: bool = False, *, e: Any = None, v: Any = None) -> Any:
    """Removed in torch 1.9: raises RuntimeError. Use `torch.linalg.eig`."""
    raise RuntimeError(_EIG)


def lstsq(input: Any, A: Any, *, out: Any = None) -> Any:
    """Removed in torch 1.9: raises RuntimeError. Use `torch.linalg.lstsq`."""
    raise RuntimeError(_LSTSQ)


def matrix_rank(input: Any, tol: Any = None, symmetric: bool = False, *, out: Any = None) -> Any:
    """Removed in torch 1.9: raises RuntimeError. Use `torch.linalg.matrix_rank`."""
    raise RuntimeError(_MATRIX_RANK)


def solve(input: Any, A: Any, *, out: Any = None) -> Any:
    """Removed in torch 1.9: raises RuntimeError. Use `torch.linalg.solve`."""
    raise RuntimeError(_SOLVE)


def symeig(input: Any, eigenvectors: bool = False, upper: bool = True, *, out: Any = None) -> Any:
    """Removed in torch 1.9: raises RuntimeError. Use `torch.linalg.eigh`."""
    raise RuntimeError(_SYMEIG)


def _eig_method(self: Any, eigenvectors: bool = False) -> Any:
    """Removed in torch 1.9: raises RuntimeError. Use `torch.linalg.eig`."""
    raise RuntimeError(_EIG)


def _lstsq_method(self: Any, other: Any) -> Any:
    """Removed in torch 1.9: raises RuntimeError. Use `torch.linalg.lstsq`."""
    raise RuntimeError(_LSTSQ)


def _solve_method(self: Any, other: Any) -> Any:
    """Removed in torch 1.9: raises RuntimeError. Use `torch.linalg.solve`."""
    raise RuntimeError(_SOLVE)


def _symeig_method(self: Any, eigenvectors: bool = False) -> Any:
    """Removed in torch 1.9: raises RuntimeError. Use `torch.linalg.eigh`."""
    raise RuntimeError(_SYMEIG)


def _resized(self: Any, sizes: tuple[Any, ...]) -> Any:
    count = self.numel()
    fits = all(isinstance(size, int) for size in sizes) and math.prod(sizes) == count
    if not fits:
        asked = "x".join(map(str, sizes))
        wanted = math.prod(sizes) if len(sizes) != 1 else sizes[0]
        raise RuntimeError(
            f"requested resize to {asked} ({wanted} elements in total), but the given tensor has a size of "
            f"{'x'.join(map(str, self.size()))} ({count} elements). autograd's resize can only change the shape of a given tensor, while "
            "preserving the number of elements. "
        )
    return self.contiguous().view(sizes)


def resize(self: Any, *sizes: Any) -> Any:
    """The tensor in another shape of as many elements. Deprecated in torch: use `view`."""
    warnings.warn("non-inplace resize is deprecated", stacklevel=2)
    return _resized(self, sizes)


def resize_as(self: Any, tensor: Any) -> Any:
    """The tensor in the shape of another of as many elements. Deprecated in torch: use `view_as`."""
    warnings.warn("non-inplace resize_as is deprecated", stacklevel=2)
    return _resized(self, tuple(tensor.size()))


FUNCTIONS = {"eig": eig, "lstsq": lstsq, "matrix_rank": matrix_rank, "solve": solve, "symeig": symeig}
METHODS = {
    "eig": _eig_method,
    "lstsq": _lstsq_method,
    "solve": _solve_method,
    "symeig": _symeig_method,
    "resize": resize,
    "resize_as": resize_as,
}
