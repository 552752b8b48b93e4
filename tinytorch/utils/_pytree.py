"""torch.utils._pytree: nested containers as trees. The engine's own module, published where torch has it."""

from __future__ import annotations

from .._core import pytree as _pytree
from .._core.pytree import *  # noqa: F403  (every public name)

__all__ = [name for name in dir(_pytree) if not name.startswith("__")]
globals().update({name: getattr(_pytree, name) for name in __all__})
