"""Activation functions: torch's nodes, their in-place forms and the backward operators that second derivatives go through."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinytorch._core import layout
from tinytorch._core.declare import composite, op, pointwise
from tinytorch._core.element_types import alike, instances
from tinytorch._kernels import activation as kernels
from tinytorch._kernels.scalar_types import scalar_type_name
from tinytorch._operators import _checks
from tinytorch._operators.adjoint import flat

SELU_ALPHA = 1.6732632423543772848170429916717
SELU_SCALE = 1.0507009873554804934193349852946
SQRT_TWO_OVER_PI = math.sqrt(2 / math.pi)
GELU_CUBIC = 0.044715


def _gate_slope(x: Any) -> Any:
    """The derivative of the sigmoid."""
    return x.sigmoid() * (-x).sigmoid()


threshold_backward = pointwise(
    "threshold_backward(Tensor grad_output, Tensor self, Scalar threshold) -> Tensor",
    kernels.threshold_backward,
    inplace=False,
    method=False,
)
threshold_backward.vjp(
    grad_output=lambda grad, self, threshold: threshold_backward(grad, self, threshold),
    self=flat,
)

relu = pointwise(
    "relu(Tensor self) -> Tensor", kernels.relu, ufunc=kernels.relu_into, out=False, check=_checks.check_relu
)
relu.vjp(self=lambda grad, result: threshold_backward(grad, result, 0))
relu.native(self=lambda grad, result: kernels.threshold_backward(grad, result, 0))

threshold = pointwise(
    "threshold(Tensor self, Scalar threshold, Scalar value) -> Tensor",
    kernels.threshold,
    method=False,
    element_types=instances("threshold_cpu", "int unsigned reduced float"),
)
threshold.vjp(self=lambda grad, self, threshold: threshold_backward(grad, self, threshold))

hardtanh_backward = pointwise(
    "hardtanh_backward(Tensor grad_output, Tensor self, Scalar min_val, Scalar max_val) -> Tensor",
    kernels.hardtanh_backward,
    inplace=False,
    module="nn",
)
hardtanh_backward.vjp(
    grad_output=lambda grad, self, min_val, max_val: hardtanh_backward(grad, self, min_val, max_val),
    self=flat,
)
hardtanh = pointwise(
    "hardtanh(Tensor self, Scalar min_val=-1, Scalar max_val=1) -> Tensor",
    kernels.hardtanh,
    module="nn",
    memory="preserved",
)
hardtanh.vjp(self=lambda grad, self, min_val, max_val: hardtanh_backward(grad, self, min_val, max_val))


@composite("relu6(Tensor self) -> Tensor", module="nn", out=False, inplace=True)
def relu6(self: Any) -> Any:
    """x held between 0 and 6."""
    return hardtanh(self, 0, 6)


leaky_relu_backward = pointwise(
    "leaky_relu_backward(Tensor grad_output, Tensor self, Scalar negative_slope, bool self_is_result) -> Tensor",
    kernels.leaky_relu_backward,
    inplace=False,
    module="nn",
)
leaky_relu_backward.vjp(
    grad_output=lambda grad, self, negative_slope: leaky_relu_backward(grad, self, negative_slope, False),
    self=flat,
)
leaky_relu = pointwise(
    "leaky_relu(Tensor self, Scalar negative_slope=0.01) -> Tensor", kernels.leaky_relu, module="nn"
)
leaky_relu.vjp(self=lambda grad, self, negative_slope: leaky_relu_backward(grad, self, negative_slope, False))

elu_backward = pointwise(
    "elu_backward(Tensor grad_output, Scalar alpha, Scalar scale, Scalar input_scale, bool is_result, "
    "Tensor self_or_result) -> Tensor",
    kernels.elu_backward,
    inplace=False,
    module="nn",
)
elu_backward.vjp(
    grad_output=lambda grad, alpha, scale, input_scale, is_result, self_or_result: elu_backward(
        grad, alpha, scale, input_scale, is_result, self_or_result
    ),
    self_or_result=lambda grad, grad_output, alpha, scale, input_scale, is_result, self_or_result: (
        (
            (grad * grad_output * input_scale)
            if is_result
            else elu_backward(
                grad * grad_output * input_scale, alpha, scale, input_scale, False, self_or_result
            )
        )
        * (self_or_result < 0)
    ),
)
elu = pointwise(
    "elu(Tensor self, Scalar alpha=1, Scalar scale=1, Scalar input_scale=1) -> Tensor",
    kernels.elu,
    module="nn",
)
elu.vjp(
    self=lambda grad, self, alpha, scale, input_scale: elu_backward(
        grad, alpha, scale, input_scale, False, self
    )
)


@composite("selu(Tensor self) -> Tensor", method=False, inplace=True, out=False)
def selu(self: Any) -> Any:
    """elu with the self-normalising constants."""
    return elu(self, SELU_ALPHA, SELU_SCALE, 1)


@pointwise("celu(Tensor self, Scalar alpha=1.) -> Tensor", method=False, out=False)
def celu(self: np.ndarray, alpha: float = 1.0) -> np.ndarray:
    """elu whose slope is continuous for every alpha."""
    if alpha == 0:
        raise RuntimeError("ZeroDivisionError: alpha cannot be 0 for CELU")
    return kernels.elu(self, alpha, 1, 1 / alpha)


celu.vjp(self=lambda grad, self, alpha: elu_backward(grad, alpha, 1, 1.0 / alpha, False, self))

gelu_backward = pointwise(
    'gelu_backward(Tensor grad_output, Tensor self, *, str approximate="none") -> Tensor',
    kernels.gelu_backward,
    inplace=False,
    module="nn",
)


def _gelu_curvature(x: Any, approximate: str) -> Any:
    """The second derivative of gelu."""
    if approximate == "none":
        return (2 - x * x) * (x * x * -0.5).exp() * (1 / math.sqrt(2 * math.pi))
    square = x * x
    tangent = (SQRT_TWO_OVER_PI * (x + GELU_CUBIC * square * x)).tanh()
    inner = SQRT_TWO_OVER_PI * (1 + 3 * GELU_CUBIC * square)
    slope = (1 - tangent * tangent) * inner
    bend = (1 - tangent * tangent) * (6 * SQRT_TWO_OVER_PI * GELU_CUBIC) * x - 2 * tangent * slope * inner
    return slope + 0.5 * x * bend


gelu_backward.vjp(
    grad_output=lambda grad, self, approximate: gelu_backward(grad, self, approximate=approximate),
    self=lambda grad, grad_output, self, approximate: grad * grad_output * _gelu_curvature(self, approximate),
)
gelu = pointwise('gelu(Tensor self, *, str approximate="none") -> Tensor', kernels.gelu, module="nn")
gelu.vjp(self=lambda grad, self, approximate: gelu_backward(grad, self, approximate=approximate))

silu_backward = pointwise(
    "silu_backward(Tensor grad_output, Tensor self) -> Tensor",
    kernels.silu_backward,
    inplace=False,
    module="nn",
)


def _silu_curvature(x: Any) -> Any:
    gate = x.sigmoid()
    return gate * (1 - gate) * (2 + x * (1 - 2 * gate))


silu_backward.vjp(
    grad_output=lambda grad, self: silu_backward(grad, self),
    self=lambda grad, grad_output, self: grad * grad_output * _silu_curvature(self),
)
silu = pointwise("silu(Tensor self) -> Tensor", kernels.silu, module="nn", real_history=True)
silu.vjp(self=lambda grad, self: silu_backward(grad, self))

mish_backward = pointwise(
    "mish_backward(Tensor grad_output, Tensor self) -> Tensor",
    kernels.mish_backward,
    inplace=False,
    module="nn",
    out=False,
)


def _mish_curvature(x: Any) -> Any:
    gate = x.sigmoid()
    tangent = softplus(x, 1, 20).tanh()
    slope = gate * (1 - tangent * tangent)
    return 2 * slope + x * (slope * (1 - gate) - 2 * gate * tangent * slope)


mish_backward.vjp(
    grad_output=lambda grad, self: mish_backward(grad, self),
    self=lambda grad, grad_output, self: grad * grad_output * _mish_curvature(self),
)
mish = pointwise("mish(Tensor self) -> Tensor", kernels.mish, module="nn")
mish.vjp(self=lambda grad, self: mish_backward(grad, self))

hardswish_backward = pointwise(
    "hardswish_backward(Tensor grad_output, Tensor self) -> Tensor",
    kernels.hardswish_backward,
    inplace=False,
    module="nn",
    out=False,
)
hardswish_backward.vjp(
    grad_output=lambda grad, self: hardswish_backward(grad, self),
    self=lambda grad, grad_output, self: grad * grad_output / 3 * ((self > -3) & (self < 3)),
)
hardswish = pointwise("hardswish(Tensor self) -> Tensor", kernels.hardswish, module="nn")
hardswish.vjp(self=lambda grad, self: hardswish_backward(grad, self))

hardsigmoid_backward = pointwise(
    "hardsigmoid_backward(Tensor grad_output, Tensor self) -> Tensor",
    kernels.hardsigmoid_backward,
    inplace=False,
    module="nn",
)
hardsigmoid_backward.vjp(grad_output=lambda grad, self: hardsigmoid_backward(grad, self), self=flat)
hardsigmoid = pointwise("hardsigmoid(Tensor self) -> Tensor", kernels.hardsigmoid, module="nn")
hardsigmoid.vjp(self=lambda grad, self: hardsigmoid_backward(grad, self))

softplus_backward = pointwise(
    "softplus_backward(Tensor grad_output, Tensor self, Scalar beta, Scalar threshold) -> Tensor",
    kernels.softplus_backward,
    inplace=False,
    module="nn",
)
softplus_backward.vjp(
    grad_output=lambda grad, self, beta, threshold: softplus_backward(grad, self, beta, threshold),
    self=lambda grad, grad_output, self, beta, threshold: (
        grad * grad_output * beta * _gate_slope(self * beta) * (self * beta <= threshold)
    ),
)
softplus = pointwise(
    "softplus(Tensor self, Scalar beta=1, Scalar threshold=20) -> Tensor",
    kernels.softplus,
    inplace=False,
    module="nn",
)
softplus.vjp(self=lambda grad, self, beta, threshold: softplus_backward(grad, self, beta, threshold))

softshrink_backward = pointwise(
    "softshrink_backward(Tensor grad_output, Tensor self, Scalar lambd) -> Tensor",
    kernels.shrink_backward,
    inplace=False,
    module="nn",
)
softshrink_backward.vjp(
    grad_output=lambda grad, self, lambd: softshrink_backward(grad, self, lambd), self=flat
)
softshrink = pointwise(
    "softshrink(Tensor self, Scalar lambd=0.5) -> Tensor", kernels.softshrink, inplace=False, module="nn"
)
softshrink.vjp(self=lambda grad, self, lambd: softshrink_backward(grad, self, lambd))

hardshrink_backward = pointwise(
    "hardshrink_backward(Tensor grad_out, Tensor self, Scalar lambd) -> Tensor",
    kernels.shrink_backward,
    inplace=False,
    function=False,
    method=False,
)
hardshrink_backward.vjp(grad_out=lambda grad, self, lambd: hardshrink_backward(grad, self, lambd), self=flat)
hardshrink = pointwise(
    "hardshrink(Tensor self, Scalar lambd=0.5) -> Tensor", kernels.hardshrink, inplace=False
)
hardshrink.vjp(self=lambda grad, self, lambd: hardshrink_backward(grad, self, lambd))


def _logit(self: np.ndarray, eps: float | None = None) -> np.ndarray:
    return kernels.logit(self, eps)


logit = pointwise(
    "logit(Tensor self, float? eps=None) -> Tensor",
    _logit,
    result="float",
    element_types=instances("logit_cpu", "bool int unsigned reduced float"),
)
logit_backward = pointwise(
    "logit_backward(Tensor grad_output, Tensor self, float? eps=None) -> Tensor",
    kernels.logit_backward,
    inplace=False,
    module="nn",
)


def _logit_curvature(x: Any, eps: float | None) -> Any:
    product = x * (1 - x)
    bend = (2 * x - 1) / (product * product)
    return bend if eps is None else bend.masked_fill((x < eps).logical_or(x > 1 - eps), 0)


logit_backward.vjp(
    grad_output=lambda grad, self, eps: logit_backward(grad, self, eps),
    self=lambda grad, grad_output, self, eps: grad * grad_output * _logit_curvature(self, eps),
)
logit.vjp(self=lambda grad, self, eps: logit_backward(grad, self, eps))


@composite("special_logit(Tensor self, float? eps=None) -> Tensor", module="special")
def special_logit(self: Any, eps: float | None = None) -> Any:
    """Another name of logit."""
    return logit(self, eps)


# prelu and rrelu -----------------------------------------------------------------------------------------------------

prelu_kernel_backward = op(
    "_prelu_kernel_backward(Tensor grad_output, Tensor self, Tensor weight) -> (Tensor, Tensor)",
    kernels.prelu_backward,
    upcast=True,
    out=False,
    method=False,
)
prelu_kernel_backward.vjp_all(
    lambda grad_result0, grad_result1, grad_output, self, weight, needs: _prelu_second(
        grad_result0, grad_result1, grad_output, self, weight
    )
)


def _prelu_second(toward_input: Any, toward_weight: Any, grad: Any, x: Any, weight: Any) -> dict[str, Any]:
    positive = x > 0
    zero = grad.new_zeros(())
    return {
        "grad_output": toward_input.where(positive, weight * toward_input + toward_weight * x),
        "self": zero.where(positive, grad * toward_weight),
        "weight": zero.where(positive, grad * toward_input),
    }


prelu_kernel = pointwise(
    "_prelu_kernel(Tensor self, Tensor weight) -> Tensor",
    kernels.prelu,
    element_types=instances("prelu_cpu", "reduced float"),
    node="PreluKernelBackward0",
    memory="preserved",
    inplace=False,
    out=False,
    method=False,
)
prelu_kernel.vjp(
    self=lambda grad, self, weight: prelu_kernel_backward(grad, self, weight)[0],
    weight=lambda grad, self, weight: prelu_kernel_backward(grad, self, weight)[1],
)


@composite("prelu(Tensor self, Tensor weight) -> Tensor", out=False)
def prelu(self: Any, weight: Any) -> Any:
    """x where positive, else x times weight: one number, or one per channel."""
    if self.dtype is not weight.dtype:
        first, second = scalar_type_name(self.dtype._numpy), scalar_type_name(weight.dtype._numpy)
        raise RuntimeError(f"prelu: Type promoting not supported. Got {first} and {second}")
    if weight.numel() != 1:
        if self.dim() == 0:
            raise RuntimeError("Not allow zero-dim input tensor.")
        channels = self.shape[1] if self.dim() > 1 else 1
        if channels != weight.numel():
            raise RuntimeError(
                f"Mismatch of parameter numbers and input channel size. Found parameter numbers = {weight.numel()} and "
                f"channel size = {channels}."
            )
    if weight.dim() > 1:
        raise RuntimeError(
            f"prelu: Expected `weight` to be a scalar or 1D tensor, but got: ndim = {weight.dim()}"
        )
    if weight.dim() != self.dim():
        shape = [1] * self.dim()
        if self.dim() > 1:
            shape[1] = weight.numel()
        weight = weight.reshape(shape)
    return prelu_kernel(self, weight)


def _rrelu(
    self: np.ndarray, noise: np.ndarray, lower: float, upper: float, training: bool, generator: Any
) -> np.ndarray:
    """Negative elements times a slope: drawn per element in training (kept in noise), the middle one otherwise."""
    if lower > upper:
        raise RuntimeError("Lower bound should be less than or equal to the upper bound")
    if not training:
        return kernels.leaky_relu(self, (lower + upper) / 2)
    if self.dtype == np.float16:
        raise NotImplementedError("\"rrelu_with_noise_out_cpu\" not implemented for 'Half'")
    from tinytorch._core.generator import default_generator
    from tinytorch._core.sampling import uniform_

    wide = np.float64 if self.dtype == np.float64 else np.float32
    lower, upper = float(wide(lower)), float(wide(upper))
    negative = self <= 0
    slopes = np.empty(int(negative.sum()), np.float64)
    uniform_(default_generator if generator is None else generator, slopes, 0.0, 1.0)
    noise[...] = 1
    drawn = (slopes * (upper - lower) + lower).astype(wide)
    noise[negative] = drawn.astype(self.dtype)
    result = self.copy()
    result[negative] = (self[negative].astype(wide) * drawn).astype(self.dtype)
    return result


rrelu_with_noise_backward = op(
    "rrelu_with_noise_backward(Tensor grad_output, Tensor self, Tensor noise, Scalar lower, Scalar upper, bool training, "
    "bool self_is_result) -> Tensor",
    lambda grad_output, self, noise, lower, upper, training, self_is_result: (
        grad_output * noise
        if training and upper - lower > 1e-6
        else kernels.leaky_relu_backward(grad_output, self, (lower + upper) / 2, self_is_result)
    ),
    out=False,
    module="nn",
)
rrelu_with_noise_backward.vjp(
    grad_output=lambda grad, self, noise, lower, upper, training: rrelu_with_noise_backward(
        grad, self, noise, lower, upper, training, False
    ),
    self=flat,
)
rrelu_with_noise = op(
    "rrelu_with_noise(Tensor self, Tensor(b!) noise, Scalar lower=0.125, Scalar upper=0.33333333333333331, "
    "bool training=False, Generator? generator=None) -> Tensor",
    _rrelu,
    module="nn",
    element_types=(
        instances("rrelu_with_noise_out_cpu", "bfloat16 float"),
        alike("self", "noise"),
    ),
    inplace=True,
)
rrelu_with_noise.vjp(
    self=lambda grad, self, noise, lower, upper, training: rrelu_with_noise_backward(
        grad, self, noise, lower, upper, training, False
    ),
)


@composite(
    "rrelu(Tensor self, Scalar lower=0.125, Scalar upper=0.33333333333333331, bool training=False, "
    "Generator? generator=None) -> Tensor",
    method=False,
    inplace=True,
    out=False,
)
def rrelu(
    self: Any,
    lower: float = 0.125,
    upper: float = 0.33333333333333331,
    training: bool = False,
    generator: Any = None,
) -> Any:
    """leaky_relu with a slope drawn between lower and upper."""
    return rrelu_with_noise(self, self.new_empty(self.shape), lower, upper, training, generator)


# Gated linear unit ---------------------------------------------------------------------------------------------------

glu_backward = op(
    "glu_backward(Tensor grad_output, Tensor self, int dim) -> Tensor",
    lambda grad_output, self, dim: kernels.glu_backward(grad_output, self, dim % max(self.ndim, 1)),
    upcast=True,
    module="nn",
)


def _glu_second(grad: Any, grad_output: Any, self: Any, dim: int) -> dict[str, Any]:
    """The cotangents of glu_backward."""
    first, second = self.chunk(2, dim)
    toward_first, toward_second = grad.chunk(2, dim)
    gate = second.sigmoid()
    slope = gate * (1 - gate)
    bend = toward_first * grad_output * slope + toward_second * grad_output * first * slope * (1 - 2 * gate)
    from tinytorch._operators.assembly import cat

    return {
        "grad_output": toward_first * gate + toward_second * slope * first,
        "self": cat([toward_second * grad_output * slope, bend], dim),
    }


glu_backward.vjp_all(lambda grad, grad_output, self, dim, needs: _glu_second(grad, grad_output, self, dim))


@op("glu(Tensor self, int dim=-1) -> Tensor", wrap=("dim",), upcast=True, module="nn")
def glu(self: Any, dim: int) -> Any:
    return layout.arranged("elementwise", kernels.glu(self, dim), np.split(self, 2, axis=dim))


glu.vjp(self=lambda grad, self, dim: glu_backward(grad, self, dim))
