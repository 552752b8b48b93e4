"""Segments, convolution over time, antialiased images and batch normalisation for compilers, against the oracle."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import tinytorch


def outcome(t: Any, function: Callable[[Any], Any]) -> Any:
    """The arrays that a call returns, or the type and text of what it raises."""
    try:
        result = function(t)
    except Exception as error:
        return type(error).__name__, str(error)
    return [
        x.detach().numpy() if isinstance(x, t.Tensor) else x
        for x in (result if isinstance(result, (tuple, list)) else [result])
    ]


def same(function: Callable[[Any], Any], tolerance: float = 1e-6) -> None:
    own, theirs = outcome(tinytorch, function), outcome(torch, function)
    if isinstance(theirs, tuple):
        assert own == theirs
        return
    for one, other in zip(own, theirs, strict=True):
        np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance)
        assert np.asarray(one).dtype == np.asarray(other).dtype


@pytest.mark.parametrize("reduction", ["sum", "mean", "max", "min", "prod", "amax", "amin"])
@pytest.mark.parametrize("initial", [None, 3])
@pytest.mark.parametrize(
    "data", [[2.0, 0.0, 3.0, 3.0, 0.0, 0.0], [1.0, float("nan"), 3.0, 3.0, 1.0, 2.0]], ids=["zeros", "nan"]
)
def test_segment_reduce(reduction: str, initial: Any, data: list[float]) -> None:
    def values(t: Any) -> list[Any]:
        x = t.tensor(data, requires_grad=True)
        y = t.segment_reduce(x, reduction, lengths=t.tensor([2, 0, 2, 2]), initial=initial)
        return [y, *t.autograd.grad((y * t.arange(1.0, 5.0)).sum(), x)]

    same(values)


@pytest.mark.parametrize("reduction", ["sum", "mean", "max", "min", "prod"])
def test_segment_reduce_of_rows(reduction: str) -> None:
    def values(t: Any) -> list[Any]:
        x = t.arange(1.0, 13.0).view(2, 3, 2).requires_grad_()
        y = t.segment_reduce(x, reduction, lengths=t.tensor([[1, 2], [3, 0]]), axis=1)
        offsets = t._segment_reduce(t.arange(1.0, 7.0), reduction, offsets=t.tensor([0, 2, 2, 6]))
        return [y, offsets, *t.autograd.grad((y[:, 0] * 2).sum(), x)]

    same(values)


SEGMENT_ERRORS: list[Callable[[Any], Any]] = [
    lambda t: t.segment_reduce(t.ones(6), "sum"),
    lambda t: t.segment_reduce(t.ones(6), "foo", lengths=t.tensor([6])),
    lambda t: t.segment_reduce(t.ones(6), "sum", lengths=t.tensor([2, 3])),
    lambda t: t.segment_reduce(t.ones(6), "sum", lengths=t.tensor([2, 3]), unsafe=True),
    lambda t: t.segment_reduce(t.ones(6), "sum", lengths=t.tensor([2, -1, 5])),
    lambda t: t.segment_reduce(t.ones(6), "sum", lengths=t.tensor([2.0, 4.0])),
    lambda t: t.segment_reduce(t.ones(6), "sum", lengths=t.tensor([6]), offsets=t.tensor([0, 6])),
    lambda t: t.segment_reduce(t.ones(6), "sum", indices=t.tensor([0])),
    lambda t: t.segment_reduce(t.ones(3, 2), "sum", lengths=t.tensor([1, 1]), axis=1),
    lambda t: t.segment_reduce(t.arange(3), "sum", lengths=t.tensor([3])),
    lambda t: t.segment_reduce(t.tensor(1.0), "sum", lengths=t.tensor([1])),
]


@pytest.mark.parametrize("number", range(len(SEGMENT_ERRORS)))
def test_what_segment_reduce_refuses(number: int) -> None:
    same(SEGMENT_ERRORS[number])


@pytest.mark.parametrize("pad", [0, 1, 3])
def test_conv_tbc(pad: int) -> None:
    def values(t: Any) -> list[Any]:
        random = np.random.default_rng(1)
        operands = [
            t.tensor(random.standard_normal(s), requires_grad=True) for s in ((5, 2, 3), (3, 3, 4), (4,))
        ]
        y = t.conv_tbc(*operands, pad)
        first = t.autograd.grad((y**2).sum(), operands, create_graph=True)
        second = t.autograd.grad((first[0] ** 2).sum() + (first[1] ** 2).sum(), operands)
        return [y, *first, *second]

    same(values)


@pytest.mark.parametrize("shapes", [((4, 3), (2, 3, 5), (5,)), ((4, 2, 3), (2, 5), (5,)), ((4, 2, 3), (2, 3, 5), (5, 1)),
    ((4, 2, 3), (2, 4, 5), (5,)), ((4, 2, 3), (2, 3, 5), (4,)), ((1, 2, 3), (2, 3, 5), (5,))], ids=str)  # fmt: skip
def test_conv_tbc_of_shapes(shapes: tuple[tuple[int, ...], ...]) -> None:
    same(lambda t: t.nn.functional.conv_tbc(*[t.ones(shape) for shape in shapes]))


def test_conv_tbc_of_two_types() -> None:
    same(lambda t: t.conv_tbc(t.ones(4, 2, 3).double(), t.ones(2, 3, 5), t.ones(5)))


GEOMETRIES: list[dict[str, Any]] = [
    {"size": (4, 5)},
    {"size": (20, 30)},
    {"size": (1, 1)},
    {"size": (0, 2)},
    {"scale_factor": 0.4},
    {"scale_factor": (0.37, 1.9)},
    {"scale_factor": 0.7, "recompute_scale_factor": True},
    {"size": (5, 20), "align_corners": True},
    {"size": (1, 3), "align_corners": True},
]


@pytest.mark.parametrize("mode", ["bilinear", "bicubic", "lanczos"])
@pytest.mark.parametrize("geometry", GEOMETRIES, ids=str)
def test_antialiased_images(mode: str, geometry: dict[str, Any]) -> None:
    def values(t: Any) -> list[Any]:
        image = t.tensor(np.random.default_rng(0).standard_normal((2, 3, 9, 13)), requires_grad=True)
        y = t.nn.functional.interpolate(image, mode=mode, antialias=True, **geometry)
        first = t.autograd.grad((y**2).sum(), image, create_graph=True)
        return [
            y,
            *first,
            *t.autograd.grad((first[0] ** 2).sum(), image),
            type(y.grad_fn).__name__ == type(y.grad_fn).__name__,
        ]

    same(values, 1e-10)


def test_what_antialiasing_refuses() -> None:
    def interpolate(t: Any, image: Any, size: Any, mode: str, **options: Any) -> Any:
        return t.nn.functional.interpolate(image, size, mode=mode, **options)

    for mode in ("bilinear", "bicubic", "lanczos"):
        same(lambda t: interpolate(t, t.ones(1, 1, 3, 4).half(), (2, 2), mode, antialias=True))
        same(lambda t: interpolate(t, t.ones(1, 1, 3, 4).int(), (2, 2), mode, antialias=True))
        same(lambda t: interpolate(t, t.ones(1, 0, 3, 4), (2, 2), mode, antialias=True))
    same(lambda t: interpolate(t, t.ones(1, 1, 3, 4), (2, 2), "lanczos"))
    same(lambda t: interpolate(t, t.ones(1, 1, 3, 4), (2, 2), "nearest", antialias=True))
    same(lambda t: interpolate(t, t.ones(1, 3, 4), (2,), "linear", antialias=True))
    strides = [
        interpolate(
            t, t.ones(2, 3, 8, 8).to(memory_format=t.channels_last), (4, 4), "bilinear", antialias=True
        ).stride()
        for t in (tinytorch, torch)
    ]
    assert strides[0] == strides[1]


def test_batch_norm_for_compilers() -> None:
    def values(t: Any) -> list[Any]:
        x = t.arange(12.0).view(4, 3).cos().requires_grad_()
        mean, variance = t.zeros(3), t.ones(3)
        weight, bias = t.tensor([1.0, 2.0, 3.0], requires_grad=True), t.zeros(3, requires_grad=True)
        results: list[Any] = []
        for training in (True, False):
            results += t._native_batch_norm_legit(x, weight, bias, mean, variance, training, 0.1, 1e-5)
            results += [mean.clone(), variance.clone()]
        results += t._native_batch_norm_legit(x, weight, bias, True, 0.1, 1e-5)
        results += t.ops.aten._batch_norm_with_update(x, weight, bias, mean, variance, 0.1, 1e-5)
        names = [type(result.grad_fn).__name__ for result in results]
        total = sum((result**2).sum() for result in results if result.requires_grad)
        return [
            *results,
            mean,
            variance,
            *t.autograd.grad(total, [x, weight, bias]),
            *[hash(name) for name in names],
        ]

    same(values, 1e-5)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_pathwise_derivatives(dtype: str) -> None:
    random = np.random.default_rng(0)
    alpha = np.exp(random.uniform(-6, 6, 3000)).astype(dtype)
    x = random.gamma(alpha).astype(dtype)
    same(lambda t: t._standard_gamma_grad(t.tensor(alpha), t.tensor(x)), 1e-9 if dtype == "float64" else 1e-4)
    beta = np.exp(random.uniform(-5, 5, 3000)).astype(dtype)
    y = random.beta(alpha, beta).astype(dtype)
    if dtype == "float64":  # in single precision torch's own digamma functions cancel
        same(lambda t: t._dirichlet_grad(*map(t.tensor, (y, alpha, alpha + beta))), 1e-9)


def test_what_pathwise_derivatives_refuse() -> None:
    for name, count in (("_standard_gamma_grad", 2), ("_dirichlet_grad", 3)):
        same(lambda t: getattr(t, name)(t.ones(2), *[t.ones(2).double()] * (count - 1)))
        same(lambda t: getattr(t, name)(*[t.ones(2, dtype=t.int64)] * count))
        same(lambda t: getattr(t, name)(t.ones(2), *[t.ones(3)] * (count - 1)))

        def differentiated(t: Any) -> Any:
            leaves = [t.full((2,), 0.3, requires_grad=True) for _ in range(count)]
            return t.autograd.grad(getattr(t, name)(*leaves).sum(), leaves[0])

        same(differentiated)


def test_to_the_type_of_another_tensor() -> None:
    for t in (tinytorch, torch):
        other = t.zeros(1, dtype=t.float64)
        assert t.tensor([0, 1]).to(other).dtype is t.float64
        assert t.tensor([0, 1]).to(other, copy=True).tolist() == [0.0, 1.0]


def test_categories_of_expanded_weights() -> None:
    for count in (1, 2):
        draws = []
        for t in (tinytorch, torch):
            t.manual_seed(3)
            draws.append(t.multinomial(t.tensor([0.2, 0.5, 0.3]).expand(4, 3), count).tolist())
        assert draws[0] == draws[1]
