"""Exponential families: densities h(x) exp(⟨t(x), θ⟩ - F(θ)).

Source: Nielsen and Nock, "Entropies and cross-entropies of exponential families" (2010).
"""

from __future__ import annotations

from typing import Any

import tinytorch as torch

from .distribution import Distribution

__all__ = ["ExponentialFamily"]


class ExponentialFamily(Distribution):
    """Distributions with natural parameters θ and a log normalizer F, from which entropy and divergences follow by differentiation."""

    @property
    def _natural_params(self) -> tuple[Any, ...]:
        """θ."""
        raise NotImplementedError

    def _log_normalizer(self, *natural_params: Any) -> Any:
        """F(θ)."""
        raise NotImplementedError

    @property
    def _mean_carrier_measure(self) -> float:
        """The expectation of log h(x)."""
        raise NotImplementedError

    def entropy(self) -> Any:
        """F(θ) - ⟨θ, ∇F(θ)⟩ - E log h(x)."""
        result = -self._mean_carrier_measure
        natural = [parameter.detach().requires_grad_() for parameter in self._natural_params]
        normalizer = self._log_normalizer(*natural)
        gradients = torch.autograd.grad(normalizer.sum(), natural, create_graph=True)
        result += normalizer
        for parameter, gradient in zip(natural, gradients, strict=True):
            result -= (parameter * gradient).reshape(self._batch_shape + (-1,)).sum(-1)
        return result
