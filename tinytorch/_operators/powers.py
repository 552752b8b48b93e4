"""Powers, with numbers on either side."""

from __future__ import annotations

from .._core.declare import composite, pointwise
from .._core.dispatch import legacy_name
from .._core.element_types import instances
from .._core.modes import modes
from .._core.tensor import Tensor
from .._kernels import arithmetic as kernels
from . import _checks
from ._shared import conj, masked
from .arithmetic import mul_scalar

pow_tensor = pointwise(
    "pow.Tensor_Tensor(Tensor self, Tensor exponent) -> Tensor",
    kernels.power,
    element_types=instances("pow", "int unsigned reduced float complex"),
    node="PowBackward1",
    check=_checks.check_power,
)
pow_tensor.vjp(
    self=lambda grad, self, exponent: _power_base(grad, self, exponent),
    exponent=lambda grad, self, exponent, result: _power_exponent(grad, self, exponent, result),
)
pow_scalar = pointwise(
    "pow.Tensor_Scalar(Tensor self, Scalar exponent) -> Tensor",
    kernels.power,
    node="PowBackward0",
    check=_checks.check_power,
)
pow_scalar.vjp(self=lambda grad, self, exponent: _power_scalar(grad, self, exponent))
pow_reflected = pointwise(
    "pow.Scalar(Scalar self, Tensor exponent) -> Tensor", kernels.power, promote=("self", "exponent"), node="PowBackward2", memory="rows", method=False, inplace=False,
    check=_checks.check_power, element_types=instances("pow", "int unsigned reduced float complex"),
)  # fmt: skip
pow_reflected.vjp(exponent=lambda grad, self, exponent, result: _power_number(grad, self, exponent, result))


def _power_scalar(grad, self, exponent):
    if exponent == 0:
        return grad.new_zeros(self.shape)
    # the first power is the base itself, which a graph of the gradient shows as a power all the same
    factor = self if exponent == 2 and not modes.grad else self.pow(exponent - 1)
    return grad * conj(mul_scalar(factor, exponent))


def _power_base(grad, self, exponent):
    return masked(exponent == 0, grad.new_zeros(()), grad * conj(exponent * self.pow(exponent - 1)))


def _power_exponent(grad, self, exponent, result):
    # d(self ** e)/de = result * log(self), but 0 where self is 0 and e is not negative: log would give nan there.
    condition = (
        ((self == 0) & (exponent >= 0)) if not exponent.is_complex() else (self == 0) & (exponent.real >= 0)
    )
    return grad * masked(condition, result.new_zeros(()), conj(result * self.log()))


def _power_number(grad, self, exponent, result):
    import cmath
    import math

    if self == 0:
        condition = exponent.real >= 0 if exponent.is_complex() else exponent >= 0
        return grad * masked(condition, result.new_zeros(()), conj(result * float("-inf")))
    logarithm = cmath.log(self) if isinstance(self, complex) else math.log(self) if self > 0 else float("nan")
    return grad * conj(result * logarithm)


def _float_power_out(targets, args):
    wide = _wide(*args)
    if targets[0].dtype is not wide:
        raise RuntimeError(
            f"the output given to float_power has dtype {legacy_name(targets[0].dtype)} but the operation's result requires dtype {legacy_name(wide)}"
        )


def _float_power_inplace(self, exponent):
    wide = _wide(self, exponent)
    if self.dtype is not wide:
        raise RuntimeError(
            f"the base given to float_power_ has dtype {legacy_name(self.dtype)} but the operation's result requires dtype {legacy_name(wide)}"
        )
    if isinstance(exponent, Tensor):
        return pow_tensor.inplace(self, exponent.to(wide))
    return pow_scalar.inplace(self, exponent)


_POWER = {"inplace": True, "inplace_rule": _float_power_inplace, "out_check": _float_power_out}


@composite("float_power.Tensor_Tensor(Tensor self, Tensor exponent) -> Tensor", **_POWER)
def float_power(self, exponent):
    """Powers in double precision."""
    wide = _wide(self, exponent)
    return pow_tensor.call(self.to(wide), exponent.to(wide))


@composite(
    "float_power.Scalar(Scalar self, Tensor exponent) -> Tensor", method=False, out_check=_float_power_out
)
def float_power_number(self, exponent):
    """Powers in double precision."""
    return pow_reflected.call(self, exponent.to(_wide(self, exponent)))


@composite("float_power.Tensor_Scalar(Tensor self, Scalar exponent) -> Tensor", **_POWER)
def float_power_scalar(self, exponent):
    """Powers in double precision."""
    return pow_scalar.call(self.to(_wide(self, exponent)), exponent)


def _wide(*operands):
    from .._core import dtypes

    if any(isinstance(o, complex) or getattr(o, "is_complex", bool)() for o in operands):
        return dtypes.complex128
    return dtypes.float64
