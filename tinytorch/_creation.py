"""Tensors from data that is already somewhere: Python numbers, arrays, buffers, other libraries (`torch.tensor` and its relatives)."""

from __future__ import annotations

import warnings
from typing import Any, NoReturn

import numpy as np

from ._core import dtypes
from ._core.construct import from_numpy as _shared
from ._core.construct import tensor_from
from ._core.device import device as _device
from ._core.device import device_in_force, refuse_transfer
from ._core.dispatch import legacy_name, meta_tensor
from ._core.dtypes import defaults, dtype
from ._core.exchange import from_dlpack
from ._core.exchange import to_dlpack as _to_dlpack
from ._core.modes import modes
from ._core.overrides import dispatch_function, has_override
from ._core.sealed import type_name
from ._core.storage import anchored
from ._core.tensor import Tensor, wrap

_GRADIENT_KINDS = ("float", "complex")
_NO_GRADIENT = "Only Tensors of floating point and complex dtype can require gradients"


def _refuse(
    function: str, names: tuple[str, ...], args: tuple[Any, ...], keywords: dict[str, Any]
) -> NoReturn:
    """Arguments that do not fit `function(first, *, ...)`: torch's TypeError. `names`: the parameters in order."""
    first = names[0]
    if len(args) > 1:
        raise TypeError(f"{function}() takes 1 positional argument but {len(args)} were given")
    if args and first in keywords:
        raise TypeError(f"{function}() got multiple values for argument '{first}'")
    if not args and first not in keywords:
        raise TypeError(f'{function}() missing 1 required positional arguments: "{first}"')
    unknown = next(name for name in keywords if name not in names)
    raise TypeError(f"{function}() got an unexpected keyword argument '{unknown}'")


def _first(function: str, names: tuple[str, ...], args: tuple[Any, ...], rest: dict[str, Any]) -> Any:
    if len(args) == 1 and not rest:
        return args[0]
    if not args and rest.keys() == {names[0]}:
        return rest[names[0]]
    _refuse(function, names, args, rest)


def _checked(function: str, name: str, value: Any) -> bool:
    if value.__class__ is not bool:
        raise TypeError(f"{function}(): argument '{name}' must be bool, not {type_name(value)}")
    return value  # type: ignore[no-any-return]


def _type(function: str, kind: Any) -> dtype | None:
    if kind is None or isinstance(kind, dtype):
        return kind
    if kind in (float, int, bool, complex):
        return {float: dtypes.float64, int: dtypes.int64, bool: dtypes.bool_, complex: dtypes.complex128}[
            kind
        ]
    raise TypeError(f"{function}(): argument 'dtype' must be torch.dtype, not {type_name(kind)}")


def _where(function: str, place: Any) -> Any:
    """The device asked for: given, or made current by `with torch.device(...)`; None for the CPU by default."""
    if place is None:
        return device_in_force()
    if isinstance(place, _device):
        return place
    if isinstance(place, str | int) and not isinstance(place, bool):
        return _device(place)
    raise TypeError(f"{function}(): argument 'device' must be torch.device, not {type_name(place)}")


def _put(tensor: Any, place: Any) -> Any:
    if place is None or place.type == "cpu":
        return tensor
    if place.type == "meta":
        return meta_tensor(tensor._array.shape, tensor._key._dtype, tensor.stride())
    refuse_transfer(place)


def _wanting_gradient(tensor: Any) -> Any:
    if tensor._key._dtype._category not in _GRADIENT_KINDS:
        raise RuntimeError(_NO_GRADIENT)
    return tensor.requires_grad_()


def _given(**options: Any) -> dict[str, Any]:
    """The options that were given, as a mode is told of them."""
    return {name: value for name, value in options.items() if value is not None}


def tensor(
    *args: Any,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
    **rest: Any,
) -> Tensor:
    """tensor(data, *, dtype=None, device=None, requires_grad=False, pin_memory=False): a tensor with a copy of `data`.

    `data`: numbers, nested sequences of them, arrays. Raises ValueError for ragged sequences, TypeError and RuntimeError for
    elements that are no numbers or do not fit. Source: torch's documentation, torch.tensor.
    """
    if modes.function_modes and has_override((), {}):
        return dispatch_function(
            tensor,
            args,
            {
                **_given(dtype=dtype, device=device),
                **({"requires_grad": True} if requires_grad else {}),
                **rest,
            },
            "tensor",
        )  # type: ignore[no-any-return]
    data = _first("tensor", ("data", "dtype", "device", "requires_grad", "pin_memory"), args, rest)
    kind = dtype if dtype is None else _type("tensor", dtype)
    place = _where("tensor", device)
    if pin_memory is not False and _checked("tensor", "pin_memory", pin_memory):
        raise RuntimeError(
            "pin_memory=True requires a CUDA or other accelerator backend; no pinned memory allocator is available on this system."
        )
    if requires_grad is not False:
        _checked("tensor", "requires_grad", requires_grad)
    if isinstance(data, Tensor):
        warnings.warn(
            "To copy construct from a tensor, it is recommended to use sourceTensor.detach().clone() or "
            "sourceTensor.detach().clone().requires_grad_(True), rather than torch.tensor(sourceTensor).",
            UserWarning,
            stacklevel=2,
        )
        if data._key._special not in (None, "strided"):
            moved: Any = data.detach().to(device=place or data.device, dtype=kind, copy=True)  # type: ignore[attr-defined]
            return _wanting_gradient(moved) if requires_grad else moved  # type: ignore[no-any-return]
    result: Any = _put(wrap(tensor_from(data, kind, copy=True)), place)
    if requires_grad:
        if result._key._dtype._category not in _GRADIENT_KINDS:
            raise RuntimeError(_NO_GRADIENT)
        result._requires_grad = True
    return _noted(result) if modes.inference else result  # type: ignore[no-any-return]


def _noted(result: Any) -> Any:
    from ._core.mutation import mark_results

    return mark_results(result, ())


def as_tensor(*args: Any, dtype: Any = None, device: Any = None, **rest: Any) -> Tensor:
    """as_tensor(data, dtype=None, device=None): `data` as a tensor, sharing memory and history where possible.

    Source: torch's documentation, torch.as_tensor.
    """
    if modes.function_modes and has_override((), {}):
        return dispatch_function(as_tensor, args, {**_given(dtype=dtype, device=device), **rest}, "as_tensor")  # type: ignore[no-any-return]
    data = _first("as_tensor", ("data", "dtype", "device"), args, rest)
    kind = _type("as_tensor", dtype)
    place = _where("as_tensor", device)
    if isinstance(data, Tensor):
        given: Any = data
        return given.to(device=place, dtype=kind) if place is not None or kind is not None else data  # type: ignore[no-any-return]
    return _put(wrap(tensor_from(data, kind, copy=False)), place)  # type: ignore[no-any-return]


_told_gradient: list[bool] = []


def asarray(
    *args: Any,
    dtype: Any = None,
    device: Any = None,
    copy: Any = None,
    requires_grad: Any = None,
    **rest: Any,
) -> Tensor:
    """asarray(obj, *, dtype=None, device=None, copy=None, requires_grad=None): `obj` as a tensor, copied or not as asked.

    Raises ValueError where `copy=False` cannot be had. Source: torch's documentation, torch.asarray.
    """
    if modes.function_modes and has_override((), {}):
        return dispatch_function(
            asarray,
            args,
            {**_given(dtype=dtype, device=device, copy=copy, requires_grad=requires_grad), **rest},
            "asarray",
        )  # type: ignore[no-any-return]
    obj = _first("asarray", ("obj", "dtype", "device", "copy", "requires_grad"), args, rest)
    kind = _type("asarray", dtype)
    if copy is not None:
        _checked("asarray", "copy", copy)
    if requires_grad is not None:
        _checked("asarray", "requires_grad", requires_grad)
    place = _where("asarray", device)
    source: Any = None
    if isinstance(obj, Tensor):
        source = obj
    elif isinstance(obj, np.ndarray | np.generic):
        source = _shared(np.asarray(obj))
    elif hasattr(obj, "__dlpack__"):
        source = from_dlpack(obj)
    elif _has_buffer(obj):
        kind = kind or defaults.dtype
        source = frombuffer(obj, dtype=kind)
    if source is None:
        if copy is False:
            raise ValueError("can't alias arbitrary sequence into a tensor.")
        result = _put(wrap(tensor_from(obj, kind, copy=True)), place)
        return _wanting_gradient(result) if requires_grad else result  # type: ignore[no-any-return]
    if requires_grad is None:
        requires_grad = source.requires_grad
        if requires_grad and not _told_gradient:
            _told_gradient.append(True)
            warnings.warn(
                "torch.asarray: unspecified requires_grad now defaults to obj.requires_grad instead of False. Pass requires_grad=False "
                "explicitly to get the old behavior and silence this warning.",
                UserWarning,
                stacklevel=2,
            )
    elsewhere = place is not None and place.type != source.device.type
    if copy is False:
        if elsewhere:
            raise ValueError(f"can't alias tensor from device '{source.device}' to '{place}'.")
        if kind is not None and kind is not source.dtype:
            raise ValueError(
                f"can't alias tensor with dtype '{legacy_name(source.dtype)}' into dtype '{legacy_name(kind)}'."
            )
    result = source
    if elsewhere or (kind is not None and kind is not source.dtype):
        result = source.to(device=place, dtype=kind or source.dtype)
    elif copy:
        result = source.clone()
    if requires_grad:
        return result if result.requires_grad else _wanting_gradient(result)  # type: ignore[no-any-return]
    return result.detach() if result.requires_grad else result  # type: ignore[no-any-return]


def from_numpy(*args: Any, **keywords: Any) -> Tensor:
    """from_numpy(ndarray): a tensor over the memory of an array. Raises TypeError for others, ValueError for negative strides."""
    if keywords:
        raise TypeError("torch._VariableFunctionsClass.from_numpy() takes no keyword arguments")
    if len(args) != 1:
        raise TypeError(
            f"torch._VariableFunctionsClass.from_numpy() takes exactly one argument ({len(args)} given)"
        )
    return _shared(args[0])


def _has_buffer(value: Any) -> bool:
    try:
        memoryview(value)
    except TypeError:
        return False
    return True


_told_buffer: list[bool] = []


def frombuffer(
    *args: Any, dtype: Any = None, count: Any = -1, offset: Any = 0, requires_grad: Any = False, **rest: Any
) -> Tensor:
    """frombuffer(buffer, *, dtype, count=-1, offset=0, requires_grad=False): one dimension over the memory of a buffer object.

    Raises ValueError where count and offset do not fit. Source: torch's documentation, torch.frombuffer.
    """
    buffer = _first("frombuffer", ("buffer", "dtype", "count", "offset", "requires_grad"), args, rest)
    if dtype is None:
        raise TypeError('frombuffer() missing 1 required positional arguments: "dtype"')
    kind = _type("frombuffer", dtype)
    assert kind is not None
    for name, value in (("count", count), ("offset", offset)):
        if not isinstance(value, int):
            raise TypeError(f"frombuffer(): argument '{name}' must be int, not {type_name(value)}")
    try:
        view = memoryview(buffer)
    except TypeError:
        raise ValueError("object does not implement Python buffer protocol.") from None
    length, size = view.nbytes, kind.itemsize
    if not length or not count:
        raise ValueError(f"both buffer length ({length}) and count ({count}) must not be 0")
    if not 0 <= offset < length:
        raise ValueError(
            f"offset ({offset} bytes) must be non-negative and no greater than buffer length ({length} bytes) minus 1"
        )
    if count < 0:
        if (length - offset) % size:
            raise ValueError(
                f"buffer length ({length - offset} bytes) after offset ({offset} bytes) must be a multiple of element size ({size})"
            )
        count = (length - offset) // size
    elif offset + count * size > length:
        raise ValueError(
            f"requested buffer length ({count} * {size} bytes) after offset ({offset} bytes) must not be greater than actual "
            f"buffer length ({length} bytes)"
        )
    if view.readonly and not _told_buffer:
        _told_buffer.append(True)
        warnings.warn(
            "The given buffer is not writable, and PyTorch does not support non-writable tensors. This means you can write to the "
            "underlying (supposedly non-writable) buffer using the tensor. You may want to copy the buffer to protect its data or make it "
            "writable before converting it to a tensor. This type of warning will be suppressed for the rest of this program.",
            UserWarning,
            stacklevel=2,
        )
    octets = np.frombuffer(view.cast("B") if view.ndim != 1 or view.format != "B" else view, np.uint8)
    result = wrap(anchored(octets[offset : offset + count * size]).view(kind._numpy))
    return _wanting_gradient(result) if _checked("frombuffer", "requires_grad", requires_grad) else result  # type: ignore[no-any-return]


def to_dlpack(*args: Any) -> Any:
    """to_dlpack(tensor): a DLPack capsule over the tensor's memory, for one consumer."""
    if len(args) != 1:
        raise TypeError(f"_to_dlpack() takes 1 positional argument but {len(args)} were given")
    if not isinstance(args[0], Tensor):
        raise TypeError(
            f"_to_dlpack(): argument 'data' (position 1) must be Tensor, not {type_name(args[0])}"
        )
    return _to_dlpack(args[0].detach())  # a capsule knows nothing of gradients, and torch does not ask
