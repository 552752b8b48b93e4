"""Operators that belong to no family: complex numbers from parts, mantissas, hashes, segments, masked indexing, histograms."""

from __future__ import annotations

import builtins
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tinytorch._core import layout
from tinytorch._core.declare import op, pointwise
from tinytorch._core.dispatch import wrap_dim
from tinytorch._core.dtypes import defaults
from tinytorch._core.element_types import alike, instances, takes
from tinytorch._core.outputs import warn_resized
from tinytorch._kernels.scalar_types import (
    broadcast_shape,
    c_type_name,
    checked_scalar,
    not_implemented,
    scalar_type_name,
)
from tinytorch._operators.adjoint import conj
from tinytorch._operators.factories import factory

# Complex numbers -------------------------------------------------------------------------------------------------------


def _complex(real: np.ndarray, imag: np.ndarray) -> np.ndarray:
    out = np.empty(
        np.broadcast_shapes(real.shape, imag.shape),
        np.complex64 if real.dtype == np.float32 else np.complex128,
    )
    out.real, out.imag = real, imag
    return out


def _pairs(kernel: Any, name: str) -> Any:
    """A kernel on two broadcast real arrays, with torch's checks."""

    def function(first: np.ndarray, second: np.ndarray) -> np.ndarray:
        for array in (first, second):
            if array.dtype.kind != "f":
                raise RuntimeError(
                    "Expected both inputs to be Half, Float or Double tensors but got "
                    f"{scalar_type_name(first.dtype)} and {scalar_type_name(second.dtype)}"
                )
        if first.dtype != second.dtype:
            raise RuntimeError(
                f"Expected object of scalar type {scalar_type_name(first.dtype)} but got scalar type "
                f"{scalar_type_name(second.dtype)} for second argument"
            )
        if first.dtype.itemsize == 2:
            raise NotImplementedError(f"{name} of half precision (torch.complex32) is not implemented")
        out = kernel(first, second)
        strides = layout.result_strides(out.shape, [first, second])
        if layout.element_strides(out) == strides:
            return out  # type: ignore[no-any-return]
        ordered = layout.empty(out.shape, strides, out.dtype)
        ordered[...] = out
        return ordered

    return function


complex_ = op("complex(Tensor real, Tensor imag) -> Tensor", _pairs(_complex, "complex"), method=False)
complex_.vjp(real=lambda grad, real: grad.real, imag=lambda grad, imag: (grad * -1j).real)
polar = op(
    "polar(Tensor abs, Tensor angle) -> Tensor",
    _pairs(lambda size, angle: _complex(size * np.cos(angle), size * np.sin(angle)), "polar"),
    element_types=instances("polar_cpu", "bool int unsigned bfloat16 float complex", of="abs"),
    method=False,
)
polar.vjp(
    abs=lambda grad, result: (
        (grad.conj() * result.sgn()).real
    ),  # so a negative radius gets the other sign, as in torch
    angle=lambda grad, result: (grad.conj() * (result * 1j)).real,
)


# Mantissas and exponents -----------------------------------------------------------------------------------------------


def _frexp(self: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if self.dtype.kind != "f" and self.dtype.name != "bfloat16":
        raise RuntimeError("torch.frexp() only supports floating-point dtypes")
    wide = self.astype(np.float32) if self.dtype.itemsize == 2 else self
    mantissa, exponent = np.frexp(wide)
    return np.asarray(mantissa).astype(self.dtype), np.asarray(exponent).astype(np.int32)


frexp = op("frexp.Tensor(Tensor self) -> (Tensor mantissa, Tensor exponent)", _frexp, memory="preserved")
frexp.vjp(self=lambda grad_mantissa, exponent: grad_mantissa / exponent.exp2())


def _warn_of_scale(common: Any, self: Any, other: Any) -> None:
    """For a floating `self` and whole exponents torch makes the result like `self` first."""
    if self.is_floating_point() and other.dtype._category in ("int", "bool"):
        required = layout.broadcast_shapes(self.shape, other.shape)
        if self.numel() and tuple(self.shape) != required:
            warn_resized(self.shape, required)


ldexp = pointwise(
    "ldexp.Tensor(Tensor self, Tensor other) -> Tensor",
    lambda x, n: np.multiply(x, np.exp2(n)).astype(x.dtype),
    result="float",
    check=_warn_of_scale,
    element_types=instances(
        "ldexp_cpu_exp",
        "int reduced float complex",
        of="other",
        when=lambda self, other: self.is_floating_point(),
    ),
)
ldexp.vjp(
    self=lambda grad, other: grad * conj(other.exp2()),
    other=lambda grad, result: grad * conj(result * math.log(2)),
)


# Hashes ----------------------------------------------------------------------------------------------------------------


def _hash(self: np.ndarray, dim: tuple[int, ...], keepdim: bool, mode: int) -> np.ndarray:
    """The exclusive or of all elements' bits: of floating elements as float64, of integers as int64."""
    if not self.size and len(dim) == self.ndim:
        raise RuntimeError(
            "hash_tensor: Expected reduction dim to be specified for input.numel() == 0. Specify the reduction dim with the 'dim' argument."
        )
    if self.dtype.kind == "c":
        raise not_implemented("xor_sum_cpu", self.dtype)
    wide = self.astype(np.float64) if self.dtype.kind not in "iub" else self.astype(np.int64)
    bits = wide.view(np.uint64) if wide.ndim else wide.reshape(1).view(np.uint64).reshape(())
    return np.asarray(np.bitwise_xor.reduce(bits, axis=dim, keepdims=keepdim)) if self.ndim else bits.copy()


def _hash_declaration() -> None:
    from tinytorch._core.declare import reduction

    reduction(
        "hash_tensor(Tensor self, int[1] dim=[], *, bool keepdim=False, int mode=0) -> Tensor",
        _hash,
        nondifferentiable=True,
        upcast=False,
    )


_hash_declaration()


# Indexing under a mask -------------------------------------------------------------------------------------------------


def _places(self: np.ndarray, indices: Sequence[Any]) -> tuple[Any, ...]:
    """Indices pulled into range; None is a whole dimension."""
    if any(index is None for index in indices) and indices[0] is None:
        raise NotImplementedError(
            "_unsafe_masked_index: leading dimensions without an index are not implemented"
        )
    given = [index for index in indices if index is not None]
    try:
        np.broadcast_shapes(*[index.shape for index in given])
    except ValueError:
        shown = ", ".join(str(list(index.shape)) for index in given)
        raise IndexError(
            f"shape mismatch: indexing tensors could not be broadcast together with shapes {shown}"
        ) from None
    return tuple(
        slice(None) if index is None else np.clip(index, -self.shape[d], self.shape[d] - 1)
        for d, index in enumerate(indices)
    )


def _check_count(self: np.ndarray, indices: Sequence[Any]) -> None:
    if len(indices) > self.ndim:
        raise IndexError(f"too many indices for tensor of dimension {self.ndim} (got {len(indices)})")


def _masked_index(self: np.ndarray, mask: np.ndarray, indices: Sequence[Any], fill: Any) -> np.ndarray:
    _check_count(self, indices)
    filled = checked_scalar(fill, self.dtype)
    if not self.size:
        return np.full(mask.shape, filled, self.dtype)
    values = self[_places(self, indices)]
    return np.where(_over(mask, values), values, filled)


def _over(mask: np.ndarray, values: np.ndarray) -> np.ndarray:
    """The mask, as booleans, that broadcasts against the values it decides on."""
    broadcast_shape(mask.shape, values.shape)
    return mask if mask.dtype == np.bool_ else mask != 0


def _masked_index_put(
    self: np.ndarray, mask: np.ndarray, indices: Sequence[Any], values: np.ndarray
) -> np.ndarray:
    _check_count(self, indices)
    out = layout.copy(self)
    if self.size:
        places = _places(self, indices)
        kept = np.where(_over(mask, values), values, np.zeros((), values.dtype))
        shape = out[places].shape
        try:
            kept = np.broadcast_to(kept, shape)
        except ValueError:
            raise RuntimeError(
                f"shape mismatch: value tensor of shape {list(kept.shape)} cannot be broadcast to indexing result of shape {list(shape)}"
            ) from None
        np.add.at(out, places, kept)
    return out


_INDICES = (
    takes("int32 int64", "_unsafe_masked_index found unexpected index type {0}", of="indices"),
    instances("logical_not_cpu", "bool int reduced float complex", of="mask"),
)

unsafe_masked_index = op(
    "_unsafe_masked_index(Tensor self, Tensor mask, Tensor?[] indices, Scalar fill) -> Tensor",
    _masked_index,
    element_types=_INDICES,
    out=False,
    method=False,
)
unsafe_masked_index.vjp(
    self=lambda grad, self_shape, mask, indices: unsafe_masked_index_put(
        grad.new_zeros(self_shape), mask, indices, grad
    )
)
unsafe_masked_index_put = op(
    "_unsafe_masked_index_put_accumulate(Tensor self, Tensor mask, Tensor?[] indices, Tensor values) -> Tensor",
    _masked_index_put,
    element_types=(
        *_INDICES,
        alike(
            "self",
            "values",
            "Index put requires the source and destination dtypes match, got {0} for the destination and {1} for the source.",
        ),
    ),
    out=False,
    method=False,
)
unsafe_masked_index_put.vjp(
    self=lambda grad: grad,
    values=lambda grad, mask, indices: unsafe_masked_index(grad, mask, indices, 0),
)


# Assembly --------------------------------------------------------------------------------------------------------------


def _chunk_cat(tensors: list[np.ndarray], dim: int, num_chunks: int) -> np.ndarray:
    """Every tensor cut into num_chunks along dim (filled with zeros), the chunks flattened and put side by side."""
    if num_chunks < 1:
        raise RuntimeError("_chunk_cat expects positive num_chunks")
    if not tensors:
        raise RuntimeError("_chunk_cat expects a non-empty input tensor list")
    if not all(tensor.size for tensor in tensors):
        raise RuntimeError("_chunk_cat expects non-empty tensor")
    if dim < 0 and any(tensor.ndim != tensors[0].ndim for tensor in tensors):
        raise RuntimeError("_chunk_cat expects non-negative dim when input tensors have different ndims")
    dim = wrap_dim(dim, tensors[0].ndim)
    if any(dim >= tensor.ndim for tensor in tensors):
        raise RuntimeError("_chunk_cat expects dim < ndim for all input tensors")
    lead = tensors[0].shape[:dim]
    if any(tensor.shape[:dim] != lead for tensor in tensors):
        raise RuntimeError("_chunk_cat expects same sizes of 0,...,dim-1 dimensions for all tensors")
    parts = []
    for tensor in tensors:
        size = tensor.shape[dim]
        step = -(-size // num_chunks)
        padded = np.zeros((*lead, step * num_chunks, *tensor.shape[dim + 1 :]), tensor.dtype)
        padded[(slice(None),) * dim + (slice(0, size),)] = tensor
        parts.append(padded.reshape((*lead, num_chunks, -1)))
    return np.concatenate(parts, -1)


op(
    "_chunk_cat(Tensor[] tensors, int dim, int num_chunks) -> Tensor",
    _chunk_cat,
    method=False,
    underivable=True,
    element_types=alike("tensors", "tensors", "_chunk_cat expects all input tensors with the same dtype"),
)


@factory(
    "empty_permuted(SymInt[] size, int[] physical_layout, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, "
    "bool? pin_memory=None) -> Tensor",
    out=False,
)
def empty_permuted(size: Sequence[int], physical_layout: Sequence[int], dtype: Any = None) -> np.ndarray:
    """Uninitialised memory, the dimensions stored in the order of physical_layout."""
    from tinytorch._core.dtypes import defaults

    if len(physical_layout) != len(size):
        raise RuntimeError(
            f"Number of dimensions in size does not match the length of the physical_layout; i.e. len(size) = {len(size)} is not equal to "
            f"len(physical_layout) = {len(physical_layout)}"
        )
    for position, dim in enumerate(physical_layout):
        if not 0 <= dim < len(size):
            raise RuntimeError(f"Dimension out of range (expected to be between 0 and {len(size) - 1}, but got {dim} at index {position}).  NB: negative dims not currently supported; file an issue if you want it.")  # fmt: skip
    if len(set(physical_layout)) != len(size):
        raise RuntimeError("Duplicate dim not allowed")
    kind = (dtype or defaults.dtype)._numpy
    stored = layout.contiguous_strides(tuple([size[d] for d in physical_layout]))
    strides = [0] * len(size)
    for dim, step in zip(physical_layout, stored, strict=True):
        strides[dim] = step
    return layout.empty(tuple(size), tuple(strides), kind)


def _dropout_backward(grad_output: np.ndarray, mask: np.ndarray, scale: float) -> np.ndarray:
    kind = defaults.dtype._numpy if grad_output.dtype.kind in "biu" else grad_output.dtype
    out: np.ndarray = (grad_output * mask).astype(kind, copy=False) * np.asarray(scale).astype(kind)
    return out


native_dropout_backward = op(
    "native_dropout_backward(Tensor grad_output, Tensor mask, float scale) -> Tensor",
    _dropout_backward,
    upcast=True,
    method=False,
    function=False,
)
native_dropout_backward.vjp(
    grad_output=lambda grad, mask, scale: native_dropout_backward(grad, mask, scale),
    mask=lambda grad, grad_output, scale: grad * grad_output * scale,
)


# Histograms of points --------------------------------------------------------------------------------------------------


def _count_points(points: np.ndarray, edges: list[np.ndarray], weights: np.ndarray | None) -> np.ndarray:
    """How many points (their weights) fall into each cell; the last edge belongs to the last cell."""
    shape = [len(edge) - 1 for edge in edges]
    inside = np.ones(len(points), np.bool_)
    cells = np.zeros(len(points), np.int64)
    for d, edge in enumerate(edges):
        place = np.searchsorted(edge, points[:, d], side="right") - 1
        place = np.where(points[:, d] == edge[-1], shape[d] - 1, place)
        inside &= (points[:, d] >= edge[0]) & (points[:, d] <= edge[-1])
        cells = cells * shape[d] + np.clip(place, 0, max(shape[d] - 1, 0))
    kept = None if weights is None else weights[inside]
    return np.bincount(cells[inside], kept, minlength=math.prod(shape)).astype(np.float64).reshape(shape)


def histogramdd(input: Any, bins: Any, range: Any = None, weight: Any = None, density: bool = False) -> Any:
    """(hist, bin_edges) of points (N, D): bins is a number per dimension, one for all, or the edges as tensors."""
    from tinytorch._core.returns import type_of
    from tinytorch._core.tensor import wrap

    if input.dim() < 2:
        raise RuntimeError("torch.histogramdd: input tensor should have at least 2 dimensions")
    kind = input._array.dtype
    edged = not isinstance(bins, int) and any(hasattr(item, "_array") for item in bins)
    for d, item in enumerate(bins if edged else ()):
        if item._array.dtype != kind:
            raise RuntimeError(
                "torch.histogramdd: input tensor and bins tensors should have the same dtype, but got input with dtype "
                f"{c_type_name(kind)} and bins for dimension {d} with dtype {c_type_name(item._array.dtype)}"
            )
    if weight is not None and weight._array.dtype != kind:
        raise RuntimeError(
            "torch.histogramdd: if weight tensor is provided, input tensor and weight tensor should have the same dtype, but got "
            f"input({c_type_name(kind)}), and weight({c_type_name(weight._array.dtype)})"
        )
    if not edged and range is not None and kind.kind == "b":
        raise not_implemented("linspace_cpu", kind)
    if kind.kind in "biuc" or (not edged and range is None and kind.itemsize < 4):
        raise not_implemented("histogram_cpu" if edged or range is not None else "histogramdd", kind)
    points = input._array.reshape(-1, input.shape[-1]).astype(np.float64)
    count = points.shape[1]
    given = [bins] * count if isinstance(bins, int) else list(bins)
    if len(given) != count:
        raise RuntimeError(
            "histogramdd: The size of bins must be equal to the innermost dimension of the input."
            if all(isinstance(item, int) for item in given)
            else f"torch.histogramdd: expected {count} sequences of bin edges for a {count}-dimensional histogram but got {len(given)}"
        )
    edges = []
    for d, item in enumerate(given):
        if hasattr(item, "_array"):
            if item.dim() != 1:
                raise RuntimeError(
                    f"torch.histogramdd: bins tensor should have one dimension, but got {item.dim()} dimensions in the bins tensor for "
                    f"dimension {d}"
                )
            if not item.numel():
                raise RuntimeError(
                    f"torch.histogramdd: bins tensor should have at least 1 element, but got 0 elements in the bins tensor for dimension {d}"
                )
            if item.numel() == 1:
                raise RuntimeError(f"torch.histogram(): bins must be > 0, but got 0 for dimension {d}")
            edges.append(item._array.astype(np.float64))
            continue
        if range is not None:
            low, high = float(range[2 * d]), float(range[2 * d + 1])
        else:
            low, high = (points[:, d].min(), points[:, d].max()) if len(points) else (0.0, 1.0)
        if low == high:
            low, high = low - 0.5, high + 0.5
        edges.append(np.linspace(low, high, item + 1).astype(kind).astype(np.float64))
    weights = None if weight is None else weight._array.reshape(-1).astype(np.float64)
    counts = _count_points(points, edges, weights)
    if density:
        with np.errstate(all="ignore"):
            total = counts.sum()
            for d, edge in enumerate(edges):
                counts = counts / np.diff(edge).reshape([-1 if k == d else 1 for k in builtins.range(count)])
            counts = counts / total
    values = tuple(
        [
            item if hasattr(item, "_array") else wrap(edge.astype(kind))
            for item, edge in zip(given, edges, strict=True)
        ]
    )
    return tuple.__new__(type_of("histogramdd", ("hist", "bin_edges")), (wrap(counts.astype(kind)), values))


FUNCTIONS = {"histogramdd": histogramdd}
