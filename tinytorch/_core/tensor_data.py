"""What `torch.tensor` makes of Python data: the shape of nested sequences, the element type they imply, the numbers in them."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from . import dtypes
from .dtypes import defaults, dtype
from .promotion import promote_types
from .sealed import type_name
from .tensor import Tensor

_PLAIN_NUMBERS = frozenset((bool, int, float, complex))
_told_slow: list[bool] = []


def read_data(data: Any, kind: dtype | None) -> np.ndarray:
    """Nested Python data as a new array of `kind`, or of the type torch infers for it. Raises torch's errors."""
    if isinstance(data, str | bytes):
        raise TypeError(f"new(): invalid data type '{type_name(data)}'")
    if data.__class__ in _PLAIN_NUMBERS:
        found = kind if kind is not None else _type_of_number(data)
        return _store([data], found).reshape(())
    shape = _shape_of(data)
    flat: list[Any] = []
    if kind is None:
        if len(shape) == 1 and data.__class__ in (list, tuple):
            flat = list(data)
            kind = _infer_flat(flat)
            return _store(flat, kind)
        kind = infer_type(data)
    _collect(data, shape, 0, flat)
    return _store(flat, kind).reshape(shape)


def _is_sequence(value: Any) -> bool:
    """Whether Python counts `value` among the sequences, as its C interface would."""
    cls = value.__class__
    if cls is list or cls is tuple:
        return True
    if isinstance(value, int | float | complex | dict | np.generic | Tensor | type):
        return False
    return any("__getitem__" in vars(base) for base in cls.__mro__)


def _shape_of(data: Any) -> list[int]:
    shape: list[int] = []
    probe = data
    while _is_sequence(probe):
        shape.append(len(probe))
        if len(shape) > 128:
            raise ValueError(f"too many dimensions '{type_name(probe)}'")
        if not shape[-1]:
            break
        outer = probe
        try:
            probe = outer[0]
        except Exception:
            raise ValueError(f"could not determine the shape of object type '{type_name(outer)}'") from None
        if isinstance(probe, np.ndarray) and not _told_slow and isinstance(outer, list | tuple):
            _told_slow.append(True)
            warnings.warn(
                f"Creating a tensor from a {type_name(outer)} of numpy.ndarrays is extremely slow. Please consider converting the "
                f"{type_name(outer)} to a single numpy.ndarray with numpy.array() before converting to a tensor.",
                UserWarning,
                stacklevel=5,
            )
    return shape


def _type_of_number(value: Any) -> dtype:
    if isinstance(value, bool):
        return dtypes.bool_
    if isinstance(value, int):
        return dtypes.int64
    return defaults.dtype if isinstance(value, float) else defaults.complex


def infer_type(data: Any) -> dtype:
    """The element type that `data`, a number or nested sequences of numbers, implies. Raises RuntimeError if none."""
    if isinstance(data, np.generic | np.ndarray):
        return dtypes.from_numpy(data.dtype)
    if isinstance(data, float | bool | int | complex):
        return _type_of_number(data)
    if isinstance(data, Tensor):
        return data._key._dtype  # type: ignore[no-any-return]
    if isinstance(data, str | bytes):
        raise TypeError(f"new(): invalid data type '{type_name(data)}'")
    if not _is_sequence(data):
        raise RuntimeError(f"Could not infer dtype of {type_name(data)}")
    items = list(data)
    return _infer_flat(items)


def _infer_flat(items: Sequence[Any]) -> dtype:
    if not items:
        return defaults.dtype
    kinds = set(map(type, items))
    if kinds <= _PLAIN_NUMBERS:
        if complex in kinds:
            return defaults.complex
        if float in kinds:
            return defaults.dtype
        return dtypes.int64 if int in kinds else dtypes.bool_
    found: dtype | None = None
    for item in items:
        kind = infer_type(item)
        found = kind if found is None else promote_types(found, kind)
        if found is dtypes.complex128:
            break
    assert found is not None
    return found


def _collect(data: Any, shape: list[int], depth: int, flat: list[Any]) -> None:
    """Append the elements of `data` to `flat`; every level must have the length that `shape` says."""
    if depth == len(shape):
        flat.append(data)
        return
    if data.__class__ not in (list, tuple):
        try:
            data = list(data)
        except TypeError:
            raise TypeError("not a sequence") from None
    if len(data) != shape[depth]:
        raise ValueError(f"expected sequence of length {shape[depth]} at dim {depth} (got {len(data)})")
    if depth == len(shape) - 1:
        flat.extend(data)
        return
    for item in data:
        _collect(item, shape, depth + 1, flat)


# Numbers into memory -----------------------------------------------------------------------------------------------------------


def _store(values: list[Any], kind: dtype) -> np.ndarray:
    """Elements as a one-dimensional array, converted as Python's own protocols convert them."""
    plain = set(map(type, values)) <= _PLAIN_NUMBERS
    category = kind._category
    if category == "float":
        numbers = np.array(
            values if plain and complex not in map(type, values) else [_real(v) for v in values], np.float64
        )
        return quiet_cast(numbers, kind)
    if category == "int":
        return _store_integers(values, kind)
    if category == "bool":
        return np.array(
            [bool(v) if v.__class__ in _PLAIN_NUMBERS else bool(_truth(v)) for v in values], np.bool_
        )
    return np.array(values if plain else [_complex(v) for v in values], np.complex128).astype(kind._numpy)


def quiet_cast(array: np.ndarray, kind: dtype) -> np.ndarray:
    """`array.astype` to a floating type: too large becomes infinite without a warning."""
    if array.dtype is kind._numpy:
        return array
    from .quiet import hush, unhush

    token = hush()
    try:
        if kind in dtypes.FLOAT8:
            return to_float8(array, kind)
        return (
            array.astype(kind._numpy)
            if kind is not dtypes.bfloat16
            else array.astype(np.float32).astype(kind._numpy)
        )
    finally:
        unhush(token)


#: Beyond these, float8_e4m3fn keeps its largest number where ml_dtypes gives NaN.
_LARGEST_E4M3FN = 448.0


def to_float8(array: np.ndarray, kind: dtype) -> np.ndarray:
    """Real numbers as an eight-bit type, by way of float32 as torch converts them."""
    single = array.astype(np.float32)
    if kind is dtypes.float8_e4m3fn:
        single = np.clip(single, np.float32(-_LARGEST_E4M3FN), np.float32(_LARGEST_E4M3FN))
    return single.astype(kind._numpy)


def _real(value: Any) -> Any:
    """`value` as C's PyFloat_AsDouble sees it."""
    if isinstance(value, complex) and not isinstance(value, np.generic):
        raise TypeError(f"must be real number, not {type_name(value)}")
    if isinstance(value, np.complexfloating):
        return _without_imaginary_part(value)
    cls = type(value)
    if not (hasattr(cls, "__float__") or hasattr(cls, "__index__")):
        raise TypeError(f"must be real number, not {type_name(value)}")
    return float(value)


def _without_imaginary_part(value: Any) -> float:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        real = float(value.real)
    warnings.warn(
        "Casting complex values to real discards the imaginary part",
        np.exceptions.ComplexWarning,
        stacklevel=7,
    )
    return real


def _complex(value: Any) -> complex:
    cls = type(value)
    if not any(hasattr(cls, name) for name in ("__complex__", "__float__", "__index__")):
        raise TypeError(f"must be real number, not {type_name(value)}")
    return complex(value)


def _truth(value: Any) -> Any:
    """Booleans are read as integers are, but any number is one."""
    if isinstance(value, bool | int | float | complex | np.generic):
        return value
    return _index(value)


def _index(value: Any) -> int:
    cls = type(value)
    if not hasattr(cls, "__index__"):
        raise TypeError(f"'{type_name(value)}' object cannot be interpreted as an integer")
    try:
        return int(cls.__index__(value))
    except TypeError as error:
        if isinstance(value, np.generic):
            raise TypeError(f"'{type_name(value)}' object cannot be interpreted as an integer") from None
        raise error


def _store_integers(values: list[Any], kind: dtype) -> np.ndarray:
    limits = np.iinfo(kind._numpy)
    read = _unsigned_long if kind is dtypes.uint64 else _long
    whole = [v if v.__class__ is int else read(v, kind) for v in values]
    least, most = (min(whole), max(whole)) if whole else (0, 0)
    if kind is dtypes.uint64:
        if least < 0:
            raise OverflowError("can't convert negative int to unsigned")
        if most > limits.max:
            raise OverflowError("int too big to convert")
    elif least < -(2**63) or most >= 2**63:
        raise ValueError("Overflow when unpacking long long")
    elif most > limits.max or least < (limits.min if kind.is_signed else -limits.max):
        raise RuntimeError(f"value cannot be converted to type {kind._name} without overflow")
    elif least < limits.min:  # unsigned types take negative numbers modulo their range
        return np.array([v % (limits.max + 1) for v in whole], kind._numpy)
    return np.array(whole, kind._numpy)


def _long(value: Any, kind: dtype) -> int:
    if isinstance(value, float):
        limits = np.iinfo(kind._numpy)
        if not float(limits.min) <= value <= float(limits.max) or (kind is dtypes.int64 and value >= 2.0**63):
            raise RuntimeError(f"value cannot be converted to type {kind._name} without overflow")
        return int(value)
    return _index(value)


def _unsigned_long(value: Any, kind: dtype) -> int:
    if not isinstance(value, int):
        raise TypeError("an integer is required")
    return int(value)
