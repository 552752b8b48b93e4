"""torch._subclasses: tensors without data for tracing, of which there are none: tensors on "meta" are plain tensors here."""

from __future__ import annotations

from .fake_tensor import FakeTensor, FakeTensorMode

__all__ = ["FakeTensor", "FakeTensorMode"]
