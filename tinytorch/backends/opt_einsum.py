"""``torch.backends.opt_einsum``: a library that would order the products of an einsum; it is not used."""

from __future__ import annotations

from typing import Any

enabled = False
strategy: Any = None


def is_available() -> bool:
    return False


def get_opt_einsum() -> None:
    return None
