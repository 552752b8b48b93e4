"""The relaxed Bernoulli distribution.

Sources: Maddison, Mnih and Teh, "The concrete distribution" (2017); Jang, Gu and Poole, "Categorical reparameterization with
Gumbel-softmax" (2017).
"""

from __future__ import annotations

from typing import Any

import tinytorch as torch

from . import constraints
from .distribution import Distribution, _expandable
from .transformed_distribution import TransformedDistribution
from .transforms import SigmoidTransform
from .utils import _one_of, broadcast_all, clamp_probs, lazy_property, logits_to_probs, probs_to_logits

__all__ = ["LogitRelaxedBernoulli", "RelaxedBernoulli"]


@_expandable
class LogitRelaxedBernoulli(Distribution):
    """(logits + L)/temperature for L of the logistic distribution: the log odds of a RelaxedBernoulli."""

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.real

    def __init__(
        self,
        temperature: Any,
        probs: Any = None,
        logits: Any = None,
        validate_args: bool | None = None,
    ) -> None:
        self.temperature = temperature
        if _one_of(probs, logits):
            (self.probs,) = broadcast_all(probs)
            self._param = self.probs
        else:
            (self.logits,) = broadcast_all(logits)
            self._param = self.logits
        super().__init__(self._param.size(), validate_args=validate_args)

    def _fill(self, new: Any, batch_shape: Any) -> None:
        new.temperature = self.temperature
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

    def rsample(self, sample_shape: Any = torch.Size()) -> Any:
        shape = self._extended_shape(sample_shape)
        probs = clamp_probs(self.probs.expand(shape))
        u = clamp_probs(torch.rand(shape, dtype=probs.dtype, device=probs.device))
        return (u.log() - (-u).log1p() + probs.log() - (-probs).log1p()) / self.temperature

    def log_prob(self, value: Any) -> Any:
        if self._validate_args:
            self._validate_sample(value)
        logits, value = broadcast_all(self.logits, value)
        difference = logits - value.mul(self.temperature)
        return self.temperature.log() + difference - 2 * difference.exp().log1p()


@_expandable
class RelaxedBernoulli(TransformedDistribution):
    """Numbers between 0 and 1 that come near to Bernoulli's as the temperature falls to 0, and are differentiable."""

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.unit_interval
    has_rsample = True
    base_dist: LogitRelaxedBernoulli

    def __init__(
        self,
        temperature: Any,
        probs: Any = None,
        logits: Any = None,
        validate_args: bool | None = None,
    ) -> None:
        base = LogitRelaxedBernoulli(temperature, probs, logits)
        super().__init__(base, SigmoidTransform(), validate_args=validate_args)

    @property
    def temperature(self) -> Any:
        """The temperature."""
        return self.base_dist.temperature

    @property
    def logits(self) -> Any:
        """log(probs/(1 - probs))."""
        return self.base_dist.logits

    @property
    def probs(self) -> Any:
        """The probability of a value above 1/2."""
        return self.base_dist.probs
