"""Losses with nodes of their own: squared, absolute and margin losses, negative log likelihood, binary cross entropy.

`reduction` is torch's enumeration: 0 none, 1 mean, 2 sum.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinytorch._core import dtypes
from tinytorch._core.declare import composite, op
from tinytorch._core.element_types import instances
from tinytorch._core.promotion import check_result_cast, result_type_of
from tinytorch._kernels import loss as kernels
from tinytorch._kernels.scalar_types import broadcast_shape, scalar_type_name, shape_text
from tinytorch._operators import _checks
from tinytorch._operators._checks import refuse_bool_difference
from tinytorch._operators.adjoint import flat, plus
from tinytorch._operators.arithmetic import div_scalar, mul_scalar

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
    from tinytorch._kernels.scalar_types import broadcast_shape

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


# Negative log likelihood ---------------------------------------------------------------------------------------------

_ARGUMENTS = "Tensor target, Tensor? weight, int reduction, SymInt ignore_index"


def _nll(suffix: str) -> tuple[Any, Any]:
    """The flat or the spatial loss with its gradient, which is linear in its cotangent."""
    name = f"nll_loss{suffix}"
    backward = op(
        f"{name}_backward(Tensor grad_output, Tensor self, {_ARGUMENTS}, Tensor total_weight) -> Tensor",
        getattr(kernels, f"{name}_backward"),
        module="nn",
    )
    forward = op(
        f"{name}_forward(Tensor self, {_ARGUMENTS}) -> (Tensor output, Tensor total_weight)",
        getattr(kernels, f"{name}_forward"),
        module="nn",
        node="NllLoss2DBackward0" if suffix else "NllLossBackward0",
    )
    backward.vjp(
        grad_output=lambda grad, target, weight, reduction, ignore_index, total_weight: _nll_second(
            forward, grad, target, weight, reduction, ignore_index, total_weight
        ),
        self=flat,
    )
    forward.vjp(
        self=lambda grad_output, self, target, weight, reduction, ignore_index, total_weight: backward(
            grad_output, self, target, weight, reduction, ignore_index, total_weight.detach()
        )
    )
    return forward, backward


def _nll_second(
    forward: Any, grad: Any, target: Any, weight: Any, reduction: int, ignore_index: int, total_weight: Any
) -> Any:
    """The loss is linear in its input, so the cotangent of its cotangent is the loss of that direction."""
    if reduction == MEAN:
        return forward(grad, target, weight, SUM, ignore_index)[0] / total_weight
    return forward(grad, target, weight, reduction, ignore_index)[0]


nll_loss_forward, nll_loss_backward = _nll("")
nll_loss2d_forward, nll_loss2d_backward = _nll("2d")


@composite(
    "nll_loss(Tensor self, Tensor target, Tensor? weight=None, int reduction=1, SymInt ignore_index=-100) -> Tensor",
    module="nn",
)
def nll_loss(
    self: Any, target: Any, weight: Any = None, reduction: int = MEAN, ignore_index: int = -100
) -> Any:
    """Minus the log probability of each target class."""
    return nll_loss_forward(self, target, weight, reduction, ignore_index)[0]


@composite(
    "nll_loss2d(Tensor self, Tensor target, Tensor? weight=None, int reduction=1, SymInt ignore_index=-100) -> Tensor",
    module="nn",
)
def nll_loss2d(
    self: Any, target: Any, weight: Any = None, reduction: int = MEAN, ignore_index: int = -100
) -> Any:
    """nll_loss over images."""
    return nll_loss2d_forward(self, target, weight, reduction, ignore_index)[0]


@composite(
    "nll_loss_nd(Tensor self, Tensor target, Tensor? weight=None, int reduction=1, SymInt ignore_index=-100) -> Tensor",
    module="nn",
    out=False,
)
def nll_loss_nd(
    self: Any, target: Any, weight: Any = None, reduction: int = MEAN, ignore_index: int = -100
) -> Any:
    """nll_loss of any rank: classes are dimension 1, or 0 of a vector."""
    rank = self.dim()
    if rank < 1:
        raise ValueError(f"Expected 1 or more dimensions (got {rank})")
    if rank == 1 and target.dim() == 1 and target.shape[0] != 1:
        raise ValueError(f"For 1D input, 1D target must have size 1, but got target size: {target.shape[0]}")
    if rank != 1 and self.shape[0] != (target.shape[0] if target.dim() else 0):
        raise ValueError(
            f"Expected input batch_size ({self.shape[0]}) to match target batch_size "
            f"({target.shape[0] if target.dim() else 0})."
        )
    if rank <= 2:
        return nll_loss_forward(self, target, weight, reduction, ignore_index)[0]
    if rank == 4:
        return nll_loss2d_forward(self, target, weight, reduction, ignore_index)[0]
    count, classes = self.shape[0], self.shape[1]
    wanted = [count, *self.shape[2:]]
    if list(target.shape[1:]) != wanted[1:]:
        raise RuntimeError(f"Expected target size {wanted}, got {shape_text(target.shape)}")
    if self.numel():
        flat = self.contiguous().view([count, classes, 1, -1])
        labels = target.contiguous().view([count, 1, -1])
    else:
        flat = self.contiguous().view([count, classes, 0, 0])
        labels = target.contiguous().view([count, 0, 0])
    loss = nll_loss2d_forward(flat, labels, weight, reduction, ignore_index)[0]
    return loss if reduction else loss.view(wanted)


@composite(
    "cross_entropy_loss(Tensor self, Tensor target, Tensor? weight=None, int reduction=1, SymInt ignore_index=-100, "
    "float label_smoothing=0.) -> Tensor",
    module="nn",
    out=False,
)
def cross_entropy_loss(
    self: Any,
    target: Any,
    weight: Any = None,
    reduction: int = MEAN,
    ignore_index: int = -100,
    label_smoothing: float = 0.0,
) -> Any:
    """nll_loss of log_softmax; targets are classes, or probabilities of the input's shape."""
    dimension = 0 if self.dim() == 1 else 1
    if tuple(self.shape) == tuple(target.shape):
        if not target.dtype.is_floating_point:
            raise RuntimeError(
                "Expected floating point type for target with class probabilities, got "
                + scalar_type_name(target.dtype._numpy)
            )
        if ignore_index >= 0:
            raise RuntimeError("ignore_index is not supported for floating point target")
        return _probabilities(self, target, weight, reduction, label_smoothing, dimension)
    if label_smoothing > 0:
        return _smoothed(self, target, weight, reduction, ignore_index, label_smoothing, dimension)
    if label_smoothing < 0:
        raise RuntimeError(f"label_smoothing must be between 0.0 and 1.0. Got: {label_smoothing:g}")
    return nll_loss_nd.kernel(self.log_softmax(dimension), target, weight, reduction, ignore_index)


def _class_weight(self: Any, weight: Any, classes: int, dimension: int) -> Any:
    if tuple(weight.shape) != (classes,):
        raise RuntimeError(
            f"cross_entropy: weight tensor should be defined either for all {classes} classes or no classes but got "
            f"weight tensor of shape: {shape_text(weight.shape)}"
        )
    if self.dim() == 1:
        return weight
    shape = [1] * self.dim()
    shape[dimension] = classes
    return weight.view(shape)


def _check_smoothing(label_smoothing: float) -> None:
    if not 0 <= label_smoothing <= 1:
        raise RuntimeError(f"label_smoothing must be between 0.0 and 1.0. Got: {label_smoothing:g}")


def _probabilities(
    self: Any, target: Any, weight: Any, reduction: int, label_smoothing: float, dimension: int
) -> Any:
    """Cross entropy against class probabilities."""
    classes = self.shape[dimension]
    _check_smoothing(label_smoothing)
    if weight is not None:
        weight = _class_weight(self, weight, classes, dimension)
    log_probs = self.log_softmax(dimension)
    if label_smoothing > 0:
        target = plus(mul_scalar(target, 1 - label_smoothing), label_smoothing / classes, 1)
    product = log_probs * target
    if weight is not None:
        product = product * weight
    if reduction == NONE:
        return -product.sum(dimension)
    if reduction == SUM:
        return -product.sum()
    samples = self.numel() // classes if classes else 0
    return div_scalar(-product.sum(), samples)


def _smoothed(
    self: Any,
    target: Any,
    weight: Any,
    reduction: int,
    ignore_index: int,
    label_smoothing: float,
    dimension: int,
) -> Any:
    """Cross entropy against class indices mixed with the uniform distribution."""
    classes = self.shape[dimension]
    _check_smoothing(label_smoothing)
    if weight is not None and tuple(weight.shape) != (classes,):
        _class_weight(self, weight, classes, dimension)
    log_probs = self.log_softmax(dimension)
    sharp = nll_loss_nd.kernel(log_probs, target, weight, reduction, ignore_index)
    if weight is not None:
        smooth = -(log_probs * _class_weight(self, weight, classes, dimension)).sum(dimension)
    else:
        smooth = -log_probs.sum(dimension)
    ignored = target == ignore_index
    smooth = smooth.masked_fill(ignored.view(smooth.shape) if ignored.shape != smooth.shape else ignored, 0.0)
    if reduction == MEAN:
        if weight is not None:
            # Weights of the classes that count, as the sharp part divides by.
            chosen = target.masked_fill(ignored, 0)
            total = weight.gather(0, chosen.flatten()).masked_fill(ignored.flatten(), 0).sum()
            smooth = smooth.sum() / total
        else:
            smooth = smooth.sum() / ignored.logical_not().sum()
    elif reduction == SUM:
        smooth = smooth.sum()
    return mul_scalar(sharp, 1 - label_smoothing) + mul_scalar(smooth, label_smoothing / classes)


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
    return kernels.reduced(np.asarray(losses).astype(target.dtype, copy=False), reduction)


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
