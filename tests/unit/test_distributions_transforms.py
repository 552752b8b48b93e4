"""Transforms, constraints and the registry between them against the oracle."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import pytest

torch = pytest.importorskip("torch")

import tinytorch

#: name -> (the transform, the shape of one event)
TRANSFORMS: dict[str, tuple[Callable[[Any], Any], tuple[int, ...]]] = {
    "abs": (lambda t: t.distributions.AbsTransform(), ()),
    "affine": (lambda t: t.distributions.AffineTransform(1.0, -2.0), ()),
    "affine of vectors": (lambda t: t.distributions.AffineTransform(t.zeros(3), t.tensor([1.0, 2.0, -3.0]), 1), (3,)),
    "affine of a number": (lambda t: t.distributions.AffineTransform(0.0, 3, event_dim=2), (2, 3)),
    "cat": (
        lambda t: t.distributions.CatTransform(
            [t.distributions.ExpTransform(), t.distributions.TanhTransform()], dim=-1, lengths=[1, 2]
        ),
        (3,),
    ),
    "cat of events": (
        lambda t: t.distributions.CatTransform(
            [t.distributions.AffineTransform(0.0, 2.0, 1), t.distributions.AffineTransform(0.0, 3.0, 1)], -2, [1, 3]
        ),
        (4, 2),
    ),
    "compose": (
        lambda t: t.distributions.ComposeTransform(
            [t.distributions.SigmoidTransform(), t.distributions.AffineTransform(1.0, 2.0), t.distributions.PowerTransform(2.0)]
        ),
        (),
    ),
    "compose of dims": (
        lambda t: t.distributions.ComposeTransform(
            [t.distributions.ExpTransform(), t.distributions.AffineTransform(0.0, 2.0, 1), t.distributions.StickBreakingTransform()]
        ),
        (3,),
    ),
    "compose of none": (lambda t: t.distributions.ComposeTransform([]), ()),
    "corr cholesky": (lambda t: t.distributions.CorrCholeskyTransform(), (6,)),
    "cumulative": (lambda t: t.distributions.CumulativeDistributionTransform(t.distributions.Normal(0.0, 2.0)), ()),
    "exp": (lambda t: t.distributions.ExpTransform(), ()),
    "inverse": (lambda t: t.distributions.AffineTransform(1.0, 4.0).inv, ()),
    "independent": (lambda t: t.distributions.IndependentTransform(t.distributions.ExpTransform(), 1), (3,)),
    "lower cholesky": (lambda t: t.distributions.LowerCholeskyTransform(), (3, 3)),
    "positive definite": (lambda t: t.distributions.PositiveDefiniteTransform(), (3, 3)),
    "reshape": (lambda t: t.distributions.ReshapeTransform((2, 3), (6,)), (2, 3)),
    "sigmoid": (lambda t: t.distributions.SigmoidTransform(), ()),
    "softmax": (lambda t: t.distributions.SoftmaxTransform(), (4,)),
    "softplus": (lambda t: t.distributions.SoftplusTransform(), ()),
    "stack": (
        lambda t: t.distributions.StackTransform([t.distributions.ExpTransform(), t.distributions.AffineTransform(1.0, 2.0)], -1),
        (2,),
    ),
    "stick": (lambda t: t.distributions.StickBreakingTransform(), (4,)),
    "tanh": (lambda t: t.distributions.TanhTransform(), ()),
}  # fmt: skip

everything = pytest.mark.parametrize("name", TRANSFORMS)


def outcome(function: Callable[[], Any]) -> Any:
    try:
        return function()
    except Exception as error:
        return type(error).__name__, str(error).replace("tinytorch", "torch")


def same(own: Any, theirs: Any, tolerance: float = 2e-5) -> None:
    if not isinstance(theirs, torch.Tensor):
        assert repr(own) == repr(theirs)
        return
    assert (str(own.dtype), tuple(own.shape)) == (str(theirs.dtype), tuple(theirs.shape))
    numbers = torch.from_numpy(own.detach().numpy().copy())
    torch.testing.assert_close(numbers, theirs.detach(), rtol=tolerance, atol=tolerance, equal_nan=True)


def to_own(value: Any) -> Any:
    return tinytorch.from_numpy(value.detach().numpy().copy())


@everything
def test_transform(name: str) -> None:
    maker, event = TRANSFORMS[name]
    own, theirs = maker(tinytorch), maker(torch)
    torch.manual_seed(1)
    x = torch.randn(5, *event)
    y = theirs(x)
    own_y = own(to_own(x))
    same(own_y, y)
    same(own.inv(own_y), theirs.inv(y), 1e-4)
    expected = outcome(lambda: theirs.log_abs_det_jacobian(x, y))
    same(outcome(lambda: own.log_abs_det_jacobian(to_own(x), own_y)), expected, 1e-4)
    expected = outcome(lambda: theirs.inv.log_abs_det_jacobian(y, x))
    same(outcome(lambda: own.inv.log_abs_det_jacobian(own_y, to_own(x))), expected, 1e-4)
    for shape, method in (
        (x.shape, "forward_shape"),
        (y.shape, "inverse_shape"),
        ((), "forward_shape"),
        ((7,), "inverse_shape"),
    ):
        expected = outcome(lambda: tuple(getattr(theirs, method)(torch.Size(shape))))
        assert outcome(lambda: tuple(getattr(own, method)(tinytorch.Size(shape)))) == expected


@everything
def test_looks(name: str) -> None:
    maker, _ = TRANSFORMS[name]
    own, theirs = maker(tinytorch), maker(torch)
    for attribute in ("domain", "codomain", "bijective", "event_dim", "sign", "inv", "_cache_size"):
        assert repr(outcome(lambda: getattr(own, attribute))) == repr(
            outcome(lambda: getattr(theirs, attribute))
        ), attribute
    assert repr(own) == repr(theirs)
    assert type(own).__name__ == type(theirs).__name__
    assert own.inv.inv is own
    for other in TRANSFORMS.values():
        equal = own == other[0](tinytorch)
        assert equal == (theirs == other[0](torch))
    assert repr(pickle.loads(pickle.dumps(own))) == repr(own)
    assert outcome(lambda: hash(own)) == outcome(lambda: hash(theirs))


@everything
def test_gradient(name: str) -> None:
    maker, event = TRANSFORMS[name]

    def gradient(library: Any, x: Any) -> Any:
        x = x.requires_grad_()
        y = maker(library)(x)
        (y * library.arange(1.0, y.numel() + 1).reshape(y.shape).cos()).sum().backward()
        return x.grad

    torch.manual_seed(2)
    x = torch.randn(3, *event)
    same(gradient(tinytorch, to_own(x)), gradient(torch, x), 1e-4)


@everything
def test_cache(name: str) -> None:
    maker, event = TRANSFORMS[name]
    cached = maker(tinytorch).with_cache(1)
    assert cached.with_cache(1) is cached
    x = tinytorch.randn(3, *event)
    y = cached(x)
    if name != "compose of none":
        assert cached.inv(y) is x
        assert cached(x) is y
    assert maker(tinytorch)._cache_size == 0


#: makers of constraints, with the shape of the numbers to check
CONSTRAINTS: list[tuple[Callable[[Any], Any], tuple[int, ...]]] = [
    (lambda c: c.boolean, (6,)),
    (lambda c: c.real, (6,)),
    (lambda c: c.positive, (6,)),
    (lambda c: c.nonnegative, (6,)),
    (lambda c: c.unit_interval, (6,)),
    (lambda c: c.interval(-1, 0.5), (6,)),
    (lambda c: c.half_open_interval(-1.0, 1), (6,)),
    (lambda c: c.greater_than(0.5), (6,)),
    (lambda c: c.greater_than_eq(1), (6,)),
    (lambda c: c.less_than(1), (6,)),
    (lambda c: c.integer_interval(0, 1), (6,)),
    (lambda c: c.nonnegative_integer, (6,)),
    (lambda c: c.positive_integer, (6,)),
    (lambda c: c._IntegerLessThan(1), (6,)),
    (lambda c: c.multinomial(2), (2, 3)),
    (lambda c: c.one_hot, (2, 3)),
    (lambda c: c.simplex, (2, 3)),
    (lambda c: c.real_vector, (2, 3)),
    (lambda c: c.independent(c.positive, 2), (2, 3)),
    (lambda c: c.independent(c.positive, 3), (2, 3)),
    (lambda c: c.cat([c.positive, c.real], -1, [1, 2]), (2, 3)),
    (lambda c: c.cat([c.positive, c.real], 3, [1, 2]), (2, 3)),
    (lambda c: c.stack([c.positive, c.real, c.boolean], -1), (2, 3)),
    (lambda c: c.stack([c.positive, c.real, c.boolean], 0), (3, 2)),
    (lambda c: c.square, (2, 3)),
    (lambda c: c.square, (2, 2)),
    (lambda c: c.symmetric, (3, 3)),
    (lambda c: c.lower_triangular, (3, 3)),
    (lambda c: c.lower_cholesky, (3, 3)),
    (lambda c: c.corr_cholesky, (2, 2)),
    (lambda c: c.positive_semidefinite, (2, 2)),
    (lambda c: c.positive_definite, (2, 2)),
    (lambda c: c.MixtureSameFamilyConstraint(c.positive), (6,)),
    (lambda c: c.dependent, (2,)),
    (lambda c: c.dependent(is_discrete=True, event_dim=1), (2,)),
    (lambda c: c.cat([c.real], 0, [1, 2]), (2,)),
    (lambda c: c.cat([3]), (2,)),
    (lambda c: c.independent(3, 1), (2,)),
    (lambda c: c.independent(c.real, -1), (2,)),
    (lambda c: c.Constraint(), (2,)),
]


@pytest.mark.parametrize("number", range(len(CONSTRAINTS)))
def test_constraint(number: int) -> None:
    maker, shape = CONSTRAINTS[number]
    own = outcome(lambda: maker(tinytorch.distributions.constraints))
    theirs = outcome(lambda: maker(torch.distributions.constraints))
    assert repr(own) == repr(theirs)
    if isinstance(theirs, tuple):
        return
    for attribute in ("is_discrete", "event_dim"):
        assert outcome(lambda: getattr(own, attribute)) == outcome(lambda: getattr(theirs, attribute))
    torch.manual_seed(number)
    values = [torch.randn(shape), torch.zeros(shape), torch.ones(shape), torch.randint(-1, 3, shape).float()]
    values += [
        torch.rand(4, *shape).softmax(-1),
        torch.tensor(0.5).expand(shape),
        torch.full(shape, float("nan")),
    ]
    if shape[-1] == shape[-2:][0] and len(shape) == 2:
        values += [
            torch.eye(shape[0]),
            values[0] @ values[0].mT,
            torch.linalg.qr(values[0]).R.mT.abs().tril(),
        ]
    for value in values:
        same(outcome(lambda: own.check(to_own(value))), outcome(lambda: theirs.check(value)))


@pytest.mark.parametrize("number", range(len(CONSTRAINTS)))
@pytest.mark.parametrize("registry", ["biject_to", "transform_to"])
def test_registry(number: int, registry: str) -> None:
    maker, _ = CONSTRAINTS[number]
    theirs = outcome(lambda: maker(torch.distributions.constraints))
    if isinstance(theirs, tuple):
        return
    expected = outcome(lambda: getattr(torch.distributions, registry)(theirs))
    own = outcome(
        lambda: getattr(tinytorch.distributions, registry)(maker(tinytorch.distributions.constraints))
    )
    assert repr(own) == repr(expected)


def refusals(t: Any) -> list[Any]:
    d, u = t.distributions, t.distributions.utils
    calls: list[Callable[[], Any]] = [
        lambda: d.ExpTransform(cache_size=2),
        lambda: d.ReshapeTransform((2, 3), (5,)),
        lambda: d.IndependentTransform(d.ExpTransform(), 1)(t.tensor(1.0)),
        lambda: d.CatTransform([d.ExpTransform(), d.SigmoidTransform()], lengths=[1]),
        lambda: d.CatTransform([d.ExpTransform(), 3]),
        lambda: d.CatTransform([d.ExpTransform(), d.SigmoidTransform()])(t.zeros(3)),
        lambda: d.CatTransform([d.ExpTransform(), d.SigmoidTransform()], dim=1)(t.zeros(2)),
        lambda: d.StackTransform([d.ExpTransform(), 3]),
        lambda: d.StackTransform([d.ExpTransform(), d.SigmoidTransform()])(t.zeros(3)),
        lambda: d.StackTransform([d.ExpTransform(), d.SigmoidTransform()], dim=1)(t.zeros(2)),
        lambda: d.CorrCholeskyTransform().forward_shape((4,)),
        lambda: d.CorrCholeskyTransform().inverse_shape((3, 2)),
        lambda: d.Transform()(t.tensor(1.0)),
        lambda: d.Transform().log_abs_det_jacobian(1, 2),
        lambda: d.Transform().sign,
        lambda: d.CorrCholeskyTransform().event_dim,
        lambda: d.biject_to.register(3, lambda constraint: None),
        lambda: d.biject_to(3),
        lambda: u.broadcast_all(1, "a"),
        lambda: u.tril_matrix_to_vec(t.zeros(3, 3), 4),
        lambda: u.vec_to_tril_matrix(t.zeros(5)),
        lambda: u.vec_to_tril_matrix(t.zeros(2), -1),
    ]
    return [outcome(call) for call in calls]


def test_what_is_refused() -> None:
    assert refusals(tinytorch) == refusals(torch)


def utilities(t: Any) -> list[Any]:
    u = t.distributions.utils
    p = t.tensor([0.0, 0.25, 1.0])
    values = [
        *u.broadcast_all(1, t.tensor([2])),
        *u.broadcast_all(True, 2.0),
        *u.broadcast_all(t.ones(2), t.ones(3, 1).double()),
    ]
    values += [
        u.logits_to_probs(p),
        u.logits_to_probs(p, is_binary=True),
        u.clamp_probs(p),
        u.clamp_probs(p.double()),
    ]
    values += [u.probs_to_logits(p), u.probs_to_logits(p, is_binary=True)]
    m = t.arange(32.0).view(2, 4, 4)
    for diag in (-2, -1, 0, 1):
        vec = u.tril_matrix_to_vec(m, diag)
        values += [vec, u.vec_to_tril_matrix(vec, diag)]
    return values


def test_utilities() -> None:
    for own, theirs in zip(utilities(tinytorch), utilities(torch), strict=True):
        same(own, theirs)


def test_lazy_property() -> None:
    calls = []

    class Holder:
        @tinytorch.distributions.utils.lazy_property
        def value(self) -> Any:
            """What it is."""
            calls.append(tinytorch.is_grad_enabled())
            return 7

    holder = Holder()
    with tinytorch.no_grad():
        assert (holder.value, holder.value) == (7, 7)
    assert calls == [True]
    assert holder.__dict__ == {"value": 7}
    assert isinstance(Holder.value, property)
