"""Sharing memory with other array libraries: torch.utils.dlpack."""

from __future__ import annotations

from .._core.exchange import DLDeviceType, from_dlpack
from .._creation import to_dlpack

__all__ = ["DLDeviceType", "from_dlpack", "to_dlpack"]
