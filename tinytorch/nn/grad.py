"""Gradients of convolutions as functions of their own."""

from __future__ import annotations

from typing import Any

import tinytorch as torch

__all__ = [
    "conv1d_input",
    "conv1d_weight",
    "conv2d_input",
    "conv2d_weight",
    "conv3d_input",
    "conv3d_weight",
]


def _spread(value: Any, rank: int) -> list[int]:
    return [value] * rank if isinstance(value, int) else list(value)


def _gradient(
    rank: int, which: int, grad: Any, input: Any, weight: Any, stride: Any, padding: Any, dilation: Any, groups: int
) -> Any:  # fmt: skip
    mask = [which == 0, which == 1, False]
    return torch.ops.aten.convolution_backward(
        grad, input, weight, None, _spread(stride, rank), _spread(padding, rank), _spread(dilation, rank), False, [0] * rank, groups, mask
    )[which]  # fmt: skip


def _toward_input(rank: int) -> Any:
    def gradient(
        input_size: Any,
        weight: Any,
        grad_output: Any,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
    ) -> Any:
        input = grad_output.new_empty(1).expand(input_size)
        return _gradient(rank, 0, grad_output, input, weight, stride, padding, dilation, groups)

    gradient.__name__ = gradient.__qualname__ = f"conv{rank}d_input"
    gradient.__doc__ = (
        f"The gradient of conv{rank}d with respect to an input of shape `input_size` (N, C, *spatial)."
    )
    return gradient


def _toward_weight(rank: int) -> Any:
    def gradient(
        input: Any,
        weight_size: Any,
        grad_output: Any,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
    ) -> Any:
        weight = grad_output.new_empty(1).expand(weight_size)
        return _gradient(rank, 1, grad_output, input, weight, stride, padding, dilation, groups)

    gradient.__name__ = gradient.__qualname__ = f"conv{rank}d_weight"
    gradient.__doc__ = f"The gradient of conv{rank}d with respect to a weight of shape `weight_size` (O, C / groups, *kernel)."
    return gradient


conv1d_input, conv2d_input, conv3d_input = (_toward_input(rank) for rank in (1, 2, 3))
conv1d_weight, conv2d_weight, conv3d_weight = (_toward_weight(rank) for rank in (1, 2, 3))
