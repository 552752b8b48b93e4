"""`Variable`, which has been Tensor since torch 0.4."""

from __future__ import annotations

from typing import Any

from .._core.tensor import Tensor

__all__ = ["Variable", "VariableMeta"]


class VariableMeta(type):
    """Tensors are instances of Variable."""

    __module__ = "torch.autograd.variable"

    def __instancecheck__(cls, other: object) -> bool:
        return isinstance(other, Tensor)


class Variable(metaclass=VariableMeta):
    """`Variable(tensor, requires_grad)` is a tensor that shares `tensor`'s memory."""

    __module__ = "torch.autograd.variable"

    def __new__(
        cls, data: Any = None, requires_grad: bool = False, volatile: Any = None, _grad_fn: Any = None
    ) -> Any:
        if data is None:
            data = Tensor()
        if not isinstance(data, Tensor):
            raise TypeError(f"Variable data has to be a tensor, but got {type(data).__name__}")
        result = data.detach()
        if requires_grad:
            result.requires_grad_(True)
        return result
