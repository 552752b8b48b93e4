"""Losses of differences and of probabilities, and their gradients. `reduction`: see reduction.py."""

from __future__ import annotations

import numpy as np

from tinytorch._kernels.blocks import blockwise
from tinytorch._kernels.choosing import choose
from tinytorch._kernels.dtype_names import is_float, is_low_precision, not_implemented, scalar_name, widen
from tinytorch._kernels.reduction import MEAN, reduced, share


def mse_loss(self: np.ndarray, target: np.ndarray, reduction: int = MEAN) -> np.ndarray:
    """(x - y) squared."""
    if not is_float(self.dtype):
        not_implemented("mse_cpu", self.dtype)
    difference = np.subtract(self, target, out=...)
    return reduced(np.multiply(difference, difference, out=difference), reduction)


def mse_loss_backward(
    grad_output: np.ndarray, self: np.ndarray, target: np.ndarray, reduction: int
) -> np.ndarray:
    """2 (x - y) times the gradient."""
    difference = np.subtract(self, target, out=...)
    factor = 2 / difference.size if reduction == MEAN and difference.size else 2.0
    np.multiply(difference, difference.dtype.type(factor), out=difference)
    return np.multiply(difference, grad_output, out=...)


def smooth_l1_loss(
    self: np.ndarray, target: np.ndarray, reduction: int = MEAN, beta: float = 1.0
) -> np.ndarray:
    """Quadratic below beta, linear above."""
    if not is_float(self.dtype):
        not_implemented("smooth_l1_cpu", self.dtype)
    return reduced(_smooth(self, target, beta), reduction)


@blockwise
def _smooth(self: np.ndarray, target: np.ndarray, beta: float) -> np.ndarray:
    """m (|x - y| - m / 2) / beta with m = min(|x - y|, beta): both branches of the definition in one expression."""
    size = np.abs(np.subtract(self, target, out=...), out=...)
    kind = size.dtype.type
    if not beta:
        return size
    near = np.minimum(size, kind(beta), out=...)
    np.subtract(size, np.multiply(near, kind(0.5), out=...), out=size)
    return np.divide(np.multiply(size, near, out=size), kind(beta), out=size)


def smooth_l1_loss_backward(
    grad_output: np.ndarray, self: np.ndarray, target: np.ndarray, reduction: int, beta: float
) -> np.ndarray:
    """The gradient of smooth_l1_loss with respect to self."""
    return _smooth_slope(
        grad_output, self, target, 1 / self.size if reduction == MEAN and self.size else 1.0, beta
    )


@blockwise
def _smooth_slope(
    grad_output: np.ndarray, self: np.ndarray, target: np.ndarray, norm: float, beta: float
) -> np.ndarray:
    slope = np.subtract(self, target, out=...)
    kind = slope.dtype.type
    if beta:
        np.clip(np.divide(slope, kind(beta), out=slope), -1, 1, out=slope)
    else:
        slope = np.where(slope <= 0, kind(-1), kind(1))
    return np.multiply(np.multiply(slope, kind(norm), out=...), grad_output, out=...)


def huber_loss(self: np.ndarray, target: np.ndarray, reduction: int = MEAN, delta: float = 1.0) -> np.ndarray:
    """Half the square up to delta, linear beyond."""
    if not is_float(self.dtype):
        not_implemented("huber_cpu", self.dtype)
    size = np.abs(self - target)
    kind = size.dtype.type
    return reduced(
        choose(
            np.asarray(size <= delta),
            np.asarray(kind(0.5) * size * size),
            np.asarray(kind(delta) * (size - kind(0.5 * delta))),
        ),
        reduction,
    )


def huber_loss_backward(
    grad_output: np.ndarray, self: np.ndarray, target: np.ndarray, reduction: int, delta: float
) -> np.ndarray:
    """The gradient of huber_loss with respect to self."""
    x = self - target
    kind = x.dtype.type
    norm = kind(1 / x.size if reduction == MEAN and x.size else 1.0)
    slope = np.clip(x, kind(-delta), kind(delta))
    return np.asarray(norm * slope * grad_output)


# Binary cross entropy ------------------------------------------------------------------------------------------------


def binary_cross_entropy(
    self: np.ndarray, target: np.ndarray, weight: np.ndarray | None = None, reduction: int = MEAN
) -> np.ndarray:
    """-(y log x + (1 - y) log(1 - x)), each logarithm held above -100."""
    if target.dtype != self.dtype:
        raise RuntimeError(f"Found dtype {scalar_name(target.dtype)} but expected {scalar_name(self.dtype)}")
    if not is_float(self.dtype):
        not_implemented("binary_cross_entropy", self.dtype)
    if not ((self >= 0) & (self <= 1)).all():
        raise RuntimeError("all elements of input should be between 0 and 1")
    x, y = widen(self), widen(target)
    kind = x.dtype.type
    losses = (y - 1) * np.maximum(np.log1p(-x), kind(-100)) - y * np.maximum(np.log(x), kind(-100))
    if weight is not None:
        losses = losses * widen(weight)
    if is_low_precision(self.dtype):
        losses = widen(np.asarray(losses).astype(self.dtype))
    return reduced(losses, reduction).astype(self.dtype, copy=False)


def binary_cross_entropy_backward(
    grad_output: np.ndarray,
    self: np.ndarray,
    target: np.ndarray,
    weight: np.ndarray | None = None,
    reduction: int = MEAN,
) -> np.ndarray:
    """The gradient of binary_cross_entropy with respect to self."""
    x, y, grad = widen(self), widen(target), widen(grad_output)
    kind = x.dtype.type
    result = grad * (x - y) / np.maximum((1 - x) * x, kind(1e-12))
    if weight is not None:
        result = result * widen(weight)
    return share(np.asarray(result), x.size, reduction).astype(self.dtype, copy=False)


def _check_broadcast(self: np.ndarray, target: np.ndarray) -> None:
    for offset in range(1, min(self.ndim, target.ndim) + 1):
        one, two = self.shape[-offset], target.shape[-offset]
        if one != two and 1 not in (one, two):
            raise RuntimeError(
                f"The size of tensor a ({one}) must match the size of tensor b ({two}) at non-singleton dimension "
                f"{max(self.ndim, target.ndim) - offset}"
            )


def soft_margin_loss(self: np.ndarray, target: np.ndarray, reduction: int = MEAN) -> np.ndarray:
    """log(1 + exp(-y x))."""
    _check_broadcast(self, target)
    return reduced(np.log1p(np.exp(-target * self)), reduction).astype(self.dtype, copy=False)


def soft_margin_loss_backward(
    grad_output: np.ndarray, self: np.ndarray, target: np.ndarray, reduction: int
) -> np.ndarray:
    """The gradient of soft_margin_loss with respect to self."""
    z = np.exp(-target * self)
    scale = self.dtype.type(1 / self.size if reduction == MEAN and self.size else 1)
    return np.asarray(-target * z / (z + 1) * scale * grad_output).astype(self.dtype, copy=False)
