"""Operators whose result shares its argument's memory."""

from __future__ import annotations

import numpy as np

from .._core import layout, restructure
from .._core.declare import composite, find, op, view
from .._core.dispatch import wrap_dim
from .._core.signature import sizes_of
from .._core.storage import cut, offset_of, restride, root_of
from .._kernels import restriding as kernels
from ._checks import check_geometry


@view("view(Tensor(a) self, SymInt[] size) -> Tensor(a)")
def view_size(self, size):
    if self.flags.c_contiguous and (not size or min(size) >= -1):
        try:
            return self.reshape(size)
        except ValueError:
            pass  # the text is torch's
    shape = kernels.infer_size(size, self.size)
    if self.flags.c_contiguous:
        return self.reshape(shape)
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
    nondifferentiable=False,
    refuses_lazy=_refuse_retyped,
)
def view_dtype(self, dtype):
    if dtype == self.dtype:
        return self[...]
    if dtype.itemsize != self.dtype.itemsize:
        if not self.ndim:
            raise RuntimeError("self.dim() cannot be 0 to view " + _pair(self.dtype, dtype))
        if self.strides[-1] != self.itemsize:
            raise RuntimeError(
                "self.stride(-1) must be 1 to view "
                + _pair(self.dtype, dtype)
                + f", but got {self.strides[-1] // self.itemsize}"
            )
        if dtype.itemsize > self.itemsize and self.shape[-1] * self.itemsize % dtype.itemsize:
            ratio = dtype.itemsize // self.itemsize
            raise RuntimeError(
                f"self.size(-1) must be divisible by {ratio} to view "
                + _pair(self.dtype, dtype)
                + f", but got {self.shape[-1]}"
            )
    return self.view(dtype)


def _pair(source, target):
    from .._core.dispatch import legacy_name
    from .._core.dtypes import from_numpy

    sizes = "(different element sizes)"
    return f"{legacy_name(from_numpy(source))} as {legacy_name(from_numpy(target))} {sizes}"


view_dtype.vjp(self=lambda grad, self_dtype: grad.view(self_dtype))


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


@view("t(Tensor(a) self) -> Tensor(a)", inplace=True, inplace_node="TBackward1")
def t(self):
    if self.ndim > 2:
        raise RuntimeError(f"t() expects a tensor with <= 2 dimensions, but self is {self.ndim}D")
    return self.T


t.vjp(self=lambda grad: grad.t())


@view("expand(Tensor(a) self, SymInt[] size, *, bool implicit=False) -> Tensor(a)")
def expand(self, size, implicit):
    if not self.ndim and (not size or min(size) >= 0):
        return restride(self, tuple(size), (0,) * len(size))
    if len(size) < self.ndim:
        raise RuntimeError(
            f"expand(torch.{_legacy(self)}Tensor{{{list(self.shape)}}}, size={list(size)}): the number of sizes provided ({len(size)}) must be "
            f"greater or equal to the number of dimensions in the tensor ({self.ndim})"
        )
    shape, strides = kernels.expanded(self, size)
    return restride(self, shape, strides)


def _legacy(array):
    from .._core.dispatch import legacy_name
    from .._core.dtypes import from_numpy

    return legacy_name(from_numpy(array.dtype))


expand.vjp(self=lambda grad, self_shape: grad.sum_to_size(self_shape) if grad.shape != self_shape else grad)


@view("squeeze(Tensor(a) self) -> Tensor(a)", inplace=True, inplace_node="SqueezeBackward3")
def squeeze(self):
    return self.squeeze()


squeeze.vjp(self=lambda grad, self_shape: grad.reshape(self_shape))


@view(
    "squeeze.dim(Tensor(a) self, int dim) -> Tensor(a)",
    wrap=("dim",),
    node="SqueezeBackward1",
    inplace=True,
    inplace_node="SqueezeBackward4",
)
def squeeze_dim(self, dim):
    return self.squeeze(dim) if self.ndim and self.shape[dim] == 1 else self[...]


squeeze_dim.vjp(self=lambda grad, self_shape: grad.reshape(self_shape))


@view(
    "squeeze.dims(Tensor(a) self, int[] dim) -> Tensor(a)",
    node="SqueezeBackward2",
    inplace=True,
    inplace_node="SqueezeBackward5",
)
def squeeze_dims(self, dim):
    wrapped = {wrap_dim(d, self.ndim) for d in dim}
    return self.squeeze(tuple([d for d in wrapped if self.shape[d] == 1])) if self.ndim else self[...]


squeeze_dims.vjp(self=lambda grad, self_shape: grad.reshape(self_shape))


@view("unsqueeze(Tensor(a) self, int dim) -> Tensor(a)", inplace=True, inplace_node="UnsqueezeBackward1")
def unsqueeze(self, dim):
    dim = wrap_dim(dim, self.ndim + 1)
    # torch gives the new dimension the stride of a row of what follows it; NumPy would give 0.
    step = self.shape[dim] * self.strides[dim] if dim < self.ndim else self.itemsize
    return restride(
        self, (*self.shape[:dim], 1, *self.shape[dim:]), (*self.strides[:dim], step, *self.strides[dim:])
    )


unsqueeze.vjp(self=lambda grad, dim: grad.squeeze(dim))


@op(
    "select_backward(Tensor grad_output, SymInt[] input_sizes, int dim, SymInt index) -> Tensor",
    function=False,
    method=False,
)
def select_backward(grad_output, input_sizes, dim, index):
    out = np.zeros(input_sizes, grad_output.dtype)
    out[(slice(None),) * (dim % len(input_sizes)) + (index,)] = grad_output
    return out


select_backward.vjp(grad_output=lambda grad, dim, index: grad.select(dim, index))


@view("select.int(Tensor(a) self, int dim, SymInt index) -> Tensor(a)")
def select(self, dim, index):
    if not self.ndim:
        raise IndexError("select() cannot be applied to a 0-dim tensor.")
    dim = wrap_dim(dim, self.ndim)
    size = self.shape[dim]
    if not -size <= index < size:
        raise IndexError(
            f"select(): index {index} out of range for tensor of size {list(self.shape)} at dimension {dim}"
        )
    out = self[(slice(None),) * dim + (index,) + (Ellipsis,)]
    return out if out.size else cut(self, dim, index % size, out.shape, None)


select.vjp(self=lambda grad, self_shape, dim, index: select_backward(grad, self_shape, dim, index))


@op(
    "slice_backward(Tensor grad_output, SymInt[] input_sizes, int dim, SymInt start, SymInt end, SymInt step) -> Tensor",
    function=False,
    method=False,
)
def slice_backward(grad_output, input_sizes, dim, start, end, step):
    out = np.zeros(input_sizes, grad_output.dtype)
    out[(slice(None),) * (dim % len(input_sizes)) + (slice(start, end, step),)] = grad_output
    return out


slice_backward.vjp(grad_output=lambda grad, dim, start, end, step: slice_tensor(grad, dim, start, end, step))


@view(
    "slice.Tensor(Tensor(a) self, int dim=0, SymInt? start=None, SymInt? end=None, SymInt step=1) -> Tensor(a)",
    function=False,
    method=False,
)
def slice_tensor(self, dim, start, end, step):
    if not self.ndim:
        raise RuntimeError("slice() cannot be applied to a 0-dim tensor.")
    if step <= 0:
        raise RuntimeError("slice step must be positive")
    dim = wrap_dim(dim, self.ndim)
    out = self[(slice(None),) * dim + (slice(start, end, step),)]
    if out.size:
        return out
    return cut(self, dim, slice(start, end, step).indices(self.shape[dim])[0], out.shape, step)


slice_tensor.vjp(
    self=lambda grad, self_shape, dim, start, end, step: slice_backward(
        grad, self_shape, dim, start, end, step
    )
)


@view("unbind.int(Tensor(a -> *) self, int dim=0) -> Tensor(a)[]", wrap=("dim",))
def unbind(self, dim):
    if not self.ndim:
        raise IndexError("Dimension specified as 0 but tensor has no dimensions")
    lead = (slice(None),) * dim
    parts = [self[(*lead, index, Ellipsis)] for index in range(self.shape[dim])]
    return parts if self.size else [cut(self, dim, i, part.shape, None) for i, part in enumerate(parts)]


def _stacked(grads, dim):

    return find("stack").call(list(grads), dim)


unbind.vjp(self=lambda grads, dim: _stacked(grads, dim))


@view(
    "split.Tensor(Tensor(a -> *) self, SymInt split_size, int dim=0) -> Tensor(a)[]",
    function=False,
    method=False,
    wrap=("dim",),
)
def split(self, split_size, dim):
    if not self.ndim:
        raise RuntimeError("split expects at least a 1-dimensional tensor")
    if split_size < 0:
        raise RuntimeError(f"split expects split_size be non-negative, but got split_size={split_size}")
    length = self.shape[dim]
    if split_size == 0:
        if length:
            raise RuntimeError(
                f"split_size can only be 0 if dimension size is 0, but got dimension size of {length}"
            )
        return [self[...]]
    lead = (slice(None),) * dim
    starts = range(0, max(length, 1), split_size)
    pieces = [self[(*lead, slice(start, start + split_size))] for start in starts]
    if self.size:
        return pieces
    return [cut(self, dim, start, piece.shape, 1) for start, piece in zip(starts, pieces, strict=True)]


def _joined(grads, dim):

    return find("cat").call(list(grads), dim)


split.vjp(self=lambda grads, dim: _joined(grads, dim))


@view("split_with_sizes(Tensor(a -> *) self, SymInt[] split_sizes, int dim=0) -> Tensor(a)[]", wrap=("dim",))
def split_with_sizes(self, split_sizes, dim):
    if not self.ndim:
        raise RuntimeError("split expects at least a 1-dimensional tensor")
    if any(size < 0 for size in split_sizes):
        raise RuntimeError(
            f"split_with_sizes expects split_sizes have only non-negative entries, but got split_sizes={list(split_sizes)}"
        )
    if sum(split_sizes) != self.shape[dim]:
        raise RuntimeError(
            f"split_with_sizes expects split_sizes to sum exactly to {self.shape[dim]} (input tensor's size at dimension {dim}), but got "
            f"split_sizes={list(split_sizes)}"
        )
    lead = (slice(None),) * dim
    pieces, start = [], 0
    for size in split_sizes:
        piece = self[(*lead, slice(start, start + size))]
        pieces.append(piece if piece.size else cut(self, dim, start, piece.shape, 1))
        start += size
    return pieces


split_with_sizes.vjp(self=lambda grads, dim: _joined(grads, dim))


@view("diagonal(Tensor(a) self, int offset=0, int dim1=0, int dim2=1) -> Tensor(a)")
def diagonal(self, offset, dim1, dim2):
    first, second = wrap_dim(dim1, self.ndim), wrap_dim(dim2, self.ndim)
    if first == second:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    rows, columns = self.shape[first], self.shape[second]
    length = max(min(rows, columns - offset) if offset >= 0 else min(rows + offset, columns), 0)
    start = offset * self.strides[second] if offset >= 0 else -offset * self.strides[first]
    rest = [dim for dim in range(self.ndim) if dim not in (first, second)]
    shape = (*[self.shape[dim] for dim in rest], length)
    strides = (*[self.strides[dim] for dim in rest], self.strides[first] + self.strides[second])
    return restride(self, shape, strides, start if length else 0)


@op(
    "diagonal_backward(Tensor grad_output, SymInt[] input_sizes, int offset, int dim1, int dim2) -> Tensor",
    function=False,
    method=False,
)
def diagonal_backward(grad_output, input_sizes, offset, dim1, dim2):
    out = np.zeros(input_sizes, grad_output.dtype)
    diagonal.kernel(out, offset, dim1, dim2)[...] = grad_output
    return out


diagonal_backward.vjp(grad_output=lambda grad, offset, dim1, dim2: grad.diagonal(offset, dim1, dim2))
diagonal.vjp(
    self=lambda grad, self_shape, offset, dim1, dim2: diagonal_backward(grad, self_shape, offset, dim1, dim2)
)


@op(
    "unfold_backward(Tensor grad_in, SymInt[] input_sizes, int dim, int size, int step) -> Tensor",
    function=False,
    method=False,
)
def unfold_backward(grad_in, input_sizes, dim, size, step):
    out = np.zeros(input_sizes, grad_in.dtype)
    if not input_sizes:
        return out + grad_in.reshape(())
    moved = np.moveaxis(out, dim, 0)
    cotangent = np.moveaxis(
        np.moveaxis(grad_in, -1, 0), (dim % len(input_sizes)) + 1, 1
    )  # (size, windows, *rest)
    for offset in range(size):
        stop = offset + step * cotangent.shape[1]
        moved[offset:stop:step] += cotangent[offset]
    return out


unfold_backward.vjp(grad_in=lambda grad, dim, size, step: grad.unfold(dim, size, step))


@view("unfold(Tensor(a) self, int dimension, int size, int step) -> Tensor(a)")
def unfold(self, dimension, size, step):
    dim = wrap_dim(dimension, self.ndim)
    length = self.shape[dim] if self.ndim else 1
    stride = self.strides[dim] if self.ndim else self.itemsize
    if size < 0:
        raise RuntimeError(f"size is {size} but must be >= 0")
    if size > length:
        raise RuntimeError(f"maximum size for tensor at dimension {dim} is {length} but size is {size}")
    if step <= 0:
        raise RuntimeError(f"step is {step} but must be > 0")
    windows = (length - size) // step + 1
    if not self.ndim:
        return restride(self, (size,), (stride,))
    shape = (*self.shape[:dim], windows, *self.shape[dim + 1 :], size)
    strides = (*self.strides[:dim], stride * step, *self.strides[dim + 1 :], stride)
    return restride(self, shape, strides)


unfold.vjp(
    self=lambda grad, self_shape, dimension, size, step: unfold_backward(
        grad, self_shape, dimension, size, step
    )
)


@view(
    "as_strided(Tensor(a) self, SymInt[] size, SymInt[] stride, SymInt? storage_offset=None) -> Tensor(a)",
    inplace=True,
    inplace_node="AsStridedBackward1",
)
def as_strided(self, size, stride, storage_offset):
    root = root_of(self)
    start = _address(root)
    own = (_address(self) - start) // self.itemsize
    offset = own if storage_offset is None else storage_offset
    check_geometry(size, stride, offset)
    span = 0 if 0 in size else 1 + sum((n - 1) * s for n, s in zip(size, stride, strict=True))
    held = root.nbytes
    if span and (offset + span) * self.itemsize > held:
        raise RuntimeError(
            f"setStorage: sizes {list(size)}, strides {list(stride)}, storage offset {offset}, and itemsize {self.itemsize} requiring a "
            f"storage size of {(offset + span) * self.itemsize} are out of bounds for storage of size {held}"
        )
    return restride(
        self, tuple(size), tuple([s * self.itemsize for s in stride]), (offset - own) * self.itemsize
    )


def _address(array):
    return array.__array_interface__["data"][0]


def _places(shape, strides, offset):
    """Where in storage the elements of a window lie: indices of its shape."""
    places = np.full((), offset, np.int64)
    for length, step in zip(shape, strides, strict=True):
        places = places[..., None] + np.arange(length, dtype=np.int64) * step
    return places


def _as_strided_vjp(grad, self_shape, self_stride, self_offset, size, stride, storage_offset):
    """Scatter the window's cotangent over the storage, then read it where the input's own window lies.

    An element of storage that the input sees several times shares its cotangent among those sightings.
    """
    from .._core.tensor import wrap

    start = self_offset if storage_offset is None else storage_offset
    low = min(self_offset, start)
    window, own = _places(size, stride, start - low), _places(self_shape, self_stride, self_offset - low)
    length = 1 + max(int(places.max()) if places.size else 0 for places in (window, own))
    storage = grad.new_zeros((length,)).index_add(0, wrap(window.reshape(-1)), grad.reshape(-1))
    count = np.bincount(own.reshape(-1), minlength=length)
    if count.max() > 1:
        storage = storage / wrap(np.maximum(count, 1).astype(grad.dtype._numpy))
    return storage.index_select(0, wrap(own.reshape(-1))).reshape(self_shape)


as_strided.vjp(
    self=lambda grad, self_shape, self_stride, self_offset, size, stride, storage_offset: _as_strided_vjp(
        grad, self_shape, self_stride, self_offset, size, stride, storage_offset
    )
)


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


@composite("narrow(Tensor(a) self, int dim, SymInt start, SymInt length) -> Tensor(a)", out=False)
def narrow(self, dim, start, length):
    """A run of `length` indices of one dimension."""
    if not self.dim():
        raise RuntimeError("narrow() cannot be applied to a 0-dim tensor.")
    if length < 0:
        raise RuntimeError("narrow(): length must be non-negative.")
    size = self.size(dim)
    if not -size <= start <= size:
        raise IndexError(
            f"start out of range (expected to be in range of [{-size}, {size}], but got {start})"
        )
    if start < 0:
        start += size
    if start + length > size:
        raise RuntimeError(f"start ({start}) + length ({length}) exceeds dimension size ({size}).")
    return slice_tensor.call(self, dim, start, start + length, 1)


@composite("narrow.Tensor(Tensor(a) self, int dim, Tensor start, SymInt length) -> Tensor(a)", out=False)
def narrow_tensor(self, dim, start, length):
    """A run of `length` indices of one dimension, from an integer 0-dim tensor."""
    if start.dim() or start.dtype._category != "int":
        raise RuntimeError("start must be an 0-dim integral Tensor.")
    return narrow.kernel(self, dim, int(start.item()), length)


__all__ = ["offset_of"]
