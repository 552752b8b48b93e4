"""Kullback-Leibler divergences KL(p‖q) = E log p(x) - E log q(x) for x of p, by the types of p and q."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from .distribution import Distribution

__all__ = ["register_kl", "kl_divergence"]

_KL_REGISTRY: dict[tuple[type, type], Callable[[Any, Any], Any]] = {}
_KL_MEMOIZE: dict[tuple[type, type], Callable[[Any, Any], Any]] = {}


def register_kl(type_p: type, type_q: type) -> Callable[[Any], Any]:
    """A decorator that registers a function (p, q) as the divergence of two types and their subclasses.

    Among several that fit, the one for the most special types runs; where the most special for p is not that for q, the former,
    with a RuntimeWarning. Raises TypeError unless both are types.
    """
    if not (isinstance(type_p, type) and isinstance(type_q, type)):
        raise TypeError("issubclass() arg 1 must be a class")

    def decorate(function: Any) -> Any:
        _KL_REGISTRY[type_p, type_q] = function
        _KL_MEMOIZE.clear()
        return function

    return decorate


def _most_special(pairs: list[tuple[type, type]], order: tuple[type, type], first: int) -> tuple[type, type]:
    """Of pairs of types, the one nearest to `order`: by the type at `first`, then by the other."""

    def distance(pair: tuple[type, type]) -> tuple[int, int]:
        steps = [order[side].__mro__.index(pair[side]) for side in (first, 1 - first)]
        return steps[0], steps[1]

    return min(pairs, key=distance)


def _dispatch_kl(type_p: type, type_q: type) -> Any:
    """The function registered for the types or their nearest bases; NotImplemented if there is none."""
    pairs = [
        (base_p, base_q)
        for base_p, base_q in _KL_REGISTRY
        if issubclass(type_p, base_p) and issubclass(type_q, base_q)
    ]
    if not pairs:
        return NotImplemented
    left = _KL_REGISTRY[_most_special(pairs, (type_p, type_q), 0)]
    right = _KL_REGISTRY[_most_special(pairs, (type_p, type_q), 1)]
    if left is not right:
        warnings.warn(
            f"Ambiguous kl_divergence({type_p.__name__}, {type_q.__name__}). "
            f"Please register_kl({type_p.__name__}, {type_q.__name__})",
            RuntimeWarning,
            stacklevel=3,
        )
    return left


def kl_divergence(p: Distribution, q: Distribution) -> Any:
    """KL(p‖q), one number per distribution of the batch. Raises NotImplementedError for types without a formula."""
    types = type(p), type(q)
    function = _KL_MEMOIZE.get(types)
    if function is None:
        function = _dispatch_kl(*types)
        _KL_MEMOIZE[types] = function
    if function is NotImplemented:
        raise NotImplementedError(
            f"No KL(p || q) is implemented for p type {p.__class__.__name__} and q type {q.__class__.__name__}"
        )
    return function(p, q)


from . import _kl_composite, _kl_discrete, _kl_numbers, _kl_vectors  # noqa: E402, F401  (they register the formulas)
