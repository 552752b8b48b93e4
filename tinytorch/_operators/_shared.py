"""Small tensor functions that many derivatives use."""

from __future__ import annotations

from .._core.declare import find


def conj(value):
    """The complex conjugate of a tensor or number; real tensors pass through without a new node."""
    try:
        return find("conj_physical").call(value) if value._key._dtype.is_complex else value
    except AttributeError:
        return value.conjugate()


def masked(condition, chosen, other):
    """`chosen` where `condition` holds, else `other`; no gradient leaks through the side not taken."""
    return find("where", "self").call(condition, chosen, other)
