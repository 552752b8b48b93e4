"""torch.fx: programs as graphs of calls, which are not implemented. Libraries ask whether something is a proxy or a graph: nothing is."""

from __future__ import annotations

from typing import Any

from .._absent import absent

_NAMES = absent(
    "torch.fx",
    "graphs of calls",
    classes="CodeGen Graph GraphModule Interpreter Node Proxy Tracer Transformer",
    functions="replace_pattern symbolic_trace",
)
globals().update(_NAMES)
__all__ = [*_NAMES, "wrap"]


def wrap(fn_or_name: Any) -> Any:
    """Marks a function that tracing does not look into: gives it back."""
    return fn_or_name
