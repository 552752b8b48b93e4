"""Kinds of element types, as the numerical kernels ask for them, on top of the names in scalar_types."""

from __future__ import annotations

from typing import NoReturn

import numpy as np

from tinytorch._kernels import scalar_types
from tinytorch._kernels.scalar_types import c_type_name as type_name
from tinytorch._kernels.scalar_types import scalar_type_name as scalar_name

__all__ = ["is_float", "is_low_precision", "not_implemented", "scalar_name", "type_name", "widen"]


def not_implemented(kernel: str, dtype: np.dtype) -> NoReturn:
    """Raise torch's refusal of an element type."""
    raise scalar_types.not_implemented(kernel, dtype)


def is_low_precision(dtype: np.dtype) -> bool:
    """float16 and bfloat16: the types whose arithmetic is done in float32."""
    return dtype.itemsize == 2 and dtype.kind in "fV" and dtype.name in ("float16", "bfloat16")


def is_float(dtype: np.dtype) -> bool:
    """Real floating point, low precision included."""
    return dtype.kind == "f" or dtype.name == "bfloat16"


def widen(array: np.ndarray) -> np.ndarray:
    """The array in float32 where it is float16 or bfloat16, itself otherwise."""
    return array.astype(np.float32) if is_low_precision(array.dtype) else array
