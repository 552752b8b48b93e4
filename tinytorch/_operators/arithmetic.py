"""Addition, multiplication and the other operations of two operands, with their symbols."""

from __future__ import annotations

import numpy as np

from .._core.declare import composite, pointwise
from .._core.dispatch import legacy_name
from .._core.element_types import instances
from .._core.tensor import Tensor
from .._kernels import arithmetic as kernels
from . import _checks
from ._shared import conj, masked

add = pointwise(
    "add.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor",
    kernels.add,
    ufunc=np.add,
    into=kernels.add_into,
    infix="__add__",
    check=_checks.check_alpha,
)
add.vjp(self=lambda grad: grad, other=lambda grad, alpha: grad if alpha == 1 else grad * conj(alpha))
add.native(
    self=lambda grad: grad,
    other=lambda grad, alpha: grad if alpha == 1 else np.multiply(grad, grad.dtype.type(alpha), out=...),
)

sub = pointwise(
    "sub.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor",
    kernels.sub,
    ufunc=np.subtract,
    into=kernels.sub_into,
    infix="__sub__",
    check=_checks.check_sub,
    fast_keys=_checks.no_bool_keys,
)
sub.vjp(self=lambda grad: grad, other=lambda grad, alpha: -grad if alpha == 1 else grad * conj(-alpha))
sub.native(
    self=lambda grad: grad,
    other=lambda grad, alpha: (
        np.negative(grad, out=...) if alpha == 1 else np.multiply(grad, grad.dtype.type(-alpha), out=...)
    ),
)

rsub = pointwise(
    "rsub.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor",
    kernels.rsub,
    inplace=False,
    shape_order=(1, 0),
    check=_checks.check_rsub,
    out=False,
)
rsub.vjp(self=lambda grad, alpha: -grad if alpha == 1 else grad * conj(-alpha), other=lambda grad: grad)
rsub_scalar = pointwise(
    "rsub.Scalar(Tensor self, Scalar other, Scalar alpha=1) -> Tensor",
    kernels.rsub_number,
    inplace=False,
    node="RsubBackward1",
    check=_checks.check_rsub,
    out=False,
)
rsub_scalar.vjp(self=lambda grad, alpha: -grad if alpha == 1 else grad * conj(-alpha))

mul = pointwise("mul.Tensor(Tensor self, Tensor other) -> Tensor", np.multiply, infix="__mul__")
mul.vjp(self=lambda grad, other: grad * conj(other), other=lambda grad, self: grad * conj(self))
mul.native(
    self=(np.multiply, "grad", "other"),
    other=(np.multiply, "grad", "self"),
)

div = pointwise(
    "div.Tensor(Tensor self, Tensor other) -> Tensor", np.true_divide, result="float", infix="__truediv__"
)
div.vjp(
    self=lambda grad, other: grad / conj(other),
    other=lambda grad, self, other: -grad * conj((self / other) / other),
)

div_mode = pointwise(
    "div.Tensor_mode(Tensor self, Tensor other, *, str? rounding_mode) -> Tensor",
    kernels.div_mode,
    node="DivBackward2",
    result=_checks.mode_result,
    check=_checks.check_mode,
    also=("div(Tensor self, Scalar other, *, str? rounding_mode) -> Tensor",),
)
div_mode.vjp(
    self=lambda grad, other, rounding_mode: (
        grad / conj(other) if rounding_mode is None else grad.new_zeros(grad.shape)
    ),
    other=lambda grad, self, other, rounding_mode: (
        -grad * conj((self / other) / other) if rounding_mode is None else grad.new_zeros(grad.shape)
    ),
)

floor_divide = pointwise(
    "floor_divide(Tensor self, Tensor other) -> Tensor", kernels.floor_divide, infix="__floordiv__", node="NotImplemented",
    element_types=instances("div_floor_cpu", "int unsigned reduced float"),
also=("floor_divide(Tensor self, Scalar other) -> Tensor",))  # fmt: skip
floor_divide.vjp(
    self=lambda grad: _no_derivative("floor_divide"), other=lambda grad: _no_derivative("floor_divide")
)


def _no_derivative(name):
    """torch lets such an operator run on what requires grad, and refuses in the backward pass."""
    raise RuntimeError(f"derivative for aten::{name} is not implemented")


remainder = pointwise(
    "remainder.Tensor(Tensor self, Tensor other) -> Tensor",
    kernels.remainder,
    infix="__mod__",
    element_types=instances("remainder_cpu", "int unsigned reduced float"),
    node="RemainderBackward1",
)
remainder.vjp(
    self=lambda grad: grad, other=lambda grad, self, other: -grad * self.div(other, rounding_mode="floor")
)
remainder_scalar = pointwise(
    "remainder.Scalar(Tensor self, Scalar other) -> Tensor",
    kernels.remainder,
    element_types=instances("remainder_cpu", "int unsigned reduced float"),
)
remainder_scalar.vjp(self=lambda grad: grad)
remainder_reflected = pointwise(
    "remainder.Scalar_Tensor(Scalar self, Tensor other) -> Tensor",
    kernels.remainder,
    element_types=instances("remainder_cpu", "int unsigned reduced float"),
    promote=("self", "other"),
    inplace=False,
    method=False,
    out=False,
)
remainder_reflected.vjp(
    other=lambda grad, self, other: -grad * div_mode(wrap_like(self, other), other, "floor")
)

fmod_scalar = pointwise(
    "fmod.Scalar(Tensor self, Scalar other) -> Tensor",
    kernels.fmod,
    element_types=instances("fmod_cpu", "int unsigned reduced float"),
)
fmod_scalar.vjp(self=lambda grad: grad)
fmod = pointwise(
    "fmod.Tensor(Tensor self, Tensor other) -> Tensor",
    kernels.fmod,
    node="FmodBackward1",
    element_types=instances("fmod_cpu", "int unsigned reduced float"),
)
fmod.vjp(
    self=lambda grad: grad, other=lambda grad, self, other: -grad * self.div(other, rounding_mode="trunc")
)

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
    "pow.Scalar(Scalar self, Tensor exponent) -> Tensor", kernels.power, promote=("self", "exponent"), node="PowBackward2", method=False, inplace=False,
    check=_checks.check_power, element_types=instances("pow", "int unsigned reduced float complex"),
)  # fmt: skip
pow_reflected.vjp(exponent=lambda grad, self, exponent, result: _power_number(grad, self, exponent, result))


def wrap_like(value, other):
    """A number as a 0-dim tensor of `other`'s dtype."""
    return other.new_full((), value)


def _power_scalar(grad, self, exponent):
    if exponent == 0:
        return grad.new_zeros(self.shape)
    factor = self.pow(exponent - 1) if exponent != 2 else self
    return grad * conj(factor * exponent)


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
copysign.vjp(
    self=lambda grad, self, result: masked(
        self == 0, grad.new_zeros(()), grad * (self.sign() * result.sign())
    ),
    other=lambda grad, other_shape: grad.new_zeros(other_shape),
)
copysign_scalar = pointwise(
    "copysign.Scalar(Tensor self, Scalar other) -> Tensor", kernels.copysign_number, result="float", node="CopysignBackward1",
    element_types=instances("copysign_cpu", "bool int unsigned reduced float"),
)  # fmt: skip
copysign_scalar.vjp(
    self=lambda grad, self, result: masked(
        self == 0, grad.new_zeros(()), grad * (self.sign() * result.sign())
    )
)
nextafter = pointwise(
    "nextafter(Tensor self, Tensor other) -> Tensor",
    np.nextafter,
    upcast=False,
    element_types=instances("nextafter_cpu", "reduced float"),
)
nextafter.vjp(
    self=lambda grad, self, other: grad.masked_fill(self == other, 0),
    other=lambda grad, self, other: grad.new_zeros(other.shape),
)
heaviside = pointwise(
    "heaviside(Tensor self, Tensor values) -> Tensor",
    kernels.heaviside,
    upcast=False,
    check=_checks.check_heaviside,
)
gcd = pointwise(
    "gcd(Tensor self, Tensor other) -> Tensor",
    np.gcd,
    nondifferentiable=True,
    element_types=instances("gcd_cpu", "int unsigned"),
)
lcm = pointwise(
    "lcm(Tensor self, Tensor other) -> Tensor",
    np.lcm,
    nondifferentiable=True,
    element_types=instances("lcm_cpu", "int unsigned"),
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


for _name, _function in (
    ("eq", np.equal),
    ("ne", np.not_equal),
    ("lt", np.less),
    ("le", np.less_equal),
    ("gt", np.greater),
    ("ge", np.greater_equal),
):
    _check = _checks.no_complex(_name) if _name not in ("eq", "ne") else None
    for _overload, _type in (("Scalar", "Scalar"), ("Tensor", "Tensor")):
        pointwise(
            f"{_name}.{_overload}(Tensor self, {_type} other) -> Tensor",
            _function,
            result="bool",
            nondifferentiable=True,
            check=_check,
            **({"infix": f"__{_name}__"} if _overload == "Tensor" else {}),
        )

for _name, _function in (("and", np.bitwise_and), ("or", np.bitwise_or), ("xor", np.bitwise_xor)):
    pointwise(
        f"bitwise_{_name}.Tensor(Tensor self, Tensor other) -> Tensor",
        _function,
        infix=f"__{_name}__",
        nondifferentiable=True,
        check=_checks.bits_only(f"bitwise_{_name}"),
        fast_keys=_checks.bit_keys,
    )
    pointwise(
        f"bitwise_{_name}.Scalar(Tensor self, Scalar other) -> Tensor",
        _function,
        nondifferentiable=True,
        check=_checks.bits_only(f"bitwise_{_name}"),
        ufunc=None,
    )
    pointwise(
        f"bitwise_{_name}.Scalar_Tensor(Scalar self, Tensor other) -> Tensor", kernels.of_number(_function), nondifferentiable=True,
        check=_checks.bits_only(f"bitwise_{_name}"), promote=("self", "other"), method=False, inplace=False, out=False,
    )  # fmt: skip
    pointwise(
        f"logical_{_name}(Tensor self, Tensor other) -> Tensor",
        kernels.logical(_name),
        result="bool",
        nondifferentiable=True,
    )

for _name, _kernel in (("left", kernels.left_shift), ("right", kernels.right_shift)):
    pointwise(
        f"bitwise_{_name}_shift.Tensor(Tensor self, Tensor other) -> Tensor",
        _kernel,
        nondifferentiable=True,
        check=_checks.bits_only("lshift" if _name == "left" else "rshift"),
    )
    pointwise(
        f"bitwise_{_name}_shift.Tensor_Scalar(Tensor self, Scalar other) -> Tensor",
        _kernel,
        nondifferentiable=True,
        check=_checks.bits_only("lshift" if _name == "left" else "rshift"),
    )

    pointwise(
        f"bitwise_{_name}_shift.Scalar_Tensor(Scalar self, Tensor other) -> Tensor", kernels.of_number(_kernel), nondifferentiable=True,
        check=_checks.bits_only("lshift" if _name == "left" else "rshift"), promote=("self", "other"), method=False, inplace=False, out=False,
    )  # fmt: skip

lerp_scalar = pointwise(
    "lerp.Scalar(Tensor self, Tensor end, Scalar weight) -> Tensor",
    kernels.lerp,
    check=_checks.check_lerp("lerp_kernel_scalar"),
)
lerp_scalar.vjp(
    self=lambda grad, weight: grad * conj(1 - weight), end=lambda grad, weight: grad * conj(weight)
)
lerp_tensor = pointwise(
    "lerp.Tensor(Tensor self, Tensor end, Tensor weight) -> Tensor",
    kernels.lerp,
    node="LerpBackward1",
    check=_checks.check_lerp("lerp_kernel_tensor"),
)
lerp_tensor.vjp(
    self=lambda grad, weight: grad * conj(1 - weight),
    end=lambda grad, weight: grad * conj(weight),
    weight=lambda grad, self, end: grad * conj(end - self),
)
addcmul = pointwise(
    "addcmul(Tensor self, Tensor tensor1, Tensor tensor2, *, Scalar value=1) -> Tensor",
    kernels.addcmul,
    element_types=instances("addcmul_cpu_out", "int unsigned reduced float complex"),
)
addcmul.vjp(
    self=lambda grad: grad,
    tensor1=lambda grad, tensor2, value: grad * conj(tensor2 * value),
    tensor2=lambda grad, tensor1, value: grad * conj(tensor1 * value),
)
addcdiv = pointwise(
    "addcdiv(Tensor self, Tensor tensor1, Tensor tensor2, *, Scalar value=1) -> Tensor",
    kernels.addcdiv,
    check=_checks.check_addcdiv,
)
addcdiv.vjp(
    self=lambda grad: grad,
    tensor1=lambda grad, tensor2, value: grad * conj(value / tensor2),
    tensor2=lambda grad, tensor1, tensor2, value: -grad * conj(value * tensor1 / (tensor2 * tensor2)),
)


def _alias(name, target, schema, **options):
    """Another public name of an operator: torch's composites that only rename."""

    def forward(*args, **kwargs):
        return target(*args, **kwargs)

    forward.__doc__ = f"Alias of torch.{target.name}."
    return composite(
        f"{name}{schema}",
        forward,
        inplace=target.has_inplace,
        inplace_rule=lambda *args, **kwargs: target.inplace(*args, **kwargs),
        **options,
    )


_alias(
    "subtract.Tensor",
    sub,
    "(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor",
    also=("subtract(Tensor self, Scalar other, Scalar alpha=1) -> Tensor",),
    out_writer="sub",
)
_alias(
    "multiply.Tensor",
    mul,
    "(Tensor self, Tensor other) -> Tensor",
    also=("multiply(Tensor self, Scalar other) -> Tensor",),
    out_writer="mul",
)
_alias(
    "divide.Tensor",
    div,
    "(Tensor self, Tensor other) -> Tensor",
    also=("divide(Tensor self, Scalar other) -> Tensor",),
    out_writer="div",
)
_alias(
    "true_divide.Tensor",
    div,
    "(Tensor self, Tensor other) -> Tensor",
    also=("true_divide(Tensor self, Scalar other) -> Tensor",),
    out_writer="div",
)
_alias(
    "divide.Tensor_mode",
    div_mode,
    "(Tensor self, Tensor other, *, str? rounding_mode) -> Tensor",
    also=("divide(Tensor self, Scalar other, *, str? rounding_mode) -> Tensor",),
    out_writer="div",
)
_alias("arctan2", atan2, "(Tensor self, Tensor other) -> Tensor")
for _long, _short in (
    ("greater", "gt"),
    ("greater_equal", "ge"),
    ("less", "lt"),
    ("less_equal", "le"),
    ("not_equal", "ne"),
):
    from .._core.declare import find as _find

    _alias(f"{_long}.Scalar", _find(_short, "Scalar"), "(Tensor self, Scalar other) -> Tensor")
    _alias(f"{_long}.Tensor", _find(_short, "Tensor"), "(Tensor self, Tensor other) -> Tensor")


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


# With a number in place of the second tensor: how torch's own composites reach these operators, seen in the names of nodes.
add_scalar = pointwise("add.Scalar(Tensor self, Scalar other, Scalar alpha=1) -> Tensor", kernels.add_number, node="AddBackward1", promote=("self", "other"),
                       function=False, method=False)  # fmt: skip
add_scalar.vjp(self=lambda grad: grad)
sub_scalar = pointwise(
    "sub.Scalar(Tensor self, Scalar other, Scalar alpha=1) -> Tensor",
    kernels.sub_number,
    node="SubBackward1",
    function=False,
    method=False,
)
sub_scalar.vjp(self=lambda grad: grad)
mul_scalar = pointwise(
    "mul.Scalar(Tensor self, Scalar other) -> Tensor",
    kernels.multiply,
    node="MulBackward1",
    function=False,
    method=False,
)
mul_scalar.vjp(self=lambda grad, other: mul_scalar(grad, conj(other)))
div_scalar = pointwise(
    "div.Scalar(Tensor self, Scalar other) -> Tensor",
    kernels.divide,
    node="DivBackward1",
    result="float",
    function=False,
    method=False,
)
div_scalar.vjp(self=lambda grad, other: div_scalar(grad, conj(other)))
