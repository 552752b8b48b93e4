"""Dropout and its relatives, drawn from the generator as torch draws them."""

from __future__ import annotations

import math
from typing import Any

from tinytorch._core import dtypes
from tinytorch._core.declare import composite, find
from tinytorch._core.element_types import refuse
from tinytorch._core.modes import modes
from tinytorch._core.promotion import check_result_cast

ALPHA = 1.7580993408473766


def _dropped(input: Any, p: float, train: bool, feature: bool, alpha: bool, inplace: bool) -> Any:
    """The common recipe: a mask of survivors (per element or per channel), scaled; alpha keeps mean and variance."""
    if not 0 <= p <= 1:
        raise RuntimeError(f"dropout probability has to be between 0 and 1, but got {p:g}")
    if p == 0 or not train or input.numel() == 0:
        return input
    if p == 1:
        zeros = input.new_zeros(())
        return input.mul_(zeros) if inplace else input * zeros
    if feature and input.dim() < 2:
        raise RuntimeError("Feature dropout requires at least 2 dimensions in the input")
    shape = [input.shape[0], input.shape[1], *[1] * (input.dim() - 2)] if feature else None
    if not input.dtype.is_floating_point:
        if input.dtype.is_complex:
            refuse("bernoulli_scalar_cpu_", input.dtype)
        check_result_cast(
            dtypes.defaults.dtype, dtypes.int64 if input.dtype is dtypes.bool_ and alpha else input.dtype
        )
    noise = input.new_empty(shape) if shape else _like(input)
    batched = any(layer.kind == "batched" for layer in modes.layers)
    if batched and noise._key._special in (
        None,
        "strided",
    ):  # under vmap every example may have noise of its own
        noise = find("bernoulli", "p").call(noise, 1 - p)
    else:
        noise.bernoulli_(1 - p)
    shift = None
    if alpha:
        scale = 1.0 / math.sqrt((ALPHA * ALPHA * p + 1) * (1 - p))
        shift = (noise - 1).mul_(ALPHA * scale).add_(ALPHA * scale * p)
        noise.mul_(scale)
    else:
        noise.div_(1 - p)
    if shift is None:
        return input.mul_(noise) if inplace else input * noise
    return input.mul_(noise).add_(shift) if inplace else input * noise + shift


def _like(input: Any) -> Any:
    return find("empty_like")(input)


def _family(name: str, feature: bool, alpha: bool) -> None:
    def plain(input: Any, p: float, train: bool) -> Any:
        return _dropped(input, p, train, feature, alpha, False)

    def inplace(self: Any, p: float, train: bool) -> Any:
        return _dropped(self, p, train, feature, alpha, True)

    plain.__doc__ = f"torch.{name}: random elements or channels to zero, the others scaled."
    inplace.__doc__ = f"{name} in place."
    composite(f"{name}(Tensor input, float p, bool train) -> Tensor", plain, method=False, out=False)
    composite(
        f"{name}_(Tensor(a!) self, float p, bool train) -> Tensor(a!)", inplace, method=False, out=False
    )


_family("dropout", False, False)
_family("feature_dropout", True, False)
_family("alpha_dropout", False, True)
_family("feature_alpha_dropout", True, True)


@composite("native_dropout(Tensor input, float p, bool? train) -> (Tensor, Tensor)", method=False, out=False)
def native_dropout(input: Any, p: float, train: bool | None) -> Any:
    """Dropout and the mask of survivors."""
    if input.numel() == 0:
        return input, _like(input)
    if train is not None and not train:
        return input.clone(), input.new_ones(input.shape).bool()
    mask = _like(input).bernoulli_(1 - p)
    return input * mask * (0.0 if p == 1 else 1.0 / (1 - p)), mask.bool()
