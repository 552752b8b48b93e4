"""Reductions of the segments of an axis: sums, means, extrema and products of runs of given lengths."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from .dtype_names import scalar_name

_Array = np.ndarray
_KINDS = {
    "sum": "sum",
    "mean": "mean",
    "max": "max",
    "amax": "max",
    "min": "min",
    "amin": "min",
    "prod": "prod",
}
_NEUTRAL = {"sum": 0.0, "mean": 0.0, "max": -np.inf, "min": np.inf, "prod": 1.0}


def lengths_of(
    data: _Array, lengths: _Array | None, offsets: _Array | None, axis: int, unsafe: bool
) -> _Array:
    """The lengths (..., segments) of the segments, checked. The dimensions before the last are those of the data before `axis`."""
    given = lengths if offsets is None else offsets
    name = "lengths" if offsets is None else "offsets"
    assert given is not None
    if given.dtype not in (np.int32, np.int64):
        if offsets is None and not unsafe:
            if given.dtype.kind == "c":
                raise NotImplementedError(f"\"min_all\" not implemented for '{scalar_name(given.dtype)}'")
            if (given.sum(-1) != data.shape[given.ndim - 1]).any():
                raise RuntimeError(
                    "segment_reduce(): Expected all rows of lengths along axis to sum to data.size(lengths.dim()-1) when !unsafe."
                )
        raise NotImplementedError(
            f"\"_segment_reduce_{name}_cpu_kernel1\" not implemented for '{scalar_name(given.dtype)}'"
        )
    if data.ndim < given.ndim:
        raise RuntimeError(
            f"Expected data.dim() >= {name}_value.dim() to be true, but got false.  (Could this error message be improved?  If so, "
            "please report an enhancement request to PyTorch.)"
        )
    if axis != given.ndim - 1:
        raise RuntimeError(
            f"segment_reduce(): Expected axis to be the last dimension of {name} but got {axis}."
        )
    found = given if offsets is None else np.diff(given, axis=-1)
    if not unsafe and offsets is None:
        if found.size and found.min() < 0:
            raise RuntimeError("lengths contains negative value!")
        if not bool((found.sum(-1) == data.shape[axis]).all()):
            raise RuntimeError(
                "segment_reduce(): Expected all rows of lengths along axis to sum to data.size(lengths.dim()-1) when !unsafe."
            )
    return found


def _segments(lengths: _Array) -> Iterator[tuple[tuple[int, ...], int, slice]]:
    """For each row of lengths and each segment: where the row stands, the segment's number, its places along the axis."""
    for row in np.ndindex(lengths.shape[:-1]):
        start = 0
        for number, length in enumerate(lengths[row].tolist()):
            yield row, number, slice(start, start + length)
            start += length


def reduce(data: _Array, kind: str, lengths: _Array, axis: int, initial: Any) -> _Array:
    """The reduced segments (..., segments, ...) of data (..., elements, ...)."""
    kind = _KINDS[kind]
    if data.dtype.kind != "f" and data.dtype.name != "bfloat16":
        raise NotImplementedError(f"\"_segment_reduce_cpu\" not implemented for '{scalar_name(data.dtype)}'")
    result = np.empty((*data.shape[:axis], lengths.shape[-1], *data.shape[axis + 1 :]), data.dtype)
    start = _NEUTRAL[kind] if initial is None else float(initial)
    for row, number, places in _segments(lengths):
        part = data[row][places]
        if kind == "max":
            value = np.maximum.reduce(part, axis=0, initial=start)
        elif kind == "min":
            value = np.minimum.reduce(part, axis=0, initial=start)
        elif kind == "prod":
            value = np.multiply.reduce(part, axis=0) * data.dtype.type(start)
        else:
            value = np.add.reduce(part, axis=0) + data.dtype.type(start)
            if kind == "mean":
                if len(part):
                    value = value / data.dtype.type(len(part))
                elif initial is None:
                    value = np.full_like(value, np.nan)
        result[(*row, number)] = value
    return result


def reduce_backward(
    grad: _Array, output: _Array, data: _Array, kind: str, lengths: _Array, axis: int, initial: Any
) -> _Array:
    """The cotangent of the data. Equal extrema share it; a product's is divided by each factor, or multiplied out where it is 0."""
    kind = _KINDS[kind]
    result = np.zeros_like(data)
    start = data.dtype.type(1.0 if initial is None else float(initial))
    for row, number, places in _segments(lengths):
        part = data[row][places]
        if not len(part):
            continue
        one = grad[(*row, number)]
        total = output[(*row, number)]
        if kind == "sum":
            value = np.broadcast_to(one, part.shape)
        elif kind == "mean":
            value = np.broadcast_to(one / data.dtype.type(len(part)), part.shape)
        elif kind == "prod":
            value = one * total / part
            for place in np.argwhere((part == 0) | np.isnan(part)):
                index = tuple(place)
                others = np.delete(part[(slice(None), *index[1:])], index[0])
                value[index] = one[index[1:]] * start * np.multiply.reduce(others)
        else:
            chosen = (part == total) | (np.isnan(part) & np.isnan(total))
            count = chosen.sum(0)
            value = np.where(chosen, one / np.maximum(count, 1).astype(data.dtype), data.dtype.type(0))
        result[row][places] = value
    return result
