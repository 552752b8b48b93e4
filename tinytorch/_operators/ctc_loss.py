"""Connectionist temporal classification."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinytorch._core.declare import composite, op
from tinytorch._core.dtypes import int64
from tinytorch._core.element_types import instances
from tinytorch._kernels import ctc_loss as kernels
from tinytorch._kernels.scalar_types import tensor_type_name
from tinytorch._operators.loss import MEAN, NONE, applied

_CTC_WHERE = "(while checking arguments for ctc_loss_allocate_outputs)"

ctc_loss_backward = op(
    "_ctc_loss_backward(Tensor grad, Tensor log_probs, Tensor targets, int[] input_lengths, int[] target_lengths, "
    "Tensor neg_log_likelihood, Tensor log_alpha, int blank, bool zero_infinity=False) -> Tensor",
    kernels.ctc_loss_backward,
    out=False,
    method=False,
    underivable=True,
)


def _check_ctc(
    log_probs: np.ndarray,
    targets: np.ndarray,
    input_lengths: Sequence[int],
    target_lengths: Sequence[int],
    blank: int,
) -> None:
    where = _CTC_WHERE
    if not log_probs.size:
        raise RuntimeError("log_probs tensor must not be empty")
    if log_probs.ndim != 3:
        raise RuntimeError(
            f"Expected 3-dimensional tensor, but got {log_probs.ndim}-dimensional tensor for argument #1 'log_probs' {where}"
        )
    steps, batch, classes = log_probs.shape
    if not 0 <= blank < classes:
        raise RuntimeError("blank must be in label range")
    for name, lengths in (("input_lengths", input_lengths), ("target_lengths", target_lengths)):
        if len(lengths) != batch:
            raise RuntimeError(f"{name} must be of size batch_size")
        for length in lengths:
            if length < 0:
                raise RuntimeError(
                    f"Expected {name} to have value at least 0, but got value {length} {where}"
                )
    for length in input_lengths:
        if length > steps:
            raise RuntimeError(
                f"Expected input_lengths to have value at most {steps}, but got value {length} {where}"
            )
    if targets.ndim not in (1, 2):
        raise RuntimeError(
            f"Expected 1 to 2 dimensions, but got {targets.ndim}-dimensional tensor for argument #2 'targets' {where}"
        )
    if targets.ndim == 2 and targets.shape[0] != batch:
        raise RuntimeError(
            f"Expected tensor to have size {batch} at dimension 0, but got size {targets.shape[0]} for argument #2 'targets' {where}"
        )
    if targets.ndim == 1:
        if targets.shape[0] != sum(target_lengths):
            raise RuntimeError(
                f"Expected tensor to have size {sum(target_lengths)} at dimension 0, but got size {targets.shape[0]} for "
                f"argument #2 'targets' {where}"
            )
    elif target_lengths and max(target_lengths) > targets.shape[1]:
        raise RuntimeError(
            f"Expected tensor to have size at least {max(target_lengths)} at dimension 1, but got size "
            f"{targets.shape[1]} for argument #2 'targets' {where}"
        )


def _ctc_kernel(
    log_probs: np.ndarray,
    targets: np.ndarray,
    input_lengths: Sequence[int],
    target_lengths: Sequence[int],
    blank: int,
    zero_infinity: bool,
) -> tuple[np.ndarray, np.ndarray]:
    if targets.dtype not in (np.int32, np.int64):
        raise RuntimeError(
            "Expected tensor for argument #2 'targets' to have scalar type Int; but got "
            f"{tensor_type_name(targets.dtype)} instead {_CTC_WHERE}"
        )
    _check_ctc(log_probs, targets, input_lengths, target_lengths, blank)
    return kernels.ctc_loss(log_probs, targets, input_lengths, target_lengths, blank, zero_infinity)


ctc_forward = op(
    "_ctc_loss(Tensor log_probs, Tensor targets, int[] input_lengths, int[] target_lengths, int blank=0, "
    "bool zero_infinity=False) -> (Tensor, Tensor)",
    _ctc_kernel,
    node="CtcLossBackward0",
    element_types=instances("ctc_loss_cpu", "float"),
    out=False,
    forward=False,
    method=False,
)
ctc_forward.vjp(
    log_probs=lambda grad_result0, log_probs, targets, input_lengths, target_lengths, result0, result1, blank, zero_infinity: (
        ctc_loss_backward(
            grad_result0,
            log_probs,
            targets,
            input_lengths,
            target_lengths,
            result0,
            result1,
            blank,
            zero_infinity,
        )
    )
)


@composite(
    "ctc_loss.IntList(Tensor log_probs, Tensor targets, int[] input_lengths, int[] target_lengths, int blank=0, "
    "int reduction=1, bool zero_infinity=False) -> Tensor",
    method=False,
    out=False,
)
def ctc_loss(
    log_probs: Any,
    targets: Any,
    input_lengths: Sequence[int],
    target_lengths: Sequence[int],
    blank: int = 0,
    reduction: int = MEAN,
    zero_infinity: bool = False,
) -> Any:
    """(T, N, C) log probabilities against label sequences of any alignment."""
    batched = log_probs.dim() == 3
    if targets.dtype is not int64:
        targets = targets.to(int64)
    scores = log_probs if batched else log_probs.unsqueeze(1)
    labels = targets if batched or targets.dim() == 1 else targets.unsqueeze(0)
    losses = ctc_forward(scores, labels, list(input_lengths), list(target_lengths), blank, zero_infinity)[0]
    if zero_infinity:
        losses = losses.new_zeros(()).where(losses == float("inf"), losses)
    if reduction == MEAN:
        lengths = losses.new_tensor(list(target_lengths)).clamp_min(1)
        return (losses / lengths).mean()
    result = applied(losses, reduction)
    return result.squeeze(0) if not batched and reduction == NONE else result


@composite(
    "ctc_loss.Tensor(Tensor log_probs, Tensor targets, Tensor input_lengths, Tensor target_lengths, int blank=0, "
    "int reduction=1, bool zero_infinity=False) -> Tensor",
    method=False,
    out=False,
)
def ctc_loss_tensor(
    log_probs: Any,
    targets: Any,
    input_lengths: Any,
    target_lengths: Any,
    blank: int = 0,
    reduction: int = MEAN,
    zero_infinity: bool = False,
) -> Any:
    """ctc_loss whose lengths are tensors."""
    for name, lengths in (("input_lengths", input_lengths), ("target_lengths", target_lengths)):
        if lengths.dtype._category != "int":
            raise RuntimeError(f"{name} must be integral")
    ins, outs = input_lengths.reshape(-1).tolist(), target_lengths.reshape(-1).tolist()
    return ctc_loss.kernel(log_probs, targets, ins, outs, blank, reduction, zero_infinity)
