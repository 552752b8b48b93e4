"""Kullback-Leibler divergences against the oracle: every registered pair, and how a pair is found."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import pytest

torch = pytest.importorskip("torch")

import tinytorch

#: type -> a distribution of the type, of a batch of two, that `s` moves a little
MAKERS: dict[str, Callable[[Any, float], Any]] = {
    "Bernoulli": lambda t, s: t.distributions.Bernoulli(t.tensor([0.0, 0.6 + s])),
    "Beta": lambda t, s: t.distributions.Beta(t.tensor([0.6 + s, 2.0]), t.tensor([0.7, 3.0 - s])),
    "Binomial": lambda t, s: t.distributions.Binomial(7, t.tensor([0.3 + s, 0.8])),
    "Categorical": lambda t, s: t.distributions.Categorical(t.tensor([[0.2 + s, 0.3, 0.5], [0.4, 0.0, 0.6 + s]])),
    "Cauchy": lambda t, s: t.distributions.Cauchy(t.tensor([0.0, 1.0 + s]), t.tensor([1.0 + s, 2.0])),
    "ContinuousBernoulli": lambda t, s: t.distributions.ContinuousBernoulli(t.tensor([0.2 + s, 0.5])),
    "Dirichlet": lambda t, s: t.distributions.Dirichlet(t.tensor([[0.3, 1.0 + s, 5.0], [2.0, 0.8, 0.9 + s]])),
    "Exponential": lambda t, s: t.distributions.Exponential(t.tensor([0.3 + s, 4.0])),
    "ExponentialFamily": lambda t, s: t.distributions.Wishart(t.tensor([4.0, 5.0]), t.eye(2) * (1 + s)),
    "Gamma": lambda t, s: t.distributions.Gamma(t.tensor([0.3 + s, 4.0]), t.tensor([2.0, 0.5 + s])),
    "Geometric": lambda t, s: t.distributions.Geometric(t.tensor([0.3 + s, 0.8])),
    "Gumbel": lambda t, s: t.distributions.Gumbel(t.tensor([0.3 + s, -1.0]), t.tensor([2.0, 0.5 + s])),
    "HalfNormal": lambda t, s: t.distributions.HalfNormal(t.tensor([0.3 + s, 2.0])),
    "Independent": lambda t, s: t.distributions.Independent(
        t.distributions.Normal(t.zeros(2, 3), t.tensor([1.0 + s, 2.0, 0.5])), 1
    ),
    "Laplace": lambda t, s: t.distributions.Laplace(t.tensor([0.3 + s, -1.0]), t.tensor([2.0, 0.5 + s])),
    "LowRankMultivariateNormal": lambda t, s: t.distributions.LowRankMultivariateNormal(
        t.tensor([[0.0, 1.0 + s, 2.0], [1.0, 0.0, 0.0]]),
        t.tensor([[0.5], [1.0 + s], [-0.3]]).expand(2, 3, 1),
        t.tensor([[0.3, 1.0 + s, 2.0], [1.0, 2.0, 0.4]]),
    ),
    "MultivariateNormal": lambda t, s: t.distributions.MultivariateNormal(
        t.tensor([[0.0, 1.0 + s, 2.0], [0.0, 0.0, s]]),
        t.tensor([[2.0, 0.3, -0.2], [0.3, 1.5 + s, 0.4], [-0.2, 0.4, 1.1]]).expand(2, 3, 3),
    ),
    "Normal": lambda t, s: t.distributions.Normal(t.tensor([0.3 + s, -1.0]), t.tensor([2.0, 0.5 + s])),
    "OneHotCategorical": lambda t, s: t.distributions.OneHotCategorical(t.tensor([[0.2 + s, 0.3], [0.4, 0.6]])),
    "Pareto": lambda t, s: t.distributions.Pareto(t.tensor([0.7 + s, 2.0]), t.tensor([1.5, 2.5 + s])),
    "Poisson": lambda t, s: t.distributions.Poisson(t.tensor([0.3 + s, 4.0])),
    "TransformedDistribution": lambda t, s: t.distributions.LogNormal(t.tensor([0.3 + s, -1.0]), t.tensor([2.0, 0.5])),
    "Uniform": lambda t, s: t.distributions.Uniform(t.tensor([0.1 - s, -1.0]), t.tensor([0.9, 4.0 + s])),
}  # fmt: skip

PAIRS = sorted((p.__name__, q.__name__) for p, q in torch.distributions.kl._KL_REGISTRY)


def outcome(function: Callable[[], Any]) -> Any:
    """The numbers that a call returns, or the type and text of what it raises."""
    try:
        return function().detach().numpy()
    except Exception as error:
        return type(error).__name__, str(error)


def same(own: Any, theirs: Any) -> None:
    if isinstance(theirs, tuple):
        assert own == theirs
        return
    torch.testing.assert_close(torch.tensor(own), torch.tensor(theirs), rtol=1e-4, atol=2e-5, equal_nan=True)


def test_the_same_pairs_are_registered() -> None:
    assert sorted((p.__name__, q.__name__) for p, q in tinytorch.distributions.kl._KL_REGISTRY) == PAIRS


@pytest.mark.parametrize(("p", "q"), PAIRS, ids=str)
@pytest.mark.parametrize("shifts", [(0.0, 0.1), (0.1, 0.0), (0.05, 0.05)], ids=str)
def test_values(p: str, q: str, shifts: tuple[float, float]) -> None:
    def divergence(library: Any) -> Any:
        return library.distributions.kl_divergence(
            MAKERS[p](library, shifts[0]), MAKERS[q](library, shifts[1])
        )

    same(outcome(lambda: divergence(tinytorch)), outcome(lambda: divergence(torch)))


def refusals(t: Any) -> list[Any]:
    d = t.distributions
    normals = [
        d.MultivariateNormal(t.ones(2), t.eye(2)),
        d.MultivariateNormal(t.ones(3), t.eye(3)),
        d.LowRankMultivariateNormal(t.ones(2), t.ones(2, 1), t.ones(2)),
        d.LowRankMultivariateNormal(t.ones(4), t.ones(4, 1), t.ones(4)),
    ]
    exponentials = d.TransformedDistribution(d.Normal(0.0, 1.0), [d.ExpTransform()])
    pairs = [
        (d.Normal(0.0, 1.0), d.Cauchy(0.0, 1.0)),
        (d.Normal(0.0, 1.0), d.Bernoulli(0.5)),
        (d.Binomial(2, t.tensor(0.5)), d.Binomial(3, t.tensor(0.5))),
        (d.Binomial(3, t.tensor(0.5)), d.Binomial(2, t.tensor(0.5))),
        (d.Independent(normals[0].expand((2,)), 1), d.Independent(normals[0].expand((2, 2)), 2)),
        (exponentials, d.TransformedDistribution(d.Normal(0.0, 1.0), [d.AbsTransform()])),
        *((a, b) for a in normals for b in normals if a.event_shape != b.event_shape),
    ]
    return [outcome(lambda: d.kl_divergence(p, q)) for p, q in pairs]


def test_what_is_refused() -> None:
    for own, theirs in zip(refusals(tinytorch), refusals(torch), strict=True):
        same(own, theirs)


def dispatched(t: Any) -> list[Any]:
    """Which of several functions runs for subclasses, and the warning where they tie. The registry is left as it was."""
    d = t.distributions
    registry = d.kl._KL_REGISTRY
    before = dict(registry)

    class A(d.Cauchy):  # type: ignore[misc, name-defined]
        pass

    class B(d.Cauchy):  # type: ignore[misc, name-defined]
        pass

    try:
        d.register_kl(A, d.Cauchy)(lambda p, q: "left")
        first = d.kl_divergence(A(0.0, 1.0), B(0.0, 1.0))
        d.register_kl(d.Cauchy, B)(lambda p, q: "right")
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            second = d.kl_divergence(A(0.0, 1.0), B(0.0, 1.0))
        d.register_kl(A, B)(lambda p, q: "both")
        third = d.kl_divergence(A(0.0, 1.0), B(0.0, 1.0))
        return [first, second, third, [(w.category.__name__, str(w.message)) for w in caught]]
    finally:
        registry.clear()
        registry.update(before)
        d.kl._KL_MEMOIZE.clear()


def test_dispatch() -> None:
    assert dispatched(tinytorch) == dispatched(torch)
    for library in (tinytorch, torch):
        with pytest.raises(TypeError, match="issubclass"):
            library.distributions.register_kl(3, library.distributions.Normal)
