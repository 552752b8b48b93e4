"""Tensors from Python data, NumPy arrays, buffers and pickles."""

from __future__ import annotations

import copyreg
from typing import Any

import numpy as np

from . import dtypes, layout
from .dtypes import defaults, dtype
from .storage import anchored, bytes_of, storage_of
from .tensor import Tensor, TensorMeta, key_of, make, wrap

_NEGATIVE = (
    "At least one stride in the given numpy array is negative, and tensors with negative strides are not currently supported. "
    "(You can probably work around this by making a copy of your array  with array.copy().) "
)


def from_numpy(array: Any) -> Tensor:
    """A tensor over the memory of `array`. Raises TypeError for other objects and types, ValueError for negative strides."""
    if not isinstance(array, np.ndarray):
        raise TypeError(f"expected np.ndarray (got {type(array).__name__})")
    dtypes.from_numpy(array.dtype)
    if not array.dtype.isnative:
        raise ValueError("given numpy array has byte order different from the native byte order. Conversion between byte orders is currently not supported.")
    if any(stride < 0 for stride in array.strides):
        raise ValueError(_NEGATIVE)
    if any(stride % array.itemsize for stride in array.strides):
        raise ValueError("given numpy array strides not a multiple of the element byte size. Copy the numpy array to reallocate the memory.")
    if not array.flags.writeable:
        import warnings

        warnings.warn(
            "The given NumPy array is not writable, and PyTorch does not support non-writable tensors. This means writing to this tensor "
            "will result in undefined behavior. You may want to copy the array to protect its data or make it writable before converting "
            "it to a tensor. This type of warning will be suppressed for the rest of this program.",
            UserWarning,
            stacklevel=2,
        )
    return wrap(anchored(np.asarray(array)))


def infer(data: Any) -> tuple[np.ndarray, dtype]:
    """Nested Python data as an array and the dtype torch infers for it."""
    shape: list[int] = []
    probe = data
    while isinstance(probe, list | tuple) or (hasattr(probe, "__len__") and hasattr(probe, "__getitem__") and not isinstance(probe, str | bytes | dict | Tensor | np.generic)):
        shape.append(len(probe))
        if not len(probe):
            break
        probe = probe[0]
        if len(shape) > 128:
            raise ValueError("too many dimensions 'list'")
    if isinstance(probe, str):
        if shape:
            raise ValueError(f"too many dimensions '{type(probe).__name__}'")
        raise TypeError(f"new(): invalid data type '{type(probe).__name__}'")
    flat: list[Any] = []
    _flatten(data, shape, 0, flat)
    category = -1
    found: dtype | None = None
    for item in flat:
        if isinstance(item, bool | np.bool_):
            rank, kind = 0, dtypes.bool_
        elif isinstance(item, int):
            rank, kind = 1, dtypes.int64
        elif isinstance(item, float):
            rank, kind = 2, (dtypes.float64 if isinstance(item, np.floating) else defaults.dtype)
        elif isinstance(item, complex):
            rank, kind = 3, (dtypes.complex128 if isinstance(item, np.complexfloating) else defaults.complex)
        elif isinstance(item, Tensor | np.generic | np.ndarray):
            kind = item._key.dtype if isinstance(item, Tensor) else dtypes.from_numpy(item.dtype)
            rank = ("bool", "int", "float", "complex").index(kind.category)
        else:
            if isinstance(item, str):
                raise TypeError(f"new(): invalid data type '{type(item).__name__}'")
            raise RuntimeError(f"Could not infer dtype of {type(item).__name__}")
        if found is None or rank > category:
            found, category = kind, rank
        elif rank == category and kind is not found:
            from .promotion import promote_types

            found = promote_types(found, kind)
    chosen = found or defaults.dtype
    return _fill(flat, shape, chosen), chosen


def _flatten(data: Any, shape: list[int], depth: int, flat: list[Any]) -> None:
    if depth == len(shape):
        flat.append(data)
        return
    if not hasattr(data, "__len__") or isinstance(data, str):
        raise TypeError("not a sequence")
    if len(data) != shape[depth]:
        raise ValueError(f"expected sequence of length {shape[depth]} at dim {depth} (got {len(data)})")
    if depth == len(shape) - 1:
        flat.extend(data)
        return
    for item in data:
        _flatten(item, shape, depth + 1, flat)


def _fill(flat: list[Any], shape: list[int], kind: dtype) -> np.ndarray:
    values = [item.item() if isinstance(item, Tensor | np.generic | np.ndarray) else item for item in flat]
    for value in values:
        if isinstance(value, list | tuple):
            raise ValueError("only one element tensors can be converted to Python scalars") if not value else TypeError(
                f"must be real number, not {type(value).__name__}"
            )
    return fill_array(values, kind).reshape(shape)


def fill_array(values: list[Any], kind: dtype) -> np.ndarray:
    """Python numbers as a one-dimensional array. Raises TypeError or RuntimeError with torch's texts."""
    try:
        if kind.category == "bool":
            return np.array([bool(value) for value in values], np.bool_)
        if kind.category == "int":
            whole = [int(value) if not isinstance(value, complex) else _no_complex(value) for value in values]
            limits = np.iinfo(kind.numpy)
            if any(not limits.min <= value <= limits.max for value in whole):
                return _wrapped_integers(whole, kind)
            return np.array(whole, kind.numpy)
        if kind.category == "float":
            return np.array([_no_complex(v) if isinstance(v, complex) else float(v) for v in values], np.float64).astype(kind.numpy)
        return np.array(values, np.complex128).astype(kind.numpy)
    except OverflowError:
        raise RuntimeError("Overflow when unpacking long long") from None


def _no_complex(value: complex) -> Any:
    raise RuntimeError("value cannot be converted to type double without overflow") if value.imag else TypeError(
        "must be real number, not complex"
    )


def _wrapped_integers(values: list[int], kind: dtype) -> np.ndarray:
    for value in values:
        if not -(2**63) <= value < (2**64 if kind is dtypes.uint64 else 2**63):
            raise RuntimeError("Overflow when unpacking long long")
    names = {"uint8": "uint8_t", "int8": "int8_t", "int16": "int16_t", "int32": "int"}
    if kind.name in names:
        raise RuntimeError(f"value cannot be converted to type {names[kind.name]} without overflow")
    return np.array([value % (1 << (8 * kind.itemsize)) for value in values], kind.numpy)


def tensor_from(data: Any, kind: dtype | None, copy: bool) -> np.ndarray:
    """The array behind `torch.tensor(data)` (copy) or `torch.as_tensor(data)`."""
    if isinstance(data, Tensor):
        array = data._array
        if kind is not None and data._key.dtype is not kind:
            return cast_array(array, kind)
        return layout.copy(array) if copy else array
    if isinstance(data, np.ndarray | np.generic):
        array = np.asarray(data)
        if not array.dtype.isnative:
            array = array.astype(array.dtype.newbyteorder("="))
        if array.dtype.kind in "OSU":
            raise TypeError(
                f"can't convert np.ndarray of type numpy.{array.dtype.type.__name__}. The only supported types are: float64, float32, "
                "float16, complex64, complex128, int64, int32, int16, int8, uint64, uint32, uint16, uint8, and bool."
            )
        source = dtypes.from_numpy(array.dtype)
        if kind is not None and kind is not source:
            return np.ascontiguousarray(cast_array(array, kind))
        if copy or any(stride < 0 for stride in array.strides):
            return np.array(array, order="C")
        return anchored(array)
    if kind is None:
        array, _ = infer(data)
        return array
    if isinstance(data, bool | int | float | complex):
        return fill_array([data], kind).reshape(())
    array, found = infer(data)
    if found is kind:
        return array
    if kind.category == "int" and found.category == "float":
        return cast_array(array, kind)
    if found.category == "int" and kind.category == "int":
        return fill_array(array.reshape(-1).tolist(), kind).reshape(array.shape)
    if found is defaults.dtype and kind is dtypes.float64:
        return _again(data, kind)
    if found.category in ("float", "complex") and kind.category in ("float", "complex"):
        return _again(data, kind)
    return cast_array(array, kind)


def _again(data: Any, kind: dtype) -> np.ndarray:
    """Convert Python floats straight to `kind`, not through the default dtype."""
    shape = infer(data)[0].shape
    flat: list[Any] = []
    _flatten(data, list(shape), 0, flat)
    return _fill(flat, list(shape), kind)


def cast_array(array: np.ndarray, kind: dtype) -> np.ndarray:
    """`array` as elements of `kind`, converted as C++ does: truncating, wrapping, real parts of complex numbers."""
    from .quiet import hush, unhush

    if array.dtype is kind.numpy:
        return array
    token = hush()
    try:
        if array.dtype.kind == "c" and kind.category != "complex":
            if kind.category == "bool":
                return array != 0
            array = array.real
        if kind.category == "bool":
            return array.astype(np.bool_) if array.dtype.kind != "V" else array.astype(np.float32).astype(np.bool_)
        if kind.category == "int" and array.dtype.kind not in "biu":
            if array.dtype.kind not in "fc":
                array = array.astype(np.float32)
            if kind.itemsize < 4 or kind.name == "uint32":
                return array.astype(np.int64).astype(kind.numpy)
            return array.astype(kind.numpy)
        if array.dtype.kind in "c" or kind.category == "complex":
            return array.astype(kind.numpy)
        if kind in dtypes.FLOAT8 or array.dtype.kind == "V":
            return array.astype(np.float32).astype(kind.numpy)
        return array.astype(kind.numpy)
    finally:
        unhush(token)


def storage_bytes(tensor: Any) -> tuple[Any, ...]:
    """What a pickle holds of a storage: its identity among this pickle's objects and its bytes."""
    storage = storage_of(tensor)
    return SharedBytes.of(storage), None


class SharedBytes:
    """A storage inside a pickle. One object per storage, so that pickle's memo keeps sharing intact."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self._array: np.ndarray | None = None

    @classmethod
    def of(cls, storage: Any) -> SharedBytes:
        held: SharedBytes | None = getattr(storage, "_pickled", None)
        content = storage._bytes.tobytes()
        if held is None or held.content != content:
            held = cls(content)
            storage._pickled = held
            held._storage = storage  # type: ignore[attr-defined]  # keeps the storage, and so this object's identity, alive
        return held

    def array(self) -> np.ndarray:
        if self._array is None:
            self._array = np.frombuffer(bytearray(self.content), np.uint8)
        return self._array

    def __reduce__(self) -> tuple[Any, ...]:
        return (SharedBytes, (self.content,))


def rebuild_tensor(
    cls: type,
    source: tuple[SharedBytes, None],
    kind: dtype,
    shape: tuple[int, ...],
    strides: tuple[int, ...],
    offset: int,
    requires_grad: bool,
    state: dict[str, Any],
) -> Any:
    """The tensor a pickle describes."""
    root = source[0].array()
    size = kind.itemsize
    array = np.ndarray(shape, kind.numpy, root, offset * size, tuple([stride * size for stride in strides]))
    tensor = make(cls, array, key_of(array))
    tensor._requires_grad = requires_grad
    if state:
        tensor.__dict__.update(state)
    return tensor


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


copyreg.pickle(TensorMeta, _class_reference)  # type: ignore[arg-type]


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
    kind = tensor._key.dtype
    if tensor._key.special == "meta":
        result = make(type(tensor), tensor._array, tensor._key)
    else:
        storage = storage_of(tensor)
        copied = memo.get(id(storage))
        if copied is None:
            copied = bytes_of(storage._root).copy()
            memo[id(storage)] = copied
            memo.setdefault(id(memo), []).append(storage)
        size = kind.itemsize
        array = np.ndarray(tensor._array.shape, kind.numpy, copied, tensor.storage_offset() * size, tensor._array.strides)
        result = make(type(tensor), array, key_of(array))
    memo[id(tensor)] = result
    result._requires_grad = tensor.requires_grad
    if tensor._grad is not None:
        result._grad = copy.deepcopy(tensor._grad, memo)
    for name, value in tensor.__dict__.items():
        result.__dict__[name] = copy.deepcopy(value, memo)
    return result
