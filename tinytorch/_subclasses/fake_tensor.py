"""torch._subclasses.fake_tensor, as far as libraries ask whether a tensor is one."""

from __future__ import annotations

from typing import Any

from .._core.tensor import Tensor

__all__ = ["FakeTensor", "FakeTensorMode", "is_fake"]


class FakeTensor(Tensor):
    """A tensor without data that says it is on a device. No tensor is one; making one raises NotImplementedError."""

    def __new__(cls, *arguments: Any, **options: Any) -> Any:
        raise NotImplementedError(
            "torch._subclasses.FakeTensor is not implemented; tensors on 'meta' have no data either"
        )


class FakeTensorMode:
    """A mode that makes such tensors. Making one raises NotImplementedError."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        raise NotImplementedError(
            "torch._subclasses.FakeTensorMode is not implemented; tensors on 'meta' have no data either"
        )


def is_fake(x: object) -> bool:
    """Whether `x` is a FakeTensor: never."""
    return isinstance(x, FakeTensor)
