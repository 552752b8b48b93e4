"""Looking at and reaching into the graph. Source: torch's documentation, torch.autograd.graph."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from .._core import backward as _engine
from .._core import saving as _saving
from .._core.modes import modes as _modes
from .._core.mutation import InferenceCounter as _InferenceCounter
from .._core.node import Node as _CoreNode
from .._core.node import RemovableHandle, as_function
from .._core.tensor import Tensor, counter_of
from .._core.tensor import make as _make

__all__ = [
    "GradientEdge",
    "Node",
    "allow_mutation_on_saved_tensors",
    "disable_saved_tensors_hooks",
    "get_gradient_edge",
    "increment_version",
    "register_multi_grad_hook",
    "save_on_cpu",
    "saved_tensors_hooks",
]


class Node(ABC):
    """What every `grad_fn` is an instance of."""

    __module__ = "torch.autograd.graph"

    @abstractmethod
    def name(self) -> str:
        """What torch calls nodes of this kind."""
        raise NotImplementedError

    @property
    @abstractmethod
    def next_functions(self) -> tuple[tuple[Any, int], ...]:
        """The nodes that the gradients go to, and to which of their outputs."""
        raise NotImplementedError

    @abstractmethod
    def metadata(self) -> dict[Any, Any]:
        """Room for whatever a program wants to keep with the node."""
        raise NotImplementedError

    @property
    @abstractmethod
    def _input_metadata(self) -> list[Any]:
        raise NotImplementedError

    @abstractmethod
    def _sequence_nr(self) -> int:
        raise NotImplementedError

    @abstractmethod
    def _register_hook_dict(self, tensor: Any) -> None:
        raise NotImplementedError

    @abstractmethod
    def register_hook(self, fn: Callable[..., Any]) -> RemovableHandle:
        """Call `fn(grad_inputs, grad_outputs)` when the node has run."""
        raise NotImplementedError

    @abstractmethod
    def register_prehook(self, fn: Callable[..., Any]) -> RemovableHandle:
        """Call `fn(grad_outputs)` before the node runs."""
        raise NotImplementedError


Node.register(_CoreNode)


class GradientEdge(NamedTuple):
    """One place in the graph where a gradient flows: a node and one of its outputs."""

    node: Any
    output_nr: int
    ownership_token: Any = None


def get_gradient_edge(tensor: Any) -> GradientEdge:
    """The edge on which the gradient of `tensor` is computed; `grad` and `backward` take it in the tensor's place."""
    if not tensor.requires_grad:
        raise RuntimeError(
            "It is not possible to get the gradient edge for a Tensor that does not require gradients"
        )
    edge = _engine.edge_of(tensor)
    if edge is None:
        raise AssertionError("Expected gradient function to be set")
    node, number = as_function(edge)
    return GradientEdge(node, number)


def increment_version(tensor: Any) -> None:
    """Say that elements of `tensor` (or of several) were overwritten behind the engine's back."""
    if not isinstance(tensor, Tensor | Iterable):
        raise RuntimeError("increment_version expect a Iterable[Tensor] as input")
    for item in (tensor,) if isinstance(tensor, Tensor) else tensor:
        if item._counter.__class__ is not _InferenceCounter:
            counter_of(item)[0] += 1


#: Why saved-tensor hooks may not be used at present, in this thread.
_disabled = threading.local()


def _push(hooks: tuple[Callable[..., Any], Callable[..., Any]]) -> None:
    message = getattr(_disabled, "message", None)
    if message is not None:
        raise RuntimeError(message)
    _modes.saved_tensor_hooks = (*_modes.saved_tensor_hooks, hooks)
    _saving.listen()


def _pop() -> None:
    _modes.saved_tensor_hooks = _modes.saved_tensor_hooks[:-1]
    _saving.unlisten()


class saved_tensors_hooks:
    """Inside, whatever operations save for backward goes through `pack_hook`, and comes back through `unpack_hook`."""

    __module__ = "torch.autograd.graph"

    def __init__(self, pack_hook: Callable[[Any], Any], unpack_hook: Callable[[Any], Any]) -> None:
        self.pack_hook = pack_hook
        self.unpack_hook = unpack_hook

    def __enter__(self) -> None:
        _push((self.pack_hook, self.unpack_hook))

    def __exit__(self, *exception: object) -> None:
        _pop()


class save_on_cpu(saved_tensors_hooks):
    """Inside, saved tensors are kept on the CPU, where all of them are already."""

    __module__ = "torch.autograd.graph"

    def __init__(self, pin_memory: bool = False, device_type: str = "cuda") -> None:
        def pack(tensor: Any) -> tuple[Any, Any]:
            if not pin_memory:
                return (tensor.device, tensor.cpu())
            return (tensor.device, tensor.clone())

        def unpack(packed: tuple[Any, Any]) -> Any:
            device, tensor = packed
            return tensor.to(device, non_blocking=pin_memory)

        super().__init__(pack, unpack)


@contextmanager
def disable_saved_tensors_hooks(error_message: str) -> Iterator[None]:
    """Inside, using saved-tensor hooks raises RuntimeError(error_message)."""
    before = getattr(_disabled, "message", None)
    if _modes.saved_tensor_hooks:
        raise RuntimeError(error_message)
    _disabled.message = error_message
    try:
        yield
    finally:
        _disabled.message = before


class _MultiHandle(RemovableHandle):
    def __init__(self, handles: tuple[RemovableHandle, ...]) -> None:
        self.handles = handles

    def remove(self) -> None:
        for handle in self.handles:
            handle.remove()


def register_multi_grad_hook(
    tensors: Sequence[Any], fn: Callable[..., None], *, mode: str = "all"
) -> RemovableHandle:
    """Call `fn` once per backward pass: with all gradients ("all") when the last one is there, or with the first ("any")."""
    if mode not in ("all", "any"):
        raise ValueError(f"Expects mode to be one of {('all', 'any')} but got {mode}")
    lock = threading.Lock()
    if mode == "any":
        ran: dict[int, Any] = {}

        def first(grad: Any) -> None:
            task = _engine.current.task
            with lock:
                done = ran.get(id(task)) is task
                ran.clear()
                ran[id(task)] = task
            if not done:
                fn(grad)

        return _MultiHandle(tuple(tensor.register_hook(first) for tensor in tensors if tensor.requires_grad))
    targets = [_engine.port_of(_engine.edge_of(tensor))[0] for tensor in tensors]
    pending: dict[Any, tuple[int, list[Any]]] = {}

    def collector(index: int) -> Callable[[Any], None]:
        def collect(grad: Any) -> None:
            task = _engine.current.task
            with lock:
                if task not in pending:
                    pending[task] = (sum(map(task.will_run, targets)), [None] * len(targets))
                left, grads = pending[task]
                grads[index] = grad
                pending[task] = (left - 1, grads)
                if left == 1:
                    del pending[task]
            if left == 1:
                fn(grads)

        return collect

    return _MultiHandle(tuple(tensor.register_hook(collector(index)) for index, tensor in enumerate(tensors)))


class _AllowMutationOnSavedContext:
    """What `allow_mutation_on_saved_tensors` keeps: copies of saved tensors; `clear` drops them."""

    def __init__(self) -> None:
        self._copies: list[Any] = []

    def clear(self) -> None:
        self._copies.clear()


@contextmanager
def allow_mutation_on_saved_tensors() -> Iterator[Any]:
    """Inside, saved tensors may be overwritten: backward sees what they were.

    torch copies a saved tensor when it is first overwritten; here every saved tensor is copied at once, which gives the same numbers.
    """
    context = _AllowMutationOnSavedContext()

    def pack(tensor: Any) -> Any:
        copy = _make(Tensor, tensor._array.copy(order="K"), tensor._key)
        context._copies.append(copy)
        return copy

    def unpack(copy: Any) -> Any:
        if not any(copy is kept for kept in context._copies):
            raise AssertionError(
                "Trying to backward outside of the 'allow_mutation_on_saved_tensors' contextin which the graph was originally recorded."
            )
        return copy

    try:
        with saved_tensors_hooks(pack, unpack):
            yield context
    finally:
        context.clear()


def set_warn_on_accumulate_grad_stream_mismatch(enabled: bool) -> None:
    """Concerns streams of accelerators; there are none."""


def set_override_stale_capture_stream(enabled: bool) -> None:
    """Concerns streams of accelerators; there are none."""


def region_activation_memory_budget(budget: float) -> Any:
    """Only for compiled regions: raises RuntimeError outside of them, as in torch."""
    if isinstance(budget, bool) or not isinstance(budget, int | float):
        raise TypeError(
            f"torch.autograd.graph.region_activation_memory_budget: expects a float, got {type(budget).__name__}"
        )
    if not 0.0 <= budget <= 1.0:
        raise ValueError(
            f"torch.autograd.graph.region_activation_memory_budget: must be in [0, 1], got {budget}"
        )
    raise RuntimeError(
        "torch.autograd.graph.region_activation_memory_budget can only be used inside a torch.compile region; it has no effect in eager mode."
    )
