"""``torch.backends.mha``: whether attention layers may take their short way in evaluation; there is none, and the switch is kept."""

from __future__ import annotations

_enabled = [True]


def get_fastpath_enabled() -> bool:
    """What `set_fastpath_enabled` said last."""
    return _enabled[0]


def set_fastpath_enabled(value: bool) -> None:
    """Keep the switch."""
    _enabled[0] = value
