"""Anomaly detection: where in the forward pass the call was made whose derivative fails, and gradients that are nan.

Source: torch's documentation, torch.autograd.detect_anomaly.
"""

from __future__ import annotations

import warnings
from typing import Any

from .._core import saving as _saving
from .._core.modes import modes as _modes

__all__ = ["detect_anomaly", "set_detect_anomaly"]


def _is_anomaly_enabled() -> bool:
    """Whether anomaly detection is on."""
    return _modes.anomaly


def _is_anomaly_check_nan_enabled() -> bool:
    """Whether anomaly detection looks for nan."""
    return _modes.anomaly_nan


def _set_anomaly_enabled(enabled: bool, check_nan: bool = True) -> None:
    """Switch anomaly detection."""
    if enabled and not _modes.anomaly:
        _saving.listen()
    elif _modes.anomaly and not enabled:
        _saving.unlisten()
    _modes.anomaly = bool(enabled)
    _modes.anomaly_nan = bool(check_nan)


class detect_anomaly:
    """Inside, backward raises on nan and says which forward call a failing derivative belongs to."""

    __module__ = "torch.autograd.anomaly_mode"

    def __init__(self, check_nan: bool = True) -> None:
        self.prev = _modes.anomaly
        self.check_nan = check_nan
        self.prev_check_nan = _modes.anomaly_nan
        warnings.warn(
            "Anomaly Detection has been enabled. This mode will increase the runtime and should only be enabled for debugging.",
            stacklevel=2,
        )

    def __enter__(self) -> None:
        _set_anomaly_enabled(True, self.check_nan)

    def __exit__(self, *exception: object) -> None:
        _set_anomaly_enabled(self.prev, self.prev_check_nan)


class set_detect_anomaly:
    """Switches anomaly detection at once; as a context, until its end."""

    __module__ = "torch.autograd.anomaly_mode"

    def __init__(self, mode: bool, check_nan: bool = True) -> None:
        self.prev = _modes.anomaly
        self.prev_check_nan = _modes.anomaly_nan
        _set_anomaly_enabled(mode, check_nan)

    def __enter__(self) -> None:
        pass

    def __exit__(self, *exception: Any) -> None:
        _set_anomaly_enabled(self.prev, self.prev_check_nan)
