"""torch.fx.experimental.proxy_tensor, as far as libraries ask it questions."""

from __future__ import annotations

from typing import Any

from ..._absent import absent

_NAMES = absent("torch.fx.experimental.proxy_tensor", "graphs of calls", functions="make_fx")
globals().update(_NAMES)
__all__ = [*_NAMES, "get_proxy_mode"]


def get_proxy_mode() -> Any:
    """The tracing that is going on: None, always."""
    return None
