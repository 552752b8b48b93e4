"""The functions of torch.masked.

Masked elements are replaced by the operation's identity, so that slices with nothing left give that identity.
"""

from __future__ import annotations

import math
from typing import Any

import tinytorch as _torch

from .._core import dtypes as _dtypes

__all__ = ["amax", "amin", "argmax", "argmin", "cumprod", "cumsum", "log_softmax", "logaddexp", "logsumexp", "mean", "median", "norm",
           "normalize", "prod", "softmax", "softmin", "std", "sum", "var"]  # fmt: skip


def _dims(input: Any, dim: Any) -> tuple[int, ...]:
    """Dimensions counted from the front; None is all of them."""
    from .._core.dispatch import wrap_dim

    if dim is None or (isinstance(dim, tuple | list) and not dim):
        return tuple(range(input.dim()))
    given = (dim,) if isinstance(dim, int) else tuple(dim)
    wrapped = tuple(wrap_dim(d, input.dim()) for d in given)
    if len(set(wrapped)) != len(wrapped):
        raise RuntimeError(
            f"dim={next(d for i, d in enumerate(wrapped) if d in wrapped[:i])} appears multiple times in the list of dims"
        )
    return wrapped if input.dim() else ()


def _full_mask(input: Any, mask: Any) -> Any:
    """The mask in the input's shape, as booleans."""
    if mask.shape == input.shape:
        return mask if mask.dtype is _dtypes.bool_ else mask.bool()
    if mask.dim() > input.dim():
        raise IndexError(
            "_input_mask expected broadcastable mask (got mask dimensionality higher than of the input)"
        )
    return mask.clone().broadcast_to(input.shape).bool()


def _filled(input: Any, mask: Any, identity: float) -> Any:
    if mask is None:
        return input
    return _torch.where(_full_mask(input, mask), input, input.new_full((), identity))


def _extreme(input: Any, mask: Any, name: str, sign: int) -> float:
    """What is above (sign 1) or below (-1) every element, for the operation of that name; 0 where nothing is masked."""
    if mask is None:
        return 0.0
    if input.dtype.is_floating_point:
        return sign * math.inf
    if input.dtype is _dtypes.bool_ or input.dtype in _dtypes.WIDE_UNSIGNED:
        raise NotImplementedError(f"identity of {name} on {input.dtype} input")
    limits = _torch.iinfo(input.dtype)
    return limits.max if sign > 0 else limits.min  # type: ignore[no-any-return]


def _summing(input: Any, dtype: Any) -> Any:
    """The type that sums and products are computed in."""
    if dtype is not None:
        return dtype
    whole = input.dtype._category in ("bool", "int") and input.dtype not in _dtypes.WIDE_UNSIGNED
    return _dtypes.int64 if whole else input.dtype


def sum(
    input: Any, dim: Any = None, *, keepdim: bool | None = False, dtype: Any = None, mask: Any = None
) -> Any:
    """The sum of unmasked elements; 0 where there are none."""
    dims = _dims(input, dim)
    return _torch.sum(_filled(input, mask, 0), dims, bool(keepdim), dtype=_summing(input, dtype))


def prod(
    input: Any, dim: Any = None, *, keepdim: bool | None = False, dtype: Any = None, mask: Any = None
) -> Any:
    """The product of unmasked elements; 1 where there are none."""
    kind = _summing(input, dtype)
    result = _filled(input, mask, 1)
    dims = _dims(input, dim)
    if not input.dim() and dim is not None and dim != ():
        dims = (0,)
    for d in sorted(dims, reverse=True):
        result = result.prod(dim=d, keepdim=bool(keepdim))
    return result.to(dtype=kind)


def cumsum(input: Any, dim: int, *, dtype: Any = None, mask: Any = None) -> Any:
    """Running sums of unmasked elements."""
    return _torch.cumsum(_filled(input, mask, 0), _dims(input, dim)[0] if input.dim() else 0, dtype=dtype or input.dtype)  # fmt: skip


def cumprod(input: Any, dim: int, *, dtype: Any = None, mask: Any = None) -> Any:
    """Running products of unmasked elements."""
    return _torch.cumprod(_filled(input, mask, 1), _dims(input, dim)[0] if input.dim() else 0, dtype=dtype or input.dtype)  # fmt: skip


def amax(
    input: Any, dim: Any = None, *, keepdim: bool | None = False, dtype: Any = None, mask: Any = None
) -> Any:
    """The largest unmasked element."""
    return _torch.amax(
        _filled(input, mask, _extreme(input, mask, "amax", -1)), _dims(input, dim), bool(keepdim)
    ).to(dtype=dtype or input.dtype)


def amin(
    input: Any, dim: Any = None, *, keepdim: bool | None = False, dtype: Any = None, mask: Any = None
) -> Any:
    """The smallest unmasked element."""
    return _torch.amin(
        _filled(input, mask, _extreme(input, mask, "amin", 1)), _dims(input, dim), bool(keepdim)
    ).to(dtype=dtype or input.dtype)


def argmax(
    input: Any, dim: int | None = None, *, keepdim: bool | None = False, dtype: Any = None, mask: Any = None
) -> Any:
    """Where the largest unmasked element is."""
    values = _filled(input, mask, _extreme(input, mask, "argmax", -1))
    return _torch.argmax(values, dim, bool(keepdim)).to(dtype=dtype or input.dtype)


def argmin(
    input: Any, dim: int | None = None, *, keepdim: bool | None = False, dtype: Any = None, mask: Any = None
) -> Any:
    """Where the smallest unmasked element is."""
    values = _filled(input, mask, _extreme(input, mask, "argmin", 1))
    return _torch.argmin(values, dim, bool(keepdim)).to(dtype=dtype or input.dtype)


def _count(input: Any, dims: tuple[int, ...], keepdim: bool, mask: Any) -> Any:
    if mask is None:
        return sum(_torch.ones(input.shape, dtype=_dtypes.int64), dims, keepdim=keepdim)
    return _torch.sum(_full_mask(input, mask), dims, keepdim) if dims else _full_mask(input, mask).long()


def mean(
    input: Any, dim: Any = None, *, keepdim: bool | None = False, dtype: Any = None, mask: Any = None
) -> Any:
    """The mean of unmasked elements; nan where there are none."""
    kind = dtype or input.dtype
    if kind._category not in ("float", "complex"):
        raise ValueError(
            f"mean(): Could not infer output dtype. Input dtype must be either a floating point or complex dtype. Got: {kind}"
        )
    dims = _dims(input, dim)
    return sum(input, dims or None, keepdim=bool(keepdim), dtype=kind, mask=mask) / _count(
        input, dims, bool(keepdim), mask
    )


def median(input: Any, dim: int = -1, *, keepdim: bool = False, dtype: Any = None, mask: Any = None) -> Any:
    """The median of unmasked elements; nan where there are none."""
    kind = dtype or input.dtype
    axis = _dims(input, dim)[0] if input.dim() else 0
    if not input.dtype.is_floating_point:
        if mask is not None and not bool(_full_mask(input, mask).any(axis).all() if input.dim() else mask):
            raise ValueError("masked median expects no fully masked out rows if dtype is not floating point")
        input = input.float()
    return _torch.nanmedian(_filled(input, mask, math.nan), axis, bool(keepdim)).values.to(dtype=kind)


def norm(
    input: Any,
    ord: float | None = 2.0,
    dim: Any = None,
    *,
    keepdim: bool | None = False,
    dtype: Any = None,
    mask: Any = None,
) -> Any:
    """The vector norm of unmasked elements."""
    order = 2.0 if ord is None else ord
    values = _filled(input, mask, math.inf if order < 0 else 0.0)
    return _torch.linalg.vector_norm(values, order, _dims(input, dim), bool(keepdim), dtype=dtype)


def _spread(
    input: Any, dim: Any, unbiased: Any, correction: Any, keepdim: Any, dtype: Any, mask: Any, root: bool
) -> Any:
    if unbiased is not None and correction is not None:
        raise ValueError("Only one of unbiased and correction may be given")
    lost = 1.0 if unbiased is None else 1.0 if unbiased else 0.0
    if correction is not None:
        lost = correction
    kind = dtype or input.dtype
    if kind._category not in ("float", "complex"):
        kind = _dtypes.float32
    dims = _dims(input, dim)
    compute = input.to(kind) if input.dtype._category == "int" else input
    count = _count(input, dims, True, mask)
    center = sum(compute, dims, keepdim=True, dtype=kind, mask=mask) / count
    offset = compute - center
    total = sum(offset * offset.conj(), dims, keepdim=bool(keepdim), dtype=kind, mask=mask)
    if not keepdim:
        count = count.reshape(total.shape)
    if lost:
        real = total.abs().dtype if kind.is_complex else kind
        count = (count.to(real) - lost).clamp_min(0) if not isinstance(lost, bool) else count
    result = (total / count).to(dtype=kind)
    return result.sqrt() if root else result


def var(
    input: Any, dim: Any = None, unbiased: bool | None = None, *, correction: float | None = None, keepdim: bool | None = False,
    dtype: Any = None, mask: Any = None,
) -> Any:  # fmt: skip
    """The variance of unmasked elements."""
    return _spread(input, dim, unbiased, correction, keepdim, dtype, mask, False)


def std(
    input: Any, dim: Any = None, unbiased: bool | None = None, *, correction: float | None = None, keepdim: bool | None = False,
    dtype: Any = None, mask: Any = None,
) -> Any:  # fmt: skip
    """The standard deviation of unmasked elements."""
    return _spread(input, dim, unbiased, correction, keepdim, dtype, mask, True)


def softmax(input: Any, dim: int, *, dtype: Any = None, mask: Any = None) -> Any:
    """softmax over unmasked elements; masked ones get 0."""
    return _torch.softmax(
        _filled(input, mask, _extreme(input, mask, "amax", -1)), dim, dtype=dtype or input.dtype
    )


def log_softmax(input: Any, dim: int, *, dtype: Any = None, mask: Any = None) -> Any:
    """log_softmax over unmasked elements; masked ones get -inf."""
    return _torch.log_softmax(
        _filled(input, mask, _extreme(input, mask, "amax", -1)), dim, dtype=dtype or input.dtype
    )


def softmin(input: Any, dim: int, *, dtype: Any = None, mask: Any = None) -> Any:
    """softmax of the negated unmasked elements."""
    return _torch.softmax(
        -_filled(input, mask, _extreme(input, mask, "amin", 1)), dim, dtype=dtype or input.dtype
    )


def normalize(
    input: Any, ord: float, dim: int, *, eps: float = 1e-12, dtype: Any = None, mask: Any = None
) -> Any:
    """Unmasked elements divided by their norm, or by eps if that is larger."""
    size = norm(input, ord, dim, keepdim=True, dtype=dtype, mask=mask)
    return _filled(input, mask, 0) / _torch.max(size, size.new_full((), eps))


def logaddexp(
    input: Any, other: Any, *, dtype: Any = None, input_mask: Any = None, other_mask: Any = None
) -> Any:
    """log(exp(a) + exp(b)); a masked element counts as -inf."""
    first, second = (
        _filled(tensor, mask, _extreme(tensor, mask, "logaddexp", -1))
        for tensor, mask in ((input, input_mask), (other, other_mask))
    )
    result = _torch.logaddexp(first, second)
    return result.to(dtype=dtype or input.dtype)


def logsumexp(
    input: Any, dim: Any = None, *, keepdim: bool = False, dtype: Any = None, mask: Any = None
) -> Any:
    """The logarithm of the sum of exponentials of unmasked elements."""
    return _torch.logsumexp(
        _filled(input, mask, -math.inf if input.is_complex() else _extreme(input, mask, "logsumexp", -1)),
        _dims(input, dim),
        keepdim=keepdim,
    ).to(dtype=dtype or input.dtype)
