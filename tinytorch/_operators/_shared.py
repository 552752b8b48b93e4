"""Small tensor functions that many derivatives use."""

from __future__ import annotations

from .._core.declare import composite, find


def conj(value):
    """The complex conjugate of a tensor or number; real tensors pass through without a new node."""
    try:
        return find("conj_physical").call(value) if value._key._dtype.is_complex else value
    except AttributeError:
        return value.conjugate()


def masked(condition, chosen, other):
    """`chosen` where `condition` holds, else `other`; no gradient leaks through the side not taken."""
    return find("where", "self").call(condition, chosen, other)


def renamed(name, target, schema, **options):
    """Another public name of an operator: torch's composites that only rename."""

    def forward(*args, **kwargs):
        return target(*args, **kwargs)

    forward.__doc__ = f"Alias of torch.{target.name}."
    return composite(
        f"{name}{schema}",
        forward,
        inplace=target.has_inplace,
        inplace_rule=lambda *args, **kwargs: target.inplace(*args, **kwargs),
        out_as=target,
        **options,
    )
