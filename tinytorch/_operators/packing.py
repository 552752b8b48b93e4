"""Sequences of different lengths, padded and packed: the operators behind torch.nn.utils.rnn.

A packed batch holds the elements of step 0 of all sequences, then those of step 1, and so on; sequences lie in order of falling
length, so that step t is the first batch_sizes[t] of them.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from tinytorch._core.declare import composite, op
from tinytorch._core.dispatch import legacy_name
from tinytorch._core.dtypes import from_numpy


def _check_sizes(sizes: np.ndarray) -> None:
    if sizes.ndim != 1 or sizes.dtype != np.int64:
        kind = legacy_name(from_numpy(sizes.dtype))
        raise RuntimeError(
            f"'lengths' argument should be a 1D CPU int64 tensor, but got {sizes.ndim}D cpu {kind} tensor"
        )


def _runs(sizes: Sequence[int]) -> list[tuple[int, int, int]]:
    """(first step, behind the last, sequences) of the steps that equally many sequences reach."""
    runs = []
    step = 0
    for size, steps in itertools.groupby(sizes):
        behind = step + len(list(steps))
        runs.append((step, behind, size))
        step = behind
    return runs


def _pack(input: np.ndarray, lengths: np.ndarray, batch_first: bool) -> tuple[np.ndarray, np.ndarray]:
    """(T, B, *) or (B, T, *) to (total, *), and the batch sizes (T,)."""
    _check_sizes(lengths)
    if input.size == 0:
        raise RuntimeError("Cannot pack empty tensors.")
    if input.ndim < 2:
        raise IndexError("Dimension out of range (expected to be in range of [-1, 0], but got 1)")
    steps = input.swapaxes(0, 1) if batch_first else input
    batch = steps.shape[1]
    if lengths.size != batch:
        raise RuntimeError(
            f"Expected `len(lengths)` to be equal to batch_size, but got {lengths.size} (batch_size={batch})"
        )
    if batch and lengths[-1] <= 0:
        raise RuntimeError(
            "Length of all samples has to be greater than 0, but found an element in 'lengths' that is <= 0"
        )
    if (lengths[1:] > lengths[:-1]).any():
        raise RuntimeError(
            "`lengths` array must be sorted in decreasing order when `enforce_sorted` is True. You can pass `enforce_sorted=False` to "
            "pack_padded_sequence and/or pack_sequence to sidestep this requirement if you do not need ONNX exportability."
        )
    sizes = (lengths[None, :] > np.arange(lengths[0], dtype=np.int64)[:, None]).sum(1, dtype=np.int64)
    runs = [steps[first:behind, :size] for first, behind, size in _runs(sizes.tolist())]
    return np.concatenate([run.reshape(-1, *steps.shape[2:]) for run in runs]), sizes


pack_padded_sequence = op(
    "_pack_padded_sequence(Tensor input, Tensor lengths, bool batch_first) -> (Tensor, Tensor)",
    _pack,
    node="PackPaddedSequenceBackward0",
    nondifferentiable_outputs=("result1",),
    method=False,
    out=False,
)


@composite(
    "_pack_padded_sequence_backward(Tensor grad, SymInt[] input_size, Tensor batch_sizes, bool batch_first) -> Tensor",
    method=False,
    out=False,
)
def pack_padded_sequence_backward(
    grad: Any, input_size: Sequence[int], batch_sizes: Any, batch_first: bool
) -> Any:
    """What belongs to each element of the padded sequences; zero for the padding."""
    shape = [input_size[1], input_size[0], *input_size[2:]] if batch_first else list(input_size)
    padded = grad.new_zeros(shape)  # (T, B, *)
    _write(padded, grad, batch_sizes.tolist())
    return padded.transpose(0, 1) if batch_first else padded


def _write(padded: Any, data: Any, sizes: list[int]) -> None:
    """Put packed elements (total, *) where they belong in (T, B, *)."""
    row = 0
    for first, behind, size in _runs(sizes):
        rows = (behind - first) * size
        run = data[row : row + rows].view([behind - first, size, *data.shape[1:]])
        padded.narrow(0, first, behind - first).narrow(1, 0, size).copy_(run)
        row += rows


def _lengths(sizes: Any) -> Any:
    """(B,) lengths from (T,) batch sizes, longest first."""
    counts = sizes.tolist()
    return sizes.new_tensor([sum(size > place for size in counts) for place in range(counts[0])])


pack_padded_sequence.vjp(
    input=lambda grad_result0, input_shape, result1, batch_first: pack_padded_sequence_backward(
        grad_result0, input_shape, result1, batch_first
    )
)


@composite(
    "_pad_packed_sequence(Tensor data, Tensor batch_sizes, bool batch_first, Scalar padding_value, int total_length) -> (Tensor, Tensor)",
    method=False,
    out=False,
)
def pad_packed_sequence(
    data: Any, batch_sizes: Any, batch_first: bool, padding_value: Any, total_length: int
) -> Any:
    """(total, *) to (T, B, *) or (B, T, *) filled up with padding_value, and the lengths (B,)."""
    _check_sizes(batch_sizes._array)
    sizes = batch_sizes.tolist()
    if not sizes:
        raise RuntimeError("batch_sizes can not be empty")
    steps = len(sizes)
    if total_length > 0:
        if total_length < steps:
            raise RuntimeError(
                f"Expected total_length to be at least the length of the longest sequence in input, but got total_length={total_length} "
                f"and max sequence length being {steps}"
            )
        steps = total_length
    padded = data.new_full((steps, sizes[0], *data.shape[1:]), padding_value)  # (T, B, *)
    _write(padded, data, sizes)
    return padded.transpose(0, 1) if batch_first else padded, _lengths(batch_sizes)


@composite(
    'pad_sequence(Tensor[] sequences, bool batch_first=False, float padding_value=0., str padding_side="right") -> Tensor',
    module="nn",
    out=False,
)
def pad_sequence(
    sequences: Sequence[Any],
    batch_first: bool = False,
    padding_value: float = 0.0,
    padding_side: str = "right",
) -> Any:
    """Sequences (L, *) stacked to (T, B, *), or batch first, filled up at one side."""
    if not sequences:
        raise RuntimeError("received an empty list of sequences")
    if padding_side not in ("left", "right"):
        raise RuntimeError(f"Expected padding_side to be one of left or right, but got {padding_side}.")
    if any(sequence.dim() == 0 for sequence in sequences):
        raise RuntimeError("ArrayRef: invalid slice, N = 1; size = 0")
    longest = max(sequence.size(0) for sequence in sequences)
    shape = [len(sequences), longest] if batch_first else [longest, len(sequences)]
    padded = sequences[0].new_full((*shape, *sequences[0].shape[1:]), padding_value)
    for place, sequence in enumerate(sequences):
        length = sequence.size(0)
        start = longest - length if padding_side == "left" else 0
        if batch_first:
            padded.select(0, place).narrow(0, start, length).copy_(sequence)
        else:
            padded.narrow(0, start, length).select(1, place).copy_(sequence)
    return padded
