"""What the optimizers' steps have in common: checks of options, walking over parameters, and state."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import tinytorch as torch

from .optimizer import _new_step


def check_lr(lr: Any) -> None:
    """Raises ValueError for a learning rate that cannot be one."""
    if isinstance(lr, torch.Tensor) and lr.numel() != 1:
        raise ValueError("Tensor lr must be 1-element")


def refuse_negative(**options: Any) -> None:
    """Raises ValueError for negative options; underscores in the names show as spaces."""
    for name, value in options.items():
        if not 0.0 <= value:
            raise ValueError(f"Invalid {name.replace('_', ' ')}: {value}")


def check_betas(betas: Any) -> None:
    """Raises ValueError unless both decay rates are in [0, 1)."""
    for place in (0, 1):
        if not 0.0 <= betas[place] < 1.0:
            raise ValueError(f"Invalid beta parameter at index {place}: {betas[place]}")


def check_fused(optimizer: Any, fused: Any, foreach: Any, differentiable: bool) -> None:
    """Raises RuntimeError for variants that exclude each other; the results of the others are the same here."""
    if not fused:
        return
    if differentiable:
        raise RuntimeError("`fused` does not support `differentiable`")
    if foreach:
        raise RuntimeError("`fused` and `foreach` cannot be `True` together.")


def with_grads(group: dict[str, Any], name: str, advice: str = "") -> Iterator[tuple[Any, Any]]:
    """Parameters that have a gradient, with it. Raises RuntimeError for sparse gradients."""
    for parameter in group["params"]:
        grad = parameter.grad
        if grad is None:
            continue
        if grad.is_sparse:
            raise RuntimeError(f"{name} does not support sparse gradients{advice}")
        yield parameter, grad


def zeros_like(parameter: Any) -> Any:
    return torch.zeros_like(parameter, memory_format=torch.preserve_format)


def new_step() -> Any:
    return _new_step()


def real(*tensors: Any) -> tuple[Any, ...]:
    """Complex tensors as pairs of real numbers; others unchanged."""
    return tuple(torch.view_as_real(t) if t is not None and t.is_complex() else t for t in tensors)


def as_number(value: Any) -> Any:
    """A tensor of one element as a number."""
    return value.item() if isinstance(value, torch.Tensor) else value
