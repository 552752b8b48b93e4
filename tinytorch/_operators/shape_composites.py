"""Joining, splitting and reshaping that torch composes from views and other operators; none has a node of its own."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from tinytorch._core.argument_texts import mismatch
from tinytorch._core.declare import composite, find, op
from tinytorch._core.dtypes import defaults
from tinytorch._core.front import front_of
from tinytorch._core.signature import tensor_list
from tinytorch._core.streaming import streamed
from tinytorch._core.tensor import Tensor, wrap
from tinytorch._core.warning import warn_once
from tinytorch._kernels import assembly as kernels
from tinytorch._kernels.indexing import wrap_dim
from tinytorch._kernels.restriding import infer_size
from tinytorch._kernels.scalar_types import broadcast_shape, scalar_type_name, shape_text

from .assembly import block_diag, cat, repeat, stack


def _slice(self: Any, dim: int, start: int | None, end: int | None) -> Any:
    return find("slice", "Tensor").call(self, dim, start, end, 1)


# At least so many dimensions -------------------------------------------------------------------------------------------------


def _at_least_1d(self: Any) -> Any:
    return self.reshape((1,)) if self.ndim == 0 else self


def _at_least_2d(self: Any) -> Any:
    if self.ndim == 0:
        return self.reshape((1, 1))
    return self.unsqueeze(0) if self.ndim == 1 else self


def _at_least_3d(self: Any) -> Any:
    if self.ndim == 0:
        return self.reshape((1, 1, 1))
    if self.ndim == 1:
        return self.unsqueeze(0).unsqueeze(-1)
    return self.unsqueeze(-1) if self.ndim == 2 else self


def _spread(function: Any, name: str) -> Any:
    def at_least(*tensors: Any) -> Any:
        if len(tensors) == 1:
            if isinstance(tensors[0], list | tuple):
                return tuple(function(tensor) for tensor in tensor_list(tensors[0]))
            if not isinstance(tensors[0], Tensor):
                raise mismatch(name, ["(Tensor input)", "(tuple of Tensors tensors)"], tensors, {})
            return function(tensors[0])
        return tuple(function(tensor) for tensor in tensor_list(tensors))

    at_least.__name__ = at_least.__qualname__ = name
    at_least.__doc__ = f"torch.{name}: the tensors with dimensions of size 1 added where they have too few."
    return at_least


# Joining ---------------------------------------------------------------------------------------------------------------------


@composite("concat(Tensor[] tensors, int dim=0) -> Tensor")
def concat(tensors: Any, dim: int = 0) -> Any:
    return cat(tensors, dim)


@composite("concatenate(Tensor[] tensors, int dim=0) -> Tensor")
def concatenate(tensors: Any, dim: int = 0) -> Any:
    return cat(tensors, dim)


def _nonempty(name: str, tensors: Any) -> None:
    if not len(tensors):
        raise RuntimeError(f"{name} expects a non-empty TensorList")


@composite("hstack(Tensor[] tensors) -> Tensor")
def hstack(tensors: Any) -> Any:
    _nonempty("hstack", tensors)
    lifted = [_at_least_1d(tensor) for tensor in tensors]
    return cat(lifted, 0 if lifted[0].ndim == 1 else 1)


@composite("vstack(Tensor[] tensors) -> Tensor")
def vstack(tensors: Any) -> Any:
    _nonempty("vstack", tensors)
    return cat([_at_least_2d(tensor) for tensor in tensors], 0)


@composite("row_stack(Tensor[] tensors) -> Tensor")
def row_stack(tensors: Any) -> Any:
    _nonempty("vstack", tensors)
    return cat([_at_least_2d(tensor) for tensor in tensors], 0)


@composite("dstack(Tensor[] tensors) -> Tensor")
def dstack(tensors: Any) -> Any:
    _nonempty("dstack", tensors)
    return cat([_at_least_3d(tensor) for tensor in tensors], 2)


@composite("column_stack(Tensor[] tensors) -> Tensor")
def column_stack(tensors: Any) -> Any:
    _nonempty("column_stack", tensors)
    columns = [tensor.reshape((tensor.numel(), 1)) if tensor.ndim <= 1 else tensor for tensor in tensors]
    return cat(columns, 1)


# Splitting -------------------------------------------------------------------------------------------------------------------


def _split_with_sizes(self: Any, sizes: Any, dim: int) -> Any:
    return find("split_with_sizes").call(self, sizes, dim)


def split(tensor: Any, split_size_or_sections: Any, dim: int = 0) -> Any:
    """torch.split: views of consecutive pieces of a dimension, all of one length but the last, or of given lengths."""
    return tensor.split(split_size_or_sections, dim)


def _split(tensor: Any, split_size_or_sections: Any, dim: int) -> Any:
    if isinstance(split_size_or_sections, int):
        return find("split", "Tensor").call(tensor, split_size_or_sections, dim)
    sizes = split_size_or_sections
    if not isinstance(sizes, tuple | list) or not all(type(size) is int for size in sizes):
        front = front_of("split_with_sizes", "function")
        assert front is not None
        return front.function(tensor, sizes, dim)
    return _split_with_sizes(tensor, list(sizes), dim)


def split_method(self: Any, split_size: Any, dim: int = 0) -> Any:
    """Tensor.split; see torch.split."""
    return _split(self, split_size, dim)


@composite("chunk(Tensor(a -> *) self, int chunks, int dim=0) -> Tensor(a)[]", out=False)
def chunk(self: Any, chunks: int, dim: int = 0) -> Any:
    if self.ndim == 0:
        raise RuntimeError("chunk expects at least a 1-dimensional tensor")
    if chunks <= 0:
        raise RuntimeError(f"chunk expects `chunks` to be greater than 0, got: {chunks}")
    size = self.shape[wrap_dim(dim, self.ndim)]
    length = (size + chunks - 1) // chunks
    if length == 0:
        return _split_with_sizes(self, [0] * chunks, dim)
    return find("split", "Tensor").call(self, length, dim)


def _tensor_splittable(self: Any) -> None:
    if self.ndim == 0:
        raise RuntimeError(
            f"tensor_split expected at least a 1-dimensional tensor, but got a tensor with {self.ndim} dims"
        )


@composite("tensor_split.sections(Tensor(a -> *) self, SymInt sections, int dim=0) -> Tensor(a)[]", out=False)
def tensor_split(self: Any, sections: int, dim: int = 0) -> Any:
    _tensor_splittable(self)
    dim = wrap_dim(dim, self.ndim)
    if sections <= 0:
        raise RuntimeError(f"number of sections must be larger than 0, got {sections}")
    least, longer = divmod(self.shape[dim], sections)
    pieces = []
    start = 0
    for number in range(sections):
        end = start + least + (number < longer)
        pieces.append(_slice(self, dim, start, end))
        start = end
    return tuple(pieces)


@composite("tensor_split.indices(Tensor(a -> *) self, SymInt[] indices, int dim=0) -> Tensor(a)[]", out=False)
def tensor_split_indices(self: Any, indices: Any, dim: int = 0) -> Any:
    _tensor_splittable(self)
    dim = wrap_dim(dim, self.ndim)
    starts = [0, *indices]
    ends = [*indices, self.shape[dim]]
    return tuple([_slice(self, dim, start, end) for start, end in zip(starts, ends, strict=True)])


@composite(
    "tensor_split.tensor_indices_or_sections(Tensor(a -> *) self, Tensor tensor_indices_or_sections, int dim=0) -> "
    "Tensor(a)[]",
    out=False,
)
def tensor_split_tensor(self: Any, tensor_indices_or_sections: Any, dim: int = 0) -> Any:
    given = tensor_indices_or_sections
    if given.dtype._name != "int64":
        raise RuntimeError(
            "tensor_split expected tensor_indices_or_sections to have dtype of long, but got "
            + scalar_type_name(given.dtype._numpy)
        )
    if given.ndim > 1:
        raise RuntimeError(
            "tensor_split expected tensor_indices_or_sections to be a zero-dimensional or one-dimensional tensor, but got a "
            f"tensor with {given.ndim} dims"
        )
    if given.ndim == 0:
        return tensor_split(self, int(given.item()), dim)
    return tensor_split_indices(self, given.tolist(), dim)


def _split_rank(name: str, self: Any, rank: int) -> None:
    if self.ndim < rank:
        raise RuntimeError(
            f"torch.{name} requires a tensor with at least {rank} dimension, but got a tensor with {self.ndim} dimensions!"
        )


def _split_evenly(name: str, self: Any, sections: int, dim: int) -> Any:
    size = self.shape[dim]
    if sections == 0 or size % sections:
        raise RuntimeError(
            f"torch.{name} attempted to split along dimension {dim}, but the size of the dimension {size} is not divisible "
            f"by the split_size {sections}!"
        )
    return tensor_split(self, sections, dim)


@composite("hsplit.int(Tensor(a -> *) self, int sections) -> Tensor(a)[]", out=False)
def hsplit(self: Any, sections: int) -> Any:
    _split_rank("hsplit", self, 1)
    return _split_evenly("hsplit", self, sections, 0 if self.ndim == 1 else 1)


@composite("hsplit.array(Tensor(a -> *) self, int[] indices) -> Tensor(a)[]", out=False)
def hsplit_indices(self: Any, indices: Any) -> Any:
    _split_rank("hsplit", self, 1)
    return tensor_split_indices(self, indices, 0 if self.ndim == 1 else 1)


@composite("vsplit.int(Tensor(a -> *) self, int sections) -> Tensor(a)[]", out=False)
def vsplit(self: Any, sections: int) -> Any:
    _split_rank("vsplit", self, 2)
    return _split_evenly("vsplit", self, sections, 0)


@composite("vsplit.array(Tensor(a -> *) self, int[] indices) -> Tensor(a)[]", out=False)
def vsplit_indices(self: Any, indices: Any) -> Any:
    _split_rank("vsplit", self, 2)
    return tensor_split_indices(self, indices, 0)


@composite("dsplit.int(Tensor(a -> *) self, int sections) -> Tensor(a)[]", out=False)
def dsplit(self: Any, sections: int) -> Any:
    _split_rank("dsplit", self, 3)
    return _split_evenly("dsplit", self, sections, 2)


@composite("dsplit.array(Tensor(a -> *) self, int[] indices) -> Tensor(a)[]", out=False)
def dsplit_indices(self: Any, indices: Any) -> Any:
    _split_rank("dsplit", self, 3)
    return tensor_split_indices(self, indices, 2)


# Rearranging dimensions ------------------------------------------------------------------------------------------------------


@composite("movedim.intlist(Tensor(a) self, int[] source, int[] destination) -> Tensor(a)", out=False)
def movedim(self: Any, source: Any, destination: Any) -> Any:
    if len(source) != len(destination):
        raise RuntimeError(
            f"movedim: Invalid source or destination dims: source ({shape_text(source)} dims) should contain the same number "
            f"of dims as destination ({shape_text(destination)} dims)"
        )
    rank = self.ndim
    taken = [wrap_dim(dim, rank) for dim in source]
    given = [wrap_dim(dim, rank) for dim in destination]
    for name, dims, shown in (("source", taken, source), ("destination", given, destination)):
        if len(set(dims)) != len(dims):
            raise RuntimeError(f"movedim: repeated dim in `{name}` ({shape_text(shown)})")
    if rank == 0:
        return find("alias").call(self)
    order = [-1] * rank
    for start, end in zip(taken, given, strict=True):
        order[end] = start
    rest = iter([dim for dim in range(rank) if dim not in taken])
    return self.permute([next(rest) if dim < 0 else dim for dim in order])


@composite("movedim.int(Tensor(a) self, int source, int destination) -> Tensor(a)", out=False)
def movedim_int(self: Any, source: int, destination: int) -> Any:
    return movedim(self, (source,), (destination,))


@composite("moveaxis.intlist(Tensor(a) self, int[] source, int[] destination) -> Tensor(a)", out=False)
def moveaxis(self: Any, source: Any, destination: Any) -> Any:
    return movedim(self, source, destination)


@composite("moveaxis.int(Tensor(a) self, int source, int destination) -> Tensor(a)", out=False)
def moveaxis_int(self: Any, source: int, destination: int) -> Any:
    return movedim(self, (source,), (destination,))


@composite(
    "swapaxes(Tensor(a) self, int axis0, int axis1) -> Tensor(a)",
    out=False,
    inplace=True,
    inplace_rule=lambda self, axis0, axis1: self.transpose_(axis0, axis1),
)
def swapaxes(self: Any, axis0: int, axis1: int) -> Any:
    return self.transpose(axis0, axis1)


@composite(
    "swapdims(Tensor(a) self, int dim0, int dim1) -> Tensor(a)",
    out=False,
    inplace=True,
    inplace_rule=lambda self, dim0, dim1: self.transpose_(dim0, dim1),
)
def swapdims(self: Any, dim0: int, dim1: int) -> Any:
    return self.transpose(dim0, dim1)


@composite("flatten.using_ints(Tensor(a) self, int start_dim=0, int end_dim=-1) -> Tensor(a)", out=False)
def flatten(self: Any, start_dim: int = 0, end_dim: int = -1) -> Any:
    rank = self.ndim
    start, end = wrap_dim(start_dim, rank), wrap_dim(end_dim, rank)
    if start > end:
        raise RuntimeError("flatten() has invalid args: start_dim cannot come after end_dim")
    if rank == 0:
        return self.reshape((1,))
    if start == end:
        return self
    shape = tuple(self.shape)
    length = 1
    for size in shape[start : end + 1]:
        length *= size
    return self.reshape((*shape[:start], length, *shape[end + 1 :]))


@composite("ravel(Tensor(a) self) -> Tensor(a)", out=False)
def ravel(self: Any) -> Any:
    return self.contiguous().view((-1,))


@composite("unflatten.int(Tensor(a) self, int dim, SymInt[] sizes) -> Tensor(a)", out=False)
def unflatten(self: Any, dim: int, sizes: Any) -> Any:
    dim = wrap_dim(dim, self.ndim)
    sizes = tuple(sizes)
    if not sizes:
        raise RuntimeError("unflatten: sizes must be non-empty")
    try:
        if not self.ndim:
            raise RuntimeError(f"Dimension specified as {dim} but tensor has no dimensions")
        filled = infer_size(sizes, self.shape[dim])
    except RuntimeError as error:
        if "is invalid for input of size" not in str(error):
            raise RuntimeError(f"unflatten got an unexpected error:\n{error}") from None
        raise RuntimeError(
            f"unflatten: Provided sizes {shape_text(sizes)} don't multiply up to the size of dim {dim} ({self.shape[dim]}) in the input "
            "tensor"
        ) from None
    shape = tuple(self.shape)
    return self.view((*shape[:dim], *filled, *shape[dim + 1 :]))


@composite("broadcast_to(Tensor(a) self, SymInt[] size) -> Tensor(a)", out=False)
def broadcast_to(self: Any, size: Any) -> Any:
    return self.expand(size)


@composite("tile(Tensor self, SymInt[] dims) -> Tensor", out=False)
def tile(self: Any, dims: Any) -> Any:
    dims = tuple(dims)
    return repeat(self, (1,) * (self.ndim - len(dims)) + dims)


def broadcast_tensors(*tensors: Any) -> Any:
    """torch.broadcast_tensors: all tensors expanded to their common shape."""
    if len(tensors) == 1 and isinstance(tensors[0], list | tuple):
        tensors = tuple(tensors[0])
    shape: tuple[int, ...] = ()
    for tensor in tensor_list(tensors):
        shape = broadcast_shape(shape, tuple(tensor.shape))
    return tuple(tensor if tuple(tensor.shape) == shape else tensor.expand(shape) for tensor in tensors)


# Grids -----------------------------------------------------------------------------------------------------------------------


def _grid(tensors: Any, indexing: str) -> Any:
    if not tensors:
        raise RuntimeError("meshgrid expects a non-empty TensorList")
    for tensor in tensors:
        if tensor.dtype is not tensors[0].dtype:
            raise RuntimeError("meshgrid expects all tensors to have the same dtype")
        if tensor.is_meta != tensors[0].is_meta:
            raise RuntimeError("meshgrid expects all tensors to have the same device")
    if indexing not in ("ij", "xy"):
        raise RuntimeError(f'torch.meshgrid: indexing must be one of "xy" or "ij", but received: {indexing}')
    swap = indexing == "xy" and len(tensors) >= 2
    if swap:
        tensors = [tensors[1], tensors[0], *tensors[2:]]
    for tensor in tensors:
        if tensor.ndim > 1:
            raise RuntimeError(
                "torch.meshgrid: Expected 0D or 1D tensor in the tensor list but got: " + streamed(tensor)
            )
    rank = len(tensors)
    shape = [tensor.numel() for tensor in tensors]
    grids = []
    for place, tensor in enumerate(tensors):
        lifted = tensor.view((1,) * place + (-1,) + (1,) * (rank - 1 - place))
        grids.append(lifted.expand(shape))
    if swap:
        grids[0], grids[1] = grids[1], grids[0]
    return tuple(grids)


def meshgrid(*tensors: Any, indexing: str | None = None) -> Any:
    """torch.meshgrid: the coordinates of every point of a grid, one tensor per axis."""
    if len(tensors) == 1 and isinstance(tensors[0], list | tuple):
        tensors = tuple(tensors[0])
    if indexing is None:
        warn_once(
            "torch.meshgrid: in an upcoming release, it will be required to pass the indexing argument."
        )
        indexing = "ij"
    return _grid(tensor_list(tensors), indexing)


def cartesian_prod(*tensors: Any) -> Any:
    """torch.cartesian_prod: all combinations of one element of each vector, (count, number of vectors)."""
    if len(tensors) == 1 and isinstance(tensors[0], list | tuple):
        tensors = tuple(tensors[0])
    for tensor in tensor_list(tensors):
        if tensor.ndim != 1:
            raise RuntimeError(f"Expect a 1D vector, but got shape {shape_text(tensor.shape)}")
    if len(tensors) == 1:
        return tensors[0]
    grids = _grid(list(tensors), "ij")
    return stack([flatten(grid, 0, -1) for grid in grids], 1)


@composite("combinations(Tensor self, int r=2, bool with_replacement=False) -> Tensor", out=False)
def combinations(self: Any, r: int = 2, with_replacement: bool = False) -> Any:
    if self.ndim != 1:
        raise RuntimeError(f"Expect a 1D vector, but got shape {shape_text(self.shape)}")
    if r < 0:
        raise RuntimeError(f"Expect a non-negative number, but got {r}")
    if r == 0:
        return self.new_empty((0,))
    positions = wrap(np.arange(self.shape[0]))
    grids = _grid([self] * r, "ij")
    places = _grid([positions] * r, "ij")
    mask = (places[0] == places[0]).expand(places[0].shape)
    for left, right in itertools.pairwise(places):
        mask = mask & (left <= right if with_replacement else left < right)
    return stack([grid.masked_select(mask) for grid in grids], 1)


def block_diag_function(*tensors: Any) -> Any:
    """torch.block_diag: matrices along the diagonal of one matrix."""
    tensor_list(tensors)
    if not tensors:
        return wrap(np.empty((1, 0), defaults.dtype._numpy))
    return block_diag(list(tensors))


@op("one_hot(Tensor self, int num_classes=-1) -> Tensor", module="nn", out=False, nondifferentiable=True)
def one_hot(self: Any, num_classes: int) -> Any:
    return kernels.one_hot(self, num_classes)


block_diag_function.__name__ = block_diag_function.__qualname__ = "block_diag"

#: Python functions of torch's own (variadic, or with more than a schema's forms), by the name they are published under.
FUNCTIONS = {
    "atleast_1d": _spread(_at_least_1d, "atleast_1d"),
    "atleast_2d": _spread(_at_least_2d, "atleast_2d"),
    "atleast_3d": _spread(_at_least_3d, "atleast_3d"),
    "block_diag": block_diag_function,
    "broadcast_tensors": broadcast_tensors,
    "cartesian_prod": cartesian_prod,
    "meshgrid": meshgrid,
    "split": split,
}
METHODS = {"split": split_method}
