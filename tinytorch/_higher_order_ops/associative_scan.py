"""Prefix sums with any associative function.

Source: Blelloch 1990, "Prefix Sums and Their Applications": neighbours are combined, half as many elements are scanned, and what lies
between is combined from both, so that the depth is the logarithm of the length.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tinytorch as torch

from ..utils._pytree import tree_flatten, tree_unflatten

__all__ = ["associative_scan"]


def associative_scan(
    combine_fn: Callable[[Any, Any], Any],
    xs: Any,
    dim: int,
    reverse: bool = False,
    combine_mode: str = "pointwise",
) -> Any:
    """All results of combining the first 1, 2, ... elements of `xs`, a tree of tensors, along `dim`.

    combine_fn: takes two trees like `xs` and gives one, elementwise; associative. reverse: from the last element on.
    Raises ValueError for what is no function, an empty tree or tensors of different lengths.
    """
    if not callable(combine_fn):
        raise ValueError(f"Combine_fn must be a callable, but got {combine_fn}")
    if not isinstance(dim, int):
        raise ValueError(f"Dim must be an int, but got {type(dim)}")
    if combine_mode not in ("pointwise", "generic"):
        raise ValueError(f"Combine_mode must either 'pointwise' or 'generic', but got {combine_mode}")
    leaves, tree = tree_flatten(xs)
    if not leaves:
        raise ValueError("Expected at least 1 xs leaf")
    if not all(isinstance(leaf, torch.Tensor) for leaf in leaves):
        raise ValueError("xs leaves must be a Tensor")
    moved = [leaf.movedim(dim, 0) for leaf in leaves]  # (length, ...)
    if any(leaf.shape[0] != moved[0].shape[0] for leaf in moved):
        raise ValueError("All xs tensors must have the same length in the scanned dimension")
    if reverse:
        moved = [leaf.flip(0) for leaf in moved]

    def combine(one: list[Any], other: list[Any]) -> list[Any]:
        result, _ = tree_flatten(combine_fn(tree_unflatten(one, tree), tree_unflatten(other, tree)))
        return result

    scanned = _scan(combine, moved)
    if reverse:
        scanned = [leaf.flip(0) for leaf in scanned]
    return tree_unflatten([leaf.movedim(0, dim) for leaf in scanned], tree)


def _scan(combine: Callable[[list[Any], list[Any]], list[Any]], elements: list[Any]) -> list[Any]:
    length = elements[0].shape[0]
    if length < 2:
        return elements
    pairs = combine([e[: length - length % 2 : 2] for e in elements], [e[1::2] for e in elements])
    odd = _scan(combine, pairs)  # results of an even number of elements
    if length == 2:
        even = [e[:1] for e in elements]
    else:
        before = [o[: (length - 1) // 2] for o in odd]
        rest = combine(before, [e[2::2] for e in elements])
        even = [torch.cat([e[:1], r]) for e, r in zip(elements, rest, strict=True)]
    return [_interleaved(e, o) for e, o in zip(even, odd, strict=True)]


def _interleaved(even: Any, odd: Any) -> Any:
    """e0, o0, e1, o1, ...; `even` may have one more."""
    count = odd.shape[0]
    mixed = torch.stack([even[:count], odd], 1).flatten(0, 1)
    return mixed if even.shape[0] == count else torch.cat([mixed, even[count:]])
