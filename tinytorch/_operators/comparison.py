"""Comparisons, and the larger and smaller of two."""

from __future__ import annotations

import numpy as np

from .._core.declare import find, pointwise
from . import _checks
from ._shared import masked, renamed

maximum = pointwise(
    "maximum(Tensor self, Tensor other) -> Tensor",
    np.maximum,
    inplace=False,
    check=_checks.no_complex("maximum"),
)
maximum.vjp(
    self=lambda grad, self, other: masked(self == other, grad / 2, grad).masked_fill(self < other, 0),
    other=lambda grad, self, other: masked(self == other, grad / 2, grad).masked_fill(self > other, 0),
)
minimum = pointwise(
    "minimum(Tensor self, Tensor other) -> Tensor",
    np.minimum,
    inplace=False,
    check=_checks.no_complex("minimum"),
)
minimum.vjp(
    self=lambda grad, self, other: masked(self == other, grad / 2, grad).masked_fill(self > other, 0),
    other=lambda grad, self, other: masked(self == other, grad / 2, grad).masked_fill(self < other, 0),
)
fmax = pointwise(
    "fmax(Tensor self, Tensor other) -> Tensor", np.fmax, inplace=False, check=_checks.no_complex("fmax")
)
fmax.vjp(
    self=lambda grad, self, other: grad.masked_fill(
        (self >= other).logical_or(other.isnan()).logical_not(), 0
    ),
    other=lambda grad, self, other: grad.masked_fill((self >= other).logical_or(other.isnan()), 0),
)
fmin = pointwise(
    "fmin(Tensor self, Tensor other) -> Tensor", np.fmin, inplace=False, check=_checks.no_complex("fmin")
)
fmin.vjp(
    self=lambda grad, self, other: grad.masked_fill(
        (self <= other).logical_or(other.isnan()).logical_not(), 0
    ),
    other=lambda grad, self, other: grad.masked_fill((self <= other).logical_or(other.isnan()), 0),
)


def _zeros(grad):
    return grad.new_zeros(grad.shape)


#: Truth values have no history; what they overwrite has one, along which zeros go back.
_IN_PLACE = {"Scalar": {"self": _zeros}, "Tensor": {"self": _zeros, "other": _zeros}}
for _name, _function in (
    ("eq", np.equal),
    ("ne", np.not_equal),
    ("lt", np.less),
    ("le", np.less_equal),
    ("gt", np.greater),
    ("ge", np.greater_equal),
):
    _check = _checks.no_complex(_name) if _name not in ("eq", "ne") else None
    for _number, (_overload, _formulas) in enumerate(_IN_PLACE.items()):
        _type = _overload
        pointwise(
            f"{_name}.{_overload}(Tensor self, {_type} other) -> Tensor",
            _function,
            result="bool",
            nondifferentiable=True,
            node=f"{_name.title()}Backward{_number}",
            check=_check,
            **({"infix": f"__{_name}__"} if _overload == "Tensor" else {}),
        ).vjp(**_formulas)
for _long, _short in (
    ("greater", "gt"),
    ("greater_equal", "ge"),
    ("less", "lt"),
    ("less_equal", "le"),
    ("not_equal", "ne"),
):
    renamed(f"{_long}.Scalar", find(_short, "Scalar"), "(Tensor self, Scalar other) -> Tensor")
    renamed(f"{_long}.Tensor", find(_short, "Tensor"), "(Tensor self, Tensor other) -> Tensor")
