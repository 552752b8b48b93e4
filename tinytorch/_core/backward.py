"""Running the graph backwards.

Nodes run when every consumer that can reach them has run, the most recently created first; a leaf receives its gradient when all
contributions have arrived. This is torch's order, so hooks fire in the same sequence. No recursion: the depth of a graph is limited
by memory alone.

Cotangents travel as tensors. While no graph of the gradient is wanted, those that are float32 or float64 and contiguous (or one number
expanded) travel as bare arrays instead: nodes whose operator has rules on arrays (`.native`) take and give them, for all others they are
wrapped again.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterable
from heapq import heapify, heappop, heappush
from typing import Any

import numpy as np

from . import dtypes
from .backward_hooks import check_nan, run_hooks, run_node, run_posthooks, run_prehooks, run_tensor_hooks
from .gradients import conform, receive, sum_array
from .graph import between, edge_of, facts_of, port_of, queue_order
from .modes import modes
from .node import Node
from .tensor import Tensor, extra_of, wrap

ndarray = np.ndarray

#: Element types whose contiguous cotangents travel as arrays.
_NATIVE = frozenset((dtypes.float32, dtypes.float64))

#: The backward pass that runs in this thread.
current = threading.local()


def as_tensor(cotangent: Any) -> Any:
    """A cotangent as formulas and hooks see it."""
    if cotangent.__class__ is ndarray:
        return wrap(cotangent)
    return cotangent


def as_array(cotangent: Any) -> Any:
    """A cotangent as an array where it may travel as one."""
    if (
        cotangent.__class__ is Tensor
        and cotangent._key in _NATIVE
        and cotangent._extra is None
        and not (cotangent._requires_grad and cotangent._current())
    ):
        return cotangent._array
    return cotangent


def total(held: Any, cotangent: Any) -> Any:
    """The sum of two contributions, in memory of its own."""
    if held.__class__ is ndarray and cotangent.__class__ is ndarray:
        return np.asarray(np.add(held, cotangent))
    held, cotangent = as_tensor(held), as_tensor(cotangent)
    return held + cotangent if held._is_strided else cotangent + held


#: A target's state in a pass is a list, because the loop below reads little else. What stands where:
LEFT = 0  # consumers that have not run yet, once they are counted
HELD = 1  # what has arrived: a cotangent, or for targets with several outputs a dict of them by output number
OURS = 2  # whether that is a sum of our own making, to which more may be added in place
TARGET = 3  # the node or leaf
SHAPE = 4  # of its (first) output
DTYPE = 5
EDGES = 6  # the node's edges, None where nothing is wanted; None as a whole for leaves
SIMPLE = 7  # nothing hangs on the target; a node has one output; a leaf has no gradient yet


class Task:
    """One backward pass: the state of every target in it, and what to capture instead of accumulate.

    Nodes need no counting to run in the right order: their numbers give it. Leaves do: a leaf receives its gradient when its last
    consumer has run. But counting means to walk over the whole graph, so it is put off until somebody could notice: then `_settle`
    counts what is left and hands out what should have been handed out before.

    `states`: by the id of the target; targets live as long as their graph, and a tensor's own hash is slow.
    `captures`: ports whose cotangent is wanted; with `accumulate` they are the leaves (or retained tensors) that may receive one.
    """

    #: Whether only part of the graph runs.
    restricted = False
    #: Ids of targets that are wanted themselves; and those of them that must run as well.
    wanted: frozenset[int] = frozenset()
    forced: frozenset[int] = frozenset()
    #: Whether consumers are counted.
    counted = False

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
        self.arrays = not create and not modes.layers
        self.captures = None if captures is None or accumulate else frozenset(captures)
        self.captured: dict[tuple[Any, int], Any] = {}
        self.states: dict[int, list[Any]] = {}
        self.heap: list[tuple[int, list[Any]]] = []
        self.leaves: list[list[Any]] = []
        #: Whether somebody was met who could notice that they are not.
        self.watched = modes.anomaly
        needed: set[int] | None = None
        targets = [edge[0] if edge.__class__ is tuple else edge for edge, _ in roots]
        if captures is not None:
            self.restricted = True
            self.wanted = frozenset([id(target) for target, _ in captures])
            if accumulate:
                self.forced = self.wanted
            needed = between(targets, self.wanted)
            self._count([target._begin() for target in targets if id(target) in needed], needed)
        for index, (edge, cotangent) in enumerate(roots):
            if needed is None or id(port_of(edge)[0]) in needed:
                self._deliver(edge, as_array(cotangent) if self.arrays else cotangent, None, index)
        if self.counted:
            for place in dict.fromkeys(map(id, targets)):
                if place in self.states and not self.states[place][LEFT]:
                    self._ready(self.states[place])

    def will_run(self, target: Any) -> bool:
        """Whether this pass computes a cotangent for `target`, a node or a leaf. For user code: consumers are counted by then."""
        return id(target) in self.states

    def _count(self, stack: list[list[Any]], needed: set[int] | None) -> None:
        """Count the consumers of all targets below those whose states are given, of those needed (None: all)."""
        self.counted = True
        states = self.states
        seen = {}
        for state in stack:
            seen[id(state[TARGET])] = states.setdefault(id(state[TARGET]), state)
        stack = list(seen.values())
        while stack:
            state = stack.pop()
            if state[EDGES] is None:
                continue
            if needed is not None:
                state[EDGES] = tuple(
                    [
                        edge if edge is not None and id(port_of(edge)[0]) in needed else None
                        for edge in state[EDGES]
                    ]
                )
            for edge in state[EDGES]:
                if edge is None:
                    continue
                target = edge[0] if edge.__class__ is tuple else edge
                place = id(target)
                link = seen.get(place)
                if link is None:
                    link = seen[place] = states.get(place) or states.setdefault(place, target._begin())
                    stack.append(link)
                link[LEFT] += 1

    def _settle(self, running: list[Any] | None = None, followed: tuple[Any, ...] = ()) -> None:
        """Count consumers from here on, and hand their gradients to the leaves that have none left.

        running: the state of a node that began and failed, whose edges were not followed.
        followed: the edges of the node that ran last; what they completed comes after what was complete before.
        """
        pending = [state for _, state in self.heap]
        if running is not None:
            pending.append(running)
        self._count([*pending, *self.leaves], None)
        self.heap = [entry for entry in self.heap if not entry[1][LEFT]]
        heapify(self.heap)
        complete = {id(state[TARGET]): state for state in self.leaves if not state[LEFT]}
        last = [complete.pop(place) for edge in followed if (place := id(port_of(edge)[0])) in complete]
        self.leaves = list(complete.values())
        self._drain()
        self.leaves = last
        self._drain()

    def _ready(self, state: list[Any]) -> None:
        if state[EDGES] is None:
            self.leaves.append(state)
        else:
            heappush(self.heap, (-state[TARGET]._number, state))

    def _meet(self, target: Any) -> list[Any]:
        """The state of a target to which something is about to be delivered."""
        state = self.states.get(id(target))
        if state is None:
            state = self.states[id(target)] = target._begin()
            self._ready(state)
            if not state[SIMPLE]:
                self._look_at(target)
        return state

    def _look_at(self, target: Any) -> None:
        """Could somebody notice when `target` runs, or when a leaf received its gradient?"""
        if target._extra is not None or (
            target._runs_user_code if target._arity else target._grad is not None
        ):
            self.watched = True

    def _deliver(self, edge: Any, cotangent: Any, source: Any, index: int) -> list[Any]:
        """Add `cotangent` to what `edge`'s target has received; returns the target's state."""
        target, number = edge if edge.__class__ is tuple else (edge, 0)
        state = self._meet(target)
        if cotangent is None:
            return state
        if edge is target or not target._arity:
            self._add(state, self._fitting(cotangent, state[SHAPE], state[DTYPE], source, index))
            return state
        shape, element_type = target._output(number)
        cotangent = self._fitting(cotangent, shape, element_type, source, index)
        held = state[HELD]
        if held is None:
            state[HELD] = {number: cotangent}
        else:
            held[number] = cotangent if number not in held else total(held[number], cotangent)
        return state

    @staticmethod
    def _add(state: list[Any], cotangent: Any) -> None:
        """One more contribution for a target with one output."""
        held = state[HELD]
        if held is None:
            state[HELD] = cotangent
        elif state[OURS] and cotangent.__class__ is ndarray:
            np.add(held, cotangent, held)
        else:
            state[HELD] = held = total(held, cotangent)
            state[OURS] = held.__class__ is ndarray

    def _fitting(
        self, cotangent: Any, shape: tuple[int, ...], element_type: Any, source: Any, index: int
    ) -> Any:
        """`cotangent` in the target's shape and element type, where it has one."""
        if element_type is None:
            element_type = as_tensor(cotangent)._key._dtype
        if cotangent.__class__ is ndarray:
            if cotangent.dtype == element_type._numpy:
                fitting = cotangent if cotangent.shape == shape else sum_array(cotangent, shape)
                if fitting is not None:
                    return fitting
            cotangent = as_tensor(cotangent)
        if not cotangent._is_strided:  # only formulas made for them give sparse cotangents, and those fit
            return cotangent
        if cotangent._array.shape != shape or cotangent._key._dtype is not element_type:
            cotangent = conform(cotangent, shape, element_type, source, index)
        return as_array(cotangent) if self.arrays else cotangent

    def run(self) -> None:
        """Run to the end. Hooks and formulas may raise; then the graph may be partly released, as in torch."""
        if self.counted:
            self._drain()
        elif self.watched:
            self._settle()
        if modes.anomaly:
            while self.heap:
                self._watched_step(heappop(self.heap)[1])
        while self.heap:
            self._run_from(heappop(self.heap)[1])
        self._drain()

    def _drain(self) -> None:
        """Hand their gradients to the leaves that are ready; no node runs before that."""
        leaves = self.leaves
        if len(leaves) > 3:
            leaves = queue_order(leaves)
        self.leaves = []
        for state in leaves:
            leaf = state[TARGET]
            if leaf._extra is None and not self.restricted and leaf._requires_grad is True:
                receive(leaf, state, HELD, self.create)
            else:
                self._leaf(leaf, state)

    def _run_from(self, state: list[Any]) -> None:
        """Run a node, and as long as what it leads to is next, that: a chain never goes through the heap.

        Nodes with one output and without hooks run here in a straight line, the rest by `_step`.
        """
        heap, states, keep, counted, wanted = self.heap, self.states, self.keep, self.counted, self.wanted
        while True:
            _, received, _, node, _, _, edges, simple = state
            if (
                not simple
                or received is None
                or (counted and (node._extra is not None or id(node) in wanted))
            ):
                received = None
                self._step(state)
                return
            state[HELD] = None
            try:
                if received.__class__ is ndarray:
                    following = node._flow(self, edges, received, counted)
                    if following is NotImplemented:
                        cotangents = node._backward(edges, wrap(received))
                    else:
                        cotangents = ()
                else:
                    following = NotImplemented
                    cotangents = node._backward(edges, received)
            except BaseException:
                if not counted:
                    self._settle(state)
                raise
            received = None
            if following is NotImplemented:
                if not keep:
                    node._release()
                following = None
                for edge, cotangent in zip(edges, cotangents):
                    if edge is None:
                        continue
                    link = states.get(id(edge))
                    if link is None:
                        if edge.__class__ is tuple:
                            link = self._deliver(edge, cotangent, node, 0)
                            cotangent = None
                        else:
                            link = states[id(edge)] = edge._begin()
                            if not link[SIMPLE]:
                                self._look_at(edge)
                            if following is None and link[EDGES] is not None:
                                following = link
                            else:
                                self._ready(link)
                    if cotangent is not None:
                        cotangent = self._fitting(cotangent, link[SHAPE], link[DTYPE], node, 0)
                        if link[HELD] is None:
                            link[HELD] = cotangent
                        else:
                            self._add(link, cotangent)
                    if counted:
                        link[LEFT] = left = link[LEFT] - 1
                        if not left:
                            if following is None and link[EDGES] is not None:
                                following = link
                            else:
                                self._ready(link)
                # What is still held here would make the gradients look shared.
                cotangents = cotangent = None
            if counted:
                if self.leaves:
                    self._drain()
            elif self.watched:
                if following is not None:
                    self._ready(following)
                self._settle(followed=edges)
                return
            if following is None:
                return
            state = following
            if heap and heap[0][0] < -state[TARGET]._number:  # something else comes first
                self._ready(state)
                return

    def _watched_step(self, state: list[Any]) -> None:
        """One node under anomaly detection: a warning says where the call was made whose derivative fails."""
        from . import saving

        before = getattr(saving.running, "node", None)
        saving.running.node = state[TARGET]
        try:
            self._step(state)
        except Exception:
            saving.warn_of(state[TARGET])
            raise
        finally:
            saving.running.node = before

    def _step(self, state: list[Any]) -> None:
        """Run one node, whatever hangs on it."""
        node, edges = state[TARGET], state[EDGES]
        received, state[HELD] = state[HELD], None
        if received.__class__ is dict:
            received = {number: as_tensor(value) for number, value in received.items()}
        else:
            received = as_tensor(received)
        extra = node._extra
        runs = not self.restricted or id(node) in self.forced or any(edge is not None for edge in edges)
        if self.restricted and runs:
            self._capture(node, received)  # what runs anyway is captured before its hooks
        if extra is not None:
            received = run_tensor_hooks(extra, received, self.create)
        if not runs:
            self._capture(node, received)
            return
        try:
            cotangents = run_node(node, edges, received)
        except BaseException:
            if not self.counted:
                self._settle(state)
            raise
        if not self.keep:
            node._release()
        if modes.anomaly:
            check_nan(node, cotangents)
        for index, (edge, cotangent) in enumerate(zip(edges, cotangents, strict=False)):
            if edge is None:
                continue
            link = self._deliver(edge, cotangent, node, index)
            if self.counted:
                link[LEFT] -= 1
                if not link[LEFT]:
                    self._ready(link)
        if self.counted:
            self._drain()
        elif self.watched:
            self._settle(followed=edges)

    def _capture(self, node: Any, received: Any) -> None:
        if self.captures is None or received is None:
            return
        for number, cotangent in received.items() if received.__class__ is dict else ((0, received),):
            if (node, number) in self.captures:
                self.captured[(node, number)] = cotangent

    def _leaf(self, leaf: Any, state: list[Any]) -> None:
        """All contributions to a leaf's gradient have arrived: its hooks, then the sum, then hooks on the result."""
        cotangent, state[HELD] = state[HELD], None
        extra = leaf._extra
        node_hooks = None
        if extra is not None:
            if extra.hooks:
                cotangent = run_hooks(extra.hooks, as_tensor(cotangent))
            node_hooks = extra.node_hooks
        if self.restricted:
            if self.captures is not None:
                if (leaf, 0) in self.captures:
                    self.captured[(leaf, 0)] = as_tensor(cotangent)
                return
            if id(leaf) not in self.forced:
                return
        if node_hooks is not None and node_hooks.pre:
            (cotangent,) = run_prehooks(node_hooks.pre, (as_tensor(cotangent),))
        if cotangent is not None and leaf._requires_grad:
            holder = [cotangent]
            if node_hooks is None or not node_hooks.post:
                cotangent = None
            receive(leaf, holder, 0, self.create)
            if extra is not None and extra.post_accumulate:
                for hook in list(extra.post_accumulate.values()):
                    changed = hook(leaf)
                    if changed is not None and not isinstance(changed, Tensor):
                        raise TypeError(f"expected Variable, but hook returned '{type(changed).__name__}'")
        if node_hooks is not None and node_hooks.post:
            run_posthooks(node_hooks.post, (), (as_tensor(cotangent),))


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


def retain(tensor: Any) -> None:
    """Keep the gradient of a tensor that is not a leaf."""
    node, number = port_of(tensor._edge)
    extra = node._rarities()
    if extra.retained is None:
        extra.retained = {}
    extra.retained[number] = weakref.ref(tensor)
    extra_of(tensor).retains_grad = True


__all__ = ["Node", "Task", "conform", "edge_of", "facts_of", "port_of", "retain", "run"]
