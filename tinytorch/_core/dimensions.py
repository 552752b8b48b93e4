"""Dimension arguments: counted from the front, with torch's texts when they are out of range."""

from __future__ import annotations

from typing import Any


def wrap_dim(dim: int, rank: int) -> int:
    """`dim` counted from the front. Raises IndexError with torch's text when out of range."""
    limit = rank or 1
    if not -limit <= dim < limit:
        raise IndexError(
            f"Dimension out of range (expected to be in range of [{-limit}, {limit - 1}], but got {dim})"
        )
    return dim + limit if dim < 0 else dim


def wrap_dims(dims: Any, rank: int) -> tuple[int, ...]:
    """Dimensions counted from the front; None or an empty list means all of them."""
    if dims is None:
        return tuple(range(rank))
    if isinstance(dims, int):
        dims = (dims,)
    if not dims:
        return tuple(range(rank))
    wrapped = tuple([wrap_dim(dim, rank) for dim in dims])
    if len(set(wrapped)) != len(wrapped):
        twice = next(dim for i, dim in enumerate(wrapped) if dim in wrapped[:i])
        raise RuntimeError(f"dim {twice} appears multiple times in the list of dims")
    return wrapped if rank else ()
