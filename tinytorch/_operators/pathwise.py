"""Derivatives of random numbers by the parameters of their distribution."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._core.declare import op
from .._core.layout import broadcast_shapes
from .._core.sampling import refuse, scalar_name
from .._kernels import pathwise as kernels


def _alike(name: str, *arrays: np.ndarray) -> list[np.ndarray]:
    """Arrays of one floating dtype, broadcast. Raises torch's errors for other dtypes."""
    dtype = arrays[0].dtype
    for array in arrays[1:]:
        if array.dtype != dtype:
            raise RuntimeError(f"Found dtype {scalar_name(array.dtype)} but expected {scalar_name(dtype)}")
    if dtype not in (np.float32, np.float64):
        refuse(f"{name}_cpu", dtype)
    shape = broadcast_shapes(*[array.shape for array in arrays])
    return [np.broadcast_to(array, shape) for array in arrays]


def _no_derivative(grad: Any) -> Any:
    raise NotImplementedError("the derivative for '_standard_gamma_grad' is not implemented.")


@op("_standard_gamma_grad(Tensor self, Tensor output) -> Tensor", method=False)
def _standard_gamma_grad(self: np.ndarray, output: np.ndarray) -> np.ndarray:
    """The derivatives of gamma numbers `output` by their shape parameters `self`, which broadcast."""
    alpha, x = _alike("_standard_gamma_grad", self, output)
    return kernels.standard_gamma_grad(alpha.astype(np.float64), x.astype(np.float64)).astype(self.dtype)


_standard_gamma_grad.vjp(self=_no_derivative, output=_no_derivative)


def _no_dirichlet_derivative(grad: Any) -> Any:
    raise RuntimeError("derivative for aten::_dirichlet_grad is not implemented")


@op("_dirichlet_grad(Tensor x, Tensor alpha, Tensor total) -> Tensor", node="NotImplemented", method=False)
def _dirichlet_grad(x: np.ndarray, alpha: np.ndarray, total: np.ndarray) -> np.ndarray:
    """The derivatives of Dirichlet numbers x by their concentrations alpha, over 1 - x; `total` is the sum of all concentrations."""
    return kernels.dirichlet_grad(*_alike("_dirichlet_grad", x, alpha, total)).astype(x.dtype)


_dirichlet_grad.vjp(
    x=_no_dirichlet_derivative, alpha=_no_dirichlet_derivative, total=_no_dirichlet_derivative
)
