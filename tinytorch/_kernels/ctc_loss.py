"""Connectionist temporal classification. Source: Graves et al., "Connectionist temporal classification" (2006)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np


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
