"""The `_copy` forms of views, each declared from the view it copies, and views written back into a copy of their base."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinytorch._core.declare import find, op
from tinytorch._core.dispatch import wrap_dim
from tinytorch._core.storage import copy_with_gaps, offset_of_array, root_of
from tinytorch._kernels.linalg import row_major
from tinytorch._operators import view_parts, views  # noqa: F401  (declare the views)

_COPIED = (
    ("alias", ""), ("as_strided", ""), ("diagonal", ""), ("expand", ""), ("permute", ""), ("select", "int"), ("slice", "Tensor"),
    ("split", "Tensor"), ("split_with_sizes", ""), ("squeeze", ""), ("squeeze", "dim"), ("squeeze", "dims"), ("t", ""),
    ("transpose", "int"), ("unbind", "int"), ("unfold", ""), ("unsqueeze", ""), ("view", ""), ("view", "dtype"), ("view_as_complex", ""),
    ("view_as_real", ""), ("detach", ""),
)  # fmt: skip


def _copying(kernel: Callable[..., Any], any_memory: bool) -> Callable[..., Any]:
    """A kernel that copies what a view shows; one that takes `any_memory` does so where there is no such view, too."""

    def copied(self: Any, *arguments: Any) -> Any:
        result = kernel(row_major(self) if any_memory else self, *arguments)
        return (
            tuple(row_major(part) for part in result)
            if isinstance(result, tuple | list)
            else row_major(result)
        )

    return copied


def _declare() -> None:
    from tinytorch._core.declare import registry

    for name, overload in _COPIED:
        if f"{name}_copy" in registry and any(o.overload == overload for o in registry[f"{name}_copy"]):
            continue
        found = [o for o in registry.get(name, ()) if o.overload == overload and o.family == "view"]
        if not found:
            continue
        source = found[0]
        text = source.text.replace(name, f"{name}_copy", 1)
        for mark in ("(a -> *)", "(a!)", "(a)"):
            text = text.replace(mark, "")
        options = {"wrap": source.options["wrap"]} if "wrap" in source.options else {}
        declared = op(
            text,
            _copying(source.kernel, (name, overload) == ("view", "")),
            node=f"{source.node_name}_copy",
            method=False,
            **options,
        )
        if source.formulas:
            declared.vjp(**source.formulas)


_declare()


def _narrow_copy(self: np.ndarray, dim: int, start: int, length: int) -> np.ndarray:
    if not self.ndim:
        raise RuntimeError("narrow() cannot be applied to a 0-dim tensor.")
    if dim >= self.ndim:
        raise RuntimeError(
            "Expected dim < static_cast<int64_t>(self_sizes.size()) to be true, but got false.  (Could this error message be improved?  "
            "If so, please report an enhancement request to PyTorch.)"
        )
    dim = wrap_dim(dim, self.ndim)
    size = self.shape[dim]
    if not -size <= start <= size:
        raise IndexError(
            f"start out of range (expected to be in range of [-{size}, {size}], but got {start})"
        )
    if start < 0:
        start += size
    if length < 0 or start > size - length:
        raise RuntimeError(f"start ({start}) + length ({length}) exceeds dimension size ({size}).")
    return row_major(self[(slice(None),) * dim + (slice(start, start + length),)])


narrow_copy = op("narrow_copy(Tensor self, int dim, SymInt start, SymInt length) -> Tensor", _narrow_copy)


def _narrow_vjp(grad: Any, self_shape: Any, dim: int, start: int, length: int) -> Any:
    size = self_shape[dim]
    begin = start + size if start < 0 else start
    return find("slice_backward").call(grad, list(self_shape), dim, begin, begin + length, 1)


narrow_copy.vjp(
    self=lambda grad, self_shape, dim, start, length: _narrow_vjp(grad, self_shape, dim, start, length)
)


def _as_strided_scatter(
    self: np.ndarray, src: np.ndarray, size: Any, stride: Any, storage_offset: int | None
) -> np.ndarray:
    start = offset_of_array(self)
    out = copy_with_gaps(self, start)
    flat = root_of(out).reshape(-1)
    offset = start if storage_offset is None else storage_offset
    if min(stride, default=0) < 0:
        raise RuntimeError(
            f"as_strided: Negative strides are not supported at the moment, got strides: {list(stride)}"
        )
    span = 0 if 0 in size else 1 + sum((n - 1) * s for n, s in zip(size, stride, strict=True))
    if span and (offset < 0 or offset + span > flat.size):  # NumPy would write beyond the array
        raise RuntimeError(
            f"setStorage: sizes {list(size)}, strides {list(stride)}, storage offset {offset}, and itemsize {out.itemsize} requiring a "
            f"storage size of {(offset + span) * out.itemsize} are out of bounds for storage of size {flat.nbytes}"
        )
    window = np.lib.stride_tricks.as_strided(
        flat[offset:], tuple(size), tuple(s * out.itemsize for s in stride)
    )
    if tuple(src.shape) != tuple(size):
        raise RuntimeError(
            f"expected src to have a size equal to the slice of self. src size = {list(src.shape)}, slice size = {list(size)}"
        )
    window[...] = src
    return out


as_strided_scatter = op(
    "as_strided_scatter(Tensor self, Tensor src, SymInt[] size, SymInt[] stride, SymInt? storage_offset=None) -> Tensor",
    _as_strided_scatter,
    out=False,
)
as_strided_scatter.vjp(  # torch keeps the cotangent of self where src was written, and drops it elsewhere
    self=lambda grad, size, stride, storage_offset: as_strided_scatter(
        grad.new_zeros(grad.shape),
        grad.contiguous().as_strided(size, stride, storage_offset),
        size,
        stride,
        storage_offset,
    ),
    src=lambda grad, size, stride, storage_offset: grad.contiguous().as_strided(size, stride, storage_offset),
)
