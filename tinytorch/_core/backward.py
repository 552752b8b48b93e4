"""Running the graph backwards.

Nodes run when every consumer that can reach them has run, the most recently created first; a leaf receives its gradient when all
contributions have arrived. This is torch's order, so hooks fire in the same sequence. No recursion: the depth of a graph is limited
by memory alone.
"""

from __future__ import annotations

import heapq
from typing import Any

import numpy as np

from . import layout
from .dispatch import legacy_name
from .modes import modes
from .node import Node
from .tensor import Tensor, extra_of, make, wrap

#: Tensor operations the engine itself needs, filled in when the operators are declared: cast(tensor, dtype), sum_to(tensor, shape),
#: real(tensor), add(a, b).
primitives: dict[str, Any] = {}


def target_of(edge: Any) -> Any:
    """The node or leaf an edge leads to."""
    return edge[0] if edge.__class__ is tuple else edge


class Task:
    """One backward pass: its buffers, the number of consumers still to come, and what to capture instead of accumulate."""

    def __init__(self, roots: list[tuple[Any, Any]], keep: bool, create: bool, captures: dict[Any, int] | None, accumulate: bool) -> None:
        self.keep = keep
        self.create = create
        self.captures = captures
        self.accumulate = accumulate
        self.buffers: dict[Any, Any] = {}
        self.captured: dict[Any, Any] = {}
        self.waiting: dict[Any, int] = {}
        self.needed: set[Any] | None = None
        self._count([target_of(edge) for edge, _ in roots])
        if captures is not None:
            self._restrict([target_of(edge) for edge, _ in roots])
        self.heap: list[tuple[int, int, Any]] = []
        for edge, cotangent in roots:
            self._deliver(edge, cotangent, None, 0)
        for target in dict.fromkeys(target_of(edge) for edge, _ in roots):
            if not self.waiting.get(target):
                self._ready(target)

    def _count(self, roots: list[Any]) -> None:
        """How many edges lead to each target within the graph below `roots`."""
        waiting = self.waiting
        seen = set(roots)
        stack = [root for root in seen if root._arity]
        while stack:
            node = stack.pop()
            for edge in node.edges:
                if edge is None:
                    continue
                target = edge[0] if edge.__class__ is tuple else edge
                waiting[target] = waiting.get(target, 0) + 1
                if target not in seen:
                    seen.add(target)
                    if target._arity:
                        stack.append(target)

    def _restrict(self, roots: list[Any]) -> None:
        """Find the nodes that lie between `roots` and the captured edges: only they run."""
        assert self.captures is not None
        wanted = {target_of(edge) for edge in self.captures}
        order: list[Any] = []
        seen = set(roots)
        stack = list(seen)
        consumers: dict[Any, list[Any]] = {}
        while stack:
            node = stack.pop()
            order.append(node)
            if not node._arity:
                continue
            for edge in node.edges:
                if edge is None:
                    continue
                target = target_of(edge)
                consumers.setdefault(target, []).append(node)
                if target not in seen:
                    seen.add(target)
                    stack.append(target)
        needed = {target for target in wanted if target in seen}
        frontier = list(needed)
        while frontier:
            for consumer in consumers.get(frontier.pop(), ()):
                if consumer not in needed:
                    needed.add(consumer)
                    frontier.append(consumer)
        self.needed = needed

    def _ready(self, target: Any) -> None:
        if target._arity:
            heapq.heappush(self.heap, (-target.number, id(target), target))
        else:
            heapq.heappush(self.heap, (-(2**64), id(target), target))

    def _deliver(self, edge: Any, cotangent: Any, source: Any, index: int) -> None:
        """Add `cotangent` to what `edge`'s target has received."""
        if cotangent is None:
            return
        target, number = edge if edge.__class__ is tuple else (edge, 0)
        if target._arity == 0:
            shape, element_type = target._array.shape, target._key.dtype
        elif target._arity == 1 and edge.__class__ is not tuple:
            shape, element_type = target.shape, target.dtype
        else:
            shape, element_type = target.output(number)
        if cotangent._array.shape != shape or cotangent._key.dtype is not element_type:
            cotangent = conform(cotangent, shape, element_type, source, index)
        buffers = self.buffers
        if edge.__class__ is tuple:
            held = buffers.get(target)
            if held is None:
                held = buffers[target] = {}
            held[number] = cotangent if number not in held else held[number] + cotangent
        else:
            held = buffers.get(target)
            buffers[target] = cotangent if held is None else held + cotangent

    def run(self) -> None:
        """Run to the end. Hooks and formulas may raise; then the graph may be partly released, as in torch."""
        heap, waiting, needed = self.heap, self.waiting, self.needed
        while heap:
            node = heapq.heappop(heap)[2]
            received = self.buffers.pop(node, None)
            if node._arity == 0:
                self._leaf(node, received)
                continue
            multiple = received.__class__ is dict
            if node.extra is not None and received is not None:
                received = self._before(node, received)
                multiple = received.__class__ is dict
            if self.captures is not None:
                self._capture(node, received)
                if needed is not None and not self._runs(node):
                    continue
            if received is None:
                cotangents: Any = (None,) * len(node.edges)
            elif multiple:
                cotangents = node.backward(*[received.get(i) for i in range(node._arity)])
            else:
                cotangents = node.backward(received)
            if node.extra is not None and node.extra.post:
                outputs = tuple(received.get(i) for i in range(node._arity)) if multiple else (received,)
                cotangents = _after(node, cotangents, outputs)
            if not self.keep:
                node.release()
            if modes.anomaly:
                _check_nan(node, cotangents)
            for index, (edge, cotangent) in enumerate(zip(node.edges, cotangents, strict=False)):
                if edge is None:
                    continue
                target = edge[0] if edge.__class__ is tuple else edge
                if needed is None or target in needed:
                    self._deliver(edge, cotangent, node, index)
                left = waiting[target] - 1
                waiting[target] = left
                if not left and (needed is None or target in needed):
                    self._ready(target)

    def _runs(self, node: Any) -> bool:
        """Whether anything below `node` is wanted."""
        assert self.needed is not None
        return any(edge is not None and target_of(edge) in self.needed for edge in node.edges)

    def _capture(self, node: Any, received: Any) -> None:
        assert self.captures is not None
        if received.__class__ is dict:
            for number, cotangent in received.items():
                if (node, number) in self.captures:
                    self.captured[(node, number)] = cotangent
        elif node in self.captures:
            self.captured[node] = received

    def _before(self, node: Any, received: Any) -> Any:
        """Tensor hooks on the node's outputs, node prehooks, retained gradients: in this order."""
        extra = node.extra
        multiple = received.__class__ is dict
        values = received if multiple else {0: received}
        for number, hooks in extra.tensor_pre or ():
            if values.get(number) is not None:
                values[number] = run_hooks(hooks, values[number])
        if extra.pre:
            outputs = tuple(values.get(i) for i in range(node._arity))
            for hook in list(extra.pre.values()):
                changed = hook(outputs)
                if changed is not None:
                    outputs = changed if isinstance(changed, tuple) else (changed,)
            values = {i: value for i, value in enumerate(outputs) if value is not None}
        for number, reference in (extra.retained or {}).items():
            tensor = reference()
            cotangent = values.get(number)
            if tensor is not None and cotangent is not None:
                tensor._grad = cotangent if self.create else own(cotangent)
        if multiple:
            return values
        return values.get(0)

    def _leaf(self, leaf: Any, cotangent: Any) -> None:
        """All contributions to a leaf's gradient have arrived."""
        if cotangent is None:
            return
        extra = leaf._extra
        if extra is not None and extra.hooks:
            cotangent = run_hooks(extra.hooks, cotangent)
        node_hooks = extra.node_hooks if extra is not None else None
        if node_hooks is not None and node_hooks.pre:
            for hook in list(node_hooks.pre.values()):
                changed = hook((cotangent,))
                if changed is not None:
                    cotangent = changed[0] if isinstance(changed, tuple) else changed
        if self.captures is not None and leaf in self.captures:
            self.captured[leaf] = cotangent
        if not self.accumulate or (self.captures is not None and leaf not in self.captures):
            return
        accumulate(leaf, cotangent, self.create)
        if node_hooks is not None and node_hooks.post:
            for hook in list(node_hooks.post.values()):
                hook((), (cotangent,))
        if extra is not None and extra.post_accumulate:
            for hook in list(extra.post_accumulate.values()):
                hook(leaf)


def run_hooks(hooks: dict[int, Any], cotangent: Any) -> Any:
    """Pass a cotangent through tensor hooks. Raises RuntimeError if one returns something of another shape or type."""
    for hook in list(hooks.values()):
        changed = hook(cotangent)
        if changed is None:
            continue
        if not isinstance(changed, Tensor):
            raise TypeError(f"expected Tensor, but hook returned '{type(changed).__name__}'")
        if changed._key.dtype is not cotangent._key.dtype:
            raise RuntimeError(
                f"hook '{getattr(hook, '__name__', '<unknown>')}' has changed the type of value (was "
                f"torch.{legacy_name(cotangent._key.dtype)}Tensor got torch.{legacy_name(changed._key.dtype)}Tensor)"
            )
        if changed._array.shape != cotangent._array.shape:
            raise RuntimeError(f"hook '{getattr(hook, '__name__', '<unknown>')}' has changed the size of value")
        cotangent = changed
    return cotangent


def _after(node: Any, cotangents: Any, outputs: tuple[Any, ...]) -> Any:
    for hook in list(node.extra.post.values()):
        changed = hook(tuple(cotangents), outputs)
        if changed is not None:
            cotangents = changed if isinstance(changed, tuple) else (changed,)
    return cotangents


def _check_nan(node: Any, cotangents: Any) -> None:
    if not modes.anomaly_nan:
        return
    for index, cotangent in enumerate(cotangents):
        if isinstance(cotangent, Tensor) and cotangent._key.dtype.category in ("float", "complex"):
            if np.isnan(cotangent._array).any():
                raise RuntimeError(f"Function '{node.name()}' returned nan values in its {index}th output.")


def conform(cotangent: Any, shape: tuple[int, ...], element_type: Any, source: Any, index: int) -> Any:
    """Undo broadcasting and promotion: `cotangent` summed to `shape` and cast. Raises RuntimeError if that is impossible."""
    own_shape = cotangent._array.shape
    if own_shape != shape:
        lead = len(own_shape) - len(shape)
        if lead < 0 or any(size not in (1, own_shape[lead + i]) for i, size in enumerate(shape)):
            if lead < 0 and all(size == 1 for size in shape) and all(size == 1 for size in own_shape):
                return conform(cotangent.reshape(shape), shape, element_type, source, index)
            name = source.name() if source is not None else "GraphRoot"
            raise RuntimeError(
                f"Function {name} returned an invalid gradient at index {index} - got {list(own_shape)} but expected shape compatible with {list(shape)}"
            )
        cotangent = primitives["sum_to"](cotangent, shape)
    if cotangent._key.dtype is not element_type:
        if cotangent._key.dtype.category == "complex" and element_type.category != "complex":
            cotangent = primitives["real"](cotangent)
        if cotangent._key.dtype is not element_type:
            cotangent = primitives["cast"](cotangent, element_type)
    return cotangent


def own(cotangent: Any) -> Any:
    """`cotangent` without history and in memory of its own."""
    return wrap(layout.copy(cotangent._array))


def accumulate(leaf: Any, cotangent: Any, create: bool) -> None:
    """Add `cotangent` to `leaf.grad`: in place unless the graph of the gradient is kept."""
    held = leaf._grad
    if held is None:
        if create:
            leaf._grad = cotangent.clone() if cotangent._requires_grad else own(cotangent)
        elif _stealable(leaf, cotangent):
            leaf._grad = cotangent
        else:
            leaf._grad = _like_leaf(leaf, cotangent)
    elif create:
        leaf._grad = held + cotangent
    else:
        held += cotangent


def _stealable(leaf: Any, cotangent: Any) -> bool:
    """Whether nobody else can see the cotangent's memory, so that it may become the gradient itself."""
    import sys

    array = cotangent._array
    return (
        array.base is None
        and cotangent._base is None
        and not cotangent._requires_grad
        and cotangent.__class__ is Tensor
        and sys.getrefcount(cotangent) <= STEAL_REFERENCES
        and sys.getrefcount(array) <= 3
        and array.strides == leaf._array.strides
    )


#: References the engine itself holds on a cotangent while it is delivered.
STEAL_REFERENCES = 4


def _like_leaf(leaf: Any, cotangent: Any) -> Tensor:
    """A copy laid out like the leaf where the leaf is dense, as torch lays gradients out."""
    array = leaf._array
    if layout.is_dense(array.shape, layout.element_strides(array)):
        out = layout.empty(array.shape, layout.element_strides(array), cotangent._array.dtype)
        out[...] = cotangent._array
        return wrap(out)
    return wrap(np.ascontiguousarray(cotangent._array))


def run(
    roots: list[tuple[Any, Any]], keep: bool, create: bool, captures: dict[Any, int] | None = None, accumulate_leaves: bool = True
) -> dict[Any, Any]:
    """One backward pass from (edge, cotangent) pairs; returns what was captured, by edge."""
    before = modes.grad
    modes.grad = create
    try:
        task = Task(roots, keep, create, captures, accumulate_leaves)
        task.run()
        return task.captured
    finally:
        modes.grad = before


def edge_of(tensor: Any) -> Any:
    """What a graph would refer to `tensor` by; None if it wants no gradient."""
    if not tensor.requires_grad:
        return None
    return tensor._edge or tensor


def retain(tensor: Any) -> None:
    """Keep the gradient of a tensor that is not a leaf."""
    import weakref

    edge = tensor._edge
    node, number = edge if edge.__class__ is tuple else (edge, 0)
    extra = node._extra()
    if extra.retained is None:
        extra.retained = {}
    extra.retained[number] = weakref.ref(tensor)
    extra_of(tensor).retains_grad = True


__all__ = ["Node", "Task", "accumulate", "edge_of", "make", "primitives", "retain", "run"]
