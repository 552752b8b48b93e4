"""Convolution over time of sequences laid out as (time, batch, channels)."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._core.declare import find, op


def _check(self: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> None:
    if self.ndim != 3:
        raise RuntimeError("Input must have 3 dims: time, batch, in_channel")
    if weight.ndim != 3:
        raise RuntimeError("Weight tensor must have 3 dims: kernel_width, in_channels, out_channels.")
    if bias.ndim != 1:
        raise RuntimeError("Bias must be 1-D")
    if self.shape[2] != weight.shape[1]:
        raise RuntimeError("Input dim 2 (input channels) is not == dim 1 in the weight tensor")
    if weight.shape[2] != bias.shape[0]:
        raise RuntimeError("Bias size must equal dim 2 in the weight tensor (output channels).")
    if self.dtype != weight.dtype:
        names = {"float32": "Float", "float64": "Double", "float16": "Half", "bfloat16": "BFloat16"}
        one, other = (names.get(array.dtype.name, array.dtype.name) for array in (self, weight))
        raise RuntimeError(f"self and mat2 must have the same dtype, but got {one} and {other}")


@op("conv_tbc(Tensor self, Tensor weight, Tensor bias, int pad=0) -> Tensor", upcast=True, method=False)
def conv_tbc(self: np.ndarray, weight: np.ndarray, bias: np.ndarray, pad: int) -> np.ndarray:
    """Σₖ x[t + k - pad] W[k] + b: x (T, B, C), W (width, C, D), b (D,); the result is (T + 2 pad - width + 1, B, D)."""
    _check(self, weight, bias)
    time = self.shape[0]
    length = time + 2 * pad - weight.shape[0] + 1
    result = np.empty((length, self.shape[1], weight.shape[2]), self.dtype)
    result[...] = bias
    for k in range(weight.shape[0]):
        first, last = max(0, pad - k), min(length, time + pad - k)
        if first < last:
            result[first:last] += np.matmul(self[first + k - pad : last + k - pad], weight[k])
    return result


def _of_input(grad: Any, self_shape: Any, weight: Any, pad: int) -> Any:
    """A convolution again, with the kernel reversed."""
    back = weight.flip(0).transpose(1, 2)
    return conv_tbc.call(grad, back, grad.new_zeros(self_shape[2]), weight.shape[0] - 1 - pad)


def _of_weight(grad: Any, self: Any, weight_shape: Any, pad: int) -> Any:
    """Per place in the kernel the products of inputs and cotangents, over time and batch."""
    around = find("constant_pad_nd").call(self, [0, 0, 0, 0, pad, pad], 0)
    columns = grad.reshape(-1, weight_shape[2])
    rows = [
        around.narrow(0, k, grad.shape[0]).reshape(-1, weight_shape[1]).t() @ columns
        for k in range(weight_shape[0])
    ]
    return find("stack").call(rows, 0)


conv_tbc.vjp(
    self=lambda grad, self_shape, weight, pad: _of_input(grad, self_shape, weight, pad),
    weight=lambda grad, self, weight_shape, pad: _of_weight(grad, self, weight_shape, pad),
    bias=lambda grad: grad.sum((0, 1)),
)
