"""Drawing categories by their weights: `multinomial`."""

from __future__ import annotations

from typing import Any

import numpy as np

from .generator import Generator
from .layout import empty, preserved_strides
from .partial_sort import largest
from .sampling import LARGEST, SHORT, exponential_, name_of, refuse, scalar_name

_MOST_CATEGORIES = 1 << 24


def multinomial(
    generator: Generator, probabilities: np.ndarray, num_samples: int, replacement: bool = False
) -> np.ndarray:
    """Categories drawn by the weights of each row of `probabilities` (C,) or (N, C): (num_samples,) or (N, num_samples) int64.

    Raises RuntimeError for weights that are negative, infinite, nan or all zero, and for more samples than categories
    where a category cannot come twice.
    """
    dtype = probabilities.dtype
    if probabilities.ndim not in (1, 2):
        raise RuntimeError("prob_dist must be 1 or 2 dim")
    if name_of(dtype) not in LARGEST:
        if name_of(dtype).startswith("float8"):
            refuse("aminmax_cpu", dtype)
        raise RuntimeError(
            f"multinomial only supports floating-point dtypes for input, got: {scalar_name(dtype)}"
        )
    categories = probabilities.shape[-1]
    if num_samples <= 0:
        raise RuntimeError("cannot sample n_sample <= 0 samples")
    if not replacement and num_samples > categories:
        raise RuntimeError("cannot sample n_sample > prob_dist.size(-1) samples without replacement")
    if categories > _MOST_CATEGORIES:
        raise RuntimeError("number of categories cannot exceed 2^24")
    shape = probabilities.shape[:-1] + (num_samples,)
    if probabilities.ndim == 2 and probabilities.shape[0] == 0:
        return np.empty(shape, np.int64)
    with np.errstate(all="ignore"):
        if replacement and num_samples > 1:
            rows = np.atleast_2d(probabilities)
            return _with_replacement(generator, rows, num_samples).reshape(shape)
        return _by_race(generator, probabilities, num_samples).reshape(shape)


def _accumulated(row: np.ndarray) -> np.ndarray:
    """The cumulative distribution (C,) of one row of weights, in its precision, at least float32."""
    if not bool((row >= 0).all()):
        bad = row[~(np.isfinite(row) & (row >= 0))]
        if bad.size and bad[0] > 0:
            raise RuntimeError(
                "invalid multinomial distribution (encountering probability entry = infinity or NaN)"
            )
        raise RuntimeError("invalid multinomial distribution (encountering probability entry < 0)")
    if not bool(np.isfinite(row).all()):
        raise RuntimeError(
            "invalid multinomial distribution (encountering probability entry = infinity or NaN)"
        )
    if row.size == 0:
        raise RuntimeError("invalid multinomial distribution (sum of probabilities <= 0)")
    sums: np.ndarray = np.add.accumulate(row)
    total = sums[-1]
    if not total > 0:
        raise RuntimeError("invalid multinomial distribution (sum of probabilities <= 0)")
    sums /= total
    sums[-1] = 1
    return sums


def _with_replacement(generator: Generator, rows: np.ndarray, num_samples: int) -> np.ndarray:
    """Each sample is the first category whose cumulative probability reaches a uniform double."""
    wide = rows.astype(np.float32) if name_of(rows.dtype) in SHORT else rows
    tables = [_accumulated(row).astype(np.float64) for row in wide]
    with generator._lock:
        draws = [generator._unit_doubles(num_samples) for _ in tables]
    chosen = [np.searchsorted(table, draw, side="left") for table, draw in zip(tables, draws, strict=True)]
    return np.stack(chosen).astype(np.int64)


def _by_race(generator: Generator, probabilities: np.ndarray, num_samples: int) -> np.ndarray:
    """Weights divided by exponential numbers: the largest quotients win, which draws without replacement."""
    dtype = probabilities.dtype
    if probabilities.shape[-1] == 0:
        raise RuntimeError(
            "aminmax(): cannot compute aminmax over an empty dimension as the operation has no identity."
        )
    wide: np.ndarray[Any, Any] = (
        probabilities.astype(np.float32) if name_of(dtype) in SHORT else probabilities
    )
    if not bool(((wide >= 0) & np.isfinite(wide)).all()):
        raise RuntimeError("probability tensor contains either `inf`, `nan` or element < 0")
    if bool((wide.sum(-1) == 0).any()):
        raise RuntimeError("invalid multinomial distribution (sum of probabilities <= 0)")
    race = empty(probabilities.shape, preserved_strides(probabilities), dtype)
    exponential_(generator, race, 1.0)
    scores = (wide / race.astype(wide.dtype)).astype(dtype)
    if name_of(dtype) in SHORT:
        scores = scores.astype(np.float32)
    if num_samples == 1:
        winners: np.ndarray = np.argmax(scores, axis=-1)
        return winners.astype(np.int64)
    return np.stack([largest(row, num_samples) for row in np.atleast_2d(scores)])
