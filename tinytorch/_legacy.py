"""Tensor and storage types from torch's first years: torch.FloatTensor, torch.LongStorage and so on.

They are names for an element type, not classes of tensors: calling one makes an ordinary tensor, and isinstance asks for the type.
"""

from __future__ import annotations

import warnings
from typing import Any

from ._core import dtypes, layouts
from ._core.dtypes import defaults, dtype
from ._core.legacy import legacy_tensor
from ._core.storage import TypedStorage, UntypedStorage
from ._core.tensor import Tensor

_TENSORS = {
    "BFloat16Tensor": dtypes.bfloat16,
    "BoolTensor": dtypes.bool_,
    "ByteTensor": dtypes.uint8,
    "CharTensor": dtypes.int8,
    "DoubleTensor": dtypes.float64,
    "FloatTensor": dtypes.float32,
    "HalfTensor": dtypes.float16,
    "IntTensor": dtypes.int32,
    "LongTensor": dtypes.int64,
    "ShortTensor": dtypes.int16,
}
_STORAGES = {
    "BFloat16Storage": dtypes.bfloat16,
    "BoolStorage": dtypes.bool_,
    "ByteStorage": dtypes.uint8,
    "CharStorage": dtypes.int8,
    "ComplexDoubleStorage": dtypes.complex128,
    "ComplexFloatStorage": dtypes.complex64,
    "DoubleStorage": dtypes.float64,
    "FloatStorage": dtypes.float32,
    "HalfStorage": dtypes.float16,
    "IntStorage": dtypes.int32,
    "LongStorage": dtypes.int64,
    "ShortStorage": dtypes.int16,
}


class TensorType(type):
    """The class of torch.FloatTensor and its like."""

    dtype: dtype
    layout = layouts.strided
    is_cuda = False
    is_sparse = False

    def __new__(cls, name: str, bases: tuple[type, ...], members: dict[str, Any]) -> TensorType:
        for base in bases:
            if isinstance(base, TensorType):
                raise TypeError(f"type 'torch.{base.__name__}' is not an acceptable base type")
        return super().__new__(cls, name, bases, members)

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        return legacy_tensor(args, kwargs, cls.dtype)

    def __instancecheck__(cls, instance: Any) -> bool:
        return (
            isinstance(instance, Tensor)
            and instance.dtype is cls.dtype
            and not (instance.is_meta or instance.is_sparse)
        )

    def __repr__(cls) -> str:
        return f"<class 'torch.{cls.__name__}'>"


TensorType.__module__ = "torch"
TensorType.__name__ = TensorType.__qualname__ = "tensortype"


class _LegacyStorageMeta(type):
    """The class of torch.FloatStorage and its like."""

    dtype: dtype

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        storage = kwargs.pop("wrap_storage", None)
        if kwargs:
            raise TypeError(
                f"{cls.__name__}.__new__() got an unexpected keyword argument '{next(iter(kwargs))}'"
            )
        if storage is None:
            storage = _storage_of_arguments(cls.__name__, args, cls.dtype)
        return TypedStorage(wrap_storage=storage, dtype=cls.dtype)

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, TypedStorage) and instance.dtype is cls.dtype

    def __repr__(cls) -> str:
        return f"<class 'torch.{cls.__name__}'>"


_LegacyStorageMeta.__module__ = "torch.storage"


def _storage_of_arguments(name: str, args: tuple[Any, ...], kind: dtype) -> UntypedStorage:
    """A number of elements, or the elements themselves."""
    if len(args) > 1:
        raise TypeError(f"{name}() takes at most 1 positional argument ({len(args)} given)")
    if not args:
        return UntypedStorage(0)
    if isinstance(args[0], int):
        return UntypedStorage(args[0] * kind.itemsize)
    tensor = legacy_tensor((list(args[0]),), {}, kind)
    storage: UntypedStorage = tensor.untyped_storage()
    return storage


for _name, _kind in _TENSORS.items():
    globals()[_name] = TensorType(_name, (), {"dtype": _kind, "__module__": "torch", "__doc__": None})
for _name, _kind in _STORAGES.items():
    globals()[_name] = _LegacyStorageMeta(_name, (), {"dtype": _kind, "__module__": "torch"})


def set_default_tensor_type(t: Any) -> None:
    """Make a legacy type's element type the default. Deprecated; raises TypeError for other types."""
    if not _told:
        _told.append(True)
        _warn_default_type()
    kind = t
    if isinstance(t, str):
        kind = globals().get(t.removeprefix("torch.")) if t.startswith("torch.") else None
        if kind is None and t.startswith("torch.cuda.") and t.removeprefix("torch.cuda.") in globals():
            raise TypeError(f"type {t} not available. Torch not compiled with CUDA enabled.")
        if kind is None:
            raise TypeError(f"invalid type string: {t}" if "." in t else f"{t} is not a type")
    if not isinstance(kind, TensorType):
        raise TypeError("invalid type object: only floating-point types are supported as the default type")
    if not kind.dtype.is_floating_point:
        raise TypeError("only floating-point types are supported as the default type")
    defaults.set(kind.dtype)


#: torch says it once per process.
_told: list[bool] = []


def _warn_default_type() -> None:
    warnings.warn(
        "torch.set_default_tensor_type() is deprecated as of PyTorch 2.1, please use torch.set_default_dtype() and "
        "torch.set_default_device() as alternatives.",
        UserWarning,
        stacklevel=3,
    )
