"""``torch.backends.quantized``: which engine quantized layers would use; there are no quantized layers."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

from tinytorch.backends._settings import turn_into

_ENGINES = ["qnnpack", "onednn", "x86", "fbgemm"]


class _Engine:
    def __init__(self) -> None:
        self.value = "x86"

    def __get__(self, owner: object, kind: type | None = None) -> str:
        return self.value

    def __set__(self, owner: object, value: Any) -> None:
        if value not in (*_ENGINES, "none"):
            raise RuntimeError(f"{value} is not a valid value for quantized engine")
        self.value = value


class _Quantized(ModuleType):
    engine = _Engine()
    supported_engines = _ENGINES


turn_into(sys.modules[__name__], _Quantized)
