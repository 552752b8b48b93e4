"""``torch.backends.mkldnn``: flags that can be set and change nothing.

It says it is available because torch's builds for the PC do; the layout that goes with it does not exist here, and asking
for it raises.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from tinytorch.backends._settings import Flag as _Flag
from tinytorch.backends._settings import Precision as _Precision
from tinytorch.backends._settings import Setting as _Setting
from tinytorch.backends._settings import turn_into as _turn_into


class MkldnnModule(ModuleType):
    enabled = _Flag(True, "set_enabled_mkldnn")
    deterministic = _Flag(False, "set_deterministic_mkldnn")
    allow_tf32 = _Setting(None)
    fp32_precision = _Precision("none")


def is_available() -> bool:
    return True


def set_flags(
    _enabled: bool | None = None,
    _deterministic: bool | None = None,
    _allow_tf32: bool | None = None,
    _fp32_precision: str = "none",
) -> tuple[Any, ...]:
    """Set those that are given; returns what all of them were."""
    this: Any = sys.modules[__name__]
    before = (this.enabled, this.deterministic, this.allow_tf32, this.fp32_precision)
    for name, value in (
        ("enabled", _enabled),
        ("deterministic", _deterministic),
        ("allow_tf32", _allow_tf32),
        ("fp32_precision", _fp32_precision),
    ):
        if value is not None:
            setattr(this, name, value)
    return before


@contextmanager
def flags(
    enabled: bool = False, deterministic: bool = False, allow_tf32: bool = True, fp32_precision: str = "none"
) -> Iterator[None]:
    """Set the flags inside a ``with`` block."""
    before = set_flags(enabled, deterministic, allow_tf32, fp32_precision)
    try:
        yield
    finally:
        set_flags(*before)


_turn_into(sys.modules[__name__], MkldnnModule)
