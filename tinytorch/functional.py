"""torch.functional: functions that torch writes in Python over its operators.

They live in the files of the operators they are made of (each file's `FUNCTIONS`); here they are published.
"""

from __future__ import annotations

from typing import Any

from ._core import layout
from ._core.size import Size
from ._operators import FUNCTIONS as _FUNCTIONS

__all__ = ["atleast_1d", "atleast_2d", "atleast_3d", "block_diag", "broadcast_shapes", "broadcast_tensors", "cartesian_prod",
           "cdist", "chain_matmul", "einsum", "istft", "lu", "meshgrid", "norm", "split", "stft", "tensordot", "unique",
           "unique_consecutive", "unravel_index"]  # fmt: skip


def broadcast_shapes(*shapes: Any) -> Size:
    """The shape that tensors of the given shapes (or sizes) broadcast to. Raises RuntimeError if there is none."""
    whole = [(shape,) if isinstance(shape, int) else tuple(shape) for shape in shapes]
    for shape in whole:
        for size in shape:
            if size < 0:
                raise RuntimeError(f"Trying to create tensor with negative dimension ({size}): ({size})")
    try:
        return Size(layout.broadcast_shapes(*whole))
    except RuntimeError:
        raise RuntimeError("Shape mismatch: objects cannot be broadcast to a single shape") from None


def __getattr__(name: str) -> Any:
    found = _FUNCTIONS.get(name) if name in __all__ else None
    if found is None:
        import tinytorch

        if name in __all__ and not name.startswith("_"):
            from ._core.front import function_of

            found = function_of(name)
        del tinytorch
    if found is None:
        raise AttributeError(f"module 'torch.functional' has no attribute '{name}' (tinytorch lacks it)")
    globals()[name] = found
    return found
