"""Operators that read or write elements chosen by index tensors or masks."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinytorch._core import layout
from tinytorch._core.argument_texts import mismatch
from tinytorch._core.declare import composite, find, op, pointwise, update
from tinytorch._core.dispatch import check_separate, legacy_name
from tinytorch._core.element_types import alike, instances, takes
from tinytorch._core.front import front_of
from tinytorch._core.storage import copy_with_gaps, offset_of_array
from tinytorch._core.tensor import Tensor, wrap
from tinytorch._core.warning import warn, warn_once
from tinytorch._kernels import indexing as kernels
from tinytorch._kernels import scatter as scatter_kernels

# Index tensors -------------------------------------------------------------------------------------------------------------


def _index_backward(grad: Any, self_shape: Any, indices: Any) -> Any:
    return index_put(grad.new_zeros(self_shape), indices, grad, True)


@op("index.Tensor(Tensor self, Tensor?[] indices) -> Tensor", function=False, method=False)
def index(self: Any, indices: Any) -> Any:
    result = kernels.index(self, indices)
    if (len(indices) == 1 and result.size and layout.in_rows(self)) or not any(
        i is not None for i in indices
    ):
        return result
    # the result of an elementwise operation over `self` with stride 0 where it is indexed, and the index tensors
    strides = layout.result_strides(result.shape, kernels.index_operands(self, indices, result.shape))
    return layout.laid_out(result, strides)


index.vjp(self=_index_backward)

unsafe_index = op(
    "_unsafe_index.Tensor(Tensor self, Tensor?[] indices) -> Tensor", kernels.index, method=False, out=False
)
unsafe_index.vjp(self=_index_backward)


def _warn_expanded(self: Any, name: str, example: str) -> None:
    if self.numel() and any(
        step == 0 and size > 1 for size, step in zip(self.shape, self.stride(), strict=True)
    ):
        warn(
            f"Use of {name} on expanded tensors is deprecated. Please clone() the tensor before performing this operation. This also applies "
            f"to advanced indexing e.g. {example}"
        )


def _warn_put(self: Any, indices: Any, values: Any, accumulate: bool) -> None:
    """Of an expanded target; a number put under a mask is a masked_fill_ to torch."""
    _warn_expanded(self, "index_put_", "tensor[indices] = tensor")
    given = [index for index in indices if index is not None]
    if len(given) == 1 and given[0].element_size() == 1 and values.numel() == 1 and not accumulate:
        _warn_expanded(self, "masked_fill_", "tensor[mask] = scalar")


index_put = update(
    "index_put(Tensor self, Tensor?[] indices, Tensor values, bool accumulate=False) -> Tensor",
    kernels.index_put,
    inplace_check=_warn_put,
)
index_put.vjp(
    self=lambda grad, indices, accumulate: (
        grad if accumulate else index_put(grad, indices, grad.new_zeros(()), False)
    ),
    values=lambda grad, indices: index(grad, indices),
)

unsafe_index_put = update(
    "_unsafe_index_put(Tensor self, Tensor?[] indices, Tensor values, bool accumulate=False) -> Tensor",
    kernels.index_put,
    inplace=False,
    method=False,
)
unsafe_index_put.vjp(
    self=lambda grad, indices, accumulate: (
        grad if accumulate else unsafe_index_put(grad, indices, grad.new_zeros(()), False)
    ),
    values=lambda grad, indices: unsafe_index(grad, indices),
)

index_select = op(
    "index_select(Tensor self, int dim, Tensor index) -> Tensor",
    kernels.index_select,
    wrap=("dim",),
    out_separate=True,
)
index_select.vjp(
    self=lambda grad, dim, index, self_shape: grad.new_zeros(self_shape).index_add(dim, index, grad)
)


@op(
    "gather(Tensor self, int dim, Tensor index, *, bool sparse_grad=False) -> Tensor",
    wrap=("dim",),
    out_separate=True,
)
def gather(self: Any, dim: int, index: Any, sparse_grad: bool) -> Any:
    return kernels.gather(self, dim, index)


def _gathered_places(grad: Any, self: Any, dim: int, index: Any) -> Any:
    """The gradient of `gather` as a sparse tensor: an element for each element of `index`."""
    from ._sparse_coo import make

    if not self.dim():
        return make(index.new_zeros((0, 1)), grad.reshape(1), self.shape, True)
    places = [wrap(axis.reshape(-1)) for axis in np.indices(index.shape)]
    places[dim] = index.reshape(-1)
    return make(find("stack")(places), grad.reshape(-1), self.shape)


def _gather_backward(grad: Any, self: Any, dim: int, index: Any, sparse_grad: bool) -> Any:
    if sparse_grad:
        return _gathered_places(grad, self, dim, index)
    return grad.new_zeros(self.shape).scatter_add(dim, index, grad)


gather.vjp(self=_gather_backward)

take = op("take(Tensor self, Tensor index) -> Tensor", kernels.take, out_separate=True)
take.vjp(self=lambda grad, self, index: grad.new_zeros(self.shape).put(index, grad, True))

put = update(
    "put(Tensor self, Tensor index, Tensor source, bool accumulate=False) -> Tensor",
    kernels.put,
    function=True,
)
put.vjp(
    self=lambda grad, index, source, accumulate: (
        grad if accumulate else grad.put(index, source.new_zeros(source.shape), False)
    ),
    source=lambda grad, index, source: grad.take(index).reshape(source.shape),
)

# Masks ---------------------------------------------------------------------------------------------------------------------

masked_select = op(
    "masked_select(Tensor self, Tensor mask) -> Tensor", kernels.masked_select, out_separate=True
)


def _masked_select_backward(grad: Any, self: Any, mask: Any) -> Any:
    shape = kernels.broadcast_shape(tuple(mask.shape), tuple(self.shape))
    return grad.new_zeros(shape).masked_scatter(mask, grad)


masked_select.vjp(self=_masked_select_backward)


def _masked_fill(self: Any, mask: Any, value: Any) -> Any:
    return layout.row_major(kernels.masked_fill(self, mask, value))


def _mask_fits(self: Any, mask: Any, value: Any) -> None:
    """In place torch names the sizes in the other order. The mask may be the target, but not another part of its memory."""
    _warn_expanded(self, "masked_fill_", "tensor[mask] = scalar")
    layout.broadcast_shapes(self._array.shape, mask._array.shape)
    if mask is not self:
        check_separate(self._array, mask._array)


masked_fill_scalar = op(
    "masked_fill.Scalar(Tensor self, Tensor mask, Scalar value) -> Tensor",
    _masked_fill,
    inplace=True,
    inplace_check=_mask_fits,
    out=False,
)
masked_fill_scalar.vjp(self=lambda grad, mask: grad.masked_fill(mask, 0))

masked_fill_tensor = op(
    "masked_fill.Tensor(Tensor self, Tensor mask, Tensor value) -> Tensor",
    _masked_fill,
    inplace=True,
    inplace_check=_mask_fits,
    out=False,
    node="MaskedFillBackward1",
)
masked_fill_tensor.vjp(
    self=lambda grad, mask: grad.masked_fill(mask, 0),
    value=lambda grad, mask: where(mask, grad, 0).sum(),
)


def _mask_fits(self: Any, mask: Any, source: Any) -> None:
    """In place the mask is expanded to the target, never the other way round."""
    if mask.dim() > self.dim():
        raise RuntimeError(
            f"expand(CPUBoolType{{{list(mask.shape)}}}, size={list(self.shape)}): the number of sizes provided ({self.dim()}) must be greater "
            f"or equal to the number of dimensions in the tensor ({mask.dim()})"
        )


masked_scatter = op(
    "masked_scatter(Tensor self, Tensor mask, Tensor source) -> Tensor",
    kernels.masked_scatter,
    inplace=True,
    inplace_check=_mask_fits,
    out=False,
)
masked_scatter.vjp(
    self=lambda grad, mask: grad.masked_fill(mask, 0),
    source=lambda grad, mask, source_shape: masked_scatter_backward(grad, mask, source_shape),
)


@op(
    "masked_scatter_backward(Tensor grad_output, Tensor mask, SymInt[] sizes) -> Tensor",
    method=False,
    function=False,
    out=False,
)
def masked_scatter_backward(grad_output: Any, mask: Any, sizes: Any) -> Any:
    return kernels.masked_scatter_backward(grad_output, mask, tuple(sizes))


masked_scatter_backward.vjp(
    grad_output=lambda grad, mask, grad_output_shape: grad.new_zeros(grad_output_shape).masked_scatter(
        mask, grad
    )
)

nonzero = op("nonzero(Tensor self) -> Tensor", kernels.nonzero, nondifferentiable=True, out_separate=True)


@op("nonzero_static(Tensor self, *, SymInt size, int fill_value=-1) -> Tensor", nondifferentiable=True)
def nonzero_static(self: Any, size: int, fill_value: int) -> Any:
    return kernels.nonzero_static(self, size, fill_value)


@composite("nonzero_numpy(Tensor self) -> Tensor[]", out=False, function=False)
def nonzero_numpy(self: Any) -> Any:
    if self.ndim == 0:
        return nonzero(self.unsqueeze(0)).unbind(1)
    return nonzero(self).unbind(1)


@composite("argwhere(Tensor self) -> Tensor", out=False)
def argwhere(self: Any) -> Any:
    return nonzero(self)


@composite("where(Tensor condition) -> Tensor[]", out=False, method=False)
def where_nonzero(condition: Any) -> Any:
    return nonzero_numpy(condition)


def _condition_is_boolean(common: Any, condition: Any, self: Any, other: Any) -> None:
    if condition.dtype._name == "uint8":
        warn(
            "where received a uint8 condition tensor. This behavior is deprecated and will be removed in a future version of PyTorch. Use a "
            "boolean condition instead."
        )
    if condition.dtype._name not in ("bool", "uint8"):
        raise RuntimeError(
            f"where expected condition to be a boolean tensor, but got a tensor with dtype {legacy_name(condition.dtype)}"
        )


where = pointwise(
    "where.self(Tensor condition, Tensor self, Tensor other) -> Tensor",
    kernels.where,
    promote=("self", "other"),
    upcast=False,
    inplace=False,
    out=True,
    method=False,
    fast_keys=frozenset(),
    check=_condition_is_boolean,
)
where.vjp(
    self=lambda grad, condition: where(condition, grad, 0),
    other=lambda grad, condition: where(condition, 0, grad),
)


@composite("where.ScalarSelf(Tensor condition, Scalar self, Tensor other) -> Tensor", out=False, method=False)
def where_scalar_self(condition: Any, self: Any, other: Any) -> Any:
    return where(condition, self, other)


@composite(
    "where.ScalarOther(Tensor condition, Tensor self, Scalar other) -> Tensor", out=False, method=False
)
def where_scalar_other(condition: Any, self: Any, other: Any) -> Any:
    return where(condition, self, other)


@composite("where.Scalar(Tensor condition, Scalar self, Scalar other) -> Tensor", out=False, method=False)
def where_scalar(condition: Any, self: Any, other: Any) -> Any:
    return where(condition, self, other)


# Slices at given positions ---------------------------------------------------------------------------------------------------

_COMPLEX_VALUE = takes(
    "complex",
    "index_fill_(): Converting complex Scalar to non-complex type is not supported",
    of="self",
    when=lambda self, dim, index, value: (
        value.is_complex() if isinstance(value, Tensor) else isinstance(value, complex)
    ),
)


def _warn_fill(self: Any, dim: int, index: Any, value: Any) -> None:
    _warn_expanded(self, "index_fill_", "tensor[mask] = scalar")


index_fill_scalar = update(
    "index_fill.int_Scalar(Tensor self, int dim, Tensor index, Scalar value) -> Tensor",
    kernels.index_fill,
    inplace_check=_warn_fill,
    element_types=_COMPLEX_VALUE,
    wrap=("dim",),
)
index_fill_scalar.vjp(self=lambda grad, dim, index: grad.index_fill(dim, index, 0))

index_fill_tensor = update(
    "index_fill.int_Tensor(Tensor self, int dim, Tensor index, Tensor value) -> Tensor",
    kernels.index_fill,
    inplace_check=_warn_fill,
    element_types=_COMPLEX_VALUE,
    wrap=("dim",),
    node="IndexFillBackward1",
)
index_fill_tensor.vjp(
    self=lambda grad, dim, index: grad.index_fill(dim, index, 0),
    value=lambda grad, dim, index: grad.index_select(dim, find("_unique").call(index)[0]).sum(),
)


def _source_gradient(grad: Any, dim: int, index: Any, source: Any) -> Any:
    if source.ndim > 0:
        return grad.index_select(dim, index).expand(source.shape)
    return grad.index_select(dim, index.squeeze(0) if index.ndim else index)


index_copy = update(
    "index_copy(Tensor self, int dim, Tensor index, Tensor source) -> Tensor",
    kernels.index_copy,
    wrap=("dim",),
    contiguous=True,
    out=True,
)
index_copy.vjp(self=lambda grad, dim, index: grad.index_fill(dim, index, 0), source=_source_gradient)

index_add = update(
    "index_add(Tensor self, int dim, Tensor index, Tensor source, *, Scalar alpha=1) -> Tensor",
    scatter_kernels.index_add,
    wrap=("dim",),
    contiguous=True,
    out=True,
)


def _index_add_source(grad: Any, dim: int, index: Any, source: Any, alpha: Any) -> Any:
    taken = _source_gradient(grad, dim, index, source)
    return taken if alpha == 1 else taken * alpha


index_add.vjp(self=lambda grad: grad, source=_index_add_source)


def _index_reduce(self: Any, dim: int, index: Any, source: Any, reduce: str, include_self: bool) -> None:
    warn_once("index_reduce() is in beta and the API may change at any time.")
    scatter_kernels.index_reduce(self, dim, index, source, reduce, include_self)


index_reduce = update(
    "index_reduce(Tensor self, int dim, Tensor index, Tensor source, str reduce, *, bool include_self=True) -> Tensor",
    _index_reduce,
    element_types=(
        takes(
            "int32 int64",
            "index_reduce_(): Expected dtype int32/int64 for index but got: {0}",
            of="index",
        ),
        alike(
            "self",
            "source",
            "index_reduce_(): self ({0}) and source ({1}) must have the same scalar type",
        ),
        instances("index_func_", "int unsigned reduced float"),
    ),
    wrap=("dim",),
    contiguous=True,
    out=True,
)


def _index_reduce_backward(
    grad: Any,
    self: Any,
    dim: int,
    index: Any,
    source: Any,
    reduce: str,
    include_self: bool,
    result: Any,
) -> dict[str, Any]:
    if reduce == "prod":
        filled = self.masked_fill(self == 0, 1)
        grad_self = grad * filled.index_reduce(dim, index, source, reduce, include_self=include_self) / filled
        zero = source == 0
        zeros = self.new_zeros(self.shape).index_add(dim, index, zero.to(self.dtype)).index_select(dim, index)
        single = zero & (zeros == 1)
        without = self.index_reduce(
            dim, index, source.masked_fill(single, 1), reduce, include_self=include_self
        )
        grad_source = where(
            single,
            (grad * without).index_select(dim, index),
            (grad * result).index_select(dim, index) / source.masked_fill(zero, 1),
        )
    elif reduce == "mean":
        count = grad.new_full(grad.shape, 1 if include_self else 0)
        count = count.index_add(dim, index, source.new_full(source.shape, 1))
        count = count.masked_fill(count == 0, 1)
        grad_self = grad / count
        grad_source = grad.index_select(dim, index) / count.index_select(dim, index)
    else:
        value = result.index_select(dim, index)
        own, given = self == result, source == value
        count = own.to(self.dtype).index_add(dim, index, given.to(self.dtype))
        shared = grad / count
        grad_self = own * shared
        grad_source = given * shared.index_select(dim, index)
    if not include_self:
        grad_self = grad_self.index_fill(dim, index, 0)
    return {"self": grad_self, "source": grad_source}


index_reduce.vjp_all(_index_reduce_backward, "self", "source")


@composite("take_along_dim(Tensor self, Tensor indices, int? dim=None) -> Tensor")
def take_along_dim(self: Any, indices: Any, dim: int | None = None) -> Any:
    kernels.check_take_along(indices.dtype._numpy, self.ndim, indices.ndim, dim is not None)
    if dim is None:
        return self.reshape(-1).gather(0, indices.reshape(-1))
    dim = kernels.wrap_dim(dim, self.ndim)
    if not self.ndim:
        raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
    if indices.numel() and self.shape[dim]:
        indices = indices.remainder(self.shape[dim])
    shape = list(kernels.broadcast_rest(tuple(self.shape), tuple(indices.shape), dim))
    shape[dim] = indices.shape[dim]
    positions = indices.expand(shape)
    shape[dim] = self.shape[dim]
    return self.expand(shape).gather(dim, positions)


# Writing a view's worth of values ---------------------------------------------------------------------------------------------


def _in_place_of(self: Any, result: Any) -> Any:
    """`result` with the strides of `self`, gaps included."""
    start = offset_of_array(self)
    if not start and (result.strides == self.strides or layout.in_rows(self)):
        return result
    out = copy_with_gaps(self, start)
    out[...] = result
    return out


@op("select_scatter(Tensor self, Tensor src, int dim, SymInt index) -> Tensor", wrap=("dim",), out=False)
def select_scatter(self: Any, src: Any, dim: int, index: int) -> Any:
    return _in_place_of(self, kernels.select_scatter(self, src, dim, index))


select_scatter.vjp(
    self=lambda grad, dim, index: select_scatter(
        grad, grad.new_zeros(grad.select(dim, index).shape), dim, index
    ),
    src=lambda grad, dim, index: grad.select(dim, index),
)


@op(
    "slice_scatter(Tensor self, Tensor src, int dim=0, SymInt? start=None, SymInt? end=None, SymInt step=1) -> Tensor",
    wrap=("dim",),
)
def slice_scatter(self: Any, src: Any, dim: int, start: int | None, end: int | None, step: int) -> Any:
    return _in_place_of(self, kernels.slice_scatter(self, src, dim, start, end, step))


def _sliced(grad: Any, dim: int, start: int | None, end: int | None, step: int) -> Any:
    dim = kernels.wrap_dim(dim, grad.ndim)
    return grad[(slice(None),) * dim + (slice(start, end, step),)]


slice_scatter.vjp(
    self=lambda grad, dim, start, end, step: slice_scatter(
        grad, grad.new_zeros(_sliced(grad, dim, start, end, step).shape), dim, start, end, step
    ),
    src=_sliced,
)


@op(
    "diagonal_scatter(Tensor self, Tensor src, int offset=0, int dim1=0, int dim2=1) -> Tensor",
    wrap=("dim1", "dim2"),
    out=False,
)
def diagonal_scatter(self: Any, src: Any, offset: int, dim1: int, dim2: int) -> Any:
    return _in_place_of(self, kernels.diagonal_scatter(self, src, offset, dim1, dim2))


diagonal_scatter.vjp(
    self=lambda grad, offset, dim1, dim2: diagonal_scatter(
        grad, grad.new_zeros(grad.diagonal(offset, dim1, dim2).shape), offset, dim1, dim2
    ),
    src=lambda grad, offset, dim1, dim2: grad.diagonal(offset, dim1, dim2),
)


def nonzero_function(*args: Any, as_tuple: bool = False, **kwargs: Any) -> Any:
    """torch.nonzero: coordinates of the nonzero elements as rows of one tensor, or as one vector per dimension."""
    if as_tuple and len(args) == 1 and isinstance(args[0], Tensor) and not kwargs:
        return tuple(nonzero_numpy(args[0]))
    front = front_of("nonzero", "function")
    assert front is not None
    return front.function(*args, **kwargs)


def nonzero_method(self: Any, *args: Any, **kwargs: Any) -> Any:
    """Tensor.nonzero; see torch.nonzero."""
    if args or (kwargs and not (kwargs.keys() == {"as_tuple"} and isinstance(kwargs["as_tuple"], bool))):
        raise mismatch("nonzero", ["()", "(*, bool as_tuple)"], args, kwargs)
    return tuple(nonzero_numpy(self)) if kwargs.get("as_tuple") else nonzero(self)


def where_method(self: Any, condition: Any, other: Any) -> Any:
    """Tensor.where: `self` where the condition holds, `other` elsewhere."""
    if not isinstance(condition, Tensor) or not isinstance(other, Tensor | int | float | complex):
        raise mismatch("where", _WHERE, (condition, other), {})
    return where(condition, self, other)


_WHERE = ["(Tensor condition, Tensor other)", "(Tensor condition, Number other)"]


#: Python functions of torch's own, not made from a schema.
FUNCTIONS = {"nonzero": nonzero_function}
METHODS = {"nonzero": nonzero_method, "where": where_method}
