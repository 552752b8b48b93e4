"""What other layouts have, asked of strided tensors; filling diagonals; Python functions over elements."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .._core.declare import composite
from .._core.sealed import type_name
from .._core.tensor import Tensor

# Other layouts --------------------------------------------------------------------------------------------------------------------


def _of_layout(name: str, layout: str) -> Callable[[Any], Any]:
    def method(self: Any) -> Any:
        raise RuntimeError(f"{name} expected {layout} layout but got Strided")

    method.__doc__ = f"Raises RuntimeError: a strided tensor has no {name.removeprefix('is_')}."
    return method


_COORDINATES = "sparse coordinate tensor"
_OF_LAYOUTS = {
    "values": "sparse tensor",
    "indices": _COORDINATES,
    "coalesce": _COORDINATES,
    "is_coalesced": _COORDINATES,
    "crow_indices": "sparse row compressed tensor",
    "col_indices": "sparse row compressed tensor",
    "ccol_indices": "sparse column compressed tensor",
    "row_indices": "sparse column compressed tensor",
}


def is_distributed(self: Any) -> bool:
    """False: no tensor is."""
    return False


# Diagonals ------------------------------------------------------------------------------------------------------------------------


def _fill_diagonal(self: Any, fill_value: Any, wrap: bool = False) -> Any:
    sizes, strides = self.shape, self.stride()
    if len(sizes) < 2:
        raise RuntimeError("dimensions must larger than 1")
    if len(sizes) > 2 and len(set(sizes)) > 1:
        raise RuntimeError("all dimensions of input must be of equal length")
    rows, columns = sizes[0], sizes[1]
    step = sum(strides)
    if step:
        self.as_strided((min(sizes),), (step,), self.storage_offset()).fill_(fill_value)
    if wrap and len(sizes) == 2 and rows > columns + 1:
        # The diagonal goes on a row below where it left the matrix.
        first = (columns + 1) * strides[0]
        count = (rows * columns - (columns + 1) * columns + columns) // (columns + 1)
        self.as_strided((count,), (step,), self.storage_offset() + first).fill_(fill_value)
    return self


composite(
    "fill_diagonal(Tensor self, Scalar fill_value, bool wrap=False) -> Tensor",
    lambda self, fill_value, wrap=False: _fill_diagonal(self.clone(), fill_value, wrap),
    out=False,
    method=False,
    function=False,
    inplace=True,
    inplace_method=True,
    inplace_rule=_fill_diagonal,
)


# Python functions over elements ---------------------------------------------------------------------------------------------------


def _each(self: Any, name: str, others: tuple[Any, ...], function: Callable[..., Any]) -> Any:
    """Replace each element by a function of it and the elements of other tensors, in row-major order; not recorded."""
    for position, other in enumerate(others, 1):
        if not isinstance(other, Tensor):
            which = "other" if len(others) == 1 else "xy"[position - 1]
            raise TypeError(
                f"{name}(): argument '{which}' (position {position}) must be Tensor, not {type_name(other)}"
            )
    if self.requires_grad or any(other.requires_grad for other in others):
        raise RuntimeError(
            f"Can't call {name}() on Variable that requires grad. Use var.detach().{name}() instead."
        )
    for position, other in enumerate(others):
        if other.dtype is not self.dtype:
            which = "'other'" if len(others) == 1 else f"argument '{'xy'[position]}'"
            raise TypeError(f"{name}: expected {self.type()} for {which} (got {other.type()})")
    array = self._array
    arrays = [array]
    for other in others:
        arrays.append(other.expand(self.shape)._array)
    convert = int if self.dtype._category in ("int", "bool") else complex if self.is_complex() else float
    for place in np.ndindex(array.shape):
        array[place] = convert(function(*[one[place].item() for one in arrays]))
    return self


def apply_(self: Any, callable: Callable[[Any], Any]) -> Any:
    """Replace each element x by callable(x). Slow, and not recorded for gradients."""
    return _each(self, "apply_", (), callable)


def map_(self: Any, tensor: Any, callable: Callable[[Any, Any], Any]) -> Any:
    """Replace each element x by callable(x, y), with y of another tensor, which is expanded. Slow, and not recorded for gradients."""
    return _each(self, "map_", (tensor,), callable)


def map2_(self: Any, x: Any, y: Any, callable: Callable[[Any, Any, Any], Any]) -> Any:
    """Replace each element by a function of it and of those of two other tensors. Slow, and not recorded for gradients."""
    return _each(self, "map2_", (x, y), callable)


METHODS: dict[str, Callable[..., Any]] = {
    **{name: _of_layout(name, layout) for name, layout in _OF_LAYOUTS.items()},
    "is_distributed": is_distributed,
    "apply_": apply_,
    "map_": map_,
    "map2_": map2_,
}
