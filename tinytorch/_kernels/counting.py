"""Kernels that search sorted arrays and count elements: searchsorted, isin, bincount, histograms."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .scalar_types import (
    category,
    not_implemented,
    promote_arrays,
    scalar_type_name,
    shape_text,
)
from .sorting import comparable


def _search(rows: np.ndarray, values: np.ndarray, right: bool) -> np.ndarray:
    """Binary search of values (N, M) in each of the rows (N, S), all at once; it makes torch's own comparisons, so that
    unsorted rows and nans give the same answers."""
    low = np.zeros(values.shape, np.int64)
    high = np.full(values.shape, rows.shape[1], np.int64)
    numbers = np.arange(rows.shape[0])[:, None]
    for _ in range(int(rows.shape[1]).bit_length()):
        middle = (low + high) // 2
        active = low < high
        found = rows[numbers, np.minimum(middle, rows.shape[1] - 1)]
        ahead = ~(found > values) if right else ~(found >= values)
        low = np.where(active & ahead, middle + 1, low)
        high = np.where(active & ~ahead, middle, high)
    return low


def searchsorted(
    sorted_sequence: np.ndarray,
    values: np.ndarray,
    out_int32: bool,
    right: bool,
    side: str | None,
    sorter: np.ndarray | None,
) -> np.ndarray:
    """For each value, how many elements of its row are below it (not above it, if right)."""
    name = "torch.searchsorted(): "
    scalar = values.ndim == 0
    if sorted_sequence.ndim == 0:
        raise RuntimeError(f"{name}boundaries tensor should have positive dimension, but got 0 dimension")
    if side is not None:
        if side not in ("left", "right"):
            raise RuntimeError(f"{name}side can only be 'left' or 'right' but got {side}")
        if right and side == "left":
            raise RuntimeError(
                f"{name}side and right can't be set to opposites, got side of left while right was True"
            )
        right = side == "right"
    if scalar and sorted_sequence.ndim != 1:
        raise RuntimeError(
            f"{name}input value can be a scalar only when boundaries tensor dimension is 1, but we got boundaries tensor "
            f"dim({sorted_sequence.ndim}) and input value's dim(0) numel(1)"
        )
    if sorted_sequence.ndim != 1 and sorted_sequence.shape[:-1] != values.shape[:-1]:
        raise RuntimeError(
            f"{name}boundaries tensor should be 1 dimension or the first N-1 dimensions of boundaries tensor and input "
            f"value tensor must match, but we got boundaries tensor {shape_text(sorted_sequence.shape)} and input value "
            f"tensor {shape_text(values.shape)}"
        )
    if sorter is not None:
        if sorter.shape != sorted_sequence.shape:
            raise RuntimeError(
                f"{name}boundary and sorter must have the same size, but got boundary tensor "
                f"{shape_text(sorted_sequence.shape)}and got sorter tensor {shape_text(sorter.shape)}"
            )
        if sorter.dtype != np.int64:
            raise RuntimeError(
                f"{name}sorter must be a tensor of long dtype but got dtype {scalar_type_name(sorter.dtype)}"
            )
        if sorter.size and (sorter.min() < 0 or sorter.max() >= sorted_sequence.shape[-1]):
            raise RuntimeError(f"{name}sorter index out of range")
        sorted_sequence = np.take_along_axis(sorted_sequence, sorter, -1)
    dtype = promote_arrays((sorted_sequence, values))
    if not values.size:
        return np.zeros(values.shape, np.int32 if out_int32 else np.int64)
    if dtype.kind in "bc":
        raise not_implemented("searchsorted_out_cpu", dtype)
    sorted_sequence, values = (
        comparable(array.astype(dtype, copy=False)) for array in (sorted_sequence, values)
    )
    result_type = np.int32 if out_int32 else np.int64
    if sorted_sequence.size == 0 or values.size == 0:
        return np.zeros(values.shape, result_type)
    if sorted_sequence.ndim == 1:
        in_order = sorted_sequence[1:] >= sorted_sequence[:-1]
        if in_order.all() and not (sorted_sequence.size == 1 and sorted_sequence[0] != sorted_sequence[0]):
            found = np.searchsorted(sorted_sequence, values, "right" if right else "left")
            return np.asarray(found, result_type)
        rows = sorted_sequence[None]
        return _search(rows, values.reshape(1, -1), right).reshape(values.shape).astype(result_type)
    rows = sorted_sequence.reshape(-1, sorted_sequence.shape[-1])
    found = _search(rows, values.reshape(rows.shape[0], -1), right)
    return found.reshape(values.shape).astype(result_type)


def number_beside(array: np.ndarray, number: Any) -> np.ndarray:
    """A Python number as a 0-dimensional array that does not raise the type of `array` within its category."""
    own = np.asarray(number)
    if own.dtype.kind == "u":
        own = own.astype(np.int64)
    if category(own.dtype) <= category(array.dtype):
        return own.astype(array.dtype)
    if own.dtype.kind == "c":
        return own if array.dtype == np.float64 else own.astype(np.complex64)
    return own.astype(np.float32) if own.dtype.kind == "f" else own


def bucketize(self: np.ndarray, boundaries: np.ndarray, out_int32: bool, right: bool) -> np.ndarray:
    """searchsorted with the arguments the other way round."""
    if boundaries.ndim != 1:
        raise RuntimeError(f"boundaries tensor must be 1 dimension, but got dim({boundaries.ndim})")
    return searchsorted(boundaries, self, out_int32, right, None, None)


def isin(elements: np.ndarray, tests: np.ndarray, invert: bool) -> np.ndarray:
    """Whether each element occurs among `tests`."""
    for array in (elements, tests):
        if array.dtype == np.bool_ or array.dtype.kind == "c":
            raise RuntimeError(
                f"Unsupported input type encountered for isin(): {scalar_type_name(array.dtype)}"
            )
    if elements.size == 0:
        return np.zeros(elements.shape, np.bool_)
    dtype = promote_arrays((elements, tests))
    elements, tests = comparable(elements.astype(dtype)), comparable(tests.astype(dtype))
    return np.asarray(np.isin(elements, tests, invert=invert))


def bincount(self: np.ndarray, weights: np.ndarray | None, minlength: int) -> np.ndarray:
    """How often each non-negative integer occurs, or the sum of the weights of its occurrences."""
    if minlength < 0:
        raise RuntimeError("minlength should be >= 0")
    if self.dtype.kind not in "iu":
        raise not_implemented("bincount_cpu", self.dtype)
    if self.ndim == 1 and self.size == 0:
        return np.zeros(minlength, np.int64)
    if self.ndim != 1 or self.min() < 0:
        raise RuntimeError("bincount only supports 1-d non-negative integral inputs.")
    if weights is not None and (weights.ndim != 1 or weights.size != self.size):
        raise RuntimeError("weights should be 1-d and have the same length as input")
    if weights is None:
        return np.bincount(self, minlength=minlength).astype(np.int64, copy=False)
    result = np.bincount(self, weights.astype(np.float64), minlength)
    return result.astype(np.float32) if weights.dtype == np.float32 else result


def _shortest(value: float) -> str:
    """A number as C++ streams print it: six significant digits."""
    if math.isnan(value):
        return "-nan" if math.copysign(1, value) < 0 else "nan"
    return f"{value:.6g}"


def histogram_range(
    self: np.ndarray, low: float, high: float, name: str, margin: float
) -> tuple[float, float]:
    """The range of a histogram: given, or that of the data if both ends are equal; widened if it is a single point."""
    if low == high and self.size:
        limits = np.finfo(comparable(self).dtype)
        low, high = min(float(self.min()), float(limits.max)), max(float(self.max()), float(limits.min))
        if np.isnan(comparable(self)).any():
            low = high = math.copysign(math.nan, -1.0)
    if not (math.isfinite(low) and math.isfinite(high)):
        raise RuntimeError(f"{name}: range of [{_shortest(low)}, {_shortest(high)}] is not finite")
    if low > high:
        raise RuntimeError(f"{name}: max must be larger than min")
    if low == high:
        low, high = low - margin, high + margin
    return low, high


def _fused(factor: Any, other: np.ndarray, term: Any) -> np.ndarray:
    """factor * other + term, rounded once."""
    dtype = other.dtype
    if dtype == np.float32:
        return (np.float64(factor) * other.astype(np.float64) + np.float64(term)).astype(dtype)
    product = factor * other
    # error of the product by splitting both factors into halves whose products are exact
    high_factor = 134217729.0 * factor
    high_factor = high_factor - (high_factor - factor)
    high_other = 134217729.0 * other
    high_other = high_other - (high_other - other)
    low_factor, low_other = factor - high_factor, other - high_other
    lost = (
        (high_factor * high_other - product) + high_factor * low_other + low_factor * high_other
    ) + low_factor * low_other
    total = product + term
    back = total - product
    lost_again = (product - (total - back)) + (term - back)
    return total + (lost + lost_again)


def _edges(low: float, high: float, bins: int, dtype: np.dtype[Any]) -> np.ndarray:
    """bins + 1 equally spaced edges, computed from both ends towards the middle as torch's linspace does."""
    start, end = dtype.type(low), dtype.type(high)
    step = (end - start) / dtype.type(bins)
    places = np.arange(bins + 1)
    half = (bins + 1) // 2
    edges = np.where(
        places < half,
        _fused(step, places.astype(dtype), start),
        _fused(-step, (bins - places).astype(dtype), end),
    )
    return edges.astype(dtype)


def histc(self: np.ndarray, bins: int, low: float, high: float) -> np.ndarray:
    """Counts of the elements in `bins` equal intervals from low to high; others are ignored."""
    if bins <= 0:
        raise RuntimeError(f"torch.histogram(): bins must be > 0, but got {bins} for dimension 0")
    if self.dtype == np.bool_:
        raise not_implemented("linspace_cpu", self.dtype)
    if self.dtype.kind in "iu" or self.dtype.kind == "c":
        raise not_implemented("histogram_cpu", self.dtype)
    values = self.reshape(-1)
    low, high = histogram_range(values, low, high, "torch.histc", 1)
    if values.dtype.itemsize == 2:
        edges = _edges(low, high, bins, np.dtype(np.float32)).astype(values.dtype)
    else:
        edges = _edges(low, high, bins, values.dtype)
    return _count(values, edges, None, search=False).astype(self.dtype)


def _count(values: np.ndarray, edges: np.ndarray, weights: np.ndarray | None, search: bool) -> np.ndarray:
    """Sum of weights (or number) of the values between consecutive equally spaced edges; the last bin includes its end."""
    bins = edges.size - 1
    low, high = edges[0], edges[-1]
    inside = (values >= low) & (values <= high)
    values = values[inside]
    places = ((values - low) * values.dtype.type(bins) / (high - low)).astype(np.int64)
    if search:
        # the product above may round across an edge; the neighbouring edges decide
        near = np.clip(places[:, None] + np.array([-1, 0, 1, 2]), 0, bins)  # (values, 4)
        first = np.maximum(places - 1, 0)
        last = np.minimum(places + 2, bins + 1)
        positions = np.searchsorted(edges, values, "right")
        places = np.clip(positions, first, last) - 1
        del near
    places = np.where(places == bins, bins - 1, places)
    chosen = None if weights is None else weights[inside].astype(np.float64)
    return np.bincount(places, chosen, bins)


def histogram(
    self: np.ndarray, edges: np.ndarray, weight: np.ndarray | None, density: bool, uniform: bool
) -> np.ndarray:
    """The (weighted) number of elements between consecutive edges, or its density."""
    kind = self.dtype
    if kind.itemsize == 2:
        self, edges = self.astype(np.float32), edges.astype(np.float32)
    values = self.reshape(-1)
    weights = None if weight is None else weight.reshape(-1)
    if uniform:
        counts = _count(values, edges, weights, search=True)
    else:
        inside = (values >= edges[0]) & (values <= edges[-1])
        places = np.searchsorted(edges, values[inside], "right") - 1
        places = np.where(places == edges.size - 1, edges.size - 2, places)
        chosen = None if weights is None else weights[inside].astype(np.float64)
        counts = np.bincount(places, chosen, edges.size - 1)
    result = counts.astype(self.dtype)
    if density:
        result = result / result.sum() / np.diff(edges)
    return result.astype(kind, copy=False)


def histogram_edges(self: np.ndarray, bins: int, range_: list[float] | None) -> np.ndarray:
    """The bin edges of a histogram with equal bins over `range_` or over the data."""
    if bins <= 0:
        raise RuntimeError(f"torch.histogram(): bins must be > 0, but got {bins} for dimension 0")
    values = self.reshape(-1)
    if range_ is None:
        low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 1.0)
        low, high = histogram_range(values, low, high, "torch.histogram", 0.5)
    else:
        low, high = range_
        if low == high:
            low, high = low - 1, high + 1
    if self.dtype.itemsize == 2:
        return _edges(low, high, bins, np.dtype(np.float32)).astype(self.dtype)
    return _edges(low, high, bins, self.dtype)


def check_edges(edges: np.ndarray) -> None:
    if edges.ndim != 1:
        raise RuntimeError(
            f"torch.histogramdd: bins tensor should have one dimension, but got {edges.ndim} dimensions in the bins tensor "
            "for dimension 0"
        )
    if edges.size == 0:
        raise RuntimeError(
            "torch.histogramdd: bins tensor should have at least 1 element, but got 0 elements in the bins tensor for dimension 0"
        )
    if edges.size == 1:
        raise RuntimeError("torch.histogram(): bins must be > 0, but got 0 for dimension 0")
