"""What a gradient scaler asks of tensors: undo the scale, look for overflow, choose the next scale.

Source: Micikevicius et al. 2017, "Mixed Precision Training", section 3.2 (loss scaling).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .._core import dtypes
from .._core.declare import composite
from .._kernels.dtype_names import not_implemented


def _check_number(name: str, tensor: Any, kind: str, element_type: Any) -> None:
    if tensor.numel() != 1:
        raise RuntimeError(f"{name} must be a 1-element tensor.")
    if tensor.dtype is not element_type:
        raise RuntimeError(f"{name} must be {kind} tensor.")


@composite(
    "_amp_foreach_non_finite_check_and_unscale_(Tensor(a!)[] self, Tensor(b!) found_inf, Tensor inv_scale) -> ()",
    method=False,
    out=False,
)
def non_finite_check_and_unscale(self: Sequence[Any], found_inf: Any, inv_scale: Any) -> None:
    """Multiply each of `self` by inv_scale in place; found_inf becomes 1 if one of them holds an infinity or nan."""
    _check_number("inv_scale", inv_scale, "a float", dtypes.float32)
    _check_number("found_inf", found_inf, "a float", dtypes.float32)
    factor = inv_scale.item()
    for tensor in self:
        if not tensor.dtype.is_floating_point:
            not_implemented("_amp_foreach_non_finite_check_and_unscale_cpu", tensor.dtype._numpy)
    for tensor in self:
        values = tensor.detach()
        if not bool(values.isfinite().all()):
            found_inf.fill_(1.0)
        if factor != 1:
            values.mul_(factor)


@composite(
    "_amp_update_scale_(Tensor(a!) self, Tensor(b!) growth_tracker, Tensor found_inf, float scale_growth_factor, "
    "float scale_backoff_factor, int growth_interval) -> Tensor(a!)",
    method=False,
    out=False,
)
def update_scale(
    self: Any,
    growth_tracker: Any,
    found_inf: Any,
    scale_growth_factor: float,
    scale_backoff_factor: float,
    growth_interval: int,
) -> Any:
    """The scale in place: shrunk after an overflow, grown after growth_interval steps without one."""
    _check_number("growth_tracker", growth_tracker, "an int", dtypes.int32)
    _check_number("current_scale", self, "a float", dtypes.float32)
    _check_number("found_inf", found_inf, "a float", dtypes.float32)
    if found_inf.item():
        self.mul_(scale_backoff_factor)
        growth_tracker.fill_(0)
        return self
    successes = growth_tracker.item() + 1
    if successes == growth_interval:
        grown = self * scale_growth_factor
        if bool(grown.isfinite()):
            self.copy_(grown)
        successes = 0
    growth_tracker.fill_(successes)
    return self
