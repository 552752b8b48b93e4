"""Divergences of distributions of real numbers.

Most are put together from the entropy of p and the expectation of -log q, which needs few moments of p: those of x for a normal or
exponential q, that of log x for a gamma q, and so on.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import tinytorch as torch

from .beta import Beta
from .cauchy import Cauchy
from .continuous_bernoulli import ContinuousBernoulli
from .exponential import Exponential
from .gamma import Gamma
from .gumbel import Gumbel
from .half_normal import HalfNormal
from .kl import register_kl
from .laplace import Laplace
from .normal import Normal
from .pareto import Pareto
from .uniform import Uniform
from .utils import euler_constant


def _infinite_like(tensor: Any) -> Any:
    return torch.full_like(tensor, math.inf)


def _or_infinite(outside: Any, divergence: Any) -> Any:
    """Infinite where p has values that q has not."""
    outside, divergence = torch.broadcast_tensors(outside, divergence)
    return divergence.masked_fill(outside, math.inf)


def _register(type_q: type, *types_p: type) -> Callable[[Any], Any]:
    """Register the expectation of -log q, a function of (p, q), for several types of p."""

    def decorate(cross_entropy: Any) -> Any:
        def divergence(p: Any, q: Any) -> Any:
            return cross_entropy(p, q) - p.entropy()

        for type_p in types_p:
            register_kl(type_p, type_q)(divergence)
        return cross_entropy

    return decorate


# ---- moments of p


def _mean_log_between(low: Any, high: Any) -> Any:
    """E log x for x uniform on [low, high]."""
    return (torch.xlogy(high, high) - torch.xlogy(low, low)) / (high - low) - 1


def _mean_log(p: Any) -> Any:
    """E log x."""
    if isinstance(p, Beta):
        return p.concentration1.digamma() - (p.concentration1 + p.concentration0).digamma()
    if isinstance(p, Exponential):
        return -euler_constant - p.rate.log()
    if isinstance(p, Gamma):
        return p.concentration.digamma() - p.rate.log()
    if isinstance(p, Pareto):
        return p.alpha.reciprocal() + p.scale.log()
    return _mean_log_between(p.low, p.high)


def _mean_exp(p: Any, t: Any) -> Any:
    """E exp(-t x) for positive t."""
    if isinstance(p, Normal):
        return (-t * p.loc + 0.5 * (t * p.scale) ** 2).exp()
    if isinstance(p, Exponential):
        return p.rate / (p.rate + t)
    if isinstance(p, Gamma):
        return (p.rate / (p.rate + t)).pow(p.concentration)
    if isinstance(p, Gumbel):
        return (-t * p.loc + (1 + t * p.scale).lgamma()).exp()
    return ((-t * p.low).exp() - (-t * p.high).exp()) / (t * (p.high - p.low))


# ---- the expectation of -log q


@_register(Normal, Beta, ContinuousBernoulli, Exponential, Gamma, Gumbel, Laplace, Pareto, Uniform)
def _to_normal(p: Any, q: Any) -> Any:
    spread = (p.variance + (p.mean - q.loc) ** 2) / (2 * q.scale**2)
    return 0.5 * math.log(2 * math.pi) + q.scale.log() + spread


@_register(Exponential, Beta, ContinuousBernoulli, Gamma, Pareto)
def _to_exponential(p: Any, q: Any) -> Any:
    return q.rate * p.mean - q.rate.log()


@_register(Exponential, Uniform)
def _uniform_to_exponential(p: Any, q: Any) -> Any:
    return _or_infinite(p.low < 0, _to_exponential(p, q))


@_register(Gamma, Beta, Exponential, Gamma, Pareto)
def _to_gamma(p: Any, q: Any) -> Any:
    alpha = q.concentration
    return alpha.lgamma() - alpha * q.rate.log() - (alpha - 1) * _mean_log(p) + q.rate * p.mean


@_register(Gamma, Uniform)
def _uniform_to_gamma(p: Any, q: Any) -> Any:
    return _or_infinite(p.low < 0, _to_gamma(p, q))


@_register(Gumbel, Exponential, Gamma, Gumbel, Normal, Uniform)
def _to_gumbel(p: Any, q: Any) -> Any:
    t = q.scale.reciprocal()
    return q.scale.log() + t * (p.mean - q.loc) + (t * q.loc).exp() * _mean_exp(p, t)


@_register(Beta, Beta)
def _to_beta(p: Any, q: Any) -> Any:
    a, b = q.concentration1, q.concentration0
    log_beta = a.lgamma() + b.lgamma() - (a + b).lgamma()
    total = (p.concentration1 + p.concentration0).digamma()
    mean_log, mean_log_rest = p.concentration1.digamma() - total, p.concentration0.digamma() - total
    return log_beta - (a - 1) * mean_log - (b - 1) * mean_log_rest


@_register(Beta, Uniform)
def _uniform_to_beta(p: Any, q: Any) -> Any:
    a, b = q.concentration1, q.concentration0
    log_beta = a.lgamma() + b.lgamma() - (a + b).lgamma()
    mean_log_rest = _mean_log_between(1 - p.high, 1 - p.low)
    cross_entropy = log_beta - (a - 1) * _mean_log(p) - (b - 1) * mean_log_rest
    return _or_infinite((p.high > 1) | (p.low < 0), cross_entropy)


@_register(ContinuousBernoulli, Beta, ContinuousBernoulli)
def _to_continuous_bernoulli(p: Any, q: Any) -> Any:
    return -p.mean * q.logits - torch.log1p(-q.probs) - q._log_constant()


@_register(ContinuousBernoulli, Uniform)
def _uniform_to_continuous_bernoulli(p: Any, q: Any) -> Any:
    return _or_infinite((p.high >= 1) | (p.low <= 0), _to_continuous_bernoulli(p, q))


@_register(Uniform, Beta, ContinuousBernoulli)
def _unit_interval_to_uniform(p: Any, q: Any) -> Any:
    return _or_infinite((q.low > 0) | (q.high < 1), (q.high - q.low).log() + torch.zeros_like(p.mean))


@_register(Pareto, Uniform)
def _uniform_to_pareto(p: Any, q: Any) -> Any:
    cross_entropy = (q.alpha + 1) * _mean_log(p) - q.alpha.log() - q.alpha * q.scale.log()
    return _or_infinite(p.low < q.scale, cross_entropy)


@_register(Laplace, Normal)
def _normal_to_laplace(p: Any, q: Any) -> Any:
    standard = (p.loc - q.loc) / p.scale
    distance = p.scale * (
        math.sqrt(2 / math.pi) * (-0.5 * standard**2).exp() + standard * (math.sqrt(0.5) * standard).erf()
    )
    return (2 * q.scale).log() + distance / q.scale


# ---- two of one family: the differences in closed form


@register_kl(Normal, Normal)
def _normal_normal(p: Any, q: Any) -> Any:
    ratio = (p.scale / q.scale).pow(2)
    return 0.5 * (ratio + ((p.loc - q.loc) / q.scale).pow(2) - 1 - ratio.log())


@register_kl(HalfNormal, HalfNormal)
def _half_normal_half_normal(p: Any, q: Any) -> Any:
    return _normal_normal(p.base_dist, q.base_dist)


@register_kl(Laplace, Laplace)
def _laplace_laplace(p: Any, q: Any) -> Any:
    distance = (p.loc - q.loc).abs()
    spread = p.scale * (-distance / p.scale).exp() + distance
    return (q.scale / p.scale).log() + spread / q.scale - 1


@register_kl(Exponential, Exponential)
def _exponential_exponential(p: Any, q: Any) -> Any:
    ratio = q.rate / p.rate
    return ratio - 1 - ratio.log()


@register_kl(Pareto, Pareto)
def _pareto_pareto(p: Any, q: Any) -> Any:
    ratio = q.alpha / p.alpha
    divergence = q.alpha * (p.scale / q.scale).log() - ratio.log() + ratio - 1
    return _or_infinite(p.scale < q.scale, divergence)


@register_kl(Uniform, Uniform)
def _uniform_uniform(p: Any, q: Any) -> Any:
    divergence = ((q.high - q.low) / (p.high - p.low)).log()
    return _or_infinite((q.low > p.low) | (q.high < p.high), divergence)


@register_kl(Cauchy, Cauchy)
def _cauchy_cauchy(p: Any, q: Any) -> Any:
    # Chyzak and Nielsen, "A closed-form formula for the Kullback-Leibler divergence between Cauchy distributions" (2019)
    squares = (p.scale + q.scale).pow(2) + (p.loc - q.loc).pow(2)
    return squares.log() - (4 * p.scale * q.scale).log()


# ---- q does not have all values of p, whatever the parameters


def _parameter(p: Any) -> Any:
    """A parameter of p, of the shape of its batch."""
    return getattr(p, next(iter(type(p).arg_constraints)))


for _type_p, _types_q in {
    Beta: (Pareto,),
    ContinuousBernoulli: (Pareto,),
    Exponential: (Beta, ContinuousBernoulli, Pareto, Uniform),
    Gamma: (Beta, ContinuousBernoulli, Pareto, Uniform),
    Gumbel: (Beta, ContinuousBernoulli, Exponential, Gamma, Pareto, Uniform),
    Laplace: (Beta, ContinuousBernoulli, Exponential, Gamma, Pareto, Uniform),
    Normal: (Beta, ContinuousBernoulli, Exponential, Gamma, Pareto, Uniform),
    Pareto: (Beta, ContinuousBernoulli, Uniform),
}.items():
    for _type_q in _types_q:
        register_kl(_type_p, _type_q)(lambda p, q: _infinite_like(_parameter(p)))
