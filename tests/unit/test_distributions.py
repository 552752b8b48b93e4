"""torch.distributions against the oracle: every distribution, from a table of constructor arguments.

The same seed gives the same values and leaves the generators in the same state; every method gives the same numbers, gradients and
errors.
"""

from __future__ import annotations

import copy
import inspect
import pickle
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest

torch = pytest.importorskip("torch")

import tinytorch

Maker = Callable[[Any], Any]


def matrix(t: Any) -> Any:
    """A positive definite matrix (3, 3)."""
    return t.tensor([[2.0, 0.3, -0.2], [0.3, 1.5, 0.4], [-0.2, 0.4, 1.1]])


def factor(t: Any) -> Any:
    """Its like as a lower triangular factor."""
    return t.tensor([[1.2, 0.0, 0.0], [0.4, 0.9, 0.0], [-0.3, 0.2, 0.7]])


#: name -> a function of the library that makes the distribution
MAKERS: dict[str, Maker] = {
    "bernoulli": lambda t: t.distributions.Bernoulli(t.tensor([0.1, 0.5, 0.9])),
    "bernoulli logits": lambda t: t.distributions.Bernoulli(logits=t.tensor([[-1.0], [2.0]])),
    "bernoulli number": lambda t: t.distributions.Bernoulli(0.3),
    "beta": lambda t: t.distributions.Beta(t.tensor([0.5, 2.0, 30.0]), t.tensor([0.7, 3.0, 4.0])),
    "beta numbers": lambda t: t.distributions.Beta(1.5, 2),
    "binomial": lambda t: t.distributions.Binomial(12, t.tensor([0.2, 0.5, 0.8])),
    "binomial many": lambda t: t.distributions.Binomial(t.tensor([3.0, 90.0]), logits=t.tensor([0.0, -0.4])),
    "categorical": lambda t: t.distributions.Categorical(t.tensor([[1.0, 2.0, 3.0], [4.0, 0.0, 1.0]])),
    "categorical logits": lambda t: t.distributions.Categorical(logits=t.tensor([0.3, -2.0, 1.0, 0.0])),
    "cauchy": lambda t: t.distributions.Cauchy(t.tensor([0.0, 1.0]), t.tensor([[1.0], [2.0]])),
    "chi2": lambda t: t.distributions.Chi2(t.tensor([0.4, 3.0, 17.0])),
    "continuous bernoulli": lambda t: t.distributions.ContinuousBernoulli(t.tensor([0.1, 0.4995, 0.5, 0.9])),
    "continuous bernoulli logits": lambda t: t.distributions.ContinuousBernoulli(logits=t.tensor([0.001, 3.0])),
    "dirichlet": lambda t: t.distributions.Dirichlet(t.tensor([[0.3, 1.0, 5.0], [12.0, 0.8, 0.9]])),
    "exponential": lambda t: t.distributions.Exponential(t.tensor([0.2, 1.0, 7.0])),
    "fisher": lambda t: t.distributions.FisherSnedecor(t.tensor([1.5, 3.0, 8.0]), t.tensor([1.0, 3.0, 9.0])),
    "gamma": lambda t: t.distributions.Gamma(t.tensor([0.2, 1.0, 7.0, 60.0]), t.tensor([1.0, 0.5, 3.0, 2.0])),
    "generalized pareto": lambda t: t.distributions.GeneralizedPareto(
        t.tensor([0.0, 1.0, -1.0, 0.0]), 2.0, t.tensor([-0.4, 0.0, 0.3, 1.5])
    ),
    "geometric": lambda t: t.distributions.Geometric(t.tensor([0.1, 0.6])),
    "geometric logits": lambda t: t.distributions.Geometric(logits=t.tensor([-0.5, 1.0])),
    "gumbel": lambda t: t.distributions.Gumbel(t.tensor([0.0, -2.0]), t.tensor([1.0, 3.0])),
    "gumbel numbers": lambda t: t.distributions.Gumbel(0.5, 2.0),
    "half cauchy": lambda t: t.distributions.HalfCauchy(t.tensor([0.5, 2.0])),
    "half normal": lambda t: t.distributions.HalfNormal(t.tensor([0.5, 2.0])),
    "independent": lambda t: t.distributions.Independent(
        t.distributions.Normal(t.zeros(2, 3), t.tensor([1.0, 2.0, 0.5])), 1
    ),
    "independent of none": lambda t: t.distributions.Independent(
        t.distributions.Bernoulli(t.tensor([0.2, 0.3])), 0
    ),
    "inverse gamma": lambda t: t.distributions.InverseGamma(t.tensor([0.8, 1.5, 6.0]), t.tensor([1.0, 2.0, 3.0])),
    "kumaraswamy": lambda t: t.distributions.Kumaraswamy(t.tensor([0.5, 2.0, 3.0]), t.tensor([1.5, 0.7, 2.0])),
    "laplace": lambda t: t.distributions.Laplace(t.tensor([0.0, 1.0]), t.tensor([0.5, 2.0])),
    "lkj": lambda t: t.distributions.LKJCholesky(3, t.tensor([0.5, 2.0])),
    "lkj number": lambda t: t.distributions.LKJCholesky(4, 1.0),
    "log normal": lambda t: t.distributions.LogNormal(t.tensor([0.0, 1.0]), t.tensor([0.5, 0.2])),
    "logistic normal": lambda t: t.distributions.LogisticNormal(t.tensor([0.0, 1.0, -1.0]), t.tensor([0.5, 2.0, 1.0])),
    "low rank normal": lambda t: t.distributions.LowRankMultivariateNormal(
        t.tensor([0.0, 1.0, 2.0]), t.tensor([[0.5], [1.0], [-0.3]]), t.tensor([[0.3, 1.0, 2.0], [1.0, 2.0, 0.4]])
    ),
    "mixture": lambda t: t.distributions.MixtureSameFamily(
        t.distributions.Categorical(t.tensor([0.2, 0.5, 0.3])),
        t.distributions.Normal(t.tensor([-2.0, 0.0, 3.0]), t.tensor([0.5, 1.0, 2.0])),
    ),
    "mixture of vectors": lambda t: t.distributions.MixtureSameFamily(
        t.distributions.Categorical(t.ones(2, 4)),
        t.distributions.Independent(t.distributions.Laplace(t.arange(24.0).view(2, 4, 3), 1.0), 1),
    ),
    "multinomial": lambda t: t.distributions.Multinomial(7, t.tensor([[0.2, 0.5, 0.3], [0.0, 0.6, 0.4]])),
    "multinomial logits": lambda t: t.distributions.Multinomial(4, logits=t.tensor([0.0, 1.0, -1.0])),
    "normal of covariance": lambda t: t.distributions.MultivariateNormal(t.tensor([0.0, 1.0, 2.0]), matrix(t)),
    "normal of precision": lambda t: t.distributions.MultivariateNormal(
        t.tensor([[0.0, 1.0, 2.0], [1.0, 0.0, 0.0]]), precision_matrix=matrix(t)
    ),
    "normal of factor": lambda t: t.distributions.MultivariateNormal(t.zeros(3), scale_tril=factor(t).expand(2, 3, 3)),
    "negative binomial": lambda t: t.distributions.NegativeBinomial(t.tensor([1.0, 8.0]), t.tensor([0.3, 0.8])),
    "negative binomial logits": lambda t: t.distributions.NegativeBinomial(4, logits=t.tensor([0.3, -0.8])),
    "normal": lambda t: t.distributions.Normal(t.tensor([0.0, 1.0, -3.0]), t.tensor([1.0, 0.1, 4.0])),
    "normal numbers": lambda t: t.distributions.Normal(1.0, 2.0),
    "one hot": lambda t: t.distributions.OneHotCategorical(t.tensor([[1.0, 2.0, 3.0], [4.0, 0.0, 1.0]])),
    "one hot straight": lambda t: t.distributions.OneHotCategoricalStraightThrough(logits=t.tensor([0.1, 1.0])),
    "pareto": lambda t: t.distributions.Pareto(t.tensor([1.0, 2.0, 0.5]), t.tensor([0.8, 1.5, 4.0])),
    "poisson": lambda t: t.distributions.Poisson(t.tensor([0.3, 4.0, 50.0])),
    "logit relaxed bernoulli": lambda t: t.distributions.relaxed_bernoulli.LogitRelaxedBernoulli(
        t.tensor(0.7), t.tensor([0.2, 0.6])
    ),
    "relaxed bernoulli": lambda t: t.distributions.RelaxedBernoulli(t.tensor(0.7), t.tensor([0.2, 0.6])),
    "relaxed bernoulli logits": lambda t: t.distributions.RelaxedBernoulli(t.tensor([1.5]), logits=t.tensor([0.2, 1.0])),
    "exp relaxed categorical": lambda t: t.distributions.relaxed_categorical.ExpRelaxedCategorical(
        t.tensor(0.6), t.tensor([0.2, 0.5, 0.3])
    ),
    "relaxed one hot": lambda t: t.distributions.RelaxedOneHotCategorical(t.tensor(0.6), logits=t.tensor([[0.2, 1.5], [0.0, 1.0]])),
    "student": lambda t: t.distributions.StudentT(t.tensor([0.8, 1.5, 7.0]), t.tensor([0.0, 1.0, 2.0]), 2.0),
    "transformed": lambda t: t.distributions.TransformedDistribution(
        t.distributions.Normal(t.zeros(2), t.ones(2)),
        [t.distributions.AffineTransform(1.0, -2.0), t.distributions.SigmoidTransform()],
    ),
    "transformed by none": lambda t: t.distributions.TransformedDistribution(t.distributions.Laplace(0.0, 1.0), []),
    "uniform": lambda t: t.distributions.Uniform(t.tensor([0.0, -1.0]), t.tensor([1.0, 4.0])),
    "von mises": lambda t: t.distributions.VonMises(t.tensor([0.0, 1.0, -2.0]), t.tensor([0.5, 8.0, 1e-6])),
    "weibull": lambda t: t.distributions.Weibull(t.tensor([1.0, 2.0]), t.tensor([0.8, 3.0])),
    "wishart": lambda t: t.distributions.Wishart(t.tensor([5.0, 4.0]), matrix(t)),
    "wishart of factor": lambda t: t.distributions.Wishart(6, scale_tril=factor(t)),
    "wishart of precision": lambda t: t.distributions.Wishart(t.tensor(4.5), precision_matrix=matrix(t)),
}  # fmt: skip

everything = pytest.mark.parametrize("name", MAKERS)


@pytest.fixture(autouse=True)
def arguments_are_validated() -> Iterator[None]:
    """torch's default, which `torch.compile` turns off for the whole process once anything has called it."""
    before = torch.distributions.Distribution._validate_args
    torch.distributions.Distribution.set_default_validate_args(True)
    yield
    torch.distributions.Distribution.set_default_validate_args(before)


def same(own: Any, theirs: Any, tolerance: float = 2e-5) -> None:
    """Two results agree: tensors in type, shape and value, the rest by what it prints."""
    if not isinstance(theirs, torch.Tensor):
        assert repr(own) == repr(theirs)
        return
    assert str(own.dtype) == str(theirs.dtype)
    assert tuple(own.shape) == tuple(theirs.shape)
    torch.testing.assert_close(
        torch.from_numpy(own.detach().numpy().copy()),
        theirs.detach(),
        rtol=tolerance,
        atol=tolerance,
        equal_nan=True,
    )


def outcome(function: Callable[[], Any]) -> Any:
    """What a call returns, or the type and text of what it raises."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return function()
        except Exception as error:
            return type(error).__name__, str(error).replace("tinytorch", "torch")


def both(name: str) -> tuple[Any, Any]:
    return MAKERS[name](tinytorch), MAKERS[name](torch)


def seed() -> None:
    torch.manual_seed(3)
    tinytorch.manual_seed(3)


def same_states() -> None:
    assert tinytorch.get_rng_state().numpy().tobytes() == torch.get_rng_state().numpy().tobytes()


def to_own(value: Any) -> Any:
    """A tensor of torch as one of tinytorch."""
    return tinytorch.from_numpy(value.detach().numpy().copy())


def test_all_are_in_the_table() -> None:
    made = {type(maker(tinytorch)).__name__ for maker in MAKERS.values()}
    offered = {
        name
        for name in torch.distributions.__all__
        if inspect.isclass(getattr(torch.distributions, name))
        and issubclass(getattr(torch.distributions, name), torch.distributions.Distribution)
    }
    assert offered - made == {"Distribution", "ExponentialFamily"}


@everything
def test_looks(name: str) -> None:
    own, theirs = both(name)
    assert repr(own) == repr(theirs)
    for attribute in (
        "batch_shape",
        "event_shape",
        "has_rsample",
        "has_enumerate_support",
        "support",
        "arg_constraints",
    ):
        assert repr(getattr(own, attribute)) == repr(getattr(theirs, attribute)), attribute
    for attribute in ("is_discrete", "event_dim"):
        mine = outcome(lambda: getattr(own.support, attribute))
        assert mine == outcome(lambda: getattr(theirs.support, attribute)), attribute
    assert [base.__name__ for base in type(own).__mro__] == [base.__name__ for base in type(theirs).__mro__]


@everything
@pytest.mark.parametrize("attribute", ["mean", "mode", "variance", "stddev", "entropy", "perplexity", "probs", "logits", "param_shape",
    "covariance_matrix", "precision_matrix", "scale_tril", "_natural_params"])  # fmt: skip
def test_numbers(name: str, attribute: str) -> None:
    own, theirs = both(name)
    if not hasattr(type(theirs), attribute):
        assert not hasattr(type(own), attribute)
        return

    def value(distribution: Any) -> Any:
        found = getattr(distribution, attribute)
        return found() if callable(found) else found

    expected = outcome(lambda: value(theirs))
    found = outcome(lambda: value(own))
    if attribute == "_natural_params" and isinstance(expected[0], torch.Tensor):
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            same(one, other)
    else:
        same(found, expected)


@everything
@pytest.mark.parametrize("shape", [(), (2,), (3, 4)], ids=str)
def test_samples(name: str, shape: tuple[int, ...]) -> None:
    own, theirs = both(name)
    for method in ("sample", "rsample"):
        seed()
        expected = outcome(lambda: getattr(theirs, method)(torch.Size(shape)))
        found = outcome(lambda: getattr(own, method)(tinytorch.Size(shape)))
        # The last entry of a row of a factor is the root of a difference, which shows the square root of the rounding error.
        same(found, expected, 1e-3 if name.startswith("lkj") else 2e-5)
        same_states()


@everything
def test_log_prob(name: str) -> None:
    own, theirs = both(name)
    seed()
    value = theirs.sample(torch.Size((5,)))
    own.sample()
    same(own.log_prob(to_own(value)), theirs.log_prob(value), 1e-4)
    for method in ("cdf", "icdf"):
        argument = value if method == "cdf" else torch.rand(5, *theirs.batch_shape)
        expected = outcome(lambda: getattr(theirs, method)(argument))
        same(outcome(lambda: getattr(own, method)(to_own(argument))), expected, 1e-4)
    for wrong in (torch.full_like(value, -7.5), torch.full((2, 9), 0.5), torch.tensor(float("nan"))):
        expected = outcome(lambda: theirs.log_prob(wrong))
        same(outcome(lambda: own.log_prob(to_own(wrong))), expected, 1e-4)


@everything
def test_expand(name: str) -> None:
    own, theirs = both(name)
    shape = (4, *theirs.batch_shape)
    own, theirs = own.expand(shape), theirs.expand(torch.Size(shape))
    assert repr(own) == repr(theirs)
    assert (tuple(own.batch_shape), tuple(own.event_shape)) == (shape, tuple(theirs.event_shape))
    seed()
    same(own.sample(), theirs.sample())
    value = theirs.sample((2,))
    same(own.log_prob(to_own(value)), theirs.log_prob(value), 1e-4)
    if not name.startswith("multinomial"):  # torch forgets what its entropy needs: AttributeError
        same(outcome(lambda: own.entropy()), outcome(lambda: theirs.entropy()))
    same(outcome(lambda: own.mean), outcome(lambda: theirs.mean))


@everything
def test_enumerate_support(name: str) -> None:
    own, theirs = both(name)
    for expand in (True, False):
        expected = outcome(lambda: theirs.enumerate_support(expand))
        same(outcome(lambda: own.enumerate_support(expand)), expected)


@everything
def test_pickle(name: str) -> None:
    own = MAKERS[name](tinytorch)
    again = pickle.loads(pickle.dumps(own))
    assert repr(again) == repr(own)
    for distribution in (again, copy.deepcopy(own)):
        tinytorch.manual_seed(3)
        value = distribution.sample((2,))
        tinytorch.manual_seed(3)
        assert tinytorch.equal(value, own.sample((2,)))


class Recording:
    """A library whose `tensor` makes leaves that require gradients, and remembers them."""

    def __init__(self, library: Any) -> None:
        self.library = library
        self.leaves: list[Any] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self.library, name)

    def tensor(self, data: Any) -> Any:
        leaf = self.library.tensor(data, requires_grad=True)
        self.leaves.append(leaf)
        return leaf


def gradients(library: Any, name: str, quantity: Callable[[Any], Any]) -> list[Any]:
    """The gradients of a quantity of the distribution by each parameter; None where there is none."""
    recording = Recording(library)
    value = quantity(MAKERS[name](recording))
    weights = library.arange(1.0, value.numel() + 1).reshape(value.shape).cos()
    leaves = recording.leaves
    return list(library.autograd.grad((value * weights).sum(), leaves, allow_unused=True)) if leaves else []


def same_gradients(
    name: str, own: Callable[[Any], Any], theirs: Callable[[Any], Any], tolerance: float
) -> None:
    expected = outcome(lambda: gradients(torch, name, theirs))
    found = outcome(lambda: gradients(tinytorch, name, own))
    if not isinstance(expected, list):
        assert found[0] == expected[0]
        return
    for one, other in zip(found, expected, strict=True):
        same(one, other, tolerance)


@everything
def test_gradients(name: str) -> None:
    seed()
    value = MAKERS[name](torch).sample((4,))
    same_gradients(name, lambda d: d.log_prob(to_own(value)), lambda d: d.log_prob(value), 3e-4)
    same_gradients(name, lambda d: d.entropy(), lambda d: d.entropy(), 3e-4)
    same_gradients(name, lambda d: d.mean, lambda d: d.mean, 3e-4)


@pytest.mark.parametrize("name", [n for n, maker in MAKERS.items() if maker(torch).has_rsample])
def test_gradients_of_samples(name: str) -> None:
    seed()
    same_gradients(name, lambda d: d.rsample((4,)), lambda d: d.rsample((4,)), 2e-3)
    same_states()
