"""torch.nn: layers and the functions they are made of."""

from __future__ import annotations

from . import functional

__all__ = ["functional"]
