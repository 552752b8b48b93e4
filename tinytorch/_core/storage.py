"""Storages: the memory under tensors, seen as bytes.

NumPy already knows which memory an array lives in (its chain of `base`s), so a storage is worked out when somebody asks for it.
"""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np

from . import layout
from .storages import UntypedStorage, held
from .typed_storages import TypedStorage

__all__ = [
    "Anchor",
    "TypedStorage",
    "UntypedStorage",
    "anchored",
    "bytes_of",
    "copy_with_gaps",
    "offset_of",
    "restride",
    "root_of",
    "span_of",
    "storage_of",
]


class Anchor:
    """Holds memory that came from outside, so that the search for the owner of an array stops at it."""

    __slots__ = ("__array_interface__", "owner", "storage")

    def __init__(self, array: np.ndarray, storage: Any = None) -> None:
        interface = array.__array_interface__
        address, read_only = interface["data"]
        interface["strides"] = (
            array.strides
        )  # which NumPy leaves out, and works out anew, where they do not matter
        if read_only:  # torch does not know read-only memory: writing to it is the caller's affair
            interface["data"] = (address, False)
        self.__array_interface__ = interface
        self.owner = array
        self.storage = storage


def anchored(array: np.ndarray) -> np.ndarray:
    """`array` again, as memory whose storage begins at its first element."""
    kind = array.dtype
    if kind.kind == "V":  # types NumPy knows only as extensions travel as bits
        bits = anchored(array.view(f"u{kind.itemsize}"))
        return bits.view(kind)
    return np.asarray(Anchor(array))


class Window:
    """An arbitrary strided view of another array's memory, bounds already checked, as an array interface."""

    __slots__ = ("__array_interface__", "owner")

    def __init__(
        self,
        owner: np.ndarray,
        shape: tuple[int, ...],
        strides: tuple[int, ...],
        offset: int,
        kind: str | None = None,
    ) -> None:
        interface = dict(owner.__array_interface__)
        address, read_only = interface["data"]
        if kind is not None:
            interface["typestr"] = kind
        interface.update(shape=shape, strides=strides, data=(address + offset, read_only))
        interface.pop("descr", None)
        self.__array_interface__ = interface
        self.owner = owner


def restride(
    array: np.ndarray, shape: tuple[int, ...], strides: tuple[int, ...], offset: int = 0
) -> np.ndarray:
    """A view of `array`'s memory with other shape and strides (in bytes), `offset` bytes from its first element. Checks nothing."""
    if array.flags.c_contiguous and array.size and offset >= 0 and 0 not in shape:
        try:
            return np.ndarray(shape, array.dtype, array, offset, strides)
        except (ValueError, TypeError):  # reaches outside `array`, though inside its storage
            pass
    kind = (
        None if array.dtype.isbuiltin == 1 else f"|V{array.itemsize}"
    )  # of an extension NumPy knows no text
    window = np.asarray(Window(array, shape, strides, offset, kind))
    return window if window.dtype is array.dtype else window.view(array.dtype)


def cut(array: np.ndarray, dim: int, start: int, shape: tuple[int, ...], step: int | None) -> np.ndarray:
    """The view without elements, of the given shape, that begins at index `start` of one dimension, which is left out if `step` is None.

    NumPy forgets where an empty view begins and what its strides are; torch shows both.
    """
    strides = [stride * array.itemsize for stride in layout.element_strides(array)]
    offset = start * strides[dim]
    if step is None:
        del strides[dim]
    else:
        strides[dim] *= step
    return restride(array, shape, tuple(strides), offset)


def copy_with_gaps(array: np.ndarray, start: int = 0) -> np.ndarray:
    """A fresh copy with the very strides of `array`, gaps and `start` elements before the first included; in `torch.preserve_format`
    where an expanded dimension makes elements share their place."""
    if any(step == 0 and size > 1 for size, step in zip(array.shape, array.strides, strict=True)):
        return layout.copy(array)
    memory = np.zeros(start + max(span_of(array) // array.itemsize, 1), array.dtype)
    out = restride(memory, array.shape, array.strides, start * array.itemsize)
    out[...] = array
    return out


def root_of(array: np.ndarray) -> np.ndarray:
    """The array that owns (or was given) the memory of `array`."""
    while True:
        base = array.base
        if isinstance(base, np.ndarray):
            array = base
        elif isinstance(base, Window):
            array = base.owner
        else:
            return array


def offset_of(tensor: Any) -> int:
    """Elements from the start of the tensor's storage to its first element."""
    array = tensor._array
    if tensor._key._special == "meta":
        base = tensor._base
        return 0 if base is None else _distance(array, base._array)
    return _distance(array, root_of(array))


def offset_of_array(array: np.ndarray) -> int:
    """Elements from the start of the memory that `array` looks into to its first element."""
    return _distance(array, root_of(array))


def _distance(array: np.ndarray, root: np.ndarray) -> int:
    first: int = array.__array_interface__["data"][0]
    start: int = root.__array_interface__["data"][0]
    return (first - start) // array.itemsize


def storage_of(tensor: Any) -> UntypedStorage:
    """The storage of `tensor`: one object per memory while anybody holds it."""
    if tensor._key._special == "batched":
        raise NotImplementedError("Cannot access storage of BatchedTensorImpl")
    root = root_of(tensor._array)
    found = held.get(id(root))
    if found is None or not covers(found, root):
        found = UntypedStorage._over(root, tensor._key._special == "meta")
        held[id(root)] = found
    return found


def covers(storage: UntypedStorage, root: np.ndarray) -> bool:
    """Whether `root` is a storage's memory, or stands in for memory that the storage no longer has."""
    return storage._root is root or any(stand_in() is root for stand_in in storage._stand_ins)


def move_storage(storage: UntypedStorage, size: int) -> None:
    """Give a storage other memory of `size` bytes, and let every tensor over it look there.

    A tensor that reaches beyond the new end keeps elements of its own until the storage has grown again. torch leaves such a tensor
    without memory.
    """
    octets = np.empty(size, np.uint8)
    common = min(size, storage.nbytes())
    octets[:common] = bytes_of(storage._root)[:common]
    replace_memory(storage, octets)


def replace_memory(storage: UntypedStorage, octets: np.ndarray) -> None:
    """Let a storage and every tensor over it look at other bytes, (n,) uint8; see `move_storage`. Arrays of NumPy's stay where they are."""
    import gc

    from .tensor import Tensor, set_array

    size = octets.size
    for tensor in [item for item in gc.get_objects() if issubclass(type(item), Tensor)]:
        array = getattr(tensor, "_array", None)
        if array is None or tensor._key._special not in (None, "strided"):
            continue
        root = root_of(array)
        if not covers(storage, root):
            continue
        start = _address(array) - _address(root) if array.size else 0
        target = octets
        if start + span_of(array) > size:
            stand_in = np.zeros(start + span_of(array), np.uint8)
            kept = bytes_of(root)[: stand_in.size]
            stand_in[: kept.size] = kept
            anchor = Anchor(stand_in, storage)
            target = np.asarray(anchor)
            storage._stand_ins.append(weakref.ref(target))
            held[id(target)] = storage
        moved = np.asarray(Window(target, array.shape, array.strides, start, f"|V{array.itemsize}"))
        set_array(tensor, moved.view(array.dtype))
    held.pop(id(storage._root), None)
    storage._root = octets
    held[id(octets)] = storage


def _address(array: np.ndarray) -> int:
    address: int = array.__array_interface__["data"][0]
    return address


def bytes_of(root: np.ndarray) -> np.ndarray:
    """The memory of a dense array as one dimension of bytes, shared."""
    span = span_of(root)
    return np.ndarray((span,), np.uint8, memoryview_of(root, span)) if span else np.empty(0, np.uint8)


def span_of(root: np.ndarray) -> int:
    if not root.size:
        return 0
    reach: int = sum((size - 1) * stride for size, stride in zip(root.shape, root.strides, strict=True))
    return reach + root.itemsize


class _Bytes:
    __slots__ = ("__array_interface__", "owner")

    def __init__(self, root: np.ndarray, span: int) -> None:
        interface = dict(root.__array_interface__)
        interface.update(shape=(span,), typestr="|u1", descr=[("", "|u1")], strides=None)
        self.__array_interface__ = interface
        self.owner = root


def memoryview_of(root: np.ndarray, span: int) -> np.ndarray:
    return np.asarray(_Bytes(root, span))
