"""The beta distribution."""

from __future__ import annotations

from numbers import Real
from typing import Any

import tinytorch as torch

from . import constraints
from .dirichlet import Dirichlet
from .distribution import _expandable
from .exp_family import ExponentialFamily
from .utils import broadcast_all

__all__ = ["Beta"]


@_expandable
class Beta(ExponentialFamily):
    """Density xᵃ⁻¹ (1 - x)ᵇ⁻¹ / B(a, b) on [0, 1], with a = concentration1 and b = concentration0.

    It is the first component of a Dirichlet distribution with the concentrations (a, b).
    """

    arg_constraints = {"concentration1": constraints.positive, "concentration0": constraints.positive}
    support = constraints.unit_interval
    has_rsample = True

    def __init__(self, concentration1: Any, concentration0: Any, validate_args: bool | None = None) -> None:
        if isinstance(concentration1, Real) and isinstance(concentration0, Real):
            both = torch.tensor([float(concentration1), float(concentration0)])
        else:
            both = torch.stack(broadcast_all(concentration1, concentration0), -1)
        self._dirichlet = Dirichlet(both, validate_args=validate_args)
        super().__init__(self._dirichlet._batch_shape, validate_args=validate_args)

    def _fill(self, new: Any, batch_shape: Any) -> None:
        new._dirichlet = self._dirichlet.expand(batch_shape)

    @property
    def concentration1(self) -> Any:
        """The exponent of x, plus 1."""
        return self._concentration(0)

    @property
    def concentration0(self) -> Any:
        """The exponent of 1 - x, plus 1."""
        return self._concentration(1)

    def _concentration(self, index: int) -> Any:
        return self._dirichlet.concentration[..., index]

    @property
    def mean(self) -> Any:
        return self.concentration1 / (self.concentration1 + self.concentration0)

    @property
    def mode(self) -> Any:
        return self._dirichlet.mode[..., 0]

    @property
    def variance(self) -> Any:
        a, b = self.concentration1, self.concentration0
        total = a + b
        return a * b / (total.pow(2) * (total + 1))

    def rsample(self, sample_shape: Any = ()) -> Any:
        return self._dirichlet.rsample(sample_shape).select(-1, 0)

    def log_prob(self, value: Any) -> Any:
        if self._validate_args:
            self._validate_sample(value)
        return self._dirichlet.log_prob(torch.stack([value, 1.0 - value], -1))

    def entropy(self) -> Any:
        return self._dirichlet.entropy()

    @property
    def _natural_params(self) -> tuple[Any, Any]:
        return self.concentration1, self.concentration0

    def _log_normalizer(self, x: Any, y: Any) -> Any:  # type: ignore[override]
        return torch.lgamma(x) + torch.lgamma(y) - torch.lgamma(x + y)
