"""Views of a part: an index, a slice, pieces, a diagonal, windows."""

from __future__ import annotations

import numpy as np

from .._core.declare import composite, find, op, view
from .._core.dispatch import wrap_dim
from .._core.storage import cut, restride, root_of
from ._checks import check_geometry


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
