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


#: Up to so many elements of a row are found one after the other, which takes less time than a partition.
FEW = 8
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
        flat = orders.reshape(math.prod(orders.shape[:-1]), size)
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
    return np.ascontiguousarray(moved).reshape(math.prod(moved.shape[:-1]), self.shape[dim])


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


def _equal(rows: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Where the elements of rows equal the row's value (a column); nan equals nan."""
    equal = rows == values
    if rows.dtype.kind == "f":
        equal |= np.isnan(rows) & np.isnan(values)
    return equal


def _at_places(rows: np.ndarray, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each row the position of the element that a stable sort puts at the row's place, and whether others equal it."""
    kinds = np.unique(places)
    numbers = np.arange(rows.shape[0])
    values = np.partition(rows, kinds, axis=1)[numbers, places][:, None]
    equal = _equal(rows, values)
    below = (rows < values).sum(1)
    if rows.dtype.kind == "f":
        below = np.where(np.isnan(values[:, 0]), (~np.isnan(rows)).sum(1), below)
    turn = np.cumsum(equal, axis=1) == (places - below + 1)[:, None]
    return turn.argmax(1), equal.sum(1) > 1


def _one_by_one(rows: np.ndarray, k: int, largest: bool) -> np.ndarray | None:
    """Where the k largest or smallest of each row stand, found one after the other; None if numbers that end a search are among them."""
    if rows.dtype.kind == "f":
        if not largest and np.isnan(np.min(rows, initial=np.inf)):
            return None
        beyond: Any = -np.inf if largest else np.inf
    else:
        limits = np.iinfo(rows.dtype)
        beyond = limits.min if largest else limits.max
    rest, numbers = rows.copy(), np.arange(len(rows))
    search = np.argmax if largest else np.argmin
    order = np.empty((len(rows), k), np.int64)
    for turn in range(k):
        order[:, turn] = place = search(rest, axis=1)
        if (rest[numbers, place] == beyond).any():
            return None
        rest[numbers, place] = beyond
    return order


def topk(self: np.ndarray, k: int, dim: int, largest: bool, sorted_: bool) -> Pair:
    """The k largest (or smallest) elements along `dim` and their positions. nan counts as the largest."""
    size = self.shape[dim] if self.ndim else 1
    if not 0 <= k <= size:
        raise RuntimeError("selected index k out of range")
    if self.dtype.kind == "c":
        raise RuntimeError(" topk does not support complex dtypes on CPU")
    if self.dtype == np.bool_:
        raise RuntimeError("topk does not support bool dtypes on CPU")
    if self.ndim == 0:
        return self.copy(), np.zeros((), np.int64)
    rows = comparable(_last(self, dim))
    shape = (*np.moveaxis(self, dim, -1).shape[:-1], k)
    chosen = np.empty((rows.shape[0], k), np.int64)
    if k:
        if 4 * k < size:
            # only the k winners are put in order
            found = _one_by_one(rows, k, largest) if k <= FEW else None
            if found is None:
                last = size - k if largest else k - 1
                winners = np.argpartition(rows, last, axis=1)[:, slice(-k, None) if largest else slice(k)]
                winners.sort(axis=1)
                ranked = _argsort(np.take_along_axis(rows, winners, 1), 1, largest)
                found = np.take_along_axis(winners, ranked, 1)
            order = found
            ahead = np.take_along_axis(rows, order, 1)
            edge = ahead[:, -1:]
            tied = _with_ties(ahead) | (_equal(rows, edge).sum(1) > _equal(ahead, edge).sum(1))
        else:
            order = _argsort(rows, 1, largest)
            tied = _with_ties(np.take_along_axis(rows, order[:, : min(k + 1, size)], 1))
        chosen[...] = order[:, :k]
        # without ties the order of a sorted result is settled; the others need torch's own sequence of swaps
        undecided = tied if sorted_ or k * 64 <= size else np.ones(rows.shape[0], bool)
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
    if self.ndim == 0:
        return self.copy(), np.zeros((), np.int64)
    if self.dtype == np.bool_ or self.dtype.kind == "c":
        raise not_implemented("kthvalue_cpu", self.dtype)
    rows = comparable(_last(self, dim))
    positions, tied = _at_places(rows, np.full(rows.shape[0], k - 1))
    for number in np.flatnonzero(tied):
        items = list(zip(_dense_ranks(rows[number]).tolist(), range(rows.shape[1]), strict=True))
        selection.quick_select(items, k - 1)
        positions[number] = items[k - 1][1]
    return _select_rows(self, dim, keepdim, positions)


def median_dim(self: np.ndarray, dim: int, keepdim: bool, ignore_nan: bool) -> Pair:
    """The lower median along `dim` and its position. A nan wins, at its first place, unless nans are ignored."""
    _nonempty("median", self, dim)
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
    positions, _ = _at_places(rows, places)
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
    if self.dtype.kind == "c" and self.ndim:
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
    flat = comparable(self.reshape(-1))
    new = np.ones(flat.size, bool)
    new[1:] = flat[1:] != flat[:-1]
    none = np.empty(0, np.int64)
    places = (np.cumsum(new) - 1).astype(np.int64).reshape(self.shape) if inverse else none
    numbers = np.diff(np.append(np.flatnonzero(new), flat.size)).astype(np.int64) if counts else none
    return self.reshape(-1)[new], places, numbers
