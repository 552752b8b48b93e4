"""Nodes of the autograd graph: one object per recorded operator call.

An edge is None (no gradient wanted), a leaf tensor, a node with one output, or a pair (node, output number). Generated subclasses
add `backward`, which maps output cotangents to input cotangents, and hold what it needs in slots.
"""

from __future__ import annotations

import weakref
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from .device import device as device_class
from .modes import next_number
from .tensor import extra_of


class RemovableHandle:
    """A registered hook; `remove` takes it out again. Source: torch.utils.hooks.RemovableHandle."""

    __module__ = "torch.utils.hooks"
    _next_id = 0

    def __init__(self, hooks: dict[int, Any], *, extra_dict: Any = None) -> None:
        self.hooks_dict_ref = weakref.ref(hooks)
        self.id = RemovableHandle._next_id
        RemovableHandle._next_id += 1
        others = [] if extra_dict is None else extra_dict if isinstance(extra_dict, list) else [extra_dict]
        self.extra_dict_ref = tuple(weakref.ref(other) for other in others)

    def remove(self) -> None:
        for reference in (self.hooks_dict_ref, *self.extra_dict_ref):
            hooks = reference()
            if hooks is not None:
                hooks.pop(self.id, None)

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *exception: object) -> None:
        self.remove()


#: Hooks by id, in order of registration; handles refer to it weakly, which a plain dict does not allow.
Hooks = OrderedDict[int, Callable[..., Any]]


class InputMetadata:
    """What a node knows of a cotangent it expects."""

    device = device_class("cpu")
    is_nested_tensor = is_cpp_nested_tensor = False

    def __init__(self, shape: tuple[int, ...], element_type: Any) -> None:
        self.shape = list(shape)
        self.dtype = element_type


InputMetadata.__name__ = InputMetadata.__qualname__ = "_InputMetadata"
InputMetadata.__module__ = "torch._C._autograd"


class NodeExtra:
    """Hooks on a node and what else only some nodes carry."""

    __slots__ = ("metadata", "post", "pre", "retained", "tensor_pre", "traceback")

    def __init__(self) -> None:
        self.metadata: dict[Any, Any] = {}
        self.post: Hooks | None = None
        self.pre: Hooks | None = None
        self.tensor_pre: list[tuple[int, Hooks]] | None = (
            None  # (output number, hooks of that output's tensor)
        )
        self.retained: dict[int, Any] | None = None  # output number -> weak reference to the tensor
        self.traceback: Any = None


class NodeMeta(type):
    """Nodes' classes print as torch's do."""

    def __repr__(cls) -> str:
        return f"<class '{cls.__name__}'>"


#: Nodes that torch does not generate from derivative formulas; they give their names with a namespace.
_QUALIFIED = frozenset(("AccumulateGrad", "CopySlices", "NotImplemented"))


class Node(metaclass=NodeMeta):
    """One recorded call: `edges` to its inputs' makers, `number` in order of creation, `shape` and `dtype` of its output."""

    __slots__ = ("__weakref__", "_dtype", "_edges", "_extra", "_number", "_released", "_shape")

    _arity = 1
    #: Whether `_backward` is to be called even if no output received a cotangent.
    _accepts_nothing = False
    #: Whether a cotangent that travels as an array may have any strides; rules on arrays may want it contiguous.
    _any_order = True
    #: Whether going back through the node runs code that is not the engine's.
    _runs_user_code = False
    #: The names under which saved values show as `_saved_<name>`; filled by the compiler.
    _saved_names: tuple[str, ...] = ()
    #: Saved tensors among the inputs, and (name, output number) of saved outputs.
    _saved_inputs: tuple[str, ...] = ()
    _saved_results: tuple[tuple[str, int | None], ...] = ()

    def __init__(self, edges: tuple[Any, ...] = (), shape: tuple[int, ...] = (), dtype: Any = None) -> None:
        self._edges = edges
        self._shape = shape
        self._dtype = dtype
        self._extra: NodeExtra | None = None
        self._number = next_number()
        self._released = False

    def _backward(self, edges: tuple[Any, ...], *cotangents: Any) -> tuple[Any, ...]:
        """Cotangents of the inputs from those of the outputs, in the order of `edges`: the node's own, None where none is wanted."""
        raise NotImplementedError(f"derivative for {type(self).__name__} is not implemented")

    def _flow(self, task: Any, edges: tuple[Any, ...], cotangent: Any, counted: bool) -> Any:
        """A whole step of the backward pass `task` on arrays: `_backward`, `_release`, and handing on along `edges`.

        Returns the state of the target that may run next, if any, or NotImplemented, and then nothing has happened. Only operators
        that have rules on arrays (`.native`) do otherwise than this.
        """
        return NotImplemented

    def _begin(self) -> list[Any]:
        """The node's state when a backward pass first meets it; see backward.py."""
        simple = self._extra is None and self._arity == 1 and not self._runs_user_code
        return [0, None, False, self, self._shape, self._dtype, self._edges, simple]

    def _release(self) -> None:
        """Drop what was saved for the backward pass."""
        self._released = True

    def _output(self, number: int) -> tuple[tuple[int, ...], Any]:
        """Shape and dtype of the given output."""
        return self._shape, self._dtype

    def name(self) -> str:
        name = type(self).__name__
        return f"torch::autograd::{name}" if name in _QUALIFIED else name

    @property
    def next_functions(self) -> tuple[tuple[Any, int], ...]:
        return tuple(as_function(edge) for edge in self._edges)

    @property
    def metadata(self) -> dict[Any, Any]:
        return self._rarities().metadata

    @property
    def _input_metadata(self) -> tuple[InputMetadata, ...]:
        return tuple([InputMetadata(*self._output(number)) for number in range(self._arity)])

    def _sequence_nr(self) -> int:
        return self._number

    def _rarities(self) -> NodeExtra:
        if self._extra is None:
            self._extra = NodeExtra()
        return self._extra

    def register_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(grad_inputs, grad_outputs)` after this node; it may return other grad_inputs."""
        extra = self._rarities()
        if extra.post is None:
            extra.post = Hooks()
        return _register(extra.post, hook)

    def register_prehook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(grad_outputs)` before this node; it may return other grad_outputs."""
        extra = self._rarities()
        if extra.pre is None:
            extra.pre = Hooks()
        return _register(extra.pre, hook)

    def __call__(self, *cotangents: Any) -> Any:
        results = self._backward(self._edges, *cotangents)
        return results[0] if len(results) == 1 else results

    def __repr__(self) -> str:
        return f"<{type(self).__name__} object at {hex(id(self))}>"


def released_message() -> str:
    return (
        "Trying to backward through the graph a second time (or directly access saved tensors after they have already been freed). "
        "Saved intermediate values of the graph are freed when you call .backward() or autograd.grad(). "
        "Specify retain_graph=True if you need to backward through the graph a second time or if you need to access saved tensors "
        "after calling backward."
    )


def _register(hooks: Hooks, hook: Callable[..., Any]) -> RemovableHandle:
    handle = RemovableHandle(hooks)
    hooks[handle.id] = hook
    return handle


class AccumulateGrad(Node):
    """How a leaf appears in `next_functions`. The engine itself refers to the leaf directly."""

    __slots__ = ("variable",)

    def __init__(self, leaf: Any) -> None:
        super().__init__((), tuple(leaf._array.shape), leaf._key._dtype)
        self.variable = leaf

    def _rarities(self) -> NodeExtra:
        # Hooks belong to the leaf: this object may be dropped and made again.
        extra = extra_of(self.variable)
        if extra.node_hooks is None:
            extra.node_hooks = NodeExtra()
        self._extra = extra.node_hooks
        return self._extra

    def _sequence_nr(self) -> int:
        return 2**64 - 1


def accumulator(leaf: Any) -> AccumulateGrad:
    """The AccumulateGrad node of `leaf`: one and the same object while anybody holds it."""
    extra = extra_of(leaf)
    node = extra.accumulator() if extra.accumulator is not None else None
    if node is None:
        node = AccumulateGrad(leaf)
        extra.accumulator = weakref.ref(node)
    return node


def as_function(edge: Any) -> tuple[Any, int]:
    """An edge as torch shows it: (node, output number)."""
    if edge is None:
        return (None, 0)
    if edge.__class__ is tuple:
        if edge[0]._arity:
            return edge
        edge = edge[0]  # a leaf, as the stand-in of a conjugated leaf refers to it
    if edge._arity == 0:
        return (accumulator(edge), 0)
    return (edge, 0)
