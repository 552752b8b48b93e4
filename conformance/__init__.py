"""A harness that compares any library claiming PyTorch's API with PyTorch itself."""

from __future__ import annotations
