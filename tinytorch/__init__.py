"""tinytorch: PyTorch's API on an engine of its own, in Python on NumPy.

Public names appear here when they are first asked for: operators are compiled from their declarations, submodules imported.
"""

from __future__ import annotations

import importlib
from typing import Any

from . import _core
from ._core import dtypes as _dtypes
from ._core import front as _front
from ._core.device import device
from ._core.dtypes import dtype
from ._core.generator import Generator
from ._core.layouts import layout, memory_format, qscheme
from ._core.memory import keep_freed_memory as _keep_freed_memory
from ._core.numeric_limits import finfo, iinfo
from ._core.size import Size
from ._core.tensor import Tensor
from ._namespace import CONSTANTS as _CONSTANTS
from ._namespace import LAZY as _LAZY
from ._namespace import SUBMODULES as _SUBMODULES
from .torch_version import __version__

_keep_freed_memory()
globals().update(_CONSTANTS)


def __getattr__(name: str) -> Any:
    value = _find(name)
    globals()[name] = value
    return value


def _find(name: str) -> Any:
    where = _LAZY.get(name)
    if where is not None:
        return getattr(importlib.import_module(where, __package__), name)
    if name == "torch":  # torch's module finds itself under its own name
        return importlib.import_module(__name__)
    if name in _SUBMODULES:
        return importlib.import_module(f"{__package__}.{name}")
    if not name.startswith("__"):
        found = _FUNCTIONS.get(name) or _front.function_of(name)
        if found is not None:
            return found
    raise AttributeError(f"module 'torch' has no attribute '{name}' (tinytorch lacks it)")


def __dir__() -> list[str]:
    from ._namespace import public_names

    return sorted({*globals(), *public_names()})


from ._operators import FUNCTIONS as _FUNCTIONS  # noqa: E402  (declares every operator; needs the names above)
from .autograd import _functions as _autograd_functions  # noqa: E402  (gives Tensor its `backward`)
