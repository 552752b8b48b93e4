"""Type promotion, against torch's whole table."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest

from tinytorch._core import dtypes, promotion

torch = pytest.importorskip("torch")


def outcome(function: Callable[..., Any], *arguments: Any) -> Any:
    try:
        result = function(*arguments)
    except (TypeError, RuntimeError) as error:
        return type(error), str(error)
    return repr(result)


def same(kind: dtypes.dtype) -> Any:
    return getattr(torch, kind._name)


def test_promote_types_and_can_cast() -> None:
    for a, b in itertools.product(dtypes.ALL, repeat=2):
        expected = outcome(torch.promote_types, same(a), same(b))
        assert outcome(promotion.promote_types, a, b) == expected
        assert promotion.can_cast(a, b) == torch.can_cast(same(a), same(b)), (a, b)


def test_other_arguments() -> None:
    for call in ((1, 2), (float, int), (bool, complex), (float, "x"), (None, float), (float, str), ([], {})):
        for name in ("promote_types", "can_cast"):
            expected = outcome(getattr(torch, name), *call)
            assert outcome(getattr(promotion, name), *call) == expected
    mixed = (dtypes.int8, float)
    assert promotion.promote_types(*mixed) is dtypes.float64
    assert promotion.can_cast(*mixed)


NUMBERS: dict[str, Any] = {"bool": True, "int64": 3, "float32": 2.5, "complex64": 1j}


def operands() -> list[tuple[tuple[dtypes.dtype, promotion.Standing], Any]]:
    """Every operand as result_type_of takes it, and as torch does."""
    found: list[tuple[tuple[dtypes.dtype, promotion.Standing], Any]] = []
    for kind in dtypes.ALL:
        found.append(((kind, "dim"), torch.zeros(2).to(same(kind))))
        found.append(((kind, "zero_dim"), torch.zeros(()).to(same(kind))))
    for name, number in NUMBERS.items():
        found.append(((dtypes.BY_NAME[name], "wrapped"), number))
    return found


@pytest.mark.parametrize("default", ["float32", "float64", "float16", "bfloat16"])
def test_result_type(default: str) -> None:
    everything = operands()
    torch.set_default_dtype(getattr(torch, default))
    try:
        for (a, their_a), (b, their_b) in itertools.product(everything, repeat=2):
            expected = outcome(torch.result_type, their_a, their_b)
            got = outcome(promotion.result_type_of, [a, b], dtypes.BY_NAME[default])
            if expected == "torch.complex32":
                assert got[0] is NotImplementedError, (a, b)
                assert "complex32" in got[1]
            else:
                assert got == expected, (a, b)
    finally:
        torch.set_default_dtype(torch.float32)


def test_three_operands() -> None:
    """torch has no function that shows the type of three; torch.where(condition, ...) and addcmul show it in a result."""
    names = ("bool", "int16", "int64", "float16", "float32", "float64", "complex64")
    shapes: dict[promotion.Standing, tuple[int, ...]] = {"dim": (2,), "zero_dim": ()}
    choices = [(dtypes.BY_NAME[name], standing) for name in names for standing in shapes]
    for combination in itertools.combinations(choices, 3):
        if combination[0][0]._category == "bool":
            continue
        tensors = [torch.ones(shapes[standing], dtype=same(kind)) for kind, standing in combination]
        expected = outcome(lambda *tensors: torch.addcmul(*tensors).dtype, *tensors)
        got = outcome(promotion.result_type_of, combination)
        if expected == "torch.complex32":
            assert got[0] is NotImplementedError
        elif isinstance(expected, str):
            assert got == expected, combination


def test_default_is_the_process_wide_one() -> None:
    try:
        dtypes.defaults.set(dtypes.float64)
        assert (
            promotion.result_type_of([(dtypes.int64, "dim"), (dtypes.float32, "wrapped")]) is dtypes.float64
        )
    finally:
        dtypes.defaults.set(dtypes.float32)
    assert promotion.result_type_of([(dtypes.int64, "dim"), (dtypes.float32, "wrapped")]) is dtypes.float32


#: What is computed of x and y in a 16-bit type and the number s, by how torch takes the number.
BESIDE_NUMBERS = {
    "sum": lambda t, x, y, s: (x + s, s + x, x - s, s - x, x.clone().add_(s), t.rsub(x, s)),
    "sum with a factor": lambda t, x, y, s: (t.add(x, y, alpha=s), t.sub(x, y, alpha=s), x.clone().add_(y, alpha=s)),
    "sum of rows with a factor": lambda t, x, y, s: t.add(x.view(20, 30), y[:30], alpha=s),
    "product": lambda t, x, y, s: (x * s, x / s, s / x, t.div(x, s, rounding_mode="floor"), x * t.tensor(s)),
    "remainder": lambda t, x, y, s: (x % s, s % x, t.fmod(x, s), x % t.tensor(s)),
    "comparison": lambda t, x, y, s: (x < s, x >= s, t.full_like(x, s) == s, t.full_like(x, s) != s),
    "power": lambda t, x, y, s: (x.abs() ** s, s**x, x.abs() ** t.tensor(s)),
    "0-dim": lambda t, x, y, s: (x + t.tensor(s), t.tensor(s) - x, t.hypot(x, t.tensor(s)), t.maximum(x, t.tensor(s))),
    "list": lambda t, x, y, s: (t._foreach_add([x], s)[0], t._foreach_sub([x], s)[0], t._foreach_mul([x], s)[0]),
}  # fmt: skip


@pytest.mark.parametrize("kind", ["bfloat16", "float16"])
@pytest.mark.parametrize("program", list(BESIDE_NUMBERS))
def test_numbers_beside_16_bit_tensors_are_rounded_where_torch_rounds_them(program: str, kind: str) -> None:
    """Bit for bit: products and quotients take the number in float32, everything else takes it rounded to 16 bits."""

    def results(library: Any) -> list[Any]:
        library.manual_seed(3)
        x, y = (library.randn(600, dtype=library.float64).to(getattr(library, kind)) for _ in range(2))
        found = []
        for s in (2.3, 0.7, 1.1):
            values = BESIDE_NUMBERS[program](library, x, y, s)
            for value in values if isinstance(values, tuple) else (values,):
                found.append((str(value.dtype).rpartition(".")[2], value.flatten().tolist()))
        return found

    import tinytorch

    assert results(tinytorch) == results(torch)
