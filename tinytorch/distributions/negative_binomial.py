"""The negative binomial distribution."""

from __future__ import annotations

from typing import Any

import tinytorch as torch

from ..nn import functional as F
from . import constraints
from .distribution import Distribution, _expandable
from .gamma import Gamma
from .utils import _one_of, broadcast_all, lazy_property, logits_to_probs, probs_to_logits

__all__ = ["NegativeBinomial"]


@_expandable
class NegativeBinomial(Distribution):
    """The number of successes, of probability probs = sigmoid(logits), before total_count failures."""

    arg_constraints = {
        "total_count": constraints.greater_than_eq(0),
        "probs": constraints.half_open_interval(0.0, 1.0),
        "logits": constraints.real,
    }
    support = constraints.nonnegative_integer

    def __init__(
        self,
        total_count: Any,
        probs: Any = None,
        logits: Any = None,
        validate_args: bool | None = None,
    ) -> None:
        if _one_of(probs, logits):
            self.total_count, self.probs = broadcast_all(total_count, probs)
            self._param = self.probs
        else:
            self.total_count, self.logits = broadcast_all(total_count, logits)
            self._param = self.logits
        self.total_count = self.total_count.type_as(self._param)
        super().__init__(self._param.size(), validate_args=validate_args)

    def _fill(self, new: Any, batch_shape: Any) -> None:
        new._param = new.__dict__["probs" if self._param is self.__dict__.get("probs") else "logits"]

    @lazy_property
    def logits(self) -> Any:
        """log(probs/(1 - probs))."""
        return probs_to_logits(self.probs, is_binary=True)

    @lazy_property
    def probs(self) -> Any:
        """1/(1 + exp(-logits))."""
        return logits_to_probs(self.logits, is_binary=True)

    @property
    def param_shape(self) -> Any:
        """The shape of the parameter that was given."""
        return self._param.size()

    @property
    def mean(self) -> Any:
        return self.total_count * torch.exp(self.logits)

    @property
    def mode(self) -> Any:
        return ((self.total_count - 1) * self.logits.exp()).floor().clamp(min=0.0)

    @property
    def variance(self) -> Any:
        return self.mean / torch.sigmoid(-self.logits)

    @lazy_property
    def _gamma(self) -> Any:
        return Gamma(concentration=self.total_count, rate=torch.exp(-self.logits), validate_args=False)

    def sample(self, sample_shape: Any = torch.Size()) -> Any:
        with torch.no_grad():  # Poisson numbers of gamma rates
            return torch.poisson(self._gamma.sample(sample_shape=sample_shape))

    def log_prob(self, value: Any) -> Any:
        if self._validate_args:
            self._validate_sample(value)
        n = self.total_count
        log_terms = n * F.logsigmoid(-self.logits) + value * F.logsigmoid(self.logits)
        log_divisor = -torch.lgamma(n + value) + torch.lgamma(1.0 + value) + torch.lgamma(n)
        log_divisor = log_divisor.masked_fill(n + value == 0.0, 0.0)
        return log_terms - log_divisor
