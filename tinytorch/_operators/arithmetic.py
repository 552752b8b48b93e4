"""Addition, multiplication and the other operations of two operands, with numbers and tensors."""

from __future__ import annotations

import numpy as np

from .._core.declare import pointwise
from .._core.element_types import instances
from .._kernels import arithmetic as kernels
from . import _checks
from ._shared import conj, renamed

add = pointwise(
    "add.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor",
    kernels.add,
    ufunc=np.add,
    real_ufunc=True,
    into=kernels.add_into,
    reduced_kernel=kernels.add_reduced,
    rounds_numbers=("alpha",),
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
    real_ufunc=True,
    into=kernels.sub_into,
    reduced_kernel=kernels.sub_reduced,
    rounds_numbers=("alpha",),
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
    reduced_kernel=kernels.rsub_reduced,
    inplace=False,
    shape_order=(1, 0),
    rounds_numbers=("alpha",),
    check=_checks.check_rsub,
    out=False,
)
rsub.vjp(self=lambda grad, alpha: -grad if alpha == 1 else grad * conj(-alpha), other=lambda grad: grad)
rsub_scalar = pointwise(
    "rsub.Scalar(Tensor self, Scalar other, Scalar alpha=1) -> Tensor",
    kernels.rsub_number,
    inplace=False,
    node="RsubBackward1",
    rounds_numbers=("alpha",),
    check=_checks.check_rsub,
    out=False,
)
rsub_scalar.vjp(self=lambda grad, alpha: -grad if alpha == 1 else grad * conj(-alpha))

mul = pointwise(
    "mul.Tensor(Tensor self, Tensor other) -> Tensor",
    np.multiply,
    infix="__mul__",
    exact_numbers=("self", "other"),
)
mul.vjp(self=lambda grad, other: grad * conj(other), other=lambda grad, self: grad * conj(self))
mul.native(
    self=(np.multiply, "grad", "other"),
    other=(np.multiply, "grad", "self"),
)

div = pointwise(
    "div.Tensor(Tensor self, Tensor other) -> Tensor",
    np.true_divide,
    result="float",
    infix="__truediv__",
    exact_numbers=("other",),
)
div.vjp(
    self=lambda grad, other: grad / conj(other),
    other=lambda grad, self, other: -grad * conj((self / other) / other),
)

div_mode = pointwise(
    "div.Tensor_mode(Tensor self, Tensor other, *, str? rounding_mode) -> Tensor",
    kernels.div_mode,
    node="DivBackward2",
    exact_numbers=("other",),
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
    "floor_divide(Tensor self, Tensor other) -> Tensor", kernels.floor_divide, infix="__floordiv__", underivable=True,
    element_types=instances("div_floor_cpu", "int unsigned reduced float"), exact_numbers=("other",),
also=("floor_divide(Tensor self, Scalar other) -> Tensor",))  # fmt: skip
remainder = pointwise(
    "remainder.Tensor(Tensor self, Tensor other) -> Tensor",
    kernels.remainder,
    infix="__mod__",
    numbers_apart=True,
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
    underivable=True,
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

renamed(
    "subtract.Tensor",
    sub,
    "(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor",
    also=("subtract(Tensor self, Scalar other, Scalar alpha=1) -> Tensor",),
)
renamed(
    "multiply.Tensor",
    mul,
    "(Tensor self, Tensor other) -> Tensor",
    also=("multiply(Tensor self, Scalar other) -> Tensor",),
)
renamed(
    "divide.Tensor",
    div,
    "(Tensor self, Tensor other) -> Tensor",
    also=("divide(Tensor self, Scalar other) -> Tensor",),
)
renamed(
    "true_divide.Tensor",
    div,
    "(Tensor self, Tensor other) -> Tensor",
    also=("true_divide(Tensor self, Scalar other) -> Tensor",),
)
renamed(
    "divide.Tensor_mode",
    div_mode,
    "(Tensor self, Tensor other, *, str? rounding_mode) -> Tensor",
    also=("divide(Tensor self, Scalar other, *, str? rounding_mode) -> Tensor",),
)

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
    exact_numbers=("other",),
    function=False,
    method=False,
)
mul_scalar.vjp(self=lambda grad, other: mul_scalar(grad, conj(other)))
div_scalar = pointwise(
    "div.Scalar(Tensor self, Scalar other) -> Tensor",
    kernels.divide,
    node="DivBackward1",
    result="float",
    exact_numbers=("other",),
    function=False,
    method=False,
)
div_scalar.vjp(self=lambda grad, other: div_scalar(grad, conj(other)))
