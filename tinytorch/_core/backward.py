"""Running the graph backwards.

Nodes run when every consumer that can reach them has run, the most recently created first; a leaf receives its gradient when all
contributions have arrived. This is torch's order, so hooks fire in the same sequence. No recursion: the depth of a graph is limited
by memory alone.
"""

from __future__ import annotations

import heapq
import threading
import weakref
from collections.abc import Iterable
from sys import getrefcount
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


#: The backward pass that runs in this thread.
current = threading.local()


def port_of(edge: Any) -> tuple[Any, int]:
    """The node or leaf an edge leads to, and which of its outputs."""
    return edge if edge.__class__ is tuple else (edge, 0)


class Task:
    """One backward pass: its buffers, the number of consumers still to come, and what to capture instead of accumulate.

    `captures`: ports whose cotangent is wanted; with `accumulate` they are the leaves (or retained tensors) that may receive one.
    """

    def __init__(
        self,
        roots: list[tuple[Any, Any]],
        keep: bool,
        create: bool,
        captures: Iterable[tuple[Any, int]] | None,
        accumulate: bool,
    ) -> None:
        self.keep = keep
        self.create = create
        self.captures = None if captures is None or accumulate else frozenset(captures)
        # Both by identity: targets live as long as their graph, and a tensor's own hash is a Python function.
        self.buffers: dict[int, Any] = {}
        self.captured: dict[tuple[Any, int], Any] = {}
        self.waiting: dict[int, int] = {}
        #: Targets that are wanted or lead to one that is (None: everything).
        self.needed: set[Any] | None = None
        #: Wanted targets that must run as well.
        self.forced: frozenset[Any] = frozenset()
        targets = [edge[0] if edge.__class__ is tuple else edge for edge, _ in roots]
        self._count(targets)
        if captures is not None:
            wanted = {target for target, _ in captures}
            if accumulate:
                self.forced = frozenset(wanted)
            self._restrict(targets, wanted)
        self.heap: list[tuple[int, Any]] = []
        self.leaves: list[Any] = []
        waiting = self.waiting
        for index, (edge, cotangent) in enumerate(roots):
            self._deliver(edge, cotangent, None, index)
        for target in dict.fromkeys(targets):
            if not waiting.get(id(target)) and (self.needed is None or target in self.needed):
                self._ready(target)

    def will_run(self, target: Any) -> bool:
        """Whether this pass computes a cotangent for `target`, a node or a leaf."""
        if self.needed is not None:
            return target in self.needed
        return id(target) in self.waiting or target in self.roots

    def _count(self, roots: list[Any]) -> None:
        """How many edges lead to each target within the graph below `roots`."""
        waiting = self.waiting
        self.roots = seen = set(roots)
        stack = [root for root in seen if root._arity]
        while stack:
            for edge in stack.pop()._edges:
                if edge is None:
                    continue
                target = edge[0] if edge.__class__ is tuple else edge
                place = id(target)
                count = waiting.get(place)
                if count is not None:
                    waiting[place] = count + 1
                else:
                    waiting[place] = 1
                    if target._arity and target not in seen:
                        stack.append(target)

    def _restrict(self, roots: list[Any], wanted: set[Any]) -> None:
        """Find the targets that lie between `roots` and those wanted: only they run."""
        seen = set(roots)
        stack = list(seen)
        consumers: dict[Any, list[Any]] = {}
        while stack:
            node = stack.pop()
            if not node._arity:
                continue
            for edge in node._edges:
                if edge is None:
                    continue
                target = edge[0] if edge.__class__ is tuple else edge
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
            heapq.heappush(self.heap, (-target._number, target))
        else:
            self.leaves.append(target)

    def _deliver(self, edge: Any, cotangent: Any, source: Any, index: int) -> None:
        """Add `cotangent` to what `edge`'s target has received."""
        if cotangent is None:
            return
        target, number = edge if edge.__class__ is tuple else (edge, 0)
        arity = target._arity
        if arity == 0:
            shape, element_type = target._array.shape, target._key._dtype
        elif edge is target:
            shape, element_type = target._shape, target._dtype
        else:
            shape, element_type = target._output(number)
        if cotangent._array.shape != shape or cotangent._key._dtype is not element_type:
            cotangent = conform(cotangent, shape, element_type, source, index)
        buffers = self.buffers
        held = buffers.get(id(target))
        if edge is target or not arity:
            buffers[id(target)] = cotangent if held is None else held + cotangent
        else:
            if held is None:
                held = buffers[id(target)] = {}
            held[number] = cotangent if number not in held else held[number] + cotangent

    def run(self) -> None:
        """Run to the end. Hooks and formulas may raise; then the graph may be partly released, as in torch."""
        heap = self.heap
        self._drain()
        if self.needed is None and not modes.anomaly:
            self._run_plain()
        while heap:
            node = heapq.heappop(heap)[1]
            if modes.anomaly:
                self._watched_step(node)
            else:
                self._step(node)
            self._drain()

    def _drain(self) -> None:
        """Hand their gradients to the leaves that are ready; no node runs before that."""
        leaves = self.leaves
        if len(leaves) > 3:
            leaves = queue_order(leaves)
        self.leaves = []
        for leaf in leaves:
            self._leaf(leaf, self.buffers.pop(id(leaf), None))

    def _run_plain(self) -> None:
        """The same for passes that capture nothing: nodes with one output and no hooks run in a straight line, the rest by `_step`."""
        heap, waiting, buffers, keep = self.heap, self.waiting, self.buffers, self.keep
        summed: set[int] = set()  # sums of our own making: the next contribution is added in place
        while heap:
            node = heapq.heappop(heap)[1]
            received = buffers.get(id(node))
            while node is not None:
                if (
                    node._arity != 1
                    or node._extra is not None
                    or received is None
                    or received.__class__ is dict
                ):
                    if received is not None:
                        buffers[id(node)] = received
                    received = None
                    self._step(node)
                    self._drain()
                    break
                buffers.pop(id(node), None)
                cotangents = node._backward(received)
                if not keep:
                    node._release()
                following = received = None
                for edge, cotangent in zip(node._edges, cotangents):
                    if edge is None:
                        continue
                    place = id(edge)
                    left = waiting.get(place)
                    if left is None:  # a pair (node, output number)
                        self._deliver(edge, cotangent, node, 0)
                        edge = edge[0]
                        place = id(edge)
                        left = waiting[place]
                    elif cotangent is not None:
                        if edge._arity:
                            shape, element_type = edge._shape, edge._dtype
                        else:
                            shape, element_type = edge._array.shape, edge._key._dtype
                        if cotangent._array.shape != shape or cotangent._key._dtype is not element_type:
                            cotangent = conform(cotangent, shape, element_type, node, 0)
                        held = buffers.get(place)
                        if left == 1 and following is None and edge._arity:
                            following = edge  # its last contribution: passed on without being stored
                            received = cotangent if held is None else held + cotangent
                            continue
                        if held is None:
                            buffers[place] = cotangent
                        elif place in summed and held._key is cotangent._key and held._key._special is None:
                            np.add(held._array, cotangent._array, held._array)
                        else:
                            buffers[place] = held + cotangent
                            if not modes.grad:
                                summed.add(place)
                    if left == 1:
                        self._ready(edge)
                    else:
                        waiting[place] = left - 1
                # What is still held here would make the gradients look shared.
                cotangents = cotangent = held = None
                if self.leaves:
                    self._drain()
                if following is not None and heap and heap[0][0] < -following._number:
                    buffers[id(following)] = received  # something else comes first
                    self._ready(following)
                    following = received = None
                node = following

    def _watched_step(self, node: Any) -> None:
        """One node under anomaly detection: a warning says where the call was made whose derivative fails."""
        from . import saving

        before = getattr(saving.running, "node", None)
        saving.running.node = node
        try:
            self._step(node)
        except Exception:
            saving.warn_of(node)
            raise
        finally:
            saving.running.node = before

    def _step(self, node: Any) -> None:
        """Run one node."""
        waiting, needed = self.waiting, self.needed
        received = self.buffers.pop(id(node), None)
        extra = node._extra
        multiple = received.__class__ is dict
        runs = needed is None or self._runs(node)
        if needed is not None and runs:
            self._capture(node, received)  # what runs anyway is captured before its hooks
        if extra is not None:
            received = self._before(extra, received)
            multiple = received.__class__ is dict
        if not runs:
            self._capture(node, received)
            return
        arity = node._arity
        if extra is not None and extra.pre:
            outputs = _prehooks(extra.pre, _outputs_of(node, received))
            received = {number: value for number, value in enumerate(outputs) if value is not None} or None
            multiple = received is not None
        if received is None and not node._accepts_nothing:
            cotangents: Any = (None,) * len(node._edges)
        elif multiple:
            cotangents = node._backward(*[received.get(i) for i in range(arity)])
        elif received is None:
            cotangents = node._backward(*[None] * arity)
        else:
            cotangents = node._backward(received)
        if extra is not None and extra.post:
            cotangents = [
                None
                if edge is None or cotangent is None
                else conform(cotangent, *facts_of(edge), node, index)
                for index, (edge, cotangent) in enumerate(zip(node._edges, cotangents, strict=False))
            ]
            cotangents = _posthooks(extra.post, tuple(cotangents), _outputs_of(node, received))
        if not self.keep:
            node._release()
        if modes.anomaly:
            _check_nan(node, cotangents)
        for index, (edge, cotangent) in enumerate(zip(node._edges, cotangents, strict=False)):
            if edge is None:
                continue
            target = edge[0] if edge.__class__ is tuple else edge
            if needed is None or target in needed:
                self._deliver(edge, cotangent, node, index)
            left = waiting[id(target)] - 1
            waiting[id(target)] = left
            if not left and (needed is None or target in needed):
                self._ready(target)

    def _runs(self, node: Any) -> bool:
        """Whether anything below `node` is wanted, or its own run is."""
        needed = self.needed
        assert needed is not None
        return node in self.forced or any(
            edge is not None and port_of(edge)[0] in needed for edge in node._edges
        )

    def _capture(self, node: Any, received: Any) -> None:
        if self.captures is None or received is None:
            return
        for number, cotangent in received.items() if received.__class__ is dict else ((0, received),):
            if (node, number) in self.captures:
                self.captured[(node, number)] = cotangent

    def _before(self, extra: Any, received: Any) -> Any:
        """Tensor hooks on the node's outputs, then retained gradients."""
        multiple = received.__class__ is dict
        values = received if multiple else {0: received}
        for number, hooks in extra.tensor_pre or ():
            values[number] = run_hooks(hooks, values.get(number))
        for number, reference in (extra.retained or {}).items():
            tensor = reference()
            cotangent = values.get(number)
            if tensor is not None and cotangent is not None:
                held = tensor._grad
                if held is not None:
                    tensor._grad = held + cotangent
                else:
                    tensor._grad = (
                        cotangent.clone()
                        if cotangent._requires_grad and self.create
                        else contiguous_copy(cotangent)
                    )
        if multiple or len(values) > 1:
            return values
        return values[0]

    def _leaf(self, leaf: Any, cotangent: Any) -> None:
        """All contributions to a leaf's gradient have arrived: its hooks, then the sum, then hooks on the result."""
        extra = leaf._extra
        node_hooks = None
        if extra is not None:
            if extra.hooks:
                cotangent = run_hooks(extra.hooks, cotangent)
            node_hooks = extra.node_hooks
        if self.needed is not None:
            if self.captures is not None:
                if (leaf, 0) in self.captures:
                    self.captured[(leaf, 0)] = cotangent
                return
            if leaf not in self.forced:
                return
        if node_hooks is not None and node_hooks.pre:
            (cotangent,) = _prehooks(node_hooks.pre, (cotangent,))
        if cotangent is not None and leaf._requires_grad:
            with _accumulating:
                if (
                    leaf._grad is None
                    and not self.create
                    and getrefcount(cotangent) <= _UNSHARED
                    and _owns(cotangent, leaf)
                ):
                    leaf._grad = cotangent
                else:
                    accumulate(leaf, cotangent, self.create)
            if extra is not None and extra.post_accumulate:
                for hook in list(extra.post_accumulate.values()):
                    changed = hook(leaf)
                    if changed is not None:
                        raise TypeError(f"expected Variable, but hook returned '{type(changed).__name__}'")
        if node_hooks is not None and node_hooks.post:
            _posthooks(node_hooks.post, (), (cotangent,))


def _outputs_of(node: Any, received: Any) -> tuple[Any, ...]:
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


def facts_of(edge: Any) -> tuple[tuple[int, ...], Any]:
    """Shape and dtype of what flows along `edge`."""
    target, number = port_of(edge)
    if not target._arity:
        return target._array.shape, target._key._dtype
    return target._output(number)  # type: ignore[no-any-return]


def _hook_name(hook: Any) -> str:
    return getattr(hook, "__name__", None) or "<unknown>"


def _check_replacement(before: Any, changed: Any, hook: Any) -> None:
    """What a hook returns must fit what it was given. Raises TypeError, RuntimeError with torch's texts."""
    if changed is None:
        return
    if before is None:
        raise RuntimeError("can't replace a None gradient with a non-None value")
    if not isinstance(changed, Tensor):
        raise TypeError(f"expected Variable, but hook returned '{type(changed).__name__}'")
    if changed._key._dtype is not before._key._dtype:
        raise RuntimeError(
            f"hook '{_hook_name(hook)}' has changed the type of value (was torch.{legacy_name(before._key._dtype)}Tensor got "
            f"torch.{legacy_name(changed._key._dtype)}Tensor)"
        )
    if changed._array.shape != before._array.shape:
        raise RuntimeError(f"hook '{_hook_name(hook)}' has changed the size of value")


def run_hooks(hooks: dict[int, Any], cotangent: Any) -> Any:
    """Pass a cotangent through tensor hooks. Raises RuntimeError if one returns something of another shape or type."""
    for hook in list(hooks.values()):
        changed = hook(cotangent)
        if changed is None:
            continue
        _check_replacement(cotangent, changed, hook)
        cotangent = changed
    return cotangent


def _replace(values: tuple[Any, ...], changed: Any, hook: Any) -> tuple[Any, ...]:
    if changed is None:
        return values
    if not isinstance(changed, tuple):
        raise TypeError(f"expected tuple, but hook returned '{type(changed).__name__}'")
    if len(changed) != len(values):
        raise RuntimeError(
            f"hook '{_hook_name(hook)}' has returned an incorrect number of values (got {len(changed)}, but expected {len(values)})"
        )
    for before, value in zip(values, changed, strict=True):
        _check_replacement(before, value, hook)
    return changed


def _prehooks(hooks: dict[int, Any], outputs: tuple[Any, ...]) -> tuple[Any, ...]:
    for hook in list(hooks.values()):
        outputs = _replace(outputs, hook(outputs), hook)
    return outputs


def _posthooks(hooks: dict[int, Any], inputs: tuple[Any, ...], outputs: tuple[Any, ...]) -> tuple[Any, ...]:
    for hook in list(hooks.values()):
        inputs = _replace(inputs, hook(inputs, outputs), hook)
    return inputs


def _check_nan(node: Any, cotangents: Any) -> None:
    if not modes.anomaly_nan:
        return
    for index, cotangent in enumerate(cotangents):
        if isinstance(cotangent, Tensor) and cotangent._key._dtype._category in ("float", "complex"):
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
    if cotangent._key._dtype is not element_type:
        if cotangent._key._dtype._category == "complex" and element_type._category != "complex":
            cotangent = primitives["real"](cotangent)
        if cotangent._key._dtype is not element_type:
            cotangent = primitives["cast"](cotangent, element_type)
    return cotangent


def contiguous_copy(cotangent: Any) -> Any:
    """`cotangent` without history, in row-major memory of its own."""
    if cotangent._key._special == "meta":
        return make(Tensor, cotangent._array, cotangent._key)
    return wrap(np.array(cotangent._array, order="C", copy=True))


#: Held while a gradient is added to a leaf: other threads may be doing the same.
_accumulating = threading.RLock()


def accumulate(leaf: Any, cotangent: Any, create: bool) -> None:
    """Add `cotangent` to `leaf.grad`: in place unless the graph of the gradient is kept."""
    held = leaf._grad
    if cotangent._key._special not in (
        None,
        "strided",
        "meta",
    ):  # under a transformation: no memory of its own to copy or to add to
        leaf._grad = cotangent if held is None else held + cotangent
    elif held is None:
        if create and cotangent._requires_grad:
            leaf._grad = cotangent.clone()
        else:
            leaf._grad = _like_leaf(leaf, cotangent)
    elif create:
        leaf._grad = held + cotangent
    else:
        held += cotangent


def _references(task: Any, leaf: Any, cotangent: Any) -> int:
    """What `getrefcount` says of a cotangent that only `Task._leaf` holds."""
    return getrefcount(cotangent)


def _owns(cotangent: Any, leaf: Any) -> bool:
    """Whether nobody else can see the cotangent's memory, so that it may become the leaf's gradient itself."""
    array = cotangent._array
    return (
        cotangent._base is None
        and not cotangent._requires_grad
        and cotangent.__class__ is Tensor
        and array.base is None
        and array.flags.owndata
        and getrefcount(array) <= _UNSHARED_ARRAY
        and array.strides == leaf._array.strides
    )


def _array_references(tensor: Any) -> int:
    array = tensor._array
    return getrefcount(array)


_UNSHARED = _references(None, None, [wrap(np.zeros(1))].pop())
_UNSHARED_ARRAY = _array_references(wrap(np.zeros(1)))


def _like_leaf(leaf: Any, cotangent: Any) -> Tensor:
    """A copy laid out like the leaf where the leaf is dense, as torch lays gradients out."""
    array = leaf._array
    if cotangent._key._special == "meta":
        twin: Tensor = make(
            Tensor, array if leaf._key._special == "meta" else cotangent._array, cotangent._key
        )
        return twin
    if layout.is_dense(array.shape, layout.element_strides(array)):
        out = layout.empty(array.shape, layout.element_strides(array), cotangent._array.dtype)
        out[...] = cotangent._array
        return wrap(out)
    return wrap(np.ascontiguousarray(cotangent._array))


def run(
    roots: list[tuple[Any, Any]],
    keep: bool,
    create: bool,
    captures: Iterable[tuple[Any, int]] | None = None,
    accumulate_leaves: bool = True,
) -> dict[tuple[Any, int], Any]:
    """One backward pass from (edge, cotangent) pairs; returns what was captured, by port."""
    before = modes.grad
    outer = getattr(current, "task", None)
    modes.grad = create
    try:
        task = Task(roots, keep, create, captures, accumulate_leaves)
        current.task = task
        task.run()
        return task.captured
    finally:
        modes.grad = before
        current.task = outer


def edge_of(tensor: Any) -> Any:
    """What a graph would refer to `tensor` by; None if it wants no gradient."""
    if not tensor._current():
        return None
    return tensor._edge or tensor


def retain(tensor: Any) -> None:
    """Keep the gradient of a tensor that is not a leaf."""
    node, number = port_of(tensor._edge)
    extra = node._rarities()
    if extra.retained is None:
        extra.retained = {}
    extra.retained[number] = weakref.ref(tensor)
    extra_of(tensor).retains_grad = True


__all__ = ["Node", "Task", "accumulate", "edge_of", "make", "primitives", "retain", "run"]
