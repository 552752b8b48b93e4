"""The named tuples that operators with several results return: torch.return_types."""

from __future__ import annotations

from typing import Any

from ._core.declare import registry as _registry
from ._core.returns import type_of as _type_of


def __getattr__(name: str) -> Any:
    for operator in _registry.get(name, ()):
        fields = tuple(item.name for item in operator.schema.returns)
        if len(fields) > 1 and all(fields):
            return _type_of(operator.options.get("returns", operator.name), fields)
    raise AttributeError(f"module 'torch.return_types' has no attribute '{name}'")
