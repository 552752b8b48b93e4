"""Losses with kernels of their own, and their gradients. `reduction`: 0 none, 1 mean, 2 sum."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from tinytorch._kernels.blocks import blockwise
from tinytorch._kernels.choosing import choose
from tinytorch._kernels.dtype_names import is_float, is_low_precision, not_implemented, scalar_name, widen
from tinytorch._kernels.reducing import precise_sum

NONE, MEAN, SUM = 0, 1, 2


def reduced(values: np.ndarray, reduction: int) -> np.ndarray:
    """values, their mean or their sum."""
    if reduction == NONE:
        return np.asarray(values)
    total = precise_sum(np.asarray(values), tuple(range(np.ndim(values))))
    return np.divide(total, total.dtype.type(np.size(values)), out=...) if reduction == MEAN else total


def _share(grad: np.ndarray, count: int, reduction: int) -> np.ndarray:
    """The part of the gradient that each of count values gets."""
    return np.divide(grad, grad.dtype.type(count), out=...) if reduction == MEAN else grad


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


# Negative log likelihood ---------------------------------------------------------------------------------------------


def _check_classes(self: np.ndarray, target: np.ndarray, weight: np.ndarray | None, classes: int) -> None:
    if weight is not None and weight.shape != (classes,):
        raise RuntimeError(
            f"weight tensor should be defined either for all {classes} classes or no classes but got weight tensor "
            f"of shape: [{', '.join(map(str, weight.shape))}]"
        )
    if target.dtype not in (np.int64, np.uint8):
        raise RuntimeError(f"expected target dtype to be Long or Byte, but got {scalar_name(target.dtype)}")
    if not is_float(self.dtype):
        not_implemented("nll_loss_out_frame", self.dtype)
    if weight is not None and weight.dtype != self.dtype:
        raise RuntimeError(
            f"expected scalar type {scalar_name(self.dtype)} but found {scalar_name(weight.dtype)}"
        )


def _index_of(target: np.ndarray, ignore_index: int, classes: int) -> tuple[np.ndarray, np.ndarray | None]:
    """The classes as int64, ignored ones as 0, and which are ignored (None: none). Raises IndexError for what is no class."""
    # One look at the largest tells that all are classes: what is below zero is large without a sign.
    if target.dtype == np.int64 and target.size and not 0 <= ignore_index < classes:
        if np.maximum.reduce(target.view(np.uint64), axis=None) < classes:
            return target, None
    ignored = target == ignore_index
    index = np.where(ignored, 0, target).astype(np.int64, copy=False)
    bad = ((index < 0) | (index >= classes)) & ~ignored
    if bad.any():
        raise IndexError(f"Target {int(index[bad][0])} is out of bounds.")
    return index, ignored if ignored.any() else None


def _places(index: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    """Where class index (M, L) stands in a contiguous array of shape (M, C, L), counted in elements."""
    rows, classes, columns = shape
    places = index * columns if columns != 1 else index
    places = places + np.arange(0, rows * classes * columns, classes * columns)[:, None]
    return places + np.arange(columns) if columns != 1 else places


def _picked(
    self: np.ndarray, target: np.ndarray, weight: np.ndarray | None, ignore_index: int
) -> tuple[np.ndarray | None, np.ndarray, np.ndarray | None]:
    """self (M, C, L) at target (M, L): which are ignored (or None), the picked values, each one's weight (or None)."""
    index, ignored = _index_of(target, ignore_index, self.shape[1])
    values = self.reshape(-1)[_places(index, self.shape)]  # (M, L)
    if weight is None and ignored is None:
        return None, values, None
    scale = np.ones(index.shape, self.dtype) if weight is None else weight[index]
    if ignored is not None:
        scale = np.where(ignored, self.dtype.type(0), scale)
        values = np.where(ignored, self.dtype.type(0), values)
    return ignored, values, scale


#: How many summands torch gives a partial sum of this loss.
_GROUP = 16


def _in_sequence(values: np.ndarray) -> np.ndarray:
    """Sums along the last axis, one summand after the other, each rounded."""
    return np.add.accumulate(values, axis=-1)[..., -1]


def _cascade(values: np.ndarray, ignored: np.ndarray | None) -> np.ndarray:
    """The sum of a vector in torch's order for this loss: partial sums of sixteen, whose partial sums of sixteen are taken, and so on.

    The elements at 0, 16, 32 ... close a partial sum (and that at 0 one of every order, so it is added last of all), unless they are
    ignored: then the partial sum goes on to the next of them. Ignored values are zeros.
    """
    first, rest = values[:1], values[1:]
    if ignored is None and rest.size <= _GROUP:
        return np.asarray(_in_sequence(np.concatenate([rest, first])))
    partial = []
    while rest.size:
        groups, tail = (
            rest[: rest.size // _GROUP * _GROUP].reshape(-1, _GROUP),
            rest[rest.size // _GROUP * _GROUP :],
        )
        sums = _in_sequence(groups)
        if ignored is not None:
            for index in np.flatnonzero(ignored[_GROUP::_GROUP]).tolist():
                following = groups[index + 1] if index + 1 < len(groups) else tail
                longer = _in_sequence(np.concatenate([sums[index : index + 1], following]))
                if index + 1 < len(groups):
                    sums[index + 1] = longer
                else:
                    tail = longer[None]
                sums[index] = 0
            ignored = ignored[::_GROUP]
        if tail.size:
            partial.append(_in_sequence(tail))
        rest = sums
    return np.asarray(_in_sequence(np.concatenate([np.array(partial, values.dtype), first])))


def _nll(
    log_probs: np.ndarray, target: np.ndarray, weight: np.ndarray | None, reduction: int, ignore_index: int
) -> tuple[np.ndarray, np.ndarray]:
    ignored, values, scale = _picked(log_probs, target, weight, ignore_index)
    dtype = log_probs.dtype
    losses = np.negative(values if scale is None else values * scale, out=...)
    if ignored is not None:
        losses[ignored] = 0  # and not -0
        ignored = ignored.reshape(-1)
    if reduction == NONE:
        return losses, np.zeros((), dtype)
    if not losses.size:
        total = weights = np.zeros((), dtype)
    else:
        total = _cascade(losses.reshape(-1), ignored)
        if weight is not None:
            assert scale is not None
            weights = _cascade(scale.reshape(-1), ignored)
        else:
            weights = np.asarray(losses.size if ignored is None else losses.size - ignored.sum(), dtype)
    if reduction == MEAN:
        total = np.divide(total, weights, out=...)
    return total, weights


def nll_loss_forward(
    self: np.ndarray, target: np.ndarray, weight: np.ndarray | None, reduction: int, ignore_index: int
) -> tuple[np.ndarray, np.ndarray]:
    """(N, C) or (C,) log probabilities at target: the loss and the sum of the weights."""
    if weight is None and reduction != NONE and self.ndim == 2 and self.dtype.char in "fd":
        places = _plain_places(target, self.shape, ignore_index)
        if places is not None:
            losses = np.negative(self.reshape(-1)[places])
            total = _cascade(losses, None)
            count = np.asarray(losses.size, losses.dtype)
            return np.divide(total, count, out=...) if reduction == MEAN else total, count
    if not 0 < self.ndim <= 2:
        raise RuntimeError("input tensor should be 1D or 2D")
    if target.ndim > 1:
        raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
    if self.ndim == 2 and target.ndim == 0 and self.shape[0] != 1:
        raise RuntimeError(
            f"For 0D target, the batch size of input must be 1, but got input batch size {self.shape[0]}"
        )
    if self.ndim == 2 and target.ndim == 1 and self.shape[0] != target.shape[0]:
        raise RuntimeError(
            f"size mismatch (got input: [{', '.join(map(str, self.shape))}], target: [{target.shape[0]}])"
        )
    _check_classes(self, target, weight, self.shape[-1])
    rows = self.reshape(-1, self.shape[-1], 1)  # (N, C, 1)
    loss, total = _nll(rows, target.reshape(-1, 1), weight, reduction, ignore_index)
    if reduction == NONE:
        loss = loss.reshape(() if self.ndim == 1 else (self.shape[0],))
    return loss, total


def _plain_places(target: np.ndarray, shape: tuple[int, ...], ignore_index: int) -> np.ndarray | None:
    """`_places` for the usual targets: one class (int64) per row of shape (N, C), none of them ignored. None for any others."""
    rows, classes = shape
    if (
        target.dtype.char != "l"
        or target.shape != (rows,)
        or not rows
        or 0 <= ignore_index < classes
        or np.maximum.reduce(target.view(np.uint64)) >= classes
    ):
        return None
    return target + np.arange(0, rows * classes, classes)


def _nll_backward(
    grad_output: np.ndarray,
    shape: tuple[int, int, int],
    target: np.ndarray,
    weight: np.ndarray | None,
    reduction: int,
    ignore_index: int,
    total_weight: np.ndarray,
) -> np.ndarray:
    """The gradient for log probabilities of shape (M, C, L)."""
    dtype = grad_output.dtype
    result = np.zeros(shape, dtype)
    if result.size == 0:
        return result
    index, ignored = _index_of(target, ignore_index, shape[1])
    scale = np.negative(widen(grad_output))
    if reduction == MEAN:
        scale = scale / widen(total_weight)
    if weight is not None:
        scale = scale * widen(weight)[index]
    if ignored is not None:
        scale = np.where(ignored, scale.dtype.type(0), scale)
    result.reshape(-1)[_places(index, shape)] = scale
    return result


def nll_loss_backward(
    grad_output: np.ndarray,
    self: np.ndarray,
    target: np.ndarray,
    weight: np.ndarray | None,
    reduction: int,
    ignore_index: int,
    total_weight: np.ndarray,
) -> np.ndarray:
    """The gradient of nll_loss_forward with respect to self."""
    if weight is None and reduction != NONE and self.ndim == 2 and grad_output.dtype.char in "fd":
        places = _plain_places(target, self.shape, ignore_index)
        if places is not None:
            result = np.zeros(self.shape, grad_output.dtype)
            scale = np.negative(grad_output)
            result.reshape(-1)[places] = scale / total_weight if reduction == MEAN else scale
            return result
    shape = (self.size // self.shape[-1] if self.shape[-1] else 0, self.shape[-1], 1)
    grad = grad_output.reshape(-1, 1) if reduction == NONE else grad_output
    result = _nll_backward(grad, shape, target.reshape(-1, 1), weight, reduction, ignore_index, total_weight)
    return result.reshape(self.shape)


def _spatial(array: np.ndarray) -> np.ndarray:
    return array.reshape(*array.shape[:-2], array.shape[-2] * array.shape[-1])


def nll_loss2d_forward(
    self: np.ndarray, target: np.ndarray, weight: np.ndarray | None, reduction: int, ignore_index: int
) -> tuple[np.ndarray, np.ndarray]:
    """(N, C, H, W) log probabilities at (N, H, W): the loss and the sum of the weights."""
    if target.ndim != 3:
        raise RuntimeError(
            f"only batches of spatial targets supported (3D tensors) but got targets of dimension: {target.ndim}"
        )
    if self.ndim != 4:
        raise RuntimeError(
            f"only batches of spatial inputs supported (4D tensors), but got input of dimension: {self.ndim}"
        )
    if (self.shape[0], *self.shape[2:]) != target.shape:
        given, wanted = ", ".join(map(str, self.shape)), ", ".join(map(str, target.shape))
        raise RuntimeError(f"size mismatch (got input: [{given}] , target: [{wanted}]")
    _check_classes(self, target, weight, self.shape[1])
    loss, total = _nll(_spatial(self), _spatial(target), weight, reduction, ignore_index)
    return (loss.reshape(target.shape) if reduction == NONE else loss), total


def nll_loss2d_backward(
    grad_output: np.ndarray,
    self: np.ndarray,
    target: np.ndarray,
    weight: np.ndarray | None,
    reduction: int,
    ignore_index: int,
    total_weight: np.ndarray,
) -> np.ndarray:
    """The gradient of nll_loss2d_forward with respect to self."""
    grad = _spatial(grad_output) if reduction == NONE else grad_output
    shape = (self.shape[0], self.shape[1], self.shape[2] * self.shape[3])
    result = _nll_backward(grad, shape, _spatial(target), weight, reduction, ignore_index, total_weight)
    return result.reshape(self.shape)


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
    return _share(np.asarray(result), x.size, reduction).astype(self.dtype, copy=False)


# Margins -------------------------------------------------------------------------------------------------------------


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


def _margin_inputs(
    self: np.ndarray, target: np.ndarray, p: float, weight: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    if p not in (1, 2):
        raise RuntimeError("only p == 1 and p == 2 supported")
    if not ((self.ndim == 2 and self.shape[1]) or (self.ndim == 1 and self.size) or self.ndim == 0):
        raise RuntimeError(
            "Expected non-empty vector or matrix with optional 0-dim batch size, but got: "
            f"[{', '.join(map(str, self.shape))}]"
        )
    rows = self.reshape(-1, self.shape[-1] if self.ndim else 1)
    if target.ndim > 1 or target.size != rows.shape[0]:
        shown = ["[" + ", ".join(map(str, shape)) + "]" for shape in (target.shape, self.shape)]
        raise RuntimeError(
            "multi_margin_loss: target tensor should be 1-D with size equal to the number of input samples (batch size). "
            f"Expected target size [{rows.shape[0]}], but got {shown[0]}. Input has shape {shown[1]}."
        )
    if weight is not None and weight.shape != (rows.shape[1],):
        raise RuntimeError(
            f"inconsistent weight size, expected {rows.shape[1]} but got [{', '.join(map(str, weight.shape))}]"
        )
    if target.dtype != np.int64:
        raise RuntimeError(f"expected scalar type Long but found {scalar_name(target.dtype)}")
    labels = target.reshape(-1)
    if ((labels < 0) | (labels >= rows.shape[1])).any():
        raise RuntimeError("target out of range")
    return rows, labels


def multi_margin_loss(
    self: np.ndarray,
    target: np.ndarray,
    p: float = 1,
    margin: float = 1,
    weight: np.ndarray | None = None,
    reduction: int = MEAN,
) -> np.ndarray:
    """Per row the mean over the wrong classes of max(0, margin - x[y] + x[i]) ** p."""
    rows, labels = _margin_inputs(self, target, p, weight)
    each = np.arange(rows.shape[0])
    gap = np.maximum(margin - rows[each, labels][:, None] + rows, 0) ** p  # (N, C)
    if weight is not None:
        gap = gap * weight[labels][:, None]
    gap[each, labels] = 0
    losses = (precise_sum(gap, (1,)) / rows.shape[1]).astype(self.dtype)
    if reduction == NONE:
        return losses.reshape(target.shape)
    return reduced(losses, reduction)


def multi_margin_loss_backward(
    grad_output: np.ndarray,
    self: np.ndarray,
    target: np.ndarray,
    p: float,
    margin: float,
    weight: np.ndarray | None = None,
    reduction: int = MEAN,
) -> np.ndarray:
    """The gradient of multi_margin_loss with respect to self."""
    rows, labels = _margin_inputs(self, target, p, weight)
    each = np.arange(rows.shape[0])
    gap = margin - rows[each, labels][:, None] + rows
    slope = np.where(gap > 0, 1 if p == 1 else 2 * gap, 0).astype(rows.dtype) / rows.shape[1]
    if weight is not None:
        slope = slope * weight[labels][:, None]
    slope[each, labels] = 0
    slope[each, labels] = -slope.sum(1)
    scale = grad_output / rows.shape[0] if reduction == MEAN else grad_output.reshape(-1, 1)
    return (slope * scale).reshape(self.shape).astype(self.dtype, copy=False)


def _labels(self: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows, target rows, and which target entries count: those before the first -1."""
    if self.ndim > 2 or (self.ndim and self.shape[-1] == 0):
        raise RuntimeError(
            "Expected non-empty vector or matrix with optional 0-dim batch size, but got: "
            f"[{', '.join(map(str, self.shape))}]"
        )
    if target.shape != self.shape:
        raise RuntimeError(
            f"inconsistent target size: [{', '.join(map(str, target.shape))}] for input of size: "
            f"[{', '.join(map(str, self.shape))}]"
        )
    if target.dtype != np.int64:
        raise RuntimeError(f"expected scalar type Long but found {scalar_name(target.dtype)}")
    width = self.shape[-1] if self.ndim else 1
    rows, labels = self.reshape(-1, width), target.reshape(-1, width)
    if ((labels < -1) | (labels >= width)).any():
        raise RuntimeError("target out of range")
    return rows, labels, np.logical_and.accumulate(labels >= 0, axis=1)


def multilabel_margin_loss_forward(
    self: np.ndarray, target: np.ndarray, reduction: int
) -> tuple[np.ndarray, np.ndarray]:
    """Per row the sum over labels j and non-labels i of max(0, 1 - (x[j] - x[i])) / C; and which classes are labels."""
    rows, labels, valid = _labels(self, target)
    count, width = rows.shape
    is_target = np.zeros((count, width), rows.dtype)
    for n in range(count):
        is_target[n, labels[n][valid[n]]] = 1
    losses = np.zeros(count, rows.dtype)
    for n in range(count):
        positive, negative = rows[n][labels[n][valid[n]]], rows[n][is_target[n] == 0]
        losses[n] = np.maximum(1 - (positive[:, None] - negative), 0).sum() / width
    if reduction == NONE:
        return losses.reshape(self.shape[:-1]), is_target.reshape(self.shape)
    return reduced(losses, reduction), is_target.reshape(self.shape)


def multilabel_margin_loss_backward(
    grad_output: np.ndarray, self: np.ndarray, target: np.ndarray, reduction: int, is_target: np.ndarray
) -> np.ndarray:
    """The gradient of multilabel_margin_loss_forward with respect to self."""
    rows, labels, valid = _labels(self, target)
    count, width = rows.shape
    marks = is_target.reshape(count, width)
    result = np.zeros_like(rows)
    for n in range(count):
        chosen, others = labels[n][valid[n]], np.flatnonzero(marks[n] == 0)
        active = 1 - (rows[n][chosen][:, None] - rows[n][others]) > 0
        np.subtract.at(result[n], chosen, active.sum(1).astype(rows.dtype) / width)
        result[n, others] += active.sum(0) / width
    scale = grad_output / count if reduction == MEAN else grad_output.reshape(-1, 1)
    return (result * scale).reshape(self.shape).astype(self.dtype, copy=False)


# Connectionist temporal classification -------------------------------------------------------------------------------


def _extended(labels: np.ndarray, blank: int) -> np.ndarray:
    """The label sequence with blanks around every label."""
    sequence = np.full(2 * len(labels) + 1, blank, np.int64)
    sequence[1::2] = labels
    return sequence


def _label_rows(targets: np.ndarray, lengths: Sequence[int]) -> list[np.ndarray]:
    if targets.ndim == 1:
        starts = np.concatenate([[0], np.cumsum(lengths)]).astype(int)
        return [targets[starts[i] : starts[i + 1]] for i in range(len(lengths))]
    return [targets[i, : lengths[i]] for i in range(len(lengths))]


def _alphas(
    log_probs: np.ndarray,
    targets: np.ndarray,
    input_lengths: Sequence[int],
    target_lengths: Sequence[int],
    blank: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Each sequence's negative log likelihood (N,), and log alpha (N, T, 2 L + 1), in float64."""
    log_probs = log_probs.astype(np.float64)
    steps, batch = log_probs.shape[:2]
    width = 2 * max([*target_lengths, 0]) + 1 if targets.ndim == 1 else 2 * targets.shape[1] + 1
    alpha = np.full((batch, steps, width), -np.inf)
    losses = np.zeros(batch)
    for n, labels in enumerate(_label_rows(targets, target_lengths)):
        sequence, length = _extended(labels, blank), input_lengths[n]
        count = len(sequence)
        if length == 0:
            losses[n] = 0 if count == 1 else np.inf
            continue
        skip = np.zeros(count, bool)
        skip[2:] = (sequence[2:] != blank) & (sequence[2:] != sequence[:-2])
        row = alpha[n]
        row[0, : min(2, count)] = log_probs[0, n, sequence[:2]]
        for t in range(1, length):
            before = row[t - 1, :count]
            one = np.concatenate([[-np.inf], before[:-1]])
            two = np.where(skip, np.concatenate([[-np.inf, -np.inf], before[:-2]])[:count], -np.inf)
            row[t, :count] = np.logaddexp(np.logaddexp(before, one), two) + log_probs[t, n, sequence]
        losses[n] = -np.logaddexp.reduce(row[length - 1, max(count - 2, 0) : count])
    return losses, alpha


def ctc_loss(
    log_probs: np.ndarray,
    targets: np.ndarray,
    input_lengths: Sequence[int],
    target_lengths: Sequence[int],
    blank: int = 0,
    zero_infinity: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    """(T, N, C) log probabilities: each sequence's negative log likelihood (N,), and log alpha (N, T, 2 L + 1)."""
    losses, alpha = _alphas(log_probs, targets, input_lengths, target_lengths, blank)
    return losses.astype(log_probs.dtype), alpha.astype(log_probs.dtype)


def ctc_loss_backward(
    grad: np.ndarray,
    log_probs: np.ndarray,
    targets: np.ndarray,
    input_lengths: Sequence[int],
    target_lengths: Sequence[int],
    neg_log_likelihood: np.ndarray,
    log_alpha: np.ndarray,
    blank: int,
    zero_infinity: bool = False,
) -> np.ndarray:
    """The gradient of ctc_loss with respect to log_probs, as torch gives it: exp(log_probs) minus the posterior."""
    result = np.zeros_like(log_probs)
    # The saved values are rounded; exponentials of their differences need more digits.
    neg_log_likelihood, log_alpha = _alphas(log_probs, targets, input_lengths, target_lengths, blank)
    log_probs = log_probs.astype(np.float64)
    for n, labels in enumerate(_label_rows(targets, target_lengths)):
        sequence, length = _extended(labels, blank), input_lengths[n]
        count = len(sequence)
        if length == 0 or (zero_infinity and math.isinf(neg_log_likelihood[n])):
            continue
        skip = np.zeros(count, bool)
        skip[:-2] = (sequence[:-2] != blank) & (sequence[2:] != sequence[:-2]) if count > 2 else False
        beta = np.full(count, -np.inf, log_probs.dtype)
        beta[max(count - 2, 0) :] = log_probs[length - 1, n, sequence[max(count - 2, 0) :]]
        for t in range(length - 1, -1, -1):
            if t < length - 1:
                one = np.concatenate([beta[1:], [-np.inf]])
                two = np.where(skip, np.concatenate([beta[2:], [-np.inf, -np.inf]])[:count], -np.inf)
                beta = np.logaddexp(np.logaddexp(beta, one), two) + log_probs[t, n, sequence]
            joint = log_alpha[n, t, :count] + beta
            collected = np.full(log_probs.shape[2], -np.inf, log_probs.dtype)
            np.logaddexp.at(collected, sequence, joint)
            scores = log_probs[t, n]
            posterior = np.exp(collected + neg_log_likelihood[n] - scores)
            result[t, n] = (np.exp(scores) - posterior) * grad[n]
    return result
