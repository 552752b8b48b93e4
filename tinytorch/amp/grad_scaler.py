"""torch.amp.GradScaler: scaled losses. Without an accelerator torch disables the one for "cuda"; it then passes everything through."""

from __future__ import annotations

import warnings
from typing import Any

__all__ = ["GradScaler"]


class GradScaler:
    """A loss scaler. Disabled (for "cuda", or on request) it changes nothing; an enabled one raises NotImplementedError."""

    def __init__(
        self,
        device: str = "cuda",
        init_scale: float = 2.0**16,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ) -> None:
        if enabled and device == "cuda":
            warnings.warn(
                "torch.cuda.amp.GradScaler is enabled, but CUDA is not available.  Disabling.",
                UserWarning,
                stacklevel=2,
            )
            enabled = False
        if enabled:
            raise NotImplementedError(f"torch.amp.GradScaler('{device}') is not implemented")

    def scale(self, outputs: Any) -> Any:
        """`outputs` as they are."""
        return outputs

    def unscale_(self, optimizer: Any) -> None:
        return None

    def step(self, optimizer: Any, *args: Any, **kwargs: Any) -> Any:
        """`optimizer.step`."""
        return optimizer.step(*args, **kwargs)

    def update(self, new_scale: Any = None) -> None:
        return None

    def is_enabled(self) -> bool:
        return False

    def get_scale(self) -> float:
        return 1.0

    def state_dict(self) -> dict[str, Any]:
        return {}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        return None
