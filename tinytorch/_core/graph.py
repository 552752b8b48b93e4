"""Questions about a recorded graph: where edges lead, what flows along them, which part of it a backward pass needs."""

from __future__ import annotations

from typing import Any


def edge_of(tensor: Any) -> Any:
    """What a graph would refer to `tensor` by; None if nothing is to flow there.

    That is so where it wants no gradient, and for a view made without recording of a leaf that wants one: it says that it wants one, too,
    but none is collected for it.
    """
    if not tensor._current():
        return None
    return tensor._edge or (tensor if tensor._requires_grad is True else None)


def port_of(edge: Any) -> tuple[Any, int]:
    """The node or leaf an edge leads to, and which of its outputs."""
    return edge if edge.__class__ is tuple else (edge, 0)


def facts_of(edge: Any) -> tuple[tuple[int, ...], Any]:
    """Shape and dtype of what flows along `edge`."""
    target, number = port_of(edge)
    if not target._arity:
        return target._array.shape, target._gradient_type() or target._key._dtype
    return target._output(number)  # type: ignore[no-any-return]


def received_by(node: Any, received: Any) -> tuple[Any, ...]:
    """Cotangents of all outputs that can have one, as hooks see them."""
    if received.__class__ is not dict:
        received = {0: received}
    count = node._arity
    while (
        count > 1
        and node._output(count - 1)[1] is not None
        and node._output(count - 1)[1]._category not in ("float", "complex")
    ):
        count -= 1
    return tuple([received.get(number) for number in range(count)])


def between(roots: list[Any], wanted: frozenset[int]) -> set[int]:
    """Ids of the targets that lie between `roots` and those wanted: only they run."""
    seen = {id(root) for root in roots}
    stack = list({id(root): root for root in roots}.values())
    consumers: dict[int, list[int]] = {}
    while stack:
        node = stack.pop()
        if not node._arity:
            continue
        for edge in node._edges:
            if edge is None:
                continue
            target = edge[0] if edge.__class__ is tuple else edge
            place = id(target)
            consumers.setdefault(place, []).append(id(node))
            if place not in seen:
                seen.add(place)
                stack.append(target)
    needed = set(wanted & seen)
    frontier = list(needed)
    while frontier:
        for consumer in consumers.get(frontier.pop(), ()):
            if consumer not in needed:
                needed.add(consumer)
                frontier.append(consumer)
    return needed


def queue_order(leaves: list[Any]) -> list[Any]:
    """The order in which a binary heap gives out entries of equal rank: torch's queue is one, and hooks tell."""
    heap = list(leaves)
    order = []
    while heap:
        order.append(heap[0])
        last = heap.pop()
        size = len(heap)
        if not size:
            break
        hole = child = 0
        while child < (size - 1) // 2:
            child = 2 * child + 2
            heap[hole] = heap[child]
            hole = child
        if not size & 1 and child == (size - 2) // 2:
            child = 2 * child + 1
            heap[hole] = heap[child]
            hole = child
        heap[hole] = last
    return order
