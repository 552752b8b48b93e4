"""``torch.backends.nnpack``: as torch's builds answer; the switch is kept, and switches nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["flags", "is_available", "set_flags"]

_enabled_now = [True]


def is_available() -> bool:
    return True


def set_flags(_enabled: bool) -> tuple[bool]:
    """Set the switch; gives what it was before."""
    before = _enabled_now[0]
    _enabled_now[0] = _enabled
    return (before,)


@contextmanager
def flags(enabled: bool = False) -> Iterator[None]:
    """A context in which the switch is set."""
    (before,) = set_flags(enabled)
    try:
        yield
    finally:
        set_flags(before)
