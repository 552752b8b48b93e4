"""The harness judges torch itself as equal, and notices faults planted in a copy of torch's names."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from conformance.compare import compare_values
from conformance.engine import Library, load, reference
from conformance.judge import Judge
from conformance.sources.opinfo import Catalogue


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return Catalogue(reference())


def statuses(
    catalogue: Catalogue, candidate: Library, label: str, dtype: str = "float32"
) -> dict[str, set[str]]:
    judge = Judge(reference(), candidate)
    found: dict[str, set[str]] = {}
    for case in catalogue.cases(label, dtype, samples=4):
        for layer, verdict in judge.judge(case).items():
            found.setdefault(layer, set()).add(verdict.status)
    return found


@pytest.mark.parametrize(
    ("label", "dtype"),
    [
        ("add", "float32"),
        ("mul", "bfloat16"),
        ("sum", "complex64"),
        ("linalg.svd", "float32"),
        ("nn.functional.dropout", "float32"),
        ("max.reduction_with_dim", "float64"),
        ("gather", "int64"),
        ("split", "float32"),
    ],
)
def test_torch_agrees_with_itself(catalogue: Catalogue, label: str, dtype: str) -> None:
    found = statuses(catalogue, load("torch"), label, dtype)
    assert found["values"] == {"pass"}
    assert {status for layer in found.values() for status in layer} == {"pass"}


@pytest.fixture
def planted() -> Iterator[Callable[..., Library]]:
    """A module with all of torch's names, some of them replaced."""
    names: list[str] = []

    def make(**faults: Any) -> Library:
        name = f"planted_{len(names)}_for_test"
        module = types.ModuleType(name)
        module.__getattr__ = lambda attribute: getattr(torch, attribute)  # type: ignore[method-assign]
        for key, value in faults.items():
            setattr(module, key, value)
        sys.modules[name] = module
        names.append(name)
        return load(name)

    yield make
    for name in names:
        del sys.modules[name]


class HalfGradient(torch.autograd.Function):  # type: ignore[misc]
    @staticmethod
    def forward(ctx: Any, value: Any) -> Any:
        return value.clone()

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        return grad * 0.5


@pytest.mark.parametrize(
    ("layer", "label", "name", "fault"),
    [
        ("values", "exp", "exp", lambda x: torch.exp(x) * (1.0 + 3e-5)),
        ("dtype", "exp", "exp", lambda x: torch.exp(x).double()),
        ("gradient", "exp", "exp", lambda x: HalfGradient.apply(torch.exp(x))),
        ("requires_grad", "exp", "exp", lambda x: torch.exp(x).detach()),
        ("grad_fn", "exp", "exp", lambda x: torch.exp(x) * 1.0),
        ("strides", "transpose", "transpose", lambda *a: torch.transpose(*a).contiguous()),
        ("aliasing", "transpose", "transpose", lambda *a: torch.transpose(*a).clone()),
        ("shape", "transpose", "transpose", lambda x, *a: x),
        ("structure", "aminmax", "aminmax", lambda x, **kwargs: tuple(torch.aminmax(x, **kwargs))),
        ("outcome", "exp", "exp", lambda x: torch.exp(x, 1)),
        ("mutation", "exp", "exp", lambda x: torch.exp(x + 0 * x.detach().mul_(2))),
    ],
)
def test_a_planted_fault_is_caught(
    catalogue: Catalogue,
    planted: Callable[..., Library],
    layer: str,
    label: str,
    name: str,
    fault: Callable[..., Any],
) -> None:
    assert "fail" in statuses(catalogue, planted(**{name: fault}), label)[layer]


def test_absent_and_unsupported_are_not_failures(catalogue: Catalogue) -> None:
    empty = types.ModuleType("empty_library")
    empty.Tensor = torch.Tensor  # type: ignore[attr-defined]
    sys.modules["empty_library"] = empty
    try:
        assert statuses(catalogue, load("empty_library"), "exp")["values"] == {"missing"}
    finally:
        del sys.modules["empty_library"]


def test_an_unsupported_operator_is_said_so(catalogue: Catalogue, planted: Callable[..., Library]) -> None:
    def refuse(x: Any) -> Any:
        raise NotImplementedError("exp")

    assert statuses(catalogue, planted(exp=refuse), "exp")["values"] == {"unsupported"}


def test_error_type_and_text_are_separate_layers(
    catalogue: Catalogue, planted: Callable[..., Library]
) -> None:
    def other_text(*args: Any, **kwargs: Any) -> Any:
        try:
            return torch.gather(*args, **kwargs)
        except RuntimeError:
            raise RuntimeError("no") from None

    judge = Judge(reference(), planted(gather=other_text))
    verdicts = [judge.judge(case) for case in catalogue.error_cases("gather")]
    assert verdicts
    assert all(verdict["error type"].status == "pass" for verdict in verdicts)
    assert any(verdict["error text"].status == "fail" for verdict in verdicts)


def test_tolerance_follows_torchs_own_error() -> None:
    true = np.linspace(1.0, 2.0, 64)
    torchs = true.astype(np.float32)
    one_step = np.nextafter(torchs, np.float32(9.0))
    assert compare_values(one_step, torchs, true, "float32", exact=False) == ""
    assert compare_values(one_step, torchs, true, "float32", exact=True) != ""
    assert "wrong" in compare_values(torchs * np.float32(1 + 3e-5), torchs, true, "float32", exact=False)
    assert compare_values(np.float32([0.0]), np.float32([-0.0]), None, "float32", exact=True) != ""
