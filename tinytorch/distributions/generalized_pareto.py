"""The generalized Pareto distribution."""

from __future__ import annotations

import math
from typing import Any

import tinytorch as torch

from . import constraints
from .distribution import Distribution, _expandable
from .utils import broadcast_all

__all__ = ["GeneralizedPareto"]


@_expandable
class GeneralizedPareto(Distribution):
    """P(X > x) = (1 + k z)^(-1/k) with z = (x - loc)/scale and k = concentration; exp(-z) for k = 0."""

    arg_constraints = {
        "loc": constraints.real,
        "scale": constraints.positive,
        "concentration": constraints.real,
    }
    has_rsample = True

    def __init__(self, loc: Any, scale: Any, concentration: Any, validate_args: bool | None = None) -> None:
        self.loc, self.scale, self.concentration = broadcast_all(loc, scale, concentration)
        super().__init__(self.loc.size(), validate_args=validate_args)

    @constraints.dependent_property(is_discrete=False, event_dim=0)
    def support(self) -> Any:
        low = self.loc
        high = torch.where(self.concentration < 0, low - self.scale / self.concentration, math.inf)
        return constraints.interval(low, high)

    def _cases(self) -> tuple[Any, Any]:
        """Where k is 0, and k with 1 in these places."""
        is_zero = torch.isclose(self.concentration, self.concentration.new_zeros(()))
        return is_zero, torch.where(is_zero, torch.ones_like(self.concentration), self.concentration)

    def _z(self, x: Any) -> Any:
        return (x - self.loc) / self.scale

    def _exists_below(self, bound: float, value: Any) -> Any:
        """A moment, which exists for k below a bound only."""
        return torch.where(self.concentration < bound, value, math.nan)

    @property
    def mean(self) -> Any:
        return self._exists_below(1, self.loc + self.scale / (1 - self.concentration))

    @property
    def variance(self) -> Any:
        k = self.concentration
        return self._exists_below(0.5, self.scale**2 / ((1 - k) ** 2 * (1 - 2 * k)))

    @property
    def mode(self) -> Any:
        return self.loc

    def rsample(self, sample_shape: Any = torch.Size()) -> Any:
        shape = self._extended_shape(sample_shape)
        return self.icdf(torch.rand(shape, dtype=self.loc.dtype, device=self.loc.device))

    def log_prob(self, value: Any) -> Any:
        if self._validate_args:
            self._validate_sample(value)
        z = self._z(value)
        is_zero, k = self._cases()
        general = (1 + 1 / k) * torch.log1p(k * z)
        return -self.scale.log() - torch.where(is_zero, z, general)

    def log_survival_function(self, value: Any) -> Any:
        """log P(X > value)."""
        if self._validate_args:
            self._validate_sample(value)
        z = self._z(value)
        is_zero, k = self._cases()
        return -torch.where(is_zero, z, torch.log1p(k * z) / k)

    def log_cdf(self, value: Any) -> Any:
        """log P(X ≤ value)."""
        return torch.log1p(-torch.exp(self.log_survival_function(value)))

    def cdf(self, value: Any) -> Any:
        return torch.exp(self.log_cdf(value))

    def icdf(self, value: Any) -> Any:
        is_zero, k = self._cases()
        log_survival = torch.log1p(-value)
        general = torch.expm1(-k * log_survival) / k
        return self.loc + self.scale * torch.where(is_zero, -log_survival, general)

    def entropy(self) -> Any:
        return (torch.log(self.scale) + self.concentration + 1).expand(self._batch_shape)
