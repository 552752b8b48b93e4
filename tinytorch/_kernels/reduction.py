"""What the losses do with their values: `reduction` is 0 for none, 1 for their mean, 2 for their sum."""

from __future__ import annotations

import numpy as np

from tinytorch._kernels.reducing import precise_sum

NONE, MEAN, SUM = 0, 1, 2


def reduced(values: np.ndarray, reduction: int) -> np.ndarray:
    """values, their mean or their sum."""
    if reduction == NONE:
        return np.asarray(values)
    total = precise_sum(np.asarray(values), tuple(range(np.ndim(values))))
    return np.divide(total, total.dtype.type(np.size(values)), out=...) if reduction == MEAN else total


def share(grad: np.ndarray, count: int, reduction: int) -> np.ndarray:
    """The part of the gradient that each of count values gets."""
    return np.divide(grad, grad.dtype.type(count), out=...) if reduction == MEAN else grad
