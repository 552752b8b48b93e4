"""``torch.backends.openmp``: as torch's builds answer."""

from __future__ import annotations


def is_available() -> bool:
    return True
