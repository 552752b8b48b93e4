"""Running one-line programs on either library, and describing what came out so that descriptions can be compared."""

from __future__ import annotations

import re
import warnings
from types import ModuleType
from typing import Any

import numpy as np


def describe(torch: ModuleType, value: Any) -> Any:
    """A result as plain data: element type, shape, strides and values of tensors, types of containers."""
    if isinstance(value, torch.Tensor):
        numbers = value.detach()
        if numbers.dtype == torch.bfloat16:
            numbers = numbers.float()
        flat = [_number(item) for item in numbers.reshape(-1).tolist()]
        return (str(value.dtype), tuple(value.shape), flat)
    if isinstance(value, tuple | list):
        return (type(value).__name__, [describe(torch, item) for item in value])
    return repr(value)


def _number(value: Any) -> Any:
    if isinstance(value, float):
        return f"{value:.5g}" if value else "0"
    if isinstance(value, complex):
        return f"{value:.4g}"
    return value


def _scope(torch: ModuleType) -> dict[str, Any]:
    return {
        "torch": torch,
        "np": np,
        "F": torch.nn.functional,
        "a": torch.arange(12.0).view(3, 4),
        "ai": torch.arange(12).view(3, 4),
        "s": torch.tensor(1.0),
        "I": torch.tensor([0, 1]),
        "M": torch.tensor([True, False, True]),
    }


def _text(error: Exception) -> str:
    text = str(error).split("\nException raised")[0]
    return re.sub(r" \(Triggered internally[^)]*\)", "", text)


def outcome(torch: ModuleType, program: str) -> Any:
    """What the program gives: its described value and the tensors it may have written to, or its error."""
    scope = _scope(torch)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            result = eval(program, scope)
        except Exception as error:
            return (type(error).__name__, _text(error))
    return (describe(torch, result), describe(torch, scope["a"]), describe(torch, scope["ai"]))


def chain(function: Any, depth: int = 0) -> str:
    """The names of a graph's nodes, as deep as matters."""
    if function is None:
        return "None"
    name = function.name().rpartition("::")[2]
    if name == "AccumulateGrad" or depth > 3:
        return name
    return (
        name
        + "("
        + ",".join(chain(next_function, depth + 1) for next_function, _ in function.next_functions)
        + ")"
    )


def gradients(torch: ModuleType, program: str) -> Any:
    """The graph a program makes, its value, and its gradients of first and second order under fixed cotangents."""
    rng = np.random.default_rng(0)

    def made(*shape: int) -> Any:
        leaf = torch.tensor(rng.standard_normal(shape), requires_grad=True)
        leaves.append(leaf)
        return leaf

    leaves: list[Any] = []
    scope = _scope(torch)
    scope.update(g=made, x=made(3, 4), v=made(3))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = eval(program, scope)
        graph = chain(getattr(result, "grad_fn", None))
        if getattr(result, "grad_fn", None) is None:
            return (graph, describe(torch, result))
        cotangent = torch.tensor(
            np.random.default_rng(1).standard_normal(tuple(result.shape)), requires_grad=True
        )
        try:
            first = torch.autograd.grad(result, leaves, cotangent, create_graph=True, allow_unused=True)
        except Exception as error:
            return (graph, describe(torch, result), type(error).__name__, _text(error))
        description = [None if one is None else describe(torch, one) for one in first]
        wanted = [one for one in first if one is not None and one.requires_grad]
        second = []
        if wanted:
            weights = [
                torch.tensor(np.random.default_rng(2 + number).standard_normal(tuple(one.shape)))
                for number, one in enumerate(wanted)
            ]
            second = [
                None if one is None else describe(torch, one)
                for one in torch.autograd.grad(wanted, [*leaves, cotangent], weights, allow_unused=True)
            ]
        return (graph, describe(torch, result), description, second)
