"""torch.special, quantiles, finite differences and other single operators against PyTorch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinytorch

torch = pytest.importorskip("torch")

POINTS = np.array([0.01, 0.3, 0.5, 0.9, 1.0, 2.5, 4.0])
UNARY = [
    "entr",
    "erfcx",
    "i0e",
    "i1",
    "i1e",
    "log_ndtr",
    "ndtr",
    "modified_bessel_i0",
    "modified_bessel_i1",
    "modified_bessel_k0",
    "scaled_modified_bessel_k1",
    "airy_ai",
]
UNARY += [
    "bessel_j0",
    "bessel_j1",
    "bessel_y0",
    "bessel_y1",
    "spherical_bessel_j0",
    "gammaln",
    "digamma",
    "expit",
    "sinc",
]
POLYNOMIALS = [
    f"{prefix}chebyshev_polynomial_{kind}" for prefix in ("", "shifted_") for kind in "tuvw"
] + ["hermite_polynomial_h", "hermite_polynomial_he", "laguerre_polynomial_l", "legendre_polynomial_p"]  # fmt: skip


@pytest.mark.parametrize("name", UNARY)
def test_one_argument(name: str) -> None:
    mine, theirs = (t.from_numpy(POINTS.copy()).requires_grad_() for t in (tinytorch, torch))
    result, expected = getattr(tinytorch.special, name)(mine), getattr(torch.special, name)(theirs)
    np.testing.assert_allclose(result.detach().numpy(), expected.detach().numpy(), rtol=1e-7, atol=1e-12)
    assert result.requires_grad == expected.requires_grad
    if expected.requires_grad:
        assert result.grad_fn.name() == expected.grad_fn.name()
        result.sum().backward()
        expected.sum().backward()
        np.testing.assert_allclose(mine.grad.numpy(), theirs.grad.numpy(), rtol=1e-9)


@pytest.mark.parametrize("name", POLYNOMIALS)
def test_polynomials(name: str) -> None:
    points = np.array([-2.0, -1.0, -0.4, 0.0, 0.3, 1.0, 1.7])
    degrees = np.array([-1, 0, 1, 2, 5, 7, 12])[:, None]
    result = getattr(tinytorch.special, name)(tinytorch.from_numpy(points), tinytorch.from_numpy(degrees))
    expected = getattr(torch.special, name)(torch.from_numpy(points), torch.from_numpy(degrees))
    np.testing.assert_allclose(result.numpy(), expected.numpy(), rtol=1e-8, atol=1e-9)


def both(program: Any) -> tuple[np.ndarray, np.ndarray]:
    return tuple(np.asarray(program(t).numpy()) for t in (tinytorch, torch))  # type: ignore[return-value]


@pytest.mark.parametrize("interpolation", ["linear", "lower", "higher", "midpoint", "nearest"])
def test_quantiles(interpolation: str) -> None:
    data = np.array([[3.0, 1.0, np.nan, 2.0], [5.0, 4.0, 8.0, 7.0]])
    for name in ("quantile", "nanquantile"):
        for dim in (None, 0, 1):
            mine, theirs = both(
                lambda t: getattr(t, name)(
                    t.from_numpy(data),
                    t.tensor([0.2, 0.6], dtype=t.float64),
                    dim=dim,
                    interpolation=interpolation,
                )
            )
            np.testing.assert_array_equal(mine, theirs)


def test_finite_differences() -> None:
    values = np.random.default_rng(0).standard_normal((5, 4))
    for options in ({}, {"spacing": 2.0}, {"dim": 1, "edge_order": 2}):
        for mine, theirs in zip(
            tinytorch.gradient(tinytorch.from_numpy(values), **options),
            torch.gradient(torch.from_numpy(values), **options),
            strict=True,
        ):
            np.testing.assert_allclose(mine.numpy(), theirs.numpy(), rtol=1e-12)


def test_missing_derivatives_are_refused() -> None:
    x = tinytorch.ones(2, requires_grad=True)
    with pytest.raises(NotImplementedError, match="igamma: input"):
        tinytorch.igamma(x, tinytorch.ones(2)).sum().backward()


def test_operators_by_their_aten_names() -> None:
    aten = tinytorch.ops.aten
    assert str(aten.add.Tensor) == "aten.add.Tensor"
    assert aten.add.Tensor(tinytorch.ones(2), tinytorch.ones(2), alpha=3).tolist() == [4.0, 4.0]
    with pytest.raises(AttributeError, match="'_OpNamespace' 'aten' object has no attribute 'nothing'"):
        _ = aten.nothing


def test_sparse_storage_is_refused() -> None:
    with pytest.raises(NotImplementedError, match="sparse"):
        tinytorch.ones(2, 2).to_sparse_csr()
