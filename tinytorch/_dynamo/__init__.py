"""`torch._dynamo`: switches and marks for a compiler that is not there."""

from __future__ import annotations

import importlib
from types import SimpleNamespace
from typing import Any

from ..compiler import (
    allow_in_graph,
    assume_constant_result,
    disable,
    is_compiling,
    list_backends,
    reset,
    set_stance,
)

__all__ = [
    "allow_in_graph",
    "assume_constant_result",
    "config",
    "disable",
    "disallow_in_graph",
    "graph_break",
    "is_compiling",
    "list_backends",
    "mark_dynamic",
    "mark_static",
    "mark_static_address",
    "maybe_mark_dynamic",
    "optimize",
    "reset",
    "set_stance",
]

#: Any setting can be made, and changes nothing.
config = SimpleNamespace(
    accumulated_cache_size_limit=256,
    assume_static_by_default=True,
    automatic_dynamic_shapes=True,
    cache_size_limit=8,
    capture_dynamic_output_shape_ops=False,
    capture_scalar_outputs=False,
    disable=False,
    dynamic_shapes=True,
    force_parameter_static_shapes=True,
    optimize_ddp=True,
    recompile_limit=8,
    suppress_errors=False,
    verbose=False,
)


def optimize(*args: Any, **kwargs: Any) -> Any:
    """A decorator that gives its function back."""
    return lambda function: function


def disallow_in_graph(fn: Any) -> Any:
    return fn


def graph_break(msg: str = "") -> None:
    """There are no graphs."""


def mark_dynamic(t: Any, index: Any, *args: Any, **kwargs: Any) -> None:
    """Every size may change anyway."""


def maybe_mark_dynamic(t: Any, index: Any) -> None:
    """Every size may change anyway."""


def mark_static(t: Any, index: Any = None) -> None:
    """Every size may change anyway."""


def mark_static_address(t: Any, guard: bool = True) -> None:
    """Nothing is compiled for an address."""


def __getattr__(name: str) -> Any:
    if name == "eval_frame":
        return importlib.import_module(".eval_frame", __name__)
    if name == "OptimizedModule":
        return importlib.import_module(".eval_frame", __name__).OptimizedModule
    raise AttributeError(f"module 'torch._dynamo' has no attribute '{name}' (tinytorch lacks it)")
