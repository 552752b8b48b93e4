"""Operators whose result shares its argument's memory."""

from __future__ import annotations

import numpy as np

from .._core import layout, restructure
from .._core.declare import composite, op, view
from .._core.dispatch import wrap_dim
from .._core.signature import sizes_of
from .._core.storage import restride
from .._kernels import restriding as kernels
from .._kernels.scalar_types import tensor_type_name


@view("view(Tensor(a) self, SymInt[] size) -> Tensor(a)")
def view_size(self, size):
    if layout.in_rows(self) and (not size or min(size) >= -1):
        try:
            return self.reshape(size)
        except ValueError:
            pass  # the text is torch's
    shape = kernels.infer_size(size, self.size)
    strides = kernels.view_strides(self.shape, layout.element_strides(self), shape)
    if strides is None:
        raise RuntimeError(
            "view size is not compatible with input tensor's size and stride (at least one dimension spans across two contiguous subspaces). "
            "Use .reshape(...) instead."
        )
    return restride(self, shape, tuple([s * self.itemsize for s in strides]))


view_size.vjp(self=lambda grad, self_shape: grad.reshape(self_shape))


def _refuse_retyped(args):
    self, dtype = args
    if dtype is not self.dtype:
        what = "conjugate view tensors" if self.is_conj() else "tensors with negative bit set"
        raise RuntimeError(
            f"torch.Tensor.view is not supported for {what} when converting to a different dtype."
        )


@view(
    "view.dtype(Tensor(a) self, ScalarType dtype) -> Tensor(a)",
    nondifferentiable=True,
    baseless=True,
    refuses_lazy=_refuse_retyped,
)
def view_dtype(self, dtype):
    if dtype == self.dtype:
        return self[...]
    if dtype.itemsize != self.dtype.itemsize:
        if not self.ndim:
            raise RuntimeError("self.dim() cannot be 0 to view " + _pair(self.dtype, dtype))
        steps = layout.element_strides(self)
        if steps[-1] != 1:
            raise RuntimeError(
                "self.stride(-1) must be 1 to view " + _pair(self.dtype, dtype) + f", but got {steps[-1]}"
            )
        if not self.size:
            return _empty_as(self, steps, dtype)
        if dtype.itemsize > self.itemsize and self.shape[-1] * self.itemsize % dtype.itemsize:
            ratio = dtype.itemsize // self.itemsize
            raise RuntimeError(
                f"self.size(-1) must be divisible by {ratio} to view "
                + _pair(self.dtype, dtype)
                + f", but got {self.shape[-1]}"
            )
    return self.view(dtype)


def _empty_as(array, steps, dtype):
    """The view of an array without elements as another type, whose strides torch still converts."""
    ratio = dtype.itemsize / array.itemsize
    shape = (*array.shape[:-1], int(array.shape[-1] / ratio))
    if ratio > 1:
        if array.shape[-1] % ratio:
            raise RuntimeError(
                f"self.size(-1) must be divisible by {int(ratio)} to view {_pair(array.dtype, dtype)}, but got {array.shape[-1]}"
            )
        for dim, step in enumerate(steps[:-1]):
            if step % ratio:
                raise RuntimeError(
                    f"self.stride({dim}) must be divisible by {int(ratio)} to view {_pair(array.dtype, dtype)}, but got {step}"
                )
    scaled = [int(step / ratio) * dtype.itemsize for step in steps[:-1]]
    return np.ndarray(shape, dtype, np.empty(0, dtype), 0, (*scaled, dtype.itemsize))


def _pair(source, target):
    from .._core.dispatch import legacy_name
    from .._core.dtypes import from_numpy

    sizes = "(different element sizes)"
    return f"{legacy_name(from_numpy(source))} as {legacy_name(from_numpy(target))} {sizes}"


@op("_unsafe_view(Tensor self, SymInt[] size) -> Tensor", method=False)
def unsafe_view(self, size):
    return np.array(self, order="C").reshape(kernels.infer_size(size, self.size))


unsafe_view.vjp(self=lambda grad, self_shape: grad.reshape(self_shape))


@view("_reshape_alias(Tensor(a) self, SymInt[] size, SymInt[] stride) -> Tensor(a)", method=False)
def reshape_alias(self, size, stride):
    return restride(self, tuple(size), tuple([s * self.itemsize for s in stride]))


reshape_alias.vjp(self=lambda grad, self_shape: grad.reshape(self_shape))


@composite("reshape(Tensor(a) self, SymInt[] shape) -> Tensor(a)", out=False)
def reshape(self, shape):
    """A view where the memory allows it, else a copy."""
    array = self._array
    if array.flags.c_contiguous:
        return view_size.call(self, shape)
    size = kernels.infer_size(shape, array.size)
    strides = kernels.view_strides(array.shape, layout.element_strides(array), size)
    if strides is not None:
        return reshape_alias.call(self, size, strides)
    from .conversion import clone

    if self._key._special not in (None, "strided", "meta"):  # under a transformation
        return unsafe_view.call(clone.call(self, _contiguous()), size)
    return unsafe_view_of(clone.call(self, _contiguous()), size)


def _contiguous():
    from .._core.layouts import contiguous_format

    return contiguous_format


def unsafe_view_of(source, size):
    """`_unsafe_view`: reshape a fresh contiguous tensor without copying."""
    from .._core.modes import modes
    from .._core.tensor import Tensor, key_of, make

    array = source._array.reshape(kernels.infer_size(size, source._array.size))
    result = make(Tensor, array, key_of(array))
    if modes.grad and source._requires_grad:
        unsafe_view.compiled.record(result, source, size)
    return result


@view(
    "transpose.int(Tensor(a) self, int dim0, int dim1) -> Tensor(a)",
    wrap=("dim0", "dim1"),
    inplace=True,
    inplace_node="TransposeBackward1",
)
def transpose(self, dim0, dim1):
    return self.swapaxes(dim0, dim1) if self.ndim else self[...]


transpose.vjp(self=lambda grad, dim0, dim1: grad.transpose(dim0, dim1))


@view("permute(Tensor(a) self, int[] dims) -> Tensor(a)")
def permute(self, dims):
    return self.transpose(kernels.normalise_permutation(dims, self.ndim, wrap_dim))


permute.vjp(self=lambda grad, dims: grad.permute(_inverse(dims)))


def _inverse(dims):
    rank = len(dims)
    inverse = [0] * rank
    for position, dim in enumerate(dims):
        inverse[dim % rank] = position
    return tuple(inverse)


def _check_matrix(name):
    def check(self):
        if self.ndim > 2:
            raise RuntimeError(f"{name}() expects a tensor with <= 2 dimensions, but self is {self.ndim}D")

    return check


_is_matrix = _check_matrix("t")


@view(
    "t(Tensor(a) self) -> Tensor(a)",
    inplace=True,
    inplace_node="TBackward1",
    inplace_check=_check_matrix("t_"),
)
def t(self):
    _is_matrix(self)
    return self.T


t.vjp(self=lambda grad: grad.t())
t.native(any_order=True, self=lambda grad: grad.T)


@view("expand(Tensor(a) self, SymInt[] size, *, bool implicit=False) -> Tensor(a)")
def expand(self, size, implicit):
    if not self.ndim:
        _check_sizes(size)
        return restride(self, tuple(size), (0,) * len(size))
    if len(size) < self.ndim:
        raise RuntimeError(
            f"expand({tensor_type_name(self.dtype)}{{{list(self.shape)}}}, size={list(size)}): the number of sizes provided ({len(size)}) must be "
            f"greater or equal to the number of dimensions in the tensor ({self.ndim})"
        )
    shape, strides = kernels.expanded(self, size)
    _check_sizes(shape)
    return restride(self, shape, strides)


def _check_sizes(size):
    if size and min(size) < 0:
        raise RuntimeError("numel: integer multiplication overflow")


def _legacy(array):
    from .._core.dispatch import legacy_name
    from .._core.dtypes import from_numpy

    return legacy_name(from_numpy(array.dtype))


expand.vjp(self=lambda grad, self_shape: grad.sum_to_size(self_shape) if grad.shape != self_shape else grad)


@view("squeeze(Tensor(a) self) -> Tensor(a)", inplace=True, inplace_node="SqueezeBackward3")
def squeeze(self):
    return self.squeeze()


squeeze.vjp(self=lambda grad, self_shape: _unsqueezed(grad, self_shape, range(len(self_shape))))


def _unsqueezed(grad, shape, dims):
    """The cotangent of `squeeze` with the dimensions of size 1 among `dims` back in their places."""
    for dim in sorted([dim % len(shape) for dim in dims]) if shape else ():
        if shape[dim] == 1:
            grad = grad.unsqueeze(dim)
    return grad


@view(
    "squeeze.dim(Tensor(a) self, int dim) -> Tensor(a)",
    wrap=("dim",),
    node="SqueezeBackward1",
    inplace=True,
    inplace_node="SqueezeBackward4",
)
def squeeze_dim(self, dim):
    return self.squeeze(dim) if self.ndim and self.shape[dim] == 1 else self[...]


squeeze_dim.vjp(self=lambda grad, self_shape, dim: _unsqueezed(grad, self_shape, (dim,)))


@view(
    "squeeze.dims(Tensor(a) self, int[] dim) -> Tensor(a)",
    node="SqueezeBackward2",
    inplace=True,
    inplace_node="SqueezeBackward5",
)
def squeeze_dims(self, dim):
    wrapped = [wrap_dim(d, self.ndim) for d in dim]
    for place, d in enumerate(wrapped):
        if d in wrapped[:place]:
            raise RuntimeError(f"dim {d} appears multiple times in the list of dims")
    return self.squeeze(tuple([d for d in wrapped if self.shape[d] == 1])) if self.ndim else self[...]


squeeze_dims.vjp(self=lambda grad, self_shape, dim: _unsqueezed(grad, self_shape, dim))


@view("unsqueeze(Tensor(a) self, int dim) -> Tensor(a)", inplace=True, inplace_node="UnsqueezeBackward1")
def unsqueeze(self, dim):
    dim = wrap_dim(dim, self.ndim + 1)
    # torch gives the new dimension the stride of a row of what follows it; NumPy would give 0.
    step = self.shape[dim] * self.strides[dim] if dim < self.ndim else self.itemsize
    return restride(
        self, (*self.shape[:dim], 1, *self.shape[dim:]), (*self.strides[:dim], step, *self.strides[dim:])
    )


unsqueeze.vjp(self=lambda grad, dim: grad.squeeze(dim))


@view("alias(Tensor(a) self) -> Tensor(a)", function=False, method=False)
def alias(self):
    return self[...]


alias.vjp(self=lambda grad: grad)


def _resize_(self, *size, memory_format=None):
    """Another size over the same storage, which grows if needed."""
    shape = sizes_of("resize_", "size", size)
    strides = (
        layout.channels_last_strides(shape)
        if memory_format is not None and str(memory_format).startswith("torch.channels_last")
        else None
    )
    return restructure.resize(self, shape, strides)


def _resize_as_(self, the_template, *, memory_format=None):
    """The size of another tensor."""
    return restructure.resize(self, tuple(the_template.shape))


def _set_(self, source=None, storage_offset=0, size=None, stride=None):
    """Look at another tensor's or storage's memory."""
    return restructure.set_source(self, source, storage_offset, size, stride)


FUNCTIONS = {"resize_as_": _resize_as_}
METHODS = {"resize_": _resize_, "resize_as_": _resize_as_, "set_": _set_}

composite(
    "view_as(Tensor(a) self, Tensor other) -> Tensor(a)",
    lambda self, other: self.view(other.shape),
    function=False,
    out=False,
)
composite(
    "reshape_as(Tensor(a) self, Tensor other) -> Tensor(a)",
    lambda self, other: self.reshape(other.shape),
    function=False,
    out=False,
)
composite(
    "expand_as(Tensor(a) self, Tensor other) -> Tensor(a)",
    lambda self, other: self.expand(other.shape),
    function=False,
    out=False,
)
