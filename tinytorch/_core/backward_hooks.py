"""Hooks during a backward pass: when they run, what they are given, what they may return, and torch's texts otherwise."""

from __future__ import annotations

from typing import Any

import numpy as np

from .element_types import Named
from .gradients import conform, contiguous_copy
from .graph import facts_of, received_by
from .modes import modes
from .tensor import Tensor


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
    if changed.dtype is not before.dtype:
        raise RuntimeError(
            f"hook '{_hook_name(hook)}' has changed the type of value (was {Named(before._key._dtype).tensor} got "
            f"{Named(changed._key._dtype).tensor})"
        )
    if changed.shape != before.shape:
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


def run_prehooks(hooks: dict[int, Any], outputs: tuple[Any, ...]) -> tuple[Any, ...]:
    for hook in list(hooks.values()):
        outputs = _replace(outputs, hook(outputs), hook)
    return outputs


def run_posthooks(
    hooks: dict[int, Any], inputs: tuple[Any, ...], outputs: tuple[Any, ...]
) -> tuple[Any, ...]:
    for hook in list(hooks.values()):
        inputs = _replace(inputs, hook(inputs, outputs), hook)
    return inputs


def check_nan(node: Any, cotangents: Any) -> None:
    if not modes.anomaly_nan:
        return
    for index, cotangent in enumerate(cotangents):
        if isinstance(cotangent, Tensor) and cotangent._key._dtype._category in ("float", "complex"):
            if np.isnan(cotangent._array).any():
                raise RuntimeError(f"Function '{node.name()}' returned nan values in its {index}th output.")


def run_tensor_hooks(extra: Any, received: Any, create: bool) -> Any:
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
                    cotangent.clone() if cotangent._requires_grad and create else contiguous_copy(cotangent)
                )
    if multiple or len(values) > 1:
        return values
    return values[0]


def run_node(node: Any, edges: tuple[Any, ...], received: Any) -> Any:
    """What flows along `edges`: the node's own function between its hooks."""
    extra = node._extra
    arity = node._arity
    if extra is not None and extra.pre:
        outputs = run_prehooks(extra.pre, received_by(node, received))
        received = {number: value for number, value in enumerate(outputs) if value is not None} or None
    if received is None and not node._accepts_nothing:
        cotangents: Any = (None,) * len(edges)
    elif received.__class__ is dict:
        cotangents = node._backward(edges, *[received.get(i) for i in range(arity)])
    elif received is None:
        cotangents = node._backward(edges, *[None] * arity)
    else:
        cotangents = node._backward(edges, received)
    if extra is not None and extra.post:
        cotangents = [
            cotangent
            if edge is None or cotangent is None
            else conform(cotangent, *facts_of(edge), node, index)
            for index, (edge, cotangent) in enumerate(zip(node._edges, cotangents, strict=False))
        ]
        cotangents = run_posthooks(extra.post, tuple(cotangents), received_by(node, received))
    return cotangents
