"""The indices of the k largest numbers of a row, ties in the order in which the C++ library's selection leaves them.

torch selects with `std::partial_sort` where k is small and with `std::nth_element` and `std::sort` elsewhere; neither keeps
equal elements in order. Where there are no ties NumPy's sort gives the answer; where there are, the library's algorithms are
followed step by step. Sources: Musser, "Introspective sorting and selection algorithms" (1997); Floyd, "Algorithm 245:
Treesort" (1964).
"""

from __future__ import annotations

import numpy as np

Pair = tuple[float, int]
_INSERTION_SIZE = 16


def largest(row: np.ndarray, k: int) -> np.ndarray:
    """The indices (k,) int64 of the k largest of `row` (n,), in descending order."""
    order = np.argsort(-row, kind="stable")
    candidates = row[order[: k + 1]]
    if not (candidates[1:] == candidates[:-1]).any() and not np.isnan(row).any():
        return order[:k].astype(np.int64)
    pairs: list[Pair] = [(value, index) for index, value in enumerate(row.tolist())]
    if k * 64 <= len(pairs):
        _partial_sort(pairs, k)
    else:
        _nth_element(pairs, k - 1)
        _sort(pairs, k - 1)
    return np.array([index for _, index in pairs[:k]], np.int64)


def _before(a: Pair, b: Pair) -> bool:
    """Whether a comes first: nans, then larger numbers."""
    x, y = a[0], b[0]
    return (x != x and y == y) or x > y


# ---- heaps


def _sift(items: list[Pair], first: int, hole: int, length: int, value: Pair) -> None:
    """Let the hole sink to a leaf along the later children, then let `value` rise from there."""
    top = hole
    child = hole
    while child < (length - 1) // 2:
        child = 2 * (child + 1)
        if _before(items[first + child], items[first + child - 1]):
            child -= 1
        items[first + hole] = items[first + child]
        hole = child
    if length % 2 == 0 and child == (length - 2) // 2:
        child = 2 * (child + 1)
        items[first + hole] = items[first + child - 1]
        hole = child - 1
    parent = (hole - 1) // 2
    while hole > top and _before(items[first + parent], value):
        items[first + hole] = items[first + parent]
        hole = parent
        parent = (hole - 1) // 2
    items[first + hole] = value


def _heap_select(items: list[Pair], first: int, middle: int, last: int) -> None:
    """The elements that come first, as a heap in first..middle."""
    length = middle - first
    for parent in range((length - 2) // 2, -1, -1) if length > 1 else ():
        _sift(items, first, parent, length, items[first + parent])
    for position in range(middle, last):
        if _before(items[position], items[first]):
            value = items[position]
            items[position] = items[first]
            _sift(items, first, 0, length, value)


def _sort_heap(items: list[Pair], first: int, last: int) -> None:
    while last - first > 1:
        last -= 1
        value = items[last]
        items[last] = items[first]
        _sift(items, first, 0, last - first, value)


def _partial_sort(items: list[Pair], k: int) -> None:
    _heap_select(items, 0, k, len(items))
    _sort_heap(items, 0, k)


# ---- quick selection and sorting


def _partition(items: list[Pair], first: int, last: int) -> int:
    """Move the median of three to the front and divide the rest around it; where the second part starts."""
    a, b, c = first + 1, first + (last - first) // 2, last - 1
    if _before(items[a], items[b]):
        median = b if _before(items[b], items[c]) else c if _before(items[a], items[c]) else a
    else:
        median = a if _before(items[a], items[c]) else c if _before(items[b], items[c]) else b
    items[first], items[median] = items[median], items[first]
    pivot = items[first]
    left, right = first + 1, last
    while True:
        while _before(items[left], pivot):
            left += 1
        right -= 1
        while _before(pivot, items[right]):
            right -= 1
        if not left < right:
            return left
        items[left], items[right] = items[right], items[left]
        left += 1


def _insert(items: list[Pair], position: int, stop: int) -> None:
    """Move an element back to its place among those before it, not beyond `stop`."""
    value = items[position]
    while position > stop and _before(value, items[position - 1]):
        items[position] = items[position - 1]
        position -= 1
    items[position] = value


def _insertion_sort(items: list[Pair], first: int, last: int) -> None:
    for position in range(first + 1, last):
        _insert(items, position, first)


def _nth_element(items: list[Pair], nth: int) -> None:
    first, last = 0, len(items)
    if nth == last:
        return
    depth = 2 * ((last - first).bit_length() - 1)
    while last - first > 3:
        if depth == 0:
            _heap_select(items, first, nth + 1, last)
            items[first], items[nth] = items[nth], items[first]
            return
        depth -= 1
        cut = _partition(items, first, last)
        if cut <= nth:
            first = cut
        else:
            last = cut
    _insertion_sort(items, first, last)


def _sort(items: list[Pair], last: int) -> None:
    if last <= 0:
        return
    _quick_sort(items, 0, last, 2 * (last.bit_length() - 1))
    # What is left is in order but for short stretches.
    _insertion_sort(items, 0, last)


def _quick_sort(items: list[Pair], first: int, last: int, depth: int) -> None:
    while last - first > _INSERTION_SIZE:
        if depth == 0:
            _heap_select(items, first, last, last)
            _sort_heap(items, first, last)
            return
        depth -= 1
        cut = _partition(items, first, last)
        _quick_sort(items, cut, last, depth)
        last = cut
