"""Storages: the memory under tensors, seen as bytes.

NumPy already knows which memory an array lives in (its chain of `base`s), so a storage is worked out when somebody asks for it.
"""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np

from . import dtypes
from .device import device_of


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

    def __init__(self, owner: np.ndarray, shape: tuple[int, ...], strides: tuple[int, ...], offset: int) -> None:
        interface = dict(owner.__array_interface__)
        address, read_only = interface["data"]
        interface.update(shape=shape, strides=strides, data=(address + offset, read_only))
        interface.pop("descr", None)
        self.__array_interface__ = interface
        self.owner = owner


def restride(array: np.ndarray, shape: tuple[int, ...], strides: tuple[int, ...], offset: int = 0) -> np.ndarray:
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
    if tensor._key.special == "meta":
        base = tensor._base
        return 0 if base is None else _distance(array, base._array)
    root = root_of(array)
    return _distance(array, root) if array.size or root.size else 0


def _distance(array: np.ndarray, root: np.ndarray) -> int:
    first: int = array.__array_interface__["data"][0]
    start: int = root.__array_interface__["data"][0]
    return (first - start) // array.itemsize


_storages: weakref.WeakValueDictionary[int, UntypedStorage] = weakref.WeakValueDictionary()


def storage_of(tensor: Any) -> UntypedStorage:
    """The storage of `tensor`: one object per memory while anybody holds it."""
    if tensor._key.special == "batched":
        raise NotImplementedError("Cannot access storage of BatchedTensorImpl")
    root = root_of(tensor._array)
    found = _storages.get(id(root))
    if found is None or found._root is not root:
        found = UntypedStorage._over(root, tensor._key.special == "meta")
        _storages[id(root)] = found
    return found


def bytes_of(root: np.ndarray) -> np.ndarray:
    """The memory of a dense array as one dimension of bytes, shared."""
    span = _span(root)
    return np.ndarray((span,), np.uint8, memoryview_of(root, span)) if span else np.empty(0, np.uint8)


def _span(root: np.ndarray) -> int:
    if not root.size:
        return 0
    return sum((size - 1) * stride for size, stride in zip(root.shape, root.strides, strict=True)) + root.itemsize


class _Bytes:
    __slots__ = ("__array_interface__", "owner")

    def __init__(self, root: np.ndarray, span: int) -> None:
        interface = dict(root.__array_interface__)
        interface.update(shape=(span,), typestr="|u1", descr=[("", "|u1")], strides=None)
        self.__array_interface__ = interface
        self.owner = root


def memoryview_of(root: np.ndarray, span: int) -> np.ndarray:
    return np.asarray(_Bytes(root, span))


class UntypedStorage:
    """torch.UntypedStorage: a run of bytes shared by every tensor over it."""

    __module__ = "torch.storage"
    is_cuda = False
    is_sparse = False

    def __init__(self, *args: Any, device: Any = "cpu") -> None:
        size = args[0] if args else 0
        if isinstance(size, int):
            self._root = np.zeros(size, np.uint8)
        else:
            self._root = np.array(list(size), np.uint8)
        self._meta = False
        _storages[id(self._root)] = self

    @classmethod
    def _over(cls, root: np.ndarray, meta: bool) -> UntypedStorage:
        self = object.__new__(cls)
        self._root = root
        self._meta = meta
        return self

    @property
    def _bytes(self) -> np.ndarray:
        return bytes_of(self._root)

    @property
    def device(self) -> Any:
        return device_of("meta" if self._meta else "cpu")

    def data_ptr(self) -> int:
        address: int = self._root.__array_interface__["data"][0] if self._root.size and not self._meta else 0
        return address

    def nbytes(self) -> int:
        return _span(self._root)

    size = __len__ = nbytes

    def element_size(self) -> int:
        return 1

    def __getitem__(self, index: Any) -> Any:
        picked = self._bytes[index]
        return int(picked) if np.ndim(picked) == 0 else UntypedStorage._over(picked, False)

    def __setitem__(self, index: Any, value: Any) -> None:
        self._bytes[index] = value

    def fill_(self, value: int) -> UntypedStorage:
        self._bytes[...] = value
        return self

    def copy_(self, source: UntypedStorage, non_blocking: Any = None) -> UntypedStorage:
        self._bytes[...] = source._bytes
        return self

    def clone(self) -> UntypedStorage:
        return UntypedStorage._over(self._bytes.copy(), False)

    def tolist(self) -> list[int]:
        listed: list[int] = self._bytes.tolist()
        return listed

    def cpu(self) -> UntypedStorage:
        return self

    def is_shared(self) -> bool:
        return False

    def resize_(self, size: int) -> None:
        raise NotImplementedError("UntypedStorage.resize_")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, UntypedStorage) and self._root is other._root

    def __hash__(self) -> int:
        return id(self._root)

    def __repr__(self) -> str:
        body = "\n".join(f" {byte}" for byte in self._bytes)
        return f"{body}\n[torch.storage.UntypedStorage(device={self.device}) of size {self.nbytes()}]"


class TypedStorage:
    """torch.TypedStorage: the deprecated storage with an element type."""

    __module__ = "torch.storage"

    def __init__(self, *args: Any, wrap_storage: UntypedStorage, dtype: dtypes.dtype) -> None:
        self._untyped_storage = wrap_storage
        self.dtype = dtype

    def untyped(self) -> UntypedStorage:
        return self._untyped_storage

    def _elements(self) -> np.ndarray:
        return self._untyped_storage._bytes.view(self.dtype.numpy)

    def data_ptr(self) -> int:
        return self._untyped_storage.data_ptr()

    def nbytes(self) -> int:
        return self._untyped_storage.nbytes()

    def size(self) -> int:
        return self._untyped_storage.nbytes() // self.dtype.itemsize

    __len__ = size

    def element_size(self) -> int:
        return self.dtype.itemsize

    def tolist(self) -> list[Any]:
        listed: list[Any] = self._elements().tolist()
        return listed

    def __getitem__(self, index: int) -> Any:
        return self._elements()[index].item()
