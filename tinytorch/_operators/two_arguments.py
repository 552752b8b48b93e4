"""Functions of two real numbers: angles, lengths, logarithms of sums, signs of one on the other."""

from __future__ import annotations

import numpy as np

from .._core.declare import pointwise
from .._core.element_types import instances
from .._kernels import arithmetic as kernels
from . import _checks
from ._shared import conj, masked, renamed

atan2 = pointwise(
    "atan2(Tensor self, Tensor other) -> Tensor",
    np.arctan2,
    result="float",
    element_types=instances("atan2_cpu", "bool int unsigned reduced float"),
)


def _inverse_square(self, other):
    """1 / (self^2 + other^2), and zero at the origin, where torch lets the angle stand still."""
    square = self * self + other * other
    return square.reciprocal().masked_fill(square == 0, 0)


atan2.vjp(
    self=lambda grad, self, other: grad * other * _inverse_square(self, other),
    other=lambda grad, self, other: grad * -self * _inverse_square(self, other),
)
hypot = pointwise(
    "hypot(Tensor self, Tensor other) -> Tensor",
    np.hypot,
    element_types=instances("hypot_cpu", "reduced float"),
)
hypot.vjp(
    self=lambda grad, self, result: grad * (self / result),
    other=lambda grad, other, result: grad * (other / result),
)
logaddexp = pointwise(
    "logaddexp(Tensor self, Tensor other) -> Tensor",
    kernels.logaddexp,
    inplace=False,
    element_types=instances("logaddexp_cpu", "reduced float complex"),
)
logaddexp.vjp(
    self=lambda grad, self, other: grad / conj(1 + (other - self).exp()),
    other=lambda grad, self, other: grad / conj(1 + (self - other).exp()),
)
logaddexp2 = pointwise(
    "logaddexp2(Tensor self, Tensor other) -> Tensor",
    np.logaddexp2,
    inplace=False,
    element_types=instances("logaddexp2_cpu", "reduced float"),
)
logaddexp2.vjp(
    self=lambda grad, self, other: grad / (1 + 2 ** (other - self)),
    other=lambda grad, self, other: grad / (1 + 2 ** (self - other)),
)
copysign = pointwise(
    "copysign.Tensor(Tensor self, Tensor other) -> Tensor",
    np.copysign,
    result="float",
    node="CopysignBackward0",
    element_types=instances("copysign_cpu", "bool int unsigned reduced float"),
)


def _keeps_sign(grad, self, result):
    """±grad as the sign was kept or not, zero at zero; nan where a number divided by itself is."""
    return grad * (result / self).masked_fill(self == 0, 0)


copysign.vjp(
    self=_keeps_sign,
    other=lambda grad, other_shape: grad.new_zeros(other_shape),
)
copysign_scalar = pointwise(
    "copysign.Scalar(Tensor self, Scalar other) -> Tensor", kernels.copysign_number, result="float", node="CopysignBackward1",
    element_types=instances("copysign_cpu", "bool int unsigned reduced float"),
)  # fmt: skip
copysign_scalar.vjp(self=_keeps_sign)
nextafter = pointwise(
    "nextafter(Tensor self, Tensor other) -> Tensor",
    np.nextafter,
    upcast=False,
    element_types=instances("nextafter_cpu", "reduced float"),
)
nextafter.vjp(
    self=lambda grad, self, other: grad.masked_fill(self == other, 0),
    other=lambda grad: grad.new_zeros(grad.shape),
)
heaviside = pointwise(
    "heaviside(Tensor self, Tensor values) -> Tensor",
    kernels.heaviside,
    upcast=False,
    check=_checks.check_heaviside,
    underivable=True,
)
xlogy = pointwise(
    "xlogy.Tensor(Tensor self, Tensor other) -> Tensor",
    kernels.xlogy,
    result="float",
    element_types=instances("xlogy_cpu", "reduced float"),
)
xlogy.vjp(
    self=lambda grad, self, other: grad * masked((self == 0) & (other <= 0), grad.new_zeros(()), other.log()),
    other=lambda grad, self, other: grad * self / other,
)

xlogy_number = pointwise(
    "xlogy.Scalar_Self(Scalar self, Tensor other) -> Tensor", kernels.xlogy_number, result="float", promote=("self", "other"), element_types=instances("xlogy_cpu", "reduced float"),
    node="XlogyBackward1", method=False, inplace=False,
)  # fmt: skip
xlogy_number.vjp(other=lambda grad, self, other: grad * self / other)
xlogy_of_number = pointwise(
    "xlogy.Scalar_Other(Tensor self, Scalar other) -> Tensor",
    kernels.xlogy_number,
    result="float",
    node="XlogyBackward2",
    element_types=instances("xlogy_cpu", "reduced float"),
)
xlogy_of_number.vjp(self=lambda grad, self, other: _xlogy_slope(grad, self, other))


def _xlogy_slope(grad, self, other):
    import math

    logarithm = math.log(other) if other > 0 else float("-inf") if other == 0 else float("nan")
    return masked(self == 0, grad.new_zeros(()), grad * logarithm) if other <= 0 else grad * logarithm


renamed("arctan2", atan2, "(Tensor self, Tensor other) -> Tensor")
