"""``torch.backends.mkl``: as torch's builds for the PC answer."""

from __future__ import annotations


def is_available() -> bool:
    return True
