"""Every sampler, type, size and layout: torch's bits, and torch's generator state afterwards."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import tinytorch

FLOATS = ["float32", "float64", "float16", "bfloat16"]
SIZES = [0, 1, 2, 5, 15, 16, 17, 31, 33, 100, 1000]
LAYOUTS: dict[str, Callable[[Any], Any]] = {
    "transposed": lambda x: x.view(7, 30).t(),
    "every other": lambda x: x.view(7, 30)[:, ::2],
    "permuted": lambda x: x.view(5, 6, 7).permute(2, 0, 1),
    "channels last": lambda x: x.view(1, 6, 5, 7).permute(0, 3, 1, 2),
    "shifted": lambda x: x[3:200],
}

Sampler = Callable[[Any, Any], Any]
#: Written into a tensor.
IN_PLACE: dict[str, Sampler] = {
    "uniform_": lambda t, x: x.uniform_(-1.3, 2.7),
    "normal_": lambda t, x: x.normal_(0.3, 1.7),
    "bernoulli_": lambda t, x: x.bernoulli_(0.3),
    "exponential_": lambda t, x: x.exponential_(1.7),
    "geometric_": lambda t, x: x.geometric_(0.3),
    "cauchy_": lambda t, x: x.cauchy_(0.2, 1.5),
    "log_normal_": lambda t, x: x.log_normal_(0.2, 0.5),
    "random_": lambda t, x: x.random_(),
    "random_ in a range": lambda t, x: x.random_(-5, 77),
    "trunc_normal_": lambda t, x: t.nn.init.trunc_normal_(x, a=-1.0, b=1.5),
    "trunc_normal_ far out": lambda t, x: t.nn.init.trunc_normal_(x, a=2.0, b=3.0),
    "dropout": lambda t, x: t.nn.functional.dropout(x.fill_(1), 0.3),
    "alpha_dropout": lambda t, x: t.nn.functional.alpha_dropout(x.fill_(1), 0.3, True),
    "rand_like": lambda t, x: t.rand_like(x),
    "randn_like": lambda t, x: t.randn_like(x),
}
#: Of a tensor of parameters from 0 to 1.
OF_PARAMETERS: dict[str, Sampler] = {
    "bernoulli": lambda t, p: t.bernoulli(p),
    "bernoulli_ of a tensor": lambda t, p: t.empty_like(p).bernoulli_(p),
    "poisson": lambda t, p: t.poisson(p * 30),
    "gamma": lambda t, p: t._standard_gamma(p * 4 + 0.25),
    "binomial": lambda t, p: t.binomial((p * 64).round(), p),
    "normal of tensors": lambda t, p: t.normal(p, p + 0.5),
    "multinomial, replaced": lambda t, p: t.multinomial(p + 0.125, 5, True),
    "multinomial": lambda t, p: t.multinomial(p + 0.125, 1),
    "rrelu": lambda t, p: t.nn.functional.rrelu(p - 0.5, training=True),
}


def outcome(library: Any, action: Callable[[], Any]) -> Any:
    """The bits and strides of a result, or the error; and the generator's state."""
    library.manual_seed(99)
    library.rand(3)
    try:
        result = action().detach()
        if "bfloat16" in str(result.dtype):
            result = result.float()
        seen: Any = (
            result.stride(),
            np.ascontiguousarray(result.numpy()).tobytes(),
            str(result.dtype).split(".")[-1],
        )
    except Exception as error:
        seen = (type(error).__name__, str(error))
    return seen, library.get_rng_state().numpy().tobytes()


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", IN_PLACE)
def test_in_place(name: str, dtype: str) -> None:
    for size in SIZES:
        mine, theirs = (
            outcome(t, lambda t=t, size=size: IN_PLACE[name](t, t.zeros(size, dtype=getattr(t, dtype))))
            for t in (tinytorch, torch)
        )
        assert mine == theirs, size
    for layout, view in LAYOUTS.items():
        mine, theirs = (
            outcome(t, lambda t=t, view=view: IN_PLACE[name](t, view(t.zeros(210, dtype=getattr(t, dtype)))))
            for t in (tinytorch, torch)
        )
        assert mine == theirs, layout


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", OF_PARAMETERS)
def test_of_parameters(name: str, dtype: str) -> None:
    for size in (1, 15, 16, 33, 200):
        parameters = (np.arange(size) % 33 / 32).astype(np.float32)
        mine, theirs = (
            outcome(
                t, lambda t=t, p=parameters: OF_PARAMETERS[name](t, t.from_numpy(p).to(getattr(t, dtype)))
            )
            for t in (tinytorch, torch)
        )
        assert mine == theirs, size


@pytest.mark.parametrize(
    "dtype", ["uint8", "int8", "int16", "int32", "int64", "bool", "uint16", "uint32", "uint64"]
)
def test_integers(dtype: str) -> None:
    actions: list[Callable[[Any], Any]] = [
        lambda t: t.zeros(100, dtype=getattr(t, dtype)).random_(),
        lambda t: t.zeros(100, dtype=getattr(t, dtype)).random_(0, 2),
        lambda t: t.zeros(100, dtype=getattr(t, dtype)).bernoulli_(0.4),
        lambda t: t.zeros(100, dtype=getattr(t, dtype)).geometric_(0.4),
        lambda t: t.randint(1, 100, (100,), dtype=getattr(t, dtype)),
        lambda t: t.randperm(100, dtype=getattr(t, dtype)),
    ]
    for number, action in enumerate(actions):
        mine, theirs = (outcome(t, lambda t=t, action=action: action(t)) for t in (tinytorch, torch))
        assert mine == theirs, number


@pytest.mark.parametrize("high", [2**28 - 1, 2**28, 2**28 + 1, 2**32, 2**40, 2**63 - 1])
def test_wide_ranges(high: int) -> None:
    assert outcome(tinytorch, lambda: tinytorch.randint(-5, high, (50,))) == outcome(
        torch, lambda: torch.randint(-5, high, (50,))
    )


@pytest.mark.parametrize("n", [0, 1, 499, 501, 4097, 8193, 20_001, 2**20 + 1])
def test_permutations(n: int) -> None:
    assert outcome(tinytorch, lambda: tinytorch.randperm(n)) == outcome(torch, lambda: torch.randperm(n))


@pytest.mark.parametrize("name", ["rand", "randn"])
def test_in_bulk(name: str) -> None:
    for size in (131_072, 262_159):
        assert outcome(tinytorch, lambda size=size: getattr(tinytorch, name)(size)) == outcome(
            torch, lambda size=size: getattr(torch, name)(size)
        )
