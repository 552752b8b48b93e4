"""Conjugates and transposes that cost nothing on real tensors, for derivative formulas."""

from __future__ import annotations

from typing import Any

from tinytorch._core.declare import find


def conj(tensor: Any) -> Any:
    """The complex conjugate; a real tensor itself."""
    return tensor.conj() if tensor.dtype.is_complex else tensor


def adjoint(matrix: Any) -> Any:
    """The conjugate transpose of a 2-D tensor."""
    return matrix.t().conj() if matrix.dtype.is_complex else matrix.t()


def batch_adjoint(matrices: Any) -> Any:
    """The conjugate transpose of each matrix of a 3-D tensor."""
    turned = matrices.transpose(1, 2)
    return turned.conj() if turned.dtype.is_complex else turned


def flat(grad: Any, self_shape: Any) -> Any:
    """The cotangent of an argument that only chooses: zeros of its shape."""
    return grad.new_zeros(self_shape)


def scaled(tensor: Any, factor: Any) -> Any:
    """The tensor times the conjugate of a Python number; itself for 1."""
    return tensor if factor == 1 else tensor * factor.conjugate()


def plus(tensor: Any, number: float, alpha: float = 1) -> Any:
    """tensor + number, in one place: torch's C++ composites record AddBackward1 here."""
    return find("add", "Scalar").call(tensor, number, alpha)


def minus(tensor: Any, number: float, alpha: float = 1) -> Any:
    """tensor - number, in one place: torch's C++ composites record SubBackward1 here."""
    return find("sub", "Scalar").call(tensor, number, alpha)
