"""Changing a tensor's own shape and strides, or the memory it looks at: `squeeze_`, `t_`, `resize_`, `set_` and their like."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import dispatch, layout, mutation
from .declare import Operator
from .modes import modes
from .sampling import NATIVE_NAMES
from .storage import Anchor, UntypedStorage, restride, root_of
from .tensor import Tensor, key_of, make, set_array


def restructure(operator: Operator, args: tuple[Any, ...]) -> Any:
    """The in-place form of a view operator: `args[0]` itself becomes the view. Nothing changes if the view is impossible."""
    self = args[0]
    mutation.check_writable(self)
    if "inplace_check" in operator.options:
        operator.options["inplace_check"](*args)
    if self._key._special not in (None, "strided", "meta"):
        result = operator.call(*args)  # under a transformation
        self._array, self._key, self._edge = result._array, result._key, result._edge
        mutation.bump(self)
        return self
    array = operator.kernel(*dispatch._kernel_arguments(operator, args, False))
    before = mutation.stand_in(self, False) if modes.grad else None
    meta = self._key._special == "meta"
    set_array(self, array)
    if meta:
        self._key = self._key._dtype._meta
    mutation.bump(self)
    if self._base is not None and before is not None:
        self._origin = self._counter[0]  # without recording the history is derived anew, with this geometry
    if before is not None and before._requires_grad:
        probe = make(Tensor, array, key_of(array))
        operator.compiled.record(probe, before, *args[1:])
        node = probe._edge
        name = operator.options.get("inplace_node")
        if name is not None:
            mutation.renamed(node, name)
        self._edge = node
    return self


def resize(self: Any, size: tuple[int, ...], strides: tuple[int, ...] | None = None) -> Any:
    """Give `self` another size over the same storage, which grows if it must.

    Raises RuntimeError for tensors that require grad and for storages that cannot grow (those shared with NumPy).
    """
    if self.requires_grad:
        raise RuntimeError("cannot resize variables that require grad")
    if any(length < 0 for length in size):
        raise RuntimeError(
            f"Trying to create tensor with negative dimension {next(n for n in size if n < 0)}: {list(size)}"
        )
    array = self._array
    if array.shape != size:
        strides = layout.contiguous_strides(size) if strides is None else strides
        if self._key._special == "meta":
            scaled = tuple([step * array.itemsize for step in strides])
            self._array = layout.phantom(self._key._dtype._zero, size, scaled)
        else:
            set_array(self, window(array, size, strides))
        mutation.bump(self)
    return self


def window(array: np.ndarray, size: tuple[int, ...], strides: tuple[int, ...]) -> np.ndarray:
    """An array of the given size over `array`'s storage from its first element on; in grown memory if that is too short."""
    root = root_of(array)
    itemsize = array.itemsize
    start = array.__array_interface__["data"][0] - root.__array_interface__["data"][0] if root.size else 0
    span = (
        0 if 0 in size else 1 + sum((length - 1) * step for length, step in zip(size, strides, strict=True))
    )
    scaled = tuple([step * itemsize for step in strides])
    if start + span * itemsize <= root.nbytes:
        return restride(array, size, scaled)
    if isinstance(root.base, Anchor):
        raise RuntimeError("Trying to resize storage that is not resizable")
    grown = np.empty(start // itemsize + span, array.dtype)
    held = root.reshape(-1, order="A") if root.dtype == array.dtype else None
    if held is not None:
        grown[: held.size] = held
    return np.ndarray(size, array.dtype, grown, start, scaled)


def _native_name(tensor: Any) -> str:
    """The name of the element type in C++."""
    name = tensor._key._dtype._name
    return str(NATIVE_NAMES.get(name, name))


def set_source(
    self: Any, source: Any = None, storage_offset: int = 0, size: Any = None, stride: Any = None
) -> Any:
    """`Tensor.set_`: look at another tensor's or storage's memory."""
    if isinstance(source, Tensor) and source._key._dtype is not self._key._dtype:
        raise RuntimeError(
            f"Could not set tensor of type {_native_name(source)} to a tensor of type {_native_name(self)}"
        )
    mutation.check_writable(self)
    edges = mutation.edges_of((self, source if isinstance(source, Tensor) and size is None else None))
    if source is None:
        set_array(self, np.empty(0, self._array.dtype))
    elif isinstance(source, Tensor):
        array = source._array
        if size is not None:
            strides = layout.contiguous_strides(tuple(size)) if stride is None else tuple(stride)
            moved = restride(
                root_of(array),
                tuple(size),
                tuple([s * array.itemsize for s in strides]),
                storage_offset * array.itemsize,
            )
            array = moved
        set_array(self, array)
    else:
        storage: UntypedStorage = getattr(source, "_untyped_storage", source)
        kind = self._key._dtype._numpy
        length = storage.nbytes() // kind.itemsize
        shape = (length,) if size is None else tuple(size)
        strides = layout.contiguous_strides(shape) if stride is None else tuple(stride)
        if shape and 0 not in shape:
            last = storage_offset + sum(
                (extent - 1) * step for extent, step in zip(shape, strides, strict=True)
            )
            if last >= length or storage_offset < 0:
                raise NotImplementedError(
                    f"set_ to {last + 1} elements of a storage that holds {length}: growing a storage is not implemented"
                )
        root = storage._root if storage._root.dtype == kind else storage._bytes.view(kind)
        set_array(
            self,
            restride(
                root, shape, tuple([s * kind.itemsize for s in strides]), storage_offset * kind.itemsize
            ),
        )
    mutation.bump(self)
    if edges and modes.grad:
        mutation.rebase(self, mutation.dead_end(edges, self, "set_"))
    return self
