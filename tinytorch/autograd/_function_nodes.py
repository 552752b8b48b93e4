"""The node of a custom function: what it saves, and how the user's backward is called. Source: torch's documentation, "Extending PyTorch"."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from .._core import mutation, saving
from .._core.dispatch import stale
from .._core.modes import modes, next_number
from .._core.node import Node, released_message
from .._core.tensor import Tensor, wrap


class _Saved:
    """One tensor given to `save_for_backward`: itself, or, for an output, its elements (the node would hold itself otherwise)."""

    __slots__ = ("counter", "key", "output", "packed", "tensor", "version")

    def __init__(self, tensor: Any, output: int | None) -> None:
        self.output = output
        self.counter = tensor._counter if output is None else mutation.counter_of(tensor)
        self.version = 0 if self.counter is None else self.counter[0]
        self.packed: Any = None
        self.key = tensor._key
        if modes.saved_tensor_hooks:
            hooks = modes.saved_tensor_hooks[-1]
            self.packed = (
                saving._pack_result(tensor, hooks) if output is not None else saving.Packed(tensor, hooks)
            )
            self.tensor: Any = None
        else:
            self.tensor = tensor if output is None else tensor._array

    def get(self, node: Any) -> Any:
        edge = None if self.output is None else (node, self.output)
        if self.packed is not None:
            return self.packed.tensor(edge)
        if edge is None:
            counter = self.tensor._counter
            if counter is not None and counter[-1] != self.version:
                stale(node, self.tensor, self.version)
            return self.tensor
        if self.counter[-1] != self.version:
            saving.raise_stale_output(self.tensor, self.key, edge, self.counter, self.version)
        from .._core.dispatch import revive

        return revive(self.tensor, self.key, self.counter, edge)


class _FunctionBase(Node):
    """What torch implements in C: the node of a custom function, and the machinery of `apply`."""

    __module__ = "torch._C"
    _accepts_nothing = True
    _runs_user_code = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        # Plain objects until `apply` records them; user code sets any attribute it likes.
        self._edges = ()
        self._extra = None
        self._number = next_number()
        self._shape = ()
        self._dtype = None
        self._facts: list[tuple[tuple[int, ...], Any]] = []
        self._tensor_inputs: tuple[bool, ...] = ()
        self._saved: list[Any] | None = None
        self.needs_input_grad: tuple[bool, ...] = ()
        self.materialize_grads = True
        self.to_save: Any = None
        self.non_differentiable: Any = None
        self.dirty_tensors: Any = None
        self.saved_for_forward: Any = None
        self._materialize_non_diff_grads = True
        self._released = False

    @property
    def _arity(self) -> int:  # type: ignore[override]
        return len(self._facts)

    def _output(self, number: int) -> tuple[tuple[int, ...], Any]:
        return self._facts[number]

    def name(self) -> str:
        return type(self).__name__

    @property
    def requires_grad(self) -> bool:
        return any(self.needs_input_grad)

    @property
    def saved_tensors(self) -> tuple[Any, ...]:
        """What was given to `save_for_backward`. Raises RuntimeError once the graph was freed, or if a tensor was overwritten since."""
        if self._released:
            raise RuntimeError(released_message())
        if self._saved is None:
            return ()
        return tuple([None if item is None else item.get(self) for item in self._saved])

    @property
    def saved_variables(self) -> tuple[Any, ...]:
        warnings.warn(
            "'saved_variables' is deprecated; use 'saved_tensors'", DeprecationWarning, stacklevel=2
        )
        return self.saved_tensors

    @property
    def _raw_saved_tensors(self) -> tuple[Any, ...]:
        if self._released:
            raise RuntimeError(released_message())
        return tuple([_RawSaved(self, item) for item in self._saved or ()])

    def maybe_clear_saved_tensors(self) -> None:
        self._release()

    def _release(self) -> None:
        self._released = True
        self._saved = None

    def _backward(self, edges: Any, *cotangents: Any) -> tuple[Any, ...]:
        if self.materialize_grads:
            cotangents = tuple(
                [
                    wrap(np.zeros(shape, element_type._numpy))
                    if cotangent is None and element_type is not None
                    else cotangent
                    for cotangent, (shape, element_type) in zip(cotangents, self._facts, strict=True)
                ]
            )
        results = self.apply(*cotangents)  # type: ignore[attr-defined]
        if not isinstance(results, tuple):
            results = (results,)
        expected = len(self._tensor_inputs)
        count = len(results)
        if count > expected and all(item is None for item in results[expected:]):
            results, count = results[:expected], expected
        if count != expected:
            raise RuntimeError(
                f"function {self.name()} returned an incorrect number of gradients (expected {expected}, got {count})"
            )
        kept = []
        for position, (is_tensor, item) in enumerate(zip(self._tensor_inputs, results, strict=True)):
            if not is_tensor:
                if item is not None:
                    raise RuntimeError(
                        f"function {self.name()} returned a gradient different than None at position {position + 1}, but the corresponding "
                        "forward input was not a Variable"
                    )
                continue
            if item is not None and not isinstance(item, Tensor):
                raise RuntimeError(f"expected Variable or None (got {type(item).__name__})")
            kept.append(item)
        return tuple(kept)


class _RawSaved:
    """One entry of `_raw_saved_tensors`; hooks may be registered on it."""

    def __init__(self, node: Any, item: Any) -> None:
        self._node, self._item = node, item

    def register_hooks(self, pack_hook: Callable[..., Any], unpack_hook: Callable[..., Any]) -> None:
        item = self._item
        if item is None:
            raise RuntimeError("Calling register_hooks on a saved tensor with value None is forbidden")
        if item.packed is not None:
            raise RuntimeError(
                "Calling register_hooks on a saved tensor whose hooks have already been set. Hint: only one pair of hooks is allowed at a time."
            )
        tensor = item.get(self._node)
        hooks = (pack_hook, unpack_hook)
        item.packed = (
            saving._pack_result(tensor, hooks)
            if item.output is not None
            else saving.Packed(tensor, hooks, tensor.detach())
        )
        item.tensor = None
