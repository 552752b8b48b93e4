"""Losses with nodes of their own: squared, absolute and soft margin losses, binary cross entropy.

`reduction` is torch's enumeration: 0 none, 1 mean, 2 sum.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinytorch._core import dtypes, layout
from tinytorch._core.declare import composite, op
from tinytorch._core.element_types import alike, instances
from tinytorch._core.promotion import check_result_cast, result_type_of
from tinytorch._kernels import loss as kernels
from tinytorch._kernels.scalar_types import broadcast_shape, scalar_type_name
from tinytorch._operators import _checks
from tinytorch._operators._checks import refuse_bool_difference

NONE, MEAN, SUM = 0, 1, 2


def applied(values: Any, reduction: int) -> Any:
    """values, their mean or their sum."""
    if reduction == MEAN:
        return values.mean()
    return values.sum() if reduction == SUM else values


def _shared(grad: Any, values: Any, reduction: int) -> Any:
    """A cotangent of the reduced loss as one of every value."""
    return grad / values.numel() if reduction == MEAN else grad


def _broadcast(self: Any, target: Any) -> Any:
    """Both expanded to their common shape, with torch's text where there is none."""

    shape = broadcast_shape(tuple(self.shape), tuple(target.shape))
    return (
        self if tuple(self.shape) == shape else self.expand(shape),
        target if tuple(target.shape) == shape else target.expand(shape),
    )


def _second(values: Any, reduction: int, *factors: Any) -> Any:
    """A product of factors over what the mean divides by: the shape of most second derivatives."""
    product = factors[0]
    for factor in factors[1:]:
        product = product * factor
    return _shared(product, values, reduction)


# Differences ---------------------------------------------------------------------------------------------------------


def _common(*arrays: Any) -> Any:
    """The type in which elementwise operators compute with `arrays`."""
    return result_type_of(
        [(dtypes.from_numpy(a.dtype), "dim" if a.ndim else "zero_dim") for a in arrays]
    )._numpy


def _together(kernel: Any) -> Any:
    """`kernel` on operands of one type, promoted as those of elementwise operators."""

    def run(self: Any, target: Any, *rest: Any) -> Any:
        if self.dtype != target.dtype:
            common = _common(self, target)
            self, target = self.astype(common), target.astype(common)
        return kernel(self, target, *rest)

    return run


mse_loss_backward = op(
    "mse_loss_backward(Tensor grad_output, Tensor self, Tensor target, int reduction) -> Tensor",
    kernels.mse_loss_backward,
    upcast=True,
    rounds_to="common",
    module="nn",
)
mse_loss_backward.vjp(
    grad_output=lambda grad, self, target, reduction: _reduced(
        mse_loss_backward(grad, self, target, reduction), reduction
    ),
    self=lambda grad, grad_output, self, reduction: _second(self, reduction, grad, grad_output) * 2,
    target=lambda grad, grad_output, self, reduction: _second(self, reduction, grad, grad_output) * -2,
)


def _reduced(values: Any, reduction: int) -> Any:
    """A cotangent with respect to the reduced loss's cotangent, which is a scalar unless nothing was reduced."""
    return values if reduction == NONE else values.sum()


mse_loss = op(
    "mse_loss(Tensor self, Tensor target, int reduction=1) -> Tensor",
    _together(kernels.mse_loss),
    memory="elementwise",
    element_types=instances("mse_cpu", "bool int unsigned reduced float"),
    upcast=True,
    rounds_to="common",
    module="nn",
)
mse_loss.vjp(
    self=lambda grad, self, target, reduction: mse_loss_backward(grad, self, target, reduction),
    target=lambda grad, self, target, reduction: -mse_loss_backward(grad, self, target, reduction),
)


@composite("l1_loss(Tensor self, Tensor target, int reduction=1) -> Tensor", module="nn", out=False)
def l1_loss(self: Any, target: Any, reduction: int = MEAN) -> Any:
    """|x - y|."""
    return applied((self - target).abs(), reduction)


smooth_l1_loss_backward = op(
    "smooth_l1_loss_backward(Tensor grad_output, Tensor self, Tensor target, int reduction, float beta) -> Tensor",
    kernels.smooth_l1_loss_backward,
    upcast=True,
    rounds_to="common",
    out=False,
)


def _smooth_bend(grad: Any, grad_output: Any, self: Any, target: Any, reduction: int, beta: float) -> Any:
    difference = self - target
    inside = difference.abs() < beta
    return _second(difference, reduction, grad, grad_output) * inside / beta


smooth_l1_loss_backward.vjp(
    grad_output=lambda grad, self, target, reduction, beta: _reduced(
        smooth_l1_loss_backward(grad, self, target, reduction, beta), reduction
    ),
    self=lambda grad, grad_output, self, target, reduction, beta: _smooth_bend(
        grad, grad_output, self, target, reduction, beta
    ),
    target=lambda grad, grad_output, self, target, reduction, beta: (
        -_smooth_bend(grad, grad_output, self, target, reduction, beta)
    ),
)
smooth_l1 = op(
    "smooth_l1_loss(Tensor self, Tensor target, int reduction=1, float beta=1.) -> Tensor",
    _together(kernels.smooth_l1_loss),
    memory="elementwise",
    upcast=True,
    rounds_to="common",
    module="nn",
    node="SmoothL1LossBackward0",
)
smooth_l1.vjp(
    self=lambda grad, self, target, reduction, beta: smooth_l1_loss_backward(
        grad, self, target, reduction, beta
    ),
    target=lambda grad, self, target, reduction, beta: (
        -smooth_l1_loss_backward(grad, self, target, reduction, beta)
    ),
)

huber_loss_backward = op(
    "huber_loss_backward(Tensor grad_output, Tensor self, Tensor target, int reduction, float delta) -> Tensor",
    kernels.huber_loss_backward,
    element_types=alike("self", "target", "Found dtype {1} but expected {0}"),
    upcast=True,
    out=False,
)


def _huber_bend(grad: Any, grad_output: Any, self: Any, target: Any, reduction: int, delta: float) -> Any:
    difference = self - target
    return _second(difference, reduction, grad, grad_output) * (difference.abs() <= delta)


huber_loss_backward.vjp(
    grad_output=lambda grad, self, target, reduction, delta: _reduced(
        huber_loss_backward(grad, self, target, reduction, delta), reduction
    ),
    self=lambda grad, grad_output, self, target, reduction, delta: _huber_bend(
        grad, grad_output, self, target, reduction, delta
    ),
    target=lambda grad, grad_output, self, target, reduction, delta: (
        -_huber_bend(grad, grad_output, self, target, reduction, delta)
    ),
)


def _huber(self: Any, target: Any, *rest: Any) -> Any:
    """Computed in the operands' common type, kept in the input's."""
    common = _common(self, target)
    check_result_cast(dtypes.from_numpy(common), dtypes.from_numpy(self.dtype))
    return kernels.huber_loss(self.astype(common), target.astype(common), *rest).astype(self.dtype)


huber_loss = op(
    "huber_loss(Tensor self, Tensor target, int reduction=1, float delta=1.) -> Tensor",
    _huber,
    memory="preserved",
    rounds_to="self",
    upcast=True,
    module="nn",
)
huber_loss.vjp(
    self=lambda grad, self, target, reduction, delta: huber_loss_backward(
        grad, self, target, reduction, delta
    ),
    target=lambda grad, self, target, reduction, delta: (
        -huber_loss_backward(grad, self, target, reduction, delta)
    ),
)

soft_margin_loss_backward = op(
    "soft_margin_loss_backward(Tensor grad_output, Tensor self, Tensor target, int reduction) -> Tensor",
    kernels.soft_margin_loss_backward,
    out=False,
    module="nn",
)


def _soft_margin_bend(grad: Any, grad_output: Any, self: Any, target: Any, reduction: int) -> Any:
    margin = target * self
    slope = margin.sigmoid() * (-margin).sigmoid()
    return _second(self, reduction, grad, grad_output) * target * target * slope


soft_margin_loss_backward.vjp(
    grad_output=lambda grad, self, target, reduction: _reduced(
        soft_margin_loss_backward(grad, self, target, reduction), reduction
    ),
    self=lambda grad, grad_output, self, target, reduction: _soft_margin_bend(
        grad, grad_output, self, target, reduction
    ),
)


def _soft_margin(self: Any, target: Any, reduction: int) -> Any:
    """In the input's type, in which torch computes step by step: negated, multiplied, exponentiated."""
    common, kind = dtypes.from_numpy(_common(self, target)), dtypes.from_numpy(self.dtype)
    if kind is dtypes.bool_:
        _checks.check_negative(kind, None)
    check_result_cast(common, kind)
    if kind._category == "int":
        check_result_cast(dtypes.defaults.dtype, kind)
    shape = broadcast_shape(self.shape, target.shape)
    if shape != self.shape:
        raise RuntimeError(
            f"output with shape {list(self.shape)} doesn't match the broadcast shape {list(shape)}"
        )
    return kernels.soft_margin_loss(self, target.astype(self.dtype), reduction)


soft_margin_loss = op(
    "soft_margin_loss(Tensor self, Tensor target, int reduction=1) -> Tensor",
    _soft_margin,
    rounds_to="self",
    upcast=True,
    module="nn",
)
soft_margin_loss.vjp(
    self=lambda grad, self, target, reduction: soft_margin_loss_backward(grad, self, target, reduction)
)


# Binary cross entropy ------------------------------------------------------------------------------------------------

binary_cross_entropy_backward = op(
    "binary_cross_entropy_backward(Tensor grad_output, Tensor self, Tensor target, Tensor? weight=None, int reduction=1) "
    "-> Tensor",
    kernels.binary_cross_entropy_backward,
    module="nn",
)
EPSILON = 1e-12


def _entropy_bend(grad: Any, grad_output: Any, self: Any, target: Any, weight: Any, reduction: int) -> Any:
    product = ((1 - self) * self).clamp(min=EPSILON)
    slope = self * self - 2 * self * target + target
    result = grad * grad_output * slope / (product * product)
    if weight is not None:
        result = result * weight
    return _shared(result, self, reduction)


def _entropy_cross(grad: Any, grad_output: Any, self: Any, weight: Any, reduction: int) -> Any:
    result = -grad * grad_output / ((1 - self) * self).clamp(min=EPSILON)
    if weight is not None:
        result = result * weight
    return _shared(result, self, reduction)


binary_cross_entropy_backward.vjp(
    grad_output=lambda grad, self, target, weight, reduction: _reduced(
        binary_cross_entropy_backward(grad, self, target, weight, reduction), reduction
    ),
    self=lambda grad, grad_output, self, target, weight, reduction: _entropy_bend(
        grad, grad_output, self, target, weight, reduction
    ),
    target=lambda grad, grad_output, self, weight, reduction: _entropy_cross(
        grad, grad_output, self, weight, reduction
    ),
)


def _entropy_target(grad: Any, self: Any, weight: Any, reduction: int) -> Any:
    result = grad * ((1 - self).log().clamp(min=-100) - self.log().clamp(min=-100))
    if weight is not None:
        result = result * weight
    return _shared(result, self, reduction)


binary_cross_entropy = op(
    "binary_cross_entropy(Tensor self, Tensor target, Tensor? weight=None, int reduction=1) -> Tensor",
    kernels.binary_cross_entropy,
    module="nn",
)
binary_cross_entropy.vjp(
    self=lambda grad, self, target, weight, reduction: binary_cross_entropy_backward(
        grad, self, target, weight, reduction
    ),
    target=lambda grad, self, weight, reduction: _entropy_target(grad, self, weight, reduction),
)


def _logits_kernel(self: Any, target: Any, weight: Any, pos_weight: Any, reduction: int) -> Any:
    _check_logits(self, target)
    softplus = np.log1p(np.exp(-np.abs(self))) + np.maximum(-self, 0)  # log(1 + exp(-x))
    if pos_weight is not None:
        losses = (1 - target) * self + ((pos_weight - 1) * target + 1) * softplus
    else:
        losses = (1 - target) * self + softplus
    if weight is not None:
        losses = losses * weight
    losses = np.asarray(losses).astype(target.dtype, copy=False)
    losses = layout.arranged("preserved", losses, [target])
    return kernels.reduced(losses, reduction)


def _check_logits(self: Any, target: Any) -> None:
    """torch computes log_sigmoid(self), and multiplies 1 - target by self in place."""
    if self.dtype.kind in "biuc":
        raise NotImplementedError(f"\"log_sigmoid_cpu\" not implemented for '{scalar_type_name(self.dtype)}'")
    if target.dtype.kind == "b":
        refuse_bool_difference(True)
    if target.dtype.kind in "iu":
        raise RuntimeError(
            f"result type {scalar_type_name(self.dtype)} can't be cast to the desired output type {scalar_type_name(target.dtype)}"
        )


binary_cross_entropy_with_logits = op(
    "binary_cross_entropy_with_logits(Tensor self, Tensor target, Tensor? weight=None, Tensor? pos_weight=None, "
    "int reduction=1) -> Tensor",
    _logits_kernel,
    upcast=True,
    rounds_to="target",
    method=False,
    out=False,
)


def _logits_vjp(grad: Any, self: Any, target: Any, weight: Any, pos_weight: Any, reduction: int) -> Any:
    gate = self.sigmoid()
    if pos_weight is not None:
        positive = pos_weight * target
        result = (positive + 1 - target) * gate - positive
    else:
        result = gate - target
    result = result * grad
    if weight is not None:
        result = result * weight
    return _shared(result, self, reduction)


def _logits_target(grad: Any, self: Any, weight: Any, pos_weight: Any, reduction: int) -> Any:
    if pos_weight is not None:
        result = _log_sigmoid(-self) - pos_weight * _log_sigmoid(self)
        result = result * grad
    else:
        result = self * -grad
    if weight is not None:
        result = result * weight
    return _shared(result, self, reduction)


def _log_sigmoid(x: Any) -> Any:
    from tinytorch._operators.softmax import log_sigmoid_forward

    return log_sigmoid_forward(x)[0]


binary_cross_entropy_with_logits.vjp(
    self=lambda grad, self, target, weight, pos_weight, reduction: _logits_vjp(
        grad, self, target, weight, pos_weight, reduction
    ),
    target=lambda grad, self, weight, pos_weight, reduction: _logits_target(
        grad, self, weight, pos_weight, reduction
    ),
)
