"""`torch.TypedStorage`: the deprecated storages that know the type of their elements."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import dtypes
from .storages import LEGACY_NAMES, UntypedStorage, _StorageBase, _within, warn_removal


class TypedStorage(_StorageBase):
    """torch.TypedStorage: the deprecated storage with an element type."""

    __module__ = "torch.storage"

    def __init__(
        self,
        *args: Any,
        wrap_storage: Any = None,
        dtype: Any = None,
        device: Any = None,
        _internal: bool = False,
    ) -> None:
        """TypedStorage(size or sequence, dtype=...), or around an untyped storage. dtype: by default the default element type."""
        self.dtype: dtypes.dtype = dtype if dtype is not None else dtypes.defaults.dtype
        if wrap_storage is not None:
            self._untyped_storage: UntypedStorage = wrap_storage
            return
        warn_removal(4)
        if len(args) > 1:
            raise RuntimeError(f"TypedStorage takes at most 1 positional argument, got {len(args)}")
        if not args or isinstance(args[0], int):
            self._untyped_storage = UntypedStorage(
                (args[0] if args else 0) * self.dtype.itemsize, device=device or "cpu"
            )
        else:
            from .tensor_data import read_data

            elements = read_data(list(args[0]), self.dtype)
            self._untyped_storage = UntypedStorage._over(elements, False)

    @property
    def device(self) -> Any:
        return self._untyped_storage.device

    def untyped(self) -> UntypedStorage:
        return self._untyped_storage

    def _elements(self) -> np.ndarray:
        return self._untyped_storage._bytes.view(self.dtype._numpy)

    def _new(self, elements: np.ndarray, kind: dtypes.dtype) -> TypedStorage:
        return TypedStorage(wrap_storage=UntypedStorage._over(elements, False), dtype=kind)

    def data_ptr(self) -> int:
        return self._untyped_storage.data_ptr()

    _data_ptr = data_ptr

    def nbytes(self) -> int:
        return self._untyped_storage.nbytes()

    _nbytes = nbytes

    def size(self) -> int:
        return self._untyped_storage.nbytes() // self.dtype.itemsize

    __len__ = _size = size

    def element_size(self) -> int:
        return self.dtype.itemsize

    _element_size = element_size

    def tolist(self) -> list[Any]:
        elements = self._elements()
        listed: list[Any] = (
            elements.astype(np.float32)
            if self.dtype.is_floating_point and elements.dtype.kind != "f"
            else elements
        ).tolist()
        return listed

    def __iter__(self) -> Any:
        return iter(self.tolist())

    def _check_index(self, index: Any) -> int:
        if isinstance(index, slice):
            raise RuntimeError("slices are only supported in UntypedStorage.__getitem__")
        if not isinstance(index, int):
            raise RuntimeError(f"can't index a <class 'torch.storage.TypedStorage'> with {type(index)}")
        return _within(index, self.size())

    def __getitem__(self, index: int) -> Any:
        position = self._check_index(index)
        value = self._elements()[position].item()
        return float(value) if self.dtype.is_floating_point else value

    def __setitem__(self, index: Any, value: Any) -> None:
        self._elements()[index if isinstance(index, slice) else self._check_index(index)] = value

    def fill_(self, value: Any) -> TypedStorage:
        self._elements()[...] = value
        return self

    def copy_(self, source: TypedStorage, non_blocking: bool | None = None) -> TypedStorage:
        """Overwrite the elements, converting them if the other storage has another type."""
        from .construct import cast_array

        if source.size() != self.size():
            raise RuntimeError(
                f"size does not match, self was {self.nbytes()} bytes but src was {source.nbytes()} bytes"
            )
        self._elements()[...] = cast_array(source._elements(), self.dtype)
        return self

    def clone(self) -> TypedStorage:
        return self._new(self._elements().copy(), self.dtype)

    __copy__ = clone

    def __deepcopy__(self, memo: dict[int, Any]) -> TypedStorage:
        return TypedStorage(wrap_storage=self._untyped_storage.__deepcopy__(memo), dtype=self.dtype)

    def cpu(self) -> TypedStorage:
        return self

    def resize_(self, size: int) -> TypedStorage:
        """See UntypedStorage.resize_."""
        self._untyped_storage.resize_(size * self.dtype.itemsize)
        return self

    def pickle_storage_type(self) -> str:
        return LEGACY_NAMES[self.dtype]

    _pickle_storage_type = pickle_storage_type

    def type(self, dtype: Any = None, non_blocking: bool = False) -> Any:
        """The name of the legacy type ("torch.FloatStorage")."""
        if dtype is None:
            return f"torch.{LEGACY_NAMES[self.dtype]}"
        raise NotImplementedError("TypedStorage.type with a storage type")

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, TypedStorage)
            and self.dtype is other.dtype
            and self._untyped_storage == other._untyped_storage
        )

    def __hash__(self) -> int:
        return hash(self._untyped_storage)

    def __repr__(self) -> str:
        end = f"[torch.storage.TypedStorage(dtype={self.dtype}, device={self.device}) of size {self.size()}]"
        return (
            f"...\n{end}"
            if self._untyped_storage._meta
            else " " + "\n ".join(str(item) for item in self.tolist()) + f"\n{end}"
        )
