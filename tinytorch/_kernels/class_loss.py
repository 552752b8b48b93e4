"""The negative logarithm of the probability of classes, summed in torch's order, and its gradient."""

from __future__ import annotations

import numpy as np

from tinytorch._kernels.dtype_names import is_float, not_implemented, scalar_name, widen
from tinytorch._kernels.reduction import MEAN, NONE


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
        return np.array(_in_sequence(np.concatenate([rest, first])))
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
    return np.array(_in_sequence(np.concatenate([np.array(partial, values.dtype), first])))


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
