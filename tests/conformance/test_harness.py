"""The harness judges torch itself as equal, and notices faults planted in a copy of torch's names."""

from __future__ import annotations

import copy
import sys
import types
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from conformance.compare import compare_values, yardstick
from conformance.engine import Library, load, reference, rounding_noise
from conformance.judge import Judge
from conformance.sources.modules import ModuleCatalogue
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


def test_what_cannot_take_the_inputs_was_never_asked(
    catalogue: Catalogue, planted: Callable[..., Library]
) -> None:
    """Neither a wrong value nor, where torch raises, the right error."""

    def refuse(array: Any) -> Any:
        raise RuntimeError("no arrays")

    judge = Judge(reference(), planted(from_numpy=refuse))
    cases = [*catalogue.cases("exp", "float32", samples=1), *catalogue.error_cases("gather")]
    assert len(cases) > 2
    for case in cases:
        statuses = {verdict.status for aspect, verdict in judge.judge(case).items() if aspect != "exists"}
        assert statuses == {"unsupported"}, case.name


def test_warnings_text_versions_and_state_are_compared(
    catalogue: Catalogue, planted: Callable[..., Library]
) -> None:
    def warn(x: Any) -> Any:
        warnings.warn("slow", UserWarning, stacklevel=1)
        return torch.exp(x)

    def keep_a_copy(x: Any) -> Any:
        return torch.exp(x.clone()) * 1.0

    def switch(x: Any) -> Any:
        result = torch.exp(x)
        torch.set_grad_enabled(False)
        return result

    assert "fail" in statuses(catalogue, planted(exp=warn), "exp")["warnings"]
    assert "fail" in statuses(catalogue, planted(exp=keep_a_copy), "exp")["versions"]
    assert "fail" in statuses(catalogue, planted(exp=switch), "exp")["state"]
    assert torch.is_grad_enabled()


def test_a_computed_value_that_rounds_back_to_an_input_is_no_copy() -> None:
    """Coarse dtypes bring steps of an optimizer back to where they began; the oracle tells them from copies."""
    modules = ModuleCatalogue(reference())
    judge = Judge(reference(), reference())
    for case in modules.cases("optim.SGD", "bfloat16", samples=4):
        seen = judge.observe(reference(), case)
        exact = judge.oracle(case, seen).observation()
        assert exact is not None
        other = copy.deepcopy(seen)
        for tensor, true in zip(other.outputs, exact.outputs, strict=True):
            if tensor.values is not None and true.values is not None and tensor.values.dtype.kind == "f":
                bits = true.values.astype(np.float32).view(np.uint32)
                rounded = (bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))) >> np.uint32(
                    16
                )
                tensor.values = (rounded << np.uint32(16)).astype(np.uint32).view(np.float32)
        other.text = seen.text
        assert judge.compare(case, other, seen)["values"].status in ("pass", "ill-defined"), case.name


def measured(t: np.ndarray, o: np.ndarray, dtype: str, case_dtype: str) -> tuple[bool, str]:
    """Whether from the oracle, and in which dtype."""
    centre, kind = yardstick(t, o, dtype, case_dtype)
    return centre is not None, kind


@pytest.mark.parametrize("narrow", ["float32", "bfloat16", "float16"])
def test_wide_results_are_held_to_float64_unless_torch_converted_them(narrow: str) -> None:
    """`out=` of float64 takes numbers computed in the case's dtype; those computed in float64 get no more room."""
    o = np.linspace(1.0, 2.0, 64) / 3.0
    converted = torch.tensor(o).to(getattr(torch, narrow)).double().numpy()
    assert measured(converted, o, "float64", narrow) == (True, narrow)
    computed = o * (1.0 + 1e-12)
    assert measured(computed, o, "float64", narrow) == (False, "float64")
    assert compare_values(computed * (1 + 5e-7), computed, None, "float64", exact=False) != ""
    # numbers that both dtypes have are float64's
    halves = np.arange(1.0, 9.0) / 2.0
    assert measured(halves, halves, "float64", narrow) == (False, "float64")
    # a float64 case has no narrower dtype, and a narrow result is measured in its own
    assert measured(converted, o, "float64", "float64") == (False, "float64")
    assert measured(converted.astype(np.float32), o, "float32", "float32") == (True, "float32")


def test_the_noise_of_a_result_is_that_of_its_dtype() -> None:
    ones = torch.ones(1000, dtype=torch.float64)
    with rounding_noise(reference(), 0, 1.0, None):
        assert 0.0 < float((ones + 0.0).sub(1.0).abs().max()) < 2.0**-51
    with rounding_noise(reference(), 0, 16.0, 2.0**-23):
        assert 2.0**-20 < float(ones.add(0.0).sub(1.0).abs().max()) < 2.0**-18
