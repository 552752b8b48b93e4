"""The Dirichlet distribution."""

from __future__ import annotations

from typing import Any

import tinytorch as torch

from ..autograd import Function
from ..autograd.function import once_differentiable
from . import constraints
from .distribution import _expandable
from .exp_family import ExponentialFamily

__all__ = ["Dirichlet"]


class _Dirichlet(Function):
    """Draws, with the gradient along the path of each component for each concentration (pathwise, as of its Beta marginal)."""

    @staticmethod
    def forward(ctx: Any, concentration: Any) -> Any:
        x = torch._sample_dirichlet(concentration)
        ctx.save_for_backward(x, concentration)
        return x

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_output: Any) -> Any:
        x, concentration = ctx.saved_tensors
        total = concentration.sum(-1, True).expand_as(concentration)
        gradient = torch._dirichlet_grad(x, concentration, total)
        # The components add up to 1, so what moves all of them alike has no effect.
        return gradient * (grad_output - (x * grad_output).sum(-1, True))


@_expandable
class Dirichlet(ExponentialFamily):
    """Density Γ(Σα) / ΠΓ(α) · Π xᵅ⁻¹ on the simplex, with α = concentration (..., K)."""

    arg_constraints = {"concentration": constraints.independent(constraints.positive, 1)}
    support = constraints.simplex
    has_rsample = True

    def __init__(self, concentration: Any, validate_args: bool | None = None) -> None:
        if concentration.dim() < 1:
            raise ValueError("`concentration` parameter must be at least one-dimensional.")
        self.concentration = concentration
        super().__init__(concentration.shape[:-1], concentration.shape[-1:], validate_args=validate_args)

    @property
    def mean(self) -> Any:
        return self.concentration / self.concentration.sum(-1, True)

    @property
    def mode(self) -> Any:
        above = (self.concentration - 1).clamp(min=0.0)
        mode = above / above.sum(-1, True)
        # Without a concentration above 1 the density is greatest at a corner.
        corner = (self.concentration < 1).all(dim=-1)
        mode[corner] = torch.nn.functional.one_hot(mode[corner].argmax(dim=-1), above.shape[-1]).to(mode)
        return mode

    @property
    def variance(self) -> Any:
        total = self.concentration.sum(-1, True)
        return self.concentration * (total - self.concentration) / (total.pow(2) * (total + 1))

    def rsample(self, sample_shape: Any = ()) -> Any:
        shape = self._extended_shape(sample_shape)
        return _Dirichlet.apply(self.concentration.expand(shape))

    def log_prob(self, value: Any) -> Any:
        if self._validate_args:
            self._validate_sample(value)
        alpha = self.concentration
        return (
            torch.xlogy(alpha - 1.0, value).sum(-1)
            + torch.lgamma(alpha.sum(-1))
            - torch.lgamma(alpha).sum(-1)
        )

    def entropy(self) -> Any:
        alpha = self.concentration
        total = alpha.sum(-1)
        return (
            torch.lgamma(alpha).sum(-1)
            - torch.lgamma(total)
            - (alpha.size(-1) - total) * torch.digamma(total)
            - ((alpha - 1.0) * torch.digamma(alpha)).sum(-1)
        )

    @property
    def _natural_params(self) -> tuple[Any]:
        return (self.concentration,)

    def _log_normalizer(self, x: Any) -> Any:  # type: ignore[override]
        return x.lgamma().sum(-1) - torch.lgamma(x.sum(-1))
