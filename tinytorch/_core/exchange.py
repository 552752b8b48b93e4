"""DLPack: memory shared with other array libraries. Source: DLPack's Python specification."""

from __future__ import annotations

import enum
from typing import Any

import numpy as np

from . import dtypes
from .device import device, refuse_transfer
from .storage import anchored
from .tensor import Tensor, wrap

_BAD_CAPSULE = (
    "from_dlpack received an invalid capsule. Note that DLTensor capsules can be consumed only once, so you might have already "
    "constructed a tensor from it once."
)


class DLDeviceType(enum.IntEnum):
    """DLPack's numbers for kinds of devices."""

    __module__ = "torch.utils.dlpack"

    kDLCPU = 1
    kDLCUDA = 2
    kDLCUDAHost = 3
    kDLOpenCL = 4
    kDLVulkan = 7
    kDLMetal = 8
    kDLVPI = 9
    kDLROCM = 10
    kDLROCMHost = 11
    kDLExtDev = 12
    kDLCUDAManaged = 13
    kDLOneAPI = 14
    kDLWebGPU = 15
    kDLHexagon = 16
    kDLMAIA = 17


class _Given:
    """A capsule in the role of the array that would give it."""

    def __init__(self, capsule: Any) -> None:
        self.capsule = capsule

    def __dlpack__(self, **options: Any) -> Any:
        return self.capsule

    def __dlpack_device__(self) -> tuple[int, int]:
        return (1, 0)


def capsule_of(tensor: Any, stream: Any, max_version: Any, dl_device: Any, copy: Any) -> Any:
    """`Tensor.__dlpack__`. Raises BufferError for what has no memory of its own to share."""
    if tensor.requires_grad:
        raise BufferError("Can't export tensors that require gradient, use tensor.detach()")
    if stream is not None and type(stream) is not int:
        raise TypeError("stream must be ``int`` or ``none``")
    if tensor._key._special == "meta":
        raise BufferError("Cannot pack tensors on meta")
    if tensor.is_conj():
        raise BufferError("Can't export tensors with the conjugate bit set")
    tensor = tensor.resolve_neg()
    if stream is not None and stream != -1:
        raise AssertionError("stream should be None on cpu.")
    if tensor._key._dtype is dtypes.bfloat16 or tensor._key._dtype in dtypes.FLOAT8:
        raise BufferError(f"DLPack export of {tensor._key._dtype} is not implemented")
    options: dict[str, Any] = {}
    if max_version is not None:
        options["max_version"] = max_version
    if dl_device is not None:
        options["dl_device"] = (int(dl_device[0]), int(dl_device[1]))
    if copy is not None:
        options["copy"] = copy
    return tensor.numpy().__dlpack__(**options)


def to_dlpack(tensor: Any, /) -> Any:
    """to_dlpack(tensor) -> PyCapsule: the tensor's memory, for one consumer."""
    return tensor.__dlpack__()


def array_of_dlpack(given: Any, copy: bool | None = None) -> np.ndarray:
    """The memory behind a DLPack capsule or an object that gives one. Raises RuntimeError for anything else."""
    if not hasattr(given, "__dlpack__"):
        if type(given).__name__ != "PyCapsule":
            raise RuntimeError(_BAD_CAPSULE)
        given = _Given(given)
    try:
        array = np.from_dlpack(given, copy=copy) if copy is not None else np.from_dlpack(given)
    except ValueError:
        if isinstance(given, _Given):
            raise RuntimeError(_BAD_CAPSULE) from None
        raise
    return anchored(array)


def from_dlpack(ext_tensor: Any, *, device: Any = None, copy: bool | None = None) -> Tensor:
    """A tensor over the memory of any object that speaks DLPack, or of a capsule. Raises BufferError, RuntimeError."""
    if device is not None:
        place = _device(device)
        if place.type != "cpu":
            refuse_transfer(place)
    if isinstance(ext_tensor, Tensor):
        if ext_tensor.requires_grad:
            raise BufferError("Can't export tensors that require gradient, use tensor.detach()")
        ext_tensor.__dlpack_device__()
        plain: Any = ext_tensor
        return plain.clone() if copy else wrap(plain._array)
    return wrap(array_of_dlpack(ext_tensor, copy))


_device = device
