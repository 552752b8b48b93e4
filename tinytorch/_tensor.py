"""`torch._tensor`, where some programs look for Tensor."""

from __future__ import annotations

from ._core.tensor import Tensor

__all__ = ["Tensor"]
