"""The multivariate normal distribution of a covariance matrix of low rank plus a diagonal."""

from __future__ import annotations

import math
from typing import Any

import tinytorch as torch

from . import constraints
from .distribution import Distribution, _expandable
from .multivariate_normal import _batch_mahalanobis, _batch_mv, _half_log_det
from .utils import _standard_normal, lazy_property

__all__ = ["LowRankMultivariateNormal"]


def _capacitance_factor(factor: Any, diagonal: Any) -> Any:
    """The Cholesky factor of I + Wᵀ D⁻¹ W for W (..., n, m) and the diagonal (..., n) of D."""
    m = factor.size(-1)
    inner = torch.matmul(factor.mT / diagonal.unsqueeze(-2), factor)
    return torch.linalg.cholesky(inner + torch.eye(m, dtype=factor.dtype, device=factor.device))


def _log_det(diagonal: Any, capacitance_factor: Any) -> Any:
    """log det(W Wᵀ + D), by the matrix determinant lemma."""
    return 2 * _half_log_det(capacitance_factor) + diagonal.log().sum(-1)


def _mahalanobis(factor: Any, diagonal: Any, difference: Any, capacitance_factor: Any) -> Any:
    """xᵀ (W Wᵀ + D)⁻¹ x, by the Woodbury matrix identity."""
    scaled = _batch_mv(factor.mT / diagonal.unsqueeze(-2), difference)  # Wᵀ D⁻¹ x
    along_diagonal = (difference.pow(2) / diagonal).sum(-1)
    return along_diagonal - _batch_mahalanobis(capacitance_factor, scaled)


@_expandable
class LowRankMultivariateNormal(Distribution):
    """Normal with the covariance matrix W Wᵀ + D: W = cov_factor (..., n, m), D = diag(cov_diag).

    Computed with m × m matrices. Source: Woodbury, "Inverting modified matrices" (1950).
    """

    arg_constraints = {
        "loc": constraints.real_vector,
        "cov_factor": constraints.independent(constraints.real, 2),
        "cov_diag": constraints.independent(constraints.positive, 1),
    }
    support = constraints.real_vector
    has_rsample = True

    def __init__(self, loc: Any, cov_factor: Any, cov_diag: Any, validate_args: bool | None = None) -> None:
        if loc.dim() < 1:
            raise ValueError("loc must be at least one-dimensional.")
        event_shape = loc.shape[-1:]
        if cov_factor.dim() < 2:
            raise ValueError(
                "cov_factor must be at least two-dimensional, with optional leading batch dimensions"
            )
        if cov_factor.shape[-2:-1] != event_shape:
            raise ValueError(f"cov_factor must be a batch of matrices with shape {event_shape[0]} x m")
        if cov_diag.shape[-1:] != event_shape:
            raise ValueError(f"cov_diag must be a batch of vectors with shape {event_shape}")
        try:
            loc_column, self.cov_factor, diagonal_column = torch.broadcast_tensors(
                loc.unsqueeze(-1), cov_factor, cov_diag.unsqueeze(-1)
            )
        except RuntimeError as error:
            raise ValueError(
                f"Incompatible batch shapes: loc {loc.shape}, cov_factor {cov_factor.shape}, cov_diag {cov_diag.shape}"
            ) from error
        self.loc = loc_column[..., 0]
        self.cov_diag = diagonal_column[..., 0]
        super().__init__(self.loc.shape[:-1], event_shape, validate_args=validate_args)
        self._unbroadcasted_cov_factor = cov_factor
        self._unbroadcasted_cov_diag = cov_diag
        self._capacitance_tril = _capacitance_factor(cov_factor, cov_diag)

    def _fill(self, new: Any, batch_shape: Any) -> None:
        new._unbroadcasted_cov_factor = self._unbroadcasted_cov_factor
        new._unbroadcasted_cov_diag = self._unbroadcasted_cov_diag
        new._capacitance_tril = self._capacitance_tril

    def _expanded(self, matrix: Any) -> Any:
        return matrix.expand(self._batch_shape + self._event_shape + self._event_shape)

    @property
    def mean(self) -> Any:
        return self.loc

    @property
    def mode(self) -> Any:
        return self.loc

    @lazy_property
    def variance(self) -> Any:  # type: ignore[override]
        """The diagonal of the covariance matrix."""
        variance = self._unbroadcasted_cov_factor.pow(2).sum(-1) + self._unbroadcasted_cov_diag
        return variance.expand(self._batch_shape + self._event_shape)

    @lazy_property
    def scale_tril(self) -> Any:
        """The Cholesky factor of the covariance matrix: √D times that of I + D^-½ W Wᵀ D^-½, which is better conditioned."""
        root = self._unbroadcasted_cov_diag.sqrt().unsqueeze(-1)
        scaled = self._unbroadcasted_cov_factor / root
        ones = torch.eye(self._event_shape[0], dtype=scaled.dtype, device=scaled.device)
        return self._expanded(root * torch.linalg.cholesky(torch.matmul(scaled, scaled.mT) + ones))

    @lazy_property
    def covariance_matrix(self) -> Any:
        """W Wᵀ + D."""
        factor = self._unbroadcasted_cov_factor
        covariance = torch.matmul(factor, factor.mT) + torch.diag_embed(self._unbroadcasted_cov_diag)
        return self._expanded(covariance)

    @lazy_property
    def precision_matrix(self) -> Any:
        """(W Wᵀ + D)⁻¹ = D⁻¹ - AᵀA with A = C⁻¹ Wᵀ D⁻¹, C the factor of I + Wᵀ D⁻¹ W."""
        diagonal = self._unbroadcasted_cov_diag
        scaled = self._unbroadcasted_cov_factor.mT / diagonal.unsqueeze(-2)
        solved = torch.linalg.solve_triangular(self._capacitance_tril, scaled, upper=False)
        return self._expanded(torch.diag_embed(diagonal.reciprocal()) - torch.matmul(solved.mT, solved))

    def rsample(self, sample_shape: Any = torch.Size()) -> Any:
        shape = self._extended_shape(sample_shape)
        factor_shape = shape[:-1] + self.cov_factor.shape[-1:]
        kind = {"dtype": self.loc.dtype, "device": self.loc.device}
        factor_noise = _standard_normal(factor_shape, **kind)
        diagonal_noise = _standard_normal(shape, **kind)
        return (
            self.loc
            + _batch_mv(self._unbroadcasted_cov_factor, factor_noise)
            + self._unbroadcasted_cov_diag.sqrt() * diagonal_noise
        )

    def log_prob(self, value: Any) -> Any:
        if self._validate_args:
            self._validate_sample(value)
        factor, diagonal = self._unbroadcasted_cov_factor, self._unbroadcasted_cov_diag
        distance = _mahalanobis(factor, diagonal, value - self.loc, self._capacitance_tril)
        log_volume = self._event_shape[0] * math.log(2 * math.pi)
        return -0.5 * (log_volume + _log_det(diagonal, self._capacitance_tril) + distance)

    def entropy(self) -> Any:
        log_det = _log_det(self._unbroadcasted_cov_diag, self._capacitance_tril)
        entropy = 0.5 * (self._event_shape[0] * (1.0 + math.log(2 * math.pi)) + log_det)
        return entropy.expand(self._batch_shape) if self._batch_shape else entropy
