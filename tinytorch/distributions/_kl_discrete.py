"""Divergences of discrete distributions."""

from __future__ import annotations

import math
from typing import Any

import tinytorch as torch

from ._kl_numbers import _infinite_like
from .bernoulli import Bernoulli
from .binomial import Binomial
from .categorical import Categorical
from .geometric import Geometric
from .kl import register_kl
from .one_hot_categorical import OneHotCategorical
from .poisson import Poisson


@register_kl(Bernoulli, Bernoulli)
def _bernoulli_bernoulli(p: Any, q: Any) -> Any:
    def term(logits_q: Any, logits_p: Any, chance_p: Any, chance_q: Any) -> Any:
        # chance_p · log(chance_p/chance_q), with log sigmoid(x) = -softplus(-x)
        softplus = torch.nn.functional.softplus
        value = chance_p * (softplus(-logits_q) - softplus(-logits_p))
        value = value.masked_fill((chance_q == 0).expand_as(value), math.inf)
        return value.masked_fill((chance_p == 0).expand_as(value), 0)

    success = term(q.logits, p.logits, p.probs, q.probs)
    return success + term(-q.logits, -p.logits, 1 - p.probs, 1 - q.probs)


@register_kl(Binomial, Binomial)
def _binomial_binomial(p: Any, q: Any) -> Any:
    if (p.total_count < q.total_count).any():
        raise NotImplementedError(
            "KL between Binomials where q.total_count > p.total_count is not implemented"
        )
    divergence = p.total_count * (p.probs * (p.logits - q.logits) + (-p.probs).log1p() - (-q.probs).log1p())
    more, divergence = torch.broadcast_tensors(p.total_count > q.total_count, divergence)
    return divergence.masked_fill(more, math.inf)


@register_kl(Categorical, Categorical)
def _categorical_categorical(p: Any, q: Any) -> Any:
    terms = p.probs * (p.logits - q.logits)
    terms = terms.masked_fill((q.probs == 0).expand_as(terms), math.inf)
    return terms.masked_fill((p.probs == 0).expand_as(terms), 0).sum(-1)


@register_kl(OneHotCategorical, OneHotCategorical)
def _one_hot_one_hot(p: Any, q: Any) -> Any:
    return _categorical_categorical(p._categorical, q._categorical)


@register_kl(Geometric, Geometric)
def _geometric_geometric(p: Any, q: Any) -> Any:
    return -p.entropy() - torch.log1p(-q.probs) / p.probs - q.logits


@register_kl(Poisson, Poisson)
def _poisson_poisson(p: Any, q: Any) -> Any:
    return p.rate * (p.rate.log() - q.rate.log()) - (p.rate - q.rate)


@register_kl(Bernoulli, Poisson)
def _bernoulli_poisson(p: Any, q: Any) -> Any:
    return -p.entropy() - (p.probs * q.rate.log() - q.rate)


@register_kl(Poisson, Bernoulli)
@register_kl(Poisson, Binomial)
def _poisson_bounded(p: Any, q: Any) -> Any:
    return _infinite_like(p.rate)
