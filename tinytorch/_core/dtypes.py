"""Element types: torch's `dtype` objects and the keys by which the engine tells plain tensors from special ones.

Every tensor carries a *key*. For the common case, a contiguous strided CPU tensor, the key IS the dtype object, so that
compiled operators decide everything about an operand with one identity test. Any other tensor (not contiguous, meta,
batched, dual, conjugated) carries a `Key` of its own, which no fast path recognises.
"""

from __future__ import annotations

import re
from typing import Any, Literal

import ml_dtypes
import numpy as np

Category = Literal["bool", "int", "float", "complex"]


class Key:
    """How a tensor that is not plain is to be treated: its dtype and what is special about it.

    shares_graph: the tensor belongs to a transformation, and yet to the ordinary graph.
    """

    __slots__ = ("_dtype", "_special")

    shares_graph = False

    def __init__(self, dtype: dtype, special: str) -> None:
        self._dtype = dtype
        self._special = special

    def __repr__(self) -> str:
        return f"Key({self._dtype!r}, {self._special})"


class dtype:
    """torch.dtype: one object per element type, compared by identity.

    _numpy: the NumPy dtype of its arrays. category: "bool", "int", "float" or "complex". strided, meta: the keys of tensors
    of this type that are not contiguous, or hold no data. Source: torch's documentation, "Tensor Attributes".
    """

    __module__ = "torch"
    __slots__ = (
        "_alias",
        "_category",
        "_dtype",
        "_meta",
        "_name",
        "_numpy",
        "_reduced",
        "_special",
        "_strided",
        "_zero",
        "is_complex",
        "is_floating_point",
        "is_signed",
        "itemsize",
    )

    _alias: str
    _category: Category
    _dtype: Any  # itself: a key answers for its dtype, and a plain tensor's key is the dtype
    is_complex: bool
    is_floating_point: bool
    is_signed: bool
    itemsize: int
    _meta: Key
    _name: str
    _numpy: np.dtype[Any]
    _reduced: bool
    _special: None
    _strided: Key
    _zero: np.ndarray

    def __new__(cls, *args: object, **kwargs: object) -> Any:
        raise TypeError("cannot create 'torch.dtype' instances")

    def __init_subclass__(cls, **kwargs: object) -> None:
        raise TypeError("type 'torch.dtype' is not an acceptable base type")

    def __repr__(self) -> str:
        return f"torch.{self._name}"

    def __reduce__(self) -> tuple[Any, ...]:
        return (dtype_by_name, (self._name,))

    def __copy__(self) -> Any:
        return self

    def __deepcopy__(self, memo: object) -> Any:
        return self

    @property
    def abbr(self) -> str:
        """A short name: "f32", "i64", "bf16", "b8"."""
        letters, digits = re.match(r"([a-z]+)(.*)", self._name).groups()  # type: ignore[union-attr]
        return {"bool": "b", "bfloat": "bf"}.get(letters, letters[0]) + (digits or "8").replace("_", "")

    def __getattr__(self, name: str) -> Any:
        if name in ("_meta", "_numpy", "_strided", "_zero"):  # of a type that can only be named
            raise NotImplementedError(f"tensors of torch.{self._name} are not implemented")
        raise AttributeError(f"'torch.dtype' object has no attribute '{name}'")

    def to_complex(self) -> Any:
        """The complex type whose parts have this type's precision."""
        if self.is_complex:
            return self
        found = {float16: complex64, float32: complex64, float64: complex128, bfloat16: complex64}.get(self)
        if found is None:
            from .promotion import SCALAR_TYPE_NAMES

            raise RuntimeError(f"Unknown Complex ScalarType for {SCALAR_TYPE_NAMES[self]}")
        return found

    def to_real(self) -> Any:
        """The type of the real and imaginary parts."""
        return {complex64: float32, complex128: float64}.get(self, self)


BY_NAME: dict[str, dtype] = {}
_BY_NUMBER: dict[int, dtype] = {}


def _make(name: str, numpy: Any, category: Category, alias: str = "") -> dtype:
    self: dtype = object.__new__(dtype)
    self._name = name
    self._alias = alias
    self._numpy = np.dtype(numpy)
    self.itemsize = self._numpy.itemsize
    self._category = category
    self.is_floating_point = category == "float"
    self.is_complex = category == "complex"
    self.is_signed = category in ("float", "complex") or self._numpy.kind == "i"
    self._reduced = category == "float" and self.itemsize < 4
    self._dtype = self
    self._special = None
    self._strided = Key(self, "strided")
    self._meta = Key(self, "meta")
    self._zero = np.zeros((), self._numpy)
    BY_NAME[name] = self
    if alias:
        BY_NAME[alias] = self
    _BY_NUMBER[self._numpy.num] = self
    return self


bool_ = _make("bool", np.bool_, "bool")
uint8 = _make("uint8", np.uint8, "int")
int8 = _make("int8", np.int8, "int")
int16 = _make("int16", np.int16, "int", "short")
int32 = _make("int32", np.int32, "int", "int")
int64 = _make("int64", np.int64, "int", "long")
uint16 = _make("uint16", np.uint16, "int")
uint32 = _make("uint32", np.uint32, "int")
uint64 = _make("uint64", np.uint64, "int")
float16 = _make("float16", np.float16, "float", "half")
bfloat16 = _make("bfloat16", ml_dtypes.bfloat16, "float")
float32 = _make("float32", np.float32, "float", "float")
float64 = _make("float64", np.float64, "float", "double")
complex64 = _make("complex64", np.complex64, "complex", "cfloat")
complex128 = _make("complex128", np.complex128, "complex", "cdouble")
float8_e5m2 = _make("float8_e5m2", ml_dtypes.float8_e5m2, "float")
float8_e4m3fn = _make("float8_e4m3fn", ml_dtypes.float8_e4m3fn, "float")
float8_e5m2fnuz = _make("float8_e5m2fnuz", ml_dtypes.float8_e5m2fnuz, "float")
float8_e4m3fnuz = _make("float8_e4m3fnuz", ml_dtypes.float8_e4m3fnuz, "float")
float8_e8m0fnu = _make("float8_e8m0fnu", ml_dtypes.float8_e8m0fnu, "float")

# On platforms where C's long and long long are distinct types of equal width, NumPy has two numbers for one type.
for _other in ("b", "h", "i", "l", "q", "B", "H", "I", "L", "Q"):
    _numpy = np.dtype(_other)
    if _numpy.num not in _BY_NUMBER:
        for _known in list(_BY_NUMBER.values()):
            if _known._category == "int" and _known._numpy == _numpy:
                _BY_NUMBER[_numpy.num] = _known

FLOAT8: frozenset[dtype] = frozenset(
    (float8_e5m2, float8_e4m3fn, float8_e5m2fnuz, float8_e4m3fnuz, float8_e8m0fnu)
)
ALL: tuple[dtype, ...] = tuple(dict.fromkeys(BY_NAME.values()))
ARITHMETIC: frozenset[dtype] = frozenset(ALL) - FLOAT8


def _name_only(name: str, category: Category, itemsize: int = 1, alias: str = "") -> dtype:
    """A type that programs can name and compare; anything that needs an element of it raises NotImplementedError."""
    self: dtype = object.__new__(dtype)
    self._name, self._alias, self.itemsize, self._category = name, alias, itemsize, category
    self.is_floating_point, self.is_complex = category == "float", category == "complex"
    self.is_signed = category in ("float", "complex") or name.startswith("int")
    self._reduced, self._dtype, self._special = False, self, None
    for known in filter(None, (name, alias)):
        BY_NAME[known] = self
    return self


complex32 = _name_only("complex32", "complex", 4, "chalf")
float4_e2m1fn_x2 = _name_only("float4_e2m1fn_x2", "float")
for _name in ["qint8", "quint8", "quint4x2", "quint2x4", "bits8", "bits1x8", "bits2x4", "bits4x2"]:
    _name_only(_name, "int")
for _name, _size in (("qint32", 4), ("bits16", 2)):
    _name_only(_name, "int", _size)
for _bits in range(1, 8):
    _name_only(f"int{_bits}", "int")
    _name_only(f"uint{_bits}", "int")

#: The types that torch has for storage and little arithmetic.
WIDE_UNSIGNED = frozenset((uint16, uint32, uint64))


def dtype_by_name(name: str) -> dtype:
    """The dtype called `name` ("float32", "long"). This is what a pickled dtype refers to."""
    return BY_NAME[name]


def from_numpy(numpy: np.dtype[Any]) -> dtype:
    """The torch dtype of arrays of type `numpy`. Raises TypeError for types torch has no equivalent of."""
    found = _BY_NUMBER.get(numpy.num)
    if found is None:
        raise TypeError(
            f"can't convert np.ndarray of type numpy.{numpy.type.__name__}. The only supported types are: float64, float32, "
            "float16, complex64, complex128, int64, int32, int16, int8, uint64, uint32, uint16, uint8, and bool."
        )
    return found


class Defaults:
    """Process-wide default element types, as set by `torch.set_default_dtype`."""

    __slots__ = ("complex", "dtype")

    def __init__(self) -> None:
        self.dtype = float32
        self.complex = complex64

    def set(self, new: dtype) -> None:
        self.dtype = new
        self.complex = new.to_complex()


defaults = Defaults()
