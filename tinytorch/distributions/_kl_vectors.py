"""Divergences of distributions of vectors."""

from __future__ import annotations

from typing import Any

import tinytorch as torch

from .dirichlet import Dirichlet
from .kl import register_kl
from .lowrank_multivariate_normal import LowRankMultivariateNormal, _log_det, _mahalanobis
from .multivariate_normal import MultivariateNormal, _batch_mahalanobis, _half_log_det


@register_kl(Dirichlet, Dirichlet)
def _dirichlet_dirichlet(p: Any, q: Any) -> Any:
    total_p, total_q = p.concentration.sum(-1), q.concentration.sum(-1)
    log_constants = (
        total_p.lgamma() - total_q.lgamma() - (p.concentration.lgamma() - q.concentration.lgamma()).sum(-1)
    )
    mean_log = p.concentration.digamma() - total_p.digamma().unsqueeze(-1)
    return log_constants + ((p.concentration - q.concentration) * mean_log).sum(-1)


def _check_events(p: Any, q: Any, kind: str) -> None:
    if p.event_shape != q.event_shape:
        raise ValueError(
            f"KL-divergence between two {kind} Normals with                          different event shapes cannot be computed"
        )


def _normals(log_det_q: Any, log_det_p: Any, distance: Any, trace: Any, n: int) -> Any:
    """½ (log det Σq - log det Σp + (μq - μp)ᵀ Σq⁻¹ (μq - μp) + tr Σq⁻¹ Σp - n)."""
    return 0.5 * (log_det_q - log_det_p + distance + trace - n)


def _squares(factor: Any, matrix: Any) -> Any:
    """tr (L Lᵀ)⁻¹ M Mᵀ: the sum of the squares of L⁻¹ M."""
    batch = torch.broadcast_shapes(factor.shape[:-2], matrix.shape[:-2])
    solved = torch.linalg.solve_triangular(
        factor.expand(batch + factor.shape[-2:]), matrix.expand(batch + matrix.shape[-2:]), upper=False
    )
    return solved.pow(2).sum((-2, -1))


def _low_rank_trace(q: Any, columns: Any) -> Any:
    """tr Σq⁻¹ M Mᵀ for Σq = W Wᵀ + D, by the Woodbury identity."""
    scaled = q._unbroadcasted_cov_factor.mT / q._unbroadcasted_cov_diag.unsqueeze(-2)  # Wᵀ D⁻¹
    along_diagonal = columns / q._unbroadcasted_cov_diag.sqrt().unsqueeze(-1)
    return along_diagonal.pow(2).sum((-2, -1)) - _squares(q._capacitance_tril, torch.matmul(scaled, columns))


def _low_rank_log_det(p: Any) -> Any:
    return _log_det(p._unbroadcasted_cov_diag, p._capacitance_tril)


def _low_rank_distance(p: Any, q: Any) -> Any:
    return _mahalanobis(
        q._unbroadcasted_cov_factor, q._unbroadcasted_cov_diag, q.loc - p.loc, q._capacitance_tril
    )


@register_kl(MultivariateNormal, MultivariateNormal)
def _full_full(p: Any, q: Any) -> Any:
    _check_events(p, q, "Multivariate")
    factor_p, factor_q = p._unbroadcasted_scale_tril, q._unbroadcasted_scale_tril
    return _normals(
        2 * _half_log_det(factor_q),
        2 * _half_log_det(factor_p),
        _batch_mahalanobis(factor_q, q.loc - p.loc),
        _squares(factor_q, factor_p),
        p.event_shape[0],
    )


@register_kl(MultivariateNormal, LowRankMultivariateNormal)
def _full_low_rank(p: Any, q: Any) -> Any:
    _check_events(p, q, "(Low Rank) Multivariate")
    factor_p = p._unbroadcasted_scale_tril
    return _normals(
        _low_rank_log_det(q),
        2 * _half_log_det(factor_p),
        _low_rank_distance(p, q),
        _low_rank_trace(q, factor_p),
        p.event_shape[0],
    )


@register_kl(LowRankMultivariateNormal, MultivariateNormal)
def _low_rank_full(p: Any, q: Any) -> Any:
    _check_events(p, q, "(Low Rank) Multivariate")
    factor_q = q._unbroadcasted_scale_tril
    trace = _squares(factor_q, p._unbroadcasted_cov_factor) + _squares(
        factor_q, torch.diag_embed(p._unbroadcasted_cov_diag.sqrt())
    )
    return _normals(
        2 * _half_log_det(factor_q),
        _low_rank_log_det(p),
        _batch_mahalanobis(factor_q, q.loc - p.loc),
        trace,
        p.event_shape[0],
    )


@register_kl(LowRankMultivariateNormal, LowRankMultivariateNormal)
def _low_rank_low_rank(p: Any, q: Any) -> Any:
    _check_events(p, q, "Low Rank Multivariate")
    trace = _low_rank_trace(q, p._unbroadcasted_cov_factor) + _low_rank_trace(
        q, torch.diag_embed(p._unbroadcasted_cov_diag.sqrt())
    )
    return _normals(
        _low_rank_log_det(q), _low_rank_log_det(p), _low_rank_distance(p, q), trace, p.event_shape[0]
    )
