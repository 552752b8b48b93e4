"""Kernels that take other ways for large arrays give what the plain ways give, bit for bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from ml_dtypes import bfloat16

from tinytorch._kernels import normalization
from tinytorch._kernels.blocks import BLOCK, blockwise
from tinytorch._kernels.choosing import choose, keep
from tinytorch._kernels.embedding import add_rows
from tinytorch._kernels.interpolation import upsample_backward
from tinytorch._kernels.multiply_add import add_scaled, add_scaled_each
from tinytorch._kernels.reducing import LARGE, SHORT_ROW, precise_sum, row_sums
from tinytorch._kernels.running import SLICE, running
from tinytorch._kernels.scatter import accumulate_rows, scatter
from tinytorch._kernels.softmax import greatest

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


ROWS = [(7, 5), (300, 256), (3, 40000), (20000, 8), (1, 1)]


@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("shape", ROWS)
def test_normalised_rows(shape: tuple[int, int], affine: bool) -> None:
    """Layer normalisation in blocks, with its gradients: float32 as near to float64 as rounding allows, nan in its own row only."""
    width = shape[1]
    random = np.random.default_rng(width)
    x, grad = random.normal(size=shape) + 0.5, random.normal(size=shape)
    weight, bias = (random.normal(size=width), random.normal(size=width)) if affine else (None, None)
    x[0, 0] = np.nan
    results = []
    for dtype in (np.float32, np.float64):
        given = [None if a is None else a.astype(dtype) for a in (x, weight, bias, grad)]
        out, mean, rate = normalization.layer_norm(given[0], (width,), given[1], given[2], 1e-5)
        grads = normalization.layer_norm_backward(
            given[3], given[0], (width,), mean, rate, given[1], given[2], (True, affine, affine)
        )
        results.append([out, mean, rate, *grads])
        assert np.isnan(out[0]).all() and not np.isnan(out[1:]).any()
    for one, other in zip(*results, strict=True):
        if one is not None:
            size = (
                np.nanmax(np.abs(other[1:]), initial=1.0)
                if other.ndim == 2
                else np.nanmax(np.abs(other), initial=1)
            )
            assert np.allclose(one, other, rtol=1e-4, atol=2e-5 * size, equal_nan=True)


@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("sizes", [(2, 6, 5, 3), (3, 64, 900, 8), (1, 2, 70000, 1), (4, 8, 1, 2)])
def test_normalised_groups(sizes: tuple[int, int, int, int], affine: bool) -> None:
    """Group normalisation likewise, against the gradient written out."""
    batch, channels, area, groups = sizes
    random = np.random.default_rng(area)
    x, grad = (random.normal(size=(batch, channels, area)) + 0.5 for _ in range(2))
    weight, bias = (random.normal(size=channels) for _ in range(2)) if affine else (None, None)
    rows = x.reshape(batch * groups, -1)
    centred = rows - rows.mean(1, keepdims=True)
    rate = 1 / np.sqrt((centred**2).mean(1, keepdims=True) + 1e-5)
    normal = centred * rate
    scaled = (grad if weight is None else grad * weight[:, None]).reshape(rows.shape)
    through = scaled - scaled.mean(1, keepdims=True) - normal * (scaled * normal).mean(1, keepdims=True)
    expected = [
        (through * rate).reshape(x.shape),
        (grad * normal.reshape(x.shape)).sum((0, 2)),
        grad.sum((0, 2)),
    ]
    given = [None if a is None else a.astype(np.float32) for a in (x, weight, bias, grad)]
    out, mean, rates = normalization.group_norm(*given[:3], *sizes, 1e-5)
    plain = normal.reshape(x.shape)
    assert np.allclose(out, plain if weight is None else plain * weight[:, None] + bias[:, None], atol=1e-4)
    found = normalization.group_norm_backward(given[3], given[0], mean, rates, given[1], *sizes, (True,) * 3)
    for one, other in zip(found, expected, strict=True):
        assert one.dtype == np.float32
        assert np.allclose(one, other, rtol=1e-4, atol=2e-5 * np.abs(other).max())


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


@pytest.mark.parametrize(
    "dtype", [np.float32, np.float64, np.complex64, np.int64], ids=lambda d: np.dtype(d).name
)
@pytest.mark.parametrize("shape", [(300, 40), (5000, 3), (2, 3), (40, 1)])
def test_rows_are_added_in_order(shape: tuple[int, int], dtype: Any) -> None:
    """As one after the other: in one pass of a sparse product, and through a column that scatter repeats."""
    rows = values(shape, dtype, 7) if shape != (2, 3) else np.ones(shape, dtype)
    rows = np.nan_to_num(rows)
    index = np.random.default_rng(8).integers(0, 37, shape[0])
    start = np.nan_to_num(values((37, shape[1]), dtype, 9))
    expected = start.copy()
    for place, row in zip(index, rows, strict=True):
        expected[place] += row
    for number in (np.int64, np.int32):
        target = start.copy()
        accumulate_rows(target, index.astype(number), rows)
        assert np.array_equal(target, expected, equal_nan=True)
        target = start.copy()
        repeated = np.broadcast_to(index.astype(number)[:, None], shape)
        scatter(target, 0, repeated, np.concatenate([rows, rows]), "sum")
        assert np.array_equal(target, expected, equal_nan=True)
    bad = np.broadcast_to(np.array([0, 37])[:, None], (2, shape[1]))
    with pytest.raises(RuntimeError, match="index 37 is out of bounds for dimension 0 with size 37"):
        scatter(start, 0, bad, rows[:2], "sum")


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64], ids=lambda dtype: np.dtype(dtype).name)
@pytest.mark.parametrize("width", [0, 1, 3, SHORT_ROW, SHORT_ROW + 1])
def test_row_sums(width: int, dtype: Any) -> None:
    rows = (np.random.default_rng(width).normal(size=(2, 5, width)) * 9).astype(dtype)
    for laid_out in (rows, rows[:, ::2], np.asfortranarray(rows)):
        sums = row_sums(laid_out)
        assert sums.dtype == dtype and sums.shape == laid_out.shape[:-1]
        exact = laid_out.astype(np.float64)
        assert (np.abs(sums - exact.sum(-1)) <= 1e-6 * np.abs(exact).sum(-1)).all()
    if width > 2 and dtype is np.float32:
        special = np.array([[np.inf, -np.inf, *[0] * (width - 2)], [np.inf, 1, *[1] * (width - 2)]])
        with np.errstate(invalid="ignore"):
            assert str(row_sums(special.astype(dtype))) == "[nan inf]"


@pytest.mark.parametrize("size", [LARGE - 1, LARGE, LARGE + 1, 3 * LARGE + SHORT_ROW - 1])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sum_of_all(size: int, dtype: Any) -> None:
    array = np.random.default_rng(size).normal(size=size).astype(dtype)
    for shaped in (array, array.reshape(1, -1, 1), array[::-1]):
        axes = tuple(range(shaped.ndim))
        total = precise_sum(shaped, axes)
        assert total.shape == () and total.dtype == dtype
        assert precise_sum(shaped, axes, True).shape == (1,) * shaped.ndim
        exact = array.astype(np.longdouble)
        assert abs(total - exact.sum()) <= 4e-8 * np.abs(exact).sum() ** (1 if dtype is np.float32 else 0)
    array[-1] = np.nan
    assert np.isnan(precise_sum(array, (0,)))


@pytest.mark.parametrize("dtype", DTYPES, ids=lambda dtype: np.dtype(dtype).name)
@pytest.mark.parametrize("ufunc", [np.add, np.multiply], ids=["sum", "product"])
def test_running_results_slice_by_slice(ufunc: np.ufunc, dtype: Any) -> None:
    """Along dimensions whose slices are large the result is what it is where they are small."""
    array = values((4, 3, SLICE), dtype, 10)
    for dim in (0, 1):
        for laid_out in (array, np.asfortranarray(array)):
            large = running(laid_out, dim, None, ufunc)
            parts = [running(part, dim, None, ufunc) for part in np.split(laid_out, 4, axis=2)]
            assert large.flags.c_contiguous
            assert np.array_equal(
                large.astype(complex), np.concatenate(parts, axis=2).astype(complex), equal_nan=True
            )


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
def testgreatest(shape: tuple[int, ...]) -> None:
    array = values(shape, np.float32, 6) if np.prod(shape) >= 5 else np.ones(shape, np.float32)
    for laid_out in (array, np.asfortranarray(array), array[::-1]):
        assert np.array_equal(greatest(laid_out), laid_out.max(axis=1, keepdims=True), equal_nan=True)


@pytest.mark.parametrize("mode", ["nearest", "linear", "cubic"])
def test_upsample_backward_keeps_infinities_apart(mode: str) -> None:
    """A product with a matrix would spread one infinity over the whole row."""
    grad = np.ones((1, 1, 8, 8), np.float32)
    finite = upsample_backward(mode, grad, (1, 1, 4, 4), False, [None, None])
    grad[0, 0, 0, 0] = np.inf
    touched = upsample_backward(mode, grad, (1, 1, 4, 4), False, [None, None])
    assert np.isinf(touched).any() or np.isnan(touched).any()
    assert np.allclose(touched[0, 0, -1], finite[0, 0, -1])


def test_pairs_of_arrays_take_scaled_terms_each_by_itself() -> None:
    """Contiguous or not, of any rank, empty, or of a factor that BLAS would skip."""
    numbers = np.random.default_rng(3)
    for alpha in (0.3, 1, 0.0, 1e-40, -2.5):
        targets = [
            numbers.normal(size=shape).astype(np.float32)
            for shape in ((5,), (2, 3), (0,), (), (4, 4), (4, 4))
        ]
        terms = [numbers.normal(size=target.shape).astype(np.float32) for target in targets]
        targets[4], terms[5] = targets[4].T, terms[5].T
        expected = [
            add_scaled(target.copy("K"), term, alpha) for target, term in zip(targets, terms, strict=True)
        ]
        add_scaled_each(targets, terms, alpha)
        for target, wanted in zip(targets, expected, strict=True):
            assert np.array_equal(target, wanted)
