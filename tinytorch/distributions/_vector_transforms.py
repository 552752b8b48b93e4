"""Transforms of vectors and matrices, and several transforms side by side."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import tinytorch as torch

from ..nn.functional import pad, softplus
from . import constraints
from ._transform import Transform, _equal_of_class
from .utils import lazy_property, tril_matrix_to_vec, vec_to_tril_matrix


def _check_dims(shape: Any, least: int) -> None:
    if len(shape) < least:
        raise ValueError("Too few dimensions on input")


class ReshapeTransform(Transform):
    """Events of the shape `in_shape` as events of the shape `out_shape`; log |det J| is 0."""

    bijective = True

    def __init__(self, in_shape: Any, out_shape: Any, cache_size: int = 0) -> None:
        self.in_shape = torch.Size(in_shape)
        self.out_shape = torch.Size(out_shape)
        if self.in_shape.numel() != self.out_shape.numel():
            raise ValueError("in_shape, out_shape have different numbers of elements")
        super().__init__(cache_size=cache_size)

    @constraints.dependent_property
    def domain(self) -> Any:  # type: ignore[override]
        return constraints.independent(constraints.real, len(self.in_shape))

    @constraints.dependent_property
    def codomain(self) -> Any:  # type: ignore[override]
        return constraints.independent(constraints.real, len(self.out_shape))

    def with_cache(self, cache_size: int = 1) -> Any:
        if self._cache_size == cache_size:
            return self
        return ReshapeTransform(self.in_shape, self.out_shape, cache_size=cache_size)

    def _call(self, x: Any) -> Any:
        return x.reshape(x.shape[: x.dim() - len(self.in_shape)] + self.out_shape)

    def _inverse(self, y: Any) -> Any:
        return y.reshape(y.shape[: y.dim() - len(self.out_shape)] + self.in_shape)

    def log_abs_det_jacobian(self, x: Any, y: Any) -> Any:
        batch_shape = x.shape[: x.dim() - len(self.in_shape)]
        return torch.zeros(batch_shape, dtype=x.dtype, layout=x.layout, device=x.device)

    def forward_shape(self, shape: Any) -> Any:
        return _replace_event(shape, self.in_shape, self.out_shape)

    def inverse_shape(self, shape: Any) -> Any:
        return _replace_event(shape, self.out_shape, self.in_shape)


def _replace_event(shape: Any, old: Any, new: Any) -> Any:
    _check_dims(shape, len(old))
    batch = len(shape) - len(old)
    if shape[batch:] != old:
        raise ValueError(f"Shape mismatch: expected {shape[batch:]} but got {old}")
    return shape[:batch] + new


class SoftmaxTransform(Transform):
    """Vectors to the simplex by exp and division by the sum. Not injective: the inverse gives the logarithms."""

    domain = constraints.real_vector
    codomain = constraints.simplex
    __eq__ = _equal_of_class
    __hash__ = None  # type: ignore[assignment]

    def _call(self, x: Any) -> Any:
        weights = (x - x.max(-1, True)[0]).exp()
        return weights / weights.sum(-1, True)

    def _inverse(self, y: Any) -> Any:
        return y.log()

    def forward_shape(self, shape: Any) -> Any:
        _check_dims(shape, 1)
        return shape

    inverse_shape = forward_shape


class StickBreakingTransform(Transform):
    """Vectors of K - 1 numbers to the simplex of K: each is the log odds of where the rest of a stick is broken, less an offset
    that takes 0 to the middle of the simplex.

    Source: the Stan reference manual, "Unit simplex".
    """

    domain = constraints.real_vector
    codomain = constraints.simplex
    bijective = True
    __eq__ = _equal_of_class
    __hash__ = None  # type: ignore[assignment]

    @staticmethod
    def _log_pieces_left(numbers: Any) -> Any:
        """log of how many pieces are left to be broken off before each: K - 1, …, 1."""
        return (numbers.shape[-1] + 1 - numbers.new_ones(numbers.shape[-1]).cumsum(-1)).log()

    def _call(self, x: Any) -> Any:
        limits = torch.finfo(x.dtype)
        z = torch.clamp(torch.sigmoid(x - self._log_pieces_left(x)), min=limits.tiny, max=1.0 - limits.eps)
        rest = (1 - z).cumprod(-1)
        return pad(z, [0, 1], value=1) * pad(rest, [1, 0], value=1)

    def _inverse(self, y: Any) -> Any:
        pieces = y[..., :-1]
        # What is left of the stick, kept off 0.
        rest = torch.clamp(1 - pieces.cumsum(-1), min=torch.finfo(y.dtype).tiny)
        return pieces.log() - rest.log() + self._log_pieces_left(pieces)

    def log_abs_det_jacobian(self, x: Any, y: Any) -> Any:
        x = x - self._log_pieces_left(x)
        return (-x + torch.nn.functional.logsigmoid(x) + y[..., :-1].log()).sum(-1)

    def forward_shape(self, shape: Any) -> Any:
        _check_dims(shape, 1)
        return shape[:-1] + (shape[-1] + 1,)

    def inverse_shape(self, shape: Any) -> Any:
        _check_dims(shape, 1)
        return shape[:-1] + (shape[-1] - 1,)


class LowerCholeskyTransform(Transform):
    """Square matrices to lower triangular ones of positive diagonal: exp on the diagonal, 0 above it."""

    domain = constraints.independent(constraints.real, 2)
    codomain = constraints.lower_cholesky
    __eq__ = _equal_of_class
    __hash__ = None  # type: ignore[assignment]

    def _call(self, x: Any) -> Any:
        return x.tril(-1) + x.diagonal(dim1=-2, dim2=-1).exp().diag_embed()

    def _inverse(self, y: Any) -> Any:
        return y.tril(-1) + y.diagonal(dim1=-2, dim2=-1).log().diag_embed()


class PositiveDefiniteTransform(Transform):
    """Square matrices to positive definite ones: L Lᵀ with the L of LowerCholeskyTransform."""

    domain = constraints.independent(constraints.real, 2)
    codomain = constraints.positive_definite
    __eq__ = _equal_of_class
    __hash__ = None  # type: ignore[assignment]

    def _call(self, x: Any) -> Any:
        factor = LowerCholeskyTransform()(x)
        return factor @ factor.mT

    def _inverse(self, y: Any) -> Any:
        return LowerCholeskyTransform().inv(torch.linalg.cholesky(y))


class CorrCholeskyTransform(Transform):
    """Vectors of n(n - 1)/2 numbers to Cholesky factors of n × n correlation matrices.

    tanh of the numbers are canonical partial correlations; a row is built from them as a point of the unit sphere is from its
    angles. Source: Lewandowski, Kurowicka and Joe, "Generating random correlation matrices based on vines and extended onion
    method" (2009), and the Stan reference manual, "Cholesky factors of correlation matrices".
    """

    domain = constraints.real_vector
    codomain = constraints.corr_cholesky
    bijective = True

    def _call(self, x: Any) -> Any:
        x = torch.tanh(x)
        eps = torch.finfo(x.dtype).eps
        partial = vec_to_tril_matrix(x.clamp(min=-1 + eps, max=1 - eps), diag=-1)  # (..., n, n)
        # Column j of a row has the square root of what the columns before it left of the length 1.
        left = (1 - partial**2).sqrt().cumprod(-1)
        ones = torch.eye(partial.shape[-1], dtype=partial.dtype, device=partial.device)
        return (partial + ones) * pad(left[..., :-1], [1, 0], value=1)

    def _inverse(self, y: Any) -> Any:
        left = pad((1 - torch.cumsum(y * y, dim=-1))[..., :-1], [1, 0], value=1)
        entries = tril_matrix_to_vec(y, diag=-1)
        partial = entries / tril_matrix_to_vec(left, diag=-1).sqrt()
        # atanh
        return (partial.log1p() - partial.neg().log1p()) / 2

    def log_abs_det_jacobian(self, x: Any, y: Any, intermediates: Any = None) -> Any:
        # dy/dtanh is triangular, with the roots of what is left on its diagonal; dtanh/dx is 1 - tanh².
        left = 1 - (y * y).cumsum(dim=-1)
        log_left = 0.5 * tril_matrix_to_vec(left, diag=-2).log().sum(-1)
        log_tanh = -2 * (x + softplus(-2 * x) - math.log(2.0)).sum(dim=-1)
        return log_left + log_tanh

    def forward_shape(self, shape: Any) -> Any:
        _check_dims(shape, 1)
        entries = shape[-1]
        n = round((0.25 + 2 * entries) ** 0.5 + 0.5)
        if n * (n - 1) // 2 != entries:
            raise ValueError("Input is not a flattened lower-diagonal number")
        return shape[:-1] + (n, n)

    def inverse_shape(self, shape: Any) -> Any:
        _check_dims(shape, 2)
        n = shape[-1]
        if shape[-2] != n:
            raise ValueError("Input is not square")
        return shape[:-2] + (n * (n - 1) // 2,)


class _Several(Transform):
    """A list of transforms, each for its own part of the values along `dim`."""

    transforms: list[Transform]
    dim: int

    def _set(self, tseq: Sequence[Transform], dim: int, cache_size: int) -> None:
        if not all(isinstance(transform, Transform) for transform in tseq):
            raise AssertionError("All elements of tseq must be Transform instances")
        super().__init__(cache_size=cache_size)
        if cache_size:
            tseq = [transform.with_cache(cache_size) for transform in tseq]
        self.transforms = list(tseq)
        self.dim = dim

    def _check_dim(self, value: Any) -> None:
        if not -value.dim() <= self.dim < value.dim():
            raise AssertionError(f"dim {self.dim} out of range for tensor with {value.dim()} dimensions")

    @property
    def bijective(self) -> bool:  # type: ignore[override]
        return all(transform.bijective for transform in self.transforms)


class CatTransform(_Several):
    """Transforms of the slices of the given lengths along `dim`."""

    def __init__(
        self,
        tseq: Sequence[Transform],
        dim: int = 0,
        lengths: Sequence[int] | None = None,
        cache_size: int = 0,
    ) -> None:
        self._set(tseq, dim, cache_size)
        self.lengths = [1] * len(self.transforms) if lengths is None else list(lengths)
        if len(self.lengths) != len(self.transforms):
            raise AssertionError(
                f"lengths ({len(self.lengths)}) must match transforms ({len(self.transforms)})"
            )

    @lazy_property
    def event_dim(self) -> int:  # type: ignore[override]
        """The largest of theirs."""
        return max(transform.event_dim for transform in self.transforms)

    @lazy_property
    def length(self) -> int:
        """The sum of the lengths."""
        return sum(self.lengths)

    def with_cache(self, cache_size: int = 1) -> Any:
        if self._cache_size == cache_size:
            return self
        return CatTransform(self.transforms, self.dim, self.lengths, cache_size)

    def _check(self, value: Any, name: str) -> None:
        self._check_dim(value)
        if value.size(self.dim) != self.length:
            raise AssertionError(
                f"{name}.size({self.dim}) = {value.size(self.dim)} must equal length {self.length}"
            )

    def _slices(self, value: Any) -> Any:
        return value.split(self.lengths, self.dim)

    def _call(self, x: Any) -> Any:
        self._check(x, "x")
        return torch.cat([t(part) for t, part in zip(self.transforms, self._slices(x))], dim=self.dim)

    def _inverse(self, y: Any) -> Any:
        self._check(y, "y")
        return torch.cat([t.inv(part) for t, part in zip(self.transforms, self._slices(y))], dim=self.dim)

    def log_abs_det_jacobian(self, x: Any, y: Any) -> Any:
        self._check(x, "x")
        self._check(y, "y")
        terms = []
        for transform, before, after in zip(self.transforms, self._slices(x), self._slices(y)):
            term = transform.log_abs_det_jacobian(before, after)
            if transform.event_dim < self.event_dim:
                extra = self.event_dim - transform.event_dim
                term = term.reshape(term.shape[: term.dim() - extra] + (-1,)).sum(-1)
            terms.append(term)
        dim = self.dim - x.dim() if self.dim >= 0 else self.dim
        dim += self.event_dim
        # Along a dimension of the batch each slice has its own events; inside an event, they add up.
        return torch.cat(terms, dim=dim) if dim < 0 else sum(terms)

    @constraints.dependent_property
    def domain(self) -> Any:  # type: ignore[override]
        return constraints.cat([t.domain for t in self.transforms], self.dim, self.lengths)

    @constraints.dependent_property
    def codomain(self) -> Any:  # type: ignore[override]
        return constraints.cat([t.codomain for t in self.transforms], self.dim, self.lengths)


class StackTransform(_Several):
    """Transforms of the slices number 0, 1, … along `dim`."""

    def __init__(self, tseq: Sequence[Transform], dim: int = 0, cache_size: int = 0) -> None:
        self._set(tseq, dim, cache_size)

    def with_cache(self, cache_size: int = 1) -> Any:
        if self._cache_size == cache_size:
            return self
        return StackTransform(self.transforms, self.dim, cache_size)

    def _check(self, value: Any, name: str) -> None:
        self._check_dim(value)
        if value.size(self.dim) != len(self.transforms):
            raise AssertionError(
                f"{name}.size({self.dim}) = {value.size(self.dim)} must equal len(transforms) {len(self.transforms)}"
            )

    def _each(self, function: Callable[..., Any], *values: Any) -> Any:
        slices = [
            [value.select(self.dim, index) for value in values] for index in range(len(self.transforms))
        ]
        return torch.stack(
            [function(t, *parts) for t, parts in zip(self.transforms, slices, strict=True)], dim=self.dim
        )

    def _call(self, x: Any) -> Any:
        self._check(x, "x")
        return self._each(lambda transform, part: transform(part), x)

    def _inverse(self, y: Any) -> Any:
        self._check(y, "y")
        return self._each(lambda transform, part: transform.inv(part), y)

    def log_abs_det_jacobian(self, x: Any, y: Any) -> Any:
        self._check(x, "x")
        self._check(y, "y")
        return self._each(lambda t, before, after: t.log_abs_det_jacobian(before, after), x, y)

    @constraints.dependent_property
    def domain(self) -> Any:  # type: ignore[override]
        return constraints.stack([t.domain for t in self.transforms], self.dim)

    @constraints.dependent_property
    def codomain(self) -> Any:  # type: ignore[override]
        return constraints.stack([t.codomain for t in self.transforms], self.dim)
