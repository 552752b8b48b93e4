"""Bridges from a tensor to the rest of Python: construction, NumPy, DLPack, copying and pickling."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import dtypes
from .modes import modes

_RECORDED = "Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead."
_UNSUPPORTED = frozenset((dtypes.bfloat16, *dtypes.FLOAT8))


class BridgeMembers:
    """Conversions that share memory where the other side allows it."""

    __slots__ = ()

    _array: Any
    _key: Any
    __array_priority__ = 1000

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        from .legacy import legacy_new

        return legacy_new(cls, args, kwargs)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pass

    def new(self, *args: Any, **kwargs: Any) -> Any:
        """The legacy constructor with this tensor's dtype: sizes give uninitialised memory, a sequence its elements."""
        from .legacy import legacy_tensor

        return legacy_tensor(args, kwargs, self._key._dtype, place=self.device.type)  # type: ignore[attr-defined]

    def new_tensor(self, *args: Any, **kwargs: Any) -> Any:
        """new_tensor(data, *, dtype=None, device=None, requires_grad=False): a copy of `data` with this tensor's dtype and device."""
        from .legacy import new_tensor

        return new_tensor(self, args, kwargs)

    def numpy(self, *, force: bool = False) -> np.ndarray:
        """This tensor's memory as an ndarray. With `force`, whatever conversion is needed is made.

        Raises RuntimeError if the tensor requires grad, TypeError for types NumPy lacks.
        """
        special = self._key._special
        if special is not None and special != "strided":
            if special == "lazy":
                return self._unresolved(force)
            if special != "meta":
                if special == "dual" and modes.grad and self.requires_grad and not force:  # type: ignore[attr-defined]
                    raise RuntimeError(_RECORDED)
                return self._key.data("numpy")  # type: ignore[no-any-return]
            if force:
                raise NotImplementedError("Cannot copy out of meta tensor; no data!")
        if modes.grad and self.requires_grad and not force:  # type: ignore[attr-defined]
            raise RuntimeError(_RECORDED)
        if special == "meta":
            raise TypeError(
                "can't convert meta device type tensor to numpy. Use Tensor.cpu() to copy the tensor to host memory first."
            )
        if self._key._dtype in _UNSUPPORTED:
            from .dispatch import legacy_name

            raise TypeError(f"Got unsupported ScalarType {legacy_name(self._key._dtype)}")
        if not self._array.size:  # NumPy gives such an array strides of its own, when asked for one
            return np.empty(self._array.shape, self._array.dtype)
        shared: np.ndarray = self._array.view()
        return shared

    def _unresolved(self, force: bool) -> np.ndarray:
        from .lazy import values

        if force:
            return values(self)
        bit, name = ("conjugate", "conj") if self._key.conjugate else ("negative", "neg")
        raise RuntimeError(
            f"Can't call numpy() on Tensor that has {bit} bit set. Use tensor.resolve_{name}().numpy() instead."
        )

    # NumPy asks for a `copy` argument here and warns without it; torch has none, and programs see the same warnings and refusals.
    def __array__(self, dtype: Any = None) -> np.ndarray:
        array: np.ndarray = self.numpy()
        return array if dtype is None else array.astype(dtype, copy=False)

    def __array_wrap__(self, array: Any) -> Any:
        """What NumPy calls with the result of a ufunc on this tensor. Booleans become uint8, as torch has it."""
        from .construct import from_numpy

        if array.dtype == np.bool_:
            array = array.astype(np.uint8)
        return from_numpy(np.asarray(array))

    def __dlpack__(
        self, *, stream: Any = -1, max_version: Any = None, dl_device: Any = None, copy: Any = None
    ) -> Any:
        """A DLPack capsule over this tensor's memory. Source: DLPack, "Python Specification"."""
        from .exchange import capsule_of

        return capsule_of(self, stream, max_version, dl_device, copy)

    def __dlpack_device__(self) -> tuple[Any, int]:
        """(device type, index) for DLPack. Raises ValueError for meta tensors."""
        from .exchange import DLDeviceType

        if self._key._special == "meta":
            raise ValueError("Unknown device type meta for Dlpack")
        return (DLDeviceType.kDLCPU, 0)

    # Copies ---------------------------------------------------------------------------------------------------------------------

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        """A copy with memory of its own; views of one storage stay views of one storage. Raises RuntimeError for non-leaves."""
        from .construct import copy_tensor

        return copy_tensor(self, memo)

    def __reduce_ex__(self, protocol: Any) -> Any:
        """Pickling: the storage's bytes and the window on them; gradients and history stay behind."""
        from .construct import reduced, warn_if_has_hooks

        warn_if_has_hooks(self)
        if self._key._special not in (None, "strided", "meta", "lazy"):
            return self._key.data("pickle")
        return reduced(self)

    def __setstate__(self, state: Any) -> None:
        self.__dict__.update(state)
