"""The continuous Bernoulli distribution.

Source: Loaiza-Ganem and Cunningham, "The continuous Bernoulli: fixing a pervasive error in variational autoencoders" (2019).
"""

from __future__ import annotations

import math
from typing import Any

import tinytorch as torch

from ..nn.functional import binary_cross_entropy_with_logits
from . import constraints
from .distribution import _expandable
from .exp_family import ExponentialFamily
from .utils import _one_of, broadcast_all, clamp_probs, lazy_property, logits_to_probs, probs_to_logits

__all__ = ["ContinuousBernoulli"]


@_expandable
class ContinuousBernoulli(ExponentialFamily):
    """Density C(p) pˣ (1 - p)¹⁻ˣ on [0, 1], with p = probs = sigmoid(logits).

    The formulas are 0/0 at p = 1/2; for p between `lims` they are replaced by the first terms of their Taylor series.
    """

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.unit_interval
    has_rsample = True
    _mean_carrier_measure = 0

    def __init__(
        self,
        probs: Any = None,
        logits: Any = None,
        lims: tuple[float, float] = (0.499, 0.501),
        validate_args: bool | None = None,
    ) -> None:
        if _one_of(probs, logits):
            (self.probs,) = broadcast_all(probs)
            if validate_args is not None and not self.arg_constraints["probs"].check(self.probs).all():
                raise ValueError("The parameter probs has invalid values")
            self.probs = clamp_probs(self.probs)
            self._param = self.probs
        else:
            (self.logits,) = broadcast_all(logits)
            self._param = self.logits
        self._lims = lims
        super().__init__(self._param.size(), validate_args=validate_args)

    def _fill(self, new: Any, batch_shape: Any) -> None:
        new._lims = self._lims
        new._param = new.__dict__["probs" if self._param is self.__dict__.get("probs") else "logits"]

    def _is_far(self) -> Any:
        """Where p is far enough from 1/2 for the formulas."""
        return torch.max(torch.le(self.probs, self._lims[0]), torch.gt(self.probs, self._lims[1]))

    def _far_probs(self) -> Any:
        """p where it is far from 1/2, else some number that is."""
        return torch.where(self._is_far(), self.probs, self._lims[0] * torch.ones_like(self.probs))

    def _log_constant(self) -> Any:
        """log C(p)."""
        far = self._far_probs()
        low = torch.where(torch.le(far, 0.5), far, torch.zeros_like(far))
        high = torch.where(torch.ge(far, 0.5), far, torch.ones_like(far))
        formula = torch.log(torch.abs(torch.log1p(-far) - torch.log(far))) - torch.where(
            torch.le(far, 0.5), torch.log1p(-2.0 * low), torch.log(2.0 * high - 1.0)
        )
        x = torch.pow(self.probs - 0.5, 2)
        series = math.log(2.0) + (4.0 / 3.0 + 104.0 / 45.0 * x) * x
        return torch.where(self._is_far(), formula, series)

    @lazy_property
    def logits(self) -> Any:
        """log(probs/(1 - probs))."""
        return probs_to_logits(self.probs, is_binary=True)

    @lazy_property
    def probs(self) -> Any:
        """1/(1 + exp(-logits)), kept off 0 and 1."""
        return clamp_probs(logits_to_probs(self.logits, is_binary=True))

    @property
    def param_shape(self) -> Any:
        """The shape of the parameter that was given."""
        return self._param.size()

    @property
    def mean(self) -> Any:
        far = self._far_probs()
        formula = far / (2.0 * far - 1.0) + 1.0 / (torch.log1p(-far) - torch.log(far))
        x = self.probs - 0.5
        series = 0.5 + (1.0 / 3.0 + 16.0 / 45.0 * torch.pow(x, 2)) * x
        return torch.where(self._is_far(), formula, series)

    @property
    def stddev(self) -> Any:
        return torch.sqrt(self.variance)

    @property
    def variance(self) -> Any:
        far = self._far_probs()
        formula = far * (far - 1.0) / torch.pow(1.0 - 2.0 * far, 2) + 1.0 / torch.pow(
            torch.log1p(-far) - torch.log(far), 2
        )
        x = torch.pow(self.probs - 0.5, 2)
        series = 1.0 / 12.0 - (1.0 / 15.0 - 128.0 / 945.0 * x) * x
        return torch.where(self._is_far(), formula, series)

    def sample(self, sample_shape: Any = torch.Size()) -> Any:
        with torch.no_grad():
            return self.rsample(sample_shape)

    def rsample(self, sample_shape: Any = torch.Size()) -> Any:
        shape = self._extended_shape(sample_shape)
        return self.icdf(torch.rand(shape, dtype=self.probs.dtype, device=self.probs.device))

    def log_prob(self, value: Any) -> Any:
        if self._validate_args:
            self._validate_sample(value)
        logits, value = broadcast_all(self.logits, value)
        return -binary_cross_entropy_with_logits(logits, value, reduction="none") + self._log_constant()

    def cdf(self, value: Any) -> Any:
        if self._validate_args:
            self._validate_sample(value)
        far = self._far_probs()
        formula = (torch.pow(far, value) * torch.pow(1.0 - far, 1.0 - value) + far - 1.0) / (2.0 * far - 1.0)
        inside = torch.where(self._is_far(), formula, value)
        return torch.where(
            torch.le(value, 0.0),
            torch.zeros_like(value),
            torch.where(torch.ge(value, 1.0), torch.ones_like(value), inside),
        )

    def icdf(self, value: Any) -> Any:
        far = self._far_probs()
        formula = (torch.log1p(-far + value * (2.0 * far - 1.0)) - torch.log1p(-far)) / (
            torch.log(far) - torch.log1p(-far)
        )
        return torch.where(self._is_far(), formula, value)

    def entropy(self) -> Any:
        log_fail, log_success = torch.log1p(-self.probs), torch.log(self.probs)
        return self.mean * (log_fail - log_success) - self._log_constant() - log_fail

    @property
    def _natural_params(self) -> tuple[Any]:
        return (self.logits,)

    def _log_normalizer(self, x: Any) -> Any:  # type: ignore[override]
        """log((eˣ - 1)/x)."""
        low, high = self._lims[0] - 0.5, self._lims[1] - 0.5
        is_far = torch.max(torch.le(x, low), torch.gt(x, high))
        far = torch.where(is_far, x, low * torch.ones_like(x))
        formula = torch.log(torch.abs(torch.special.expm1(far))) - torch.log(torch.abs(far))
        series = 0.5 * x + torch.pow(x, 2) / 24.0 - torch.pow(x, 4) / 2880.0
        return torch.where(is_far, formula, series)
