"""Operators that join, repeat, move and pad tensors without looking at values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tinytorch._core import layout
from tinytorch._core.declare import composite, op
from tinytorch._core.layouts import contiguous_format
from tinytorch._kernels import assembly as kernels
from tinytorch._kernels.indexing import wrap_dim
from tinytorch._kernels.memory_order import channels_last_like, suggests_channels_last

# Joining -------------------------------------------------------------------------------------------------------------------


@op("cat(Tensor[] tensors, int dim=0) -> Tensor", out_separate=True)
def cat(tensors: list[Any], dim: int) -> Any:
    return kernels.cat(tensors, dim)


def _cat_backward(grad: Any, dim: int, tensors_shape: list[tuple[int, ...]]) -> list[Any]:
    pieces = []
    start = 0
    for shape in tensors_shape:
        if tuple(shape) == (0,):
            pieces.append(grad.new_zeros((0,)))
            continue
        size = shape[dim]
        pieces.append(grad.narrow(dim, start, size))
        start += size
    return pieces


cat.vjp(tensors=_cat_backward)


@op("stack(Tensor[] tensors, int dim=0) -> Tensor", out_separate=True)
def stack(tensors: list[Any], dim: int) -> Any:
    return kernels.stack(tensors, dim)


stack.vjp(tensors=lambda grad, dim: list(grad.unbind(dim)))


@op("block_diag(Tensor[] tensors) -> Tensor", method=False, function=False)
def block_diag(tensors: list[Any]) -> Any:
    return kernels.block_diag(tensors)


def _block_diag_backward(grad: Any, tensors_shape: list[tuple[int, ...]]) -> list[Any]:
    pieces = []
    row = column = 0
    for shape in tensors_shape:
        height, width = (1,) * (2 - len(shape)) + tuple(shape)
        piece = grad.narrow(0, row, height).narrow(1, column, width)
        pieces.append(piece.reshape(tuple(shape)))
        row, column = row + height, column + width
    return pieces


block_diag.vjp(tensors=_block_diag_backward)


@op("unsafe_split.Tensor(Tensor self, SymInt split_size, int dim=0) -> Tensor[]", wrap=("dim",), out=False)
def unsafe_split(self: Any, split_size: int, dim: int) -> Any:
    return kernels.unsafe_split(self, kernels.checked_split(self.shape, split_size, dim), dim)


@op(
    "unsafe_split_with_sizes(Tensor self, SymInt[] split_sizes, int dim=0) -> Tensor[]",
    wrap=("dim",),
    out=False,
)
def unsafe_split_with_sizes(self: Any, split_sizes: Any, dim: int) -> Any:
    return kernels.unsafe_split(self, kernels.checked_sizes(self.shape, split_sizes, dim), dim)


def _rejoin(grads: list[Any], dim: int) -> Any:
    return cat(grads, dim)


unsafe_split.vjp(self=_rejoin)
unsafe_split_with_sizes.vjp(self=_rejoin)


@composite("unsafe_chunk(Tensor self, int chunks, int dim=0) -> Tensor[]", out=False)
def unsafe_chunk(self: Any, chunks: int, dim: int = 0) -> Any:
    if self.ndim == 0:
        raise RuntimeError("chunk expects at least a 1-dimensional tensor")
    if chunks <= 0:
        raise RuntimeError(f"chunk expects `chunks` to be greater than 0, got: {chunks}")
    size = self.shape[wrap_dim(dim, self.ndim)]
    length = (size + chunks - 1) // chunks
    if length == 0 and size == 0:
        return unsafe_split_with_sizes(self, [0] * chunks, dim)
    return unsafe_split(self, length, dim)


# Moving and repeating --------------------------------------------------------------------------------------------------------


@op("flip(Tensor self, int[] dims) -> Tensor", out=False, memory="preserved")
def flip(self: Any, dims: Any) -> Any:
    return kernels.flip(self, kernels.distinct_dims(dims, self.ndim))


flip.vjp(self=lambda grad, dims: flip(grad, dims))


@composite("fliplr(Tensor self) -> Tensor", out=False)
def fliplr(self: Any) -> Any:
    if self.ndim < 2:
        raise RuntimeError("Input must be >= 2-d.")
    return flip(self, (1,))


@composite("flipud(Tensor self) -> Tensor", out=False)
def flipud(self: Any) -> Any:
    if self.ndim < 1:
        raise RuntimeError("Input must be >= 1-d.")
    return flip(self, (0,))


@op("roll(Tensor self, SymInt[1] shifts, int[1] dims=[]) -> Tensor", out=False)
def roll(self: Any, shifts: Any, dims: Any) -> Any:
    rolled = kernels.roll(self, shifts, dims)
    if suggests_channels_last(self):
        return rolled
    return layout.arranged("rows" if self.size else "preserved", rolled, [self])


roll.vjp(self=lambda grad, shifts, dims: roll(grad, [-shift for shift in _several(shifts)], dims))


def _several(value: Any) -> Any:
    return (value,) if isinstance(value, int) else value


@op("rot90(Tensor self, int k=1, int[] dims=[0, 1]) -> Tensor", out=False)
def rot90(self: Any, k: int, dims: Any) -> Any:
    turned = kernels.rot90(self, k, dims)
    if k % 4 == 0:
        return layout.row_major(turned)
    # a flip, in the memory order of `self`, which is seen with the plane's dimensions exchanged if k is odd
    strides = list(layout.preserved_strides(self))
    if k % 2:
        strides[dims[0]], strides[dims[1]] = strides[dims[1]], strides[dims[0]]
    return layout.laid_out(turned, tuple(strides))


rot90.vjp(self=lambda grad, k, dims: rot90(grad, -k, dims))

repeat = op("repeat(Tensor self, SymInt[] repeats) -> Tensor", kernels.repeat, function=False)


def _repeat_backward(grad: Any, repeats: Any, self_shape: Any) -> Any:
    if 0 in tuple(repeats):
        return grad.new_zeros(self_shape)
    extra = len(repeats) - len(self_shape)
    for _ in range(extra):
        grad = grad.sum(0)
    shape: list[int] = []
    summed: list[int] = []
    for times, size in zip(tuple(repeats)[extra:], self_shape, strict=True):
        if times != 1:
            summed.append(len(shape))
            shape.append(times)
        shape.append(size)
    # a repeated dimension, as (repetitions, size), is summed over its repetitions
    return grad.reshape(shape).sum(summed) if summed else grad


repeat.vjp(self=_repeat_backward)


@op(
    "repeat_interleave.Tensor(Tensor repeats, *, SymInt? output_size=None) -> Tensor",
    method=False,
    nondifferentiable=True,
    out=False,
)
def repeat_interleave(repeats: Any, output_size: int | None) -> Any:
    return kernels.repeat_interleave_index(repeats, output_size)


@composite(
    "repeat_interleave.self_Tensor(Tensor self, Tensor repeats, int? dim=None, *, SymInt? output_size=None) -> Tensor",
    out=False,
)
def repeat_interleave_tensor(
    self: Any, repeats: Any, dim: int | None = None, output_size: int | None = None
) -> Any:
    source = self
    if dim is None:
        source, dim = self.flatten(), 0
    elif not source.ndim:
        raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
    if repeats.ndim == 0 or (repeats.ndim == 1 and repeats.shape[0] == 1):
        repeats = repeats.reshape((1,)).expand((source.shape[dim],))
    elif repeats.ndim == 1:
        if repeats.shape[0] != source.shape[dim]:
            raise RuntimeError(
                f"repeats must have the same size as input along dim, but got repeats.size(0) = {repeats.shape[0]} and "
                f"input.size({dim}) = {source.shape[dim]}"
            )
    else:
        raise RuntimeError("repeats must be 0-dim or 1-dim tensor")
    return source.index_select(dim, repeat_interleave(repeats, output_size))


@composite(
    "repeat_interleave.self_int(Tensor self, SymInt repeats, int? dim=None, *, SymInt? output_size=None) -> Tensor",
    out=False,
)
def repeat_interleave_int(
    self: Any, repeats: int, dim: int | None = None, output_size: int | None = None
) -> Any:
    source = self
    if dim is None:
        source, dim = self.flatten(), 0
    dim = wrap_dim(dim, source.ndim)
    if repeats < 0:
        raise RuntimeError("Repeats must be non-negative")
    if source.ndim == 0:  # torch looks for the dimension behind the repeated one
        wrap_dim(1, 0)
    shape = list(source.shape)
    spread = source.unsqueeze(dim + 1).expand([*shape[: dim + 1], repeats, *shape[dim + 1 :]])
    shape[dim] *= repeats
    if output_size is not None and output_size != shape[dim]:
        raise RuntimeError("repeat_interleave: Invalid output_size")
    return spread.clone(memory_format=contiguous_format).view(shape)


# Triangles and diagonals -----------------------------------------------------------------------------------------------------


@op("tril(Tensor self, SymInt diagonal=0) -> Tensor", inplace=True, out_overlaps=True)
def tril(self: Any, diagonal: int) -> Any:
    return kernels.triangle(self, diagonal, True)


@op("triu(Tensor self, SymInt diagonal=0) -> Tensor", inplace=True, out_overlaps=True)
def triu(self: Any, diagonal: int) -> Any:
    return kernels.triangle(self, diagonal, False)


tril.vjp(self=lambda grad, diagonal: tril(grad, diagonal))
triu.vjp(self=lambda grad, diagonal: triu(grad, diagonal))

_INDICES = (
    "(int row, int col, int offset=0, *, ScalarType? dtype=long, Layout? layout=None, Device? device=None, "
    "bool? pin_memory=None) -> Tensor"
)


@op("tril_indices" + _INDICES, method=False, nondifferentiable=True, out=False)
def tril_indices(
    row: int, col: int, offset: int, dtype: Any, layout: Any, device: Any, pin_memory: Any
) -> Any:
    return kernels.triangle_indices(row, col, offset, dtype, True)


@op("triu_indices" + _INDICES, method=False, nondifferentiable=True, out=False)
def triu_indices(
    row: int, col: int, offset: int, dtype: Any, layout: Any, device: Any, pin_memory: Any
) -> Any:
    return kernels.triangle_indices(row, col, offset, dtype, False)


@op("diag_embed(Tensor self, int offset=0, int dim1=-2, int dim2=-1) -> Tensor", out=False)
def diag_embed(self: Any, offset: int, dim1: int, dim2: int) -> Any:
    first, second = wrap_dim(dim1, self.ndim + 1), wrap_dim(dim2, self.ndim + 1)
    if first == second:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    return kernels.diag_embed(self, offset, first, second)


diag_embed.vjp(self=lambda grad, offset, dim1, dim2: grad.diagonal(offset, dim1, dim2))


diagonal_copy = op(
    "diagonal_copy(Tensor self, int offset=0, int dim1=0, int dim2=1) -> Tensor",
    kernels.diagonal_copy,
    method=False,
    wrap=("dim1", "dim2"),
    node="DiagonalBackward0_copy",
)


def _diagonal_backward(grad: Any, self_shape: Any, offset: int, dim1: int, dim2: int) -> Any:
    return grad.new_zeros(self_shape).diagonal_scatter(grad, offset, dim1, dim2)


diagonal_copy.vjp(self=_diagonal_backward)


@composite("diag(Tensor self, int diagonal=0) -> Tensor")
def diag(self: Any, diagonal: int = 0) -> Any:
    if self.ndim == 1:
        return diag_embed(self, diagonal, -2, -1)
    if self.ndim == 2:
        return diagonal_copy(self, diagonal, 0, 1)
    raise RuntimeError(f"diag(): Supports 1D or 2D tensors. Got {self.ndim}D")


@composite("diagflat(Tensor self, int offset=0) -> Tensor", out=False)
def diagflat(self: Any, offset: int = 0) -> Any:
    return diag_embed(self.contiguous().view(-1), offset, -2, -1)


# Padding and shuffling -------------------------------------------------------------------------------------------------------

constant_pad_nd = op(
    "constant_pad_nd(Tensor self, SymInt[] pad, Scalar value=0) -> Tensor",
    kernels.constant_pad,
    method=False,
    out=False,
)
constant_pad_nd.vjp(self=lambda grad, pad: constant_pad_nd(grad, [-length for length in pad], 0))


def _edge_padding(name: str, rank: int, reflect: bool) -> Any:
    """Declares reflection or replication padding of `rank` dimensions and its transpose."""
    width = 2 * rank

    def pad(self: Any, padding: Any) -> Any:
        return channels_last_like(kernels.edge_pad(self, padding, rank, reflect), self)

    def transpose(grad_output: Any, self: Any, padding: Any) -> Any:
        return channels_last_like(
            kernels.edge_pad_backward(grad_output, self.shape, padding, rank, reflect), self
        )

    forward = op(
        f"{name}(Tensor self, SymInt[{width}] padding) -> Tensor",
        pad,
        module="nn",
        node=f"{name.title().replace('_', '').replace(f'{rank}d', f'{rank}D')}Backward0",
    )
    backward = op(
        f"{name}_backward(Tensor grad_output, Tensor self, SymInt[{width}] padding) -> Tensor",
        transpose,
        method=False,
        function=False,
        node=f"{name.title().replace('_', '').replace(f'{rank}d', f'{rank}D')}BackwardBackward0",
    )

    def forward_formula(grad: Any, self: Any, padding: Any) -> Any:
        return backward(grad, self, padding)

    def backward_formula(grad: Any, padding: Any) -> Any:
        return forward(grad, padding)

    def no_gradient(grad: Any, self_shape: Any) -> Any:
        return grad.new_zeros(self_shape)

    forward.vjp(self=forward_formula)
    backward.vjp(grad_output=backward_formula, self=no_gradient)
    return forward


reflection_pad: dict[int, Callable[..., Any]] = {
    rank: _edge_padding(f"reflection_pad{rank}d", rank, True) for rank in (1, 2, 3)
}
replication_pad: dict[int, Callable[..., Any]] = {
    rank: _edge_padding(f"replication_pad{rank}d", rank, False) for rank in (1, 2, 3)
}


@op("pixel_shuffle(Tensor self, int upscale_factor) -> Tensor", method=False, out=False)
def pixel_shuffle(self: Any, upscale_factor: int) -> Any:
    kernels.check_pixel_shuffle(self.shape, upscale_factor)
    return kernels.pixel_shuffle(self, upscale_factor)


@op("pixel_unshuffle(Tensor self, int downscale_factor) -> Tensor", method=False, out=False)
def pixel_unshuffle(self: Any, downscale_factor: int) -> Any:
    kernels.check_pixel_unshuffle(self.shape, downscale_factor)
    return kernels.pixel_unshuffle(self, downscale_factor)


pixel_shuffle.vjp(self=lambda grad, upscale_factor: pixel_unshuffle(grad, upscale_factor))
pixel_unshuffle.vjp(self=lambda grad, downscale_factor: pixel_shuffle(grad, downscale_factor))


@op("channel_shuffle(Tensor self, SymInt groups) -> Tensor", method=False, out=False)
def channel_shuffle(self: Any, groups: int) -> Any:
    kernels.check_channel_shuffle(self.shape, groups)
    return kernels.channel_shuffle(self, groups)


channel_shuffle.vjp(self=lambda grad, groups: channel_shuffle(grad, grad.shape[1] // groups))
native_channel_shuffle = composite(
    "native_channel_shuffle(Tensor self, SymInt groups) -> Tensor",
    lambda self, groups: channel_shuffle(self, groups),
    method=False,
    out=False,
)
