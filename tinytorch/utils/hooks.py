"""Handles of registered hooks, and the pair of graph nodes that gives a module its full backward hooks."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from .._core.construct import warn_if_has_hooks
from .._core.graph import edge_of
from .._core.modes import modes
from .._core.mutation import wrap_view
from .._core.node import Node, RemovableHandle
from .._core.tensor import Tensor

__all__ = ["RemovableHandle", "unserializable_hook", "warn_if_has_hooks", "BackwardHook"]


def unserializable_hook(f: Any) -> Any:
    """Mark a hook that must not be pickled."""
    f.__torch_unserializable__ = True
    return f


class _BackwardHookFunctionBackward(Node):
    """Passes cotangents on unchanged: a place in the graph for hooks."""

    __slots__ = ("_arity", "_outputs")

    def __init__(self, tensors: list[Any]) -> None:
        edges = tuple([edge_of(tensor) for tensor in tensors])
        super().__init__(edges, tensors[0]._array.shape, tensors[0]._key._dtype)
        self._arity = len(tensors)
        self._outputs = [(t._array.shape, t._key._dtype) for t in tensors]

    def _output(self, number: int) -> tuple[tuple[int, ...], Any]:
        return self._outputs[number]

    def _backward(self, edges: Any, *cotangents: Any) -> tuple[Any, ...]:
        return cotangents


_BackwardHookFunctionBackward.__name__ = "BackwardHookFunctionBackward"


def _mark(tensors: list[Any]) -> tuple[list[Any], Node]:
    """Aliases of `tensors` whose history is one node of their own."""
    node = _BackwardHookFunctionBackward(tensors)
    aliases = []
    for number, tensor in enumerate(tensors):
        alias = wrap_view(tensor, tensor._array, "custom")
        if tensor.requires_grad:
            alias._edge = (node, number) if len(tensors) > 1 else node
        aliases.append(alias)
    return aliases, node


class BackwardHook:
    """Calls a module's backward hooks with the gradients of its inputs and outputs.

    The inputs pass through one marker node and the outputs through another. The hook on the outputs' node notes their gradients (and
    lets the pre-hooks change them), that on the inputs' node calls the user's hooks with both.
    """

    def __init__(
        self, module: Any, user_hooks: list[Callable[..., Any]], user_pre_hooks: list[Callable[..., Any]]
    ) -> None:
        self.user_hooks = user_hooks
        self.user_pre_hooks = user_pre_hooks
        self.module = module
        self.grad_outputs: Any = None
        self.n_outputs = -1
        self.output_tensors_index: list[int] | None = None
        self.n_inputs = -1
        self.input_tensors_index: list[int] | None = None

    def _mark_tensors(
        self, register: Callable[[Node], None], values: tuple[Any, ...]
    ) -> tuple[Any, list[int] | None]:
        places = [i for i, value in enumerate(values) if isinstance(value, Tensor)]
        if not (modes.grad and any(values[i].requires_grad for i in places)):
            return values, None
        aliases, node = _mark([values[i] for i in places])
        register(node)
        changed = list(values)
        for place, alias in zip(places, aliases, strict=True):
            changed[place] = alias
        if type(values) is tuple:
            return tuple(changed), places
        return type(values)(*changed), places

    def _spread(self, places: list[int], gradients: Any, count: int) -> tuple[Any, ...]:
        spread: list[Any] = [None] * count
        for place, gradient in zip(places, gradients, strict=True):
            spread[place] = gradient
        return tuple(spread)

    def setup_input_hook(self, args: Any) -> Any:
        """The inputs, marked."""

        def register(node: Node) -> None:
            node.register_hook(self._run_user_hooks)

        marked, self.input_tensors_index = self._mark_tensors(register, args)
        self.n_inputs = len(args)
        return marked

    def _run_user_hooks(self, grad_input: Any, _: Any) -> Any:
        if self.grad_outputs is None:
            return None  # the outputs' node was not reached
        assert self.input_tensors_index is not None
        current = self._spread(self.input_tensors_index, grad_input, self.n_inputs)
        for hook in self.user_hooks:
            given = hook(self.module, current, self.grad_outputs)
            if given is None:
                continue
            if isinstance(given, Tensor):
                given = (given,)
            if len(given) != len(current):
                raise RuntimeError(
                    f"Backward hook returned an invalid number of grad_input, got {len(given)}, but expected {len(current)}"
                )
            current = given
        self.grad_outputs = None
        return tuple(current[i] for i in self.input_tensors_index)

    def setup_output_hook(self, args: Any) -> Any:
        """The outputs, marked."""

        def register(node: Node) -> None:
            node.register_hook(self._note_outputs)

        several = isinstance(args, tuple)
        values = args if several else (args,)
        marked, self.output_tensors_index = self._mark_tensors(register, values)
        self.n_outputs = len(values)
        return marked if several else marked[0]

    def _note_outputs(self, _: Any, grad_output: Any) -> Any:
        assert self.output_tensors_index is not None
        self.grad_outputs = self._spread(self.output_tensors_index, grad_output, self.n_outputs)
        expected = len(self.grad_outputs)
        for hook in self.user_pre_hooks:
            given = hook(self.module, self.grad_outputs)
            if given is None:
                continue
            given = given if isinstance(given, tuple) else (given,)
            if len(given) != expected:
                raise RuntimeError(
                    f"Backward pre hook returned an invalid number of grad_output, got {len(given)}, but expected {expected}"
                )
            self.grad_outputs = given
        noted = self.grad_outputs
        if self.input_tensors_index is None:
            warnings.warn(
                "Full backward hook is firing when gradients are computed with respect to module outputs since no inputs require "
                "gradients. See https://docs.pytorch.org/docs/main/generated/torch.nn.Module.html#torch.nn.Module.register_full_backward_hook "
                "for more details.",
                stacklevel=5,
            )
            nothing = self._spread([], [], self.n_inputs)
            for hook in self.user_hooks:
                result = hook(self.module, nothing, self.grad_outputs)
                if result is not None and not (
                    isinstance(result, tuple) and all(item is None for item in result)
                ):
                    raise RuntimeError(
                        "Backward hook for Modules where no input requires gradient should always return None or None for all gradients."
                    )
            self.grad_outputs = None
        return tuple(noted[i] for i in self.output_tensors_index)
