"""torch.onnx: no model is exported here; programs may ask whether one is being."""

from __future__ import annotations

__all__ = ["is_in_onnx_export"]


def is_in_onnx_export() -> bool:
    """False: nothing is being exported."""
    return False
