"""Storages: the memory under tensors, seen as bytes.

NumPy already knows which memory an array lives in (its chain of `base`s), so a storage is worked out when somebody asks for it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .storages import UntypedStorage, held
from .typed_storages import TypedStorage

__all__ = [
    "Anchor",
    "TypedStorage",
    "UntypedStorage",
    "anchored",
    "bytes_of",
    "offset_of",
    "restride",
    "root_of",
    "span_of",
    "storage_of",
]


class Anchor:
    """Holds memory that came from outside, so that the search for the owner of an array stops at it."""

    __slots__ = ("__array_interface__", "owner")

    def __init__(self, array: np.ndarray) -> None:
        interface = array.__array_interface__
        address, read_only = interface["data"]
        if read_only:  # torch does not know read-only memory: writing to it is the caller's affair
            interface = {**interface, "data": (address, False)}
        self.__array_interface__ = interface
        self.owner = array


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
        self, owner: np.ndarray, shape: tuple[int, ...], strides: tuple[int, ...], offset: int
    ) -> None:
        interface = dict(owner.__array_interface__)
        address, read_only = interface["data"]
        interface.update(shape=shape, strides=strides, data=(address + offset, read_only))
        interface.pop("descr", None)
        self.__array_interface__ = interface
        self.owner = owner


def restride(
    array: np.ndarray, shape: tuple[int, ...], strides: tuple[int, ...], offset: int = 0
) -> np.ndarray:
    """A view of `array`'s memory with other shape and strides (in bytes), `offset` bytes from its first element. Checks nothing."""
    if array.flags.c_contiguous and array.size and offset >= 0:
        try:
            return np.ndarray(shape, array.dtype, array, offset, strides)
        except (ValueError, TypeError):  # reaches outside `array`, though inside its storage
            pass
    window = np.asarray(Window(array, shape, strides, offset))
    return window if window.dtype is array.dtype else window.view(array.dtype)


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
    root = root_of(array)
    return _distance(array, root) if array.size or root.size else 0


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
    if found is None or found._root is not root:
        found = UntypedStorage._over(root, tensor._key._special == "meta")
        held[id(root)] = found
    return found


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
