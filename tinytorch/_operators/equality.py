"""Whether tensors agree: exactly, or within tolerances."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._core import dtypes
from .._core.declare import composite, op
from .._core.promotion import SCALAR_TYPE_NAMES, result_type_of


@op("equal(Tensor self, Tensor other) -> bool", out=False, nondifferentiable=True)
def equal(self: np.ndarray, other: np.ndarray) -> bool:
    """Same shape and equal elements; nan equals nothing."""
    if self.dtype != other.dtype:
        common = result_type_of([(dtypes.from_numpy(array.dtype), "dim") for array in (self, other)])._numpy
        self, other = self.astype(common), other.astype(common)
    return self.shape == other.shape and bool(np.array_equal(self, other))


@composite(
    "isclose(Tensor self, Tensor other, float rtol=1.0000000000000001e-05, float atol=1e-08, bool equal_nan=False) -> Tensor",
    out=False,
)
def isclose(self: Any, other: Any, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> Any:
    """|self - other| <= atol + rtol * |other|, element by element; infinities are close to themselves only."""
    if self.dtype is not other.dtype:
        raise RuntimeError(f"{SCALAR_TYPE_NAMES[self.dtype]} did not match {SCALAR_TYPE_NAMES[other.dtype]}")
    if rtol < 0:
        raise RuntimeError(f"rtol must be greater than or equal to zero, but got {rtol:g}")
    if atol < 0:
        raise RuntimeError(f"atol must be greater than or equal to zero, but got {atol:g}")
    close = self == other
    inexact = self.dtype._category in ("float", "complex")
    if equal_nan and inexact:
        close = close | (self.isnan() & other.isnan())
    if not rtol and not atol:
        return close
    if inexact:
        left, right = self, other
    else:
        from .._core.dtypes import defaults

        left, right = self.to(defaults.dtype), other.to(defaults.dtype)
    allowed = atol + (rtol * right).abs()
    distance = (left - right).abs()
    return close | (distance.isfinite() & (distance <= allowed))


@composite(
    "allclose(Tensor self, Tensor other, float rtol=1.0000000000000001e-05, float atol=1e-08, bool equal_nan=False) -> bool",
    out=False,
)
def allclose(
    self: Any, other: Any, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False
) -> bool:
    """Whether `isclose` holds everywhere."""
    return bool(isclose.kernel(self, other, rtol, atol, equal_nan).all().item())
