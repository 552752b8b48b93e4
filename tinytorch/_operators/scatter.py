"""Operators that write or accumulate at positions an index tensor gives, element by element along one dimension."""

from __future__ import annotations

from typing import Any

from tinytorch._core.declare import update
from tinytorch._core.warning import warn_once
from tinytorch._kernels import scatter as kernels

from .indexing import where


@update(
    "scatter.src(Tensor self, int dim, Tensor index, Tensor src) -> Tensor",
    wrap=("dim",),
    contiguous=True,
    out=True,
    out_cast=False,
    out_separate=True,
)
def scatter_src(self: Any, dim: int, index: Any, src: Any) -> None:
    kernels.check_scatter(self, dim, index, src)
    kernels.scatter(self, dim, index, src)


scatter_src.vjp(
    self=lambda grad, dim, index: grad.scatter(dim, index, 0),
    src=lambda grad, dim, index: grad.gather(dim, index),
)


@update(
    "scatter.value(Tensor self, int dim, Tensor index, Scalar value) -> Tensor",
    wrap=("dim",),
    contiguous=True,
    out=True,
    out_cast=False,
    node="ScatterBackward1",
)
def scatter_value(self: Any, dim: int, index: Any, value: Any) -> None:
    kernels.check_scatter(self, dim, index, None)
    kernels.scatter(self, dim, index, value)


scatter_value.vjp(self=lambda grad, dim, index: grad.scatter(dim, index, 0))


def _without_derivative(grad: Any) -> Any:
    raise RuntimeError("derivative for aten::scatter is not implemented")


@update(
    "scatter.reduce(Tensor self, int dim, Tensor index, Tensor src, *, str reduce) -> Tensor",
    wrap=("dim",),
    contiguous=True,
    out=True,
    out_cast=False,
    node="NotImplemented",
)
def scatter_src_reduce(self: Any, dim: int, index: Any, src: Any, reduce: str) -> None:
    kernels.check_scatter(self, dim, index, src)
    warn_once(
        "The reduce argument of torch.scatter with Tensor src is deprecated and will be removed in a future PyTorch "
        "release. Use torch.scatter_reduce instead for more reduction options."
    )
    kernels.scatter(self, dim, index, src, kernels.old_reduction(reduce))


@update(
    "scatter.value_reduce(Tensor self, int dim, Tensor index, Scalar value, *, str reduce) -> Tensor",
    wrap=("dim",),
    contiguous=True,
    out=True,
    out_cast=False,
    node="NotImplemented",
)
def scatter_value_reduce(self: Any, dim: int, index: Any, value: Any, reduce: str) -> None:
    kernels.check_scatter(self, dim, index, None)
    kernels.scatter(self, dim, index, value, kernels.old_reduction(reduce))


scatter_src_reduce.vjp(self=_without_derivative, src=_without_derivative)
scatter_value_reduce.vjp(self=_without_derivative)


@update(
    "scatter_add(Tensor self, int dim, Tensor index, Tensor src) -> Tensor",
    wrap=("dim",),
    contiguous=True,
    out=True,
    out_cast=False,
    out_separate=True,
)
def scatter_add(self: Any, dim: int, index: Any, src: Any) -> None:
    kernels.check_scatter(self, dim, index, src)
    kernels.scatter(self, dim, index, src, "sum")


scatter_add.vjp(self=lambda grad: grad, src=lambda grad, dim, index: grad.gather(dim, index))


@update(
    "scatter_reduce.two(Tensor self, int dim, Tensor index, Tensor src, str reduce, *, bool include_self=True) -> Tensor",
    wrap=("dim",),
    contiguous=True,
    out=True,
    out_cast=False,
    real_history=True,
)
def scatter_reduce(self: Any, dim: int, index: Any, src: Any, reduce: str, include_self: bool) -> None:
    kernels.check_scatter(self, dim, index, src)
    kernels.check_reduction(reduce)
    kernels.scatter(self, dim, index, src, reduce, include_self)


def _scatter_reduce_backward(
    grad: Any, self: Any, dim: int, index: Any, src: Any, reduce: str, include_self: bool, result: Any
) -> dict[str, Any]:
    if reduce == "sum":
        grad_self = grad
        grad_src = grad.gather(dim, index)
    elif reduce == "prod":
        # a single zero factor leaves the product of the others; zero factors elsewhere are divided out as ones
        filled = self.masked_fill(self == 0, 1)
        grad_self = grad * filled.scatter_reduce(dim, index, src, reduce, include_self=include_self) / filled
        zero = src == 0
        zeros = self.new_zeros(self.shape).scatter_add(dim, index, zero.to(self.dtype)).gather(dim, index)
        single = zero & (zeros == 1)
        without = self.scatter_reduce(
            dim, index, src.masked_fill(single, 1), reduce, include_self=include_self
        )
        grad_src = where(
            single,
            (grad * without).gather(dim, index),
            (grad * result).gather(dim, index) / src.masked_fill(zero, 1),
        )
    elif reduce == "mean":
        count = grad.new_full(grad.shape, 1 if include_self else 0)
        count = count.scatter_add(dim, index, src.new_full(src.shape, 1))
        count = count.masked_fill(count == 0, 1)
        grad_self = grad / count
        grad_src = grad.gather(dim, index) / count.gather(dim, index)
    else:
        # several positions that hold the extreme share its gradient evenly
        value = result.gather(dim, index)
        own, given = self == result, src == value
        count = own.to(self.dtype).scatter_add(dim, index, given.to(self.dtype))
        shared = grad / count
        grad_self = own * shared
        grad_src = given * shared.gather(dim, index)
    if not include_self:
        grad_self = grad_self.scatter(dim, index, 0)
    return {"self": grad_self, "src": grad_src}


scatter_reduce.vjp_all(_scatter_reduce_backward, "self", "src")
