"""The declarations of all operators, a file per family. Importing this package declares them; nothing is compiled."""

from __future__ import annotations

import importlib
import pkgutil

from .._core.declare import find, registry
from .._core.front import install_symbols

for _module in sorted(module.name for module in pkgutil.iter_modules(__path__)):
    if not _module.startswith("_"):
        importlib.import_module(f"{__name__}.{_module}")

from . import _symbols  # noqa: E402, F401

__all__ = ["find", "install_symbols", "registry"]
