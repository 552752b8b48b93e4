"""torch.nn.init against torch: values, generator states, warnings, errors."""

from __future__ import annotations

import warnings
from typing import Any

import pytest

torch = pytest.importorskip("torch")

import tinytorch
import tinytorch.nn.init


def outcome(t: Any, call: Any) -> Any:
    t.manual_seed(11)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = call(t, t.nn.init)
            if hasattr(result, "dtype"):
                values = (
                    result.detach().float() if "bfloat16" in str(result.dtype) else result.detach()
                ).tolist()
                result = (str(result.dtype), tuple(result.shape), result.requires_grad, values)
        except Exception as error:
            result = (type(error).__name__, str(error))
    return result, [(w.category.__name__, str(w.message)) for w in caught], t.get_rng_state().tolist()


def leaf(t: Any, *shape: int, dtype: str = "float32") -> Any:
    return t.zeros(*shape, dtype=getattr(t, dtype), requires_grad=True)


CASES = {
    "uniform": lambda t, i: i.uniform_(leaf(t, 3, 5), -2, 3),
    "uniform generator": lambda t, i: i.uniform_(leaf(t, 3, 5), generator=t.Generator().manual_seed(3)),
    "normal": lambda t, i: i.normal_(leaf(t, 3, 5), 1, 2),
    "normal large": lambda t, i: i.normal_(leaf(t, 30, 5, dtype="float64")),
    "normal bfloat16": lambda t, i: i.normal_(leaf(t, 30, 5, dtype="bfloat16")),
    "constant": lambda t, i: i.constant_(leaf(t, 3, 5), 0.3),
    "ones": lambda t, i: i.ones_(leaf(t, 3)),
    "zeros": lambda t, i: i.zeros_(i.ones_(leaf(t, 3))),
    "eye": lambda t, i: i.eye_(i.ones_(leaf(t, 3, 5))),
    "eye rank": lambda t, i: i.eye_(leaf(t, 3)),
    "dirac 3": lambda t, i: i.dirac_(leaf(t, 4, 2, 3)),
    "dirac 4": lambda t, i: i.dirac_(leaf(t, 4, 2, 3, 4), 2),
    "dirac 5": lambda t, i: i.dirac_(leaf(t, 2, 4, 3, 3, 2)),
    "dirac rank": lambda t, i: i.dirac_(leaf(t, 4)),
    "dirac groups": lambda t, i: i.dirac_(leaf(t, 4, 2, 3), 3),
    "xavier uniform": lambda t, i: i.xavier_uniform_(leaf(t, 7, 5), gain=1.7),
    "xavier uniform spatial": lambda t, i: i.xavier_uniform_(leaf(t, 7, 5, 3, 2)),
    "xavier normal": lambda t, i: i.xavier_normal_(leaf(t, 7, 5), gain=1.7),
    "xavier rank": lambda t, i: i.xavier_normal_(leaf(t, 7)),
    "kaiming uniform": lambda t, i: i.kaiming_uniform_(leaf(t, 7, 5), a=5**0.5),
    "kaiming uniform out": lambda t, i: i.kaiming_uniform_(
        leaf(t, 7, 5), mode="fan_out", nonlinearity="relu"
    ),
    "kaiming normal": lambda t, i: i.kaiming_normal_(leaf(t, 7, 5, 3), mode="FAN_OUT", nonlinearity="tanh"),
    "kaiming mode": lambda t, i: i.kaiming_normal_(leaf(t, 7, 5), mode="fan"),
    "kaiming empty": lambda t, i: i.kaiming_uniform_(leaf(t, 7, 0)),
    "kaiming normal empty": lambda t, i: i.kaiming_normal_(leaf(t, 7, 0)),
    "trunc": lambda t, i: i.trunc_normal_(leaf(t, 9, 9)),
    "trunc double": lambda t, i: i.trunc_normal_(leaf(t, 9, 9, dtype="float64"), std=0.02),
    "trunc narrow": lambda t, i: i.trunc_normal_(leaf(t, 9, 9), 0.5, 2.0, 0.0, 1.0),
    "trunc tail": lambda t, i: i.trunc_normal_(leaf(t, 9, 9), 0.0, 1.0, 2.0, 4.0),
    "trunc far": lambda t, i: i.trunc_normal_(leaf(t, 9, 9), 0.0, 1.0, 3.0, 4.0),
    "trunc bfloat16": lambda t, i: i.trunc_normal_(leaf(t, 9, 9, dtype="bfloat16")),
    "trunc generator": lambda t, i: i.trunc_normal_(leaf(t, 9, 9), generator=t.Generator()),
    "sparse": lambda t, i: i.sparse_(leaf(t, 9, 7), 0.3),
    "sparse generator": lambda t, i: i.sparse_(leaf(t, 9, 7), 0.3, generator=t.Generator()),
    "sparse rank": lambda t, i: i.sparse_(leaf(t, 9), 0.3),
    "orthogonal rank": lambda t, i: i.orthogonal_(leaf(t, 9)),
    "orthogonal empty": lambda t, i: i.orthogonal_(leaf(t, 9, 0)),
    "gain linear": lambda t, i: i.calculate_gain("conv_transpose2d"),
    "gain relu": lambda t, i: i.calculate_gain("relu"),
    "gain leaky": lambda t, i: i.calculate_gain("leaky_relu"),
    "gain leaky slope": lambda t, i: i.calculate_gain("leaky_relu", 2),
    "gain leaky bool": lambda t, i: i.calculate_gain("leaky_relu", True),
    "gain selu": lambda t, i: i.calculate_gain("selu"),
    "gain unknown": lambda t, i: i.calculate_gain("gelu"),
    **{
        name: lambda t, i, name=name: getattr(i, name)(leaf(t, 7, 5))
        for name in [
            "uniform",
            "normal",
            "eye",
            "xavier_uniform",
            "xavier_normal",
            "kaiming_uniform",
            "kaiming_normal",
        ]
    },
    "old constant": lambda t, i: i.constant(leaf(t, 2), 3),
    "old dirac": lambda t, i: i.dirac(leaf(t, 2, 2, 3)),
    "old sparse": lambda t, i: i.sparse(leaf(t, 5, 5), 0.5),
}


@pytest.mark.parametrize("name", CASES)
def test_initialisers(name: str) -> None:
    expected, found = outcome(torch, CASES[name]), outcome(tinytorch, CASES[name])
    assert found[0] == expected[0]
    assert found[1] == expected[1]
    assert found[2] == expected[2]


@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (4, 4), (3, 2, 4)])
def test_orthogonal_draws_the_same_and_agrees_to_rounding(shape: tuple[int, ...]) -> None:
    results = []
    for t in (torch, tinytorch):
        t.manual_seed(4)
        weight = t.nn.init.orthogonal_(t.zeros(*shape, requires_grad=True), gain=2)
        results.append((weight.detach(), t.get_rng_state().tolist()))
    assert results[0][1] == results[1][1]
    assert results[1][0].flatten().tolist() == pytest.approx(results[0][0].flatten().tolist(), abs=2e-6)


@pytest.mark.parametrize(
    "name",
    [
        "uniform_",
        "normal_",
        "trunc_normal_",
        "orthogonal_",
        "kaiming_uniform_",
        "eye_",
        "xavier_normal_",
        "zeros_",
    ],
)
def test_meta_tensors_draw_nothing(name: str) -> None:
    tinytorch.manual_seed(1)
    before = tinytorch.get_rng_state().tolist()
    weight = tinytorch.zeros(4, 4, device="meta")
    assert getattr(tinytorch.nn.init, name)(weight) is weight
    assert tinytorch.get_rng_state().tolist() == before


def test_public_names() -> None:
    assert sorted(tinytorch.nn.init.__all__) == sorted(torch.nn.init.__all__)
