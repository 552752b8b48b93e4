"""Selection and sorting whose order among equal elements is torch's.

torch selects with C++'s nth_element, partial_sort and sort, and for kthvalue with a quickselect of its own. None is stable,
so the index reported for one of several equal values depends on the exact sequence of swaps. The functions here perform the
same sequence of comparisons and moves on a list of (key, position) pairs, ordered by key alone; they are only needed where
keys repeat. Keys are integers (dense ranks), which also settles where nan belongs.
"""

from __future__ import annotations

Pair = tuple[float, int]

_SMALL = 16  # ranges up to this length are left to insertion sort


def _sift(items: list[Pair], first: int, hole: int, length: int, value: Pair) -> None:
    """Move the hole to a leaf along the larger children, then the value up from there: a heap's adjustment."""
    top = hole
    child = hole
    while child < (length - 1) // 2:
        child = 2 * (child + 1)
        if items[first + child][0] < items[first + child - 1][0]:
            child -= 1
        items[first + hole] = items[first + child]
        hole = child
    if length % 2 == 0 and child == (length - 2) // 2:
        child = 2 * (child + 1)
        items[first + hole] = items[first + child - 1]
        hole = child - 1
    parent = (hole - 1) // 2
    while hole > top and items[first + parent][0] < value[0]:
        items[first + hole] = items[first + parent]
        hole = parent
        parent = (hole - 1) // 2
    items[first + hole] = value


def _make_heap(items: list[Pair], first: int, last: int) -> None:
    length = last - first
    for parent in range((length - 2) // 2, -1, -1):
        _sift(items, first, parent, length, items[first + parent])


def _pop_heap(items: list[Pair], first: int, last: int, result: int) -> None:
    value = items[result]
    items[result] = items[first]
    _sift(items, first, 0, last - first, value)


def _heap_select(items: list[Pair], first: int, middle: int, last: int) -> None:
    _make_heap(items, first, middle)
    for place in range(middle, last):
        if items[place][0] < items[first][0]:
            _pop_heap(items, first, middle, place)


def _sort_heap(items: list[Pair], first: int, last: int) -> None:
    while last - first > 1:
        last -= 1
        _pop_heap(items, first, last, last)


def partial_sort(items: list[Pair], middle: int) -> None:
    """Put the `middle` smallest pairs in order at the front."""
    if middle > 0:
        _heap_select(items, 0, middle, len(items))
        _sort_heap(items, 0, middle)


def _insert_unguarded(items: list[Pair], place: int) -> None:
    value = items[place]
    before = place - 1
    while value[0] < items[before][0]:
        items[before + 1] = items[before]
        before -= 1
    items[before + 1] = value


def _insertion_sort(items: list[Pair], first: int, last: int) -> None:
    for place in range(first + 1, last):
        if items[place][0] < items[first][0]:
            value = items[place]
            items[first + 1 : place + 1] = items[first:place]
            items[first] = value
        else:
            _insert_unguarded(items, place)


def _partition(items: list[Pair], first: int, last: int) -> int:
    """Move the median of three to the front and partition the rest around it; where the right part begins."""
    a, b, c = first + 1, first + (last - first) // 2, last - 1
    ka, kb, kc = items[a][0], items[b][0], items[c][0]
    if ka < kb:
        chosen = b if kb < kc else (c if ka < kc else a)
    else:
        chosen = a if ka < kc else (c if kb < kc else b)
    items[first], items[chosen] = items[chosen], items[first]
    pivot = items[first][0]
    low, high = first + 1, last
    while True:
        while items[low][0] < pivot:
            low += 1
        high -= 1
        while pivot < items[high][0]:
            high -= 1
        if not low < high:
            return low
        items[low], items[high] = items[high], items[low]
        low += 1


def nth_element(items: list[Pair], nth: int) -> None:
    """Put at `nth` the pair that sorting would put there, smaller ones before it."""
    first, last = 0, len(items)
    if first == last or nth == last:
        return
    depth = 2 * (last.bit_length() - 1)
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


def sort(items: list[Pair], count: int) -> None:
    """Sort the first `count` pairs by key: introsort, finished by insertion."""
    if count == 0:
        return
    _introsort(items, 0, count, 2 * (count.bit_length() - 1))
    if count > _SMALL:
        _insertion_sort(items, 0, _SMALL)
        for place in range(_SMALL, count):
            _insert_unguarded(items, place)
    else:
        _insertion_sort(items, 0, count)


def _introsort(items: list[Pair], first: int, last: int, depth: int) -> None:
    while last - first > _SMALL:
        if depth == 0:
            _heap_select(items, first, last, last)
            _sort_heap(items, first, last)
            return
        depth -= 1
        cut = _partition(items, first, last)
        _introsort(items, cut, last, depth)
        last = cut


def quick_select(items: list[Pair], k: int) -> None:
    """Put at `k` the pair that sorting would put there, by the quickselect that torch's kthvalue performs."""
    left, right = 0, len(items) - 1
    while right > left:
        if right == left + 1:
            if items[left][0] > items[right][0]:
                items[left], items[right] = items[right], items[left]
            return
        middle = left + (right - left) // 2
        items[middle], items[left + 1] = items[left + 1], items[middle]
        for one, other in ((left + 1, right), (left, right), (left + 1, left)):
            if items[one][0] > items[other][0]:
                items[one], items[other] = items[other], items[one]
        low, high = left + 1, right
        pivot = items[left][0]
        while True:
            low += 1
            while pivot > items[low][0]:
                low += 1
            high -= 1
            while items[high][0] > pivot:
                high -= 1
            if high < low:
                break
            items[low], items[high] = items[high], items[low]
        items[left], items[high] = items[high], items[left]
        if high <= k:
            left = low
        if high >= k:
            right = high - 1
