"""Softmax, its logarithm and the logistic sigmoid's logarithm."""

from __future__ import annotations

from typing import Any

from tinytorch._core.declare import composite, op
from tinytorch._core.element_types import alike, instances
from tinytorch._kernels import softmax as kernels


def _backward_types(name: str) -> tuple[Any, ...]:
    def kernel(grad_output: Any, output: Any, dim: int, input_dtype: Any) -> str:
        last = output.dim() == 0 or dim in (-1, output.dim() - 1)
        return f"{name}_lastdim_kernel_impl" if last else f"{name}_kernel_impl"

    return instances(kernel, "reduced float"), alike("grad_output", "output")


softmax_backward_data = op(
    "_softmax_backward_data(Tensor grad_output, Tensor output, int dim, ScalarType input_dtype) -> Tensor",
    kernels.softmax_backward,
    wrap=("dim",),
    element_types=_backward_types("softmax_backward"),
    node="SoftmaxBackwardDataBackward0",
    out=False,
)
softmax_backward_data.vjp(
    grad_output=lambda grad, output, dim, input_dtype: softmax_backward_data(grad, output, dim, input_dtype),
    output=lambda grad, grad_output, output, dim: (
        (grad_output * grad)
        - (output * grad_output).sum(dim, keepdim=True) * grad
        - grad_output * (output * grad).sum(dim, keepdim=True)
    ),
)

softmax = op(
    "_softmax(Tensor self, int dim, bool half_to_float) -> Tensor",
    kernels.softmax,
    wrap=("dim",),
    node="SoftmaxBackward0",
)
softmax.vjp(self=lambda grad, result, dim, self_dtype: softmax_backward_data(grad, result, dim, self_dtype))
softmax.native(
    any_order=True,
    self=lambda grad, result, dim: kernels.softmax_backward(
        grad, result, dim % max(result.ndim, 1), grad.dtype
    ),
)

log_softmax_backward_data = op(
    "_log_softmax_backward_data(Tensor grad_output, Tensor output, int dim, ScalarType input_dtype) -> Tensor",
    kernels.log_softmax_backward,
    wrap=("dim",),
    element_types=_backward_types("log_softmax_backward"),
    node="LogSoftmaxBackwardDataBackward0",
)
log_softmax_backward_data.vjp(
    grad_output=lambda grad, output, dim: grad - (grad * output.exp()).sum(dim, keepdim=True),
    output=lambda grad, grad_output, output, dim: -grad_output.sum(dim, keepdim=True) * output.exp() * grad,
)

log_softmax = op(
    "_log_softmax(Tensor self, int dim, bool half_to_float) -> Tensor",
    kernels.log_softmax,
    wrap=("dim",),
    node="LogSoftmaxBackward0",
)
log_softmax.vjp(
    self=lambda grad, result, dim, self_dtype: log_softmax_backward_data(grad, result, dim, self_dtype)
)
log_softmax.native(
    any_order=True,
    self=lambda grad, result, dim: kernels.log_softmax_backward(
        grad, result, dim % max(result.ndim, 1), grad.dtype
    ),
)

safe_softmax = op(
    "_safe_softmax(Tensor self, int dim, ScalarType? dtype=None) -> Tensor",
    lambda self, dim, dtype: kernels.safe_softmax(self if dtype is None else self.astype(dtype), dim),
    wrap=("dim",),
    node="SafeSoftmaxBackward0",
    out=False,
    method=False,
)
safe_softmax.vjp(
    self=lambda grad, result, dim, self_dtype: softmax_backward_data(grad, result, dim, self_dtype)
)


def _converted(self: Any, dtype: Any) -> Any:
    return self if dtype is None or dtype is self.dtype else self.to(dtype)


@composite("softmax.int(Tensor self, int dim, ScalarType? dtype=None) -> Tensor")
def softmax_int(self: Any, dim: int, dtype: Any = None) -> Any:
    """exp(x) over its sum along dim."""
    return softmax(_converted(self, dtype), dim, False)


@composite("log_softmax.int(Tensor self, int dim, ScalarType? dtype=None) -> Tensor")
def log_softmax_int(self: Any, dim: int, dtype: Any = None) -> Any:
    """The logarithm of softmax."""
    return log_softmax(_converted(self, dtype), dim, False)


@composite(
    "special_softmax(Tensor self, int dim, ScalarType? dtype=None) -> Tensor", module="special", out=False
)
def special_softmax(self: Any, dim: int, dtype: Any = None) -> Any:
    """Another name of softmax."""
    return softmax(_converted(self, dtype), dim, False)


@composite(
    "special_log_softmax(Tensor self, int dim, *, ScalarType? dtype=None) -> Tensor",
    module="special",
    out=False,
)
def special_log_softmax(self: Any, dim: int, dtype: Any = None) -> Any:
    """Another name of log_softmax."""
    return log_softmax(_converted(self, dtype), dim, False)


log_sigmoid_backward = op(
    "log_sigmoid_backward(Tensor grad_output, Tensor self, Tensor buffer) -> Tensor",
    kernels.log_sigmoid_backward,
    module="nn",
)
log_sigmoid_backward.vjp(
    grad_output=lambda grad, self, buffer: log_sigmoid_backward(grad, self, buffer),
    self=lambda grad, grad_output, self: -(grad * grad_output * self.sigmoid() * (-self).sigmoid()),
)
log_sigmoid_forward = op(
    "log_sigmoid_forward(Tensor self) -> (Tensor output, Tensor buffer)",
    kernels.log_sigmoid,
    node="LogSigmoidBackward0",
    module="nn",
)
log_sigmoid_forward.vjp(
    self=lambda grad_output, self, buffer: log_sigmoid_backward(grad_output, self, buffer.detach())
)


@composite("log_sigmoid(Tensor self) -> Tensor", module="nn")
def log_sigmoid(self: Any) -> Any:
    """log(1 / (1 + exp(-x)))."""
    return log_sigmoid_forward(self)[0]
