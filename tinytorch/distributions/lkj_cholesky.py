"""Lewandowski, Kurowicka and Joe's distribution of Cholesky factors of correlation matrices.

Source: Lewandowski, Kurowicka and Joe, "Generating random correlation matrices based on vines and extended onion method" (2009).
"""

from __future__ import annotations

import math
from typing import Any

import tinytorch as torch

from . import constraints
from .beta import Beta
from .distribution import Distribution, _expandable
from .utils import broadcast_all

__all__ = ["LKJCholesky"]


@_expandable
class LKJCholesky(Distribution):
    """Factors L of dim × dim correlation matrices C = L Lᵀ with density ∝ det(C)^(concentration - 1) of C."""

    arg_constraints = {"concentration": constraints.positive}
    support = constraints.corr_cholesky

    def __init__(self, dim: int, concentration: Any = 1.0, validate_args: bool | None = None) -> None:
        if dim < 2:
            raise ValueError(f"Expected dim to be an integer greater than or equal to 2. Found dim={dim}.")
        self.dim = dim
        (self.concentration,) = broadcast_all(concentration)
        # The squared length of each row left of its diagonal, by the onion method; of the first row it is not used.
        size = torch.arange(self.dim - 1, dtype=self.concentration.dtype, device=self.concentration.device)
        size = torch.cat([size.new_zeros((1,)), size])
        marginal = self.concentration + 0.5 * (self.dim - 2)
        self._beta = Beta(size + 0.5, marginal.unsqueeze(-1) - 0.5 * size)
        super().__init__(self.concentration.size(), torch.Size((dim, dim)), validate_args=validate_args)

    def _fill(self, new: Any, batch_shape: Any) -> None:
        new.dim = self.dim
        new._beta = self._beta.expand(batch_shape + (self.dim,))

    def sample(self, sample_shape: Any = torch.Size()) -> Any:
        squared_length = self._beta.sample(sample_shape).unsqueeze(-1)
        direction = torch.randn(
            self._extended_shape(sample_shape), dtype=squared_length.dtype, device=squared_length.device
        ).tril(-1)
        direction = direction / direction.norm(dim=-1, keepdim=True)
        direction[..., 0, :].fill_(0.0)
        below = torch.sqrt(squared_length) * direction
        rest = torch.clamp(1 - torch.sum(below**2, dim=-1), min=torch.finfo(below.dtype).tiny)
        return below + torch.diag_embed(rest.sqrt())

    def log_prob(self, value: Any) -> Any:
        if self._validate_args:
            self._validate_sample(value)
        diagonal = value.diagonal(dim1=-1, dim2=-2)[..., 1:]
        # det(C)^(concentration - 1), and the Jacobian determinant Π Lₖₖ^(dim - k) of C as a function of L
        row = torch.arange(2, self.dim + 1, device=self.concentration.device)
        power = 2 * (self.concentration - 1).unsqueeze(-1) + self.dim - row
        log_density = torch.sum(power * diagonal.log(), dim=-1)
        # The constant of the paper's page 1999
        others = self.dim - 1
        alpha = self.concentration + 0.5 * others
        log_constant = (
            0.5 * others * math.log(math.pi)
            + torch.mvlgamma(alpha - 0.5, others)
            - torch.lgamma(alpha) * others
        )
        return log_density - log_constant
