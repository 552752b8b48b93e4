"""Kernels that order elements: sort, selection, medians, modes, unique values, searches, counting, running extremes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from . import selection
from .scalar_types import (
    category,
    empty_like,
    not_implemented,
    promote_arrays,
    scalar_type_name,
    shape_text,
)

Pair = tuple[np.ndarray, np.ndarray]


def comparable(array: np.ndarray) -> np.ndarray:
    """The array in a type NumPy compares quickly: bfloat16 and float16 become float32, which preserves order."""
    return array.astype(np.float32) if array.dtype.kind == "V" or array.dtype == np.float16 else array


def _is_float(array: np.ndarray) -> bool:
    return category(array.dtype) == 2


def _argsort(array: np.ndarray, axis: int, descending: bool) -> np.ndarray:
    """Stable order along an axis; nan is the greatest value, as in torch."""
    keys = comparable(array)
    if not descending:
        return keys.argsort(axis=axis, kind="stable")
    # the stable descending order is the reverse of the stable ascending order of the reversed array
    order = np.flip(keys, axis).argsort(axis=axis, kind="stable")
    return (array.shape[axis] - 1) - np.flip(order, axis)


#: Up to these sizes, of a row and in all, an unstable sort reproduces torch's order among equal elements.
_EXACT_ROW, _EXACT_TOTAL = 1 << 10, 1 << 14


def sort(self: np.ndarray, dim: int, descending: bool, stable: bool = True) -> Pair:
    """Values in order along `dim` and where they came from; nan is the greatest.

    Stable, equal elements keep their order. Otherwise theirs is that of torch's introsort, for rows of moderate size; in larger
    ones, where it would cost too much, they keep their order as well.
    """
    if self.dtype.kind == "c":
        raise RuntimeError(" Sort does not support complex dtypes on CPU")
    if self.ndim == 0:
        return self.copy(), np.zeros((), np.int64)
    size = self.shape[dim]
    order = empty_like(self, np.dtype(np.int64))  # like the values, in the memory order of `self`
    order[...] = _argsort(self, dim, descending)
    if not stable and 16 < size <= _EXACT_ROW and self.size <= _EXACT_TOTAL:
        rows = comparable(_last(self, dim))
        orders = np.moveaxis(order, dim, -1)
        flat = orders.reshape(-1, size)
        for number in np.flatnonzero(_with_ties(np.take_along_axis(rows, flat, 1))):
            ranks = _dense_ranks(rows[number])
            items = list(zip((-ranks if descending else ranks).tolist(), range(size), strict=True))
            selection.sort(items, size)
            orders[np.unravel_index(number, orders.shape[:-1])] = [position for _, position in items]
    values = empty_like(self)
    values[...] = np.take_along_axis(self, order, dim)
    return values, order


def _with_ties(ordered: np.ndarray) -> np.ndarray:
    """Which rows of a sorted matrix hold equal neighbours; nans are equal here."""
    repeated = ordered[:, 1:] == ordered[:, :-1]
    if ordered.dtype.kind == "f":
        missing = np.isnan(ordered)
        repeated |= missing[:, 1:] & missing[:, :-1]
    return repeated.any(1)


def _last(self: np.ndarray, dim: int) -> np.ndarray:
    """`self` as a matrix whose rows run along `dim`: (everything else, size)."""
    moved = np.moveaxis(self, dim, -1)
    return np.ascontiguousarray(moved).reshape(-1, self.shape[dim])


def _dense_ranks(row: np.ndarray) -> np.ndarray:
    """For each element, how many distinct smaller values there are; nans share the greatest rank."""
    order = row.argsort(kind="stable")
    sorted_row = row[order]
    with np.errstate(invalid="ignore"):
        new = sorted_row[1:] != sorted_row[:-1]
    if row.dtype.kind == "f":
        missing = np.isnan(sorted_row)
        new &= ~(missing[1:] & missing[:-1])
    ranks = np.empty(row.size, np.int64)
    ranks[order] = np.concatenate(([0], np.cumsum(new)))
    return ranks


def topk(self: np.ndarray, k: int, dim: int, largest: bool, sorted_: bool) -> Pair:
    """The k largest (or smallest) elements along `dim` and their positions. nan counts as the largest."""
    size = self.shape[dim] if self.ndim else 1
    if not 0 <= k <= size:
        raise RuntimeError("selected index k out of range")
    if self.dtype.kind == "c":
        raise RuntimeError(" topk does not support complex dtypes on CPU")
    if self.dtype == np.bool_:
        raise not_implemented("topk_cpu", self.dtype)
    if self.ndim == 0:
        return self.copy(), np.zeros((), np.int64)
    rows = comparable(_last(self, dim))
    shape = (*np.moveaxis(self, dim, -1).shape[:-1], k)
    chosen = np.empty((rows.shape[0], k), np.int64)
    if k:
        order = _argsort(rows, 1, largest)
        ahead = np.take_along_axis(rows, order[:, : min(k + 1, size)], 1)
        chosen[...] = order[:, :k]
        # without ties the order of a sorted result is settled; the others need torch's own sequence of swaps
        undecided = _with_ties(ahead) if sorted_ or k * 64 <= size else np.ones(rows.shape[0], bool)
        for number in np.flatnonzero(undecided):
            chosen[number] = _topk_row(rows[number], k, largest, sorted_)
    indices = np.ascontiguousarray(np.moveaxis(chosen.reshape(shape), -1, dim))
    return np.take_along_axis(self, indices, dim), indices


def _topk_row(row: np.ndarray, k: int, largest: bool, sorted_: bool) -> list[int]:
    ranks = _dense_ranks(row)
    items = list(zip((-ranks if largest else ranks).tolist(), range(row.size), strict=True))
    if k * 64 <= row.size:
        selection.partial_sort(items, k)
    else:
        selection.nth_element(items, k - 1)
        if sorted_:
            selection.sort(items, k - 1)
    return [position for _, position in items[:k]]


def _nonempty(operator: str, self: np.ndarray, dim: int) -> None:
    if self.ndim and self.shape[dim] == 0:
        raise IndexError(f"{operator}(): Expected reduction dim {dim} to have non-zero size.")


def _select_rows(self: np.ndarray, dim: int, keepdim: bool, positions: np.ndarray) -> Pair:
    """The element of each row at `positions` (one per row), and the positions, shaped as a reduction's results."""
    indices = np.expand_dims(positions.reshape(np.delete(self.shape, dim)), dim)
    values = np.take_along_axis(self, indices, dim)
    if not keepdim:
        values, indices = np.squeeze(values, dim), np.squeeze(indices, dim)
    return np.array(values), np.array(indices)


def kthvalue(self: np.ndarray, k: int, dim: int, keepdim: bool) -> Pair:
    """The k-th smallest element along `dim` (k counts from 1) and its position."""
    _nonempty("kthvalue", self, dim)
    if not 1 <= k <= (self.shape[dim] if self.ndim else 1):
        raise RuntimeError(f"kthvalue(): selected number k out of range for dimension {dim}")
    if self.dtype == np.bool_ or self.dtype.kind == "c":
        raise not_implemented("kthvalue_cpu", self.dtype)
    if self.ndim == 0:
        return self.copy(), np.zeros((), np.int64)
    rows = comparable(_last(self, dim))
    order = rows.argsort(axis=1, kind="stable")
    positions = order[:, k - 1].copy()
    for number in np.flatnonzero(_tied_at(rows, order, np.full(rows.shape[0], k - 1))):
        items = list(zip(_dense_ranks(rows[number]).tolist(), range(rows.shape[1]), strict=True))
        selection.quick_select(items, k - 1)
        positions[number] = items[k - 1][1]
    return _select_rows(self, dim, keepdim, positions)


def _tied_at(rows: np.ndarray, order: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Which rows hold another element equal to the one at their place in the order."""
    numbers = np.arange(rows.shape[0])
    chosen = rows[numbers, order[numbers, places]]
    equal = rows == chosen[:, None]
    if rows.dtype.kind == "f":
        equal |= np.isnan(rows) & np.isnan(chosen)[:, None]
    return equal.sum(1) > 1


def median_dim(self: np.ndarray, dim: int, keepdim: bool, ignore_nan: bool) -> Pair:
    """The lower median along `dim` and its position. A nan wins, at its first place, unless nans are ignored."""
    name = "nanmedian" if ignore_nan else "median"
    _nonempty(name, self, dim)
    if self.dtype == np.bool_ or self.dtype.kind == "c":
        raise not_implemented("median_out", self.dtype)
    if self.ndim == 0:
        return self.copy(), np.zeros((), np.int64)
    rows = comparable(_last(self, dim))
    count, size = rows.shape
    missing = np.isnan(rows) if rows.dtype.kind == "f" else np.zeros(rows.shape, bool)
    places = np.full(count, (size - 1) // 2)
    if ignore_nan:
        present = size - missing.sum(1)
        places = np.where(present == 0, 0, (np.maximum(present, 1) - 1) // 2)
    order = rows.argsort(axis=1, kind="stable")
    positions = order[np.arange(count), places]
    if not ignore_nan:
        some = missing.any(1)
        positions[some] = missing[some].argmax(1)
    return _select_rows(self, dim, keepdim, positions)


def median(self: np.ndarray, ignore_nan: bool) -> np.ndarray:
    """The lower median of all elements, 0-dimensional; nan if there are none."""
    if self.dtype == np.bool_ or self.dtype.kind == "c":
        raise not_implemented("median_cpu", self.dtype)
    flat = self.reshape(-1)
    if flat.size == 0:
        if category(self.dtype) == 2:
            return np.full((), np.nan, self.dtype)
        return np.full((), np.iinfo(self.dtype).min if self.dtype.kind == "i" else 0, self.dtype)
    keys = comparable(flat)
    if keys.dtype.kind == "f":
        missing = np.isnan(keys)
        if ignore_nan:
            if not missing.all():
                keys = keys[~missing]
        elif missing.any():
            return np.full((), np.nan, self.dtype)
    place = (keys.size - 1) // 2
    return np.partition(keys, place)[place : place + 1].astype(self.dtype).reshape(())


def mode(self: np.ndarray, dim: int, keepdim: bool) -> Pair:
    """The most frequent value along `dim`, the smallest of several, and the position of its last occurrence."""
    _nonempty("mode", self, dim)
    if self.dtype.kind == "c":
        raise not_implemented("mode_cpu", self.dtype)
    if self.ndim == 0:
        return self.copy(), np.zeros((), np.int64)
    rows = comparable(_last(self, dim))
    count, size = rows.shape
    order = rows.argsort(axis=1, kind="stable")
    ordered = np.take_along_axis(rows, order, 1)
    ends = np.ones((count, size), bool)
    ends[:, :-1] = ordered[:, 1:] != ordered[:, :-1]
    # length of the run that ends at each place
    places = np.arange(1, size + 1)
    last_end = np.maximum.accumulate(np.where(ends, places, 0), axis=1)
    before = np.concatenate((np.zeros((count, 1), np.int64), last_end[:, :-1]), axis=1)
    lengths = np.where(ends, places - before, 0)
    winner = lengths.argmax(1) if count else np.zeros(0, np.int64)
    positions = order[np.arange(count), winner]
    doubtful = lengths[np.arange(count), winner] > 1 if size > 16 else np.zeros(count, bool)
    if rows.dtype.kind == "f":
        doubtful |= np.isnan(rows).any(1)
    for number in np.flatnonzero(doubtful):
        positions[number] = _mode_row(rows[number])
    return _select_rows(self, dim, keepdim, positions)


def _mode_row(row: np.ndarray) -> int:
    """The position torch reports for one row: it sorts with an unstable sort, in which nan is neither less nor more."""
    items = list(zip(row.tolist(), range(row.size), strict=True))
    selection.sort(items, row.size)
    best = length = most = 0
    for place, (value, position) in enumerate(items):
        length += 1
        if place == row.size - 1 or value != items[place + 1][0]:
            if length > most:
                best, most = position, length
            length = 0
    return best


def unique(self: np.ndarray, inverse: bool, counts: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The distinct values in ascending order, for each element the place of its value, and how often each occurs.

    Every nan is a value of its own. Results not asked for are empty.
    """
    if self.dtype.kind == "c":
        raise not_implemented("unique", self.dtype)
    flat = comparable(self.reshape(-1))
    order = flat.argsort(kind="stable")
    if flat.dtype.kind == "f" and 16 < flat.size <= _EXACT_TOTAL and np.count_nonzero(np.isnan(flat)) > 1:
        # every nan is distinct, so their order shows in the places; it is that of torch's unstable sort
        items = list(zip(_dense_ranks(flat).tolist(), range(flat.size), strict=True))
        selection.sort(items, flat.size)
        order = np.array([position for _, position in items])
    ordered = flat[order]
    new = np.ones(flat.size, bool)
    new[1:] = ordered[1:] != ordered[:-1]
    values = self.reshape(-1)[order[new]]
    none = np.empty(0, np.int64)
    places, numbers = none, none
    if inverse:
        places = np.empty(flat.size, np.int64)
        places[order] = np.cumsum(new) - 1
        places = places.reshape(self.shape)
    if counts:
        numbers = np.diff(np.append(np.flatnonzero(new), flat.size)).astype(np.int64)
    return values, places, numbers


def _unique_runs(
    rows: np.ndarray, dim: int, moved: np.ndarray, order: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    count = rows.shape[0]
    new = np.ones(count, bool)
    new[1:] = (rows[order[1:]] != rows[order[:-1]]).any(1) if count > 1 else True
    values = np.moveaxis(np.ascontiguousarray(moved[order[new]]), 0, dim)
    places = np.empty(count, np.int64)
    places[order] = np.cumsum(new) - 1
    numbers = np.diff(np.append(np.flatnonzero(new), count)).astype(np.int64)
    return values, places, numbers


def unique_dim(self: np.ndarray, dim: int, consecutive: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The distinct slices along `dim`, in lexicographic order, or as they come with only neighbours merged; for each slice
    the place of its value, and how often each value occurs."""
    if self.dtype.kind == "c" and not consecutive:
        raise not_implemented("unique_dim", self.dtype)
    if self.ndim == 0:
        raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
    if self.size == 0:
        if self.shape.count(0) > 1 or self.shape[dim]:
            raise RuntimeError(
                "There are 0 sized dimensions, and they aren't selected, so unique cannot be applied"
            )
        empty = np.empty(0, np.int64)
        return self.copy(), empty, empty
    moved = np.moveaxis(self, dim, 0)
    rows = comparable(np.ascontiguousarray(moved).reshape(self.shape[dim], -1))
    order = np.arange(rows.shape[0]) if consecutive else np.lexsort(rows.T[::-1])
    return _unique_runs(rows, dim, moved, order)


def unique_consecutive(
    self: np.ndarray, inverse: bool, counts: bool, dim: int | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The values (or slices along `dim`) left when equal neighbours are merged, with places and run lengths."""
    if dim is not None and not (dim == 0 and self.ndim == 1):
        return unique_dim(self, dim, True)
    if False:
        raise not_implemented("unique", self.dtype)
    flat = comparable(self.reshape(-1))
    new = np.ones(flat.size, bool)
    new[1:] = flat[1:] != flat[:-1]
    none = np.empty(0, np.int64)
    places = (np.cumsum(new) - 1).astype(np.int64).reshape(self.shape) if inverse else none
    numbers = np.diff(np.append(np.flatnonzero(new), flat.size)).astype(np.int64) if counts else none
    return self.reshape(-1)[new], places, numbers


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
    if sorted_sequence.dtype.kind == "c" or values.dtype.kind == "c":
        raise not_implemented("searchsorted_out_cpu", np.dtype(np.complex64))
    dtype = promote_arrays((sorted_sequence, values))
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
    if self.dtype.kind != "f":
        raise not_implemented("histogramdd", self.dtype)
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
    return result


def running_extreme(self: np.ndarray, dim: int, ufunc: np.ufunc, kernel: str) -> Pair:
    """Running maximum or minimum along `dim` and the latest position at which it was reached; a nan stays."""
    if self.dtype.kind == "c":
        raise not_implemented(kernel, self.dtype)
    if self.ndim == 0:
        return self.copy(), np.zeros((), np.int64)
    if self.size == 0:
        return self.copy(), np.zeros(self.shape, np.int64)
    keys = comparable(self)
    values = np.ascontiguousarray(ufunc.accumulate(keys, axis=dim))
    reached = keys == values
    if keys.dtype.kind == "f":
        reached |= np.isnan(keys)
    places = np.arange(self.shape[dim]).reshape((-1,) + (1,) * (self.ndim - 1 - dim))
    indices = np.ascontiguousarray(np.maximum.accumulate(np.where(reached, places, 0), axis=dim))
    return values.astype(self.dtype, copy=False), indices


def _accumulator(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The type a running sum is kept in: float32 in float64, half precisions in float32, complex64 in complex128."""
    if dtype == np.float32:
        return np.dtype(np.float64)
    if dtype == np.complex64:
        return np.dtype(np.complex128)
    if dtype == np.float16 or dtype.kind == "V":
        return np.dtype(np.float32)
    return dtype


def running(self: np.ndarray, dim: int, dtype: np.dtype[Any] | None, ufunc: np.ufunc) -> np.ndarray:
    """Running sum or product along `dim`; integers and bool give int64."""
    if dtype is None:
        dtype = np.dtype(np.int64) if category(self.dtype) < 2 else self.dtype
    values = self.astype(dtype, copy=False)
    if self.ndim == 0:
        return values.copy()
    if dtype == np.bool_:
        ufunc = np.logical_or if ufunc is np.add else np.logical_and
    wide = _accumulator(dtype)
    if wide == dtype:
        return np.ascontiguousarray(ufunc.accumulate(values, axis=dim, dtype=dtype))
    return np.asarray(ufunc.accumulate(values.astype(wide), axis=dim)).astype(dtype, order="C")


def logcumsumexp(self: np.ndarray, dim: int) -> np.ndarray:
    """Running log(sum(exp)) along `dim`."""
    if category(self.dtype) < 2:
        raise not_implemented("logcumsumexp_out_cpu", self.dtype)
    if self.ndim == 0 or self.size == 0:
        return self.copy()
    wide = _accumulator(self.dtype)
    values = self.astype(wide)
    if wide.kind != "c":
        return np.asarray(np.logaddexp.accumulate(values, axis=dim)).astype(self.dtype, order="C")
    moved = np.moveaxis(values, dim, 0)
    for place in range(1, moved.shape[0]):
        moved[place] = _complex_logaddexp(moved[place], moved[place - 1])
    return values.astype(self.dtype, order="C")


def _complex_logaddexp(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """log(exp(x) + exp(y)) for complex arrays, on the branch next to the one with the larger real part."""
    swap = x.real < y.real
    low, high = np.where(swap, x, y), np.where(swap, y, x)
    result = np.log1p(np.exp(low - high)) + high
    endless = ~np.isfinite(low.real) & (low.real == high.real)
    if endless.any():
        both = np.where(low.real < 0, low, np.log(np.exp(low) + np.exp(high)))
        result = np.where(endless, both, result)
    missing = np.isnan(x) | np.isnan(y)
    return np.where(missing, complex(np.nan, np.nan), result)


def histogram_edges(self: np.ndarray, bins: int, range_: list[float] | None) -> np.ndarray:
    """The bin edges of a histogram with equal bins over `range_` or over the data."""
    values = self.reshape(-1)
    if range_ is None:
        low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 1.0)
        low, high = histogram_range(values, low, high, "torch.histogram", 0.5)
    else:
        low, high = range_
        if low == high:
            low, high = low - 1, high + 1
    return _edges(low, high, bins, self.dtype)


def number_beside(array: np.ndarray, number: Any) -> np.ndarray:
    """A Python number as a 0-dimensional array that does not raise the type of `array` within its category."""
    own = np.asarray(number)
    if own.dtype.kind == "u":
        own = own.astype(np.int64)
    if category(own.dtype) <= category(array.dtype):
        return own.astype(array.dtype)
    return own.astype(np.float32) if own.dtype.kind == "f" else own


def bucketize(self: np.ndarray, boundaries: np.ndarray, out_int32: bool, right: bool) -> np.ndarray:
    """searchsorted with the arguments the other way round."""
    if boundaries.ndim != 1:
        raise RuntimeError(f"boundaries tensor must be 1 dimension, but got dim({boundaries.ndim})")
    return searchsorted(boundaries, self, out_int32, right, None, None)


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
