"""Margin losses and their gradients. `reduction`: see reduction.py."""

from __future__ import annotations

import numpy as np

from tinytorch._kernels.dtype_names import scalar_name
from tinytorch._kernels.reducing import precise_sum
from tinytorch._kernels.reduction import MEAN, NONE, reduced


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
