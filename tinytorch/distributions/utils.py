"""What distributions share: parameters that broadcast, values worked out once, probabilities and their logits, triangles as vectors."""

from __future__ import annotations

from collections.abc import Callable
from functools import update_wrapper
from numbers import Number
from typing import Any

import tinytorch as torch

from ..nn import functional as F
from ..overrides import is_tensor_like

__all__ = [
    "broadcast_all",
    "logits_to_probs",
    "clamp_probs",
    "probs_to_logits",
    "lazy_property",
    "tril_matrix_to_vec",
    "vec_to_tril_matrix",
]

#: The constant γ of Euler and Mascheroni.
euler_constant = 0.57721566490153286060


def broadcast_all(*values: Any) -> tuple[Any, ...]:
    """Tensors and numbers as tensors of one shape.

    Numbers become tensors of the dtype and device of the first tensor, or of the default dtype where there is no tensor. Raises
    ValueError for anything else.
    """
    if not all(is_tensor_like(value) or isinstance(value, Number) for value in values):
        raise ValueError(
            "Input arguments must all be instances of Number, torch.Tensor or objects implementing __torch_function__."
        )
    first = next((value for value in values if is_tensor_like(value)), None)
    if first is None:
        kind = {"dtype": torch.get_default_dtype()}
    else:
        kind = {"dtype": first.dtype, "device": first.device}
    tensors = [value if is_tensor_like(value) else torch.tensor(value, **kind) for value in values]
    return tuple(torch.broadcast_tensors(*tensors))


def _standard_normal(shape: Any, dtype: Any, device: Any) -> Any:
    """Standard normal numbers."""
    zeros = torch.zeros(shape, dtype=dtype, device=device)
    return torch.normal(zeros, torch.ones(shape, dtype=dtype, device=device))


def _sum_rightmost(value: Any, dim: int) -> Any:
    """The sum over the last `dim` dimensions."""
    if not dim:
        return value
    return value.reshape(value.shape[:-dim] + (-1,)).sum(-1)


def logits_to_probs(logits: Any, is_binary: bool = False) -> Any:
    """Probabilities from log odds (binary), or from unnormalised log probabilities along the last dimension."""
    return logits.sigmoid() if is_binary else F.softmax(logits, dim=-1)


def clamp_probs(probs: Any) -> Any:
    """Probabilities kept away from 0 and 1 by the dtype's eps."""
    eps = torch.finfo(probs.dtype).eps
    return probs.clamp(min=eps, max=1 - eps)


def probs_to_logits(probs: Any, is_binary: bool = False) -> Any:
    """Log odds (binary), or log probabilities. Probabilities are kept away from 0 and 1 first."""
    inside = clamp_probs(probs)
    log = inside.log()
    return log - torch.log1p(-inside) if is_binary else log


class lazy_property:
    """A property that is worked out when first asked for, with gradients recorded, and kept in the object's `__dict__`."""

    def __init__(self, wrapped: Callable[[Any], Any]) -> None:
        self.wrapped = wrapped
        update_wrapper(self, wrapped)  # type: ignore[arg-type]

    def __get__(self, instance: Any, obj_type: Any = None) -> Any:
        if instance is None:
            return _lazy_property_and_property(self.wrapped)
        with torch.enable_grad():
            value = self.wrapped(instance)
        setattr(instance, self.wrapped.__name__, value)
        return value


class _lazy_property_and_property(lazy_property, property):
    """What a class shows for its lazy property: a property, so that documentation tools see one."""

    def __init__(self, wrapped: Callable[[Any], Any]) -> None:
        property.__init__(self, wrapped)


def tril_matrix_to_vec(mat: Any, diag: int = 0) -> Any:
    """The entries of square matrices (..., n, n) on and below a diagonal, row by row: (..., entries).

    Raises ValueError if there is no such diagonal.
    """
    n = mat.shape[-1]
    if not -n <= diag < n:
        raise ValueError(f"diag ({diag}) provided is outside [{-n}, {n - 1}].")
    places = torch.arange(n, device=mat.device)
    below = places < places.view(-1, 1) + (diag + 1)  # (n, n)
    return mat[..., below]


def vec_to_tril_matrix(vec: Any, diag: int = 0) -> Any:
    """Square matrices whose entries on and below a diagonal are those of vectors (..., entries), row by row, else 0.

    For a diagonal d up to the main one these are (n + d)(n + d + 1)/2 entries, above it (n² + (2d + 1)n - d(d + 1))/2. Raises ValueError if the number of entries gives no whole n.
    """
    entries = vec.shape[-1]
    beyond = diag * (diag + 1) if diag > 0 else 0
    n = ((1 + 8 * (entries + beyond)) ** 0.5 - 1 - 2 * diag) / 2
    if round(n) - n > torch.finfo(vec.dtype).eps:
        raise ValueError(
            f"The size of last dimension is {entries} which cannot be expressed as the lower triangular part of a square D x D matrix."
        )
    n = round(n)
    places = torch.arange(n, device=vec.device)
    below = places < places.view(-1, 1) + (diag + 1)
    out = torch.zeros(vec.shape[:-1] + torch.Size((n, n)), dtype=vec.dtype, device=vec.device)
    out[..., below] = vec
    return out


def _one_of(probs: Any, logits: Any) -> bool:
    """Whether the probabilities were given. Raises ValueError unless exactly one of both was."""
    if (probs is None) == (logits is None):
        raise ValueError("Either `probs` or `logits` must be specified, but not both.")
    return probs is not None
