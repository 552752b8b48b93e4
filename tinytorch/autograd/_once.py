"""Backward formulas that cannot be differentiated again. Source: torch's documentation, torch.autograd.function.once_differentiable."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from .._core.modes import modes
from .._core.node import Node
from .._core.tensor import Tensor, make


def once_differentiable(fn: Callable[..., Any]) -> Callable[..., Any]:
    """Marks a backward that cannot itself be differentiated: what it returns raises when somebody tries."""

    @functools.wraps(fn)
    def wrapper(ctx: Any, *args: Any) -> Any:
        before = modes.grad
        modes.grad = False
        try:
            outputs = fn(ctx, *args)
        finally:
            modes.grad = before
        if not modes.grad or not any(isinstance(item, Tensor) and item.requires_grad for item in args):
            return outputs
        items = outputs if isinstance(outputs, tuple) else (outputs,)
        node = _DelayedError(
            "trying to differentiate twice a function that was marked with @once_differentiable", items
        )
        results = tuple(
            [None if item is None else node.attach(item, number) for number, item in enumerate(items)]
        )
        return results if isinstance(outputs, tuple) else results[0]

    return wrapper


class _DelayedError(Node):
    """A node that raises when a gradient reaches it."""

    def __init__(self, message: str, items: tuple[Any, ...]) -> None:
        super().__init__(())
        self._message = message
        self._facts = [
            (tuple(item._array.shape), item._key._dtype) if item is not None else ((), None) for item in items
        ]

    @property
    def _arity(self) -> int:  # type: ignore[override]
        return len(self._facts)

    def _output(self, number: int) -> tuple[tuple[int, ...], Any]:
        return self._facts[number]

    def name(self) -> str:
        return "torch::autograd::Error"

    def attach(self, item: Any, number: int) -> Any:
        result = make(Tensor, item._array, item._key)
        result._edge = (self, number)
        result._requires_grad = True
        return result

    def _backward(self, edges: Any, *cotangents: Any) -> tuple[Any, ...]:
        raise RuntimeError(self._message)


_DelayedError.__name__ = "Error"
