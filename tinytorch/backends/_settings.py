"""A module whose attributes are checked when set, which is what ``torch.backends.x.flag = value`` needs."""

from __future__ import annotations

from types import ModuleType
from typing import Any


class Flag:
    """A setting that takes booleans only; ``setter`` is the name that torch's error gives."""

    def __init__(self, default: bool, setter: str) -> None:
        self.value = default
        self.setter = setter

    def __get__(self, owner: object, kind: type | None = None) -> bool:
        return self.value

    def __set__(self, owner: object, value: Any) -> None:
        if not isinstance(value, bool):
            raise RuntimeError(f"{self.setter} expects a bool, but got {type(value).__name__}")
        self.value = value


class Setting:
    """A setting that takes anything."""

    def __init__(self, default: Any) -> None:
        self.value = default

    def __get__(self, owner: object, kind: type | None = None) -> Any:
        return self.value

    def __set__(self, owner: object, value: Any) -> None:
        self.value = value


class Precision(Setting):
    """How float32 products may be rounded inside; ours never are."""

    def __set__(self, owner: object, value: Any) -> None:
        if value not in ("none", "ieee", "tf32", "bf16"):
            raise RuntimeError(f"Unknown precision: {value}")
        self.value = value


def turn_into(module: ModuleType, kind: type[ModuleType]) -> None:
    """Give the module ``module`` the descriptors of the class ``kind``."""
    module.__class__ = kind
