"""Functions of one operand, applied to each element."""

from __future__ import annotations

import math

import numpy as np

from .._core.declare import composite, pointwise, update
from .._core.element_types import instances, takes
from .._core.signature import wrong_type
from .._kernels import elementwise as kernels
from . import _checks
from ._shared import conj, masked, renamed

neg = pointwise(
    "neg(Tensor self) -> Tensor", np.negative, check=_checks.check_negative, fast_keys=_checks.no_bool_keys
)
neg.vjp(self=lambda grad: -grad)
abs_ = pointwise(
    "abs(Tensor self) -> Tensor",
    np.absolute,
    fast_keys=_checks.real_keys,
    check=_checks.check_absolute,
    inplace_check=_checks.check_absolute_inplace,
)
abs_.vjp(self=lambda grad, self: grad * self.sgn())
sign = pointwise(
    "sign(Tensor self) -> Tensor",
    kernels.sign,
    element_types=takes(
        "bool int unsigned reduced float",
        "Unlike NumPy, torch.sign is not intended to support complex numbers. Please use torch.sgn instead.",
        error=NotImplementedError,
    ),
)
sign.vjp(self=lambda grad: grad.new_zeros(grad.shape))
sgn = pointwise("sgn(Tensor self) -> Tensor", kernels.sgn)
sgn.vjp(self=lambda grad, self, result: _sgn(grad, self, result))


def _sgn(grad, self, result):
    if not self.is_complex():
        return grad.new_zeros(grad.shape)
    size = self.abs()
    inner = (grad - (conj(result) * grad).real * result) / size
    return masked(size == 0, grad.new_zeros(()), inner)


exp = pointwise("exp(Tensor self) -> Tensor", np.exp, result="float")
exp.vjp(self=lambda grad, result: grad * conj(result))
exp.native(self=(np.multiply, "grad", "result"))
exp2 = pointwise("exp2(Tensor self) -> Tensor", np.exp2, result="float")
exp2.vjp(self=lambda grad, result: grad * conj(result) * math.log(2))
expm1 = pointwise("expm1(Tensor self) -> Tensor", np.expm1, result="float")
expm1.vjp(self=lambda grad, result: grad * (conj(result) + 1))
log = pointwise("log(Tensor self) -> Tensor", np.log, result="float")
log.vjp(self=lambda grad, self: grad / conj(self))
log2 = pointwise("log2(Tensor self) -> Tensor", np.log2, result="float")
log2.vjp(self=lambda grad, self: grad / (conj(self) * math.log(2)))
log10 = pointwise("log10(Tensor self) -> Tensor", np.log10, result="float")
log10.vjp(self=lambda grad, self: grad / (conj(self) * math.log(10)))
log1p = pointwise("log1p(Tensor self) -> Tensor", np.log1p, result="float")
log1p.vjp(self=lambda grad, self: grad / conj(self + 1))
sqrt = pointwise("sqrt(Tensor self) -> Tensor", np.sqrt, result="float")
sqrt.vjp(self=lambda grad, result: grad / (2 * conj(result)))
rsqrt = pointwise("rsqrt(Tensor self) -> Tensor", kernels.rsqrt, result="float")
rsqrt.vjp(self=lambda grad, result: -0.5 * grad * conj(result * result * result))
square = composite(
    "square(Tensor self) -> Tensor",
    lambda self: self.pow(2),
    inplace=True,
    inplace_rule=lambda self: self.pow_(2),
)
reciprocal = pointwise("reciprocal(Tensor self) -> Tensor", kernels.reciprocal, result="float")
reciprocal.vjp(self=lambda grad, result: -grad * conj(result * result))

sin = pointwise("sin(Tensor self) -> Tensor", np.sin, result="float")
sin.vjp(self=lambda grad, self: grad * conj(self.cos()))
cos = pointwise("cos(Tensor self) -> Tensor", np.cos, result="float")
cos.vjp(self=lambda grad, self: grad * -conj(self.sin()))
tan = pointwise("tan(Tensor self) -> Tensor", np.tan, result="float")
tan.vjp(self=lambda grad, result: grad * conj(1 + result * result))
asin = pointwise("asin(Tensor self) -> Tensor", np.arcsin, result="float")
asin.vjp(self=lambda grad, self: grad * conj((1 - self * self).rsqrt()))
acos = pointwise("acos(Tensor self) -> Tensor", np.arccos, result="float")
acos.vjp(self=lambda grad, self: grad * -conj((1 - self * self).rsqrt()))
atan = pointwise("atan(Tensor self) -> Tensor", np.arctan, result="float")
atan.vjp(self=lambda grad, self: grad / conj(self * self + 1))
sinh = pointwise("sinh(Tensor self) -> Tensor", np.sinh, result="float")
sinh.vjp(self=lambda grad, self: grad * conj(self.cosh()))
cosh = pointwise("cosh(Tensor self) -> Tensor", np.cosh, result="float")
cosh.vjp(self=lambda grad, self: grad * conj(self.sinh()))
tanh = pointwise("tanh(Tensor self) -> Tensor", np.tanh, result="float")
tanh_backward = pointwise(
    "tanh_backward(Tensor grad_output, Tensor output) -> Tensor",
    kernels.tanh_backward,
    method=False,
    function=False,
    inplace=False,
)
tanh_backward.vjp(
    grad_output=lambda grad, output: tanh_backward(grad, conj(output)),
    output=lambda grad, grad_output, output: grad * conj(-2 * output * grad_output),
)
tanh.vjp(self=lambda grad, result: tanh_backward(grad, conj(result)))
tanh.native(self=kernels.tanh_gradient)
asinh = pointwise("asinh(Tensor self) -> Tensor", np.arcsinh, result="float", inplace_node="AsinhBackward1")
asinh.vjp(self=lambda grad, self: grad * conj((self.pow(2) + 1).rsqrt()))
acosh = pointwise("acosh(Tensor self) -> Tensor", np.arccosh, result="float", inplace_node="AcoshBackward1")
acosh.vjp(
    self=lambda grad, self: (
        grad * conj((self - 1).rsqrt() * (self + 1).rsqrt())
        if self.is_complex()
        else grad * (self.pow(2) - 1).rsqrt()
    )
)
atanh = pointwise("atanh(Tensor self) -> Tensor", np.arctanh, result="float", inplace_node="AtanhBackward1")
atanh.vjp(self=lambda grad, self: grad * conj(1 / (1 - self.pow(2))))

sigmoid = pointwise("sigmoid(Tensor self) -> Tensor", kernels.sigmoid, result="float")
sigmoid_backward = pointwise(
    "sigmoid_backward(Tensor grad_output, Tensor output) -> Tensor",
    kernels.sigmoid_backward,
    method=False,
    function=False,
    inplace=False,
)
sigmoid_backward.vjp(
    grad_output=lambda grad, output: sigmoid_backward(grad, conj(output)),
    output=lambda grad, grad_output, output: conj(grad) * grad_output * (-2 * conj(output) + 1),
)
sigmoid.vjp(self=lambda grad, result: sigmoid_backward(grad, result))
sigmoid.native(self=kernels.sigmoid_gradient)

for _name, _function in (
    ("floor", kernels.floor),
    ("ceil", kernels.ceil),
    ("trunc", kernels.trunc),
    ("round", kernels.rint),
):
    pointwise(f"{_name}(Tensor self) -> Tensor", _function, check=_checks.rounding(_name)).vjp(
        self=lambda grad: grad.new_zeros(grad.shape)
    )
round_decimals = pointwise(
    "round.decimals(Tensor self, *, int decimals) -> Tensor",
    kernels.round_decimals,
    node="RoundBackward1",
    check=_checks.check_round,
)
round_decimals.vjp(self=lambda grad: grad.new_zeros(grad.shape))
frac = pointwise(
    "frac(Tensor self) -> Tensor",
    kernels.frac,
    element_types=instances("frac_cpu", "reduced float"),
)
frac.vjp(self=lambda grad: grad)

isnan = pointwise(
    "isnan(Tensor self) -> Tensor",
    kernels.isnan,
    result="bool",
    nondifferentiable=True,
    inplace=False,
    out=False,
)
isinf = pointwise(
    "isinf(Tensor self) -> Tensor",
    kernels.isinf,
    result="bool",
    nondifferentiable=True,
    inplace=False,
    out=False,
)
isfinite = pointwise(
    "isfinite(Tensor self) -> Tensor",
    kernels.isfinite,
    result="bool",
    nondifferentiable=True,
    inplace=False,
    out=False,
)
isposinf = pointwise(
    "isposinf(Tensor self) -> Tensor",
    kernels.isposinf,
    result="bool",
    nondifferentiable=True,
    inplace=False,
    check=_checks.no_complex_input("isposinf"),
)
isneginf = pointwise(
    "isneginf(Tensor self) -> Tensor",
    kernels.isneginf,
    result="bool",
    nondifferentiable=True,
    inplace=False,
    check=_checks.no_complex_input("isneginf"),
)
isreal = pointwise(
    "isreal(Tensor self) -> Tensor",
    np.isreal,
    result="bool",
    nondifferentiable=True,
    inplace=False,
    out=False,
)
signbit = pointwise(
    "signbit(Tensor self) -> Tensor",
    kernels.signbit,
    result="bool",
    nondifferentiable=True,
    inplace=False,
    element_types=takes(
        "bool int unsigned reduced float",
        "signbit is not implemented for complex tensors.",
        error=NotImplementedError,
    ),
)
logical_not = pointwise(
    "logical_not(Tensor self) -> Tensor",
    np.logical_not,
    result="bool",
    nondifferentiable=True,
    below_autograd=True,
)
bitwise_not = pointwise(
    "bitwise_not(Tensor self) -> Tensor",
    np.invert,
    nondifferentiable=True,
    check=_checks.bits_only("bitwise_not"),
    fast_keys=_checks.bit_keys,
)
positive = composite("positive(Tensor(a) self) -> Tensor(a)", lambda self: _positive(self), out=False)


def _positive(self):
    if self.dtype._category == "bool":
        raise RuntimeError("The `+` operator, on a bool tensor is not supported.")
    return self


erf = pointwise(
    "erf(Tensor self) -> Tensor",
    kernels.special("erf"),
    result="float",
    element_types=instances("erf_vml_cpu", "bool int unsigned reduced float"),
)
erf.vjp(self=lambda grad, self: 2 / math.sqrt(math.pi) * (-(self.pow(2))).exp() * grad)
erfc = pointwise(
    "erfc(Tensor self) -> Tensor",
    kernels.special("erfc"),
    result="float",
    element_types=instances("erfc_vml_cpu", "bool int unsigned reduced float"),
)
erfc.vjp(self=lambda grad, self: -2 / math.sqrt(math.pi) * (-(self.pow(2))).exp() * grad)
erfinv = pointwise(
    "erfinv(Tensor self) -> Tensor",
    kernels.special("erfinv"),
    result="float",
    element_types=instances("erfinv_vml_cpu", "bool int unsigned reduced float"),
)
erfinv.vjp(self=lambda grad, self: 0.5 * math.sqrt(math.pi) * (self.erfinv().pow(2)).exp() * grad)
lgamma = pointwise(
    "lgamma(Tensor self) -> Tensor",
    kernels.lgamma,
    result="float",
    element_types=instances("lgamma_vml_cpu", "bool int unsigned reduced float"),
)
lgamma.vjp(self=lambda grad, self: grad * self.digamma())
digamma = pointwise(
    "digamma(Tensor self) -> Tensor",
    kernels.digamma,
    result="float",
    element_types=instances("digamma", "bool int unsigned reduced float"),
)
digamma.vjp(self=lambda grad, self: grad * polygamma(1, self))
polygamma = pointwise(
    "polygamma(int n, Tensor self) -> Tensor",
    kernels.polygamma,
    result="float",
    method=False,
    inplace=False,
    element_types=instances(
        lambda n, self: {0: "digamma", 1: "trigamma"}.get(n, "polygamma"), "reduced float"
    ),
)


def polygamma_method(self, n):
    """Tensor.polygamma; see torch.polygamma."""
    return polygamma(wrong_type("polygamma", "n", 1, "int", n, as_int=True), self)


def polygamma_inplace(self, n):
    """torch.polygamma, over this tensor."""
    return _of_order.inplace(self, wrong_type("polygamma_", "n", 1, "int", n, as_int=True))


polygamma.vjp(self=lambda grad, n, self: grad * polygamma(n + 1, self))
_of_order = pointwise(  # the tensor first, so that it can be overwritten
    "_polygamma(Tensor self, int n) -> Tensor",
    lambda self, n: kernels.polygamma(n, self),
    result="float",
    node="PolygammaBackward0",
    inplace_node="PolygammaBackward1",
    method=False,
    function=False,
    out=False,
    ours=True,
)
_of_order.vjp(self=lambda grad, n, self: grad * polygamma(n + 1, self))
i0 = pointwise(
    "i0(Tensor self) -> Tensor",
    kernels.special("i0"),
    result="float",
    element_types=instances("i0_vml_cpu", "bool int unsigned reduced float"),
)
i0.vjp(self=lambda grad, self: grad * special_i1(self))
special_i1 = pointwise(
    "special_i1(Tensor self) -> Tensor",
    kernels.special("i1"),
    element_types=instances("i1_cpu", "reduced float"),
    result="float",
    module="special",
    inplace=False,
)
special_i1.vjp(self=lambda grad, self, result: grad * _i1(self, result))


def _i1(self, result):
    zero = self == 0
    return masked(zero, self.new_full((), 0.5), self.i0() - result / masked(zero, self.new_ones(()), self))


sinc = pointwise("sinc(Tensor self) -> Tensor", kernels.sinc, result="float")
sinc.vjp(self=lambda grad, self: _sinc(grad, self))
deg2rad = pointwise(
    "deg2rad(Tensor self) -> Tensor",
    kernels.deg2rad,
    result="float",
    check=_checks.check_degrees("deg2rad"),
    memory="preserved",
)
deg2rad.vjp(self=lambda grad: grad * (math.pi / 180))
rad2deg = pointwise(
    "rad2deg(Tensor self) -> Tensor",
    kernels.rad2deg,
    result="float",
    check=_checks.check_degrees("rad2deg"),
    memory="preserved",
)
rad2deg.vjp(self=lambda grad: grad * (180 / math.pi))


def _sinc(grad, self):
    angle = self * math.pi
    slope = grad * conj((angle * angle.cos() - angle.sin()) / (angle * self))
    return masked(angle * angle == 0, grad.new_zeros(()), slope)


nan_to_num = pointwise(
    "nan_to_num(Tensor self, float? nan=None, float? posinf=None, float? neginf=None) -> Tensor",
    kernels.nan_to_num,
    upcast=False,
    real_history=True,
    memory="preserved",
)
nan_to_num.vjp(self=lambda grad, self: grad * self.isfinite())

clamp = pointwise(
    "clamp(Tensor self, Scalar? min=None, Scalar? max=None) -> Tensor",
    kernels.clamp,
    node="ClampBackward1",
    check=_checks.check_clamp,
    casts_to_native=True,
)
clamp.vjp(self=lambda grad, self, min, max: masked(_inside(self, min, max), grad, grad.new_zeros(())))
clamp_tensor = pointwise(
    "clamp.Tensor(Tensor self, Tensor? min=None, Tensor? max=None) -> Tensor",
    kernels.clamp,
    node="ClampBackward0",
    check=_checks.check_clamp_tensor,
)
clamp_tensor.vjp(
    self=lambda grad, self, min, max: masked(_inside(self, min, max), grad, grad.new_zeros(())),
    min=lambda grad, self, min, max: None if min is None else masked(
        (self < min) if max is None else (min < max) & (self < min), grad, grad.new_zeros(())),
    max=lambda grad, self, min, max: None if max is None else masked(
        (self > max) if min is None else ((self > max) | (max < min)), grad, grad.new_zeros(())),
)  # fmt: skip


def _inside(self, low, high):
    if low is not None and high is not None:
        return (self >= low) & (self <= high)
    return self >= low if low is not None else self <= high


for _kind, _type in (("", "Scalar"), (".Tensor", "Tensor")):
    _suffix = "Backward1" if _kind else "Backward0"
    _check = _checks.kernel_refuses("maximum_cpu", "complex") if _kind else _checks.check_bound("clamp_min")
    pointwise(
        f"clamp_min{_kind}(Tensor self, {_type} min) -> Tensor",
        kernels.clamp_min,
        node=f"ClampMin{_suffix}",
        check=_check,
        casts_to_native=not _kind,
    ).vjp(
        self=lambda grad, self, min: masked(self >= min, grad, grad.new_zeros(())),
        **({"min": lambda grad, self, min: masked(self < min, grad, grad.new_zeros(()))} if _kind else {}),
    )
    _check = _checks.kernel_refuses("minimum_cpu", "complex") if _kind else _checks.check_bound("clamp_max")
    pointwise(
        f"clamp_max{_kind}(Tensor self, {_type} max) -> Tensor",
        kernels.clamp_max,
        node=f"ClampMax{_suffix}",
        check=_check,
        casts_to_native=not _kind,
    ).vjp(
        self=lambda grad, self, max: masked(self <= max, grad, grad.new_zeros(())),
        **({"max": lambda grad, self, max: masked(self > max, grad, grad.new_zeros(()))} if _kind else {}),
    )

conj_physical_complex = pointwise(
    "_conj_physical(Tensor self) -> Tensor",
    np.conjugate,
    node="ConjPhysicalBackward0",
    method=False,
    inplace=False,
    out=False,
)
conj_physical_complex.vjp(self=lambda grad: conj(grad))
conj_physical_inplace = update(
    "_conj_physical_inplace(Tensor self) -> Tensor",
    kernels.conjugate_inplace,
    node="ConjPhysicalBackward1",
    function=False,
    method=False,
    ours=True,
)
conj_physical_inplace.vjp(self=lambda grad: conj(grad))
composite(
    "conj_physical(Tensor self) -> Tensor",
    lambda self: conj_physical_complex(self) if self.is_complex() else self,
    inplace=True,
    inplace_rule=lambda self: conj_physical_inplace.inplace(self),
)
angle = pointwise("angle(Tensor self) -> Tensor", kernels.angle, result=_checks.angle_result, inplace=False)
angle.vjp(self=lambda grad, self: _angle(grad, self))


def _angle(grad, self):
    if not self.is_complex():
        return grad.new_zeros(grad.shape)
    size = self.abs()
    turn = self / size.pow(2)
    return masked(self == 0, self.new_zeros(()), grad * (turn * 1j))


for _name, _target in (
    ("negative", neg), ("absolute", abs_), ("arcsin", asin), ("arccos", acos), ("arctan", atan), ("arcsinh", asinh), ("arccosh", acosh),
    ("arctanh", atanh),
):  # fmt: skip
    renamed(_name, _target, "(Tensor self) -> Tensor")
renamed("clip", clamp, "(Tensor self, Scalar? min=None, Scalar? max=None) -> Tensor")
renamed("clip.Tensor", clamp_tensor, "(Tensor self, Tensor? min=None, Tensor? max=None) -> Tensor")
composite(
    "fix(Tensor self) -> Tensor",
    lambda self: self.trunc(),
    inplace=True,
    inplace_rule=lambda self: self.trunc_(),
)
for _name, _target in (("special_erf", erf), ("special_erfc", erfc), ("special_erfinv", erfinv), ("special_exp2", exp2), ("special_expm1", expm1),
                       ("special_gammaln", lgamma), ("special_digamma", digamma), ("special_psi", digamma), ("special_i0", i0), ("special_log1p", log1p),
                       ("special_sinc", sinc), ("special_expit", sigmoid)):  # fmt: skip
    renamed(_name, _target, "(Tensor self) -> Tensor", module="special")
composite(
    "special_polygamma(int n, Tensor self) -> Tensor", lambda n, self: polygamma(n, self), module="special"
)
composite(
    "special_round(Tensor self, *, int decimals=0) -> Tensor",
    lambda self, decimals=0: self.round(decimals=decimals),
    module="special",
)

METHODS = {"polygamma": polygamma_method, "polygamma_": polygamma_inplace}
