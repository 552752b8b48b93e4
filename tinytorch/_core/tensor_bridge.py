"""Bridges from a tensor to the rest of Python: construction, NumPy, DLPack, copying and pickling."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

from . import dtypes, layout

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

        return legacy_tensor(args, kwargs, self._key.dtype, place=self.device.type)  # type: ignore[attr-defined]

    def new_tensor(self, *args: Any, **kwargs: Any) -> Any:
        """new_tensor(data, *, dtype=None, device=None, requires_grad=False): a copy of `data` with this tensor's dtype and device."""
        from .legacy import new_tensor

        return new_tensor(self, args, kwargs)

    def numpy(self, *, force: bool = False) -> np.ndarray:
        """This tensor's memory as an ndarray. With `force`, whatever conversion is needed is made.

        Raises RuntimeError if the tensor requires grad, TypeError for types NumPy lacks.
        """
        if self.requires_grad and not force:  # type: ignore[attr-defined]
            raise RuntimeError("Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead.")
        if self._key.special not in (None, "strided", "meta"):
            return self._key.data("numpy")  # type: ignore[no-any-return]
        if self._key.special == "meta":
            raise TypeError("can't convert meta device type tensor to numpy. Use Tensor.cpu() to copy the tensor to host memory first.")
        if self._key.dtype in _UNSUPPORTED:
            from .dispatch import legacy_name

            raise TypeError(f"Got unsupported ScalarType {legacy_name(self._key.dtype)}")
        shared: np.ndarray = self._array[...] if self._array.ndim else self._array.view()
        return shared

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        array = self.numpy()
        if dtype is not None and array.dtype != dtype:
            return array.astype(dtype)
        return array.copy() if copy else array

    def __array_wrap__(self, array: np.ndarray, context: Any = None, return_scalar: bool = False) -> Any:
        from .construct import from_numpy

        if array.dtype == np.bool_:
            array = array.astype(np.uint8)
        return from_numpy(np.asarray(array))

    def __dlpack__(self, *, stream: Any = None, max_version: Any = None, dl_device: Any = None, copy: Any = None) -> Any:
        """A DLPack capsule over this tensor's memory. Source: DLPack, "Python Specification"."""
        if self.requires_grad:  # type: ignore[attr-defined]
            raise BufferError("Can't export tensors that require gradient, use tensor.detach()")
        options: dict[str, Any] = {}
        if max_version is not None:
            options["max_version"] = max_version
        if copy is not None:
            options["copy"] = copy
        return self.numpy().__dlpack__(**options)

    def __dlpack_device__(self) -> tuple[int, int]:
        return (1, 0)

    # Copies ---------------------------------------------------------------------------------------------------------------------

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        """A copy with memory of its own; views of one storage stay views of one storage. Raises RuntimeError for non-leaves."""
        from .construct import copy_tensor

        return copy_tensor(self, memo)

    def __reduce_ex__(self, protocol: Any) -> Any:
        """Pickling: the storage's bytes and the window on them, so that tensors sharing a storage still do after loading."""
        from .construct import rebuild_tensor, storage_bytes

        if not self.is_leaf:  # type: ignore[attr-defined]
            raise RuntimeError(
                "Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol at the moment.  "
                "If you were attempting to deepcopy a module, this may be because of a torch.nn.utils.weight_norm usage, "
                "see https://github.com/pytorch/pytorch/pull/103001"
                if protocol == "deepcopy"
                else "cannot pickle a tensor that is not a leaf: detach it first"
            )
        state = dict(self.__dict__)
        arguments = (
            type(self),
            storage_bytes(self),
            self._key.dtype,
            tuple(self._array.shape),
            layout.element_strides(self._array),
            self.storage_offset(),  # type: ignore[attr-defined]
            self.requires_grad,  # type: ignore[attr-defined]
            state,
        )
        return (rebuild_tensor, arguments)

    def __setstate__(self, state: Any) -> None:
        self.__dict__.update(state)

    def __copy__(self) -> Any:
        return copy._reconstruct(self, None, *self.__reduce_ex__(4))  # type: ignore[attr-defined]
