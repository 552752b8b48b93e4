"""Negative log likelihood and cross entropy. `reduction`: 0 none, 1 mean, 2 sum."""

from __future__ import annotations

from typing import Any

from tinytorch._core.declare import composite, op
from tinytorch._kernels import class_loss as kernels
from tinytorch._kernels.scalar_types import scalar_type_name, shape_text
from tinytorch._operators.adjoint import flat, plus
from tinytorch._operators.arithmetic import div_scalar, mul_scalar
from tinytorch._operators.loss import MEAN, NONE, SUM
from tinytorch._operators.softmax import log_softmax_int

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
    if rank != 1 and self.size(0) != (target.size(0) if target.dim() else 0):
        raise ValueError(
            f"Expected input batch_size ({self.shape[0]}) to match target batch_size "
            f"({target.shape[0] if target.dim() else 0})."
        )
    if rank <= 2:
        return nll_loss_forward.call(self, target, weight, reduction, ignore_index)[0]
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
    if self.dim() == target.dim() and tuple(self.shape) == tuple(target.shape):
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
    log_probs = log_softmax_int.call(self, dimension, None)
    return nll_loss_nd.kernel(log_probs, target, weight, reduction, ignore_index)


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
