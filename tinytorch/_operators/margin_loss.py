"""Margin and distance losses, most of them composed."""

from __future__ import annotations

from typing import Any

from tinytorch._core.declare import composite, op
from tinytorch._core.element_types import instances, takes
from tinytorch._kernels import margin_loss as kernels
from tinytorch._kernels.scalar_types import scalar_type_name
from tinytorch._operators.adjoint import flat, minus, plus
from tinytorch._operators.arithmetic import mul_scalar
from tinytorch._operators.loss import MEAN, applied
from tinytorch._operators.norms import linalg_vector_norm, norm_dim

multi_margin_loss_backward = op(
    "multi_margin_loss_backward(Tensor grad_output, Tensor self, Tensor target, Scalar p, Scalar margin, "
    "Tensor? weight=None, int reduction=1) -> Tensor",
    kernels.multi_margin_loss_backward,
    module="nn",
    underivable=True,
    upcast=True,
)
#: Other types than these are refused by the kernels, after they have looked at sizes.
_WHOLE = takes("bool int unsigned float complex", "expected scalar type Long but found {0}", of="target")

multi_margin_loss = op(
    "multi_margin_loss(Tensor self, Tensor target, Scalar p=1, Scalar margin=1, Tensor? weight=None, int reduction=1) "
    "-> Tensor",
    kernels.multi_margin_loss,
    module="nn",
    element_types=(
        instances("multi_margin_loss_cpu_kernel", "float"),
        _WHOLE,
    ),
    upcast=True,
    forward=False,
)
multi_margin_loss.vjp(
    self=lambda grad, self, target, p, margin, weight, reduction: multi_margin_loss_backward(
        grad, self, target, p, margin, weight, reduction
    )
)

multilabel_margin_loss_backward = op(
    "multilabel_margin_loss_backward(Tensor grad_output, Tensor self, Tensor target, int reduction, Tensor is_target) "
    "-> Tensor",
    kernels.multilabel_margin_loss_backward,
    module="nn",
    upcast=True,
)
multilabel_margin_loss_backward.vjp(
    grad_output=lambda grad, self, target, reduction, is_target: _multilabel_second(
        grad, self, target, reduction, is_target
    ),
    self=flat,
)


def _multilabel_second(grad: Any, self: Any, target: Any, reduction: int, is_target: Any) -> Any:
    """The gradient is linear in its cotangent: contract it with the direction."""
    ones = grad.new_ones(() if reduction else tuple(self.shape[:-1]))
    slopes = multilabel_margin_loss_backward(ones, self, target, reduction, is_target)
    return (grad * slopes).sum() if reduction else (grad * slopes).sum(-1)


multilabel_margin_loss_forward = op(
    "multilabel_margin_loss_forward(Tensor self, Tensor target, int reduction) -> (Tensor output, Tensor is_target)",
    kernels.multilabel_margin_loss_forward,
    module="nn",
    node="MultilabelMarginLossBackward0",
    element_types=(
        instances("min_all", "bool int reduced float", of="target"),
        instances("multilabel_margin_loss_forward_out_frame", "float"),
        _WHOLE,
    ),
    upcast=True,
)
multilabel_margin_loss_forward.vjp(
    self=lambda grad_output, self, target, reduction, is_target: multilabel_margin_loss_backward(
        grad_output, self, target, reduction, is_target.detach()
    )
)


@composite("multilabel_margin_loss(Tensor self, Tensor target, int reduction=1) -> Tensor", module="nn")
def multilabel_margin_loss(self: Any, target: Any, reduction: int = MEAN) -> Any:
    """The hinge between every label and every other class."""
    return multilabel_margin_loss_forward(self, target, reduction)[0]


@composite(
    "kl_div(Tensor self, Tensor target, int reduction=1, *, bool log_target=False) -> Tensor",
    method=False,
    out=False,
)
def kl_div(self: Any, target: Any, reduction: int = MEAN, log_target: bool = False) -> Any:
    """target times (log target - input)."""
    if self.dtype.is_complex or target.dtype.is_complex:
        raise RuntimeError("kl_div: Complex inputs not supported.")
    if self.dtype._category != "float" or target.dtype._category != "float":
        raise RuntimeError("kl_div: Integral inputs not supported.")
    output = target.exp() * (target - self) if log_target else target.xlogy(target) - target * self
    return applied(output, reduction)


@composite(
    "margin_ranking_loss(Tensor input1, Tensor input2, Tensor target, float margin=0., int reduction=1) -> Tensor",
    method=False,
    out=False,
)
def margin_ranking_loss(
    input1: Any, input2: Any, target: Any, margin: float = 0.0, reduction: int = MEAN
) -> Any:
    """max(0, -y (x1 - x2) + margin)."""
    difference = input1 - input2
    return applied(plus(-target * difference, margin, 1).clamp_min(0), reduction)


@composite(
    "hinge_embedding_loss(Tensor self, Tensor target, float margin=1., int reduction=1) -> Tensor",
    method=False,
    out=False,
)
def hinge_embedding_loss(self: Any, target: Any, margin: float = 1.0, reduction: int = MEAN) -> Any:
    """x where y is 1, max(0, margin - x) where it is -1."""
    zero = self.new_zeros(())
    away = (self.new_full(self.shape, margin) - self).clamp_min(0).where(target != 1, zero)
    near = self.where(target != -1, zero)
    return applied(away + near, reduction)


@composite(
    "cosine_embedding_loss(Tensor input1, Tensor input2, Tensor target, float margin=0., int reduction=1) -> Tensor",
    method=False,
    out=False,
)
def cosine_embedding_loss(
    input1: Any, input2: Any, target: Any, margin: float = 0.0, reduction: int = MEAN
) -> Any:
    """1 - cos where y is 1, max(0, cos - margin) where it is -1."""
    rank = target.dim()
    if rank not in (0, 1):
        raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
    if input1.dim() != rank + 1 or input2.dim() != rank + 1:
        head = f"{rank}D target tensor expects {rank + 1}D input tensors"
        raise RuntimeError(
            f"{head}, but found inputs with sizes {list(input1.shape)} and {list(input2.shape)}."
        )
    axis = rank
    product = (input1 * input2).sum(axis)
    epsilon = 1e-12
    first = plus((input1 * input1).sum(axis), epsilon, 1)
    second = plus((input2 * input2).sum(axis), epsilon, 1)
    cosine = product / (first * second).sqrt()
    zeros = cosine.new_zeros(cosine.shape)
    near = (cosine.new_ones(cosine.shape) - cosine).where(target == 1, zeros)
    away = minus(cosine, margin, 1).clamp_min(0).where(target == -1, zeros)
    return applied(near + away, reduction)


@composite(
    "triplet_margin_loss(Tensor anchor, Tensor positive, Tensor negative, float margin=1., float p=2., "
    "float eps=9.9999999999999995e-07, bool swap=False, int reduction=1) -> Tensor",
    method=False,
    out=False,
)
def triplet_margin_loss(
    anchor: Any,
    positive: Any,
    negative: Any,
    margin: float = 1.0,
    p: float = 2.0,
    eps: float = 1e-6,
    swap: bool = False,
    reduction: int = MEAN,
) -> Any:
    """max(0, margin + distance to the positive - distance to the negative)."""
    if not anchor.dim() == positive.dim() == negative.dim():
        raise RuntimeError(
            "The anchor, positive, and negative tensors are expected to have the same number of dimensions, but got: "
            f"anchor {anchor.dim()}D, positive {positive.dim()}D, and negative {negative.dim()}D inputs"
        )
    near = pairwise_distance.kernel(anchor, positive, p, eps)
    far = pairwise_distance.kernel(anchor, negative, p, eps)
    if swap:
        far = far.minimum(pairwise_distance.kernel(positive, negative, p, eps))
    return applied((plus(near, margin, 1) - far).clamp_min(0), reduction)


@composite(
    "pairwise_distance(Tensor x1, Tensor x2, float p=2., float eps=9.9999999999999995e-07, bool keepdim=False) -> Tensor",
    method=False,
    out=False,
)
def pairwise_distance(x1: Any, x2: Any, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> Any:
    """The p-norm of x1 - x2 + eps over the last dimension."""
    last = max(x1.dim(), x2.dim()) - 1
    return norm_dim(plus(x1 - x2, eps, 1), p, [last], keepdim)


@composite(
    "cosine_similarity(Tensor x1, Tensor x2, int dim=1, float eps=1e-08) -> Tensor", method=False, out=False
)
def cosine_similarity(x1: Any, x2: Any, dim: int = 1, eps: float = 1e-8) -> Any:
    """The dot product along dim over both lengths, each held above eps."""
    from tinytorch._core.promotion import promote_types
    from tinytorch._operators.loss import _broadcast

    common = promote_types(x1.dtype, x2.dtype)
    if not common.is_floating_point:
        name = scalar_type_name(common._numpy)
        raise RuntimeError(f"expected common dtype to be floating point, yet common dtype is {name}")
    first, second = _broadcast(x1, x2)
    first = first if first.dtype is common else first.to(common)
    second = second if second.dtype is common else second.to(common)
    length1 = linalg_vector_norm(first, 2, [dim], True).clone()
    length2 = linalg_vector_norm(second, 2, [dim], True).clone()
    length1.detach().clamp_min_(eps)
    length2.detach().clamp_min_(eps)
    return ((first / length1) * (second / length2)).sum(dim)


@composite(
    "poisson_nll_loss(Tensor input, Tensor target, bool log_input, bool full, float eps, int reduction) -> Tensor",
    method=False,
    out=False,
)
def poisson_nll_loss(input: Any, target: Any, log_input: bool, full: bool, eps: float, reduction: int) -> Any:
    """Minus the log likelihood of a Poisson distribution, Stirling's terms with full."""
    loss = input.exp() - target * input if log_input else input - target * plus(input, eps, 1).log()
    if full:
        stirling = (
            target * target.log() - target + mul_scalar(mul_scalar(target, 2 * 3.141592653589793).log(), 0.5)
        )
        loss = loss + stirling.masked_fill(target <= 1, 0)
    return applied(loss, reduction)
