"""Tensors from Python data, NumPy arrays, buffers and pickles."""

from __future__ import annotations

import copyreg
import warnings
from typing import Any

import numpy as np

from . import dtypes, layout
from .dtypes import dtype
from .modes import plain_classes
from .sealed import type_name
from .storage import anchored, bytes_of, storage_of
from .tensor import Tensor, TensorMeta, key_of, make
from .tensor_data import read_data, to_float8

_NEGATIVE = (
    "At least one stride in the given numpy array is negative, and tensors with negative strides are not currently supported. "
    "(You can probably work around this by making a copy of your array  with array.copy().) "
)


#: torch warns of memory it must not write to once per process.
_told_read_only: list[bool] = []


def from_numpy(array: Any) -> Tensor:
    """A tensor over the memory of `array`. Raises TypeError for other objects and types, ValueError for negative strides."""
    shared = shared_array(array)
    return make(Tensor, shared, key_of(shared))  # type: ignore[no-any-return]


def shared_array(array: Any, warn: bool = True) -> np.ndarray:
    """`array` as the memory of a tensor, checked as torch checks it; with `warn`, read-only memory is remarked upon once."""
    if not isinstance(array, np.ndarray):
        raise TypeError(f"expected np.ndarray (got {type_name(array)})")
    dtypes.from_numpy(array.dtype)
    if not array.flags.writeable and warn and not _told_read_only:
        _told_read_only.append(True)
        warnings.warn(
            "The given NumPy array is not writable, and PyTorch does not support non-writable tensors. This means writing to this tensor "
            "will result in undefined behavior. You may want to copy the array to protect its data or make it writable before converting "
            "it to a tensor. This type of warning will be suppressed for the rest of this program.",
            UserWarning,
            stacklevel=4,
        )
    if any(stride % array.itemsize for stride in array.strides):
        raise ValueError(
            "given numpy array strides not a multiple of the element byte size. Copy the numpy array to reallocate the memory."
        )
    if any(stride < 0 for stride in array.strides):
        raise ValueError(_NEGATIVE)
    if not array.dtype.isnative:
        raise ValueError(
            "given numpy array has byte order different from the native byte order. Conversion between byte orders is currently not supported."
        )
    return anchored(np.asarray(array))


def tensor_from(data: Any, kind: dtype | None, copy: bool) -> np.ndarray:
    """The array behind `torch.tensor(data)` (copy) or `torch.as_tensor(data)`."""
    if isinstance(data, Tensor):
        if data._key._special == "lazy":
            from .lazy import resolved

            data = resolved(data)
        if data._key._special not in (None, "strided", "meta"):
            return data._key.data("tensor")  # type: ignore[no-any-return]
        if data._key._special == "meta":
            raise NotImplementedError("Cannot copy out of meta tensor; no data!")
        array = data._array
        if kind is not None and data._key._dtype is not kind:
            return cast_in_order(array, kind)
        return layout.copy(array) if copy else array
    if isinstance(data, np.ndarray):
        array = shared_array(data, warn=not copy)
        if kind is not None and kind is not dtypes.from_numpy(array.dtype):
            return cast_in_order(array, kind)
        return layout.copy(array) if copy else array
    if hasattr(data, "__dlpack__"):
        from .exchange import array_of_dlpack

        array = array_of_dlpack(data)
        if kind is not None and kind is not dtypes.from_numpy(array.dtype):
            return cast_in_order(array, kind)
        return layout.copy(array) if copy else array
    return read_data(data, kind)


def cast_in_order(array: np.ndarray, kind: dtype) -> np.ndarray:
    """`cast_array` in the memory order `torch.preserve_format` prescribes."""
    out = cast_array(array, kind)
    return layout.laid_out(out, layout.preserved_strides(array))


def cast_array(array: np.ndarray, kind: dtype) -> np.ndarray:
    """`array` as elements of `kind`, converted as C++ does: truncating, wrapping, real parts of complex numbers."""
    from .quiet import hush, unhush

    if array.dtype is kind._numpy:
        return array
    token = hush()
    try:
        if array.dtype.kind == "c" and kind._category != "complex":
            if kind._category == "bool":
                return array != 0  # type: ignore[no-any-return]
            array = array.real
        if kind._category == "bool":
            return (
                array.astype(np.bool_)
                if array.dtype.kind != "V"
                else array.astype(np.float32).astype(np.bool_)
            )
        if kind._category == "int" and array.dtype.kind not in "biu":
            if array.dtype.kind not in "fc":
                array = array.astype(np.float32)
            if kind.itemsize < 4 or kind._name == "uint32":
                return array.astype(np.int64).astype(kind._numpy)
            return array.astype(kind._numpy)
        if array.dtype.kind in "c" or kind._category == "complex":
            return array.astype(kind._numpy)
        if kind in dtypes.FLOAT8:
            return to_float8(array, kind)
        if array.dtype.kind == "V":
            return array.astype(np.float32).astype(kind._numpy)
        return array.astype(kind._numpy)
    finally:
        unhush(token)


class Memory:
    """A storage on its way through pickle: copying shares it, pickling writes its bytes, each tensor for itself as torch's do."""

    __slots__ = ("root",)

    def __init__(self, root: np.ndarray) -> None:
        self.root = root

    def __reduce__(self) -> tuple[Any, ...]:
        return (_memory_of, (bytes_of(self.root).tobytes(),))


def _memory_of(content: bytes) -> Memory:
    return Memory(np.frombuffer(bytearray(content), np.uint8) if content else np.empty(0, np.uint8))


def reduced(tensor: Any) -> tuple[Any, ...]:
    """What pickle and copy.copy are told of a tensor: its memory, the window on it, and its attributes."""
    meta = tensor._key._special == "meta"
    return (
        rebuild_tensor,
        (
            type(tensor),
            None if meta else Memory(storage_of(tensor)._root),
            tensor._key._dtype,
            tuple(tensor._array.shape),
            layout.element_strides(tensor._array),
            tensor.storage_offset(),
            tensor.requires_grad,
            dict(tensor.__dict__),
            (tensor.is_conj(), tensor.is_neg()),
        ),
    )


def warn_if_has_hooks(tensor: Any) -> None:
    """Warn of hooks that saving `tensor` would lose."""
    for hook in (tensor._backward_hooks or {}).values():
        if not hasattr(hook, "__torch_unserializable__"):
            warnings.warn(
                f"backward hook {hook!r} on tensor will not be serialized.  If this is expected, you can decorate the function with "
                "@torch.utils.hooks.unserializable_hook to suppress this warning",
                stacklevel=2,
            )


def rebuild_tensor(
    cls: type,
    memory: Memory | None,
    kind: dtype,
    shape: tuple[int, ...],
    strides: tuple[int, ...],
    offset: int,
    requires_grad: bool,
    state: dict[str, Any],
    reading: tuple[bool, bool] = (False, False),
) -> Any:
    """The tensor that `reduced` described."""
    if memory is None:
        from .dispatch import meta_tensor

        blank = meta_tensor(shape, kind, strides)
        tensor = make(cls, blank._array, blank._key)
    else:
        array = window_on(memory.root, kind, shape, strides, offset)
        tensor = make(cls, array, key_of(array))
    if any(reading):
        from .lazy import key_for

        tensor._key = key_for(tensor._array, *reading)
    tensor._requires_grad = requires_grad
    if state:
        tensor.__dict__.update(state)
    return tensor


def window_on(
    root: np.ndarray, kind: dtype, shape: tuple[int, ...], strides: tuple[int, ...], offset: int
) -> np.ndarray:
    """An array of `kind` over the memory of `root`; strides and offset count elements. Bounds are the caller's concern."""
    size = kind.itemsize
    scaled = tuple([stride * size for stride in strides])
    if root.dtype is kind._numpy and root.flags.c_contiguous:
        if root.shape == shape and root.strides == scaled and not offset:
            return root
        if root.size and 0 not in shape:
            return np.ndarray(shape, kind._numpy, root, offset * size, scaled)
    if 0 in shape:
        return layout.empty(shape, strides, kind._numpy)
    return np.ndarray(shape, kind._numpy, bytes_of(root), offset * size, scaled)


def _class_reference(cls: type) -> Any:
    """How a pickle names a tensor class: those that go by torch's name are found here, whether or not torch is installed."""
    module, _, rest = cls.__module__.partition(".")
    if module != "torch":
        return cls.__qualname__
    served = __name__.partition(".")[0]
    return _find_class, (f"{served}.{rest}" if rest else served, cls.__qualname__)


def _find_class(module: str, name: str) -> Any:
    import importlib

    return getattr(importlib.import_module(module), name)


copyreg.pickle(TensorMeta, _class_reference)


def copy_tensor(tensor: Any, memo: dict[int, Any]) -> Any:
    """`copy.deepcopy` of a tensor: the storage once per memo, the gradient and attributes too."""
    import copy

    if not tensor.is_leaf:
        raise RuntimeError(
            "Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol at the moment.  If you were "
            "attempting to deepcopy a module, this may be because of a torch.nn.utils.weight_norm usage, see "
            "https://github.com/pytorch/pytorch/pull/103001"
        )
    if id(tensor) in memo:
        return memo[id(tensor)]
    if type(tensor) not in plain_classes and type(tensor).new_empty is Tensor.new_empty:  # type: ignore[attr-defined]
        raise RuntimeError(
            "The default implementation of __deepcopy__() for non-wrapper subclasses only works for subclass types that implement new_empty() "
            "and for which that function returns another instance of the same subclass. You should either properly implement new_empty() for "
            "your subclass or override __deepcopy__() if it is intended behavior for new_empty() to return an instance of a different type."
        )
    kind = tensor._key._dtype
    if tensor._key._special == "meta":
        result = make(type(tensor), tensor._array, tensor._key)
    else:
        storage = storage_of(tensor)
        copied = memo.get(id(storage))
        if copied is None:
            copied = bytes_of(storage._root).copy()
            memo[id(storage)] = copied
            memo.setdefault(id(memo), []).append(storage)
        size = kind.itemsize
        array = np.ndarray(
            tensor._array.shape, kind._numpy, copied, tensor.storage_offset() * size, tensor._array.strides
        )
        if tensor._key._special == "lazy":
            from .lazy import read

            array = read(array, tensor._key)
        result = make(type(tensor), array, key_of(array))
    memo[id(tensor)] = result
    result._requires_grad = tensor.requires_grad
    if tensor._grad is not None:
        result._grad = copy.deepcopy(tensor._grad, memo)
    for name, value in tensor.__dict__.items():
        result.__dict__[name] = copy.deepcopy(value, memo)
    return result
