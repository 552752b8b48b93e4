"""Constructors from torch's first years: torch.Tensor(...), Tensor.new, and Tensor.new_tensor."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import dtypes
from .construct import tensor_from
from .device import device_of, refuse_allocation
from .dtypes import defaults, dtype
from .storage import TypedStorage, UntypedStorage
from .tensor import Tensor, make, wrap

_LEGACY_FORMS = (
    "(*, torch.device device = None)",
    "(torch.Storage storage)",
    "(Tensor other)",
    "(tuple of ints size, *, torch.device device = None)",
    "(object data, *, torch.device device = None)",
)


def legacy_new(cls: type, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """`torch.Tensor(...)`: sizes give uninitialised memory, a sequence its elements, a tensor or storage shares its memory."""
    result = legacy_tensor(args, kwargs, defaults.dtype, any_type=True)
    if cls is not Tensor:
        from .overrides import refuse_dispatch

        refuse_dispatch(cls)
        result = make(cls, result._array, result._key)
    return result


def legacy_tensor(
    args: tuple[Any, ...], kwargs: dict[str, Any], kind: dtype, any_type: bool = False, place: str = "cpu"
) -> Any:
    """What the constructors of torch's first years make of their arguments; `any_type`: another tensor may have any dtype."""
    options = dict(kwargs)
    device = options.pop("device", None)
    if device is not None:
        wanted = device if hasattr(device, "type") else device_of(str(device))
        if wanted.type != place:
            raise RuntimeError(
                f"legacy constructor expects device type: {place} but device type: {wanted.type} was passed"
            )
    if not args and not options:
        return _of_memory(np.empty(0, kind._numpy), place)
    if args and not options:
        given = args[0]
        if (
            len(args) > 1
            or (isinstance(given, int | np.integer) and not isinstance(given, bool | np.bool_))
            or _is_size(given)
        ):
            if not _whole(given) and not _is_size(given):
                raise _no_legacy_form(args, kwargs)
            return _of_memory(_uninitialised(given if _is_size(given) else args, kind), place)
    elif not args and len(options) == 1:
        ((name, given),) = options.items()
        if name == "size":
            return _of_memory(
                _uninitialised(given if isinstance(given, tuple | list) else (given,), kind), place
            )
        if name not in ("data", "other", "storage"):
            raise _no_legacy_form(args, kwargs)
    else:
        raise _no_legacy_form(args, kwargs)
    return _legacy_content(given, kind, any_type, place)


def _legacy_content(given: Any, kind: dtype, any_type: bool, place: str) -> Any:
    if isinstance(given, Tensor):
        if not any_type and given._key._dtype is not kind:
            raise TypeError(f"expected {_options_text(kind)} (got {_options_text(given._key._dtype)})")
        from .declare import find

        return find("alias").call(given)
    if isinstance(given, UntypedStorage | TypedStorage):
        if isinstance(given, TypedStorage) and given.dtype is not kind:
            from .dispatch import legacy_name

            raise RuntimeError(
                f"Expected a Storage of type {legacy_name(kind)} or an UntypedStorage, but got type {legacy_name(given.dtype)} for "
                "argument 1 'storage'"
            )
        untyped = given if isinstance(given, UntypedStorage) else given._untyped_storage
        return over_storage(untyped, kind)
    if isinstance(given, str):
        raise TypeError("new(): invalid data type 'str'")
    if not hasattr(given, "__len__") or not hasattr(given, "__getitem__"):
        raise TypeError(f"new(): data must be a sequence (got {type(given).__name__})")
    return _of_memory(tensor_from(given, kind, copy=True), place)


def new_tensor(tensor: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """`Tensor.new_tensor`: a copy of `data`, by default of this tensor's dtype and on its device."""
    if len(args) > 1:
        raise TypeError(f"new_tensor() takes 1 positional argument but {len(args)} were given")
    options = dict(kwargs)
    if not args and "data" not in options:
        raise TypeError('new_tensor() missing 1 required positional arguments: "data"')
    data = args[0] if args else options.pop("data")
    kind = options.pop("dtype", None) or tensor._key._dtype
    device = options.pop("device", None)
    requires_grad = options.pop("requires_grad", False)
    if options:
        raise TypeError(f"new_tensor() got an unexpected keyword argument '{next(iter(options))}'")
    place = tensor.device if device is None else device if hasattr(device, "type") else device_of(str(device))
    if place.type not in ("cpu", "meta"):
        refuse_allocation(place)
    if isinstance(data, Tensor):
        import warnings

        warnings.warn(
            "To copy construct from a tensor, it is recommended to use sourceTensor.detach().clone() or "
            "sourceTensor.detach().clone().requires_grad_(True), rather than tensor.new_tensor(sourceTensor).",
            UserWarning,
            stacklevel=3,
        )
    if not isinstance(kind, dtype):
        from .tensor_properties import legacy_dtype

        kind = legacy_dtype(kind)
    result: Any = _of_memory(tensor_from(data, kind, copy=True), place.type)
    if requires_grad:
        if kind._category not in ("float", "complex"):
            raise RuntimeError("Only Tensors of floating point and complex dtype can require gradients")
        result._requires_grad = True
    return result


def over_storage(storage: UntypedStorage, kind: dtype) -> Tensor:
    """All of a storage as a one-dimensional tensor of type `kind`, sharing its memory."""
    root = storage._root
    if root.dtype is kind._numpy and root.flags.c_contiguous:
        return wrap(root.reshape(-1))
    return wrap(storage._bytes[: storage.nbytes() // kind.itemsize * kind.itemsize].view(kind._numpy))


def _whole(value: Any) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool | np.bool_)


def _uninitialised(sizes: Any, kind: dtype) -> np.ndarray:
    for position, size in enumerate(sizes, 1):
        if not _whole(size):
            raise TypeError(
                f"new(): argument 'size' failed to unpack the object at pos {position} with error "
                f'"type must be tuple of ints,but got {type(size).__name__}"'
            )
    shape = [int(size) for size in sizes]
    negative = next((size for size in shape if size < 0), None)
    if negative is not None:
        raise RuntimeError(f"Trying to create tensor with negative dimension {negative}: {shape}")
    return np.empty(shape, kind._numpy)


def _of_memory(array: np.ndarray, place: str) -> Tensor:
    if place == "meta":
        from .dispatch import meta_tensor

        return meta_tensor(array.shape, dtypes.from_numpy(array.dtype))
    return wrap(array)


def _options_text(kind: dtype) -> str:
    from .sampling import NATIVE_NAMES

    name = NATIVE_NAMES.get(kind._name, kind._name)
    return (
        f"TensorOptions(dtype={name}, device=cpu, layout=Strided, requires_grad=false (default), pinned_memory=false (default), "
        "memory_format=(nullopt))"
    )


def _no_legacy_form(args: tuple[Any, ...], kwargs: dict[str, Any]) -> TypeError:
    """torch's TypeError for arguments that fit none of the forms."""
    from .argument_texts import mismatch

    return mismatch("new", list(_LEGACY_FORMS), args, kwargs)


def _is_size(value: Any) -> bool:
    from .size import Size

    return isinstance(value, Size)
