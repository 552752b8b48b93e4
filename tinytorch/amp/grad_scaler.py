"""torch.amp.GradScaler: losses scaled up, so that gradients in float16 do not vanish.

Source: Micikevicius et al. 2017, "Mixed Precision Training", section 3.2; torch's documentation, torch.amp.GradScaler.
"""

from __future__ import annotations

import warnings
from collections import defaultdict
from collections.abc import Iterable
from enum import Enum
from typing import Any

from .._core import dtypes
from .._core.declare import find
from .._core.tensor import Tensor
from .._creation import tensor as new_tensor

__all__ = ["GradScaler", "OptState"]


class OptState(Enum):
    """How far an optimizer has come since the last `update`."""

    READY = 0
    UNSCALED = 1
    STEPPED = 2


def _fresh_state() -> dict[str, Any]:
    return {"stage": OptState.READY, "found_inf_per_device": {}}


class GradScaler:
    """A loss scaler with a scale that follows overflows. Disabled (for "cuda", or on request) it passes everything through."""

    def __init__(
        self,
        device: str = "cuda",
        init_scale: float = 2.0**16,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ) -> None:
        self._device = device
        self._enabled = enabled
        if enabled and device == "cuda":
            warnings.warn(
                "torch.cuda.amp.GradScaler is enabled, but CUDA is not available.  Disabling.",
                UserWarning,
                stacklevel=2,
            )
            self._enabled = False
        if not self._enabled:
            return
        if growth_factor <= 1.0:
            raise AssertionError("The growth factor must be > 1.0.")
        if backoff_factor >= 1.0:
            raise AssertionError("The backoff factor must be < 1.0.")
        self._init_scale = init_scale
        self._scale: Any = None
        self._growth_factor = growth_factor
        self._backoff_factor = backoff_factor
        self._growth_interval = growth_interval
        self._init_growth_tracker = 0
        self._growth_tracker: Any = None
        self._per_optimizer_states: dict[int, dict[str, Any]] = defaultdict(_fresh_state)

    def _require_scale(self, action: str) -> None:
        fix = "This may indicate your script did not use scaler.scale(loss or outputs) earlier in the iteration."
        if self._scale is None:
            raise AssertionError(f"Attempted {action} but _scale is None.  {fix}")
        if self._growth_tracker is None:
            raise AssertionError(f"Attempted {action} but _growth_tracker is None.  {fix}")

    def _begin(self) -> None:
        """The scale as a tensor, from the first use on."""
        if self._scale is None:
            self._scale = new_tensor(self._init_scale, dtype=dtypes.float32)
            self._growth_tracker = new_tensor(self._init_growth_tracker, dtype=dtypes.int32)

    def scale(self, outputs: Any) -> Any:
        """A tensor, or an iterable of them, times the scale."""
        if not self._enabled:
            return outputs
        if isinstance(outputs, Tensor):
            self._begin()
            return outputs * self._scale
        if isinstance(outputs, Iterable):
            scaled = [self.scale(item) for item in outputs]
            return type(outputs)(scaled) if isinstance(outputs, list | tuple) else scaled  # type: ignore[call-arg]
        raise ValueError("outputs must be a Tensor or an iterable of Tensors")

    def _gradients(self, optimizer: Any, allow_fp16: bool) -> list[Any]:
        gradients = [
            parameter.grad
            for group in optimizer.param_groups
            for parameter in group["params"]
            if parameter.grad is not None
        ]
        if not allow_fp16 and any(gradient.dtype is dtypes.float16 for gradient in gradients):
            raise ValueError("Attempting to unscale FP16 gradients.")
        return gradients

    def _unscaled(self, optimizer: Any, inverse: Any, allow_fp16: bool) -> dict[Any, Any]:
        """Multiply an optimizer's gradients; gives, by device, whether one of them was not finite."""
        found = new_tensor(0.0)
        gradients = self._gradients(optimizer, allow_fp16)
        if not gradients:
            return {}
        find("_amp_foreach_non_finite_check_and_unscale_")(gradients, found, inverse)
        return {gradients[0].device: found}

    def _inverse(self) -> Any:
        # Divided in float64: a large scale has an inverse that float32 rounds badly.
        return self._scale.double().reciprocal().float()

    def unscale_(self, optimizer: Any) -> None:
        """Divide the gradients of an optimizer's parameters by the scale, in place: to clip them, say, before `step`."""
        if not self._enabled:
            return
        self._require_scale("unscale_")
        held = self._per_optimizer_states[id(optimizer)]
        if held["stage"] is OptState.UNSCALED:
            raise RuntimeError(
                "unscale_() has already been called on this optimizer since the last update()."
            )
        if held["stage"] is OptState.STEPPED:
            raise RuntimeError("unscale_() is being called after step().")
        held["found_inf_per_device"] = self._unscaled(optimizer, self._inverse(), False)
        held["stage"] = OptState.UNSCALED

    def step(self, optimizer: Any, *args: Any, **kwargs: Any) -> Any:
        """`optimizer.step(*args, **kwargs)` on unscaled gradients; left out, giving None, if one of them is not finite."""
        if not self._enabled:
            return optimizer.step(*args, **kwargs)
        if "closure" in kwargs:
            raise RuntimeError("Closure use is not currently supported if GradScaler is enabled.")
        self._require_scale("step")
        held = self._per_optimizer_states[id(optimizer)]
        if held["stage"] is OptState.STEPPED:
            raise RuntimeError("step() has already been called since the last update().")
        fused = getattr(optimizer, "_step_supports_amp_scaling", False)
        if held["stage"] is OptState.READY and fused:
            # A fused step looks before it divides: gradients that overflowed stay as they are.
            held["found_inf_per_device"] = self._unscaled(optimizer, new_tensor(1.0), True)
        elif held["stage"] is OptState.READY:
            self.unscale_(optimizer)
        if not held["found_inf_per_device"]:
            raise AssertionError("No inf checks were recorded for this optimizer.")
        result = None
        if not any(found.item() for found in held["found_inf_per_device"].values()):
            if fused and held["stage"] is OptState.READY:
                self._unscaled(optimizer, self._inverse(), True)
            result = optimizer.step(*args, **kwargs)
        held["stage"] = OptState.STEPPED
        return result

    def update(self, new_scale: Any = None) -> None:
        """Choose the scale for the next iteration: less after an overflow, more after a long time without one, or `new_scale`.

        Raises AssertionError if no gradients were looked at since the last time.
        """
        if not self._enabled:
            return
        self._require_scale("update")
        if new_scale is not None:
            self._set(new_scale)
        else:
            found = [
                found
                for held in self._per_optimizer_states.values()
                for found in held["found_inf_per_device"].values()
            ]
            if not found:
                raise AssertionError("No inf checks were recorded prior to update.")
            combined = new_tensor(max(item.item() for item in found))
            find("_amp_update_scale_")(
                self._scale,
                self._growth_tracker,
                combined,
                self._growth_factor,
                self._backoff_factor,
                self._growth_interval,
            )
        self._per_optimizer_states = defaultdict(_fresh_state)

    def _set(self, new_scale: Any) -> None:
        if isinstance(new_scale, float):
            self._scale.fill_(new_scale)
            return
        if not isinstance(new_scale, Tensor) or new_scale.numel() != 1 or new_scale.requires_grad:
            raise AssertionError(
                "new_scale should be a float or a 1-element torch.cuda.FloatTensor or torch.FloatTensor with requires_grad=False."
            )
        self._scale.copy_(new_scale)

    def get_scale(self) -> float:
        """The scale as a number; 1.0 if disabled."""
        if not self._enabled:
            return 1.0
        return float(self._init_scale if self._scale is None else self._scale.item())

    def get_growth_factor(self) -> float:
        """By what the scale grows."""
        return self._growth_factor

    def set_growth_factor(self, new_factor: float) -> None:
        """By what the scale is to grow."""
        self._growth_factor = new_factor

    def get_backoff_factor(self) -> float:
        """By what the scale shrinks."""
        return self._backoff_factor

    def set_backoff_factor(self, new_factor: float) -> None:
        """By what the scale is to shrink."""
        self._backoff_factor = new_factor

    def get_growth_interval(self) -> int:
        """After how many iterations without an overflow the scale grows."""
        return self._growth_interval

    def set_growth_interval(self, new_interval: int) -> None:
        """After how many iterations without an overflow the scale is to grow."""
        self._growth_interval = new_interval

    def _get_growth_tracker(self) -> int:
        if not self._enabled:
            return 0
        return int(self._init_growth_tracker if self._growth_tracker is None else self._growth_tracker.item())

    def is_enabled(self) -> bool:
        """Whether anything is scaled."""
        return self._enabled

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint holds; empty if disabled."""
        if not self._enabled:
            return {}
        return {
            "scale": self.get_scale(),
            "growth_factor": self._growth_factor,
            "backoff_factor": self._backoff_factor,
            "growth_interval": self._growth_interval,
            "_growth_tracker": self._get_growth_tracker(),
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what a checkpoint holds. Raises RuntimeError if it is of a disabled scaler."""
        if not self._enabled:
            return
        if not state_dict:
            raise RuntimeError(
                "The source state dict is empty, possibly because it was saved from a disabled instance of GradScaler."
            )
        self._init_scale = state_dict["scale"]
        if self._scale is not None:
            self._scale.fill_(state_dict["scale"])
        self._growth_factor = state_dict["growth_factor"]
        self._backoff_factor = state_dict["backoff_factor"]
        self._growth_interval = state_dict["growth_interval"]
        self._init_growth_tracker = state_dict["_growth_tracker"]
        if self._growth_tracker is not None:
            self._growth_tracker.fill_(state_dict["_growth_tracker"])

    def __getstate__(self) -> dict[str, Any]:
        state = self.__dict__.copy()
        if self._enabled:
            if self._per_optimizer_states:
                raise AssertionError(
                    "A GradScaler instance may only be pickled at the beginning of an iteration, or at the end after scaler.update()."
                )
            state["_init_scale"] = self.get_scale()
            state["_init_growth_tracker"] = self._get_growth_tracker()
            state["_scale"] = state["_growth_tracker"] = None
        return state
