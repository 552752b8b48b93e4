"""Kernels that take other ways for large arrays give what the plain ways give, bit for bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from ml_dtypes import bfloat16

from tinytorch._kernels.blocks import BLOCK, blockwise
from tinytorch._kernels.choosing import choose, keep
from tinytorch._kernels.embedding import add_rows
from tinytorch._kernels.interpolation import upsample_backward
from tinytorch._kernels.reducing import precise_sum
from tinytorch._kernels.softmax import _greatest

DTYPES = [
    np.float32,
    np.float64,
    np.float16,
    bfloat16,
    np.int64,
    np.int8,
    np.bool_,
    np.complex64,
    np.complex128,
]


def values(shape: tuple[int, ...], dtype: Any, seed: int) -> np.ndarray:
    """Numbers of all signs, with nan, infinities and both zeros among the floats."""
    numbers = np.random.default_rng(seed).normal(size=shape) * 3
    flat = numbers.reshape(-1)
    if np.dtype(dtype).kind not in "iub":
        flat[:5] = [np.nan, np.inf, -np.inf, 0.0, -0.0]
    return numbers.astype(dtype)


def same_bits(one: np.ndarray, other: np.ndarray) -> bool:
    return one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes()


@pytest.mark.parametrize("dtype", DTYPES, ids=lambda dtype: np.dtype(dtype).name)
@pytest.mark.parametrize(
    "shapes",
    [((64, 64),) * 3, ((64, 1), (64, 64), ()), ((64, 64), (), (64,)), ((64, 64), (), ()), ((9,),) * 3],
)
def test_choose(shapes: Any, dtype: Any) -> None:
    condition = values(shapes[0], np.float64, 0) > 0
    yes, no = values(shapes[1], dtype, 1) if shapes[1] else np.ones((), dtype), np.zeros(shapes[2], dtype)
    if shapes[2]:
        no = values(shapes[2], dtype, 2)
    assert same_bits(choose(condition, yes, no), np.asarray(np.where(condition, yes, no)))
    assert same_bits(choose(condition.T, yes.T, no.T).copy(), np.where(condition.T, yes.T, no.T).copy())


@pytest.mark.parametrize("dtype", DTYPES, ids=lambda dtype: np.dtype(dtype).name)
def test_keep(dtype: Any) -> None:
    array = values((50, 41), dtype, 3)
    condition = values((50, 41), np.float64, 4) > 0
    assert same_bits(keep(condition, array), np.where(condition, array, np.zeros((), dtype)))


def test_blockwise() -> None:
    calls: list[int] = []

    @blockwise
    def kernel(a: np.ndarray, number: float, b: np.ndarray, scalar: np.ndarray) -> np.ndarray:
        calls.append(a.size)
        return a * number + b / scalar

    a, b = (np.random.default_rng(seed).normal(size=(5, BLOCK)) for seed in (1, 2))
    scalar = np.asarray(3.0)
    assert same_bits(kernel(a, 2.0, b, scalar), a * 2.0 + b / scalar)
    assert calls == [BLOCK] * 5
    assert same_bits(kernel(a, 2.0, b[:1], scalar), a * 2.0 + b[:1] / scalar)
    assert same_bits(kernel(a.T, 2.0, b.T, scalar), a.T * 2.0 + b.T / scalar)
    assert calls[5:] == [a.size] * 2


@pytest.mark.parametrize("often", [0, 1, 300])
def test_add_rows(often: int) -> None:
    generator = np.random.default_rng(often)
    index = np.concatenate([generator.integers(0, 500, 700), np.full(often, 7)])
    generator.shuffle(index)
    rows = generator.normal(size=(index.size, 3))
    expected = np.zeros((500, 3))
    np.add.at(expected, index, rows)
    assert np.allclose(add_rows(500, index, rows), expected, rtol=1e-13, atol=1e-13)
    assert add_rows(500, index[:0], rows[:0]).shape == (500, 3)


@pytest.mark.parametrize("axes", [(0,), (1,), (2,), (0, 2), (1, 2), (0, 1), (0, 1, 2)])
def test_precise_sum(axes: tuple[int, ...]) -> None:
    array = np.random.default_rng(5).normal(size=(40, 30, 20)).astype(np.float32)
    for laid_out in (array, np.asfortranarray(array)):
        for keepdim in (False, True):
            total = precise_sum(laid_out, axes, keepdim)
            exact = array.astype(np.float64).sum(axis=axes, keepdims=keepdim)
            assert total.shape == exact.shape and total.dtype == np.float32
            assert np.allclose(total, exact, rtol=2e-6, atol=2e-5)


@pytest.mark.parametrize("shape", [(1, 1), (5, 3), (40, 24), (40, 25), (3, 700), (2, 3, 4)])
def test_greatest(shape: tuple[int, ...]) -> None:
    array = values(shape, np.float32, 6) if np.prod(shape) >= 5 else np.ones(shape, np.float32)
    for laid_out in (array, np.asfortranarray(array), array[::-1]):
        assert np.array_equal(_greatest(laid_out), laid_out.max(axis=1, keepdims=True), equal_nan=True)


@pytest.mark.parametrize("mode", ["nearest", "linear", "cubic"])
def test_upsample_backward_keeps_infinities_apart(mode: str) -> None:
    """A product with a matrix would spread one infinity over the whole row."""
    grad = np.ones((1, 1, 8, 8), np.float32)
    finite = upsample_backward(mode, grad, (1, 1, 4, 4), False, [None, None])
    grad[0, 0, 0, 0] = np.inf
    touched = upsample_backward(mode, grad, (1, 1, 4, 4), False, [None, None])
    assert np.isinf(touched).any() or np.isnan(touched).any()
    assert np.allclose(touched[0, 0, -1], finite[0, 0, -1])
