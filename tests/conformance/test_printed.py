"""What is printed is compared with what torch prints for the same numbers."""

from __future__ import annotations

import copy

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from conformance.engine import reference
from conformance.observe import Observation, Plan, run
from conformance.printed import compare_printed
from conformance.program import Program, Target, TensorData

NUMBERS = TensorData("float32", (2,), (1,), 0, np.array([1.0, 2.0], np.float32))
PROGRAM = Program(Target("torch.mul"), (NUMBERS, 1.0))


def printed(text: str, numbers: list[float]) -> tuple[Observation, Observation]:
    """An implementation that prints this text and has these numbers, and torch."""
    seen = run(reference(), PROGRAM, "mul", Plan())
    other = copy.deepcopy(seen)
    other.outputs[0].values = np.array(numbers, np.float32)
    other.text = text
    return other, seen


@pytest.mark.parametrize("torch_is_there", [True, False])
def test_digits_may_differ_with_the_numbers(torch_is_there: bool) -> None:
    """A rounding step turns whole numbers into ones with digits, and the columns with them."""
    library = reference() if torch_is_there else None
    near = [float(np.nextafter(np.float32(1.0), np.float32(2.0))), 2.0]
    assert torch.tensor([1.0, 2.0]).mul(1.0).__repr__() == "tensor([1., 2.])"
    assert compare_printed(*printed("tensor([1.0000, 2.0000])", near), library, PROGRAM) == ""
    assert compare_printed(*printed("tensor([1.0000; 2.0000])", near), library, PROGRAM) != ""
    assert compare_printed(*printed("tensor([1.1000, 2.0000])", near), library, PROGRAM) != ""


@pytest.mark.parametrize("text", ["tensor([1.00000, 2.00000])", "tensor([1.0000,  2.0000])"])
def test_layout_and_precision_are_exact(text: str) -> None:
    near = [float(np.nextafter(np.float32(1.0), np.float32(2.0))), 2.0]
    assert compare_printed(*printed(text, near), reference(), PROGRAM) != ""


def test_equal_numbers_print_equally() -> None:
    assert compare_printed(*printed("tensor([1., 2.])", [1.0, 2.0]), None, PROGRAM) == ""
    assert compare_printed(*printed("tensor([1.0000, 2.0000])", [1.0, 2.0]), reference(), PROGRAM) != ""
