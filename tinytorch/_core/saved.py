"""What a node kept, on its way back into a formula: versions checked, results tied to their history again."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from . import dtypes
from .declare import Operator
from .element_types import Named
from .modes import modes
from .tensor import Tensor, wrap


def stale(node: Any, tensor: Any, version: Any) -> None:
    """A saved tensor was overwritten: raises torch's RuntimeError."""
    if isinstance(tensor, list):
        tensor, version = next(
            (t, v)
            for t, v in zip(tensor, version, strict=True)
            if t is not None and t._counter is not None and t._counter[0] != v
        )
    tensor._current()
    raise_stale(tensor._array, tensor._key._dtype, tensor._edge, tensor._counter[0], version)


def operation_name(function: Any) -> str:
    """A node's name without the suffix that says it is one ("ExpBackward0" -> "Exp"), as torch's error texts give it."""
    return re.sub(r"Backward\d*$", "", function.name())


def raise_stale(
    array: np.ndarray, element_type: dtypes.dtype, edge: Any, current: int, expected: int
) -> None:
    origin = ""
    if edge is not None:
        function, output = edge if edge.__class__ is tuple else (edge, 0)
        if function._arity:  # the stand-in of a conjugated leaf refers to the leaf
            origin = f", which is output {output} of {operation_name(function)},"
    type_name = Named(element_type).tensor
    raise RuntimeError(
        "one of the variables needed for gradient computation has been modified by an inplace operation: "
        f"[{type_name} {list(array.shape)}]{origin} is at version {current}; expected version {expected} instead. "
        + (
            "Hint: the backtrace further above shows the operation that failed to compute its gradient. The variable in question was changed in "
            "there or anywhere later. Good luck!"
            if modes.anomaly
            else "Hint: enable anomaly detection to find the operation that failed to compute its gradient, with "
            "torch.autograd.set_detect_anomaly(True, check_nan=False)."
        )
    )


def revive(array: np.ndarray, key: Any, counter: list[int], edge: Any) -> Tensor:
    """A saved output as a tensor again, with its history; saving the tensor itself would make a cycle."""
    tensor: Tensor = object.__new__(Tensor)
    tensor._array = array
    tensor._key = key
    tensor._grad = None
    tensor._counter = counter
    tensor._base = None
    tensor._extra = None
    inexact = key._dtype._category in ("float", "complex")
    tensor._requires_grad = inexact
    tensor._edge = edge if inexact else None
    return tensor


def plain(array: np.ndarray, key: Any) -> Tensor:
    """A tensor over a fresh contiguous array whose key is known."""
    tensor: Tensor = object.__new__(Tensor)
    tensor._array = array
    tensor._key = key
    tensor._requires_grad = False
    tensor._edge = None
    tensor._grad = None
    tensor._counter = None
    tensor._base = None
    tensor._extra = None
    return tensor


def zeros_for(node: Any, position: int) -> Tensor | None:
    """The cotangent of an output nobody used."""
    shape, element_type = node._output(position)
    if element_type is None:  # an output that was not there
        return None
    return wrap(np.zeros(shape, element_type._numpy))


def never(name: str) -> Any:
    """The formula of a derivative that torch names but does not have."""

    def formula(grad: Any) -> Any:
        raise NotImplementedError(f"the derivative for '{name}' is not implemented.")

    return formula


def missing_formula(operator: Operator, name: str) -> None:
    raise RuntimeError(f"the derivative for '{name}' is not implemented.")
