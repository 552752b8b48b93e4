"""`torch.UntypedStorage` and `torch.TypedStorage`: the memory under tensors as objects of their own."""

from __future__ import annotations

import warnings
import weakref
from typing import Any, NoReturn

import numpy as np

from . import dtypes
from .device import device, device_of, refuse_transfer
from .sealed import type_name

#: The storage objects that somebody holds, by the identity of the array that owns the memory.
held: weakref.WeakValueDictionary[int, UntypedStorage] = weakref.WeakValueDictionary()

_CONVERSIONS = {
    "bfloat16": dtypes.bfloat16,
    "bool": dtypes.bool_,
    "byte": dtypes.uint8,
    "char": dtypes.int8,
    "complex_double": dtypes.complex128,
    "complex_float": dtypes.complex64,
    "double": dtypes.float64,
    "float": dtypes.float32,
    "half": dtypes.float16,
    "int": dtypes.int32,
    "long": dtypes.int64,
    "short": dtypes.int16,
}
#: Names of the legacy storage types by element type.
LEGACY_NAMES = {
    kind: "".join(word.title() for word in name.split("_")).replace("Bfloat", "BFloat") + "Storage"
    for name, kind in _CONVERSIONS.items()
}


class _StorageBase:
    """What both kinds of storages say of themselves."""

    __module__ = "torch.storage"
    __slots__ = ()

    is_cuda = is_hpu = is_sparse = False
    filename: str | None = None

    def is_shared(self) -> bool:
        from .shared import block_of

        return block_of(self.untyped()._root) is not None

    def untyped(self) -> Any:
        raise NotImplementedError

    def is_pinned(self, device: Any = "cuda") -> bool:
        return False

    def resizable(self) -> bool:
        return True

    def get_device(self) -> None:
        """Only accelerators number their devices."""

    def share_memory_(self) -> Any:
        """Move the storage, and every tensor over it, to memory that other processes see."""
        from .shared import share_storage

        storage = self.untyped()
        if storage.nbytes() and not storage._meta and not self.is_shared():
            share_storage(storage)
        return self

    def cuda(self, device: Any = None, non_blocking: bool = False) -> NoReturn:
        refuse_transfer(device_of("cuda"))

    def pin_memory(self, device: Any = "cuda") -> NoReturn:
        raise RuntimeError("Cannot access accelerator device when none is available.")


class UntypedStorage(_StorageBase):
    """torch.UntypedStorage: a run of bytes shared by every tensor over it."""

    __module__ = "torch.storage"
    is_sparse_csr = False

    def __init__(self, *args: Any, device: Any = "cpu") -> None:
        """UntypedStorage(), UntypedStorage(size), UntypedStorage(sequence of bytes). Raises RuntimeError for other items."""
        given = args[0] if args else 0
        place = _place(device)
        if isinstance(given, int):
            if given < 0:
                raise RuntimeError(f"Storage size must not be negative, got {given}")
            self._root = np.zeros(given if place != "meta" else 0, np.uint8)
            if place == "meta":
                self._root = np.broadcast_to(np.zeros(1, np.uint8), (given,))
        else:
            items = list(given)
            for item in items:
                if not isinstance(item, int):
                    raise RuntimeError(
                        f"torch.UntypedStorage(): tried to construct a storage from a sequence ({type_name(given)}), but one of the items "
                        f"was of type {type_name(item)} instead of int"
                    )
            self._root = np.array([item % 256 for item in items], np.uint8)
        self._meta = place == "meta"
        self._stand_ins: list[weakref.ref[np.ndarray]] = []
        held[id(self._root)] = self

    @classmethod
    def _over(cls, root: np.ndarray, meta: bool) -> UntypedStorage:
        self = object.__new__(cls)
        self._root = root
        self._meta = meta
        self._stand_ins = []
        return self

    @classmethod
    def from_buffer(
        cls,
        buffer: Any,
        byte_order: str | None = None,
        count: int = -1,
        offset: int = 0,
        *,
        dtype: dtypes.dtype,
    ) -> UntypedStorage:
        """A storage with a copy of a buffer's bytes, whose elements of `dtype` are in the given byte order ("little", "big", "native")."""
        size = dtype.itemsize
        octets = np.frombuffer(buffer, np.uint8)[offset:]
        if size > 1 and byte_order not in ("little", "big", "native"):
            raise ValueError(f"invalid byte_order '{byte_order}' (expected 'big', 'little', or 'native')")
        if count >= 0:
            octets = octets[: count * size]
        octets = octets[: octets.size // size * size].copy()
        if size > 1 and byte_order == "big":
            octets = np.ascontiguousarray(octets.reshape(-1, size)[:, ::-1]).reshape(-1)
        return cls._over(octets, False)

    @classmethod
    def from_file(cls, filename: str, shared: bool = False, nbytes: int = 0) -> UntypedStorage:
        """The first `nbytes` of a file, mapped; what is written goes to the file if `shared`, which makes or lengthens it as needed.

        Raises RuntimeError if the file cannot be opened, or is too short.
        """
        from .shared import mapped_file

        storage = cls._over(mapped_file(filename, shared, nbytes), False)
        if shared:
            storage.filename = filename
        return storage

    @property
    def _bytes(self) -> np.ndarray:
        from .storage import bytes_of

        if self._meta:
            raise NotImplementedError("Not available for 'meta' device type")
        return bytes_of(self._root)

    @property
    def _cdata(self) -> int:
        return id(self._root)

    @property
    def device(self) -> Any:
        return device_of("meta" if self._meta else "cpu")

    def untyped(self) -> UntypedStorage:
        return self

    def data_ptr(self) -> int:
        address: int = self._root.__array_interface__["data"][0] if self._root.size and not self._meta else 0
        return address

    def nbytes(self) -> int:
        from .storage import span_of

        return self._root.size if self._meta and self._root.dtype == np.uint8 else span_of(self._root)

    size = __len__ = nbytes

    def element_size(self) -> int:
        return 1

    def __getitem__(self, index: Any) -> Any:
        octets = self._bytes
        if isinstance(index, slice):
            return UntypedStorage._over(octets[index], False)
        return int(octets[_within(index, octets.size)])

    def __setitem__(self, index: Any, value: Any) -> None:
        octets = self._bytes
        octets[index if isinstance(index, slice) else _within(index, octets.size)] = int(value) % 256

    def __iter__(self) -> Any:
        return iter(self.tolist())

    def fill_(self, value: int) -> UntypedStorage:
        self._bytes[...] = int(value) % 256
        return self

    def copy_(self, source: Any, non_blocking: Any = None) -> UntypedStorage:
        """Overwrite these bytes with those of another storage of the same size. Raises RuntimeError for other sizes."""
        if source.nbytes() != self.nbytes():
            raise RuntimeError(
                f"size does not match, self was {self.nbytes()} bytes but src was {source.nbytes()} bytes"
            )
        self._bytes[...] = source.untyped()._bytes
        return self

    def clone(self) -> UntypedStorage:
        return UntypedStorage._over(self._bytes.copy(), False)

    __copy__ = clone

    def __deepcopy__(self, memo: dict[int, Any]) -> UntypedStorage:
        found: UntypedStorage | None = memo.get(id(self))
        if found is None:
            found = memo[id(self)] = self.clone()
        return found

    def new(self) -> UntypedStorage:
        return UntypedStorage()

    def tolist(self) -> list[int]:
        listed: list[int] = self._bytes.tolist()
        return listed

    def cpu(self) -> UntypedStorage:
        return self

    def to(self, *, device: Any, non_blocking: bool = False) -> UntypedStorage:
        """This storage if it is on `device`. Raises torch's error for devices that are not there."""
        if _place(device) == self.device.type:
            return self
        raise NotImplementedError(f"moving a storage from {self.device} to {device}")

    def resize_(self, size: int) -> UntypedStorage:
        """Other memory of `size` bytes with the old beginning, under every tensor over this storage."""
        from .storage import move_storage

        if size != self.nbytes():
            if self._meta:
                raise NotImplementedError(
                    f"UntypedStorage.resize_ from {self.nbytes()} to {size} bytes without data"
                )
            move_storage(self, size)
        return self

    def byteswap(self, dtype: dtypes.dtype) -> None:
        """Reverse the bytes of every element of `dtype`, of both parts of complex ones."""
        size = dtype.itemsize // 2 if dtype.is_complex else dtype.itemsize
        octets = self._bytes
        octets[...] = octets.reshape(-1, size)[:, ::-1].reshape(-1).copy()

    def type(self, dtype: Any = None, non_blocking: bool = False) -> Any:
        if dtype is None:
            return "torch.storage.UntypedStorage"
        raise NotImplementedError("UntypedStorage.type with a storage type")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, UntypedStorage) and self._root is other._root

    def __hash__(self) -> int:
        return id(self._root)

    def __repr__(self) -> str:
        body = "..." if self._meta else " " + "\n ".join(str(byte) for byte in self._bytes)
        return f"{body}\n[torch.storage.UntypedStorage(device={self.device}) of size {self.nbytes()}]"

    def __reduce__(self) -> tuple[Any, ...]:
        return (_untyped_of, (self._bytes.tobytes(),))


def _untyped_of(content: bytes) -> UntypedStorage:
    return UntypedStorage._over(np.frombuffer(bytearray(content), np.uint8), False)


def _place(given: Any) -> str:
    place = given if isinstance(given, device) else device(given)
    if place.type not in ("cpu", "meta"):
        refuse_transfer(place)
    return place.type


def _within(index: int, size: int) -> int:
    if not -size <= index < size:
        raise IndexError(f"index {index} out of range for storage of size {size}")
    return index


_told: list[bool] = []


def warn_removal(stacklevel: int = 3) -> None:
    """Say once per process that typed storages are deprecated."""
    if not _told:
        _told.append(True)
        warnings.warn(
            "TypedStorage is deprecated. It will be removed in the future and UntypedStorage will be the only storage class. This should "
            "only matter to you if you are using storages directly.  To access UntypedStorage directly, use tensor.untyped_storage() "
            "instead of tensor.storage()",
            UserWarning,
            stacklevel=stacklevel,
        )


def _conversion(name: str, kind: dtypes.dtype) -> None:
    def convert(self: Any) -> Any:
        from .construct import cast_array
        from .typed_storages import TypedStorage

        warn_removal()
        elements = self._elements() if isinstance(self, TypedStorage) else self._bytes
        return TypedStorage(
            wrap_storage=UntypedStorage._over(cast_array(elements, kind).copy(), False), dtype=kind
        )

    convert.__name__ = name
    convert.__doc__ = f"A copy with elements of type {kind._name}."
    setattr(_StorageBase, name, convert)


for _name, _kind in _CONVERSIONS.items():
    _conversion(_name, _kind)
