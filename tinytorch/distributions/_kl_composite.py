"""Divergences of whole families, and of distributions made of others."""

from __future__ import annotations

from typing import Any

import tinytorch as torch

from .exp_family import ExponentialFamily
from .independent import Independent
from .kl import kl_divergence, register_kl
from .transformed_distribution import TransformedDistribution
from .utils import _sum_rightmost


@register_kl(ExponentialFamily, ExponentialFamily)
def _family_family(p: Any, q: Any) -> Any:
    """F(θq) - F(θp) - ⟨θq - θp, ∇F(θp)⟩. Source: Nielsen and Nock, "Entropies and cross-entropies of exponential families" (2010)."""
    if type(p) is not type(q):
        raise NotImplementedError(
            "The cross KL-divergence between different exponential families cannot                             be computed using "
            "Bregman divergences"
        )
    natural_p = [parameter.detach().requires_grad_() for parameter in p._natural_params]
    normalizer = p._log_normalizer(*natural_p)
    gradients = torch.autograd.grad(normalizer.sum(), natural_p, create_graph=True)
    divergence = q._log_normalizer(*q._natural_params) - normalizer
    for of_p, of_q, gradient in zip(natural_p, q._natural_params, gradients, strict=True):
        divergence -= _sum_rightmost((of_q - of_p) * gradient, len(q.event_shape))
    return divergence


@register_kl(Independent, Independent)
def _independent_independent(p: Any, q: Any) -> Any:
    if p.reinterpreted_batch_ndims != q.reinterpreted_batch_ndims:
        raise NotImplementedError
    return _sum_rightmost(kl_divergence(p.base_dist, q.base_dist), p.reinterpreted_batch_ndims)


@register_kl(TransformedDistribution, TransformedDistribution)
def _transformed_transformed(p: Any, q: Any) -> Any:
    """A bijection common to both changes nothing."""
    if p.transforms != q.transforms or p.event_shape != q.event_shape:
        raise NotImplementedError
    return kl_divergence(p.base_dist, q.base_dist)
