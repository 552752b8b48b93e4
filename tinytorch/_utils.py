"""How tensors come back from torch's files: the functions that the pickles inside name (`torch._utils._rebuild_tensor_v2` and so on)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ._core.dispatch import meta_tensor
from ._core.dtypes import dtype
from ._core.lazy import key_for
from ._core.tensor import Tensor, key_of, make
from ._worker_errors import ExceptionWrapper, KeyErrorMessage

_OFFERED = (ExceptionWrapper, KeyErrorMessage)


def _over(storage: Any, offset: int, size: Any, stride: Any, kind: dtype) -> Any:
    """A window of a storage: offset and strides in elements. Raises RuntimeError where it reaches outside."""
    untyped = getattr(storage, "_untyped_storage", storage)
    shape, strides = tuple(size), tuple(stride)
    if untyped._meta:
        return meta_tensor(shape, kind, strides)
    _check_window(untyped.nbytes(), kind.itemsize, offset, shape, strides)
    itemsize = kind.itemsize
    scaled = tuple([step * itemsize for step in strides])
    start = offset * itemsize if 0 not in shape else 0
    array = np.ndarray(shape, kind._numpy, untyped._root, start, scaled)
    return make(Tensor, array, key_of(array))


def _check_window(
    available: int, itemsize: int, offset: int, shape: tuple[int, ...], strides: tuple[int, ...]
) -> None:
    if len(shape) != len(strides):
        raise RuntimeError(f"unequal size length ({len(shape)}) and stride length ({len(strides)})")
    if offset < 0:
        raise RuntimeError(f"Tensor: invalid storage offset {offset}")
    if min(shape, default=0) < 0 or math.prod(shape) >= 2**63:
        raise RuntimeError("numel: integer multiplication overflow")
    if 0 in shape:
        return
    if min(strides, default=0) < 0:
        raise RuntimeError(
            f"Storage size calculation overflowed with sizes={list(shape)} and strides={list(strides)}"
        )
    last = offset + sum((n - 1) * s for n, s in zip(shape, strides))
    if (last + 1) * itemsize > available:
        raise RuntimeError("Trying to resize storage that is not resizable")


def _rebuild_tensor(storage: Any, storage_offset: int, size: Any, stride: Any) -> Any:
    return _over(storage, storage_offset, size, stride, storage.dtype)


def _rebuild_tensor_v2(
    storage: Any,
    storage_offset: int,
    size: Any,
    stride: Any,
    requires_grad: bool,
    backward_hooks: Any,
    metadata: Any = None,
) -> Any:
    tensor = _rebuild_tensor(storage, storage_offset, size, stride)
    tensor._requires_grad = bool(requires_grad)
    if metadata:
        if not isinstance(metadata, dict) or not metadata.keys() <= {"conj", "neg"}:
            raise RuntimeError(f"a tensor of the file is described by unknown metadata: {metadata!r}")
        tensor._key = key_for(tensor._array, bool(metadata.get("conj")), bool(metadata.get("neg")))
    return tensor


def _rebuild_tensor_v3(
    storage: Any,
    storage_offset: int,
    size: Any,
    stride: Any,
    requires_grad: bool,
    backward_hooks: Any,
    dtype: Any,
    metadata: Any = None,
) -> Any:
    tensor = _over(storage, storage_offset, size, stride, dtype)
    tensor._requires_grad = bool(requires_grad)
    return tensor


def _rebuild_meta_tensor_no_storage(dtype: Any, size: Any, stride: Any, requires_grad: bool) -> Any:
    tensor: Any = meta_tensor(tuple(size), dtype, tuple(stride))
    tensor._requires_grad = bool(requires_grad)
    return tensor


def _rebuild_sparse_tensor(layout: Any, data: tuple[Any, ...]) -> Any:
    """A sparse tensor in coordinate format: indices, values, size, and whether it is coalesced.

    Raises RuntimeError for indices outside of the size.
    """
    from ._operators import _sparse_coo

    indices, size = data[0], data[2]
    if (
        isinstance(indices, Tensor)
        and indices.dim() == 2
        and indices.numel()
        and indices.size(0) <= len(size)
    ):
        for dim, (low, high) in enumerate(zip(indices.amin(1).tolist(), indices.amax(1).tolist())):
            if low < 0:
                raise RuntimeError(f"found negative index {low} for dim {dim}")
            if high >= size[dim]:
                raise RuntimeError(
                    f"size is inconsistent with indices: for dim {dim}, size is {size[dim]} but found index {high}"
                )
    return _sparse_coo._rebuild_sparse_tensor(layout, data)


def _rebuild_parameter(data: Any, requires_grad: bool, backward_hooks: Any) -> Any:
    from .nn.parameter import Parameter

    if not isinstance(data, Tensor):
        raise TypeError(f"the file describes a parameter of a {type(data).__name__}")
    return Parameter(data, requires_grad)


def _rebuild_parameter_with_state(data: Any, requires_grad: bool, backward_hooks: Any, state: Any) -> Any:
    return _set_obj_state(_rebuild_parameter(data, requires_grad, backward_hooks), state)


def _rebuild_from_type_v2(func: Any, new_type: type, args: tuple[Any, ...], state: Any) -> Any:
    """A tensor of another class, or with attributes."""
    tensor = func(*args)
    if type(tensor) is not new_type:
        twin = make(new_type, tensor._array, tensor._key)
        twin._requires_grad = tensor._requires_grad
        tensor = twin
    if new_type.__setstate__ is not Tensor.__setstate__:  # type: ignore[attr-defined]
        tensor.__setstate__(state)
        return tensor
    return _set_obj_state(tensor, state)


def _set_obj_state(target: Any, state: Any) -> Any:
    """Give an object the attributes of a pickle: a dict, or a dict and a dict of slots."""
    attributes, slots = state if isinstance(state, tuple) else (state, None)
    if slots and isinstance(target, Tensor):
        raise RuntimeError("the file describes a tensor with slots")
    if attributes:
        target.__dict__.update(attributes)
    for name, value in (slots or {}).items():
        setattr(target, name, value)
    return target


def _flatten_dense_tensors(tensors: Any) -> Any:
    """The elements of all tensors in one dimension, one tensor after the other."""
    import tinytorch as torch

    return torch.cat([tensor.contiguous().view(-1) for tensor in tensors])


def _unflatten_dense_tensors(flat: Any, tensors: Any) -> tuple[Any, ...]:
    """Views of what `_flatten_dense_tensors` gave, in the shapes of `tensors`."""
    sizes = [tensor.numel() for tensor in tensors]
    return tuple(part.view_as(tensor) for part, tensor in zip(flat.split(sizes), tensors))
