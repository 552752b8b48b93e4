"""Padding."""

from __future__ import annotations

from typing import Any

from .. import functional as F
from .module import Module
from .utils import _ntuple, _pair, _quadruple

__all__ = [
    "CircularPad1d",
    "CircularPad2d",
    "CircularPad3d",
    "ConstantPad1d",
    "ConstantPad2d",
    "ConstantPad3d",
    "ReflectionPad1d",
    "ReflectionPad2d",
    "ReflectionPad3d",
    "ReplicationPad1d",
    "ReplicationPad2d",
    "ReplicationPad3d",
    "ZeroPad1d",
    "ZeroPad2d",
    "ZeroPad3d",
]

_SPREAD = {1: _pair, 2: _quadruple, 3: _ntuple(6)}


class _PadNd(Module):
    """`padding`: one number, or one for each end of each dimension, the last dimension first."""

    __constants__ = ["padding"]
    _rank: int
    _mode: str

    def __init__(self, padding: Any) -> None:
        super().__init__()
        self.padding = _SPREAD[self._rank](padding)

    def forward(self, input: Any) -> Any:
        return F.pad(input, self.padding, self._mode)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class _CircularPadNd(_PadNd):
    _mode = "circular"

    def _check_input_dim(self, input: Any) -> None:
        low = self._rank + 1
        if input.dim() not in (low, low + 1):
            raise ValueError(f"expected {low}D or {low + 1}D input (got {input.dim()}D input)")

    def forward(self, input: Any) -> Any:
        self._check_input_dim(input)
        return F.pad(input, self.padding, self._mode)


class CircularPad1d(_CircularPadNd):
    """Continues (N, C, L) by its other end."""

    _rank = 1


class CircularPad2d(_CircularPadNd):
    """Continues (N, C, H, W) by its other ends."""

    _rank = 2


class CircularPad3d(_CircularPadNd):
    """Continues (N, C, D, H, W) by its other ends."""

    _rank = 3


class _ConstantPadNd(_PadNd):
    __constants__ = ["padding", "value"]
    _mode = "constant"
    value: float

    def __init__(self, padding: Any, value: float) -> None:
        super().__init__(padding)
        self.value = value

    def forward(self, input: Any) -> Any:
        return F.pad(input, self.padding, "constant", self.value)

    def extra_repr(self) -> str:
        return f"padding={self.padding}, value={self.value}"


class ConstantPad1d(_ConstantPadNd):
    """Surrounds (N, C, L) by a constant."""

    _rank = 1


class ConstantPad2d(_ConstantPadNd):
    """Surrounds (N, C, H, W) by a constant."""

    _rank = 2


class ConstantPad3d(_ConstantPadNd):
    """Surrounds (N, C, D, H, W) by a constant."""

    _rank = 3


class ZeroPad1d(ConstantPad1d):
    """Surrounds (N, C, L) by zeros."""

    def __init__(self, padding: Any) -> None:
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class ZeroPad2d(ConstantPad2d):
    """Surrounds (N, C, H, W) by zeros."""

    def __init__(self, padding: Any) -> None:
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class ZeroPad3d(ConstantPad3d):
    """Surrounds (N, C, D, H, W) by zeros."""

    def __init__(self, padding: Any) -> None:
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class _ReflectionPadNd(_PadNd):
    _mode = "reflect"


class ReflectionPad1d(_ReflectionPadNd):
    """Continues (N, C, L) by its mirror image without the edge."""

    _rank = 1


class ReflectionPad2d(_ReflectionPadNd):
    """Continues (N, C, H, W) by its mirror image without the edge."""

    _rank = 2


class ReflectionPad3d(_ReflectionPadNd):
    """Continues (N, C, D, H, W) by its mirror image without the edge."""

    _rank = 3


class _ReplicationPadNd(_PadNd):
    _mode = "replicate"


class ReplicationPad1d(_ReplicationPadNd):
    """Continues (N, C, L) by its edge."""

    _rank = 1


class ReplicationPad2d(_ReplicationPadNd):
    """Continues (N, C, H, W) by its edge."""

    _rank = 2


class ReplicationPad3d(_ReplicationPadNd):
    """Continues (N, C, D, H, W) by its edge."""

    _rank = 3
