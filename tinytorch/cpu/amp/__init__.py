"""torch.cpu.amp: the deprecated names of what torch.amp has for "cpu"."""

from __future__ import annotations

from ..._core import dtypes
from ...amp._former import former

__all__ = ["GradScaler", "autocast"]

autocast, GradScaler = former("cpu", dtypes.bfloat16)
