"""`torch.testing.make_tensor`: tensors of random elements in a range."""

from __future__ import annotations

import math
from typing import Any

from .._core import dtypes
from .._core.tensor import Tensor


def _root() -> Any:
    import importlib

    return importlib.import_module(__name__.partition(".")[0])


def make_tensor(
    *shape: Any,
    dtype: Any,
    device: Any = None,
    low: float | None = None,
    high: float | None = None,
    requires_grad: bool = False,
    noncontiguous: bool = False,
    exclude_zero: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """A tensor whose elements are drawn evenly from [low, high). By default -9 to 9, 0 to 9 for uint8, both values for bool.

    Draws what torch draws. Raises ValueError for empty ranges and for gradients of whole numbers.
    """
    torch = _root()
    size = tuple(shape[0]) if len(shape) == 1 and isinstance(shape[0], tuple | list) else shape
    if requires_grad and not (dtype.is_floating_point or dtype.is_complex):
        raise ValueError(
            f"`requires_grad=True` is not supported for boolean and integral dtypes, but got {dtype=}"
        )
    if noncontiguous and memory_format is not None:
        raise ValueError(
            f"The parameters `noncontiguous` and `memory_format` are mutually exclusive, but got {noncontiguous=} and {memory_format=}"
        )
    place = device if device is not None else "cpu"
    double = noncontiguous and bool(size) and math.prod(size) > 1
    drawn = (*size[:-1], 2 * size[-1]) if double else size  # every other element is used then
    if dtype is dtypes.bool_:
        low, high = _range(low, high, 0, 2, 0, 2, dtype)
        result = torch.randint(math.ceil(low), math.ceil(high), drawn, device=place, dtype=torch.int64).to(
            dtype
        )
    elif dtype in dtypes.FLOAT8:
        raise NotImplementedError(f"make_tensor for {dtype}")
    elif dtype.is_floating_point or dtype.is_complex:
        limits = torch.finfo(dtype)
        low, high = _range(low, high, limits.min, limits.max, -9, 9, dtype)
        result = torch.empty(drawn, device=place, dtype=dtype)
        part = torch.view_as_real(result) if dtype.is_complex else result
        part.uniform_(low, high)
    else:
        whole = torch.iinfo(dtype)
        low, high = _range(
            low,
            high,
            whole.min,
            whole.max + (dtype is not dtypes.int64),
            0 if dtype is dtypes.uint8 else -9,
            10,
            dtype,
        )
        result = torch.randint(math.ceil(low), math.ceil(high), drawn, device=place, dtype=dtype)
    if double:
        result = result[..., 1::2]
    elif memory_format is not None:
        result = result.clone(memory_format=memory_format)
    if exclude_zero:
        tiny = (
            1
            if dtype is dtypes.bool_ or not (dtype.is_floating_point or dtype.is_complex)
            else torch.finfo(dtype).tiny
        )
        result[result == 0] = tiny
    return result.requires_grad_() if requires_grad else result  # type: ignore[no-any-return]


def _range(
    low: Any, high: Any, least: Any, most: Any, default_low: Any, default_high: Any, dtype: Any
) -> tuple[Any, Any]:
    low = default_low if low is None else low
    high = default_high if high is None else high
    if any(isinstance(value, float) and math.isnan(value) for value in (low, high)):
        raise ValueError(f"`low` and `high` cannot be NaN, but got {low=} and {high=}")
    if low >= high:
        raise ValueError(f"`low` must be less than `high`, but got {low} >= {high}")
    if high < least or low > most:
        raise ValueError(
            f"The value interval specified by `low` and `high` is [{low}, {high}), but {dtype} only supports [{least}, {most})"
        )
    return max(low, least), min(high, most)
