"""Numbers as they would be after quantization and back: training that is aware of it. The straight-through derivative is torch's."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinytorch._core.declare import composite, op
from tinytorch._core.dispatch import legacy_name, wrap_dim
from tinytorch._core.dtypes import from_numpy
from tinytorch._core.element_types import instances

_KERNEL = instances("fake_quantize_tensor_cachemask_kernel_type_handling", "reduced float")
_ORDER = "`quant_min` should be less than or         equal to `quant_max`."
_BETWEEN = "`zero_point` must be between `quant_min` and `quant_max`."


def _steps(x: np.ndarray, scale: np.ndarray, zero: np.ndarray) -> np.ndarray:
    """The whole number of steps from zero that each element is nearest to, in float32 or what is wider."""
    inverse = np.float32(1) / np.asarray(scale, np.float32)
    wide = x.astype(np.float32) if x.dtype.itemsize == 2 else x
    stepped: np.ndarray = np.rint(wide * inverse) + zero
    return stepped


def _per_tensor(
    self: np.ndarray, scale: Any, zero_point: Any, quant_min: int, quant_max: int
) -> tuple[np.ndarray, np.ndarray]:
    if quant_min > quant_max:
        raise RuntimeError(_ORDER)
    if not quant_min <= zero_point <= quant_max:
        raise RuntimeError(_BETWEEN)
    steps = _steps(self, np.float32(scale), np.float32(zero_point))
    inside = np.asarray((steps >= quant_min) & (steps <= quant_max))
    held = np.fmin(np.fmax(steps, quant_min), quant_max)  # what is not a number becomes the lowest
    return np.asarray((held - zero_point) * np.float32(scale)).astype(self.dtype), inside


def _per_tensor_of_tensors(
    self: np.ndarray,
    scale: np.ndarray,
    zero_point: np.ndarray,
    fake_quant_enabled: np.ndarray,
    quant_min: int,
    quant_max: int,
) -> tuple[np.ndarray, np.ndarray]:
    for given in (scale, zero_point):
        if given.size != 1:
            raise RuntimeError(f"a Tensor with {given.size} elements cannot be converted to Scalar")
    return _per_tensor(self, scale.item(), int(zero_point.item()), quant_min, quant_max)


def _per_channel(
    self: np.ndarray, scale: np.ndarray, zero_point: np.ndarray, axis: int, quant_min: int, quant_max: int
) -> tuple[np.ndarray, np.ndarray]:
    if scale.dtype.name not in ("float32", "bfloat16"):
        raise RuntimeError(f"Scale must be Float or BFloat16, found {legacy_name(from_numpy(scale.dtype))}")
    if zero_point.dtype.name not in ("int32", "float32", "float16"):
        kind = legacy_name(from_numpy(zero_point.dtype))
        raise RuntimeError(f"Zero-point must be Int32, Float or Half, found {kind}")
    if scale.ndim != 1:
        raise RuntimeError("scale should be a 1-D tensor")
    if zero_point.ndim != 1:
        raise RuntimeError("zero point should be a 1-D tensor")
    if scale.shape != zero_point.shape:
        raise RuntimeError("scale and zero-point need to have the same dimensions")
    if scale.shape[0] != self.shape[wrap_dim(axis, self.ndim)]:
        raise RuntimeError("dimensions of scale and zero-point are not consistent with input tensor")
    if quant_min > quant_max:
        raise RuntimeError(_ORDER)
    if not (
        quant_min <= zero_point.min(initial=quant_min) and zero_point.max(initial=quant_min) <= quant_max
    ):
        raise RuntimeError(_BETWEEN)
    if not 0 <= axis <= self.ndim:
        raise RuntimeError("`axis` must be between 0 and number of dimensions of input")
    shape = [1] * self.ndim
    shape[axis] = -1
    rate, zero = scale.astype(np.float32).reshape(shape), zero_point.astype(np.float32).reshape(shape)
    steps = _steps(self, rate, zero)
    # as whole numbers, of which what is not finite becomes the lowest
    steps = np.where(np.isfinite(steps), steps, -np.inf)
    inside = np.asarray((steps >= quant_min) & (steps <= quant_max))
    return np.asarray((np.clip(steps, quant_min, quant_max) - zero) * rate).astype(self.dtype), inside


_RESULTS = "-> (Tensor output, Tensor mask)"
_OPTIONS: dict[str, Any] = {
    "element_types": _KERNEL,
    "nondifferentiable_outputs": ("mask",),
    "method": False,
    "out": False,
}
per_tensor = op(
    f"fake_quantize_per_tensor_affine_cachemask(Tensor self, float scale, int zero_point, int quant_min, int quant_max) {_RESULTS}",
    _per_tensor,
    **_OPTIONS,
)
per_tensor_of_tensors = op(
    "_fake_quantize_per_tensor_affine_cachemask_tensor_qparams(Tensor self, Tensor scale, Tensor zero_point, Tensor fake_quant_enabled, "
    f"int quant_min, int quant_max) {_RESULTS}",
    _per_tensor_of_tensors,
    node="FakeQuantizePerTensorAffineCachemaskTensorQparamsBackward0",
    **_OPTIONS,
)
per_channel = op(
    "fake_quantize_per_channel_affine_cachemask(Tensor self, Tensor scale, Tensor zero_point, int axis, int quant_min, int quant_max) "
    f"{_RESULTS}",
    _per_channel,
    **_OPTIONS,
)
for _operator in (per_tensor, per_tensor_of_tensors, per_channel):
    _operator.vjp(self=lambda grad_output, mask: grad_output * mask)


@composite(
    "fake_quantize_per_tensor_affine(Tensor self, float scale, int zero_point, int quant_min, int quant_max) -> Tensor",
    method=False,
    out=False,
)
def fake_quantize_per_tensor_affine(
    self: Any, scale: float, zero_point: int, quant_min: int, quant_max: int
) -> Any:
    """The multiple of `scale` nearest to each element, among those of quant_min to quant_max steps from -zero_point."""
    return per_tensor(self, scale, zero_point, quant_min, quant_max)[0]


@composite(
    "fake_quantize_per_tensor_affine.tensor_qparams(Tensor self, Tensor scale, Tensor zero_point, int quant_min, int quant_max) -> Tensor",
    method=False,
    out=False,
)
def fake_quantize_of_tensors(self: Any, scale: Any, zero_point: Any, quant_min: int, quant_max: int) -> Any:
    """The same, with the scale and the zero point in tensors of one element."""
    enabled = self.new_ones((1,)).long()
    return per_tensor_of_tensors(self, scale, zero_point, enabled, quant_min, quant_max)[0]


@composite(
    "fake_quantize_per_channel_affine(Tensor self, Tensor scale, Tensor zero_point, int axis, int quant_min, int quant_max) -> Tensor",
    method=False,
    out=False,
)
def fake_quantize_per_channel_affine(
    self: Any, scale: Any, zero_point: Any, axis: int, quant_min: int, quant_max: int
) -> Any:
    """The same, with a scale (C,) and a zero point (C,) for each index of `axis`."""
    return per_channel(self, scale, zero_point, axis, quant_min, quant_max)[0]
