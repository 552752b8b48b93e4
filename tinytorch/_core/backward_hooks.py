"""Hooks during a backward pass: what they are given, what they may return, and torch's texts where they return something else."""

from __future__ import annotations

from typing import Any

import numpy as np

from .modes import modes
from .promotion import legacy_name
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
